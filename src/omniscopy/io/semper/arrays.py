"""Handles of rows with the marks of Fortran records between them."""

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from omniscopy.io.arrays import full_key, require_bytes
from omniscopy.io.errors import FormatError
from omniscopy.io.records import Key


@dataclass(frozen=True)
class RecordRows:
    """Rows of `shape[-1]` numbers, each between two marks that say how many bytes it has."""

    path: str
    offset: int
    shape: tuple[int, ...]
    file_dtype: np.dtype[Any]
    order: Literal["<", ">"]

    def __post_init__(self) -> None:
        wanted = math.prod(self.shape[:-1]) * self.record.itemsize
        require_bytes(self.path, self.offset, wanted, what=f"a picture of {self.shape} pixels")

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.file_dtype.newbyteorder("=")

    @property
    def chunks(self) -> tuple[int, ...] | None:
        return None

    @property
    def record(self) -> np.dtype[Any]:
        """Return the type of a row with its marks."""
        mark = np.dtype("u4").newbyteorder(self.order)
        row = (self.file_dtype, (self.shape[-1],))
        return np.dtype([("before", mark), ("row", *row), ("after", mark)])

    def __getitem__(self, key: Key) -> np.ndarray:
        *lines, column = full_key(key, self.shape)
        rows = np.memmap(self.path, self.record, "r", self.offset, self.shape[:-1])[tuple(lines)]
        length = self.shape[-1] * self.file_dtype.itemsize
        if not all((rows[name] == length).all() for name in ("before", "after")):
            message = f"rows are not records of {length} bytes; the file is damaged"
            raise FormatError(message, path=self.path, offset=self.offset)
        return np.array(rows["row"][..., column], dtype=self.dtype, order="C")
