"""What cannot be fitted is refused in words, or is the status of one pixel."""

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr

from omniscopy.model import DataError, Status, coordinate
from omniscopy.signal import (
    Arctan,
    Exponential,
    Expression,
    Gaussian,
    Gaussian2D,
    Logistic,
    Lorentzian,
    Offset,
    Polynomial,
    PowerLaw,
    StretchedExponential,
    fit_model,
)

ENERGY = np.linspace(1.0, 3.0, 64)
LINE = Lorentzian() + Offset()
CENTRE = "lorentzian_centre"


def spectra(values=None, energy=ENERGY, units="counts"):
    if values is None:
        noise = 0.1 * np.random.default_rng(0).standard_normal((4, 64))
        values = 6.0 / (1 + ((ENERGY - 2.0) / 0.2) ** 2) + 1.0 + noise
    coords = {
        "x": coordinate("x", np.arange(len(values)), "nm"),
        "energy": coordinate("energy", energy, "eV"),
    }
    return xr.DataArray(values, coords, ("x", "energy"), attrs={"units": units})


def weights(values=1.0):
    return xr.DataArray(np.full(64, values), {"energy": spectra().energy})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda d: {"data": d.values},
            r"expected a labelled array \(xarray.DataArray\), got ndarray",
        ),
        (lambda d: {"data": d.to_dataset(name="a")}, "pick one of its variables"),
        (lambda d: {"data": d.astype(str)}, "expected real numbers, got <U32"),
        (lambda d: {"data": d.astype(object)}, "expected real numbers, got object"),
        (lambda d: {"data": d * 1j}, "expected real numbers, got complex128; take `abs"),
        (lambda d: {"model": "gaussian"}, "expected a model such as"),
        (lambda d: {"model": Gaussian}, "a class needs its brackets"),
        (lambda d: {"dim": "wavelength"}, "expected a dimension 'wavelength'"),
        (lambda d: {"dim": 1}, "a model of spectra has one dimension, got dim=1"),
        (lambda d: {"dim": ["x", "energy"]}, "a model of spectra has one dimension"),
        (lambda d: {"data": d.drop_vars("energy"), "dim": "energy"}, "has no coordinate; assign"),
        (
            lambda d: {"data": d.assign_coords(energy=list(map(str, ENERGY))), "dim": "energy"},
            "coordinate 'energy' must be numbers, got <U",
        ),
        (
            lambda d: {
                "data": d.assign_coords(energy=np.datetime64("2020-01-01") + np.arange(64)),
                "dim": "energy",
            },
            "coordinate 'energy' must be numbers, got datetime64",
        ),
        (
            lambda d: {
                "data": d.assign_coords(energy=np.where(ENERGY > 2.9, np.nan, ENERGY)),
                "dim": "energy",
            },
            "coordinate 'energy' has values that are not finite",
        ),
        (lambda d: {"window": "all"}, r"window must be \(low, high\) in units of the coordinate"),
        (lambda d: {"window": (1, 2, 3)}, r"window must be \(low, high\) in units"),
        (lambda d: {"window": (2.0, 1.0)}, "with low < high"),
        (lambda d: {"window": (7.0, 8.0)}, "holds 0 channels"),
        (lambda d: {"bounds": {CENTRE: 3}}, r"bounds of lorentzian_centre must be \(low, high\)"),
        (lambda d: {"bounds": {CENTRE: ("a", "b")}}, "numbers or `None` where there is none"),
        (lambda d: {"bounds": {CENTRE: (np.nan, 2)}}, "numbers or `None` where there is none"),
        (lambda d: {"bounds": {CENTRE: (2, 2)}}, "hold a parameter with `Fixed`"),
        (lambda d: {"bounds": {CENTRE: (3, 2)}}, "the lower bound 3 must be below the upper"),
        (lambda d: {"bounds": {"centre": (1, 2)}}, r"bounds of \['centre'\]; the parameters are"),
        (lambda d: {"start": {CENTRE: np.inf}}, "lorentzian_centre cannot start at inf"),
        (
            lambda d: {"start": {"lorentzian_gamma": -1}},
            "starts at -1, outside its bounds 0 to inf",
        ),
        (
            lambda d: {"start": {CENTRE: 4.0}, "bounds": {CENTRE: (1, 3)}},
            "starts at 4, outside its bounds 1 to 3; change one",
        ),
        (lambda d: {"max_steps": 0}, "max_steps must be at least 1"),
        (lambda d: {"max_steps": 2.5}, "max_steps must be a whole number"),
        (lambda d: {"restarts": -1}, "restarts must be a whole number from 0 on, got -1"),
        (lambda d: {"loss": "abs"}, "loss must be one of"),
        (lambda d: {"likelihood": "binomial"}, "likelihood must be one of"),
        (lambda d: {"likelihood": "poisson", "loss": "huber"}, "counts have a likelihood"),
        (lambda d: {"loss": "huber", "loss_scale": 0.0}, "loss_scale must be above 0"),
        (lambda d: {"weights": weights() * 1j}, "expected real numbers, got complex128"),
        (lambda d: {"weights": weights().rename(energy="bias")}, r"\['energy'\] missing"),
        (lambda d: {"weights": weights().expand_dims(z=2)}, r"dimensions \['z'\], which the data"),
        (
            lambda d: {"weights": weights().assign_coords(energy=ENERGY + 1)},
            "weights must have the coordinates of the data, each value once",
        ),
        (
            lambda d: {
                "data": d.assign_coords(energy=np.repeat(ENERGY[::2], 2)),
                "dim": "energy",
                "weights": weights().assign_coords(energy=np.repeat(ENERGY[::2], 2)),
            },
            "each value once",
        ),
    ],
)
def test_what_cannot_be_fitted_is_refused_before_anything_is_computed(change, message):
    def refuse(*_args, **_kwargs):
        raise AssertionError

    lazy = spectra().copy(data=da.from_array(spectra().values, chunks=(2, 64)))
    given = {"data": lazy, "model": LINE, **change(lazy)}
    with dask.config.set(scheduler=refuse), pytest.raises(DataError, match=message):
        fit_model(**given)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (PowerLaw(), "PowerLaw needs a coordinate above 0; it starts at -0.5: give a `window`"),
        (StretchedExponential(), "StretchedExponential needs a coordinate from 0 on"),
    ],
)
def test_models_say_where_they_have_no_meaning(model, message):
    with pytest.raises(DataError, match=message):
        fit_model(spectra(energy=ENERGY - 1.5), model)


