"""Fits of labelled spectra and images: every pixel, lazily, and what is said of each."""

import dask
import numpy as np
import pytest
import scipy.optimize
import xarray as xr

from omniscopy import signal
from omniscopy.model import DataError, Status, coordinate
from omniscopy.signal import Bounded, Fixed, Gaussian, Lorentzian, Offset, fit_model

ENERGY = np.linspace(1.0, 3.0, 128)
LINE = Lorentzian() + Offset()


def spectra(values, energy=ENERGY, units="counts"):
    values = np.asarray(values)
    outer = ["frame", "y", "x"][3 - (values.ndim - 1) :]
    coords = {
        dim: coordinate(dim, np.arange(size) * 0.5, "1" if dim == "frame" else "nm")
        for dim, size in zip(outer, values.shape[:-1], strict=True)
    }
    coords["energy"] = coordinate("energy", energy, "eV")
    return xr.DataArray(values, coords, attrs={"units": units})


def lines(shape, noise=0.0, seed=0):
    """Return spectra of a line that moves, and its parameters."""
    rng = np.random.default_rng(seed)
    low, high = [50, 1.6, 0.06, 5], [100, 2.4, 0.15, 10]
    parameters = rng.uniform(low, high, (*shape, 4))
    a, c, g, o = (parameters[..., n, None] for n in range(4))
    values = a / (1 + ((ENERGY - c) / g) ** 2) + o
    return spectra(values + noise * rng.standard_normal(values.shape)), parameters


def test_every_pixel_is_fitted_without_a_start():
    data, parameters = lines((7, 9), noise=2.0)
    found = fit_model(data, LINE)
    assert found.sizes == {"y": 7, "x": 9}
    assert (found.status == 0).all()
    names = ["lorentzian_amplitude", "lorentzian_centre", "lorentzian_gamma", "offset_value"]
    for number, name in enumerate(names):
        away = (found[name].values - parameters[..., number]) / found[f"{name}_std"].values
        assert np.abs(away).max() < 5
    np.testing.assert_allclose(found["reduced_chi_square"].mean(), 4.0, rtol=0.05)


def test_lazy_fits_compute_nothing_early_and_give_the_same_digits():
    data, _ = lines((6, 8), noise=2.0)
    eager = fit_model(data, LINE, restarts=1)

    def refuse(*_args, **_kwargs):
        raise AssertionError

    with dask.config.set(scheduler=refuse):
        lazy = fit_model(data.chunk(y=4, x=3, energy=50), LINE, restarts=1)
    assert lazy["offset_value"].chunks == ((4, 2), (3, 3, 2))
    for name, variable in lazy.compute().data_vars.items():
        np.testing.assert_array_equal(variable, eager[name])


def test_pieces_in_memory_change_no_digit(monkeypatch):
    data, _ = lines((6, 8), noise=2.0)
    whole = fit_model(data, LINE)
    monkeypatch.setattr("omniscopy.signal.block_fits._MOST", 1000)
    xr.testing.assert_equal(fit_model(data, LINE), whole)


def test_what_became_of_every_pixel_is_told():
    data, _ = lines((2, 3), noise=1.0)
    data[0, 0] = np.nan
    data[0, 1, 3:] = np.nan
    data[0, 2, 40:60] = np.nan
    data[1, 0, 5] = np.inf
    found = fit_model(data, LINE)
    expected = [[Status.NO_DATA, Status.NO_DATA, 0], [0, 0, 0]]
    np.testing.assert_array_equal(found["status"], expected)
    bad = found["status"] != 0
    for name in set(found.data_vars) - {"status", "steps"}:
        np.testing.assert_array_equal(np.isnan(found[name]), bad, err_msg=name)
    assert found["status"].attrs["flag_meanings"].split()[4] == "no_data"
    narrow = fit_model(data[1], LINE, bounds={"lorentzian_gamma": (None, 0.02)})
    assert (narrow["status"] == Status.AT_BOUND).all()
    assert np.isnan(narrow["lorentzian_gamma_std"]).all()
    assert (fit_model(data[1], LINE, max_steps=2)["status"] == Status.MAX_STEPS).all()
    double = fit_model(data[1], LINE + Offset())
    assert (double["status"] == Status.SINGULAR).all()
    assert np.isnan(double["lorentzian_centre_std"]).all()


def test_zeros_and_huge_and_tiny_values_are_no_trouble():
    data, parameters = lines((3,))
    data[1] = 0.0
    for factor in (1e-150, 1e150):
        found = fit_model(data * factor, LINE)
        np.testing.assert_allclose(found["lorentzian_centre"][0], parameters[0, 1], rtol=1e-6)
    wide = lines((3,))[0].assign_coords(energy=coordinate("energy", ENERGY * 1e-12, "eV"))
    found = fit_model(wide, LINE)
    np.testing.assert_allclose(found["lorentzian_centre"] * 1e12, parameters[:, 1], rtol=1e-6)


