"""HDF5 files opened and walked through: what is wrong with one is an error with its path."""

import functools
import itertools
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from omniscopy.io.errors import FormatError
from omniscopy.io.storage.hdf5_heaps import HEAP, heaps_kept, parts_of_heap

Looked = TypeVar("Looked")

# What the library and a parser may raise on damaged bytes.
DAMAGE = (
    OSError, RuntimeError, KeyError, ValueError, TypeError, IndexError, AttributeError,
    OverflowError, MemoryError, ArithmeticError, EOFError,
)  # fmt: skip

# How much of either end of a file is searched for heaps of texts.
HEAP_REACH = 2**22

MAX_OBJECTS, MAX_DEPTH = 100_000, 32


@dataclass(frozen=True)
class Held:
    """A file that many look into while it is open, and what was found in it by `walk`.

    `opened` is what is linked into a group under a name, by the address of the group.
    """

    path: Path
    file: Any
    walked: dict[frozenset[str], tuple[list[Any], Iterator[Any]]]
    opened: dict[tuple[int, str], Any]


_held: ContextVar[Held | None] = ContextVar("a file that is held open", default=None)

# What `linked` found in groups of files that are open, with the group, so that it stays open too.
_Links = dict[tuple[int, str], tuple[Any, Any]]
_links: ContextVar[_Links | None] = ContextVar("links that were followed", default=None)
_MOST_LINKS = 10_000


@contextmanager
def held_open(path: Path) -> Iterator[None]:
    """Let `open_hdf5` and `walk` do their work once for all that look into a file meanwhile."""
    with open_hdf5(path) as file:
        token = _held.set(Held(path, file, {}, {}))
        try:
            yield
        finally:
            _held.reset(token)


@contextmanager
def open_hdf5(path: str | Path, *, attributes: bool = True) -> Iterator[Any]:
    """Open an HDF5 file read-only; whatever is wrong with it is a `FormatError` with its path.

    Who reads values only says so by `attributes`; what text is kept in is not looked at then.
    """
    import h5py

    held = _held.get()
    if held is not None and held.path == Path(path):
        with _damage_named(path):
            yield held.file
        return
    try:
        if attributes:
            _require_sound_heaps(Path(path))
        file = h5py.File(path, "r")
    except FormatError:
        raise
    except DAMAGE as error:
        message = (
            f"the HDF5 container cannot be opened ({error}); it is cut short, damaged, or being "
            "written"
        )
        raise FormatError(message, path=path) from error
    with file, _links_kept(), _damage_named(path), heaps_kept(file):
        yield file


@contextmanager
def _links_kept() -> Iterator[None]:
    """Let `linked` open what it is asked for once: each further time costs a tenth of the first."""
    token = _links.set({})
    try:
        yield
    finally:
        _links.reset(token)


@contextmanager
def _damage_named(path: str | Path) -> Iterator[None]:
    try:
        yield
    except FormatError:
        raise
    except (*DAMAGE, RecursionError) as error:
        message = f"the HDF5 file is damaged ({type(error).__name__}: {error})"
        raise FormatError(message, path=path) from error


def walk(
    file: Any, *, without: frozenset[str] = frozenset(), limit: int = MAX_OBJECTS
) -> Iterator[Any]:
    """Yield the groups and datasets of a file, the upper ones first, each once.

    Links into other files and soft links are not followed; groups called as one of `without`
    and those whose name starts with an underscore are left out.
    """
    held = _held.get()
    if held is None or held.file is not file:
        yield from itertools.islice(_walk(file, without, {}), limit)
        return
    seen, further = held.walked.setdefault(without, ([], _walk(file, without, held.opened)))
    for number in range(limit):
        if number == len(seen):
            found = next(further, None)
            if found is None:
                return
            seen.append(found)
        yield seen[number]


