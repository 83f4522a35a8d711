"""Files as the acquisition program leaves them: put right in memory, untouched on disk."""

import h5py
import numpy as np
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
    assert data.dims == ("y", "x", "cycle", "DC_Offset", "frequency")
    np.testing.assert_array_equal(data, values.reshape(2, 3, 2, 4, 3))
    np.testing.assert_array_equal(data["DC_Offset"], BIAS)
    assert "made from their values" in data.attrs["repaired"]
    assert path.read_bytes() == before


def test_files_that_were_mended_or_are_of_others_are_read_as_they_are(tmp_path):
    write(tmp_path / "a.h5")
    write(tmp_path / "b.h5", DAQ_software_version_name="V3", translator="V3patcher")
    for name in ("a.h5", "b.h5"):
        data = om.open_signal(tmp_path / name)
        assert "repaired" not in data.attrs
        assert "sample" in data.dims


def test_indices_count_changes_from_each_slower_one():
    half = [[5, 1], [5, 2], [7, 1], [7, 2], [5, 1], [5, 2]]
    values = np.array([[cycle, *steps] for cycle in (0, 1) for steps in half])
    made = indices_of(values)
    np.testing.assert_array_equal(made[:, 0], [0] * 6 + [1] * 6)
    np.testing.assert_array_equal(made[:, 1], [0, 0, 1, 1, 2, 2] * 2)
    np.testing.assert_array_equal(made[:, 2], [0, 1] * 6)
