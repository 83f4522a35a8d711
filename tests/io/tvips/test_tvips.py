"""Series of TVIPS cameras: laid out by hand, in several files, damaged, and the real ones."""

import hashlib
import pickle

import dask.array as da
import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.errors import UnsupportedFormatError
from omniscopy.testing.files.tvips import write_tvips

FRAMES = np.random.default_rng(0).integers(0, 60000, (6, 4, 5)).astype(np.uint16)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32])
@pytest.mark.parametrize("extra", [0, 20])
def test_frames_follow_each_other(tmp_path, dtype, extra):
    frames = FRAMES.astype(dtype)
    data = om.open_signal(write_tvips(tmp_path / "a.tvips", frames, extra=extra))
    assert data.dims == ("frame", "ky", "kx")
    assert data.dtype == dtype
    assert isinstance(data.data, da.Array)
    np.testing.assert_array_equal(data, frames)
    np.testing.assert_array_equal(data[1::2, 2, ::3], frames[1::2, 2, ::3])
    assert om.validate(data) == []


def test_images_are_no_patterns(tmp_path):
    data = om.open_signal(write_tvips(tmp_path / "a.tvips", FRAMES, mode=1))
    assert data.dims == ("frame", "y", "x")


def test_headers_of_frames_are_beside_them(tmp_path):
    data = om.open_signal(
        write_tvips(tmp_path / "a.tvips", FRAMES, rotator=[0, 0, 1, 2, 3, 4], interval_ms=300)
    )
    np.testing.assert_allclose(data["time"], 0.3 * np.arange(6))
    assert data["time"].attrs["units"] == "s"
    np.testing.assert_array_equal(data["rotator_index"], [0, 0, 1, 2, 3, 4])
    metadata = data.attrs["metadata"]
    assert metadata["started"] == "1993-06-18T10:34:56+00:00"
    assert metadata["beam"] == {"voltage": 200e3, "magnification": 80, "mode": "diffraction"}
    assert data.attrs["original_metadata"]["header"]["pixel_size"] == 15600
    assert data.attrs["original_metadata"]["first_frame"]["stage_y"] == 2


def test_a_series_of_several_files_is_one(tmp_path):
    path = write_tvips(tmp_path / "a_000.tvips", FRAMES, split=[1, 4])
    assert len(list(tmp_path.iterdir())) == 3
    data = om.open_signal(path)
    np.testing.assert_array_equal(data, FRAMES)
    np.testing.assert_array_equal(data[3:0:-1].values, FRAMES[3:0:-1])
    np.testing.assert_allclose(data["time"], 0.02 * np.arange(6))


def test_a_file_that_is_missing_is_named(tmp_path):
    path = write_tvips(tmp_path / "a_000.tvips", FRAMES, split=[2, 4])
    (tmp_path / "a_001.tvips").unlink()
    with pytest.raises(om.FormatError, match=r"a_001\.tvips of the series is missing"):
        om.open(path)
    data = om.open_signal(path, partial=True)
    np.testing.assert_array_equal(data, FRAMES[:2])
    assert "missing" in data.attrs["incomplete"]["reason"]


def test_a_frame_that_is_cut_short_is_left_out_on_request(tmp_path):
    path = write_tvips(tmp_path / "a_000.tvips", FRAMES, split=[4])
    last = tmp_path / "a_001.tvips"
    last.write_bytes(last.read_bytes()[:-1])
    with pytest.raises(om.FormatError, match=r"frames of 100 bytes do not fill a_001\.tvips"):
        om.open(path)
    np.testing.assert_array_equal(om.open_signal(path, partial=True), FRAMES[:5])


