"""Fits of transients: exact curves, simulated cantilevers, scatter, and other results."""

import numpy as np
import pytest
import xarray as xr
from scipy.ndimage import gaussian_filter1d

import omniscopy as om
from omniscopy.model import DataError, coordinate
from omniscopy.physics import transients
from omniscopy.simulate import cantilever
from omniscopy.spm import fit_first_peak, instantaneous_frequency

T = np.arange(-2e-4, 1e-3, 1e-6)
SIGMA = 2e-5
F0 = 277261.0


def curve(values, units="Hz"):
    return xr.DataArray(
        values, {"time": coordinate("time", T, "s")}, dims="time", attrs={"units": units}
    )


def test_a_product_is_recovered_with_its_first_peak():
    a, rise, fall = -170.0, 2e-5, 4e-4
    values = transients.product(T, SIGMA, a, rise, fall)[0]
    settings = {"trigger": 0.0, "rise_time": 2.563103 * SIGMA, "duration": 8e-4}
    found = fit_first_peak(curve(values), **settings)
    sharp = a * -np.expm1(-T[T > 0] / rise) * np.exp(-T[T > 0] / fall)
    assert float(found["rise"]) == pytest.approx(rise, rel=1e-6)
    assert float(found["fall"]) == pytest.approx(fall, rel=1e-6)
    assert float(found["time_to_first_peak"]) == pytest.approx(T[T > 0][sharp.argmin()], abs=1e-6)
    assert float(found["peak_frequency"]) == pytest.approx(sharp.min(), rel=1e-4)
    assert float(found["frequency_shift"]) == pytest.approx(a * fall / (rise + fall), rel=1e-6)
    assert int(found["status"]) == 0
    phase = transients.phase(T, SIGMA, a, rise, fall)[0]
    same = fit_first_peak(curve(phase, "deg"), form="phase", **settings)
    xr.testing.assert_allclose(same["time_to_first_peak"], found["time_to_first_peak"])
    xr.testing.assert_allclose(same["frequency_shift"], found["frequency_shift"])


def test_a_filter_of_no_width_is_none():
    values = np.where(T > 0, 50.0 * -np.expm1(-T / 3e-5) * np.exp(-T / 3e-4), 0.0)
    found = fit_first_peak(curve(values), trigger=0.0, duration=6e-4)
    assert float(found["rise"]) == pytest.approx(3e-5, rel=1e-4)
    assert float(found["frequency_shift"]) > 0


def test_an_exponential_and_a_ringdown_give_their_time():
    values = transients.exponential(T, SIGMA, -100.0, 100.0, 5e-5)[0]
    settings = {"trigger": 0.0, "rise_time": 2.563103 * SIGMA}
    found = fit_first_peak(curve(values), form="exponential", **settings)
    assert float(found["time_to_first_peak"]) == pytest.approx(5e-5, rel=1e-5)
    assert float(found["frequency_shift"]) == pytest.approx(-100.0, rel=1e-5)
    found = fit_first_peak(curve(values, "m"), form="ringdown", **settings)
    assert float(found["time_to_first_peak"]) == pytest.approx(5e-5, rel=1e-5)
    assert np.isnan(found["frequency_shift"])


def test_a_sum_and_a_spline_find_the_same_peak():
    first, rise, second, fall = 40.0, 2e-4, 170.0, 3e-5
    values = np.where(
        T >= 0, first * np.expm1(-T / rise) - second * (np.exp(-T / fall) - np.exp(-T / 8e-6)), 0.0
    )
    found = fit_first_peak(curve(values), form="spline", trigger=0.0, duration=6e-4)
    fine = np.linspace(1e-6, 6e-4, 200001)
    exact = first * np.expm1(-fine / rise) - second * (np.exp(-fine / fall) - np.exp(-fine / 8e-6))
    assert float(found["time_to_first_peak"]) == pytest.approx(fine[exact.argmin()], rel=1e-3)
    two = transients.sum_of_two(T, SIGMA, 100.0, 3e-4, 100.0, 3e-5)[0]
    settings = {"trigger": 0.0, "rise_time": 2.563103 * SIGMA, "duration": 9e-4}
    found = fit_first_peak(curve(two), form="sum", **settings)
    sharp = 100.0 * np.expm1(-fine / 3e-4) - 100.0 * np.exp(-fine / 3e-5)
    assert float(found["time_to_first_peak"]) == pytest.approx(fine[sharp.argmax()], rel=1e-3)
    assert float(found["peak_frequency"]) == pytest.approx(sharp.max(), rel=1e-4)


@pytest.mark.parametrize("tau", [1e-7, 1e-6, 3e-6, 1e-5])
@pytest.mark.parametrize("bandwidth", [10e3, 20e3, 40e3])
def test_the_shift_of_a_cantilever_is_found_within_two_percent(tau, bandwidth):
    data = cantilever(tau=tau, duration=1.5e-3)
    found = fit_first_peak(
        instantaneous_frequency(
            data, trigger=5e-4, drive_frequency=F0, bandwidth=bandwidth, step=10
        )
    )
    assert float(found["frequency_shift"]) == pytest.approx(-170.0, rel=0.02)


@pytest.mark.parametrize("tau", [1e-7, 1e-6, 1e-5, 1e-4])
def test_the_first_peak_does_not_depend_on_the_length_of_the_filter(tau):
    data = cantilever(tau=tau, duration=1.5e-3)
    filters = [{"bandwidth": b} for b in (10e3, 20e3, 40e3)]
    filters += [{"window": "blackman", "bandwidth": 5e3, "taps": n} for n in (799, 1499)]
    times = [
        float(fit_first_peak(instantaneous_frequency(
            data, trigger=5e-4, drive_frequency=F0, step=10, **each
        ))["time_to_first_peak"]) for each in filters
    ]  # fmt: skip
    assert np.ptp(times) < 0.05 * np.mean(times)
    if tau >= 1e-5:
        settled = 432.0 / (np.pi * F0)
        exact = tau * settled / (settled - tau) * np.log(settled / tau)
        # The answer is that of small phases only.
        assert np.mean(times) == pytest.approx(exact, rel=0.05)


