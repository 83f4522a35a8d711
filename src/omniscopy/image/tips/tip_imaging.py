"""What the tip of a scanning probe makes of a surface, and what can be told of it again."""

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.image.tips.tip_kernel import contact_kernel, dilate_kernel, erode_kernel
from omniscopy.image.tips.tips import model_tip
from omniscopy.image.topography import as_mask, like, listed_like, require_image, steps_of
from omniscopy.model import DataError, operation, require_conversion

Dims = tuple[str, str]

_TIP = model_tip("parabola", radius=400.0, extent=(70.0, 80.0), step=(1000 / 128, 1000 / 128))
# Heights closer than this part of their range are the same.
_ROUNDING = 1e-9


@operation(example={"surface": "surface", "tip": _TIP})
def dilate(
    surface: xr.DataArray, tip: xr.DataArray, *, dims: tuple[str, str] | None = None
) -> xr.DataArray:
    r"""Image a surface with a tip: the dilation of every surface (grey-scale morphology).

    Parameters
    ----------
    surface : DataArray, shape (..., y, x), length (or any units)
        Lazy or in memory, on a uniform grid.
    tip : DataArray, shape (..., y, x), units of `surface`
        As seen from above, with the steps of the surface (`model_tip`, `estimate_tip`). Its
        highest point is the apex; NaN touches nothing.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    DataArray, shape and units of `surface`
        Heights of the apex where the tip first touches. NaN where the surface is; such points,
        and those outside, touch nothing.

    Raises
    ------
    DataError
        The tip has other dimensions or steps, or units that do not convert.

    Notes
    -----
    .. math:: I(r) = \max_u \, [s(r + u) + t(u)]

    with the tip :math:`t \le 0` that is 0 at its apex u = 0.

    References
    ----------
    .. [1] J. S. Villarrubia, *J. Res. Natl. Inst. Stand. Technol.* 102, 425 (1997), section 3.

    Examples
    --------
    >>> import omniscopy as om
    >>> tip = om.image.model_tip("parabola", radius=2000.0, extent=80.0, step=1000 / 128)
    >>> image = om.image.dilate(om.samples.surface(), tip)
    >>> bool((image >= om.samples.surface()).all())
    True
    """
    return like(_mapped(_dilated, surface, tip, dims), surface)


@operation(example={"image": "surface", "tip": _TIP})
def erode(
    image: xr.DataArray, tip: xr.DataArray, *, dims: tuple[str, str] | None = None
) -> xr.DataArray:
    r"""Reconstruct a surface from every image made by a tip: the erosion.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), length (or any units)
        Lazy or in memory, on a uniform grid.
    tip : DataArray, shape (..., y, x), units of `image`
        As for `dilate`.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    DataArray, shape and units of `image`
        The highest surface that the tip did not cut: the surface itself where the tip touched
        it, higher where it could not reach (`map_certainty`). NaN where the image is; such
        points, and those outside, tell nothing.

    Raises
    ------
    DataError
        The tip has other dimensions or steps, or units that do not convert.

    Notes
    -----
    .. math:: s(r) = \min_u \, [I(r - u) - t(u)]

    the inverse of a dilation as far as the tip has touched [1]_.

    References
    ----------
    .. [1] J. S. Villarrubia, *J. Res. Natl. Inst. Stand. Technol.* 102, 425 (1997).

    Examples
    --------
    >>> import omniscopy as om
    >>> tip = om.image.model_tip("parabola", radius=2000.0, extent=80.0, step=1000 / 128)
    >>> image = om.image.dilate(om.samples.surface(), tip)
    >>> bool((om.image.erode(image, tip) >= om.samples.surface() - 1e-9).all())
    True
    """
    return like(_mapped(_eroded, image, tip, dims), image)


@operation(example={"image": "surface", "tip": _TIP})
def map_certainty(
    image: xr.DataArray, tip: xr.DataArray, *, dims: tuple[str, str] | None = None
) -> xr.DataArray:
    """Map where the surface is known for certain in every image made by a tip.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), length (or any units)
        Lazy or in memory, on a uniform grid.
    tip : DataArray, shape (..., y, x), units of `image`
        As for `dilate`.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    DataArray of bool, shape of `image`
        True where some position of the tip touches the reconstructed surface (`erode`) there
        and nowhere else. Elsewhere the surface may be lower.

    Raises
    ------
    DataError
        The tip has other dimensions or steps, or units that do not convert.

    Notes
    -----
    Heights that differ by less than a billionth of the range of the image are taken as equal.

    References
    ----------
    .. [1] J. S. Villarrubia, *J. Res. Natl. Inst. Stand. Technol.* 102, 425 (1997), section 4.

    Examples
    --------
    >>> import omniscopy as om
    >>> tip = om.image.model_tip("cone", radius=10.0, extent=80.0, step=1000 / 128)
    >>> bool(om.image.map_certainty(om.samples.surface(), tip).any())
    True
    """
    known = _mapped(_certain, image, tip, dims, dtype=np.bool_)
    return as_mask(known, "Certainty")


