# ruff: noqa: FBT003, PLR0913, PLR0917 - points, constants and parameters are given by their place
r"""Forces on indenters, and what has to be known of an indenter to compute them.

The functions that models are made of take a depth :math:`x`, the constants of an indenter and
parameters: Young's modulus :math:`E`, the depth :math:`x_0` at which the contact begins, and for
contacts that stick the largest attraction. They return the force and its derivative with respect
to each parameter; :math:`\partial F/\partial x = -\partial F/\partial x_0`. Units are those of SI.
"""

import functools
import math
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from omniscopy.physics.elementary import choose, exp, log
from omniscopy.physics.formulas import Formula

Indenter = Literal["hertz", "cone", "pyramid", "sneddon", "sneddon_series", "dmt", "jkr"]
INDENTERS: tuple[Indenter, ...] = get_args(Indenter)
# Attraction of the work of adhesion w by a paraboloid of radius R, in units of pi w R.
ATTRACTION = {"dmt": 2.0, "jkr": 1.5}
# Forces of pyramids in units of E tan(angle) depth^2 / (1 - nu^2), by the number of faces:
# G. G. Bilodeau, J. Appl. Mech. 59, 519 (1992).
_FACES = {3: 0.8887, 4: 0.7453}
_NEWTON = 5


class Law(NamedTuple):
    """The formula of an indenter, with its constants."""

    formula: Formula
    constants: tuple[float, ...]
    sticks: bool
    exponent: float


def paraboloid(x: Any, factor: Any, modulus: Any, contact: Any) -> Any:
    r"""Return :math:`c E (x - x_0)^{3/2}`, 0 before the contact."""
    depth = choose(x > contact, x - contact, 0.0)
    root = np.sqrt(depth)
    shape = factor * depth * root
    return modulus * shape, shape, -1.5 * factor * modulus * root


def cone(x: Any, factor: Any, modulus: Any, contact: Any) -> Any:
    r"""Return :math:`c E (x - x_0)^2`, 0 before the contact: cones and pyramids."""
    depth = choose(x > contact, x - contact, 0.0)
    shape = factor * depth * depth
    return modulus * shape, shape, -2.0 * factor * modulus * depth


def paraboloid_series(
    x: Any, factor: Any, a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, modulus: Any, contact: Any
) -> Any:
    r"""Return :math:`c E u^3 (1 + a u + b u^2 + c u^3 + d u^4 + e u^6 + f u^8)`.

    With :math:`u = \sqrt{x - x_0}`: paraboloids on thin layers, and the series of a sphere.
    """
    depth = choose(x > contact, x - contact, 0.0)
    u = np.sqrt(depth)
    square = depth * depth
    series = 1.0 + a * u + b * depth + c * depth * u + square * (d + depth * (e + depth * f))
    slope = a * u + 2.0 * b * depth + 3.0 * c * depth * u
    slope = slope + square * (4.0 * d + depth * (6.0 * e + depth * 8.0 * f))
    shape = factor * depth * u * series
    return modulus * shape, shape, -0.5 * factor * modulus * u * (3.0 * series + slope)


def cone_series(
    x: Any, factor: Any, a: Any, b: Any, c: Any, d: Any, modulus: Any, contact: Any
) -> Any:
    r"""Return :math:`c E u^2 (1 + a u + b u^2 + c u^3 + d u^4)`, :math:`u = x - x_0`."""
    u = choose(x > contact, x - contact, 0.0)
    series = 1.0 + u * (a + u * (b + u * (c + u * d)))
    slope = u * (a + u * (2.0 * b + u * (3.0 * c + u * 4.0 * d)))
    shape = factor * u * u * series
    return modulus * shape, shape, -factor * modulus * u * (2.0 * series + slope)


