"""Filters of general-mode records: against plain formulas, and against a published set."""

import numpy as np
import pytest
import xarray as xr

import omniscopy as om
from omniscopy.model import coordinate
from omniscopy.signal import BandPass, Harmonics, LowPass, NoiseFloor, Notch, filter_response

STEP = 1e-6


def records(values, **others):
    dims = (*others, "time")
    coords = {"time": coordinate("time", STEP * np.arange(np.shape(values)[-1]), "s")}
    return xr.DataArray(np.asarray(values), coords, dims=dims, attrs={"units": "V"})


def noisy(shape, scale=0.1, seed=0):
    return scale * np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e9])
def test_the_floor_of_noise_is_what_its_distribution_says_at_any_scale(scale):
    count, points, tolerance = 64, 4096, 1e-3
    data = records(scale * noisy((count, points)), y=count)
    floor = om.spm.noise_floor(data, tolerance)
    # White noise of deviation s: amplitudes of Rayleigh scale s sqrt(N / 2).
    expected = scale * 0.1 * np.sqrt(points / 2) * np.sqrt(-2 * np.log(tolerance))
    assert float(floor.mean()) == pytest.approx(expected, rel=5e-3)
    assert floor.attrs["units"] == "V"
    above = np.abs(np.fft.rfft(data.values)[:, 1:-1]) > floor.values[:, None]
    assert above.mean() == pytest.approx(tolerance, rel=0.25)


def test_the_floor_counts_all_frequencies_or_those_of_noise_alone():
    time = STEP * np.arange(4000)
    tones = sum(np.cos(2 * np.pi * 1e3 * n * time) for n in range(1, 400))
    data = records((tones + noisy(4000))[None], y=1)
    everything = float(om.spm.noise_floor(data, 1e-4)[0])
    below = float(om.spm.noise_floor(data, 1e-4, counted="below")[0])
    truth = 0.1 * np.sqrt(2000) * np.sqrt(-2 * np.log(1e-4))
    assert below == pytest.approx(truth, rel=0.03)
    # 399 of 1999 frequencies hold a tone.
    assert everything == pytest.approx(truth * np.sqrt(1600 / 1999), rel=0.03)


def test_a_tone_in_noise_comes_out_of_joined_records_only():
    time = STEP * np.arange(64 * 500)
    tone = 0.035 * np.sin(2 * np.pi * 50e3 * time).reshape(64, 500)
    data = records(tone + noisy((64, 500)), x=64)
    alone = om.spm.filter_general_mode(data, NoiseFloor(1e-4))
    joined = om.spm.filter_general_mode(data, NoiseFloor(1e-4), rows=64)
    error = [float(np.sqrt(np.mean((each.values - tone) ** 2))) for each in (alone, joined)]
    assert error[1] < 0.4 * error[0]
    assert joined.dims == data.dims
    xr.testing.assert_identical(joined.coords.to_dataset(), data.coords.to_dataset())


def test_joined_records_are_filtered_as_the_record_they_make():
    values = noisy((3, 4, 500))
    data = records(values, y=3, x=4)
    chain = [LowPass(100e3), NoiseFloor(1e-2)]
    made = om.spm.filter_general_mode(data, chain, rows=2)
    long = om.signal.filter_fourier(records(values.reshape(6, 1000), point=6), chain, "time")
    np.testing.assert_allclose(made.values.reshape(6, 1000), long.values, atol=1e-14)
    turned = om.spm.filter_general_mode(data.transpose("time", "x", "y"), chain, rows=2)
    np.testing.assert_allclose(turned.transpose(*data.dims), made, atol=1e-14)


def test_joined_records_share_their_floor():
    data = records(noisy((4, 500)), x=4)
    floor = om.spm.noise_floor(data, 1e-3, rows=2)
    assert floor.values[0] == floor.values[1] != floor.values[2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": 3}, "4 records along 'x' cannot be joined 3 at a time"),
        ({"rows": 0}, "rows must be a positive number"),
        ({"rows": 2, "along": "y"}, "no dimension 'y'"),
        ({"dim": "line"}, "expected a dimension 'line'"),
    ],
)
def test_records_that_cannot_be_joined_are_refused(change, message):
    with pytest.raises(om.DataError, match=message):
        om.spm.filter_general_mode(records(noisy((4, 50)), x=4), LowPass(1e5), **change)


@pytest.mark.parametrize("tolerance", [0.0, 0.7])
def test_a_tolerance_that_is_no_part_of_noise_is_refused(tolerance):
    with pytest.raises(om.DataError, match=r"tolerance must lie between 0 and 0\.5"):
        om.spm.noise_floor(records(noisy((4, 50)), x=4), tolerance)


# The bands of the published set, in our words. Its frequencies are 250 Hz apart, and its low pass
# of 100 kHz ends in a ramp of 20 of them: both its ends are at erf(2.5), where ours are 0 and 1.
PUBLISHED = {
    "lowpass": (LowPass(97.625e3, roll_off=4.75 / 97.625, edge="erf"), 2.1e-4),
    "bandpass": (BandPass(100e3, 20e3, roll_off=0), 0.0),
    "harmonic": (Harmonics(50e3, 4e3, 4, roll_off=0), 0.0),
}


@pytest.mark.shared
@pytest.mark.parametrize("name", PUBLISHED)
def test_filters_agree_with_a_published_set(name, shared):
    found = np.load(shared / "data/spm/gmode_filter_reference.npz")
    expected = np.fft.ifftshift(found[name].astype(float))[:2000]
    band, tolerance = PUBLISHED[name]
    data = records(found["signal"][None], y=1)
    made = filter_response(data, band, "time", units="Hz").values[:2000]
    assert np.abs(made - expected).max() <= tolerance


@pytest.mark.shared
def test_stopped_bands_agree_with_a_published_set(shared):
    found = np.load(shared / "data/spm/gmode_filter_reference.npz")
    expected = np.fft.ifftshift(found["noiseband"].astype(float))[:2000]
    data = records(found["signal"][None], y=1)
    # Bands end between two frequencies there: of 10 and of 14 of them.
    stops = [Notch(50e3, 2.4e3, roll_off=0), Notch(120e3, 3.4e3, roll_off=0)]
    made = filter_response(data, stops, "time", units="Hz").values[:2000]
    np.testing.assert_array_equal(made, expected)


@pytest.mark.shared
def test_the_noise_floor_agrees_with_a_published_one(shared):
    found = np.load(shared / "data/spm/gmode_filter_reference.npz")
    data = records(found["signal"][None], y=1)
    floor = om.spm.noise_floor(data, float(found["noise_floor_tol"]))
    assert float(floor[0]) == pytest.approx(float(found["noise_floor"]), rel=2e-3)
