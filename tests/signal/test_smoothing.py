"""Smoothing and derivatives: against SciPy, exact polynomials, and on uneven axes."""

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
import xarray as xr

from omniscopy import samples
from omniscopy.model import DataError, coordinate
from omniscopy.signal import derivative, find_peaks, smooth

METHODS = ("savgol", "gaussian", "whittaker", "median", "lowess")
STEP = 0.02


def spectra(values, x=None, units="eV"):
    values = np.asarray(values)
    x = STEP * np.arange(values.shape[-1]) if x is None else x
    dims = ("x", "energy")[-values.ndim :]
    coords = {"energy": coordinate("energy", x, units)}
    return xr.DataArray(values, coords, dims=dims, attrs={"units": "V", "long_name": "Signal"})


def noisy(count=3, n=150, seed=0):
    return np.random.default_rng(seed).standard_normal((count, n)).cumsum(axis=-1)


UNEVEN = np.sort(np.random.default_rng(1).uniform(0.0, 3.0, 150))


@pytest.mark.parametrize(("channels", "degree"), [(5, 2), (11, 3), (9, 0)])
def test_savgol_is_that_of_scipy(channels, degree):
    values = noisy()
    found = smooth(spectra(values), width=channels * STEP, degree=degree)
    expected = scipy.signal.savgol_filter(values, channels, degree)
    np.testing.assert_allclose(found, expected, atol=1e-10)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_smooth_derivatives_are_those_of_scipy(order):
    values = noisy()
    found = derivative(spectra(values), order=order, width=13 * STEP, degree=4)
    expected = scipy.signal.savgol_filter(values, 13, 4, deriv=order, delta=STEP)
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-6)
    assert found.attrs["units"] == {1: "V/eV", 2: "V/eV^2", 3: "V/eV^3"}[order]


@pytest.mark.parametrize("x", [STEP * np.arange(150), UNEVEN, UNEVEN[::-1]])
def test_the_first_derivative_is_that_of_numpy(x):
    values = noisy()
    found = derivative(spectra(values, x))
    np.testing.assert_allclose(found, np.gradient(values, x, axis=-1, edge_order=2), rtol=1e-7)


@pytest.mark.parametrize("width", [None, 0.4])
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_derivatives_of_polynomials_are_exact_on_any_axis_to_the_ends(order, width):
    polynomial = np.polynomial.Polynomial([1.0, -2.0, 3.0, -0.5, 0.3, 0.1][: order + 2])
    for x in (STEP * np.arange(150), np.linspace(0, 1.7, 150) ** 2, 5.0 - STEP * np.arange(150)):
        found = derivative(spectra(polynomial(x), x), order=order, width=width)
        exact = polynomial.deriv(order)(x)
        np.testing.assert_allclose(found, exact, atol=2e-2 * 10 ** (2 * order - 6))


def test_a_rising_signal_has_a_positive_slope_also_on_a_descending_axis():
    x = np.linspace(5.0, 1.0, 40)
    np.testing.assert_allclose(derivative(spectra(3.0 * x, x)), 3.0)
    in_milli = derivative(spectra(3.0 * x, 1e3 * x, units="meV"))
    np.testing.assert_allclose(in_milli, 3e-3)
    assert in_milli.attrs["units"] == "V/meV"


def test_unknown_units_stay_unknown():
    data = spectra(noisy())
    del data["energy"].attrs["units"]
    assert "units" not in derivative(data).attrs
    assert derivative(data).attrs["long_name"] == "derivative of Signal"


def test_gaussian_is_that_of_scipy_away_from_the_ends():
    values = noisy()
    found = smooth(spectra(values), method="gaussian", width=8 * STEP)
    sigma = 8 / (2 * np.sqrt(2 * np.log(2)))
    expected = scipy.ndimage.gaussian_filter1d(values, sigma, truncate=4.0)
    np.testing.assert_allclose(found[:, 20:-20], expected[:, 20:-20], atol=2e-3)


@pytest.mark.parametrize("step", [0.01, 0.03])
def test_the_width_of_a_gaussian_adds_to_that_of_a_peak_whatever_the_sampling(step):
    x = np.arange(0.0, 4.0, step)
    peak = spectra(np.exp(-4 * np.log(2) * ((x - 2.0) / 0.3) ** 2), x)
    wide = smooth(peak, method="gaussian", width=0.4)
    assert float(find_peaks(wide, noise=0.0)["width"][0]) == pytest.approx(0.5, rel=2e-3)


@pytest.mark.parametrize("step", [0.005, 0.02])
def test_whittaker_halves_a_wave_as_long_as_the_width(step):
    x = np.arange(0.0, 12.0, step)
    wave = spectra(np.sin(2 * np.pi * x / 0.5), x)
    middle = slice(4.0, 8.0)
    found = smooth(wave, method="whittaker", width=0.5).sel(energy=middle)
    np.testing.assert_allclose(found, 0.5 * wave.sel(energy=middle), atol=0.01)


