"""Files as the acquisition program leaves them: put right in memory, untouched on disk."""

import h5py
import numpy as np
import pytest
from tests.io.usid.conftest import add_main, make_grid

import omniscopy as om
from omniscopy.io.usid.acquisition import indices_of

BIAS = [0.0, 1.0, 0.0, -1.0]


def write(path, **root):
    positions = make_grid(("Y", "um", [0, 1]), ("X", "um", [0, 1, 2]))
    labels, units, indices, places = make_grid(
        ("Cycle", "", [0, 1]), ("DC_Offset", "V", BIAS), ("Frequency", "Hz", [1.0, 2.0, 3.0])
    )
    values = np.arange(6 * 24, dtype=np.float32).reshape(6, 24)
    # The program counts by value, and so gives equal biases of a cycle the same number; it
    # names one dimension more than there are.
    wrong = indices.copy()
    wrong[:, 1] = np.searchsorted(np.unique(BIAS), places[:, 1])
    with h5py.File(path, "w") as file:
        file.attrs.update(root)
        group = file.create_group("Measurement_000/Channel_000")
        steps = ([*labels, "FORC"], [*units, ""], wrong, places)
        add_main(group, values, positions, steps)
    return values


def test_steps_are_numbered_by_their_order(tmp_path):
    path = tmp_path / "a.h5"
    values = write(path, DAQ_software_version_name="Band excitation V3")
    before = path.read_bytes()
    data = om.open_signal(path)
    assert data.dims == ("y", "x", "cycle", "bias", "frequency")
    np.testing.assert_array_equal(data, values.reshape(2, 3, 2, 4, 3))
    np.testing.assert_array_equal(data["bias"], BIAS)
    assert "indices and units" in data.attrs["repaired"]
    assert path.read_bytes() == before


def test_files_that_were_mended_or_are_of_others_are_read_as_they_are(tmp_path):
    write(tmp_path / "a.h5")
    write(tmp_path / "b.h5", DAQ_software_version_name="V3", translator="V3patcher")
    for name in ("a.h5", "b.h5"):
        data = om.open_signal(tmp_path / name)
        assert "repaired" not in data.attrs
        assert "sample" in data.dims


def unlink(path, *, units=True):
    """Take away what the program does not write: references, and all units."""
    with h5py.File(path, "r+") as file:
        file.attrs["date_string"], file.attrs["time_string"] = "2018-12-05", "3:41:45 PM"
        raw = file["Measurement_000/Channel_000/Raw_Data"]
        for name in list(raw.attrs):
            del raw.attrs[name]
        for each in list(raw.parent.values()):
            if not units and "units" in each.attrs:
                del each.attrs["units"]


def test_tables_without_references_and_units_are_found_and_filled(tmp_path):
    path = tmp_path / "a.h5"
    values = write(path, DAQ_software_version_name="Band excitation V3")
    with h5py.File(path, "r+") as file:
        file["Measurement_000/Channel_000"].create_dataset("Bin_Frequencies", data=np.arange(3.0))
        raw = file["Measurement_000/Channel_000/Raw_Data"]
        attrs = dict(raw.attrs)
        del file["Measurement_000/Channel_000/Raw_Data"]
        made = file.create_dataset("Measurement_000/Channel_000/Raw_Data", data=values * 1j)
        made.attrs.update(attrs)
    unlink(path, units=False)
    data = om.open_signal(path)
    assert om.io.identify(path) == "usid"
    assert data.dims == ("y", "x", "cycle", "bias", "frequency")
    np.testing.assert_array_equal(data, 1j * values.reshape(2, 3, 2, 4, 3))
    units = [data["bias"].attrs["units"], data["frequency"].attrs["units"]]
    assert (units, data.attrs["units"]) == (["V", "Hz"], "V")
    assert data.attrs["metadata"]["started"] == "2018-12-05T15:41:45"


def test_guesses_of_the_program_without_references_are_results(tmp_path):
    path = tmp_path / "a.h5"
    write(path, DAQ_software_version_name="Band excitation V3")
    with h5py.File(path, "r+") as file:
        group = file.create_group("Measurement_000/Channel_000/Raw_Data-SHO_Fit_000")
        guess = np.zeros((6, 1), [("Amplitude [V]", "f4"), ("Frequency [Hz]", "f4"),
                                  ("Quality Factor", "f4"), ("Phase [rad]", "f4")])  # fmt: skip
        guess["Frequency [Hz]"][:, 0] = np.arange(6)
        group.create_dataset("Guess", data=guess)
    found = om.open(path)["results/Raw_Data-SHO_Fit_000/Guess"]
    np.testing.assert_array_equal(found["resonance_frequency"], np.arange(6).reshape(2, 3))


def test_biases_of_writing_and_reading_are_dimensions(tmp_path):
    reading, writing = [-1.0, 0.0, 1.0], [0.0, 4.0, 0.0, -4.0]
    labels, units, indices, places = make_grid(
        ("read_bias", "V", reading), ("write_bias", "V", writing), ("Field", "", [0, 1])
    )
    numbered = indices.copy()
    numbered[:, 0] += 1  # the program counts from 1, and on and on
    numbered[:, 1] += 4 * indices[:, 0]
    positions = make_grid(("Y", "um", [0, 1]), ("X", "um", [0, 1, 2]))
    values = np.arange(6 * 24.0).reshape(6, 24)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        group = file.create_group("Measurement_000/Channel_000")
        add_main(group, values, positions, (labels, units, numbered, places))
    data = om.open_signal(tmp_path / "a.h5")
    assert data.dims == ("y", "x", "read_bias", "write_bias", "field")
    np.testing.assert_array_equal(data, values.reshape(2, 3, 3, 4, 2))
    np.testing.assert_array_equal(data["write_bias"], writing)
    found = om.spm.analyse_contact_kpfm(data.isel(field=1))
    assert found["contact_potential"].dims == ("y", "x", "write_bias")


def test_indices_count_changes_from_each_slower_one():
    half = [[5, 1], [5, 2], [7, 1], [7, 2], [5, 1], [5, 2]]
    values = np.array([[cycle, *steps] for cycle in (0, 1) for steps in half])
    made = indices_of(values)
    np.testing.assert_array_equal(made[:, 0], [0] * 6 + [1] * 6)
    np.testing.assert_array_equal(made[:, 1], [0, 0, 1, 1, 2, 2] * 2)
    np.testing.assert_array_equal(made[:, 2], [0, 1] * 6)


@pytest.mark.parametrize(
    ("units", "name"), [("mV", "bias"), ("mm", "DC_Offset"), ("", "DC_Offset")]
)
def test_an_offset_in_volts_is_the_bias_and_keeps_its_label(tmp_path, units, name):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        places = make_grid(("Y", "um", [0, 1]), ("X", "um", [0, 1, 2]))
        steps = make_grid(("DC_Offset", units, [0.0, 2.0, -2.0]), ("Frequency", "Hz", [1.0, 2.0]))
        add_main(file.create_group("Measurement_000/Channel_000"), np.zeros((6, 6)), places, steps)
    data = om.open_signal(tmp_path / "a.h5")
    assert data.dims == ("y", "x", name, "frequency")
    if name == "bias":
        assert data["bias"].attrs["long_name"] == "DC_Offset"
        assert (data["bias"].attrs["quantity"], data["bias"].attrs["units"]) == ("bias", "mV")
