"""The frames of an NT-MDT file: one after the other, each with its size, type and date."""

import datetime as dt
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from omniscopy.io.errors import FormatError

MAGIC = b"\x01\xb0\x93\xff"
HEADER_BYTES = 33
FRAME_HEADER = struct.Struct("<IHBB6HH")

UNITS = {
    -10: "1/cm", -5: "m", -4: "cm", -3: "mm", -2: "µm", -1: "nm", 0: "Å", 1: "nA", 2: "V",
    4: "kHz", 5: "deg", 6: "%", 8: "V", 9: "s", 10: "ms", 11: "µs", 12: "ns", 13: "counts",
    20: "A", 21: "mA", 22: "µA", 23: "nA", 24: "pA", 25: "V", 26: "mV", 27: "µV", 28: "nV",
    29: "pV", 30: "N", 31: "mN", 32: "µN", 33: "nN", 34: "pN",
}  # fmt: skip


@dataclass(frozen=True)
class Frame:
    """One frame: where its content lies, after the header that all frames have."""

    path: Path
    number: int
    kind: int
    offset: int
    end: int
    variables: int
    started: str | None

    @property
    def data_offset(self) -> int:
        """Return where what follows the variables starts."""
        return self.offset + self.variables

    def read(self, offset: int, size: int, what: str) -> bytes:
        """Return bytes of the frame, or raise where it ends before."""
        if size < 0 or offset + size > self.end:
            message = (
                f"{what} of frame {self.number} needs {size} bytes, {self.end - offset} are left"
            )
            raise FormatError(message, path=self.path, offset=offset)
        with self.path.open("rb") as file:
            file.seek(offset)
            found = file.read(size)
        if len(found) < size:
            message = f"the file ends in {what} of frame {self.number}; it is cut short"
            raise FormatError(message, path=self.path, offset=offset + len(found))
        return found

    def unpack(self, form: str, offset: int, what: str) -> tuple[Any, ...]:
        """Return numbers of the frame."""
        return struct.unpack(form, self.read(offset, struct.calcsize(form), what))

    def text(self, offset: int, what: str, *, encoding: str) -> tuple[str, int]:
        """Return a text after its length, empty where there is none, and where it ends."""
        if offset + 4 > self.end:
            return "", offset
        (size,) = self.unpack("<I", offset, what)
        if size > self.end - offset - 4:
            return "", offset
        raw = self.read(offset + 4, size, what)
        return raw.decode(encoding, "replace"), offset + 4 + size


def list_frames(path: Path, *, partial: bool) -> list[Frame]:
    """Return the frames of the file at `path`, those that are cut short only with `partial`."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(HEADER_BYTES)
        if not head.startswith(MAGIC):
            message = (
                f"an NT-MDT file starts with {MAGIC.hex(' ')}, this one with {head[:4].hex(' ')}"
            )
            raise FormatError(message, path=path, offset=0)
        if len(head) < HEADER_BYTES:
            message = "the file ends within its header"
            raise FormatError(message, path=path, offset=len(head))
        count = int.from_bytes(head[12:14], "little") + 1
        frames: list[Frame] = []
        place = HEADER_BYTES
        while len(frames) < count:
            frame = _read_frame(file, path, place, len(frames))
            if frame is None or (frame.end > size and not partial):
                if partial:
                    break
                message = (
                    f"frame {len(frames)} of {count} does not fit into the {size} bytes of the "
                    "file; it is cut short or its header is damaged"
                )
                raise FormatError(message, path=path, offset=place)
            frames.append(frame)
            place = frame.end
            if place >= size and partial:
                break
    return frames


def _read_frame(file: BinaryIO, path: Path, place: int, number: int) -> Frame | None:
    file.seek(place)
    raw = file.read(FRAME_HEADER.size)
    if len(raw) < FRAME_HEADER.size:
        return None
    size, kind, _, _, *date, variables = FRAME_HEADER.unpack(raw)
    if size < FRAME_HEADER.size or variables > size - FRAME_HEADER.size:
        return None
    return Frame(
        path=path,
        number=number,
        kind=kind,
        offset=place + FRAME_HEADER.size,
        end=place + size,
        variables=variables,
        started=_started(date),
    )


def _started(date: list[int]) -> str | None:
    year, month, day, hour, minute, second = date
    try:
        return dt.datetime(year, month, day, hour, minute, second).isoformat()
    except ValueError:
        return None
