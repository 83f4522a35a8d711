"""Formulas of fitted models: derivatives, compiled twins, and what their parameters mean."""

import ast
import ctypes
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.special
import scipy.stats

import omniscopy
from omniscopy.physics import decays, elementary, peaks, plane_peaks, resonance, steps
from omniscopy.physics.formulas import Formula

X = np.linspace(0.5, 10.0, 173)
PLANE_Y, PLANE_X = (each.ravel() for each in np.mgrid[:13, :17] * 1.0)

# formula, columns, constants, parameters
CASES = {
    "gaussian": (peaks.gaussian, (X,), (), (2.0, 4.0, 1.5)),
    "lorentzian": (peaks.lorentzian, (X,), (), (2.0, 4.0, 1.5)),
    "voigt": (peaks.voigt, (X,), (), (2.0, 4.0, 1.5, 0.7)),
    "pseudo_voigt": (peaks.pseudo_voigt, (X,), (), (2.0, 4.0, 1.5, 0.3)),
    "split_voigt": (peaks.split_voigt, (X,), (), (2.0, 4.01, 1.5, 0.9, 0.3)),
    "skew_normal": (peaks.skew_normal, (X,), (), (2.0, 4.0, 1.5, 2.3)),
    "doniach": (peaks.doniach, (X,), (), (2.0, 4.0, 1.5, 0.2)),
    "exponential": (decays.exponential, (X,), (), (2.0, 4.0)),
    "stretched_exponential": (decays.stretched_exponential, (np.log(X),), (), (2.0, 4.0, 0.6)),
    "power_law": (decays.power_law, (np.log(X),), (np.log(2.0),), (2.0, 2.5)),
    "double_power_law": (
        decays.double_power_law, (X + 2, np.log(X + 2)), (2.0,), (2.0, 2.5, 0.3, 1.1)
    ),
    "bleasdale": (decays.bleasdale, (X,), (), (2.0, 2.5, 1.3)),
    "logistic": (steps.logistic, (X,), (), (2.0, 4.0, 0.5)),
    "arctan_step": (steps.arctan_step, (X,), (), (2.0, 4.0, 0.5)),
    "error_step": (steps.error_step, (X,), (), (2.0, 4.0, 0.5)),
    "scaled": (steps.scaled, (X,), (), (2.0,)),
    "gaussian_2d": (
        plane_peaks.gaussian_2d, (PLANE_Y, PLANE_X), (), (2.0, 6.0, 8.0, 3.0, 5.0, 25.0)
    ),
    "gaussian_of_form": (
        plane_peaks.gaussian_of_form, (PLANE_Y, PLANE_X), (), (2.0, 6.0, 8.0, 0.1, 0.03, 0.06)
    ),
    "lorentzian_2d": (
        plane_peaks.lorentzian_2d, (PLANE_Y, PLANE_X), (), (2.0, 6.0, 8.0, 3.0, 5.0, 25.0)
    ),
    "oscillator_response": (resonance.oscillator_response, (X,), (), (2.0, -0.7, 4.0, 3.0)),
}  # fmt: skip
COMPLEX = {"oscillator_response"}


def formula_of(name):
    function, columns, constants, parameters = CASES[name]
    return Formula(function, len(parameters), len(columns), len(constants), complex=name in COMPLEX)


@pytest.mark.parametrize("name", CASES)
def test_derivatives_are_those_of_the_value(name):
    function, columns, constants, parameters = CASES[name]
    _, *slopes = function(*columns, *constants, *parameters)
    assert len(slopes) == len(parameters)
    for number, slope in enumerate(slopes):
        step = 1e-5 * max(abs(parameters[number]), 1.0)
        sides = []
        for away in (-2, -1, 1, 2):
            moved = list(parameters)
            moved[number] += away * step
            sides.append(function(*columns, *constants, *moved)[0])
        measured = (sides[0] - 8 * sides[1] + 8 * sides[2] - sides[3]) / (12 * step)
        np.testing.assert_allclose(slope, measured, atol=2e-9 * np.abs(slope).max())


@pytest.mark.parametrize("name", CASES)
def test_compiled_formulas_are_those_in_numpy(name):
    _, columns, constants, parameters = CASES[name]
    formula = formula_of(name)
    count = columns[0].size * (1 + formula.complex)
    given = [np.array([*each, 0.0]) for each in (constants, parameters)]
    values, jacobian = np.ones(count), np.zeros((len(parameters), count))
    arrays = (columns[0], columns[-1], *given, values, jacobian)
    first, second, *rest = (each.ctypes.data_as(ctypes.POINTER(ctypes.c_double)) for each in arrays)
    formula.compiled().ctypes(first, second, columns[0].size, *rest, count, rest[0])
    expected, slopes = formula.evaluate(columns, constants, np.array(parameters))
    if formula.complex:
        expected, slopes = (np.concatenate([e.real, e.imag], axis=-1) for e in (expected, slopes))
    np.testing.assert_allclose(values - 1.0, expected, atol=1e-14 * np.abs(expected).max())
    np.testing.assert_allclose(jacobian, slopes, atol=1e-14 * np.abs(slopes).max())


