"""Arrays of NumPy."""

import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.errors import UnsupportedFormatError


@pytest.mark.parametrize("dtype", ["<f4", ">f8", "u1", ">i2", "c8", "?"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_an_array_is_read_lazily_as_it_was_saved(tmp_path, dtype, order):
    values = np.asarray(np.arange(12).reshape(3, 4).astype(dtype), order=order)
    np.save(tmp_path / "a.npy", values)
    data = om.open_signal(tmp_path / "a.npy")
    assert data.dims == ("y", "x")
    assert data.chunks is not None
    np.testing.assert_array_equal(data, values)


def test_dimensions_can_be_named(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((2, 3, 4)))
    assert om.open_signal(tmp_path / "a.npy").dims == ("dim_0", "dim_1", "dim_2")
    named = om.open_signal(tmp_path / "a.npy", dims=("frame", "y", "x"))
    assert named.dims == ("frame", "y", "x")
    with pytest.raises(om.FormatError, match="do not name the 3 dimensions"):
        om.open(tmp_path / "a.npy", dims=("y", "x"))


def test_objects_are_never_unpickled(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(UnsupportedFormatError, match="holds Python objects"):
        om.open(tmp_path / "a.npy")


def test_a_cut_array_is_refused_or_read_in_part(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.arange(12.0).reshape(3, 4))
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(om.FormatError, match="needs 96 bytes"):
        om.open(path)
    data = om.open_signal(path, partial=True)
    np.testing.assert_array_equal(data, [[0, 1, 2, 3]])
    assert data.attrs["incomplete"]["missing_from"] == 1


@pytest.mark.shared
def test_real_files_are_numbers_or_refused(shared):
    folder = shared / "data/vendor/npy_stem_images"
    data = om.open_signal(folder / "G-GrainBoundary-4nm.npy")
    np.testing.assert_array_equal(data, np.load(folder / "G-GrainBoundary-4nm.npy"))
    with pytest.raises(UnsupportedFormatError, match="holds Python objects"):
        om.open(folder / "G-GrainBoundary-4nm-coord.npy")


def test_the_fields_of_records_are_channels(tmp_path):
    values = np.zeros((3, 4), [("height", "<f4"), ("counts", ">u2")])
    values["height"] = np.arange(12).reshape(3, 4) / 8
    values["counts"] = 7
    np.save(tmp_path / "a.npy", values)
    found = om.signals(om.open(tmp_path / "a.npy"))
    assert list(found) == ["height", "counts"]
    assert found["counts"].dtype == np.uint16
    for name, data in found.items():
        assert data.dims == ("y", "x")
        np.testing.assert_array_equal(data, values[name])


def test_colours_are_a_dimension(tmp_path):
    values = np.zeros((3, 4), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    values["G"] = np.arange(12).reshape(3, 4)
    np.save(tmp_path / "a.npy", values)
    data = om.open_signal(tmp_path / "a.npy")
    assert data.dims == ("y", "x", "channel")
    np.testing.assert_array_equal(data.sel(channel="green"), values["G"])
