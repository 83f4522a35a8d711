"""Numbers that describe the values of an image."""

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.image.cleaning.image_noise import noise_of_image
from omniscopy.image.topography import require_image, used_points
from omniscopy.model import DataError, Status, operation, result

# What is measured, and the power of the units of the image that it has.
_MEASURES = {
    "mean": 1, "standard_deviation": 1, "minimum": 1, "maximum": 1, "median": 1,
    "percentile_1": 1, "percentile_99": 1, "skewness": 0, "excess_kurtosis": 0,
    "rms_contrast": 0, "noise": 1, "signal_to_noise": 0, "entropy": 0, "missing": 0,
    "saturated": 0,
}  # fmt: skip
# A largest value on fewer pixels is the largest by chance.
_SATURATED = 4


@operation(example={"image": "atom_image"})
def measure_statistics(
    image: xr.DataArray,
    *,
    mask: xr.DataArray | None = None,
    bins: int = 256,
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Measure the statistics of the values of every image: contrast, noise, entropy, saturation.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory.
    mask : DataArray of bool, shape (y, x) or (..., y, x)
        Points that are left out.
    bins : int
        Of the histogram from the lowest to the highest value, for the entropy.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    Dataset, shape (...)
        In units of `image`: ``mean``, ``standard_deviation``, ``minimum``, ``maximum``,
        ``median``, ``percentile_1``, ``percentile_99`` and ``noise``, the standard deviation of
        white noise. Pure numbers: ``skewness``, ``excess_kurtosis``, ``rms_contrast``
        (deviation over mean), ``signal_to_noise`` (the variance without that of the noise, over
        the latter), ``entropy`` of the histogram in bits, ``missing``, the part of points that
        are not finite or masked, and ``saturated``, the part at the highest value where that
        is on more than four. NaN and ``status`` 4 (no data) where nothing is left.

    Raises
    ------
    DataError
        The image has a single row, there are fewer than 2 bins, or the mask does not fit.

    Notes
    -----
    Noise is that of second differences along both axes [1]_, so that it is white and on a smooth
    image: detail of a pixel or two counts as noise.

    References
    ----------
    .. [1] J. Immerkær, *Comput. Vis. Image Underst.* 64, 300 (1996).

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.image.measure_statistics(om.samples.atom_image())
    >>> bool(abs(found["mean"] - om.samples.atom_image().mean()) < 1e-3)
    True
    """
    dims = require_image(image, dims)
    if bins < 2:
        message = f"bins must be at least 2, got {bins!r}"
        raise DataError(message)
    used = used_points(image, mask, "exclude", dims)
    found = map_signal(
        _measured, image, dim=dims, also=[] if used is None else [used],
        output_dims=[{}] * (len(_MEASURES) + 1),
        dtypes=[np.float64] * len(_MEASURES) + [np.uint8], parameters={"bins": bins},
    )  # fmt: skip
    units = image.attrs.get("units")
    stated = {
        name: (values, units if power else "1")
        for (name, power), values in zip(_MEASURES.items(), found[:-1], strict=True)
    }
    return result(None, **stated, status=(found[-1], "1"))


def _measured(
    block: np.ndarray, others: np.ndarray | None = None, *, bins: int
) -> tuple[np.ndarray, ...]:
    outer = block.shape[:-2]
    made = np.full((len(_MEASURES), *outer), np.nan)
    status = np.full(outer, Status.NO_DATA, dtype=np.uint8)
    wide = None if others is None else np.broadcast_to(others, block.shape)
    for place in np.ndindex(*outer):
        image = np.asarray(block[place], dtype=np.float64)
        used = np.isfinite(image)
        if wide is not None:
            used &= wide[place]
        if used.any():
            made[(slice(None), *place)] = statistics_of(image, used, bins)
            status[place] = Status.CONVERGED
    return (*made, status)


def statistics_of(image: np.ndarray, used: np.ndarray, bins: int) -> list[float]:
    """Return the measures of one image, in their order."""
    values = image[used]
    mean, spread = float(values.mean()), float(values.std())
    low, high = float(values.min()), float(values.max())
    away = (values - mean) / spread if spread > 0 else np.zeros_like(values)
    noise = noise_of_image(image, used)
    counts, _ = np.histogram(values, bins=bins, range=(low, high) if high > low else None)
    part = counts[counts > 0] / values.size
    top = int((values == high).sum()) if high > low else 0
    with np.errstate(divide="ignore", invalid="ignore"):
        contrast = np.divide(spread, abs(mean)) if mean else np.nan
        ratio = np.divide(max(spread**2 - noise**2, 0.0), noise**2) if noise > 0 else np.nan
    return [
        mean, spread, low, high, float(np.median(values)),
        *np.percentile(values, [1, 99]).tolist(),
        float((away**3).mean()) if spread > 0 else np.nan,
        float((away**4).mean() - 3) if spread > 0 else np.nan,
        float(contrast), noise, float(ratio), float(-(part * np.log2(part)).sum()),
        1 - values.size / image.size, top / values.size if top > _SATURATED else 0.0,
    ]  # fmt: skip
