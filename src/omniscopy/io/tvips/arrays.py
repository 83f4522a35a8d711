"""Handles of what recorded frames hold: their pixels, and numbers of their headers."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from omniscopy.io.recorded import Recorded
from omniscopy.io.records import Key


@dataclass(frozen=True)
class Times:
    """Seconds since the first frame, NaN where there is no frame."""

    seconds: Recorded
    milliseconds: Recorded
    start: tuple[int, int]

    @property
    def path(self) -> str:
        return self.seconds.path

    @property
    def shape(self) -> tuple[int, ...]:
        return self.seconds.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.float64)

    @property
    def chunks(self) -> None:
        return None

    def __getitem__(self, key: Key) -> np.ndarray:
        seconds = self.seconds[key].astype(np.int64)
        late = self.milliseconds[key].astype(np.int64) - self.start[1]
        times = (1000 * (seconds - self.start[0]) + late) / 1000
        return np.asarray(np.where(seconds > 0, times, np.nan))
