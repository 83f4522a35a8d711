"""Progress of what takes longer than two seconds, in a terminal on stderr, or in a notebook."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from omniscopy.compute.notebook_bars import NotebookBar, running_shell

_PATIENCE = 2.0

Tell = Callable[[float, float, str], None]


@contextmanager
def showing_progress(title: str, *, watch_dask: bool = True) -> Iterator[Tell]:
    """Give a function to be told (done, total, words); a bar appears after two seconds.

    With `watch_dask`, what dask computes in between moves the bar too.
    """
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
