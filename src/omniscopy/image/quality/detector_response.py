"""Intensities as parts of the beam, by a scan of the beam over the detector."""

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.image.cleaning.image_noise import noise_of_image
from omniscopy.image.grains.masks import otsu_threshold
from omniscopy.image.topography import require_image
from omniscopy.model import DataError, Status, operation, result

_NUMBERS = ("dark", "dark_std", "full", "full_std", "uniformity")
# The probe is wider than a pixel of the scan: so many at edges of the detector are left out.
_EDGE = 2


@operation(example={"image": "atom_image", "detector_scan": "detector_scan"})
def correct_detector_response(
    image: xr.DataArray,
    detector_scan: xr.DataArray,
    *,
    flux_exponent: float = 0.0,
    beam_ratio: float = 1.0,
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Turn intensities into parts of the beam, by an image of the detector itself.

    Parameters
    ----------
    image : DataArray, any shape and units
        Lazy or in memory, of a dark-field detector.
    detector_scan : DataArray, shape (..., y, x), units of `image`
        The signal while the focused beam was scanned over the detector, with the same gain and
        offset as `image`; further dimensions are those of `image`, or come before them.
    flux_exponent : float, 1
        What is scattered falls with this power of the angle: parts of the detector count by
        the power of their distance from the middle. All alike otherwise.
    beam_ratio : float, 1
        The current of the beam in `image` over that in `detector_scan`.
    dims : (str, str)
        The dimensions of `detector_scan`; the last two spatial ones otherwise.

    Returns
    -------
    Dataset
        ``fraction`` of the beam, of the shape of `image`, with ``fraction_std``, what the levels
        of the detector leave unsure; the noise of `image` is not in it. ``dark``, the level beside
        the detector, and ``full``, that of the whole beam on it, each with ``_std`` (units
        of `image`); ``uniformity``, the standard deviation of the response over the detector
        relative to its mean; ``status``: 4 (no data) where the scan has no finite pixel, 5
        (invalid) where it does not show a detector beside its dark level. Then all is NaN.

    Raises
    ------
    DataError
        The scan of the detector is no image of 16 pixels a side or is in other units than
        `image`; the exponent or the ratio is out of its range.

    Notes
    -----
    :math:`f = (I - d) / (r (s - d))` [1]_, with the dark level d and the mean s over the active
    area, which Otsu's threshold parts from the rest, less its edges. With `flux_exponent` n the
    mean is weighted with :math:`\rho^{-n}` [2]_; :math:`\rho` is the distance from the middle of
    the hole, or of the detector where it has none.

    References
    ----------
    .. [1] J. M. LeBeau, S. Stemmer, *Ultramicroscopy* 108, 1653 (2008).
    .. [2] L. Jones, *IOP Conf. Ser.: Mater. Sci. Eng.* 109, 012008 (2016).

    Examples
    --------
    >>> import omniscopy as om
    >>> image, scan = om.samples.atom_image(), om.samples.detector_scan()
    >>> found = om.image.correct_detector_response(image, scan)
    >>> 0.0 < float(found["fraction"].mean()) < 1.0
    True
    """
    if not 0.0 <= flux_exponent <= 10.0:
        message = f"flux_exponent must be from 0 to 10, got {flux_exponent!r}"
        raise DataError(message)
    if not 0.0 < beam_ratio < np.inf:
        message = f"beam_ratio must be above 0, got {beam_ratio!r}"
        raise DataError(message)
    dims = require_image(detector_scan, dims, at_least=16)
    if image.dtype.kind not in "biuf":
        message = f"intensities must be real numbers, got {image.dtype}"
        raise DataError(message)
    units = [each.attrs.get("units") for each in (image, detector_scan)]
    if units[0] != units[1]:
        message = (
            f"the image is in {units[0]!r}, the scan of the detector in {units[1]!r}; both must "
            "be as the same amplifier gave them"
        )
        raise DataError(message)
    # Places on the detector are not those on the sample, though both are called y and x.
    own = detector_scan.drop_vars(
        [name for name, each in detector_scan.coords.items() if {*each.dims} & {*dims}]
    ).rename(dict(zip(dims, ("detector_y", "detector_x"), strict=True)))
    numbers = map_signal(
        _levels, own, dim=("detector_y", "detector_x"),
        output_dims=[{}] * (len(_NUMBERS) + 1),
        dtypes=[np.float64] * len(_NUMBERS) + [np.uint8],
        parameters={"exponent": float(flux_exponent)},
    )  # fmt: skip
    dark, dark_std, full, full_std, uniformity, status = numbers
    span = full - dark
    part: xr.DataArray = (image.astype(np.float64) - dark) / span
    variance: xr.DataArray = ((part - 1.0) * dark_std) ** 2 + (part * full_std) ** 2
    unsure = variance**0.5 / span
    order = [*(dim for dim in part.dims if dim not in image.dims), *image.dims]
    return result(
        None,
        fraction=((part / beam_ratio).transpose(*order), "1"),
        fraction_std=((unsure / beam_ratio).transpose(*order), "1"),
        dark=(dark, units[0]), dark_std=(dark_std, units[0]),
        full=(full, units[0]), full_std=(full_std, units[0]),
        uniformity=(uniformity, "1"), status=(status, "1"),
    )  # fmt: skip


def _levels(block: np.ndarray, *, exponent: float) -> tuple[np.ndarray, ...]:
    """Return the numbers of every scan of a block, and the status."""
    outer = block.shape[:-2]
    made = [np.empty(outer) for _ in _NUMBERS] + [np.empty(outer, np.uint8)]
    for place in np.ndindex(*outer):
        for each, value in zip(made, _levels_of(block[place], exponent=exponent), strict=True):
            each[place] = value
    return tuple(made)


def _levels_of(scan: np.ndarray, *, exponent: float) -> tuple[np.ndarray, ...]:
    """Return the numbers of a scan of a detector, and the status."""
    from scipy.ndimage import binary_erosion, binary_fill_holes

    values = np.asarray(scan, dtype=np.float64)
    used = np.isfinite(values)
    none = [np.array(np.nan)] * len(_NUMBERS)
    if not used.any():
        return (*none, np.array(Status.NO_DATA, np.uint8))
    invalid = (*none, np.array(Status.INVALID, np.uint8))
    level = otsu_threshold(values[used])
    active = used & (np.where(used, values, -np.inf) > level)
    beside = used & ~active
    # Noise alone crosses the threshold here and there: what holds together is the detector.
    inner = binary_erosion(active, iterations=_EDGE)
    outer = binary_erosion(beside, iterations=_EDGE, border_value=1)
    if inner.sum() < 9 or outer.sum() < 9:
        return invalid
    dark, full_at = values[outer], values[inner]
    scatter = [float(dark.std()), float(full_at.std())]
    if not float(full_at.mean() - dark.mean()) > 2.0 * max(scatter):
        return invalid
    places = np.argwhere(inner).astype(np.float64)
    hole = binary_fill_holes(active) & ~active
    middle = np.argwhere(hole if hole.sum() > 9 else active).mean(axis=0)
    distance = np.maximum(np.hypot(*(places - middle).T), 1.0)
    weight = distance**-exponent
    weight /= weight.sum()
    full = float(weight @ full_at)
    noise = noise_of_image(values, inner)
    noise = min(noise, scatter[1]) if np.isfinite(noise) else scatter[1]
    uniformity = np.sqrt(max(scatter[1] ** 2 - noise**2, 0.0)) / (full_at.mean() - dark.mean())
    found = (
        dark.mean(), scatter[0] / np.sqrt(dark.size), full,
        noise * np.sqrt(float((weight**2).sum())), uniformity,
    )  # fmt: skip
    return (*(np.array(each) for each in found), np.array(Status.CONVERGED, np.uint8))
