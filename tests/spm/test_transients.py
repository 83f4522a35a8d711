"""Frequencies, modes, ringdowns, dissipation, calibration and forces of transients."""

import numpy as np
import pytest
import xarray as xr

import omniscopy as om
from omniscopy.model import DataError, coordinate
from omniscopy.physics import calibration, cantilevers
from omniscopy.simulate import ChirpDrive, ElectricDrive, cantilever
from omniscopy.spm import (
    align_phases,
    calibrate_spring,
    calibrate_tau,
    decompose_modes,
    fit_first_peak,
    fit_force_kpfm,
    instantaneous_frequency,
    measure_dissipation,
    measure_ringdown,
    thermal_transfer_function,
    transfer_function,
)

RATE, F0 = 1e6, 60e3
TIME = np.arange(2000) / RATE


def trace(values, units="m", time=TIME):
    return xr.DataArray(
        values, {"time": coordinate("time", time, "s")}, dims="time", attrs={"units": units}
    )


def follow(data, **options):
    return instantaneous_frequency(data, trigger=1e-3, drive_frequency=F0, **options)


@pytest.mark.parametrize("method", ["lockin", "hilbert", "stft", "wavelet", "nfmd"])
def test_a_wave_beside_the_drive_has_its_frequency_amplitude_and_phase(method):
    data = trace(3e-9 * np.cos(2 * np.pi * (F0 + 500.0) * TIME + 0.3))
    found = follow(data, method=method, absolute=True).isel(time=slice(300, -300))
    np.testing.assert_allclose(found["frequency"], F0 + 500.0, atol=1.5)
    np.testing.assert_allclose(found["amplitude"], 3e-9, rtol=5e-3)
    shifted = follow(data, method=method).isel(time=slice(300, -300))
    np.testing.assert_allclose(shifted["frequency"], 0.0, atol=1.5)
    np.testing.assert_allclose(shifted["phase"], 0.0, atol=0.1)


@pytest.mark.parametrize("method", ["lockin", "hilbert", "stft", "wavelet", "nfmd"])
def test_a_step_of_the_frequency_is_seen_in_hertz_and_in_its_place(method):
    frequency = np.where(TIME < 1e-3, F0, F0 - 200.0)
    data = trace(np.sin(2 * np.pi * np.cumsum(frequency) / RATE))
    found = follow(data, method=method)
    late = found["frequency"].sel(time=slice(1.3e-3, 1.7e-3))
    np.testing.assert_allclose(late, -200.0, atol=2.0)
    half = found["time"].values[int(np.argmax(found["frequency"].values < -100.0))]
    assert abs(half - 1e-3) <= 2 / RATE
    turned = found["phase"].sel(time=1.6e-3, method="nearest")
    assert float(turned) == pytest.approx(-360.0 * 200.0 * 0.6e-3, abs=1.0)


@pytest.mark.parametrize("window", ["gaussian", "blackman", "hann", "hamming"])
def test_the_reported_rise_time_is_that_of_a_step(window):
    frequency = np.where(TIME < 1e-3, F0, F0 - 50.0)
    data = trace(np.sin(2 * np.pi * np.cumsum(frequency) / RATE))
    found = follow(data, window=window)
    f = found["frequency"].values[600:1400]
    low, high = (np.interp(part * 50.0, -f, TIME[600:1400]) for part in (0.1, 0.9))
    assert found.attrs["transient"]["rise_time"] == pytest.approx(high - low, rel=0.03)


def test_the_gaussian_filter_is_as_wide_as_it_says():
    wave = np.cos(2 * np.pi * F0 * TIME) + 0.01 * np.cos(2 * np.pi * (F0 + 10e3) * TIME)
    found = follow(trace(wave), bandwidth=20e3, absolute=True)
    ripple = found["amplitude"].values[500:1500]
    # Half of the bandwidth away, half of the height is left.
    assert np.ptp(ripple) == pytest.approx(2 * 0.01 * 0.5, rel=0.01)


