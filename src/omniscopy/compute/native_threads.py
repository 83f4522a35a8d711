"""Libraries of linear algebra and OpenMP held to one thread, while chunks are the threads."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import ThreadpoolController

_lock = threading.Lock()
_before: dict[str, tuple[object, int]] = {}
_runs = 0


def hold_native_threads() -> None:
    """Hold every library that is loaded by now to one thread.

    OpenMP keeps the number for each thread that calls it; so every thread has to do this.
    """
    with _lock:
        for library in ThreadpoolController().lib_controllers:
            _before.setdefault(library.filepath, (library, library.num_threads))
            library.set_num_threads(1)


@contextmanager
def native_threads_held() -> Iterator[None]:
    """Hold libraries to one thread, those too that are loaded meanwhile; undo it at the end."""
    global _runs  # noqa: PLW0603 - the libraries are global themselves
    # Loaded now, so that the first chunks do not find its threads unbounded.
    import scipy.linalg  # noqa: F401

    with _lock:
        _runs += 1
    hold_native_threads()
    try:
        yield
    finally:
        with _lock:
            _runs -= 1
            if not _runs:
                for library, threads in _before.values():
                    library.set_num_threads(threads)  # type: ignore[attr-defined]
                _before.clear()
