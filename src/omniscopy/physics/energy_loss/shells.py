"""Shells of atoms that fast electrons ionise: binding energies, electrons, photo-absorption.

The numbers are those of xraylib: A. Brunetti, M. Sanchez del Rio, B. Golosio, A. Simionovici,
A. Somogyi, *Spectrochim. Acta B* 59, 1725 (2004); T. Schoonjans *et al.*, *ibid.* 66, 776 (2011).
"""

import functools
import re
from typing import NamedTuple

import numpy as np

from omniscopy.model.errors import DataError

NAMES = (
    "K", "L1", "L2", "L3", "M1", "M2", "M3", "M4", "M5", "N1", "N2", "N3", "N4", "N5", "N6", "N7",
    "O1", "O2", "O3", "O4", "O5",
)  # fmt: skip
# Edges that stand out of a background: those of the highest orbital momentum of a shell.
MAJOR = ("K", "L2", "L3", "M4", "M5", "N4", "N5", "O4", "O5")
# Elements that no sample holds, because they have decayed.
DECAYED = ("Tc", "Pm", "Po", "At", "Rn", "Fr", "Ra", "Ac", "Pa")
# Below, electrons are those of bands rather than of shells.
LOWEST = 10.0
_HEAVIEST = 96
_SPELLED = re.compile(r"^([A-Z][a-z]?)[_ -]?([KLMNO])([1-7]{0,4})$")


class Shell(NamedTuple):
    """One shell of an element, with its binding energy in eV and its electrons."""

    element: str
    number: int
    name: str
    energy: float
    electrons: float

    @property
    def is_major(self) -> bool:
        """Return whether its edge stands out of a background."""
        return self.name in MAJOR


@functools.cache
def symbols() -> tuple[str, ...]:
    """Return the symbols of the elements with known shells, by atomic number."""
    import xraylib

    return tuple(xraylib.AtomicNumberToSymbol(number) for number in range(1, _HEAVIEST + 1))


def number_of(element: str) -> int:
    """Return the atomic number of an element's symbol."""
    if element not in symbols():
        message = f"{element!r} is no symbol of an element; write it as in 'Ti'"
        raise DataError(message)
    return symbols().index(element) + 1


@functools.cache
def shells_of(element: str) -> tuple[Shell, ...]:
    """Return the shells of an element with binding energies above 10 eV, innermost first."""
    import xraylib

    number = number_of(element)
    found = []
    for index, name in enumerate(NAMES):
        try:
            energy = 1e3 * xraylib.EdgeEnergy(number, index)
            electrons = xraylib.ElectronConfig(number, index)
        except ValueError:
            continue
        if energy >= LOWEST and electrons > 0:
            found.append(Shell(element, number, name, round(energy, 4), electrons))
    return tuple(found)


def shells_named(edge: str) -> tuple[Shell, ...]:
    """Return the shells of an edge such as "O_K", "Ti_L3", "Ti_L23" or "La_M45".

    A letter alone means the whole shell ("Ti_L": L1, L2 and L3).
    """
    match = _SPELLED.match(edge)
    if match is None:
        message = f"edge {edge!r} must be an element and a shell, as in 'O_K', 'Ti_L23', 'La_M45'"
        raise DataError(message)
    element, letter, numbers = match.groups()
    wanted = [letter + digit for digit in numbers] or [n for n in NAMES if n[0] == letter]
    found = tuple(shell for shell in shells_of(element) if shell.name in wanted)
    if not found or (numbers and len(found) < len(numbers)):
        names = ", ".join(shell.name for shell in shells_of(element))
        message = f"{element} has no edge {letter}{numbers}; it has {names or 'none above 10 eV'}"
        raise DataError(message)
    return found


def photoabsorption(shell: Shell, energy: np.ndarray) -> np.ndarray:
    """Return the photo-absorption of one shell in barn for each atom; 0 below its edge.

    Partial cross-sections of L. Kissel, *Radiat. Phys. Chem.* 59, 185 (2000), by shells, so that
    no tail of others must be extrapolated and taken off.
    """
    import xraylib

    index = NAMES.index(shell.name)
    flat = np.asarray(energy, dtype=np.float64)
    nodes = _nodes(shell.energy, float(flat.max(initial=shell.energy)))
    table = np.array([
        xraylib.CSb_Photo_Partial(shell.number, index, node * 1e-3) for node in nodes
    ])  # fmt: skip
    with np.errstate(divide="ignore", invalid="ignore"):
        order = np.interp(np.log(np.maximum(flat, nodes[0])), np.log(nodes), np.log(table))
    made = np.where(flat >= shell.energy, shell.electrons * np.exp(order), 0.0)
    return np.nan_to_num(made, nan=0.0)


def _nodes(onset: float, last: float) -> np.ndarray:
    """Return energies that are dense enough for straight lines in logarithms."""
    end = max(last, onset * 1.01) * 1.001
    return np.geomspace(onset * 1.00001 + 1e-3, end, 2 + int(60 * np.log(end / onset)))
