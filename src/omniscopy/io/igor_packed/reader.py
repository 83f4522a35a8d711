"""Read packed experiments of Igor Pro: the waves of every data folder, and its texts."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.igor.reader import read_wave
from omniscopy.io.names import slug
from omniscopy.io.quantities import text_of
from omniscopy.io.records import Channel, Measurement

_WAVE, _FOLDER, _FOLDER_END = 3, 9, 10
_TEXTS = {2: "history", 4: "recreation", 5: "procedure"}
_TYPE, _SUPERSEDED = 0x7FFF, 0x8000
_MOST_RECORDS, _DEEPEST, _LONGEST = 1_000_000, 64, 1 << 20


@dataclass(frozen=True)
class _Record:
    """One record: its type, where its content is and how long, and the data folder it is in."""

    kind: int
    offset: int
    size: int
    folder: str


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Return the waves of the packed experiment at `path`.

    Parameters
    ----------
    path : Path
        A file of the kind .pxp or .pxt, in either byte order.
    partial : bool
        Read a file that is cut short as far as it goes.

    Returns
    -------
    Measurement
        The channels of every wave, as the reader of single waves makes them, each in the group
        of its data folder. Waves of references are named in `attrs["not_read"]`.

    Raises
    ------
    FormatError
        The file is cut short, a record or a wave is damaged.
    """
    path = Path(path)
    channels: list[Channel] = []
    texts: dict[str, Any] = {}
    skipped: list[str] = []
    for record in _records(path, partial=partial):
        if record.kind == _WAVE:
            try:
                measurement = read_wave(path, at=record.offset, partial=partial)
            except UnsupportedFormatError as error:
                skipped.append(f"a wave in {record.folder or 'root'}: {error.message}")
                continue
            channels += _placed(measurement, record.folder)
        elif record.kind in _TEXTS and record.size <= _LONGEST:
            texts[_TEXTS[record.kind]] = text_of(_content(path, record))
    attrs = {"not_read": "; ".join(skipped)} if skipped else {}
    return Measurement(channels=channels, original_metadata=texts, attrs=attrs)


def _records(path: Path, *, partial: bool) -> Iterator[_Record]:
    """Yield the records in the order of the file."""
    size = path.stat().st_size
    folders: list[str] = []
    at = 0
    with path.open("rb") as file:
        order = _byte_order(file.read(8), size, path)
        for _ in range(_MOST_RECORDS):
            file.seek(at)
            head = file.read(8)
            if not head:
                return
            kind, _, length = struct.unpack(f"{order}HhI", head.ljust(8, b"\xff"))
            if at + 8 + length > size:
                if partial:
                    return
                message = f"a record of {length} bytes does not end within the file"
                raise FormatError(message, path=path, offset=at)
            if kind & _TYPE == _FOLDER and len(folders) < _DEEPEST:
                folders.append(slug(text_of(file.read(min(length, 32)).split(b"\0")[0])))
            elif kind & _TYPE == _FOLDER_END and folders:
                folders.pop()
            elif not kind & _SUPERSEDED:
                yield _Record(kind, at + 8, length, "/".join(folders))
            at += 8 + length


def _byte_order(head: bytes, size: int, path: Path) -> str:
    """Return the order in which the first record ends within the file."""
    for order in "<>":
        if len(head) == 8:
            kind, version, length = struct.unpack(f"{order}HhI", head)
            if kind & _TYPE < 256 and 0 <= version < 256 and 8 + length <= size:
                return order
    message = "the first record does not end within the file; it is cut short or damaged"
    raise FormatError(message, path=path, offset=0)


def _placed(measurement: Measurement, folder: str) -> list[Channel]:
    """Return the channels of a wave in their folder; of several, in a group of their own."""
    name = str(measurement.original_metadata.get("header", {}).get("name") or "wave")
    several = len(measurement.channels) > 1
    group = "/".join(part for part in (folder, slug(name) if several else "") if part)
    return [
        replace(
            channel,
            group=group,
            metadata={**measurement.metadata, **channel.metadata},
            original_metadata=measurement.original_metadata,
        )
        for channel in measurement.channels
    ]


def _content(path: Path, record: _Record) -> bytes:
    with path.open("rb") as file:
        file.seek(record.offset)
        return file.read(record.size)