def test_fewer_samples_are_some_of_all():
    data = om.samples.transients()
    every = instantaneous_frequency(data, trigger=2e-4, drive_frequency=F0)
    some = instantaneous_frequency(data, trigger=2e-4, drive_frequency=F0, step=7, absolute=True)
    expected = every["amplitude"].isel(time=slice(None, None, 7))
    np.testing.assert_allclose(some["amplitude"], expected, rtol=1e-9)
    np.testing.assert_array_equal(some["time"], expected["time"])


def test_repeated_traces_are_averaged_first():
    data = om.samples.transients()
    both = instantaneous_frequency(data, trigger=2e-4, drive_frequency=F0, average="y")
    one = instantaneous_frequency(data.mean("y"), trigger=2e-4, drive_frequency=F0)
    np.testing.assert_allclose(both["frequency"], one["frequency"], atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "guess"}, "method must be one of"),
        ({"window": "boxcar"}, "window must be one of"),
        ({"bandwidth": -1.0}, "bandwidth must be above 0"),
        ({"taps": 99}, "taps must be 3 or more, for windows that are finite"),
        ({"step": 0}, "step must be 1 or more"),
        ({"average": "time"}, "average must be one of the dimensions beside"),
        ({"trigger": 0.0}, "fewer than 3 samples before the trigger"),
        ({"drive_frequency": 6e5}, "must lie between 0 and 500000 Hz"),
    ],
)
def test_wrong_calls_are_refused(options, message):
    with pytest.raises(DataError, match=message):
        instantaneous_frequency(
            trace(np.ones(2000)), **{"trigger": 1e-3, "drive_frequency": F0, **options}
        )


def test_modes_are_recovered_with_their_mean():
    values = 0.5 + 2 * np.cos(2 * np.pi * 91e3 * TIME + 0.4) + np.sin(2 * np.pi * 33e3 * TIME)
    found = decompose_modes(trace(values), 2, length=80, stride=7)
    np.testing.assert_allclose(found["frequency"][0], 91e3, rtol=1e-9)
    np.testing.assert_allclose(found["frequency"][1], 33e3, rtol=1e-9)
    np.testing.assert_allclose(found["amplitude"][0], 2.0, rtol=1e-8)
    np.testing.assert_allclose(found["mean"], 0.5, rtol=1e-8)
    assert found["time"].values[0] == pytest.approx(39.5 / RATE)
    turned = 2 * np.pi * 91e3 * found["time"] + 0.4 - np.radians(found["phase"][0])
    np.testing.assert_allclose(np.cos(turned), 1.0, atol=1e-12)
    assert (found["status"] == 0).all()


def test_the_scatter_of_modes_is_the_reported_one():
    rng = np.random.default_rng(2)
    wave = np.cos(2 * np.pi * 0.11 * np.arange(120000))
    time = np.arange(120000) / RATE
    data = trace(wave + 0.05 * rng.standard_normal(wave.size), time=time)
    found = decompose_modes(data, length=60, stride=60, start=(110e3,))
    for name in ("frequency", "amplitude"):
        assert float(found[name].std()) == pytest.approx(
            float(found[f"{name}_std"].mean()), rel=0.05
        )


def test_windows_without_values_are_nan_and_alone():
    values = np.cos(2 * np.pi * F0 * TIME)
    values[1000] = np.nan
    found = decompose_modes(trace(values), length=100, stride=100)
    assert found["status"].values.tolist() == [0] * 10 + [4] + [0] * 9
    assert np.isnan(found["frequency"][0, 10])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"length": 4}, "length must be above 4"),
        ({"length": 4000}, "within the 2000 samples"),
        ({"stride": 0}, "stride and max_steps"),
        ({"start": (1.0, 2.0)}, "start must hold 1 frequencies"),
    ],
)
def test_wrong_windows_are_refused(options, message):
    with pytest.raises(DataError, match=message):
        decompose_modes(trace(np.ones(2000)), **options)


