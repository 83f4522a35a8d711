"""How sharp images are."""

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.image.cleaning.filling import filled
from omniscopy.image.cleaning.image_noise import noise_of_image
from omniscopy.image.topography import require_image, steps_of
from omniscopy.model import DataError, Status, operation, result, units_of
from omniscopy.model.units import product

_MEASURES = ("gradient_energy", "laplacian_energy", "normalised_variance", "autocorrelation")


@operation(example={"image": "atom_image"})
def measure_focus(
    image: xr.DataArray,
    *,
    smoothing: float | None = None,
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Measure how sharp every image is, to find the best of a series.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory, on a uniform grid; images of the same thing are compared.
    smoothing : float, units of the coordinates
        Standard deviation of a Gaussian before, against noise; none otherwise.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    Dataset, shape (...)
        All are larger for sharper images: ``gradient_energy``, the mean squared gradient over the
        variance (per length squared, in units of the coordinates); ``laplacian_energy``, that of
        the Laplacian (per length to the fourth); ``normalised_variance``, variance over the square
        of the mean; and ``autocorrelation``, how much less like itself an image is two pixels
        further than one, which white noise does not change. From variances, that of white noise is
        taken away. ``status``: 4 (no data) where nothing is finite or everything the same.

    Raises
    ------
    DataError
        The image has fewer than 4 pixels along a side, or the smoothing is negative.

    Notes
    -----
    Gradients by central differences. The autocorrelation measure is Vollath's F4 along both axes
    [1]_ over the variance: :math:`\sum z_i z_{i+1} - \sum z_i z_{i+2}`.

    References
    ----------
    .. [1] D. Vollath, *J. Microsc.* 147, 279 (1987).

    Examples
    --------
    >>> import omniscopy as om
    >>> sharp, blurred = om.simulate.atom_image(sigma=0.05), om.simulate.atom_image(sigma=0.09)
    >>> one, other = (om.image.measure_focus(each) for each in (sharp, blurred))
    >>> bool(one["gradient_energy"] > other["gradient_energy"])
    True
    """
    dims = require_image(image, dims, at_least=4)
    steps = steps_of(image, dims)
    if smoothing is not None and not (np.isfinite(smoothing) and smoothing >= 0):
        message = f"smoothing must not be negative, got {smoothing!r}"
        raise DataError(message)
    found = map_signal(
        _measured, image, dim=dims, output_dims=[{}] * 5,
        dtypes=[np.float64] * 4 + [np.uint8],
        parameters={"steps": steps, "smoothing": smoothing},
    )  # fmt: skip
    length = units_of(image, dims[0])
    units = (product((length, -2)), product((length, -4)), "1", "1")
    stated = {
        name: (values, unit)
        for name, values, unit in zip(_MEASURES, found[:-1], units, strict=True)
    }
    return result(None, **stated, status=(found[-1], "1"))


def _measured(
    block: np.ndarray, *, steps: tuple[float, float], smoothing: float | None
) -> tuple[np.ndarray, ...]:
    outer = block.shape[:-2]
    made = np.full((len(_MEASURES), *outer), np.nan)
    status = np.full(outer, Status.NO_DATA, dtype=np.uint8)
    for place in np.ndindex(*outer):
        image = np.asarray(block[place], dtype=np.float64)
        used = np.isfinite(image)
        if not used.any() or np.ptp(image[used]) == 0:
            continue
        made[(slice(None), *place)] = sharpness_of(filled(image, used), steps, smoothing)
        status[place] = Status.CONVERGED
    return (*made, status)


def sharpness_of(
    image: np.ndarray, steps: tuple[float, float], smoothing: float | None
) -> list[float]:
    """Return the measures of one image, in their order."""
    from scipy.ndimage import gaussian_filter

    noise = 0.0
    if smoothing:
        image = gaussian_filter(image, [smoothing / step for step in steps], mode="reflect")
    else:
        noise = noise_of_image(image, np.ones(image.shape, dtype=bool)) ** 2
    mean = float(image.mean())
    z = image - mean
    variance = max(float((z**2).mean()) - noise, 1e-12 * float((z**2).mean()))
    slopes, bends, alike = 0.0, np.zeros((image.shape[0] - 2, image.shape[1] - 2)), 0.0
    inner = (slice(1, -1), slice(1, -1))
    for axis, step in enumerate(steps):
        lines = np.moveaxis(z, axis, 0)
        # Central differences have half of the variance of noise, over the step squared.
        gradient = (lines[2:] - lines[:-2]) / (2 * step)
        slopes += float((gradient**2).mean()) - noise / (2 * step**2)
        second = np.moveaxis((lines[2:] - 2 * lines[1:-1] + lines[:-2]) / step**2, 0, axis)
        bends = bends + (second[:, inner[1]] if axis == 0 else second[inner[0]])
        alike += float((lines[:-1] * lines[1:]).mean() - (lines[:-2] * lines[2:]).mean())
    squares = [1 / step**2 for step in steps]
    own = noise * (2 * squares[0] ** 2 + 2 * squares[1] ** 2 + 4 * sum(squares) ** 2)
    curved = float((bends**2).mean()) - own
    relative = variance / mean**2 if mean else float("nan")
    return [slopes / variance, curved / variance, relative, alike / variance]
