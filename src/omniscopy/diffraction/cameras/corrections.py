"""Pixels that are hot or dead, dark current and gain."""

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.diffraction.reductions.reading import answers, scan_of
from omniscopy.model import (
    DataError,
    labelled,
    operation,
    require_plane,
    require_real,
    require_same_direction,
    signal_type,
)

# Of the 24 pixels around one, so many may be as bad as it is: a row or column has four.
_BAD_NEIGHBOURS = 5
_DESCRIBED = ("long_name", "quantity", "modality", "source", "metadata")


@operation(example={"data": "diffraction_4d"})
def find_dead_pixels(
    data: xr.DataArray,
    *,
    contrast: float = 3.0,
    significance: float = 8.0,
    dims: tuple[str, str] | None = None,
) -> xr.DataArray:
    r"""Find pixels of a camera that are too bright or too dark, whatever the beam does.

    Parameters
    ----------
    data : DataArray, shape (..., y, x, ky, kx)
        Patterns of a scan that moves the diffraction, or of a uniform illumination.
    contrast : float
        How many times brighter (or darker) than the pixels around it the mean of a pixel must be.
    significance : float
        By how many standard deviations of the means it must be so.
    dims : (str, str)
        The dimensions of the patterns; the last two reciprocal ones otherwise.

    Returns
    -------
    DataArray of bool, shape (..., ky, kx)
        True where a pixel is hot, dead or stuck at one value, or is never anything but NaN.

    Raises
    ------
    DataError
        There is no scan of at least two patterns, or patterns are smaller than 5 by 5 pixels.

    Notes
    -----
    A pixel is compared with the fifth brightest and the fifth darkest of the 24 around it, so that
    a row, a column or a pair of bad pixels is found, and edges of discs are not. A spot of a
    single pixel that never moves looks like a hot pixel.

    The deviation of a mean is :math:`\sqrt{v / n}` with the variance v of the n patterns.

    Examples
    --------
    >>> import omniscopy as om
    >>> int(om.diffraction.find_dead_pixels(om.samples.diffraction_4d()).sum())
    0
    """
    plane = require_plane(data, dims, kind="reciprocal", at_least=5)
    require_real(data)
    if not (contrast > 1 and significance > 0):
        message = (
            f"contrast must be above 1 and significance positive, got {contrast!r} and "
            f"{significance!r}"
        )
        raise DataError(message)
    over = scan_of(data, plane)
    if not over or int(np.prod([data.sizes[dim] for dim in over])) < 2:
        message = f"a scan of two patterns or more is needed, got {dict(data.sizes)}"
        raise DataError(message)
    made = answers(data, {"mean": "mean", "variance": "variance"}, plane, over=over)
    count = float(np.prod([data.sizes[dim] for dim in over]))
    (dead,) = map_signal(
        _dead, made["mean"][0], dim=plane, also=[made["variance"][0]],
        output_dims=[{dim: data.sizes[dim] for dim in plane}], dtypes=[np.bool_],
        parameters={"contrast": contrast, "significance": significance, "count": count},
    )  # fmt: skip
    coords = {dim: data.coords[dim] for dim in plane}
    return labelled(
        dead.assign_coords(coords), units="1", long_name="Dead pixels", quantity="mask"
    )  # fmt: skip


def _dead(
    mean: np.ndarray, variance: np.ndarray, *, contrast: float, significance: float, count: float
) -> np.ndarray:
    """Return where pixels of patterns (..., ky, kx) are bad."""
    made = np.zeros(mean.shape, dtype=bool)
    for index in np.ndindex(*mean.shape[:-2]):
        made[index] = _dead_of(mean[index], variance[index] / count, contrast, significance)
    return made