def test_images_and_spectra_are_not_taken_for_each_other():
    with pytest.raises(DataError, match="two dimensions"):
        fit_model(spectra(), Gaussian2D() + Offset(), dim="energy")
    with pytest.raises(DataError, match="takes no window"):
        fit_model(spectra(), Gaussian2D() + Offset(), dim=("x", "energy"), window=(1, 2))


def test_the_order_of_the_axis_does_not_matter():
    data = spectra()
    expected = fit_model(data, LINE)
    order = np.random.default_rng(1).permutation(64)
    mixed = fit_model(data.isel(energy=order), LINE)
    xr.testing.assert_allclose(mixed, expected)
    weight = xr.where(data.energy > 2.6, 0.0, 1.0)
    spoilt = (data + 50.0 * (data.energy > 2.6)).assign_attrs(units="counts")
    xr.testing.assert_allclose(
        fit_model(spoilt.isel(energy=order), LINE, weights=weight.isel(energy=order[::-1])),
        fit_model(spoilt, LINE, weights=weight),
    )
    windowed = fit_model(spoilt.isel(energy=order), LINE, window=(1.0, 2.6))
    xr.testing.assert_allclose(windowed, fit_model(spoilt, LINE, window=(1.0, 2.6)))


def test_channels_at_the_same_place_all_count():
    double = xr.concat([spectra(), spectra()], "energy").sortby("energy")
    once, twice = fit_model(spectra(), LINE), fit_model(double, LINE)
    np.testing.assert_allclose(twice[CENTRE], once[CENTRE], rtol=1e-9)
    assert (twice["degrees_of_freedom"] == 124).all()


def test_unknown_units_stay_unknown():
    found = fit_model(spectra().drop_attrs(), LINE, dim="energy")
    np.testing.assert_allclose(found[CENTRE], fit_model(spectra(), LINE)[CENTRE])
    for name in (CENTRE, "lorentzian_amplitude", "offset_value_std", "reduced_chi_square"):
        assert "units" not in found[name].attrs
    assert found["r_squared"].attrs["units"] == "1"


@pytest.mark.parametrize("kind", ["float32", ">f8", ">i2", "uint8", "uint16", "float16", "bool"])
def test_any_kind_of_real_number_is_fitted_in_double_precision(kind):
    data = (spectra() * 10).round().clip(0, 200).assign_attrs(units="counts")
    data = data > 30 if kind == "bool" else data
    made = fit_model(data.astype(kind), LINE)
    xr.testing.assert_equal(made, fit_model(data.astype(float), LINE))