def test_a_scan_is_placed_by_the_rotator_index(tmp_path):
    path = write_tvips(tmp_path / "a.tvips", FRAMES, rotator=[0, 1, 1, 2, 4, 5])
    data = om.open_signal(path, scan_shape=(2, 2))
    assert data.dims == ("y", "x", "ky", "kx")
    expected = np.stack([FRAMES[1], FRAMES[3], 0 * FRAMES[0], FRAMES[4]])
    np.testing.assert_array_equal(data, expected.reshape(2, 2, 4, 5))
    assert data.attrs["incomplete"]["reason"] == "1 positions of the scan have no frame"
    assert data.attrs["modality"] == "4D-STEM"
    np.testing.assert_allclose(data["time"][0], [0.02, 0.06])
    assert np.isnan(data["time"][1, 0])
    np.testing.assert_array_equal(data[1, :, 2, ::2], expected.reshape(2, 2, 4, 5)[1, :, 2, ::2])


@pytest.mark.parametrize("rotator", [[0] * 6, list(range(6)), list(range(1, 7))])
def test_a_scan_without_pauses_follows_the_frames(tmp_path, rotator):
    path = write_tvips(tmp_path / "a.tvips", FRAMES, rotator=rotator)
    data = om.open_signal(path, scan_shape=(2, 3))
    np.testing.assert_array_equal(data, FRAMES.reshape(2, 3, 4, 5))
    assert "incomplete" not in data.attrs


def test_the_first_frame_of_a_scan_can_be_said(tmp_path):
    path = write_tvips(tmp_path / "a.tvips", FRAMES, rotator=[0, 1, 2, 3, 4, 5])
    data = om.open_signal(path, scan_shape=(2, 2), sync_offset=2)
    np.testing.assert_array_equal(data, FRAMES[2:].reshape(2, 2, 4, 5))
    late = om.open_signal(path, scan_shape=(2, 2), sync_offset=-1)
    np.testing.assert_array_equal(late[0, 0], 0 * FRAMES[0])
    np.testing.assert_array_equal(late[1, 1], FRAMES[2])
    with pytest.raises(om.FormatError, match="makes no sense for 6 frames"):
        om.open(path, scan_shape=(4000, 4000))


def test_handles_can_be_sent_elsewhere(tmp_path):
    from omniscopy.io.tvips.reader import read

    (channel,) = read(write_tvips(tmp_path / "a.tvips", FRAMES)).channels
    times = pickle.loads(pickle.dumps(channel.coordinates["time"].data))
    np.testing.assert_allclose(times[(slice(2, 4),)], [0.04, 0.06])


@pytest.mark.parametrize(
    ("at", "value", "error", "message"),
    [
        (8, 0, om.FormatError, "frames of 4 x 0 pixels make no sense"),
        (16, 12, UnsupportedFormatError, "12 bits are not known"),
        (48, 12, UnsupportedFormatError, "12 bytes before each frame"),
    ],
)
def test_headers_that_make_no_sense_are_refused(tmp_path, at, value, error, message):
    path = write_tvips(tmp_path / "a.tvips", FRAMES)
    content = bytearray(path.read_bytes())
    content[at : at + 4] = value.to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(error, match=message):
        om.open(path, reader="tvips")
    path.write_bytes(content[:100])
    with pytest.raises(om.FormatError, match="header of 256 bytes was expected"):
        om.open(path, reader="tvips")


@pytest.mark.shared
def test_real_files_are_as_the_manifest_says(real_files):
    entries = real_files("tvips")
    assert len(entries) == 2
    for entry in entries:
        path = entry["path"]
        (expected,) = entry["signals"]
        files = [path, *path.parent.glob("*split_000.tvips")]
        for file in files:
            data = om.open_signal(file)
            assert list(data.shape) == expected["shape"]
            assert data.dtype == expected["dtype"]
            digest = hashlib.sha256(data.values.tobytes()).hexdigest()
            assert digest.startswith(expected["sha256"])
            # The reference has a time axis of mean steps, 0 s in one file, that starts in 1993,
            # and 1 nm^-1 for pixels of which the file says nothing.
            first = expected["axes"][0]
            np.testing.assert_allclose(
                data["time"], first["scale"] * np.arange(first["size"]), atol=1e-3
            )
            assert data.dims == ("frame", "ky", "kx")
