"""What fits of resonances cost, against one call of SciPy for each spectrum."""

import time

import numpy as np
import pytest
import scipy.optimize
import scipy.special
import xarray as xr

from omniscopy.model import coordinate
from omniscopy.physics import hysteresis, resonance, waveforms
from omniscopy.spm import fit_loops, fit_oscillator

pytestmark = pytest.mark.benchmark
FREQUENCY = np.linspace(305e3, 365e3, 60)
NAMES = ("amplitude", "resonance_frequency", "quality_factor", "phase")


def spectra(count):
    rng = np.random.default_rng(0)
    truth = np.stack([
        rng.uniform(0.5, 2.0, count), rng.uniform(325e3, 345e3, count), rng.uniform(50, 200, count),
        rng.uniform(-3.0, 3.0, count),
    ], axis=1)  # fmt: skip
    exact = resonance.oscillator(FREQUENCY, *(truth[:, n, None] for n in range(4)))
    parts = rng.standard_normal((2, *exact.shape))
    noise = 0.05 * np.abs(exact).max(axis=1, keepdims=True)
    coords = {"frequency": coordinate("frequency", FREQUENCY, "Hz")}
    return xr.DataArray(
        exact + noise * (parts[0] + 1j * parts[1]),
        {**coords, "point": coordinate("point", np.arange(count), "1")},
        dims=("point", "frequency"),
    )


def plain_start(y):
    """Return the weighted mean of oscillators through pairs of the five largest bins.

    They are those of a closed form for two complex values; the sum of squares weighs them.
    """
    top = np.argsort(np.abs(y))[-5:]
    found, weights = [], []
    for i in range(5):
        for j in range(i + 1, 5):
            w1, w2, y1, y2 = FREQUENCY[top[i]], FREQUENCY[top[j]], y[top[i]], y[top[j]]
            x1, x2, z1, z2 = y1.real, y2.real, y1.imag, y2.imag
            size = w1 * (x1**2 - x1 * x2 + z1 * (z1 - z2))
            size += w2 * (-x1 * x2 + x2**2 - z1 * z2 + z2**2)
            if size <= 0:
                continue
            p1, p2, away = abs(y1) ** 2, abs(y2) ** 2, w1**2 - w2**2
            a = away * (w1 * x2 * p1 - w2 * x1 * p2) / size
            b = away * (w1 * z2 * p1 - w2 * z1 * p2) / size
            c = away * (x2 * z1 - x1 * z2) / size
            d = (w1**3 * p1 - (w1**2 * w2 + w1 * w2**2) * (x1 * x2 + z1 * z2) + w2**3 * p2) / size
            if d <= 0 or c == 0:
                continue
            one = [np.hypot(a, b) / d, np.sqrt(d), -np.sqrt(d) / c, np.arctan2(-b, -a)]
            away = np.sum(np.abs(resonance.oscillator(FREQUENCY, *one) - y) ** 2)
            found.append([a, b, c, d])
            weights.append((1.0 / away) ** 4)
    weights = np.array(weights) / max(weights)
    a, b, c, d = (weights[:, None] * np.array(found)).sum(axis=0) / weights.sum()
    return np.array([np.hypot(a, b) / d, np.sqrt(d), abs(np.sqrt(d) / c), np.arctan2(-b, -a)])


def plain_fit(y):
    """Return the complex least squares of SciPy from that start, and its sum of squares."""
    start = plain_start(y)
    scale = np.array([start[0], 1e3, start[2], 1.0])

    def away(parameters):
        made = resonance.oscillator(FREQUENCY, *(parameters * scale)) - y
        return np.concatenate([made.real, made.imag])

    found = scipy.optimize.least_squares(away, start / scale, method="lm")
    return found.x * scale, 2.0 * found.cost


