"""Long computations: chunk by chunk into a store, kept when they are interrupted."""

import errno
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
import xarray as xr

from omniscopy.compute.errors import ChunkError, StorageFullError, is_full
from omniscopy.compute.execution import count_workers, do_parts, find_scheduler
from omniscopy.compute.memory import MemoryGate, held_bytes
from omniscopy.compute.pace import Pace, Tell, telling
from omniscopy.compute.parts import Part, Parts, make_parts
from omniscopy.compute.units import Key, Target, require_labelled
from omniscopy.model.errors import DataError

Labelled = TypeVar("Labelled", xr.DataArray, xr.Dataset, xr.DataTree)

# Values that many chunks need are kept for a later run up to this size.
_KEPT_BYTES = 64 * 2**20


@runtime_checkable
class RunStore(Protocol):
    """Where a run writes to; `omniscopy.io.runs` has that of files.

    A store is used by one run at a time, and remembers between runs what is done. Its `name` is
    said in messages.
    """

    name: str

    def find_finished(self, obj: Any) -> Any | None:
        """Return the result of the same computation, if it is there complete."""

    def begin(self, obj: Any, *, resume: bool) -> Sequence[Target]:
        """Make room for `obj`, write all of it that is in memory, and return the rest."""

    def finished(self) -> frozenset[str]:
        """Return the places of the units that are written."""

    def mark(self, place: str) -> None:
        """Remember that a unit is written."""

    def keep(self, name: str, value: Any) -> None:
        """Remember a value that many units need: an array, a tuple of these, or `None`."""

    def kept(self, name: str) -> tuple[Any] | None:
        """Return a value that was kept, `None` where there is none."""

    def finish(self) -> Any:
        """Put the complete result in its place, and return it as a lazy object."""

    def close(self) -> None:
        """Let others use the store."""


def run(
    obj: Labelled,
    store: str | Path | RunStore,
    *,
    resume: bool = True,
    progress: bool | Tell = True,
    scheduler: Any = None,
    memory: int | None = None,
    workers: int | None = None,
    overwrite: bool = False,
    **options: Any,
) -> Labelled:
    """Compute a lazy result chunk by chunk into a file, which appears when it is complete.

    Everything that is made of one chunk is computed together and written at once. What is done
    is remembered beside the file, in a folder whose name ends in ``.partial``: after a crash, a
    full disk or an interrupt, the same call goes on where it was.

    Parameters
    ----------
    obj : DataArray, Dataset or DataTree
        Lazy, such as the result of `signal.fit_model` of an opened file; what is in memory
        already is just written.
    store : str or Path
        The file to write, of a format that `omniscopy.save` writes (``.zarr``, ``.hf5`` …).
    resume : bool
        Go on with a run that was interrupted; otherwise begin anew. A file that holds the
        same result already, by its history, is returned as it is.
    progress : bool or callable
        Show a bar in a terminal, or write to the log (`logging`) elsewhere; or a function that
        is called with a `Progress` after every chunk.
    scheduler : str or distributed.Client, optional
        ``"threads"`` (the default), ``"processes"``, ``"synchronous"``, or a cluster (see
        `connect`), whose workers must see `store` at the same path.
    memory : int, bytes, optional
        How much this process may hold, what it holds now included. So many chunks are worked
        on at a time as there is room for.
    workers : int, optional
        Threads or processes; one for each core otherwise. Libraries of linear algebra keep to
        one thread in each of them.
    overwrite : bool
        Replace a file that holds something else; it stays until the new one is complete.
    **options
        Of the writer, as in `omniscopy.save`.

    Returns
    -------
    DataArray, Dataset or DataTree
        The same kind of object, read lazily from the file.

    Raises
    ------
    DataError
        What was begun in this place is another computation, or the same with other versions or
        chunks; or a chunk alone takes more than `memory`.
    ChunkError
        A chunk could not be computed. Those that are written are kept.
    StorageFullError
        The disk is full. Make room and run again.
    FileExistsError
        There is another file and `overwrite` is false.

    Warns
    -----
    MemoryBoundWarning
        A chunk was found to take more than `memory`.
    """
    require_labelled(obj)
    chosen = find_scheduler(scheduler)
    count = count_workers(chosen, workers)
    place = (
        store if isinstance(store, RunStore) else _file_store(store, options, overwrite=overwrite)
    )
    if resume and not overwrite:
        there = place.find_finished(obj)
        if there is not None:
            return there
    try:
        targets = place.begin(obj, resume=resume)
        parts = make_parts(targets, name=f"chunk-{uuid.uuid4().hex}", workers=count)
        gate = _gate(parts, memory, chosen)
        _go_on(parts, place, progress=progress, scheduler=chosen, workers=count, gate=gate)
        return place.finish()
    except OSError as error:
        if is_full(error):
            raise _full(place) from error
        raise
    finally:
        place.close()


