"""AZtec files, made by the published specification: no real file is at hand."""

import h5py
import numpy as np
import pytest

import omniscopy as om
from omniscopy import io
from omniscopy.io.oxford.reader import read
from omniscopy.testing.files.oxford import write_h5oina

rng = np.random.default_rng(4)
COUNTS = rng.poisson(2, (3, 4, 16)).astype(np.int32)
MAP = rng.random((3, 4)).astype(np.float32)
EULER = rng.random((3, 4, 3)).astype(np.float32)
PATTERNS = rng.integers(0, 255, (3, 4, 5, 6)).astype(np.uint8)
LINE = {"Channel Width": np.float32(10), "Start Channel": np.float32(-200)}


def eds(path, **options):
    quantities = {
        "Window Integral/Al Ka1": MAP,
        "Composition/Al": MAP * 50,
        "Spectrum": COUNTS,
        "Live Time": MAP + 1,
    }
    angles = {"Detector Elevation": np.float32(np.pi / 6), "Detector Azimuth": np.float32(np.pi)}
    options = {"grid": (3, 4), "headers": {"EDS": {**LINE, **angles}}, **options}
    return write_h5oina(path, {"EDS": quantities}, **options)


@pytest.mark.parametrize("name", ["a.h5oina", "b.h5", "none"])
def test_a_file_is_known_by_what_is_in_it(tmp_path, name):
    assert io.identify(eds(tmp_path / name)) == "oxford"


@pytest.mark.parametrize("columns", [False, True])
def test_an_eds_map_has_spectra_and_maps_of_lines(tmp_path, columns):
    found = om.signals(om.open(eds(tmp_path / "a.h5oina", columns=columns)))
    assert sorted(found) == ["Al_Ka1", "Al_composition", "Live_Time", "Spectrum"]
    data = found["Spectrum"]
    assert data.dims == ("y", "x", "energy")
    np.testing.assert_array_equal(data, COUNTS)
    np.testing.assert_array_equal(data[1, ::2, 3:9], COUNTS[1, ::2, 3:9])
    np.testing.assert_allclose(data["energy"], -0.2 + 0.01 * np.arange(16), atol=1e-7)
    np.testing.assert_allclose(data["y"], 0.5 * np.arange(3))
    np.testing.assert_allclose(data["x"], 0.25 * np.arange(4))
    assert [data[dim].attrs["units"] for dim in data.dims] == ["µm", "µm", "keV"]
    assert (data.dtype, data.attrs["units"], data.attrs["modality"]) == (np.int32, "counts", "EDS")
    np.testing.assert_array_equal(found["Al_Ka1"], MAP)
    assert found["Al_Ka1"].attrs["units"] == "counts/s"
    np.testing.assert_array_equal(found["Al_composition"], MAP * 50)
    assert found["Al_composition"].attrs["units"] == "%"
    assert found["Live_Time"].attrs["units"] == "s"


def test_metadata_are_in_common_units(tmp_path):
    data = om.signals(om.open(eds(tmp_path / "a.h5oina")))["Spectrum"]
    metadata = data.attrs["metadata"]
    assert metadata["technique"] == "EDS"
    assert metadata["started"] == "2024-05-06T07:08:09"
    assert metadata["sample"]["name"] == "Specimen 1"
    assert metadata["comment"] == "a grain"
    assert metadata["beam"] == {"voltage": 20e3, "magnification": 500.0}
    assert metadata["detector"]["elevation_angle"] == pytest.approx(30, abs=1e-4)
    assert metadata["detector"]["azimuth_angle"] == pytest.approx(180, abs=1e-4)
    assert metadata["detector"]["dispersion"] == 10
    assert metadata["scan"]["rotation"] == pytest.approx(90, abs=1e-4)
    assert metadata["stage"] == pytest.approx({"x": 1.5e-3, "y": -2.5e-3, "alpha": 45})
    root = om.open(tmp_path / "a.h5oina").attrs["metadata"]
    assert root["instrument"] == {"vendor": "Oxford Instruments", "software": "6.2.1"}


