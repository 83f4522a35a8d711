"""Uncertainties from resampled spectra: where the covariance holds, and where it does not."""

import dask
import numpy as np
import pytest
import xarray as xr

from omniscopy.model import DataError, Status, coordinate
from omniscopy.signal import (
    Bounded,
    Exponential,
    Fixed,
    Gaussian,
    Lorentzian,
    Offset,
    Polynomial,
    Tied,
    fit_model,
)

ENERGY = np.linspace(1.0, 3.0, 60)
LINE = Lorentzian() + Offset()
NAMES = ["lorentzian_amplitude", "lorentzian_centre", "lorentzian_gamma", "offset_value"]


def spectra(values, units="counts"):
    coords = {
        "x": coordinate("x", np.arange(len(values)), "nm"),
        "energy": coordinate("energy", ENERGY[: values.shape[-1]], "eV"),
    }
    return xr.DataArray(values, coords, ("x", "energy"), attrs={"units": units})


def lines(count, noise=0.3, seed=0):
    rng = np.random.default_rng(seed)
    exact = 6.0 / (1 + ((ENERGY - 2.0) / 0.2) ** 2) + 1.0
    return spectra(exact + noise * rng.standard_normal((count, len(ENERGY))))


def mean(values):
    return float(values.mean())


def test_the_bootstrap_agrees_with_the_covariance_where_that_holds():
    data = lines(60)
    plain, resampled = fit_model(data, LINE), fit_model(data, LINE, bootstrap=400)
    for name in NAMES:
        assert mean(resampled[f"{name}_std"]) == pytest.approx(mean(plain[f"{name}_std"]), rel=0.05)
        np.testing.assert_array_equal(resampled[name], plain[name])
        width = resampled[f"{name}_high"] - resampled[f"{name}_low"]
        assert mean(width) == pytest.approx(2 * mean(plain[f"{name}_std"]), rel=0.05)
        assert resampled[f"{name}_low"].attrs["units"] == plain[name].attrs["units"]


def test_weights_tell_the_noise_of_every_value():
    rng = np.random.default_rng(1)
    noise = np.linspace(0.1, 1.0, 60)
    data = spectra(2.0 * ENERGY + 1.0 + noise * rng.standard_normal((150, 60)))
    weights = xr.DataArray(noise**-2, {"energy": data.energy})
    found = fit_model(data, Polynomial(1), weights=weights, bootstrap=200)
    for name in ("polynomial_c0", "polynomial_c1"):
        assert mean(found[f"{name}_std"]) == pytest.approx(float(found[name].std()), rel=0.12)


def test_few_counts_scatter_as_the_bootstrap_says_and_farther_than_the_covariance():
    rng = np.random.default_rng(2)
    expected = 8.0 / (1 + ((ENERGY - 2.0) / 0.2) ** 2) + 2.0
    data = spectra(rng.poisson(expected, (400, 60)).astype(np.uint16))
    plain = fit_model(data, LINE, likelihood="poisson")
    found = fit_model(data[:60], LINE, likelihood="poisson", bootstrap=200)
    for name in ("lorentzian_gamma", "lorentzian_centre", "offset_value"):
        assert mean(found[f"{name}_std"]) == pytest.approx(float(plain[name].std()), rel=0.08)
    assert mean(plain["offset_value_std"]) < 0.92 * float(plain["offset_value"].std())
    # A rate that was counted for half as long.
    weights = xr.full_like(data[0], 0.5, float)
    half = fit_model(data[:60] * 2.0, LINE, likelihood="poisson", weights=weights, bootstrap=200)
    ratio = mean(half["lorentzian_centre_std"]) / mean(found["lorentzian_centre_std"])
    assert ratio == pytest.approx(1.0, abs=0.03)
    ratio = float(half["offset_value_std"].median() / found["offset_value_std"].median())
    assert ratio == pytest.approx(2.0, rel=0.1)


