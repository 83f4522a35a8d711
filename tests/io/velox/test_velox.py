"""Velox: pixels, axes, metadata, what is not read, damage and real files."""

import hashlib
import pickle

import h5py
import numpy as np
import pytest

from omniscopy.io.arrays import Hdf5Array
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.velox.probe import matches
from omniscopy.io.velox.reader import read
from omniscopy.testing.files.velox import VeloxImage, encode_velox_metadata, write_velox


def values_of(channel):
    return channel.data[tuple(slice(None) for _ in channel.data.shape)]


def sample(shape=(3, 4, 6), dtype="uint16"):
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


def write_one(path, data, tree=None, **options):
    tree = encode_velox_metadata() if tree is None else tree
    return write_velox(path, [VeloxImage(data=data, metadata=tree, **options)])


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "uint32", "float32"])
def test_an_image_has_its_values_rows_and_columns(tmp_path, dtype):
    data = sample((4, 6), dtype)
    tree = encode_velox_metadata(pixel_size=(2e-9, 5e-10), offset=(-4e-9, 1e-9))
    (channel,) = read(write_one(tmp_path / "a.emd", data, tree)).channels
    values = values_of(channel)
    assert values.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(values, data)
    y, x = channel.axes
    assert (y.name, x.name, y.units, x.units) == ("y", "x", "nm", "nm")
    np.testing.assert_allclose(y.coordinate(), [-4, -2, 0, 2])
    np.testing.assert_allclose(x.coordinate(), [1, 1.5, 2, 2.5, 3, 3.5])
    assert (channel.title, channel.quantity, channel.units) == ("HAADF", "intensity", None)
    assert (channel.modality, channel.source) == ("STEM", "Spectra")


@pytest.mark.parametrize("chunk", [0, 1, 3])
def test_a_series_has_its_frames_first_and_their_time(tmp_path, chunk):
    tree = encode_velox_metadata(frame_time=0.25)
    path = write_one(tmp_path / "a.emd", sample(), tree, chunk=chunk)
    (channel,) = read(path).channels
    np.testing.assert_array_equal(values_of(channel), sample())
    np.testing.assert_array_equal(channel.data[1, 2:, ::2], sample()[1, 2:, ::2])
    assert channel.data[2, 3, 5] == sample()[2, 3, 5]
    time = channel.axes[0]
    assert (time.name, time.size, time.scale, time.units) == ("time", 3, 0.25, "s")


def test_a_camera_series_has_the_time_between_its_time_stamps(tmp_path):
    trees = [
        encode_velox_metadata(detector="BM-Ceta", scanning=False, time_stamp=10**15 + n * 700_000)
        for n in range(3)
    ]
    time = read(write_one(tmp_path / "a.emd", sample(), trees)).channels[0].axes[0]
    assert time.name == "time"
    assert time.scale == pytest.approx(0.7)


def test_a_camera_series_without_time_stamps_has_frames(tmp_path):
    tree = encode_velox_metadata(detector="BM-Ceta", scanning=False, frame_time=9.0)
    frame = read(write_one(tmp_path / "a.emd", sample(), tree)).channels[0].axes[0]
    assert (frame.name, frame.scale, frame.units) == ("frame", 1.0, None)


def test_a_diffraction_pattern_is_reciprocal(tmp_path):
    tree = encode_velox_metadata(
        pixel_size=(2e7, 1e7), units="1/m", offset=(-4e7, -3e7), detector="Ceta", scanning=False
    )
    ky, kx = read(write_one(tmp_path / "a.emd", sample((4, 6)), tree)).channels[0].axes
    assert (ky.name, kx.name, ky.units, kx.units) == ("ky", "kx", "1/nm", "1/nm")
    np.testing.assert_allclose(ky.coordinate(), [-0.04, -0.02, 0, 0.02])
    np.testing.assert_allclose(kx.coordinate(), np.arange(-3, 3) * 0.01, atol=1e-15)


