# ruff: noqa: D102 - the properties are those of `LazyArray`
"""The XML of a document, unpacked with a bound and read element by element."""

import base64
import binascii
import codecs
import functools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.inflating import DAMAGED, inflater
from omniscopy.io.records import Key
from omniscopy.io.xml_trees import local_name

_GZIP = b"\x1f\x8b"
# Base64 of noise is not packed more than a few times.
_MOST_TIMES, _AT_LEAST = 64, 32 << 20
_PIECE = 1 << 16
_VALUES = "<SampleBase64>"
_WANTED = ("HeightMap", "IRRenderedSpectra", "RenderedSpectrum")


@dataclass(frozen=True)
class Document:
    """The images and spectra of a document, where values lie in its text, and what is missing."""

    elements: list[ElementTree.Element]
    places: dict[str | None, tuple[int, int]]
    letter_size: int
    missing: dict[str, str] | None


def read_document(path: Path, *, partial: bool) -> Document:
    """Return a document whose values are left where they are."""
    pieces = _Pieces(path)
    without, places = _without_values(pieces)
    described, undecodable = _decoded(without)
    missing = None
    if not pieces.is_whole:
        missing = {"reason": "the packed document ends too early"}
        if not partial:
            message = f"{missing['reason']}; the file is cut short"
            raise FormatError(message, path=path, offset=path.stat().st_size)
    if "anasysinstruments" not in described:
        message = "the document is none of Analysis Studio"
        raise UnsupportedFormatError(message, path=path, offset=0)
    # Entities are declared nowhere but in it, and no value has the sign that it begins with.
    if "<!DOCTYPE" in described:
        message = "the document declares entities, which no document of Analysis Studio does"
        raise FormatError(message, path=path, offset=0)
    found, error = _parsed(described)
    damage = undecodable or error
    if damage is not None:
        if not partial:
            message = f"the XML is damaged ({damage})"
            raise FormatError(message, path=path) from damage
        missing = missing or {"reason": f"the XML is damaged ({damage})"}
    return Document(found, places, letter_size(without), missing)


@dataclass(frozen=True)
class Values:
    """Numbers of four bytes in base64, from one byte to another of an unpacked document."""

    path: str
    place: tuple[int, int]
    shape: tuple[int, ...]
    label: str
    chunks: tuple[int, ...] | None = None

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.float32)

    def __getitem__(self, key: Key) -> np.ndarray:
        path = Path(self.path)
        document = _unpacked_document(path, path.stat().st_mtime_ns)
        text = document[slice(*self.place)][_ahead(_encoding(document)) :: letter_size(document)]
        try:
            values = values_of(text, self.shape, self.label)
        except FormatError as error:
            raise error.in_file(path) from None
        return np.array(values[key])


def values_of(text: str | bytes, shape: tuple[int, ...], label: str) -> np.ndarray:
    """Return the numbers that are written in base64."""
    try:
        raw = base64.b64decode(text)
    except (binascii.Error, ValueError):
        message = "the values are no base64; the file is damaged"
        raise FormatError(message, key=label) from None
    if len(raw) != 4 * math.prod(shape):
        message = f"{shape} values need {4 * math.prod(shape)} bytes, {len(raw)} were found"
        raise FormatError(message, key=label)
    return np.frombuffer(raw, "<f4").astype(np.float32).reshape(shape)


@functools.lru_cache(maxsize=1)
def _unpacked_document(path: Path, _changed: int) -> bytes:
    """Return the bytes of a document, which one map after another is read from."""
    return b"".join(_Pieces(path))


