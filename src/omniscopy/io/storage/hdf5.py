"""What NSID and USID share: checked access to HDF5, attributes as nested dictionaries."""

import functools
import itertools
import math
import os
import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from omniscopy.io.errors import FormatError
from omniscopy.io.records import Key, Variable
from omniscopy.io.storage.hdf5_attributes import (
    ABSENT,
    ELSEWHERE,
    all_in_header,
    read_from_header,
    small_values,
    value_in,
)
from omniscopy.io.storage.hdf5_heaps import (
    HEAP,
    STRING,
    heaps_kept,
    parts_of_heap,
    require_sound_attribute,
    require_sound_values,
)
from omniscopy.model.units import spell

Looked = TypeVar("Looked")

# What the library and a parser may raise on damaged bytes.
DAMAGE = (
    OSError, RuntimeError, KeyError, ValueError, TypeError, IndexError, AttributeError,
    OverflowError, MemoryError, ArithmeticError, EOFError,
)  # fmt: skip

# Written on every object by the original packages; says nothing about the measurement.
BOOK_KEEPING = frozenset(
    {"machine_id", "timestamp", "platform", "sidpy_version", "pyNSID_version", "pyUSID_version"}
)

# Groups of attributes, in which there is no data to be found.
DESCRIPTIONS = frozenset({"metadata", "original_metadata", "provenance", "point_cloud"})

# How much of either end of a file is searched for heaps of texts.
HEAP_REACH = 2**22

MAX_OBJECTS, MAX_DEPTH, MAX_ENTRIES = 100_000, 32, 20_000
UNREADABLE = object()  # what no attribute is
LOADED_BYTES = 256 * 2**20
ATTRIBUTE_BYTES = 60_000  # older HDF5 refuses attributes of 64 kB and more
DEFLATE_RATIO = 1032  # no deflate stream holds more than this times its length


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

# Classes of types that need no more than to be read: integers, floats and texts.
_NUMBERS = frozenset({0, 1})
_SIMPLE = _NUMBERS | {STRING}

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


def require_values(dataset: Any) -> None:
    """Raise `FormatError` unless the values of a dataset can be in its file."""
    import h5py

    path, shape = file_of(dataset), dataset.shape
    offset = dataset.id.get_offset()
    if offset is not None and shape is not None:  # in a row, in this file
        _require_end(dataset, path, offset + math.prod(shape) * dataset.dtype.itemsize)
        return
    stored = dataset.id.get_create_plist()
    layout = stored.get_layout()
    if layout == h5py.h5d.VIRTUAL or stored.get_external_count():
        message = "the values are kept in other files, which are not followed"
        raise FormatError(message, path=path, key=dataset.name)
    if shape is None:
        message = "the dataset is empty (it has no shape)"
        raise FormatError(message, path=path, key=dataset.name)
    if layout == h5py.h5d.CHUNKED:  # to add them all up would take a time that grows with them
        end = math.prod(dataset.chunks) * dataset.dtype.itemsize // DEFLATE_RATIO
        _require_end(dataset, path, end)


def _require_end(dataset: Any, path: str, end: int) -> None:
    size = os.stat(path).st_size  # noqa: PTH116 - of hundreds
    if end > size:
        message = (
            f"the values ({dataset.shape} of {dataset.dtype}) need bytes up to {end}, but the "
            f"file has {size}; it is cut short or damaged"
        )
        raise FormatError(message, path=path, key=dataset.name)


def file_of(found: Any) -> str:
    """Return the path of the file that a group or dataset is in."""
    import h5py

    # What h5py itself does for this makes an object of the whole file.
    return os.fsdecode(h5py.h5f.get_name(found.id))


