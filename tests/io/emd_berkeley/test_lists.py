"""Lists of points at every place of a scan, as emdfile and py4DSTEM keep them."""

import h5py
import numpy as np
import pytest

import omniscopy as om
from omniscopy.testing.formats import check_damage, check_reader, truncations

RECORD = np.dtype([("qx", "<f8"), ("qy", "<f8"), ("intensity", "<f4"), ("h", "<i4")])
LENGTHS = np.array([[2, 0, 3, 1], [1, 5, 0, 2]])


def lists(lengths=LENGTHS):
    rng = np.random.default_rng(1)
    found = np.empty(lengths.shape, object)
    for place in np.ndindex(lengths.shape):
        found[place] = np.zeros(lengths[place], RECORD)
        for name in RECORD.names:
            found[place][name] = 100 * rng.random(lengths[place])
    return found


def write(path, values, *, group="root/bragg", parent=None, **layout):
    with h5py.File(path, "w") as file:
        file.attrs.update(emd_group_type="file", version_major=1, version_minor=0)
        file.create_group("root").attrs["emd_group_type"] = "root"
        if parent is not None:
            file.create_group(parent).attrs["emd_group_type"] = "custom"
        made = file.create_group(group)
        made.attrs["emd_group_type"] = f"{'custom_' if parent else ''}pointlistarray"
        dtype = h5py.vlen_dtype(RECORD)
        data = made.create_dataset("data", values.shape, dtype, **layout)
        for place in np.ndindex(values.shape):
            data[place] = values[place]
    return path


def test_each_field_of_each_list_is_at_its_place(tmp_path):
    expected = lists()
    path = write(tmp_path / "a.emd", expected)
    check_reader("emd_berkeley", path)
    tree = om.open(path)
    assert om.validate(tree) == []
    found = tree["bragg"].dataset
    assert dict(found.sizes) == {"y": 2, "x": 4, "point": 5}
    assert set(found.data_vars) == set(RECORD.names)
    for name in RECORD.names:
        for y, x in np.ndindex(2, 4):
            values = found[name][y, x].values
            np.testing.assert_array_equal(values[: LENGTHS[y, x]], expected[y, x][name])
            assert np.isnan(values[LENGTHS[y, x] :]).all()
    np.testing.assert_array_equal(found["qy"][1, 1:, 1:3], found["qy"].values[1, 1:, 1:3])


def test_discs_that_py4dstem_found_are_there(tmp_path):
    path = write(tmp_path / "a.h5", lists(), group="root/discs/_v_uncal", parent="root/discs")
    assert om.open(path)["v_uncal"].dataset["intensity"].shape == (2, 4, 5)


def test_many_lists_in_many_parts_of_the_heap(tmp_path):
    lengths = np.random.default_rng(2).integers(0, 40, (20, 30))
    expected = lists(lengths)
    found = om.open(write(tmp_path / "a.emd", expected))["bragg"].dataset["qx"].values
    for place in np.ndindex(lengths.shape):
        np.testing.assert_array_equal(found[place][: lengths[place]], expected[place]["qx"])


def test_lists_that_are_kept_in_another_way_are_named(tmp_path):
    path = write(tmp_path / "a.emd", lists(), chunks=(1, 4))
    with pytest.raises(om.FormatError, match="/root/bragg"):
        om.open(path)


def test_damage_gives_an_error_of_ours_or_the_right_data(tmp_path):
    path = write(tmp_path / "a.emd", lists())
    content, rng = path.read_bytes(), np.random.default_rng(3)
    (part,) = [at for at in range(len(content)) if content.startswith(b"GCOL", at)][:1]
    for each in truncations(content, 512):
        check_damage(path, each, folder=tmp_path)
    for _ in range(150):
        changed = bytearray(content)
        at = part + int(rng.integers(0, 600))
        changed[at] ^= 1 << int(rng.integers(8))
        check_damage(path, bytes(changed), folder=tmp_path)
