"""Peaks of spectra."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from omniscopy import samples, simulate
from omniscopy.model import DataError, Status
from omniscopy.signal import find_peaks


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