def _dead_of(
    mean: np.ndarray, square: np.ndarray, contrast: float, significance: float
) -> np.ndarray:
    from scipy import ndimage

    known = np.isfinite(mean)
    if not known.any():
        return np.ones(mean.shape, dtype=bool)
    around = np.ones((5, 5), dtype=bool)
    around[2, 2] = False
    filled = np.where(known, mean, np.median(mean[known]))
    bright = ndimage.rank_filter(filled, -_BAD_NEIGHBOURS, footprint=around, mode="mirror")
    dark = ndimage.rank_filter(filled, _BAD_NEIGHBOURS - 1, footprint=around, mode="mirror")
    # What counting alone makes of a mean: the least that variances are, in units of the mean. The
    # beam that moves adds to it, but to pixels that are close together about the same.
    some = known & (filled > 0) & (square > 0)
    shot = float(np.percentile(square[some] / filled[some], 5)) if some.any() else 0.0
    own = np.where(known, square, 0.0)
    over = significance * np.sqrt(own + shot * np.maximum(bright, 0.0))
    under = significance * np.sqrt(own + shot * np.maximum(dark, 0.0))
    hot = (filled > contrast * np.maximum(bright, 0.0)) & (filled - bright > over)
    dead = (filled * contrast < dark) & (dark - filled > under)
    still = ndimage.median_filter(own, footprint=around, mode="mirror") > 0
    stuck = (own == 0) & still & (np.abs(filled - dark) > under) & (np.abs(filled - bright) > over)
    return np.asarray(hot | dead | stuck | ~known)


@operation(example={"data": "diffraction_4d", "dead": "dead_pixels"})
def mend_pixels(data: xr.DataArray, dead: xr.DataArray) -> xr.DataArray:
    r"""Fill pixels of a camera with the mean of those around them.

    Parameters
    ----------
    data : DataArray, shape (..., ky, kx)
        Lazy or in memory.
    dead : DataArray of bool, shape (..., ky, kx)
        Which pixels, as of `find_dead_pixels`.

    Returns
    -------
    DataArray, shape, units and type of `data`
        Each bad pixel is the mean of the good ones in the smallest square around it that holds
        any, rounded where `data` are whole numbers; NaN among floats that have none, 0 among
        whole numbers. Everything else stays as it is.

    Raises
    ------
    DataError
        The pixels do not fit to the patterns.

    Notes
    -----
    :math:`I' = \frac1n \sum I_i` over the n good pixels of the smallest square.

    Examples
    --------
    >>> import omniscopy as om
    >>> om.diffraction.mend_pixels(om.samples.diffraction_4d(), om.samples.dead_pixels()).dtype
    dtype('uint16')
    """
    plane = require_plane(data, None, kind="reciprocal", at_least=1)
    require_real(data)
    require_plane(dead, plane, kind="reciprocal", at_least=1)
    if any(dead.sizes[dim] != data.sizes[dim] for dim in plane):
        message = (
            f"dead pixels {dict(dead.sizes)} do not fit to patterns {dict(data.sizes)}"
        )  # fmt: skip
        raise DataError(message)
    require_same_direction(dead, data, what="dead pixels")
    bare = dead.drop_vars([name for name in dead.coords if set(dead[name].dims) & set(plane)])
    (made,) = map_signal(
        _mended, data, dim=plane, also=[bare.astype(bool)],
        output_dims=[{dim: data.sizes[dim] for dim in plane}], dtypes=[data.dtype],
    )  # fmt: skip
    return _described(made.assign_coords({dim: data.coords[dim] for dim in plane}), data)


def _mended(values: np.ndarray, dead: np.ndarray) -> np.ndarray:
    made = np.array(values)
    if dead.ndim == 2:
        mend(made, dead)
        return made
    dead = np.broadcast_to(dead, values.shape)
    for index in np.ndindex(*values.shape[:-2]):
        pattern = made[index]
        mend(pattern, dead[index])
    return made


