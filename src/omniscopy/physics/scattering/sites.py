"""What occupies each site of a crystal, and how far it moves."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from omniscopy.model.errors import DataError
from omniscopy.physics.scattering.coefficients import Table, ion_name
from omniscopy.physics.scattering.form_factors import debye_waller_factor

Floats = npt.NDArray[np.float64]


class Species(NamedTuple):
    """What stands at sites: its name in tables of form factors, and how far it moves."""

    name: str
    b: float
    """Debye-Waller factor in Å²; the mean over directions where these differ."""
    tensor: tuple[float, ...] = ()
    """The nine numbers of B in Å² along the axes of the positions, where directions differ."""

    def thermal_factor(self, g: npt.ArrayLike) -> Floats:
        r"""Return :math:`e^{-g \cdot B g / 4}` of vectors (x, y, z) in 1/Å along the last axis."""
        g = np.asarray(g, np.float64)
        if not self.tensor:
            return np.asarray(debye_waller_factor(np.sqrt(np.square(g).sum(-1)), self.b))
        turned = g @ np.reshape(self.tensor, (3, 3))
        return np.asarray(np.exp(-0.25 * (turned * g).sum(-1)))


class Sites(NamedTuple):
    """Occupied sites: positions in the cell, and the occupant of each."""

    positions: Floats
    weights: Floats
    kinds: npt.NDArray[np.int64]
    species: list[Species]
    """What each of `kinds` stands for."""


def occupied_sites(atoms: Any, debye_waller: Any = None, table: Table = "lobato") -> Sites:
    """Return the occupied sites of a crystal, one for each element of a shared site.

    Of a table that has ions, charges of the atoms (`set_initial_charges`) count.
    """
    symbols, places, weights = _occupants(atoms)
    moving = debye_waller_of(atoms, debye_waller, symbols, places)
    names = _ions(atoms, symbols, places, weights) if table == "waasmaier_kirfel" else symbols
    factors = moving.tolist() if moving.ndim == 1 else map(tuple, moving.reshape(-1, 9).tolist())
    each = list(zip(names, factors, strict=True))
    species = sorted(set(each))
    number = {kind: index for index, kind in enumerate(species)}
    positions = np.asarray(atoms.get_scaled_positions(wrap=False), np.float64)
    if not np.isfinite(positions).all():
        message = "positions of atoms must be finite numbers"
        raise DataError(message)
    kinds = np.array([number[kind] for kind in each], np.int64)
    return Sites(positions[places], weights, kinds, [_species(*kind) for kind in species])


def _species(name: str, b: float | tuple[float, ...]) -> Species:
    if isinstance(b, float):
        return Species(name, b)
    tensor = np.reshape(b, (3, 3))
    mean = float(np.trace(tensor)) / 3.0
    alike = np.abs(tensor - mean * np.eye(3)).max() < 1e-9
    return Species(name, mean) if alike else Species(name, mean, b)


def _ions(
    atoms: Any, symbols: list[str], places: npt.NDArray[np.intp], weights: Floats
) -> list[str]:
    """Return what occupants are called with their charges, or raise where these do not cancel."""
    charges = np.asarray(
        atoms.arrays.get("initial_charges", np.zeros(len(atoms.arrays["numbers"])))
    )
    total = float(charges[places] @ weights)
    if abs(total) > 1e-6:
        message = (
            f"the charges of the atoms add up to {total:g}, but a crystal is neutral; set others "
            "with `atoms.set_initial_charges`"
        )
        raise DataError(message)
    return [
        ion_name(symbol, charge)
        for symbol, charge in zip(symbols, charges[places].tolist(), strict=True)
    ]


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
    """Return the Debye-Waller factor of each occupant in Å², shape (n,) or as tensors (n, 3, 3).

    It raises where it is no such.
    """
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
        count = len(atoms.arrays["numbers"])
        if factors.shape not in {(), (count,), (count, 3, 3)}:
            message = (
                f"{factors.shape} Debye-Waller factors are given for {count} atoms; one for all, "
                "one or a tensor (3, 3) for each atom, or a mapping of symbols is needed"
            )
            raise DataError(message)
        factors = factors[places] if factors.ndim else np.full(len(symbols), float(factors))
    if factors.ndim == 3:
        _require_tensors(factors)
    elif not (np.isfinite(factors) & (factors >= 0.0)).all():
        message = "Debye-Waller factors must be 0 or more Å²"
        raise DataError(message)
    return factors


def _require_tensors(factors: Floats) -> None:
    """Raise unless each is the mean square of a movement: symmetric, along no axis below 0."""
    size = np.abs(factors).max(initial=0.0)
    if (
        not np.isfinite(size)
        or np.abs(factors - np.swapaxes(factors, 1, 2)).max(initial=0.0) > 1e-6 * size
        or (np.linalg.eigvalsh(factors) < -1e-6 * size).any()
    ):
        message = "Debye-Waller tensors must be symmetric, and 0 or more Å² along any axis"
        raise DataError(message)
