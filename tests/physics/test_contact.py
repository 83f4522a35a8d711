"""Laws of contact: their numbers, their derivatives, and their limits."""

import numpy as np
import pytest
import scipy.optimize

from omniscopy.physics import contact
from omniscopy.physics.contact import INDENTERS, law

RADIUS, MODULUS, NU = 50e-9, 1e7, 0.3


@pytest.mark.parametrize("indenter", INDENTERS)
def test_derivatives_are_those_of_the_force(indenter):
    of = law(indenter, radius=RADIUS, half_angle=20.0, poisson_ratio=NU)
    parameters = np.array([MODULUS, 1e-9, 1.5e-9][: of.formula.parameters])
    x = np.linspace(2e-9, 3e-8, 7)
    jacobian = of.formula.evaluate([x], of.constants, parameters)[1]
    for number, value in enumerate(parameters):
        step = np.zeros_like(parameters)
        step[number] = 1e-5 * value
        up, down = (
            of.formula.evaluate([x], of.constants, parameters + sign * step)[0] for sign in (1, -1)
        )
        np.testing.assert_allclose(jacobian[number], (up - down) / (2e-5 * value), rtol=1e-6)


@pytest.mark.parametrize("thickness", [None, 2e-7])
@pytest.mark.parametrize("indenter", ["hertz", "cone"])
def test_derivatives_of_layers_are_those_of_the_force(indenter, thickness):
    of = law(indenter, radius=RADIUS, half_angle=20.0, thickness=thickness)
    x = np.linspace(1e-9, 3e-8, 7)
    slope = contact.force(of, x, MODULUS)[1]
    up, down = (contact.force(of, x + step, MODULUS)[0] for step in (1e-13, -1e-13))
    np.testing.assert_allclose(slope, (up - down) / 2e-13, rtol=1e-4)


def test_the_simple_laws_have_the_numbers_of_the_textbooks():
    depth = 1e-8
    plane = MODULUS / (1 - NU**2)
    expected = {
        "hertz": 4 / 3 * plane * np.sqrt(RADIUS) * depth**1.5,
        "cone": 2 / np.pi * plane * np.tan(np.pi / 9) * depth**2,
        "pyramid": 0.7453 * plane * np.tan(np.pi / 9) * depth**2,
        "dmt": 4 / 3 * plane * np.sqrt(RADIUS) * depth**1.5 - 1e-9,
    }
    for name, value in expected.items():
        of = law(name, radius=RADIUS, half_angle=20.0, poisson_ratio=NU)
        found = contact.force(of, depth, MODULUS, *([1e-9] if of.sticks else []))[0]
        np.testing.assert_allclose(found, value, rtol=1e-12)
    three = law("pyramid", half_angle=20.0, faces=3, poisson_ratio=NU)
    found = contact.force(three, depth, MODULUS)[0]
    np.testing.assert_allclose(found, 0.8887 * plane * np.tan(np.pi / 9) * depth**2, rtol=1e-12)


@pytest.mark.parametrize("part", [1e-5, 1e-3, 0.02, 0.3, 1.0, 2.0])
def test_a_sphere_has_the_force_of_the_implicit_solution(part):
    of = law("sneddon", radius=RADIUS, poisson_ratio=NU)
    ratio = scipy.optimize.brentq(lambda t: t * np.arctanh(t) - part, 1e-9, 1 - 1e-14, xtol=1e-16)
    a = ratio * RADIUS
    bracket = (a**2 + RADIUS**2) / 2 * np.log((RADIUS + a) / (RADIUS - a)) - a * RADIUS
    expected = MODULUS / (1 - NU**2) * bracket
    np.testing.assert_allclose(contact.force(of, part * RADIUS, MODULUS)[0], expected, rtol=1e-8)


def test_the_series_of_a_sphere_is_that_of_the_exact_force():
    depth = np.array([1e-3, 1e-2, 0.1]) * RADIUS
    exact, series = (
        contact.force(law(name, radius=RADIUS), depth, MODULUS)[0]
        for name in ("sneddon", "sneddon_series")
    )
    np.testing.assert_allclose(series, exact, rtol=1e-9)


def test_a_sticking_paraboloid_has_the_force_of_its_radius_of_contact():
    of = law("jkr", radius=RADIUS, poisson_ratio=NU)
    attraction, plane = 1.5e-9, MODULUS / (1 - NU**2)
    w = attraction / (1.5 * np.pi * RADIUS)
    # At the largest attraction, and on from there.
    lowest = (9 * np.pi * w * RADIUS**2 / (8 * plane)) ** (1 / 3)
    a = lowest * np.array([1.0, 1.3, 2.0, 4.0])
    depth = a**2 / RADIUS - np.sqrt(2 * np.pi * w * a / plane)
    expected = 4 * plane * a**3 / (3 * RADIUS) - np.sqrt(8 * np.pi * w * plane * a**3)
    assert expected[0] == pytest.approx(-attraction)
    np.testing.assert_allclose(
        contact.force(of, depth, MODULUS, attraction)[0], expected, rtol=1e-9
    )


def test_a_contact_that_hardly_sticks_is_that_of_hertz():
    depth = np.linspace(1e-9, 2e-8, 5)
    sticky, plain = law("jkr", radius=RADIUS), law("hertz", radius=RADIUS)
    np.testing.assert_allclose(
        contact.force(sticky, depth, MODULUS, 1e-22)[0], contact.force(plain, depth, MODULUS)[0],
        rtol=1e-4,
    )  # fmt: skip


def _pressed_layer(reach, nu, nodes=24):
    """Return depth and force of a paraboloid on a layer of thickness 1: its integral equation."""
    k = 3 - 4 * nu
    u = np.linspace(1e-6, 20.0, 2001)
    top = 2 * k * np.sinh(2 * u) - 4 * u
    less = top / (2 * k * np.cosh(2 * u) + 4 * u * u + 1 + k * k) - 1
    x, weight = np.polynomial.legendre.leggauss(nodes)
    t, weight = np.append(reach * (x + 1) / 2, reach), weight * reach / 2
    places = t[:, None] + np.array([-1, 1])[:, None, None] * t[None, :-1]
    kernel = np.trapezoid(less * np.cos(places[..., None] * u), u, axis=-1).sum(axis=0)
    kernel *= weight / np.pi
    right = np.stack([np.ones(nodes + 1), -(t**2)], axis=1)
    found = np.linalg.solve(np.eye(nodes) + kernel[:-1], right[:-1])
    one, other = right[-1] - kernel[-1] @ found
    depth = -other / one
    return depth, 2 * weight @ (depth * found[:, 0] + found[:, 1])


@pytest.mark.parametrize("nu", [0.3, 0.5])
@pytest.mark.parametrize(("reach", "close"), [(0.1, 1e-3), (0.3, 4e-3), (0.5, 2e-2)])
def test_a_paraboloid_on_a_layer_has_the_force_of_the_integral_equation(nu, reach, close):
    depth, expected = _pressed_layer(reach, nu)
    of = law("hertz", radius=1.0, poisson_ratio=nu, thickness=1.0)
    found = contact.force(of, depth, 1 - nu**2)[0]
    np.testing.assert_allclose(found, expected, rtol=close)


def test_a_cone_on_a_layer_has_the_published_series():
    of = law("cone", half_angle=45.0, thickness=1.0)
    expected = (
        2 / np.pi / 0.75 * 0.04 * (1 + 0.721 * 0.2 + 0.65 * 0.04 + 0.491 * 0.008 + 0.225 * 0.0016)
    )
    np.testing.assert_allclose(contact.force(of, 0.2, 1.0)[0], expected, rtol=1e-12)
