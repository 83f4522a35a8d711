"""The text before each frame, and the file of settings beside the frames."""

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.errors import FormatError

_DTYPES = {"U08": "u1", "U16": ">u2", "U32": ">u4", "U64": ">u8"}
# Bits of a pixel -> bits that it takes in a raw frame.
_RAW_BITS = {1: 1, 6: 8, 12: 16, 24: 32}
_MOST_SETTINGS = 1 << 16


@dataclass(frozen=True)
class FrameHeader:
    """What is said before a frame; `depth` is the number of bits that a pixel counts to."""

    size: int
    chips: int
    shape: tuple[int, int]
    kind: str
    layout: str
    started: str | None
    exposure: float | None
    nanoseconds: int | None
    depth: int | None
    fields: list[str]

    @property
    def is_raw(self) -> bool:
        """Return whether pixels are packed as the chips deliver them."""
        return self.kind == "R64"

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return the type of the pixels."""
        if not self.is_raw:
            return np.dtype(_DTYPES[self.kind])
        bits = _RAW_BITS[self.depth or 1]
        return np.dtype(f"u{max(bits // 8, 1)}")

    @property
    def frame_bytes(self) -> int:
        """Return the bytes of the pixels of a frame."""
        rows, columns = self.shape
        bits = _RAW_BITS[self.depth or 1] if self.is_raw else 8 * self.dtype.itemsize
        return rows * columns * bits // 8


def parse_header(path: Path, raw: bytes, offset: int, *, stated_depth: str = "") -> FrameHeader:
    """Return the header that starts with `raw`, at `offset` of the file.

    Frames of older cameras do not say the depth of their counters, but the settings do.
    """
    fields = [field.strip() for field in raw.partition(b"\0")[0].decode("latin-1").split(",")]
    try:
        _, _, size, chips, columns, rows, kind, layout = fields[:8]
        numbers = [int(size), int(chips), int(rows), int(columns)]
    except ValueError as error:
        message = f"a frame header starts with 'MQ1' and eight fields, found {fields[:8]}"
        raise FormatError(message, path=path, offset=offset) from error
    if fields[0] != "MQ1" or kind not in {*_DTYPES, "R64"}:
        message = f"frames of type {kind!r} after {fields[0]!r} are not known"
        raise FormatError(message, path=path, offset=offset)
    if not (64 <= numbers[0] <= 4096 and all(0 < n <= 16384 for n in numbers[1:])):
        message = f"a frame of {rows} x {columns} pixels after {size} bytes makes no sense"
        raise FormatError(message, path=path, offset=offset)
    # At the end, after `MQ1A`: the time with its zone, the exposure, the depth of the counters.
    precise = fields[fields.index("MQ1A") + 1 :] if "MQ1A" in fields else []
    depth = _whole(precise[2] if len(precise) > 2 else stated_depth)
    header = FrameHeader(
        size=numbers[0], chips=numbers[1], shape=(numbers[2], numbers[3]), kind=kind,
        layout=layout, depth=depth if depth in _RAW_BITS else None,
        started=precise[0] if precise else fields[9].replace(" ", "T") if len(fields) > 9 else None,
        exposure=_real(fields[10]) if len(fields) > 10 else None,
        nanoseconds=_nanoseconds(precise[0]) if precise else None,
        fields=fields,
    )  # fmt: skip
    if header.is_raw and header.depth is None:
        message = "a raw frame does not say the depth of its counters"
        raise FormatError(message, path=path, offset=offset)
    return header


def read_settings(path: Path) -> dict[str, str]:
    """Return the settings in the `.hdr` file beside the frames, none where there is none."""
    beside = path.with_suffix(".hdr")
    if not beside.is_file():
        return {}
    with beside.open("rb") as file:
        text = file.read(_MOST_SETTINGS).decode("latin-1")
    pairs = (line.split("\t", 1) for line in text.splitlines() if "\t" in line)
    settings = {key.strip().rstrip(":"): value.strip() for key, value in pairs}
    return {key: value for key, value in settings.items() if key not in {"HDR,", "End"}}


def _nanoseconds(text: str) -> int | None:
    """Return a time as nanoseconds since 1970."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z?", text)
    if match is None:
        return None
    try:
        moment = datetime.fromisoformat(f"{match[1]}+00:00")
    except ValueError:
        return None
    return int(moment.timestamp()) * 10**9 + int((match[2] or "0").ljust(9, "0"))


def _whole(text: str) -> int | None:
    return int(text) if text.isdigit() else None


def _real(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
