"""How alike the heights of a surface are at a distance."""

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.compute.threads import available_cores
from omniscopy.image.fourier.tapers import Detrend
from omniscopy.image.fourier.tapers import require_choice as require_window
from omniscopy.image.roughness.bearing import detrended
from omniscopy.image.topography import Masking, require_image, steps_of, used_points
from omniscopy.model import (
    DataError,
    coordinate,
    labelled,
    operation,
    require_choice,
    signal_type_of,
    units_of,
)
from omniscopy.model.units import product

Along = Literal["plane", "radial", "rows", "columns"]
# Beyond, one difference alone is what counts.
_HIGHEST_ORDER = 20


@operation(example={"image": "surface"})
def autocorrelation(
    image: xr.DataArray,
    *,
    along: Along = "plane",
    detrend: Detrend = "mean",
    mask: xr.DataArray | None = None,
    masking: Masking = "exclude",
    dims: tuple[str, str] | None = None,
) -> xr.DataArray:
    r"""Calculate the autocorrelation of the heights of every image (ACF).

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory, on a uniform grid. Pairs with a value that is not finite are left out.
    along : {"plane", "radial", "rows", "columns"}
        Over all shifts in the plane; over their length, averaged over directions; over shifts
        along x, averaged over rows; or along y, averaged over columns.
    detrend : {"mean", "plane", "none"}
        What is subtracted before.
    mask : DataArray of bool, shape (y, x) or (..., y, x)
        Points that are left out, or the only ones that count (`masking`).
    masking : {"exclude", "include"}
        What the mask marks.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    DataArray, shape (..., shift_y, shift_x), (..., distance) or (..., shift), squared units
        The mean of products of heights, which is sq² without a shift. Shifts go up to half the
        field of view. NaN where no pair of points counts.

    Raises
    ------
    DataError
        y and x are not in units that convert ("radial"), or the mask does not fit.

    Notes
    -----
    .. math:: A(\tau) = \langle z(r)\, z(r + \tau) \rangle

    over the pairs that there are: the estimate is not biased towards zero by the edges. The
    heights are not taken to go on periodically.

    Examples
    --------
    >>> import omniscopy as om
    >>> om.image.autocorrelation(om.samples.surface()).dims
    ('shift_y', 'shift_x')
    """
    return _mapped(
        image, plane_correlation, row_correlation, along=along, detrend=detrend, dims=dims,
        power=2.0, title="Autocorrelation", mask=mask, masking=masking,
    )  # fmt: skip


@operation(example={"image": "surface"})
def structure_function(
    image: xr.DataArray,
    *,
    order: float = 2.0,
    along: Along = "rows",
    detrend: Detrend = "mean",
    mask: xr.DataArray | None = None,
    masking: Masking = "exclude",
    dims: tuple[str, str] | None = None,
) -> xr.DataArray:
    r"""Calculate how much the heights of every image differ at a distance (HHCF).

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory, on a uniform grid. Pairs with a value that is not finite are left out.
    order : float
        Power of the differences. 2 is the height-height correlation function; others need
        `along` "rows" or "columns".
    along : {"plane", "radial", "rows", "columns"}
        Over all shifts in the plane; over their length, averaged over directions; over shifts
        along x, averaged over rows; or along y, averaged over columns.
    detrend : {"mean", "plane", "none"}
        What is subtracted before; the mean makes no difference.
    mask : DataArray of bool, shape (y, x) or (..., y, x)
        Points that are left out, or the only ones that count (`masking`).
    masking : {"exclude", "include"}
        What the mask marks.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    DataArray, shape (..., shift), (..., shift_y, shift_x) or (..., distance)
        In units of `image` to the power `order`, 0 without a shift. Shifts go up to half the
        field of view. NaN where no pair of points counts.

    Raises
    ------
    DataError
        The order is not positive or above 20, or not 2 where it has to be; y and x are not in
        units that convert ("radial"), or the mask does not fit.

    Notes
    -----
    .. math:: S_p(\tau) = \langle |z(r + \tau) - z(r)|^p \rangle

    With p = 2, :math:`2 (S_q^2 - A(\tau))` of a surface without a trend. A self-affine surface
    has :math:`S_p \propto \tau^{p H}` with the Hurst exponent H.

    See [1]_ for self-affine surfaces.

    References
    ----------
    .. [1] J. Krim, G. Palasantzas, *Int. J. Mod. Phys. B* 9, 599 (1995).

    Examples
    --------
    >>> import omniscopy as om
    >>> om.image.structure_function(om.samples.surface()).attrs["units"]
    'nm^2'
    """
    if not 0 < order <= _HIGHEST_ORDER:
        message = f"order must be above 0 and at most {_HIGHEST_ORDER}, got {order!r}"
        raise DataError(message)
    if order != 2 and along in ("plane", "radial"):
        message = f"of order {order:g} there are differences along 'rows' and 'columns' only"
        raise DataError(message)

    def rows(heights: np.ndarray) -> np.ndarray:
        return row_differences(heights, order)

    return _mapped(
        image, plane_differences, rows, along=along, detrend=detrend, dims=dims,
        power=order, title="Structure function", mask=mask, masking=masking,
    )  # fmt: skip