@pytest.mark.parametrize(("columns", "fields"), [(8, "HalfEven"), (7, "HalfOdd")])
def test_a_half_transform_is_what_numpy_calls_rfft2(tmp_path, columns, fields):
    image = np.random.default_rng(1).random((6, columns))
    data = np.fft.rfft2(image).astype(np.complex64)
    step_y, step_x = 1 / (6 * 2e-10), 1 / (columns * 2e-10)
    tree = encode_velox_metadata(
        pixel_size=(step_y, step_x), units="1/m", offset=(-step_y / 2, -step_x / 2)
    )
    (channel,) = read(write_one(tmp_path / "a.emd", data, tree, fields=fields)).channels
    assert channel.data.dtype == np.complex64
    np.testing.assert_array_equal(values_of(channel), data)
    ky, kx = channel.axes
    np.testing.assert_allclose(ky.coordinate(), np.fft.fftfreq(6, 0.2))
    np.testing.assert_allclose(kx.coordinate(), np.fft.rfftfreq(columns, 0.2))
    assert channel.attrs["full_width"] == columns
    assert (channel.title, channel.quantity) == ("FFT(HAADF)", "Fourier amplitude")


def test_a_dpc_image_is_complex_and_spatial(tmp_path):
    data = (sample((4, 6)) - 2j).astype(np.complex64)
    (channel,) = read(write_one(tmp_path / "a.emd", data, label="DPC")).channels
    np.testing.assert_array_equal(values_of(channel), data)
    assert [a.name for a in channel.axes] == ["y", "x"]
    assert channel.title == "DPC"
    assert channel.data[1, 2] == data[1, 2]


@pytest.mark.parametrize("missing", ["PixelSize", "PixelUnitX", "Detector", "Offset"])
def test_a_missing_piece_of_metadata_does_not_stop_the_image(tmp_path, missing):
    tree = encode_velox_metadata(offset=(1e-9, 1e-9))
    del tree["BinaryResult"][missing]
    (channel,) = read(write_one(tmp_path / "a.emd", sample((4, 6)), tree)).channels
    np.testing.assert_array_equal(values_of(channel), sample((4, 6)))
    units = {"PixelSize": [None, None], "PixelUnitX": ["nm", None]}.get(missing, ["nm", "nm"])
    assert [a.units for a in channel.axes] == units
    if missing == "Detector":
        assert channel.title == f"{1:032x}"


@pytest.mark.parametrize("text", [b"", b"{", b"[1, 2]", b"\xff\xfe{}", b"[" * 5000])
def test_metadata_that_are_no_json_do_not_stop_the_image(tmp_path, text):
    path = write_one(tmp_path / "a.emd", sample((4, 6)))
    with h5py.File(path, "r+") as file:
        metadata = file[f"Data/Image/{1:032x}/Metadata"]
        metadata[:, 0] = 0
        metadata[: len(text), 0] = np.frombuffer(text, np.uint8)
    (channel,) = read(path).channels
    np.testing.assert_array_equal(values_of(channel), sample((4, 6)))
    assert channel.axes[0].units is None


@pytest.mark.parametrize(("said", "current"), [("2.5e-10", 2.5e-10), ("2.3e-13", None), ("", None)])
def test_the_current_is_what_the_screen_measured_last(tmp_path, said, current):
    tree = encode_velox_metadata()
    tree["Optics"]["LastMeasuredScreenCurrent"] = said
    (channel,) = read(write_one(tmp_path / "a.emd", sample((4, 6)), tree)).channels
    assert channel.metadata["beam"].get("current") == current


def test_metadata_are_in_common_units(tmp_path):
    measurement = read(write_one(tmp_path / "a.emd", sample((4, 6))))
    (channel,) = measurement.channels
    metadata = channel.metadata
    assert metadata["started"] == "2022-09-28T00:27:07+00:00"
    assert metadata["instrument"] == {
        "vendor": "FEI Company",
        "model": "Spectra",
        "software": "Velox 3.4.1.26-d6b55f759a",
    }
    assert metadata["beam"] == {"voltage": 300e3, "convergence_angle": 30.0, "mode": "Probe"}
    assert metadata["detector"] == {
        "name": "HAADF",
        "inner_angle": 60.0,
        "outer_angle": 200.0,
        "camera_length": 0.091,
    }
    assert metadata["scan"]["dwell_time"] == 4e-5
    assert metadata["scan"]["frame_time"] == 0.8
    assert metadata["scan"]["rotation"] == pytest.approx(28.6479, abs=1e-4)
    assert metadata["stage"]["x"] == 1e-6
    assert metadata["stage"]["alpha"] == pytest.approx(5.72958, abs=1e-5)
    assert metadata["stage"]["beta"] == pytest.approx(-11.4592, abs=1e-4)
    assert channel.original_metadata["Core"] == {"MetadataDefinitionVersion": "7.9"}
    assert measurement.original_metadata["Version"] == {"version": "11", "format": "Velox"}


