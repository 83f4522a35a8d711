"""Files of RHK Technology controllers (.sm4, .sm3, .sm2), for tests and demonstrations."""

import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["RhkPage", "write_sm2", "write_sm3", "write_sm4"]

_TEXTS = (
    "label", "system_text", "session_text", "user_text", "path", "date", "time", "x_units",
    "y_units", "z_units", "x_label", "y_label", "status_channel", "completed_lines",
    "oversampling", "sliced_voltage", "pll_status", "setpoint_unit",
)  # fmt: skip
_FLOATS = (
    "x_scale", "y_scale", "z_scale", "xy_scale", "x_offset", "y_offset", "z_offset", "period",
    "bias", "current", "angle",
)  # fmt: skip
_HEADER: dict[str, Any] = {
    "page_type": 1, "line_type": 0, "scan_direction": 0, "x_scale": -1e-10, "y_scale": -2e-10,
    "z_scale": 1e-12, "xy_scale": 1.0, "x_offset": 5e-9, "y_offset": -3e-9, "z_offset": 1e-10,
    "period": 1e-3, "bias": -0.5, "current": 1e-10, "angle": 30.0,
}  # fmt: skip


@dataclass(frozen=True)
class RhkPage:
    """One page.

    Parameters
    ----------
    numbers : (rows, columns), int32 or float32
        As they lie in the file.
    kind : int
        0 for an image, 1 for lines, 6 for what is neither.
    header : mapping
        Fields that differ from those of a page of topography, such as `x_scale`.
    texts : mapping
        Such as `label`, `x_units`, `date`.
    places : (rows, 2), m
        Where spectra were taken.
    """

    numbers: np.ndarray
    kind: int = 0
    header: Mapping[str, Any] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    places: np.ndarray | None = None


def write_sm4(path: str | Path, pages: Sequence[RhkPage], *, notes: str = "") -> Path:
    """Write pages, and the settings of the program as compressed text.

    Parameters
    ----------
    path : path
        Where to write.
    pages : sequence of RhkPage
        What was measured.
    notes : str
        Settings, in code page 437.
    """
    head = 58 + 3 * 12
    index = head + 16 + 12
    body = index + len(pages) * (32 + 2 * 12)
    listed, content = b"", b""
    for page in pages:
        raw, parts = _encode_page(page, body + len(content))
        content += raw
        listed += struct.pack("<16s4I", bytes(16), page.kind, 0, len(parts), 4)
        listed += b"".join(struct.pack("<3I", *part) for part in parts)
    packed = zlib.compress(notes.encode("cp437"))
    notes_at = body + len(content)
    content += struct.pack("<3I", 1, len(notes), len(packed)) + packed
    objects = [(1, head, 16), (15, notes_at, 12), (13, notes_at + 12, len(packed))]
    first = struct.pack("<H36s", 56, "STiMage 005.006 1".encode("utf-16-le"))
    first += struct.pack("<5I", len(pages), len(objects), 12, 0, 0)
    first += b"".join(struct.pack("<3I", *each) for each in objects)
    first += struct.pack("<4I3I", len(pages), 1, 0, 0, 2, index, 32)
    path = Path(path)
    path.write_bytes(first + listed + content)
    return path


def write_sm3(path: str | Path, pages: Sequence[RhkPage], *, version: int = 2) -> Path:
    """Write pages one after the other; only from `version` 2 on are colours and grids counted."""
    content = b""
    for page in pages:
        said = {**_HEADER, **page.header}
        rows, columns = page.numbers.shape
        raw = f"STiMage 004.00{version} 1".encode("utf-16-le").ljust(36, b"\0")
        raw += struct.pack("<H12i", 12, page.kind, said["page_type"], 0, said["line_type"], 0, 0,
                           columns, rows, 0, 0, said["scan_direction"], 7)  # fmt: skip
        raw += struct.pack("<I2i", page.numbers.nbytes, 0, 0)
        raw += struct.pack("<11f", *(said[name] for name in _FLOATS)) + bytes(16)
        raw += struct.pack("<3i", 1, 0, 0) if version > 1 else b""
        texts = [str(page.texts.get(key, "")) for key in _TEXTS[:12]]
        content += struct.pack("<H", len(raw)) + raw
        content += b"".join(struct.pack("<H", len(t)) + t.encode("utf-16-le") for t in texts)
        content += page.numbers.tobytes()
        if page.kind == 0:
            content += struct.pack("<H", 6) + bytes(6)
        elif page.places is not None:
            content += page.places.T.astype("<f4").tobytes()
    path = Path(path)
    path.write_bytes(content)
    return path


def write_sm2(path: str | Path, pages: Sequence[RhkPage]) -> Path:
    """Write pages one after the other, each with a header of lines of text."""
    content = b""
    codes = {"f": 0, "h": 1, "i": 2, "b": 3}
    for page in pages:
        said, texts = {**_HEADER, **page.header}, page.texts
        rows, columns = page.numbers.shape
        places = b"" if page.places is None else b"".join(
            struct.pack("<8x2f16x", x, y) for x, y in page.places
        )  # fmt: skip
        code, size = codes[page.numbers.dtype.char], page.numbers.nbytes + len(places)
        kinds = f"{page.kind} {code} {said['line_type']}"
        lines = [
            f"STiMage 3.1 {texts.get('date', '')} {texts.get('time', '')}",
            f"{kinds} {columns} {rows} {size} {said['page_type']}",
            *(
                f"{n.upper()} {said[f'{n}_scale']:g} {said[f'{n}_offset']:g} {texts[f'{n}_units']}"
                for n in "xyz"
            ),
            f"XY {said['xy_scale']:g} \u0398 {said['angle']:g}",
            f"IV {said['current']:g} {said['bias']:g}",
            f"scan {said['scan_direction']} {said['period']:g}",
            "id 7 512", "", texts.get("label", ""), texts.get("user_text", ""),
        ]  # fmt: skip
        text = "".join(line.ljust(32) for line in lines)
        content += text.encode("cp437").ljust(512, b"\0") + page.numbers.tobytes() + places
    path = Path(path)
    path.write_bytes(content)
    return path


def _encode_page(page: RhkPage, at: int) -> tuple[bytes, list[tuple[int, int, int]]]:
    """Return a page from byte `at` on: header, texts, places, numbers."""
    said = {**_HEADER, **page.header}
    rows, columns = page.numbers.shape
    rows, columns = said.get("rows", rows), said.get("columns", columns)
    said_texts = [str(page.texts.get(key, "")) for key in _TEXTS]
    texts = b"".join(
        struct.pack("<H", len(text)) + text.encode("utf-16-le") for text in said_texts
    )  # fmt: skip
    places = b""
    if page.places is not None:
        places = b"".join(struct.pack("<7f", 0.0, x, y, 0, 0, 0, 0) for x, y in page.places)
    after = at + 180 + 2 * 12
    objects = [(10, after, len(texts)), (8, after + len(texts), 28 if places else 0)]
    raw = struct.pack("<2H3I2i", 170, len(_TEXTS), said["page_type"], 0, said["line_type"], 0, 0)
    raw += struct.pack("<4I2I2i", columns, rows, 0, said["scan_direction"], 7,
                       page.numbers.nbytes, 0, 0)  # fmt: skip
    raw += struct.pack("<11f", *(said[name] for name in _FLOATS))
    raw += struct.pack("<4I", 0, 0, 0, len(objects)) + bytes(64)
    raw += b"".join(struct.pack("<3I", *each) for each in objects)
    raw += texts + places
    parts = [(3, at, 170), (4, at + len(raw), page.numbers.nbytes)]
    return raw + page.numbers.tobytes(), parts
