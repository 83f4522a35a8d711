"""Texts and lists of any length in HDF5 whose lengths or heaps are damaged."""

import struct

import h5py
import numpy as np
import pytest

from omniscopy.io.errors import FormatError
from omniscopy.io.storage.hdf5 import open_hdf5
from omniscopy.io.storage.hdf5_heaps import require_sound, slots_in
from omniscopy.io.storage.hdf5_plain import (
    UNREADABLE,
    checked_attribute,
    read_attribute,
    read_attributes,
)
from omniscopy.io.storage.hdf5_values import load

TEXT = "resonance " * 80
NUMBERS = np.arange(100.0)
RECORD = np.dtype(
    [("before", "u1"), ("text", h5py.string_dtype()), ("list", h5py.vlen_dtype("f8"))]
)


def made(path, *, most_attributes=3, **options):
    """Write a file with texts and lists in all places, and return where it is."""
    with h5py.File(path, "w", **options) as file:
        for number in range(most_attributes):
            file.attrs[f"plain {number}"] = number
        file.attrs["text"] = TEXT
        file.attrs["texts"] = np.array([TEXT, "", "short"], h5py.string_dtype())
        lists = np.empty(1, object)
        lists[0] = NUMBERS
        file.attrs.create("list", lists, dtype=h5py.vlen_dtype("f8"))
        file["text"] = TEXT
        file.create_dataset("texts", data=[TEXT, "", "b"] * 7, dtype=h5py.string_dtype(), chunks=4)
        records = file.create_dataset("records", (3,), RECORD)
        records[...] = np.array([(number, TEXT, NUMBERS) for number in range(3)], RECORD)
        compact = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        compact.set_layout(h5py.h5d.COMPACT)
        space = h5py.h5s.create(h5py.h5s.SCALAR)
        kind = h5py.h5t.py_create(h5py.string_dtype(), logical=True)
        identifier = h5py.h5d.create(file.id, b"compact", kind, space, compact)
        h5py.Dataset(identifier)[()] = TEXT
    return path


LAYOUTS = {
    "oldest": {"libver": "earliest"},
    "newest": {"libver": "latest"},
    "behind a block of the user": {"libver": "earliest", "userblock_size": 512},
    "with many attributes": {"libver": "latest", "most_attributes": 40},
    "with attributes in further blocks": {"libver": "earliest", "most_attributes": 40},
}


@pytest.mark.parametrize("options", LAYOUTS.values(), ids=LAYOUTS)
def test_sound_texts_and_lists_are_read_wherever_they_are(options, tmp_path):
    with open_hdf5(made(tmp_path / "a.h5", **options)) as file:
        require_sound(file)
        assert read_attribute(file, "text") == TEXT
        assert read_attribute(file, "texts") == [TEXT, "", "short"]
        np.testing.assert_array_equal(checked_attribute(file, "list")[0], NUMBERS)
        for name in ("text", "compact"):
            assert file[name][()] == load(file[name]).item() == TEXT.encode()
        assert load(file["texts"]).tolist() == [TEXT.encode(), b"", b"b"] * 7
        found = load(file["records"])
        assert found["text"].tolist() == [TEXT.encode()] * 3
        np.testing.assert_array_equal(found["list"][2], NUMBERS)


def with_lengths(path, before, after):
    """Change the lengths of all references to texts or lists of some length."""
    content = bytearray(path.read_bytes())
    base = 0 if content.startswith(b"\x89HDF") else 512
    heap, changed = content.find(b"GCOL"), 0
    while heap >= 0:
        wanted = struct.pack("<IQ", before, heap - base)
        place = content.find(wanted)
        while place >= 0:
            content[place : place + 4] = struct.pack("<I", after)
            changed += 1
            place = content.find(wanted, place)
        heap = content.find(b"GCOL", heap + 1)
    path.write_bytes(content)
    return changed


READS = {
    "attribute": lambda file: checked_attribute(file, "text"),
    "attribute of many": lambda file: checked_attribute(file, "texts"),
    "dataset": lambda file: load(file["text"]),
    "blocks of a dataset": lambda file: load(file["texts"]),
    "compact dataset": lambda file: load(file["compact"]),
    "records": lambda file: load(file["records"]),
}


