"""What Odemis acquired: laid out by hand, and real files."""

import hashlib

import h5py
import numpy as np
import pytest

import omniscopy as om
from omniscopy.testing.files.delmic import DelmicAcquisition, write_delmic
from omniscopy.testing.formats import check_reader

rng = np.random.default_rng(2)
IMAGE = rng.integers(0, 1000, (1, 1, 1, 4, 6)).astype(np.uint16)


def signals(path):
    check_reader("delmic", path)
    assert om.validate(om.open(path)) == []
    return om.signals(om.open(path))


def test_positions_are_from_the_centre_with_y_upwards(tmp_path):
    made = [DelmicAcquisition(IMAGE, "CL intensity", pixel=2e-9, center=(10e-9, -5e-9))]
    (data,) = signals(write_delmic(tmp_path / "a.h5", made)).values()
    assert (data.name, data.dims) == ("CL_intensity", ("y", "x"))
    np.testing.assert_array_equal(data, IMAGE[0, 0, 0])
    np.testing.assert_allclose(data["x"], 10e-9 + 2e-9 * (np.arange(6) - 2.5))
    np.testing.assert_allclose(data["y"], -5e-9 - 2e-9 * (np.arange(4) - 1.5))
    assert (data["y"].attrs["units"], data.attrs["units"]) == ("m", "counts")
    assert data.attrs["modality"] == "CL"
    metadata = data.attrs["metadata"]
    assert metadata["beam"] == {"voltage": 10e3}
    assert metadata["scan"] == {"dwell_time": 1e-5}
    assert metadata["started"].startswith("2025-07-22T16:06:13.5")
    said = data.attrs["original_metadata"]["PhysicalData"]
    assert said["ExtraSettings"] == {"Camera": {"gain": [2, None]}}


def test_the_magnification_of_light_is_not_that_of_the_beam(tmp_path):
    enlarged = {"Magnification": [0.31]}
    made = [
        DelmicAcquisition(IMAGE, title, physical=enlarged)
        for title in ("Secondary electrons survey", "CL intensity")
    ]
    found = [
        each.attrs["metadata"] for each in signals(write_delmic(tmp_path / "a.h5", made)).values()
    ]
    assert [each["beam"].get("magnification") for each in found] == [0.31, None]


def test_spectra_and_times_are_last_and_frames_first(tmp_path):
    waves = np.array([400e-9, 401e-9, 403e-9])
    times = np.array([0.0, 1e-9])
    cube = rng.integers(0, 9, (3, 1, 1, 4, 6)).astype(np.uint16)
    streak = rng.integers(0, 9, (3, 2, 1, 4, 6)).astype(np.uint16)
    made = [
        DelmicAcquisition(cube, "Spectrum", scales={"C": (waves, "m")}),
        DelmicAcquisition(streak, "Temporal", scales={"C": (waves, "m"), "T": (times, "s")}),
        DelmicAcquisition(streak[:1], "Anchor region"),
        DelmicAcquisition(cube[..., :1, :1], "Spectrum at a spot", scales={"C": (waves, "m")}),
        DelmicAcquisition(IMAGE[..., :1, :1], "Electrons at a spot"),
    ]
    cube_read, streak_read, frames, spot, one = signals(
        write_delmic(tmp_path / "a.h5", made)
    ).values()
    assert cube_read.dims == ("y", "x", "wavelength")
    np.testing.assert_array_equal(cube_read, cube[:, 0, 0].transpose(1, 2, 0))
    np.testing.assert_allclose(cube_read["wavelength"], [400, 401, 403])
    assert cube_read["wavelength"].attrs["units"] == "nm"
    assert streak_read.dims == ("y", "x", "time", "wavelength")
    np.testing.assert_array_equal(streak_read, streak[:, :, 0].transpose(2, 3, 1, 0))
    np.testing.assert_allclose(streak_read["time"], times)
    assert frames.dims == ("frame", "y", "x")
    assert spot.dims == ("wavelength",)
    assert one.dims == ("y", "x")
    assert one.shape == (1, 1)


def test_angles_of_many_positions_are_one_channel(tmp_path):
    pole = {"PolePosition": [[3.0, 2.0]]}
    made = [
        DelmicAcquisition(IMAGE + n, "Angle-resolved", center=(n * 1e-9, 0.0), physical=pole)
        for n in range(3)
    ]
    (data,) = signals(write_delmic(tmp_path / "a.h5", made)).values()
    assert data.dims == ("point", "ky", "kx")
    np.testing.assert_array_equal(data[2], IMAGE[0, 0, 0] + 2)
    np.testing.assert_allclose(data["x"], [0, 1e-9, 2e-9])
    (one,) = signals(write_delmic(tmp_path / "b.h5", made[:1])).values()
    assert one.dims == ("ky", "kx")


def test_odd_labels_and_scales_never_stop_the_data(tmp_path):
    cube = rng.integers(0, 9, (3, 1, 1, 4, 6)).astype(np.uint16)
    made = [
        DelmicAcquisition(cube, labels="CCCCC", pixel=-1.0),
        DelmicAcquisition(cube, scales={"C": (np.array([1.0, np.nan, 3.0]), "m")}),
    ]
    for data in signals(write_delmic(tmp_path / "a.h5", made)).values():
        assert data.dims == ("y", "x", "channel")


def test_a_file_without_numbers_is_refused(tmp_path):
    path = write_delmic(tmp_path / "a.h5", [DelmicAcquisition(IMAGE)])
    with h5py.File(path, "r+") as file:
        del file["Acquisition0/ImageData/Image"]
        file["Acquisition0/ImageData/Image"] = "text"
    with pytest.raises(om.FormatError, match="no acquisition"):
        om.open(path)


@pytest.mark.shared
def test_every_real_file_is_as_the_manifest_says(real_files):
    rows = real_files("delmic")
    assert len(rows) == 4
    for row in rows:
        path = row["path"]
        assert om.io.identify(path) == "delmic"
        # The reference reads the light only; images of electrons are channels here, too.
        (said,) = row["signals"]
        found = om.signals(om.open(path)).values()
        (data,) = [each for each in found if each.attrs["long_name"] == said["title"]]
        assert list(data.shape) == said["shape"]
        assert str(data.dtype) == said["dtype"]
        assert hashlib.sha256(data.values.tobytes()).hexdigest()[:32] == said["sha256"]
        for dim, axis in zip(data.dims, said["axes"], strict=True):
            if dim in ("y", "x"):  # in nm there
                assert float(data[dim][0]) == pytest.approx(axis["offset"] * 1e-9)
                step = float(data[dim][1] - data[dim][0])
                assert step == pytest.approx(axis["scale"] * 1e-9)
            else:
                assert float(data[dim][0]) == pytest.approx(axis["first"])
                assert float(data[dim][-1]) == pytest.approx(axis["last"])
                assert data[dim].attrs.get("units", "") == axis["units"]