def _mapped(
    function: Callable[[np.ndarray, np.ndarray], np.ndarray],
    image: xr.DataArray,
    tip: xr.DataArray,
    dims: Dims | None,
    *,
    dtype: Any = np.float64,
) -> xr.DataArray:
    """Return what `function` makes of every image with its tip."""
    dims = require_image(image, dims)
    factor = _require_fitting(image, tip, dims)
    tip = listed_like(tip, image, dims)
    names = {dim: f"tip_{dim}" for dim in dims}
    shape = tip.drop_vars([name for name in tip.coords if {*tip[name].dims} & {*dims}]).rename(
        names
    )

    def run(block: np.ndarray, tips: np.ndarray) -> np.ndarray:
        outer = np.broadcast_shapes(block.shape[:-2], tips.shape[:-2])
        images = np.broadcast_to(block, (*outer, *block.shape[-2:]))
        tips = np.broadcast_to(tips, (*outer, *tips.shape[-2:]))
        made = np.empty(images.shape, dtype)
        for place in np.ndindex(*outer):
            values = np.array(images[place], dtype=np.float64, order="C")
            made[place] = function(values, factor * tips[place].astype(np.float64))
        return made

    sizes = {dim: image.sizes[dim] for dim in dims}
    (made,) = map_signal(
        run, image, dim=dims, output_dims=[sizes], dtypes=[dtype], also=[shape],
        whole=list(names.values()),
    )  # fmt: skip
    kept = {name: each for name, each in image.coords.items() if {*each.dims} <= {*made.dims}}
    return made.assign_coords(kept).transpose(*image.dims, ...)


def _require_fitting(image: xr.DataArray, tip: xr.DataArray, dims: Dims) -> float:
    """Return what brings heights of the tip to those of the image; raise where it does not fit."""
    require_image(tip, dims, at_least=1 if 1 in tip.shape else 2)
    steps, own = steps_of(image, dims), steps_of(tip, dims)
    units = [each.coords[dims[0]].attrs.get("units") for each in (image, tip)]
    along = require_conversion(units[1], units[0], what="coordinates of the tip", of="the image")
    for dim, step, other in zip(dims, steps, own, strict=True):
        if abs(other * along / step - 1.0) > 1e-3:
            message = (
                f"the tip has steps of {other * along:.5g} along {dim!r}, the image of {step:.5g}; "
                "model or interpolate it with those of the image"
            )
            raise DataError(message)
    units = [each.attrs.get("units") for each in (image, tip)]
    return require_conversion(units[1], units[0], what="heights of the tip", of="the image")


def prepared(tip: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a tip with its apex at 0 and nothing at minus infinity, and where the apex is.

    Of several highest points the one nearest to the middle.
    """
    found = np.where(np.isfinite(tip), tip, -np.inf)
    highest = found.max()
    if not np.isfinite(highest):
        return found, np.array(found.shape) // 2
    places = np.argwhere(found == highest)
    away = np.abs(places - (np.array(found.shape) - 1) / 2).sum(axis=1)
    return np.ascontiguousarray(found - highest), places[np.argmin(away)]


def _dilated(surface: np.ndarray, tip: np.ndarray) -> np.ndarray:
    shape, apex = prepared(tip)
    made = np.empty(surface.shape)
    dilate_kernel(surface, shape, int(apex[0]), int(apex[1]), made)
    return np.where(np.isfinite(surface) & np.isfinite(made), made, np.nan)


def _eroded(image: np.ndarray, tip: np.ndarray) -> np.ndarray:
    shape, apex = prepared(tip)
    made = np.empty(image.shape)
    erode_kernel(image, shape, int(apex[0]), int(apex[1]), made)
    return np.where(np.isfinite(image) & np.isfinite(made), made, np.nan)


def _certain(image: np.ndarray, tip: np.ndarray) -> np.ndarray:
    shape, apex = prepared(tip)
    finite = image[np.isfinite(image)]
    if not finite.size:
        return np.zeros(image.shape, dtype=np.bool_)
    surface, touched = _eroded(image, tip), np.zeros(image.shape)
    contact_kernel(image, surface, shape, apex, _ROUNDING * float(np.ptp(finite)), touched)
    return touched > 0
