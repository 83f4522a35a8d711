"""Trees as every open format can hold them: nodes of plain arrays, each with its attributes.

What no open format holds is turned into what all of them do, and noted, so that it comes back as
it was: dates become integers, text of a fixed width any text, and the fields of a compound array
one variable each.
"""

import json
import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from omniscopy.compute.chunks import plan_chunks
from omniscopy.io.errors import UnsupportedFormatError
from omniscopy.io.storage.attributes import encode_attrs
from omniscopy.model.errors import DataError

if TYPE_CHECKING:
    import xarray as xr

SIGNAL = "signal"

# Who wrote a file and how; later versions must still read this one.
ENCODING: dict[str, Any] = {"encoding": "omniscopy-tree", "version": 1}
KEY = "omniscopy"

# Chunks on disk: small enough that one spectrum or frame is read quickly.
DISK_CHUNK_BYTES = 8 * 2**20

# Attributes by which xarray and other tools change values or names when they read.
RESERVED = {
    "coordinates", "_FillValue", "missing_value", "scale_factor", "add_offset", "_Unsigned",
    "dtype", "calendar", "grid_mapping", "bounds", "_ARRAY_DIMENSIONS", "ome", "multiscales", KEY,
}  # fmt: skip

_CF_UNITS = {
    "ns": "nanoseconds", "us": "microseconds", "ms": "milliseconds", "s": "seconds",
    "m": "minutes", "h": "hours", "D": "days",
}  # fmt: skip


def require_version(path: object, note: Mapping[str, Any]) -> None:
    """Refuse what a later version of the package has written."""
    version = note.get("version")
    if not isinstance(version, int) or version > ENCODING["version"]:
        message = (
            f"this was written in version {version!r} of Omniscopy's layout, this installation "
            f"reads up to {ENCODING['version']}; install a newer Omniscopy"
        )
        raise UnsupportedFormatError(message, path=path)


@dataclass(frozen=True, kw_only=True)
class StoredVariable:
    """Values of a type that all open formats hold: numbers, truth values or text (objects).

    `dtype` says what they were where they were something else; `hints` are attributes by which
    other programs understand that.
    """

    name: str
    dims: tuple[str, ...]
    values: Any
    attrs: Mapping[str, Any] = field(default_factory=dict)
    dtype: str | None = None
    hints: Mapping[str, Any] = field(default_factory=dict)
    coordinate: bool = False

    @property
    def is_text(self) -> bool:
        """Return whether the values are text."""
        return bool(self.values.dtype == object)

    @property
    def note(self) -> dict[str, Any]:
        """Return what must be known to restore the values."""
        note: dict[str, Any] = {} if self.dtype is None else {"dtype": self.dtype}
        if self.coordinate and self.dims != (self.name,):
            note["coordinate"] = True
        return note


@dataclass(frozen=True, kw_only=True)
class StoredNode:
    """One node of a tree; `path` is "/" for the root."""

    path: str
    variables: Mapping[str, StoredVariable]
    attrs: Mapping[str, Any]

    @property
    def coordinates(self) -> dict[str, StoredVariable]:
        """Return those variables that are coordinates."""
        return {name: each for name, each in self.variables.items() if each.coordinate}

    @property
    def data(self) -> dict[str, StoredVariable]:
        """Return those variables that are no coordinates."""
        return {name: each for name, each in self.variables.items() if not each.coordinate}


def stored_nodes(tree: "xr.DataTree") -> list[StoredNode]:
    """Return the nodes of a tree, parents first, with all values as open formats hold them.

    Raises
    ------
    DataError
        A variable holds what cannot be saved; the message names it.
    """
    nodes = []
    for node in tree.subtree:
        dataset = node.to_dataset(inherit=False)
        attrs = {str(key): value for key, value in node.attrs.items()}
        variables = {
            part.name: part
            for name, variable in dataset.variables.items()
            for part in _parts(name, dataset, variable, node.path)
        }
        nodes.append(StoredNode(path=node.path, variables=variables, attrs=attrs))
    return _without_split_array(nodes)