def mend(values: np.ndarray, dead: np.ndarray) -> None:
    """Fill bad pixels of patterns (..., ky, kx), in place."""
    good = ~dead
    for y, x in zip(*np.nonzero(dead), strict=True):
        fill = np.full(values.shape[:-2], np.nan)
        for reach in range(1, max(dead.shape)):
            window = (
                slice(max(y - reach, 0), y + reach + 1), slice(max(x - reach, 0), x + reach + 1)
            )  # fmt: skip
            if good[window].any():
                near = values[(..., *window)][..., good[window]].astype(np.float64)
                known = np.isfinite(near)
                count = known.sum(axis=-1)
                total = np.where(known, near, 0.0).sum(axis=-1)
                fill = np.where(count > 0, total / np.maximum(count, 1), np.nan)
                break
        if values.dtype.kind in "iu":
            fill = np.rint(np.nan_to_num(fill))
        values[..., y, x] = fill


@operation(example={"data": "diffraction_4d", "dark": "dark_pattern"})
def correct_detector(
    data: xr.DataArray,
    *,
    dark: xr.DataArray | None = None,
    gain: xr.DataArray | None = None,
) -> xr.DataArray:
    r"""Subtract what a camera shows without a beam, and even out its response.

    Parameters
    ----------
    data : DataArray, shape (..., ky, kx)
        Lazy or in memory.
    dark : DataArray, shape (..., ky, kx), units of `data`
        The mean without a beam.
    gain : DataArray, shape (..., ky, kx)
        The relative response of each pixel, that values are divided by: the mean of evenly lit
        patterns without the dark. Its own mean does not matter.

    Returns
    -------
    DataArray, shape and units of `data`
        In float32, in float64 where `data` are; NaN where the gain is not positive.

    Raises
    ------
    DataError
        Neither is given, or one does not fit to the patterns.

    Notes
    -----
    :math:`I' = (I - D) / (G / \bar G)` with the dark D and the gain G, of mean :math:`\bar G`
    where it is positive.

    Examples
    --------
    >>> import omniscopy as om
    >>> dark = om.samples.dark_pattern()
    >>> om.diffraction.correct_detector(om.samples.diffraction_4d(), dark=dark).dtype
    dtype('float32')
    """
    plane = require_plane(data, None, kind="reciprocal", at_least=1)
    require_real(data)
    if dark is None and gain is None:
        message = "nothing to correct: pass dark= or gain="
        raise DataError(message)
    wide = np.float64 if data.dtype.kind == "f" and data.dtype.itemsize > 4 else np.float32
    made = data.drop_attrs(deep=False).astype(wide)
    if dark is not None:
        if dark.attrs.get("units") != data.attrs.get("units"):
            message = (
                f"the dark is in {dark.attrs.get('units')!r}, the data are in "
                f"{data.attrs.get('units')!r}"
            )
            raise DataError(message)
        made = made - _fitting(dark, data, plane, "dark").astype(wide)
    if gain is not None:
        response = _fitting(gain, data, plane, "gain").astype(np.float64)
        usable = response > 0
        response = response / response.where(usable).mean(plane)
        made = made / response.where(usable).astype(wide)
    return _described(made.transpose(*data.dims), data)


def _fitting(
    pattern: xr.DataArray, data: xr.DataArray, plane: tuple[str, str], what: str
) -> xr.DataArray:
    require_plane(pattern, plane, kind="reciprocal", at_least=1)
    if any(pattern.sizes[dim] != data.sizes[dim] for dim in plane):
        message = f"the {what} {dict(pattern.sizes)} does not fit to patterns {dict(data.sizes)}"
        raise DataError(message)
    require_same_direction(pattern, data, what=f"the {what}")
    bare = pattern.drop_vars([n for n in pattern.coords if set(pattern[n].dims) & set(plane)])
    return bare.drop_attrs(deep=False)


def _described(made: xr.DataArray, data: xr.DataArray) -> xr.DataArray:
    kept = {key: data.attrs[key] for key in _DESCRIBED if key in data.attrs}
    return labelled(
        made.transpose(*data.dims), units=data.attrs.get("units"),
        **{**kept, "signal_type": signal_type(data)},
    )  # fmt: skip
