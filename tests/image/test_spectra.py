"""Power spectra of images."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from omniscopy import samples, simulate
from omniscopy.image import power_spectrum
from omniscopy.model import DataError, validate


def image(values, steps=(0.5, 2.0), units="nm"):
    coords = {
        dim: (dim, step * np.arange(size), {"units": units})
        for dim, step, size in zip(("y", "x"), steps, np.shape(values), strict=True)
    }
    return xr.DataArray(values, coords, dims=("y", "x"), attrs={"units": "V"})


def wave(ky, kx, shape=(40, 30), steps=(0.5, 2.0), amplitude=3.0):
    empty = image(np.zeros(shape), steps)
    return (
        empty + amplitude * np.cos(2 * np.pi * (ky * empty["y"] + kx * empty["x"]))
    ).assign_attrs(units="V")


def integral(spectrum):
    step_y, step_x = (float(spectrum[dim][1] - spectrum[dim][0]) for dim in ("ky", "kx"))
    return float(spectrum.sum() * abs(step_y * step_x))


@given(
    shape=st.tuples(st.integers(2, 12), st.integers(2, 12)),
    steps=st.tuples(st.floats(0.1, 5), st.floats(0.1, 5)),
    seed=st.integers(0, 99),
)
def test_the_integral_is_the_variance(shape, steps, seed):
    data = image(np.random.default_rng(seed).standard_normal(shape) + 7.0, steps)
    assert integral(power_spectrum(data, window="none")) == pytest.approx(float(data.var()))


def test_the_integral_is_the_variance_under_the_window():
    data = image(np.random.default_rng(1).standard_normal((20, 30)) + 7.0)
    w = np.outer(*(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n) for n in (20, 30)))
    mean = (w * data.values).sum() / w.sum()
    expected = (w**2 * (data.values - mean) ** 2).sum() / (w**2).sum()
    assert integral(power_spectrum(data)) == pytest.approx(expected)


def test_white_noise_has_its_variance_times_the_area_of_a_pixel_everywhere():
    data = image(2.0 * np.random.default_rng(2).standard_normal((128, 128)), (0.5, 2.0))
    spectrum = power_spectrum(data)
    assert float(spectrum.mean()) == pytest.approx(4.0 * 0.5 * 2.0, rel=0.05)


@pytest.mark.parametrize("shape", [(40, 30), (41, 31)])
def test_a_wave_is_at_its_frequency_along_the_right_axis(shape):
    data = wave(6 / (0.5 * shape[0]), 2 / (2.0 * shape[1]), shape)
    spectrum = power_spectrum(data, window="none", scaling="amplitude")
    row, column = np.unravel_index(int(np.argmax(spectrum.values)), spectrum.shape)
    found = abs(float(spectrum["ky"][row])), abs(float(spectrum["kx"][column]))
    assert found == pytest.approx((6 / (0.5 * shape[0]), 2 / (2.0 * shape[1])))
    assert float(spectrum.max()) == pytest.approx(3.0)
    assert spectrum.attrs["units"] == "V"


def test_a_wave_that_falls_to_the_right_has_both_frequencies_of_one_sign():
    data = wave(0.3, 0.1)
    spectrum = power_spectrum(data, window="none")
    assert float(spectrum.sel(ky=0.3, kx=0.1, method="nearest")) > 1.0
    assert float(spectrum.sel(ky=-0.3, kx=0.1, method="nearest")) < 1e-9


@pytest.mark.parametrize(("size", "ends"), [(8, (-4, 3)), (9, (-4, 4))])
def test_zero_is_at_half_the_size(size, ends):
    spectrum = power_spectrum(image(np.eye(size), (1.0, 1.0)))
    assert float(spectrum["ky"][size // 2]) == 0.0
    np.testing.assert_allclose(spectrum["kx"][[0, -1]], np.array(ends) / size)


def test_an_axis_that_descends_has_frequencies_that_descend():
    data = wave(0.3, 0.1)
    spectrum = power_spectrum(data, window="none")
    turned = power_spectrum(data[::-1], window="none")
    assert float(turned["ky"][0]) > 0
    np.testing.assert_allclose(
        turned.sel(ky=0.3, kx=0.1, method="nearest"),
        spectrum.sel(ky=0.3, kx=0.1, method="nearest"),
    )


def test_units_are_those_of_a_density():
    spectrum = power_spectrum(samples.surface())
    assert spectrum.attrs["units"] == "nm^4"
    assert spectrum["ky"].attrs["units"] == spectrum["kx"].attrs["units"] == "1/nm"
    assert spectrum["ky"].attrs["kind"] == "reciprocal"
    assert spectrum.attrs["signal_type"] == "diffraction"
    unknown = power_spectrum(image(np.eye(8)).drop_attrs(deep=False))
    assert "units" not in unknown.attrs
    assert validate(unknown) == []


def test_a_plane_leaves_nothing():
    data = image(np.add.outer(np.arange(12.0), 3 * np.arange(9.0)) + 4.0)
    assert float(power_spectrum(data, detrend="plane").max()) < 1e-20
    assert float(power_spectrum(data, detrend="mean").max()) > 1.0
    level = power_spectrum(0 * data + 2.0, detrend="none", window="none", scaling="amplitude")
    assert float(level.sel(ky=0, kx=0)) == pytest.approx(4.0)  # both halves of a wave at zero


def test_missing_pixels_have_no_weight():
    data = image(np.random.default_rng(4).standard_normal((64, 64)) + 50.0)
    holes = data.where(np.random.default_rng(5).random((64, 64)) > 0.2)
    finite = holes.values[np.isfinite(holes.values)]
    spectrum = power_spectrum(holes, window="none")
    assert integral(spectrum) == pytest.approx(finite.var())
    nothing = power_spectrum(xr.concat([data, data * np.nan], "frame"))
    assert np.isnan(nothing[1]).all()
    assert not np.isnan(nothing[0]).any()


def test_the_spectrum_of_a_rough_surface_is_the_transform_of_its_correlation():
    rms, xi, total = 0.4, 60.0, 0
    for seed in range(8):
        total = total + power_spectrum(
            simulate.surface(
                (128, 128), extent=(1280.0, 1280.0), rms=rms, correlation_length=xi,
                step_height=0.0, noise=0.0, rng=seed,
            )
        ).drop_attrs()  # fmt: skip
    k = np.hypot(total["ky"], total["kx"])
    near = (k > 0.002) & (k < 0.006)
    expected = np.pi * xi**2 * rms**2 * np.exp(-((np.pi * xi * k) ** 2))
    ratio = float((total / 8 / expected).where(near).mean())
    assert ratio == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(
    ("data", "options", "match"),
    [
        (samples.spectrum(), {}, "two spatial dimensions"),
        (image(np.ones((1, 5))), {}, "at least 2"),
        (image(np.ones((4, 4))), {"window": "hanning"}, "window must be one of"),
        (image(np.ones((4, 4))), {"detrend": "cubic"}, "detrend must be one of"),
        (image(np.ones((4, 4))).assign_coords(y=[0.0, 1.0, 4.0, 5.0]), {}, "must be uniform"),
        (samples.diffraction_4d(), {}, "has a dimension 'ky'"),
    ],
)
def test_says_what_is_wrong(data, options, match):
    with pytest.raises(DataError, match=match):
        power_spectrum(data, **options)
