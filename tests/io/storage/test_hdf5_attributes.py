"""Attributes read from the headers of objects are those that the library gives."""

import h5py
import numpy as np
import pytest

from omniscopy.io.errors import FormatError
from omniscopy.io.storage.hdf5 import open_hdf5
from omniscopy.io.storage.hdf5_attributes import (
    ABSENT,
    ELSEWHERE,
    read_from_header,
    small_values,
)
from omniscopy.io.storage.hdf5_plain import (
    UNREADABLE,
    each_attribute,
    plain,
    read_attribute,
    read_attributes,
    read_plain,
)

VALUES = {
    "text": "µm and more",
    "empty": "",
    "fixed": np.bytes_(b"nm"),
    "texts": np.array([b"y", b"energy"]),
    "long_texts": ["one", "", "three µ"],
    "integer": 7,
    "negative": np.int8(-3),
    "unsigned": np.uint64(2**64 - 1),
    "big_endian": np.array([1, 2, 300], ">i2"),
    "number": 1.5,
    "single": np.float32(0.1),
    "big_endian_number": np.array(2.5, ">f8"),
    "half": np.float16(0.5),
    "table": np.arange(6.0).reshape(2, 3),
    "nothing": np.zeros(0),
    "truth": True,
    "truths": np.array([True, False, True]),
    "complex": 1 + 2j,
    "record": np.array((1, 2.0), [("a", "i4"), ("b", "f8")]),
}


@pytest.fixture(params=[{}, {"libver": "latest"}, {"libver": "latest", "track_order": True},
                        {"userblock_size": 512}])  # fmt: skip
def path(request, tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", **request.param) as file:
        group = file.create_group("group")
        for name, value in VALUES.items():
            file.create_group(f"single/{name}").attrs[name] = value
            group.attrs[name] = value
        group.attrs["none"] = h5py.Empty("f8")
        group.attrs["link"] = file["single"].ref
        file["type"] = np.dtype("i4")
        space = h5py.h5s.create(h5py.h5s.SCALAR)
        kept = file["type"].id
        h5py.h5a.create(group.id, b"of_named_type", kept, space).write(np.array(5, "i4"))
    return path


def test_every_attribute_is_what_the_library_gives(path):
    with open_hdf5(path) as file:
        groups = [file["group"], *(file["single"][name] for name in VALUES)]
        for group in groups:
            assert sorted(name for name, _ in each_attribute(group)) == sorted(group.attrs)
            for name in group.attrs:
                expected = plain(group.attrs[name], group)
                found = read_attribute(group, name)
                assert type(found) is type(expected), name
                assert found == expected, name
            assert read_attribute(group, "absent") is UNREADABLE


def test_small_data_sets_are_what_the_library_gives(path):
    with h5py.File(path, "r+") as file:
        group = file.create_group("sets")
        for name, value in VALUES.items():
            group[name] = value
        group.create_dataset("blocks", data=np.arange(10.0), chunks=(5,))
        group.create_dataset("never_written", shape=(3,), dtype="f4", fillvalue=2.5)
        group.create_dataset("external", shape=(2,), dtype="u1", external=[("other.raw", 0, 2)])
        group.create_dataset("of_named_type", data=5, dtype=file["type"])
        compact = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        compact.set_layout(h5py.h5d.COMPACT)
        space = h5py.h5s.create_simple((3,))
        made = h5py.h5d.create(group.id, b"compact", h5py.h5t.NATIVE_INT32, space, compact)
        made.write(h5py.h5s.ALL, h5py.h5s.ALL, np.array([1, -2, 3], np.int32))
    with open_hdf5(path) as file:
        group = file["sets"]
        for name in {*group} - {"external"}:
            expected = plain(group[name][()], group[name])
            found = read_plain(group[name])
            assert type(found) is type(expected), name
            assert found == expected, name
        others = {"blocks", "never_written", "external", "of_named_type", "nothing",
                  "complex", "record"}  # fmt: skip
        known = {name for name in group if small_values(group[name]) is not ELSEWHERE}
        assert known.isdisjoint(others)
        assert known >= {*group} - others - {"half", "truth", "truths"}


def test_a_small_data_set_that_ends_behind_its_file_is_refused(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["a"] = np.arange(8.0)
        size = (64).to_bytes(8, "little")
        place = file["a"].id.get_offset().to_bytes(8, "little") + size
    with open_hdf5(tmp_path / "a.h5") as file:
        assert small_values(file["a"])[7] == 7.0
    content = (tmp_path / "a.h5").read_bytes()
    assert content.count(place) == 1
    elsewhere = (len(content) - 16).to_bytes(8, "little") + size
    (tmp_path / "a.h5").write_bytes(content.replace(place, elsewhere))
    with pytest.raises(FormatError, match="damaged"), open_hdf5(tmp_path / "a.h5") as file:
        small_values(file["a"])


def test_usual_attributes_are_found_in_the_header(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs.update({"text": "one", "number": 2.0, "texts": np.array([b"y", b"x"])})
    with open_hdf5(tmp_path / "a.h5") as file:
        assert read_from_header(file, b"text") == "one"
        assert read_from_header(file, b"number") == 2.0
        assert read_from_header(file, b"texts") == ["y", "x"]
        assert read_from_header(file, b"absent") is ABSENT


def test_objects_with_many_attributes_keep_them_elsewhere(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w", libver="latest") as file:
        file.attrs.update({f"a{number}": number for number in range(40)})
    with open_hdf5(tmp_path / "a.h5") as file:
        assert read_from_header(file, b"a7") is ELSEWHERE
        assert read_attributes(file) == {f"a{number}": number for number in range(40)}


def test_of_two_open_files_each_has_its_own_attributes(tmp_path):
    for name in ("a", "b"):
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            file.attrs["name"] = name
            file.create_group("group").attrs["name"] = f"group of {name}"
    with open_hdf5(tmp_path / "a.h5") as first, open_hdf5(tmp_path / "b.h5") as second:
        for name, file in (("a", first), ("b", second)):
            assert read_attribute(file, "name") == name
            assert read_attribute(file["group"], "name") == f"group of {name}"


def test_a_file_that_is_opened_again_is_read_anew(tmp_path):
    for name in ("one", "another"):
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file.attrs["name"] = name
        with open_hdf5(tmp_path / "a.h5") as file:
            assert read_attribute(file, "name") == name