def test_a_window_is_what_is_fitted_and_the_axis_may_descend():
    data, parameters = lines((4,))
    data = data + 500.0 * (data.energy > 2.7)
    found = fit_model(data, LINE, window=(1.2, 2.6))
    np.testing.assert_allclose(found["lorentzian_centre"], parameters[:, 1], rtol=1e-7)
    turned = fit_model(data.isel(energy=slice(None, None, -1)), LINE, window=(1.2, 2.6))
    np.testing.assert_allclose(turned["lorentzian_gamma"], found["lorentzian_gamma"], rtol=1e-9)
    backwards = fit_model(lines((4,))[0].isel(energy=slice(None, None, -1)), LINE)
    np.testing.assert_allclose(backwards["lorentzian_centre"], parameters[:, 1], rtol=1e-7)


def test_weights_take_values_out():
    data, parameters = lines((4,))
    spoilt = (data + 500.0 * (data.energy > 2.7)).assign_attrs(units="counts")
    weights = xr.where(data.energy > 2.7, 0.0, 2.0)
    for each in (weights, weights.broadcast_like(data), weights.broadcast_like(data).chunk(x=3)):
        found = fit_model(spoilt, LINE, weights=each.assign_attrs(units="1/counts^2"))
        np.testing.assert_allclose(found["lorentzian_centre"], parameters[:, 1], rtol=1e-7)
        assert found["reduced_chi_square"].attrs["units"] == "1"
    windowed = fit_model(spoilt, LINE, weights=weights, window=(1.2, 2.9))
    np.testing.assert_allclose(windowed["lorentzian_centre"], parameters[:, 1], rtol=1e-7)


def test_a_robust_loss_withstands_outliers_in_any_units():
    data, parameters = lines((5,), noise=1.0)
    rng = np.random.default_rng(1)
    spoilt = data + xr.where(rng.random(data.shape) < 0.04, 300.0, 0.0)
    for loss in ("huber", "soft_l1", "cauchy"):
        found = fit_model(spoilt, LINE, loss=loss)
        np.testing.assert_allclose(found["lorentzian_centre"], parameters[:, 1], atol=0.02)
        scaled = fit_model(spoilt * 1e-6, LINE, loss=loss)
        np.testing.assert_allclose(scaled["lorentzian_gamma"], found["lorentzian_gamma"], rtol=1e-5)
    given = fit_model(spoilt, LINE, loss="huber", loss_scale=1.5)
    np.testing.assert_allclose(given["lorentzian_centre"], parameters[:, 1], atol=0.02)


def test_counts_are_fitted_by_their_likelihood():
    truth = np.array([60.0, 2.0, 0.2, 2.0])
    mean = truth[0] / (1 + ((ENERGY - truth[1]) / truth[2]) ** 2) + truth[3]
    counts = spectra(np.random.default_rng(2).poisson(mean, (1500, 128)))
    found = fit_model(counts, LINE, likelihood="poisson")
    for name, value in zip(
        ["lorentzian_amplitude", "lorentzian_centre", "lorentzian_gamma", "offset_value"],
        truth, strict=True,
    ):  # fmt: skip
        error = float(found[f"{name}_std"].mean())
        assert float(found[name].std()) == pytest.approx(error, rel=0.06)
        assert abs(float(found[name].mean()) - value) < 0.12 * error
    assert float(found["reduced_chi_square"].mean()) == pytest.approx(1.0, abs=0.2)
    assert found["reduced_chi_square"].attrs["units"] == "1"


def test_starts_are_numbers_or_maps_of_an_earlier_result():
    data, _ = lines((3, 4), noise=1.0)
    first = fit_model(data, LINE)
    again = fit_model(data, LINE, start=first)
    assert int(again["steps"].max()) <= 4
    np.testing.assert_allclose(again["lorentzian_centre"], first["lorentzian_centre"], rtol=1e-6)
    lazy = fit_model(data.chunk(y=2), LINE, start=first.chunk(x=2))
    np.testing.assert_array_equal(lazy["lorentzian_centre"], again["lorentzian_centre"])
    held = Lorentzian(centre=Fixed()) + Offset()
    centre = first[["lorentzian_centre"]] + 0.01
    kept = fit_model(data, held, start=centre.assign_attrs(first.attrs))
    np.testing.assert_array_equal(kept["lorentzian_centre"], centre["lorentzian_centre"])
    assert (kept["lorentzian_centre_std"] == 0).all()
    numbers = {"lorentzian_centre": 2.0, "lorentzian_gamma": 0.3}
    assert (fit_model(data, LINE, start=numbers)["status"] == 0).all()


