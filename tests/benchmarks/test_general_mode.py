"""What the inversion of an image costs, against a loop over its pixels."""

import time

import numpy as np
import pytest

from omniscopy.compute.native_threads import native_threads_held
from omniscopy.simulate import current_voltage
from omniscopy.spm import invert_current_voltage

pytestmark = pytest.mark.benchmark
FREQUENCY, POINTS, STEPS, DRAWS = 200.0, 512, 250, 2000


def invert_half(current, bias, slope, rng):
    """Infer one branch as published: factors, and draws of the posterior, for every pixel."""
    count = STEPS // 2
    grid = np.linspace(-np.abs(bias).max(), np.abs(bias).max(), count)
    step = grid[1] - grid[0]
    number = np.clip(((bias - grid[0]) / step).astype(int), 0, count - 2)
    part = (bias - grid[number]) / step
    design = np.zeros((len(bias), count + 1))
    rows = np.arange(len(bias))
    design[rows, number] = (1 - part) * grid[number]
    design[rows, number + 1] = part * grid[number + 1]
    design[:, count] = slope + 220.0 * bias
    laplacian = (2 * np.eye(count) - np.eye(count, k=1) - np.eye(count, k=-1)) / step**2
    laplacian[0, 0] = laplacian[-1, -1] = 1.0
    precision = np.eye(count + 1)
    precision[:count, :count] = (np.eye(count) + laplacian @ laplacian @ laplacian) / 10.0**2
    prior = np.append(np.full(count, 3.0), 0.0)
    posterior = np.linalg.inv(design.T @ design / 0.03**2 + precision)
    mean = posterior @ (design.T @ current / 0.03**2 + precision @ prior)
    root = np.linalg.cholesky(posterior)
    drawn = mean + rng.standard_normal((DRAWS, count + 1)) @ root.T
    resistance = 1.0 / drawn[:, :count]
    return resistance.mean(0), resistance.var(0), mean[count]


def invert_pixel(current, bias, slope, rng):
    """Infer both branches of one pixel."""
    half = len(bias) // 2
    turned = [np.roll(each, -len(bias) // 4) for each in (current, bias, slope)]
    return [
        invert_half(*(each[part] for each in turned), rng)
        for part in (slice(half), slice(half, None))
    ]


def test_inversion_of_an_image_against_a_loop(measured):
    data = current_voltage((128, 128), points=POINTS)
    bias = data["bias"].values
    slope = 0.5 * FREQUENCY * POINTS * (np.roll(bias, -1) - np.roll(bias, 1))
    rng, some = np.random.default_rng(0), 5
    with native_threads_held():  # which small matrices are quicker with
        invert_pixel(data.values[0, 0], bias, slope, rng)
        start = time.perf_counter()
        theirs = [invert_pixel(data.values[0, n], bias, slope, rng) for n in range(some)]
        one = (time.perf_counter() - start) / some
    start = time.perf_counter()
    found = invert_current_voltage(data, bias="bias", frequency=FREQUENCY, steps=STEPS // 2)
    whole = time.perf_counter() - start
    # Both are near the truth where that is plain: 4 GOhm far below the switching bias.
    low = found["resistance"].isel(y=0, x=slice(some)).sel(bias=-5.0, method="nearest")
    assert np.abs(low / 4e9 - 1).max() < 0.05
    assert np.median([np.median(half[0][10:20]) for pixel in theirs for half in pixel]) > 3.5
    ratio = one * data.sizes["y"] * data.sizes["x"] / whole
    measured("Current-voltage inversion of 128 x 128 pixels: faster than a loop", ratio, "> 50")
    assert ratio > 50
