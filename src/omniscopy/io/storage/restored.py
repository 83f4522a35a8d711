"""What was stored, as records: the counterpart of `omniscopy.io.storage.stored`."""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from omniscopy.io.arrays import Derived
from omniscopy.io.errors import FormatError
from omniscopy.io.records import Axis, Channel, Key, LazyArray, Measurement, Node, Variable
from omniscopy.io.storage.attributes import decode_attrs

SIGNAL = "signal"

# A fixed width of text from a damaged note must not fill the memory.
_TEXT_BYTES = 256 * 2**20


@dataclass(frozen=True)
class Retyped(Derived):
    """`inner` as values of another type of number: truth values, half floats, dates."""

    dtype: np.dtype[Any]

    def __getitem__(self, key: Key) -> np.ndarray:
        """Return the values asked for."""
        values = self.inner[key]
        if self.dtype.kind in "mM":
            return np.asarray(values, np.int64).view(self.dtype)
        return values.astype(self.dtype)


def restored(
    name: str,
    dims: tuple[str, ...],
    data: LazyArray | np.ndarray,
    attrs: Mapping[str, Any],
    note: Mapping[str, Any],
) -> tuple[bool, Variable]:
    """Return whether a stored variable is a coordinate, and its record as it was.

    `note` is what the writer noted of it (`StoredVariable.note`). Text, single values and the
    coordinates of dimensions are read now, everything else when it is asked for.
    """
    wanted = note.get("dtype")
    coordinate = dims == (name,) or bool(note.get("coordinate"))
    if len(dims) != len(data.shape):
        message = f"{name!r} has {len(data.shape)} dimensions, but these names: {dims}"
        raise FormatError(message, key=name)
    if data.dtype.kind in "OT" or not dims or dims == (name,):
        data = (
            data if isinstance(data, np.ndarray) else np.asarray(data[(slice(None),) * len(dims)])
        )
    if data.dtype.kind in "OT":
        data = _texts(np.asarray(data), wanted)
    elif wanted is not None:
        data = _retyped(data, wanted)
    return coordinate, Variable(dims=dims, data=data, attrs=dict(attrs))


def chunks_touched(key: Key, chunks: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Yield the place in the grid of chunks of each one that `key` reaches into."""
    ranges = []
    for part, length in zip(key, chunks, strict=True):
        chosen = [part] if isinstance(part, int) else range(part.start, part.stop, part.step)
        ends = (chosen[0] // length, chosen[-1] // length + 1) if len(chosen) else (0, 0)
        ranges.append(range(*ends))
    return itertools.product(*ranges)


def to_measurement(nodes: Mapping[str, Node]) -> Measurement:
    """Return the records of a stored tree, with channels that describe it."""
    for path, node in nodes.items():
        _require_sizes(path, node)
    root = nodes.get("/", Node()).attrs
    return Measurement(
        channels=[
            _channel(path, node) for path, node in nodes.items() if node.variables or path != "/"
        ],
        metadata=_mapping(root.get("metadata")),
        original_metadata=_mapping(root.get("original_metadata")),
        nodes={"/": Node(), **nodes},
    )


def _require_sizes(path: str, node: Node) -> None:
    """Raise `FormatError` where variables of one node disagree about the size of a dimension."""
    sizes: dict[str, int] = {}
    for name, each in (*node.coordinates.items(), *node.variables.items()):
        for dim, size in zip(each.dims, each.data.shape, strict=True):
            if sizes.setdefault(dim, size) != size:
                message = f"{name!r} has {size} points along {dim!r}, others have {sizes[dim]}"
                raise FormatError(message, key=path)


def _retyped(data: LazyArray | np.ndarray, wanted: Any) -> LazyArray | np.ndarray:
    dtype = _valid_dtype(wanted)
    if dtype is None or dtype.kind in "US" or data.dtype.kind not in "iuf":
        return data
    if isinstance(data, np.ndarray):
        return data.astype(np.int64).view(dtype) if dtype.kind in "mM" else data.astype(dtype)
    return Retyped(data, dtype)


def _texts(values: np.ndarray, wanted: Any) -> np.ndarray:
    """Return stored text as the type that it had."""
    texts = np.empty(values.shape, object)
    for index, item in np.ndenumerate(values):
        texts[index] = item.decode("utf-8", "replace") if isinstance(item, bytes) else str(item)
    if wanted == "json":
        for index, item in np.ndenumerate(texts):
            texts[index] = decode_attrs(item).get("value")
        return texts
    if wanted == "object":
        return texts
    dtype = _valid_dtype(wanted)
    shortest = texts.astype(str) if texts.size else np.empty(texts.shape, "<U1")
    if dtype is None or dtype.kind not in "US" or dtype.itemsize * texts.size > _TEXT_BYTES:
        return shortest
    if dtype.kind == "S":
        return np.char.encode(shortest, "latin-1").astype(dtype)
    return shortest.astype(dtype)


def _valid_dtype(text: Any) -> np.dtype[Any] | None:
    """Return the type that a note in a file names, `None` where it names none that we write."""
    pattern = r"[<>|=]?([US]\d{1,6}|[mM]8(\[\d{0,6}[a-zA-Zμ]{1,2}\])?|b1|f2)"
    if not isinstance(text, str) or not re.fullmatch(pattern, text):
        return None
    return np.dtype(text)


def _channel(path: str, node: Node) -> Channel:
    """Return the description of a node, as a channel that was read from a file has it."""
    group, _, name = path.strip("/").rpartition("/")
    main = node.variables.get(SIGNAL)
    attrs = main.attrs if main is not None else node.attrs
    dims = main.dims if main is not None else _dims(node)
    sizes = {
        dim: n
        for each in (*node.variables.values(), *node.coordinates.values())
        for dim, n in zip(each.dims, each.data.shape, strict=True)
    }
    return Channel(
        title=str(attrs.get("long_name") or name or SIGNAL),
        name=name or SIGNAL,
        group=group,
        data=None if main is None else main.data,
        axes=[_axis(dim, sizes[dim], node.coordinates.get(dim)) for dim in dims],
        quantity=attrs.get("quantity"),
        units=attrs.get("units"),
        signal_type=attrs.get("signal_type"),
        modality=attrs.get("modality"),
        source=attrs.get("source"),
        metadata=_mapping(attrs.get("metadata")),
        variables={key: each for key, each in node.variables.items() if key != SIGNAL},
    )


def _axis(dim: str, size: int, values: Variable | None) -> Axis:
    if values is None or not isinstance(values.data, np.ndarray):
        return Axis(name=dim, size=size)
    stated: dict[str, Any] = {
        key: values.attrs.get(key) for key in ("units", "quantity", "kind", "role")
    }
    return Axis(name=dim, size=size, values=values.data, **stated)


def _dims(node: Node) -> list[str]:
    return list(dict.fromkeys(dim for each in node.variables.values() for dim in each.dims))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