def load(dataset: Any) -> np.ndarray:
    """Return the values of a small dataset; raise `FormatError` where it claims to be huge."""
    require_values(dataset)
    shape, dtype = dataset.shape, dataset.dtype
    wanted = math.prod(shape) * dtype.itemsize
    if wanted > 2**20:
        held = dataset.id.get_storage_size() * (DEFLATE_RATIO if dataset.chunks else 1)
        if wanted > min(held, LOADED_BYTES):
            message = f"a table of {shape} is claimed, more than its bytes can hold"
            raise FormatError(message, path=file_of(dataset), key=dataset.name)
    return np.asarray(whole(dataset), dtype=dtype.newbyteorder("="))


def whole(dataset: Any) -> Any:
    """Return all values of a dataset, as `dataset[()]` does with preparations for parts."""
    import h5py

    shape, dtype = dataset.shape, dataset.dtype
    if shape is None or 0 in shape or dtype.kind not in "iufcS":
        if dtype.hasobject:
            require_sound_values(dataset)
        return dataset[()]
    values = np.empty(shape, dtype)
    dataset.id.read(h5py.h5s.ALL, h5py.h5s.ALL, values)
    return values[()]


def read_plain(dataset: Any) -> Any:
    """Return all of a small dataset as plain values, without the library where that can be."""
    with suppress(*DAMAGE):
        value = small_values(dataset)
        if value is not ELSEWHERE:
            return plain(value, dataset)
    return plain(whole(dataset), dataset)


