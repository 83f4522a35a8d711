"""The blocks of a WiRE file and the fields of its first one."""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omniscopy.io.arrays import require_bytes
from omniscopy.io.errors import FormatError

_HEAD = struct.Struct("<4sIQ")
_HEADER = struct.Struct("<4sIQQ16sQIIIIQQIIII24s4HIIQQIf")
_FIELDS = (
    "signature", "version", "size", "flags", "uuid", "unused", "unused_1", "tracks", "status",
    "points", "spectra", "collected", "accumulations", "y_list", "x_list", "origins",
    "application", "major", "minor", "patch", "build", "scan_type", "measurement_type",
    "started", "ended", "units", "laser_wavenumber",
)  # fmt: skip
_USER, _TITLE, _HEADER_SIZE = 208, 240, 512
# A file of WiRE has some dozens of blocks, one for each map that was calculated among them.
_MOST_BLOCKS = 4096


@dataclass(frozen=True)
class Block:
    """One block: its name, its number among those of that name, and where its content lies."""

    name: str
    number: int
    offset: int
    size: int


def read_header(path: Path) -> dict[str, Any]:
    """Return the fields of the first block."""
    require_bytes(path, 0, _HEADER_SIZE, what="the header of a WiRE file")
    with path.open("rb") as file:
        raw = file.read(_HEADER_SIZE)
    fields: dict[str, Any] = dict(zip(_FIELDS, _HEADER.unpack_from(raw), strict=True))
    if fields["signature"] != b"WDF1":
        message = "the file does not start with 'WDF1'"
        raise FormatError(message, path=path, offset=0)
    fields["application"] = _text(fields["application"])
    fields["user"] = _text(raw[_USER:_TITLE])
    fields["title"] = _text(raw[_TITLE : _TITLE + 160])
    return fields


def read_blocks(path: Path, *, partial: bool) -> tuple[list[Block], str | None]:
    """Return the blocks of a file, and what is wrong with the last of them.

    Raises
    ------
    FormatError
        A block is longer than the file, or shorter than its own head. With `partial`, the
        blocks before it, and what there is of it, are returned instead.
    """
    end = path.stat().st_size
    found: list[Block] = []
    offset = 0
    with path.open("rb") as file:
        while offset < end and len(found) < _MOST_BLOCKS:
            file.seek(offset)
            raw = file.read(_HEAD.size).ljust(_HEAD.size, b"\0")
            name, number, size = _HEAD.unpack(raw)
            title = name.decode("latin-1").strip()
            wrong = size < _HEAD.size or offset + size > end
            if wrong and not partial:
                message = (
                    f"a block {title!r} of {size} bytes cannot be in a file of {end} bytes; it is "
                    "cut short or damaged; partial=True reads what there is"
                )
                raise FormatError(message, path=path, offset=offset)
            length = max(min(size, end - offset) - _HEAD.size, 0)
            found.append(Block(title, number, offset + _HEAD.size, length))
            if wrong:
                return found, f"the block {title!r} at byte {offset} is cut short"
            offset += size
    return found, None


def read_content(path: Path, block: Block) -> bytes:
    """Return the content of a block."""
    with path.open("rb") as file:
        file.seek(block.offset)
        return file.read(block.size)


def _text(raw: bytes) -> str:
    return raw.partition(b"\0")[0].decode("utf-8", "replace").strip()
