"""MATLAB files as measurements."""

import numpy as np
import pytest

import omniscopy as om
from omniscopy.testing.files.matlab import write_mat

rng = np.random.default_rng(1)
BIAS = np.array([0.0, 1.0, 2.0, 1.0, 0.0])


def test_arrays_of_any_file_are_channels(tmp_path):
    values = rng.standard_normal((3, 4))
    path = write_mat(tmp_path / "a.mat", {"map": values, "note": "abc", "one": np.array([2.0])})
    data = om.open_signal(path)
    np.testing.assert_array_equal(data, values)
    assert data.attrs["original_metadata"]["note"] == "abc"
    assert data.attrs["original_metadata"]["one"] == 2.0


@pytest.mark.parametrize("packed", [False, True])
def test_currents_of_reversal_curves_have_their_bias(tmp_path, packed):
    values = rng.standard_normal((2, 3, 5))
    path = write_mat(tmp_path / "a.mat", {"VS_amp_vec": BIAS, "IV_dat": values}, packed=packed)
    data = om.open_signal(path)
    assert data.dims == ("y", "x", "bias")
    np.testing.assert_array_equal(data, values)
    np.testing.assert_array_equal(data["bias"], BIAS)
    assert data.attrs["units"] == "nA"


def test_currents_in_cells_are_one_array(tmp_path):
    values = rng.standard_normal((2, 3, 5, 4))
    cells = np.empty((2, 3), object)
    for place in np.ndindex(2, 3):
        cells[place] = values[place]
    path = write_mat(tmp_path / "a.mat", {"dc_amp_cell3": BIAS, "current_cell3": cells})
    data = om.open_signal(path)
    assert data.dims == ("y", "x", "cycle", "bias")
    np.testing.assert_array_equal(data, values.transpose(0, 1, 3, 2))
    cells[1, 2] = cells[1, 2][:2]
    write_mat(path, {"dc_amp_cell3": BIAS, "current_cell3": cells})
    with pytest.raises(om.FormatError, match="the scan may not be finished"):
        om.open(path)
    write_mat(path, {"VS_amp_vec": BIAS[:4], "IV_dat": values})
    assert om.open_signal(path).sizes["bias"] == 4
    write_mat(path, {"VS_amp_vec": np.arange(7.0), "IV_dat": values})
    with pytest.raises(om.FormatError, match="no dimension of the 7 biases"):
        om.open(path)


def test_a_line_of_general_mode_has_current_time_and_bias(tmp_path):
    wave = np.sin(2 * np.pi * np.arange(50) / 50)
    data = rng.standard_normal((200, 2))
    parameters = {
        "samp_rate": np.array([1e5]), "amp_gain": np.array([1e9]),
        "frequency": np.array([2000.7]), "excit_wfm": wave,
    }  # fmt: skip
    path = write_mat(tmp_path / "line_1.mat", {"data": data, "parms": parameters})
    found = om.open_signal(path, "Input_0")
    np.testing.assert_allclose(found, data[:, 0] / 1e9)
    assert found.attrs["units"] == "A"
    np.testing.assert_allclose(found["time"], np.arange(200) / 1e5)
    np.testing.assert_allclose(found["bias"], np.tile(wave, 4))
    assert found.attrs["metadata"]["probe"]["drive_frequency"] == pytest.approx(2000.0)
    assert om.open_signal(path, "Input_1").attrs["units"] == "V"


def test_a_file_without_numbers_is_refused(tmp_path):
    path = write_mat(tmp_path / "a.mat", {"note": "abc"})
    with pytest.raises(om.FormatError, match="no array of numbers; it holds note"):
        om.open(path)
