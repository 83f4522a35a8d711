"""The tree of tags that a WITec file is: each with a name, a type and where its content lies.

Layout by Holmi and Lipsanen, "WITio: A MATLAB data evaluation toolbox to script broader insights
into big data from WITec microscopes", SoftwareX 18 (2022) 101009.
"""

import math
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from omniscopy.io.errors import FormatError

_TREE, _DATE, _BOOL, _TEXT = 0, 6, 8, 9
_DTYPES = {2: "<f8", 3: "<f4", 4: "<i8", 5: "<i4", _DATE: "<u2", 7: "u1", _BOOL: "u1"}
_DEEPEST = 32
_LONGEST_NAME = 1 << 12
_LONGEST_VALUE = 1 << 24
_SHORT = 1 << 10


@dataclass(frozen=True)
class Tag:
    """One tag: its children, or what is between two places of the file, read if it is short."""

    path: Path
    kind: int
    start: int
    stop: int
    raw: bytes | None = None
    children: dict[str, "Tag"] = field(default_factory=dict)

    def at(self, *names: str) -> "Tag | None":
        """Return the tag below by a path of names, `None` where there is none."""
        found: Tag | None = self
        for name in names:
            found = None if found is None else found.children.get(name)
        return found

    def numbers(self, *names: str) -> np.ndarray | None:
        """Return the numbers of a tag below, `None` where it has none."""
        tag = self.at(*names)
        if tag is None or tag.kind not in _DTYPES:
            return None
        dtype = np.dtype(_DTYPES[tag.kind])
        raw = tag.content()
        return np.frombuffer(raw, dtype, len(raw) // dtype.itemsize)

    def number(self, *names: str) -> float | None:
        """Return the first number of a tag below."""
        values = self.numbers(*names)
        return None if values is None or not values.size else values[0].item()

    def integer(self, *names: str) -> int:
        """Return the first number of a tag below, 0 where it is none that is whole."""
        value = self.number(*names)
        return int(value) if value is not None and math.isfinite(value) else 0

    def text(self, *names: str) -> str:
        """Return the text of a tag below, empty where it has none."""
        tag = self.at(*names)
        if tag is None or tag.kind != _TEXT:
            return ""
        raw, at, found = tag.content(), 0, []
        while at + 4 <= len(raw):
            (length,) = struct.unpack_from("<I", raw, at)
            found.append(raw[at + 4 : at + 4 + length].decode("cp1252", "replace"))
            at += 4 + length
        return "\n".join(found).replace("\0", "")

    def plain(self) -> Any:
        """Return what is below as dictionaries, without the values that are long."""
        if self.kind == _TREE:
            found = {name: child.plain() for name, child in self.children.items()}
            return {name: value for name, value in found.items() if value is not None}
        if self.raw is None or self.kind not in (_TEXT, *_DTYPES):
            return None
        if self.kind == _TEXT:
            return self.text()
        values = self.numbers()
        assert values is not None
        if self.kind == _BOOL:
            values = values != 0
        listed = values.tolist()
        return listed[0] if len(listed) == 1 else listed

    def content(self) -> bytes:
        """Return the bytes of a tag.

        Raises
        ------
        FormatError
            They are more than a value has.
        """
        if self.raw is not None:
            return self.raw
        if self.stop - self.start > _LONGEST_VALUE:
            message = f"a value of {self.stop - self.start} bytes is not read"
            raise FormatError(message, path=self.path, offset=self.start)
        with self.path.open("rb") as file:
            file.seek(self.start)
            return file.read(self.stop - self.start)


def read_tags(path: Path, *, partial: bool) -> tuple[Tag, bool]:
    """Return the tree of a file, and whether the file ends before it does.

    Raises
    ------
    FormatError
        A tag is not within the one above it, or, without `partial`, the file is cut short.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        _, root, is_cut = _read_tag(path, file, (8, size), partial=partial, depth=0)
    return root, is_cut


def _read_tag(
    path: Path, file: BinaryIO, within: tuple[int, int], *, partial: bool, depth: int
) -> tuple[str, Tag, bool]:
    at, end = within
    file.seek(at)
    head = file.read(4)
    length = int.from_bytes(head, "little")
    raw = file.read(length + 20) if len(head) == 4 and length <= _LONGEST_NAME else b""
    start = at + 4 + len(raw)
    if len(raw) < length + 20 or length > _LONGEST_NAME or depth > _DEEPEST or start > end:
        message = "a tag was expected"
        raise FormatError(message, path=path, offset=at)
    name = raw[:length].decode("cp1252", "replace")
    kind, first, stop = struct.unpack_from("<IQQ", raw, length)
    is_cut = stop > end
    if not start <= first <= stop or (is_cut and not partial):
        message = f"the tag {name!r} from byte {first} to {stop} was expected before byte {end}"
        raise FormatError(message, path=path, offset=at, key=name)
    at, stop = min(first, end), min(stop, end)
    raw_value = None
    if kind != _TREE and stop - at <= _SHORT:
        file.seek(at)
        raw_value = file.read(stop - at)
    tag = Tag(path, kind, at, stop, raw_value)
    while kind == _TREE and at < tag.stop:
        try:
            key, child, below = _read_tag(
                path, file, (at, tag.stop), partial=partial, depth=depth + 1
            )
        except FormatError:
            if not is_cut:
                raise
            break
        tag.children.setdefault(key, child)
        at, is_cut = child.stop, is_cut or below
    return name, tag, is_cut
