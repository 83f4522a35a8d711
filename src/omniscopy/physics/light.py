r"""Wavelengths of light in air and in vacuum, and the refractive index between them."""

from typing import Literal, get_args

import numpy as np
from scipy import constants

Medium = Literal["air", "vacuum"]
MEDIA: tuple[Medium, ...] = get_args(Medium)
# Of a photon whose vacuum wavenumber is 1/cm, in eV.
EV_PER_WAVENUMBER = constants.Planck * constants.speed_of_light * 100 / constants.elementary_charge
# nm: shortest wavelength of the index of air.
SHORTEST = 185.0
_NM_PER_CM = 1e7
_ROUNDS = 4


def index_of_air(wavenumber: np.ndarray) -> np.ndarray:
    r"""Return the refractive index of dry air at 15 °C and 101.325 kPa.

    Parameters
    ----------
    wavenumber : ndarray
        In vacuum, 1/cm; the formula was measured from 5900 to 54000 (1.7 µm to 185 nm).

    Notes
    -----
    :math:`(n - 1) 10^8 = 8060.51 + 2480990 / (132.274 - \sigma^2) + 17455.7 / (39.32957 -
    \sigma^2)` for :math:`\sigma` in 1/µm: E. R. Peck and K. Reeder, J. Opt. Soc. Am. 62, 958
    (1972), equation 2.
    """
    square = (1e-4 * wavenumber) ** 2
    parts = 8060.51 + 2480990.0 / (132.274 - square) + 17455.7 / (39.32957 - square)
    return 1.0 + 1e-8 * parts


def wavenumber_of(wavelength: np.ndarray, medium: Medium) -> np.ndarray:
    """Return wavenumbers in vacuum (1/cm) of wavelengths in a medium (nm)."""
    made = _NM_PER_CM / wavelength
    if medium == "air":
        seen = made
        for _ in range(_ROUNDS):
            made = seen / index_of_air(made)
    return made


def wavelength_of(wavenumber: np.ndarray, medium: Medium) -> np.ndarray:
    """Return wavelengths in a medium (nm) of wavenumbers in vacuum (1/cm)."""
    index = index_of_air(wavenumber) if medium == "air" else 1.0
    made: np.ndarray = _NM_PER_CM / (wavenumber * index)
    return made
