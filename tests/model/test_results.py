"""Results with stated units and nothing else."""

import numpy as np
import xarray as xr

from omniscopy.model import labelled, result


def test_a_result_is_not_copied_to_be_labelled():
    data = xr.DataArray(np.arange(6.0).reshape(2, 3), dims=("y", "x"), attrs={"units": "V"})
    made = labelled(data, units="A", long_name="current")
    assert np.shares_memory(made.values, data.values)
    assert np.shares_memory(result(current=(data, "A"))["current"].values, data.values)
    assert made.attrs == {"units": "A", "long_name": "current"}
    assert data.attrs == {"units": "V"}


def test_coordinates_keep_their_attributes():
    x = xr.DataArray([0.0, 1.0], dims="x", attrs={"units": "nm"})
    data = xr.DataArray([1, 2], {"x": x}, dims="x", attrs={"units": "V"})
    assert labelled(data, units=None)["x"].attrs == {"units": "nm"}
    assert result({"modality": "STM"}, height=(data, "nm"))["x"].attrs == {"units": "nm"}
    assert labelled(data, units=None).attrs == {}
