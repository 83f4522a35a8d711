"""What finding discs and fitting lattices cost, against a plain loop over patterns with SciPy.

The reference does what a frozen package does with one pattern after the other: a full transform in
double precision, a smoothed map, its maxima, and a parabola for each. py4DSTEM itself took 0.95 ms
a pattern of 128 by 128 pixels in this mode on two idle cores (0.74 ms without sub-pixels).
"""

import numpy as np
import pytest
import xarray as xr

from omniscopy.diffraction import find_discs, fit_lattice, make_template, measure_strain
from omniscopy.model import coordinate

pytestmark = pytest.mark.benchmark
RADIUS, G = 5.0, 22.0


def block(scan, pixels=128, counts=3e4):
    """Return patterns of 21 discs on a square lattice, all alike but for the noise."""
    rng = np.random.default_rng(0)
    middle = np.arange(pixels) - (pixels - 1) / 2
    mean = np.full((pixels, pixels), 1e-3)
    for h in range(-2, 3):
        for k in range(-2, 3):
            if h * h + k * k <= 5:
                away = np.hypot(middle[:, None] - h * G, middle - k * G)
                mean += np.exp(-(h * h + k * k) / 3) * np.clip(RADIUS + 0.5 - away, 0, 1)
    values = rng.poisson(mean * counts / mean.sum(), (scan, scan, pixels, pixels)).astype(np.uint16)
    coords = {
        dim: coordinate(dim, np.arange(size) - (size // 2 if dim[0] == "k" else 0.0), units)
        for dim, size, units in zip(
            ("y", "x", "ky", "kx"), values.shape, ("nm", "nm", "1/nm", "1/nm"), strict=True
        )
    }
    return xr.DataArray(values, coords, dims=tuple(coords), attrs={"units": "counts"})


def plainly(patterns, template):
    """Find discs of one pattern after the other."""
    from scipy.ndimage import gaussian_filter, maximum_filter

    shape = patterns.shape[1:]
    side = template.shape[0] // 2
    placed = np.zeros(shape)
    placed[: template.shape[0], : template.shape[1]] = template
    kernel = np.conj(np.fft.fft2(np.roll(placed, (-side, -side), (0, 1))))
    found = []
    for pattern in patterns:
        c = np.maximum(np.real(np.fft.ifft2(np.fft.fft2(pattern) * kernel)), 0)
        c = gaussian_filter(c, 1.0)
        tops = (c == maximum_filter(c, 3)) & (c > 0.01 * c.max())
        tops[:6], tops[-6:], tops[:, :6], tops[:, -6:] = False, False, False, False
        discs = []
        for i, j in np.argwhere(tops):
            dy = 0.5 * (c[i - 1, j] - c[i + 1, j]) / (c[i - 1, j] - 2 * c[i, j] + c[i + 1, j])
            dx = 0.5 * (c[i, j - 1] - c[i, j + 1]) / (c[i, j - 1] - 2 * c[i, j] + c[i, j + 1])
            discs.append((i + dy, j + dx, c[i, j]))
        found.append(np.array(discs))
    return found


def test_discs_lattices_and_strain(measured, best_time):
    data = block(40)
    template = make_template(data, radius=RADIUS)
    patterns = data.values.reshape(-1, 128, 128)[:64]
    plain = best_time(lambda: plainly(patterns, template.values), 2) / len(patterns)
    count = 40 * 40
    for search, asked in (("everywhere", 0.6), ("lattice", 0.3)):
        discs = find_discs(data, template, search=search)
        assert int(discs["count"].min()) >= 21
        own = best_time(lambda s=search: find_discs(data, template, search=s), 3) / count
        measured(
            f"discs, {search}, a pattern of 128 by 128, over a plain loop",
            own / plain,
            f"<= {asked}; 0.2 x 0.95 ms",
        )
        measured(f"discs, {search}, ms a pattern (this machine)", 1e3 * own, "0.95 / 5")
        assert own < asked * plain
    lattice = fit_lattice(discs)
    took = best_time(lambda: measure_strain(fit_lattice(discs)), 3) / count
    measured("lattice and strain over finding discs around sites", took / own, "<= 1")
    assert float(measure_strain(lattice)["strain_xx"].std()) < 6e-4