def read_attributes(found: Any, *, without: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Return the attributes of a group or dataset as plain values; unreadable ones are left out."""
    values = each_attribute(found, without=without)
    return {name: value for name, value in values if value is not UNREADABLE}


def each_attribute(
    found: Any, *, without: frozenset[str] = frozenset()
) -> Iterator[tuple[str, Any]]:
    """Yield the names of attributes and their plain values, or `UNREADABLE`."""
    kept = None
    with suppress(*DAMAGE):
        kept = all_in_header(found)
    if kept is None:
        for name in list(found.attrs)[:MAX_ENTRIES]:
            if name not in without:
                yield name, read_attribute(found, name)
        return
    # The header is looked up but once for all of them.
    heaps, attributes = kept
    for word, attribute in itertools.islice(attributes.items(), MAX_ENTRIES):
        name = word.decode("utf-8", "surrogateescape")
        if name in without:
            continue
        value = UNREADABLE
        with suppress(*DAMAGE):
            value = value_in(heaps, attribute)
            value = read_attribute(found, name) if value is ELSEWHERE else plain(value, found)
        yield name, value


def has_attribute(found: Any, name: str) -> bool:
    """Return whether there is an attribute of a name, asked of the library itself."""
    import h5py

    return bool(h5py.h5a.exists(found.id, name.encode()))


def read_attribute(found: Any, name: str) -> Any:
    """Return one attribute as plain values, `UNREADABLE` where it is missing or damaged."""
    import h5py

    with suppress(*DAMAGE):
        word = name.encode()
        value = read_from_header(found, word)
        if value is not ELSEWHERE:
            return UNREADABLE if value is ABSENT else plain(value, found)
        if not h5py.h5a.exists(found.id, word):
            return UNREADABLE
        stored = h5py.h5a.open(found.id, word)
        kind = stored.get_type()
        if isinstance(kind, h5py.h5t.TypeVlenID):
            return UNREADABLE  # text whose type is damaged looks like this, and crashes the library
        # An empty one has no shape, and the library no size for it.
        shape = stored.shape
        claimed = 0 if shape is None else math.prod(shape) * kind.get_size()
        if claimed > ATTRIBUTE_BYTES and claimed > Path(file_of(found)).stat().st_size:
            return UNREADABLE
        if shape is None:
            return plain(found.attrs[name], found)
        if kind.get_class() not in _NUMBERS:
            text = require_sound_attribute(found, stored, kind)
            if text is not None:
                return text.decode("utf-8", "replace")
        if kind.get_class() not in _SIMPLE:
            return plain(found.attrs[name], found)
        # As h5py does it, but without opening the attribute anew.
        values = np.zeros(shape, kind.dtype)
        stored.read(values)
        return plain(values[()], found)
    return UNREADABLE


def checked_attribute(found: Any, name: str) -> Any:
    """Return one attribute as h5py gives it, after a look at how long its texts and lists are."""
    import h5py

    stored = h5py.h5a.open(found.id, name.encode())
    require_sound_attribute(found, stored, stored.get_type())
    return found.attrs[name]


def read_group(group: Any, *, without: frozenset[str] = frozenset()) -> Any:
    """Return a group of attributes as a nested dictionary; sub-groups 0, 1, … are a list."""
    return _read_group(group, without, [MAX_ENTRIES], {address(group)})


def read_ancestors(groups: Iterable[Any]) -> dict[str, Any]:
    """Return the attributes of all groups above some groups, nested as the groups are."""
    groups = list(groups)
    tree: dict[str, Any] = {}
    for path in sorted({above for group in groups for above in groups_above(group.name)}):
        found = read_attributes(groups[0].file[path], without=BOOK_KEEPING)
        if found:
            inner = tree
            for part in path.strip("/").split("/") if path != "/" else ():
                inner = inner.setdefault(part, {})
            inner.update(found)
    return tree


def groups_above(path: str) -> list[str]:
    """Return the paths of all groups above one: "/" and "/a" for "/a/b"."""
    parts = path.strip("/").split("/")[:-1]
    return ["/" + "/".join(parts[:number]) for number in range(len(parts) + 1)]


def text_of(attributes: Mapping[str, Any], *names: str) -> str | None:
    """Return the first of some attributes that is text and says something."""
    for name in names:
        value = attributes.get(name)
        if isinstance(value, str) and value.strip() and value.strip().lower() != "generic":
            return value.strip()
    return None


def known_units(text: str | None) -> str | None:
    """Return the usual spelling of a unit, `None` where the file says that it is unknown."""
    return spell(text) if text else None


def line_of(values: np.ndarray) -> tuple[float, float] | None:
    """Return offset and scale that `values` follow to the last bit, `None` where they do not."""
    if len(values) < 2 or values.dtype != np.float64:
        return None
    offset, scale = float(values[0]), float(values[1]) - float(values[0])
    exact = np.array_equal(offset + scale * np.arange(len(values)), values)
    return (offset, scale) if exact else None


def plain(value: Any, found: Any) -> Any:
    """Return an attribute as text, numbers, lists and dictionaries."""
    # What most are, before the library's own kinds are asked for.
    if isinstance(value, str):
        return value
    if isinstance(value, np.number | np.bool_):
        return value.item()
    import h5py

    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, h5py.RegionReference):
        return _describe_region(value, found)
    if isinstance(value, h5py.Reference):
        return found.file[value].name if value else None
    if isinstance(value, h5py.Empty):
        return None
    if isinstance(value, np.void) and value.dtype.names:
        return {name: plain(value[name], found) for name in value.dtype.names}
    if isinstance(value, np.ndarray) and value.ndim:
        if value.size > MAX_ENTRIES:
            return f"array of shape {value.shape} left out"
        if value.dtype.kind in "biufcU":
            return value.tolist()
        return [plain(item, found) for item in value]
    if isinstance(value, np.generic | np.ndarray):
        return plain(value.item(), found) if value.dtype.kind != "V" else value.tobytes().hex()
    return value


def write_group(parent: Any, name: str, content: Any) -> None:
    """Write a nested dictionary as a group of attributes, for other programs to read.

    What an attribute cannot hold is left out: `None`, and values of 64 kB and more.
    """
    if name in parent:
        return
    group = parent.create_group(name)
    items = content.items() if isinstance(content, Mapping) else enumerate(content)
    for key, value in items:
        word = re.sub(r"[/\0]", "_", str(key).strip()) or "_"
        word = "_" if word in (".", "..") else word
        if _is_nested(value):
            write_group(group, word, value)
        else:
            write_attribute(group, word, value)


def write_attribute(found: Any, name: str, value: Any) -> None:
    """Write an attribute in the way of the open formats; one that HDF5 cannot hold is left out."""
    with suppress(TypeError, ValueError, OSError, RuntimeError, OverflowError):
        if value is None:
            return
        if isinstance(value, list | tuple) and any(isinstance(item, str) for item in value):
            value = np.array([str(item).encode() for item in value])
        if isinstance(value, str):
            value = value.replace("\0", "")
        size = len(value.encode()) if isinstance(value, str) else np.asarray(value).nbytes
        if size < ATTRIBUTE_BYTES and not (isinstance(value, np.ndarray) and not value.size):
            found.attrs[name] = value


def fields_of(dataset: Any) -> dict[str, "Hdf5Field"]:
    """Return the handle of every field of a compound dataset by the name of the field."""
    return {
        name: Hdf5Field(
            dataset.file.filename, dataset.name, name, dataset.shape,
            dataset.dtype[name].newbyteorder("="), dataset.chunks,
        )
        for name in dataset.dtype.names or ()
        if dataset.dtype[name].kind in "biufc"
    }  # fmt: skip


@dataclass(frozen=True)
class Hdf5Field:
    """One field of a compound dataset, opened for each read."""

    path: str
    key: str
    field: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunks: tuple[int, ...] | None = None

    def __getitem__(self, key: Key) -> np.ndarray:
        """Return the values asked for."""
        with open_hdf5(self.path, attributes=False) as file:
            return np.asarray(file[self.key].fields(self.field)[key], dtype=self.dtype)


def field_variable(field: str, dims: Sequence[str], data: Any) -> tuple[str, Variable]:
    """Return the name and the variable of a field called like `Phase [rad]`."""
    from omniscopy.io.names import slug

    match = re.fullmatch(r"(.*?)\s*\[(.*)\]\s*", field)
    title, unit = (match[1], match[2]) if match else (field, "")
    attrs = {"long_name": title, "quantity": title.lower(), "units": known_units(unit)}
    stated = {key: value for key, value in attrs.items() if value}
    return slug(title), Variable(dims=tuple(dims), data=data, attrs=stated)


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


def _read_group(group: Any, without: frozenset[str], left: list[int], above: set[int]) -> Any:
    import h5py

    found = read_attributes(group, without=without)
    left[0] -= len(found) + 1
    children: dict[str, Any] = {}
    for name in names_in(group):
        if left[0] <= 0 or len(above) >= MAX_DEPTH:
            break
        with suppress(*DAMAGE):
            child = linked(group, name)
            if child is None or address(child) in above:
                continue
            if isinstance(child, h5py.Group):
                children[name] = _read_group(child, without, left, above | {address(child)})
            elif child.size is not None and child.size <= MAX_ENTRIES:
                children[name] = plain(load(child), child)
    numbered = [str(number) for number in range(len(children))]
    if children and not found and sorted(children) == sorted(numbered):
        return [children[number] for number in numbered]
    return {**found, **children}


def _describe_region(reference: Any, found: Any) -> dict[str, Any] | None:
    """Return what a region reference selects: blocks as [start, stop) corners, or points."""
    import h5py

    if not reference:
        return None
    dataset = found.file[reference]
    region = h5py.h5r.get_region(reference, dataset.id)
    described: dict[str, Any] = {"dataset": dataset.name}
    kind = region.get_select_type()
    if kind == h5py.h5s.SEL_POINTS:
        described["points"] = region.get_select_elem_pointlist()[:MAX_ENTRIES].tolist()
    elif kind == h5py.h5s.SEL_HYPERSLABS:
        corners = region.get_select_hyper_blocklist()[:MAX_ENTRIES]
        described["blocks"] = [[first.tolist(), (last + 1).tolist()] for first, last in corners]
    else:
        described["selection"] = "all" if kind == h5py.h5s.SEL_ALL else "none"
    return described


def _is_nested(value: Any) -> bool:
    if isinstance(value, Mapping):
        return True
    return isinstance(value, list | tuple) and any(isinstance(item, Mapping) for item in value)
