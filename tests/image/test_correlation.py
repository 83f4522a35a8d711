"""Autocorrelations, structure functions and the correlation lengths fitted to surfaces."""

import numpy as np
import pytest
import xarray as xr

from omniscopy import samples
from omniscopy.image import autocorrelation, fit_correlation_length, structure_function
from omniscopy.model import DataError, Status


def image(values, steps=(0.5, 2.0), units=("V", "nm", "nm")):
    coords = {
        dim: (dim, step * np.arange(size), {"units": unit})
        for dim, step, size, unit in zip(
            ("y", "x"), steps, np.shape(values)[-2:], units[1:], strict=True
        )
    }
    dims = ("frame", "y", "x")[-np.ndim(values) :]
    if np.ndim(values) == 3:
        coords["frame"] = ("frame", np.arange(len(values)), {"units": "1"})
    return xr.DataArray(np.asarray(values, float), coords, dims=dims, attrs={"units": units[0]})


def pairs(values, dy, dx, function):
    """Average a function of all pairs of points that are (dy, dx) apart."""
    n, m = values.shape
    found = [
        function(values[i, j], values[i + dy, j + dx])
        for i in range(n)
        for j in range(m)
        if 0 <= i + dy < n and 0 <= j + dx < m
    ]
    return np.nanmean(found)


def test_the_plane_is_the_mean_over_pairs_whatever_is_missing():
    values = np.random.default_rng(0).standard_normal((9, 7)) + 5.0
    values[2, 3] = values[5, 5] = np.nan
    data = image(values)
    z = values - np.nanmean(values)
    acf, hhcf = autocorrelation(data), structure_function(data, along="plane")
    for dy, dx in ((0, 0), (1, 0), (0, 2), (3, -2), (-4, 3)):
        place = {"shift_y": 0.5 * dy, "shift_x": 2.0 * dx}
        product = pairs(z, dy, dx, lambda one, other: one * other)
        difference = pairs(z, dy, dx, lambda one, other: (one - other) ** 2)
        assert float(acf.sel(place, method="nearest")) == pytest.approx(product)
        assert float(hhcf.sel(place, method="nearest")) == pytest.approx(difference, abs=1e-12)
    assert acf.sizes == {"shift_y": 9, "shift_x": 7}
    assert acf.attrs["units"] == hhcf.attrs["units"] == "V^2"


@pytest.mark.parametrize(("along", "axis"), [("rows", 1), ("columns", 0)])
@pytest.mark.parametrize("order", [1.0, 2.0, 3.0])
def test_rows_and_columns_are_the_mean_over_pairs(along, axis, order):
    values = np.random.default_rng(1).standard_normal((8, 10))
    data = image(values)
    found = structure_function(data, order=order, along=along)
    assert float(found["shift"][1]) == (2.0, 0.5)[axis == 0]
    for shift in (0, 1, 4):
        apart = (0, shift) if axis else (shift, 0)
        expected = pairs(values, *apart, lambda one, other: abs(one - other) ** order)
        assert float(found[shift]) == pytest.approx(expected)
    acf = autocorrelation(data, along=along)
    z = values - values.mean()
    expected = pairs(z, *((0, 3) if axis else (3, 0)), lambda one, other: one * other)
    assert float(acf[3]) == pytest.approx(expected)


def test_a_sinusoid_has_a_cosine_and_a_plane_a_parabola():
    x = np.arange(400)
    data = image(3.0 * np.sin(2 * np.pi * x / 50)[None] * np.ones((2, 1)), (1.0, 1.0))
    acf, hhcf = autocorrelation(data, along="rows"), structure_function(data)
    whole = slice(None, None, 50)  # over these shifts the pairs are whole periods
    np.testing.assert_allclose(acf[whole], 4.5)
    np.testing.assert_allclose(hhcf[whole], 0.0, atol=1e-12)
    assert float(hhcf[25]) == pytest.approx(2 * 9.0, rel=0.01)
    plane = image(0.5 * np.add.outer(0 * np.arange(8), np.arange(20)), (1.0, 2.0))
    np.testing.assert_allclose(structure_function(plane), (0.5 * np.arange(11)) ** 2)