def test_the_scatter_of_noisy_transients_is_the_reported_one():
    # A shift so small that the answer is that of small phases.
    maps = xr.Dataset({"tau": ("x", np.full(1200, 3e-5))})
    data = cantilever(
        maps=maps, resonance_frequency=60e3, quality_factor=100.0, spring_constant=2.0, force=0.0,
        sampling_rate=1e6, duration=2e-3, noise=1e-11, rng=1, frequency_shift=-60.0,
    )  # fmt: skip
    followed = instantaneous_frequency(data, trigger=5e-4, drive_frequency=60e3, bandwidth=8e3)
    for form, tolerance in (("product", 0.05), ("phase", 0.1)):
        found = fit_first_peak(followed, form=form, duration=8e-4)
        assert (found["status"] == 0).all()
        for name in ("time_to_first_peak", "frequency_shift"):
            reported = float(found[f"{name}_std"].median())
            assert float(found[name].std()) == pytest.approx(reported, rel=tolerance), (form, name)


@pytest.mark.parametrize("filtered", [True, False])
def test_the_scatter_of_splines_is_the_reported_one(filtered):
    rng = np.random.default_rng(3)
    shape = np.where(T >= 0, -80.0 * (np.exp(-T / 3e-4) - np.exp(-T / 6e-5)), 0.0)
    step = float(T[1] - T[0])
    if filtered:  # the noise of a phase, smoothed, and its slope
        phase = rng.standard_normal((400, T.size))
        noise = np.gradient(gaussian_filter1d(phase, SIGMA / step, axis=1), axis=1)
        noise *= 0.03 / noise.std()
    else:
        noise = 1e-4 * rng.standard_normal((400, T.size))
    told = {"rise_time": 2.563103 * SIGMA} if filtered else {}
    time = coordinate("time", T, "s")
    place = coordinate("point", np.arange(len(noise)), "1")
    data = xr.DataArray(shape + noise, {"point": place, "time": time}, dims=("point", "time"),
                        attrs={"units": "Hz"})  # fmt: skip
    found = fit_first_peak(data, form="spline", trigger=0.0, duration=5e-4, **told)
    assert (found["status"] == 0).all()
    for name in ("time_to_first_peak", "peak_frequency", "frequency_shift"):
        reported = float(found[f"{name}_std"].median())
        middle = np.percentile(found[name], [15.87, 84.13])
        assert 0.5 * np.ptp(middle) == pytest.approx(reported, rel=0.15), name


@pytest.mark.shared
def test_other_simulations_give_their_shift(shared):
    known = np.load(shared / "data/spm/fftrefm_reference.npz")
    coords = {"time": coordinate("time", np.arange(10000) / 1e7, "s")}
    data = xr.DataArray(known["signals_V"], coords, dims=("x", "time"))
    data = data.assign_coords(x=coordinate("x", [0.0, 1.0, 2.0], "nm"))
    times = []
    for taps in (799, 1499):
        followed = instantaneous_frequency(
            data, trigger=5e-4, drive_frequency=F0, window="blackman", bandwidth=1e4, taps=taps
        )
        found = fit_first_peak(followed, duration=float(known["roi"]))
        np.testing.assert_allclose(found["frequency_shift"][:2], -170.0, rtol=0.02)
        times.append(found["time_to_first_peak"].values)
    np.testing.assert_allclose(times[0], times[1], rtol=0.05)


@pytest.mark.shared
def test_a_deflection_of_others_has_a_first_peak(shared):
    values = np.load(shared / "data/spm/Deflection.npy").ravel()
    data = xr.DataArray(
        values, {"time": coordinate("time", np.arange(values.size) / 1e7, "s")}, dims="time"
    )
    spectrum = np.abs(np.fft.rfft(values[:4096] - values[:4096].mean()))
    drive = float(np.argmax(spectrum) * 1e7 / 4096)
    followed = instantaneous_frequency(data, trigger=5e-4, drive_frequency=drive, step=10)
    found = fit_first_peak(followed, duration=1e-3)
    assert 1e-4 < float(found["time_to_first_peak"]) < 4e-4  # 201 µs for a time of 100 µs


def test_a_trace_without_values_is_nan_and_alone():
    data = om.samples.transients().copy()
    data[0, 1, 7] = np.nan
    followed = instantaneous_frequency(data, trigger=2e-4, drive_frequency=60e3, step=5)
    assert int(followed["status"][0, 1]) == 4
    found = fit_first_peak(followed)
    assert np.isnan(found["time_to_first_peak"][0, 1])
    assert int(found["status"][0, 1]) == 4
    assert int(found["time_to_first_peak"].notnull().sum()) == 5


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"form": "round"}, "form must be one of"),
        ({}, "trigger= must say when"),
        ({"trigger": 0.0, "duration": 1e-6}, "at least 6 are needed"),
        ({"trigger": 0.0, "form": "phase"}, "the phase must be in 'deg'"),
    ],
)
def test_wrong_calls_are_refused(settings, message):
    with pytest.raises(DataError, match=message):
        fit_first_peak(curve(np.zeros_like(T)), **settings)


def test_a_dataset_without_frequencies_is_refused():
    with pytest.raises(DataError, match="expected a variable 'frequency'"):
        fit_first_peak(xr.Dataset({"speed": 1.0}), trigger=0.0)
