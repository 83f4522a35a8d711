"""How much memory this process holds, and a bound on what parts take at the same time."""

import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from omniscopy.compute.parts import Part
from omniscopy.model.errors import OmniscopyWarning

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
# Parts that are measured alone; the first also loads and compiles.
_ALONE = 2


class MemoryBoundWarning(OmniscopyWarning):
    """A chunk alone takes more memory than was allowed for all."""


def held_bytes() -> int | None:
    """Return the bytes that this process holds, `None` where the system does not say."""
    return _status("VmRSS")


def reset_peak() -> bool:
    """Begin to look for the peak anew; return whether the system can."""
    with suppress(OSError):
        _RESET.write_text("5", "utf-8")
        return True
    return False


def peak_bytes() -> int | None:
    """Return the most bytes that this process has held since `reset_peak`."""
    return _status("VmHWM")


def _status(name: str) -> int | None:
    with suppress(OSError):
        for line in _STATUS.read_text("utf-8").splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    return None


class MemoryGate:
    """Lets so many parts work at a time that all together hold at most `memory` bytes.

    What a part takes is estimated at first, and then measured on parts that work alone. One may
    always work, so that there is no standstill.
    """

    def __init__(self, memory: int, estimate: int) -> None:
        self._memory, self._cost = memory, max(estimate, 1)
        self._base = held_bytes() or 0
        self._inside = self._measured = 0
        self._free = threading.Condition()

    def around(self, part: Part) -> Callable[..., Any]:
        """Return `part` so that it waits for room before it works."""

        def gated(*values: Any) -> Any:
            with self._room():
                return part(*values)

        return gated

    @contextmanager
    def _room(self) -> Iterator[None]:
        with self._free:
            self._free.wait_for(lambda: self._inside < self._allowed)
            self._inside += 1
            alone = self._measured < _ALONE and self._inside == 1 and reset_peak()
            before = held_bytes() or 0
        try:
            yield
        finally:
            with self._free:
                self._inside -= 1
                if alone:
                    self._learn((peak_bytes() or 0) - before)
                self._free.notify_all()

    @property
    def _allowed(self) -> int:
        if self._measured < _ALONE and held_bytes() is not None:
            return 1
        return max(1, (self._memory - self._base) // self._cost)

    def _learn(self, taken: int) -> None:
        self._measured += 1
        if self._measured == 1:
            self._base = max(self._base, held_bytes() or 0)  # with what was loaded and compiled
            return
        self._cost = max(self._cost, taken)
        if self._cost > self._memory - self._base:
            message = (
                f"a chunk takes about {self._cost / 2**20:.0f} MB beside the "
                f"{self._base / 2**20:.0f} MB held already, more than memory="
                f"{self._memory / 2**20:.0f} MB allows; one is worked on at a time. Cut the data "
                "into smaller chunks, as in `data.chunk({'y': 8})`"
            )
            warnings.warn(message, MemoryBoundWarning, stacklevel=2)