def test_a_ringdown_gives_its_quality_factor():
    found = measure_ringdown(om.simulate.ringdown(noise=0.0), resonance_frequency=60e3)
    np.testing.assert_allclose(found["quality_factor"][0], [200.0, 300.0, 400.0], rtol=1e-6)
    many = om.simulate.ringdown((40, 30), quality_factor=(300.0, 300.0), noise=1e-10, rng=1)
    found = measure_ringdown(many, resonance_frequency=60e3)
    scatter, reported = found["quality_factor"].std(), found["quality_factor_std"].mean()
    assert float(scatter) == pytest.approx(float(reported), rel=0.06)
    with pytest.raises(DataError, match="resonance_frequency must be above 0"):
        measure_ringdown(many, resonance_frequency=0.0)


def test_a_shift_of_the_resonance_alone_dissipates_nothing():
    settings = {"resonance_frequency": F0, "quality_factor": 60.0, "spring_constant": 2.0}
    data = cantilever(
        tau=5e-5, frequency_shift=-400.0, force=0.0, trigger=1e-3, duration=4e-3,
        sampling_rate=RATE, **settings,
    )  # fmt: skip
    followed = follow(data, bandwidth=30e3)
    found = measure_dissipation(followed, spring_constant=2.0, quality_factor=60.0)
    itself = np.pi * F0 * 2.0 * 16.6e-9**2 / 60.0
    inner = found["power"].isel(time=slice(200, -200))
    assert float(abs(inner).max()) < 0.02 * itself
    # Its amplitude does change.
    assert float(followed["amplitude"].isel(time=-500)) < 0.9 * 16.6e-9


def test_what_a_sample_takes_is_found():
    q, taken = 60.0, 30.0  # quality factors of the cantilever, and with the sample
    settled = {"drive_frequency": F0, "trigger": 1e-3, "rise_time": 1e-4}
    later = TIME >= 1e-3
    amplitude = np.where(later, 1e-8 * taken / q, 1e-8)
    made = xr.Dataset(
        {"frequency": trace(0.0 * TIME, "Hz"), "amplitude": trace(amplitude),
         "phase": trace(0.0 * TIME, "deg")},
        attrs={"transient": settled},
    )  # fmt: skip
    found = measure_dissipation(made, spring_constant=2.0, quality_factor=q)
    # A dashpot of the sample: half of its damping times the square of the velocity.
    damping = 2.0 / (2 * np.pi * F0) * (1 / taken - 1 / q)
    expected = 0.5 * damping * (2 * np.pi * F0 * 1e-8 * taken / q) ** 2
    np.testing.assert_allclose(found["power"][1100:], expected, rtol=1e-9)
    volts = made.assign(amplitude=(made["amplitude"] * 1e7).assign_attrs(units="V"))
    same = measure_dissipation(volts, spring_constant=2.0, quality_factor=q, sensitivity=1e-7)
    xr.testing.assert_allclose(same["power"], found["power"])
    with pytest.raises(DataError, match="must be in 'm'"):
        measure_dissipation(volts, spring_constant=2.0, quality_factor=q)
    with pytest.raises(DataError, match="expected the result of `instantaneous_frequency`"):
        measure_dissipation(made.drop_vars("phase"), spring_constant=2.0, quality_factor=q)


def test_times_of_the_sample_are_read_off_simulated_cantilevers():
    settings = {
        "resonance_frequency": F0, "quality_factor": 60.0, "spring_constant": 2.0, "force": 1e-11,
        "trigger": 1e-3, "duration": 2e-3, "sampling_rate": RATE,
    }  # fmt: skip
    known = np.geomspace(2e-6, 2e-4, 15)
    asked = np.array([8e-6, 1.7e-5, 9e-5])
    fits = [fit_first_peak(follow(cantilever(tau=list(t), **settings))) for t in (known, asked)]
    found = calibrate_tau(fits[1].rename(tau="x"), fits[0])
    np.testing.assert_allclose(found["tau"], asked, rtol=0.02)
    far = calibrate_tau(xr.DataArray([1e-9, np.nan], dims="x", attrs={"units": "s"}), fits[0])
    assert far["status"].values.tolist() == [3, 4]
    assert np.isnan(far["tau"]).all()
    with pytest.raises(DataError, match="expected a variable 'time_to_first_peak'"):
        calibrate_tau(fits[1][["rise"]], fits[0])
    with pytest.raises(DataError, match="must be in 's'"):
        calibrate_tau(fits[1]["frequency_shift"], fits[0])


