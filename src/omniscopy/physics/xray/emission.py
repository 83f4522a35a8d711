"""Lines of elements, and the families that they come in."""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from omniscopy.model.errors import DataError
from omniscopy.physics.scattering.coefficients import find_element
from omniscopy.physics.xray.shells import (
    OCCUPANCY,
    SHELLS,
    edge_energy,
    fluorescence_yield,
    line_energy,
    radiative_rate,
    vacancies,
)

# Siegbahn's names of the transitions that spectra of energy show.
TRANSITIONS = {
    "KL3": "Ka1", "KL2": "Ka2", "KM3": "Kb1", "KM2": "Kb3", "KN3": "Kb2", "KN2": "Kb2''",
    "KM5": "Kb5", "KM4": "Kb5''",
    "L3M5": "La1", "L3M4": "La2", "L2M4": "Lb1", "L3N5": "Lb2", "L3N4": "Lb15", "L1M3": "Lb3",
    "L1M2": "Lb4", "L3N1": "Lb6", "L3O4": "Lb5''", "L3O5": "Lb5", "L2N4": "Lg1", "L1N2": "Lg2",
    "L1N3": "Lg3", "L2O4": "Lg6", "L2N1": "Lg5", "L3M1": "Ll", "L2M1": "Ln",
    "M5N7": "Ma1", "M5N6": "Ma2", "M4N6": "Mb", "M3N5": "Mg", "M3N4": "Mg2", "M5N3": "Mz1",
    "M4N2": "Mz2", "M2N4": "Md",
}  # fmt: skip
# The line, together with its close neighbour, that a family is called by.
_ALPHA = {"K": ("KL3", "KL2"), "L": ("L3M5", "L3M4"), "M": ("M5N7", "M5N6")}
# Where the outer levels are empty, the strongest line that is left gives the name.
_FALLBACK = {"L": ("L3M1",), "M": ("M5N3",)}


class Line(NamedTuple):
    """A line, called `name` by Siegbahn and `transition` by IUPAC.

    `energy` is in keV, `weight` its part of the X-rays of the family.
    """

    name: str
    transition: str
    energy: float
    weight: float


class Family(NamedTuple):
    """The lines from one shell of an element, strongest first.

    `name` is that of the alpha line (`"Fe_Ka"`), which has `energy` and of whose X-rays `alpha`
    is the part; `edge` is the energy in keV above which all of the shell is excited.
    """

    name: str
    element: str
    shell: str
    energy: float
    alpha: float
    edge: float
    lines: tuple[Line, ...]


@cache
def families(element: str | int) -> tuple[Family, ...]:
    """Return the families of lines of an element, from K to M.

    Parameters
    ----------
    element : str or int
        Symbol or atomic number.

    Returns
    -------
    tuple of Family
        Those of shells with lines in the tables; energies in keV.

    Raises
    ------
    DataError
        The element is unknown.

    Notes
    -----
    Within a family, lines from one subshell have the rates of its radiative decays. Subshells are
    weighted by their fluorescence yields and by vacancies in proportion to occupancy over
    ionisation energy, as Bethe's cross-section has them far above the edge, with Coster–Kronig
    transitions from subshells further in. Rates, yields and energies are those of xraylib.

    Numbers of [1]_; the cross-section of [2]_.

    References
    ----------
    .. [1] T. Schoonjans et al., *Spectrochim. Acta B* 66, 776 (2011).
    .. [2] H. Bethe, *Ann. Phys.* 397, 325 (1930).
    """
    symbol = find_element(element).symbol
    found = (_family(symbol, shell) for shell in ("K", "L", "M"))
    return tuple(family for family in found if family is not None)


def find_family(name: str) -> Family:
    """Return the family called by its alpha line.

    Parameters
    ----------
    name : str
        Such as ``"Fe_Ka"``.

    Returns
    -------
    Family
        Its lines, with energies in keV.

    Raises
    ------
    DataError
        There is no such family; the text lists those of the element.
    """
    element, _, line = name.partition("_")
    for family in families(element) if line else ():
        if family.name == name:
            return family
    known = [family.name for family in families(element)] if line else []
    message = f"unknown family of lines {name!r}; they are written as 'Fe_Ka'"
    raise DataError(message + (f", and {element} has {', '.join(known)}" if known else ""))


def lines(element: str | int) -> tuple[Line, ...]:
    """Return all lines of an element, by family.

    Parameters
    ----------
    element : str or int
        Symbol or atomic number.

    Returns
    -------
    tuple of Line
        Energies in keV; weights are parts of the X-rays of their family.

    Raises
    ------
    DataError
        The element is unknown.

    Notes
    -----
    See `families` for their weights; energies are those of xraylib [1]_.

    References
    ----------
    .. [1] T. Schoonjans et al., *Spectrochim. Acta B* 66, 776 (2011).
    """
    return tuple(line for family in families(element) for line in family.lines)


def alpha_transitions(family: Family) -> Sequence[str]:
    """Return the transitions that make the line a family is called by."""
    wanted = _ALPHA[family.shell]
    found = [line.transition for line in family.lines if line.transition in wanted]
    return found or [family.lines[0].transition]


def _family(symbol: str, shell: str) -> Family | None:
    subshells = [each for each in SHELLS if each[0] == shell and edge_energy(symbol, each) > 0]
    primary = {each: OCCUPANCY[each] / edge_energy(symbol, each) for each in subshells}
    decays = {
        each: number * fluorescence_yield(symbol, each)
        for each, number in vacancies(symbol, primary).items()
    }
    found = []
    for transition, name in TRANSITIONS.items():
        start = transition[:1] if shell == "K" else transition[:2]
        energy, rate = line_energy(symbol, transition), radiative_rate(symbol, transition)
        if start in decays and energy > 0 and rate * decays[start] > 0:
            found.append(Line(f"{symbol}_{name}", transition, energy, rate * decays[start]))
    if not found:
        return None
    total = sum(line.weight for line in found)
    ordered = sorted(found, key=lambda line: -line.weight)
    whole = tuple(line._replace(weight=line.weight / total) for line in ordered)
    chosen = next(
        (
            group
            for names in (_ALPHA[shell], _FALLBACK.get(shell, ()))
            if (group := [line for line in whole if line.transition in names])
        ),
        [whole[0]],
    )
    named = f"{symbol}_{shell}a" if chosen[0].transition in _ALPHA[shell] else chosen[0].name
    alpha = sum(line.weight for line in chosen)
    edges = [edge_energy(symbol, each) for each in subshells]
    return Family(named, symbol, shell, chosen[0].energy, alpha, max(edges), whole)