@pytest.mark.parametrize("height", [1e-6, 1e-3, 0.1, 1.0, 10.0])
def test_the_faddeeva_function_is_that_of_scipy(height):
    x = np.linspace(-40, 40, 4001)
    expected = scipy.special.wofz(x + 1j * height)
    real, imaginary = elementary.faddeeva(x, height + 0 * x)
    np.testing.assert_allclose(real + 1j * imaginary, expected, atol=4e-15)


def test_peaks_have_the_height_and_width_that_their_parameters_say():
    for function in (peaks.pseudo_voigt, lambda *p: peaks.split_voigt(*p[:4], p[3], p[4])):
        values = function(np.array([4.0, 3.2, 4.8]), 2.0, 4.0, 1.6, 0.3)[0]
        np.testing.assert_allclose(values, [2.0, 1.0, 1.0])
    np.testing.assert_allclose(peaks.lorentzian(np.array([4.0, 5.5]), 2.0, 4.0, 1.5)[0], [2, 1])
    np.testing.assert_allclose(
        peaks.gaussian(np.array([4.0, 5.5]), 2.0, 4.0, 1.5)[0], [2, 2 * np.exp(-0.5)]
    )


def test_peaks_named_by_their_area_are_the_distributions_of_scipy():
    x = np.linspace(-8, 12, 101)
    voigt = scipy.special.voigt_profile(x - 1.0, 0.7, 0.4)
    np.testing.assert_allclose(peaks.voigt(x, 3.0, 1.0, 0.7, 0.4)[0], 3 * voigt, rtol=1e-12)
    skew = scipy.stats.skewnorm.pdf(x, 2.5, loc=1.0, scale=1.7)
    np.testing.assert_allclose(peaks.skew_normal(x, 3.0, 1.0, 1.7, 2.5)[0], 3 * skew, atol=1e-15)


def test_a_doniach_peak_without_asymmetry_is_a_lorentzian_and_tails_to_small_x_otherwise():
    x = np.linspace(-10, 10, 81)
    plain = peaks.doniach(x, 2.0, 0.5, 1.2, 0.0)[0]
    np.testing.assert_allclose(plain, peaks.lorentzian(x, 2.0, 0.5, 1.2)[0], rtol=1e-12)
    low, high = peaks.doniach(np.array([-8.0, 8.0]), 1.0, 0.0, 1.0, 0.2)[0]
    assert low > 2 * high


def test_steps_rise_from_nothing_through_half_to_their_amplitude():
    x = np.array([-1e7, 4.0, 1e7])
    for function in (steps.logistic, steps.arctan_step, steps.error_step):
        np.testing.assert_allclose(function(x, 3.0, 4.0, 0.5)[0], [0, 1.5, 3], atol=1e-6)


def test_angles_of_plane_peaks_turn_from_x_to_y():
    # The long axis (sigma_x) points along (cos 30°, sin 30°) in (x, y).
    y, x = np.array([np.sin(np.pi / 6), -np.sin(np.pi / 6)]), np.full(2, np.cos(np.pi / 6))
    along, across = plane_peaks.gaussian_2d(y, x, 1.0, 0.0, 0.0, 0.5, 2.0, 30.0)[0]
    assert along == pytest.approx(np.exp(-0.5 / 4))
    assert across < along


def test_a_form_is_the_inverse_covariance_of_widths_and_an_angle():
    c, s = np.cos(np.radians(25.0)), np.sin(np.radians(25.0))
    # sigma_x = 5 along (c, s) in (x, y), sigma_y = 3 across.
    along, across = 5.0**-2, 3.0**-2
    form = s * s * along + c * c * across, s * c * (along - across), c * c * along + s * s * across
    made = plane_peaks.gaussian_of_form(PLANE_Y, PLANE_X, 2.0, 6.0, 8.0, *form)[0]
    angle = plane_peaks.gaussian_2d(PLANE_Y, PLANE_X, 2.0, 6.0, 8.0, 3.0, 5.0, 25.0)[0]
    np.testing.assert_allclose(made, angle, rtol=1e-12)


def users_of_elementary():
    """Return the modules outside `physics` that take functions from `elementary`."""
    package = Path(omniscopy.__file__).parent
    for file in sorted(package.rglob("*.py")):
        parts = file.relative_to(package.parent).with_suffix("").parts
        taken = [
            each.module for each in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            if isinstance(each, ast.ImportFrom)
        ]  # fmt: skip
        if "omniscopy.physics.elementary" in taken and parts[1] != "physics":
            yield ".".join(parts)


@pytest.mark.parametrize("module", [*users_of_elementary()])
def test_kernels_bring_the_compiled_twins_of_what_they_call(module):
    # Whoever calls one of them first, in a new process, compiles it.
    code = f"import sys, {module}; assert 'omniscopy.physics.compiled' in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
