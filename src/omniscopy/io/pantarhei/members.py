"""Members of a PantaRhei file: arrays of NumPy, some of which are texts in JSON."""

import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Mapped
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.jpk.archive import Member
from omniscopy.io.numpy_files.headers import read_header
from omniscopy.io.pantarhei.arrays import PackedArray
from omniscopy.io.records import LazyArray

_LARGEST_TEXT = 1 << 25
_LONGEST_HEADER = 1 << 14


def read_text(path: Path, member: Member) -> Any:
    """Return what a text in JSON says, `None` where it is damaged or no text."""
    if member.size > _LARGEST_TEXT:
        return None
    raw = member.read(path)
    try:
        shape, _, dtype, offset = read_header(io.BytesIO(raw), path)
    except FormatError:
        return None
    if dtype.kind not in "US" or math.prod(shape) != 1:
        return None
    codec = "utf-8" if dtype.kind == "S" else f"utf-32-{'be' if dtype.str[0] == '>' else 'le'}"
    try:
        return json.loads(raw[offset:].decode(codec).rstrip("\0"))
    except (ValueError, RecursionError):
        return None


def read_array(path: Path, member: Member) -> LazyArray:
    """Return a handle of the numbers in a member."""
    start = member.place(path) if member.stored else None
    if start is None:
        head = io.BytesIO(member.read(path))
    else:
        with path.open("rb") as file:
            file.seek(start)
            head = io.BytesIO(file.read(min(member.size, _LONGEST_HEADER)))
    shape, order, dtype, offset = read_header(head, path)
    if dtype.kind not in "biufc":
        message = f"the array holds values of type {dtype}, not numbers"
        raise UnsupportedFormatError(message, path=path, key=member.name)
    wanted = math.prod(shape) * dtype.itemsize
    if offset + wanted > member.size:
        message = f"an array {shape} of {dtype} needs {wanted} bytes, {member.size} are there"
        raise FormatError(message, path=path, key=member.name)
    if start is None:
        return PackedArray(str(path), member, shape, np.dtype(dtype))
    return Mapped(str(path), start + offset, shape, np.dtype(dtype), order)
