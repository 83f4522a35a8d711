"""AIST-NT files."""

import numpy as np
import pytest

import omniscopy as om
from omniscopy.testing.files.aist import write_aist
from omniscopy.testing.formats import bit_flips, check_damage, check_reader, truncations

RNG = np.random.default_rng(2)
HEIGHT, CURRENT = RNG.normal(size=(4, 5)), RNG.normal(size=(4, 5))
IMAGES = {"Height [nm]": HEIGHT, "Current [nA]": CURRENT}


def test_rasters_have_their_units_and_place(tmp_path):
    path = write_aist(tmp_path / "a.aist", IMAGES)
    check_reader("aist", path)
    found = om.signals(om.open(path))
    assert list(found) == ["Height", "Current"]
    np.testing.assert_array_equal(found["Height"], HEIGHT)
    np.testing.assert_array_equal(found["Current"], CURRENT)
    height = found["Height"]
    assert (height.attrs["units"], height.attrs["quantity"]) == ("nm", "height")
    assert found["Current"].attrs["units"] == "nA"
    np.testing.assert_allclose(height["x"], 10 + np.arange(5))
    np.testing.assert_allclose(height["y"], [1, 0, -1, -2])
    assert height["y"].attrs["units"] == "µm"


def test_curves_are_named_as_not_read(tmp_path):
    tree = om.open(write_aist(tmp_path / "a.aist", IMAGES, curve=True))
    assert tree.attrs["not_read"] == "curve"
    with pytest.raises(om.FormatError, match="no raster"):
        om.open(write_aist(tmp_path / "b.aist", {}, curve=True))


def test_a_file_that_is_cut_short_gives_what_is_whole(tmp_path):
    path = write_aist(tmp_path / "a.aist", IMAGES)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(om.FormatError, match="bytes were expected"):
        om.open(path)
    tree = om.open(path, partial=True)
    assert list(om.signals(tree)) == ["Height"]
    assert "end of the file" in tree.attrs["not_read"]


def test_damage_is_refused_or_harmless(tmp_path):
    path = write_aist(tmp_path / "a.aist", IMAGES, curve=True)
    content = path.read_bytes()
    for damaged in (*truncations(content, 80), *bit_flips(content, 100, np.random.default_rng(1))):
        check_damage(path, damaged, folder=tmp_path)
