"""Files of generalised oscillator strengths."""

import h5py
import numpy as np
import pytest

import omniscopy as om
from omniscopy.testing.files.gosh import Strengths, write_gosh

WAVES, FREE = np.geomspace(1e8, 1e11, 5), np.array([0.5, 2.0, 8.0, 32.0])
VALUES = np.arange(20.0).reshape(5, 4) / 64
EDGES = {"L3": ("L23", 0.667), "K": ("K1", 1.0)}


def test_tables_are_by_element_and_shell_with_their_axes(tmp_path):
    tables = {
        "Ti/L23": Strengths(WAVES, FREE, VALUES, 449.5), "O/K1": Strengths(WAVES, FREE, 2 * VALUES)
    }  # fmt: skip
    path = write_gosh(tmp_path / "a.gosh", tables, edges=EDGES)
    assert om.io.identify(path) == "gosh"
    tree = om.open(path)
    assert set(om.signals(tree)) == {"Ti/L23", "O/K1"}
    found = om.open_signal(path, "Ti/L23")
    assert found.dims == ("q", "energy")
    np.testing.assert_array_equal(found, VALUES)
    np.testing.assert_allclose(found["q"], WAVES, rtol=1e-6)
    np.testing.assert_array_equal(found["energy"], FREE)
    units = found.attrs["units"], found["q"].attrs["units"], found["energy"].attrs["units"]
    assert units == ("1/eV", "1/m", "eV")
    assert found.attrs["original_metadata"]["onset"] == 449.5
    edges = tree.attrs["original_metadata"]["metadata"]["edges_info"]
    assert edges["L3"]["table"] == "L23"
    assert edges["L3"]["occupancy_ratio"] == pytest.approx(0.667)
    assert om.validate(found) == []


def test_several_variants_are_a_dimension(tmp_path):
    both = np.stack([VALUES, 3 * VALUES], axis=-1)
    path = write_gosh(tmp_path / "a.gosh", {"O/K1": Strengths(WAVES, FREE, both)})
    found = om.open_signal(path)
    assert found.dims == ("variant", "q", "energy")
    np.testing.assert_array_equal(found[1], 3 * VALUES)


def test_tables_that_do_not_fit_their_axes_are_refused_or_left_out(tmp_path):
    tables = {"O/K1": Strengths(WAVES, FREE, VALUES), "C/K1": Strengths(WAVES[:3], FREE, VALUES)}
    path = write_gosh(tmp_path / "a.gosh", tables)
    with pytest.raises(om.FormatError, match=r"C/K1.*shape \(5, 4, 1\) for 3 q and 4 energies"):
        om.open(path)
    tree = om.open(path, partial=True)
    assert list(om.signals(tree)) == ["O/K1"]
    assert tree.attrs["not_read"] == ["C/K1"]


def test_axes_that_do_not_ascend_are_refused(tmp_path):
    path = write_gosh(tmp_path / "a.gosh", {"O/K1": Strengths(WAVES[::-1], FREE, VALUES)})
    with pytest.raises(om.FormatError, match="numbers that ascend were expected"):
        om.open(path)


def test_a_file_without_tables_is_refused(tmp_path):
    path = write_gosh(tmp_path / "a.gosh", {})
    with pytest.raises(om.FormatError, match="holds no oscillator strengths"):
        om.open(path)
    with h5py.File(path, "r+") as file:
        file.attrs["file_format"] = "other"
    with pytest.raises(om.FormatError):
        om.open(path, reader="gosh")
