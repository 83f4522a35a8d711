"""Arrays of NumPy that are members of an archive."""

import io
import math
from pathlib import Path

import numpy as np

from omniscopy.io.arrays import Mapped
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.jpk.archive import Member
from omniscopy.io.numpy_files.arrays import PackedArray
from omniscopy.io.numpy_files.headers import LONGEST_HEADER, read_header
from omniscopy.io.records import LazyArray


def read_array(path: Path, member: Member) -> LazyArray:
    """Return a handle of the numbers in a member."""
    head = io.BytesIO(member.beginning(path, 2 * LONGEST_HEADER))
    shape, order, dtype, offset = read_header(head, path)
    if dtype.kind not in "biufc":
        message = f"the array holds values of type {dtype}, not numbers"
        raise UnsupportedFormatError(message, path=path, key=member.name)
    wanted = math.prod(shape) * dtype.itemsize
    if offset + wanted > member.size:
        message = f"an array {shape} of {dtype} needs {wanted} bytes, {member.size} are there"
        raise FormatError(message, path=path, key=member.name)
    if not member.stored:
        return PackedArray(str(path), member, shape, np.dtype(dtype))
    return Mapped(str(path), member.place(path) + offset, shape, np.dtype(dtype), order)
