"""Movies of JPK."""

import h5py
import numpy as np
import pytest

import omniscopy as om
from omniscopy.testing.files.jpk_hdf5 import write_h5_jpk
from omniscopy.testing.formats import check_reader

COUNTS = np.random.default_rng(10).integers(-(10**6), 10**6, (3, 6, 4)).astype(np.int32)
CHANNELS = [
    ("height", "m", False, COUNTS, (1e-13, 2e-6)),
    ("height", "m", True, COUNTS[:, :, ::-1], (1e-13, 2e-6)),
    ("phase", "deg", False, COUNTS, (1e-4, 0.0)),
]
SETTINGS = {
    "position-pattern.grid.xcenter": 1e-6, "position-pattern.grid.ycenter": -2e-6,
    "position-pattern.grid.theta": np.pi / 6,
}  # fmt: skip


def test_frames_are_in_units_along_time_with_row_0_on_top(tmp_path):
    starts = [1_700_000_000_000, 1_700_000_000_500, 1_700_000_001_250]
    path = write_h5_jpk(tmp_path / "a.h5-jpk", CHANNELS, starts=starts, settings=SETTINGS)
    check_reader("jpk_hdf5", path)
    tree = om.open(path)
    found = om.signals(tree)
    assert list(found) == ["height_trace", "height_retrace", "phase_trace"]
    height = found["height_trace"]
    assert (height.dims, height.attrs["units"], height.attrs["quantity"]) == (
        ("time", "y", "x"), "m", "height",
    )  # fmt: skip
    np.testing.assert_allclose(height, 2e-6 + 1e-13 * COUNTS[:, ::-1])
    np.testing.assert_allclose(found["phase_trace"], 1e-4 * COUNTS[:, ::-1])
    np.testing.assert_allclose(height["time"], [0.0, 0.5, 1.25])
    # Middles of pixels: 4 by 50 nm about 1 µm; 6 by 16.7 nm about -2 µm, downwards.
    np.testing.assert_allclose(height["x"], 1e-6 + 5e-8 * (np.arange(4) - 1.5))
    np.testing.assert_allclose(height["y"], -2e-6 - 1e-7 / 6 * (np.arange(6) - 2.5))
    said = tree.attrs["metadata"]
    assert said["started"] == "2023-11-14T22:13:20.000+00:00"
    assert said["scan"] == {"line_rate": 400.0, "rotation": 30.0, "mode": "bottomUp"}
    np.testing.assert_array_equal(height[1, 2:5, 1], height.values[1, 2:5, 1])


def test_frames_without_times_are_counted_and_measurements_are_groups(tmp_path):
    path = write_h5_jpk(tmp_path / "a.h5-jpk", CHANNELS[:1], measurements=2)
    tree = om.open(path)
    found = om.signals(tree)
    assert list(found) == ["Measurement_000/height_trace", "Measurement_001/height_trace"]
    assert all(each.dims == ("frame", "y", "x") for each in found.values())


def test_a_table_that_is_no_grid_is_refused(tmp_path):
    path = write_h5_jpk(tmp_path / "a.h5-jpk", CHANNELS[:1])
    with h5py.File(path, "r+") as file:
        file["Measurement_000"].attrs["position-pattern.grid.jlength"] = 5
    with pytest.raises(om.FormatError, match="24 pixels do not make the grid"):
        om.open(path)


def test_rows_of_a_reflected_grid_begin_at_the_top(tmp_path):
    settings = {**SETTINGS, "position-pattern.grid.reflect": b"true"}
    path = write_h5_jpk(tmp_path / "a.h5-jpk", CHANNELS, settings=settings)
    height = om.signals(om.open(path))["height_trace"]
    np.testing.assert_allclose(height, 2e-6 + 1e-13 * COUNTS)
    assert float(height["y"][0]) > float(height["y"][-1])