Statistic = Callable[[np.ndarray], np.ndarray]


def _mapped(  # noqa: PLR0913 - the options of both functions
    image: xr.DataArray,
    in_plane: Statistic,
    in_rows: Statistic,
    *,
    along: Along,
    detrend: Detrend,
    mask: xr.DataArray | None,
    masking: Masking,
    dims: tuple[str, str] | None,
    power: float,
    title: str,
) -> xr.DataArray:
    """Return a statistic of pairs of points, over shifts that have coordinates."""
    dims = require_image(image, dims)
    require_choice("along", along, get_args(Along))
    require_window(detrend=detrend)
    used = used_points(image, mask, masking, dims)
    across = _shifts(image, dims, along)
    sizes = {name: variable.size for name, variable in across.items()}
    steps = steps_of(image, dims) if along == "radial" else (1.0, 1.0)

    def run(block: np.ndarray, *masks: np.ndarray) -> np.ndarray:
        made = np.empty((*block.shape[:-2], *sizes.values()))
        for place, heights in detrended(block, masks, detrend):
            if along in ("rows", "columns"):
                turned = heights if along == "rows" else heights.T
                made[place] = in_rows(turned)[: next(iter(sizes.values()))]
                continue
            plane = in_plane(heights)
            made[place] = plane if along == "plane" else _radial(plane, steps, sizes["distance"])
        return made

    (found,) = map_signal(
        run, image, dim=dims, output_dims=[sizes], also=[] if used is None else [used]
    )
    found = found.assign_coords(across)
    kinds = ["spatial" if dim in across else None for dim in found.dims]
    kind = signal_type_of(kinds) if along == "plane" and None not in kinds else None
    attrs = {"signal_type": kind} if kind else {}
    return labelled(
        found, units=product((image.attrs.get("units"), power)), long_name=title,
        quantity=title.lower(), **attrs,
    )  # fmt: skip


