"""Sums, means and greatest values."""

import numpy as np
import pytest
import xarray as xr

import omniscopy as om
from omniscopy import samples
from omniscopy.model import DataError
from omniscopy.signal import mean_over, sum_over


def test_the_sum_spectrum_adds_all_points():
    data = samples.spectrum_image()
    total = sum_over(data)
    assert total.dims == ("energy_loss",)
    np.testing.assert_allclose(total, data.values.astype(float).sum(axis=(0, 1)))
    assert total.attrs["units"] == "counts"
    assert total.attrs["signal_type"] == "spectrum"


def test_the_sum_image_adds_all_channels():
    total = sum_over(samples.spectrum_image(), "energy_loss")
    assert total.dims == ("y", "x")
    assert total.attrs["signal_type"] == "image"


def test_a_sum_of_small_integers_does_not_overflow():
    data = xr.DataArray(np.full((2, 70000), 65535, np.uint16), dims=("y", "energy"))
    total = sum_over(data, "energy")
    assert total.dtype == np.uint64
    assert int(total[0]) == 65535 * 70000


def test_a_sum_of_single_precision_is_made_in_double():
    data = xr.DataArray(np.full(2**24 + 8, 1.0, np.float32), dims="energy")
    assert float(sum_over(data, "energy")) == 2**24 + 8


def test_values_that_are_missing_are_left_out():
    data = xr.DataArray([[1.0, np.nan, 5.0], [np.nan] * 3], dims=("y", "x"))
    np.testing.assert_array_equal(sum_over(data, "x"), [6.0, np.nan])
    np.testing.assert_array_equal(mean_over(data, "x"), [3.0, np.nan])


def test_the_mean_of_a_stack_is_one_image():
    data = samples.image_stack()
    mean = mean_over(data, "frame")
    np.testing.assert_allclose(mean, data.values.mean(axis=0), rtol=1e-6)
    assert mean.attrs["signal_type"] == "image"


def test_complex_values_are_summed_too():
    data = samples.band_excitation()
    np.testing.assert_allclose(sum_over(data), data.values.sum(axis=(0, 1)))


def test_refuses_what_it_cannot_sum():
    with pytest.raises(DataError, match="'z'"):
        sum_over(samples.spectrum_image(), "z")
    with pytest.raises(DataError, match="all of the signal"):
        sum_over(samples.spectrum())
    with pytest.raises(DataError, match=r"\['frame'\] are empty"):
        mean_over(samples.image_stack().isel(frame=slice(0)), "frame")


def test_the_greatest_values_are_found_where_they_are():
    values = np.zeros((3, 4, 5))
    values[0, 1], values[2, 3, 2] = -1.0, 7.0
    part = om.samples.spectrum_image()[:3, :4, :5]
    data = part.copy(data=values).assign_attrs(units="counts")
    found = om.signal.max_over(data)
    np.testing.assert_array_equal(found, [0, 0, 7, 0, 0])
    assert found.attrs["units"] == "counts"
    np.testing.assert_array_equal(om.signal.max_over(data, "energy_loss")[2], [0, 0, 0, 7])
    part = om.signal.label_regions(data, {"a": {"y": (0.0, 0.0), "x": (0.5, 0.5)}})
    np.testing.assert_array_equal(om.signal.max_over(data, regions=part), [-1] * 5)


def test_greatest_values_leave_out_what_is_missing_and_take_magnitudes():
    data = om.samples.band_excitation()
    lost = data.copy(deep=True)
    lost[:, :, 3] = np.nan
    found = om.signal.max_over(lost.chunk(y=1))
    assert np.isnan(found[3])
    others = np.r_[0:3, 4 : data.sizes["frequency"]]
    np.testing.assert_allclose(found[others], np.abs(data.values).max((0, 1))[others])


def test_refuses_what_has_no_greatest_value():
    data = om.samples.spectrum_image()
    part = om.signal.label_regions(data, {"a": {"y": (0.0, 1.0), "x": (0.5, 0.5)}})
    with pytest.raises(DataError, match="not gone through"):
        om.signal.max_over(data, "y", regions=part)
    with pytest.raises(DataError, match="are empty"):
        om.signal.max_over(data[:0], "y")
