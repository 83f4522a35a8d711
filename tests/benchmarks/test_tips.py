"""What tips of scanning probes cost, against plain NumPy."""

import numpy as np
import pytest

from omniscopy import simulate
from omniscopy.image import model_tip
from omniscopy.image.tips.tip_estimation import blind_tip, padded_image
from omniscopy.image.tips.tip_imaging import _dilated, _eroded

pytestmark = pytest.mark.benchmark
REACHES = (5, 5)


def measured_image(size):
    surface = simulate.surface((size, size), rms=5.0, correlation_length=15.0, rng=1).values
    return _dilated(surface, model_tip(radius=20.0, extent=90.0, step=1000 / size).values)


def plain_blind(values, reaches):
    """Estimate a tip by all points of it at once, at each point of the image."""
    padded, places = padded_image(values, reaches)
    shape = tuple(2 * reach + 1 for reach in reaches)
    a, b = (grid.ravel() for grid in np.indices(shape))
    tip = np.zeros(a.size)
    slack = 1e-12 * np.ptp(values)
    while True:
        before = tip.copy()
        for i, j in places:
            level = padded[i, j]
            beside = padded[i + a - reaches[0], j + b - reaches[1]] - level + tip
            feasible, wanted = beside >= -slack, beside < -slack
            rows = i + a[None, feasible] - a[wanted, None]
            columns = j + b[None, feasible] - b[wanted, None]
            best = (padded[rows, columns] - level + tip[feasible]).max(axis=1, initial=-np.inf)
            tip[wanted] = np.where(best < tip[wanted] - slack, best, tip[wanted])
        if np.array_equal(before, tip):
            return tip.reshape(shape)


def plain_dilation(values, tip):
    """Dilate by shifted copies of the whole surface."""
    reach = tuple(size // 2 for size in tip.shape)
    padded = np.pad(values, tuple((r, r) for r in reach), constant_values=-np.inf)
    made = np.full(values.shape, -np.inf)
    for a, b in np.ndindex(tip.shape):
        shifted = padded[a : a + values.shape[0], b : b + values.shape[1]]
        np.maximum(made, shifted + tip[a, b], out=made)
    return made


def test_a_blind_estimate_against_plain_numpy(measured, best_time):
    values = measured_image(64)
    ours, _, status = blind_tip(values, REACHES, threshold=0.0, max_steps=1000)
    assert status == 0
    np.testing.assert_allclose(ours, plain_blind(values, REACHES), atol=1e-9)
    compiled = best_time(lambda: blind_tip(values, REACHES, threshold=0.0, max_steps=1000))
    ratio = best_time(lambda: plain_blind(values, REACHES), 1) / compiled
    measured("Blind tips of 11 x 11 on 64 x 64: estimates for one of plain NumPy", ratio, "> 20")
    assert ratio > 20


def test_a_dilation_against_shifted_copies(measured, best_time):
    values = measured_image(256)
    tip = model_tip(radius=20.0, extent=80.0, step=1000 / 256).values
    np.testing.assert_allclose(_dilated(values, tip), plain_dilation(values, tip))
    _eroded(values, tip)
    ratio = best_time(lambda: plain_dilation(values, tip)) / best_time(
        lambda: _dilated(values, tip)
    )
    measured("Dilations by 21 x 21 on 256 x 256: for one of shifted copies", ratio, "> 1.5")
    assert ratio > 1.5
