"""Progress of what takes longer than two seconds, in a terminal on stderr, or in a notebook."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

from omniscopy.compute.notebook_bars import NotebookBar, running_shell

_PATIENCE = 2.0
# So often it is told how much is done.
_EVERY = 0.1

Tell = Callable[[float, float, str], None]

_watcher: ContextVar[Tell | None] = ContextVar("watcher", default=None)


@contextmanager
def watched_by(tell: Tell) -> Iterator[None]:
    """Tell a function how far whatever takes long in this block is: (done, total, words).

    An exception that it raises ends the work, and comes out of the call; what was computed until
    then is lost, and nothing is left half done.

    Parameters
    ----------
    tell : callable
        Takes how much is done, how much there is, and words for both.

    Yields
    ------
    None
    """
    token = _watcher.set(tell)
    try:
        yield
    finally:
        _watcher.reset(token)


@contextmanager
def showing_progress(title: str, *, watch_dask: bool = True) -> Iterator[Tell]:
    """Give a function to be told (done, total, words); a bar appears after two seconds.

    With `watch_dask`, what dask computes in between moves the bar too.
    """
    watcher = _watcher.get()
    if watcher is not None:
        # One who watches sees to what is shown.
        yield watcher
        return
    if not is_watched():
        yield _quietly
        return
    bar = _Bar(title) if sys.stderr.isatty() else _CellBar(title)
    timer = threading.Timer(_PATIENCE, bar.show)
    timer.daemon = True
    timer.start()
    try:
        with bar.watching_dask() if watch_dask else nullcontext():
            yield bar.tell
    finally:
        timer.cancel()
        bar.hide()


@contextmanager
def counting(title: str, total: int, things: str) -> Iterator[Callable[[int], None]]:
    """Give a function to be told how many more things are done, by any thread.

    Who watches is told their rate and the time left. In chunks, which other threads work on, only
    one who watches is told: what counts chunks has a bar already.
    """
    shown = threading.current_thread() is threading.main_thread() and is_watched()
    if _watcher.get() is None and not shown:
        yield lambda _: None
        return
    with showing_progress(title, watch_dask=False) as tell:
        yield _Counter(title, total, things, tell).more


class _Counter:
    """Counts things that are done, and tells now and then."""

    def __init__(self, title: str, total: int, things: str, tell: Tell) -> None:
        self._named, self._total, self._tell = (title, things), total, tell
        self._lock, self._done = threading.Lock(), 0
        self._start = time.monotonic()
        self._told = self._start

    def more(self, count: int) -> None:
        with self._lock:
            self._done = min(self._done + count, self._total)
            now = time.monotonic()
            if self._done < self._total and now - self._told < _EVERY:
                return
            self._told = now
            self._tell(self._done, self._total, self._words(now - self._start))

    def _words(self, seconds: float) -> str:
        from dask.utils import format_time

        rate = self._done / max(seconds, 1e-9)
        left = format_time((self._total - self._done) / max(rate, 1e-9))
        title, things = self._named
        return f"{title}: {self._done} of {self._total} {things}, {rate:.3g}/s, {left} left"


def is_watched() -> bool:
    """Return whether somebody sees progress: in a terminal, or in a notebook."""
    return sys.stderr.isatty() or running_shell() is not None


def _quietly(done: float, total: float, words: str) -> None:
    """Tell nobody."""


class _Bar:
    """A bar that is there only when it is needed."""

    def __init__(self, title: str) -> None:
        self._lock = threading.Lock()
        self._now = (0.0, 1.0, title)
        self._tasks = (0, 1)
        self._shown: Any = None
        self._task: Any = None
        self._over = False

    def tell(self, done: float, total: float, words: str) -> None:
        with self._lock:
            self._now = (done, max(total, 1), words)
            self._tasks = (0, 1)
            self._draw()

    def show(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = (
            SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(),
            TextColumn("{task.percentage:.0f} %"), TimeElapsedColumn(),
        )  # fmt: skip
        with self._lock:
            if self._over:
                return
            self._shown = Progress(*columns, console=Console(stderr=True), transient=True)
            self._task = self._shown.add_task(self._now[2], total=1.0)
            self._shown.start()
            self._draw()

    def hide(self) -> None:
        with self._lock:
            self._over = True
            if self._shown is not None:
                self._shown.stop()

    @contextmanager
    def watching_dask(self) -> Iterator[None]:
        """Count the tasks of every computation, where dask is used at all."""
        from dask.callbacks import Callback

        def finished(key: Any, result: Any, dsk: Any, state: Any, worker: Any) -> None:  # noqa: ARG001
            total = sum(len(state[kind]) for kind in ("ready", "waiting", "running", "finished"))
            with self._lock:
                self._tasks = (len(state["finished"]), max(total, 1))
                self._draw()

        with Callback(posttask=finished):  # type: ignore[no-untyped-call]
            yield

    def _draw(self) -> None:
        if self._shown is None:
            return
        done, total, words = self._now
        part = self._tasks[0] / self._tasks[1]
        self._update(min((done + part) / total, 1.0), words)

    def _update(self, share: float, words: str) -> None:
        self._shown.update(self._task, completed=share, description=words)


class _CellBar(_Bar):
    """The same in a cell of a notebook."""

    def show(self) -> None:
        with self._lock:
            if not self._over:
                self._shown = NotebookBar()
                self._draw()

    def hide(self) -> None:
        with self._lock:
            self._over = True
            if self._shown is not None:
                self._shown.end()

    def _update(self, share: float, words: str) -> None:
        self._shown.tell(share, words)
