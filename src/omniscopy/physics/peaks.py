# ruff: noqa: PLR0917 - points and parameters are given by their place
r"""Peaks: each returns its value, and its derivative with respect to each parameter in turn.

They take numbers or arrays alike, and are compiled by `omniscopy.physics.compiled`.
Peaks have their height as amplitude, unless they are named by their area.
"""

from typing import Any

import numpy as np

from omniscopy.physics.elementary import choose, erf, exp, faddeeva, log

_HALF = float(np.log(2.0))
_ROOT_2 = float(np.sqrt(2.0))
_ROOT_2_PI = float(np.sqrt(2.0 * np.pi))


def gaussian(x: Any, amplitude: Any, centre: Any, sigma: Any) -> Any:
    r"""Return :math:`A e^{-u^2/2}` with :math:`u = (x - c) / \sigma`."""
    u = (x - centre) / sigma
    shape = exp(-0.5 * u * u)
    slope = amplitude * shape * u / sigma
    return amplitude * shape, shape, slope, slope * u


def lorentzian(x: Any, amplitude: Any, centre: Any, gamma: Any) -> Any:
    r"""Return :math:`A / (1 + u^2)` with :math:`u = (x - c) / \gamma`."""
    u = (x - centre) / gamma
    shape = 1.0 / (1.0 + u * u)
    slope = 2.0 * amplitude * shape * shape * u / gamma
    return amplitude * shape, shape, slope, slope * u


def voigt(x: Any, area: Any, centre: Any, sigma: Any, gamma: Any) -> Any:
    r"""Return :math:`A\, \mathrm{Re}\, w(z) / (\sigma \sqrt{2\pi})`.

    With :math:`z = (x - c + i\gamma) / (\sigma \sqrt 2)`, and :math:`w' = 2i/\sqrt\pi - 2zw`.
    """
    scale = 1.0 / (sigma * _ROOT_2)
    u, v = (x - centre) * scale, gamma * scale + 0.0 * x
    real, imaginary = faddeeva(u, v)
    norm = 1.0 / (sigma * _ROOT_2_PI)
    # Re and Im of dw/dz; Re w changes by the first along u and by minus the second along v.
    along = -2.0 * (u * real - v * imaginary)
    across = 2.0 / 1.7724538509055160 - 2.0 * (u * imaginary + v * real)
    value = norm * real
    towards = area * norm * scale
    stretched = -area * norm * (real + u * along - v * across) / sigma
    return area * value, value, -towards * along, stretched, -towards * across


def pseudo_voigt(x: Any, amplitude: Any, centre: Any, fwhm: Any, fraction: Any) -> Any:
    r"""Return :math:`A [\eta / (1 + u^2) + (1 - \eta)\, 2^{-u^2}]`, :math:`u = 2 (x - c) / w`."""
    u = 2.0 * (x - centre) / fwhm
    narrow = exp(-_HALF * u * u)
    wide = 1.0 / (1.0 + u * u)
    shape = fraction * wide + (1.0 - fraction) * narrow
    # Minus the derivative with respect to u.
    fall = 2.0 * amplitude * u * (fraction * wide * wide + (1.0 - fraction) * _HALF * narrow)
    return amplitude * shape, shape, 2.0 * fall / fwhm, fall * u / fwhm, amplitude * (wide - narrow)


def split_voigt(
    x: Any, amplitude: Any, centre: Any, fwhm_low: Any, fwhm_high: Any, fraction: Any
) -> Any:
    """Return a pseudo-Voigt peak of a width of its own on either side of the centre."""
    low = choose(x < centre, 1.0, 0.0)
    fwhm = low * fwhm_low + (1.0 - low) * fwhm_high
    value, shape, move, widen, mix = pseudo_voigt(x, amplitude, centre, fwhm, fraction)
    return value, shape, move, low * widen, (1.0 - low) * widen, mix


def skew_normal(x: Any, area: Any, location: Any, scale: Any, shape: Any) -> Any:
    r"""Return :math:`2 A \varphi(u) \Phi(\alpha u) / \omega` with :math:`\omega u = x - \xi`."""
    u = (x - location) / scale
    density = 2.0 * exp(-0.5 * u * u) / (_ROOT_2_PI * scale)
    below = 0.5 * (1.0 + erf(shape * u / _ROOT_2))
    rise = exp(-0.5 * shape * shape * u * u) / _ROOT_2_PI
    value = density * below
    slope = area * density * (shape * rise - u * below)
    return (
        area * value,
        value,
        -slope / scale,
        -(slope * u + area * value) / scale,
        area * density * rise * u,
    )


def doniach(x: Any, amplitude: Any, centre: Any, gamma: Any, asymmetry: Any) -> Any:
    r"""Return :math:`A \cos[\pi\alpha/2 + (1 - \alpha) \arctan u] / (1 + u^2)^{(1 - \alpha)/2}`.

    With :math:`u = (x - c) / \gamma`; the tail is on the side of small `x`
    (S. Doniach and M. Šunjić, J. Phys. C 3, 285 (1970)).
    """
    u = (x - centre) / gamma
    size = 1.0 + u * u
    power, turn = 1.0 - asymmetry, np.arctan(u)
    phase = 0.5 * np.pi * asymmetry + power * turn
    decay = exp(-0.5 * power * log(size))
    shape, sine = np.cos(phase) * decay, np.sin(phase) * decay
    # Minus the derivative with respect to u.
    fall = amplitude * power * (sine + shape * u) / size
    mix = amplitude * (0.5 * log(size) * shape - (0.5 * np.pi - turn) * sine)
    return amplitude * shape, shape, fall / gamma, fall * u / gamma, mix
