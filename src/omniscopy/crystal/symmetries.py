"""Symmetry of structures, found by spglib."""

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from omniscopy.crystal.contacts import require_apart
from omniscopy.crystal.lattice import require_cell
from omniscopy.model.errors import DataError

if TYPE_CHECKING:
    from ase import Atoms

SYSTEMS = (
    (2, "triclinic"),
    (15, "monoclinic"),
    (74, "orthorhombic"),
    (142, "tetragonal"),
    (167, "trigonal"),
    (194, "hexagonal"),
    (230, "cubic"),
)


@dataclass(frozen=True)
class Symmetry:
    """The space group of a structure, and what it does in its cell."""

    number: int
    """International number of the space group."""
    symbol: str
    """Its short Hermann-Mauguin symbol."""
    hall: str
    """Its Hall symbol, with the setting."""
    point_group: str
    """Symbol of its rotations and mirrors alone."""
    system: str
    """Crystal system, such as ``"cubic"``."""
    rotations: npt.NDArray[np.int32]
    """(operations, 3, 3): a position x of the cell goes to R x + t."""
    translations: npt.NDArray[np.float64]
    """(operations, 3), in fractions of the cell."""
    equivalent_atoms: npt.NDArray[np.int32]
    """For each atom, the first one that symmetry takes it to."""
    wyckoff: tuple[str, ...]
    """Letter of the site of each atom."""
    site_symmetry: tuple[str, ...]
    """Symbol of what leaves each atom where it is."""
    primitive: "Atoms"
    """The structure in a primitive cell."""
    conventional: "Atoms"
    """The structure in the cell of the International Tables, turned to the axes."""

    def laue_rotations(self) -> npt.NDArray[np.int32]:
        """Return the different rotations of the group and its inversion, (operations, 3, 3)."""
        every = np.concatenate([self.rotations, -self.rotations])
        return np.unique(every, axis=0)


def symmetry(atoms: "Atoms", *, tolerance: float = 1e-2) -> Symmetry:
    """Find the space group of a structure, and its primitive and conventional cells.

    Parameters
    ----------
    atoms : ase.Atoms
        A crystal; its magnetic moments and shared sites are left out.
    tolerance : float, Å
        How far an atom may be from where symmetry would have it.

    Returns
    -------
    Symmetry
        Space group by number and symbol, its operations, which atoms are equivalent, and the
        primitive and conventional cells (Å).

    Raises
    ------
    DataError
        The cell has no volume, atoms overlap, or no symmetry is found at this tolerance.

    References
    ----------
    .. [1] A. Togo, K. Shinohara and I. Tanaka, Sci. Technol. Adv. Mater. Methods 4, 2384822
       (2024).
    """
    if not tolerance > 0.0:
        message = f"a tolerance is a positive length in Å, got {tolerance}"
        raise DataError(message)
    cell = require_cell(atoms)
    described = (cell, atoms.get_scaled_positions(), atoms.numbers)
    found, primitive = _search(described, tolerance)
    if found is None or primitive is None:
        require_apart(atoms, closest=max(0.1, 2.0 * tolerance))
        message = f"no symmetry is found within {tolerance:g} Å; try another tolerance"
        raise DataError(message)
    return Symmetry(
        number=int(found.number),
        symbol=str(found.international),
        hall=str(found.hall),
        point_group=str(found.pointgroup),
        system=next(system for last, system in SYSTEMS if found.number <= last),
        rotations=np.asarray(found.rotations),
        translations=np.asarray(found.translations),
        equivalent_atoms=np.asarray(found.equivalent_atoms),
        wyckoff=tuple(found.wyckoffs),
        site_symmetry=tuple(found.site_symmetry_symbols),
        primitive=_atoms(*primitive),
        conventional=_atoms(found.std_lattice, found.std_positions, found.std_types),
    )


def _search(described: Any, tolerance: float) -> tuple[Any, Any]:
    """Return what spglib finds, and a primitive cell; `None` where it finds none."""
    import spglib

    with warnings.catch_warnings():
        # It warns that a later version will raise instead of returning None.
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            return (
                spglib.get_symmetry_dataset(described, symprec=tolerance),
                spglib.standardize_cell(described, to_primitive=True, symprec=tolerance),
            )
        except spglib.SpglibError:
            return None, None


def _atoms(cell: Any, positions: Any, numbers: Any) -> "Atoms":
    from ase import Atoms

    return Atoms(numbers=numbers, scaled_positions=positions, cell=cell, pbc=True)
