"""Iterations of ptychography, against the transforms that they cannot do without."""

import numpy as np
import pytest
from scipy import fft

from omniscopy import simulate
from omniscopy.diffraction import reconstruct_ptychography
from omniscopy.diffraction.ptychography.arrays import NUMPY
from omniscopy.diffraction.ptychography.engine import Constraints, Plan, steps
from omniscopy.diffraction.ptychography.updates import RULES, Measured
from omniscopy.diffraction.ptychography.waves import State

pytestmark = pytest.mark.benchmark
WINDOW, SIDE, STEP = 64, 16, 6


def problem():
    """Return a state, amplitudes and positions on pixels; what is in them costs the same."""
    rng = np.random.default_rng(0)
    shape = (SIDE * SIDE, WINDOW, WINDOW)
    amplitude = rng.random(shape).astype(np.float32)
    probe = (rng.random((1, *shape[1:])) / WINDOW**2).astype(np.complex64)
    y, x = np.meshgrid(STEP * np.arange(SIDE), STEP * np.arange(SIDE), indexing="ij")
    positions = np.stack([y.ravel(), x.ravel()], axis=1).astype(np.float64)
    side = STEP * SIDE + WINDOW
    state = State(np.ones((1, side, side), dtype=np.complex64), probe, positions)
    return state, Measured(np.arange(len(amplitude)), amplitude, None)


@pytest.mark.parametrize(("method", "most"), [("gradient", 8.0), ("lsqml", 12.0)])
def test_an_iteration_costs_little_more_than_its_transforms(method, most, best_time, measured):
    state, block = problem()
    plan = Plan(RULES[method], Constraints())
    iterations = steps(state, block, plan, np.random.default_rng(0))
    next(iterations)
    took = best_time(lambda: next(iterations), 3)
    waves = np.ones((RULES[method].batch, WINDOW, WINDOW), dtype=np.complex64)

    def transforms():
        for _ in range(0, SIDE * SIDE, len(waves)):
            NUMPY.backward(NUMPY.forward(waves))

    floor = best_time(transforms, 3)
    measured(f"Ptychography, an iteration ({method}) over its transforms", took / floor, "<= 8")
    assert took / floor < most


def test_side_bands_cost_little_more_than_the_transforms_along_the_scan(best_time, measured):
    data = simulate.ptychography_4d((48, 48), 24, sampling=0.04, pixel=1.0)
    inside = int((np.hypot(data["ky"], data["kx"]) <= 0.020 / 0.0025079).sum())
    images = np.random.default_rng(0).random((inside, 48, 48))
    took = best_time(lambda: reconstruct_ptychography(data), 3)
    floor = best_time(lambda: fft.fft2(images, workers=2), 3)
    measured("Side bands, over the transforms along the scan", took / floor, "<= 20")
    assert took / floor < 60