def test_an_ebsd_map_has_angles_and_patterns(tmp_path):
    quantities = {
        "Euler": EULER,
        "Phase": (MAP > 0.5).astype(np.uint8),
        "Band Contrast": (MAP * 200).astype(np.uint8),
        "Mean Angular Deviation": MAP,
        "Processed Patterns": PATTERNS,
    }
    phases = {"EBSD": {"Phases/1/Phase Name": "Iron", "Camera Exposure Time": np.float32(12.5)}}
    path = write_h5oina(
        tmp_path / "a.h5oina",
        {"EBSD": quantities, "Data Processing": {"Euler": EULER + 1}},
        grid=(3, 4),
        headers=phases,
    )
    found = om.signals(om.open(path))
    euler = found["Euler"]
    assert (euler.dims, euler.attrs["units"]) == (("y", "x", "channel"), "rad")
    assert euler["channel"].values.tolist() == ["phi1", "Phi", "phi2"]
    np.testing.assert_array_equal(euler, EULER)
    np.testing.assert_array_equal(found["Euler_processed"], EULER + 1)
    patterns = found["Processed_Patterns"]
    assert patterns.dims == ("y", "x", "ky", "kx")
    np.testing.assert_array_equal(patterns[2, 1:3], PATTERNS[2, 1:3])
    assert euler.attrs["modality"] == "EBSD"
    assert euler.attrs["metadata"]["detector"]["exposure_time"] == pytest.approx(12.5e-3)
    assert euler.attrs["original_metadata"]["Phases"]["1"]["Phase Name"] == ["Iron"]


def test_a_line_has_one_dimension(tmp_path):
    path = eds(tmp_path / "a.h5oina", steps=(0.0, 0.25), grid=(1, 12))
    found = om.signals(om.open(path))
    assert (found["Spectrum"].dims, found["Al_Ka1"].dims) == (("x", "energy"), ("x",))
    np.testing.assert_array_equal(found["Spectrum"], COUNTS.reshape(12, 16))
    np.testing.assert_allclose(found["Al_Ka1"]["x"], 0.25 * np.arange(12))


def test_images_have_a_grid_of_their_own_and_layers_their_colours(tmp_path):
    shades = rng.integers(0, 60000, (3, 4)).astype(np.uint16)
    colours = rng.integers(0, 255, (3, 4, 3)).astype(np.uint8)
    path = write_h5oina(
        tmp_path / "a.h5oina",
        {
            "Electron Image": {"SE/Electron Image 1": shades, "BSE/Topo": shades + 1},
            "Layered Image/EDS Layered Image 1": {"Color": colours},
        },
        grid=(3, 4),
        headers={"Electron Image": {"Dwell Time": np.float32(5), "X Step": np.float32(0.125)}},
    )
    found = om.signals(om.open(path))
    assert list(found) == ["Topo", "Electron_Image_1", "EDS_Layered_Image_1"]
    np.testing.assert_array_equal(found["Electron_Image_1"], shades)
    np.testing.assert_allclose(found["Topo"]["x"], 0.125 * np.arange(4))
    assert found["Topo"].attrs["metadata"]["scan"]["dwell_time"] == pytest.approx(5e-6)
    layered = found["EDS_Layered_Image_1"]
    assert layered.dims == ("y", "x", "channel")
    np.testing.assert_array_equal(layered, colours)


def test_features_are_groups(tmp_path):
    tree = om.open(eds(tmp_path / "a.h5oina", slices=("7", "12")))
    assert sorted(tree.children) == ["12", "7"]
    np.testing.assert_array_equal(tree["7/Spectrum/signal"], COUNTS)


def test_what_does_not_fit_the_grid_is_listed(tmp_path):
    path = eds(tmp_path / "a.h5oina")
    with h5py.File(path, "r+") as file:
        file["1/EDS/Data/Odd"] = np.zeros(5)
        file["1/EDS/Data/Table"] = np.zeros((12, 7))
    measurement = read(path)
    assert measurement.attrs["not_read"] == ["/1/EDS/Data/Odd", "/1/EDS/Data/Table"]


@pytest.mark.parametrize("cells", [0, -3, 2**30])
def test_a_grid_that_makes_no_sense_is_named(tmp_path, cells):
    path = eds(tmp_path / "a.h5oina")
    with h5py.File(path, "r+") as file:
        file["1/EDS/Header/X Cells"][...] = cells
    with pytest.raises(om.FormatError, match="makes no sense"):
        read(path)


def test_a_wrong_grid_leaves_nothing(tmp_path):
    path = eds(tmp_path / "a.h5oina")
    with h5py.File(path, "r+") as file:
        file["1/EDS/Header/X Cells"][...] = 5
    with pytest.raises(om.FormatError, match="no arrays that fit"):
        read(path)
