"""Scars: parts of rows that the feedback of a scanning probe lost."""

from typing import Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.compute.threads import share_work
from omniscopy.image.topography import as_mask, like, map_images, marked, require_image
from omniscopy.model import DataError, operation, require_choice

Sign = Literal["positive", "negative", "both"]
_SIDES = ("positive", "negative")


@operation(example={"image": "surface"})
def find_scars(
    image: xr.DataArray,
    *,
    threshold_high: float = 0.666,
    threshold_low: float = 0.25,
    max_width: int = 4,
    min_length: int = 16,
    sign: Sign = "both",
    dim: str | None = None,
    dims: tuple[str, str] | None = None,
) -> xr.DataArray:
    r"""Find scars in every image: runs along rows that stand out from the rows on both sides.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory.
    threshold_high : float
        How far one point of a scar stands out at least, in root mean squares of the difference
        of neighbouring rows.
    threshold_low : float
        How far every point of it does.
    max_width : int
        Rows that a scar has at most.
    min_length : int
        Points along the row that it has at least.
    sign : {"positive", "negative", "both"}
        Whether scars are higher or lower than the surface.
    dim : str
        Dimension along which the rows run; that of columns (x) otherwise.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    DataArray of bool, shape (..., y, x), 1
        True in scars. The first and the last row are in none.

    Raises
    ------
    DataError
        The image has a single row, thresholds are not 0 < low <= high, or widths and lengths
        are less than 1.

    Notes
    -----
    A point stands out by how much the lowest point of the scar in its column is above the higher
    of the two points beside it, for any scar of up to `max_width` rows. A scar is a run of points
    above the low threshold of which one is above the high one, in units of
    :math:`\sqrt{\langle (z_{i+1,j} - z_{i,j})^2 \rangle}`. Thresholds of this kind are those of
    [1]_.

    References
    ----------
    .. [1] D. Nečas, P. Klapetek, *Cent. Eur. J. Phys.* 10, 181 (2012).

    Examples
    --------
    >>> import omniscopy as om
    >>> image = om.samples.surface()
    >>> image[40, 30:80] += 5.0
    >>> scars = om.image.find_scars(image, min_length=30)
    >>> int(scars[40].sum())
    50
    """
    dims = require_image(image, dims)
    along = dims[1] if dim is None else dim
    require_choice("dim", along, dims)
    require_choice("sign", sign, get_args(Sign))
    if not 0 < threshold_low <= threshold_high:
        message = (
            f"expected 0 < threshold_low <= threshold_high, got {threshold_low!r} and "
            f"{threshold_high!r}"
        )
        raise DataError(message)
    if max_width < 1 or min_length < 1:
        message = f"max_width and min_length must be at least 1, got {max_width!r}, {min_length!r}"
        raise DataError(message)
    parameters = {
        "limits": (threshold_low, threshold_high), "widest": int(max_width),
        "shortest": int(min_length), "sign": sign,
    }  # fmt: skip
    rows = dims if along == dims[1] else (dims[1], dims[0])
    return as_mask(map_images(_scars, image, rows, dtype=bool, parameters=parameters), "Scars")


@operation(example={"image": "surface"})
def remove_scars(
    image: xr.DataArray,
    scars: xr.DataArray | None = None,
    *,
    dim: str | None = None,
    dims: tuple[str, str] | None = None,
) -> xr.DataArray:
    """Remove scars from every image: draw lines across them, between the rows on both sides.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory.
    scars : DataArray of bool, shape (y, x) or (..., y, x)
        True where they are; found by `find_scars` with its defaults otherwise.
    dim : str
        Dimension along which the rows run; that of columns (x) otherwise.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    DataArray, shape (..., y, x), units of `image`
        At a scar that reaches the edge, the row beside it is continued. NaN where a whole
        column is a scar.

    Raises
    ------
    DataError
        The image has a single row, or the mask does not fit to it.

    Notes
    -----
    Linear interpolation down each column between the rows that are no scar.

    :math:`z_i = z_a + (z_b - z_a)(i - a)/(b - a)` between the rows a and b.

    Examples
    --------
    >>> import omniscopy as om
    >>> image = om.samples.surface()
    >>> image[40, 30:80] += 5.0
    >>> float(abs(om.image.remove_scars(image) - om.samples.surface()).max()) < 0.5
    True
    """
    dims = require_image(image, dims)
    along = dims[1] if dim is None else dim
    require_choice("dim", along, dims)
    if scars is None:
        scars = find_scars(image, dim=dim, dims=dims)
    rows = dims if along == dims[1] else (dims[1], dims[0])
    from omniscopy.image.topography import used_points

    outside = used_points(image, scars, "exclude", dims) if _any(scars) else None
    if outside is None:
        return like(image.copy(), image)
    return like(map_images(_bridged, image, rows, also=outside), image)


def _any(scars: xr.DataArray) -> bool:
    """Return whether there may be a scar."""
    points = marked(scars, what="scars")
    return points.chunks is not None or bool(points.any())


def _scars(
    values: np.ndarray, finite: np.ndarray, *, limits: tuple[float, float], widest: int,
    shortest: int, sign: Sign,
) -> np.ndarray:  # fmt: skip
    """Return where the scars of an image are."""
    from omniscopy.image.cleaning import scar_kernel

    heights = np.where(finite, values, np.nan)
    steps = np.diff(heights, axis=0)
    if not finite.all():
        steps = steps[np.isfinite(steps)]
    rms = float(np.sqrt(np.vdot(steps, steps) / steps.size)) if steps.size else 0.0
    if rms == 0:
        return np.zeros(values.shape, dtype=bool)
    sides = [1.0 if one == "positive" else -1.0 for one in _SIDES if sign in (one, "both")]
    marks = np.zeros((len(sides), *values.shape), dtype=bool)

    def work(number: int) -> None:
        prominence = np.zeros(values.shape)
        scar_kernel.mark_prominence(sides[number] * heights, widest, prominence)
        least, most = (limit * rms for limit in limits)
        scar_kernel.keep_runs(prominence, least, most, shortest, marks[number])

    share_work(work, range(len(sides)))
    return np.asarray(marks.any(axis=0))


def _bridged(values: np.ndarray, finite: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """Return an image with a line across each run of a column that is not `outside`."""
    made = values.copy()
    rows = np.arange(len(values))
    for column in np.flatnonzero(~outside.all(axis=0)):
        known, lost = outside[:, column] & finite[:, column], ~outside[:, column]
        made[lost, column] = (
            np.interp(rows[lost], rows[known], values[known, column]) if known.any() else np.nan
        )
    return made