def test_a_camera_image_has_magnification_and_exposure(tmp_path):
    tree = encode_velox_metadata(detector="Ceta", scanning=False, in_diffraction=False)
    metadata = read(write_one(tmp_path / "a.emd", sample((4, 6)), tree)).channels[0].metadata
    assert metadata["beam"]["magnification"] == 40000
    assert metadata["detector"] == {"name": "Ceta", "exposure_time": 0.5}
    assert "scan" not in metadata


def test_titles_are_found_by_the_references_of_later_versions(tmp_path):
    images = [VeloxImage(data=sample((4, 6)), label=label) for label in ("HAADF", "Ca")]
    path = write_velox(tmp_path / "a.emd", images, references=True)
    assert [c.title for c in read(path).channels] == ["HAADF", "Ca"]
    with h5py.File(path, "r+") as file:
        del file["SharedProperties/ImageSeriesDataReference"]
        file["SharedProperties/ImageSeriesDataReference"] = h5py.SoftLink("/Data")
    assert "Ca" not in [c.title for c in read(path).channels]


def test_images_of_a_file_are_channels_with_the_titles_that_velox_shows(tmp_path):
    trees = [encode_velox_metadata(detector=name) for name in ("HAADF", "BF-S")]
    images = [
        VeloxImage(data=sample((4, 6)), metadata=trees[0], label="HAADF #1 (µ)"),
        VeloxImage(data=sample((5, 2), "float32"), metadata=trees[1]),
    ]
    measurement = read(write_velox(tmp_path / "a.emd", images))
    assert [c.title for c in measurement.channels] == ["HAADF #1 (µ)", "BF-S"]
    assert measurement.metadata["beam"]["voltage"] == 300e3
    assert "name" not in measurement.metadata["detector"]
    assert measurement.attrs == {}


def test_a_stream_without_a_scan_is_listed(tmp_path):
    path = write_velox(
        tmp_path / "a.emd",
        [VeloxImage(data=sample((4, 6)))],
        spectra=[np.arange(8)],
        streams=[np.array([65535, 3])],
    )
    measurement = read(path)
    assert len(measurement.channels) == 2
    # Events without a scan are counted in the spectra.
    assert measurement.attrs["not_read"] == [f"/Data/SpectrumStream/{2000:032x}"]


def test_a_file_without_data_is_refused(tmp_path):
    path = write_velox(tmp_path / "empty.emd", [])
    with pytest.raises(FormatError, match=r"empty\.emd at '/Data': there are no data"):
        read(path)


def test_velox_files_are_told_from_other_hdf5(tmp_path):
    assert matches(write_one(tmp_path / "a.emd", sample()))
    with h5py.File(tmp_path / "b.emd", "w") as file:
        file["data/data"] = [1]
    assert not matches(tmp_path / "b.emd")
    (tmp_path / "c.emd").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    assert not matches(tmp_path / "c.emd")


def test_one_frame_is_read_without_the_others(tmp_path, monkeypatch):
    (channel,) = read(write_one(tmp_path / "a.emd", sample())).channels
    asked = []
    original = Hdf5Array.__getitem__
    monkeypatch.setattr(Hdf5Array, "__getitem__", lambda s, k: asked.append(k) or original(s, k))
    np.testing.assert_array_equal(channel.data[1], sample()[1])
    assert asked == [(slice(0, 4, 1), slice(0, 6, 1), 1)]
    assert channel.data.chunks == (1, 4, 6)


@pytest.mark.parametrize("data", [sample(), sample((4, 6)), sample((4, 6)).astype("complex64")])
def test_handles_survive_pickling(tmp_path, data):
    (channel,) = read(write_one(tmp_path / "a.emd", data)).channels
    again = pickle.loads(pickle.dumps(channel.data))
    np.testing.assert_array_equal(again[...], data)


def test_compressed_images_are_read(tmp_path):
    path = write_one(tmp_path / "a.emd", sample(), compression="gzip")
    np.testing.assert_array_equal(values_of(read(path).channels[0]), sample())


def test_an_interrupted_series_is_read_and_marked(tmp_path):
    path = write_one(tmp_path / "cut.emd", sample(), unwritten_frames=1)
    (channel,) = read(path).channels
    np.testing.assert_array_equal(channel.data[:2], sample()[:2])
    np.testing.assert_array_equal(channel.data[2], 0)
    assert "1 of 3 blocks" in channel.attrs["incomplete"]["reason"]


