"""Near-field spectra of neaSPEC."""

import numpy as np
import pytest

import omniscopy as om
from omniscopy.testing.files.neaspec import write_neaspec
from omniscopy.testing.formats import bit_flips, check_damage, check_reader, truncations

RNG = np.random.default_rng(7)
LABELS = np.array([500.0, 510.0, 521.5, 540.0, 555.0])


def harmonics(*shape):
    return {title: RNG.normal(size=shape) for title in ("O1A", "O1P", "M1A")}


def test_maps_of_spectra_are_by_row_and_column(tmp_path):
    values = harmonics(3, 4, 1, 5)
    path = write_neaspec(tmp_path / "a.txt", values, LABELS)
    check_reader("neaspec", path)
    tree = om.open(path)
    found = om.signals(tree)
    assert list(found) == ["O1A", "O1P", "M1A"]
    for title, data in found.items():
        assert data.dims == ("y", "x", "wavenumber")
        np.testing.assert_allclose(data, values[title][:, :, 0], rtol=1e-8)
    amplitude, phase = found["O1A"], found["O1P"]
    assert (phase.attrs["units"], phase.attrs["quantity"]) == ("rad", "phase")
    assert amplitude.attrs["quantity"] == "amplitude"
    np.testing.assert_allclose(amplitude["wavenumber"], LABELS)
    assert amplitude["wavenumber"].attrs["units"] == "1/cm"
    np.testing.assert_allclose(amplitude["x"], 0.5 * np.arange(4))
    np.testing.assert_allclose(amplitude["y"], 0.5 * np.arange(3))
    assert amplitude["x"].attrs["units"] == "µm"
    said = tree.attrs["metadata"]
    assert said["started"] == "2019-05-18T15:12:53"
    assert (said["title"], said["comment"]) == ("Samples", "Gold")
    assert said["scan"] == {"rotation": 30.0}
    assert said["probe"] == {"drive_frequency": 237581.187}
    assert said["instrument"]["software"] == "neaSCAN 1.8.4702.0"


def test_single_spectra_lines_and_interferograms(tmp_path):
    values = harmonics(1, 1, 1, 5)
    single = om.open_signal(write_neaspec(tmp_path / "a.txt", values, LABELS), "O1A")
    assert single.dims == ("wavenumber",)
    np.testing.assert_allclose(single, values["O1A"].ravel(), rtol=1e-8)
    values = harmonics(1, 4, 1, 5)
    line = om.open_signal(write_neaspec(tmp_path / "b.txt", values, LABELS), "O1A")
    assert line.dims == ("x", "wavenumber")
    values = {**harmonics(2, 1, 3, 6), "Z": RNG.normal(size=(2, 1, 3, 6))}
    path = write_neaspec(tmp_path / "c.txt", values)
    runs = om.open_signal(path, "O1P")
    assert runs.dims == ("y", "cycle", "sample")
    np.testing.assert_allclose(runs, values["O1P"][:, 0], rtol=1e-8)
    np.testing.assert_allclose(om.open_signal(path, "Z"), values["Z"][:, 0], rtol=1e-8)


def test_maps_that_were_stopped_are_filled(tmp_path):
    values = harmonics(3, 4, 1, 5)
    for array in values.values():
        array[1, 2, 0, 3:] = array[1, 3:] = array[2] = np.nan
    found = om.open_signal(write_neaspec(tmp_path / "a.txt", values, LABELS), "O1A")
    np.testing.assert_allclose(found, values["O1A"][:, :, 0], rtol=1e-8)
    assert found.attrs["incomplete"]["missing_from"] == np.isfinite(values["O1A"]).sum()


def test_lines_without_a_place_are_left_out(tmp_path):
    values = harmonics(2, 2, 1, 5)
    path = write_neaspec(tmp_path / "a.txt", values, LABELS)
    text = path.read_text("utf-8")
    path.write_text(text + "x\t0\t9\t1000\t1\t2\t3\t\n", "utf-8")
    found = om.open_signal(path, "O1A")
    np.testing.assert_allclose(found, values["O1A"][:, :, 0], rtol=1e-8)
    assert "incomplete" not in found.attrs


def test_files_that_are_cut_short_are_refused_or_filled(tmp_path):
    values = harmonics(2, 2, 1, 5)
    path = write_neaspec(tmp_path / "a.txt", values, LABELS)
    path.write_bytes(path.read_bytes()[:-6])
    with pytest.raises(om.FormatError, match="the last line is not whole"):
        om.open(path)
    found = om.open_signal(path, "O1A", partial=True)
    assert np.isnan(found[1, 1, -1])
    np.testing.assert_allclose(found[:, 0], values["O1A"][:, 0, 0], rtol=1e-8)
    assert found.attrs["incomplete"]["missing_from"] == 19


def test_damage_is_refused_or_harmless(tmp_path):
    path = write_neaspec(tmp_path / "a.txt", harmonics(2, 2, 1, 5), LABELS)
    content = path.read_bytes()
    for damaged in (*truncations(content, 60), *bit_flips(content, 100, np.random.default_rng(1))):
        check_damage(path, damaged, folder=tmp_path)
