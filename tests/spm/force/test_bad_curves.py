"""Curves that were not what they should be are flagged or refused, each alone."""

import numpy as np
import pytest

from omniscopy import simulate, spm
from omniscopy.model import DataError, Status

OPERATIONS = [spm.fit_baseline, spm.find_contact, spm.rate_curves, spm.measure_adhesion,
              spm.fit_sensitivity]  # fmt: skip


def curves(**options):
    return simulate.force_map((2, 2), noise=0.02, **options)


def test_curves_without_contact_are_flagged():
    data = curves()
    data = data.copy(data=np.random.default_rng(0).normal(0.0, 0.02, data.shape))
    contact = spm.find_contact(data)
    assert (contact["status"] == Status.NO_DATA).all()
    assert contact["contact"].isnull().all()
    assert (spm.fit_sensitivity(data)["status"] == Status.NO_DATA).all()
    assert float(spm.rate_curves(data)["quality"].max()) < 0.1
    assert (spm.fit_baseline(data)["status"] == Status.CONVERGED).all()


def test_a_saturated_deflection_is_invalid_until_its_points_are_left_out():
    data = curves(largest=5.0)
    assert (spm.find_contact(data)["status"] == Status.INVALID).all()
    corrected = spm.fit_baseline(data)
    assert (corrected["clipped"] > 4).all()
    assert corrected["corrected"].isnull().any("time").all()
    assert (spm.find_contact(corrected["corrected"])["status"] == Status.CONVERGED).all()


@pytest.mark.parametrize("function", OPERATIONS)
def test_a_curve_of_nothing_is_nan_and_alone(function):
    data = curves().copy()
    whole = function(data)
    data[0, 1] = np.nan
    found = function(data)
    for name, values in whole.data_vars.items():
        if "time" in values.dims or values.dtype.kind != "f":
            continue
        np.testing.assert_array_equal(found[name][1], values[1])
        np.testing.assert_array_equal(found[name][0, 0], values[0, 0])
    if "status" in found:
        assert int(found["status"][0, 1]) == Status.NO_DATA


@pytest.mark.parametrize("function", OPERATIONS)
def test_curves_without_a_height_or_of_few_points_are_refused(function):
    with pytest.raises(DataError, match="expected a coordinate 'z'"):
        function(curves().drop_vars("z"))
    with pytest.raises(DataError, match="at least 8 are needed"):
        function(curves().isel(time=slice(0, 5)))


def test_heights_that_are_no_lengths_are_refused():
    data = curves()
    data = data.assign_coords(z=data["z"].assign_attrs(units="s"))
    with pytest.raises(DataError, match="'z'"):
        spm.find_contact(data)
