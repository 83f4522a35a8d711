"""Baselines: against textbook versions of each method, known curves, and bad input."""

import itertools

import numpy as np
import pytest
import xarray as xr
from scipy import ndimage

from omniscopy import samples
from omniscopy.model import DataError, coordinate
from omniscopy.signal import estimate_baseline, estimate_noise, subtract_baseline
from omniscopy.signal import whittaker as kernels


def spectra(values, x=None, units="eV", values_units="V"):
    values = np.asarray(values)
    x = np.arange(values.shape[-1]) * 0.5 if x is None else x
    dims = ("x", "energy")[-values.ndim :]
    coords = {"energy": coordinate("energy", x, units)}
    return xr.DataArray(values, coords, dims=dims, attrs={"units": values_units})


def peaks_on(x, *centres, height=50.0, width=4.0):
    return sum(height * np.exp(-0.5 * ((x - centre) / width) ** 2) for centre in centres)


def noisy(count=7, n=160, seed=0):
    x = np.arange(n) * 0.5
    background = 80.0 * np.exp(-x / 60.0)
    rng = np.random.default_rng(seed)
    return background + peaks_on(x, 20.0, 55.0) + rng.standard_normal((count, n))


def second_differences(x):
    """Return the matrix of second derivatives times the root of what each stands for."""
    steps = np.diff(x)
    rows = np.zeros((len(x) - 2, len(x)))
    for i, (before, after) in enumerate(itertools.pairwise(steps)):
        middle = (before + after) / 2
        rows[i, i : i + 3] = [1 / before, -1 / before - 1 / after, 1 / after]
        rows[i] /= np.sqrt(middle)
    return rows


def penalised(y, x, width, weights):
    """Return the minimum of the integral in the docstring, by dense least squares."""
    cells = 0.5 * (np.append(np.diff(x), np.diff(x)[-1]) + np.insert(np.diff(x), 0, np.diff(x)[0]))
    penalty = (width / (2 * np.pi)) ** 4 * second_differences(x).T @ second_differences(x)
    weights = np.where(np.isnan(y), 0.0, weights * cells)
    return np.linalg.solve(np.diag(weights) + penalty, weights * np.nan_to_num(y))


def eilers_boelens(y, x, width, asymmetry, steps):
    weights = np.ones(len(y))
    for _ in range(steps):
        curve = penalised(y, x, width, weights)
        again = np.where(y > curve, asymmetry, 1 - asymmetry)
        if (again == weights).all():
            break
        weights = again
    return curve


def baek(y, x, width, steps):
    weights = np.ones(len(y))
    for _ in range(steps):
        curve = penalised(y, x, width, weights)
        away = y - curve
        mean, spread = away[away < 0].mean(), away[away < 0].std()
        again = 1 / (1 + np.exp(2 * (away - (2 * spread - mean)) / spread))
        if np.linalg.norm(again - weights) <= 1e-3 * np.linalg.norm(weights):
            break
        weights = again
    return curve


@pytest.mark.parametrize("method", ["als", "arpls"])
@pytest.mark.parametrize("uneven", [False, True])
def test_reweighted_least_squares_are_those_of_the_papers(method, uneven):
    values = noisy(count=kernels.LANES + 3)
    x = np.arange(values.shape[-1]) * 0.5
    if uneven:
        x = x + 0.2 * np.sin(x)
    found = estimate_baseline(spectra(values, x), method=method, width=20.0)
    for row in (0, 1, -1):
        expected = (
            eilers_boelens(values[row], x, 20.0, 0.01, 50)
            if method == "als"
            else baek(values[row], x, 20.0, 50)
        )
        np.testing.assert_allclose(found[row], expected, atol=1e-7)


def test_steps_and_asymmetry_are_followed():
    values = noisy()
    x = np.arange(values.shape[-1]) * 0.5
    found = estimate_baseline(spectra(values), method="als", width=20.0, asymmetry=0.1, max_steps=3)
    np.testing.assert_allclose(found[2], eilers_boelens(values[2], x, 20.0, 0.1, 3), atol=1e-8)


