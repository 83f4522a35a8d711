"""Points in an archive, unpacked at each read."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from omniscopy.io.jpk.archive import Member
from omniscopy.io.records import Key


@dataclass(frozen=True)
class PackedPoints:
    """``offset + scale * numbers`` of a member of an archive, NaN where a bit of `valid` is 0.

    The points are from number `first` on; where each is a record, `field` is what is taken of it.
    """

    path: str
    points: Member
    valid: Member | None
    shape: tuple[int, ...]
    file_dtype: np.dtype[Any]
    scale: float = 1.0
    offset: float = 0.0
    first: int = 0
    field: str | None = None

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.float64)

    @property
    def chunks(self) -> tuple[int, ...]:
        return self.shape

    def as_line(self) -> "PackedPoints":
        """Return the points one after the other, whatever rows they are in."""
        return replace(self, shape=(int(np.prod(self.shape)),))

    def __getitem__(self, key: Key) -> np.ndarray:
        count = int(np.prod(self.shape))
        start = self.first * self.file_dtype.itemsize
        stored = np.frombuffer(self.points.read(self.path), self.file_dtype, count, start)
        stored = stored if self.field is None else stored[self.field]
        values = np.array(stored.reshape(self.shape)[key], dtype=np.float64)
        with np.errstate(over="ignore", invalid="ignore"):  # numbers of a damaged file
            values *= self.scale
            values += self.offset
        if self.valid is None:
            return values
        stop = self.first + count
        bits = np.frombuffer(self.valid.read(self.path), np.uint8, (stop + 7) // 8)
        valid = np.unpackbits(bits, count=stop, bitorder="little")[self.first :]
        return np.where(valid.reshape(self.shape)[key].astype(bool), values, np.nan)
