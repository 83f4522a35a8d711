"""Driven, damped harmonic oscillators."""

from typing import Any

import numpy as np


def oscillator(f: Any, amplitude: Any, f0: Any, q: Any, phase: Any) -> Any:
    r"""Return the complex response :math:`A e^{i\varphi} f_0^2 / (f^2 - i f f_0 / Q - f_0^2)`.

    Elementwise and with broadcasting; `phase` is in radians, `f` and `f0` in the same units.
    At rest (:math:`f = 0`) it is :math:`-A e^{i\varphi}`, at resonance
    :math:`i Q A e^{i\varphi}`.
    """
    return amplitude * np.exp(1j * phase) * f0**2 / (f**2 - 1j * f * f0 / q - f0**2)
