"""Cantilevers whose resonance changes: against exact answers, other integrators and other data."""

import numpy as np
import pytest
import xarray as xr
from scipy.integrate import solve_ivp

from omniscopy.model import DataError
from omniscopy.physics import cantilevers
from omniscopy.simulate import ChirpDrive, ElectricDrive, MechanicalDrive, cantilever

F0, Q, K, DF = 277261.0, 432.0, 26.2, -170.0
W0 = 2 * np.pi * F0
RATE = 1e7


def integrated(times, start, begin, omega, acceleration):
    """Return what an adaptive integrator of high order gives."""

    def slopes(t, y):
        w = omega(t)
        return [y[1], acceleration(t) - w * y[1] / Q - w * w * y[0]]

    found = solve_ivp(
        slopes, (begin, times[-1]), start, "DOP853", rtol=1e-11, atol=1e-21, t_eval=times,
        max_step=1e-7,
    )  # fmt: skip
    return found.y[0]


@pytest.mark.parametrize("kind", ["exponential", "biexponential", "stretched", "step"])
def test_the_motion_is_that_of_an_integrator_of_high_order(kind):
    data = cantilever(kind, tau=3e-6, trigger=2e-5, duration=1.2e-4)
    onset, begin = 2e-5, 2e-5 - 0.5 / F0
    amplitude, size = 16.6e-9, 16.6e-9 * W0**2 / Q

    def change(t):
        return cantilevers.relaxation(t - onset, kind, 3e-6, 1e-4, 0.5)

    times = data["time"].values[data["time"] > onset]
    start = [amplitude, 0.0]  # 90 degrees behind a drive at 180 degrees
    expected = integrated(
        times, start, onset,
        lambda t: W0 + 2 * np.pi * DF * change(t),
        lambda t: size * np.sin(W0 * (t - begin)) - 3.7e-9 * W0**2 / K * change(t),
    )  # fmt: skip
    # A stretched relaxation begins infinitely steep, which no steps can follow.
    tolerance = 1e-4 if kind == "stretched" else 1e-7
    np.testing.assert_allclose(data[-len(times) :], expected, atol=tolerance * amplitude)


@pytest.mark.parametrize("synchronised", [True, False])
def test_before_the_trigger_the_motion_is_steady(synchronised):
    data = cantilever(trigger=1e-4, duration=2e-4, synchronised=synchronised)
    before = data.sel(time=slice(0, 1e-4))
    drive = W0 * before["time"] if not synchronised else W0 * (before["time"] - 1e-4) + np.pi
    expected = -16.6e-9 * np.cos(drive)  # 90 degrees behind the drive
    np.testing.assert_allclose(before, expected, atol=1e-20)


def test_long_after_a_step_the_motion_is_the_steady_one_of_the_new_resonance():
    q = 30.0
    drive = MechanicalDrive(frequency=270e3, amplitude=1e-9)
    settings = {"frequency_shift": -2e3, "trigger": 0.0, "synchronised": False}
    data = cantilever("step", drive=drive, quality_factor=q, **settings)
    after = data.isel(time=slice(-1000, None))
    push = 1e-9 / abs(cantilevers.static_response(2 * np.pi * 270e3, W0, q))
    w1 = W0 - 2 * np.pi * 2e3
    phasor = push * cantilevers.static_response(2 * np.pi * 270e3, w1, q)
    rest = -3.7e-9 / (K / W0**2) / w1**2
    wave = np.exp(2j * np.pi * 270e3 * after["time"].values)
    np.testing.assert_allclose(after, (phasor * wave).imag + rest, atol=2e-15)


def test_an_electric_drive_moves_with_its_first_and_second_harmonic():
    drive = ElectricDrive(frequency=100e3, ac_voltage=2.0, dc_voltage=1.5, contact_potential=0.5)
    data = cantilever(
        drive=drive, frequency_shift=0.0, force=0.0, trigger=5e-5, duration=1e-4, synchronised=False
    )
    t, mass = data["time"].values, K / W0**2
    voltage = 1.0 + 2.0 * np.sin(2 * np.pi * 100e3 * t)
    spectrum = np.fft.rfft(0.5e-9 * voltage**2 / mass)
    omega = 2 * np.pi * np.fft.rfftfreq(len(t), 1 / RATE)
    expected = np.fft.irfft(spectrum * cantilevers.static_response(omega, W0, Q), len(t))
    np.testing.assert_allclose(data, expected, atol=1e-6 * np.abs(expected).max())


def test_a_change_of_the_contact_potential_changes_the_force():
    drive = ElectricDrive(frequency=100e3, dc_voltage=0.0, contact_potential_change=-1.0)
    settings = {"frequency_shift": 0.0, "force": 0.0, "quality_factor": 20.0}
    settings |= {"synchronised": False}
    data = cantilever("step", drive=drive, trigger=1e-4, duration=1e-3, **settings)
    after = cantilever(drive=ElectricDrive(frequency=100e3, dc_voltage=1.0), **settings)
    np.testing.assert_allclose(data[-1000:], after[-1000:], atol=1e-5 * float(abs(after).max()))