def sphere(x: Any, factor: Any, radius: Any, modulus: Any, contact: Any) -> Any:
    r"""Return the force on a sphere, exactly.

    :math:`F = c E [(1 + t^2) v - t]` with :math:`v \tanh v = (x - x_0) / R`,
    :math:`t = \tanh v = a / R` of the radius of contact :math:`a` and
    :math:`c = R^2 / (1 - \nu^2)`.
    """
    part = choose(x > contact, (x - contact) / radius, 0.0)
    safe = choose(part > 1e-24, part, 1e-24)
    v = np.sqrt(safe) * (1.0 + safe / 6.0)
    for _ in range(_NEWTON):
        fall = exp(-2.0 * v)
        t = (1.0 - fall) / (1.0 + fall)
        v = v - (v * t - safe) / (t + v * (1.0 - t * t))
    fall = exp(-2.0 * v)
    t = (1.0 - fall) / (1.0 + fall)
    square = v * v
    # Where both terms nearly cancel, their series.
    small = v * square * (
        4.0 / 3.0 + square * (-0.8 + square * (136.0 / 315.0 - square * (124.0 / 567.0)))
    )  # fmt: skip
    shape = factor * choose(v < 0.03, small, (1.0 + t * t) * v - t)
    shape = choose(part > 1e-24, shape, 0.0)
    slope = choose(part > 1e-24, -2.0 * factor / radius * modulus * t, 0.0)
    return modulus * shape, shape, slope


def dmt(x: Any, factor: Any, modulus: Any, contact: Any, attraction: Any) -> Any:
    r"""Return :math:`c E (x - x_0)^{3/2} - F_a` in contact, 0 before it."""
    inside = x > contact
    depth = choose(inside, x - contact, 0.0)
    root = np.sqrt(depth)
    shape = factor * depth * root
    held = choose(inside, 1.0, 0.0)
    return (
        modulus * shape - attraction * held, shape, -1.5 * factor * modulus * root, -held
    )  # fmt: skip


def jkr(
    x: Any, plane: Any, radius: Any, modulus: Any, contact: Any, attraction: Any
) -> Any:  # fmt: skip
    r"""Return the force of a paraboloid that sticks by surface energy.

    :math:`F = 4 E^* a^3 / 3 R - \sqrt{8 \pi w E^* a^3}` of the radius of contact :math:`a`, the
    larger solution of :math:`a^2/R - \sqrt{2 \pi w a / E^*} = x - x_0`; `plane` is
    :math:`E^*/E`, and :math:`\pi w = F_a / (1.5 R)`. 0 where there is no solution.
    """
    stiff = plane * modulus
    energy = choose(attraction > 0.0, attraction, 1e-300) / (1.5 * radius)
    pull = np.sqrt(2.0 * energy / stiff)
    # u^4 - q u - r = 0 of the root u of a, by its resolvent cubic.
    q, r = radius * pull, radius * (x - contact)
    half, third = q * q / 16.0, -r / 3.0
    inside = half * half - third * third * third
    exists = inside >= 0.0
    first = half + np.sqrt(choose(exists, inside, 0.0))
    # cbrt(first) cbrt(second) is -r/3; both are then taken together without cancellation
    large = exp(log(choose(first > 0.0, first, 1e-300)) / 3.0)
    other = third / large
    m = 2.0 * half / (large * large - third + other * other)
    twice = np.sqrt(2.0 * m)
    under = 2.0 * q / twice - 2.0 * m
    u = 0.5 * (twice + np.sqrt(choose(under > 0.0, under, 0.0)))
    a = u * u
    bend = 2.0 * pull * stiff  # sqrt(8 pi w E*)
    press = 4.0 * stiff * a * a / (3.0 * radius)
    value = press * a - bend * a * u
    along_a = 3.0 * press - 1.5 * bend * u
    depth_a = 2.0 * a / radius - 0.5 * pull / u
    push = choose(depth_a > 1e-12 * a / radius, along_a / depth_a, 0.0)
    by_modulus = (press * a - 0.5 * bend * a * u) / modulus - push * 0.5 * u * pull / modulus
    strength = choose(attraction > 0.0, attraction, 1e-300)
    by_attraction = (-0.5 * bend * a * u + push * 0.5 * u * pull) / strength
    return (
        choose(exists, value, 0.0), choose(exists, by_modulus, 0.0), choose(exists, -push, 0.0),
        choose(exists, by_attraction, 0.0),
    )  # fmt: skip


