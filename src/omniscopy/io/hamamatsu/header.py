"""The head of each image in a file, and the settings in its comment."""

import re
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

from omniscopy.io.errors import FormatError, UnsupportedFormatError

_HEAD = struct.Struct("<2s6H")
_HEAD_SIZE = 64
_TYPES = {0: "u1", 2: "<u2", 3: "<u4"}
# A section, or an entry, whose quoted value may hold any mark.
_PART = re.compile(r'\[([^\]\r\n]+)\]|([^=,\[\]\r\n"]+)=("[^"]*"|[^,\[\r\n]*)')


@dataclass(frozen=True)
class Image:
    """Where an image lies, what it is of, and the settings that it was taken with."""

    offset: int
    shape: tuple[int, int]
    file_dtype: np.dtype[Any]
    settings: dict[str, dict[str, str]]

    @property
    def size(self) -> int:
        """Return the bytes of the image."""
        return self.shape[0] * self.shape[1] * self.file_dtype.itemsize

    def said(self, section: str, key: str) -> str:
        """Return a setting, empty where there is none."""
        return self.settings.get(section, {}).get(key, "")


def read_image(raw: Any, at: int) -> Image:
    """Return the image whose head is at a byte of the file.

    Raises
    ------
    FormatError
        The file ends before the image does, or the head is damaged.
    UnsupportedFormatError
        The pixels are packed.
    """
    if len(raw) - at < _HEAD_SIZE:
        message = f"the head of an image needs {_HEAD_SIZE} bytes, there are {len(raw) - at}"
        raise FormatError(message, offset=at)
    mark, comment, columns, rows, _, _, kind = _HEAD.unpack_from(raw, at)
    if mark != b"IM":
        message = f"the mark of an image was expected, {mark!r} was found"
        raise FormatError(message, offset=at)
    if kind not in _TYPES:
        message = f"pixels of type {kind} are not read"
        raise UnsupportedFormatError(message, offset=at + 12)
    start = at + _HEAD_SIZE
    image = Image(
        offset=start + comment,
        shape=(rows, columns),
        file_dtype=np.dtype(_TYPES[kind]),
        settings=parse_settings(bytes(raw[start : start + comment])),
    )
    if not image.size or image.offset + image.size > len(raw):
        message = (
            f"an image of {rows} x {columns} pixels needs {image.size} bytes at {image.offset}, "
            f"the file has {len(raw)}; it is cut short or its header is damaged"
        )
        raise FormatError(message, offset=at)
    return image


def parse_settings(raw: bytes) -> dict[str, dict[str, str]]:
    """Return the sections of a comment such as ``[Camera],Binning="1",Type=34``."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    found: dict[str, dict[str, str]] = {}
    section: dict[str, str] = {}
    for part in _PART.finditer(text):
        if part[1] is not None:
            section = found.setdefault(part[1], {})
        else:
            section[part[2].strip()] = part[3].strip().strip('"')
    return found
