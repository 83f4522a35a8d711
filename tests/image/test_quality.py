"""Statistics, focus and resolution of images."""

import numpy as np
import pytest
import xarray as xr
from scipy import ndimage, stats

from omniscopy import samples, simulate
from omniscopy.image import measure_focus, measure_resolution, measure_statistics
from omniscopy.model import DataError, Status


def labelled(values, steps=(0.5, 0.25)):
    values = np.asarray(values, float)
    coords = {
        dim: (dim, step * np.arange(size), {"units": "nm"})
        for dim, step, size in zip("yx", steps, values.shape[-2:], strict=True)
    }
    dims = ("frame", "y", "x")[3 - values.ndim :]
    return xr.DataArray(values, coords, dims, attrs={"units": "V"})


def test_statistics_are_those_of_the_values():
    values = np.random.default_rng(0).gamma(3.0, size=(40, 50))
    image = labelled(values)
    image[3, 4] = np.nan
    mask = image.copy(data=np.zeros((40, 50), bool))
    mask[10:12] = True
    found = measure_statistics(image, mask=mask)
    kept = np.delete(image.values, [10, 11], axis=0)
    kept = kept[np.isfinite(kept)]
    expected = {
        "mean": kept.mean(), "standard_deviation": kept.std(), "minimum": kept.min(),
        "maximum": kept.max(), "median": np.median(kept), "percentile_99": np.percentile(kept, 99),
        "skewness": stats.skew(kept), "excess_kurtosis": stats.kurtosis(kept),
        "rms_contrast": kept.std() / kept.mean(), "missing": 101 / 2000, "saturated": 0.0,
    }  # fmt: skip
    for name, value in expected.items():
        assert float(found[name]) == pytest.approx(value), name
    assert found["noise"].attrs["units"] == "V"
    assert found["skewness"].attrs["units"] == "1"


def test_entropy_noise_and_saturation():
    rng = np.random.default_rng(1)
    even = labelled(np.arange(1024).reshape(32, 32) % 4)
    assert float(measure_statistics(even)["entropy"]) == pytest.approx(2.0)
    wave = 30 * np.sin(np.arange(200) / 15)[:, None] * np.ones(180)
    noisy = labelled(wave + 2.0 * rng.standard_normal(wave.shape))
    found = measure_statistics(noisy)
    assert float(found["noise"]) == pytest.approx(2.0, rel=0.05)
    assert float(found["signal_to_noise"]) == pytest.approx(wave.var() / 4, rel=0.1)
    assert float(measure_statistics(noisy.clip(max=20.0))["saturated"]) > 0.1


def test_an_image_of_nothing_is_nan_and_alone():
    stack = labelled(
        np.stack([np.random.default_rng(2).random((20, 22)), np.full((20, 22), np.nan)])
    )
    for measure in (measure_statistics, measure_focus):
        found = measure(stack)
        assert found["status"].values.tolist() == [Status.CONVERGED, Status.NO_DATA]
        names = [name for name in found.data_vars if name != "status"]
        assert all(np.isnan(found[name][1]) for name in names)


def test_a_wave_has_the_gradient_it_has():
    y, x = 0.5 * np.arange(200), 0.25 * np.arange(240)
    wave = 5 + np.cos(2 * np.pi * (0.05 * y[:, None] + 0.1 * x))
    found = measure_focus(labelled(wave))
    k2 = (2 * np.pi) ** 2 * (0.05**2 + 0.1**2)
    assert float(found["gradient_energy"]) == pytest.approx(k2, rel=0.01)
    assert float(found["laplacian_energy"]) == pytest.approx(k2**2, rel=0.01)
    assert float(found["normalised_variance"]) == pytest.approx(0.5 / 25, rel=0.01)
    assert found["gradient_energy"].attrs["units"] == "1/nm^2"


