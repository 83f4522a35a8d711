"""Power spectral densities of surfaces, and what is fitted to them."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from omniscopy import samples, simulate
from omniscopy.image import measure_roughness, power_spectral_density
from omniscopy.model import DataError, validate

ALONG = ("plane", "radial", "rows", "columns")
WINDOWS = ("hann", "hamming", "blackman", "none")


def image(values, steps=(0.5, 2.0)):
    coords = {
        dim: (dim, step * np.arange(size), {"units": "nm"})
        for dim, step, size in zip("yx", steps, np.shape(values), strict=True)
    }
    return xr.DataArray(np.asarray(values, float), coords, dims=("y", "x"), attrs={"units": "V"})


def integral(density):
    if {"ky", "kx"} <= set(density.dims):
        steps = [abs(float(density[dim][1] - density[dim][0])) for dim in ("ky", "kx")]
        return float(density.sum() * steps[0] * steps[1])
    (dim,) = density.dims
    return float(density.integrate(dim))


@pytest.mark.parametrize("along", ALONG)
@given(
    shape=st.tuples(st.integers(3, 14), st.integers(3, 14)),
    steps=st.tuples(st.floats(0.1, 5), st.floats(0.1, 5)),
    window=st.sampled_from(WINDOWS),
    detrend=st.sampled_from(["mean", "plane"]),
    seed=st.integers(0, 99),
)
def test_the_integral_is_the_square_of_sq_with_any_window(  # noqa: PLR0917 - drawn
    along, shape, steps, window, detrend, seed
):
    data = image(np.random.default_rng(seed).standard_normal(shape) + 7.0, steps)
    density = power_spectral_density(data, along=along, window=window, detrend=detrend)
    expected = float(measure_roughness(data, detrend=detrend)["sq"]) ** 2
    assert integral(density) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("along", ALONG)
def test_the_integral_of_a_smooth_surface_is_within_a_percent_by_sum_and_by_trapezoids(along):
    data = samples.surface()
    density = power_spectral_density(data, along=along)
    by_trapezoids = float(density.integrate(list(density.dims)))
    steps = [abs(float(density[dim][1] - density[dim][0])) for dim in density.dims]
    assert by_trapezoids == pytest.approx(float(data.var()), rel=0.01)
    if along in ("plane", "radial"):
        assert float(density.sum()) * np.prod(steps) == pytest.approx(float(data.var()), rel=0.01)


@pytest.mark.parametrize(("along", "dim", "k"), [("rows", "kx", 0.05), ("columns", "ky", 0.3)])
def test_a_wave_is_at_its_frequency_along_the_right_axis(along, dim, k):
    empty = image(np.zeros((40, 60)))
    data = (empty + 3 * np.cos(2 * np.pi * (0.3 * empty["y"] + 0.05 * empty["x"]))).assign_attrs(
        units="V"
    )
    density = power_spectral_density(data, along=along, window="none")
    assert float(density[dim][int(np.argmax(density.values))]) == pytest.approx(k)
    assert density.attrs["units"] == "V^2 nm"
    radial = power_spectral_density(data, along="radial", window="none")
    found = float(radial["k"][int(np.argmax(radial.values))])
    assert found == pytest.approx(np.hypot(0.3, 0.05), abs=float(radial["k"][1]))


def test_the_density_of_a_rough_surface_is_the_transform_of_its_correlation():
    rms, xi = 0.4, 60.0
    total = dict.fromkeys(ALONG, 0.0)
    for seed in range(8):
        data = simulate.surface(
            (128, 128), extent=(1280.0, 1280.0), rms=rms, correlation_length=xi,
            step_height=0.0, noise=0.0, rng=seed,
        )  # fmt: skip
        for along in ALONG:
            total[along] = total[along] + power_spectral_density(data, along=along) / 8
    k = total["radial"]["k"]
    near = (k > 0.002) & (k < 0.006)
    expected = 2 * np.pi * k * np.pi * xi**2 * rms**2 * np.exp(-((np.pi * xi * k) ** 2))
    assert float((total["radial"] / expected).where(near).mean()) == pytest.approx(1.0, abs=0.1)
    for along, dim in (("rows", "kx"), ("columns", "ky")):
        k = total[along][dim]
        expected = 2 * np.sqrt(np.pi) * xi * rms**2 * np.exp(-((np.pi * xi * k) ** 2))
        ratio = float((total[along] / expected).where((k > 0.002) & (k < 0.006)).mean())
        assert ratio == pytest.approx(1.0, abs=0.1)


def test_units_and_kinds_are_those_of_a_density():
    for along, units in zip(ALONG, ("nm^4", "nm^3", "nm^3", "nm^3"), strict=True):
        density = power_spectral_density(samples.surface(), along=along)
        assert density.attrs["units"] == units
        assert validate(density) == []


def test_missing_points_have_no_weight_and_a_flat_surface_no_power():
    data = image(np.random.default_rng(4).standard_normal((64, 64)) + 50.0)
    holes = data.where(np.random.default_rng(5).random((64, 64)) > 0.2)
    for along in ALONG:
        density = power_spectral_density(holes, along=along)
        assert integral(density) == pytest.approx(float(np.nanvar(holes.values)))
        assert np.isnan(power_spectral_density(holes * np.nan, along=along)).all()
        assert float(power_spectral_density(0 * data + 3.0, along=along).max()) == 0.0


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"along": "x"}, "along must be one of"),
        ({"window": "hanning"}, "window must be one of"),
        ({"detrend": "cubic"}, "detrend must be one of"),
    ],
)
def test_says_what_is_wrong(options, match):
    with pytest.raises(DataError, match=match):
        power_spectral_density(samples.surface(), **options)