def test_other_starts_find_what_the_first_does_not():
    data, parameters = lines((20,), noise=0.5)
    far = {"lorentzian_centre": 2.95, "lorentzian_gamma": 0.02}
    once, often = (fit_model(data, LINE, start=far, restarts=n) for n in (0, 12))
    right = np.abs(once["lorentzian_centre"] - parameters[:, 1]) < 0.02
    better = np.abs(often["lorentzian_centre"] - parameters[:, 1]) < 0.02
    assert int(better.sum()) > int(right.sum())
    assert (often["reduced_chi_square"] <= once["reduced_chi_square"]).all()


def test_the_model_that_made_the_data_has_the_lower_criteria():
    data, _ = lines((30,), noise=3.0)
    right, wrong = fit_model(data, LINE), fit_model(data, Gaussian() + Offset())
    more = fit_model(data, LINE + Gaussian(centre=Bounded(1, 3)))
    assert ((wrong["aic"] - right["aic"]) > 10).all()
    assert float(((more["bic"] - right["bic"]) > 0).mean()) > 0.9


def test_no_cost_is_above_that_of_scipy():
    data, _ = lines((60,), noise=3.0)
    found = fit_model(data, LINE)

    def line(x, a, c, g, o):
        return a / (1 + ((x - c) / g) ** 2) + o

    for pixel in range(60):
        values = data[pixel].values
        start = [np.ptp(values), ENERGY[np.argmax(values)], 0.1, np.median(values)]
        best, covariance = scipy.optimize.curve_fit(line, ENERGY, values, start)
        cost = np.sum((line(ENERGY, *best) - values) ** 2) / (128 - 4)
        assert float(found["reduced_chi_square"][pixel]) <= cost * (1 + 1e-6)
        np.testing.assert_allclose(
            found["lorentzian_centre_std"][pixel], np.sqrt(covariance[1, 1]), rtol=1e-3
        )


def peaks_in_images(shape=(3, 4), noise=0.0):
    rng = np.random.default_rng(5)
    y, x = np.arange(24) * 0.2, np.arange(30) * 0.2
    low = [5, 1.6, 2.0, 0.4, 0.7, 10, 1]
    high = [9, 3.0, 3.8, 0.6, 1.0, 40, 2]
    parameters = rng.uniform(low, high, (*shape, 7))
    a, cy, cx, sy, sx, angle, o = (parameters[..., n, None, None] for n in range(7))
    c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    dy, dx = y[:, None] - cy, x - cx
    values = a * np.exp(-(((dx * c + dy * s) / sx) ** 2 + ((dy * c - dx * s) / sy) ** 2) / 2) + o
    coords = {
        "frame": coordinate("frame", np.arange(shape[0]), "1"),
        "cycle": coordinate("cycle", np.arange(shape[1]), "1"),
        "y": coordinate("y", y, "nm"),
        "x": coordinate("x", x, "nm"),
    }
    noisy = values + noise * rng.standard_normal(values.shape)
    return xr.DataArray(noisy, coords, attrs={"units": "counts"}), parameters


def test_peaks_in_images_are_fitted_by_the_same_call():
    images, parameters = peaks_in_images()
    found = fit_model(images, signal.Gaussian2D() + Offset())
    names = ["amplitude", "centre_y", "centre_x", "sigma_y", "sigma_x", "angle"]
    for number, name in enumerate(names):
        np.testing.assert_allclose(
            found[f"gaussian_2d_{name}"], parameters[..., number], rtol=1e-6, err_msg=name
        )
    np.testing.assert_allclose(found["offset_value"], parameters[..., 6], rtol=1e-6)
    assert found["gaussian_2d_centre_x"].attrs["units"] == "nm"
    assert found["gaussian_2d_angle"].attrs["units"] == "deg"
    turned = fit_model(images.transpose("x", "frame", "y", "cycle"), signal.Gaussian2D() + Offset())
    np.testing.assert_allclose(
        turned["gaussian_2d_sigma_y"].transpose("frame", "cycle"), parameters[..., 3], rtol=1e-6
    )
    lazy = fit_model(images.chunk(y=5, frame=2), signal.Gaussian2D() + Offset())
    np.testing.assert_array_equal(lazy["offset_value"], found["offset_value"])


def test_two_peaks_on_a_tilted_plane_are_told_apart():
    images, _ = peaks_in_images((1, 1))
    y, x = images["y"], images["x"]
    model = signal.Lorentzian2D() + signal.Lorentzian2D() + signal.Plane()
    names = signal.fitting.lay_out(model).names
    truth = [9, 1.2, 1.1, 0.4, 0.5, 20, 5, 3.4, 4.4, 0.5, 0.4, -30, 1, 0.3, -0.2]
    ds = xr.Dataset(dict(zip(names, map(float, truth), strict=True)))
    image = signal.evaluate_model(model, ds, images[0, 0])
    assert image.dims == ("y", "x")
    found = fit_model(image.assign_coords(y=y, x=x), model)
    for name in ("lorentzian_2d_centre_y", "lorentzian_2d_1_centre_x", "plane_slope_y"):
        assert float(found[name]) == pytest.approx(float(ds[name]), rel=1e-6)


