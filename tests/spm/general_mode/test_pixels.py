"""Lines cut into pixels."""

import numpy as np
import pytest
import xarray as xr

import omniscopy as om
from omniscopy.model import convert_units, coordinate


def lines(points, rate=1e6, lines=2):
    values = np.arange(lines * points).reshape(lines, points)
    coords = {"time": coordinate("time", np.arange(points) / rate, "s")}
    return xr.DataArray(values, coords, dims=("y", "time"), attrs={"units": "V"})


def test_each_pixel_has_the_samples_of_its_periods():
    data = lines(600)
    made = om.spm.lines_to_pixels(data, 10e3, cycles=2, length=3e-6)
    assert made.dims == ("y", "x", "time")
    assert made.shape == (2, 3, 200)
    np.testing.assert_array_equal(made.values, data.values.reshape(2, 3, 200))
    np.testing.assert_array_equal(made["time"], data["time"][:200])
    np.testing.assert_allclose(made["x"], [0, 1e-6, 2e-6])
    assert made["x"].attrs["units"] == "m"
    assert made.dtype == data.dtype


def test_units_of_time_are_heeded():
    data = convert_units(lines(600), "µs", dim="time")
    assert om.spm.lines_to_pixels(data, 10e3).sizes["x"] == 6


def test_the_bias_is_kept_once_where_all_pixels_have_the_same():
    data = lines(400)
    wave = np.sin(2 * np.pi * 10e3 * data["time"].values)
    data = data.assign_coords(bias=("time", wave), place=("time", np.arange(400.0)))
    made = om.spm.lines_to_pixels(data, 10e3)
    assert made["bias"].dims == ("time",)
    np.testing.assert_allclose(made["bias"], wave[:100], atol=1e-12)
    assert made["place"].dims == ("x", "time")


def test_samples_after_the_last_pixel_are_refused_or_kept():
    data = lines(630)
    with pytest.raises(om.DataError, match="630 samples hold 6 pixels of 100 and 30 samples more"):
        om.spm.lines_to_pixels(data, 10e3)
    made = om.spm.lines_to_pixels(data, 10e3, rest="keep")
    assert made.sizes["x"] == 7
    np.testing.assert_array_equal(made.values[:, 6, :30], data.values[:, 600:])
    assert np.isnan(made.values[:, 6, 30:]).all()


def test_a_drive_that_would_drift_through_the_pixels_is_refused():
    with pytest.raises(om.DataError, match=r"has 100\.2 samples, which is not whole"):
        om.spm.lines_to_pixels(lines(600), 1e6 / 100.2)
    # A thousandth of a sample in each of six pixels.
    assert om.spm.lines_to_pixels(lines(600), 1e6 / 100.001).sizes["x"] == 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frequency": -1.0}, "frequency must be positive"),
        ({"cycles": 0}, "cycles a positive whole number"),
        ({"frequency": 1e6}, "has only 1 samples"),
        ({"pixel": "y"}, "there is a dimension or coordinate 'y' already"),
        ({"rest": "drop"}, "rest must be one of"),
        ({"frequency": 1e3}, "600 samples hold 0 pixels"),
    ],
)
def test_what_makes_no_pixels_is_refused(change, message):
    with pytest.raises(om.DataError, match=message):
        om.spm.lines_to_pixels(lines(600), **{"frequency": 1e4, **change})


def test_a_coordinate_without_units_is_refused():
    data = lines(600)
    del data["time"].attrs["units"]
    with pytest.raises(om.DataError, match="has no units"):
        om.spm.lines_to_pixels(data, 10e3)
