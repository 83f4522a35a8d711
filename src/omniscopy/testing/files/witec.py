"""WITec projects (.wip), for tests and demonstrations."""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["write_witec"]

_CODES = {"i8": 1, "i4": 2, "i2": 3, "i1": 4, "u4": 5, "u2": 6, "u1": 7, "f4": 9, "f8": 10}
_TYPES = {"f8": 2, "f4": 3, "i8": 4, "i4": 5, "u2": 6, "u1": 7, "b1": 8}


def write_witec(
    path: str | Path,
    data: Sequence[tuple[str, Mapping[str, Any]]],
    *,
    others: Mapping[str, Any] = {},
    magic: bytes = b"WIT_PR06",
) -> Path:
    """Write a project.

    Parameters
    ----------
    path : path
        Where to write.
    data : sequence of (class, tags)
        What it holds, numbered from 1: of each the tags below, with a `Caption`. The values of a
        `TDGraph` (y, x, bin) and a `TDImage` (y, x) are an array `values`, of a `TDBitmap` the
        colours (y, x, 4). Tags are nested mappings; a number or an array is stored in its type.
    others : mapping
        Further tags at the top.
    magic : bytes
        Which kind of file it is.
    """
    tree: dict[str, Any] = {"Version": np.int32(7), **others}
    below: dict[str, Any] = {}
    for number, (kind, tags) in enumerate(data):
        below[f"DataClassName {number}"] = kind
        below[f"Data {number}"] = _entry(number + 1, kind, dict(tags))
    tree["Data"] = {**below, "NumberOfData": np.int32(len(data))}
    path = Path(path)
    content = bytearray(magic)
    _write(content, "WITec Project", tree)
    path.write_bytes(content)
    return path


def _entry(number: int, kind: str, tags: dict[str, Any]) -> dict[str, Any]:
    about = {"ID": np.int32(number), "Caption": tags.pop("Caption", kind)}
    about |= {"GUID": tags.pop("GUID")} if "GUID" in tags else {}
    names = ("TDInterpretation", "TDTransformation", "TDStream")
    common: dict[str, Any] = {name: tags.pop(name) for name in names if name in tags}
    values = tags.pop("values", None)
    if values is not None:
        name = kind.removeprefix("TD")
        is_bitmap = kind == "TDBitmap"
        stored = values if is_bitmap else np.swapaxes(values, 0, 1)
        tags |= {"SizeX": np.int32(values.shape[1]), "SizeY": np.int32(values.shape[0])}
        tags |= {"SizeGraph": np.int32(values.shape[2])} if kind == "TDGraph" else {}
        code = 2 if is_bitmap else _CODES[values.dtype.str[1:]]
        raw = np.frombuffer(stored.tobytes(), np.uint8)
        tags[f"{name}Data"] = {"Dimension": np.int32(2), "DataType": np.int32(code), "Data": raw}
    return {"TData": about, **common, kind: tags}


def _write(content: bytearray, name: str, value: Any) -> None:
    raw = name.encode("cp1252")
    content += struct.pack("<I", len(raw)) + raw
    at = len(content)
    if isinstance(value, Mapping):
        content += struct.pack("<IQQ", 0, at + 20, 0)
        for key, below in value.items():
            _write(content, key, below)
    elif isinstance(value, str):
        text = value.encode("cp1252")
        content += struct.pack("<IQQ", 9, at + 20, 0) + struct.pack("<I", len(text)) + text
    else:
        numbers = np.asarray(value)
        content += struct.pack("<IQQ", _TYPES[numbers.dtype.str[1:]], at + 20, 0)
        content += numbers.tobytes()
    struct.pack_into("<Q", content, at + 12, len(content))
