"""Statistics of data of any size."""

import math

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from omniscopy.report.statistics import measure_statistics


def array(values, **chunks):
    data = xr.DataArray(np.asarray(values), dims=[f"d{i}" for i in range(np.ndim(values))])
    return data.chunk(chunks) if chunks else data


@given(st.integers(1, 40), st.floats(-1e6, 1e6), st.floats(1e-3, 1e3), st.integers(0, 99))
def test_statistics_do_not_depend_on_the_chunks(chunk, centre, spread, seed):
    values = np.random.default_rng(seed).normal(centre, spread, (11, 13))
    found = measure_statistics(array(values, d0=chunk, d1=3))
    assert found.minimum == values.min()
    assert found.maximum == values.max()
    assert found.mean == pytest.approx(values.mean(), rel=1e-12)
    assert found.std == pytest.approx(values.std(), rel=1e-6)
    assert (found.size, found.missing) == (143, 0)


def test_missing_values_are_counted_and_left_out():
    found = measure_statistics(array([1.0, np.nan, 3.0], d0=1))
    assert (found.minimum, found.maximum, found.mean, found.std) == (1, 3, 2, 1)
    assert found.missing == 1


def test_data_without_any_value_have_no_statistics():
    found = measure_statistics(array([np.nan, np.nan]))
    assert found.missing == 2
    assert math.isnan(found.mean)
    assert math.isnan(found.minimum)


def test_large_integers_do_not_overflow():
    found = measure_statistics(array(np.full(1000, 2**31 - 1, np.int32), d0=100))
    assert found.mean == 2**31 - 1
    assert found.std == 0


def test_complex_data_are_measured_by_their_magnitude():
    assert measure_statistics(array([3 + 4j, 0])).maximum == 5


def test_values_that_are_no_numbers_have_no_statistics():
    assert measure_statistics(array(["a", "b"])) is None


def test_infinite_values_are_extremes():
    found = measure_statistics(array([1.0, np.inf]))
    assert found.maximum == math.inf
    assert math.isnan(found.std)


@pytest.mark.parametrize("dtype", ["?", "u1", "i2", ">u2", "i8", "f2", ">f4", "f8", "g", "c8"])
def test_values_of_any_type_are_summed_in_pieces(dtype):
    drawn = np.random.default_rng(0).normal(50, 30, (3, 50_000)) > 20
    values = (drawn * np.arange(50_000) % 120).astype(dtype)[:, ::-2]
    wide = np.abs(values).astype(float)
    found = measure_statistics(array(values))
    assert (found.minimum, found.maximum) == (wide.min(), wide.max())
    assert found.mean == pytest.approx(wide.mean(), rel=1e-12)
    assert found.std == pytest.approx(wide.std(), rel=1e-12)
