"""Resonances, loops, currents and transients of scanning probes, against BGlib and FFTA."""

import numpy as np
import pytest
from tests.benchmarks.peers.races import race

from omniscopy import simulate
from omniscopy.physics import hysteresis, resonance, waveforms

pytestmark = [pytest.mark.benchmark, pytest.mark.peer]


def test_resonances(compared, tmp_path):
    rng = np.random.default_rng(0)
    count, frequency = 16384, np.linspace(305e3, 365e3, 60)
    truth = np.stack([
        10 ** rng.uniform(-6, -5, count), rng.uniform(325e3, 345e3, count),
        rng.uniform(50, 200, count), rng.uniform(-3.0, 3.0, count),
    ], axis=1)  # fmt: skip
    exact = resonance.oscillator(frequency, *(truth[:, n, None] for n in range(4)))
    parts = rng.standard_normal((2, *exact.shape))
    values = exact + 0.05 * np.abs(exact).max(1, keepdims=True) * (parts[0] + 1j * parts[1])
    data = {"values": values, "frequency": frequency}
    ours, theirs = race("bglib", "oscillators", data, tmp_path)

    def error(answer):
        found = answer["parameters"][:60]  # what the other does too
        away = np.median(np.abs(found / truth[: len(found), :3] - 1), axis=0)
        return f"A {100 * away[0]:.2g}, f {100 * away[1]:.1g}, Q {100 * away[2]:.2g} %"

    what = "resonance of 60 complex bins, a start and a fit"
    assert compared(what, "BGlib, SciPy", ours, theirs, "200", error) > 40


def test_hysteresis_loops(compared, tmp_path):
    rng = np.random.default_rng(0)
    bias = waveforms.triangle(64, 8.0)
    falling = np.where(hysteresis.falls(bias), 1.0, -1.0)
    low = [-1.2, 1.0, -4.0, 1.0, -0.02, 0.3, 0.3, 0.3, 0.3]
    high = [-0.5, 2.5, -1.0, 4.0, 0.02, 2.5, 2.5, 2.5, 2.5]
    truth = rng.uniform(low, high, (1024, 9))
    exact = hysteresis.loop(bias, falling, *(truth[:, n, None] for n in range(9)))[0]
    values = exact + 0.02 * rng.standard_normal(exact.shape)
    ours, theirs = race("bglib", "loops", {"values": values, "bias": bias}, tmp_path)

    def error(answer):
        found = answer["parameters"][:200]  # what the other does too
        away = np.abs(found - truth[: len(found)])[:, 2:4].max(axis=1)
        return f"median {np.median(away):.2g} V; {100 * np.mean(away > 0.3):.0f} % beyond 0.3 V"

    if not theirs.error:
        count = len(theirs.answer["parameters"])
        cost, other = (
            np.sum((values[:count] - hysteresis.loop(
                bias, falling, *(each.answer["parameters"][:count, n, None] for n in range(9))
            )[0]) ** 2, axis=1)
            for each in (ours, theirs)
        )  # fmt: skip
        # Both are as far from the truth as the noise lets them be.
        assert (cost <= other * (1 + 1e-6)).all()
    what = "loop of 64 steps, nine parameters"
    assert compared(what, "BGlib", ours, theirs, "50", error) > 10


def test_currents(compared, tmp_path):
    made = simulate.current_voltage((16, 16), points=512)
    data = {
        "values": made.values.reshape(-1, 512), "bias": made["bias"].values,
        "time": made["time"].values, "rate": 200.0,
    }  # fmt: skip
    ours, theirs = race("bglib", "inversion", data, tmp_path)

    def error(answer):
        return f"{100 * np.median(np.abs(answer['resistance'][:4] / 4e9 - 1)):.2g} %"

    what = "resistance from current and voltage, 512 points"
    assert compared(what, "BGlib", ours, theirs, "50", error) > 10


def test_transients(compared, tmp_path):
    made = simulate.cantilever(tau=[1e-5] * 512, noise=1e-12)
    data = {
        "values": made.values, "time": made["time"].values, "trigger": 5e-4, "drive": 277261.0,
    }  # fmt: skip
    ours, theirs = race("ffta", "transient", data, tmp_path)

    def error(answer):
        return f"shift {100 * (np.median(answer['shift']) / -170 - 1):+.2g} %"

    what = "transient of 10 000 points, frequency and first peak"
    assert compared(what, "FFTA", ours, theirs, "50", error) > 10
