"""Spots of power spectra."""

import numpy as np
import pytest
import xarray as xr

from omniscopy import samples, simulate
from omniscopy.image import find_fourier_spots, power_spectrum
from omniscopy.model import DataError, Status


def waves(*parts, shape=(96, 80), steps=(0.1, 0.2)):
    coords = {
        dim: (dim, 5.0 + step * np.arange(size), {"units": "nm"})
        for dim, step, size in zip(("y", "x"), steps, shape, strict=True)
    }
    data = xr.DataArray(np.zeros(shape), coords, dims=("y", "x"))
    for amplitude, ky, kx in parts:
        data = data + amplitude * np.cos(2 * np.pi * (ky * data["y"] + kx * data["x"]) + 0.7)
    return data.assign_attrs(units="V")


def test_a_wave_between_pixels_is_found_where_it_is():
    spots = find_fourier_spots(waves((2.0, 1.237, 0.843)))
    assert spots.sizes["peak"] == 1
    spot = spots.isel(peak=0)
    assert float(spot["ky"]) == pytest.approx(1.237, abs=2e-5)
    assert float(spot["kx"]) == pytest.approx(0.843, abs=2e-5)
    assert float(spot["amplitude"]) == pytest.approx(2.0, rel=1e-4)
    assert float(spot["magnitude"]) == pytest.approx(np.hypot(1.237, 0.843), rel=1e-4)
    assert float(spot["spacing"]) == pytest.approx(1 / np.hypot(1.237, 0.843), rel=1e-4)
    assert float(spot["angle"]) == pytest.approx(np.degrees(np.arctan2(1.237, 0.843)), abs=0.01)


def test_the_angle_turns_from_x_towards_y():
    down = find_fourier_spots(waves((1.0, 1.0, 1.0)))
    up = find_fourier_spots(waves((1.0, -1.0, 1.0)))
    assert float(down["angle"][0]) == pytest.approx(45.0, abs=0.01)
    assert float(up["angle"][0]) == pytest.approx(-45.0, abs=0.01)


def test_two_waves_are_told_apart_the_stronger_first():
    spots = find_fourier_spots(waves((1.0, 1.5, 0.5), (3.0, 0.6, 1.7)))
    np.testing.assert_allclose(spots["ky"], [0.6, 1.5], atol=1e-3)
    np.testing.assert_allclose(spots["kx"], [1.7, 0.5], atol=1e-3)
    np.testing.assert_allclose(spots["amplitude"], [3.0, 1.0], rtol=1e-3)


def test_a_wave_along_one_axis_is_found_once():
    spots = find_fourier_spots(waves((1.0, 1.31, 0.0)))
    assert spots.sizes["peak"] == 1
    assert float(spots["ky"][0]) == pytest.approx(1.31, abs=1e-4)


def test_the_reported_spread_is_the_scatter():
    exact = waves((1.0, 1.237, 0.843), shape=(48, 40))
    rng = np.random.default_rng(0)
    noisy = exact + xr.DataArray(
        2.0 * rng.standard_normal((1000, 48, 40)), dims=("frame", "y", "x")
    )
    spots = find_fourier_spots(noisy.transpose("frame", "y", "x"), threshold=12.0, max_spots=1)
    spots = spots.isel(peak=0)
    right = (abs(spots["ky"] - 1.237) < 0.1) & (abs(spots["kx"] - 0.843) < 0.1)
    assert float(right.mean()) > 0.99
    truth = {
        "ky": 1.237, "kx": 0.843, "spacing": 1 / np.hypot(1.237, 0.843),
        "magnitude": np.hypot(1.237, 0.843), "angle": np.degrees(np.arctan2(1.237, 0.843)),
        "amplitude": 1.0,
    }  # fmt: skip
    for name, value in truth.items():
        scatter = float(spots[name].where(right).std())
        reported = float((spots[f"{name}_std"].where(right) ** 2).mean()) ** 0.5
        assert scatter == pytest.approx(reported, rel=0.08), name
        bias = 0.25 if name == "amplitude" else 0.15
        assert float(spots[name].where(right).mean()) == pytest.approx(value, abs=bias * reported)


def test_noise_alone_seldom_has_a_spot():
    rng = np.random.default_rng(3)
    noise = waves() + xr.DataArray(rng.standard_normal((50, 96, 80)), dims=("frame", "y", "x"))
    spots = find_fourier_spots(noise.transpose("frame", "y", "x"))
    assert int(spots["count"].sum()) <= 4


@pytest.mark.parametrize("angle", [0.0, 20.0, 45.0, 70.0])
def test_lines_in_the_spectrum_are_no_spots(angle):
    steps = simulate.surface(step_angle=angle, step_height=1.0, terrace_width=700.0)
    assert find_fourier_spots(steps).sizes["peak"] <= 4


def test_noise_of_scan_lines_is_no_spot():
    rng = np.random.default_rng(6)
    lines = waves() + 5 * xr.DataArray(rng.standard_normal(96), dims="y")
    noisy = lines + rng.standard_normal(lines.shape)
    assert find_fourier_spots(noisy).sizes["peak"] <= 1


