"""Wyko interferometer files."""

import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.reading import read_measurement
from omniscopy.testing.files.surfaces import write_opd
from omniscopy.testing.formats import bit_flips, check_damage, check_reader, truncations

RNG = np.random.default_rng(4)
COUNTS = RNG.integers(-3000, 3000, (4, 6)).astype(np.int16)
WAVES = RNG.normal(size=(4, 6)).astype(np.float32)
IMAGE = RNG.integers(0, 256, (4, 6)).astype(np.uint8)


@pytest.mark.parametrize("name", ["RAW_DATA", "RAW DATA", "OPD", "SAMPLE_DATA", "Raw"])
def test_counts_are_hundredths_of_waves_with_row_0_on_top(tmp_path, name):
    counts = COUNTS.copy()
    counts[1, 2] = 32767
    path = write_opd(tmp_path / "a.opd", {name: counts, "Image": IMAGE})
    check_reader("wyko", path)
    tree = om.open(path)
    found = om.signals(tree)
    assert list(found) == ["Height", "Image"]
    height = found["Height"]
    expected = COUNTS * 6.325
    expected[1, 2] = np.nan
    np.testing.assert_allclose(height, expected, rtol=1e-6)
    np.testing.assert_array_equal(found["Image"], IMAGE)
    assert (height.attrs["units"], height.attrs["quantity"]) == ("nm", "height")
    np.testing.assert_allclose(height["x"], 0.002 * np.arange(6), rtol=1e-6)
    np.testing.assert_allclose(height["y"], 0.0025 * np.arange(4), rtol=1e-6)
    assert height["y"].attrs["units"] == "mm"
    said = tree.attrs["metadata"]
    assert (said["title"], said["started"]) == ("Step", "2005-03-04T06:07:08")


def test_floats_are_waves_without_a_multiplier(tmp_path):
    waves = WAVES.copy()
    waves[0, 5] = 1e38
    path = write_opd(tmp_path / "a.opd", {"RAW_DATA": waves}, {"Mult": None, "Date": "03/04/99"})
    tree = om.open(path)
    height = om.open_signal(path)
    expected = WAVES * 632.5
    expected[0, 5] = np.nan
    np.testing.assert_allclose(height, expected, rtol=1e-6)
    assert tree.attrs["metadata"]["started"] == "1999-03-04T06:07:08"
    path = write_opd(tmp_path / "b.opd", {"RAW_DATA": WAVES}, {"Wavelength": None})
    assert "units" not in om.open_signal(path).attrs


def test_it_agrees_with_surfacetopography(tmp_path):
    pytest.importorskip("SurfaceTopography")
    path = write_opd(tmp_path / "a.opd", {"RAW_DATA": COUNTS})
    theirs = read_measurement(path, reader="surfacetopography")[1].channels[0]
    ours = read_measurement(path)[1].channels[0]
    whole = (slice(None), slice(None))
    # Theirs are in mm.
    np.testing.assert_allclose(ours.data[whole], theirs.data[whole] * 1e6, rtol=1e-6)
    for axis, other in zip(ours.axes, theirs.axes, strict=True):
        np.testing.assert_allclose(axis.coordinate(), other.coordinate(), rtol=1e-6)


def test_files_that_are_cut_short_are_refused_or_filled(tmp_path):
    path = write_opd(tmp_path / "a.opd", {"Image": IMAGE, "RAW_DATA": COUNTS})
    content = path.read_bytes()
    end = content.index(COUNTS[::-1].T.tobytes()) + 2 * 4 * 4
    path.write_bytes(content[: end + 3])
    with pytest.raises(om.FormatError, match="'RAW_DATA' was expected to end"):
        om.open(path)
    height = om.open_signal(path, "Height", partial=True)
    np.testing.assert_array_equal(height[:, :4], COUNTS[:, :4])
    assert np.isnan(height[:, 4:]).all()
    assert height.attrs["incomplete"]["missing_from"] == 4
    path.write_bytes(content[:2] + b"Rectory" + content[9:])
    with pytest.raises(om.FormatError):
        om.open(path)


def test_damage_is_refused_or_harmless(tmp_path):
    path = write_opd(tmp_path / "a.opd", {"RAW_DATA": COUNTS, "Image": IMAGE})
    content = path.read_bytes()
    for damaged in (*truncations(content, 60), *bit_flips(content, 100, np.random.default_rng(1))):
        check_damage(path, damaged, folder=tmp_path)
