"""Windows of images: cut, joined, cleaned by singular vectors, transformed."""

import numpy as np
import pytest
import xarray as xr

from omniscopy import samples, simulate
from omniscopy.image import (
    clean_svd,
    estimate_window_size,
    join_windows,
    power_spectrum,
    sliding_windows,
    window_fft_decompose,
)
from omniscopy.image.windows.svd_cleaning import covariance, projected
from omniscopy.model import DataError, Status


def test_windows_are_parts_of_the_image_where_they_say(image_of):
    data = image_of(np.random.default_rng(0).random((20, 31)))
    cut = sliding_windows(data, (10.0, 4.0), step=(4.0, 1.5))
    assert cut.shape == (8, 8, 5, 8)
    part = cut.isel(y=2, x=3)
    y = float(part["y"]) + part["window_y"].values
    x = float(part["x"]) + part["window_x"].values
    np.testing.assert_allclose(data.sel(y=y, x=x, method="nearest"), part.values)
    np.testing.assert_allclose(y, data["y"].values[4:9])
    assert np.shares_memory(cut.values, data.values)
    assert cut.attrs["units"] == "nm"


def test_windows_cover_the_image_where_asked(image_of):
    data = image_of(np.random.default_rng(1).random((20, 31)))
    plain, whole = (
        sliding_windows(data, (10.0, 4.0), step=(4.0, 1.5), cover=cover) for cover in (False, True)
    )
    assert plain.sizes["y"] + 1 == whole.sizes["y"]
    joined = join_windows(whole)
    np.testing.assert_allclose(joined, data)
    np.testing.assert_allclose(joined["x"], data["x"])
    np.testing.assert_allclose(joined["y"], data["y"])


@pytest.mark.parametrize("window", ["none", "hann"])
def test_joined_windows_are_the_image_again(image_of, window):
    data = image_of(np.random.default_rng(2).random((3, 12, 14)))
    data[1, 3, 4] = np.nan
    joined = join_windows(sliding_windows(data, (8.0, 2.0)), window=window)
    np.testing.assert_allclose(joined, data)


def test_what_windows_say_differently_is_averaged(image_of):
    cut = sliding_windows(image_of(np.zeros((4, 5))), (4.0, 1.0)).copy()
    cut[1, 1] = 3.0
    joined = join_windows(cut)
    assert float(joined[1, 1]) == pytest.approx(3.0 / 4)
    assert float(joined[0, 0]) == 0.0


def test_spectra_of_windows_are_those_of_the_parts(image_of):
    data = image_of(np.random.default_rng(3).random((24, 32)), dy=0.5)
    spectra = power_spectrum(sliding_windows(data, (4.0, 4.0), step=(2.0, 2.0)))
    part = power_spectrum(data[4:12, 8:16])
    np.testing.assert_allclose(spectra[1, 2], part)
    np.testing.assert_allclose(spectra["kwindow_y"], part["ky"])


@pytest.mark.parametrize(("n", "p"), [((23, 17), (5, 4)), ((9, 12), (7, 8)), ((8, 8), (8, 8))])
def test_the_covariance_and_the_projection_are_those_of_all_windows(n, p):
    image = np.random.default_rng(4).standard_normal(n)
    windows = np.lib.stride_tricks.sliding_window_view(image, p)
    rows = windows.reshape(-1, p[0] * p[1])
    expected = rows.T @ rows / len(rows)
    np.testing.assert_allclose(covariance(image, p), expected, atol=1e-12)
    vectors = np.linalg.eigh(expected)[1][:, -3:]
    parts = (rows @ vectors @ vectors.T).reshape(windows.shape)
    total, count = np.zeros(n), np.zeros(n)
    for i, j in np.ndindex(*parts.shape[:2]):
        total[i : i + p[0], j : j + p[1]] += parts[i, j]
        count[i : i + p[0], j : j + p[1]] += 1
    found = projected(image, vectors.T.reshape(-1, *p))
    np.testing.assert_allclose(found, total / count, atol=1e-12)


def test_all_components_are_the_image(image_of):
    data = image_of(np.random.default_rng(5).random((21, 18)))
    np.testing.assert_allclose(clean_svd(data, (6.0, 2.0), components=12), data, atol=1e-10)
    parts = sum(clean_svd(data, (6.0, 2.0), components=[k]) - data.mean() for k in range(12))
    np.testing.assert_allclose(parts + data.mean(), data, atol=1e-10)


def test_of_white_noise_nothing_is_left(image_of):
    rng = np.random.default_rng(6)
    kept = [
        float(clean_svd(image_of(rng.standard_normal((64, 64))), (16.0, 4.0)).std()) > 1e-9
        for _ in range(40)
    ]
    assert sum(kept) <= 4


