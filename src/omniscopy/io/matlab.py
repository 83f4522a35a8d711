# ruff: noqa: EM101, EM102 - `fail` makes the error of a place in the file
"""Variables of MATLAB files (5 and 7.3) as numbers, text, lists and dictionaries.

Nothing in a file is executed: objects, functions and sparse arrays are left out.
"""

import struct
import zlib
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.errors import FormatError

VERSION_5, VERSION_7 = b"MATLAB 5.0 MAT-file", b"MATLAB 7.3 MAT-file"
_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8",
          13: "u8", 16: "u1", 17: "u2", 18: "u4"}  # fmt: skip
_CELL, _STRUCT, _CHAR = 1, 2, 4
_NUMBERS = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8",
            15: "u8"}  # fmt: skip
_DEEPEST, _MOST_ITEMS = 8, 100_000
# A file that is read whole; longer ones are those of version 7.3.
_MOST_BYTES = 2**31
_LEFT_OUT = object()


def read_variables(path: Path, names: Container[str] | None = None) -> dict[str, Any]:
    """Return the variables of a MATLAB file, or some of them, by name.

    Numbers are arrays in the order of MATLAB's indices, text is text, a cell array is a
    `Cells`, a structure a dictionary (a list of them for an array of structures).

    Raises
    ------
    FormatError
        The file is damaged, or of another version.
    """
    with path.open("rb") as file:
        head = file.read(_HEADER)
    if head.startswith(VERSION_7):
        return _read_hdf5(path, names)
    if not head.startswith(b"MATLAB 5.0") or len(head) < _HEADER:
        message = "no MATLAB file of version 5 or 7.3 (save it again with `-v7.3`)"
        raise FormatError(message, path=path, offset=0)
    order = {b"IM": "<", b"MI": ">"}.get(head[126:128])
    if order is None:
        message = f"the mark of the byte order is {head[126:128]!r}"
        raise FormatError(message, path=path, offset=126)
    if path.stat().st_size > _MOST_BYTES:
        message = "version 5 files above 2 GB are not read"
        raise FormatError(message, path=path)
    found: dict[str, Any] = {}
    content = memoryview(path.read_bytes())
    parser = _Parser(path, order)
    for element in parser.elements(content, _HEADER):
        kind, data, place = parser.plain(*element)
        if kind == _MATRIX:
            name, value = parser.matrix(data, place, 0, names)
            if value is not _LEFT_OUT:
                found[name] = value
    return found


@dataclass(frozen=True)
class Cells:
    """A cell array: its items in the order of C, and its shape."""

    items: list[Any]
    shape: tuple[int, ...]