def test_median_is_that_of_scipy_away_from_the_ends():
    values = noisy()
    found = smooth(spectra(values), method="median", width=9 * STEP)
    expected = scipy.ndimage.median_filter(values, (1, 9))
    np.testing.assert_allclose(found[:, 4:-4], expected[:, 4:-4])
    np.testing.assert_allclose(found[:, 1], np.median(values[:, :3], axis=1))
    np.testing.assert_allclose(found[:, [0, -1]], values[:, [0, -1]])


def test_lowess_is_a_line_through_what_is_near():
    values = noisy(count=1)[0]
    found = smooth(spectra(values, UNEVEN), method="lowess", width=0.5)
    for i in (0, 3, 70, 149):
        away = np.abs(UNEVEN - UNEVEN[i]) / 0.25
        weight = np.where(away < 1, (1 - np.minimum(away, 1) ** 3) ** 3, 0)
        line = np.polyfit(UNEVEN, values, 1, w=np.sqrt(weight))
        assert float(found[i]) == pytest.approx(np.polyval(line, UNEVEN[i]), abs=1e-8)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("x", [STEP * np.arange(150), np.linspace(0.5, 1.7, 150) ** 2])
def test_straight_lines_stay_to_their_ends(method, x):
    if method == "median" and x[0] > 0:
        return
    line = spectra(4.0 - 2.0 * x, x)
    np.testing.assert_allclose(smooth(line, method=method, width=0.3), line, atol=1e-8)


@pytest.mark.parametrize("method", METHODS)
def test_missing_values_stay_missing_and_change_nothing_else(method):
    line = 4.0 - 0.2 * np.arange(100.0)
    values = np.stack([line, line, np.full(100, np.nan), np.full(100, 3.0)])
    values[1, [0, 40, 41, 70]] = np.nan
    found = smooth(spectra(values), method=method, width=7 * STEP).values
    assert (np.isnan(found) == np.isnan(values)).all()
    tolerance = 0.21 if method == "median" else 1e-9
    np.testing.assert_allclose(found, values, atol=tolerance)
    slope = derivative(spectra(values), width=7 * STEP).values
    np.testing.assert_allclose(slope[1][np.isfinite(values[1])], -0.2 / STEP)
    np.testing.assert_allclose(slope[3], 0.0, atol=1e-12)


def test_a_window_with_too_few_values_left_is_missing():
    values = np.arange(20.0)
    values[5:9] = np.nan
    values[10:14] = np.nan
    found = smooth(spectra(values), width=5 * STEP).values
    assert np.isnan(found[9])
    np.testing.assert_allclose(found[[4, 14]], [4.0, 14.0])


@pytest.mark.parametrize("method", METHODS)
def test_a_descending_axis_is_smoothed_alike(method):
    values = noisy()
    up = smooth(spectra(values), method=method, width=9 * STEP)
    down = smooth(spectra(values)[:, ::-1], method=method, width=9 * STEP)
    np.testing.assert_allclose(down[:, ::-1], up, atol=1e-9)


def test_noise_becomes_less_and_what_it_is_stays():
    data = samples.spectrum()
    found = smooth(data, width=0.05)
    assert found.attrs["units"] == "counts"
    assert found.attrs["long_name"] == data.attrs["long_name"]
    assert found.dtype == np.float32
    assert smooth(data.astype(np.int32)).dtype == np.float64
    assert float(found.diff("energy").std()) < 0.5 * float(data.diff("energy").std())


@pytest.mark.parametrize(
    ("function", "options", "match"),
    [
        (smooth, {"method": "boxcar"}, "must be one of .* got 'boxcar'"),
        (smooth, {"method": "gaussian", "degree": 2}, "degree has no meaning for method"),
        (smooth, {"width": 9.0}, "width 9 eV is more than the whole of 'energy'"),
        (smooth, {"width": 0.02}, "around 'energy' = 0 eV holds 1 channels; at least 3"),
        (smooth, {"width": -1.0}, "width must be above 0"),
        (smooth, {"degree": 9}, "degree must be from 0 to 6, got 9"),
        (derivative, {"order": 0}, "order must be from 1 to 4, got 0"),
        (derivative, {"order": 2, "degree": 1}, "at least order 2, got 1"),
        (derivative, {"width": 0.06, "degree": 4}, "holds 3 channels; at least 5 .* widen it"),
        (derivative, {"width": 0.03}, "holds 1 channels; at least 3"),
    ],
)
def test_says_what_is_wrong(function, options, match):
    with pytest.raises(DataError, match=match):
        function(spectra(noisy()), **options)


def test_axes_that_do_not_fit_are_said():
    with pytest.raises(DataError, match="method 'median' needs a uniform axis"):
        smooth(spectra(noisy(), UNEVEN), method="median")
    with pytest.raises(DataError, match=r"around 'energy' = \d+ eV holds 1 channels; at least 3"):
        smooth(spectra(noisy(), np.arange(150.0) ** 2), width=300.0)
    with pytest.raises(DataError, match="must ascend or descend"):
        derivative(spectra(noisy(), np.abs(np.arange(150.0) - 70.0)))
    with pytest.raises(DataError, match="has 4 points; at least 5"):
        derivative(spectra(np.ones(4)), order=2)
