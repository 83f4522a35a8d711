"""What formulas of users cost, against built-in models and one call of SciPy for each spectrum."""

import time

import numpy as np
import pytest
import scipy.optimize
import xarray as xr

from omniscopy.model import coordinate
from omniscopy.signal import Expression, Function, Lorentzian, Offset, fit_model

pytestmark = pytest.mark.benchmark
PIXELS = 4096
START = {"a": 1.5, "u": 5.0, "g": 0.7, "o": 0.5}
TEXT = "a/(1 + ((x - u)/g)**2) + o"


def lorentzian(x, a, u, g, o):
    return a / (1 + ((x - u) / g) ** 2) + o


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    x = np.linspace(0.0, 10.0, 128)
    parameters = rng.uniform([1, 4, 0.5, 0], [2, 6, 1, 1], (PIXELS, 4))
    exact = lorentzian(x, *(parameters[:, n, None] for n in range(4)))
    values = (exact + 0.02 * rng.standard_normal(exact.shape)).reshape(64, 64, 128)
    return xr.DataArray(values, {"energy": coordinate("energy", x, "eV")}, ("y", "x", "energy"))


def time_of_scipy(data, count=300):
    """Return seconds a spectrum of a plain loop."""
    x, rows = data["energy"].values, data.values.reshape(PIXELS, -1)[:count]
    begin = time.perf_counter()
    for row in rows:
        scipy.optimize.curve_fit(lorentzian, x, row, list(START.values()))
    return (time.perf_counter() - begin) / count


def test_a_formula_as_text(data, measured, best_time):
    model = Expression(TEXT, START)
    names = ["lorentzian_amplitude", "lorentzian_centre", "lorentzian_gamma", "offset_value"]
    start = dict(zip(names, START.values(), strict=True))
    built_in = Lorentzian() + Offset()
    fit_model(data, model)
    ours = best_time(lambda: fit_model(data, model))
    ratio = ours / best_time(lambda: fit_model(data, built_in, start=start))
    measured("Lorentzian as text, against the built-in one", ratio, "< 3")
    assert ratio < 6
    ratio = time_of_scipy(data) / (ours / PIXELS)
    measured("Lorentzian as text, 128 points: fits for one of `curve_fit`", ratio, "> 30")
    assert ratio > 10
    ratio = best_time(lambda: fit_model(data, Expression(TEXT))) / ours
    measured("Fit of a text with starts by trial, against given ones", ratio, "< 10")


def test_a_new_formula_compiles_nothing(data, measured, best_time):
    fit_model(data[0], Expression("a*exp(-x/b)", b=2.0))
    texts = (f"a*exp(-x/b)*cos({n}*x) + c" for n in range(1, 100))
    new = best_time(lambda: fit_model(data[0], Expression(next(texts), b=2.0)))
    again = Expression("a*exp(-x/b)*cos(3*x) + c", b=2.0)
    ratio = new / best_time(lambda: fit_model(data[0], again))
    measured("First fit of a new text, against the second", ratio, "< 2")
    assert ratio < 4


def test_a_function_of_python(data, measured, best_time):
    model = Function(lorentzian, settings=START)
    ours = best_time(lambda: fit_model(data, model), 2)
    ratio = time_of_scipy(data) / (ours / PIXELS)
    measured("Lorentzian as a function, 128 points: fits for one of `curve_fit`", ratio, "> 1")
    assert ratio > 0.5
