"""The values of a wave: numbers as lazy handles, text decoded."""

import math
from typing import Any

import numpy as np

from omniscopy.io.arrays import Mapped, Padded
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.igor.header import MOST_TEXT, Wave
from omniscopy.io.quantities import text_of
from omniscopy.io.records import LazyArray


def map_block(
    wave: Wave, first: int, shape: tuple[int, ...], *, partial: bool = False
) -> tuple[LazyArray, dict[str, Any] | None]:
    """Return the values from number `first` on, slowest dimension first, and what is missing."""
    offset = wave.data_offset + first * wave.dtype.itemsize
    there = max(wave.path.stat().st_size - offset, 0)
    wanted = math.prod(shape) * wave.dtype.itemsize
    if there >= wanted or not partial:
        return Mapped(str(wave.path), offset, shape, wave.dtype), None
    rows = there // (math.prod(shape[1:]) * wave.dtype.itemsize)
    begun = Mapped(str(wave.path), offset, (rows, *shape[1:]), wave.dtype)
    reason = f"the file ends at byte {offset + there}, {wanted - there} bytes early"
    fill = 0 if wave.dtype.kind in "iu" else np.nan
    return Padded(begun, shape[0], fill), {"missing_from": rows, "reason": reason}


def read_strings(wave: Wave, indices: bytes, *, partial: bool = False) -> np.ndarray:
    """Return the strings of a text wave, slowest dimension first."""
    if wave.version != 5:
        message = f"text waves are read from version 5 on, this is version {wave.version}"
        raise UnsupportedFormatError(message, path=wave.path)
    if wave.data_bytes > MOST_TEXT:
        message = (
            f"a text wave of {wave.data_bytes} bytes is too long; at most {MOST_TEXT} are read"
        )
        raise UnsupportedFormatError(message, path=wave.path)
    ends = _string_ends(wave, indices, partial=partial)
    with wave.path.open("rb") as file:
        file.seek(wave.data_offset)
        raw = file.read(wave.data_bytes)
    if len(raw) < wave.data_bytes and not partial:
        message = f"the text needs {wave.data_bytes} bytes, the file ends after {len(raw)}"
        raise FormatError(message, path=wave.path, offset=wave.data_offset)
    starts = np.concatenate([[0], ends[:-1]]) if len(ends) else ends
    strings = [text_of(raw[a:b]) for a, b in zip(starts, ends, strict=True)]
    longest = max(map(len, strings), default=1)
    if longest * len(strings) > MOST_TEXT:
        message = f"{len(strings)} strings of up to {longest} characters are too many"
        raise UnsupportedFormatError(message, path=wave.path)
    return np.array(strings, dtype=f"<U{max(longest, 1)}").reshape(wave.shape[::-1])


def _string_ends(wave: Wave, raw: bytes, *, partial: bool) -> np.ndarray:
    there = np.frombuffer(raw[: len(raw) // 4 * 4], wave.order + "i4").astype(np.int64)
    there = there[: wave.points]
    if len(there) < wave.points:
        if not partial or wave.points > MOST_TEXT:
            message = f"{wave.points} strings, but the ends of only {len(there)}"
            raise FormatError(message, path=wave.path, offset=wave.tail_offset)
        last = there[-1] if len(there) else 0
        there = np.concatenate([there, np.full(wave.points - len(there), last)])
    limits = np.concatenate([[0], there, [wave.data_bytes]])
    if (np.diff(limits) < 0).any():
        message = "the ends of the strings do not ascend within the text; the file is damaged"
        raise FormatError(message, path=wave.path, offset=wave.tail_offset)
    return there
