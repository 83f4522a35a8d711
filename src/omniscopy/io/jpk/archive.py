"""The archive that a JPK file is: where its members lie; nothing is ever unpacked to disk."""

import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from omniscopy.io.errors import FormatError, UnsupportedFormatError

_STORED, _DEFLATED = 0, 8
_LOCAL_HEADER = 30
LONGEST_TEXT = 1 << 24
_RATIO = 1032  # no deflate stream holds more than this times its length
_MOST_MEMBERS = 5_000_000
_DAMAGE = (
    zipfile.BadZipFile, zipfile.LargeZipFile, ValueError, KeyError, IndexError, EOFError,
    NotImplementedError, OverflowError, RuntimeError, OSError,
)  # fmt: skip


@dataclass(frozen=True)
class Member:
    """Where one member lies and what it must unpack to."""

    name: str
    offset: int
    packed: int
    size: int
    method: int
    crc: int

    @property
    def stored(self) -> bool:
        """Return whether its bytes are in the archive as they are."""
        return self.method == _STORED

    def place(self, path: str | Path) -> int:
        """Return where in the archive its bytes begin."""
        with Path(path).open("rb") as file:
            file.seek(self.offset)
            head = file.read(_LOCAL_HEADER)
        if len(head) < _LOCAL_HEADER or head[:4] != b"PK\x03\x04":
            message = "the member has no header; the file is damaged"
            raise FormatError(message, path=path, key=self.name)
        skip = int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little")
        return self.offset + _LOCAL_HEADER + skip

    def beginning(self, path: str | Path, most: int) -> bytes:
        """Return no more than `most` unpacked bytes, which are not checked."""
        start = self.place(path)
        with Path(path).open("rb") as file:
            file.seek(start)
            raw = file.read(min(self.packed, most))
        if self.stored:
            return raw
        try:
            return zlib.decompressobj(-15).decompress(raw, most)
        except zlib.error as error:
            message = f"the member cannot be unpacked ({error}); the file is damaged"
            raise FormatError(message, path=path, key=self.name) from error

    def read(self, path: str | Path, most: int | None = None) -> bytes:
        """Return the unpacked bytes, or raise where they are more or not what the archive says."""
        if most is not None and self.size > most:
            message = f"the member has {self.size} bytes, more than the {most} that it may have"
            raise FormatError(message, path=path, key=self.name)
        start = self.place(path)
        with Path(path).open("rb") as file:
            file.seek(start)
            raw = file.read(self.packed)
        try:
            if self.method == _DEFLATED:
                raw = zlib.decompressobj(-15).decompress(raw, self.size + 1)
        except zlib.error as error:
            message = f"the member cannot be unpacked ({error}); the file is damaged"
            raise FormatError(message, path=path, key=self.name) from error
        if len(raw) != self.size or zlib.crc32(raw) != self.crc:
            message = f"the member unpacks to {len(raw)} bytes that are not the {self.size} written"
            raise FormatError(message, path=path, key=self.name)
        return raw


def list_members(path: Path) -> dict[str, Member]:
    """Return the members of the archive at `path` by name."""
    size = path.stat().st_size
    try:
        with zipfile.ZipFile(path) as archive:
            listed = archive.infolist()
    except _DAMAGE as error:
        message = f"the archive has no sound directory ({error}); it is cut short or damaged"
        raise FormatError(message, path=path) from error
    if len(listed) > _MOST_MEMBERS:
        message = f"the archive has {len(listed)} members"
        raise FormatError(message, path=path)
    members = {}
    for entry in listed:
        if entry.is_dir():
            continue
        if entry.compress_type not in (_STORED, _DEFLATED) or entry.flag_bits & 1:
            message = "the member is encrypted or packed in another way than by deflate"
            raise UnsupportedFormatError(message, path=path, key=entry.filename)
        fits = 0 <= entry.header_offset <= size - entry.compress_size
        if not fits or entry.file_size > _RATIO * entry.compress_size + 64:
            message = f"the member of {entry.file_size} bytes cannot be in the file"
            raise FormatError(message, path=path, key=entry.filename)
        members[entry.filename] = Member(
            name=entry.filename,
            offset=entry.header_offset,
            packed=entry.compress_size,
            size=entry.file_size,
            method=entry.compress_type,
            crc=entry.CRC,
        )
    return members


def member(members: Mapping[str, Member], name: str, path: Path) -> Member:
    """Return a member that must be there."""
    if name not in members:
        message = "the archive has no member of this name"
        raise FormatError(message, path=path, key=name)
    return members[name]