def _shifts(image: xr.DataArray, dims: tuple[str, str], along: Along) -> dict[str, xr.Variable]:
    """Return the coordinates of shifts up to half of the field of view."""
    signed = [float(image[dim][1] - image[dim][0]) for dim in dims]
    reach = [image.sizes[dim] // 2 for dim in dims]
    units = [units_of(image, dim) for dim in dims]
    if along == "plane":
        return {
            f"shift_{dim}": coordinate(
                f"shift_{dim}",
                step * np.arange(-far, far + 1),
                unit,
                kind="spatial",
                quantity="shift",
            )
            for dim, step, far, unit in zip(dims, signed, reach, units, strict=True)
        }
    if along == "radial":
        steps = steps_of(image, dims)
        step = min(steps)
        count = (
            int(min(far * each for far, each in zip(reach, steps, strict=True)) / step + 1e-6) + 1
        )
        values = step * np.arange(count)
        return {
            "distance": coordinate(
                "distance", values, units[0], kind="spectral", quantity="distance"
            )
        }
    axis = 1 if along == "rows" else 0
    values = abs(signed[axis]) * np.arange(reach[axis] + 1)
    return {"shift": coordinate("shift", values, units[axis], kind="spectral", quantity="shift")}


def plane_correlation(heights: np.ndarray) -> np.ndarray:
    """Return the mean product of heights over shifts up to half of the image, none in the middle.

    Heights that are NaN have no part in it; NaN where there is no pair.
    """
    there = np.isfinite(heights)
    (product_sum,), pairs = _correlated(there, lambda values: [(values, values)], heights)
    with np.errstate(invalid="ignore", divide="ignore"):
        return product_sum / np.where(pairs > 0.5, pairs, np.nan)


def plane_differences(heights: np.ndarray) -> np.ndarray:
    """Return the mean square difference of heights over shifts up to half of the image."""
    there = np.isfinite(heights)
    # The mean has no part in a difference; without it less is lost to rounding.
    centre = heights[there].mean() if there.any() else 0.0
    weight = there.astype(np.float64)

    def factors(values: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        square = values**2
        return [(values, values), (square, weight), (weight, square)]

    sums, pairs = _correlated(there, factors, heights - centre)
    with np.errstate(invalid="ignore", divide="ignore"):
        total = sums[1] + sums[2] - 2.0 * sums[0]
        found = np.maximum(total, 0.0) / np.where(pairs > 0.5, pairs, np.nan)
    middle = tuple(size // 2 for size in found.shape)
    found[middle] = 0.0 if there.any() else np.nan
    return found


Factors = Callable[[np.ndarray], list[tuple[np.ndarray, np.ndarray]]]


def _correlated(
    there: np.ndarray, factors: Factors, heights: np.ndarray
) -> tuple[list[np.ndarray], np.ndarray]:
    """Return sums of products over shifts of up to half of the image, and the numbers of pairs.

    `factors` are made of the heights, 0 where there are none.
    """
    shape = there.shape
    reach = [size // 2 for size in shape]
    known: dict[int, np.ndarray] = {}

    def transformed(values: np.ndarray) -> np.ndarray:
        if id(values) not in known:
            known[id(values)] = _padded_transform(values)
        return known[id(values)]

    pairs = factors(np.where(there, heights, 0.0))
    weight = there.astype(np.float64)
    sums = [
        _shifted_sums(transformed(one), transformed(other), shape, alike=one is other)
        for one, other in pairs
    ]
    if there.all():
        counts = [size - np.abs(np.arange(-r, r + 1)) for size, r in zip(shape, reach, strict=True)]
        return sums, np.multiply.outer(*counts).astype(np.float64)
    own = transformed(weight)
    return sums, np.round(_shifted_sums(own, own, shape, alike=True))


def _padded(size: int) -> int:
    """Return a length at which shifts of up to half of `size` do not meet the other end."""
    from scipy import fft

    return int(fft.next_fast_len(size + size // 2, real=True))


def _padded_transform(values: np.ndarray) -> np.ndarray:
    from scipy import fft

    rows, columns = (_padded(size) for size in values.shape)
    along = fft.rfft(values, columns, axis=1, workers=available_cores())
    return np.asarray(fft.fft(along, rows, axis=0, workers=available_cores()))


def _shifted_sums(
    one: np.ndarray, other: np.ndarray, shape: tuple[int, ...], *, alike: bool
) -> np.ndarray:
    """Return the sum of products over every shift; of an image with itself half are computed."""
    from scipy import fft

    (down, across), workers = (size // 2 for size in shape), available_cores()
    spectrum = np.conj(one) * other
    lines = fft.ifft(spectrum, axis=0, overwrite_x=True, workers=workers)
    rows = lines[: down + 1] if alike else np.concatenate([lines[-down:], lines[: down + 1]])
    full = fft.irfft(rows, _padded(shape[1]), axis=1, workers=workers)
    half = np.concatenate([full[:, -across:], full[:, : across + 1]], axis=1)
    return np.concatenate([half[:0:-1, ::-1], half]) if alike else half


def row_correlation(heights: np.ndarray) -> np.ndarray:
    """Return the mean product of heights over shifts along rows, from none to all."""
    return _along_rows(heights, lambda one, other: one * other)


def row_differences(heights: np.ndarray, order: float) -> np.ndarray:
    """Return the mean power of differences of heights over shifts along rows."""
    return _along_rows(heights, lambda one, other: np.abs(other - one) ** order)


def _along_rows(
    heights: np.ndarray, pair: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> np.ndarray:
    size = heights.shape[1]
    made = np.full(size, np.nan)
    for shift in range(size // 2 + 1):
        values = pair(heights[:, : size - shift], heights[:, shift:])
        finite = np.isfinite(values)
        if finite.any():
            made[shift] = values[finite].mean()
    return made


def _radial(plane: np.ndarray, steps: tuple[float, float], count: int) -> np.ndarray:
    """Return the mean over directions, of a plane with no shift in the middle.

    Each point counts for the two nearest distances, more for the nearer one.
    """
    y, x = (
        step * (np.arange(size) - size // 2) for step, size in zip(steps, plane.shape, strict=True)
    )
    place = np.hypot(y[:, None], x) / min(steps)
    good = np.isfinite(plane)
    below = np.floor(place[good]).astype(np.int64)
    part = place[good] - below
    total, weight = np.zeros(count + 1), np.zeros(count + 1)
    for bins, share in ((below, 1.0 - part), (below + 1, part)):
        kept = np.minimum(bins, count)
        total += np.bincount(kept, weights=share * plane[good], minlength=count + 1)
        weight += np.bincount(kept, weights=share, minlength=count + 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (total / np.where(weight > 1e-9, weight, np.nan))[:count]