@pytest.mark.parametrize("step", [0.1, 0.5])
def test_a_wave_as_long_as_the_width_is_halved_whatever_the_sampling(step):
    x = np.arange(0.0, 200.0, step)
    wave = spectra(np.sin(2 * np.pi * x / 20.0), x)
    found = estimate_baseline(wave, method="als", width=20.0, regions=[(0.0, 200.0)])
    inner = slice(60.0, 140.0)
    np.testing.assert_allclose(
        found.sel(energy=inner), 0.5 * wave.sel(energy=inner), atol=4e-3 * (step / 0.5)
    )


@pytest.mark.parametrize("method", ["als", "arpls"])
def test_the_baseline_does_not_change_with_the_sampling(method):
    def at(x):
        return spectra(80.0 * np.exp(-x / 60.0) + peaks_on(x, 20.0, 55.0) + np.cos(50 * x), x)

    coarse, fine = (
        estimate_baseline(at(np.arange(0, 80, step)), method=method, width=30.0)
        for step in (0.5, 0.125)
    )
    np.testing.assert_allclose(fine.interp(energy=coarse["energy"][10:-10]), coarse[10:-10], atol=1)


def test_arpls_goes_through_the_noise_and_als_below_it():
    x = np.arange(1024) * 1.0
    background = 100.0 * np.exp(-x / 600.0)
    rng = np.random.default_rng(1)
    values = background + peaks_on(x, 150.0, 400.0, 700.0, width=8.0)
    data = spectra(values + rng.standard_normal((20, 1024)), x)
    arpls = estimate_baseline(data, width=256.0) - background
    als = estimate_baseline(data, method="als", width=256.0) - background
    assert abs(float(arpls.mean())) < 0.1
    assert float((arpls**2).mean()) ** 0.5 < 0.35
    assert -2.0 < float(als.mean()) < -0.5


def test_wide_baselines_of_many_channels_lose_no_digits():
    n = 2048
    x = np.arange(n) * 1.0
    rng = np.random.default_rng(2)
    y = 1000.0 * np.exp(-2.0 * x / n) + rng.standard_normal(n)
    found = estimate_baseline(spectra(y, x), method="als", width=float(n), regions=[(0, n)])
    exact = long_double_whittaker(y, (n / (2 * np.pi)) ** 4)
    np.testing.assert_allclose(found, exact.astype(float), atol=1e-6)


def long_double_whittaker(y, strength):
    """Return the smooth curve by plain elimination in extended precision."""
    n, long = len(y), np.longdouble
    bands = np.zeros((3, n), long)
    for i in range(n - 2):
        for k, one in enumerate((1, -2, 1)):
            for m, other in enumerate((1, -2, 1)[k:]):
                bands[m, i + k] += long(strength) * one * other
    bands[0] += 1
    right = y.astype(long)
    for i in range(n):
        for m in (1, 2):
            if i + m < n:
                factor = bands[m, i] / bands[0, i]
                bands[0, i + m] -= factor * bands[m, i]
                right[i + m] -= factor * right[i]
                if m == 1:
                    bands[1, i + 1] -= factor * bands[2, i]
    for i in range(n - 1, -1, -1):
        for m in (1, 2):
            if i + m < n:
                right[i] -= bands[m, i] * right[i + m]
        right[i] /= bands[0, i]
    return right


@pytest.mark.parametrize("method", ["als", "arpls", "polynomial"])
def test_a_line_goes_on_through_missing_channels(method):
    line = 5.0 - 0.3 * np.arange(60.0)
    line[[0, 1, 20, 21, 22, 59]] = np.nan
    width = {} if method == "polynomial" else {"width": 15.0}
    found = estimate_baseline(spectra(line), method=method, **width)
    np.testing.assert_allclose(found, 5.0 - 0.3 * np.arange(60.0), atol=1e-8)


