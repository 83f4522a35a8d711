"""Patterns as lists of the electrons in them, and everything that can be asked of such a list.

A list is a Dataset with the dimension ``event``: ``position``, the number of the position in the
scan, ``pixel``, that of the pixel in the pattern (both count along the last dimension first), and
``electrons``. The coordinates of scan and pattern are kept beside it.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import xarray as xr

from omniscopy.diffraction.centre import find_centre
from omniscopy.diffraction.reductions.engine import Item
from omniscopy.diffraction.reductions.kernels import sum_rings_around
from omniscopy.diffraction.reductions.places import Places
from omniscopy.diffraction.reductions.reading import (
    centres_of_positions,
    displayed,
    label_outputs,
    places_of,
    scan_of,
)
from omniscopy.diffraction.reductions.reduce import AnyWanted, dataset
from omniscopy.diffraction.reductions.wanted import Made, Question, named, question
from omniscopy.model import DataError, coordinate, operation, require_plane, require_real, result

VARIABLES = ("position", "pixel", "electrons")


@operation(example={"data": "diffraction_4d"}, lazy=False)
def find_events(data: xr.DataArray, *, dims: tuple[str, str] | None = None) -> xr.Dataset:
    """List the pixels of all patterns that are not 0: small, where patterns are sparse.

    Parameters
    ----------
    data : DataArray, shape (..., y, x, ky, kx)
        Counts, as of `count_electrons`; whole numbers in floating point too. Lazy data are
        computed, a row of the scan at a time.
    dims : (str, str)
        The dimensions of the patterns; the last two reciprocal ones otherwise.

    Returns
    -------
    Dataset, shape (event)
        ``position`` in the scan and ``pixel`` in the pattern, numbered along the last dimension
        first, and ``electrons``, the value there. The coordinates of `data` are kept, and
        the order of the dimensions in ``scan`` and ``pattern`` of the attributes.

    Raises
    ------
    DataError
        The values are no whole numbers, or there is no scan.

    Examples
    --------
    >>> import omniscopy as om
    >>> electrons = om.diffraction.count_electrons(om.samples.diffraction_4d())
    >>> om.diffraction.find_events(electrons)["electrons"].dims
    ('event',)
    """
    plane = require_plane(data, dims, kind="reciprocal", at_least=1)
    require_real(data)
    over = displayed(scan_of(data, plane))
    # In this order a part of the scan that has a pattern of its own is in one piece.
    scan = [*(str(d) for d in data.dims if d not in (*plane, *over)), *over]
    if not scan:
        message = f"dimensions {tuple(data.dims)} are those of one pattern; there is no scan"
        raise DataError(message)
    rows = data.transpose(*scan, *plane)
    each, pixels = (int(np.prod([data.sizes[dim] for dim in dims])) for dims in (scan[1:], plane))
    found = []
    for number in range(rows.sizes[scan[0]]):
        values = _counts(rows.isel({scan[0]: number}).values).reshape(each, pixels)
        position, pixel = np.nonzero(values)
        found.append((position + number * each, pixel, values[position, pixel]))
    columns = [np.concatenate(part) for part in zip(*found, strict=True)] or [np.zeros(0)] * 3
    kept = data.dtype.kind in "biu"
    kind = data.dtype.newbyteorder("=") if kept else np.dtype(np.int64)
    kinds: tuple[npt.DTypeLike, ...] = (np.int64, np.int64, kind)
    event = {"event": coordinate("event", np.arange(len(columns[0])), "1", kind="point")}
    made = result(
        {"scan": scan, "pattern": [*plane]},
        **{
            name: (xr.DataArray(column.astype(kind), event, dims="event"), "1")
            for name, column, kind in zip(VARIABLES, columns, kinds, strict=True)
        },
    )
    return made.assign_coords({dim: data.coords[dim] for dim in (*scan, *plane)})


def _counts(values: np.ndarray) -> np.ndarray:
    """Return values; raise unless they are whole numbers, if as floating point."""
    if values.dtype.kind == "f":
        exact = values.astype(np.float64)
        with np.errstate(invalid="ignore"):
            wrong = values[~((np.abs(exact) < 2.0**53) & (exact == np.floor(exact)))]
        if wrong.size:
            message = (
                f"events are counted: whole numbers are needed, got {wrong[0]!s} ({values.dtype}); "
                "count electrons first (`diffraction.count_electrons`)"
            )
            raise DataError(message)
    return values


@operation(
    example={"events": "events", "operations": ["mean", "com"]}, lazy=False
)  # fmt: skip
def reduce_events(
    events: xr.Dataset,
    operations: Sequence[AnyWanted] | Mapping[str, AnyWanted],
    *,
    centres: xr.Dataset | None = None,
    dead: xr.DataArray | None = None,
) -> xr.Dataset:
    """Evaluate sums, detectors, centres of mass and profiles of patterns that are lists.

    Parameters
    ----------
    events : Dataset, shape (event)
        As of `find_events`.
    operations : sequence or mapping of name to what is wanted
        As in `reduce`.
    centres : Dataset, shape (y, x) or less
        Where detectors with the centre "auto" are, as in `reduce`. The middle of the disc in
        the mean pattern otherwise.
    dead : DataArray of bool, shape (ky, kx)
        Pixels that are left out.

    Returns
    -------
    Dataset
        The same as `reduce` gives for the patterns that the list was made of.

    Raises
    ------
    DataError
        The list is none, or something that is not known is asked for.

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.diffraction.reduce_events(om.samples.events(), ["sum", "mean"])
    >>> found["sum"].dims, found["mean_pattern"].dims
    (('y', 'x'), ('ky', 'kx'))
    """
    scan, plane = require_events(events)
    asked = named(operations)
    sizes = {dim: events.sizes[dim] for dim in (*scan, *plane)}
    # Patterns that take no room: only their labels are looked at.
    empty = np.broadcast_to(np.zeros((), events["electrons"].dtype), tuple(sizes.values()))
    data = xr.DataArray(
        empty, {dim: events.coords[dim] for dim in sizes}, dims=tuple(sizes),
        attrs={"units": "electrons"},
    )  # fmt: skip
    if not data.size:
        message = f"the list is of no patterns: {sizes}"
        raise DataError(message)
    table = _Events(events, data, scan, plane)
    if centres is None:
        pattern = table.pattern(table.weights)
        if dead is not None:
            pattern = pattern.where(~dead.astype(bool).drop_attrs())
        centres = find_centre(pattern.assign_coords({dim: data.coords[dim] for dim in plane}))
        centres = centres.drop_vars(list(centres.coords))
    places = places_of(data, plane, centres=centres, dead=dead)
    made: Made = {}
    for name, wanted in asked.items():
        each = question(name, wanted, places)
        made |= each.answer(table.outputs(each, places), places.labels)
    return dataset(made, places)


class _Events:
    """A list of events, summed in any way."""

    def __init__(
        self, events: xr.Dataset, data: xr.DataArray, scan: list[str], plane: tuple[str, str]
    ) -> None:
        self.data, self.scan, self.plane = data, scan, plane
        self.position, self.pixel = (events[name].values for name in VARIABLES[:2])
        self.weights = events["electrons"].values.astype(np.float64)
        self.positions = int(np.prod([data.sizes[dim] for dim in scan]))
        self.shape = tuple(data.sizes[dim] for dim in plane)

    def pattern(self, weights: np.ndarray) -> xr.DataArray:
        """Return sums for each pixel, and for each position that is kept."""
        found = np.bincount(self.pixel, weights, int(np.prod(self.shape)))
        return xr.DataArray(
            found.reshape(self.shape) / self.positions,
            dims=self.plane,
            attrs={"units": "electrons"},
        )

    def image(self, factor: np.ndarray) -> np.ndarray:
        """Return sums of events times what each pixel counts, for each position."""
        weights = self.weights * factor.ravel()[self.pixel]
        return np.bincount(self.position, weights, self.positions)

    def outputs(self, asked: Question, places: Places) -> dict[str, xr.Variable]:
        """Return what a read of the patterns gives."""
        if asked.item is None:
            return self.patterns(places)
        assert asked.plane is not None
        plane = asked.plane.transpose(*self.plane).values
        name, kind = asked.item.name, asked.item.kind
        if kind in ("around", "moved", "moved_area"):
            return label_outputs(self.moving(asked.item, plane, places), [asked], places)
        if kind == "area":
            ky, kx = self.axes
            factors = [np.ones((ky.size, kx.size)), *(ky[:, None] ** n + 0 * kx for n in (1, 2))]
            factors += [kx**n + 0 * ky[:, None] for n in (1, 2)]
            found = np.stack([self.image(plane * factor) for factor in factors], axis=-1)
            return label_outputs({name: found}, [asked], places)
        if kind == "rings":
            sums = np.stack([self.image(plane == n) for n in range(asked.item.size)], axis=-1)
            count = np.bincount(plane.ravel(), minlength=asked.item.size + 1)[:-1]
            counts = np.broadcast_to(count.astype(np.float64), sums.shape)
            return label_outputs({name: sums, f"{name}/count": counts}, [asked], places)
        there = np.full(self.positions, float(np.count_nonzero(plane)))
        return label_outputs({name: self.image(plane), f"{name}/count": there}, [asked], places)

    @property
    def axes(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the coordinates of pixels from the middles of both axes."""
        ky, kx = (self.data.coords[dim].values.astype(np.float64) for dim in self.plane)
        return ky - ky.mean(), kx - kx.mean()

    def moving(self, item: Item, plane: np.ndarray, places: Places) -> dict[str, np.ndarray]:
        """Return sums around the centre of each position, and how many pixels they are of."""
        centres = centres_of_positions(places, self.scan).values.reshape(-1, 2).astype(np.float64)
        (ky, kx), used = self.axes, np.asarray(plane, bool)
        row, column = np.divmod(self.pixel, self.shape[1])
        dy, dx = ky[row] - centres[self.position, 0], kx[column] - centres[self.position, 1]
        if item.kind == "around":
            edges = np.array(item.edges)
            empty = np.broadcast_to(np.zeros(()), (self.positions, *self.shape))
            sums, counts = (np.zeros((self.positions, edges.size - 1)) for _ in range(2))
            sum_rings_around(empty, used, ky, kx, centres, edges, sums, counts)
            away = np.hypot(dy, dx)
            there = used.ravel()[self.pixel] & (away >= edges[0]) & (away < edges[-1])
            step = (edges[-1] - edges[0]) / (edges.size - 1)
            ring = np.minimum(((away[there] - edges[0]) / step).astype(int), edges.size - 2)
            place = self.position[there] * (edges.size - 1) + ring
            sums += np.bincount(place, self.weights[there], sums.size).reshape(sums.shape)
            return {item.name: sums, f"{item.name}/count": counts}
        assert item.contains is not None
        inside = np.asarray(item.contains(dy, dx), bool) & used.ravel()[self.pixel]
        if item.kind == "moved":
            counts = np.array([
                (np.asarray(item.contains(ky[:, None] - y, kx - x), bool) & used).sum()
                for y, x in centres
            ], np.float64)  # fmt: skip
            image = np.bincount(self.position, self.weights * inside, self.positions)
            return {item.name: image, f"{item.name}/count": counts}
        powers = (1.0, ky[row], ky[row] ** 2, kx[column], kx[column] ** 2)
        moments = [
            np.bincount(self.position, self.weights * inside * power, self.positions)
            for power in powers
        ]
        return {item.name: np.stack(moments, axis=-1)}

    def patterns(self, places: Places) -> dict[str, xr.Variable]:
        """Return sums over the scan, for each position of dimensions that are kept."""
        kept = [dim for dim in self.scan if dim not in places.over]
        sizes = [self.data.sizes[dim] for dim in self.scan]
        index = np.unravel_index(self.position, sizes)
        outer = [self.data.sizes[dim] for dim in kept]
        group = np.zeros(self.position.shape, np.int64)
        for dim, size in zip(kept, outer, strict=True):
            group = group * size + index[self.scan.index(dim)]
        pixels, count = int(np.prod(self.shape)), int(np.prod(outer))
        place = group * pixels + self.pixel
        full = (*outer, *self.shape)
        # Of a list that was not made here, several events may be at the same place.
        whole, where = np.unique(self.position * pixels + self.pixel, return_inverse=True)
        sums = np.bincount(where, self.weights, len(whole))
        joined = place[np.unique(where, return_index=True)[1]] if len(whole) < len(place) else place
        weights = sums if len(whole) < len(place) else self.weights
        largest = np.zeros(count * pixels, self.data.dtype)
        np.maximum.at(largest, joined, weights.astype(self.data.dtype))
        each = {
            "total": np.bincount(place, self.weights, count * pixels),
            "squares": np.bincount(joined, weights**2, count * pixels),
            "largest": largest,
            "count": np.full(count * pixels, float(self.positions // max(count, 1))),
        }
        return {
            f"scan/{name}": xr.Variable((*kept, *self.plane), values.reshape(full))
            for name, values in each.items()
        }


def require_events(events: xr.Dataset) -> tuple[list[str], tuple[str, str]]:
    """Return the dimensions of scan and pattern of a list of events; raise where it is none."""
    if not isinstance(events, xr.Dataset) or not set(VARIABLES) <= set(events):
        message = f"expected a list of events as of `find_events`, with {VARIABLES}"
        raise DataError(message)
    scan, plane = events.attrs.get("scan"), events.attrs.get("pattern")
    if not scan or not plane or any(dim not in events.coords for dim in (*scan, *plane)):
        message = "the list of events does not say what scan and pattern it is of"
        raise DataError(message)
    for name, dims in (("position", scan), ("pixel", plane)):
        size = int(np.prod([events.sizes[dim] for dim in dims]))
        values = events[name].values
        if values.size and not (values.min() >= 0 and values.max() < size):
            message = f"{name} of events must be from 0 to {size - 1}"
            raise DataError(message)
    return [str(dim) for dim in scan], (str(plane[0]), str(plane[1]))