@pytest.mark.parametrize("height", [0.0, 0.4])
def test_near_a_bound_the_bootstrap_is_the_scatter_and_the_covariance_is_not(height):
    rng = np.random.default_rng(3)
    shape = np.exp(-(((ENERGY - 2.0) / 0.2) ** 2) / 2)
    data = spectra(height * shape + rng.standard_normal((300, 60)))
    model = Gaussian(amplitude=Bounded(0.0, np.inf), centre=Fixed(2.0), sigma=Fixed(0.2))
    plain, found = fit_model(data, model), fit_model(data, model, bootstrap=200)
    scatter = float(plain["gaussian_amplitude"].std())
    bounded = plain["status"] == Status.AT_BOUND
    assert float(bounded.mean()) > 0.05
    assert bool(plain["gaussian_amplitude_std"][bounded].isnull().all())
    assert bool(np.isfinite(found["gaussian_amplitude_std"]).all())
    # Pixels that happen to be above the bound do not know how near it is: that errs to more.
    assert 0.95 < mean(found["gaussian_amplitude_std"]) / scatter < 1.3
    assert float(found["gaussian_amplitude_low"].min()) == 0.0
    inside = found["gaussian_amplitude_high"] >= height
    assert float(inside.mean()) > 0.75


def test_intervals_of_a_crooked_model_hold_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(4)
    few = ENERGY[:8]
    exact = 3.0 * np.exp(-few / 1.5)
    data = spectra(exact + 0.05 * rng.standard_normal((300, 8)))
    found = fit_model(data, Exponential(), bootstrap=150)
    low, high = found["exponential_decay_low"], found["exponential_decay_high"]
    assert 0.55 < float(((low < 1.5) & (high > 1.5)).mean()) < 0.75
    # The decay scatters farther to long times than to short ones.
    value = found["exponential_decay"]
    assert float((high - value).median()) > 1.05 * float((value - low).median())


def test_a_robust_fit_is_resampled_with_its_outliers():
    data = lines(30, noise=0.2)
    data = data + xr.where(np.random.default_rng(5).random(data.shape) < 0.05, 5.0, 0.0)
    found = fit_model(data.assign_attrs(units="counts"), LINE, loss="huber", bootstrap=100)
    scatter = float(found["lorentzian_centre"].std())
    assert mean(found["lorentzian_centre_std"]) == pytest.approx(scatter, rel=0.35)


def test_ties_holds_and_failures_are_kept():
    data = lines(4)
    data[1] = np.nan
    data[2, 5:20] = np.nan
    model = Lorentzian(gamma=Fixed(0.2)) + Offset(Tied("lorentzian_amplitude", 1 / 6))
    found = fit_model(data, model, bootstrap=50)
    assert bool(found.isel(x=1)[["offset_value_std", "offset_value_low"]].to_array().isnull().all())
    good = found.isel(x=[0, 2, 3])
    assert (good["lorentzian_gamma_std"] == 0).all()
    np.testing.assert_allclose(good["offset_value_std"], good["lorentzian_amplitude_std"] / 6)


def test_resampling_depends_on_the_seed_alone():
    data = lines(9)
    data[4, 7] = np.nan
    first = fit_model(data, LINE, bootstrap=20)

    def refuse(*_args, **_kwargs):
        raise AssertionError

    with dask.config.set(scheduler=refuse):
        lazy = fit_model(data.chunk(x=4, energy=13), LINE, bootstrap=20)
    xr.testing.assert_equal(lazy.compute(), first)
    xr.testing.assert_equal(fit_model(data[3:5], LINE, bootstrap=20), first.isel(x=slice(3, 5)))
    other = fit_model(data, LINE, bootstrap=20, rng=1)
    assert (other["offset_value_std"] != first["offset_value_std"]).all()
    # Alike noise of two pixels is not drawn alike.
    assert len(np.unique(first["offset_value_std"])) == 9


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bootstrap": 1}, "bootstrap=1 has no scatter"),
        ({"bootstrap": -5}, "bootstrap must be a whole number from 0 on, got -5"),
        ({"bootstrap": True}, "bootstrap must be a whole number"),
        ({"bootstrap": 10, "rng": 0.5}, "rng must be a whole number"),
    ],
)
def test_numbers_of_resamples_are_checked(change, message):
    with pytest.raises(DataError, match=message):
        fit_model(lines(2), LINE, **change)
