"""Parts done by threads of this process, by processes, or by a cluster."""

import heapq
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from queue import SimpleQueue
from typing import Any

import cloudpickle
import dask
from dask.multiprocessing import get_context

from omniscopy.compute.memory import MemoryGate
from omniscopy.compute.native_threads import hold_native_threads, native_threads_held
from omniscopy.compute.ordering import depth_first
from omniscopy.compute.parts import Kept, Part, Parts
from omniscopy.compute.threads import available_cores
from omniscopy.compute.units import Key
from omniscopy.model.errors import DataError

Done = Callable[[Key, Any], None]
Around = Callable[[Part], Callable[..., Any]]

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

    with native_threads_held():
        if scheduler == HERE:
            _do_in_turn(parts, wanted, gate.around if gate else _as_it_is, done)
        elif scheduler == PROCESSES:
            _do_by_processes(parts, wanted, done, workers=workers)
        else:
            do_by_threads(parts, wanted, _in_thread(gate), done, workers=workers)


@contextmanager
def _ending(pool: Executor) -> Iterator[Executor]:
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _as_it_is(part: Part) -> Callable[..., Any]:
    return part


class _Agenda:
    """What can be done next, and the values that are still needed.

    `held` returns what stands for a value that is there from the beginning.
    """

    def __init__(
        self, parts: Parts, wanted: Sequence[Key], held: Callable[[Key, Any], Any] | None = None
    ) -> None:
        self.nodes, self._held = parts.nodes, held
        self.ranks = depth_first(wanted, self._inputs)
        self.values: dict[Key, Any] = {}
        self.missing = {key: len(set(self._inputs(key))) for key in self.ranks}
        self.users: dict[Key, list[Key]] = {key: [] for key in self.ranks}
        for key in self.ranks:
            for needed in set(self._inputs(key)):
                self.users[needed].append(key)
        self.left = {key: len(users) for key, users in self.users.items()}
        self.ready: list[tuple[int, Key]] = []
        for key in [key for key, count in self.missing.items() if count == 0]:
            self._offer(key)

    def _inputs(self, key: Key) -> Sequence[Key]:
        return getattr(self.nodes[key], "inputs", ())

    def _offer(self, key: Key) -> None:
        node = self.nodes[key]
        if isinstance(node, Part):
            heapq.heappush(self.ready, (self.ranks[key], key))
        else:
            self.keep(key, self._held(key, node.value) if self._held else node.value)

    def take(self) -> tuple[Key, Part, list[Any]]:
        """Return the next part and what it needs."""
        _, key = heapq.heappop(self.ready)
        return key, self.nodes[key], [self.values[each] for each in self._inputs(key)]

    def keep(self, key: Key, value: Any) -> None:
        """Keep a value until all that need it are done."""
        if self.users[key]:
            self.values[key] = value
        for needed in set(self._inputs(key)):
            self.left[needed] -= 1
            if self.left[needed] == 0:
                del self.values[needed]
        for user in self.users[key]:
            self.missing[user] -= 1
            if self.missing[user] == 0:
                self._offer(user)


def _do_in_turn(parts: Parts, wanted: Sequence[Key], around: Around, done: Done) -> None:
    agenda = _Agenda(parts, wanted)
    while agenda.ready:
        key, part, given = agenda.take()
        value = around(part)(*given)
        agenda.keep(key, value)
        done(key, value)
        del given, value  # what nothing needs is not held while the next one is made


def do_by_threads(
    parts: Parts, wanted: Sequence[Key], around: Around, done: Done, *, workers: int
) -> None:
    """Do all parts that `wanted` need, each as what `around` makes of it, in threads."""
    with _ending(ThreadPoolExecutor(workers, thread_name_prefix="omniscopy-chunk")) as pool:

        def start(part: Part, given: list[Any]) -> Future[Any]:
            return pool.submit(around(part), *given)

        _do_side_by_side(parts, wanted, start, done, workers=workers)


def _do_by_processes(parts: Parts, wanted: Sequence[Key], done: Done, *, workers: int) -> None:
    context = get_context()  # type: ignore[no-untyped-call]
    processes = ProcessPoolExecutor(workers, context, initializer=hold_native_threads)
    with _ending(processes) as pool:

        def start(part: Part, given: list[Any]) -> Future[Any]:
            return pool.submit(_called, cloudpickle.dumps((part, given)))

        _do_side_by_side(parts, wanted, start, done, workers=workers, read=cloudpickle.loads)


def _called(packed: bytes) -> bytes:
    """Return the value of a part; as bytes, since a function may be among what is passed on."""
    part, given = cloudpickle.loads(packed)
    return bytes(cloudpickle.dumps(part(*given)))


def _do_side_by_side(
    parts: Parts, wanted: Sequence[Key], start: Callable[[Part, list[Any]], Future[Any]],
    done: Done, *, workers: int, read: Callable[[Any], Any] | None = None,
) -> None:  # fmt: skip
    agenda = _Agenda(parts, wanted)
    ended: SimpleQueue[tuple[Key, Future[Any]]] = SimpleQueue()
    running = 0
    while running or agenda.ready:
        while agenda.ready and running < workers:
            key, part, given = agenda.take()
            future = start(part, given)
            del given
            future.add_done_callback(partial(_put, ended, key))
            running += 1
        key, future = ended.get()
        running -= 1
        value = read(future.result()) if read else future.result()
        agenda.keep(key, value)
        done(key, value)
        del future, value  # what nothing needs is not held while waiting


def _put(ended: SimpleQueue[tuple[Key, Future[Any]]], key: Key, future: Future[Any]) -> None:
    ended.put((key, future))


def _in_thread(gate: MemoryGate | None) -> Around:
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
    """Hand over the parts one by one, each with its place in the order as priority.

    A graph would be ordered by the scheduler, which takes memory by the square of its size.
    """
    from distributed import as_completed

    def held(key: Key, value: Any) -> Any:
        return client.submit(Kept(value), key=key)

    asked, futures = set(wanted), []
    try:
        agenda = _Agenda(parts, wanted, held)
        while agenda.ready:
            key, part, given = agenda.take()
            future = client.submit(part, *given, key=key, priority=-agenda.ranks[key])
            agenda.keep(key, future)
            if key in asked:
                futures.append(future)
            del future, given  # what nothing needs is let go
        for future in as_completed(futures):  # type: ignore[no-untyped-call]
            done(future.key, future.result())
            future.release()
    finally:
        client.cancel([each for each in futures if not each.done()])
