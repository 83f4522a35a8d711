"""Nanosurf Studio files made with h5py: no real file was at hand, the layout is the maker's."""

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import omniscopy as om
from omniscopy.io.errors import UnsupportedFormatError
from omniscopy.io.nanosurf_hdf5.reader import read
from omniscopy.testing.files.nanosurf_studio import write_nhf

rng = np.random.default_rng(1)
STORED = rng.integers(-(2**31), 2**31, (3, 5)).astype(np.int32)
SEGMENTS = {"Forward": {"Topography": STORED}, "Backward": {"Topography": STORED // 2}}


def load(data):
    return np.asarray(data[(slice(None),) * len(data.shape)])


@given(st.sampled_from([1, 2]), st.integers(1, 6), st.integers(1, 6))
def test_integers_span_the_range_of_their_calibration(tmp_path_factory, version, rows, columns):
    stored = rng.integers(-(2**31), 2**31, (rows, columns)).astype(np.int32)
    path = tmp_path_factory.mktemp("nhf") / "a.nhf"
    write_nhf(path, {"Forward": {"Topography": stored}}, version=version)
    (channel,) = read(path).channels
    expected = (stored + 2.0**31) / 2.0**32 * 2e-6 - 1e-6
    np.testing.assert_allclose(load(channel.data), expected, atol=1e-20)
    assert [axis.scale for axis in channel.axes] == pytest.approx([2e-5 / rows, 1e-5 / columns])
    assert (channel.units, channel.axes[0].units) == ("m", "m")


def test_segments_are_channels_and_measurements_groups(tmp_path):
    path = write_nhf(tmp_path / "a.nhf", SEGMENTS, measurements=2)
    assert om.io.identify(path) == "nanosurf_hdf5"
    forward, backward, *_ = read(path).channels
    assert (forward.title, forward.group) == ("Topography Forward", "Measurement 0")
    assert backward.metadata == {"scan": {"direction": "backward"}}
    assert (forward.quantity, forward.source) == ("height", "Nanosurf")
    assert om.validate(om.open(path)) == []


def test_a_scan_lies_around_its_place(tmp_path):
    path = write_nhf(tmp_path / "a.nhf", SEGMENTS, offset=(3e-6, 1e-6))
    y, x = read(path).channels[0].axes
    np.testing.assert_allclose(y.coordinate()[[0, -1]], [3e-6 - 1e-5 + 4e-5 / 3, 3e-6 - 1e-5])
    assert x.offset == pytest.approx(1e-6 - 5e-6)


def test_values_that_are_no_image_are_along_samples(tmp_path):
    path = write_nhf(tmp_path / "a.nhf", SEGMENTS)
    with h5py.File(path, "a") as file:
        del file["group_0000/subgroup_0000"].attrs["rect_axis_size"]
        file["group_0000/subgroup_0000/text"] = "no numbers"
    forward, backward = read(path).channels
    assert ([axis.name for axis in forward.axes], forward.data.shape) == (["sample"], (15,))
    assert [axis.name for axis in backward.axes] == ["y", "x"]


def test_parts_of_lines_are_parts_of_the_image(tmp_path):
    (channel, _) = read(write_nhf(tmp_path / "a.nhf", SEGMENTS)).channels
    whole = load(channel.data)
    for key in ((0, 0), (slice(1, 3), 2), (2, slice(None, None, 2)), (slice(0, 0), slice(None))):
        np.testing.assert_array_equal(channel.data[key], whole[key])


def test_a_value_that_was_never_written_is_nan(tmp_path):
    path = write_nhf(tmp_path / "a.nhf", SEGMENTS)
    with h5py.File(path, "a") as file:
        group = file["group_0000/subgroup_0000"]
        attrs = dict(group["dataset_0000"].attrs)
        del group["dataset_0000"]
        made = group.create_dataset("dataset_0000", (15,), "i4", fillvalue=-(2**31))
        made.attrs.update(attrs)
        made[:5] = 1
    (channel, _) = read(path).channels
    assert np.isnan(load(channel.data)).any(axis=1).tolist() == [True, True, False]


def test_files_without_channels_are_refused(tmp_path):
    path = write_nhf(tmp_path / "a.nhf", {})
    with pytest.raises(UnsupportedFormatError, match="holds no data"):
        om.open(path)
