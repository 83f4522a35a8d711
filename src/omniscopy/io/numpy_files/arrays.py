"""Handles of arrays in an archive that are packed, and unpacked when they are read."""

import functools
import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.errors import FormatError
from omniscopy.io.jpk.archive import Member
from omniscopy.io.numpy_files.headers import LONGEST_HEADER, read_header
from omniscopy.io.records import Key


@dataclass(frozen=True)
class PackedArray:
    """An array of NumPy that is packed in a member of an archive."""

    path: str
    member: Member
    shape: tuple[int, ...]
    file_dtype: np.dtype[Any]

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.file_dtype.newbyteorder("=")

    @property
    def chunks(self) -> tuple[int, ...] | None:
        return self.shape

    def __getitem__(self, key: Key) -> np.ndarray:
        most = LONGEST_HEADER + math.prod(self.shape) * self.file_dtype.itemsize
        values = _unpacked(self.path, self.member, Path(self.path).stat().st_mtime_ns, most)
        if values.shape != self.shape or values.dtype != self.file_dtype:
            message = "the array is not what it was when the file was opened"
            raise FormatError(message, path=self.path, key=self.member.name)
        return np.array(values[key], dtype=self.dtype, order="C")


@functools.lru_cache(maxsize=2)
def _unpacked(path: str, member: Member, _age: int, most: int) -> np.ndarray:
    raw = member.read(path, most=most)
    shape, order, dtype, offset = read_header(io.BytesIO(raw), Path(path))
    try:
        return np.frombuffer(raw, dtype, offset=offset).reshape(shape, order=order)
    except ValueError as error:
        message = f"the values are not as many as the header says ({error})"
        raise FormatError(message, path=path, key=member.name) from error
