r"""Energy-loss functions :math:`\mathrm{Im}(-1/\varepsilon)` of plasmons."""

from typing import Any

import numpy as np


def drude(x: Any, amplitude: Any, energy: Any, width: Any) -> Any:
    r"""Return :math:`A\, E \Gamma E_p^2 / [(E^2 - E_p^2)^2 + E^2 \Gamma^2]` and its slopes.

    The loss function of free electrons where `amplitude` is 1: :math:`\varepsilon = 1 - E_p^2 /
    (E^2 + i E \Gamma)`. Below 0 there is no loss.
    """
    loss = 0.5 * (x + abs(x))
    square, own = loss * loss, energy * energy
    away = square - own
    bottom = away * away + square * width * width + 1e-300
    shape = loss * width * own / bottom
    value = amplitude * shape
    along = value * (2.0 / energy + 4.0 * away * energy / bottom)
    wider = value * (1.0 / width - 2.0 * square * width / bottom)
    return value, shape, along, wider


def seen_drude(x: Any, seen: Any, amplitude: Any, energy: Any, width: Any) -> Any:
    """Return the same, times a share of each loss that is `seen`."""
    value, shape, along, wider = drude(x, amplitude, energy, width)
    return seen * value, seen * shape, seen * along, seen * wider


def drude_permittivity(energy: Any, plasmon: float, width: float) -> Any:
    r"""Return :math:`\varepsilon = 1 - E_p^2 / (E^2 + i E \Gamma)` of free electrons."""
    loss = np.asarray(energy, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return 1.0 - plasmon**2 / (loss**2 + 1j * loss * width)


def oscillator_permittivity(energy: Any, oscillators: Any, *, background: float = 1.0) -> Any:
    r"""Return :math:`\varepsilon_\infty + \sum_j f_j / (E_j^2 - E^2 - i E \Gamma_j)`.

    Rows of `oscillators` are strength :math:`f_j` (eV²), energy :math:`E_j` and width
    :math:`\Gamma_j` (eV); free electrons have :math:`E_j = 0`.
    """
    loss = np.asarray(energy, dtype=np.float64)
    made = np.full(loss.shape, background, dtype=np.complex128)
    for strength, place, width in np.atleast_2d(oscillators):
        with np.errstate(divide="ignore", invalid="ignore"):
            made = made + strength / (place**2 - loss**2 - 1j * loss * width)
    return made


def loss_function(permittivity: Any) -> Any:
    r"""Return :math:`\mathrm{Im}(-1/\varepsilon)`."""
    return np.imag(-1.0 / permittivity)