def test_a_chirp_measures_how_a_cantilever_answers():
    drive = ChirpDrive(start=1e3, stop=120e3, length=2e-3, drive_force=1e-9)
    settings = {"resonance_frequency": F0, "quality_factor": 30.0, "spring_constant": 2.0}
    data = cantilever(
        drive=drive, frequency_shift=0.0, force=0.0, trigger=0.0, duration=8e-3,
        sampling_rate=RATE, **settings,
    )  # fmt: skip
    t = data["time"].values
    push = np.where(t <= 2e-3, np.sin(2 * np.pi * (1e3 + 0.5 * 119e3 * t / 2e-3) * t), 0.0)
    found = transfer_function(data, trace(1e-9 * push, "N", t))["response"]
    band = found.sel(frequency=slice(20e3, 100e3))
    w0 = 2 * np.pi * F0
    exact = cantilevers.static_response(2 * np.pi * band["frequency"], w0, 30.0) * w0**2 / 2.0
    assert float(abs(band - exact).max()) < 0.02 * float(abs(exact).max())
    assert found.attrs["units"] == "m/N"
    two = xr.concat([data, data], xr.Variable("frame", [0, 1]))
    mean = transfer_function(two, trace(1e-9 * push, "N", t), average="frame")["response"]
    np.testing.assert_allclose(mean, found, rtol=1e-9)


K_B, T_ROOM = 1.380649e-23, 298.15
# Spring constant (N/m), resonance (Hz) and quality of the modes of a cantilever.
MODES = np.array([[2.0, 60e3, 30.0], [78.0, 376e3, 90.0]])


def thermal_spectrum(modes, frequency, *, seen=(1.0, 1.0), units="m^2/Hz"):
    """Return the power density (m²/Hz) of modes that hold half of kT each."""
    density = sum(
        calibration.thermal_peak(frequency, (part**2) * K_B * T_ROOM / k, f0, q)[0]
        for part, (k, f0, q) in zip(seen, modes, strict=False)
    )
    grid = coordinate("frequency", frequency, "Hz")
    return xr.DataArray(
        density + 1e-33, {"frequency": grid}, dims="frequency", attrs={"units": units}
    )


def test_thermal_motion_tells_the_answer_that_a_chirp_measures():
    drive = ChirpDrive(start=1e3, stop=120e3, length=2e-3, drive_force=1e-9)
    data = cantilever(
        drive=drive, resonance_frequency=F0, quality_factor=30.0, spring_constant=2.0,
        frequency_shift=0.0, force=0.0, trigger=0.0, duration=8e-3, sampling_rate=RATE,
    )  # fmt: skip
    t = data["time"].values
    push = np.where(t <= 2e-3, np.sin(2 * np.pi * (1e3 + 0.5 * 119e3 * t / 2e-3) * t), 0.0)
    asked = transfer_function(data, trace(1e-9 * push, "N", t))["response"]
    spectrum = thermal_spectrum(MODES[:1], np.arange(10.0, 2 * F0, 25.0))
    found = thermal_transfer_function(spectrum, deflection=data, detection="deflection")
    np.testing.assert_allclose(found["frequency"], asked["frequency"])
    band = {"frequency": slice(20e3, 100e3)}
    away = abs(found["response"].sel(band) - asked.sel(band))
    assert float(away.max()) < 0.02 * float(abs(asked.sel(band)).max())
    assert found["response"].attrs["units"] == "m/N"
    assert found["spring_constant"].item() == pytest.approx(2.0, rel=1e-6)


