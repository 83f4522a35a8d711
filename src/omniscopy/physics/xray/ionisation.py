"""How often fast electrons ionise inner shells."""

import csv
from functools import cache
from importlib import resources
from typing import Literal, get_args

import numpy as np
from scipy import constants

from omniscopy.model.errors import DataError
from omniscopy.physics.electron import REST_ENERGY, lorentz_factor, require_voltage, velocity_ratio
from omniscopy.physics.scattering.coefficients import find_element
from omniscopy.physics.xray.emission import Family, alpha_transitions
from omniscopy.physics.xray.shells import (
    OCCUPANCY,
    SHELLS,
    edge_energy,
    fluorescence_yield,
    radiative_rate,
    require_shell,
    vacancies,
)

Model = Literal["bote_salvat", "casnati", "bethe"]
_VOLTAGES = (60e3, 100e3, 200e3, 300e3)
_RYDBERG = constants.physical_constants["Rydberg constant times hc in eV"][0]
# Area of Bohr's radius in barn.
_BOHR_AREA = constants.physical_constants["Bohr radius"][0] ** 2 * 1e28


def ionisation_cross_section(
    element: str | int, shell: str, voltage: float, model: Model = "bote_salvat"
) -> float:
    r"""Return the cross-section in barn of the ionisation of a shell.

    Parameters
    ----------
    element : str or int
        Symbol or atomic number.
    shell : str
        `"K"`, `"L1"` … `"M5"`.
    voltage : float, V
        Of the electrons.
    model : {"bote_salvat", "casnati", "bethe"}
        Distorted waves, from a table for 60 to 300 kV [1]_: between its voltages
        :math:`\beta^2 \sigma` is straight in :math:`\ln(\beta^2 \gamma^2) - \beta^2`, as
        Bethe's formula has it. Where the table has nothing, and for other voltages, an
        empirical formula for all [2]_. Or Bethe's with constants 0.9 and 0.65 [3]_.

    Returns
    -------
    float
        0 where the electrons cannot ionise the shell.

    Raises
    ------
    DataError
        The element, the shell or the model is unknown, or the voltage is not positive.

    References
    ----------
    .. [1] D. Bote, F. Salvat, A. Jablonski, C. J. Powell, *At. Data Nucl. Data Tables* 95, 871
       (2009).
    .. [2] E. Casnati, A. Tartari, C. Baraldi, *J. Phys. B* 15, 155 (1982).
    .. [3] C. J. Powell, *Rev. Mod. Phys.* 48, 33 (1976).
    """
    if model not in get_args(Model):
        message = f"model must be one of {get_args(Model)}, got {model!r}"
        raise DataError(message)
    symbol, shell = find_element(element).symbol, require_shell(shell)
    volts = float(require_voltage(voltage))
    edge = edge_energy(symbol, shell) * 1e3
    if edge == 0.0 or volts <= edge:
        return 0.0
    if model == "bethe":
        return _bethe(edge, volts, OCCUPANCY[shell])
    known = _table().get((find_element(element).atomic_number, shell))
    if model == "bote_salvat" and known is not None and _VOLTAGES[0] <= volts <= _VOLTAGES[-1]:
        return _between(volts, known)
    return _casnati(edge, volts, OCCUPANCY[shell])


def emission_cross_section(family: Family, voltage: float, model: Model = "bote_salvat") -> float:
    r"""Return the cross-section of the emission of a family's alpha line, its close pair together.

    Parameters
    ----------
    family : Family
        As `find_family` gives it.
    voltage : float, V
        Of the electrons.
    model : {"bote_salvat", "casnati", "bethe"}
        Of the ionisation; see `ionisation_cross_section`.

    Returns
    -------
    float, barn
        Ionisations of its subshells, after Coster–Kronig transitions, times fluorescence yield and
        part of the line; 0 where the electrons cannot ionise the shell.

    Raises
    ------
    DataError
        The model is unknown or the voltage is not positive.

    Notes
    -----
    :math:`\sigma = \sum_s N_s \omega_s p_s` over the subshells s on which lines of the pair begin:
    :math:`N_s = \sigma_s + \sum_{r < s} N_r f_{rs}`, the ionisations and what Coster–Kronig
    transitions bring from inner ones, the fluorescence yield ω and the part p of the lines [1]_.

    References
    ----------
    .. [1] M. O. Krause, Journal of Physical and Chemical Reference Data 8, 307 (1979).
    """
    symbol = family.element
    subshells = [each for each in SHELLS if each[0] == family.shell]
    primary = {
        each: ionisation_cross_section(symbol, each, voltage, model)
        for each in subshells
        if edge_energy(symbol, each) > 0
    }
    settled = vacancies(symbol, primary)
    total = 0.0
    for transition in alpha_transitions(family):
        start = transition[:1] if family.shell == "K" else transition[:2]
        rate = radiative_rate(symbol, transition)
        total += settled.get(start, 0.0) * fluorescence_yield(symbol, start) * rate
    return total


@cache
def _table() -> dict[tuple[int, str], tuple[float, ...]]:
    text = (resources.files("omniscopy.physics.tables") / "bote_salvat.csv").read_text("utf-8")
    rows = list(csv.reader(text.splitlines()))[1:]
    return {(int(z), shell): tuple(map(float, values)) for z, shell, *values in rows}


def _fano(volts: float) -> tuple[float, float]:
    """Return the square of the velocity and what Bethe's formula is straight in."""
    square = float(velocity_ratio(volts)) ** 2
    return square, float(np.log(square * lorentz_factor(volts) ** 2)) - square


def _between(volts: float, known: tuple[float, ...]) -> float:
    places = [_fano(each) for each in _VOLTAGES]
    square, place = _fano(volts)
    heights = [each[0] * value for each, value in zip(places, known, strict=True)]
    return float(np.interp(place, [each[1] for each in places], heights)) / square


def _casnati(edge: float, volts: float, electrons: int) -> float:
    u, j, t = volts / edge, edge / REST_ENERGY, volts / REST_ENERGY
    power = -0.0318 + 0.3160 / u - 0.1135 / u**2
    psi = (edge / _RYDBERG) ** power
    phi = 10.57 * np.exp(-1.736 / u + 0.317 / u**2)
    gryzinski = (
        ((2 + j) / (2 + t)) * ((1 + t) / (1 + j)) ** 2
        * (((j + t) * (2 + t) * (1 + j) ** 2) / (t * (2 + t) * (1 + j) ** 2 + j * (2 + j))) ** 1.5
    )  # fmt: skip
    bohr = _BOHR_AREA * (_RYDBERG / edge) ** 2
    return float(electrons * bohr * gryzinski * psi * phi * np.log(u) / u)


def _bethe(edge: float, volts: float, electrons: int) -> float:
    # With the kinetic energy of a particle of this velocity and the mass at rest.
    effective = REST_ENERGY * float(velocity_ratio(volts)) ** 2 / 2
    area = 4 * np.pi * _BOHR_AREA * _RYDBERG**2
    strength = max(np.log(0.65 * effective / edge), 0.0)
    return float(area * electrons * 0.9 * strength / (effective * edge))
