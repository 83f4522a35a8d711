"""The header of a block file: 240 bytes of numbers, then a text of remarks."""

import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omniscopy.io.errors import FormatError

MAGIC = b"IMGBLO"
VERSION = 0x0102
# Version 1.3 may have patterns of 16 bits, and says so in its remarks.
_VERSIONS = (VERSION, 0x0103)
_DEPTH = re.compile(r"^blo bit depth\s*:\s*(\d+) bits?\s*$", re.IGNORECASE | re.MULTILINE)
PATTERN_MARK = 0x55AA
# Before each pattern: its mark and its number.
PATTERN_HEAD = struct.Struct("<HI")
# After the mark of the file; angles are in hundredths of a degree.
FIELDS = struct.Struct("<6sHIIIHHHHHddIHId")
NAMES = (
    "id", "version", "image_offset", "patterns_offset", "reserved", "pattern_size",
    "pattern_rotation", "columns", "rows", "scan_rotation", "step_x", "step_y", "beam_energy",
    "pixels_per_metre", "camera_length", "acquired",
)  # fmt: skip
TEXT_OFFSET = 240
CAMERA_LENGTHS_PER_METRE = 10_000


@dataclass(frozen=True)
class Header:
    """What the header says; steps are in nm, the beam energy in eV, the camera length in 0.1 mm."""

    fields: dict[str, Any]
    text: str

    @property
    def scan(self) -> tuple[int, int]:
        """Return rows and columns of the scan."""
        return self.fields["rows"], self.fields["columns"]

    @property
    def size(self) -> int:
        """Return the rows, and columns, of a pattern."""
        return int(self.fields["pattern_size"])

    @property
    def dtype(self) -> str:
        """Return the type of the pixels of a pattern."""
        said = None if self.fields["version"] == VERSION else _DEPTH.search(self.text)
        return "<u2" if said is not None and said[1] == "16" else "u1"


def read_header(path: Path) -> Header:
    """Return the header of the block file at `path`."""
    with path.open("rb") as file:
        start = file.read(1 << 20)
    if not start.startswith(MAGIC) or len(start) < TEXT_OFFSET:
        message = f"a block file starts with {MAGIC!r} and {TEXT_OFFSET} bytes, found {start[:6]!r}"
        raise FormatError(message, path=path, offset=0)
    fields = dict(zip(NAMES, FIELDS.unpack_from(start), strict=True))
    if fields["version"] not in _VERSIONS:
        known = " or ".join(f"{version:#06x}" for version in _VERSIONS)
        message = f"version {fields['version']:#06x} of the block file is not {known}"
        raise FormatError(message, path=path, offset=6)
    for key in ("pattern_size", "columns", "rows"):
        if not fields[key]:
            message = f"{key} is 0 in the header; the file is damaged"
            raise FormatError(message, path=path, key=key)
    end = min(fields["image_offset"], len(start))
    remarks = start[TEXT_OFFSET:end].partition(b"\0")[0]
    try:
        text = remarks.decode("utf-8")
    except UnicodeDecodeError:
        text = remarks.decode("latin-1")
    fields["id"] = MAGIC.decode()
    return Header(fields, text.strip())
