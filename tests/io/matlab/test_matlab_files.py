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


def write_line(folder, number, data, **changes):
    parameters = {"samp_rate": 1000.0, "frequency": 10.3, "amp_gain": 1e6} | changes
    return write_mat(folder / f"line_{number}.mat", {"data": data, "parms": parameters})


def test_lines_of_a_folder_are_one_scan(tmp_path):
    lines = np.random.default_rng(3).standard_normal((12, 40, 2))
    for number, data in enumerate(lines):
        write_line(tmp_path, number + 1, data)
    tree = om.open(tmp_path)
    current, voltage = om.signals(tree).values()
    assert current.dims == ("y", "time")
    np.testing.assert_array_equal(current, lines[..., 0] / 1e6)
    np.testing.assert_array_equal(voltage[2:9:3, 5:], lines[2:9:3, 5:, 1])
    np.testing.assert_allclose(current["time"], np.arange(40) / 1000.0)
    assert "incomplete" not in current.attrs
    (tmp_path / "line_5.mat").unlink()
    current = om.signals(om.open(tmp_path))["Input_0"]
    assert np.isnan(current[4]).all()
    np.testing.assert_array_equal(current[5], lines[5, :, 0] / 1e6)
    assert current.attrs["incomplete"] == {
        "missing_from": 4,
        "reason": "1 of 12 files are not there",
    }


@pytest.mark.parametrize("base", [0, 1])
@pytest.mark.parametrize("name", ["result", "fSweep"])
def test_points_of_a_folder_are_one_scan(tmp_path, base, name):
    values = np.random.default_rng(3).standard_normal((3, 2, 4, 5))
    for row, column in np.ndindex(3, 2):
        path = tmp_path / f"{name}_r{row + base}_c{column + base}.mat"
        write_mat(path, {"AI_mat": values[row, column]})
    data = om.open_signal(tmp_path)
    assert data.dims == ("y", "x", "axis_0", "axis_1")
    np.testing.assert_array_equal(data, values)
    np.testing.assert_array_equal(data[1, :, ::2, 3], values[1, :, ::2, 3])
    assert float(data[1, 0, 2, 3]) == values[1, 0, 2, 3]
    assert om.io.identify(tmp_path) == "matlab"


def test_spectra_of_sweeps_become_responses_along_time(tmp_path):
    records = np.random.default_rng(4).standard_normal((2, 2, 3, 8))
    for row, column in np.ndindex(2, 2):
        spectra = np.fft.fftshift(np.fft.fft(records[row, column], axis=1), axes=1)
        write_mat(tmp_path / f"fSweep_r{row + 1}_c{column + 1}.mat", {"AI_mat": spectra})
    drives = np.array([1e4, 2e4, 3e4])
    said = {"freqArray": drives, "IOparms": {"downSampRate": np.array([4e6])}}
    write_mat(tmp_path / "parms.mat", said)
    data = om.open_signal(tmp_path)
    assert data.dims == ("y", "x", "drive_frequency", "time")
    np.testing.assert_allclose(data, records, atol=1e-12)
    np.testing.assert_allclose(data["time"], np.arange(8) / 4e6)
    np.testing.assert_array_equal(data["drive_frequency"], drives)
    assert (data.attrs["units"], data["drive_frequency"].attrs["units"]) == ("V", "Hz")
    (tmp_path / "parms.mat").write_bytes(b"MATLAB 5.0 MAT-file, but damaged")
    data = om.open_signal(tmp_path / "fSweep_r1_c2.mat")
    np.testing.assert_allclose(data, records[0, 1], atol=1e-12)


def test_files_of_a_scan_that_differ_are_named(tmp_path):
    write_line(tmp_path, 1, np.zeros((40, 2)))
    write_line(tmp_path, 2, np.zeros((41, 2)))
    data = om.signals(om.open(tmp_path))["Input_0"]
    with pytest.raises(om.FormatError, match=r"line_2\.mat.*shape \(40,\) was expected"):
        data.compute()
    write_line(tmp_path, 999_999, np.zeros((40, 2)))
    with pytest.raises(om.FormatError, match="not a data set"):
        om.open(tmp_path)
