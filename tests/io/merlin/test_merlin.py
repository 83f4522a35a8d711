"""Merlin frames: bytes laid out by hand, and the real files."""

import hashlib

import numpy as np
import pytest

import omniscopy as om
from omniscopy.testing.files.merlin import write_merlin

rng = np.random.default_rng(3)


def frames(count, dtype="u1", shape=(6, 256), high=64):
    return rng.integers(0, high, (count, *shape)).astype(dtype)


@pytest.mark.parametrize(("dtype", "depth"), [("u1", 6), ("u2", 12), ("u4", 24)])
def test_a_series_is_read_the_right_way_up(tmp_path, dtype, depth):
    shown = frames(3, dtype, high=2**depth)
    data = om.open_signal(write_merlin(tmp_path / "a.mib", shown, depth=depth))
    assert data.dims == ("frame", "ky", "kx")
    assert data.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(data, shown)
    np.testing.assert_array_equal(data[1, 2:5, ::3], shown[1, 2:5, ::3])


@pytest.mark.parametrize(("dtype", "depth"), [("u1", 1), ("u1", 6), ("u2", 12), ("u4", 24)])
def test_raw_frames_are_unpacked(tmp_path, dtype, depth):
    shown = frames(2, dtype, high=2**depth)
    data = om.open_signal(write_merlin(tmp_path / "a.mib", shown, depth=depth, raw=True))
    np.testing.assert_array_equal(data, shown)
    np.testing.assert_array_equal(data[1, 3, 10:200:7], shown[1, 3, 10:200:7])


def test_four_chips_are_put_together(tmp_path):
    shown = frames(1, "u1", (512, 512), high=2)
    data = om.open_signal(write_merlin(tmp_path / "a.mib", shown, depth=1, raw=True))
    assert data.dims == ("ky", "kx")
    np.testing.assert_array_equal(data, shown[0])


def test_chips_follow_each_other_from_the_lower_right_to_the_upper_left(tmp_path):
    """The first row of bytes is the outermost of the lower chips, then that of the upper ones."""
    frame = np.zeros((1, 512, 512), np.uint8)
    path = write_merlin(tmp_path / "a.mib", frame, depth=6, raw=True, settings=False)
    content = bytearray(path.read_bytes())
    pixels = np.zeros((256, 4, 256), np.uint8)
    pixels[0, :, 0] = [1, 2, 3, 4]
    # Eight pixels are a word, whose bytes run backwards.
    content[768:] = pixels.reshape(-1, 8)[:, ::-1].tobytes()
    path.write_bytes(content)
    stored = om.open_signal(path).values[::-1]
    assert [stored[511, 511], stored[511, 255], stored[0, 256], stored[0, 0]] == [1, 2, 3, 4]
    assert stored.sum() == 10


def test_lines_of_a_scan_are_found_by_the_flyback(tmp_path):
    shown = frames(15)
    data = om.open_signal(write_merlin(tmp_path / "a.mib", shown, columns=5))
    assert data.dims == ("y", "x", "ky", "kx")
    np.testing.assert_array_equal(data, shown.reshape(3, 5, 6, 256))
    assert data.attrs["source"] == "Merlin Quad"
    assert data.attrs["metadata"]["detector"]["exposure_time"] == 0.1
    assert data.attrs["metadata"]["started"].startswith("2021-05-07T16:51:10.9058")


def test_frames_without_even_lines_stay_a_series(tmp_path):
    data = om.open_signal(write_merlin(tmp_path / "a.mib", frames(13), columns=5))
    assert data.dims == ("frame", "ky", "kx")


def test_the_scan_can_be_given_with_an_offset(tmp_path):
    shown = frames(11)
    path = write_merlin(tmp_path / "a.mib", shown)
    data = om.open_signal(path, scan_shape=(3, 4), sync_offset=2)
    np.testing.assert_array_equal(data[0, 0], shown[2])
    np.testing.assert_array_equal(data[2, 0], shown[10])
    assert not data[2, 1:].any()
    assert "3 positions" in data.attrs["incomplete"]["reason"]
    late = om.open_signal(path, scan_shape=(3, 4), sync_offset=-1)
    np.testing.assert_array_equal(late[0, 1], shown[0])
    with pytest.raises(om.FormatError, match="makes no sense for 11 frames"):
        om.open(path, scan_shape=(0, 4))