# With sums of its own an attribute is not looked at: there is no damage that they let pass.
@pytest.mark.parametrize("layout", ["oldest", "behind a block of the user",
                                    "with attributes in further blocks"])  # fmt: skip
@pytest.mark.parametrize("length", [0xFFFFFFFF, 2**31, 1_000_000, 700])
def test_texts_of_another_length_are_refused_by_their_heaps(layout, length, tmp_path):
    path = made(tmp_path / "a.h5", **LAYOUTS[layout])
    assert with_lengths(path, len(TEXT), length) >= 6
    for read in READS.values():
        refused = pytest.raises(FormatError, match=r"a\.h5 at byte .* is not in its heap")
        with refused, open_hdf5(path) as file:
            read(file)
    with open_hdf5(path) as file:
        assert read_attribute(file, "text") is UNREADABLE
        left = [f"plain {number}" for number in range(LAYOUTS[layout].get("most_attributes", 3))]
        assert sorted(read_attributes(file)) == sorted(left)
        with pytest.raises(FormatError, match="is not in its heap"):
            require_sound(file)


@pytest.mark.parametrize("length", [0xFFFFFFFF, 2**28, 99])
def test_lists_of_numbers_of_another_length_are_refused(length, tmp_path):
    path = made(tmp_path / "a.h5")
    assert with_lengths(path, len(NUMBERS), length) >= 4
    for read in (lambda file: checked_attribute(file, "list"), READS["records"]):
        refused = pytest.raises(FormatError, match=f"of {length * 8} bytes is not in its heap")
        with refused, open_hdf5(path) as file:
            read(file)


def test_many_references_to_one_text_are_no_more_than_the_file(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        texts = file.create_dataset("texts", (1000,), h5py.string_dtype())
        texts[0] = "x" * 3000
        place = texts.id.get_offset()
    content = bytearray(path.read_bytes())
    content[place : place + 16_000] = bytes(content[place : place + 16]) * 1000
    path.write_bytes(content)
    with pytest.raises(FormatError, match="3000000 bytes in all"), open_hdf5(path) as file:
        load(file["texts"])


@pytest.mark.parametrize("size", [0, 3])
def test_heaps_without_end_are_refused_wherever_they_are(size, tmp_path):
    # The free part: 0 is never read to its end, others lead to where there are only zeros.
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.attrs["text"] = TEXT
        file.create_dataset("blank", data=np.zeros(2**23, "u1"))
        file.create_dataset("more", data=np.zeros(2**23, "u1"))
    content = bytearray(path.read_bytes())
    heap = content.find(b"GCOL")
    free = heap + 16 + 16 + len(TEXT)
    assert content[free : free + 2] == b"\0\0"
    content[free + 8 : free + 16] = struct.pack("<Q", size)
    path.write_bytes(content)
    with pytest.raises(FormatError, match="a heap of texts is damaged"), open_hdf5(path):
        pass
    # One that is far from either end of a file is looked at before it is read.
    refused = pytest.raises(FormatError, match="a heap of texts has no end")
    with refused, open_hdf5(path, attributes=False) as file:
        checked_attribute(file, "text")


def test_records_are_as_wide_as_in_the_file():
    kind = h5py.h5t.py_create(RECORD, logical=True)
    width, slots = slots_in(kind, 16)
    assert (width, [tuple(slot) for slot in slots]) == (1 + 16 + 16, [(1, 1), (17, 8)])
    rows = np.dtype([("rows", RECORD, (2,)), ("last", h5py.string_dtype())])
    width, slots = slots_in(h5py.h5t.py_create(rows, logical=True), 16)
    places = [slot.place for slot in slots]
    assert (width, places) == (2 * 33 + 16, [1, 17, 34, 50, 66])


def test_lists_of_texts_are_refused(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("lists", (1,), h5py.vlen_dtype(h5py.string_dtype()))
    with pytest.raises(FormatError, match="lists of texts"), open_hdf5(tmp_path / "a.h5") as file:
        load(file["lists"])
