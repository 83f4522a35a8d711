"""Parts done by threads of this process, by processes, or by a cluster."""

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import dask
import dask.multiprocessing
import dask.threaded
from dask.callbacks import Callback
from dask.local import get_sync

from omniscopy.compute.memory import MemoryGate
from omniscopy.compute.native_threads import hold_native_threads, native_threads_held
from omniscopy.compute.parts import Part, Parts
from omniscopy.compute.threads import available_cores
from omniscopy.compute.units import Key
from omniscopy.model.errors import DataError

Done = Callable[[Key, Any], None]

THREADS, PROCESSES, HERE = "threads", "processes", "synchronous"
_NAMES = {
    "threads": THREADS, "threading": THREADS, "processes": PROCESSES,
    "multiprocessing": PROCESSES, "synchronous": HERE, "sync": HERE, "single-threaded": HERE,
}  # fmt: skip
_CLUSTER = ("distributed", "dask.distributed")


def find_scheduler(scheduler: Any) -> Any:
    """Return "threads", "processes", "synchronous", or the client of a cluster.

    Without one named it is that of dask's configuration: the last client that was connected, or
    threads.
    """
    chosen = dask.config.get("scheduler", None) if scheduler is None else scheduler
    if chosen is None:
        return THREADS
    if isinstance(chosen, str) and chosen.lower() in _NAMES:
        return _NAMES[chosen.lower()]
    if isinstance(chosen, str) and chosen.lower() in _CLUSTER:
        return _current_client()
    if not isinstance(chosen, str) and hasattr(chosen, "scheduler_info"):
        return chosen
    message = (
        f"scheduler must be {THREADS!r}, {PROCESSES!r}, {HERE!r} or a client of a cluster (see "
        f"`compute.connect`), got {chosen!r}"
    )
    raise DataError(message)


def _current_client() -> Any:
    with suppress(ImportError, ValueError):
        from distributed import default_client

        return default_client()  # type: ignore[no-untyped-call]
    message = "there is no cluster: connect to one with `compute.connect`"
    raise DataError(message)


def count_workers(scheduler: Any, workers: int | None) -> int:
    """Return how many parts are worked on at a time."""
    if workers is not None and not (isinstance(workers, int) and workers >= 1):
        message = f"workers must be 1 or more, got {workers!r}"
        raise DataError(message)
    if scheduler == HERE:
        return 1
    if isinstance(scheduler, str):
        return workers or dask.config.get("num_workers", None) or available_cores()
    if workers is not None:
        message = "workers= is for this machine; a cluster has those it has"
        raise DataError(message)
    return max(1, sum(scheduler.nthreads().values()))


def do_parts(
    parts: Parts,
    wanted: Sequence[Key],
    *,
    scheduler: Any,
    workers: int,
    gate: MemoryGate | None,
    done: Done,
) -> None:
    """Do all parts that `wanted` need; `done` is told each key and value in this thread.

    An exception, an interrupt too, is raised when the parts that are worked on have ended; those
    that have not begun never do.
    """
    if not wanted:
        return
    if not isinstance(scheduler, str):
        _do_on_cluster(parts, wanted, scheduler, done)
        return

    def told(key: Key, value: Any, *_: Any) -> None:
        done(key, value)

    with native_threads_held(), Callback(posttask=told):  # type: ignore[no-untyped-call]
        if scheduler == HERE:
            get_sync(parts.graph(gate.around if gate else None), list(wanted))
        elif scheduler == PROCESSES:
            with dask.config.set({"multiprocessing.initializer": hold_native_threads}):
                dask.multiprocessing.get(
                    parts.graph(), list(wanted), num_workers=workers, chunksize=1,
                    optimize_graph=False,
                )  # fmt: skip
        else:
            with _threads(workers) as pool:
                dask.threaded.get(parts.graph(_in_thread(gate)), list(wanted), pool=pool)


@contextmanager
def _threads(workers: int) -> Iterator[Executor]:
    pool = ThreadPoolExecutor(workers, thread_name_prefix="omniscopy-chunk")
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _in_thread(gate: MemoryGate | None) -> Callable[[Part], Callable[..., Any]]:
    """Return what makes parts hold native threads, and wait at the gate."""
    seen = threading.local()

    def around(part: Part) -> Callable[..., Any]:
        inner = gate.around(part) if gate else part

        def held(*values: Any) -> Any:
            # A module that was imported since may have brought a library.
            if getattr(seen, "modules", 0) != len(sys.modules):
                hold_native_threads()
                seen.modules = len(sys.modules)
            return inner(*values)

        return held

    return around


def _do_on_cluster(parts: Parts, wanted: Sequence[Key], client: Any, done: Done) -> None:
    from distributed import as_completed

    futures = client.get(parts.graph(), list(wanted), sync=False)
    try:
        for future in as_completed(futures):  # type: ignore[no-untyped-call]
            done(future.key, future.result())
            future.release()
    finally:
        client.cancel([each for each in futures if not each.done()])