@pytest.mark.parametrize(("noise", "most"), [(None, 0.25), ("poisson", 0.2)])
def test_a_lattice_without_its_noise_is_what_it_was(noise, most):
    options = {"counts": 20.0, "background": 4.0}
    noisy = simulate.atom_image((160, 150), **options)
    exact = simulate.atom_image((160, 150), noise=False, **options)
    found = clean_svd(noisy, 0.64, noise=noise)
    assert float((found - exact).std()) < most * float((noisy - exact).std())
    assert float(found.mean()) == pytest.approx(float(exact.mean()), rel=0.01)


def test_missing_pixels_stay_missing_and_alone():
    data = samples.atom_image().astype(float)
    holed = data.copy()
    holed[20:22, 30] = np.nan
    found, whole = clean_svd(holed, 0.4), clean_svd(data, 0.4)
    assert int(found.isnull().sum()) == 2
    assert float(abs(found - whole)[40:].max()) < 0.05 * float(data.std())
    assert clean_svd(data * np.nan, 0.4).isnull().all()


def two_lattices():
    left = simulate.atom_image((64, 64), a=(0.4, 0.0), b=(0.0, 0.4))
    right = simulate.atom_image((64, 64), a=(0.32, 0.24), b=(-0.24, 0.32), rng=1)
    shifted = right.assign_coords(x=right["x"] + 64 * 0.04)
    return xr.concat([left, shifted], "x", combine_attrs="override")


def test_two_lattices_are_told_apart_by_their_spectra():
    found = window_fft_decompose(two_lattices(), 2, 1.28, step=0.32)
    loadings = found["loadings"]
    sides = loadings.sel(x=slice(0, 1.6)).mean(("y", "x")) - loadings.sel(x=slice(3.5, None)).mean(
        ("y", "x")
    )
    assert float(sides.max()) > 0.3 * float(loadings.max())
    assert float(sides.min()) < -0.3 * float(loadings.max())
    assert found["components"]["ky"].attrs["units"] == "1/nm"
    cropped = window_fft_decompose(two_lattices(), 2, 1.28, step=0.32, max_frequency=4.0)
    assert float(abs(cropped["kx"]).max()) <= 4.0


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda data: sliding_windows(data, 0.01), "at least 2 are needed"),
        (lambda data: sliding_windows(data, 100.0), "larger than the image"),
        (lambda data: sliding_windows(data, 1.0, step=-1.0), "step must be above 0"),
        (lambda data: sliding_windows(sliding_windows(data, 1.0), 1.0, dims=("y", "x")), "already"),
        (lambda data: sliding_windows(data, (1.0, 1.0, 1.0)), "one along y and one along x"),
        (lambda data: sliding_windows(data, 1.0, window="box"), "window must be one of"),
        (join_windows, "window_y"),
        (lambda data: clean_svd(data, 0.4, components=500), "components must be of the 100"),
        (lambda data: clean_svd(data, 4.0), "at most 4096"),
        (lambda data: clean_svd(data, 0.4, noise="white"), "noise must be one of"),
        (lambda data: clean_svd(data[:0], 0.4), "at least 2"),
        (lambda data: window_fft_decompose(data, 2, 1.0, max_frequency=0.1), "no spectrum"),
    ],
)
def test_says_what_is_wrong(call, match):
    with pytest.raises(DataError, match=match):
        call(samples.atom_image())


def test_the_size_of_windows_is_that_of_the_largest_spacing(image_of):
    y, x = np.meshgrid(np.arange(120.0), 0.5 * np.arange(200.0), indexing="ij")
    waves = np.cos(2 * np.pi * y / 11.0) + 0.7 * np.cos(2 * np.pi * (x + 0.2 * y) / 6.0)
    noise = 0.2 * np.random.default_rng(1).standard_normal(y.shape)
    data = xr.DataArray(
        waves + noise, {"y": ("y", y[:, 0], {"units": "nm"}), "x": ("x", x[0], {"units": "nm"})},
        dims=("y", "x"),
    )  # fmt: skip
    found = estimate_window_size(data, periods=2.0)
    assert float(found["spacing"]) == pytest.approx(11.0, abs=5 * float(found["spacing_std"]))
    assert float(found["size"]) == pytest.approx(22.0, rel=0.01)
    assert found["size"].attrs["units"] == "nm"
    cut = sliding_windows(data, float(found["size"]))
    assert (cut.sizes["window_y"], cut.sizes["window_x"]) == (22, 44)


def test_images_that_repeat_nothing_have_no_window_size(image_of):
    stack = xr.concat([samples.atom_image(), samples.atom_image() * np.nan], "frame")
    found = estimate_window_size(stack)
    assert float(found["size"][0]) == pytest.approx(0.39, rel=0.02)
    np.testing.assert_array_equal(found["status"], [Status.CONVERGED, Status.NO_DATA])
    flat = estimate_window_size(image_of(np.ones((32, 30))))
    assert np.isnan(flat["size"])
    assert int(flat["status"]) == Status.INVALID
    assert int(estimate_window_size(image_of(np.full((32, 30), np.nan)))["status"]) == 4
    with pytest.raises(DataError, match="periods must be above 0"):
        estimate_window_size(samples.atom_image(), periods=0.0)
