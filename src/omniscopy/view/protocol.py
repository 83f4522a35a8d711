"""Messages of the explorer: a header of JSON and buffers of numbers, framed for a socket.

A frame is the length of the header (unsigned 32 bits, little-endian), the header as UTF-8 JSON
padded with blanks to a multiple of 4 bytes, and the buffers one after the other. The header is an
object with `kind`; `buffers` in it lists the bytes of each buffer. Numbers in buffers are
little-endian. In a notebook the same headers and buffers travel without frames.
"""

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from omniscopy.model.errors import DataError
from omniscopy.model.nesting import DEEPEST, is_too_deep

Header = dict[str, Any]
Buffer = bytes | bytearray | memoryview
Reply = tuple[Header, list[Buffer]]

MOST_HEADER = 2**20
MOST_FRAME = 2**24  # what a page may send at once; files are sent in pieces
MOST_BUFFERS = 64
_LENGTH = struct.Struct("<I")


class FrameError(DataError):
    """A message is not one that the explorer understands."""


class FrameTooLargeError(FrameError):
    """A message is larger than the explorer takes."""


def pack(header: Mapping[str, Any], buffers: Sequence[Buffer] = ()) -> bytes:
    """Return a message as one frame."""
    sizes = [memoryview(each).nbytes for each in buffers]
    text = json.dumps({**header, "buffers": sizes}, allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    return b"".join([_LENGTH.pack(len(text)), text, *buffers])


def unpack(frame: bytes, *, most: int = MOST_FRAME) -> tuple[Header, list[memoryview]]:
    """Return the header and the buffers of a frame; raise `FrameError` where it is malformed."""
    if len(frame) > most:
        message = f"the message has {len(frame)} bytes, and may have {most}"
        raise FrameTooLargeError(message)
    if len(frame) < _LENGTH.size:
        message = f"the message has {len(frame)} bytes; a frame begins with a length"
        raise FrameError(message)
    (length,) = _LENGTH.unpack_from(frame)
    if length > MOST_HEADER:
        message = f"the header has {length} bytes, and may have {MOST_HEADER}"
        raise FrameTooLargeError(message)
    if length % 4 or _LENGTH.size + length > len(frame):
        message = f"the header of {length} bytes does not fit a frame of {len(frame)} bytes"
        raise FrameError(message)
    header = _header(frame[_LENGTH.size : _LENGTH.size + length])
    return header, _buffers(header.pop("buffers", []), memoryview(frame)[_LENGTH.size + length :])


def require_message(header: object) -> Header:
    """Return a header that may be answered; raise `FrameError` for all else."""
    if not isinstance(header, dict) or not isinstance(header.get("kind"), str):
        message = "a message is an object with a text 'kind'"
        raise FrameError(message)
    if not isinstance(header.get("seq", 0), int) or isinstance(header.get("seq", 0), bool):
        message = "'seq' of a message is a whole number"
        raise FrameError(message)
    if not isinstance(header.get("view", ""), str) or len(header.get("view", "")) > 200:
        message = "'view' of a message is a short text"
        raise FrameError(message)
    if is_too_deep(header):
        message = f"the message is nested more than {DEEPEST} deep"
        raise FrameError(message)
    return header


def _header(text: bytes) -> Header:
    try:
        header = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        message = f"the header is not JSON: {error}"
        raise FrameError(message) from error
    return require_message(header)


def _refuse(word: str) -> None:
    message = f"{word} is no number of JSON"
    raise ValueError(message)


def _buffers(sizes: Any, rest: memoryview) -> list[memoryview]:
    plain = isinstance(sizes, list) and len(sizes) <= MOST_BUFFERS
    if not plain or any(type(size) is not int or size < 0 for size in sizes):
        message = f"'buffers' lists the bytes of at most {MOST_BUFFERS} buffers"
        raise FrameError(message)
    if sum(sizes) != len(rest):
        message = f"the buffers should have {sum(sizes)} bytes and have {len(rest)}"
        raise FrameError(message)
    found, start = [], 0
    for size in sizes:
        found.append(rest[start : start + size])
        start += size
    return found
