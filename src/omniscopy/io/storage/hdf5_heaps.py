# ruff: noqa: EM101, EM102 - `damaged` makes the error of a place in the file
"""Texts and lists of any length in HDF5: looked at before the library reads them.

Where such a value belongs there is a reference to it: how long it is, which heap of the file it
lies in, and its number there. The library takes memory for any length that is stated, up to 4 GB,
and never returns from a heap with a free part of no bytes. So references are read from the
attribute or dataset itself, and compared with the heap that they name (HDF5 File Format
Specification 3.0, sections III.E, IV.A and VIII.A).
"""

import math
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from omniscopy.io.errors import FormatError

# The start of a heap; how it and each part of it begins.
HEAP = b"GCOL\x01\0\0\0"
_COLLECTION, _OBJECT = struct.Struct("<8sQ"), struct.Struct("<HHIQ")
_REFERENCES = {4: struct.Struct("<III"), 8: struct.Struct("<IQI")}
_MOST_BLOCKS, _MOST_PARTS, _MOST_FIELDS, _MOST_PLACES = 1000, 2**20, 10_000, 10_000
# Kinds of messages in the header of an object.
SPACE, TYPE, EXTERNAL, LAYOUT = 0x01, 0x03, 0x07, 0x08
_ATTRIBUTE, _CONTINUATION, _MORE_ATTRIBUTES = 0x0C, 0x10, 0x15
# A message, or the type or shape in one, that stands elsewhere in the file.
_SHARED_MESSAGE, _SHARED_PART = 2, 3
STRING = 3  # the library's number of the class of texts
_ATTRIBUTE_HEAD = struct.Struct("<BBHHH")


class Slot(NamedTuple):
    """A reference: the byte of a value at which it stands, and the size of what it counts."""

    place: int
    unit: int


class Attribute(NamedTuple):
    """Where the value of an attribute is, its bytes, and the bytes of its type and its shape."""

    place: int
    value: bytes
    kind: bytes
    space: bytes


@dataclass
class Header:
    """Place and content of the messages of an object by their kind, and those of attributes."""

    messages: dict[int, tuple[int, bytes]] = field(default_factory=dict)
    of_attributes: list[tuple[bytes, int]] = field(default_factory=list)

    @cached_property
    def attributes(self) -> dict[bytes, Attribute]:
        """Return the attributes by name."""
        return dict(_attribute_in(content, place) for content, place in self.of_attributes)


