"""Absorption of X-rays in matter."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from omniscopy.model.errors import DataError
from omniscopy.physics.scattering.coefficients import find_element

Composition = Mapping[str, float]
# Below this the tables hold photoabsorption only; that of Kissel ends here too.
_LOWEST = 0.1


def mass_absorption(material: str | Composition, energy: npt.ArrayLike) -> Any:
    r"""Return the mass absorption coefficient in cm²/g at energies in keV.

    Parameters
    ----------
    material : str or mapping of str to float
        An element, or weight fractions of elements, whose sum need not be 1.
    energy : float or array, keV
        Of the X-rays.

    Returns
    -------
    float or array of the shape of `energy`, cm²/g

    Raises
    ------
    DataError
        An element is unknown, or an energy is not above 0.

    Notes
    -----
    Photoabsorption and scattering together, from the tables of xraylib (Elam, Ravel and Sieber,
    *Radiat. Phys. Chem.* 63, 121, 2002); below 0.1 keV it goes on as :math:`E^{-3}`.
    """
    energies = np.asarray(energy, dtype=np.float64)
    if not (energies > 0).all():
        message = "energies of X-rays must be positive, in keV"
        raise DataError(message)
    made = np.zeros(energies.shape)
    for symbol, weight in weights_of(material).items():
        made = made + weight * _of_element(symbol, energies)
    return made if made.ndim else made[()]


def absorption_factor(chi: npt.ArrayLike) -> Any:
    r"""Return by how much brighter an emitting film would shine if it did not absorb.

    Parameters
    ----------
    chi : float or array
        Absorption along the way out from the far side, as an exponent (mass absorption times mass
        thickness).

    Returns
    -------
    float or array of the shape of `chi`, 1
        :math:`\chi / (1 - e^{-\chi})`, 1 where nothing is absorbed.

    Notes
    -----
    X-rays that are made evenly through the film [1]_.

    References
    ----------
    .. [1] J. I. Goldstein, J. L. Costley, G. W. Lorimer, S. J. B. Reed, *Scanning Electron
       Microscopy* 1977, vol. I, p. 315.
    """
    chi = np.asarray(chi, dtype=np.float64)
    small = np.abs(chi) < 1e-8
    safe = np.where(small, 1.0, chi)
    return np.where(small, 1.0 + chi / 2, safe / -np.expm1(-safe))


def weights_of(material: str | Composition) -> dict[str, float]:
    """Return the weight fractions of a material, with the sum 1."""
    given = {material: 1.0} if isinstance(material, str) else dict(material)
    named = {find_element(symbol).symbol: float(weight) for symbol, weight in given.items()}
    total = sum(named.values())
    if not named or not total > 0 or min(named.values()) < 0:
        message = f"a composition must be weight fractions of elements, got {material!r}"
        raise DataError(message)
    return {symbol: weight / total for symbol, weight in named.items()}


def _of_element(symbol: str, energies: np.ndarray) -> np.ndarray:
    kept = np.maximum(energies, _LOWEST)
    found = _tabulated(symbol, kept.tobytes()).reshape(energies.shape)
    return found * (kept / energies) ** 3


@lru_cache(maxsize=1024)  # fits ask for the same lines again and again
def _tabulated(symbol: str, values: bytes) -> np.ndarray:
    import xraylib_np

    number = np.array([find_element(symbol).atomic_number])
    found: np.ndarray = xraylib_np.CS_Total(number, np.frombuffer(values))[0]
    return found
