"""Few components and sparse outliers."""

import numpy as np
import pytest
import xarray as xr

from omniscopy.model import DataError, Status
from omniscopy.signal import separate_outliers


def cube(rng, shape=(12, 10, 80), rank=3, part=0.05, noise=0.0):
    """Return spectra of few components with outliers, and both parts."""
    samples = shape[0] * shape[1]
    low = rng.normal(0, 1, (samples, rank)) @ rng.normal(0, 1, (rank, shape[2]))
    outliers = np.where(rng.random(low.shape) < part, 12.0 * rng.choice([-1, 1], low.shape), 0.0)
    values = (low + outliers + noise * rng.standard_normal(low.shape)).reshape(shape)
    data = xr.DataArray(values, dims=("y", "x", "energy_loss"), attrs={"units": "counts"})
    data = data.assign_coords(
        y=("y", 0.1 * np.arange(shape[0]), {"units": "nm"}),
        x=("x", 0.1 * np.arange(shape[1]), {"units": "nm"}),
        energy_loss=("energy_loss", 1.0 * np.arange(shape[2]), {"units": "eV"}),
    )
    return data, low.reshape(shape), outliers.reshape(shape)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_both_parts_are_recovered_without_noise(seed):
    data, low, outliers = cube(np.random.default_rng(seed))
    found = separate_outliers(data, noise=0.0)
    assert int(found["rank"]) == 3
    np.testing.assert_allclose(found["low_rank"], low, atol=1e-4)
    np.testing.assert_allclose(found["outliers"], outliers, atol=1e-4)
    assert found["low_rank"].attrs["units"] == "counts"
    assert found["low_rank"].dims == data.dims


def test_noise_is_measured_and_components_are_as_good_as_without_outliers():
    rng = np.random.default_rng(3)
    data, low, outliers = cube(rng, noise=0.3)
    found = separate_outliers(data)
    assert int(found["rank"]) == 3
    assert float(found["noise"]) == pytest.approx(0.3, rel=0.05)
    clean = (data.values - outliers).reshape(120, 80)
    u, s, v = np.linalg.svd(clean, full_matrices=False)
    best = np.std((u[:, :3] * s[:3]) @ v[:3] - low.reshape(120, 80))
    assert np.std(found["low_rank"].values - low) < 1.15 * best
    seen = found["outliers"].values != 0
    assert (seen == (outliers != 0)).mean() > 0.995


def test_plain_data_have_no_outliers():
    data, low, _ = cube(np.random.default_rng(4), part=0.0, noise=0.2)
    found = separate_outliers(data)
    assert float((found["outliers"] != 0).mean()) < 0.001
    assert np.std(found["low_rank"].values - low) < 0.1


def test_a_particle_that_moves_is_taken_off_a_still_background():
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:24, :30]
    still = 5.0 + np.sin(y / 4.0) * np.cos(x / 6.0)
    moving = np.stack([
        8.0 * ((y - 12) ** 2 + (x - 2 - n) ** 2 < 7.0) for n in range(25)
    ]).astype(float)  # fmt: skip
    movie = xr.DataArray(
        still + moving + 0.1 * rng.standard_normal(moving.shape), dims=("frame", "y", "x")
    )
    found = separate_outliers(movie, dim=("y", "x"))
    assert int(found["rank"]) == 1
    inside = moving > 0
    np.testing.assert_allclose(found["outliers"].values[inside].mean(), 8.0, atol=0.1)
    # It stands on no place for long.
    assert np.abs(found["low_rank"].values - still).max() < 0.5


def test_samples_that_are_not_finite_are_left_out_and_order_does_not_matter():
    data, low, _ = cube(np.random.default_rng(6))
    data[3, 4, 5] = np.nan
    found = separate_outliers(data.transpose("energy_loss", "x", "y"), noise=0.0)
    assert found["low_rank"].dims == ("energy_loss", "x", "y")
    status = found["status"].transpose("y", "x")
    assert int(status[3, 4]) == Status.NO_DATA
    assert (status == Status.NO_DATA).sum() == 1
    own = found["low_rank"].transpose("y", "x", "energy_loss").values
    assert np.isnan(own[3, 4]).all()
    np.testing.assert_allclose(np.delete(own.reshape(120, 80), 34, 0),
                               np.delete(low.reshape(120, 80), 34, 0), atol=1e-4)  # fmt: skip
    zero = separate_outliers(xr.zeros_like(data))
    assert int(zero["rank"]) == 0
    assert float(np.abs(zero["low_rank"]).max()) == 0.0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sparsity": 0.0}, "sparsity must be above 0"),
        ({"noise": -1.0}, "noise must be 0 or more"),
        ({"max_steps": 0}, "max_steps must be at least 1"),
        ({"dim": ("y", "x", "energy_loss")}, "leave no samples"),
    ],
)
def test_wrong_calls_say_what_is_wrong(options, words):
    data, _, _ = cube(np.random.default_rng(0))
    with pytest.raises(DataError, match=words):
        separate_outliers(data, **options)
