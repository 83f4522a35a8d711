"""Orientation maps of OIM in HDF5."""

import h5py
import numpy as np
import pytest

import omniscopy as om
from omniscopy.testing.files.edax_oim import write_oim

RNG = np.random.default_rng(6)
ANGLES = {name: RNG.random((3, 5)).astype(np.float32) for name in ("Phi1", "Phi", "Phi2", "CI")}
PHASE = np.arange(15, dtype=np.uint8).reshape(3, 5) % 3


def test_quantities_are_maps_with_their_units(tmp_path):
    path = write_oim(
        tmp_path / "a.oh5", {**ANGLES, "Phase": PHASE}, steps=(0.5, 0.25), start=(2.0, 1.0)
    )
    assert om.io.identify(path) == "edax_oim"
    tree = om.open(path)
    found = om.signals(tree)
    assert set(found) == {"Euler_angle_phi1", "Euler_angle_Phi", "Euler_angle_phi2",
                          "Confidence_index", "Phase"}  # fmt: skip
    phi = found["Euler_angle_Phi"]
    assert phi.dims == ("y", "x")
    assert phi.attrs["units"] == "rad"
    np.testing.assert_array_equal(phi, ANGLES["Phi"])
    np.testing.assert_array_equal(phi[1:, ::2], ANGLES["Phi"][1:, ::2])
    np.testing.assert_array_equal(phi[2, 1:4], ANGLES["Phi"][2, 1:4])
    np.testing.assert_array_equal(found["Phase"], PHASE)
    np.testing.assert_allclose(phi["y"], [2.0, 2.5, 3.0])
    np.testing.assert_allclose(phi["x"], 1.0 + 0.25 * np.arange(5))
    assert phi["x"].attrs["units"] == "µm"
    phase = phi.attrs["original_metadata"]["Phase"]
    assert "Nickel" in str(phase)
    assert phi.attrs["metadata"]["sample"]["name"] == "foil 7"
    assert phi.attrs["metadata"]["instrument"]["vendor"] == "EDAX"


def test_patterns_are_read_of_the_points_that_are_asked_for(tmp_path):
    patterns = RNG.integers(0, 255, (3, 5, 6, 7)).astype(np.uint8)
    path = write_oim(tmp_path / "a.h5", {**ANGLES, "Pattern": patterns}, steps=(1.0, 1.0))
    data = om.signals(om.open(path))["Pattern"]
    assert data.dims == ("y", "x", "ky", "kx")
    np.testing.assert_array_equal(data, patterns)
    np.testing.assert_array_equal(data[1, 2], patterns[1, 2])
    np.testing.assert_array_equal(data[::2, 1:4, 2, ::3], patterns[::2, 1:4, 2, ::3])
    assert data[0:0].compute().shape == (0, 5, 6, 7)


def test_points_of_a_hexagonal_grid_have_places(tmp_path):
    path = write_oim(tmp_path / "a.oh5", ANGLES, steps=(0.5, 0.25), grid="HexGrid")
    data = om.signals(om.open(path))["Euler_angle_phi1"]
    assert data.dims == ("point",)
    np.testing.assert_array_equal(data, ANGLES["Phi1"].ravel())
    np.testing.assert_allclose(data["y"], np.repeat([0, 0.5, 1.0], 5))
    assert data["x"].attrs["units"] == "µm"


def test_points_that_are_not_as_many_as_those_of_the_grid_are_no_map(tmp_path):
    path = write_oim(tmp_path / "a.oh5", ANGLES, steps=(0.5, 0.25), shape=(4, 5))
    assert om.signals(om.open(path))["Euler_angle_phi1"].dims == ("point",)


def test_every_scan_has_its_own_channels(tmp_path):
    path = write_oim(tmp_path / "a.oh5", ANGLES, steps=(1.0, 1.0), scans=("Scan 1", "Scan 2"))
    assert len(om.signals(om.open(path))) == 8


def test_what_is_no_quantity_of_the_points_is_listed(tmp_path):
    path = write_oim(tmp_path / "a.oh5", ANGLES, steps=(1.0, 1.0))
    with h5py.File(path, "r+") as file:
        file["1/EBSD/Data/Strange"] = np.arange(4)
        del file["1/EBSD/Header/Step X"]
    tree = om.open(path)
    assert "Strange" in str(tree.attrs["not_read"])
    assert "units" not in om.signals(tree)["Euler_angle_phi1"]["x"].attrs


def test_a_grid_without_size_is_refused_by_name(tmp_path):
    path = write_oim(tmp_path / "a.oh5", ANGLES, steps=(1.0, 1.0), shape=(0, 5))
    with pytest.raises(om.FormatError, match=r"a\.oh5.*0\.0 x 5\.0 points makes no sense"):
        om.open(path)
    path = write_oim(tmp_path / "b.oh5", ANGLES, steps=(1.0, 1.0))
    with h5py.File(path, "r+") as file:
        del file["1/EBSD/Data/Phi1"]
        file["1/EBSD/Data/Phi1"] = np.zeros((5, 3))
    with pytest.raises(om.FormatError, match="angles are no list of numbers"):
        om.open(path)
