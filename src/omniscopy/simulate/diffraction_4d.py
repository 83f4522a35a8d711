"""Scanned diffraction: a pattern of discs at every point of a scan."""

import itertools

import numpy as np
import xarray as xr

from omniscopy.model import coordinate, operation
from omniscopy.physics import line_shapes
from omniscopy.simulate.measurements import Random, grid, measurement, require_positive

# Brightness of the discs by how many of |h|, |k| are 1.
_BRIGHTNESS = {0: 1.0, 1: 0.15, 2: 0.05}


@operation(example={"shape": (2, 3), "pattern_shape": (20, 18), "pixel": 0.7}, lazy=False)
def diffraction_4d(  # noqa: PLR0913 - each is a physical parameter
    shape: tuple[int, int] = (6, 7),
    pattern_shape: tuple[int, int] = (48, 52),
    *,
    sampling: float = 2.0,
    pixel: float = 0.3,
    radius: float = 1.6,
    g: tuple[float, float] = (4.2, 4.6),
    centre: tuple[float, float] = (0.25, -0.4),
    deflection: tuple[float, float] = (0.03, -0.02),
    strain: float = 0.002,
    counts: float = 120.0,
    noise: bool = True,
    rng: Random = 0,
) -> xr.DataArray:
    r"""Simulate a 4D-STEM block of a bright-field disc and the Bragg discs around it.

    Parameters
    ----------
    shape : (int, int)
        Points of the scan along y and x.
    pattern_shape : (int, int)
        Pixels of a pattern along ky and kx.
    sampling : float, nm
        Distance of the points of the scan.
    pixel : float, 1/nm
        Size of a pixel of a pattern.
    radius : float, 1/nm
        Radius of the discs.
    g : (float, float), 1/nm
        Distance of the Bragg discs from the middle along ky and kx, without strain.
    centre : (float, float), 1/nm
        The middle of the undeflected pattern, as (ky, kx).
    deflection : (float, float), 1/nm per nm
        Gradient of the deflection: along ky with y, along kx with x.
    strain : float, 1/nm
        Gradient along x of the strain of the lattice along x.
    counts : float
        Mean counts of a pixel in the bright-field disc.
    noise : bool
        Draw Poisson counts (uint16); otherwise the exact mean (float64).
    rng : int or Generator
        Seed of the noise.

    Returns
    -------
    DataArray, shape (y, x, ky, kx), counts
        With :math:`\bar y, \bar x` the middle of the scan, the pattern is moved by
        ``deflection[0] * (y - ȳ)`` along ky and ``deflection[1] * (x - x̄)`` along kx, and the
        discs are at ``g[1] / (1 + strain * (x - x̄))`` along kx.

    Raises
    ------
    DataError
        A shape has no points, or `sampling`, `pixel`, `radius` or `counts` is not positive.

    Notes
    -----
    Discs are :math:`1 / (1 + e^{-4 (R - |k|) / p})` with the radius R and the pixel p.
    """
    require_positive(pixel=pixel, radius=radius, counts=counts)
    scan = grid(shape, sampling, "nm", ("y", "x"))
    grid(pattern_shape, pixel, "1/nm", ("ky", "kx"))
    reciprocal = {
        dim: coordinate(dim, pixel * (np.arange(size) - size // 2), "1/nm")
        for dim, size in zip(("ky", "kx"), pattern_shape, strict=True)
    }
    y, x, ky, kx = (
        xr.DataArray(values, {dim: values}) for dim, values in {**scan, **reciprocal}.items()
    )
    middle_y = centre[0] + deflection[0] * (y - y.mean())
    middle_x = centre[1] + deflection[1] * (x - x.mean())
    stretch = 1 / (1 + strain * (x - x.mean()))
    mean = xr.zeros_like(y * x * ky * kx)
    for h, k in itertools.product((-1, 0, 1), repeat=2):
        away = np.hypot(ky - middle_y - h * g[0], kx - middle_x - k * g[1] * stretch)
        # The edge of a disc is as sharp as a pixel.
        disc = line_shapes.logistic_step(radius - away, 0.0, pixel / 2)
        mean = mean + counts * _BRIGHTNESS[abs(h) + abs(k)] * disc
    mean = mean.transpose("y", "x", "ky", "kx")
    values = np.random.default_rng(rng).poisson(mean).astype(np.uint16) if noise else mean.values
    truth = {
        "centre": [*centre], "radius": radius, "g": [*g], "deflection": [*deflection],
        "strain": strain,
    }  # fmt: skip
    return measurement(
        mean.copy(data=values), title="4D-STEM", quantity="intensity", units="counts",
        modality="STEM", truth=truth,
    )  # fmt: skip
