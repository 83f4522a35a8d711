"""What fits of resonances cost, against one call of SciPy for each spectrum."""

import time

import numpy as np
import pytest
import scipy.optimize
import xarray as xr

from omniscopy.model import coordinate
from omniscopy.physics import resonance
from omniscopy.spm import fit_oscillator

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
