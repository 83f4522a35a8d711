"""The beam scanned over a detector itself."""

import numpy as np
import xarray as xr

from omniscopy.model import DataError, operation
from omniscopy.simulate.measurements import Random, grid, measurement, require_positive


@operation(example={"shape": (40, 48)}, lazy=False)
def detector_scan(  # noqa: PLR0913 - each is a physical parameter
    shape: tuple[int, int] = (96, 96),
    *,
    extent: tuple[float, float] = (240.0, 240.0),
    inner: float = 40.0,
    outer: float = 100.0,
    centre: tuple[float, float] = (116.0, 124.0),
    dark: float = 20.0,
    full: float = 420.0,
    fall: float = 0.0,
    noise: float = 2.0,
    rng: Random = 0,
) -> xr.DataArray:
    r"""Simulate the signal of a focused beam that is scanned over an annular detector.

    Parameters
    ----------
    shape : (int, int)
        Points along y and x.
    extent : (float, float), mrad
        Lengths along y and x.
    inner, outer : float, mrad
        Radii of the detector.
    centre : (y, x), mrad
        Its middle, from the first point of the scan.
    dark, full : float, counts
        The signal beside the detector, and of the whole beam on its inner edge.
    fall : float, 1
        Part of the response that is lost from the inner to the outer edge.
    noise : float, counts
        Standard deviation of the white noise.
    rng : int or Generator
        Seed.

    Returns
    -------
    DataArray, shape (y, x), counts

    Raises
    ------
    DataError
        The shape has no points, an extent or the outer radius is not positive, or the inner
        radius is not below it.

    Notes
    -----
    :math:`N = d + (f - d) [1 - a (\theta - \theta_i) / (\theta_o - \theta_i)]` on the detector, d
    beside it, for the angle :math:`\theta` from its middle and the fall a.
    """
    require_positive(extent_y=extent[0], extent_x=extent[1], outer=outer)
    if not 0.0 <= inner < outer:
        message = f"inner must be from 0 to below outer ({outer:g}), got {inner!r}"
        raise DataError(message)
    coords = {
        dim: grid((size,), length / max(size, 1), "mrad", [dim])[dim]
        for dim, size, length in zip("yx", shape, extent, strict=True)
    }
    y, x = (coords[dim].values for dim in ("y", "x"))
    angle = np.hypot(y[:, None] - centre[0], x - centre[1])
    response = 1.0 - fall * (angle - inner) / (outer - inner)
    counts = dark + (full - dark) * response * ((angle >= inner) & (angle < outer))
    counts = counts + noise * np.random.default_rng(rng).standard_normal(shape)
    truth = {"dark": dark, "full": full, "fall": fall, "inner": inner, "outer": outer,
             "centre": list(centre), "noise": noise}  # fmt: skip
    return measurement(
        xr.DataArray(counts, coords), title="Scan of the detector", quantity="intensity",
        units="counts", modality="STEM", truth=truth,
    )  # fmt: skip
