"""Scans of one place in several directions, during which the specimen drifts."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from omniscopy.model import coordinate, operation
from omniscopy.simulate.measurements import (
    Random,
    counted,
    grid,
    measurement,
    require_positive,
)


@operation(example={"shape": (24, 24)}, lazy=False)
def drifting_scans(  # noqa: PLR0913 - each is a physical parameter
    scan_angles: Sequence[float] = (0.0, 90.0),
    shape: tuple[int, int] = (64, 64),
    *,
    sampling: float = 0.5,
    drift: tuple[float, float] = (1.4, -1.0),
    jitter: float = 0.15,
    particles: int = 60,
    counts: float = 300.0,
    noise: bool = True,
    rng: Random = 0,
) -> xr.DataArray:
    r"""Simulate scans of particles that drift and shake while rows are scanned.

    Parameters
    ----------
    scan_angles : sequence of float, degrees
        Direction of the rows of each scan, from +x towards +y of the specimen.
    shape : (int, int)
        Rows, and pixels of a row.
    sampling : float, nm
        Distance of rows and of pixels.
    drift : (float, float), nm
        How far the specimen drifts along y and x in the time of a scan.
    jitter : float, nm
        Standard deviation of a further motion, smooth over about six rows.
    particles : int
        Number of particles.
    counts : float
        Counts at the centre of the brightest particle.
    noise : bool
        Draw Poisson counts (float32); otherwise the exact mean (float64).
    rng : int or Generator
        Seed of particles, jitter and noise.

    Returns
    -------
    DataArray, shape (frame, y, x), counts
        Rows (y) and pixels (x) of each scan. ``attrs["metadata"]["truth"]`` has ``drift_y``,
        ``drift_x`` (frame, row) in nm: where the specimen is along its own y and x, on average
        at 0; and ``scan_angles``.

    Raises
    ------
    DataError
        The shape has no points, there are no scans or particles, or `sampling` is not positive.

    Notes
    -----
    A pixel of row t shows :math:`R\, r - d(t)`, with the rotation R by the scan angle and the
    motion d of the specimen.
    """
    require_positive(particles=particles, rows=min(shape), scans=len(scan_angles))
    generator = np.random.default_rng(rng)
    coords = grid(shape, sampling, "nm", ("y", "x"))
    slow, fast = (sampling * (np.arange(size) - 0.5 * (size - 1)) for size in shape)
    reach = 0.8 * sampling * max(shape)
    centres = generator.uniform(-reach, reach, (particles, 2))
    widths = sampling * generator.uniform(1.5, 3.5, particles)
    heights = counts * generator.uniform(0.3, 1.0, particles)
    time = np.linspace(-0.5, 0.5, shape[0])[:, None]
    frames, moved = [], []
    for angle in np.deg2rad(np.asarray(scan_angles, dtype=float)):
        shaken = _smooth(generator.standard_normal((shape[0] + 12, 2)))
        own = time * np.asarray(drift) + jitter * shaken
        own -= own.mean(axis=0)
        y = np.cos(angle) * slow[:, None] + np.sin(angle) * fast - own[:, :1]
        x = -np.sin(angle) * slow[:, None] + np.cos(angle) * fast - own[:, 1:]
        frame = np.full(shape, 0.05 * counts)
        for (top, left), width, height in zip(centres, widths, heights, strict=True):
            frame += height * np.exp(-0.5 * ((y - top) ** 2 + (x - left) ** 2) / width**2)
        frames.append(frame)
        moved.append(own)
    number = coordinate("frame", np.arange(len(frames)), "1")
    drifts = np.stack(moved)
    truth = {
        "drift_y": drifts[..., 0].tolist(), "drift_x": drifts[..., 1].tolist(), "units": "nm",
        "scan_angles": [float(angle) for angle in scan_angles],
    }  # fmt: skip
    mean = xr.DataArray(np.stack(frames), {"frame": number, **coords}, dims=("frame", "y", "x"))
    return measurement(
        counted(mean, noise=noise, rng=generator), title="Scans", quantity="intensity",
        units="counts", modality="STEM", truth=truth,
    )  # fmt: skip


def _smooth(steps: np.ndarray) -> np.ndarray:
    """Return random motion of standard deviation 1 that is smooth over about six rows."""
    kernel = np.hanning(13)
    kernel /= np.sqrt((kernel**2).sum())
    return np.stack([np.convolve(part, kernel, "valid") for part in steps.T], axis=-1)
