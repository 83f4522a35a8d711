"""Values at points as images."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.model import (
    DataError,
    coordinate,
    operation,
    require_choice,
    require_numbers,
)
from omniscopy.signal.companions import (
    Labelled,
    Nature,
    blank_of,
    change_each,
    nature_of,
)
from omniscopy.signal.frequencies import floating_type
from omniscopy.signal.positions import Scatter, with_positions
from omniscopy.signal.scattered import Gridding, Method, binning, gridding

Reduction = Literal["mean", "sum"]
# A larger grid of given spacing is more likely one in other units.
_MOST_PIXELS = 2**27


@operation(example={"points": "point_cloud"})
def to_grid(
    points: Labelled,
    *,
    method: Method = "linear",
    spacing: float | tuple[float, float] | None = None,
    axes: Mapping[str, Sequence[float] | np.ndarray] | None = None,
    reduce: Reduction | None = None,
    max_distance: float | None = None,
    places: tuple[str, str] | None = None,
) -> Labelled:
    r"""Bring values at points, such as those along a spiral, to the pixels of a grid.

    Parameters
    ----------
    points : DataArray or Dataset, shape (..., point)
        With the positions of the points along their dimension, in any order, some of them
        perhaps equal. Lazy or in memory; the positions are needed, to know the grid. Of a
        Dataset every variable with the dimension is gridded.
    method : {"linear", "nearest", "cubic", "natural", "histogram"}
        "linear" interpolates in the Delaunay triangles, "cubic" smoothly in the same triangles
        (Clough-Tocher) [1]_, "natural" with the weights of natural neighbours, smooth but at
        the points themselves [2]_. "histogram" takes the points that are in each pixel.
    spacing : float or (float, float), units of the positions
        Pixels along both axes, or along rows and columns. Otherwise there are about as many
        pixels as points, for a histogram a quarter of that: points of a full grid give that
        grid.
    axes : mapping of coordinate to sequence of float, units of the positions
        The labels of the pixels themselves, for one axis or both.
    reduce : {"mean", "sum"}
        What a pixel of a histogram holds; the mean otherwise.
    max_distance : float, units of the positions
        Pixels that are farther from every point have no value.
    places : (str, str)
        Names of the positions, rows first; ``("y", "x")`` or ``("ky", "kx")`` otherwise.

    Returns
    -------
    DataArray or Dataset, shape (..., y, x), units of `points`
        Middles of pixels lie at the least position and in steps of the spacing from there, so
        that every point is in a pixel. Values at equal positions are averaged.
        NaN outside of the convex hull of the points, or in a pixel of a histogram without one;
        and where a missing value has weight. Other coordinates along the points are left out.
        Standard deviations and variances are those of independent noise, flags those of the
        nearest point.

    Raises
    ------
    DataError
        There are no positions, they lie on a line, or their units cannot be compared.

    Notes
    -----
    The weights of the points are found once, for all other dimensions. Points without a
    position are left out; `dropna` leaves out those without a value, before.

    References
    ----------
    .. [1] P. Alfeld, *Comput. Aided Geom. Des.* 1, 169 (1984).
    .. [2] R. Sibson, in *Interpreting Multivariate Data*, ed. V. Barnett, Wiley (1981), 21.

    Examples
    --------
    >>> import omniscopy as om
    >>> image = om.signal.to_grid(om.samples.point_cloud(), spacing=2.5)
    >>> image.dims, image["x"].attrs["units"]
    (('y', 'x'), 'nm')
    """
    require_choice("method", method, get_args(Method))
    if reduce is not None:
        require_choice("reduce", reduce, get_args(Reduction))
        if method != "histogram":
            message = f"only a histogram reduces points to pixels; {method!r} interpolates"
            raise DataError(message)
    if method == "histogram" and max_distance is not None:
        message = "a histogram knows no distance; leave out `max_distance`"
        raise DataError(message)
    points, scatter = with_positions(points, places)
    if len(scatter.names) != 2:
        message = f"a grid has rows and columns, got positions {scatter.names}"
        raise DataError(message)
    labels = _labels(scatter, spacing, dict(axes or {}), bins=method == "histogram")
    shape = (labels[0].size, labels[1].size)
    if method == "histogram":
        way = _binning(scatter, labels, sums=reduce == "sum")
    else:
        variables = points.data_vars if isinstance(points, xr.Dataset) else {"": points}
        has_flags = any(nature_of(str(n), each) == "flag" for n, each in variables.items())
        grid = np.stack(np.meshgrid(*labels, indexing="ij"), axis=-1).reshape(-1, 2)
        factors = scatter.factors()
        way = gridding(
            scatter.positions * factors, grid * factors, method, flags=has_flags,
            reach=max_distance,
        )  # fmt: skip

    def change(values: xr.DataArray, nature: Nature, _owner: xr.DataArray) -> xr.DataArray:
        require_numbers(values)
        if method == "cubic" and nature in ("std", "variance"):
            message = f"'cubic' does not know the weights for {values.name!r}; take 'natural'"
            raise DataError(message)
        dtype = values.dtype if nature == "flag" else floating_type(values.dtype)
        squares = values**2 if nature == "std" else values
        (made,) = map_signal(
            way.run, squares, dim=scatter.dim, dtypes=[dtype],
            output_dims=[dict(zip(scatter.names, shape, strict=True))],
            parameters={
                "nature": nature, "shape": shape, "dtype": dtype, "flag": blank_of(values),
            },
        )  # fmt: skip
        made = made**0.5 if nature == "std" else made
        at = values.dims.index(scatter.dim)
        made = made.transpose(*values.dims[:at], *scatter.names, *values.dims[at + 1 :])
        return made.assign_coords(
            {
                name: coordinate(name, each, **scatter.attrs[name])
                for name, each in zip(scatter.names, labels, strict=True)
            }
        )

    return change_each(points, change, dims={scatter.dim})


def _labels(
    scatter: Scatter, spacing: Any, axes: dict[str, Any], *, bins: bool
) -> list[np.ndarray]:
    """Return the labels of rows and columns."""
    unknown = [name for name in axes if name not in scatter.names]
    if unknown:
        message = f"axes are those of {scatter.names}, got {unknown}"
        raise DataError(message)
    known = scatter.positions[np.isfinite(scatter.positions).all(axis=1)]
    if not len(known):
        message = "no point has a position; there is nothing to bring to a grid"
        raise DataError(message)
    low, extent = known.min(axis=0), np.ptp(known, axis=0)
    if spacing is None and len(axes) < 2:
        spacing = _usual_spacing(scatter, known, bins=bins)
    steps = np.broadcast_to(np.asarray(1.0 if spacing is None else spacing, dtype=float), (2,))
    if not (np.isfinite(steps).all() and (steps > 0).all()):
        message = f"spacing must be positive, got {spacing!r}"
        raise DataError(message)
    counts = np.floor(extent / steps + 0.5 + 1e-9) + 1
    if len(axes) < 2 and np.prod(counts) > _MOST_PIXELS:
        message = (
            f"a spacing of {spacing!r} makes {np.prod(counts):.3g} pixels of points that span "
            f"{extent.tolist()}; is it in the units of the positions?"
        )
        raise DataError(message)
    labels = []
    for k, name in enumerate(scatter.names):
        if name in axes:
            given = np.asarray(axes[name], dtype=np.float64)
            if given.ndim != 1 or not given.size or not np.isfinite(given).all():
                message = f"the labels of {name!r} must be a list of finite numbers"
                raise DataError(message)
            labels.append(given)
        else:
            labels.append(low[k] + steps[k] * np.arange(int(counts[k])))
    return labels


def _usual_spacing(scatter: Scatter, known: np.ndarray, *, bins: bool) -> np.ndarray:
    """Return the spacing of a grid with as many pixels as there are different positions."""
    factors = scatter.factors()
    scaled = known * factors
    extent = np.ptp(scaled, axis=0)
    size = float(extent.max()) or 1.0
    count = len(np.unique(np.round(scaled / (1e-9 * size)), axis=0)) / (4 if bins else 1)
    grid = _grid_steps(scaled, size)
    if grid is not None and not bins:
        return grid / factors
    # (height / s + 1) (width / s + 1) = count
    more, both = max(count - 1.0, 1e-3), float(extent.sum())
    step = (both + np.sqrt(both**2 + 4 * more * extent[0] * extent[1])) / (2 * more)
    return np.asarray(min(step, size) / factors)


def _grid_steps(places: np.ndarray, size: float) -> np.ndarray | None:
    """Return the steps of a full grid that the positions are, each once; None if they are none."""
    steps, count = [], 1
    for values in places.T:
        labels = np.unique(np.round(values / (1e-9 * size)))
        apart = np.diff(labels)
        if not apart.size or np.ptp(apart) > 1e-6 * apart[0] + 4.0:
            return None
        count *= labels.size
        steps.append(np.ptp(values) / apart.size)
    return np.asarray(steps) if count == len(places) else None


def _binning(scatter: Scatter, labels: Sequence[np.ndarray], *, sums: bool) -> Gridding:
    """Return which points are in each pixel: those nearer to its middle than to others'."""
    inside, number = np.ones(len(scatter.positions), dtype=bool), 0
    distance = np.zeros(len(scatter.positions))
    for values, axis in zip(scatter.positions.T, labels, strict=True):
        order = np.argsort(axis)
        ends = _edges(axis[order])
        found = np.searchsorted(ends, values, side="right") - 1
        found = np.where(values == ends[-1], axis.size - 1, found)
        inside &= (found >= 0) & (found < axis.size)
        found = order[np.clip(found, 0, axis.size - 1)]
        distance += ((values - axis[found]) / (ends[1] - ends[0])) ** 2
        number = number * axis.size + found
    pixels = np.where(inside, number, -1)
    return binning(pixels, labels[0].size * labels[1].size, sums=sums, distance=distance)


def _edges(labels: np.ndarray) -> np.ndarray:
    """Return the edges of pixels with these ascending middles."""
    if labels.size == 1:
        return np.array([-np.inf, np.inf])
    between = 0.5 * (labels[1:] + labels[:-1])
    ends = 2 * labels[0] - between[0], 2 * labels[-1] - between[-1]
    return np.concatenate([ends[:1], between, ends[1:]])
