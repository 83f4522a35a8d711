"""Projects of EDAX APEX: no real file is at hand, so that they are laid out by hand."""

import h5py
import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.errors import UnsupportedFormatError
from omniscopy.testing.files.edax_apex import write_apex
from omniscopy.testing.formats import check_reader

rng = np.random.default_rng(6)
CUBE = rng.poisson(2, (3, 4, 50)).astype(np.int16)
SUM = CUBE.sum(axis=(0, 1)).astype(np.int32)


def signals(path):
    check_reader("edax_apex", path)
    tree = om.open(path)
    assert om.validate(tree) == []
    return {name.rpartition("/")[2]: data for name, data in om.signals(tree).items()}


@pytest.mark.parametrize("nested", [True, False])
def test_spectrum_images_have_energies_and_places(tmp_path, nested):
    path = write_apex(tmp_path / "a.edaxh5", cube=CUBE, spectrum=SUM, nested=nested)
    found = signals(path)
    cube, spectrum = found["SPD"], found["SPC"]
    assert cube.dims == ("y", "x", "energy")
    np.testing.assert_array_equal(cube, CUBE)
    np.testing.assert_allclose(cube["x"], 0.5 * np.arange(4))
    np.testing.assert_allclose(cube["y"], 0.25 * np.arange(3))
    np.testing.assert_allclose(cube["energy"], -0.2 + 0.01 * np.arange(50), atol=1e-9)
    assert [cube[dim].attrs["units"] for dim in cube.dims] == ["µm", "µm", "keV"]
    np.testing.assert_array_equal(spectrum, SUM)
    np.testing.assert_array_equal(spectrum["energy"], cube["energy"])
    assert cube.attrs["units"] == "counts"
    assert cube.attrs["metadata"]["beam"]["voltage"] == 15e3
    assert cube.attrs["metadata"]["detector"]["live_time"] == 42.0
    assert cube.attrs["original_metadata"]["SPC"]["Label"] == "sum"


def test_energies_of_another_number_of_channels_are_not_taken(tmp_path):
    path = write_apex(tmp_path / "a.edaxh5", cube=CUBE[..., :20], spectrum=SUM)
    cube = signals(path)["SPD"]
    assert "units" not in cube["energy"].attrs
    assert cube.attrs["energies_of_spectrum_beside"]["channels"] == 50


def test_images_maps_and_line_scans_are_read(tmp_path):
    image = rng.integers(0, 255, (5, 6)).astype(np.uint16)
    maps = {"Al K": rng.integers(0, 9, (3, 4)).astype(np.uint16)}
    scan = rng.integers(0, 9, (7, 50)).astype(np.int32)
    path = write_apex(tmp_path / "a.edaxh5", image=image, maps=maps, scan=scan)
    found = signals(path)
    np.testing.assert_array_equal(found["FOVIMAGE"], image)
    np.testing.assert_allclose(found["FOVIMAGE"]["x"], 0.1 * np.arange(6), rtol=1e-6)
    np.testing.assert_allclose(found["FOVIMAGE"]["y"], 0.2 * np.arange(5), rtol=1e-6)
    np.testing.assert_array_equal(found["Al_K"], maps["Al K"])
    np.testing.assert_allclose(found["Al_K"]["x"], 0.5 * np.arange(4))
    np.testing.assert_array_equal(found["LSD"], scan)
    assert found["LSD"].dims == ("x", "energy")
    assert found["LSD"]["energy"].attrs["units"] == "keV"


def test_groups_are_those_of_the_file(tmp_path):
    tree = om.open(write_apex(tmp_path / "a.edaxh5", cube=CUBE))
    assert "Project_1/Sample_1/Area_1/Live_Map_1/SPD" in {node.path[1:] for node in tree.subtree}


def test_a_project_is_known_without_its_company(tmp_path):
    path = write_apex(tmp_path / "a.h5", cube=CUBE, company="")
    assert om.io.identify(path) == "edax_apex"


def test_what_is_no_spectrum_image_is_refused(tmp_path):
    path = write_apex(tmp_path / "a.edaxh5", cube=CUBE)
    with h5py.File(path, "r+") as file:
        group = file["Project 1/Sample 1/Area 1/Live Map 1"]
        del group["SPD"]
        group["SPD"] = np.ones((3, 4))
    with pytest.raises(om.FormatError, match="a spectrum image was expected"):
        om.open(path)
    path = write_apex(tmp_path / "b.edaxh5", scan=np.ones((3, 4), np.int32))
    with h5py.File(path, "r+") as file:
        del file["Project 1/Sample 1/Area 1/LineScan 1/LSD"]
        file["Project 1/Sample 1/Area 1/LineScan 1/LSD"] = np.ones(5)
    with pytest.raises(om.FormatError, match="a line of spectra was expected"):
        om.open(path)
    with pytest.raises(UnsupportedFormatError, match="holds no spectra"):
        om.open(write_apex(tmp_path / "c.edaxh5"))
    path = write_apex(tmp_path / "d.edaxh5", image=np.ones((4, 5)))
    with h5py.File(path, "r+") as file:
        file["Project 1/Sample 1/Area 1/FOVIMAGE"].attrs["PixelWidth"] = np.array([7])
    with pytest.raises(UnsupportedFormatError, match="holds no spectra"):
        om.open(path)
