"""Files that were packed after they were written, such as `map.mrc.gz`: unpacked, then read."""

import atexit
import bz2
import functools
import lzma
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omniscopy.io.errors import FormatError
from omniscopy.io.inflating import DAMAGED, inflater

_SUFFIXES = (".gz", ".gzip", ".bz2", ".xz", ".lzma")
_BEGINNINGS = (b"\x1f\x8b\x08", b"BZh", b"\xfd7zXZ\x00")
_BROKEN: tuple[type[Exception], ...] = (
    *DAMAGED, OSError, EOFError, lzma.LZMAError, ValueError
)  # fmt: skip
_LONGEST_BEGINNING = max(map(len, _BEGINNINGS))
_PIECE, _LONGEST_BLOCK = 1 << 16, 1 << 20
# Measurements that are mostly zeros are packed a few hundred times at most; bombs more.
_MOST_TIMES, _AT_LEAST = 256, 32 << 20
_unpacked: dict[tuple[str, int, int, bool], Path] = {}


def is_packed(head: bytes) -> bool:
    """Return whether a file that begins like this was packed by gzip, bzip2 or xz."""
    return head.startswith(_BEGINNINGS)


def unpacked_head(path: Path, size: int) -> bytes:
    """Return how the content of a packed file begins, nothing where it is damaged."""
    with path.open("rb") as file:
        raw = file.read(size)
        stream, found = _stream(raw), b""
        try:
            # What bzip2 packs are blocks of up to 900 kB.
            while raw and not found and file.tell() <= _LONGEST_BLOCK:
                found = bytes(stream.decompress(raw, size))
                raw = file.read(_PIECE)
        except _BROKEN:
            return b""
    return found


def unpacked_file(path: Path, *, partial: bool = False) -> Path:
    """Return where the content of a packed file lies unpacked, until this process ends.

    Raises
    ------
    FormatError
        It is damaged or cut short (then `partial` takes what there is), or unpacks to absurdly
        much.
    """
    about = path.stat()
    key = (str(path.absolute()), about.st_mtime_ns, about.st_size, partial)
    found = _unpacked.get(key)
    if found is None or not found.exists():
        name = path.name
        for suffix in _SUFFIXES:
            if name.lower().endswith(suffix):
                name = name[: -len(suffix)]
        found = Path(tempfile.mkdtemp(dir=_folder_of(os.getpid()))) / (name or "unpacked")
        _write(path, found, partial=partial)
        _unpacked[key] = found
    return found


def _write(path: Path, target: Path, *, partial: bool) -> None:
    left = _AT_LEAST + _MOST_TIMES * path.stat().st_size
    try:
        with target.open("wb") as file:
            for piece in _pieces(path, partial=partial):
                left -= len(piece)
                if left < 0:
                    message = f"it unpacks to more than {_MOST_TIMES} times its size"
                    raise FormatError(message, path=path)
                file.write(piece)
    except BaseException:
        shutil.rmtree(target.parent, ignore_errors=True)
        raise


def _pieces(path: Path, *, partial: bool) -> Iterator[bytes]:
    """Yield the content piece by piece; of several packed parts one follows the other."""
    with path.open("rb") as file:
        raw = file.read(_PIECE)
        while is_packed(raw):  # what follows else are zeros that fill up a block
            stream = _stream(raw)
            try:
                while not stream.eof:
                    yield bytes(stream.decompress(raw, _longest(stream)))
                    raw = file.read(_PIECE) if getattr(stream, "needs_input", True) else b""
                    if not raw and not stream.eof and getattr(stream, "needs_input", True):
                        if partial:
                            return
                        message = "the packed file ends too early; it is cut short"
                        raise FormatError(message, path=path, offset=path.stat().st_size)
            except _BROKEN as error:
                if isinstance(error, FormatError):
                    raise
                if partial:
                    return
                message = f"it cannot be unpacked ({error}); the file is damaged"
                raise FormatError(message, path=path) from error
            raw = stream.unused_data + raw
            if len(raw) < _LONGEST_BEGINNING:
                raw += file.read(_PIECE)


def _stream(head: bytes) -> Any:
    if head.startswith(_BEGINNINGS[0]):
        return inflater(wbits=31)
    if head.startswith(_BEGINNINGS[1]):
        return bz2.BZ2Decompressor()
    return lzma.LZMADecompressor(memlimit=1 << 28)


def _longest(stream: Any) -> int:
    """Return how many bytes to unpack at once: what gzip makes of a piece is no more than 64 MB."""
    return _PIECE if hasattr(stream, "needs_input") else 0


@functools.cache
def _folder_of(process: int) -> str:
    """Return the folder of a process for what it unpacks."""
    folder = tempfile.mkdtemp(prefix="omniscopy-unpacked-")
    atexit.register(_remove, process, folder)
    return folder


def _remove(process: int, folder: str) -> None:
    if process == os.getpid():  # a process that was forked leaves what it found
        shutil.rmtree(folder, ignore_errors=True)