def test_blocks_of_floating_numbers_that_were_never_written_are_nan(tmp_path):
    path = write_one(tmp_path / "cut.emd", sample())
    values = np.random.default_rng(8).random((7, 5, 3)).astype(np.float32)
    with h5py.File(path, "r+") as file:
        group = file[f"Data/Image/{1:032x}"]
        del group["Data"]
        data = group.create_dataset("Data", values.shape, "f4", chunks=(4, 5, 1))
        data[:4] = values[:4]
        data[4:, :, 1] = values[4:, :, 1]
    (channel,) = read(path).channels
    expected = values.transpose(2, 0, 1).copy()
    expected[[0, 2], 4:] = np.nan
    whole = (slice(None),) * 3
    np.testing.assert_array_equal(channel.data[whole], expected)
    for key in ((slice(None), 5, slice(None)), (2, slice(1, None, 3), 2), (1, 4, slice(0, 4, 2))):
        np.testing.assert_array_equal(channel.data[key], expected[key])
    assert "2 of 6 blocks" in channel.attrs["incomplete"]["reason"]


def test_a_size_that_the_file_cannot_hold_is_refused(tmp_path):
    path = write_one(tmp_path / "a.emd", sample((4, 6)))
    for chunks in (None, (1 << 15, 1 << 15, 1)):
        with h5py.File(path, "r+") as file:
            group = file[f"Data/Image/{1:032x}"]
            del group["Data"]
            shape = (1 << 20, 1 << 20, 4)
            group.create_dataset("Data", shape, "u2", chunks=chunks)
        for partial in (False, True):
            with pytest.raises(FormatError, match=r"a\.emd at '/Data/Image/.*/Data'"):
                read(path, partial=partial)


def test_data_in_another_file_are_not_followed(tmp_path):
    path = write_one(tmp_path / "a.emd", sample((4, 6)))
    other = tmp_path / "secret.raw"
    other.write_bytes(bytes(48))
    with h5py.File(path, "r+") as file:
        group = file[f"Data/Image/{1:032x}"]
        del group["Data"]
        group.create_dataset("Data", (4, 6, 1), "u2", external=[(str(other), 0, 48)])
    with pytest.raises(UnsupportedFormatError, match="another file"):
        read(path)
    with h5py.File(path, "r+") as file:
        group = file[f"Data/Image/{1:032x}"]
        del group["Data"]
        group["Data"] = h5py.ExternalLink(str(path), "/Version")
    with pytest.raises(FormatError, match="there are no data"):
        read(path)


@pytest.mark.parametrize(
    "content", [b"", b"\x89PNG" + bytes(60), b"\x89HDF\r\n\x1a\n", bytes(3000)]
)
def test_empty_and_foreign_files_are_refused(tmp_path, content):
    path = tmp_path / "foreign.emd"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=r"foreign\.emd: the HDF5 container"):
        read(path)


def test_damage_gives_an_error_of_ours_or_data_of_the_size_of_the_file(tmp_path):
    path = tmp_path / "a.emd"
    images = [
        VeloxImage(data=sample(), metadata=encode_velox_metadata(), label="HAADF"),
        VeloxImage(data=sample((4, 6)).astype("complex64"), fields="HalfEven", chunk=0),
    ]
    write_velox(path, images, metadata_bytes=4000)
    whole = path.read_bytes()
    rng = np.random.default_rng(3)
    copies = [whole[:length] for length in range(0, len(whole), 1024)]
    for _ in range(300):
        copy = bytearray(whole)
        for at in rng.integers(0, len(whole), 12):
            copy[at] ^= 1 << int(rng.integers(8))
        copies.append(bytes(copy))
    for content in copies:
        path.write_bytes(content)
        for partial in (False, True):
            try:
                channels = read(path, partial=partial).channels
                arrays = [values_of(channel) for channel in channels]
            except FormatError:
                continue
            assert sum(array.nbytes for array in arrays) <= 1000 * len(whole)


REAL = {
    # file: for each channel of the manifest, its title here and the unit of its lengths there
    "emd_velox/FFTComplexEven.emd": ["FFT#1(HAADF)", "HAADF"],
    "emd_velox/fei_example_complex_fft.emd": ["FFT#1(Ceta)"],
    "emd_velox/fei_example_tem_stack.emd": ["Ceta"],
}
TO_NM = {"1 / µm": 1e-3, "µm": 1e3, "pm": 1e-3, "s": 1.0}


