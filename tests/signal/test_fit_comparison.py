"""Which model the data ask for, what a model leaves, and its parts."""

import numpy as np
import pytest
import scipy.stats
import xarray as xr

from omniscopy.model import DataError, Status, convert_units, coordinate
from omniscopy.signal import (
    Exponential,
    Gaussian,
    Lorentzian,
    Offset,
    Polynomial,
    compare_models,
    evaluate_model,
    fit_model,
    subtract_model,
)

ENERGY = np.linspace(1.0, 3.0, 40)
LINE = Lorentzian() + Offset()


def spectra(values):
    values = np.asarray(values)
    coords = {"energy": coordinate("energy", ENERGY, "eV")}
    outer = ("y", "x")[3 - values.ndim :]
    for dim, size in zip(outer, values.shape, strict=False):
        coords[dim] = coordinate(dim, np.arange(size), "nm")
    return xr.DataArray(values, coords, (*outer, "energy"), attrs={"units": "counts"})


def test_a_term_that_is_not_there_is_found_as_often_as_the_level_says():
    rng = np.random.default_rng(0)
    data = spectra(3.0 - ENERGY + 0.7 * rng.standard_normal((4000, 40)))
    found = compare_models(fit_model(data, Polynomial(1)), fit_model(data, Polynomial(3)))
    for level in (0.01, 0.05, 0.3):
        scatter = np.sqrt(level * (1 - level) / 4000)
        assert abs(float((found["p_value"] < level).mean()) - level) < 4 * scatter
    assert scipy.stats.kstest(found["p_value"], "uniform").pvalue > 1e-3
    assert scipy.stats.kstest(found["statistic"], scipy.stats.f(2, 36).cdf).pvalue > 1e-3
    # Two parameters less cost 4 by Akaike, on average for the price of 2.
    assert float((found["aic_difference"] > 0).mean()) > 0.8
    assert float((found["bic_difference"] > found["aic_difference"]).all())


def test_counts_are_compared_by_their_deviance():
    rng = np.random.default_rng(1)
    flat = spectra(rng.poisson(60.0, (3000, 40)))
    models = Offset(60.0), Polynomial(1)
    one, other = (fit_model(flat, model, likelihood="poisson") for model in models)
    found = compare_models(one, other)
    assert scipy.stats.kstest(found["p_value"], "uniform").pvalue > 1e-3
    sloped = spectra(rng.poisson(50.0 + 20.0 * ENERGY, (50, 40)))
    one, other = (fit_model(sloped, model, likelihood="poisson") for model in models)
    assert float(compare_models(one, other)["p_value"].max()) < 1e-3


def test_the_statistic_is_that_of_the_textbook():
    rng = np.random.default_rng(2)
    data = spectra(np.exp(-ENERGY) + 0.05 * rng.standard_normal((5, 40)))
    weights = xr.DataArray(np.linspace(1, 3, 40), {"energy": data.energy})
    fits = [fit_model(data, Polynomial(degree), weights=weights) for degree in (1, 2)]
    found = compare_models(*fits)
    chi = [
        [np.sum((np.polyval(np.polyfit(ENERGY, row, k, w=np.sqrt(weights)), ENERGY) - row) ** 2
                * weights.values) for row in data.values] for k in (1, 2)
    ]  # fmt: skip
    expected = (np.array(chi[0]) - chi[1]) / 1 / (np.array(chi[1]) / 37)
    np.testing.assert_allclose(found["statistic"], expected, rtol=1e-8)
    np.testing.assert_allclose(found["p_value"], scipy.stats.f(1, 37).sf(expected), rtol=1e-7)


