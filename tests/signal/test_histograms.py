"""Joint histograms against those of NumPy."""

import numpy as np
import pytest
import xarray as xr

import omniscopy as om
from omniscopy.model import coordinate
from omniscopy.signal import joint_histogram


def responses(shape=(3, 4, 500)):
    values = np.random.default_rng(0).standard_normal(shape)
    coords = {"time": coordinate("time", np.arange(shape[-1]), "s")}
    return xr.DataArray(values, coords, dims=("y", "x", "time"), attrs={"units": "V"})


WAVE = np.sin(np.linspace(0, 20, 500))
RANGES = ((-2.0, 1.5), (-1.0, 0.75))


@pytest.mark.parametrize("dims", [["time"], ["x", "time"], ["y", "x", "time"]])
def test_counts_are_those_of_a_plain_histogram(dims):
    data = responses()
    found = joint_histogram(data, WAVE, dims=dims, bins=(7, 5), ranges=RANGES)
    assert found.attrs["units"] == "counts"
    kept = 3 - len(dims)
    rows = data.values.reshape(*data.shape[:kept], -1)
    wave = np.broadcast_to(WAVE, data.shape).reshape(rows.shape)
    for place in np.ndindex(*rows.shape[:-1]):
        expected, above, across = np.histogram2d(
            rows[place], wave[place], bins=(7, 5), range=RANGES
        )
        np.testing.assert_array_equal(found.values[place], expected)
    np.testing.assert_allclose(found["response"], 0.5 * (above[1:] + above[:-1]))
    np.testing.assert_allclose(found["excitation"], 0.5 * (across[1:] + across[:-1]))


def test_every_value_is_counted_where_no_range_is_given():
    data = responses()
    data[0, 0, :3] = np.nan
    found = joint_histogram(data, WAVE, dims=["time"])
    assert found.sizes["response"] == found.sizes["excitation"] == 64
    totals = found.sum(["response", "excitation"]).values
    assert totals[0, 0] == 497
    assert (totals.ravel()[1:] == 500).all()


def test_an_excitation_may_differ_from_point_to_point():
    data = responses((1, 2, 4))
    data[:] = 0.5
    applied = xr.DataArray([[0.1] * 4, [0.9] * 4], dims=("x", "time"), attrs={"units": "mV"})
    found = joint_histogram(data, applied, dims=["time"], bins=(1, 2), ranges=((0, 1), (0, 1)))
    np.testing.assert_array_equal(found.values[0, :, 0], [[4, 0], [0, 4]])
    assert found["excitation"].attrs["units"] == "mV"
    named = joint_histogram(
        data.assign_coords(bias=applied), "bias", dims=["time"], bins=(1, 2),
        ranges=((0, 1), (0, 1)),
    )  # fmt: skip
    np.testing.assert_array_equal(named, found)


@pytest.mark.parametrize(
    ("given", "change", "message"),
    [
        ("bias", {}, "there is no coordinate 'bias'"),
        (WAVE[:4], {}, r"has the shape \(4,\); 500 values"),
        (xr.DataArray(WAVE[:4], dims="time"), {}, "does not fit to the data"),
        (WAVE, {"dims": []}, "name those that are counted"),
        (WAVE, {"bins": (0, 3)}, "bins must be two positive numbers"),
        (WAVE, {"ranges": ((0, 0), (0, 1))}, "low < high"),
        (WAVE * np.nan, {}, "no value is finite"),
    ],
)
def test_what_cannot_be_counted_is_refused(given, change, message):
    with pytest.raises(om.DataError, match=message):
        joint_histogram(responses(), given, **{"dims": ["time"], **change})


def test_lazy_data_need_ranges():
    lazy = responses().chunk({"x": 2})
    with pytest.raises(om.DataError, match="the range of lazy data is not known"):
        joint_histogram(lazy, WAVE, dims=["time"])
