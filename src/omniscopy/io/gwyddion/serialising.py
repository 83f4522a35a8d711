"""Objects as the bytes of a Gwyddion file, with numbers that are streamed to their place later."""

import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.storage.stored import ChunkedTarget, native_chunks, stream
from omniscopy.model.errors import DataError

LARGEST = 2**32 - 1


@dataclass(frozen=True)
class Numbers:
    """Values of an array component, in memory or lazy."""

    values: Any

    @property
    def count(self) -> int:
        """Return how many there are."""
        return math.prod(self.values.shape)


@dataclass(frozen=True)
class Made:
    """An object to be written: its class and its components."""

    kind: str
    items: dict[str, Any]


Part = bytes | Numbers


def unit(units: str | None) -> Made:
    """Return the object of a unit."""
    return Made("GwySIUnit", {"unitstr": "" if units in (None, "1") else units})


def write_objects(path: Path, container: Made) -> None:
    """Write a file: the structure first, then all numbers, lazy ones chunk by chunk."""
    waiting: list[tuple[int, Numbers]] = []
    with path.open("wb") as file:
        file.write(b"GWYP")
        for part in object_parts(container):
            if isinstance(part, bytes):
                file.write(part)
            else:
                waiting.append((file.tell(), part))
                file.seek(8 * part.count, 1)
        file.truncate(file.tell())
    pairs: list[tuple[Any, ChunkedTarget]] = []
    for offset, numbers in waiting:
        shape = tuple(numbers.values.shape)
        target = np.memmap(path, "<f8", mode="r+", offset=offset, shape=shape)
        values, _ = native_chunks(numbers.values)
        pairs.append((values, ChunkedTarget(target, shape)))
    stream(pairs)
    for _, made in pairs:
        made.array.flush()


def object_parts(made: Made) -> list[Part]:
    """Return an object as bytes and numbers, in their order."""
    body = [part for name, value in made.items.items() for part in _component(name, value)]
    size = sum(8 * part.count if isinstance(part, Numbers) else len(part) for part in body)
    if size > LARGEST:
        message = (
            f"the data need {size} bytes, but an object of a Gwyddion file has at most {LARGEST}; "
            "save to .zarr or .h5 instead"
        )
        raise DataError(message)
    return [_text(made.kind) + struct.pack("<I", size), *body]


def _component(name: str, value: Any) -> list[Part]:
    start = _text(name)
    if isinstance(value, bool):
        return [start + b"b" + bytes([value])]
    if isinstance(value, int):
        return [start + b"i" + struct.pack("<i", value)]
    if isinstance(value, float):
        return [start + b"d" + struct.pack("<d", value)]
    if isinstance(value, str):
        return [start + b"s" + _text(value)]
    if isinstance(value, Numbers):
        return [start + b"D" + struct.pack("<I", value.count), value]
    if isinstance(value, Made):
        return [start + b"o", *object_parts(value)]
    number = struct.pack("<I", len(value))
    return [start + b"O" + number, *(part for each in value for part in object_parts(each))]


def _text(text: str) -> bytes:
    return text.replace("\0", "").encode("utf-8", "replace") + b"\0"
