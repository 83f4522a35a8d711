"""Members of a PantaRhei file: arrays of NumPy, some of which are texts in JSON."""

import io
import json
import math
from pathlib import Path
from typing import Any

from omniscopy.io.errors import FormatError
from omniscopy.io.jpk.archive import Member
from omniscopy.io.numpy_files.headers import read_header

_LARGEST_TEXT = 1 << 25


def read_text(path: Path, member: Member) -> Any:
    """Return what a text in JSON says, `None` where it is damaged or no text."""
    if member.size > _LARGEST_TEXT:
        return None
    raw = member.read(path, most=_LARGEST_TEXT)
    try:
        shape, _, dtype, offset = read_header(io.BytesIO(raw), path)
    except FormatError:
        return None
    if dtype.kind not in "US" or math.prod(shape) != 1:
        return None
    codec = "utf-8" if dtype.kind == "S" else f"utf-32-{'be' if dtype.str[0] == '>' else 'le'}"
    try:
        return json.loads(raw[offset:].decode(codec).rstrip("\0"))
    except (ValueError, RecursionError):
        return None