def test_missing_channels_have_no_weight():
    values = noisy(count=2)
    values[0, [3, 70, 71]] = np.nan
    values[1, 100:] = np.nan
    x = np.arange(values.shape[-1]) * 0.5
    found = estimate_baseline(spectra(values), method="als", width=20.0)
    for row in (0, 1):
        expected = eilers_boelens(values[row], x, 20.0, 0.01, 50)
        np.testing.assert_allclose(found[row], expected, atol=1e-7)
    difference = subtract_baseline(spectra(values), method="als", width=20.0)
    assert (np.isnan(difference.values) == np.isnan(values)).all()


def test_a_descending_axis_gives_the_same_baseline():
    data = spectra(noisy())
    for options in ({"width": 20.0}, {"method": "polynomial"}, {"method": "snip", "width": 9.0}):
        up, down = (estimate_baseline(each, **options) for each in (data, data[:, ::-1]))
        np.testing.assert_allclose(down[:, ::-1], up, atol=1e-6)


@pytest.mark.parametrize("counts", [False, True])
def test_snip_is_that_of_the_paper(counts):
    values = 40.0 + np.abs(noisy())
    data = spectra(values, values_units="counts" if counts else "V")
    found = estimate_baseline(data, method="snip", width=12.0)
    clipped = np.log(np.log(np.sqrt(values + 1) + 1) + 1) if counts else values.copy()
    for reach in range(12, 0, -1):
        before = clipped.copy()
        for i in range(reach, values.shape[1] - reach):
            mean = (before[:, i - reach] + before[:, i + reach]) / 2
            clipped[:, i] = np.minimum(before[:, i], mean)
    expected = (np.exp(np.exp(clipped) - 1) - 1) ** 2 - 1 if counts else clipped
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_clipped_polynomials_are_those_of_a_plain_loop():
    data = spectra(noisy())
    noise = estimate_noise(data).values
    found = estimate_baseline(data, method="polynomial", degree=4, max_steps=500)
    x = data["energy"].values
    for y, level, made in zip(data.values.copy(), noise, found.values, strict=True):
        for _ in range(500):
            fit = np.polynomial.Polynomial.fit(x, y, 4)(x)
            y = np.minimum(y, fit + level)  # noqa: PLW2901 - the values that are clipped
        np.testing.assert_allclose(made, fit, atol=0.2 * level)


def test_regions_are_fitted_without_clipping():
    data = spectra(noisy())
    regions = [(0.0, 8.0), (33.0, 42.0), (70.0, 79.0)]
    found = estimate_baseline(data, method="polynomial", degree=2, regions=regions)
    x = data["energy"].values
    inside = np.any([(x >= low) & (x <= high) for low, high in regions], axis=0)
    expected = np.polynomial.Polynomial.fit(x[inside], data.values[3, inside], 2)(x)
    np.testing.assert_allclose(found[3], expected, atol=1e-8)
    smooth = estimate_baseline(data, regions=regions, width=60.0)
    truth = 80.0 * np.exp(-x / 60.0)
    assert float(abs(smooth - truth).max()) < 4.0
    assert float(abs((smooth - truth).mean())) < 0.5


def test_a_rolling_ball_is_an_opening_that_is_smoothed():
    values = noisy()
    found = estimate_baseline(spectra(values), method="rolling_ball", width=10.5)
    for y, made in zip(values, found.values, strict=True):
        opened = ndimage.grey_opening(y, 21, mode="nearest")
        expected = np.convolve(np.pad(opened, 10, mode="edge"), np.ones(21) / 21, mode="valid")
        np.testing.assert_allclose(made[25:-25], expected[25:-25])
    assert float(found.max()) < 90.0


