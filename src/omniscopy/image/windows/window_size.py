"""How large windows of an image should be."""

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.image.fourier.spots import find_fourier_spots
from omniscopy.image.topography import Dims, require_image
from omniscopy.model import DataError, Status, operation, result, units_of

# Spots with less of the power of the strongest do not say how large a cell is.
_STRONG = 0.05


@operation(example={"image": "atom_image"})
def estimate_window_size(
    image: xr.DataArray, *, periods: float = 1.0, dims: Dims | None = None
) -> xr.Dataset:
    r"""Estimate how large windows must be to hold what an image repeats.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory, on a uniform grid; both coordinates in the same units.
    periods : float
        How many of the largest spacings a window holds.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    Dataset, shape (...)
        ``size``, units of the coordinates, as `sliding_windows`, `clean_svd` and
        `window_fft_decompose` take it; ``spacing``, the largest one among the strong spots of
        the power spectrum, with ``_std``. ``status``: 5 (invalid), with NaN, for images that
        repeat nothing, 4 (no data) for those without a finite pixel.

    Raises
    ------
    DataError
        There are no two spatial dimensions of at least 8 pixels in the same units, a step is
        not uniform, or `periods` is not above 0.

    Notes
    -----
    Of the spots of `find_fourier_spots`, those with a twentieth of the power of the strongest
    count: a window of the largest of their spacings :math:`1 / |k|` holds each of them once.

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.image.estimate_window_size(om.samples.atom_image(), periods=2)
    >>> round(float(found["size"]), 2)
    0.78
    """
    dims = require_image(image, dims, at_least=8)
    if not (np.isfinite(periods) and periods > 0):
        message = f"periods must be above 0, got {periods!r}"
        raise DataError(message)
    spots = find_fourier_spots(image, dims=dims)
    size, spacing, std, status = map_signal(
        _sized, spots["spacing"], dim="peak",
        also=[spots["spacing_std"], spots["intensity"], spots["status"]],
        output_dims=[{}] * 4, dtypes=[np.float64] * 3 + [np.uint8],
        parameters={"periods": float(periods)},
    )  # fmt: skip
    units = units_of(image, dims[0])
    return result(
        None, size=(size, units), spacing=(spacing, units), spacing_std=(std, units),
        status=(status, "1"),
    )  # fmt: skip


def _sized(
    spacing: np.ndarray, std: np.ndarray, power: np.ndarray, status: np.ndarray, *, periods: float
) -> tuple[np.ndarray, ...]:
    """Return window sizes, the largest spacings with their deviations, and outcomes."""
    if not spacing.shape[-1]:  # of a single image in memory there are as many as were found
        nothing = np.full(status.shape, np.nan)
        empty = np.where(status == Status.NO_DATA, Status.NO_DATA, Status.INVALID)
        return nothing, nothing, nothing, empty.astype(np.uint8)
    known = np.where(np.isfinite(spacing), power, 0.0)
    strong = known > _STRONG * known.max(axis=-1, keepdims=True)
    which = np.where(strong, spacing, -np.inf).argmax(axis=-1)[..., None]
    found = strong.any(axis=-1)
    largest, own = (
        np.where(found, np.take_along_axis(each, which, axis=-1)[..., 0], np.nan)
        for each in (spacing, std)
    )
    outcome = np.where(found, np.uint8(Status.CONVERGED), np.uint8(Status.INVALID))
    outcome[status == Status.NO_DATA] = Status.NO_DATA
    return periods * largest, largest, own, outcome