@dataclass
class Heaps:
    """The bytes of a file around its objects, read without the library.

    `headers` and `heaps` keep what was found by address, `places` the addresses of objects by
    the library's numbers of them, with what keeps the numbers from being given to others.
    """

    path: Path
    base: int
    offset_bytes: int
    length_bytes: int
    file: BinaryIO
    size: int
    headers: dict[int, Header] = field(default_factory=dict)
    heaps: dict[int, dict[int, tuple[int, int]]] = field(default_factory=dict)
    places: dict[int, tuple[Any, int]] = field(default_factory=dict)

    @cached_property
    def name(self) -> bytes:
        """Return the path as the library gives it."""
        return os.fsencode(self.path)

    @property
    def reference(self) -> struct.Struct:
        """Return the layout of a reference: length, address of the heap, number in it."""
        return _REFERENCES[self.offset_bytes]

    def read(self, place: int, count: int) -> bytes:
        """Return the bytes at a place of the file."""
        if place + count > self.size:
            raise self.damaged("it ends too early", place)
        self.file.seek(place)
        return self.file.read(count)

    def damaged(self, what: str, place: int) -> FormatError:
        """Return the error for a place of the file."""
        return FormatError(f"the HDF5 file is damaged: {what}", path=self.path, offset=place)

    def objects(self, address: int) -> dict[int, tuple[int, int]]:
        """Return place and size of everything in a heap, by its number."""
        if address not in self.heaps:
            self.heaps[address] = dict(self._objects(self.base + address))
        return self.heaps[address]

    def _objects(self, place: int) -> Iterator[tuple[int, tuple[int, int]]]:
        for number, at, length in parts_of_heap(self.read, place):
            if number == 0 and length == 0:
                raise self.damaged("a heap of texts has no end", at)
            if number:
                yield number, (at, length)

    def header(self, address: int) -> Header:
        """Return what stands in the header of an object."""
        if address not in self.headers:
            header = Header()
            for kind, place, content, flags in self._messages(self.base + address):
                if flags & _SHARED_MESSAGE:
                    elsewhere = _MORE_ATTRIBUTES if kind == _ATTRIBUTE else kind
                    header.messages[elsewhere] = place, b""
                elif kind != _ATTRIBUTE:
                    header.messages[kind] = place, content
                elif len(content) > _ATTRIBUTE_HEAD.size:
                    header.of_attributes.append((content, place))
            self.headers[address] = header
        return self.headers[address]

    def has_further_attributes(self, address: int) -> bool:
        """Return whether attributes of an object are, or may be, kept outside its header."""
        message = self.header(address).messages.get(_MORE_ATTRIBUTES)
        if message is None:
            return False
        content = message[1]
        # Behind the highest number of an attribute, where they are numbered.
        start = 4 if content[1:2] and content[1] & 1 else 2
        return bool(content[start : start + self.offset_bytes] != b"\xff" * self.offset_bytes)

    def _messages(self, place: int) -> Iterator[tuple[int, int, bytes, int]]:
        start = self.read(place, 16)
        has_sums = start.startswith(b"OHDR")
        if has_sums:
            flags = start[5]
            begin = place + 6 + (16 if flags & 32 else 0) + (4 if flags & 16 else 0)
            width = 1 << (flags & 3)
            blocks = [(begin + width, _number(self.read(begin, width)))]
            head = struct.Struct("<BHB2x" if flags & 4 else "<BHB")
        elif start[0] == 1:
            blocks = [(place + 16, _number(start[8:12]))]
            head = struct.Struct("<HHB3x")
        else:
            raise self.damaged("no header of an object is where one should be", place)
        for number, (begin, size) in enumerate(blocks):
            block = self.read(begin, size)
            at = 0
            while at + head.size <= size:
                kind, length, flags = head.unpack_from(block, at)
                at += head.size
                content = block[at : at + length]
                if kind == _CONTINUATION and number < _MOST_BLOCKS:
                    further = self.base + _number(content[: self.offset_bytes])
                    room = _number(content[self.offset_bytes :][: self.length_bytes])
                    # Blocks with a checksum have it at their end, and a mark before them.
                    blocks.append((further + 4, room - 8) if has_sums else (further, room))
                else:
                    yield kind, begin + at, content, flags
                at += length

    def attribute(self, address: int, name: bytes) -> Attribute | None:
        """Return an attribute, `None` where it is kept with checksums."""
        found = self.header(address).attributes.get(name)
        # Of objects with many attributes the library keeps them elsewhere.
        if found is None and self.read(self.base + address, 4) != b"OHDR":
            raise self.damaged(f"the attribute {name!r} is not found", self.base + address)
        return found

    def require_references(
        self, values: bytes, size: int, width: int, slots: list[Slot], place: int
    ) -> None:
        """Raise unless what the references in values say is what the heaps say."""
        if len(values) < size:
            raise self.damaged("values are cut short", place)
        reference, claimed = self.reference, 0
        for slot in slots:
            for at in range(slot.place, size, width):
                length, address, number = reference.unpack_from(values, at)
                held = self.objects(address).get(number) if length else (0, 0)
                if held is None or held[1] != length * slot.unit:
                    what = f"a text or list of {length * slot.unit} bytes is not in its heap"
                    raise self.damaged(what, place)
                claimed += held[1]
        # Several may be kept in one place, but not more than there are bytes.
        if claimed > self.size:
            raise self.damaged(f"texts and lists of {claimed} bytes in all", place)

    def text(self, value: bytes) -> bytes:
        """Return the text that a sound reference stands for, up to a NUL."""
        length, address, number = self.reference.unpack_from(value)
        if not length:
            return b""
        return self.read(self.objects(address)[number][0], length).split(b"\0")[0]


