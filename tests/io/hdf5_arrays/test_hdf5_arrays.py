"""HDF5 files of no known convention: what is made by hand, and real files."""

import hashlib
import json

import h5py
import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.errors import UnsupportedFormatError
from omniscopy.testing.formats import check_reader

IMAGE = np.arange(12.0).reshape(3, 4)


def write(path):
    with h5py.File(path, "w") as file:
        file["image_data"] = IMAGE
        file["image_data"].attrs["units"] = "nA"
        file["some group/cube"] = np.arange(24).reshape(2, 3, 4)
        file["some group"].attrs["operator"] = "A. Person"
        file["metadata"] = json.dumps({"acc voltage": 60.0})
        file["number"] = 3.5
        file["texts"] = ["a", "b"]
        file["empty"] = np.empty((0, 3))
    return path


def test_each_array_is_a_channel_and_the_rest_is_kept(tmp_path):
    path = write(tmp_path / "a.h5")
    check_reader("hdf5_arrays", path)
    tree = om.open(path)
    assert om.validate(tree) == []
    found = om.signals(tree)
    image, cube = found["image_data"], found["some_group/cube"]
    assert (image.dims, image.attrs["units"]) == (("y", "x"), "nA")
    np.testing.assert_array_equal(image, IMAGE)
    assert cube.dims == ("dim_0", "dim_1", "dim_2")
    assert "units" not in cube.attrs
    said = tree.attrs["original_metadata"]
    assert said["metadata"] == {"acc voltage": 60.0}
    assert (said["number"], said["texts"]) == (3.5, ["a", "b"])
    assert said["some group/attributes"] == {"operator": "A. Person"}


def test_dimensions_can_be_named(tmp_path):
    path = write(tmp_path / "a.h5")
    found = om.signals(om.open(path, dims=("y", "x", "energy")))
    assert found["some_group/cube"].dims == ("y", "x", "energy")
    assert found["image_data"].dims == ("y", "x")
    with pytest.raises(om.FormatError, match="name a dimension twice"):
        om.open(path, dims=("y", "y"))


def test_damaged_arrays_are_refused_or_left_out(tmp_path):
    path = write(tmp_path / "a.h5")
    with h5py.File(path, "r+") as file:
        odd = h5py.h5t.IEEE_F64LE.copy()
        odd.set_fields(62, 52, 10, 0, 52)
        h5py.h5d.create(file.id, b"odd", odd, h5py.h5s.create_simple((4,)))
    with pytest.raises(om.FormatError, match="not plain"):
        om.open(path)
    tree = om.open(path, partial=True)
    assert tree.attrs["not_read"] == ["/odd"]
    assert "image_data" in om.signals(tree)


def test_a_file_without_arrays_is_of_no_format(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["text"] = "only words"
    with pytest.raises(UnsupportedFormatError):
        om.open(path)
    with pytest.raises(UnsupportedFormatError, match="no arrays of numbers"):
        om.open(path, reader="hdf5_arrays")


@pytest.mark.shared
def test_every_real_file_is_as_the_manifest_says(real_files):
    rows = real_files("hdf5_stem_images")
    assert len(rows) == 2
    for row in rows:
        path = row["path"]
        assert om.io.identify(path) == "hdf5_arrays"
        data = om.open_signal(path)
        (said,) = row["signals"]
        assert (data.name, list(data.shape)) == (said["title"], said["shape"])
        assert hashlib.sha256(data.values.tobytes()).hexdigest()[:32] == said["sha256"]
        assert data.attrs["original_metadata"]["metadata"]["acc voltage"] == 60.0


@pytest.mark.shared
def test_images_beside_the_frames_of_a_detector_are_read(shared):
    (path,) = (shared / "data/vendor/arina").glob("*/*probe_01.h5")
    found = om.signals(om.open(path))
    assert {data.shape for data in found.values()} == {(64, 64)}
    assert len(found) == 3
