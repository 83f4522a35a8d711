"""The ancillary tables of a USID dataset: index and value of each dimension on every line."""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from omniscopy.io.storage.hdf5_writing import link_name
from omniscopy.io.storage.stored import StoredVariable
from omniscopy.model.vocabulary import kind_of

DEFAULT, INCOMPLETE, DEPENDENT = 0, 1, 2
POSITIONS = ("spatial", "point")


@dataclass(frozen=True)
class Column:
    """One dimension of a table."""

    label: str
    units: str
    indices: np.ndarray
    values: np.ndarray
    type: int = DEFAULT


def split_dims(
    dims: tuple[str, ...], coords: Mapping[str, StoredVariable]
) -> tuple[list[str], list[str]]:
    """Return the dimensions that are positions, and those that are steps at each position."""
    rows = [dim for dim in dims if _kind(dim, coords) in POSITIONS]
    return rows, [dim for dim in dims if dim not in rows]


def make_columns(
    dims: list[str], sizes: Mapping[str, int], coords: Mapping[str, StoredVariable]
) -> list[Column]:
    """Return the columns of a table for some dimensions, slow to fast."""
    shape = tuple(sizes[dim] for dim in dims)
    columns: list[Column] = []
    for axis, dim in enumerate(dims):
        place = np.arange(shape[axis]).reshape([-1 if n == axis else 1 for n in range(len(shape))])
        indices = np.broadcast_to(place, shape).ravel()
        columns += _of_dimension(dim, dims, shape, indices, coords)
    if not columns:
        one = np.zeros(math.prod(shape), np.int64)
        columns = [Column("arb", "a.u.", one, one.astype(np.float64))]
    return columns


@dataclass
class Ancillaries:
    """The tables of a file; equal ones are written once and shared."""

    known: dict[str, tuple[Any, Any]] = field(default_factory=dict)

    def write(self, group: Any, side: str, columns: list[Column]) -> tuple[Any, Any]:
        """Return the tables of indices and of values, as datasets."""
        digest = _digest(side, columns)
        if digest not in self.known:
            self.known[digest] = (
                _write_table(group, f"{side}_Indices", columns, side),
                _write_table(group, f"{side}_Values", columns, side),
            )
        return self.known[digest]


def _of_dimension(
    dim: str,
    dims: list[str],
    shape: tuple[int, ...],
    indices: np.ndarray,
    coords: Mapping[str, StoredVariable],
) -> list[Column]:
    """Return the columns of one dimension: several for places that are no grid."""
    flat = [
        each
        for name, each in coords.items()
        if each.dims == (dim,) and name != dim and not name.endswith("_index") and _is_number(each)
    ]
    if flat and (_kind(dim, coords) == "point" or dim == "sample"):
        return [_of_list(each, dim, indices, coords) for each in flat]
    dependent = coords.get(dim.removesuffix("_step")) if dim.endswith("_step") else None
    if dependent is not None and dim in dependent.dims and set(dependent.dims) <= set(dims):
        values = _spread(dependent, dims, shape)
        return [_column(dependent, indices, values, DEPENDENT)]
    own = coords.get(dim)
    if own is None or own.dims != (dim,) or not _is_number(own):
        label = own.attrs.get("long_name") if own is not None and own.dims == (dim,) else None
        return [Column(str(label or dim), "", indices, indices.astype(np.float64))]
    return [_column(own, indices, np.asarray(own.values)[indices], DEFAULT)]


def _of_list(
    each: StoredVariable, dim: str, indices: np.ndarray, coords: Mapping[str, StoredVariable]
) -> Column:
    values = np.asarray(each.values)[indices]
    counted = coords.get(f"{each.name}_index")
    if counted is None or counted.dims != (dim,) or counted.values.dtype.kind not in "iu":
        return _column(each, indices, values, INCOMPLETE)
    return _column(each, np.asarray(counted.values)[indices], values, DEFAULT)


def _spread(dependent: StoredVariable, dims: list[str], shape: tuple[int, ...]) -> np.ndarray:
    """Return an N-D coordinate on every line of the table."""
    order = sorted(range(len(dependent.dims)), key=lambda n: dims.index(dependent.dims[n]))
    values = np.asarray(dependent.values).transpose(order)
    there = [size if dim in dependent.dims else 1 for dim, size in zip(dims, shape, strict=True)]
    return np.broadcast_to(values.reshape(there), shape).ravel()


def _column(variable: StoredVariable, indices: np.ndarray, values: np.ndarray, kind: int) -> Column:
    label = variable.attrs.get("long_name") or variable.name
    units = variable.hints.get("units") or variable.attrs.get("units") or ""
    return Column(str(label), str(units), indices, values, kind)


def _kind(dim: str, coords: Mapping[str, StoredVariable]) -> str | None:
    stem = dim.removesuffix("_step")
    own = coords.get(dim) or coords.get(stem)
    return (own.attrs.get("kind") if own is not None else None) or kind_of(dim) or kind_of(stem)


def _is_number(variable: StoredVariable) -> bool:
    return bool(variable.values.dtype.kind in "iuf")


def _digest(side: str, columns: list[Column]) -> str:
    state = hashlib.blake2b(side.encode(), digest_size=16)
    for column in columns:
        state.update(repr((column.label, column.units, column.type)).encode())
        state.update(np.ascontiguousarray(column.indices, np.int64).tobytes())
        state.update(np.ascontiguousarray(column.values, np.float64).tobytes())
    return state.hexdigest()


def _write_table(group: Any, name: str, columns: list[Column], side: str) -> Any:
    """Write a table; positions are its rows, spectroscopic steps its columns."""
    indices = name.endswith("_Indices")
    lines = [column.indices if indices else column.values for column in columns]
    with np.errstate(over="ignore"):
        table = np.stack(lines, axis=1).astype(np.uint32 if indices else np.float32)
    stored = group.create_dataset(
        link_name(name, group), data=table if side == "Position" else table.T
    )
    stored.attrs["labels"] = np.array([column.label.encode() for column in columns])
    stored.attrs["units"] = np.array([column.units.encode() or b"" for column in columns])
    stored.attrs["type"] = [column.type for column in columns]
    if side == "Spectroscopic":
        # Older programs know a column by a reference under its label.
        for number, column in enumerate(columns):
            if column.label not in stored.attrs:
                stored.attrs[column.label] = stored.regionref[number, :]
    return stored
