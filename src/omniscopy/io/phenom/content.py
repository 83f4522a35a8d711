"""The unpacked content of a project, with a bound, and values read from it one by one."""

import bz2
import functools
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from omniscopy.io.errors import FormatError

# Counts of maps are mostly zero and pack well; more than this no project does.
_MOST_TIMES, _AT_LEAST = 256, 1 << 26
_STEP = 1 << 22


def unpack(path: str) -> tuple[bytes, bool]:
    """Return the content of the project at `path`, and whether it is whole."""
    return _unpacked(path, Path(path).stat().st_mtime_ns)


@functools.lru_cache(maxsize=1)
def _unpacked(path: str, _age: int) -> tuple[bytes, bool]:
    raw = Path(path).read_bytes()
    limit = _AT_LEAST + _MOST_TIMES * len(raw)
    stream, content, fed = bz2.BZ2Decompressor(), bytearray(), raw
    try:
        while not stream.eof:
            part = stream.decompress(fed, _STEP)
            content += part
            fed = b""
            if len(content) > limit:
                message = f"the project unpacks to more than {limit} bytes"
                raise FormatError(message, path=path)
            if not part and stream.needs_input:
                return bytes(content), False
    except (OSError, ValueError) as error:
        if isinstance(error, FormatError):
            raise
        message = f"the project cannot be unpacked ({error}); the file is damaged"
        raise FormatError(message, path=path) from error
    return bytes(content), True


class Cursor:
    """A place in the content that moves on with each value read."""

    def __init__(self, path: str, content: bytes, at: int = 0) -> None:
        self.path = path
        self.content = content
        self.at = at

    def take(self, count: int) -> bytes:
        """Return the next bytes."""
        if count > len(self.content) - self.at:
            message = (
                f"{count} bytes are needed at {self.at} of the unpacked project, "
                f"{len(self.content) - self.at} are there; the file is cut short or damaged"
            )
            raise FormatError(message, path=self.path)
        self.at += count
        return self.content[self.at - count : self.at]

    def numbers(self, form: str) -> tuple[Any, ...]:
        """Return the next numbers, as `struct` names them."""
        return struct.unpack("<" + form, self.take(struct.calcsize("<" + form)))

    def count(self) -> int:
        """Return the next number of things."""
        return int(self.numbers("I")[0])

    def text(self) -> str:
        """Return the next text, its length before it."""
        return self.take(self.count()).decode("utf-8", errors="replace")

    def block(self) -> tuple[int, int]:
        """Pass bytes with their length before them; return where they are."""
        size = self.count()
        self.take(size)
        return self.at - size, size

    def listed(self, take_one: Callable[[], Any]) -> list[Any]:
        """Return the things of a list, their number before them."""
        number = self.count()
        if number > len(self.content) - self.at:
            self.take(number)
        return [take_one() for _ in range(number)]