def test_a_chirp_moves_a_cantilever_at_rest():
    drive = ChirpDrive(start=200e3, stop=350e3, length=1e-4, drive_force=2e-9)
    data = cantilever(drive=drive, frequency_shift=0.0, force=0.0, trigger=2e-5, duration=1.6e-4)
    assert (data.sel(time=slice(0, 2e-5)) == 0).all()

    def push(t):
        s = t - 2e-5
        phase = 2 * np.pi * (200e3 + 0.5 * 150e3 * s / 1e-4) * s
        return (2e-9 * W0**2 / K * np.sin(phase)) if s <= 1e-4 else 0.0

    times = data["time"].values[data["time"] > 2e-5]
    expected = integrated(times, [0.0, 0.0], 2e-5, lambda t: W0, push)
    # The chirp ends between two of the steps of the other integrator.
    np.testing.assert_allclose(data[-len(times) :], expected, atol=3e-4 * np.abs(expected).max())


def test_values_of_a_relaxation_are_taken_one_for_each_sample():
    t = np.arange(5000) / RATE
    kind = {"tau": 1e-5, "duration": 3e-4, "trigger": 1e-4}
    sampled = cantilever(-np.expm1(-t / 1e-5), **kind)
    exact = cantilever("exponential", **kind)
    np.testing.assert_allclose(sampled, exact, atol=1e-5 * 16.6e-9)


def test_maps_vary_any_number_along_any_dimension():
    maps = xr.Dataset(
        {"tau": ("x", [1e-6, 1e-5, 1e-4]), "amplitude": ("y", [1e-8, 2e-8])},
        {"x": [0.0, 1.0, 2.0]},
    )
    both = cantilever(maps=maps, duration=2e-4, trigger=1e-4)
    assert dict(both.sizes) == {"x": 3, "y": 2, "time": 2000}
    drive = MechanicalDrive(amplitude=2e-8)
    one = cantilever(tau=1e-5, drive=drive, duration=2e-4, trigger=1e-4)
    np.testing.assert_allclose(both.isel(x=1, y=1), one, rtol=1e-12)
    shifted = cantilever(
        maps=xr.Dataset({"frequency": ("x", [277e3, 277261.0])}), duration=2e-4, trigger=1e-4
    )
    plain = cantilever(duration=2e-4, trigger=1e-4)
    np.testing.assert_allclose(shifted.isel(x=1), plain, atol=1e-20)


def test_few_samples_a_period_are_no_less_exact():
    fine = cantilever(duration=3e-4, trigger=1e-4, sampling_rate=1e7)
    coarse = cantilever(duration=3e-4, trigger=1e-4, sampling_rate=1e6)
    np.testing.assert_allclose(coarse, fine[::10], atol=1e-7 * 16.6e-9)


def test_noise_has_its_standard_deviation_and_seed():
    quiet, loud = (cantilever(noise=noise, rng=3) for noise in (0.0, 1e-10))
    assert float((loud - quiet).std()) == pytest.approx(1e-10, rel=0.03)
    np.testing.assert_array_equal(loud, cantilever(noise=1e-10, rng=3))


def test_the_compiled_integrator_is_its_plain_twin():
    rng = np.random.default_rng(0)
    omega_0, q = W0 * rng.uniform(0.9, 1.1, 3), rng.uniform(5, 500, 3)
    omega = omega_0[:, None] * rng.uniform(0.99, 1.01, (3, 41))
    force = rng.standard_normal((3, 41))
    steps = np.tile([4e-8, 1e-7], (3, 1))
    given = omega, force, steps, omega_0, q, rng.standard_normal((3, 2)) * [1e-12, 1e-6], 2
    np.testing.assert_allclose(
        cantilevers.oscillate(*given), cantilevers.oscillate_plainly(*given), rtol=1e-11
    )


@pytest.mark.shared
def test_other_simulations_of_the_same_cantilever_are_met(shared):
    known = np.load(shared / "data/spm/fftrefm_reference.npz")
    for tau, other in zip(known["tau_s"], known["signals_V"].astype(np.float64), strict=True):
        ours = cantilever(tau=tau, duration=1.2e-3, trigger=6e-4, sampling_rate=1e8).values
        change = other - other.mean()
        # The other changes at 180 degrees too, up to a period after the sample at 0.5 ms.
        begins = range(10000 - 370, 10000 + 370)
        best = max(np.corrcoef(ours[b : b + 10**5 : 10], change)[0, 1] for b in begins)
        assert best > 0.9999


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"relaxation": "sudden"}, "relaxation must be one of"),
        ({"relaxation": [0.0, np.nan]}, "row of finite numbers"),
        ({"tau": 0.0}, "tau must be positive, got 0"),
        ({"quality_factor": 0.4}, "above 1/2"),
        ({"trigger": 2e-3}, "must be within the 10000 samples"),
        ({"sampling_rate": -1.0}, "sampling_rate must be positive"),
        ({"maps": xr.Dataset({"mood": ("x", [1.0])})}, r"maps hold \['mood'\]"),
    ],
)
def test_wrong_numbers_are_refused(settings, message):
    with pytest.raises(DataError, match=message):
        cantilever(**settings)
