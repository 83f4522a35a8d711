"""Files of PantaRhei."""

import hashlib
import zipfile

import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.pantarhei.reader import read
from omniscopy.testing.files.pantarhei import CALIBRATION, encode_metadata, write_prz

IMAGE = np.arange(48, dtype=np.uint16).reshape(6, 8)
X = CALIBRATION | {"value": 1e-11}
RECIPROCAL = CALIBRATION | {"unit": "1/m", "value": 5e7}
ENERGY = CALIBRATION | {"unit": "eV", "value": 0.5, "offset": -20.0, "pixel_factor": 1.0}


@pytest.mark.parametrize("packed", [False, True])
def test_an_image_has_its_pixels_and_scale(tmp_path, packed):
    metadata = encode_metadata([X, CALIBRATION, None])
    data = om.open_signal(write_prz(tmp_path / "a.prz", IMAGE, metadata, packed=packed))
    assert data.name == "ADF"
    assert data.dims == ("y", "x")
    np.testing.assert_array_equal(data, IMAGE)
    np.testing.assert_array_equal(data[1::2, 3], IMAGE[1::2, 3])
    np.testing.assert_allclose(data["y"], 8e-11 * np.arange(6))
    np.testing.assert_allclose(data["x"], 4e-11 * np.arange(8))
    assert data["x"].attrs["units"] == "m"
    assert data.attrs["metadata"] == {
        "comment": "cut",
        "instrument": {"vendor": "CEOS", "software": "PantaRhei"},
        "beam": {"voltage": 200e3, "magnification": 1e7, "mode": "STEM"},
        "detector": {"name": "pnADF", "camera_length": 0.02},
        "scan": {"dwell_time": 1.5e-5},
    }
    assert data.attrs["original_metadata"]["meta_data"]["repo_id"] == "ADF.7"


@pytest.mark.parametrize(
    ("shape", "calibrations", "dims"),
    [
        ((8,), [ENERGY], ("energy_loss",)),
        ((6, 8), [RECIPROCAL, RECIPROCAL], ("ky", "kx")),
        ((3, 6, 8), [X, X, None], ("frame", "y", "x")),
        ((6, 8), [ENERGY, X], ("y", "energy_loss")),
        ((8,), [X], ("x",)),
        ((8,), [], ("sample",)),
        ((2, 3, 4, 5), [], ("frame", "frame_2", "y", "x")),
    ],
)
def test_dimensions_are_told_by_their_units(tmp_path, shape, calibrations, dims):
    values = np.random.default_rng(1).random(shape)
    data = om.open_signal(write_prz(tmp_path / "a.prz", values, encode_metadata(calibrations)))
    assert data.dims == dims
    np.testing.assert_array_equal(data, values)


def test_energies_of_a_spectrum_image_are_last(tmp_path):
    values = np.random.default_rng(1).random((5, 3, 4))
    path = write_prz(tmp_path / "a.prz", values, encode_metadata([X, X, ENERGY]))
    data = om.open_signal(path)
    assert data.dims == ("y", "x", "energy_loss")
    np.testing.assert_array_equal(data, np.moveaxis(values, 0, -1))
    np.testing.assert_allclose(data["energy_loss"], -20 + 0.5 * np.arange(5))


def test_pickled_metadata_are_left_out(tmp_path):
    (channel,) = read(write_prz(tmp_path / "old.prz", IMAGE, pickled=True)).channels
    assert channel.title == "old"
    assert "pickled" in channel.attrs["not_read"]
    assert channel.metadata == {"instrument": {"vendor": "CEOS", "software": "PantaRhei"}}


def test_odd_metadata_do_not_stop_the_image(tmp_path):
    odd = encode_metadata([3, {"value": "x"}], electron_gun__voltage="high", repo_id=None)
    (channel,) = read(write_prz(tmp_path / "a.prz", IMAGE, odd)).channels
    assert [axis.units for axis in channel.axes] == [None, None]
    assert channel.title == "a"


def test_values_are_read_where_they_lie(tmp_path):
    from omniscopy.io.arrays import Mapped

    (channel,) = read(write_prz(tmp_path / "a.prz", np.asfortranarray(IMAGE))).channels
    assert isinstance(channel.data, Mapped)
    np.testing.assert_array_equal(channel.data[2:4, :], IMAGE[2:4])


def test_objects_are_never_unpickled(tmp_path):
    path = write_prz(tmp_path / "a.prz", np.array([{}], object))
    with pytest.raises(UnsupportedFormatError, match="when they are unpickled"):
        om.open(path)
    path = write_prz(tmp_path / "b.prz", np.array(["text"]))
    with pytest.raises(UnsupportedFormatError, match="not numbers"):
        om.open(path)


def test_other_archives_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", data=IMAGE)
    with pytest.raises(UnsupportedFormatError, match="no metadata of PantaRhei"):
        read(tmp_path / "a.npz")
    with zipfile.ZipFile(tmp_path / "b.prz", "w") as archive:
        archive.writestr("meta_data.npy", b"")
    with pytest.raises(FormatError, match=r"data\.npy.*no member of this name"):
        read(tmp_path / "b.prz")


def test_a_shape_that_the_member_cannot_hold_is_refused(tmp_path):
    path = write_prz(tmp_path / "a.prz", IMAGE)
    path.write_bytes(path.read_bytes().replace(b"(6, 8)", b"(9, 8)"))
    with pytest.raises(FormatError, match=r"a\.prz.*needs 144 bytes"):
        om.open(path)


def test_a_file_that_is_cut_is_refused(tmp_path):
    path = write_prz(tmp_path / "a.prz", IMAGE)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(FormatError, match="no sound directory"):
        om.open(path)


@pytest.mark.shared
def test_the_real_file_has_the_values_of_the_manifest(real_files):
    (entry,) = real_files("pantarhei")
    (expected,) = entry["signals"]
    data = om.open_signal(entry["path"])
    assert (data.name, list(data.shape), data.dtype) == ("O", expected["shape"], expected["dtype"])
    assert hashlib.sha256(data.values.tobytes()).hexdigest()[:32] == expected["sha256"]
    for dim, axis in zip(data.dims, expected["axes"], strict=True):
        assert dim == axis["name"].lower()
        assert float(data[dim][1] - data[dim][0]) == pytest.approx(axis["scale"], rel=1e-12)
        assert (float(data[dim][0]), data[dim].attrs["units"]) == (axis["offset"], axis["units"])
    assert data.attrs["metadata"]["beam"]["voltage"] == 200e3
