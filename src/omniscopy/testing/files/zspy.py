"""Stores of HyperSpy (Zarr, version 2) byte by byte, for tests and demonstrations."""

import itertools
import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["ZspyLayout", "write_zspy"]


@dataclass(frozen=True)
class ZspyLayout:
    """How a store is laid out: `without` are chunks that are left out.

    It is a folder unless `packed` in one file, whose members may be deflated.
    """

    chunks: Sequence[int] | None = None
    separator: str = "."
    packed: bool = True
    deflate: bool = False
    without: Sequence[str] = ()


def write_zspy(
    path: str | Path,
    values: np.ndarray,
    axes: Sequence[Mapping[str, Any]] = (),
    *,
    metadata: Mapping[str, Mapping[str, Any]] | None = None,
    array: Mapping[str, Any] | None = None,
    layout: ZspyLayout | None = None,
) -> Path:
    """Write a store with one signal and return its path.

    Parameters
    ----------
    path : str or Path
        Where to write.
    values : array
        Of the signal.
    axes : sequence of mappings
        Attributes of each axis.
    metadata : mapping of place to attributes
        Such as `{"General": {"title": "A map"}}`.
    array : mapping
        Entries of the description of the array instead of what is true.
    layout : ZspyLayout, optional
        How it is laid out.
    """
    layout = layout or ZspyLayout()
    chunks = tuple(layout.chunks or values.shape)
    own = "Experiments/__unnamed__"
    described = {
        "zarr_format": 2, "shape": list(values.shape), "chunks": list(chunks), "order": "C",
        "dtype": values.dtype.str, "compressor": {"id": "zlib", "level": 1}, "filters": None,
        "fill_value": 0, "dimension_separator": layout.separator, **(array or {}),
    }  # fmt: skip
    files: dict[str, bytes] = {".zgroup": b'{"zarr_format": 2}'}
    files[".zattrs"] = _json({"file_format": "ZSpy", "file_format_version": "3.3"})
    for group in ("Experiments", own, f"{own}/metadata"):
        files[f"{group}/.zgroup"] = b'{"zarr_format": 2}'
    files[f"{own}/data/.zarray"] = _json(described)
    for place in itertools.product(
        *(range(-(-n // length)) for n, length in zip(values.shape, chunks, strict=True))
    ):
        chunk = np.zeros(chunks, values.dtype)
        part = values[tuple(slice(i * n, (i + 1) * n) for i, n in zip(place, chunks, strict=True))]
        chunk[tuple(slice(n) for n in part.shape)] = part
        name = layout.separator.join(map(str, place))
        if name not in layout.without:
            files[f"{own}/data/{name}"] = zlib.compress(chunk.tobytes(), 1)
    for number, axis in enumerate(axes):
        files[f"{own}/axis-{number}/.zgroup"] = b'{"zarr_format": 2}'
        files[f"{own}/axis-{number}/.zattrs"] = _json(axis)
    for place_of, said in (metadata or {}).items():
        files[f"{own}/metadata/{place_of}/.zgroup"] = b'{"zarr_format": 2}'
        files[f"{own}/metadata/{place_of}/.zattrs"] = _json(said)
    _put(Path(path), files, packed=layout.packed, deflate=layout.deflate)
    return Path(path)


def _put(path: Path, files: Mapping[str, bytes], *, packed: bool, deflate: bool) -> None:
    if packed:
        method = zipfile.ZIP_DEFLATED if deflate else zipfile.ZIP_STORED
        with zipfile.ZipFile(path, "w", method) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)


def _json(said: Mapping[str, Any]) -> bytes:
    return json.dumps(said, indent=4).encode()