def native_chunks(values: Any) -> tuple[Any, tuple[int, ...]]:
    """Return values ready to be streamed and the chunks on disk that their blocks fill.

    Blocks of a dask array that are cut evenly stay as they are, and are a whole number of
    chunks on disk; others are cut anew.
    """
    if not _is_lazy(values):
        return values, plan_chunks(values.shape, values.dtype.itemsize, target=DISK_CHUNK_BYTES)
    if any(not _is_even(lengths) for lengths in values.chunks):
        # An uneven cut follows from slicing; the longest block is a size that fitted memory.
        even = tuple(max(lengths, default=1) for lengths in values.chunks)
        values = values.rechunk(even)
    return values, _divided(values.chunks, values.dtype.itemsize)


def _is_lazy(values: Any) -> bool:
    """Return whether values are a dask array, where dask was loaded at all."""
    arrays = sys.modules.get("dask.array")
    return arrays is not None and isinstance(values, arrays.Array)


def cut(region: tuple[slice, ...], chunks: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
    """Yield the parts of a region that lie in one chunk each, in C order."""
    if not region:
        yield ()
        return
    first, others = region[0], region[1:]
    start = first.start
    while start < first.stop:
        stop = min((start // chunks[0] + 1) * chunks[0], first.stop)
        for rest in cut(others, chunks[1:]):
            yield (slice(start, stop), *rest)
        start = stop


@dataclass(frozen=True)
class ChunkedTarget:
    """An array on disk, written one of its chunks at a time so that little is held in memory."""

    array: Any
    chunks: tuple[int, ...]

    def __setitem__(self, key: Any, values: Any) -> None:
        region = tuple(slice(*part.indices(n)) for part, n in zip(key, self.shape, strict=True))
        values = np.asarray(values)
        for part in cut(region, self.chunks):
            inner = tuple(
                slice(each.start - whole.start, each.stop - whole.start)
                for each, whole in zip(part, region, strict=True)
            )
            self.array[part] = values[inner]

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of the array."""
        return tuple(self.array.shape)

    @property
    def dtype(self) -> Any:
        """Return the type of the array."""
        return self.array.dtype


def stream(pairs: list[tuple[Any, ChunkedTarget]], *, lock: Any = False) -> None:
    """Write each of the arrays to its place, all lazy ones in one computation."""
    lazy = [(values, target) for values, target in pairs if _is_lazy(values)]
    for values, target in pairs:
        if not _is_lazy(values):
            # What is in memory already is given as a whole: the library writes it on all cores.
            target.array[tuple(slice(0, n) for n in values.shape)] = values
    if not lazy:
        return
    import dask.array as da

    from omniscopy.io.storage.gathering import current_cluster, gather

    client = current_cluster()
    if lock and client is not None:
        gather(lazy, client)
        return
    targets: Any = [target for _, target in lazy]
    da.store([values for values, _ in lazy], targets, lock=lock)


def _parts(
    name: Any, dataset: "xr.Dataset", variable: "xr.Variable", path: str
) -> Iterator[StoredVariable]:
    """Yield a variable as it is stored: one for each field where its values are compound."""
    where = f"variable {name!r} of {path!r}"
    if not isinstance(name, str) or any(not isinstance(dim, str) for dim in variable.dims):
        message = f"{where} cannot be saved: names of variables and dimensions must be text"
        raise DataError(message)
    if name in dataset.xindexes and type(dataset.xindexes[name]).__name__ == "PandasMultiIndex":
        message = f"{where} is part of a multi-index; use `reset_index` before saving"
        raise DataError(message)
    made = StoredVariable(
        name=name,
        dims=tuple(str(dim) for dim in variable.dims),
        values=_array(variable),
        attrs={str(key): value for key, value in variable.attrs.items()},
        coordinate=name in dataset.coords,
    )
    fields = made.values.dtype.names
    if not fields:
        yield _plain(made, where)
        return
    for one in fields:
        taken = name != SIGNAL or one in dataset.variables
        part = replace(made, name=f"{name}_{one}" if taken else one, values=made.values[one])
        yield _plain(part, where)


def _array(variable: "xr.Variable") -> Any:
    """Return the values: in memory where they are there, else lazy."""
    if variable.chunks is not None:
        return variable.data
    if variable._in_memory:  # `.data` would load the file
        return np.asarray(variable.values)
    planned = plan_chunks(variable.shape, variable.dtype.itemsize)
    return variable.chunk(dict(zip(variable.dims, planned, strict=True))).data


def _plain(variable: StoredVariable, where: str) -> StoredVariable:
    """Return a variable whose values are of a type that every open format holds."""
    values = variable.values
    kind, dtype = values.dtype.kind, values.dtype
    if kind in "mM":
        word = _CF_UNITS.get(np.datetime_data(dtype)[0])
        native = dtype.newbyteorder("=")
        return replace(
            variable,
            values=values.astype(native).view(np.int64),
            dtype=native.str,
            hints=_time_hints(word, kind, native),
        )
    if kind in "USOT":
        texts, noted = _texts(np.asarray(values), where)
        return replace(variable, values=texts, dtype=noted)
    if kind in "biufc" and dtype.itemsize <= (16 if kind == "c" else 8):
        if dtype.isnative:
            return variable
        return replace(variable, values=values.astype(dtype.newbyteorder("=")))
    message = f"{where} cannot be saved: no open format holds values of type {dtype}; convert them"
    raise DataError(message)


def _time_hints(word: str | None, kind: str, dtype: np.dtype[Any]) -> dict[str, str]:
    if word is None or np.datetime_data(dtype)[1] != 1:
        return {}
    if kind == "m":
        return {"units": word, "dtype": dtype.name}
    return {"units": f"{word} since 1970-01-01", "calendar": "proleptic_gregorian"}


def _texts(values: np.ndarray, where: str) -> tuple[np.ndarray, str]:
    """Return values as an array of text, and the note of what they were."""
    noted = values.dtype.newbyteorder("=").str if values.dtype.kind in "US" else "text"
    if values.dtype.kind == "S":
        values = np.char.decode(values, "latin-1")
    elif values.dtype == object and not all(isinstance(item, str) for item in values.flat):
        noted = "json"
        values = _json_texts(values, where)
    elif values.dtype == object:
        noted = "object"
    if noted != "json" and not all(_is_writable(item) for item in values.flat):
        noted = "json"
        values = _json_texts(values, where)
    texts = np.empty(values.shape, object)
    texts[...] = values.astype(object)
    return texts, noted


def _is_writable(text: str) -> bool:
    """Return whether files hold a text as it is: no zero byte, no half of a character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def _json_texts(values: np.ndarray, where: str) -> np.ndarray:
    texts = np.empty(values.shape, object)
    for index, item in np.ndenumerate(values):
        texts[index] = text = encode_attrs({"value": item})
        if '"unrecorded"' in text and "unrecorded" in _kinds(json.loads(text)):
            message = f"{where} cannot be saved: it holds {type(item).__name__} objects"
            raise DataError(message)
    return texts


def _kinds(plain: Any) -> set[str]:
    """Return the types of all tagged values in plain JSON."""
    if isinstance(plain, list):
        return {kind for item in plain for kind in _kinds(item)}
    if not isinstance(plain, dict):
        return set()
    own = {str(plain["$type"])} if "$type" in plain else set()
    return own | {kind for item in plain.values() for kind in _kinds(item)}


def _is_even(lengths: tuple[int, ...]) -> bool:
    return all(n == lengths[0] for n in lengths[:-1]) and lengths[-1:] <= lengths[:1]


def _divided(blocks: tuple[tuple[int, ...], ...], itemsize: int) -> tuple[int, ...]:
    """Return chunks of about `DISK_CHUNK_BYTES` of which each block is a whole number."""
    chunk = [max(*lengths, 1) for lengths in blocks]
    for axis, lengths in enumerate(blocks):
        length = chunk[axis]
        room = max(DISK_CHUNK_BYTES // (math.prod(chunk) // length * itemsize), 1)
        if room >= length:
            break
        if len(lengths) == 1:  # no other block that a chunk could reach into
            chunk[axis] = -(-length // -(-length // room))
            continue
        divisor = next(n for n in range(room, 0, -1) if length % n == 0)
        # A length without good divisors is better left whole than cut into slivers.
        chunk[axis] = divisor if 4 * divisor >= room else length
    return tuple(chunk)


def _without_split_array(nodes: list[StoredNode]) -> list[StoredNode]:
    """Return nodes whose root does not promise one array where compound values were split."""
    root, *others = nodes
    if root.attrs.get("saved_as") == "array" and all(SIGNAL not in n.variables for n in others):
        root = replace(root, attrs={**root.attrs, "saved_as": "dataset"})
    return [root, *others]