def _walk(file: Any, without: frozenset[str], opened: dict[tuple[int, str], Any]) -> Iterator[Any]:
    import h5py

    waiting = deque([(file if isinstance(file, h5py.File) else file["/"], 0)])
    seen: set[int] = set()
    while waiting and len(seen) < MAX_OBJECTS:
        found, depth = waiting.popleft()
        place = address(found)
        if place in seen:
            continue
        seen.add(place)
        yield found
        if not isinstance(found, h5py.Group) or depth >= MAX_DEPTH:
            continue
        for name in names_in(found):
            if name.startswith("_") or name in without:
                continue
            with suppress(*DAMAGE):  # a damaged object hides itself only
                if (place, name) not in opened:
                    opened[place, name] = linked(found, name)
                child = opened[place, name]
                if child is not None:
                    waiting.append((child, depth + 1))


def linked(group: Any, name: str) -> Any:
    """Return the group or dataset called `name`, `None` without one or where it lies elsewhere."""
    kept = _links.get()
    if kept is None:
        return _open_linked(group, name)
    place = (group.id.id, name)
    if place not in kept:
        if len(kept) >= _MOST_LINKS:
            return _open_linked(group, name)
        kept[place] = (group, _open_linked(group, name))
    return kept[place][1]


def names_in(group: Any) -> list[str]:
    """Return the names of what is linked into a group, looked for once while a file is open."""
    return looked_up(group, "", lambda: list(group))  # nothing can be called so


def looked_up(found: Any, key: str, look: Callable[[], Looked]) -> Looked:
    """Return what `look` finds of an object under a key, once while its file is open."""
    kept = _links.get()
    if kept is None:
        return look()
    place = (found.id.id, key)
    if place not in kept:
        if len(kept) >= _MOST_LINKS:
            return look()
        kept[place] = (found, look())
    known: Looked = kept[place][1]
    return known


def _open_linked(group: Any, name: str) -> Any:
    import h5py

    # Asked of the library itself: h5py's own way takes several times as long.
    word = name.encode() if isinstance(name, str) else name
    links = group.id.links
    if not links.exists(word) or links.get_info(word).type != h5py.h5l.TYPE_HARD:
        return None
    opened = h5py.h5o.open(group.id, word)
    if isinstance(opened, h5py.h5g.GroupID):
        return h5py.Group(opened)
    # Of a file that is only read, h5py asks the library for shape and type but once.
    fixed = _links.get() is not None
    return h5py.Dataset(opened, readonly=fixed) if isinstance(opened, h5py.h5d.DatasetID) else None


def address(found: Any) -> int:
    """Return where in the file an object is: the same by whatever path it is reached."""
    import h5py

    return int(h5py.h5o.get_info(found.id).addr)


def file_of(found: Any) -> str:
    """Return the path of the file that a group or dataset is in."""
    import h5py

    # What h5py itself does for this makes an object of the whole file.
    return os.fsdecode(h5py.h5f.get_name(found.id))


def _require_sound_heaps(path: Path) -> None:
    """Raise unless the heaps in which HDF5 keeps texts can be read to their ends.

    The library never returns from a heap with a free part of no bytes. Heaps lie at the
    beginning of a file, and at its end where something was added.
    """
    status = path.stat()
    # What was written a moment ago may be written again within the clock's step.
    settled = time.time_ns() - status.st_mtime_ns > _SETTLED_NS
    find = _find_endless_heap if settled else _find_endless_heap.__wrapped__
    offset = find(path, status.st_size, status.st_mtime_ns, status.st_ino)
    if offset is not None:
        message = "a heap of texts is damaged"
        raise FormatError(message, path=path, offset=offset)


_SETTLED_NS = 10**9


# A file is opened several times: by the probes of the formats, then by the reader.
@functools.lru_cache(maxsize=64)
def _find_endless_heap(path: Path, size: int, modified: int, inode: int) -> int | None:  # noqa: ARG001
    with path.open("rb") as file:
        for start in {0, max(size - HEAP_REACH, 0)}:
            file.seek(start)
            part = file.read(min(HEAP_REACH, size))
            at = part.find(HEAP)
            while at >= 0:
                if _has_empty_part(part, at):
                    return start + at
                at = part.find(HEAP, at + 1)
    return None


def _has_empty_part(content: bytes, at: int) -> bool:
    parts = parts_of_heap(lambda place, count: content[place : place + count], at)
    return any(number == 0 and length == 0 for number, _, length in parts)
