"""What transients of many pixels cost, against plain pipelines of one pixel after the other."""

import numpy as np
import pytest
import xarray as xr
from scipy import signal as scipy_signal
from scipy.integrate import odeint
from scipy.optimize import minimize

from omniscopy.model import coordinate
from omniscopy.simulate import cantilever
from omniscopy.spm import decompose_modes, fit_first_peak, instantaneous_frequency

pytestmark = pytest.mark.benchmark
RATE, F0, TRIGGER, TAPS = 1e7, 277261.0, 5e-4, 1499


def plain_pixel(trace):
    """Follow one trace: filters, analytic signal, slope of the phase, cut and a fit."""
    n, first = trace.size, round(TRIGGER * RATE)
    spectrum = np.fft.fft(trace)
    frequency = np.fft.fftfreq(n, 1 / RATE)
    trace = np.fft.ifft(np.where(np.abs(frequency) < 1e4, 0, spectrum)).real
    size = 2 ** int(np.log2(first))
    drive = np.argmax(np.abs(np.fft.rfft(trace[:size])[1:])) + 1
    drive = F0 if abs(drive * RATE / size - F0) < RATE / size else drive * RATE / size
    trace = trace * scipy_signal.get_window("blackman", n)
    band = [(drive - 2.5e3) / RATE * 2, (drive + 2.5e3) / RATE * 2]
    taps = scipy_signal.firwin(TAPS, band, pass_zero=False, window="blackman")
    analytic = scipy_signal.hilbert(scipy_signal.fftconvolve(trace, taps, mode="same"))
    phase = np.unwrap(np.angle(analytic))
    before = slice(int(0.3 * first), int(0.7 * first))
    t = np.arange(n) / RATE
    phase -= np.polyval(np.polyfit(t[before], phase[before], 1), t)
    shift = scipy_signal.savgol_filter(phase, 5, 1, deriv=1, delta=1 / RATE) / (2 * np.pi)
    cut = shift[first : first + 3000] - shift[first]
    t = t[:3000]

    def cost(p):
        return np.sum((p[0] * np.expm1(-t / p[1]) * -np.exp(-t / p[2]) - cut) ** 2)

    found = minimize(
        cost, [cut.min(), 1e-4, 432 / (np.pi * F0)], method="TNC", options={"maxfun": 200},
        bounds=[(-1e4, -1), (5e-7, 0.1), (1e-5, 0.1)],
    )  # fmt: skip
    _, rise, fall = found.x
    return rise * np.log1p(fall / rise)


def test_transients_against_a_loop_over_pixels(measured, best_time):
    data = cantilever(tau=list(np.geomspace(3e-6, 1e-4, 512)), noise=1e-11)

    def ours():
        followed = instantaneous_frequency(
            data, trigger=TRIGGER, drive_frequency=F0, window="blackman", bandwidth=5e3,
            taps=TAPS, step=20,
        )  # fmt: skip
        return fit_first_peak(followed, duration=3e-4)

    found = ours()["time_to_first_peak"].values
    assert np.all(np.diff(found[160:]) > -1e-5)
    few = data.values[::128]
    theirs = best_time(lambda: [plain_pixel(row) for row in few], 3) / len(few)
    ratio = theirs / (best_time(ours, 5) / len(data))
    measured("Transients of 10 000 points, in a batch: pixels for one of a loop", ratio, "> 50")
    assert ratio > 20


def descended(values, start, window=40, *, steps=100, target=1e-4, rate=1e-4):
    """Fit waves to windows by descent along gradients of their frequencies."""
    values = values / values.std()
    t = np.arange(window)[:, None]
    f = np.array(start)
    found = []
    for begin in range(values.size - window + 1):
        y = values[begin : begin + window]
        for _ in range(steps):
            angle = 2 * np.pi * t * f
            basis = np.concatenate([np.cos(angle), np.sin(angle)], axis=1)
            c = np.linalg.pinv(basis) @ y
            left = basis @ c - y
            if np.mean(left**2) < target:
                break
            slope = 2 * np.pi * t * (c[2:] * np.cos(angle) - c[:2] * np.sin(angle))
            f = f - rate / window * 2 * (left @ slope) / window
        found.append(f)
    return np.array(found)


def test_modes_against_descent_along_gradients(measured, best_time):
    t = np.arange(1500)
    rng = np.random.default_rng(0)
    values = np.cos(2 * np.pi * (0.11 * t + 1e-5 * t**2 / 2)) + 0.4 * np.sin(2 * np.pi * 0.27 * t)
    values += 0.02 * rng.standard_normal(t.size)
    data = xr.DataArray(values, {"time": coordinate("time", 1e-6 * t, "s")}, dims="time")
    found = decompose_modes(data, 2, length=40)
    middle = t[20:-19] - 0.5
    assert float(abs(found["frequency"][0] * 1e-6 - 0.11 - 1e-5 * middle).max()) < 1e-3
    many = xr.concat([data] * 16, xr.Variable("frame", np.arange(16)))
    theirs = best_time(lambda: descended(values, [0.11, 0.27]), 1)
    ratio = theirs / (best_time(lambda: decompose_modes(many, 2, length=40), 5) / 16)
    measured(
        "Modes of 1500 points, two in windows of 40: signals for one of descent", ratio, "> 200"
    )
    assert ratio > 100


def test_cantilevers_against_an_adaptive_integrator(measured, best_time):
    w0, q, k, tau = 2 * np.pi * F0, 432.0, 26.2, 1e-5
    push = 16.6e-9 * w0**2 / q
    times = np.arange(10001) / RATE

    def slopes(y, t):
        g = -np.expm1(-t / tau)
        w = w0 - 2 * np.pi * 170.0 * g
        return [y[1], -push * np.sin(w0 * t) - 3.7e-9 * w0**2 / k * g - w * y[1] / q - w * w * y[0]]

    def theirs(tolerance):
        return odeint(
            slopes, [16.6e-9, 0.0], times, rtol=tolerance, atol=tolerance * 1e-9, mxstep=10**6
        )[:, 0]

    settings = {"trigger": 0.0, "duration": 1e-3 + 1 / RATE}
    one = cantilever(tau=tau, **settings).values
    exact = theirs(1e-12)
    ours_off = np.abs(one[1:] - exact[1 : one.size]).max() / 16.6e-9
    theirs_off = np.abs(theirs(1e-9) - exact).max() / 16.6e-9
    assert ours_off < 1e-7
    assert theirs_off > 0.1 * ours_off  # not more exact by far than ours
    many = list(np.full(64, tau))
    ratio = best_time(lambda: theirs(1e-9), 2) / (
        best_time(lambda: cantilever(tau=many, **settings), 5) / len(many)
    )
    measured("Cantilevers, 10 000 points: simulations for one by LSODA as exact", ratio, "> 100")
    assert ratio > 50
