"""Frames of Dectris detectors: packed by hand, in scans, with what is missing, and a real file."""

from concurrent.futures import ThreadPoolExecutor

import h5py
import numpy as np
import pytest
from h5py._objects import phil

import omniscopy as om
from omniscopy.io.arina import arrays
from omniscopy.io.arina.packing import _unshuffle, unpack
from omniscopy.io.errors import UnsupportedFormatError
from omniscopy.testing.files.arina import pack_frame, write_arina
from omniscopy.testing.formats import absurd_sizes, bit_flips, check_damage, check_reader

rng = np.random.default_rng(3)
FRAMES = rng.poisson(2, (12, 20, 24)).astype(np.uint16)


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4"])
@pytest.mark.parametrize("packed", ["bslz4", "lz4"])
@pytest.mark.parametrize("shape", [(192, 192), (96, 96), (5, 7), (1, 3)])
def test_packed_frames_come_back(dtype, packed, shape):
    frame = rng.integers(0, 200, shape).astype(dtype)
    content = pack_frame(frame, packed)
    back = unpack(content, frame.dtype, frame.size, shuffled=packed == "bslz4")
    np.testing.assert_array_equal(back.reshape(shape), frame)


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4"])
def test_the_filter_of_hdf5_packs_frames_alike(tmp_path, dtype):
    plugin = pytest.importorskip("hdf5plugin")
    frames = rng.integers(0, 200, (2, 61, 67)).astype(dtype)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        options = plugin.Bitshuffle(cname="lz4")
        file.create_dataset("data", data=frames, chunks=(1, 61, 67), **options)
        _, theirs = file["data"].id.read_direct_chunk((1, 0, 0))
    back = unpack(bytes(theirs), frames.dtype, 61 * 67, shuffled=True)
    np.testing.assert_array_equal(back.reshape(61, 67), frames[1])
    path = write_arina(tmp_path / "b_master.h5", frames)
    with h5py.File(path.with_name("b_data_000001.h5")) as file:
        np.testing.assert_array_equal(file["entry/data/data"], frames)


def test_bits_are_put_back_alike_without_compilation():
    planes = rng.integers(0, 256, 96).astype(np.uint8)
    restored = np.empty_like(planes)
    _unshuffle(planes, restored, 96, 4)
    bits = np.unpackbits(planes.reshape(32, 3), axis=1, bitorder="little")
    expected = np.packbits(bits.T.copy(), axis=1, bitorder="little").ravel()
    np.testing.assert_array_equal(restored, expected)


@pytest.mark.parametrize("packed", ["bslz4", "lz4", None])
def test_triggers_of_lines_make_a_scan(tmp_path, packed):
    path = write_arina(tmp_path / "a_master.h5", FRAMES, triggers=(3, 4), per_file=5, packed=packed)
    check_reader("arina", path)
    data = om.open_signal(path)
    assert data.dims == ("y", "x", "ky", "kx")
    assert data.dtype == np.uint16
    np.testing.assert_array_equal(data, FRAMES.reshape(3, 4, 20, 24))
    assert data.attrs["units"] == "counts"
    assert data.attrs["scan_shape_from"] == "triggers and the frames of each"
    metadata = data.attrs["metadata"]
    assert metadata["beam"]["voltage"] == 200e3
    assert metadata["detector"] == {"name": "Dectris ARINA Si A-01", "exposure_time": 1e-4}
    assert metadata["scan"]["dwell_time"] == 2e-4
    assert metadata["started"] == "2025-08-06T02:52:43.741+02:00"


def test_packed_chunks_are_read_under_the_lock_of_hdf5(tmp_path, monkeypatch):
    path = write_arina(tmp_path / "a_master.h5", FRAMES, triggers=(3, 4), packed="lz4")
    taken = []

    def is_free():
        free = phil.acquire(blocking=False)
        if free:
            phil.release()
        return free

    class Id:
        def __init__(self, own):
            self.get_chunk_info_by_coord, self.read = own.get_chunk_info_by_coord, own

        def read_direct_chunk(self, place):
            with ThreadPoolExecutor(1) as other:
                taken.append(not other.submit(is_free).result())
            return self.read.read_direct_chunk(place)

    class Dataset:
        def __init__(self, own):
            self.id, self.dtype = Id(own.id), own.dtype

    made = arrays._ChunkReader.__init__

    def seen(self, dataset, *further):
        made(self, Dataset(dataset), *further)

    monkeypatch.setattr(arrays._ChunkReader, "__init__", seen)
    np.testing.assert_array_equal(om.open_signal(path), FRAMES.reshape(3, 4, 20, 24))
    assert taken
    assert all(taken)


