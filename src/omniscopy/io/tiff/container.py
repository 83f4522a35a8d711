"""Opening TIFF files with tifffile, and refusing what the file cannot hold."""

import lzma
import math
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from omniscopy.io.errors import FormatError, MissingDependencyError, UnsupportedFormatError

# What tifffile raises at damage besides its own error.
_DAMAGE = (
    ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError, MemoryError,
    RuntimeError, ArithmeticError, AssertionError, OSError, struct.error, zlib.error,
    lzma.LZMAError,
)  # fmt: skip
_PLAIN = 1
_DEFLATE = (8, 32946, 50013)
# The most that a byte of a compressed segment can become, deflate and PackBits being known.
_MOST_INFLATED = {8: 1032, 32946: 1032, 50013: 1032, 32773: 64}
_MOST_UNPACKED = 1 << 14
# A page of which less than this part is in the file is damaged, not cut short.
_MOST_MISSING = 1000
_PIECE = 1 << 20
# Descriptions of these kinds are XML, which tifffile would parse with entities and all.
_NO_XML: dict[str, Any] = {"is_ome": False, "is_scn": False, "is_philips": False, "is_bif": False}


@contextmanager
def open_tiff(path: str | Path) -> Iterator[Any]:
    """Open a file with tifffile; damage met inside is a `FormatError`."""
    import tifffile

    try:
        with tifffile.TiffFile(path, _multifile=False) as file:
            if not file.pages:
                message = "no image is left in the TIFF file; it is empty, cut short or damaged"
                raise FormatError(message, path=path)
            first: Any = file.pages[0]
            if not declares_entities(first.description):
                yield file
                return
        with tifffile.TiffFile(path, _multifile=False, **_NO_XML) as file:
            yield file
    except FormatError:
        raise
    except (*_DAMAGE, tifffile.TiffFileError) as error:
        if "imagecodecs" in str(error):
            purpose = f"decoding {path}"
            package = "imagecodecs"
            raise MissingDependencyError(package, extra="codecs", purpose=purpose) from error
        message = f"the TIFF file is cut short or damaged ({type(error).__name__}: {error})"
        raise FormatError(message, path=path) from error


def declares_entities(text: str) -> bool:
    """Return whether an XML text has entities of its own, which we do not expand."""
    return "<!DOCTYPE" in text or "<!ENTITY" in text


def page_at(file: Any, place: int) -> Any:
    """Return the page whose directory lies at a byte of the file."""
    import tifffile

    file.filehandle.seek(place)
    return tifffile.TiffPage(file, 0)


def segment_grid(page: Any) -> tuple[tuple[int, int, int, int], tuple[int, int]]:
    """Return the segments of a page (planes, depth, down, across) and their (height, width)."""
    page = page.keyframe
    planes, depth, length, width, _ = page.shaped
    if page.is_tiled:
        size = page.tilelength, page.tilewidth
        deep = -(-depth // max(page.tiledepth, 1))
    else:
        size = min(page.rowsperstrip, length), width
        deep = depth
    if min(size) <= 0:
        message = f"strips or tiles of {size} pixels cannot be; the file is damaged"
        raise ValueError(message)
    return (planes, deep, -(-length // size[0]), -(-width // size[1])), size


def require_segments(page: Any, path: str | Path) -> str | None:
    """Refuse a page whose size its segments cannot hold; say which of them are not there."""
    like = page.keyframe
    if like.dtype is None or 0 in like.shaped:
        message = (
            f"pixels of {like.bitspersample} bits and sample format {like.sampleformat} in a shape "
            f"of {like.shape} are not supported"
        )
        raise UnsupportedFormatError(message, path=path, offset=page.offset)
    expected = math.prod(segment_grid(page)[0])
    segments = list(zip(page.dataoffsets, page.databytecounts, strict=False))
    if len(segments) < expected:
        message = (
            f"a page of {page.shape} has {len(segments)} strips or tiles, but needs {expected}; "
            "the file is damaged"
        )
        raise FormatError(message, path=path, offset=page.offset)
    end = like.parent.filehandle.size
    there = [(at, n) for at, n in segments[:expected] if n > 0 and at > 0 and at + n <= end]
    _require_room(page, [n for _, n in there], path)
    if len(there) < expected:
        return f"{expected - len(there)} of {expected} strips or tiles are not in the file"
    return None


def _require_room(page: Any, counts: list[int], path: str | Path) -> None:
    """Refuse a page that declares more pixels than its bytes can become."""
    like, stored = page.keyframe, sum(counts)
    wanted = math.prod(like.shaped) * like.bitspersample // 8
    if like.compression == _PLAIN:
        whole = len(counts) >= math.prod(segment_grid(page)[0])
        most = stored if whole else _MOST_MISSING * stored
    else:
        most = stored * _MOST_INFLATED.get(like.compression, _MOST_UNPACKED)
    if wanted > most:
        message = (
            f"a page of {like.shape} {like.dtype} needs {wanted} bytes, but its "
            f"{stored} stored bytes cannot hold them; the file is cut short or damaged"
        )
        raise FormatError(message, path=path, offset=page.offset)


def require_inflates(page: Any, data: bytes, most: int, path: str) -> None:
    """Refuse a deflated segment that becomes more than the bytes it stands for."""
    if page.compression not in _DEFLATE:
        return
    inflater, done = zlib.decompressobj(), 0
    while data and not inflater.eof:
        done += len(inflater.decompress(data, _PIECE))
        data = inflater.unconsumed_tail
        if done > most:
            message = f"a compressed segment is larger than the {most} bytes it stands for"
            raise FormatError(message, path=path, offset=page.offset)
