"""Compound results of band excitation under our names."""

import h5py
import numpy as np
import pytest
import xarray as xr
from tests.io.usid.conftest import add_main, check_main, make_grid

import omniscopy as om
from omniscopy.testing.files import band_excitation as encoder

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


def measured(tmp_path):
    """Return a measurement of band excitation as it is read, with its fits as results."""
    rng = np.random.default_rng(1)
    frequency, f0 = np.linspace(326e3, 374e3, 30), rng.uniform(335e3, 365e3, (2, 3, 16, 1))
    shape = f0**2 / (frequency**2 - 1j * frequency * f0 / 80 - f0**2)
    folder = tmp_path / "measured"
    folder.mkdir()
    parameters = encoder.encode_parameters((2, 3), steps=16, bins=30)
    encoder.write_odf(folder / "s_parms.txt", {"read": 1e-3 * np.exp(0.4j) * shape}, parameters)
    tree = om.open(folder)
    data = om.signals(tree)["Band_excitation"]
    resonances = om.spm.fit_oscillator(data)
    tree["results/fit_oscillator"] = xr.DataTree(resonances)
    loops = om.spm.fit_loops(resonances["amplitude"], restarts=0)
    tree["results/fit_loops"] = xr.DataTree(loops)
    return tree, resonances, loops


def test_fits_are_written_as_programs_of_the_field_look_for_them(tmp_path):
    tree, resonances, loops = measured(tmp_path)
    path = tmp_path / "a.h5"
    om.save(tree, path, format="usid")
    with h5py.File(path) as file:
        said = file["Measurement_000"].attrs
        assert (said["data_type"], said["VS_mode"]) == ("BEPSData", "DC modulation mode")
        assert said["grid_num_rows"] == 2
        raw = file["Measurement_000/Channel_000/Raw_Data"]
        labels = file[raw.attrs["Spectroscopic_Indices"]].attrs["labels"].tolist()
        assert sorted(labels) == [b"DC_Offset", b"Frequency"]
        fit = file["Measurement_000/Channel_000/Raw_Data-SHO_Fit_000/Fit"]
        assert check_main(fit)
        assert list(fit.dtype.names) == OSCILLATOR
        assert fit.shape == (6, 16)
        expected = resonances["amplitude"].values.reshape(6, 16)
        np.testing.assert_array_equal(fit["Amplitude [V]"], expected)
        expected = np.radians(resonances["phase"].values.reshape(6, 16))
        np.testing.assert_allclose(fit["Phase [rad]"], expected)
        groups = []
        file.visit(groups.append)
        where = next(name for name in groups if name.endswith("Fit-Loop_Fit_000/Fit"))
        loop = file[where]
        assert list(loop.dtype.names) == LOOP
        np.testing.assert_array_equal(loop["a_3"].ravel(), loops["a3"].values.ravel())
        turned = 1 - loops["r_squared"].values.ravel()
        np.testing.assert_allclose(loop["R2 Criterion"].ravel(), turned)
        assert file[loop.parent.attrs["source_000"]].name == fit.name


def test_what_is_written_for_others_is_read_once_and_by_itself(tmp_path):
    tree, resonances, _ = measured(tmp_path)
    path = tmp_path / "a.h5"
    om.save(tree, path, format="usid")
    again = om.open(path)
    assert sorted(again["results"].children) == ["fit_loops", "fit_oscillator"]
    xr.testing.assert_identical(
        again["results/fit_oscillator"].to_dataset().compute()["phase"].variable,
        resonances["phase"].compute().variable,
    )
    # Another program copies what it knows, and nothing of ours.
    with h5py.File(path) as source, h5py.File(tmp_path / "b.h5", "w") as file:
        channel = "Measurement_000/Channel_000"
        raw = source[f"{channel}/Raw_Data"]
        fit = source[f"{channel}/Raw_Data-SHO_Fit_000/Fit"]
        for main, group in ((raw, channel), (fit, f"{channel}/Raw_Data-SHO_Fit_000")):
            where = file.require_group(group)
            made = where.create_dataset(main.name.rpartition("/")[2], data=main[()])
            made.attrs["quantity"], made.attrs["units"] = "a", main.attrs["units"]
            for side in ("Position_Indices", "Position_Values", "Spectroscopic_Indices",
                         "Spectroscopic_Values"):  # fmt: skip
                table = source[main.attrs[side]]
                copied = where.create_dataset(side, data=table[()])
                for key in ("labels", "units"):
                    copied.attrs[key] = table.attrs[key]
                made.attrs[side] = copied.ref
    found = om.open(tmp_path / "b.h5")["results/Raw_Data-SHO_Fit_000/Fit"]
    np.testing.assert_array_equal(found["quality_factor"], resonances["quality_factor"])
    phase = np.degrees(found["phase"])
    np.testing.assert_allclose(phase, resonances["phase"], rtol=1e-12)