def test_bad_pixels_are_nan_and_alone():
    data = spectra(np.repeat(spectra().values, 3, axis=0)[:9])
    data[0] = np.nan
    data[1] = np.inf
    data[2] = -np.inf
    data[3, 3:] = np.nan
    data[4, 10] = np.inf
    data[5] = 1e300
    data[6] = 0.0
    found = fit_model(data, LINE)
    bad = [Status.NO_DATA] * 4
    np.testing.assert_array_equal(found["status"][:4], bad)
    assert bool(found.isel(x=slice(4)).drop_vars(["status", "steps"]).to_array().isnull().all())
    assert (found["status"][[4, 7, 8]] == Status.CONVERGED).all()
    np.testing.assert_array_equal(found[CENTRE][7:], fit_model(data[7:], LINE)[CENTRE])
    assert found["status"][6] == Status.SINGULAR
    assert bool(found[f"{CENTRE}_std"][6].isnull())


@pytest.mark.parametrize("value", [np.nan, 0.0, -1.0])
def test_a_spectrum_without_weight_is_no_data(value):
    found = fit_model(spectra(), LINE, weights=weights(value))
    assert (found["status"] == Status.NO_DATA).all()


@pytest.mark.parametrize(
    "model",
    [
        LINE,
        Polynomial(1),
        Exponential(),
        Logistic() + Offset(),
        Arctan(),
        Expression("a*exp(-x/b)"),
    ],
)
@pytest.mark.parametrize("points", [1, 2, 3])
def test_a_few_points_are_enough_or_no_data(model, points):
    data = spectra().isel(energy=slice(20, 20 + points))
    found = fit_model(data, model)
    free = found.attrs["fit"]["free_parameters"]
    assert ((found["status"] == Status.NO_DATA) == (points < free)).all()
    empty = fit_model(data.isel(x=[]), model)
    assert empty.sizes["x"] == 0


def test_parameters_of_widely_different_size_are_fitted_as_well():
    expected = fit_model(spectra(), LINE)
    text = Expression("a/(1 + ((x - u)/g)**2) + o")
    for values, axis in ((1e15, 1e-12), (1e-30, 1e20), (1e-150, 1e-9)):
        data = spectra(spectra().values * values, ENERGY * axis)
        for model, name in ((LINE, CENTRE), (text, "expression_u")):
            found = fit_model(data, model)
            np.testing.assert_allclose(found[name] / axis, expected[CENTRE], rtol=1e-7)
            np.testing.assert_allclose(
                found[f"{name}_std"] / axis, expected[f"{CENTRE}_std"], rtol=1e-4
            )
    far = fit_model(spectra(energy=ENERGY + 1e6), LINE)
    np.testing.assert_allclose(far[CENTRE] - 1e6, expected[CENTRE], atol=1e-7)


def test_negative_counts_and_nothing_counted_have_a_likelihood_too():
    data = xr.concat([spectra() - 5.0, 0 * spectra()], "x").assign_attrs(units="counts")
    found = fit_model(data, LINE, likelihood="poisson")
    assert np.isfinite(found[CENTRE]).all()
    assert (found["status"][4:] == Status.SINGULAR).all()


@pytest.mark.parametrize("scale", [1e-150, 1e120])
def test_spectra_of_any_size_start_and_end_alike(scale):
    x = np.linspace(0.0, 10.0, 80)
    values = 2 * np.exp(-((x - 6) ** 2)) + 5 * np.exp(-x / 3)
    data = xr.DataArray(np.stack([values, scale * values]), {"x": x}, ("pixel", "x"))
    model = Gaussian() + Exponential()
    found = fit_model(data, model, dim="x")
    np.testing.assert_allclose(found["gaussian_centre"], 6.0, rtol=1e-6)
    np.testing.assert_allclose(found["exponential_decay"], 3.0, rtol=1e-6)
    np.testing.assert_allclose(found["gaussian_amplitude"], [2.0, 2.0 * scale], rtol=1e-6)


def test_infinite_values_are_left_out_of_robust_fits():
    x = np.linspace(0.0, 10.0, 80)
    values = 2 * np.exp(-((x - 6) ** 2)) + 1 + 0.01 * np.cos(40 * x)
    data = xr.DataArray(np.stack([values, values]), {"x": x}, ("pixel", "x"))
    data[1, 10:14] = np.inf
    found = fit_model(data, Gaussian() + Offset(), dim="x", loss="huber")
    np.testing.assert_allclose(found["gaussian_centre"], 6.0, atol=0.01)
    assert (found["status"] == 0).all()
