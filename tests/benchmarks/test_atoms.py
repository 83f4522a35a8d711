"""Refining atoms against the plain loop: one fit of SciPy for each atom."""

import time

import numpy as np
import pytest
import xarray as xr
from scipy.optimize import curve_fit
from tests.benchmarks.measurements import image_of_columns

from omniscopy.atoms import find_atoms, refine_atoms, score_positions

pytestmark = pytest.mark.benchmark


def _plain(image, places):
    def gaussian(at, height, row, column, sigma_y, sigma_x, angle, level):  # noqa: PLR0917
        c, s = np.cos(angle), np.sin(angle)
        dy, dx = at[0] - row, at[1] - column
        u, v = (dx * c + dy * s) / sigma_x, (dy * c - dx * s) / sigma_y
        return height * np.exp(-0.5 * (u**2 + v**2)) + level

    for row, column in places:
        top, left = int(row) - 6, int(column) - 6
        y, x = np.mgrid[top : top + 13, left : left + 13]
        part = image[top : top + 13, left : left + 13].ravel()
        start = [np.ptp(part), row, column, 2.8, 3.0, 0.1, part.min()]
        curve_fit(gaussian, np.stack([y.ravel(), x.ravel()]), part, start, maxfev=2000)


def test_refining_is_faster_than_a_fit_for_each_atom(measured, best_time):
    image, places = image_of_columns()
    found = find_atoms(image)
    columns = {name: ("atom", places[:, n], {"units": "nm"}) for n, name in enumerate("yx")}
    score = score_positions(refine_atoms(image, found), xr.Dataset(columns))
    measured("1024 atoms, refined: rms error / px", float(score["rms"]), "<= 0.033")
    assert float(score["rms"]) <= 0.033
    assert abs(float(score["bias_y"])) < 0.003
    took = best_time(lambda: refine_atoms(image, found), repeats=5)
    begun = time.perf_counter()
    _plain(image.values, np.stack([found["y"], found["x"]], axis=1)[:128])
    ratio = 8.0 * (time.perf_counter() - begun) / took
    measured("1024 atoms, refined: s", took, "0.054 (80 times pycroscopy)")
    measured("refining 1024 atoms, over one fit of SciPy each", ratio, ">= 7")
    assert ratio >= 7
