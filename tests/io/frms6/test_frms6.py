"""Series of the pnCCD."""

import numpy as np
import pytest

import omniscopy as om
from omniscopy.testing.files.frms6 import write_frms6, write_frms6_text

FRAMES = np.random.default_rng(7).integers(0, 2**16, (9, 6, 5)).astype(np.uint16)
DARK = FRAMES[:2] // 7


def series(folder, *, scan=(3, 3)):
    write_frms6(folder / "run_000.frms6", DARK)
    write_frms6(folder / "run_001.frms6", FRAMES[:4])
    if scan:
        write_frms6_text(folder / "run.hdr", scan)
    return write_frms6(folder / "run_002.frms6", FRAMES[4:], count=0)


def test_frames_of_all_files_are_a_scan_and_unfolded(tmp_path):
    path = series(tmp_path)
    assert om.io.identify(path) == "frms6"
    found = om.signals(om.open(path))
    assert list(found) == ["Frames", "Dark"]
    data = found["Frames"]
    assert data.dims == ("y", "x", "ky", "kx")
    np.testing.assert_array_equal(data, FRAMES.reshape(3, 3, 6, 5))
    np.testing.assert_array_equal(data[1, ::2, 1:5, 2], FRAMES.reshape(3, 3, 6, 5)[1, ::2, 1:5, 2])
    np.testing.assert_array_equal(data[2, 1, 4], FRAMES[7, 4])
    np.testing.assert_array_equal(found["Dark"], DARK)
    assert data.attrs["metadata"]["scan"]["dwell_time"] == pytest.approx(1e-3)
    assert data.attrs["original_metadata"]["readoutmode"].startswith('"bin: 1')
    first = om.signals(om.open(tmp_path / "run_000.frms6"))["Frames"]
    np.testing.assert_array_equal(first, data)


def test_without_a_square_scan_there_are_frames(tmp_path):
    data = om.signals(om.open(series(tmp_path, scan=(1, 9))))["Frames"]
    assert data.dims == ("frame", "ky", "kx")
    np.testing.assert_array_equal(data, FRAMES)


def test_the_shape_of_the_scan_can_be_said(tmp_path):
    path = series(tmp_path, scan=None)
    data = om.signals(om.open(path, scan_shape=(2, 4), sync_offset=2))["Frames"]
    np.testing.assert_array_equal(data[0, 0], FRAMES[2])
    np.testing.assert_array_equal(data[1, 2], FRAMES[8])
    np.testing.assert_array_equal(data[1, 3], 0)
    assert "1 positions of the scan have no frame" in data.attrs["incomplete"]["reason"]
    with pytest.raises(om.FormatError, match=r"scan_shape \(0, 4\) makes no sense for 9 frames"):
        om.open(path, scan_shape=(0, 4))


def test_a_file_of_any_name_is_read_alone(tmp_path):
    series(tmp_path)
    path = write_frms6(tmp_path / "other.bin", FRAMES[:3])
    np.testing.assert_array_equal(om.open_signal(path), FRAMES[:3])


def test_a_file_that_is_cut_short_is_read_as_far_as_it_goes(tmp_path):
    path = write_frms6(tmp_path / "alone.frms6", FRAMES)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(om.FormatError, match=r"alone\.frms6.*ends in frame 8, of 9; it is cut"):
        om.open(path)
    data = om.open_signal(path, partial=True)
    np.testing.assert_array_equal(data, FRAMES[:8])
    assert data.attrs["incomplete"]["reason"] == "the file ends in frame 8"
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(om.FormatError, match="the header needs 1024 bytes, 900 are there"):
        om.open(path)


def test_a_series_of_which_a_file_is_missing_is_read_as_far_as_it_goes(tmp_path):
    path = series(tmp_path)
    path.rename(tmp_path / "run_003.frms6")
    with pytest.raises(om.FormatError, match="file 002 of the series is not there"):
        om.open(tmp_path / "run_000.frms6")
    found = om.signals(om.open(tmp_path / "run_000.frms6", partial=True))
    np.testing.assert_array_equal(found["Frames"], FRAMES[:4])


def test_headers_that_cannot_be_are_refused(tmp_path):
    path = write_frms6(tmp_path / "a.frms6", FRAMES)
    raw = bytearray(path.read_bytes())
    raw[88:90] = b"\x03\x00"
    path.write_bytes(raw)
    with pytest.raises(om.FormatError, match="lines of 3 x 3 numbers are none of a pnCCD"):
        om.open(path)
    write_frms6(tmp_path / "b_001.frms6", FRAMES)
    path = write_frms6(tmp_path / "b_002.frms6", FRAMES[:, :4])
    with pytest.raises(om.FormatError, match="frames of different sizes"):
        om.open(path)
