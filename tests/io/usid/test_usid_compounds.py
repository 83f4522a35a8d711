"""Compound results of band excitation under our names."""

import h5py
import numpy as np
import pytest
from tests.io.usid.conftest import add_main, make_grid

import omniscopy as om

OSCILLATOR = ["Amplitude [V]", "Frequency [Hz]", "Quality Factor", "Phase [rad]", "R2 Criterion"]
LOOP = [f"a_{n}" for n in range(5)] + [f"b_{n}" for n in range(4)] + ["R2 Criterion"]
SWITCHING = ["V+", "V-", "Imprint", "R+", "R-", "Switchable Polarization", "Work of Switching",
             "Nucleation Bias 1", "Nucleation Bias 2"]  # fmt: skip


def write(path, fields, *, precision="f8", group="Raw_Data-SHO_Fit_000"):
    values = np.zeros((6, 1), [(name, precision) for name in fields])
    for number, name in enumerate(fields):
        values[name][:, 0] = 0.01 * (number + 1) + 0.1 * np.arange(6)
    positions = make_grid(("Y", "um", [0, 1]), ("X", "um", [0, 1, 2]))
    steps = make_grid(("DC_Offset", "V", [0.0]))
    with h5py.File(path, "w") as file:
        where = file.create_group(f"Measurement_000/Channel_000/{group}")
        add_main(where, values, positions, steps, name="Fit", quantity="SHO", units="compound")
    return values


@pytest.mark.parametrize("precision", ["f4", "f8"])
def test_oscillators_have_the_names_of_our_fits(tmp_path, precision):
    values = write(tmp_path / "a.h5", OSCILLATOR, precision=precision)
    found = om.open(tmp_path / "a.h5")["results/Raw_Data-SHO_Fit_000/Fit"]
    names = ["amplitude", "resonance_frequency", "quality_factor", "phase", "r_squared"]
    for ours, theirs in zip(names, OSCILLATOR, strict=True):
        np.testing.assert_array_equal(found[ours].values.ravel(), values[theirs].ravel())
        assert found[ours].attrs["long_name"] == theirs
    units = [found[name].attrs["units"] for name in names]
    assert units == ["V", "Hz", "1", "rad", "1"]


def test_the_criterion_of_loops_is_turned_and_says_so(tmp_path):
    values = write(tmp_path / "a.h5", LOOP)
    found = om.open(tmp_path / "a.h5")["results/Raw_Data-SHO_Fit_000/Fit"]
    np.testing.assert_array_equal(found["a3"].values.ravel(), values["a_3"].ravel())
    np.testing.assert_array_equal(found["b2"].values.ravel(), values["b_2"].ravel())
    np.testing.assert_allclose(
        found["r_squared"].values.ravel(), 1 - values["R2 Criterion"].ravel()
    )
    assert "1 - R2 is stored" in found["r_squared"].attrs["comment"]
    assert found["a2"].attrs["units"] == "V"


def test_switching_parameters_have_our_names(tmp_path):
    values = write(tmp_path / "a.h5", SWITCHING)
    found = om.open(tmp_path / "a.h5")["results/Raw_Data-SHO_Fit_000/Fit"]
    made = found["positive_coercive_bias"].values.ravel()
    np.testing.assert_array_equal(made, values["V+"].ravel())
    assert "negative_nucleation_bias" in found


def test_other_compounds_keep_their_names(tmp_path):
    write(tmp_path / "a.h5", ["Amplitude [V]", "Colour"])
    found = om.open(tmp_path / "a.h5")["results/Raw_Data-SHO_Fit_000/Fit"]
    assert set(found.data_vars) == {"Amplitude", "Colour"}