def test_a_scan_is_square_as_the_microscope_says_or_as_it_is_given(tmp_path):
    square = write_arina(tmp_path / "a_master.h5", FRAMES[:9])
    assert om.open_signal(square).shape == (3, 3, 20, 24)
    series = write_arina(tmp_path / "b_master.h5", FRAMES)
    assert om.open_signal(series).dims == ("frame", "ky", "kx")
    given = om.open_signal(series, scan_shape=(2, 6))
    np.testing.assert_array_equal(given, FRAMES.reshape(2, 6, 20, 24))
    noted = {"NumPixelsX": 6, "NumPixelsY": 2, "Camera Length": 0.145, "High Tension": 300e3}
    data = om.open_signal(write_arina(tmp_path / "c_master.h5", FRAMES, microscope=noted))
    assert data.shape == (2, 6, 20, 24)
    assert data.attrs["metadata"]["beam"]["voltage"] == 300e3
    assert data.attrs["metadata"]["detector"]["camera_length"] == 0.145
    one = write_arina(tmp_path / "d_master.h5", FRAMES[:1])
    assert om.open_signal(one).dims == ("ky", "kx")


def test_frames_before_and_after_the_scan_are_left_out_or_missing(tmp_path):
    path = write_arina(tmp_path / "a_master.h5", FRAMES)
    data = om.open_signal(path, scan_shape=(2, 5), sync_offset=1)
    np.testing.assert_array_equal(data[0, 0], FRAMES[1])
    data = om.open_signal(path, scan_shape=(2, 7), sync_offset=-1)
    assert not data[0, 0].any()
    np.testing.assert_array_equal(data[1, 5], FRAMES[11])
    assert not data[1, 6].any()
    assert data.attrs["incomplete"]["reason"].startswith("2 positions")


def test_a_scan_that_was_not_finished_is_filled(tmp_path):
    path = write_arina(tmp_path / "a_master.h5", FRAMES[:11], triggers=(3, 4))
    data = om.open_signal(path)
    assert data.shape == (3, 4, 20, 24)
    assert data.attrs["incomplete"]["missing_from"] == 11
    assert not data[2, 3].any()
    with pytest.raises(om.FormatError, match="makes no sense for 11 frames"):
        om.open(path, scan_shape=(10**6, 10**6))


def test_pixels_that_are_bad_and_their_sensitivity_stand_beside(tmp_path):
    mask = np.zeros((20, 24), np.uint32)
    mask[3, 4] = 2
    flat = rng.random((20, 24)).astype(np.float32)
    detector = {
        "detectorSpecific/pixel_mask": mask, "detectorSpecific/flatfield": flat,
        "detector_distance": 0.1, "beam_center_x": 12.0, "beam_center_y": 10.0,
    }  # fmt: skip
    tree = om.open(write_arina(tmp_path / "a_master.h5", FRAMES, detector=detector))
    node = tree["a"].to_dataset()
    np.testing.assert_array_equal(node["mask"], mask != 0)
    np.testing.assert_array_equal(node["flat_field"], flat)
    np.testing.assert_allclose(node["kx"], np.arange(24) - 12.0)
    np.testing.assert_allclose(node["ky"], np.arange(20) - 10.0)
    assert node["kx"].attrs["units"] == "mrad"