def test_spectra_without_a_floor_have_a_response():
    spectrum = thermal_spectrum(MODES[:1], np.arange(20e3, 2 * F0, 25.0))
    rng = np.random.default_rng(3)
    scatter = xr.DataArray(rng.gamma(100.0, 0.01, (20, spectrum.size)), dims=("y", "frequency"))
    data = (scatter * spectrum).assign_attrs(spectrum.attrs)
    found = thermal_transfer_function(data, detection="deflection")
    assert (found["status"] == 3).any()
    assert found["response"].notnull().all()
    f = spectrum["frequency"]
    k, f0, q = MODES[0]
    truth = f0**2 / k / (f0**2 - f**2 + 1j * f * f0 / q)
    away = abs(found["response"].mean("y") - truth).max() / abs(truth).max()
    assert float(away) < 0.02


def test_a_trigger_after_the_end_is_refused():
    with pytest.raises(DataError, match="after the end"):
        instantaneous_frequency(
            trace(np.cos(2 * np.pi * F0 * TIME)), trigger=1.0, drive_frequency=F0
        )


@pytest.mark.parametrize("detection", ["angle", "deflection"])
def test_modes_of_thermal_motion_hold_to_fluctuation_and_dissipation(detection):
    seen = [
        (angle / own) ** 0.5 if detection == "angle" else 1.0
        for own, angle in map(calibration.beam_shares, (1, 2))
    ]
    spectrum = thermal_spectrum(MODES, np.arange(1e3, 500e3, 50.0), seen=seen)
    found = thermal_transfer_function(
        spectrum, windows=[(40e3, 80e3), (350e3, 400e3)], detection=detection
    )
    np.testing.assert_allclose(found["spring_constant"], MODES[:, 0], rtol=2e-3)
    np.testing.assert_allclose(found["resonance_frequency"], MODES[:, 1], rtol=1e-5)
    np.testing.assert_allclose(found["quality_factor"], MODES[:, 2], rtol=2e-3)
    f = spectrum["frequency"]
    for mode, (_, f0, q) in enumerate(MODES):
        near = abs(f - f0) < f0 / q
        dissipated = np.pi * f * spectrum / (2 * K_B * T_ROOM * seen[mode])
        left = (-found["response"].imag / dissipated).where(near, drop=True)
        np.testing.assert_allclose(left, 1.0, rtol=0.01)
    # Below its resonance a cantilever gives way towards the force: no half turn.
    assert found["response"].real.values[0] == pytest.approx((seen / MODES[:, 0]).sum(), rel=5e-3)


def test_spring_constants_of_thermal_answers_are_those_of_the_calibration():
    spectrum = om.samples.thermal_spectrum()
    options = {"sensitivity": 5e-8, "tilt": 11.0, "temperature": 290.0}
    volts = (spectrum / 5e-8**2).assign_attrs(units="V^2/Hz")
    spring = calibrate_spring(volts, **options)["spring_constant"]
    found = thermal_transfer_function(volts, **options)
    assert found["spring_constant"].item() * calibration.beam_shares(1)[0] == pytest.approx(
        spring.item(), rel=1e-9
    )
    assert found["response"].attrs["units"] == "V/N"
    metres = thermal_transfer_function(spectrum, tilt=11.0, temperature=290.0)["response"]
    np.testing.assert_allclose(found["response"], metres / 5e-8, rtol=1e-6)


def test_a_force_is_found_with_the_answer_of_thermal_motion():
    f = 5e3
    drive = ElectricDrive(
        frequency=f, ac_voltage=2.0, dc_voltage=0.0, contact_potential=0.35,
        capacitance_gradient=3e-9,
    )  # fmt: skip
    data = cantilever(
        drive=drive, resonance_frequency=F0, quality_factor=20.0, spring_constant=2.0, force=0.0,
        frequency_shift=0.0, trigger=0.0, duration=8e-3, sampling_rate=RATE, synchronised=False,
    )  # fmt: skip
    spectrum = thermal_spectrum([[2.0, F0, 20.0]], np.arange(100.0, 2 * F0, 100.0))
    transfer = thermal_transfer_function(spectrum, deflection=data, detection="deflection")
    found = fit_force_kpfm(
        data, drive_frequency=f, ac_voltage=2.0, transfer=transfer["response"], regularisation=1e-9
    ).isel(time=slice(2, -2))
    np.testing.assert_allclose(found["contact_potential"], 0.35, atol=2e-3)
    np.testing.assert_allclose(found["capacitance_gradient"], 3e-9, rtol=5e-3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"windows": []}, "one .low, high. for each mode"),
        ({"windows": [(1.0, 2.0)]}, "holds 0"),
        ({"tilt": 95.0}, "tilt must be between"),
        ({"temperature": -5.0}, "temperature above 0 K"),
        ({"detection": "force"}, "detection must be one of"),
        ({"sensitivity": 1e-8}, "V\\^2/Hz"),
    ],
)
def test_wrong_thermal_tunes_are_refused(options, message):
    with pytest.raises(DataError, match=message):
        thermal_transfer_function(om.samples.thermal_spectrum(), **options)


