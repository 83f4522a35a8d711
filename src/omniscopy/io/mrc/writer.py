"""Writing one image, stack, volume or scan as an MRC file (MRC2014)."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.io.mrc.header import FIELDS, HEADER_BYTES, NOTE_TYPE
from omniscopy.io.mrc.reader import FIRST_VOLUME_STACK
from omniscopy.io.regular import require_even
from omniscopy.io.single_arrays import describe_array, only_array, shape_note
from omniscopy.io.storage.stored import ChunkedTarget, native_chunks, stream
from omniscopy.model.errors import DataError
from omniscopy.model.units import conversion_factor, is_unit

_MODES = {"int8": 0, "int16": 1, "float32": 2, "complex64": 4, "uint16": 6, "float16": 12}
# What becomes a type of the format without loss.
_WIDENED = {"bool": "int8", "uint8": "uint16"}
_INSTEAD = {"float64": "float32", "complex128": "complex64"}
_VERSION = 20141
_UNKNOWN_RMS = -1.0
_BLOCK = 1 << 22


def write(tree: xr.DataTree, path: Path) -> None:
    """Write the one array of a tree as an MRC file, streaming lazy values.

    Parameters
    ----------
    tree : DataTree
        Two to four dimensions, the last two of which are an image: (y, x), (frame, y, x),
        (z, y, x), (frame, z, y, x) or (y, x, ky, kx). Spatial dimensions give the cell, in Å.
        Truth values become int8, uint8 becomes uint16. Attributes and history are kept in the
        extended header.
    path : Path
        The file to write.

    Raises
    ------
    UnsupportedFormatError
        There is more than one variable, or a spatial dimension is uneven.
    DataError
        The values are of a type that the format has not.
    """
    what = "an MRC file"
    data = only_array(tree, what=what, ndims=[2, 3, 4])
    dtype = _require_type(data)
    note = f"{shape_note(data)}{describe_array(tree, data)}".encode()
    # A whole number of pixels of any type, as some programs want it.
    note = note.ljust(-(-len(note) // 16) * 16)
    with path.open("wb") as file:
        file.write(bytes(HEADER_BYTES) + note)
        file.truncate(HEADER_BYTES + len(note) + data.size * dtype.itemsize)
    statistics: tuple[float, ...] = (0.0, -1.0, -2.0, _UNKNOWN_RMS)
    if data.size:
        target = np.memmap(path, dtype, "r+", HEADER_BYTES + len(note), data.shape)
        values, chunks = native_chunks(data.data)
        stream([(values.astype(dtype), ChunkedTarget(target, chunks))])
        target.flush()
        statistics = _statistics(target)
    header = _header(data, dtype, len(note), statistics, what)
    with path.open("r+b") as file:
        file.write(header)


def _require_type(data: xr.DataArray) -> np.dtype[Any]:
    name = data.dtype.name
    name = _WIDENED.get(name, name)
    if name not in _MODES:
        instead = _INSTEAD.get(name, "float32")
        message = (
            f"an MRC file holds {', '.join(_MODES)}, not values of type {name}; convert them with "
            f"`.astype({instead!r})`, or save to .zarr, .nc or .h5"
        )
        raise DataError(message)
    return np.dtype(name).newbyteorder("<")


def _header(
    data: xr.DataArray, dtype: np.dtype[Any], extended: int, found: tuple[float, ...], what: str
) -> bytes:
    *lead, rows, columns = data.shape
    sections = int(np.prod(lead, dtype=np.int64))
    if max(sections, rows, columns) >= 2**31:
        message = f"{what} holds up to 2147483647 pixels along a side, not {data.shape}"
        raise DataError(message)
    names = [str(dim) for dim in data.dims]
    is_volume = len(names) > 2 and names[-3] == "z"
    depth = data.shape[-3] if is_volume else 1
    cell, origin = zip(
        *(_extent(data, names[at], what) for at in ((-1, -2, -3) if is_volume else (-1, -2))),
        strict=True,
    )
    group = 0 if not is_volume else 1 if len(names) == 3 else FIRST_VOLUME_STACK
    record = np.zeros(1, FIELDS.newbyteorder("<"))
    label = b"Written by Omniscopy".ljust(80)
    values: dict[str, Any] = {
        "size": (columns, rows, sections), "mode": _MODES[dtype.newbyteorder("=").name],
        "grid": (columns, rows, depth), "cell": (*cell, *(0.0,) * (3 - len(cell))),
        "angles": (90.0,) * 3, "axes": (1, 2, 3), "density": found[:3], "space_group": group,
        "extended_bytes": extended, "extended_type": NOTE_TYPE, "version": _VERSION,
        "origin": (*origin, *(0.0,) * (3 - len(origin))), "map": b"MAP ",
        "stamp": (0x44, 0x44, 0, 0), "rms": found[3], "label_count": 1,
        "labels": (label, *(b"",) * 9),
    }  # fmt: skip
    for name, value in values.items():
        record[name] = value
    return record.tobytes()


def _extent(data: xr.DataArray, dim: str, what: str) -> tuple[float, float]:
    """Return length and origin of a dimension in Å, 0 where it is no length."""
    units = data.coords[dim].attrs.get("units") if dim in data.coords else None
    if not units or not is_unit(units):
        return 0.0, 0.0
    try:
        factor = conversion_factor(units, "Å")
    except ValueError:
        return 0.0, 0.0
    line = require_even(data, dim, what=what)
    lowest = line.offset if not line.descends else float(data.coords[dim].values[-1])
    return line.length * factor, lowest * factor


def _statistics(values: np.ndarray) -> tuple[float, ...]:
    """Return minimum, maximum, mean and deviation, marks of "unknown" where there are none."""
    if values.dtype.kind == "c":
        return 0.0, -1.0, -2.0, _UNKNOWN_RMS
    flat = values.reshape(-1)
    parts = (flat[at : at + _BLOCK].astype(np.float64) for at in itertools.count(0, _BLOCK))
    lowest, highest, total, squares, count = np.inf, -np.inf, 0.0, 0.0, 0
    for part in itertools.takewhile(len, parts):
        finite = part[np.isfinite(part)]
        if not len(finite):
            continue
        lowest, highest = min(lowest, finite.min()), max(highest, finite.max())
        total, squares = total + finite.sum(), squares + (finite**2).sum()
        count += len(finite)
    if not count:
        return 0.0, -1.0, -2.0, _UNKNOWN_RMS
    mean = total / count
    return lowest, highest, mean, max(squares / count - mean**2, 0.0) ** 0.5