def test_a_fit_drawn_again_is_the_data():
    data, _ = lines((3, 4))
    found = fit_model(data, LINE)
    drawn = signal.evaluate_model(LINE, found, data)
    np.testing.assert_allclose(drawn, data, rtol=1e-9)
    assert drawn.dims == data.dims
    assert drawn.attrs["units"] == "counts"
    parts = [
        signal.evaluate_model(LINE, found, data, components=name)
        for name in ("lorentzian", "offset")
    ]
    np.testing.assert_allclose(parts[0] + parts[1], drawn)
    fine = coordinate("energy", np.linspace(1000, 3000, 11), "meV")
    other = signal.evaluate_model(LINE, found, xr.DataArray(fine, {"energy": fine}))
    expected = signal.evaluate_model(
        LINE, found, data.interp(energy=np.linspace(1, 3, 11)).assign_coords(
            energy=coordinate("energy", np.linspace(1, 3, 11), "eV"))
    )  # fmt: skip
    np.testing.assert_allclose(other, expected, rtol=1e-12)
    assert other["energy"].attrs["units"] == "meV"


def test_drawing_needs_the_parameters_and_the_dimension():
    data, _ = lines((2,))
    found = fit_model(data, LINE)
    with pytest.raises(DataError, match=r"ds does not hold \['gaussian_amplitude'"):
        signal.evaluate_model(Gaussian(), found, data)
    with pytest.raises(DataError, match="components must be some of"):
        signal.evaluate_model(LINE, found, data, components="gaussian")
    with pytest.raises(DataError, match="expected a labelled array"):
        signal.evaluate_model(LINE, found, np.arange(3.0))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dim": "wavelength"}, "expected a dimension 'wavelength'"),
        ({"dim": ["x", "energy"]}, "a model of spectra has one dimension"),
        ({"window": (2.0, 1.0)}, "with low < high"),
        ({"window": (7.0, 8.0)}, "holds 0 channels"),
        ({"start": {"centre": 2.0}}, r"start of \['centre'\]"),
        ({"start": {"lorentzian_gamma": -2.0}}, "outside its bounds 0 to inf"),
        ({"bounds": {"lorentzian_centre": (3, 2)}}, "must be below the upper bound"),
        (
            {"bounds": {"lorentzian_centre": (2, 3)}, "start": {"lorentzian_centre": 1.5}},
            "lorentzian_centre starts at 1.5, outside its bounds 2 to 3",
        ),
        ({"start": xr.Dataset({"other": 3})}, "start holds"),
        (
            {"start": xr.Dataset({"offset_value": ("z", [1.0, 2.0])})},
            r"start of offset_value has the dimensions \['z'\]",
        ),
        (
            {"start": xr.Dataset({"offset_value": ("x", [1.0, 2.0])}, {"x": [7.0, 8.0]})},
            "start of offset_value must have the coordinates",
        ),
        ({"weights": xr.DataArray(np.ones(3), {"energy": [1.0, 2, 3]})}, "weights must have the"),
        ({"weights": xr.DataArray([1.0], {"x": [0.0]})}, "expected dimensions"),
        ({"loss": "absolute"}, "loss must be one of"),
        ({"likelihood": "normal"}, "likelihood must be one of"),
        ({"max_steps": 0}, "max_steps must be at least 1"),
        ({"restarts": -1}, "restarts must be a whole number from 0 on"),
        ({"loss_scale": -1.0}, "loss_scale must be above 0"),
        ({"model": Lorentzian(centre=Fixed())}, "is fixed, but at no value"),
        ({"model": "gaussian"}, "expected a model such as"),
        ({"data": lines((2,))[0] * 1j}, "expected real numbers"),
        ({"data": np.ones(3)}, "expected a labelled array|expected real"),
        ({"model": signal.PowerLaw(), "data": spectra(np.ones((2, 128)), ENERGY - 2)},
         "needs a coordinate above 0; it starts at -1"),
        ({"data": spectra(np.ones((2, 128)), np.where(ENERGY > 2, np.nan, ENERGY))},
         "has values that are not finite"),
        ({"model": signal.Gaussian2D()}, "two spatial dimensions"),
    ],
)  # fmt: skip
def test_wrong_calls_are_refused_before_anything_is_computed(change, message):
    given = {"data": lines((2,))[0].chunk(), "model": LINE} | change

    def refuse(*_args, **_kwargs):
        raise AssertionError

    with dask.config.set(scheduler=refuse), pytest.raises(DataError, match=message):
        fit_model(given.pop("data"), given.pop("model"), **given)