def repeated_traces(phases):
    """Return traces whose frequency falls by 200 Hz at 1 ms, at some phases (degrees)."""
    frequency = np.where(TIME < 1e-3, F0, F0 - 200.0)
    angle = 2 * np.pi * np.cumsum(frequency) / RATE
    values = 5e-9 + 3e-9 * np.cos(angle + np.radians(phases)[:, None])
    times = coordinate("time", TIME, "s")
    return xr.DataArray(values, {"time": times}, dims=("frame", "time"), attrs={"units": "m"})


def test_traces_of_any_phase_are_averaged_after_they_are_aligned():
    phases = np.random.default_rng(1).uniform(-180, 180, 12)
    data = repeated_traces(phases)
    turned = align_phases(data, trigger=1e-3, drive_frequency=F0, phase=25.0)
    # A sum of frequencies up to a sample is the angle half a sample later: one sample of phase.
    expected = phases + 360.0 * F0 * (1e-3 + 1 / RATE)
    np.testing.assert_allclose((turned["phase"] - expected + 180) % 360 - 180, 0.0, atol=1e-6)
    assert turned["phase"].attrs["units"] == "deg"
    # A turn is a change of the angle to within what the change of the frequency spreads.
    inner = slice(None, -400)
    np.testing.assert_allclose(
        turned["aligned"].isel(time=inner), turned["aligned"][0, inner].expand_dims(frame=12),
        atol=1e-11,
    )  # fmt: skip
    again = align_phases(turned["aligned"], trigger=1e-3, drive_frequency=F0)["phase"]
    np.testing.assert_allclose(again, 25.0, atol=1e-3)
    mean, one = follow(turned["aligned"], average="frame"), follow(data[0])
    np.testing.assert_allclose(mean["amplitude"][:1600], 3e-9, rtol=2e-3)
    away = mean["frequency"] - one["frequency"]
    np.testing.assert_allclose(away[:1600], 0.0, atol=0.2)
    # As they are, they cancel.
    assert float(follow(data, average="frame")["amplitude"][500]) < 2e-9


def test_the_scatter_of_phases_is_the_reported_one():
    rng = np.random.default_rng(3)
    data = repeated_traces(np.full(1500, 40.0))
    data = data + (0.6e-9 * rng.standard_normal(data.shape))
    found = align_phases(data.assign_attrs(units="m"), trigger=1e-3, drive_frequency=F0)
    assert float(found["phase"].std()) == pytest.approx(float(found["phase_std"].mean()), rel=0.05)


def test_traces_without_a_wave_or_values_are_nan_and_alone():
    data = repeated_traces(np.array([0.0, 10.0, 20.0]))
    data[1] = 0.0
    data[2, 7] = np.nan
    found = align_phases(data, trigger=1e-3, drive_frequency=F0)
    np.testing.assert_array_equal(found["status"], [0, 2, 4])
    assert np.isfinite(found["aligned"][0]).all()
    assert np.isnan(found["aligned"][1:]).all()
    assert np.isnan(found["phase_std"][1:]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"drive_frequency": 6e5}, "must lie between 0 and 500000 Hz"),
        ({"trigger": 3e-6}, "3 samples before the trigger"),
        ({"trigger": 1e-5}, "less than a period of the drive"),
    ],
)
def test_phases_that_cannot_be_known_are_refused(options, message):
    with pytest.raises(DataError, match=message):
        align_phases(
            repeated_traces(np.zeros(2)), **{"trigger": 1e-3, "drive_frequency": F0, **options}
        )


