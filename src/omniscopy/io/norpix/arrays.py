"""The handle of the times that stand behind frames."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from omniscopy.io.recorded import Recorded
from omniscopy.io.records import Key

MICROSECONDS = (1_000_000, 1_000, 1)


@dataclass(frozen=True)
class Times:
    """Seconds since `start` (µs since 1970), NaN where there is no frame.

    The fields are seconds, milliseconds and, in newer files, microseconds.
    """

    fields: tuple[Recorded, ...]
    start: int

    @property
    def path(self) -> str:
        return self.fields[0].path

    @property
    def shape(self) -> tuple[int, ...]:
        return self.fields[0].shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.float64)

    @property
    def chunks(self) -> None:
        return None

    def __getitem__(self, key: Key) -> np.ndarray:
        found = [field[key].astype(np.int64) for field in self.fields]
        since = sum(map(np.multiply, found, MICROSECONDS)) - self.start
        return np.asarray(np.where(found[0] > 0, since / 1e6, np.nan))
