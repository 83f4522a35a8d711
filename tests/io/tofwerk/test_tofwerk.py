"""TofDAQ files, made as their published description says: no real file is at hand."""

import h5py
import numpy as np
import pytest

import omniscopy as om
from omniscopy import io
from omniscopy.testing.files.tofwerk import write_tofdaq

rng = np.random.default_rng(6)
PEAKS = rng.random((2, 3, 4, 5)).astype(np.float32)
MASSES = [1.0, 12.0, 27.5, 28.0, 56.0]
IMAGES = [rng.random((6, 8)), rng.random((6, 8))]


def test_peaks_are_at_their_pixels_and_masses(tmp_path):
    path = write_tofdaq(tmp_path / "a.h5", peaks=PEAKS, masses=MASSES, images=IMAGES)
    assert io.identify(path) == "tofwerk"
    tree = om.open(path)
    assert list(tree.children) == ["Peaks", "Sum_spectrum", "Image0000", "Image0001", "Pressure"]
    data = tree["Peaks/signal"]
    assert data.dims == ("frame", "y", "x", "mass_to_charge")
    np.testing.assert_array_equal(data, PEAKS)
    np.testing.assert_array_equal(data["mass_to_charge"], MASSES)
    assert data["mass_to_charge"].attrs["labels"][2] == "nominal_27.5"
    np.testing.assert_allclose(data["x"], 2.5 * np.arange(4))
    np.testing.assert_allclose(data["y"], 2.5 * np.arange(3))
    image = tree["Image0001/signal"]
    np.testing.assert_array_equal(image, IMAGES[1])
    np.testing.assert_allclose(image["x"], 1.25 * np.arange(8))
    spectrum = tree["Sum_spectrum/signal"]
    np.testing.assert_array_equal(spectrum, np.arange(32.0))
    np.testing.assert_allclose(spectrum["mass_to_charge"], np.linspace(0, 20, 32) ** 2, rtol=1e-6)
    np.testing.assert_array_equal(tree["Pressure/signal"], [1.7e-4, 1.7e-4])
    assert tree["Pressure/signal"].attrs["units"] == "Pa"
    assert tree.attrs["metadata"] == {
        "technique": "FIB-SIMS",
        "started": "2025-01-01T12:00:00-05:00",
        "instrument": {"vendor": "Tofwerk", "model": "Tescan", "software": "TofDAQ 1.99"},
        "beam": {"voltage": 30e3},
        "detector": {"mode": "positive"},
    }


def test_a_recording_has_the_number_of_ions_at_each_pixel(tmp_path):
    ions = rng.poisson(3, (2, 3, 4))
    path = write_tofdaq(tmp_path / "a.h5", ions=ions)
    data = om.signals(om.open(path))["Ions"]
    assert (data.dims, data.attrs["units"]) == (("frame", "y", "x"), "counts")
    np.testing.assert_array_equal(data, ions)
    np.testing.assert_array_equal(data[1, ::2, 2], ions[1, ::2, 2])
    assert int(data[1, 2, 3]) == ions[1, 2, 3]


@pytest.mark.parametrize("field", [0.0, np.nan, -1.0])
def test_without_a_field_of_view_there_are_pixels(tmp_path, field):
    path = write_tofdaq(tmp_path / "a.h5", peaks=PEAKS, masses=MASSES, field=field)
    assert "units" not in om.signals(om.open(path))["Peaks"]["x"].attrs


def test_a_file_without_anything_is_named(tmp_path):
    path = write_tofdaq(tmp_path / "a.h5")
    with h5py.File(path, "r+") as file:
        del file["FullSpectra/SumSpectrum"]
    with pytest.raises(om.FormatError, match="neither peaks nor spectra"):
        om.open(path)
