"""How far a run is, how quickly it goes on, and how long it will still take."""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from dask.utils import format_bytes, format_time

from omniscopy.compute.progress import is_watched, showing_progress

_log = logging.getLogger(__name__)

# Over how many seconds, and over how many parts at least, the rate is taken.
_RECENT, _FEWEST = 30.0, 10
_LOG_SECONDS = 30.0


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    `done` of `chunks` are written, `share` (0 to 1) of all work is done in `seconds`. `rate`
    is in bytes read and written in a second, `seconds_left` until the end, both `None` until they
    are known.
    """

    done: int
    chunks: int
    share: float
    seconds: float
    rate: float | None = None
    seconds_left: float | None = None

    def __str__(self) -> str:
        words = [f"{self.done} of {self.chunks} chunks"]
        if self.rate is not None:
            words.append(f"{format_bytes(int(self.rate))}/s")
        if self.seconds_left is not None:
            words.append(f"{format_time(self.seconds_left)} left")
        return ", ".join(words)


Tell = Callable[[Progress], None]


class Pace:
    """Counts what is done; the rate is that of the last half minute."""

    def __init__(self, *, chunks: int, done: int, work: int, work_left: int) -> None:
        self._chunks, self._done = chunks, done
        self._work, self._left = max(work, 1), work_left
        self._start = time.monotonic()
        self._recent = deque([(self._start, work_left)])

    def add(self, work: int, *, chunk: bool) -> Progress:
        """Return the progress after a part that was `work`."""
        self._done += chunk
        self._left -= work
        now = time.monotonic()
        self._recent.append((now, self._left))
        while len(self._recent) > _FEWEST and now - self._recent[0][0] > _RECENT:
            self._recent.popleft()
        since, left = self._recent[0]
        rate = (left - self._left) / max(now - since, 1e-9) or None
        return Progress(
            done=self._done,
            chunks=self._chunks,
            share=1.0 - self._left / self._work,
            seconds=now - self._start,
            rate=rate,
            seconds_left=None if rate is None else self._left / rate,
        )


@contextmanager
def telling(title: str, *, progress: bool | Tell) -> Iterator[Tell]:
    """Give what is to be told: a function of the user, a bar where one is seen, or the log."""
    if callable(progress):
        yield progress
    elif not progress:
        yield lambda _: None
    elif is_watched():
        with showing_progress(title, watch_dask=False) as tell:
            yield lambda now: tell(now.share, 1.0, f"{title}: {now}")
    else:
        yield _Logged(title)


class _Logged:
    """Writes to the log now and then."""

    def __init__(self, title: str) -> None:
        self._title, self._last = title, time.monotonic()

    def __call__(self, now: Progress) -> None:
        if now.done == now.chunks or time.monotonic() - self._last > _LOG_SECONDS:
            self._last = time.monotonic()
            _log.info("%s: %s", self._title, now)
