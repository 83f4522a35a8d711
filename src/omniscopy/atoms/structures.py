"""Positions as a structure that other programs take."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.atoms.tables import require_positions
from omniscopy.model import DataError, conversion_factor


def to_structure(
    positions: xr.Dataset,
    elements: str | Mapping[int, str],
    *,
    kind: str = "kind",
    thickness: float = 10.0,
    margin: float = 1.0,
) -> Any:
    """Return the atoms of a plane as a structure of the package ase.

    Parameters
    ----------
    positions : Dataset, shape (atom)
        ``y`` and ``x`` in units of length.
    elements : str or mapping of int to str
        Symbol of all atoms, or those of the numbers in the variable `kind`.
    kind : str
        The variable that says of what kind an atom is, such as ``label`` of `find_sublattices`.
    thickness : float, Å
        Of the cell along z; the atoms are in its middle.
    margin : float, Å
        Between the outermost atoms and the walls of the cell, which has no periodic boundaries.

    Returns
    -------
    ase.Atoms
        x to the right and y up, as chemists draw: an image's y is turned over. Atoms without
        a position are left out. Its method ``write`` makes files: .xyz, .cif, POSCAR and others.

    Raises
    ------
    DataError
        There are no positions or more than one table of them, units are no length, or a kind has
        no element.

    Examples
    --------
    >>> import omniscopy as om
    >>> atoms = om.atoms.to_structure(om.samples.atom_positions(), {0: "Sr", 1: "Ti"})
    >>> sorted(set(atoms.get_chemical_symbols()))
    ['Sr', 'Ti']
    """
    import ase

    units = require_positions(positions)
    if positions["y"].ndim != 1:
        message = f"positions must be one table, got dimensions {positions['y'].dims}; select one"
        raise DataError(message)
    if units is None:
        message = "positions must have units of length, such as 'nm'; set attrs['units']"
        raise DataError(message)
    points = conversion_factor(units, "Å") * np.stack(
        [positions["x"].values, positions["y"].values], axis=-1
    ).astype(np.float64)
    there = np.asarray(np.isfinite(points).all(axis=1))
    symbols = _symbols(positions, elements, kind, there)
    points = points[there]
    points[:, 1] = -points[:, 1]
    points = points - points.min(axis=0) + margin
    places = np.column_stack([points, np.full(len(points), thickness / 2)])
    cell = [*(points.max(axis=0) + margin), thickness]
    return ase.Atoms(symbols=symbols, positions=places, cell=cell, pbc=False)


def _symbols(
    positions: xr.Dataset, elements: str | Mapping[int, str], kind: str, there: np.ndarray
) -> list[str]:
    if not there.any():
        message = "no atom has a position"
        raise DataError(message)
    if isinstance(elements, str):
        return [elements] * int(there.sum())
    if kind not in positions:
        message = f"positions have no variable {kind!r} to take elements by; name it with `kind=`"
        raise DataError(message)
    numbers = positions[kind].values[there]
    unknown = sorted({int(number) for number in numbers} - {*elements})
    if unknown:
        message = f"elements has no symbol for the kinds {unknown}"
        raise DataError(message)
    return [elements[int(number)] for number in numbers]
