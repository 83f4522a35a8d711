"""Progress of a call that takes long, told to who waits; and its end when nobody does."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from omniscopy.compute.progress import watched_by

# So often progress is told at most.
_SECONDS = 0.2

Tell = Callable[[float, float, str], None]


def _nothing() -> None:
    """Go on."""


def _silent(done: float, total: float, words: str) -> None:
    """Tell nobody."""


@dataclass
class Watch:
    """What a call tells while it works, and asks whether it shall go on.

    `send` takes (done, total, words), of which `done` only grows; `check` raises where the client
    has cancelled the call. Both are asked between the chunks of a computation.
    """

    send: Tell = _silent
    check: Callable[[], None] = _nothing
    _done: float = 0.0
    _base: float = 0.0
    _last: float = 0.0

    def tell(self, done: float, total: float, words: str) -> None:
        """Tell how far the whole is."""
        self.check()
        now = time.monotonic()
        if done > self._done and (now - self._last >= _SECONDS or done >= total):
            self._done, self._last = done, now
            self.send(done, max(total, done), words)

    def step(self, done: int, total: int, words: str) -> None:
        """Tell which of several steps is begun; their chunks are counted on."""
        self._base += 1
        self.tell(self._base, self._base + total - done, words)

    @contextmanager
    def chunks(self) -> Iterator[None]:
        """Tell, and check, between the tasks of every computation."""
        from dask.callbacks import Callback

        def before(key: Any, dsk: Any, state: Any) -> None:  # noqa: ARG001
            self.check()

        def after(key: Any, result: Any, dsk: Any, state: Any, worker: Any) -> None:  # noqa: ARG001
            finished = len(state["finished"])
            total = sum(len(state[kind]) for kind in ("ready", "waiting", "running", "finished"))
            self.tell(self._base + finished, self._base + total, f"{finished} of {total} chunks")

        def end(dsk: Any, state: Any, errored: Any) -> None:  # noqa: ARG001
            self._base = max(self._base, self._done)

        def told(done: float, total: float, words: str) -> None:
            # Of what is computed without chunks; within them who counts is not asked.
            self.tell(self._base + done / max(total, 1.0), self._base + 1.0, words)

        with watched_by(told), Callback(pretask=before, posttask=after, finish=end):  # type: ignore[no-untyped-call]
            yield
