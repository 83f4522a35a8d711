"""Polyhedra of the atoms around others."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from omniscopy.crystal.contacts import neighbours, require_symbols
from omniscopy.crystal.lattice import Floats, angle_between
from omniscopy.model.errors import DataError

if TYPE_CHECKING:
    from ase import Atoms

IDEAL_ANGLE = {"tetrahedron": (109.4712206, 6), "octahedron": (90.0, 12)}


@dataclass(frozen=True)
class Polyhedron:
    """An atom with the atoms bonded to it at the corners."""

    centre: int
    """Number of the atom, -1 where there is none."""
    element: str
    """Its symbol, empty where there is none."""
    ligands: npt.NDArray[np.int64]
    """Numbers of the atoms at the corners."""
    position: Floats
    """Å, of the centre."""
    corners: Floats
    """Å, (corners, 3), images across borders of the cell where they are."""

    @property
    def lengths(self) -> Floats:
        """Return the distances of the corners from the centre in Å."""
        found: Floats = np.linalg.norm(self.corners - self.position, axis=1)
        return found

    @property
    def angles(self) -> Floats:
        """Return the angles of all pairs of corners at the centre, ascending, in degrees."""
        away = self.corners - self.position
        first, second = np.triu_indices(len(away), 1)
        found: Floats = np.sort(angle_between(away[first], away[second]))
        return found

    @property
    def volume(self) -> float:
        """Return the volume in Å³; 0 where all corners are in a plane."""
        from scipy.spatial import ConvexHull, QhullError

        if len(self.corners) < 4:
            return 0.0
        try:
            return float(ConvexHull(self.corners).volume)
        except QhullError:
            return 0.0

    @property
    def name(self) -> str:
        """Return what it is called: octahedron, trigonal prism, ... or the number of corners."""
        count = len(self.corners)
        straight = int((self.angles > 155.0).sum())
        right = int((np.abs(self.angles - 90.0) < 10.0).sum())
        if count == 4:
            return "square" if straight == 2 else "tetrahedron"
        if count == 6:
            return "octahedron" if straight == 3 else "trigonal prism" if not straight else "6"
        if count == 8 and straight == 4:
            return "hexagonal bipyramid" if right > 6 else "cube"
        if count == 12 and straight == 6:
            return "cuboctahedron" if right > 5 else "icosahedron"
        return {2: "dumbbell", 3: "triangle"}.get(count, str(count))

    @property
    def distortion(self) -> float:
        """Return the mean difference of the lengths from their mean, over that.

        Baur's index (Acta Cryst. B 30, 1195, 1974).
        """
        return float(np.abs(self.lengths - self.lengths.mean()).mean() / self.lengths.mean())

    @property
    def angle_variance(self) -> float:
        """Return the variance of the angles in square degrees (Robinson, Science 172, 567, 1971).

        About the ideal angle, over one less than their number: 6 of a tetrahedron, the 12 right
        ones of an octahedron. NaN where it is neither a tetrahedron nor an octahedron.
        """
        if self.name not in IDEAL_ANGLE:
            return float("nan")
        ideal, count = IDEAL_ANGLE[self.name]
        return float(np.square(self.angles[:count] - ideal).sum() / (count - 1))


def polyhedra(
    atoms: "Atoms",
    centre: str,
    ligand: str,
    *,
    longest: float | None = None,
    stretch: float = 1.25,
) -> list[Polyhedron]:
    r"""Return the polyhedra of one element around another.

    Parameters
    ----------
    atoms : ase.Atoms
        Corners across borders of the cell are found along its periodic directions.
    centre, ligand : str
        Symbols, such as ``"Ti"`` and ``"O"``.
    longest : float, Å, optional
        Longest bond. By default `stretch` times the shortest at each centre.
    stretch : float
        See `longest`.

    Returns
    -------
    list of Polyhedron
        One for each centre that has ligands near, in the order of the atoms; places in Å.

    Raises
    ------
    DataError
        An element is not in the structure, or `longest` or `stretch` is of no use.

    Notes
    -----
    Corners of the centre at :math:`r` are the :math:`r_j` with :math:`|r_j - r| \le s \min_k
    |r_k - r|`, :math:`s` being `stretch`, or within `longest`.
    """
    symbols = np.array(atoms.get_chemical_symbols())
    require_symbols([centre, ligand], symbols)
    if stretch < 1.0 or (longest is not None and not longest > 0.0):
        message = (
            f"`longest` is a positive length and `stretch` 1 or more, got {longest}, {stretch}"
        )
        raise DataError(message)
    reach = (
        longest
        if longest is not None
        else stretch * _farthest_of_nearest(atoms, symbols, centre, ligand)
    )
    first, second, length, offset = neighbours(atoms, reach)
    cell = np.asarray(atoms.cell)
    found = []
    for number in np.flatnonzero(symbols == centre):
        own = np.flatnonzero((first == number) & (symbols[second] == ligand))
        if not own.size:
            continue
        if longest is None:
            own = own[length[own] <= stretch * length[own].min()]
        corners = atoms.positions[second[own]] + offset[own] @ cell
        place = np.array(atoms.positions[number])
        found.append(Polyhedron(int(number), centre, second[own], place, corners))
    return found


def _farthest_of_nearest(atoms: "Atoms", symbols: npt.NDArray[np.str_], a: str, b: str) -> float:
    """Return the largest, over atoms of `a`, of the distance to the nearest `b`, in Å."""
    reach = 3.0
    while reach < 21.0:
        first, second, length, _ = neighbours(atoms, reach)
        nearest = np.full(len(symbols), np.inf)
        chosen = (symbols[first] == a) & (symbols[second] == b)
        np.minimum.at(nearest, first[chosen], length[chosen])
        farthest = float(nearest[symbols == a].max())
        if np.isfinite(farthest):
            return farthest
        reach *= 1.6
    message = f"an atom of {a} has no {b} within 20 Å; give `longest`"
    raise DataError(message)