def test_oscillators_against_a_loop(measured, best_time):
    data = spectra(65536)
    few = data.values[:150]
    fit_oscillator(data[:100])
    begin = time.perf_counter()
    costs = np.array([plain_fit(y)[1] for y in few])
    plain = (time.perf_counter() - begin) / len(few)
    ours = best_time(lambda: fit_oscillator(data), 5) / data.sizes["point"]
    found = fit_oscillator(data[:150])
    columns = [found[name].values[:, None] for name in NAMES]
    columns[3] = np.radians(columns[3])
    cost = np.sum(np.abs(resonance.oscillator(FREQUENCY, *columns) - few) ** 2, axis=1)
    # A loop may stop in a minimum that is not the lowest one.
    assert (cost <= costs * (1 + 1e-6)).all()
    measured(
        "Oscillator, 60 complex bins: fits for one start and fit of SciPy", plain / ours, "> 200"
    )
    measured("Oscillator, 60 complex bins: thousand spectra a second", 1e-3 / ours, "> 150")
    measured("Oscillator, 60 complex bins: µs a spectrum", 1e6 * ours, "< 6.7")
    assert plain / ours > 80


BIAS = waveforms.triangle(64, 8.0)
FALLING = np.where(hysteresis.falls(BIAS), 1.0, -1.0)


def hysteresis_loops(count):
    rng = np.random.default_rng(0)
    low = [-1.2, 1.0, -4.0, 1.0, -0.02, 0.3, 0.3, 0.3, 0.3]
    high = [-0.5, 2.5, -1.0, 4.0, 0.02, 2.5, 2.5, 2.5, 2.5]
    truth = rng.uniform(low, high, (count, 9))[:, :, None]
    exact = hysteresis.loop(BIAS, FALLING, *(truth[:, n] for n in range(9)))[0]
    coords = {
        "bias": coordinate("bias", BIAS, "V"),
        "point": coordinate("point", np.arange(count), "1"),
    }
    values = exact + 0.04 * rng.standard_normal(exact.shape)
    return xr.DataArray(values, coords, dims=("point", "bias"))


def plain_loop(parameters):
    """Return the loop of nine parameters, as a function of NumPy and SciPy alone."""
    a0, a1, a2, a3, a4, *b = parameters
    y = np.empty(BIAS.size)
    for down, centre, low, high in ((True, a2, *b[:2]), (False, a3, *b[2:])):
        here = (FALLING > 0) == down
        v = BIAS[here]
        width = np.where(v < centre, low, high)
        y[here] = (width * scipy.special.erf((v - centre) / width) + low) / (low + high)
    return a0 + a1 * y + a4 * BIAS


def plain_loop_fit(values):
    """Return the least squares of SciPy from the extremes of a loop."""
    start = [values.min(), np.ptp(values), -4.0, 4.0, 0.0, 2.0, 2.0, 2.0, 2.0]
    lower = [-1e3, -1e3, -1e3, -1e3, -0.1, 1e-3, 1e-3, 1e-3, 1e-3]
    upper = [1e3, 1e3, 1e3, 1e3, 0.1, 1e2, 1e2, 1e2, 1e2]
    found = scipy.optimize.least_squares(
        lambda parameters: plain_loop(parameters) - values, start, bounds=(lower, upper)
    )
    return 2.0 * found.cost


def test_loops_against_a_loop(measured, best_time):
    data = hysteresis_loops(2048)
    few = data.values[:30]
    fit_loops(data[:10])
    begin = time.perf_counter()
    costs = np.array([plain_loop_fit(values) for values in few])
    plain = (time.perf_counter() - begin) / len(few)
    ours = best_time(lambda: fit_loops(data), 3) / data.sizes["point"]
    once = best_time(lambda: fit_loops(data, restarts=0), 3) / data.sizes["point"]
    found = fit_loops(data[:30])
    cost = found["reduced_chi_square"] * found["degrees_of_freedom"]
    assert (cost <= costs * (1 + 1e-6)).all()
    measured("Loops of 64 steps, four starts: fits for one of SciPy", plain / ours, "> 50")
    measured("Loops of 64 steps, one start: fits for one of SciPy", plain / once, "> 50")
    measured("Loops of 64 steps, four starts: µs a loop", 1e6 * ours, "< 300")
    assert plain / ours > 25
