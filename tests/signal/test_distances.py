"""Distances from a region."""

import numpy as np
import pytest
import xarray as xr

from omniscopy.model import DataError, coordinate
from omniscopy.signal import measure_distance


def mask(values, dy=2.0, dx=3.0, units="nm"):
    values = np.asarray(values)
    coords = {
        "y": coordinate("y", dy * np.arange(values.shape[0]), "nm"),
        "x": coordinate("x", dx * np.arange(values.shape[1]), units),
    }
    return xr.DataArray(values, coords, dims=("y", "x"))


def test_distances_are_in_units_of_the_coordinates_along_both():
    values = np.zeros((4, 5))
    values[1, 1] = 1
    found = measure_distance(mask(values))
    y, x = np.mgrid[:4, :5]
    np.testing.assert_allclose(found, np.hypot(2.0 * (y - 1), 3.0 * (x - 1)))
    assert found.attrs["units"] == "nm"


def test_inside_signed_distances_are_negative():
    found = measure_distance(mask([[0, 0, 1, 1, 1]] * 2), signed=True)
    np.testing.assert_allclose(found[0], [6.0, 3.0, -3.0, -6.0, -9.0])


def test_without_a_region_there_is_no_distance():
    assert np.isnan(measure_distance(mask(np.zeros((2, 3))))).all()
    assert np.isnan(measure_distance(mask(np.ones((2, 3))), signed=True)).all()


def test_coordinates_of_different_units_are_refused():
    with pytest.raises(DataError, match="convert one"):
        measure_distance(mask(np.ones((2, 3)), units="um"))