def test_a_contact_potential_is_found_from_the_answer_of_a_cantilever():
    f, time = 5e3, np.arange(8000) / RATE
    drive = ElectricDrive(
        frequency=f, ac_voltage=2.0, dc_voltage=0.0, contact_potential=0.35,
        capacitance_gradient=3e-9,
    )  # fmt: skip
    data = cantilever(
        drive=drive, resonance_frequency=F0, quality_factor=20.0, spring_constant=2.0, force=0.0,
        frequency_shift=0.0, trigger=0.0, duration=8e-3, sampling_rate=RATE, synchronised=False,
    )  # fmt: skip
    grid = coordinate("frequency", np.linspace(0, 5e5, 20001), "Hz")
    w0 = 2 * np.pi * F0
    h = cantilevers.static_response(2 * np.pi * grid.values, w0, 20.0) * w0**2 / 2.0
    transfer = xr.DataArray(h, {"frequency": grid}, dims="frequency", attrs={"units": "m/N"})
    found = fit_force_kpfm(
        data, drive_frequency=f, ac_voltage=2.0, transfer=transfer, regularisation=1e-9
    )
    inner = found.isel(time=slice(2, -2))
    np.testing.assert_allclose(inner["contact_potential"], 0.35, atol=2e-3)
    np.testing.assert_allclose(inner["capacitance_gradient"], 3e-9, rtol=5e-3)
    assert found["capacitance_gradient"].attrs["units"] == "N/V^2"
    bias = trace(2.0 * np.sin(2 * np.pi * f * time), "V", time)
    same = fit_force_kpfm(
        data, drive_frequency=f, bias=bias, transfer=transfer, regularisation=1e-9, overlap=4
    )
    np.testing.assert_allclose(same["contact_potential"][::4], found["contact_potential"])


def test_the_scatter_of_contact_potentials_is_the_reported_one():
    f, rng = 10e3, np.random.default_rng(4)
    time = np.arange(400 * 200) / RATE
    v = 1.5 * np.sin(2 * np.pi * f * time) + 0.2
    force = 7.0 + 0.5 * 4.0 * (v - 0.1) ** 2 + 0.3 * rng.standard_normal(v.size)
    found = fit_force_kpfm(
        trace(force, "nN", time), drive_frequency=f, ac_voltage=1.5, dc_voltage=0.2
    )
    assert float(found["contact_potential"].mean()) == pytest.approx(0.1, abs=2e-3)
    # At 0 V, where the contact potential pulls too.
    assert float(found["static_force"].mean()) == pytest.approx(7.0 + 0.5 * 4.0 * 0.1**2, abs=5e-3)
    for name in ("contact_potential", "capacitance_gradient", "static_force"):
        assert float(found[name].std()) == pytest.approx(
            float(found[f"{name}_std"].mean()), rel=0.1
        )


@pytest.mark.parametrize("degrees", [-80.0, -33.3, 0.0, 12.0, 89.0])
@pytest.mark.parametrize("potential", [0.35, -0.5])
def test_the_phase_of_the_voltage_is_found(degrees, potential):
    f, time = 10e3, 1e-3 + np.arange(5000) / RATE
    v = 0.2 + 1.5 * np.sin(2 * np.pi * f * time + np.radians(degrees))
    force = 0.5 * 4.0 * (v - potential) ** 2
    found = fit_force_kpfm(
        trace(force, "nN", time), drive_frequency=f, ac_voltage=1.5, dc_voltage=0.2, phase="auto"
    )
    assert float(found["phase"]) == pytest.approx(degrees, abs=0.05)
    np.testing.assert_allclose(found["contact_potential"], potential, atol=2e-3)
    assert found["phase"].attrs["units"] == "deg"