def test_the_radial_average_is_that_of_the_shape():
    field = gaussian_fields(4, (256, 256), (1.0, 1.0), 12.0, seed=3)
    data = image(field, (1.0, 1.0))
    acf = autocorrelation(data, along="radial", detrend="none").mean("frame")
    r = acf["distance"].values
    near = r < 20
    np.testing.assert_allclose(acf[near], np.exp(-((r[near] / 12.0) ** 2)), atol=0.12)
    hhcf = structure_function(data, along="radial").mean("frame")
    np.testing.assert_allclose(hhcf[near], 2 - 2 * np.exp(-((r[near] / 12) ** 2)), atol=0.25)


def gaussian_fields(count, shape, steps, xi, *, seed, kind="gaussian", rms=1.0):
    """Periodic Gaussian random fields with a known spectrum, not normalised one by one."""
    rng = np.random.default_rng(seed)
    ky, kx = (np.fft.fftfreq(n, s) for n, s in zip(shape, steps, strict=True))
    k2 = ky[:, None] ** 2 + kx**2
    if kind == "gaussian":
        density = np.pi * rms**2 * xi**2 * np.exp(-(np.pi**2) * xi**2 * k2)
    else:
        density = 2 * np.pi * rms**2 * xi**2 / (1 + 4 * np.pi**2 * xi**2 * k2) ** 1.5
    white = np.fft.fft2(rng.standard_normal((count, *shape)))
    return np.fft.ifft2(white * np.sqrt(density / np.prod(steps))).real


@pytest.mark.parametrize(
    ("shape", "window", "crop"),
    [("gaussian", "none", False), ("exponential", "none", False), ("gaussian", "hann", True)],
)
def test_the_scatter_of_a_correlation_length_is_its_std(shape, window, crop):
    steps, xi, rms, noise = (1.0, 1.5), 5.0, 2.0, 0.6
    size = (192, 128) if crop else (96, 64)
    fields = gaussian_fields(300, size, steps, xi, seed=7, kind=shape, rms=rms)
    fields = fields[:, :96, :64] + noise * np.random.default_rng(8).standard_normal((300, 96, 64))
    found = fit_correlation_length(image(fields, steps), shape, window=window)
    assert (found["status"] == Status.CONVERGED).mean() > 0.99
    truth = {"rms": rms, "correlation_length": xi, "noise_density": noise**2 * np.prod(steps)}
    for name, true in truth.items():
        std = float(np.sqrt((found[f"{name}_std"] ** 2).mean()))
        scatter = float(found[name].std())
        assert scatter == pytest.approx(std, rel=0.15), name
        assert float(found[name].mean()) == pytest.approx(true, abs=0.5 * std), name
    # Under a window neighbouring rings scatter alike, each by itself less than is reckoned.
    expected = {"none": (0.85, 1.15), "hann": (0.3, 1.0)}[window]
    assert expected[0] < float(found["reduced_chi_square"].mean()) < expected[1]


def test_a_hurst_exponent_is_fitted():
    fields = gaussian_fields(6, (256, 256), (1.0, 1.0), 12.0, seed=2, kind="exponential")
    found = fit_correlation_length(image(fields, (1.0, 1.0)), "self_affine", window="none")
    away = (found["hurst_exponent"] - 0.5) / found["hurst_exponent_std"]
    assert float(np.abs(away).max()) < 3.5
    assert float(found["hurst_exponent_std"].max()) < 0.1
    away = (found["correlation_length"] - 12) / found["correlation_length_std"]
    assert float(np.abs(away).max()) < 3.5


def test_an_image_without_a_point_has_no_length():
    found = fit_correlation_length(image(np.full((16, 16), np.nan), (1.0, 1.0)))
    assert np.isnan(found["correlation_length"])
    assert int(found["status"]) in (Status.NO_DATA, Status.INVALID)


@pytest.mark.parametrize(
    ("function", "options", "match"),
    [
        (autocorrelation, {"along": "x"}, "along must be one of"),
        (structure_function, {"order": 0.0}, "order must be above 0"),
        (structure_function, {"order": 1e9}, "order must be above 0 and at most 20"),
        (structure_function, {"order": 3.0, "along": "radial"}, "'rows' and 'columns' only"),
        (fit_correlation_length, {"shape": "cubic"}, "shape must be one of"),
        (fit_correlation_length, {"k_range": (0.2, 0.1)}, "low < high"),
        (fit_correlation_length, {"k_range": (0.001, 0.002)}, "5 are needed"),
    ],
)
def test_says_what_is_wrong(function, options, match):
    with pytest.raises(DataError, match=match):
        function(samples.surface(), **options)
