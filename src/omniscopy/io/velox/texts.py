"""Texts of any length in HDF5, read from the file's global heap.

The HDF5 library can crash on a damaged heap; the layout is simple, so we walk it ourselves, with
every number checked (HDF5 File Format Specification 3.0, section III.E).
"""

import struct
from pathlib import Path
from typing import Any

LARGEST_TEXT = 1 << 20
_MOST_OBJECTS = 1 << 16
_REFERENCE = struct.Struct("<IQI")  # length, address of the heap, number in it
_COLLECTION = struct.Struct("<4sB3xQ")
_OBJECT = struct.Struct("<HH4xQ")


def read_text(dataset: Any) -> bytes | None:
    """Return the one text of a data set, `None` where it is missing, long or damaged."""
    if dataset.dtype.kind == "S":
        return bytes(dataset[()] if dataset.shape == () else dataset[0])
    place = _first_byte(dataset)
    if place is None or dataset.id.get_storage_size() != _REFERENCE.size:
        return None
    base = dataset.file.userblock_size
    with Path(dataset.file.filename).open("rb") as file:
        found = _unpacked(file, place, _REFERENCE)
        if found is None or not 0 < found[0] <= LARGEST_TEXT:
            return None
        length, collection, index = found
        return _from_heap(file, base + collection, index, length)


def _first_byte(dataset: Any) -> int | None:
    if dataset.chunks is None:
        return dataset.id.get_offset()
    if dataset.id.get_create_plist().get_nfilters() or dataset.id.get_num_chunks() == 0:
        return None
    return dataset.id.get_chunk_info(0).byte_offset


def _from_heap(file: Any, collection: int, index: int, length: int) -> bytes | None:
    head = _unpacked(file, collection, _COLLECTION)
    if head is None or head[0] != b"GCOL":
        return None
    at, end = collection + _COLLECTION.size, collection + head[2]
    for _ in range(_MOST_OBJECTS):
        found = _unpacked(file, at, _OBJECT)
        if found is None or found[0] == 0 or at >= end:
            return None
        number, _references, size = found
        if number == index:
            file.seek(at + _OBJECT.size)
            return file.read(length) if length <= size else None
        at += _OBJECT.size + -(-size // 8) * 8
    return None


def _unpacked(file: Any, at: int, layout: struct.Struct) -> Any:
    """Return the numbers at a byte of the file, `None` where it has none."""
    if at >= 1 << 62:
        return None
    file.seek(at)
    raw = file.read(layout.size)
    return layout.unpack(raw) if len(raw) == layout.size else None
