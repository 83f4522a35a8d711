"""Omicron SCALA measurements."""

import numpy as np
import pytest

import omniscopy as om
from omniscopy.testing.files.omicron_scala import write_scala
from omniscopy.testing.formats import bit_flips, check_reader, truncations

RNG = np.random.default_rng(5)
COUNTS = [RNG.integers(-9000, 9000, (3, 4)) for _ in range(3)]
IMAGES = [("Z", "Forward", COUNTS[0]), ("Z", "Backward", COUNTS[1]), ("I", "Forward", COUNTS[2])]
CURVES = [RNG.integers(-900, 900, 5) for _ in range(2)]


def test_images_are_in_their_units_with_row_0_on_top(tmp_path):
    path = write_scala(tmp_path / "m1.par", IMAGES)
    check_reader("omicron_scala", path)
    tree = om.open(path)
    found = om.signals(tree)
    assert list(found) == ["Topography_forward", "Topography_backward", "Current_forward"]
    for data, counts, step in zip(found.values(), COUNTS, (0.002, 0.002, 0.001), strict=True):
        np.testing.assert_allclose(data, counts * step, atol=1e-9)
    height = found["Topography_forward"]
    assert (height.attrs["units"], found["Current_forward"].attrs["units"]) == ("nm", "nA")
    np.testing.assert_allclose(height["x"], 5.0 * np.arange(4))
    np.testing.assert_allclose(height["y"], 5.0 * np.arange(3))
    said = tree.attrs["metadata"]
    assert said["started"] == "2001-02-03T14:05"
    assert (said["operator"], said["comment"], said["technique"]) == ("Binnig", "Si(111)", "STM")
    assert said["probe"]["bias"] == -1.5
    assert said["feedback"]["setpoint"] == "0.25 nA"
    assert said["scan"] == {"rotation": 30.0, "speed": pytest.approx(4e-8)}


def test_spectra_have_their_ramp_and_places(tmp_path):
    places = [(1.5, 2.5), (3.0, -4.0)]
    path = write_scala(tmp_path / "m1.par", IMAGES[:1], CURVES, places=places)
    spectra = om.signals(om.open(path))["Current_spectra"]
    assert spectra.dims == ("point", "bias")
    np.testing.assert_allclose(spectra, np.array(CURVES) * 0.001, atol=1e-9)
    np.testing.assert_allclose(spectra["bias"], np.linspace(-1, 1, 5))
    np.testing.assert_allclose(spectra["x"], [1.5, 3.0])
    np.testing.assert_allclose(spectra["y"], [2.5, -4.0])
    assert (spectra.attrs["units"], spectra["x"].attrs["units"]) == ("nA", "nm")


def test_spectra_on_a_grid_lie_on_pixels_of_the_image(tmp_path):
    images = [("Z", "Forward", RNG.integers(-9, 9, (5, 4)))]
    grid = RNG.integers(-900, 900, (2, 2, 6))
    path = write_scala(tmp_path / "m1.par", images, grid=grid)
    check_reader("omicron_scala", path)
    found = om.signals(om.open(path))
    spectra, height = found["Current_map_forward"], found["Topography_forward"]
    assert spectra.dims == ("y", "x", "bias")
    np.testing.assert_allclose(spectra, grid * 0.001, atol=1e-9)
    np.testing.assert_allclose(spectra["bias"], np.linspace(-1, 1, 6))
    # The lowest line of the image is the first that was scanned.
    np.testing.assert_allclose(spectra["y"], height["y"][[1, 4]])
    np.testing.assert_allclose(spectra["x"], height["x"][[0, 2]])
    assert spectra.attrs["units"] == "nA"
    file = tmp_path / "m1.sf0"
    file.write_bytes(file.read_bytes()[:-2])
    with pytest.raises(om.FormatError, match="2 by 2 spectra of 6 points"):
        om.open(path)
    assert om.open(path, partial=True).attrs["not_read"] == "m1.sf0"


def test_data_that_are_missing_or_cut_short_are_named(tmp_path):
    path = write_scala(tmp_path / "m1.par", IMAGES, CURVES)
    data = tmp_path / "M1.TB0"
    whole = data.read_bytes()
    data.write_bytes(whole[:-3])
    with pytest.raises(om.FormatError, match="3 lines of 4 points"):
        om.open(path)
    found = om.open_signal(path, "Topography_backward", partial=True)
    assert np.isnan(found[0]).all()
    np.testing.assert_allclose(found[1:], COUNTS[1][1:] * 0.002, atol=1e-9)
    data.unlink()
    with pytest.raises(om.FormatError, match=r"m1\.tb0"):
        om.open(path)
    tree = om.open(path, partial=True)
    assert tree.attrs["not_read"] == "m1.tb0"
    data.write_bytes(whole)
    text = (tmp_path / "m1.cs0").read_text()
    (tmp_path / "m1.cs0").write_text(text[: text.rindex("BEGIN") + 60])
    with pytest.raises(om.FormatError, match="2 curves of 5 points"):
        om.open(path)
    spectra = om.open_signal(path, "Current_spectra", partial=True)
    np.testing.assert_allclose(spectra[0], CURVES[0] * 0.001, atol=1e-9)
    assert np.isnan(spectra[1, -1])


def test_damage_is_refused_or_harmless(tmp_path):
    path = write_scala(tmp_path / "m1.par", IMAGES, CURVES, places=[(0, 0), (1, 1)])
    for file in (path, tmp_path / "m1.cs0"):
        content = file.read_bytes()
        for damaged in (
            *truncations(content, 100),
            *bit_flips(content, 40, np.random.default_rng(1)),
        ):
            file.write_bytes(damaged)
            for partial in (False, True):
                try:
                    for data in om.signals(om.open(path, partial=partial)).values():
                        data.load()
                except om.FormatError:
                    continue
        file.write_bytes(content)
