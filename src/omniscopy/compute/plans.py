"""What a long computation will take, before it is begun."""

import threading
import time
import uuid
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import xarray as xr
from dask.utils import format_bytes, format_time

from omniscopy.compute.execution import count_workers, do_by_threads, find_scheduler
from omniscopy.compute.memory import held_bytes, peak_bytes, reset_peak
from omniscopy.compute.native_threads import native_threads_held
from omniscopy.compute.parts import Part, Parts, make_parts
from omniscopy.compute.units import Key, require_labelled, targets_of

# A part that needs more others than this is not tried.
_TRIED = 64


@dataclass(frozen=True)
class Plan:
    """What `run` will take; printed, it reads as a few lines.

    Attributes
    ----------
    bytes_read, bytes_written : int
        Of values, before compression; what is read twice counts twice.
    chunks : int
        How many pieces are computed and written together.
    chunk_read, chunk_written : int, bytes
        Of the largest of them.
    workers : int
        Chunks worked on at a time.
    memory : int, bytes
        What these take together: measured on the sample where it was larger than estimated.
    seconds : float or None
        Reading and computing, without writing; `None` where nothing was tried, or nothing was
        ready in time (the first chunk may include compiling).
    complete : bool
        Whether all kinds of work were tried. Otherwise `seconds` is the least that it takes.
    tried : int
        Pieces of work that were done for it.
    """

    bytes_read: int
    bytes_written: int
    chunks: int
    chunk_read: int
    chunk_written: int
    workers: int
    memory: int
    seconds: float | None
    complete: bool
    tried: int

    def __repr__(self) -> str:
        time = "not tried, or the first chunk was not ready in time"
        if self.seconds is not None:
            least = "about" if self.complete else "at least"
            time = f"{least} {format_time(self.seconds)} by {self.workers} threads"
        return "\n".join([
            f"read     {format_bytes(self.bytes_read)}",
            f"write    {format_bytes(self.bytes_written)}",
            f"chunks   {self.chunks}, the largest reads {format_bytes(self.chunk_read)} and writes "
            f"{format_bytes(self.chunk_written)}",
            f"memory   about {format_bytes(self.memory)} for {self.workers} at a time",
            f"time     {time} ({self.tried} parts tried)",
        ])  # fmt: skip


def plan(
    obj: xr.DataArray | xr.Dataset | xr.DataTree,
    *,
    limit: float = 10.0,
    workers: int | None = None,
) -> Plan:
    """Return what `run` will take on this machine: bytes, chunks, memory and time.

    Parameters
    ----------
    obj : DataArray, Dataset or DataTree
        Lazy, such as the result of `signal.fit_model` of an opened file.
    limit : float, seconds
        How long chunks may be tried for the time and the memory; 0 to try none. A chunk that is
        not ready by then goes on to its end in the background.
    workers : int, optional
        Threads; one for each core otherwise.

    Returns
    -------
    Plan
        For the numbers of bytes nothing is read.

    Raises
    ------
    DataError
        `obj` is no labelled data.
    ChunkError
        A chunk that was tried cannot be computed.

    Examples
    --------
    >>> import omniscopy as om
    >>> lazy = om.samples.spectrum_image().chunk(y=8)
    >>> plan(lazy * 2.0, limit=0).chunks
    2
    """
    require_labelled(obj)
    count = count_workers(find_scheduler("threads"), workers)
    parts = make_parts(targets_of(obj), name=f"plan-{uuid.uuid4().hex}", workers=count)
    works = [each for each in parts.nodes.values() if isinstance(each, Part)]
    units = [parts.nodes[key] for key in parts.units.values()]
    trial = _Trial(parts, count, limit)
    if limit > 0:
        trial.run()
    estimate = max((part.holds for part in works), default=0)
    return Plan(
        bytes_read=sum(part.reads for part in works),
        bytes_written=sum(part.writes for part in works),
        chunks=len(units),
        chunk_read=max((part.reads for part in units), default=0),
        chunk_written=max((part.writes for part in units), default=0),
        workers=count,
        memory=max(min(count, len(units)) * estimate, trial.taken),
        **trial.seconds(),
    )


