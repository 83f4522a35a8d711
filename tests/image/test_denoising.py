"""Filters of noise and of spatial frequencies."""

import numpy as np
import pytest
import xarray as xr
from tests.image.images import image

from omniscopy import samples
from omniscopy.image import denoise, filter_bands
from omniscopy.image.cleaning.denoising import noise_of_scales, starlet
from omniscopy.model import DataError
from omniscopy.signal import BandPass, HighPass, LowPass, NoiseFloor


def step_edge(noise=0.1, seed=0):
    clean = np.zeros((40, 50))
    clean[:, 25:] = 1.0
    noisy = clean + noise * np.random.default_rng(seed).standard_normal(clean.shape)
    return clean, image(noisy, units=("V", "nm", "nm"))


@pytest.mark.parametrize("method", ["wavelet", "kuwahara", "median"])
def test_noise_is_less_and_the_edge_is_left(method):
    clean, data = step_edge()
    found = denoise(data, method)
    assert float((found - clean).std()) < 0.6 * float((data - clean).std())
    assert float(found[:, 25].mean() - found[:, 24].mean()) > 0.7
    assert found.attrs["units"] == "V"


@pytest.mark.parametrize("method", ["wavelet", "kuwahara", "conservative", "median"])
def test_a_level_stays_level_beside_missing_values(method):
    data = image(np.full((20, 24), 3.0))
    data[0, 0] = data[7, 8] = np.nan
    found = denoise(data, method, scales=3)
    assert int(found.isnull().sum()) == 2
    np.testing.assert_allclose(found.values[np.isfinite(found.values)], 3.0)
    assert denoise(data * np.nan, method, scales=3).isnull().all()


def test_an_edge_without_noise_is_not_touched_by_kuwahara():
    clean, _ = step_edge()
    np.testing.assert_allclose(denoise(image(clean), "kuwahara"), clean, atol=1e-12)


def test_kuwahara_is_the_mean_of_the_square_that_varies_least():
    values = np.random.default_rng(1).random((9, 11))
    found = denoise(image(values), "kuwahara", size=5)
    i, j = 4, 5
    squares = [values[i + a : i + a + 3, j + b : j + b + 3] for a in (-2, 0) for b in (-2, 0)]
    best = min(squares, key=np.var)
    assert float(found[i, j]) == pytest.approx(best.mean())


def test_a_conservative_filter_only_cuts_what_stands_out_alone():
    values = np.random.default_rng(2).random((12, 13))
    values[5, 6], values[8, 2] = 50.0, -50.0
    found = denoise(image(values), "conservative", size=3)
    around = np.delete(values[4:7, 5:8].ravel(), 4)
    assert float(found[5, 6]) == around.max()
    around = np.delete(values[7:10, 1:4].ravel(), 4)
    assert float(found[8, 2]) == around.min()
    ramp = np.add.outer(np.arange(9.0), np.arange(8.0))
    np.testing.assert_allclose(denoise(image(ramp), "conservative")[1:-1, 1:-1], ramp[1:-1, 1:-1])


def test_starlets_add_up_and_have_the_noise_of_the_literature():
    values = np.random.default_rng(3).random((32, 40))
    np.testing.assert_allclose(sum(starlet(values, 3)), values)
    # Starck and Murtagh, Astronomical Image and Data Analysis (2006), table 2.1.
    np.testing.assert_allclose(noise_of_scales(4), [0.889, 0.200, 0.086, 0.041], atol=0.0025)
    np.testing.assert_allclose(denoise(image(values), threshold=0.0), values)


def test_white_noise_is_left_out_almost_whole():
    data = image(np.random.default_rng(4).standard_normal((128, 128)))
    assert float(denoise(data).std()) < 0.2
    assert float(denoise(data, threshold=5.0).std()) < 0.06


def waves(ky, kx, n=(60, 80)):
    empty = image(np.zeros(n))
    phase = 2 * np.pi * (ky * empty["y"] + kx * empty["x"])
    return (empty + np.cos(phase)).assign_attrs(units="V")


def test_a_band_lets_waves_through_by_the_magnitude_of_their_frequency():
    inside, outside = waves(4 / 30, 16 / 160), waves(12 / 30, 0.0)
    band = BandPass(np.hypot(4 / 30, 0.1), 0.05)
    found = filter_bands((inside + outside).assign_attrs(units="V"), band, ends="periodic")
    np.testing.assert_allclose(found, inside, atol=1e-10)
    left = filter_bands(inside, HighPass(0.3), ends="periodic")
    np.testing.assert_allclose(left, 0.0, atol=1e-10)


def test_half_is_left_at_the_cutoff_in_any_units():
    data = waves(6 / 30, 0.0)
    cut = LowPass(0.2, roll_off=0.2)
    for found in (
        filter_bands(data, cut, ends="periodic"),
        filter_bands(data, LowPass(200.0, roll_off=0.2), units="1/µm", ends="periodic"),
    ):
        np.testing.assert_allclose(found, 0.5 * data, atol=1e-10)


def test_mirrored_edges_have_no_steps():
    ramp = image(np.add.outer(np.arange(60.0), np.zeros(80)))
    found = filter_bands(ramp, LowPass(0.2))
    assert float(np.abs(found - ramp).max()) < 3.0
    assert float(np.abs(filter_bands(ramp, LowPass(0.2), ends="periodic") - ramp).max()) > 15.0
    holed = ramp.where(ramp["y"] != 3.0)
    assert int(filter_bands(holed, LowPass(0.2)).isnull().sum()) == 80


def test_small_images_are_denoised_with_the_wavelets_that_fit():
    rng = np.random.default_rng(0)
    coords = {dim: (dim, np.arange(float(n)), {"units": "nm"}) for dim, n in (("y", 8), ("x", 9))}
    image = xr.DataArray(rng.normal(5.0, 1.0, (8, 9)), coords, ("y", "x"), attrs={"units": "nm"})
    made = denoise(image, noise=1.0)
    assert float(made.std()) < 0.5 * float(image.std())
    xr.testing.assert_allclose(made, denoise(image, noise=1.0, scales=3))


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda data: denoise(data, "blur"), "method must be one of"),
        (lambda data: denoise(data, "median", size=4), "size must be odd"),
        (lambda data: denoise(data, scales=9), "fit to the image"),
        (lambda data: denoise(data, threshold=-1.0), "must not be negative"),
        (lambda data: filter_bands(data, []), "one of"),
        (lambda data: filter_bands(data, NoiseFloor()), "one of"),
        (lambda data: filter_bands(data, LowPass(1e6)), "all or none"),
        (lambda data: filter_bands(data, LowPass(0.01), units="Hz"), "converted"),
    ],
)
def test_says_what_is_wrong(call, match):
    with pytest.raises(DataError, match=match):
        call(samples.surface())