@pytest.mark.parametrize("method", ["arpls", "als", "snip", "polynomial", "rolling_ball"])
def test_constant_and_missing_spectra_are_no_error(method):
    values = np.stack([np.full(80, 7.0), np.full(80, np.nan), noisy(count=1, n=80)[0]])
    found = estimate_baseline(spectra(values), method=method)
    np.testing.assert_allclose(found[0], 7.0, rtol=1e-9)
    assert np.isnan(found[1]).all()
    alone = estimate_baseline(spectra(values[2]), method=method)
    np.testing.assert_allclose(found[2], alone, rtol=1e-9)


def test_what_is_subtracted_is_the_baseline():
    data = samples.spectrum()
    difference = subtract_baseline(data, method="snip")
    xr.testing.assert_allclose(
        (difference + estimate_baseline(data, method="snip")).drop_attrs(), data.drop_attrs()
    )
    assert difference.attrs["units"] == "counts"
    assert difference.attrs["long_name"] == data.attrs["long_name"]
    assert difference.dtype == np.float32


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, ">f4", np.int64])
def test_whole_numbers_and_other_byte_orders_have_the_same_baseline(dtype):
    values = np.round(noisy()).clip(0, 255)
    expected = estimate_baseline(spectra(values), width=20.0)
    found = estimate_baseline(spectra(values.astype(dtype)), width=20.0)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert found.dtype == (np.float64 if dtype == np.int64 else np.float32)


X = np.arange(100) * 0.5


@pytest.mark.parametrize(
    ("options", "x", "match"),
    [
        ({"method": "spline"}, X, "must be one of .*'arpls'.* got 'spline'"),
        ({"width": 0.0}, X, "width must be above 0"),
        ({"width": 1.0}, X, r"width 1 eV is 2 channels of 'energy' \(0.5 eV each\); at least 3"),
        ({"width": 60.0}, X, "more than the whole of 'energy', which spans 50 eV"),
        ({"method": "polynomial", "width": 5.0}, X, "width has no meaning for method"),
        ({"degree": 2}, X, "degree has no meaning for method 'arpls'"),
        ({"method": "polynomial", "degree": 50}, X, "degree must be from 0 to 20, got 50"),
        ({"asymmetry": 0.1}, X, "asymmetry has no meaning for method 'arpls'"),
        ({"method": "als", "asymmetry": 2.0}, X, "above 0 and at most 0.5, got 2.0"),
        ({"method": "snip", "regions": [(1, 2)]}, X, "regions has no meaning for method 'snip'"),
        ({"regions": [(60.0, 70.0)]}, X, "holds 0 channels of 'energy' .which spans 0 to 49.5"),
        ({"regions": [(9.0, 8.0)]}, X, "low < high"),
        ({"regions": []}, X, "hold 0 channels of 'energy'; at least 2"),
        ({"method": "polynomial", "regions": [(0, 1)]}, X, "hold 3 channels .* at least 4"),
        ({"max_steps": 0}, X, "max_steps must be at least 1"),
        ({"dim": "frequency"}, X, "expected a dimension 'frequency'"),
        ({"method": "snip"}, X**2, "method 'snip' needs a uniform axis: .* must be uniform"),
        ({}, np.abs(X - 20.0), "must ascend or descend .* sort it"),
        ({}, np.where(X == 20.0, np.nan, X), "without equal or missing values"),
    ],
)
def test_says_what_is_wrong_before_computing(options, x, match):
    import dask.array

    def computed(*_):
        raise AssertionError

    lazy = dask.array.ones((4, 100), chunks=2).map_blocks(computed, meta=np.ones((0, 0)))
    data = xr.DataArray(lazy, {"energy": coordinate("energy", x, "eV")}, dims=("x", "energy"))
    with pytest.raises(DataError, match=match):
        estimate_baseline(data, **options)


def test_too_few_channels_are_said():
    with pytest.raises(DataError, match="has 3 points; at least 4"):
        estimate_baseline(spectra(np.ones(3)), method="polynomial")
    with pytest.raises(DataError, match="real numbers, got complex128"):
        estimate_baseline(spectra(np.ones(9) * 1j))
