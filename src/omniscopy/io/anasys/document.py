"""The XML of a document, unpacked with a bound and read element by element."""

import zlib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.xml_trees import local_name

_GZIP = b"\x1f\x8b"
_STEP = 1 << 20
# Base64 of noise is not packed more than a few times.
_MOST_TIMES, _AT_LEAST = 64, 32 << 20
_WANTED = ("HeightMap", "IRRenderedSpectra", "RenderedSpectrum")


def read_elements(
    path: Path, *, partial: bool
) -> tuple[list[ElementTree.Element], dict[str, str] | None]:
    """Return the images and spectra of a document, and what is missing of it."""
    raw = path.read_bytes()
    missing = None
    if raw.startswith(_GZIP):
        raw, is_whole = _unpack(path, raw)
        if not is_whole:
            missing = {"reason": "the packed document ends too early"}
            if not partial:
                message = f"{missing['reason']}; the file is cut short"
                raise FormatError(message, path=path, offset=path.stat().st_size)
    if not _names(raw, "anasysinstruments"):
        message = "the document is none of Analysis Studio"
        raise UnsupportedFormatError(message, path=path, offset=0)
    if _names(raw, "<!DOCTYPE") or _names(raw, "<!ENTITY"):
        message = "the document declares entities, which no document of Analysis Studio does"
        raise FormatError(message, path=path, offset=0)
    found: list[ElementTree.Element] = []
    parser: Any = ElementTree.XMLPullParser(["end"])
    try:
        for start in range(0, len(raw), _STEP):
            parser.feed(raw[start : start + _STEP])
            found += _finished(parser)
        parser.close()
    except (ElementTree.ParseError, ValueError) as error:
        if not partial:
            message = f"the XML is damaged ({error})"
            raise FormatError(message, path=path) from error
        missing = missing or {"reason": f"the XML is damaged ({error})"}
    return found, missing


def _unpack(path: Path, raw: bytes) -> tuple[bytes, bool]:
    """Return the unpacked bytes, and whether they are all."""
    limit = _AT_LEAST + _MOST_TIMES * len(raw)
    stream = zlib.decompressobj(wbits=31)
    try:
        unpacked = stream.decompress(raw, limit)
    except zlib.error as error:
        message = f"the document cannot be unpacked ({error}); the file is damaged"
        raise FormatError(message, path=path) from error
    if stream.unconsumed_tail:
        message = f"the document unpacks to more than {limit} bytes"
        raise FormatError(message, path=path)
    return unpacked, stream.eof


def _names(raw: bytes, word: str) -> bool:
    return any(word.encode(code) in raw for code in ("utf-8", "utf-16-le", "utf-16-be"))


def _finished(parser: Any) -> list[ElementTree.Element]:
    elements = (element for _, element in parser.read_events())
    return [each for each in elements if local_name(each.tag) in _WANTED]
