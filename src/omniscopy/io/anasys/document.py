"""The XML of a document, unpacked with a bound and read element by element."""

import codecs
import zlib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.xml_trees import local_name

_GZIP = b"\x1f\x8b"
# Base64 of noise is not packed more than a few times.
_MOST_TIMES, _AT_LEAST = 64, 32 << 20
_VALUES = "<SampleBase64>"
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
    text, damage = _decoded(raw)
    if "anasysinstruments" not in text:
        message = "the document is none of Analysis Studio"
        raise UnsupportedFormatError(message, path=path, offset=0)
    # Entities are declared nowhere but in it.
    if "<!DOCTYPE" in text:
        message = "the document declares entities, which no document of Analysis Studio does"
        raise FormatError(message, path=path, offset=0)
    found, error = _parsed(text)
    damage = damage or error
    if damage is not None:
        if not partial:
            message = f"the XML is damaged ({damage})"
            raise FormatError(message, path=path) from damage
        missing = missing or {"reason": f"the XML is damaged ({damage})"}
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


def _decoded(raw: bytes) -> tuple[str, Exception | None]:
    """Return a document of one or two bytes a letter, up to what is wrong in it."""
    wide = 0 in raw[:4] or raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    code = "utf-8-sig" if not wide else "utf-16-be" if raw[0] == 0 else "utf-16"
    try:
        return raw.decode(code), None
    except UnicodeDecodeError as error:
        return raw[: error.start].decode(code, errors="ignore"), error


def _parsed(text: str) -> tuple[list[ElementTree.Element], Exception | None]:
    """Return the wanted elements as far as a document goes, and what is wrong with it.

    Nearly all of it are values, which the parser need not see.
    """
    values: dict[str | None, str] = {}
    parts, at = [], 0
    while (start := text.find(_VALUES, at)) >= 0:
        start += len(_VALUES)
        end = text.find("<", start)
        if end < 0:
            break
        stands_for = f"values {len(values)}"
        parts += [text[at:start], stands_for]
        values[stands_for] = text[start:end]
        at = end
    parts.append(text[at:])
    parser: Any = ElementTree.XMLPullParser(["end"])
    found = []
    try:
        parser.feed("".join(parts))
        for _, element in parser.read_events():
            name = local_name(element.tag)
            if name in _WANTED:
                found.append(element)
            elif name == "SampleBase64":
                element.text = values.get(element.text, element.text)
        parser.close()
    except (ElementTree.ParseError, ValueError) as error:
        return found, error
    return found, None