def _forget(key: Key, value: Any) -> None:
    pass


class _OutOfTimeError(Exception):
    """The time for trying is over."""


class _Trial:
    """Parts of every kind, done for nothing but the time and the memory that they take."""

    def __init__(self, parts: Parts, workers: int, limit: float) -> None:
        self._parts, self._workers = parts, workers
        self._kinds = parts.of_kind()
        self._end = time.monotonic() + limit
        self._lock = threading.Lock()
        self._times: dict[Hashable, list[float]] = {}
        self._begun: dict[int, tuple[Hashable, float]] = {}
        self._error: Exception | None = None
        self._warm = self._cut = False
        self.taken = 0

    def run(self) -> None:
        """Try until all kinds were, or the time is over; what is being tried then goes on."""
        thread = threading.Thread(target=self._try_all, name="omniscopy-plan", daemon=True)
        thread.start()
        thread.join(max(self._end - time.monotonic(), 0))
        with self._lock:
            self._cut = thread.is_alive() or isinstance(self._error, _OutOfTimeError)
            if self._warm:  # those that are not ready tell what they take at least
                for kind, start in self._begun.values():
                    self._times.setdefault(kind, []).append(time.monotonic() - start)
            if self._error is not None and not self._cut:
                raise self._error

    def seconds(self) -> dict[str, Any]:
        """Return the fields of a plan that tell the time."""
        total, tried = 0.0, 0
        for kind, times in self._times.items():
            count = len(self._kinds[kind])
            total += count * sum(times) / len(times) / min(self._workers, count)
            tried += len(times)
        left = [
            key for kind, keys in self._kinds.items() if kind not in self._times for key in keys
        ]
        reading = any(self._parts.nodes[key].reads for key in left)
        most = 2 * len(left) > sum(len(keys) for keys in self._kinds.values())
        complete = not (self._cut or reading or most)
        return {"seconds": total if tried else None, "complete": complete, "tried": tried}

    def _try_all(self) -> None:
        kinds = [keys for keys in self._kinds.values() if self._is_near(keys[0])]
        try:
            with native_threads_held():
                for keys in kinds:  # loads and compiles
                    self._do(keys[:1])
                with self._lock:
                    self._warm, first = True, self._times
                    self._times = {}
                before = held_bytes() if reset_peak() else None
                for keys in kinds:
                    self._do(keys[1 : 1 + self._workers] or keys)
                with self._lock:
                    self._times = {**first, **self._times}
                    self.taken = 0 if before is None else (peak_bytes() or 0) - before
        except Exception as error:  # noqa: BLE001 - raised where the plan is asked for
            self._error = error

    def _is_near(self, key: Key) -> bool:
        """Return whether a part needs few others."""
        seen, waiting = {key}, [key]
        while waiting and len(seen) <= _TRIED:
            new = set(getattr(self._parts.nodes[waiting.pop()], "inputs", ())) - seen
            seen |= new
            waiting += new
        return len(seen) <= _TRIED

    def _do(self, keys: Sequence[Key]) -> None:
        near = self._parts.leading_to(keys)
        do_by_threads(near, keys, self._timed, _forget, workers=self._workers)

    def _timed(self, part: Part) -> Callable[..., Any]:
        def timed(*values: Any) -> Any:
            start = time.monotonic()
            if self._cut or start > self._end:
                raise _OutOfTimeError
            with self._lock:
                self._begun[id(part)] = part.kind, start
            try:
                return part(*values)
            finally:
                with self._lock:
                    del self._begun[id(part)]
                    if not self._cut:
                        took = time.monotonic() - start
                        self._times.setdefault(part.kind, []).append(took)

        return timed
