"""What the ancillary tables of a USID dataset say: a grid, or places and steps without one."""

import math
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from omniscopy.io.errors import FormatError
from omniscopy.io.records import Axis, Variable, line_of
from omniscopy.io.storage.hdf5_plain import read_attributes, spelled
from omniscopy.io.storage.hdf5_values import load, require_values
from omniscopy.io.usid.acquisition import (
    indices_of,
    is_unmended,
    table_of,
    units_as_acquired,
    written_steps,
)
from omniscopy.io.usid.rasters import Raster, find_raster
from omniscopy.model.errors import DataError
from omniscopy.model.units import conversion_factor, parse
from omniscopy.model.vocabulary import DIMENSIONS, kind_of

# What stands for "no dimension": the layout demands one.
NO_DIMENSION = frozenset({"arb", "arb.", "single_step", "none", ""})
NO_UNITS = frozenset({"", "a.u.", "a. u.", "generic", "none"})
INCOMPLETE = 1


@dataclass(frozen=True)
class Side:
    """The positions or the spectroscopic steps of a table, as dimensions slow to fast.

    `order` says which line of the table stands at each place, `None` where they follow each
    other; `raster` is the grid of a long table that was not read whole.
    """

    axes: list[Axis] = field(default_factory=list)
    coordinates: Mapping[str, Variable] = field(default_factory=dict)
    order: np.ndarray | None = None
    raster: Raster | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the sizes of the dimensions."""
        return tuple(axis.size for axis in self.axes)

    @property
    def names(self) -> set[str]:
        """Return the names of all dimensions and coordinates."""
        return {axis.name for axis in self.axes} | set(self.coordinates)


@dataclass(frozen=True)
class _Column:
    """One dimension of the file: its label, and index and value for every line."""

    name: str
    label: str
    units: str | None
    kind: str
    indices: np.ndarray
    values: np.ndarray

    @property
    def attrs(self) -> dict[str, Any]:
        known = DIMENSIONS.get(self.name)
        quantity = known.quantity if known else self.label.replace("_", " ").lower()
        stated = {"units": self.units, "quantity": quantity, "kind": self.kind}
        named = {"long_name": self.label} if self.label != self.name else {}
        return {**{key: value for key, value in stated.items() if value}, **named}


def read_side(
    main: Any, side: str, *, taken: Container[str] = (), whole_tables: bool = False
) -> Side:
    """Return what the tables `<side>_Indices` and `<side>_Values` of a dataset say."""
    number = 0 if side == "Position" else 1
    indices = table_of(main, f"{side}_Indices")
    values = table_of(main, f"{side}_Values")
    wanted = main.shape[number]
    require_values(indices)
    require_values(values)
    mended = number == 1 and is_unmended(main.file)
    if mended and wanted == 1 != values.shape[-1]:
        return Side()  # a result with the tables of what it was made of
    if indices.ndim != 2 or indices.shape != values.shape or indices.shape[number] != wanted:
        message = (
            f"the tables {indices.name!r} {indices.shape} and {values.name!r} "
            f"{values.shape} do not describe the {wanted} lines of {main.name!r}"
        )
        raise FormatError(message, path=main.file.filename, key=main.name)
    if indices.dtype.kind not in "iuf" or values.dtype.kind not in "iuf":
        message = f"the tables of {main.name!r} hold no numbers"
        raise FormatError(message, path=main.file.filename, key=main.name)
    said = {**read_attributes(values), **read_attributes(indices)}
    if not (whole_tables or mended or _is_incomplete(said)):
        raster = find_raster(indices, values, number)
        if raster is not None:
            return _as_raster(
                _columns(said, [()] * len(raster.axes), raster.axes, side, taken), raster
            )
    table, coordinates = load(indices), load(values)
    if number == 1:
        table, coordinates = table.T, coordinates.T
    if mended:
        table = indices_of(coordinates)
        labels = _texts(said.get("labels"), coordinates.shape[1])
        stated = _texts(said.get("units"), len(labels)) or [""] * len(labels)
        said["units"] = [unit or units_as_acquired(label)
                         for label, unit in zip(labels, stated, strict=False)]  # fmt: skip
    table = written_steps(table, _texts(said.get("labels"), table.shape[1]))
    columns = _columns(said, list(table.T), list(coordinates.T), side, taken)
    if _is_placeholder(columns):
        return Side()
    grid = None if _is_incomplete(said) else _find_grid(columns)
    return _as_list(columns, side) if grid is None else _as_grid(columns, *grid)


def _columns(
    said: Mapping[str, Any],
    indices: Sequence[npt.ArrayLike],
    values: Sequence[npt.ArrayLike],
    side: str,
    taken: Container[str],
) -> list[_Column]:
    count = len(values)
    labels = _texts(said.get("labels"), count) or _labels_of_regions(said, side, count)
    units = _texts(said.get("units"), count)
    columns: list[_Column] = []
    for number in range(count):
        label = labels[number] if number < len(labels) else ""
        unit = units[number] if number < len(units) else ""
        word = _word(label, unit) or f"{side.lower()}_{number}"
        name = _name(word, {c.name for c in columns}, taken)
        columns.append(
            _Column(
                name=name,
                label=label or name,
                units=_units(unit, name),
                kind="spatial" if side == "Position" else _kind(name, unit),
                indices=np.asarray(indices[number]).astype(np.int64),
                values=np.asarray(values[number]).astype(np.float64),
            )
        )
    return columns


def _find_grid(columns: list[_Column]) -> tuple[list[int], list[int], np.ndarray | None] | None:
    """Return columns slow to fast, sizes and the order of lines, `None` where there is no grid.

    The order is found by counting how often each index changes, since the order of the columns
    means nothing; the indices themselves say where each line belongs.
    """
    lines = len(columns[0].indices)
    if not lines:
        return None
    ranks = [_ranks(column.indices) for column in columns]
    if math.prod(size for _, size in ranks) != lines:
        return None
    changes = [np.count_nonzero(rank[1:] != rank[:-1]) for rank, _ in ranks]
    slow_first = sorted(range(len(columns)), key=lambda number: changes[number])
    sizes = [ranks[number][1] for number in slow_first]
    places = np.zeros(lines, np.int64)
    for number, size in zip(slow_first, sizes, strict=True):
        places = places * size + ranks[number][0]
    if np.array_equal(places, np.arange(lines)):
        return slow_first, sizes, None
    order = np.full(lines, -1, np.int64)
    order[places] = np.arange(lines)
    return None if np.any(order < 0) else (slow_first, sizes, order)


def _ranks(indices: np.ndarray) -> tuple[np.ndarray, int]:
    """Return for each index the how many-th it is among those there are, and their number."""
    low, high = int(indices.min()), int(indices.max())
    if high - low > 4 * len(indices) + 1024:
        found, ranks = np.unique(indices, return_inverse=True)
        return ranks.ravel(), len(found)
    there = np.zeros(high - low + 1, bool)
    there[indices - low] = True
    return (np.cumsum(there) - 1)[indices - low], int(np.count_nonzero(there))


def _as_grid(
    columns: list[_Column], slow_first: list[int], sizes: list[int], order: np.ndarray | None
) -> Side:
    """Return dimensions with their coordinates, N-D where one depends on other dimensions."""
    chosen = [columns[number] for number in slow_first]
    grids = [
        (column.values if order is None else column.values[order]).reshape(sizes)
        for column in chosen
    ]
    along = [_depends_on(values, own) for own, values in enumerate(grids)]
    dims = [
        column.name if axes == [own] else f"{column.name}_step"
        for own, (column, axes) in enumerate(zip(chosen, along, strict=True))
    ]
    made: list[Axis] = []
    coordinates: dict[str, Variable] = {}
    for own, (column, values, axes) in enumerate(zip(chosen, grids, along, strict=True)):
        part = values[tuple(slice(None) if axis in axes else 0 for axis in range(len(sizes)))]
        if axes == [own]:
            made.append(_axis(column, part))
            continue
        made.append(Axis(name=dims[own], size=sizes[own], kind=column.kind, units="1"))
        named = tuple(dims[axis] for axis in axes)
        coordinates[column.name] = Variable(dims=named, data=part, attrs=column.attrs)
    return Side(made, coordinates, order)


def _as_raster(columns: list[_Column], raster: Raster) -> Side:
    """Return dimensions of a grid; the values of a column are those of its axis."""
    axes = [_axis(columns[number], columns[number].values) for number in raster.slow_first]
    return Side(axes, raster=raster)


def _axis(column: _Column, values: np.ndarray) -> Axis:
    line = line_of(values)
    attrs = {key: value for key, value in column.attrs.items() if key == "long_name"}
    return Axis(
        name=column.name,
        size=len(values),
        offset=line[0] if line else 0.0,
        scale=line[1] if line else 1.0,
        values=None if line else np.ascontiguousarray(values),
        units=column.units,
        quantity=column.attrs["quantity"],
        kind=column.kind,
        attrs=attrs,
    )


def _as_list(columns: list[_Column], side: str) -> Side:
    """Return one dimension with flat coordinates: places or steps that are no grid."""
    lines = len(columns[0].indices)
    dim = "point" if side == "Position" else "sample"
    counting = all(np.array_equal(column.indices, np.arange(lines)) for column in columns)
    coordinates: dict[str, Variable] = {}
    for column in columns:
        coordinates[column.name] = Variable(dims=(dim,), data=column.values, attrs=column.attrs)
        if not counting:
            coordinates[f"{column.name}_index"] = Variable(
                dims=(dim,), data=column.indices, attrs={"units": "1", "quantity": "index"}
            )
    return Side([Axis(name=dim, size=lines)], coordinates)


def _depends_on(values: np.ndarray, own: int) -> list[int]:
    """Return the axes along which a coordinate changes, always with its own."""
    found = [own]
    for axis in range(values.ndim):
        first = np.take(values, [0], axis=axis)
        if axis != own and not np.array_equal(
            np.broadcast_to(first, values.shape), values, equal_nan=True
        ):
            found.append(axis)
    return sorted(found)


def _is_incomplete(said: Mapping[str, Any]) -> bool:
    types = said.get("type")
    flagged = isinstance(types, list) and INCOMPLETE in types
    return flagged or bool(said.get("incomplete_dimensions"))


def _is_placeholder(columns: list[_Column]) -> bool:
    """Return whether a side has a single line that stands for no dimension at all."""
    if not columns:
        return True
    if len(columns) > 1 or len(columns[0].indices) != 1:
        return False
    label = columns[0].label.strip().lower().replace(" ", "_")
    return label in NO_DIMENSION or (columns[0].units or "").strip().lower() in NO_UNITS


def _texts(value: Any, count: int) -> list[str]:
    items = value if isinstance(value, list) else [value] if isinstance(value, str) else []
    return [str(item).strip() for item in items[:count]]


def _labels_of_regions(said: Mapping[str, Any], side: str, count: int) -> list[str]:
    """Return labels of the oldest files: the names of region references to single columns."""
    across = 1 if side == "Position" else 0
    found: dict[int, str] = {}
    for key, value in said.items():
        blocks = value.get("blocks") if isinstance(value, dict) else None
        if blocks:
            found.setdefault(blocks[0][0][across], key)
    return [found[number] for number in range(count)] if set(found) == {*range(count)} else []


def _word(label: str, unit: str) -> str:
    """Return a label, or the field's name for it: band excitation's offset is the bias."""
    if label.strip().lower() != "dc_offset":
        return label
    try:
        conversion_factor(spelled(unit) or "1", "V")
    except DataError:
        return label
    return "bias"


def _name(label: str, others: Container[str], taken: Container[str]) -> str:
    """Return a label as the name of a dimension: the vocabulary's where it is that word."""
    word = label.strip().lower().replace(" ", "_")
    stem = word if word in DIMENSIONS else label.strip().replace("/", "_")
    stem = name = "signal_axis" if stem == "signal" else stem
    number = 1
    while name in others or name in taken:
        name, number = f"{stem}_{number}", number + 1
    return name


def _units(unit: str, name: str) -> str | None:
    known = DIMENSIONS.get(name)
    if not unit and known and known.units == "1":
        return "1"
    return None if unit.strip().lower() in ("", "generic", "none") else spelled(unit)


def _kind(name: str, unit: str) -> str:
    """Return the kind of a spectroscopic dimension, by its name or else by its unit."""
    try:
        powers = dict(parse(unit).powers)
    except DataError:
        powers = {}
    return kind_of(name) or ("temporal" if powers == {"s": 1.0} else "spectral")
