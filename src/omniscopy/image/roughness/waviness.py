"""Long and short waves of profiles and surfaces, told apart by Gaussian filters."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.model import (
    DataError,
    dims_of_kind,
    operation,
    require_conversion,
    require_dim,
    require_real,
    require_uniform,
    result,
    units_of,
)

# Half of the amplitude is left at the cut-off (ISO 16610-21:2011, section 4.2).
_ALPHA = np.sqrt(np.log(2.0) / np.pi)


@operation(example={"data": "surface", "cutoff": 250.0, "dims": "x"})
def separate_waviness(
    data: xr.DataArray,
    cutoff: float | None,
    *,
    short_cutoff: float | None = None,
    dims: str | Sequence[str] | None = None,
) -> xr.Dataset:
    r"""Separate the waviness of profiles or surfaces from their roughness (Gaussian filter).

    Parameters
    ----------
    data : DataArray, shape (..., y, x) or (..., x), any units
        Lazy or in memory, on a uniform grid. Values that are not finite stay so and have no
        weight.
    cutoff : float, units of the coordinate
        Wavelength :math:`\lambda_c` of which half of the amplitude is waviness; `None` leaves
        all of it to the roughness.
    short_cutoff : float, units of the coordinate
        Wavelength :math:`\lambda_s` of which half is left; shorter ones are noise and in
        neither.
    dims : str or sequence of str
        One dimension for profiles, two for surfaces; all spatial ones otherwise.

    Returns
    -------
    Dataset, shape and units of `data`
        ``roughness`` and ``waviness``, which add up to the data without what is shorter than
        `short_cutoff`.

    Raises
    ------
    DataError
        A cut-off is not positive or spans less than two points, or the short one is not below
        the other; a coordinate is not uniform, or is in units that do not convert.

    Notes
    -----
    The mean with the weights [1]_

    .. math::
        s(x) = \frac{1}{\alpha \lambda_c} e^{-\pi (x / \alpha \lambda_c)^2}, \qquad
        \alpha = \sqrt{\ln 2 / \pi}

    lets :math:`e^{-\pi (\alpha \lambda_c / \lambda)^2}` of a wave through, 1/2 at the cut-off;
    in the plane it is the product of both [2]_. Near the ends, and beside missing values, the
    weights of the points that there are make up 1.

    References
    ----------
    .. [1] ISO 16610-21:2011, Gaussian filters of profiles.
    .. [2] ISO 16610-61:2015, linear areal Gaussian filters.

    Examples
    --------
    >>> import omniscopy as om
    >>> parts = om.image.separate_waviness(om.samples.surface(), 250.0)
    >>> bool(parts["roughness"].std() < parts["waviness"].std())
    True
    """
    require_real(data)
    along = _dims(data, dims)
    base = units_of(data, along[0])
    steps = [step_in(data, dim, base) for dim in along]
    widths = [_width("cutoff", cutoff, steps), _width("short_cutoff", short_cutoff, steps)]
    if widths[0] is not None and widths[1] is not None and not widths[1] < widths[0]:
        message = f"short_cutoff {short_cutoff!r} must be below the cutoff {cutoff!r}"
        raise DataError(message)
    sizes = {dim: data.sizes[dim] for dim in along}

    def run(block: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        values = np.asarray(block, dtype=np.float64)
        kept = values if widths[1] is None else gaussian_mean(values, widths[1], steps)
        if widths[0] is None:
            return kept, np.where(np.isfinite(values), 0.0, np.nan)
        waves = gaussian_mean(kept, widths[0], steps)
        return kept - waves, waves

    parts = map_signal(run, data, dim=along, output_dims=[sizes, sizes])
    rough, waves = (
        part.assign_coords({dim: data[dim] for dim in along}).transpose(*data.dims)
        for part in parts
    )
    units = data.attrs.get("units")
    return result(roughness=(rough, units), waviness=(waves, units))


def gaussian_mean(values: np.ndarray, cutoff: float, steps: Sequence[float]) -> np.ndarray:
    """Return means with the weights of a cut-off, along the last axes: as many as `steps`.

    What is not finite has no weight, and stays so.
    """
    from scipy.ndimage import convolve1d

    there = np.isfinite(values)
    total, weight = np.where(there, values, 0.0), there.astype(np.float64)
    for axis, step in zip(range(-len(steps), 0), steps, strict=True):
        # Beyond the cut-off itself, weights are below a millionth of the largest.
        reach = min(int(np.ceil(cutoff / step)), values.shape[axis])
        x = step * np.arange(-reach, reach + 1)
        kernel = np.exp(-np.pi * (x / (_ALPHA * cutoff)) ** 2)
        kernel /= kernel.sum()
        total = convolve1d(total, kernel, axis=axis, mode="constant")
        weight = convolve1d(weight, kernel, axis=axis, mode="constant")
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(there, total / weight, np.nan)


def step_in(data: xr.DataArray, dim: str, units: str | None) -> float:
    """Return the step of a dimension in other units, without its sign."""
    factor = require_conversion(
        units_of(data, dim), units, what=f"coordinate {dim!r}", of="the others"
    )
    return abs(require_uniform(data, dim)) * factor


def _dims(data: xr.DataArray, dims: str | Sequence[str] | None) -> list[str]:
    found = [dims] if isinstance(dims, str) else list(dims or dims_of_kind(data, "spatial")[-2:])
    if not 1 <= len(found) <= 2:
        message = f"name one dimension of profiles or two of surfaces with `dims=`, got {found}"
        raise DataError(message)
    for dim in found:
        require_dim(data, dim, ascending=False, at_least=2)
    return found


def _width(name: str, cutoff: float | None, steps: Sequence[float]) -> float | None:
    if cutoff is None:
        return None
    if not (np.isfinite(cutoff) and cutoff >= 2 * max(steps)):
        message = (
            f"{name} must be at least two steps ({2 * max(steps):g} in the units of the "
            f"coordinate), got {cutoff!r}"
        )
        raise DataError(message)
    return float(cutoff)
