"""The resolution of images, from two of the same thing."""

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.image.cleaning.filling import filled
from omniscopy.image.fourier.tapers import Window, require_choice, window_of
from omniscopy.image.topography import require_image, steps_of
from omniscopy.model import DataError, Status, coordinate, operation, result, units_of
from omniscopy.model.units import reciprocal
from omniscopy.signal.positions import require_same_places

# Correlation with the truth of one half: M. van Heel and M. Schatz, J. Struct. Biol. 151, 250
# (2005), eq. 17: half a bit of information in the mean of both images.
_HALF_BIT = (0.2071, 1.9102, 1.2071, 0.9102)
_FEWEST = 4


@operation(example={"image": "first_frame", "other": "second_frame"})
def measure_resolution(
    image: xr.DataArray,
    other: xr.DataArray,
    *,
    threshold: float | None = None,
    window: Window = "hann",
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Measure the resolution of two images of the same thing, by Fourier ring correlation.

    Parameters
    ----------
    image, other : DataArray, shape (..., y, x), any units
        Two aligned images with independent noise, on the same uniform grid.
    threshold : float
        Correlation where the resolution ends, such as 1/7; otherwise the half-bit curve, where
        the mean of both images has half a bit of information for each frequency.
    window : {"hann", "hamming", "blackman", "none"}
        Falls off to the edges.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    Dataset, shape (...)
        ``correlation`` (..., frequency) over rings one step of the spectrum wide, in periods per
        unit, and the ``threshold`` there; ``resolution``, one over the frequency beyond
        which the first stays below the second, in units of the coordinates (images of crystals
        have rings without signal before it). ``status``: 3 (at bound) where the last ring
        correlates, so that pixels limit the resolution, 4 (no data) where an image has nothing
        finite, 5 (invalid) where nothing correlates; NaN for all three.

    Raises
    ------
    DataError
        The images are of different grids, or the threshold is not between 0 and 1.

    Notes
    -----
    :math:`\frac{\mathrm{Re} \sum F_1 F_2^*}{\sqrt{\sum |F_1|^2 \sum |F_2|^2}}` over rings; the
    half-bit curve of [1]_ for the number of independent pixels in each, which half of a
    spectrum has, and windows less by the part of the image that they leave.

    References
    ----------
    .. [1] M. van Heel and M. Schatz, *J. Struct. Biol.* 151, 250 (2005), equation 17.

    Examples
    --------
    >>> import omniscopy as om
    >>> one, other = (om.simulate.atom_image(rng=seed) for seed in (1, 2))
    >>> bool(om.image.measure_resolution(one, other)["resolution"] < 0.2)
    True
    """
    require_choice(window=window)
    dims = require_image(image, dims, at_least=8)
    if require_image(other, dims, at_least=8) != dims or any(
        image.sizes[dim] != other.sizes[dim] for dim in dims
    ):
        message = "both images must have the same dimensions and sizes; crop one"
        raise DataError(message)
    require_same_places(other, image, list(dims), "the other image")
    if threshold is not None and not 0 < threshold < 1:
        message = f"threshold must be between 0 and 1, got {threshold!r}"
        raise DataError(message)
    steps = steps_of(image, dims)
    shape = (image.sizes[dims[0]], image.sizes[dims[1]])
    axes = [np.fft.fftfreq(size, step) for size, step in zip(shape, steps, strict=True)]
    width = max(1 / (size * step) for size, step in zip(shape, steps, strict=True))
    nyquist = min(0.5 / step for step in steps)
    ring = np.rint(np.hypot(axes[0][:, None], axes[1]) / width).astype(np.int64)
    count = int(nyquist / width) + 1
    frequency = width * np.arange(count)
    taper = window_of(window, shape)
    share = float(taper.mean() ** 2 / (taper**2).mean())
    pixels = np.bincount(ring.ravel(), minlength=count)[:count]
    limit = np.full(count, threshold) if threshold is not None else _half_bit(pixels * share / 2)
    plain = other.drop_vars([dim for dim in dims if dim in other.coords])
    curve, resolution, status = map_signal(
        _correlated, image, dim=dims, also=[plain],
        output_dims=[{"frequency": count}, {}, {}], dtypes=[np.float64, np.float64, np.uint8],
        parameters={"ring": ring, "count": count, "taper": taper, "limit": limit, "width": width},
    )  # fmt: skip
    units = units_of(image, dims[0])
    made = result(
        None, correlation=(curve, "1"), threshold=(xr.DataArray(limit, dims="frequency"), "1"),
        resolution=(resolution, units), status=(status, "1"),
    )  # fmt: skip
    return made.assign_coords(
        frequency=coordinate(
            "frequency", frequency, reciprocal(units), kind="reciprocal",
            quantity="spatial frequency",
        )
    )  # fmt: skip


def _half_bit(pixels: np.ndarray) -> np.ndarray:
    """Return the correlation of half a bit for so many independent pixels."""
    root = 1 / np.sqrt(np.maximum(pixels, 1.0))
    a, b, c, d = _HALF_BIT
    return np.minimum((a + b * root) / (c + d * root), 1.0)


def _correlated(
    block: np.ndarray, others: np.ndarray, *, ring: np.ndarray, count: int, taper: np.ndarray,
    limit: np.ndarray, width: float,
) -> tuple[np.ndarray, ...]:  # fmt: skip
    wide = np.broadcast_to(others, block.shape)
    outer = block.shape[:-2]
    curve = np.full((*outer, count), np.nan)
    resolution = np.full(outer, np.nan)
    status = np.full(outer, Status.NO_DATA, dtype=np.uint8)
    for place in np.ndindex(*outer):
        pair = []
        for each in (block[place], wide[place]):
            values = np.asarray(each, dtype=np.float64)
            used = np.isfinite(values)
            if used.any():
                whole = filled(values, used)
                level = float((taper * whole).sum() / taper.sum())
                pair.append(np.fft.fft2(taper * (whole - level)))
        if len(pair) < 2:
            continue
        status[place] = Status.CONVERGED
        one, other = pair
        sums = [
            np.bincount(ring.ravel(), each.ravel(), minlength=count)[:count]
            for each in ((one * other.conj()).real, np.abs(one) ** 2, np.abs(other) ** 2)
        ]
        power = np.sqrt(sums[1] * sums[2])
        own = np.where(power > 0, sums[0] / np.where(power > 0, power, 1.0), np.nan)
        own[0] = np.nan  # the mean was taken away
        curve[place] = own
        # The first rings have too few pixels to say anything.
        above = np.flatnonzero(own >= limit)
        above = above[above >= _FEWEST]
        last = int(above[-1]) if len(above) else 0
        if not last or last == count - 1:
            status[place] = Status.AT_BOUND if last else Status.INVALID
            continue
        before, here = own[last] - limit[last], limit[last + 1] - own[last + 1]
        resolution[place] = 1 / (width * (last + before / (before + here)))
    return curve, resolution, status