def bend(x: Any, contact: Any, slope: Any) -> Any:
    r"""Return :math:`m u` with :math:`u = x - x_0` from the contact on, 0 before it."""
    u = choose(x > contact, x - contact, 0.0)
    return slope * u, -slope * choose(x > contact, 1.0, 0.0), u


def bend_with_curvature(x: Any, contact: Any, slope: Any, curvature: Any) -> Any:
    r"""Return :math:`m u + n u^2` with :math:`u = x - x_0` from the contact on, 0 before it."""
    inside = choose(x > contact, 1.0, 0.0)
    u = inside * (x - contact)
    return (
        u * (slope + curvature * u), -inside * (slope + 2.0 * curvature * u), u, u * u
    )  # fmt: skip


BEND, CURVED_BEND = Formula(bend, 2), Formula(bend_with_curvature, 3)
_PARABOLOID = Formula(paraboloid, 2, constants=1)
_CONE = Formula(cone, 2, constants=1)
_PARABOLOID_SERIES = Formula(paraboloid_series, 2, constants=7)
_CONE_SERIES = Formula(cone_series, 2, constants=5)
_SPHERE = Formula(sphere, 2, constants=2)
_DMT = Formula(dmt, 3, constants=1)
_JKR = Formula(jkr, 3, constants=2)


def law(
    indenter: Indenter, *, radius: float = math.nan, half_angle: float = math.nan, faces: int = 4,
    poisson_ratio: float = 0.5, thickness: float | None = None,
) -> Law:  # fmt: skip
    r"""Return what describes an indenter of this kind.

    Parameters
    ----------
    indenter : str
        One of `INDENTERS`.
    radius : float, m
        Of paraboloids and spheres.
    half_angle : float, degrees
        Of cones, and between axis and faces of pyramids.
    faces : int
        Of a pyramid, 3 or 4.
    poisson_ratio : float
        Of the sample.
    thickness : float, m
        Of a sample that is bonded to something rigid.

    Returns
    -------
    Law

    Notes
    -----
    Hertz: :math:`\frac43 \sqrt R`; cone: :math:`\frac{2}{\pi}\tan\alpha`; all with
    :math:`E^* = E/(1-\nu^2)`. The series of a sphere is that of Sneddon's solution [1]_. Series
    of layers are to fourth order: for paraboloids expanded here for any Poisson ratio, close to
    the coefficients of [2]_ at 1/2 (those of the older series of [3]_ are too small from the
    second one on); for cones those of [2]_, for a Poisson ratio of 1/2. Within 2 % up to a root
    of radius times depth of half the thickness.

    References
    ----------
    .. [1] I. N. Sneddon, Int. J. Eng. Sci. 3, 47 (1965).
    .. [2] P. D. Garcia, R. Garcia, Biophys. J. 114, 2923 (2018).
    .. [3] E. K. Dimitriadis et al., Biophys. J. 82, 2798 (2002).
    """
    plane = 1.0 / (1.0 - poisson_ratio**2)
    if indenter in ("cone", "pyramid"):
        tangent = math.tan(math.radians(half_angle))
        shape = 2.0 / math.pi if indenter == "cone" else _FACES[faces]
        factor = shape * tangent * plane
        if thickness is None:
            return Law(_CONE, (factor,), False, 2.0)
        ratio = tangent / thickness
        series = (0.721 * ratio, 0.650 * ratio**2, 0.491 * ratio**3, 0.225 * ratio**4)
        return Law(_CONE_SERIES, (factor, *series), False, 2.0)
    factor = 4.0 / 3.0 * math.sqrt(radius) * plane
    if indenter == "hertz" and thickness is not None:
        return Law(
            _PARABOLOID_SERIES, (factor, *_layer(radius, thickness, poisson_ratio), 0.0, 0.0),
            False, 1.5,
        )  # fmt: skip
    if indenter == "sneddon_series":
        series6 = (
            0.0, -0.1 / radius, 0.0, -1.0 / (840.0 * radius**2), 11.0 / (15120.0 * radius**3),
            1357.0 / (6652800.0 * radius**4),
        )  # fmt: skip
        return Law(_PARABOLOID_SERIES, (factor, *series6), False, 1.5)
    if indenter == "sneddon":
        return Law(_SPHERE, (radius**2 * plane, radius), False, 1.5)
    if indenter == "jkr":
        return Law(_JKR, (plane, radius), True, 1.5)
    return Law(_DMT if indenter == "dmt" else _PARABOLOID, (factor,), indenter == "dmt", 1.5)


