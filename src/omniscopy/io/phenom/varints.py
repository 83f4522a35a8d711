"""Counts in groups of 7 bits, the lowest first; the highest bit says that more follow."""

import numpy as np

from omniscopy.io.errors import FormatError

_LONGEST = 10
_BLOCK = 1 << 22


def find_rows(path: str, content: bytes, start: int, rows: int, length: int) -> np.ndarray:
    """Return where each of `rows` rows of `length` numbers starts, and where the last ends."""
    starts = np.full(rows + 1, start, np.int64)
    seen, known, at = 0, 1, start
    if rows * length > len(content) - start:
        message = f"{rows} x {length} counts cannot be in {len(content) - start} bytes"
        raise FormatError(message, path=path)
    while known <= rows:
        block = np.frombuffer(content, np.uint8, min(_BLOCK, len(content) - at), at)
        if not block.size:
            message = f"the counts end in row {known - 1} of {rows}; the file is damaged"
            raise FormatError(message, path=path)
        ends = np.flatnonzero(block < 128)
        wanted = np.arange(known, rows + 1) * length - seen - 1
        there = wanted[wanted < len(ends)]
        starts[known : known + len(there)] = ends[there] + at + 1
        known += len(there)
        seen += len(ends)
        at += len(block)
    return starts


def decode(path: str, raw: bytes, count: int) -> np.ndarray:
    """Return `count` numbers."""
    parts = np.frombuffer(raw, np.uint8)
    ends = np.flatnonzero(parts < 128)
    lengths = np.diff(ends, prepend=-1)
    if len(ends) != count or (count and lengths.max() > _LONGEST):
        message = f"{len(ends)} counts were found where {count} should be; the file is damaged"
        raise FormatError(message, path=path)
    begins = ends - lengths + 1
    values = np.zeros(count, np.uint64)
    for place in range(int(lengths.max(initial=0))):
        longer = lengths > place
        part = (parts[begins[longer] + place] & 127).astype(np.uint64)
        values[longer] |= part << np.uint64(7 * place)
    return values.astype(np.int64)
