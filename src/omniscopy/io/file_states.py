"""Files as they were when they were opened: what is read later must come from the same."""

import functools
import os
import socket
import stat
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from omniscopy.io.errors import FormatError
from omniscopy.model.digests import digest_bytes

# Bytes at the end of a file by which one that has grown is known.
_END_BYTES = 4096
# A handle of more files is not looked after: to ask for all of them at each read takes too long.
_MOST_FILES = 32


@dataclass(frozen=True)
class FileState:
    """A regular file as it was on the machine `host`: length, last change, digest of its end."""

    path: str
    size: int
    written: int
    end: str
    host: str

    def require(self) -> None:
        """Raise `FormatError` unless the file is as it was, or has grown at its end only.

        A file may be that of another machine, at the same path: times are not compared then.
        """
        try:
            found = os.stat(self.path)  # noqa: PTH116 - at each read
        except OSError as error:
            message = (
                f"the file cannot be read any more ({error.strerror or error}); "
                "put it back, or open it where it is now"
            )
            raise FormatError(message, path=self.path) from error
        if found.st_size == self.size and found.st_mtime_ns == self.written:
            return
        if not stat.S_ISREG(found.st_mode):
            message = "this is no file any more; put it back, or open it where it is now"
            raise FormatError(message, path=self.path)
        if found.st_size < self.size:
            message = (
                f"the file has {found.st_size} bytes, but had {self.size} when it was opened; "
                "it was cut short or replaced: open it again"
            )
            raise FormatError(message, path=self.path)
        same = self.host != _host() if found.st_size == self.size else self._has_grown()
        if not same:
            message = "the file was changed or replaced after it was opened; open it again"
            raise FormatError(message, path=self.path)

    def _has_grown(self) -> bool:
        return _end(self.path, self.size) == self.end


def states_of(handle: Any) -> tuple[FileState, ...]:
    """Return the regular files that a handle reads, as they are now."""
    paths: dict[str, None] = {}
    _collect(handle, paths)
    if len(paths) > _MOST_FILES:
        return ()
    return tuple(state for path in paths if (state := _state_of(path)) is not None)


def _collect(value: Any, paths: dict[str, None]) -> None:
    for name in _fields_of(value.__class__):
        each = getattr(value, name)
        if name == "path" and isinstance(each, str | os.PathLike):
            paths[os.fspath(each)] = None
        for part in each if isinstance(each, tuple | list) else (each,):
            if _fields_of(part.__class__) and len(paths) <= _MOST_FILES:
                _collect(part, paths)
    # Of what is in a folder.
    paths.update(dict.fromkeys(getattr(value, "described_by", ())))


@functools.cache
def _fields_of(kind: type) -> tuple[str, ...]:
    return tuple(each.name for each in fields(kind)) if is_dataclass(kind) else ()


def _state_of(path: str) -> FileState | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - thousands of channels
    except (OSError, TypeError, ValueError):
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return _known(path, found.st_size, found.st_mtime_ns)


@functools.lru_cache(maxsize=256)
def _known(path: str, size: int, written: int) -> FileState | None:
    try:
        return FileState(path, size, written, _end(path, size), _host())
    except OSError:
        return None


def _end(path: str, size: int) -> str:
    """Return a digest of the bytes before the place `size` of a file."""
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123
        file.seek(max(size - _END_BYTES, 0))
        return digest_bytes(file.read(min(size, _END_BYTES)))


@functools.cache
def _host() -> str:
    return socket.gethostname()