def force(of: Law, depth: Any, *parameters: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the force at some depths, and its slope along the depth."""
    x = np.asarray(depth, dtype=np.float64)
    with np.errstate(all="ignore"):
        value, _, by_contact, *_ = of.formula.function(
            x, *of.constants, parameters[0], 0.0, *parameters[1:]
        )
    return np.asarray(value), -np.asarray(by_contact)


def _layer(radius: float, thickness: float, nu: float) -> tuple[float, ...]:
    r"""Return the coefficients of powers of the root of the depth, for a bonded layer.

    The integral equation of the contact has the kernel :math:`K(t-s) + K(t+s)`, the cosine
    transform of what the layer has less than a half space. With :math:`K \approx b_0 - b_2
    x^2/2` the pressure is that of Hertz, and both depth and force are polynomials of the radius
    of contact, whose series are inverted here.
    """
    mean, curvature = _moments(nu)
    p, g = -4.0 * mean / (3.0 * math.pi), 2.0 * curvature / (3.0 * math.pi)
    # R depth = a^2 (1 - p a - 6/5 g a^3 + p g a^4), F = 4/3 E* a^3 (1 - g a^3) / R
    depth = np.array([1.0, -p, 0.0, -1.2 * g, p * g])
    ratio = np.array([1.0, 0.0, 0.0, 0.0, 0.0])  # a / chi, a series of chi
    for _ in range(5):
        inner = _composed(depth, ratio)
        ratio = _root_of_inverse(inner)
    cube = _times(_times(ratio, ratio), ratio)
    found = _times(cube, _composed(np.array([1.0, 0.0, 0.0, -g, 0.0]), ratio))
    chi = math.sqrt(radius) / thickness
    return tuple(float(found[n]) * chi**n for n in range(1, 5))


@functools.cache
def _moments(nu: float) -> tuple[float, float]:
    """Return integral and second moment, by the wave number, of what a layer lacks.

    A bonded layer of thickness 1 is compared with a half space.
    """
    u = np.linspace(1e-4, 30.0, 30001)
    k = 3.0 - 4.0 * nu
    top = 2.0 * k * np.sinh(2.0 * u) - 4.0 * u
    less = top / (2.0 * k * np.cosh(2.0 * u) + 4.0 * u * u + 1.0 + k * k) - 1.0
    return float(np.trapezoid(less, u)) - 1e-4, float(np.trapezoid(less * u * u, u))


def _times(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the product of two series, cut off."""
    return np.asarray(np.convolve(one, other)[: len(one)])


def _composed(series: np.ndarray, ratio: np.ndarray) -> np.ndarray:
    r"""Return a series of :math:`a = \chi\, ratio(\chi)` as one of :math:`\chi`."""
    a = np.concatenate([[0.0], ratio[:-1]])
    power = np.zeros_like(series)
    power[0] = 1.0
    made = np.zeros_like(series)
    for coefficient in series:
        made = made + coefficient * power
        power = _times(power, a)
    return made


def _root_of_inverse(series: np.ndarray) -> np.ndarray:
    """Return one over the square root of a series that begins with 1."""
    made = np.zeros_like(series)
    made[0] = 1.0
    for _ in range(3):
        made = 1.5 * made - 0.5 * _times(_times(made, _times(made, made)), series)
    return made