@pytest.mark.shared
@pytest.mark.parametrize("name", REAL)
def test_real_files_have_the_values_of_the_manifest(shared, real_files, name):
    vendor = shared / "data/vendor"
    (entry,) = [e for e in real_files() if e["file"] == name]
    channels = read(vendor / name).channels
    assert [c.title for c in channels] == REAL[name]
    for channel, expected in zip(channels, entry["signals"], strict=True):
        values = values_of(channel)
        assert list(values.shape) == expected["shape"]
        assert values.dtype == expected["dtype"]
        assert hashlib.sha256(values.tobytes()).hexdigest()[:32] == expected["sha256"]
        for axis, there in zip(channel.axes, expected["axes"], strict=True):
            factor = TO_NM[there["units"]]
            # Time stamps say 0.799976 s where the exposure is 0.8 s.
            assert axis.scale == pytest.approx(there["scale"] * factor, rel=1e-4)
            assert axis.units == {"1 / µm": "1/nm", "s": "s"}.get(there["units"], "nm")
            # A transform has zero frequency at its first pixel, not half a pixel before.
            half = 0.5 * axis.scale if channel.data.dtype.kind == "c" else 0.0
            assert axis.offset == pytest.approx(there["offset"] * factor + half, abs=1e-9)


@pytest.mark.shared
def test_every_real_velox_file_is_tested(real_files):
    entries = real_files()
    assert {e["file"] for e in entries if e["format"] == "emd_velox"} == set(REAL)


@pytest.mark.shared
def test_the_transform_of_a_real_file_is_that_of_its_own_image(shared):
    transform, image = read(shared / "data/vendor/emd_velox/FFTComplexEven.emd").channels
    # The file says that it was made of a rectangle at (0.25, 0.2421875) of the image.
    part = image.data[32:102, 31:101].astype(float)
    expected = np.fft.rfft2(part)
    assert np.abs(values_of(transform) - expected).max() < 1e-6 * np.abs(expected).max()
    spacing = image.axes[0].scale
    np.testing.assert_allclose(transform.axes[0].coordinate(), np.fft.fftfreq(70, spacing))
    np.testing.assert_allclose(transform.axes[1].coordinate(), np.fft.rfftfreq(70, spacing))


@pytest.mark.shared
def test_the_stem_image_has_the_pixel_size_of_the_readme(shared):
    (channel,) = read(shared / "data/stem/velox_image_512.emd").channels
    assert channel.data.shape == (512, 512)
    assert channel.axes[0].scale == pytest.approx(5.3024148)
    assert channel.axes[0].units == "nm"


@pytest.mark.shared
def test_a_real_eds_file_opens_and_lists_what_is_not_read(shared):
    measurement = read(shared / "data/tem/EDS-STO.emd")
    kinds = [name.split("/")[2] for name in measurement.attrs["not_read"]]
    assert kinds == ["SpectrumStream"] * 4


@pytest.mark.parametrize("place", ["heap", "size", "length"])
def test_a_damaged_heap_of_texts_costs_the_titles_only(tmp_path, place):
    path = write_one(tmp_path / "a.emd", sample((4, 6)), label="From Velox")
    whole = bytearray(path.read_bytes())
    assert read(path).channels[0].title == "From Velox"
    heap = whole.index(b"GCOL")
    changes = {
        "heap": (heap, b"XXXX"),
        "size": (heap + 24, b"\xff" * 8),
        "length": (heap + 8, bytes(8)),
    }
    at, replacement = changes[place]
    whole[at : at + len(replacement)] = replacement
    path.write_bytes(whole)
    (channel,) = read(path).channels
    assert channel.title == "HAADF"
    np.testing.assert_array_equal(values_of(channel), sample((4, 6)))


def test_numbers_that_are_not_plain_are_refused(tmp_path):
    path = write_one(tmp_path / "a.emd", sample((4, 6)))
    with h5py.File(path, "r+") as file:
        group = file[f"Data/Image/{1:032x}"]
        del group["Data"]
        odd = h5py.h5t.STD_U16LE.copy()
        odd.set_precision(9)
        space = h5py.h5s.create_simple((4, 6, 1))
        h5py.h5d.create(group.id, b"Data", odd, space).write(
            h5py.h5s.ALL, h5py.h5s.ALL, sample((4, 6, 1))
        )
    with pytest.raises(FormatError, match="not plain uint16"):
        read(path)