_kept: ContextVar[Heaps | None] = ContextVar("the heaps of a file that is open", default=None)


def parts_of_heap(read: Callable[[int, int], bytes], place: int) -> Iterator[tuple[int, int, int]]:
    """Yield number, place and size of the parts of a heap, as the library goes through them.

    The number of a free part is 0. There is no end to a heap with one of no bytes, which is the
    last to be yielded; nor to one of which `read` has no more bytes.
    """
    head = read(place, _COLLECTION.size)
    if not head.startswith(HEAP):
        message = f"no heap of texts is at byte {place}"
        raise ValueError(message)
    head = head.ljust(_COLLECTION.size, b"\0")
    at, end = place + _COLLECTION.size, place + _COLLECTION.unpack(head)[1]
    for _ in range(_MOST_PARTS):
        head = read(at, _OBJECT.size) if at + _OBJECT.size <= end else b""
        if len(head) < _OBJECT.size:
            return
        number, _, _, length = _OBJECT.unpack(head)
        yield number, at + _OBJECT.size, length
        if number == 0 and length == 0:
            return
        # A free part includes what stands before it.
        at += length if number == 0 else _OBJECT.size + -(-length // 8) * 8


@contextmanager
def heaps_kept(file: Any) -> Iterator[None]:
    """Let what is found of the heaps of an open file be found once."""
    with Path(file.filename).open("rb") as raw:
        token = _kept.set(_heaps(file, raw))
        try:
            yield
        finally:
            _kept.reset(token)


def require_sound(found: Any) -> None:
    """Raise `FormatError` unless all texts and lists of a group or dataset can be read.

    For what is read by another package.
    """
    from h5py import Dataset, h5a

    for name in found.attrs:
        stored = h5a.open(found.id, name.encode())
        require_sound_attribute(found, stored, stored.get_type())
    if isinstance(found, Dataset) and found.dtype.hasobject:
        require_sound_values(found)


def require_sound_attribute(found: Any, stored: Any, kind: Any) -> bytes | None:
    """Raise `FormatError` unless an attribute's texts and lists are as long as they say.

    Where it is a single text, return it: the library would take ten times as long.
    """
    with _heaps_of(found) as heaps:
        width, slots = slots_in(kind, heaps.reference.size)
        if not slots:
            return None
        kept = heaps.attribute(_address(found), stored.name)
        if kept is None:
            return None
        shape = stored.shape
        size = 0 if shape is None else width * math.prod(shape)
        heaps.require_references(kept[1], size, width, slots, kept[0])
        is_text = shape == () and kind.get_class() == STRING
        return heaps.text(kept[1]) if is_text else None


def require_sound_values(dataset: Any) -> None:
    """Raise `FormatError` unless a dataset's texts and lists are as long as they say."""
    with _heaps_of(dataset) as heaps:
        width, slots = slots_in(dataset.id.get_type(), heaps.reference.size)
        if slots:
            for place, size in _stored_parts(dataset, heaps):
                whole = size // width * width
                heaps.require_references(heaps.read(place, whole), whole, width, slots, place)


def slots_in(kind: Any, reference: int) -> tuple[int, list[Slot]]:
    """Return the size in the file of a value of some type, and the references in it.

    In memory a reference has another size, so that what stands behind it is elsewhere.
    """
    from h5py import h5t

    if isinstance(kind, h5t.TypeStringID) and kind.is_variable_str():
        return reference, [Slot(0, 1)]
    if isinstance(kind, h5t.TypeVlenID):
        unit, inner = slots_in(kind.get_super(), reference)
        if inner:
            message = "lists of texts or of lists are not read"
            raise ValueError(message)
        return reference, [Slot(0, unit)]
    slots: list[Slot] = []
    size = kind.get_size()
    if isinstance(kind, h5t.TypeCompoundID):
        grown = 0
        members = range(kind.get_nmembers())
        for number in sorted(members, key=kind.get_member_offset):
            member = kind.get_member_type(number)
            width, inner = slots_in(member, reference)
            start = kind.get_member_offset(number) + grown
            slots += [Slot(start + slot.place, slot.unit) for slot in inner]
            grown += width - member.get_size()
        size += grown
    elif isinstance(kind, h5t.TypeArrayID):
        count = math.prod(kind.get_array_dims())
        width, inner = slots_in(kind.get_super(), reference)
        if inner and count * len(inner) > _MOST_FIELDS:
            message = f"{count} texts or lists in a value are not read"
            raise ValueError(message)
        starts = range(0, count * width, width) if inner else ()
        slots = [Slot(start + slot.place, slot.unit) for start in starts for slot in inner]
        size = count * width
    return size, slots


def _stored_parts(dataset: Any, heaps: Heaps) -> list[tuple[int, int]]:
    """Return place and size of the values of a dataset, none where they are packed.

    What is packed is checked by how it is packed.
    """
    from h5py import h5d

    stored = dataset.id.get_create_plist()
    layout = stored.get_layout()
    if layout == h5d.CONTIGUOUS:
        place = dataset.id.get_offset()
        return [] if place is None else [(place, dataset.id.get_storage_size())]
    if layout == h5d.COMPACT:
        place, content = heaps.header(_address(dataset)).messages[LAYOUT]
        version, kind, size = struct.unpack_from("<BBH", content.ljust(4, b"\0"))
        if version < 3 or kind != 0:
            raise heaps.damaged(f"values laid out in version {version}", place)
        return [(place + 4, size)]
    parts: list[tuple[int, int]] = []
    if layout == h5d.CHUNKED and not stored.get_nfilters():
        dataset.id.chunk_iter(lambda chunk: parts.append((chunk.byte_offset, chunk.size)))
    return parts


@contextmanager
def _heaps_of(found: Any) -> Iterator[Heaps]:
    kept = heaps_of_open(found)
    if kept is not None:
        yield kept[0]
        return
    with Path(found.file.filename).open("rb") as raw:
        yield _heaps(found.file, raw)


def _heaps(file: Any, raw: BinaryIO) -> Heaps:
    offset_bytes, length_bytes = file.id.get_create_plist().get_sizes()
    path = Path(file.filename)
    size = path.stat().st_size
    return Heaps(path, file.userblock_size, offset_bytes, length_bytes, raw, size)


def heaps_of_open(found: Any) -> tuple[Heaps, int] | None:
    """Return the heaps of the file that an object is in and its address, where they are kept."""
    kept = _kept.get()
    if kept is None:
        return None
    number = found.id.id
    if number not in kept.places:
        import h5py

        # The library's own name of the file is asked: an object of the file costs more.
        if kept.name != h5py.h5f.get_name(found.id) or len(kept.places) > _MOST_PLACES:
            return None
        kept.places[number] = found.id, _address(found)
    return kept, kept.places[number][1]


def _attribute_in(content: bytes, place: int) -> tuple[bytes, Attribute]:
    """Return the name of an attribute and what is said of it in its message."""
    version, flags, *sizes = _ATTRIBUTE_HEAD.unpack_from(content)
    at = _ATTRIBUTE_HEAD.size + (version == 3)
    # The first version fills up each part to whole words, and has no flags.
    rooms = [-(-size // 8) * 8 for size in sizes] if version == 1 else sizes
    name, kind, space = at, at + rooms[0], at + rooms[0] + rooms[1]
    start = at + sum(rooms)
    known = version in (1, 2, 3) and (version == 1 or not flags & _SHARED_PART)
    of_kind, of_space = (
        content[begin : begin + size] if known else b""
        for begin, size in ((kind, sizes[1]), (space, sizes[2]))
    )
    attribute = Attribute(place + start, content[start:], of_kind, of_space)
    return content[name : name + sizes[0]].split(b"\0")[0], attribute


def _address(found: Any) -> int:
    import h5py

    return int(h5py.h5o.get_info(found.id).addr)


def _number(content: bytes) -> int:
    return int.from_bytes(content, "little")
