"""Spectra of an area or a spot, made byte by byte."""

import numpy as np
import pytest

import omniscopy as om
from omniscopy.io import identify
from omniscopy.testing.files.jeol import encode_spectrum
from omniscopy.testing.formats import bit_flips, check_damage, check_reader, truncations

COUNTS = np.random.default_rng(0).poisson(3.0, 2048)


def write(path, *given, **options):
    path.write_bytes(encode_spectrum(COUNTS, *given, **options))
    return path


def test_counts_are_at_their_energies(tmp_path):
    path = write(tmp_path / "spot.eds", (0.01, -0.25))
    check_reader("jeol", path)
    data = om.open_signal(path)
    np.testing.assert_array_equal(data, COUNTS)
    np.testing.assert_allclose(data["energy"], -0.25 + 0.01 * np.arange(2048))
    assert (data.attrs["units"], data["energy"].attrs["units"]) == ("counts", "keV")
    metadata = data.attrs["metadata"]
    assert metadata["started"].startswith("2023-03-15T12:00:00")
    assert metadata["operator"] == "A user"
    assert metadata["detector"] == {"live_time": 42.5, "real_time": 50.0}
    assert data.attrs["original_metadata"]["SpName"] == "A sample"


@pytest.mark.parametrize("name", ["a.eds", "a.dat", "a"])
def test_a_spectrum_is_known_by_its_content(tmp_path, name):
    assert identify(write(tmp_path / name)) == "jeol"


def test_a_spectrum_that_is_cut_short_is_refused(tmp_path):
    path = write(tmp_path / "a.eds")
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(om.FormatError, match=r"needs 8192 bytes.*cut short"):
        om.open(path)


def test_damage_gives_an_error_of_ours_or_data(tmp_path):
    path = write(tmp_path / "a.eds")
    content = path.read_bytes()
    for each in truncations(content, 512):
        check_damage(path, each, folder=tmp_path)
    for each in bit_flips(content[:470], 100, np.random.default_rng(1)):
        check_damage(path, each + content[470:], folder=tmp_path)
