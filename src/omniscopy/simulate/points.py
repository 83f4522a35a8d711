"""Measurements at points that make no grid."""

import numpy as np
import xarray as xr

from omniscopy.model import coordinate, operation
from omniscopy.simulate.measurements import Random, measurement, require_positive


@operation(example={"points": 40}, lazy=False)
def point_cloud(
    points: int = 400,
    *,
    radius: float = 50.0,
    turns: float = 10.0,
    noise: float = 0.02,
    rng: Random = 0,
) -> xr.DataArray:
    r"""Simulate a potential that is measured along a spiral.

    Parameters
    ----------
    points : int
        Number of points, of equal distance along the radius squared.
    radius : float, nm
        Distance of the last point from the middle.
    turns : float
        Turns of the spiral.
    noise : float, V
        Standard deviation of the noise.
    rng : int or Generator
        Seed of the noise.

    Returns
    -------
    DataArray, shape (point), V
        With the positions ``y`` and ``x`` (nm) as coordinates.

    Raises
    ------
    DataError
        `points` or `radius` is not positive.

    Notes
    -----
    The potential is :math:`\cos(2 \pi x / r) + y / (2 r)` volts, with the radius :math:`r`.
    """
    require_positive(points=points, radius=radius)
    part = np.arange(points) / points
    angle = 2 * np.pi * turns * np.sqrt(part)
    distance = radius * np.sqrt(part)
    y, x = distance * np.sin(angle), distance * np.cos(angle)
    potential = np.cos(2 * np.pi * x / radius) + y / (2 * radius)
    potential = potential + noise * np.random.default_rng(rng).standard_normal(points)
    coords = {
        "point": coordinate("point", np.arange(points), "1"),
        "y": ("point", y, {"units": "nm", "quantity": "length"}),
        "x": ("point", x, {"units": "nm", "quantity": "length"}),
    }
    return measurement(
        xr.DataArray(potential, coords, dims="point"), title="Surface potential",
        quantity="potential", units="V", modality="AFM",
        truth={"radius": radius, "noise": noise},
    )  # fmt: skip
