"""Writing 4D-STEM data as a block file."""

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.io.array_notes import NOTE_MARK
from omniscopy.io.blockfile.header import (
    CAMERA_LENGTHS_PER_METRE,
    FIELDS,
    MAGIC,
    PATTERN_MARK,
    TEXT_OFFSET,
    VERSION,
)
from omniscopy.io.errors import UnsupportedFormatError
from omniscopy.io.regular import even_line
from omniscopy.io.single_arrays import describe_array, only_array
from omniscopy.io.storage.stored import ChunkedTarget, native_chunks, stream
from omniscopy.model.units import conversion_factor, is_unit

_EPOCH = datetime(1899, 12, 30)


def write(tree: xr.DataTree, path: Path) -> None:
    """Write the one scan of patterns of a tree as a block file, streaming lazy values.

    Parameters
    ----------
    tree : DataTree
        Square patterns of unsigned bytes in four dimensions: two of the scan, two of the
        detector. The virtual image in the file is their sum, stretched to 8 bits.
    path : Path
        The file to write.

    Raises
    ------
    UnsupportedFormatError
        There is more than one variable, or it is no scan of square patterns of bytes.
    """
    what = "a block file"
    data = only_array(tree, what=what, ndims=[4])
    rows, columns, size, width = data.shape
    if data.dtype != np.uint8 or size != width or max(data.shape) >= 2**16:
        message = (
            f"{what} holds square patterns of type uint8, not {size} x {width} of {data.dtype}; "
            "scale and convert them first, or save to .zarr"
        )
        raise UnsupportedFormatError(message)
    note = f"{NOTE_MARK}{describe_array(tree, data)}".encode()
    image_offset = -(-(TEXT_OFFSET + len(note) + 1) // 4096) * 4096
    patterns_offset = image_offset + rows * columns
    header = bytearray(image_offset)
    FIELDS.pack_into(header, 0, *_fields(data, image_offset, patterns_offset))
    header[TEXT_OFFSET : TEXT_OFFSET + len(note)] = note
    stored = np.dtype([("mark", "<u2"), ("number", "<u4"), ("pattern", "u1", (size, size))])
    with path.open("wb") as file:
        file.write(header)
        file.truncate(patterns_offset + rows * columns * stored.itemsize)
    if not data.size:
        return
    target = np.memmap(path, stored, "r+", patterns_offset, (rows, columns))
    target["mark"] = PATTERN_MARK
    target["number"] = np.arange(rows * columns).reshape(rows, columns)
    values, _ = native_chunks(data.data)
    stream([(values, ChunkedTarget(target["pattern"], (1, 1, size, size)))])
    target.flush()
    image = np.memmap(path, "u1", "r+", image_offset, (rows, columns))
    sums = np.array(
        [[pattern.sum(dtype=np.uint64) for pattern in row["pattern"]] for row in target]
    )
    lowest, highest = float(sums.min()), float(sums.max())
    image[:] = np.round((sums - lowest) * (255.0 / max(highest - lowest, 1.0)))
    image.flush()


def _fields(data: xr.DataArray, image_offset: int, patterns_offset: int) -> tuple[Any, ...]:
    rows, columns, size, _ = data.shape
    y, x, ky, _ = map(str, data.dims)
    metadata = data.attrs.get("metadata", {})
    per_metre = _step(data, ky, "cm")
    return (
        MAGIC, VERSION, image_offset, patterns_offset, 0, size, 0, columns, rows,
        _hundredths(metadata.get("scan", {}).get("rotation", 0.0)),
        _step(data, x, "nm"), _step(data, y, "nm"),
        int(metadata.get("beam", {}).get("voltage", 0)),
        min(round(100.0 / per_metre), 2**16 - 1) if per_metre else 0,
        _camera_length(metadata.get("detector", {}).get("camera_length")),
        _days(metadata.get("started")),
    )  # fmt: skip


def _step(data: xr.DataArray, dim: str, units: str) -> float:
    """Return the step along a dimension in `units`, 0 where it has no such units."""
    line = even_line(data, dim)
    if line is None or not line.units or not is_unit(line.units):
        return 0.0
    try:
        return line.length / max(line.size, 1) * conversion_factor(line.units, units)
    except ValueError:
        return 0.0


def _camera_length(metres: Any) -> int:
    if not isinstance(metres, (int, float)) or not 0 <= metres < 1000:
        return 0
    return round(metres * CAMERA_LENGTHS_PER_METRE)


def _hundredths(angle: float) -> int:
    return round(100 * angle) % 36000


def _days(started: Any) -> float:
    try:
        moment = datetime.fromisoformat(str(started)).replace(tzinfo=None)
    except ValueError:
        return 0.0
    return (moment - _EPOCH).total_seconds() / 86400
