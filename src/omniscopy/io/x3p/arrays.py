"""Heights in an archive, unpacked at each read."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from omniscopy.io.jpk.archive import Member
from omniscopy.io.records import Key


@dataclass(frozen=True)
class PackedHeights:
    """``offset + scale * numbers`` of a member of an archive, NaN where a bit of `valid` is 0."""

    path: str
    points: Member
    valid: Member | None
    shape: tuple[int, ...]
    file_dtype: np.dtype[Any]
    scale: float = 1.0
    offset: float = 0.0

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.float64)

    @property
    def chunks(self) -> tuple[int, ...]:
        return self.shape

    def as_profile(self) -> "PackedHeights":
        """Return the one row as a profile."""
        return replace(self, shape=self.shape[1:])

    def __getitem__(self, key: Key) -> np.ndarray:
        count = int(np.prod(self.shape))
        stored = np.frombuffer(self.points.read(self.path), self.file_dtype, count)
        values = np.array(stored.reshape(self.shape)[key], dtype=np.float64)
        with np.errstate(over="ignore", invalid="ignore"):  # numbers of a damaged file
            values *= self.scale
            values += self.offset
        if self.valid is None:
            return values
        bits = np.frombuffer(self.valid.read(self.path), np.uint8, (count + 7) // 8)
        valid = np.unpackbits(bits, count=count, bitorder="little").reshape(self.shape)
        return np.where(valid[key].astype(bool), values, np.nan)
