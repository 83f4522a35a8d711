"""What occupies each site of a crystal, and how far it moves."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from omniscopy.model.errors import DataError

Floats = npt.NDArray[np.float64]


class Sites(NamedTuple):
    """Occupied sites: positions in the cell, and the occupant of each."""

    positions: Floats
    weights: Floats
    kinds: npt.NDArray[np.int64]
    species: list[tuple[str, float]]
    """The element and the Debye-Waller factor (Å²) that each of `kinds` stands for."""


def occupied_sites(atoms: Any, debye_waller: Any = None) -> Sites:
    """Return the occupied sites of a crystal, one for each element of a shared site."""
    symbols, places, weights = _occupants(atoms)
    moving = debye_waller_of(atoms, debye_waller, symbols, places)
    species = sorted(set(zip(symbols, moving.tolist(), strict=True)))
    number = {kind: index for index, kind in enumerate(species)}
    kinds = [number[pair] for pair in zip(symbols, moving.tolist(), strict=True)]
    positions = np.asarray(atoms.get_scaled_positions(wrap=False), np.float64)
    if not np.isfinite(positions).all():
        message = "positions of atoms must be finite numbers"
        raise DataError(message)
    return Sites(positions[places], weights, np.array(kinds, np.int64), species)


def _occupants(atoms: Any) -> tuple[list[str], npt.NDArray[np.intp], Floats]:
    """Return elements, the atom each stands at, and which part of the cells have it there."""
    symbols = list(atoms.get_chemical_symbols())
    shared = atoms.info.get("occupancy")
    if not shared or "spacegroup_kinds" not in atoms.arrays:
        return symbols, np.arange(len(symbols)), np.ones(len(symbols))
    found: list[tuple[str, int, float]] = []
    for place, (symbol, kind) in enumerate(
        zip(symbols, atoms.arrays["spacegroup_kinds"], strict=True)
    ):
        for name, part in shared.get(str(kind), {symbol: 1.0}).items():
            found.append((str(name), place, float(part)))
    names, places, weights = zip(*found, strict=True)
    return list(names), np.array(places), np.array(weights)


def debye_waller_of(
    atoms: Any, given: Any, symbols: list[str], places: npt.NDArray[np.intp]
) -> Floats:
    """Return the Debye-Waller factor of each occupant in Å², or raise where it is no such."""
    if given is None:
        given = atoms.arrays.get("debye_waller", 0.0)
    if isinstance(given, Mapping):
        missing = sorted(set(symbols) - set(given))
        if missing:
            message = f"no Debye-Waller factor is given for {', '.join(missing)}"
            raise DataError(message)
        factors = np.array([given[symbol] for symbol in symbols], np.float64)
    else:
        factors = np.asarray(given, np.float64)
        if factors.ndim and factors.shape != (len(atoms.arrays["numbers"]),):
            message = (
                f"{factors.shape} Debye-Waller factors are given for "
                f"{len(atoms.arrays['numbers'])} atoms; one for all, one for each atom, or a "
                "mapping of symbols is needed"
            )
            raise DataError(message)
        factors = factors[places] if factors.ndim else np.full(len(symbols), float(factors))
    if not (np.isfinite(factors) & (factors >= 0.0)).all():
        message = "Debye-Waller factors must be 0 or more Å²"
        raise DataError(message)
    return factors