@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_the_sharpest_of_a_series_is_found(noise):
    rng = np.random.default_rng(3)
    spots = (rng.random((120, 130)) > 0.97).astype(float)
    scene = 10 * ndimage.gaussian_filter(spots, 1.0)
    blurs = [3.0, 1.5, 0.0, 1.0, 2.0]
    stack = labelled(np.stack([ndimage.gaussian_filter(scene, b) for b in blurs]) + 5)
    stack = stack + noise * xr.DataArray(rng.standard_normal(stack.shape), dims=stack.dims)
    found = measure_focus(stack.assign_attrs(units="V"), smoothing=0.25 if noise else None)
    for name in ("gradient_energy", "laplacian_energy", "normalised_variance", "autocorrelation"):
        order = np.argsort(found[name].values)[::-1]
        assert order[0] == 2, name
        if not noise:
            assert order.tolist() == [2, 3, 1, 4, 0], name


def test_white_noise_is_taken_from_the_measures():
    rng = np.random.default_rng(4)
    scene = ndimage.gaussian_filter(rng.standard_normal((300, 300)), 4.0) * 50
    exact, noisy = (
        measure_focus(labelled(scene + n * rng.standard_normal(scene.shape))) for n in (0.0, 0.5)
    )
    for name in ("gradient_energy", "autocorrelation"):
        assert float(noisy[name]) == pytest.approx(float(exact[name]), rel=0.1), name


def test_the_resolution_is_where_signal_ends_in_noise():
    rng = np.random.default_rng(5)
    n, limit = 256, 0.8
    k = np.hypot(np.fft.fftfreq(n, 0.25)[:, None], np.fft.fftfreq(n, 0.25))
    spectrum = np.fft.fft2(rng.standard_normal((n, n))) * (k < limit)
    scene = np.fft.ifft2(spectrum).real
    one, other = (
        labelled(scene + 0.3 * rng.standard_normal((n, n)), (0.25, 0.25)) for _ in range(2)
    )
    found = measure_resolution(one, other)
    assert float(found["resolution"]) == pytest.approx(1 / limit, rel=0.05)
    assert float(found["correlation"].sel(frequency=slice(0.1, 0.7)).min()) > 0.8
    assert abs(float(found["correlation"].sel(frequency=slice(1.0, None)).mean())) < 0.05
    assert float(measure_resolution(one, other, threshold=1 / 7)["resolution"]) < 1.3


def test_the_same_image_has_no_limit_and_noise_no_resolution():
    image = samples.atom_image()
    found = measure_resolution(image, image)
    assert np.isnan(found["resolution"])
    assert int(found["status"]) == Status.AT_BOUND
    np.testing.assert_allclose(found["correlation"][1:], 1.0)
    rng = np.random.default_rng(6)
    noise = [labelled(rng.standard_normal((128, 128)), (0.25, 0.25)) for _ in range(2)]
    found = measure_resolution(*noise)
    assert int(found["status"]) == Status.INVALID or float(found["resolution"]) > 2.0


def test_better_images_have_a_better_resolution():
    low, high = (
        measure_resolution(
            *(simulate.atom_image(counts=c, background=c / 10, rng=n) for n in (0, 1))
        )
        for c in (2.0, 300.0)
    )
    assert float(high["resolution"]) < 0.8 * float(low["resolution"])


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda data: measure_statistics(data, bins=1), "at least 2"),
        (lambda data: measure_statistics(data[:1]), "at least 2"),
        (lambda data: measure_focus(data, smoothing=-1.0), "must not be negative"),
        (lambda data: measure_focus(data[:3]), "at least 4"),
        (lambda data: measure_resolution(data, data[:-1]), "same dimensions and sizes"),
        (lambda data: measure_resolution(data, data, threshold=2.0), "threshold must be"),
        (
            lambda data: measure_resolution(data, data.assign_coords(y=data["y"] + 1.0)),
            "other image",
        ),
    ],
)
def test_says_what_is_wrong(call, match):
    with pytest.raises(DataError, match=match):
        call(samples.atom_image())
