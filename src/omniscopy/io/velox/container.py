"""The HDF5 container of Velox: its data groups and the JSON texts within.

Only hard links are followed, so that a file cannot make us open another one.
"""

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.storage.hdf5 import linked
from omniscopy.io.storage.hdf5_attributes import ELSEWHERE, small_values
from omniscopy.io.storage.hdf5_values import whole

MOST_GROUPS = 4096
LARGEST_TEXT = 1 << 20
# No filter of HDF5 that Velox uses packs more than deflate can (1032 to 1).
_MOST_PACKED = 1100
_HASH = re.compile(r"^[0-9a-f]{32}$")
_DAMAGE = (OSError, KeyError, RuntimeError, ValueError, TypeError, OverflowError, MemoryError)


def data_groups(file: Any) -> Iterator[tuple[str, Any]]:
    """Return (kind, group) of everything measured: `/Data/<kind>/<32 hex digits>`."""
    found = 0
    for kind, folder in _hard_links(file, "Data"):
        for name, group in _hard_links(folder) if hasattr(folder, "keys") else ():
            if _HASH.match(name) and hasattr(group, "keys"):
                found += 1
                if found > MOST_GROUPS:
                    return
                yield kind, group


def read_json(group: Any, name: str) -> dict[str, Any]:
    """Return the JSON text of a small data set, {} where it is missing or damaged."""
    dataset = linked(group, name)
    if dataset is None:
        return {}
    try:
        value = small_values(dataset)
        if value is not ELSEWHERE:
            value = value[0] if isinstance(value, list) and len(value) == 1 else value
            return _parsed(value) if isinstance(value, str) else {}
    except (*_DAMAGE, FormatError):
        return {}
    if getattr(dataset, "shape", None) not in ((), (1,)) or dataset.dtype.kind not in "OS":
        return {}
    try:
        value = whole(dataset)
        return _parsed(value if isinstance(value, bytes) else bytes(value[0]))
    except _DAMAGE:
        return {}


def read_frame_json(group: Any, frame: int, *, name: str = "Metadata") -> dict[str, Any]:
    """Return the metadata of one frame: a column of bytes, filled up with NUL."""
    dataset = linked(group, name)
    if getattr(dataset, "ndim", 0) != 2 or dataset.dtype != "uint8":
        return {}
    length, frames = dataset.shape
    frame = frame % frames if frames else 0
    if not 0 < length <= LARGEST_TEXT or frames == 0:
        return {}
    try:
        require_stored(dataset)
        column = dataset[:, frame].tobytes()
    except (*_DAMAGE, FormatError):
        return {}
    return _parsed(column.split(b"\0")[0])


def require_stored(dataset: Any) -> str | None:
    """Refuse a data set whose size the file cannot hold; say what was never written."""
    import h5py

    path, key = dataset.file.filename, dataset.name
    if dataset.is_virtual or dataset.external:
        message = "the data lie in another file; copy the file as Velox wrote it"
        raise UnsupportedFormatError(message, path=path, key=key)
    # The library converts any layout of bits that the header states, and can crash at it.
    if not dataset.id.get_type().equal(h5py.h5t.py_create(dataset.dtype)):
        message = f"the numbers are not plain {dataset.dtype}; the header is damaged"
        raise FormatError(message, path=path, key=key)
    wanted = math.prod(dataset.shape) * dataset.dtype.itemsize
    stored = dataset.id.get_storage_size()
    filters = dataset.id.get_create_plist().get_nfilters()
    unwritten = None
    if dataset.chunks is not None:
        pieces = zip(dataset.shape, dataset.chunks, strict=True)
        expected = math.prod(-(-size // chunk) for size, chunk in pieces)
        there = dataset.id.get_num_chunks()
        if there < expected:
            unwritten = f"{expected - there} of {expected} blocks were never written"
        wanted = there * math.prod(dataset.chunks) * dataset.dtype.itemsize
    most = stored * _MOST_PACKED if filters else stored
    if stored > Path(path).stat().st_size or wanted > most:
        message = (
            f"an array {dataset.shape} of {dataset.dtype} needs {wanted} bytes, but {stored} "
            "are stored; the file is cut short or damaged"
        )
        raise FormatError(message, path=path, key=key)
    if unwritten and math.prod(dataset.shape) * dataset.dtype.itemsize > 1000 * max(wanted, 1):
        message = f"{unwritten}; the size {dataset.shape} is damaged"
        raise FormatError(message, path=path, key=key)
    return unwritten


def _hard_links(group: Any, *names: str) -> Iterator[tuple[str, Any]]:
    for name in names:
        group = linked(group, name)
        if not hasattr(group, "keys"):
            return
    for number, name in enumerate(group):
        if number >= MOST_GROUPS:
            return
        found = linked(group, name)
        if found is not None:
            yield name, found


def display_labels(file: Any) -> dict[str, str]:
    """Return the titles that Velox shows, by the path of the data."""
    from urllib.parse import unquote

    labels = {}
    for _, displays in _hard_links(file, "Presentation", "Displays"):
        for name in displays if hasattr(displays, "keys") else ():
            shown = read_json(displays, name)
            display, data_path = shown.get("display"), shown.get("dataPath")
            label = display.get("label") if isinstance(display, dict) else None
            if isinstance(label, str) and label and isinstance(data_path, str):
                labels[data_path] = unquote(label)
    # From Velox 3.12 on, a display names a reference, which names the data.
    for _, displays in _hard_links(file, "Displays"):
        for name in displays if hasattr(displays, "keys") else ():
            shown = read_json(displays, name)
            label = next((shown[key] for key in ("id", "title") if shown.get(key)), None)
            data_path = _referred(file, shown.get("data")).get("dataPath")
            if isinstance(label, str) and isinstance(data_path, str):
                labels.setdefault(data_path, label)
    return labels


def _referred(file: Any, reference: Any) -> dict[str, Any]:
    """Return the JSON text at a path of hard links, {} where there is none."""
    *folders, name = reference.strip("/").split("/") if isinstance(reference, str) else [""]
    group = file
    for folder in folders:
        group = linked(group, folder) if hasattr(group, "keys") else None
    return read_json(group, name) if hasattr(group, "keys") and name else {}


def _parsed(text: bytes | str) -> dict[str, Any]:
    try:
        text = text if isinstance(text, str) else text.decode("utf-8", errors="replace")
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}
