"""Norpix sequences, made as their published description says: no real file is at hand."""

import numpy as np
import pytest

import omniscopy as om
from omniscopy import io
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.testing.files.norpix import write_seq

FRAMES = np.random.default_rng(4).integers(0, 60_000, (6, 5, 7), np.uint16)


@pytest.mark.parametrize("version", [3, 5])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_frames_and_their_times(tmp_path, version, dtype):
    frames = FRAMES.astype(dtype)
    path = write_seq(tmp_path / "a.seq", frames, version=version, description="in water")
    assert io.identify(path) == "norpix"
    data = om.open_signal(path)
    assert data.dims == ("frame", "y", "x")
    assert data.dtype == dtype
    np.testing.assert_array_equal(data, frames)
    times = 0.0015 * np.arange(6)
    if version < 5:  # whole milliseconds
        times = np.floor(1000 * times + 1e-9) / 1000
    np.testing.assert_allclose(data["time"], times, atol=1e-12)
    assert data["time"].attrs["units"] == "s"
    assert om.validate(data) == []
    metadata = data.attrs["metadata"]
    assert metadata["started"] == "2020-09-13T12:26:40.250000+00:00"
    assert metadata["comment"] == "in water"


def test_frames_are_placed_in_a_scan(tmp_path):
    path = write_seq(tmp_path / "a.seq", FRAMES)
    data = om.open_signal(path, scan_shape=(2, 3))
    assert data.dims == ("y", "x", "ky", "kx")
    np.testing.assert_array_equal(data, FRAMES.reshape(2, 3, 5, 7))
    late = om.open_signal(path, scan_shape=(2, 3), sync_offset=1)
    np.testing.assert_array_equal(late[0, 0], FRAMES[1])
    np.testing.assert_array_equal(late[1, 2], 0)
    assert np.isnan(late["time"][1, 2])
    assert late.attrs["incomplete"]["missing_from"] == 6
    with pytest.raises(FormatError, match="makes no sense"):
        om.open(path, scan_shape=(0, 3))


def test_a_recording_that_was_broken_off_has_the_frames_of_the_file(tmp_path):
    path = write_seq(tmp_path / "a.seq", FRAMES, allocated=0)
    assert om.open_signal(path).sizes["frame"] == 6
    path = write_seq(tmp_path / "b.seq", FRAMES, allocated=9)
    with pytest.raises(FormatError, match="9 frames, the file has 6"):
        om.open(path)
    data = om.open_signal(path, partial=True)
    np.testing.assert_array_equal(data, FRAMES)
    assert data.attrs["incomplete"]["missing_from"] == 6


@pytest.mark.parametrize(
    "options", [{"compression": 1}, {"image_format": 200}, {"image_format": 101}]
)
def test_compressed_and_coloured_frames_are_refused(tmp_path, options):
    path = write_seq(tmp_path / "a.seq", FRAMES, **options)
    with pytest.raises(UnsupportedFormatError, match=r"compressed|one component"):
        om.open(path)