def test_a_line_that_is_there_is_asked_for():
    rng = np.random.default_rng(3)
    line = 1.0 / (1 + ((ENERGY - 2) / 0.2) ** 2)
    data = spectra(line + 0.1 * rng.standard_normal((30, 40)))
    data[3] = np.nan
    data[4, :5] = np.nan
    one, other = fit_model(data, Offset()), fit_model(data, LINE)
    found = compare_models(one, other)
    good = np.delete(np.arange(30), 3)
    assert float(found["p_value"][good].max()) < 1e-4
    assert float(found["bic_difference"][good].max()) < -10
    assert bool(found.isel(x=3).to_array().isnull().all())
    lazy = compare_models(one.chunk(x=7), other.chunk(x=4))
    assert lazy["p_value"].chunks is not None
    xr.testing.assert_allclose(lazy.compute(), found)
    # Other models have no test, but criteria.
    odd = compare_models(fit_model(data, Gaussian() + Offset()), other)
    assert bool(odd["p_value"].isnull().all())
    assert float((odd["aic_difference"][good] < 0).mean()) > 0.6
    part = compare_models(fit_model(data[:, :30], Offset()), other)
    assert bool(part["p_value"].isnull().all())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loss": "huber"}, "fits with loss='huber' have no chi square"),
        ({"likelihood": "poisson"}, "cannot be compared; use one for both"),
    ],
)
def test_fits_that_cannot_be_compared_are_refused(change, message):
    data = spectra(np.ones((2, 40)) + 0.1 * np.sin(7 * ENERGY))
    fitted = fit_model(data, Offset())
    with pytest.raises(DataError, match=message):
        compare_models(fitted, fit_model(data, Polynomial(1), **change))
    with pytest.raises(DataError, match="both fits must be of the same pixels"):
        compare_models(fitted, fitted.isel(x=[0]))
    with pytest.raises(DataError, match="by what `fit_model` returned"):
        compare_models(fitted, fitted.drop_attrs())


def test_residuals_are_what_a_model_leaves_and_a_part_may_stay():
    rng = np.random.default_rng(4)
    values = 5.0 / (1 + ((ENERGY - 2) / 0.2) ** 2) + 1.0 + 0.1 * rng.standard_normal((3, 4, 40))
    data = spectra(values)
    data[0, 0] = np.nan
    found = fit_model(data, LINE)
    left = subtract_model(data, LINE, found)
    assert left.attrs["units"] == "counts"
    xr.testing.assert_allclose(left, data - evaluate_model(LINE, found, data))
    squares = (left**2).sum("energy", skipna=False) / found["degrees_of_freedom"]
    np.testing.assert_allclose(squares, found["reduced_chi_square"])
    line = subtract_model(data, LINE, found, components="offset")
    np.testing.assert_allclose(line, data - found["offset_value"])
    both = subtract_model(data, LINE, found, components=["offset", "lorentzian"])
    xr.testing.assert_allclose(left, both)
    turned = subtract_model(data.transpose("energy", ...), LINE, found)
    assert turned.dims == ("energy", "y", "x")
    lazy = subtract_model(data.chunk(y=2, energy=11), LINE, found.chunk(x=3))
    assert lazy.chunks is not None
    xr.testing.assert_allclose(lazy.compute(), left)
    assert found["status"][0, 0] == Status.NO_DATA
    assert bool(left[0, 0].isnull().all())


def test_what_is_subtracted_is_in_the_units_of_the_data():
    volts = spectra(np.exp(-ENERGY / 0.7)[None]).assign_attrs(units="V")
    found = fit_model(volts, Exponential())
    small = convert_units(volts, "mV")
    left = subtract_model(small, Exponential(), found)
    assert left.attrs["units"] == "mV"
    np.testing.assert_allclose(left, 0.0, atol=1e-9)
    with pytest.raises(DataError, match="measure different things"):
        subtract_model(volts.assign_attrs(units="nm"), Exponential(), found)
    with pytest.raises(DataError, match="ds is of other pixels than the data along 'x'"):
        subtract_model(volts.assign_coords(x=volts.x + 1.0), Exponential(), found)
    with pytest.raises(DataError, match="components must be some of"):
        subtract_model(volts, Exponential(), found, components=[])
