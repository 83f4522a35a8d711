"""Driven, damped harmonic oscillators."""

from typing import Any

import numpy as np

from omniscopy.physics.elementary import complex_of


def oscillator(f: Any, amplitude: Any, f0: Any, q: Any, phase: Any) -> Any:
    r"""Return the complex response :math:`A e^{i\varphi} f_0^2 / (f^2 - i f f_0 / Q - f_0^2)`.

    Elementwise and with broadcasting; `phase` is in radians, `f` and `f0` in the same units.
    At rest (:math:`f = 0`) it is :math:`-A e^{i\varphi}`, at resonance
    :math:`i Q A e^{i\varphi}`.
    """
    return amplitude * np.exp(1j * phase) * f0**2 / (f**2 - 1j * f * f0 / q - f0**2)


def oscillator_response(f: Any, real: Any, imaginary: Any, f0: Any, q: Any) -> Any:
    r"""Return the response of `oscillator`, and its derivative with respect to each parameter.

    It is linear in :math:`a + ib = A e^{i\varphi}`, whose parts are `real` and `imaginary`. In
    real numbers, so that it is quick when it is compiled.
    """
    square = f0 * f0
    away, loss = f * f - square, f * f0 / q
    size = square / (away * away + loss * loss)
    # h, the response for a + ib = 1; h^2 / f0^2; and the derivatives of h along f0 and Q:
    # 2 h / f0 + (i f / Q + 2 f0) h^2 / f0^2 and -i (f f0 / Q^2) h^2 / f0^2.
    h_real, h_imaginary = away * size, loss * size
    k_real = (h_real * h_real - h_imaginary * h_imaginary) / square
    k_imaginary = 2.0 * h_real * h_imaginary / square
    f0_real = 2.0 * (h_real / f0 + f0 * k_real) - k_imaginary * f / q
    f0_imaginary = 2.0 * (h_imaginary / f0 + f0 * k_imaginary) + k_real * f / q
    q_real, q_imaginary = k_imaginary * loss / q, -k_real * loss / q
    return (
        complex_of(
            real * h_real - imaginary * h_imaginary, real * h_imaginary + imaginary * h_real
        ),
        complex_of(h_real, h_imaginary),
        complex_of(-h_imaginary, h_real),
        complex_of(
            real * f0_real - imaginary * f0_imaginary, real * f0_imaginary + imaginary * f0_real
        ),
        complex_of(
            real * q_real - imaginary * q_imaginary, real * q_imaginary + imaginary * q_real
        ),
    )


def oscillator_polar(f: Any, amplitude: Any, phase: Any, f0: Any, q: Any) -> Any:
    """Return the response of `oscillator`, and its derivative with respect to each parameter."""
    cosine, sine = np.cos(phase), np.sin(phase)
    value, real, imaginary, along_f0, along_q = oscillator_response(
        f, amplitude * cosine, amplitude * sine, f0, q
    )
    turned = complex_of(-value.imag, value.real)
    return value, real * cosine + imaginary * sine, turned, along_f0, along_q


def complex_multiple(column: Any, real: Any, imaginary: Any) -> Any:
    """Return a complex multiple of something known and real, such as a constant background."""
    nothing = 0.0 * column
    return (
        complex_of(real * column, imaginary * column),
        complex_of(column, nothing),
        complex_of(nothing, column),
    )
