"""Tables of positions: what is asked of them, and doing the same for each of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.model import DataError, Status, coordinate, result

ATOM = "atom"
# Dimensions of the tables made here, beside those of the vocabulary: their kinds.
_KINDS = {
    "bond": "point", "ring": "point", "pair": "point", "defect": "point", "unit": "point",
    "track": "point", "domain": "point", "sublattice": "point", "corner": "parameter",
    "neighbour": "parameter", "plane": "point", "side": "parameter",
}  # fmt: skip


@dataclass(frozen=True)
class Column:
    """One variable of a table: its units, dimensions, type, and what stands for nothing."""

    units: str | None
    dims: tuple[str, ...] = (ATOM,)
    dtype: npt.DTypeLike = np.float64
    fill: float = np.nan


STATUS = Column("1", (ATOM,), np.uint8, Status.NO_DATA)
COUNT = Column("1", (), np.int64, 0)
Columns = Mapping[str, Column]
Arrays = dict[str, np.ndarray]


def require_positions(
    positions: object, *, at_least: int = 1, needs: Sequence[str] = (), what: str = "positions"
) -> str | None:
    """Return the units of a table of positions; raise unless it is one."""
    if not isinstance(positions, xr.Dataset):
        message = (
            f"{what} must be a Dataset with 'y' and 'x' along 'atom', such as `find_atoms` gives, "
            f"got {type(positions).__name__}"
        )
        raise DataError(message)
    missing = [name for name in ("y", "x", *needs) if name not in positions.variables]
    if missing:
        message = (
            f"{what} must have the variables {missing}; there are {sorted(map(str, positions))}"
        )
        raise DataError(message)
    wrong = [name for name in ("y", "x", *needs) if ATOM not in positions[name].dims]
    if wrong:
        message = f"{what}: {wrong} must lie along 'atom', got {positions[wrong[0]].dims}"
        raise DataError(message)
    _require_real(positions, ("y", "x", *needs), what)
    units = positions["y"].attrs.get("units")
    if units != positions["x"].attrs.get("units"):
        message = (
            f"{what}: 'y' and 'x' must have the same units, got {units!r} and "
            f"{positions['x'].attrs.get('units')!r}"
        )
        raise DataError(message)
    if positions.sizes[ATOM] < at_least:
        message = f"{what} holds {positions.sizes[ATOM]} atoms; at least {at_least} are needed"
        raise DataError(message)
    return units


def require_table(table: object, names: Sequence[str], *, what: str, maker: str) -> xr.Dataset:
    """Return a Dataset that has these variables, of real numbers, as an operation makes it."""
    if not isinstance(table, xr.Dataset) or any(name not in table for name in names):
        message = (
            f"{what} must be a Dataset with {tuple(names)}, such as `{maker}` gives, got "
            f"{type(table).__name__}"
        )
        raise DataError(message)
    _require_real(table, names, what)
    return table


def _require_real(table: xr.Dataset, names: Sequence[str], what: str) -> None:
    unfit = [name for name in names if table[name].dtype.kind not in "biuf"]
    if unfit:
        message = f"{what}: {unfit} must be real numbers, got {table[unfit[0]].dtype}"
        raise DataError(message)


def require_length(name: str, length: float | None) -> None:
    """Raise unless a length, if one is given, is above 0."""
    if length is not None and not (np.isfinite(length) and length > 0):
        message = f"{name} must be above 0, in the units of the positions, got {length!r}"
        raise DataError(message)


def require_count(name: str, count: int, at_least: int = 1) -> None:
    """Raise unless a number of things is large enough."""
    if count < at_least:
        message = f"{name} must be at least {at_least}, got {count!r}"
        raise DataError(message)


def known(positions: xr.Dataset, *names: str) -> list[str]:
    """Return which of these variables a table of positions has, as numbers along its atoms."""
    return [
        name
        for name in names
        if name in positions.variables
        and ATOM in positions[name].dims
        and positions[name].dtype.kind in "biuf"
    ]


def with_brightness(positions: xr.Dataset) -> xr.Dataset:
    """Return a table in which fitted amplitudes stand for intensities, where it has none."""
    if "intensity" in positions or not known(positions, "amplitude"):
        return positions
    return positions.assign(intensity=positions["amplitude"])


def map_tables(  # noqa: PLR0913 - what is made of what, and how it is cut
    work: Callable[..., Arrays],
    positions: xr.Dataset,
    columns: Columns,
    *,
    sizes: Mapping[str, int] | None = None,
    given: Sequence[str] = (),
    others: Mapping[str, xr.DataArray] | None = None,
    whole: Sequence[str] = (),
    trim: str | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> xr.Dataset:
    """Do `work` for every table of positions, and return the tables that it makes.

    Parameters
    ----------
    work : callable
        ``work(points, rows, **arrays, **parameters)`` of one table: `points` (atoms, 2) are the
        y and x of atoms that have both, `rows` their numbers. It returns arrays by the names of
        `columns`: along ``atom`` one value for each of `points`, along others as many as found.
    positions : Dataset, shape (..., atom)
        Lazy or in memory.
    columns : mapping of str to Column
        What is made.
    sizes : mapping, optional
        Of dimensions of `columns` other than ``atom``; more is cut off.
    given : sequence of str
        Further variables of `positions` that `work` takes, of the same atoms.
    others : mapping of str to DataArray, optional
        Further arrays that `work` takes; of their dimensions those in `whole` as a whole.
    trim : str, optional
        A dimension that in memory is cut to the most found, which is the variable ``count``.
    parameters : mapping, optional
        Further arguments of `work`.

    Returns
    -------
    Dataset
        With units, and coordinates of all dimensions.
    """
    sizes = {ATOM: positions.sizes[ATOM], **(sizes or {})}
    others = others or {}
    table = _Table(
        work, columns, sizes, tuple(given), tuple(others), dict(parameters or {}),
        tuple(sum(dim in whole for dim in each.dims) for each in others.values()),
    )  # fmt: skip
    also = [positions["x"], *(positions[name] for name in given), *others.values()]
    made = map_signal(
        table.run, positions["y"], dim=ATOM, also=also, whole=whole,
        output_dims=[{dim: sizes[dim] for dim in column.dims} for column in columns.values()],
        dtypes=[column.dtype for column in columns.values()],
    )  # fmt: skip
    found = result(
        None,
        **{
            name: (values, column.units)
            for (name, column), values in zip(columns.items(), made, strict=True)
        },
    )
    if trim is not None and all(values.chunks is None for values in made):
        most = min(int(found["count"].max()) if found["count"].size else 0, sizes[trim])
        found = found.isel({trim: slice(most)})
    return with_coordinates(found, positions)


def with_coordinates(found: xr.Dataset, positions: xr.Dataset) -> xr.Dataset:
    """Return a table with coordinates of the dimensions that have none."""
    for dim in map(str, found.dims):
        if dim in found.coords:
            continue
        if dim == ATOM and ATOM in positions.coords:
            found = found.assign_coords({ATOM: positions.coords[ATOM].variable})
            continue
        stated = {"kind": _KINDS[dim], "quantity": dim} if dim in _KINDS else {}
        numbers = np.arange(found.sizes[dim])
        found = found.assign_coords({dim: coordinate(dim, numbers, "1", **stated)})
    return found


@dataclass(frozen=True)
class _Table:
    """What is done with a block of tables."""

    work: Callable[..., Arrays]
    columns: Columns
    sizes: Mapping[str, int]
    given: tuple[str, ...]
    others: tuple[str, ...]
    parameters: Mapping[str, Any]
    inner: tuple[int, ...]

    def run(self, y: np.ndarray, x: np.ndarray, *arrays: np.ndarray) -> Any:
        """Return the columns of every table of a block."""
        count = len(self.given)
        own = [np.asarray(y, np.float64), np.asarray(x, np.float64), *arrays[:count]]
        inner = (1,) * len(own) + self.inner
        every = [*own, *arrays[count:]]
        outer = np.broadcast_shapes(
            *(each.shape[: each.ndim - n] for each, n in zip(every, inner, strict=True))
        )
        every = [
            np.broadcast_to(each, (*outer, *each.shape[each.ndim - n :]))
            for each, n in zip(every, inner, strict=True)
        ]
        made = {
            name: np.full((*outer, *(self.sizes[d] for d in each.dims)), each.fill, each.dtype)
            for name, each in self.columns.items()
        }
        for place in np.ndindex(*outer):
            points = np.stack([every[0][place], every[1][place]], axis=-1)
            rows = np.flatnonzero(np.isfinite(points).all(axis=-1))
            if not len(rows):
                continue
            mine = {
                name: each[place][rows]
                for name, each in zip(self.given, every[2 : 2 + count], strict=True)
            }
            rest = {
                name: each[place]
                for name, each in zip(self.others, every[2 + count :], strict=True)
            }
            found = self.work(points[rows], rows, **mine, **rest, **self.parameters)
            for name, values in found.items():
                _write(made[name], place, np.asarray(values), self.columns[name].dims, rows)
        listed = [made[name] for name in self.columns]
        return listed[0] if len(listed) == 1 else tuple(listed)


def _write(
    out: np.ndarray, place: tuple[int, ...], values: np.ndarray, dims: tuple[str, ...],
    rows: np.ndarray,
) -> None:  # fmt: skip
    """Write what was found of one table; what is too long is cut off."""
    target = out[place] if dims else out
    if not dims:
        target[place] = values
        return
    fits: tuple[Any, ...] = tuple(
        slice(min(n, m)) for n, m in zip(values.shape, target.shape, strict=True)
    )
    if dims[0] == ATOM:
        target[(rows, *fits[1:])] = values[(slice(None), *fits[1:])]
    else:
        target[fits] = values[fits]
