"""Writing what is along one dimension as a table."""

import csv
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from dask.base import compute

from omniscopy.io.csv_tables.table import START
from omniscopy.io.errors import UnsupportedFormatError
from omniscopy.io.storage.attributes import encode_attrs
from omniscopy.io.storage.stored import SIGNAL
from omniscopy.model.errors import DataError

# Rows that are computed and written at a time.
_ROWS = 1 << 16


def write(tree: xr.DataTree, path: Path) -> None:
    """Write a spectrum, a profile or a table of results as text, streaming lazy values.

    Parameters
    ----------
    tree : DataTree
        One array or set of results along one dimension; single numbers are a column of their
        own. Columns are named with their units, as in `energy_loss (eV)`; numbers have all
        digits. Attributes and history are kept in the first line, a comment.
    path : Path
        The file to write.

    Raises
    ------
    UnsupportedFormatError
        There is more than one set of results, or it has more than one dimension.
    DataError
        Values are neither real numbers nor text.
    """
    node, dim = _require_table(tree)
    order = sorted(node.variables, key=lambda name: (name != dim, name not in node.coords))
    columns = {str(name): node.variables[name] for name in order}
    for name, values in columns.items():
        _require_plain(name, values)
    note = {
        "root": dict(tree.attrs),
        "name": next(iter(tree.children), ""),
        "attrs": dict(node.attrs),
        "columns": [
            {
                "name": name,
                "dims": list(values.dims),
                "dtype": values.dtype.str if values.dtype.kind in "biuf" else "text",
                "coordinate": name in node.coords,
                "attrs": dict(values.attrs),
            }
            for name, values in columns.items()
        ],
    }
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(START + encode_attrs(note) + "\n")
        table = csv.writer(file, lineterminator="\n")
        titles = {SIGNAL: next(iter(tree.children), SIGNAL)}
        table.writerow(
            [_heading(titles.get(name, name), values) for name, values in columns.items()]
        )
        table.writerows(_rows(columns, dim, node.sizes[dim] if dim else 1))


def _require_table(tree: xr.DataTree) -> tuple[xr.Dataset, str | None]:
    """Return the one set of variables, and the dimension that it has, `None` for single numbers."""
    nodes = [node for node in tree.subtree if node.has_data]
    what = "a table holds one array or set of results along one dimension"
    remedy = "save it to .zarr, .nc or .h5"
    if len(nodes) != 1 or not nodes[0].data_vars:
        held = ", ".join(node.path for node in nodes) or "nothing"
        message = f"{what}, but there is {held}; save one by itself, or {remedy}"
        raise UnsupportedFormatError(message)
    dataset = nodes[0].to_dataset(inherit=False)
    if len(dataset.sizes) > 1:
        first = next(iter(dataset.sizes))
        message = (
            f"{what}, but {nodes[0].path} has {dict(dataset.sizes)}; select a part, as with "
            f"`.isel({first}=0)`, or {remedy}"
        )
        raise UnsupportedFormatError(message)
    return dataset, next((str(dim) for dim in dataset.sizes), None)


def _require_plain(name: str, values: xr.Variable) -> None:
    kind = values.dtype.kind
    if kind in "biufU" or (kind == "O" and all(isinstance(v, str) for v in values.values.flat)):
        return
    instead = (
        "save `.real` and `.imag` one by one" if kind == "c" else "convert it, as with `.astype`"
    )
    message = (
        f"a table holds real numbers and text, but {name!r} is of type {values.dtype}; {instead}, "
        "or save to .zarr, .nc or .h5"
    )
    raise DataError(message)


def _heading(name: str, values: xr.Variable) -> str:
    units = values.attrs.get("units")
    return f"{name} ({units})" if units else name


def _rows(columns: dict[str, xr.Variable], dim: str | None, size: int) -> Iterator[list[str]]:
    for start in range(0, size, _ROWS):
        part = {} if dim is None else {dim: slice(start, start + _ROWS)}
        block = [values.isel(part, missing_dims="ignore").data for values in columns.values()]
        found = [np.asarray(values) for values in compute(*block)]  # type: ignore[no-untyped-call]
        rows = min(_ROWS, size - start)
        yield from zip(*(_texts(np.broadcast_to(values, rows)) for values in found), strict=True)


def _texts(values: np.ndarray) -> list[str]:
    """Return the shortest texts that give the same values again."""
    if values.dtype.kind == "b":
        return [str(int(value)) for value in values]
    if values.dtype.kind == "f" and values.dtype.itemsize != 8:
        return [str(value) for value in values]
    return [_text(value) for value in values.tolist()]


def _text(value: Any) -> str:
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else str(value)
    return str(value)