def test_a_cut_frame_is_refused_or_left_out(tmp_path):
    shown = frames(3)
    path = write_merlin(tmp_path / "a.mib", shown)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(om.FormatError, match="after 2 frames"):
        om.open(path)
    np.testing.assert_array_equal(om.open_signal(path, partial=True), shown[:2])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [(b"U08", b"F32", "frames of type"), (b",0006,", b",0000,", "makes no sense"),
     (b"00384", b"x0384", "eight fields")],
)  # fmt: skip
def test_damaged_headers_are_named(tmp_path, old, new, message):
    path = write_merlin(tmp_path / "a.mib", frames(1))
    path.write_bytes(path.read_bytes().replace(old, new, 1))
    with pytest.raises(om.FormatError, match=message):
        om.open(path, reader="merlin")


@pytest.mark.shared
def test_every_real_file_is_as_the_manifest_says(real_files):
    rows = real_files("quantumdetector_mib")
    assert len(rows) == 8
    for row in rows:
        data = om.open_signal(row["path"])
        for said in row.get("signals", []):
            assert list(data.shape) == said["shape"]
            assert hashlib.sha256(data.values.tobytes()).hexdigest()[:32] == said["sha256"]


@pytest.mark.shared
def test_real_raw_frames_are_bits(real_files):
    raw = [row for row in real_files("quantumdetector_mib") if "RAW" in row["file"]]
    shapes = set()
    for row in raw:
        data = om.open_signal(row["path"])
        assert set(np.unique(data)) <= {0, 1}
        shapes.add(data.shape)
    assert shapes == {(256, 256), (9, 256, 256)}


def test_settings_give_the_scan_and_metadata(tmp_path):
    frames = np.arange(6, dtype=np.uint8)[:, None, None] * np.ones((1, 4, 256), np.uint8)
    further = (
        "ScanX:\t3\nScanY:\t2\nChip Mode  (SPM, CSM, CM, CSCM):\tSPM\nSoftware Version:\t0.77\n"
        "Temperature (C):\tBoard Temp 43.85 Deg C\n"
    )
    path = write_merlin(tmp_path / "a.mib", frames, further=further)
    data = om.open_signal(path)
    assert data.dims == ("y", "x", "ky", "kx")
    np.testing.assert_array_equal(data[..., 0, 0], [[0, 1, 2], [3, 4, 5]])
    metadata = data.attrs["metadata"]
    assert metadata["instrument"] == {"vendor": "Quantum Detectors", "software": "0.77"}
    assert metadata["detector"]["temperature"] == pytest.approx(317.0)
    assert metadata["detector"]["mode"] == "SPM"


LINES = "Frames in Acquisition (Number):\t12\nFrames per Trigger (Number):\t4\n"


@pytest.mark.parametrize(
    ("further", "count", "shape", "missing"),
    [
        ("ScanX:\t4\nScanY:\t3\n", 12, (3, 4), 0),
        ("ScanX:\t4\nScanY:\t3\n", 10, (3, 4), 2),
        ("ScanX:\t4\nScanY:\t3\n", 15, (3, 5), 0),
        (LINES, 12, (3, 4), 0),
        (LINES, 9, (3, 4), 3),
        (LINES.replace("\t4", "\t12"), 12, (12,), 0),
        (LINES.replace("\t4", "\t1"), 12, (12,), 0),
        ("ScanX:\t4\nScanY:\t3\n", 14, (14,), 0),
    ],
)
def test_the_scan_of_the_settings_may_be_unfinished_or_have_a_flyback(
    tmp_path, further, count, shape, missing
):
    frames = np.arange(count, dtype=np.uint8)[:, None, None] * np.ones((1, 4, 256), np.uint8)
    data = om.open_signal(write_merlin(tmp_path / "a.mib", frames, further=further))
    assert data.shape[:-2] == shape
    expected = [*range(count), *[0] * missing]
    np.testing.assert_array_equal(data[..., 0, 0], np.reshape(expected, shape))
    if missing:
        assert f"{missing} positions" in data.attrs["incomplete"]["reason"]
    else:
        assert "incomplete" not in data.attrs


def test_raw_frames_of_older_cameras_have_their_depth_in_the_settings(tmp_path):
    frames = rng.integers(0, 63, (2, 256, 256)).astype(np.uint8)
    further = "Counter Depth (number):\t6\n"
    path = write_merlin(tmp_path / "a.mib", frames, depth=6, raw=True, further=further)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"MQ1A", b"3RX,"))
    np.testing.assert_array_equal(om.open_signal(path), frames)
    path.with_suffix(".hdr").unlink()
    with pytest.raises(om.FormatError, match="does not say the depth"):
        om.open(path)