def test_each_trace_has_its_phase_and_bad_ones_are_alone():
    f, time = 10e3, np.arange(5000) / RATE
    turned = np.array([20.0, -50.0, 0.0])
    v = 1.5 * np.sin(2 * np.pi * f * time + np.radians(turned)[:, None])
    force = 2.0 * (v - 0.3) ** 2
    force += 0.05 * np.random.default_rng(1).standard_normal(force.shape)
    force[2] = np.nan
    coords = {"time": coordinate("time", time, "s"), "x": coordinate("x", np.arange(3), "nm")}
    data = xr.DataArray(force, coords, dims=("x", "time"), attrs={"units": "nN"})
    found = fit_force_kpfm(data, drive_frequency=f, ac_voltage=1.5, phase="auto")
    np.testing.assert_allclose(found["phase"][:2], turned[:2], atol=0.2)
    assert np.isnan(found["phase"][2])
    assert (found["status"][2] == 4).all()
    np.testing.assert_allclose(found["contact_potential"][:2].mean("time"), 0.3, atol=2e-3)
    lazy = fit_force_kpfm(data.chunk(x=1), drive_frequency=f, ac_voltage=1.5, phase="auto")
    assert lazy["phase"].chunks is not None
    xr.testing.assert_allclose(lazy.compute(), found)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "the voltage must be known"),
        ({"phase": "auto"}, "phase='auto' is for a sine"),
        ({"ac_voltage": 1.0, "drive_frequency": 4e5}, "a window needs 6"),
        ({"bias": trace(np.ones(3), "V", np.arange(3.0))}, "bias must have the 2000 times"),
        ({"ac_voltage": 1.0, "transfer": xr.DataArray(1.0)}, "transfer must be along frequencies"),
    ],
)
def test_unknown_voltages_are_refused(options, message):
    with pytest.raises(DataError, match=message):
        fit_force_kpfm(trace(np.ones(2000)), **{"drive_frequency": F0, **options})


@pytest.mark.parametrize("potential", [0.0, 0.4])
def test_a_trace_that_is_driven_at_another_frequency_is_marked(potential):
    rng = np.random.default_rng(3)
    drives = np.array([50e3, 52e3, 50.1e3])
    time = np.arange(4000) / 1e6
    v = 1.5 * np.sin(2 * np.pi * drives[:, None] * time)
    force = 0.5 * (v - potential) ** 2 + 0.01 * rng.standard_normal(v.shape)
    data = xr.DataArray(
        np.concatenate([force, 0.01 * rng.standard_normal((1, 4000))]),
        {"time": ("time", time, {"units": "s"})}, dims=("x", "time"), attrs={"units": "nN"},
    )  # fmt: skip
    found = fit_force_kpfm(data, drive_frequency=50e3, ac_voltage=1.5)
    np.testing.assert_allclose(found["drive_frequency"], [50e3, 52e3, 50e3, 50e3], atol=130)
    assert found["status"].isel(time=0).values.tolist() == [0, 5, 0, 0]
    assert np.isnan(found["contact_potential"][1]).all()
    assert found["drive_frequency"].attrs["units"] == "Hz"
    right = fit_force_kpfm(data[1], drive_frequency=52e3, ac_voltage=1.5)
    np.testing.assert_allclose(right["contact_potential"], potential, atol=0.015)
    bias = xr.DataArray(v[1], {"time": data["time"]}, dims="time", attrs={"units": "V"})
    known = fit_force_kpfm(data[1], drive_frequency=50e3, bias=bias)
    assert "drive_frequency" not in known


def test_a_constant_voltage_determines_nothing():
    found = fit_force_kpfm(trace(np.ones(2000)), drive_frequency=F0, ac_voltage=0.0)
    assert (found["status"] == 2).all()
    assert np.isnan(found["contact_potential"]).all()


def test_forces_of_time_that_falls_are_refused():
    backwards = om.samples.transients().isel(time=slice(None, None, -1))
    with pytest.raises(DataError, match="'time' must ascend"):
        fit_force_kpfm(backwards, ac_voltage=1.0, drive_frequency=60e3)
