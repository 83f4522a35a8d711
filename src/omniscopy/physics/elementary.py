"""Functions that the formulas of fitted models are made of.

Here they are plain NumPy; `omniscopy.physics.compiled` gives each of them a twin for compiled
formulas.
"""

from typing import Any

import numpy as np

# Rational approximation of the Faddeeva function after J. A. C. Weideman, SIAM J. Numer. Anal.
# 31, 1497 (1994): with 40 terms 1e-13 of its maximum, everywhere in the upper half plane.
_TERMS = 40


def exp(x: Any) -> Any:
    """Return e to the power of `x`."""
    return np.exp(x)


def log(x: Any) -> Any:
    """Return the natural logarithm, NaN below 0 and minus infinity at 0."""
    return np.log(x)


def choose(condition: Any, yes: Any, no: Any) -> Any:
    """Return `yes` where the condition holds, and `no` elsewhere."""
    return np.where(condition, yes, no)


def complex_of(real: Any, imaginary: Any) -> Any:
    """Return the complex number of both parts."""
    return real + 1j * imaginary


def erf(x: Any) -> Any:
    """Return the error function."""
    import scipy.special

    return scipy.special.erf(x)


def faddeeva(x: Any, y: Any) -> Any:
    """Return real and imaginary part of :math:`w(x + iy) = e^{-z^2} erfc(-iz)`, y > 0."""
    real, imaginary = LENGTH + y, -x
    # Z = (L + iz) / (L - iz), with iz = -y + ix
    top_real, top_imaginary = LENGTH - y, x
    size = real * real + imaginary * imaginary
    z_real = (top_real * real + top_imaginary * imaginary) / size
    z_imaginary = (top_imaginary * real - top_real * imaginary) / size
    p_real, p_imaginary = COEFFICIENTS[0] + 0.0 * x, 0.0 * x
    for n in range(1, _TERMS):
        p_real, p_imaginary = (
            p_real * z_real - p_imaginary * z_imaginary + COEFFICIENTS[n],
            p_real * z_imaginary + p_imaginary * z_real,
        )
    # w = 2 p / (L - iz)^2 + (1 / sqrt(pi)) / (L - iz)
    square_real = (real * real - imaginary * imaginary) / (size * size)
    square_imaginary = -2.0 * real * imaginary / (size * size)
    return (
        2.0 * (p_real * square_real - p_imaginary * square_imaginary) + ROOT * real / size,
        2.0 * (p_real * square_imaginary + p_imaginary * square_real) - ROOT * imaginary / size,
    )


def _weideman(terms: int) -> tuple[float, tuple[float, ...]]:
    """Return L and the coefficients of the polynomial in Z, the highest power first."""
    length = float(np.sqrt(terms / np.sqrt(2.0)))
    count = 2 * terms
    theta = np.arange(-count + 1, count) * np.pi / count
    t = length * np.tan(theta / 2.0)
    values = np.concatenate([[0.0], np.exp(-(t**2)) * (length**2 + t**2)])
    found = np.real(np.fft.fft(np.fft.fftshift(values))) / (2 * count)
    return length, tuple(float(each) for each in found[1 : terms + 1][::-1])


LENGTH, COEFFICIENTS = _weideman(_TERMS)
ROOT = 1.0 / float(np.sqrt(np.pi))