def test_files_of_frames_that_are_missing_or_elsewhere_are_named(tmp_path):
    path = write_arina(tmp_path / "a_master.h5", FRAMES)
    beside = path.with_name("a_data_000001.h5")
    content = beside.read_bytes()
    beside.unlink()
    with pytest.raises(om.FormatError, match=r"'a_data_000001\.h5', which is not beside"):
        om.open(path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other/b.h5").write_bytes(content)
    with h5py.File(path, "r+") as file:
        del file["entry/data/data_000001"]
        file["entry/data/data_000001"] = h5py.ExternalLink("other/b.h5", "/entry/data/data")
    with pytest.raises(om.FormatError, match=r"'b\.h5', which is not beside"):
        om.open(path)
    with h5py.File(path, "r+") as file:
        del file["entry/data/data_000001"]
    with pytest.raises(om.FormatError, match="no frames, and no links"):
        om.open(path)


def test_frames_that_differ_or_are_none_are_refused(tmp_path):
    path = write_arina(tmp_path / "a_master.h5", FRAMES, per_file=6)
    second = path.with_name("a_data_000002.h5")
    with h5py.File(second, "w") as file:
        file["entry/data/data"] = FRAMES[:, :5].copy()
    with pytest.raises(om.FormatError, match="differ from file to file"):
        om.open(path)
    with h5py.File(second, "w") as file:
        file["entry/data/data"] = np.ones(3)
    with pytest.raises(om.FormatError, match="a series of frames was expected"):
        om.open(path)
    with h5py.File(path, "r+") as file:
        del file["entry/data/data_000001"]
        file["entry/data/data_000001"] = h5py.SoftLink("/nowhere")
    with pytest.raises(om.FormatError, match="leads nowhere"):
        om.open(path)


def test_another_filter_is_named(tmp_path):
    plugin = pytest.importorskip("hdf5plugin")
    path = write_arina(tmp_path / "a_master.h5", FRAMES)
    with h5py.File(path.with_name("a_data_000001.h5"), "w") as file:
        options = plugin.Zstd()
        file.create_dataset("entry/data/data", data=FRAMES, chunks=(1, 20, 24), **options)
    with pytest.raises(UnsupportedFormatError, match="the filter 32015"):
        om.open(path)


@pytest.mark.parametrize("place", [0, 8, 12, 14, 30])
def test_a_damaged_frame_is_refused(tmp_path, place):
    content = bytearray(pack_frame(FRAMES[0]))
    content[place] ^= 0x7F
    try:
        unpack(bytes(content), FRAMES.dtype, FRAMES[0].size, shuffled=True)
    except (ValueError, RuntimeError):
        pass
    else:
        assert place == 30  # within what is packed there is no checksum
    path = write_arina(tmp_path / "a_master.h5", FRAMES)
    beside = path.with_name("a_data_000001.h5")
    good = pack_frame(FRAMES[7])
    stored = beside.read_bytes()
    beside.write_bytes(stored.replace(good, b"\xff" * len(good)))
    with pytest.raises(om.FormatError, match="frame 7 cannot be unpacked"):
        om.open_signal(path).compute()


@pytest.mark.shared
def test_a_real_master_file_misses_its_frames(shared):
    (folder,) = (shared / "data/vendor/arina").iterdir()
    (path,) = folder.glob("*_master.h5")
    assert om.io.identify(path) == "arina"
    with pytest.raises(om.FormatError, match=r"_data_000001\.h5', which is not beside"):
        om.open(path)


@pytest.mark.shared
def test_frames_written_for_a_real_master_file_stand_in_its_scan(shared, tmp_path):
    (folder,) = (shared / "data/vendor/arina").iterdir()
    for source in folder.iterdir():
        (tmp_path / source.name).write_bytes(source.read_bytes())
    (path,) = tmp_path.glob("*_master.h5")
    frames = np.zeros((4096, 192, 192), np.uint8)
    frames[65] = rng.integers(0, 9, (192, 192))
    helper = write_arina(tmp_path / "helper_master.h5", frames, per_file=4096)
    helper.with_name("helper_data_000001.h5").rename(
        path.with_name(path.name.replace("_master", "_data_000001"))
    )
    data = om.open_signal(path)
    assert data.shape == (64, 64, 192, 192)
    np.testing.assert_array_equal(data[1, 1], frames[65])
    assert data.attrs["metadata"]["beam"] == {"voltage": 300e3, "magnification": 68000.0}
    assert data.attrs["metadata"]["detector"]["camera_length"] == 0.145


@pytest.mark.parametrize("packed", ["bslz4", None])
@pytest.mark.parametrize("damage", [bit_flips, absurd_sizes])
def test_damage_to_either_file_is_read_or_refused_by_name(tmp_path, packed, damage):
    path = write_arina(tmp_path / "a_master.h5", FRAMES, triggers=(3, 4), packed=packed)
    om.open_signal(path).compute()
    for each in (path, path.with_name("a_data_000001.h5")):
        sound = each.read_bytes()
        for content in damage(sound, 40, np.random.default_rng(5)):
            check_damage(path, content, folder=tmp_path, damaged_file=each)
        each.write_bytes(sound)
