"""Peaks of spectra: where they are found, and what is measured of them."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from omniscopy import samples, simulate
from omniscopy.model import DataError, Status, convert_units, coordinate
from omniscopy.signal import find_peaks, measure_peaks
from omniscopy.signal.peak_tops import refine_tops


@given(
    centre=st.floats(2.0, 2.7),
    width=st.floats(0.08, 0.3),
    height=st.floats(1.0, 1e5),
    shape=st.sampled_from(["gaussian", "lorentzian"]),
)
def test_a_peak_without_noise_is_found_where_it_is(centre, width, height, shape):
    data = simulate.spectrum([(centre, width, height)], shape=shape, background=0.0, noise=False)
    peaks = find_peaks(data, noise=0.0)
    assert peaks.sizes["peak"] == 1
    step = 1.7 / 512
    assert float(peaks["position"][0]) == pytest.approx(centre, abs=0.02 * step)
    assert float(peaks["height"][0]) == pytest.approx(height, rel=0.01)
    assert float(peaks["prominence"][0]) == pytest.approx(height, rel=0.15)
    assert float(peaks["width"][0]) == pytest.approx(width, rel=0.15)
    assert float(peaks["position_std"][0]) == 0.0


@pytest.mark.parametrize("shape", ["gaussian", "lorentzian"])
def test_the_reported_spread_is_the_scatter(shape):
    mean = simulate.spectrum([(2.3007, 0.2, 900.0)], shape=shape, noise=False, channels=128)
    rng = np.random.default_rng(0)
    copies = xr.DataArray(
        rng.poisson(mean.values, (2500, 128)), {"energy": mean["energy"]}, dims=("x", "energy")
    )
    found = find_peaks(copies.chunk(x=500), noise="poisson", max_peaks=1).compute().isel(peak=0)
    assert float(found["height"].mean()) == pytest.approx(940.0, rel=0.006)
    assert float(found["position"].mean()) == pytest.approx(
        2.3007, abs=0.1 * float(found["position_std"].mean())
    )
    for name in ("position", "height"):
        scatter, reported = float(found[name].std()), float(found[f"{name}_std"].mean())
        assert scatter == pytest.approx(reported, rel=0.06)


def test_noise_alone_has_no_peaks():
    rng = np.random.default_rng(3)
    noise = xr.DataArray(rng.standard_normal((200, 512)), dims=("x", "energy"))
    found = find_peaks(noise.assign_coords(energy=np.arange(512.0)))
    assert int(found["count"].sum()) <= 4
    assert (found["status"] == Status.CONVERGED).all()


def test_counts_behind_an_amplifying_camera_have_more_noise():
    rng = np.random.default_rng(4)
    amplified = 9.0 * rng.poisson(200.0, (100, 1000))
    data = xr.DataArray(amplified, dims=("x", "energy")).assign_coords(energy=np.arange(1000.0))
    assert int(find_peaks(data, noise="scaled_poisson")["count"].sum()) <= 4
    assert int(find_peaks(data, noise="poisson")["count"].sum()) > 1000
    spectrum = samples.spectrum()
    xr.testing.assert_allclose(
        find_peaks(spectrum, noise="scaled_poisson")["position"],
        find_peaks(spectrum, noise="poisson")["position"],
    )


def test_the_lines_of_the_sample_are_found():
    data = samples.spectrum()
    peaks = find_peaks(data, noise="poisson")
    truth = np.array(data.attrs["metadata"]["truth"]["peaks"])
    np.testing.assert_allclose(peaks["position"], truth[:, 0], atol=0.004)
    assert {name: peaks[name].attrs["units"] for name in ("position", "width", "height")} == {
        "position": "eV", "width": "eV", "height": "counts",
    }  # fmt: skip


def test_a_descending_axis_gives_the_same_peaks():
    data = samples.spectrum()
    up, down = find_peaks(data), find_peaks(data[::-1])
    np.testing.assert_allclose(down["position"], up["position"][::-1], rtol=1e-9)
    np.testing.assert_allclose(down["width"], up["width"][::-1], rtol=1e-9)
    np.testing.assert_allclose(down["position_std"], up["position_std"][::-1], rtol=1e-6)


def test_positions_follow_a_coordinate_that_is_not_uniform():
    data = samples.spectrum()
    wavelength = ("energy", 1239.84 / data["energy"].values, {"units": "nm"})
    peaks = find_peaks(data.assign_coords(energy=wavelength), noise="poisson")
    np.testing.assert_allclose(
        1239.84 / peaks["position"], find_peaks(data, noise="poisson")["position"], atol=1e-4
    )


def test_a_window_limits_the_search():
    assert find_peaks(samples.spectrum(), window=(2.1, 2.5)).sizes["peak"] == 1
    with pytest.raises(DataError, match="holds 0 channels"):
        find_peaks(samples.spectrum(), window=(5.0, 6.0))


def test_the_less_prominent_of_two_near_peaks_goes():
    data = samples.spectrum()
    peaks = find_peaks(data, noise="poisson", min_distance=0.5)
    np.testing.assert_allclose(peaks["position"], [2.3], atol=0.01)
    assert find_peaks(data, noise="poisson", min_width=0.15).sizes["peak"] == 1


def test_only_the_most_prominent_are_kept_in_order_and_all_are_counted():
    peaks = find_peaks(samples.spectrum(), noise="poisson", max_peaks=2)
    np.testing.assert_allclose(peaks["position"], [1.85, 2.3], atol=0.01)
    assert int(peaks["count"]) == 3


def test_spectra_with_fewer_peaks_end_in_nan():
    data = xr.concat([samples.spectrum(), 0 * samples.spectrum()], "x")
    data = xr.concat([data, data[:1] * np.nan], "x").assign_coords(x=[0.0, 1.0, 2.0])
    peaks = find_peaks(data, noise="poisson", max_peaks=5)
    assert peaks["count"].values.tolist() == [3, 0, 0]
    assert peaks["status"].values.tolist() == [0, 0, Status.NO_DATA]
    assert np.isnan(peaks["position"]).sum("peak").values.tolist() == [2, 5, 5]


def test_a_gap_in_a_spectrum_makes_no_peak():
    data = samples.spectrum().astype(float)
    data[100:105] = np.nan
    peaks = find_peaks(data, noise="poisson")
    gap = (float(data["energy"][99]), float(data["energy"][105]))
    assert not ((peaks["position"] > gap[0]) & (peaks["position"] < gap[1])).any()


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"noise": "white"}, "'poisson' or 'scaled_poisson', got 'white'"),
        ({"noise": -1.0}, "must not be negative"),
        ({"max_peaks": 0}, "at least 1, got 0"),
        ({"dim": "frequency"}, "expected a dimension 'frequency'"),
    ],
)
def test_says_what_is_wrong(options, match):
    with pytest.raises(DataError, match=match):
        find_peaks(samples.spectrum(), **options)


def test_an_unsorted_axis_is_said():
    data = samples.spectrum().assign_coords(energy=np.abs(np.arange(512.0) - 200.0))
    for function, options in ((find_peaks, {}), (measure_peaks, {"windows": [(1.0, 9.0)]})):
        with pytest.raises(DataError, match="must ascend or descend"):
            function(data, **options)


def one_gaussian(x, centre=2.31, width=0.12, height=500.0, slope=3.0):
    peak = height * np.exp(-4 * np.log(2) * ((x - centre) / width) ** 2)
    axis = coordinate("energy", x, "eV")
    return xr.DataArray(peak + 40.0 + slope * x, {"energy": axis}, attrs={"units": "counts"})


AXIS = np.linspace(1.5, 3.0, 400)
AREA = 500.0 * 0.12 * np.sqrt(np.pi / 4 / np.log(2))


@pytest.mark.parametrize(
    "x", [AXIS, AXIS[::-1], 1.5 + 1.5 * np.linspace(0, 1, 400) ** 1.5], ids=["up", "down", "uneven"]
)
def test_the_numbers_of_a_gaussian_are_measured_on_any_axis(x):
    found = measure_peaks(one_gaussian(x), windows=[(2.0, 2.62)], noise=1.0)
    for name, expected, relative in (
        ("area", AREA, 1e-3), ("position", 2.31, 1e-4), ("height", 500.0, 2e-3),
        ("width", 0.12, 3e-3),
    ):  # fmt: skip
        assert float(found[name][0]) == pytest.approx(expected, rel=relative), name
    assert int(found["status"][0]) == Status.CONVERGED
    units = {name: found[name].attrs["units"] for name in ("area", "position", "height", "width")}
    assert units == {"area": "counts eV", "position": "eV", "height": "counts", "width": "eV"}


def test_without_a_baseline_sums_are_plain():
    data = one_gaussian(AXIS)
    found = measure_peaks(data, windows=[(2.0, 2.62)], baseline="none", noise=2.0)
    inside = data.sel(energy=slice(2.0, 2.62))
    step = AXIS[1] - AXIS[0]
    assert float(found["area"][0]) == pytest.approx(float(inside.sum()) * step)
    centroid = float((inside * inside["energy"]).sum() / inside.sum())
    assert float(found["position"][0]) == pytest.approx(centroid)
    assert float(found["area_std"][0]) == pytest.approx(2.0 * step * np.sqrt(inside.size))


@pytest.mark.parametrize("baseline", ["linear", "none"])
def test_reported_spreads_of_measures_are_the_scatter(baseline):
    slope = 3.0 if baseline == "linear" else 0.0
    mean = one_gaussian(AXIS, slope=slope) - (0.0 if baseline == "linear" else 40.0)
    rng = np.random.default_rng(0)
    copies = mean + xr.DataArray(8.0 * rng.standard_normal((4000, 400)), dims=("x", "energy"))
    copies = copies.assign_coords(x=np.arange(4000.0))
    found = measure_peaks(copies, windows=[(2.0, 2.62)], baseline=baseline, noise=8.0)
    for name in ("area", "position", "width"):
        scatter, reported = float(found[name].std()), float(found[f"{name}_std"].mean())
        assert scatter == pytest.approx(reported, rel=0.1 if name == "width" else 0.04), name
    assert abs(float(found["area"].mean()) - AREA) < 0.1 * float(found["area_std"].mean())
    estimated = measure_peaks(copies.isel(x=slice(200)), windows=[(2.0, 2.62)], baseline=baseline)
    np.testing.assert_allclose(estimated["area_std"].mean(), found["area_std"].mean(), rtol=0.1)


def test_noise_does_not_choose_the_height_and_the_width_of_peaks_of_many_channels():
    axis = np.linspace(2.0, 2.62, 2000)
    mean = one_gaussian(axis, height=50.0)
    rng = np.random.default_rng(1)
    copies = mean + xr.DataArray(8.0 * rng.standard_normal((500, 2000)), dims=("x", "energy"))
    copies = copies.assign_coords(x=np.arange(500.0))
    found = measure_peaks(copies, windows=[(2.0, 2.62)], noise=8.0)
    for name, truth in (("height", 50.0), ("width", 0.12)):
        scatter, reported = float(found[name].std()), float(found[f"{name}_std"].mean())
        assert scatter == pytest.approx(reported, rel=0.12), name
        assert abs(float(found[name].mean()) - truth) < 0.7 * reported, name


@pytest.mark.parametrize("channels", [40, 100, 240])
def test_noise_chooses_neither_the_number_nor_the_place_nor_the_width_of_wide_peaks(channels):
    axis = np.arange(2400.0)
    mean = 20.0 + 300.0 * np.exp(-4 * np.log(2) * ((axis - 1201.3) / channels) ** 2)
    counts = np.random.default_rng(2).poisson(mean, (150, axis.size))
    coords = {"x": np.arange(150.0), "energy": coordinate("energy", axis, "eV")}
    found = find_peaks(xr.DataArray(counts, coords, ("x", "energy")), noise="poisson", max_peaks=3)
    assert (found["count"] == 1).all()
    found = found.isel(peak=0)
    assert float(found["width"].mean()) == pytest.approx(channels, rel=0.015)
    pull = (found["position"] - 1201.3) / found["position_std"]
    assert float(abs(pull).max()) < 5
    assert float(pull.std()) == pytest.approx(1.0, abs=0.2)


def test_peaks_that_were_found_are_measured_in_other_units_too():
    data = samples.spectrum()
    peaks = find_peaks(data, noise="poisson")
    found = measure_peaks(data, peaks, noise="poisson")
    assert found.sizes["peak"] == 3
    np.testing.assert_allclose(found["position"], peaks["position"], atol=0.01)
    small = measure_peaks(convert_units(data, "meV", dim="energy"), peaks, noise="poisson")
    np.testing.assert_allclose(small["area"], 1e3 * found["area"], rtol=1e-9)
    np.testing.assert_allclose(small["width_std"], 1e3 * found["width_std"], rtol=1e-6)


def test_every_spectrum_can_have_peaks_of_its_own():
    shifts = np.array([-0.2, 0.0, 0.3])
    data = xr.concat([one_gaussian(AXIS, 2.31 + away) for away in shifts], "x")
    data = data.assign_coords(x=[0.0, 1.0, 2.0])
    peaks = find_peaks(data, max_peaks=3, noise=1.0)
    found = measure_peaks(data, peaks, noise=1.0)
    assert found["area"].dims == ("x", "peak")
    np.testing.assert_allclose(found["area"][:, 0], AREA, rtol=2e-3)
    np.testing.assert_allclose(found["position"][:, 0], 2.31 + shifts, atol=1e-4)
    assert (found["status"][:, 1:] == Status.NO_DATA).all()
    lazy = measure_peaks(data.chunk(x=1), peaks.chunk(x=1), noise=1.0)
    assert lazy["area"].chunks is not None
    xr.testing.assert_allclose(lazy.compute(), found)


def test_windows_without_a_peak_or_without_data_are_said_by_their_status():
    data = xr.concat([one_gaussian(AXIS), -one_gaussian(AXIS), one_gaussian(AXIS)], "x")
    data = data.assign_coords(x=[0.0, 1.0, 2.0])
    data[2, 140:250] = np.nan
    data[0, 210] = np.nan
    found = measure_peaks(data, windows=[(2.0, 2.62)], noise="poisson").isel(peak=0)
    assert found["status"].values.tolist() == [0, Status.INVALID, Status.NO_DATA]
    assert np.isnan(found["position"].values).tolist() == [False, True, True]
    assert float(found["area"][0]) == pytest.approx(AREA, rel=0.01)
    assert float(found["area"][1]) < 0


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({}, "give either `peaks`"),
        ({"peaks": samples.peaks(), "windows": [(2.0, 3.0)]}, "give either `peaks`"),
        ({"windows": [(4.0, 5.0)]}, "holds 0 channels of 'energy'"),
        ({"windows": [(2.0, 2.005)]}, "holds 2 channels .* at least 4"),
        (
            {"peaks": samples.peaks()[["height"]]},
            r"must hold 'position' and 'width' .* \['height'\]",
        ),
        ({"peaks": samples.peaks(), "reach": 0.0}, "reach must be above 0"),
        ({"windows": [(2.0, 3.0)], "baseline": "als"}, "'linear' or 'none', got 'als'"),
        ({"windows": [(2.0, 3.0)], "noise": "white"}, "'poisson' or 'scaled_poisson'"),
    ],
)
def test_says_what_is_wrong_with_what_is_measured(options, match):
    with pytest.raises(DataError, match=match):
        measure_peaks(samples.spectrum(), **options)


def plainly_refined(values, noise, top, fwhm):
    """Return what the compiled search for tops does, by linear algebra of NumPy."""
    sigma = max(0.35 * fwhm, 0.8)
    reach, room = int(np.ceil(3 * sigma + fwhm / 2)) + 1, max(1.0, fwhm / 2)
    near = slice(max(top - reach, 0), top + reach + 1)
    y, error, channels = values[near], noise[near], np.arange(len(values))[near]

    def weights(place, sigma, degree):
        u = (channels - place) / sigma
        design = np.stack([u**n for n in range(degree + 1)])
        weighted = design * np.exp(-0.5 * u**2)
        solved = np.linalg.solve(weighted @ design.T, weighted)
        return solved / sigma ** np.arange(degree + 1)[:, None]

    place = float(top)
    for _ in range(40):
        _, slope, bend = weights(place, sigma, 2) @ y
        move = np.clip(-slope / (2 * bend), -0.5, 0.5) if bend < 0 else 0.0
        place = np.clip(place + move, top - room, top + room)
    slopes = [weights(place + away, sigma, 2)[1] for away in (-0.25, 0, 0.25)]
    curvature = 2.0 * (slopes[2] - slopes[0]) @ y
    level = weights(place, max(sigma / 2, 0.8), 4 if len(channels) > 6 else 2)[0]
    spread = np.sqrt(np.sum((slopes[1] * error) ** 2)) / abs(curvature)
    return place, spread, level @ y, np.sqrt(np.sum((level * error) ** 2))


def test_compiled_tops_are_those_of_plain_linear_algebra():
    rng = np.random.default_rng(1)
    channels = np.arange(120)
    values = 30.0 * np.exp(-0.5 * ((channels[:, None] - [5, 31.3, 60.2, 97.9]) / [2, 4, 1, 7]) ** 2)
    values = values.sum(axis=1) + rng.standard_normal(120)
    noise = 1.0 + 0.01 * channels
    tops = np.array([5, 31, 60, 98, 117])
    widths = np.array([4.7, 9.4, 2.4, 16.5, 3.0])
    found = refine_tops(values, noise, tops, widths)
    for made, top, width in zip(found, tops, widths, strict=True):
        expected = plainly_refined(values, noise, top, width)
        np.testing.assert_allclose(made, expected, rtol=1e-5)
