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


def test_steps_bins_noise_and_mean_spectra_are_beside_the_raw_data(tmp_path):
    rng = np.random.default_rng(3)
    bias = np.stack([np.array([0.0, 2.0, 4.0, -3.0]), np.full(4, 0.25)], axis=1).ravel()
    values = rng.standard_normal((2, 3, 8, 5)) + 1j * rng.standard_normal((2, 3, 8, 5))
    parameters = encoder.encode_parameters((2, 3), steps=4, fields="in and out-of-field")
    frequency = np.linspace(300e3, 340e3, 5)
    (tmp_path / "newdataformat").mkdir()
    folder = encoder.write_ndf(
        tmp_path / "newdataformat/s_parms.txt", values.astype(np.complex64), parameters,
        bias=bias, frequency=frequency,
    )  # fmt: skip
    tree, path = om.open(folder), tmp_path / "a.h5"
    om.save(tree, path, format="usid")
    with h5py.File(path) as file:
        assert file.attrs["data_type"] == "BEPSData"
        channel = file["Measurement_000/Channel_000"]
        raw = channel["Raw_Data"]
        for name in ("UDVS", "UDVS_Indices", "UDVS_Labels", "Bin_Step", "Bin_Indices",
                     "Bin_Frequencies", "Bin_FFT", "Bin_Wfm_Type", "Noise_Floor"):  # fmt: skip
            assert file[raw.attrs[name]].name == f"{channel.name}/{name}"
        np.testing.assert_allclose(channel["Bin_Frequencies"], frequency)
        np.testing.assert_allclose(channel["Bin_FFT"], 0.25 - 0.5j)
        table = channel["UDVS"]
        assert table.attrs["labels"].tolist()[-2:] == [b"in-field", b"out-of-field"]
        loop = bias[::2]
        # Outside of the field comes first here; every step has the bias of its loop.
        np.testing.assert_array_equal(table[:, 5], [*[np.nan] * 4, *loop])
        np.testing.assert_array_equal(table[table.attrs["out-of-field"]].ravel(),
                                      [*loop, *[np.nan] * 4])  # fmt: skip
        np.testing.assert_array_equal(table[:, 1], [*[0.0] * 4, *loop])
        np.testing.assert_allclose(table[:, 2], 1.5)
        np.testing.assert_array_equal(channel["UDVS_Indices"], np.repeat(np.arange(8), 5))
        steps = file[raw.attrs["Spectroscopic_Values"]]
        labels = steps.attrs["labels"].tolist()
        assert labels == [b"Frequency", b"DC_Offset", b"Field"]
        np.testing.assert_allclose(steps[steps.attrs["DC_Offset"]].ravel()[::5], [*loop, *loop])
        noise = channel["Noise_Floor"]
        assert noise.shape == (6, 8)
        np.testing.assert_allclose(noise["sub_band"], 3e-3 * np.outer(np.arange(1, 7), np.ones(8)))
        for number, name in enumerate(("in-field", "out-of-field")):
            group = channel[f"Spatially_Averaged_Plot_Group_{number:03d}"]
            assert group.attrs["Name"] == name
            mean = values[:, :, number::2].mean(axis=(0, 1))
            np.testing.assert_allclose(group["Mean_Spectrogram"], mean, rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(group["Step_Averaged_Response"], mean.mean(axis=0),
                                       rtol=1e-5, atol=1e-6)  # fmt: skip
            np.testing.assert_array_equal(group["Spectroscopic_Parameter"], loop)
    again = om.open(path)["Excitation_1"]["signal"]
    np.testing.assert_array_equal(again, tree["Excitation_1"]["signal"])
    assert sorted(om.open(path).children) == ["Excitation_1"]


def test_points_that_were_not_measured_have_no_part_in_mean_spectra(tmp_path):
    values = np.ones((2, 2, 4, 3), np.complex64) * np.arange(1, 5).reshape(2, 2, 1, 1)
    parameters = encoder.encode_parameters((2, 2), steps=4, bins=3)
    folder = encoder.write_odf(tmp_path / "s_parms.txt", {"read": values}, parameters)
    for each in tmp_path.glob("*.dat"):
        each.write_bytes(each.read_bytes()[:-48])  # the last point is missing
    om.save(om.open(folder), tmp_path / "a.h5", format="usid")
    with h5py.File(tmp_path / "a.h5") as file:
        group = file["Measurement_000/Channel_000/Spatially_Averaged_Plot_Group_000"]
        np.testing.assert_allclose(group["Mean_Spectrogram"], np.full((4, 3), 2.0))


def test_loops_lie_beside_the_fit_of_their_resonances(tmp_path):
    tree, resonances, _ = measured(tmp_path)
    loops = om.spm.project_loops(resonances)
    found = om.spm.fit_loops(loops, restarts=0)
    tree["results/projected"] = xr.DataTree(loops)
    tree["results/measures"] = xr.DataTree(om.spm.measure_loops(loops))
    tree["results/fit_loops"] = xr.DataTree(found)
    tree["results/switching"] = xr.DataTree(om.spm.switching_parameters(found))
    path = tmp_path / "a.h5"
    om.save(tree, path, format="usid")
    with h5py.File(path) as file:
        sho = file["Measurement_000/Channel_000/Raw_Data-SHO_Fit_000"]
        group = sho["Fit-Loop_Fit_000"]
        for each in (sho, group):
            assert each["Guess"] == each["Fit"]
            assert each.attrs["last_pixel"] == 6
            assert each["completed_fit_positions"][()].all()
        np.testing.assert_array_equal(
            group["Projected_Loops"], loops["response"].values.reshape(6, 16)
        )
        measures = om.spm.measure_loops(loops)
        np.testing.assert_allclose(
            group["Loop_Metrics"]["Centroid x"].ravel(), measures["centroid_bias"].values.ravel()
        )
        np.testing.assert_allclose(
            group["Loop_Metrics"]["Rotation Angle [rad]"].ravel(),
            np.radians(loops["rotation"].values.ravel()),
        )
        expected = found["a3"].values.ravel()
        np.testing.assert_allclose(group["Fit_Loop_Parameters"]["V+"].ravel(), expected)
        assert file[group.attrs["source_000"]] == sho["Fit"]
    names = ["fit_loops", "fit_oscillator", "measures", "projected", "switching"]
    assert sorted(om.open(path)["results"].children) == names


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


def test_noise_and_excitation_beside_spectra_are_along_their_dimensions(tmp_path, add, grid, yx):
    rng = np.random.default_rng(6)
    steps = grid(("DC_Offset", "V", np.array([0.0, 2.0, -2.0])),
                 ("Frequency", "Hz", 3e5 + np.arange(4.0)))  # fmt: skip
    floor = np.zeros((12, 3), [(name, np.float32) for name in ("super_band", "sub_band")])
    floor["sub_band"] = rng.random((12, 3))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        channel = file.create_group("Measurement_000/Channel_000")
        add(channel, rng.random((12, 12)) + 0j, yx, steps)
        channel["Noise_Floor"] = floor
        channel["Bin_FFT"] = np.arange(4) * (1 + 2j)
        channel["Bin_Step"] = np.arange(4)
    node = om.open(tmp_path / "a.h5")["Raw_Data"]
    bias = next(dim for dim in node["signal"].dims if dim not in ("y", "x", "frequency"))
    assert node["noise_floor_sub_band"].dims == ("y", "x", bias)
    expected = floor["sub_band"].reshape(3, 4, 3)
    np.testing.assert_array_equal(node["noise_floor_sub_band"], expected)
    np.testing.assert_array_equal(node["noise_floor_sub_band"][1, 2:, 1], expected[1, 2:, 1])
    assert node["noise_floor_sub_band"].attrs["units"] == "V"
    assert node["excitation"].dims == ("frequency",)
    np.testing.assert_array_equal(node["excitation"], np.arange(4) * (1 + 2j))
    assert node["Bin_Step"].dims == ("Bin_Step_0",)