def test_the_spots_of_few_unit_cells_are_found():
    image = simulate.atom_image((64, 64), sampling=2.4 / 64, background=5.0)
    spots = find_fourier_spots(image)
    found = np.stack([spots["ky"], spots["kx"]], axis=-1) * 0.39
    for wanted in ((1, 0), (0, 1), (1, 1), (-1, 1)):
        assert (abs(found - wanted).max(axis=1) < 0.02).any(), wanted


def test_the_spots_of_a_crystal_are_on_its_reciprocal_lattice():
    data = simulate.atom_image(a=(0.4, 0.06), b=(-0.05, 0.33))
    truth = data.attrs["metadata"]["truth"]
    spots = find_fourier_spots(data)
    g = np.array([truth["g_a"], truth["g_b"]])
    indices = np.stack([spots["ky"], spots["kx"]], axis=-1) @ np.linalg.inv(g)
    strong = spots["signal_to_noise"].values > 100
    assert strong.sum() >= 6
    np.testing.assert_allclose(indices[strong], np.round(indices[strong]), atol=0.01)


def test_a_range_of_spacings_limits_the_search():
    data = waves((1.0, 1.5, 0.5), (3.0, 0.6, 1.7))
    low, high = 1 / np.hypot(1.5, 0.5) - 0.01, 1 / np.hypot(1.5, 0.5) + 0.01
    spots = find_fourier_spots(data, spacing_range=(low, high))
    np.testing.assert_allclose(spots["ky"], [1.5], atol=1e-3)


def test_only_the_strongest_are_kept_and_all_are_counted():
    spots = find_fourier_spots(waves((1.0, 1.5, 0.5), (3.0, 0.6, 1.7)), max_spots=1)
    assert int(spots["count"]) == 2
    np.testing.assert_allclose(spots["amplitude"], [3.0], rtol=1e-3)


def test_units_are_stated():
    spots = find_fourier_spots(waves((1.0, 1.5, 0.5)))
    expected = {
        "ky": "1/nm", "kx_std": "1/nm", "magnitude": "1/nm", "spacing": "nm", "angle": "deg",
        "amplitude": "V", "intensity": "V^2 nm^2", "signal_to_noise": "1",
    }  # fmt: skip
    assert {name: spots[name].attrs["units"] for name in expected} == expected
    density = float(power_spectrum(waves((1.0, 1.5, 0.5))).max())
    assert density < float(spots["intensity"][0]) < 2 * density


def test_an_image_of_nothing_has_no_spots_and_is_alone():
    good = waves((1.0, 1.5, 0.5))
    stack = xr.concat([good, good * np.nan, good * 0 + 1], "frame")
    spots = find_fourier_spots(stack, max_spots=3)
    assert spots["count"].values.tolist() == [1, 0, 0]
    assert spots["status"].values.tolist() == [0, Status.NO_DATA, 0]
    assert np.isnan(spots["ky"][1:]).all()


def test_the_spacing_follows_the_units_of_the_coordinates():
    image = waves((1.0, 1.5, 0.5))
    coarse = image.assign_coords(
        {dim: (dim, image[dim].values * 1e-9, {"units": "m"}) for dim in ("y", "x")}
    )
    fine, found = find_fourier_spots(image), find_fourier_spots(coarse)
    np.testing.assert_allclose(found["spacing"], 1e-9 * fine["spacing"], rtol=1e-9)
    assert found["spacing"].attrs["units"] == "m"


def _with_units_of_x(units):
    data = waves((1.0, 1.5, 0.5))
    return data.assign_coords(x=data["x"].assign_attrs(units=units))


@pytest.mark.parametrize(
    ("data", "options", "match"),
    [
        (samples.spectrum(), {}, "two spatial dimensions"),
        (samples.atom_image()[:7], {}, "at least 8"),
        (_with_units_of_x("m"), {}, "must have the same units, got 'nm' and 'm'"),
        (samples.atom_image(), {"spacing_range": (2.0, 1.0)}, "low < high"),
        (samples.atom_image(), {"max_spots": 0}, "at least 1"),
    ],
)
def test_says_what_is_wrong(data, options, match):
    with pytest.raises(DataError, match=match):
        find_fourier_spots(data, **options)


def test_jitter_of_rows_makes_streaks_through_spots_but_no_spots():
    """Rows of a lattice are shifted at random, as scans are."""
    rng = np.random.default_rng(4)
    y, x = np.mgrid[:256, :256].astype(float)
    x = x + rng.normal(0.0, 0.9, (256, 1))
    values = sum(np.cos(2 * np.pi * (n * y + m * x) / 12.8) for n, m in [(1, 0), (0, 1), (1, 1)])
    values = values + 0.2 * np.cos(2 * np.pi * 2 * x / 12.8) + 0.1 * rng.standard_normal(x.shape)
    axes = {dim: (dim, 0.02 * np.arange(256), {"units": "nm"}) for dim in ("y", "x")}
    found = find_fourier_spots(xr.DataArray(values, axes, dims=("y", "x")))
    count = int(found["count"])
    spots = np.stack([found["ky"], found["kx"]], axis=1)[:count] * 12.8 * 0.02
    assert 3 <= count <= 6
    np.testing.assert_allclose(spots, np.rint(spots), atol=0.06)