@dataclass
class _Parser:
    """Elements of a version-5 file; every size is checked against the bytes there are."""

    path: Path
    order: str
    left: list[int] = field(default_factory=lambda: [_MOST_ITEMS])

    def fail(self, message: str, offset: int) -> FormatError:
        """Return the error for a place in the file."""
        return FormatError(message, path=self.path, offset=offset)

    def elements(
        self, content: memoryview, start: int, base: int = 0
    ) -> Iterator[tuple[int, memoryview, int]]:
        """Yield type, bytes and place of each element."""
        at = start
        while at + 8 <= len(content):
            kind, size = struct.unpack_from(f"{self.order}II", content, at)
            if kind >> 16:  # a small one, in one tag
                size, kind = kind >> 16, kind & 0xFFFF
                if size > 4:
                    raise self.fail(f"a small element of {size} bytes", base + at)
                yield kind, content[at + 4 : at + 4 + size], base + at
                at += 8
                continue
            if at + 8 + size > len(content):
                message = f"an element of {size} bytes goes beyond the end; the file is cut short"
                raise self.fail(message, base + at)
            yield kind, content[at + 8 : at + 8 + size], base + at
            at += 8 + size
            at += 0 if kind == _COMPRESSED else -at % 8

    def plain(self, kind: int, data: memoryview, offset: int) -> tuple[int, memoryview, int]:
        """Return an element, or the one that is compressed in it."""
        if kind != _COMPRESSED:
            return kind, data, offset
        inside = next(self.elements(self.unpacked(data, offset), 0, offset), None)
        return (0, data, offset) if inside is None else (*inside[:2], offset)

    def unpacked(self, data: memoryview, offset: int) -> memoryview:
        """Return a compressed element, as long as its own tag says."""
        packed = zlib.decompressobj()
        try:
            tag = packed.decompress(data, 8)
            if len(tag) < 8:
                raise self.fail("a compressed variable is empty", offset)
            size = struct.unpack_from(f"{self.order}II", tag)[1]
            rest = packed.decompress(packed.unconsumed_tail, max(int(size), 1))
        except zlib.error as error:
            raise self.fail(f"a compressed variable is damaged ({error})", offset) from error
        return memoryview(tag + rest)

    def matrix(
        self, content: memoryview, offset: int, depth: int, names: Container[str] | None = None
    ) -> tuple[str, Any]:
        """Return name and value of a matrix element."""
        self.left[0] -= 1
        if depth > _DEEPEST or self.left[0] < 0:
            raise self.fail("cells and structures are nested too deep, or too many", offset)
        parts = self.elements(content, 0, offset)
        try:
            flags = struct.unpack_from(f"{self.order}I", next(parts)[1])[0]
            shape = tuple(int(n) for n in self.numbers(*next(parts)))
            name = bytes(next(parts)[1]).decode("latin-1")
        except (StopIteration, struct.error) as error:
            raise self.fail("a variable has no name or shape", offset) from error
        if names is not None and name not in names:
            return name, _LEFT_OUT
        if any(n < 0 for n in shape):
            raise self.fail(f"variable {name!r} has the shape {shape}", offset)
        kind = flags & 0xFF
        rest = list(parts)
        if kind in _NUMBERS and rest:
            return name, self.array(kind, shape, rest, name, is_complex=bool(flags & 0x800))
        if kind == _CHAR and rest:
            return name, self.text(shape, rest[0])
        if kind == _CELL:
            return name, Cells(self.items(shape, rest, offset, depth), shape)
        if kind == _STRUCT and len(rest) >= 2:
            return name, self.structure(rest, offset, depth)
        return name, _LEFT_OUT

    def numbers(self, kind: int, data: memoryview, offset: int) -> np.ndarray:
        """Return the numbers of an element."""
        if kind not in _TYPES:
            raise self.fail(f"numbers of the unknown type {kind}", offset)
        dtype = np.dtype(self.order + _TYPES[kind])
        return np.frombuffer(data, dtype, len(data) // dtype.itemsize)

    def array(
        self, kind: int, shape: tuple[int, ...], rest: list[Any], name: str, *, is_complex: bool
    ) -> np.ndarray:
        """Return an array of numbers; complex ones have two elements."""
        if is_complex and len(rest) < 2:
            raise self.fail(f"variable {name!r} has no imaginary part", rest[0][2])
        parts = []
        for each in rest[: 1 + is_complex]:
            values = self.numbers(*each)
            count = 1
            for n in shape:
                count *= n
            if count != len(values):
                message = f"variable {name!r} of shape {shape} has {len(values)} numbers"
                raise self.fail(message, each[2])
            parts.append(values.astype(np.dtype(_NUMBERS[kind])).reshape(shape, order="F"))
        return parts[0] if not is_complex else parts[0] + 1j * parts[1]

    def text(self, shape: tuple[int, ...], element: Any) -> str:
        """Return a character array as text, one line a row."""
        kind, data, _ = element
        if kind in (2, 4, 17):
            values = self.numbers(*element)
            letters = "".join(map(chr, values.tolist()))
        else:
            letters = bytes(data).decode("utf-8", "replace")
        rows = shape[0] if len(shape) == 2 and shape[0] > 1 else 1
        return "\n".join(letters[row::rows].rstrip() for row in range(rows))

    def items(self, shape: tuple[int, ...], rest: list[Any], offset: int, depth: int) -> list[Any]:
        """Return the items of a cell array in the order of C."""
        found = []
        for kind, data, place in rest:
            value = self.matrix(data, place, depth + 1)[1] if kind == _MATRIX else _LEFT_OUT
            found.append(None if value is _LEFT_OUT else value)
        if int(np.prod(shape, dtype=object)) != len(found):
            raise self.fail(f"a cell array of shape {shape} has {len(found)} items", offset)
        places = np.arange(len(found)).reshape(shape, order="F").ravel()
        return [found[number] for number in places]

    def structure(self, rest: list[Any], offset: int, depth: int) -> Any:
        """Return a structure as a dictionary, an array of them as a list."""
        width = int(self.numbers(*rest[0])[0]) if len(rest[0][1]) >= 4 else 0
        listed = bytes(rest[1][1])
        if not 1 <= width <= 256 or len(listed) % width:
            raise self.fail(f"names of fields of {width} bytes", offset)
        names = [
            listed[at : at + width].split(b"\0")[0].decode("latin-1")
            for at in range(0, len(listed), width)
        ]
        values = [
            self.matrix(data, place, depth + 1)[1] if kind == _MATRIX else None
            for kind, data, place in rest[2:]
        ]
        values = [None if value is _LEFT_OUT else value for value in values]
        if not names:
            return {}
        made = [
            dict(zip(names, values[at : at + len(names)], strict=False))
            for at in range(0, len(values), len(names))
        ]
        return made[0] if len(made) == 1 else made


def _read_hdf5(path: Path, names: Container[str] | None) -> dict[str, Any]:
    """Return the variables of a version-7.3 file; large arrays are loaded too."""
    from omniscopy.io.storage.hdf5 import open_hdf5

    with open_hdf5(path) as file:
        return {
            name: value
            for name in file
            if not name.startswith("#") and (names is None or name in names)
            for value in [_value(file[name], 0)]
            if value is not _LEFT_OUT
        }


def _value(found: Any, depth: int) -> Any:
    """Return a dataset or group of a version-7.3 file."""
    import h5py

    from omniscopy.io.storage.hdf5_plain import read_attribute
    from omniscopy.io.storage.hdf5_values import load

    if depth > _DEEPEST:
        return _LEFT_OUT
    if isinstance(found, h5py.Group):
        inner = {name: _value(found[name], depth + 1) for name in list(found)[:1000]}
        return {name: each for name, each in inner.items() if each is not _LEFT_OUT}
    if not isinstance(found, h5py.Dataset) or found.shape is None:
        return _LEFT_OUT
    kind = read_attribute(found, "MATLAB_class")
    if found.dtype == h5py.ref_dtype:
        items = [_value(found.file[ref], depth + 1) if ref else None
                 for ref in found[()].T.ravel()[:_MOST_ITEMS]]  # fmt: skip
        items = [None if each is _LEFT_OUT else each for each in items]
        return Cells(items, tuple(found.shape[::-1]))
    if found.dtype.kind not in "biufcV":
        return _LEFT_OUT
    if read_attribute(found, "MATLAB_empty") == 1:
        return np.empty(0) if kind != "char" else ""
    values = load(found)
    if kind == "char":
        return "\n".join(
            "".join(map(chr, row)).rstrip() for row in np.atleast_2d(values.T).tolist()
        )
    return numbers_of(values).T


def numbers_of(values: np.ndarray) -> np.ndarray:
    """Return numbers as they are, pairs of `real` and `imag` as complex ones."""
    if values.dtype.names == ("real", "imag"):
        return np.asarray(values["real"] + 1j * values["imag"])
    return values
