"""Packed experiments of Igor Pro put together from single waves, for tests."""

import struct
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.testing.files.igor import write_ibw

__all__ = ["write_pxp"]

Wave = tuple[np.ndarray, Mapping[str, Any]]


def write_pxp(
    path: str | Path,
    waves: Sequence[Wave],
    folders: Mapping[str, Sequence[Wave]] | None = None,
    *,
    byte_order: str = "<",
    history: str = "made for a test",
    further: Sequence[tuple[int, bytes]] = (),
) -> Path:
    """Write waves, given as values and the fields of `omniscopy.testing.files.igor.Wave`.

    Those of `folders` lie in data folders; `further` are records by type and content.
    """

    def record(kind: int, content: bytes = b"") -> bytes:
        return struct.pack(f"{byte_order}HhI", kind, 0, len(content)) + content

    variables = struct.pack(f"{byte_order}4h84x", 1, 21, 0, 0)
    body = record(1, variables) + record(2, history.encode())
    body += b"".join(record(3, _wave(*wave)) for wave in waves)
    for name, contents in (folders or {}).items():
        body += record(9, name.encode().ljust(32, b"\0"))
        body += b"".join(record(3, _wave(*wave)) for wave in contents)
        body += record(10)
    body += b"".join(record(kind, content) for kind, content in further)
    path = Path(path)
    path.write_bytes(body)
    return path


def _wave(values: np.ndarray, described: Mapping[str, Any]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return write_ibw(Path(folder) / "wave.ibw", values, **described).read_bytes()