def _file_store(store: str | Path, options: dict[str, Any], *, overwrite: bool) -> RunStore:
    # The one place below `io` that calls it: see docs/decisions/0007-runs-and-files.md.
    from omniscopy.io.runs import FileRun

    return FileRun(store, overwrite=overwrite, options=options)


def _gate(parts: Parts, memory: int | None, scheduler: Any) -> MemoryGate | None:
    """Return what bounds the memory; raise where a chunk alone is known to take more."""
    if memory is None:
        return None
    if not isinstance(scheduler, str):
        message = (
            "memory= is for this machine; the workers of a cluster have a bound of their own, "
            "which `dask worker --memory-limit` sets"
        )
        raise DataError(message)
    largest = max(
        (part for part in parts.nodes.values() if isinstance(part, Part)), key=_holds, default=None
    )
    held = held_bytes() or 0
    if largest is not None and largest.holds > memory - held:
        message = (
            f"one chunk ({largest.place}) takes about {largest.holds / 2**20:.0f} MB beside the "
            f"{held / 2**20:.0f} MB that are held already, more than memory={memory / 2**20:.0f} "
            "MB; cut the data into smaller chunks, as in `om.open_signal(path, chunks={'y': 8})`"
        )
        raise DataError(message)
    return MemoryGate(memory, 0 if largest is None else largest.holds)


def _go_on(parts: Parts, store: RunStore, *, progress: bool | Tell, **how: Any) -> None:
    """Do what is not done yet, and remember in the store what is."""
    finished = store.finished()
    left = [place for place in parts.units if place not in finished]
    needed = parts.needed(left, store.kept)
    names = {key: place for place, key in needed.units.items()}
    works = {key: each.work for key, each in needed.nodes.items() if isinstance(each, Part)}
    work = sum(each.work for each in parts.nodes.values() if isinstance(each, Part))
    pace = Pace(
        chunks=len(parts.units), done=len(parts.units) - len(left), work=work,
        work_left=sum(works.values()),
    )  # fmt: skip
    with telling(store.name, progress=progress) as tell:

        def done(key: Key, value: Any) -> None:
            if key in names:
                store.mark(names[key])
            elif key in needed.common and _is_keepable(value):
                store.keep(needed.common[key], value)
            if key in works:
                tell(pace.add(works[key], chunk=key in names))

        try:
            do_parts(needed, list(names), done=done, **how)
        except ChunkError as error:
            done_now = len(store.finished())
            message = (
                f"{error}; {done_now} of {len(parts.units)} chunks are written and kept: run it "
                "again to go on, or with `resume=False` to begin anew"
            )
            raise ChunkError(message) from (error.__cause__ or error)


def _is_keepable(value: Any) -> bool:
    parts = value if isinstance(value, tuple) else () if value is None else (value,)
    return all(
        isinstance(each, np.ndarray) and each.dtype.kind in "biufc" and each.nbytes <= _KEPT_BYTES
        for each in parts
    )


def _holds(part: Part) -> int:
    return part.holds


def _full(store: RunStore) -> StorageFullError:
    message = (
        f"there is no room left for {store.name}; {len(store.finished())} chunks are written and "
        "kept: make room and run it again to go on"
    )
    return StorageFullError(errno.ENOSPC, message)
