"""Fits of force curves against loops over SciPy."""

import time

import numpy as np
import pytest
import scipy.optimize

from omniscopy import simulate, spm

pytestmark = pytest.mark.benchmark
RADIUS = 2.5e-6


def _hertz(x, modulus, contact, offset):
    depth = np.maximum(x - contact, 0.0)
    return 4 / 3 * np.sqrt(RADIUS) / 0.75 * modulus * depth**1.5 + offset


def test_a_map_of_force_curves_is_fitted_faster_than_by_a_loop(measured, best_time):
    data = simulate.force_map((64, 64), points=1000, noise=0.1, offset=0.0, tilt=0.0)
    depth = spm.to_separation(data).compute().assign_attrs(metadata={})
    ours = best_time(lambda: spm.fit_indentation(depth, radius=RADIUS))
    x = 1e-9 * depth["indentation"].values.reshape(-1, 1000)
    y = 1e-9 * depth.values.reshape(-1, 1000)
    bounds = ([0.0, -np.inf, -np.inf], np.inf)
    loops = {}
    for name, options in (("unbounded", {}), ("with the bound that we keep", {"bounds": bounds})):
        begin = time.perf_counter()
        for number in range(60):
            scipy.optimize.curve_fit(_hertz, x[number], y[number], p0=(1e4, 0.0, 0.0), **options)
        loops[name] = (time.perf_counter() - begin) * len(x) / 60
    for name, took in loops.items():
        measured(
            f"64 x 64 force curves of 1000 points, loop over SciPy {name}", took / ours, "50 x"
        )
    assert loops["unbounded"] > 10 * ours
