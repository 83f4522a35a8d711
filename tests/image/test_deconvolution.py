"""Images without blur, and filters of noise that were added to those of surfaces."""

import numpy as np
import pytest
import xarray as xr
from scipy import ndimage

from omniscopy import samples, simulate
from omniscopy.image import deconvolve, denoise
from omniscopy.image.cleaning.image_noise import noise_of_image
from omniscopy.image.fourier.periodic import periodic_and_smooth
from omniscopy.model import DataError


def labelled(values, steps=(0.5, 0.25), units="counts"):
    coords = {
        dim: (dim, step * np.arange(size), {"units": "nm"})
        for dim, step, size in zip("yx", steps, np.shape(values), strict=True)
    }
    return xr.DataArray(np.asarray(values, float), coords, ("y", "x"), attrs={"units": units})


def points(shape=(60, 71), number=12, seed=0, margin=0):
    rng = np.random.default_rng(seed)
    made = np.zeros(shape)
    rows = rng.integers(margin, shape[0] - margin, number)
    columns = rng.integers(margin, shape[1] - margin, number)
    made[rows, columns] = rng.uniform(500, 1500, number)
    return made


def lopsided(rows=9, columns=7):
    """Return a point-spread function that is neither even nor centred."""
    y, x = np.mgrid[:rows, :columns]
    made = np.exp(-0.5 * (((y - rows // 2 - 0.6) / 1.3) ** 2 + ((x - columns // 2) / 0.9) ** 2))
    made += 0.3 * np.exp(-0.5 * ((y - 1) ** 2 + (x - 5) ** 2))
    return made / made.sum()


def alike(found, truth):
    return np.corrcoef(found.values.ravel(), truth.ravel())[0, 1]


@pytest.mark.parametrize("ends", ["open", "periodic"])
@pytest.mark.parametrize("method", ["richardson_lucy", "wiener"])
def test_a_blurred_image_is_sharp_again(method, ends):
    truth = points(margin=12) if ends == "open" else points()
    blur = lopsided()
    image = ndimage.convolve(truth, blur, mode="wrap") + 10.0
    found = deconvolve(
        labelled(image - 10.0), labelled(blur), method, ends=ends, max_steps=500, tolerance=0.0,
        noise=1e-3,
    )  # fmt: skip
    assert alike(found, truth) > 0.9
    for axis, shift in ((0, 1), (0, -1), (1, 1), (1, -1)):
        assert alike(found, np.roll(truth, shift, axis)) < 0.5
    assert float(found.sum()) == pytest.approx(truth.sum(), rel=0.01)


def test_light_from_beyond_the_edges_makes_no_rim():
    wide = ndimage.gaussian_filter(points((80, 91), 60), 1.0)
    blur = lopsided()
    image = ndimage.convolve(wide, blur, mode="wrap")[10:-10, 10:-10]
    truth = wide[10:-10, 10:-10]
    errors = {}
    for ends in ("open", "periodic"):
        found = deconvolve(labelled(image), labelled(blur), ends=ends, max_steps=100)
        errors[ends] = np.sqrt(np.mean((found.values - truth)[:3] ** 2))
    assert errors["open"] < 0.6 * errors["periodic"]


def test_missing_pixels_are_found_from_the_others():
    truth = ndimage.gaussian_filter(points(margin=10), 0.8)
    image = labelled(ndimage.convolve(truth, lopsided(), mode="wrap"))
    whole = deconvolve(image, labelled(lopsided()), max_steps=30)
    image[20, 30] = np.nan
    found = deconvolve(image, labelled(lopsided()), max_steps=30)
    assert bool(found.notnull().all())
    assert float(abs(found - whole)[30:].max()) < 0.02 * float(whole.max())
    assert int(deconvolve(image, labelled(lopsided()), "wiener").isnull().sum()) == 1


def test_a_width_is_that_of_a_gaussian():
    truth = points(margin=12)
    sigma = 1.2 / np.sqrt(8 * np.log(2))
    image = labelled(ndimage.gaussian_filter(truth, (sigma / 0.5, sigma / 0.25)))
    found = deconvolve(image, resolution=1.2, max_steps=300, tolerance=0.0)
    assert alike(found, truth) > 0.9
    worse = deconvolve(image, resolution=0.3, max_steps=300, tolerance=0.0)
    assert alike(worse, truth) < 0.7


def test_the_filter_of_wiener_is_better_than_the_image_and_than_no_deconvolution():
    exact = simulate.atom_image((100, 90), sigma=0.04, noise=False, counts=50.0)
    blurred = exact.copy(data=ndimage.gaussian_filter(exact.values, 1.2, mode="wrap"))
    rng = np.random.default_rng(1)
    noisy = (blurred + rng.standard_normal(exact.shape)).assign_attrs(exact.attrs)
    found = deconvolve(noisy, method="wiener", resolution=1.2 * 0.04 * np.sqrt(8 * np.log(2)))
    assert float((found - exact).std()) < 0.75 * float((noisy - exact).std())


def test_the_periodic_part_and_the_rest_are_the_image():
    ramp = np.add.outer(np.arange(30.0), 2 * np.arange(41.0))
    periodic, smooth = periodic_and_smooth(ramp)
    np.testing.assert_allclose(periodic + smooth, ramp)
    assert abs(periodic[-1] - periodic[0]).max() < 0.2 * 30
    level = np.full((8, 9), 3.0)
    np.testing.assert_allclose(periodic_and_smooth(level)[0], level)


def test_noise_of_images_is_estimated():
    rng = np.random.default_rng(2)
    smooth = 100 * np.sin(np.arange(150) / 20.0)[:, None] + np.linspace(0, 50, 120)
    values = smooth + 2.5 * rng.standard_normal(smooth.shape)
    used = rng.random(values.shape) > 0.05
    assert noise_of_image(np.where(used, values, np.nan), used) == pytest.approx(2.5, rel=0.05)
    assert np.isnan(noise_of_image(values[:2], used[:2]))


NEW = ["nonlocal_means", "total_variation", "bilateral", "wiener", "average_background"]


@pytest.mark.parametrize("method", ["nonlocal_means", "wiener", "average_background"])
def test_noise_is_less_in_a_lattice(method):
    exact = simulate.atom_image((96, 100), noise=False)
    noisy = simulate.atom_image((96, 100))
    found = denoise(noisy, method, size=7)
    assert float((found - exact).std()) < 0.85 * float((noisy - exact).std())
    assert float(found.mean()) == pytest.approx(float(noisy.mean()), rel=0.01)


@pytest.mark.parametrize("method", ["nonlocal_means", "total_variation", "bilateral"])
def test_an_edge_stays(method):
    clean = np.zeros((60, 64))
    clean[:, 32:] = 10.0
    noisy = labelled(clean + np.random.default_rng(3).standard_normal(clean.shape))
    found = denoise(noisy, method, noise=1.0)
    assert float((found - clean).std()) < 0.6
    assert float(found[:, 32].mean() - found[:, 31].mean()) > 7.0


@pytest.mark.parametrize("method", NEW)
def test_a_level_stays_level_and_missing_values_missing(method):
    data = labelled(np.full((24, 30), 3.0))
    data[4, 5] = np.nan
    found = denoise(data, method)
    assert int(found.isnull().sum()) == 1
    np.testing.assert_allclose(found.values[np.isfinite(found.values)], 3.0)
    assert denoise(data * np.nan, method).isnull().all()


def test_bilateral_weights_are_gaussians_of_distance_and_height():
    values = np.random.default_rng(4).random((9, 9))
    found = denoise(labelled(values), "bilateral", size=3, noise=0.2)
    i, j = 4, 5
    part = values[i - 1 : i + 2, j - 1 : j + 2]
    y, x = np.mgrid[-1:2, -1:2]
    weight = np.exp(-0.5 * ((y**2 + x**2) / 0.75**2 + ((part - values[i, j]) / 0.5) ** 2))
    assert float(found[i, j]) == pytest.approx((weight * part).sum() / weight.sum())


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (deconvolve, "either the point-spread function"),
        (lambda data: deconvolve(data, data, resolution=1.0), "either the point-spread function"),
        (lambda data: deconvolve(data, data), "no middle one"),
        (lambda data: deconvolve(data, data[:5, :5].assign_coords(y=range(5))), "in"),
        (lambda data: deconvolve(data, labelled(lopsided())), "steps of 0.5"),
        (lambda data: deconvolve(data[:9, :9], resolution=2.0), "larger than the image"),
        (lambda data: deconvolve(data, resolution=0.0), "resolution must be above 0"),
        (lambda data: deconvolve(data, method="inverse", resolution=1.0), "method must be one of"),
        (lambda data: deconvolve(data, resolution=0.1, max_steps=0), "max_steps must be 1"),
        (lambda data: denoise(data, "bilateral", noise=-1.0), "noise must not be negative"),
    ],
)
def test_says_what_is_wrong(call, match):
    with pytest.raises(DataError, match=match):
        call(samples.atom_image())