class _Pieces:
    """A document, unpacked piece by piece; whether it is whole is known at its end.

    What fits into the cache of a processor is worked through several times faster than what does
    not. It is not decoded: nearly all of it are values, which need not be.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_whole = True

    def __iter__(self) -> Iterator[bytes]:
        raw = self.path.read_bytes()
        if not raw.startswith(_GZIP):
            yield raw
            return
        stream = inflater(wbits=31)
        yield from _unpacked(self.path, raw, stream)
        self.is_whole = stream.eof


def _unpacked(path: Path, raw: bytes, stream: Any) -> Iterator[bytes]:
    limit = _AT_LEAST + _MOST_TIMES * len(raw)
    left = limit + 1
    for start in range(0, len(raw), _PIECE):
        try:
            piece = stream.decompress(raw[start : start + _PIECE], left)
        except DAMAGED as error:
            message = f"the document cannot be unpacked ({error}); the file is damaged"
            raise FormatError(message, path=path) from error
        left -= len(piece)
        if left == 0:
            message = f"the document unpacks to more than {limit} bytes"
            raise FormatError(message, path=path)
        yield piece


def _encoding(head: bytes) -> str:
    """Return the encoding of a document, of one or two bytes a letter."""
    wide = 0 in head[:4] or head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    is_turned = head[:1] == b"\0" or head.startswith(codecs.BOM_UTF16_BE)
    return "utf-8" if not wide else "utf-16-be" if is_turned else "utf-16-le"


def letter_size(head: bytes) -> int:
    """Return how many bytes a letter of a value takes in a document that begins like this."""
    return len("<".encode(_encoding(head)))


def _ahead(code: str) -> int:
    """Return how many bytes of a letter of a value stand before the one that tells it."""
    return "<".encode(code).index(b"<")


def _decoded(document: bytes) -> tuple[str, UnicodeDecodeError | None]:
    """Return the text of a document up to what is wrong in it, and what that is."""
    code = _encoding(document)
    try:
        # With the mark of the byte order all letters would take two bytes.
        return document.decode(code).removeprefix("\ufeff"), None
    except UnicodeDecodeError as error:
        return document[: error.start].decode(code, errors="ignore").removeprefix("\ufeff"), error


def _without_values(pieces: Iterable[bytes]) -> tuple[bytes, dict[str | None, tuple[int, int]]]:
    """Return a document with words in place of its values, and where each of those lies.

    Nearly all of a document are values, which the parser need not see.
    """
    places: dict[str | None, tuple[int, int]] = {}
    parts: list[bytes] = []
    code, word, ahead = "", b"", 0
    start = None  # of the values that are gone through
    before, left = 0, b""  # bytes that are done, and what is not
    for piece in pieces:
        text = left + piece if left else piece
        if not code:
            code = _encoding(text)
            # One byte is looked for several times faster than two; none of a value has its number.
            word, ahead = _VALUES.encode(code), _ahead(code)
        at = 0
        while True:
            if start is None:
                found = text.find(word, at)
                # The word may go on in the next piece.
                end = max(at, len(text) - len(word) + 1) if found < 0 else found + len(word)
                parts.append(text[at:end])
                at = end
                if found < 0:
                    break
                start = before + at
            end = text.find(b"<", at) - ahead
            if end < at:
                at = max(at, len(text) - ahead)
                break
            stands_for = f"values {len(places)}"
            parts.append(stands_for.encode(code))
            places[stands_for] = (start, before + end)
            start, at = None, end
        before, left = before + at, text[at:]
    return b"".join([*parts, left]), places


def _parsed(text: str) -> tuple[list[ElementTree.Element], Exception | None]:
    """Return the wanted elements as far as a document goes, and what is wrong with it."""
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError):
        return _parsed_in_part(text)
    return [each for each in root.iter() if local_name(each.tag) in _WANTED], None


def _parsed_in_part(text: str) -> tuple[list[ElementTree.Element], Exception | None]:
    parser: Any = ElementTree.XMLPullParser(["end"])
    found = []
    try:
        parser.feed(text)
        for _, element in parser.read_events():
            if local_name(element.tag) in _WANTED:
                found.append(element)
        parser.close()
    except (ElementTree.ParseError, ValueError) as error:
        return found, error
    return found, None
