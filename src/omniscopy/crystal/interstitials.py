"""Holes between atoms: where a small atom would fit."""

from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from omniscopy.crystal.lattice import Floats
from omniscopy.crystal.polyhedra import Polyhedron
from omniscopy.model.errors import DataError

if TYPE_CHECKING:
    from ase import Atoms

# Four atoms that span less than this part of the cube of their distance lie in a plane.
_FLAT = 1e-6


def interstitials(
    atoms: "Atoms", *, smallest: float = 1.2, largest: float = 5.0, tolerance: float = 0.05
) -> list[Polyhedron]:
    r"""Return the interstitial sites of a structure, with the atoms around each.

    Parameters
    ----------
    atoms : ase.Atoms
        At least 4 that are not in a plane; continued along its periodic directions.
    smallest, largest : float, Å
        Distance of a site from the nearest atoms, at least and at most.
    tolerance : float
        Atoms that are further than the nearest by up to this part of the distance are around the
        site too, and sites that are nearer to each other are one.

    Returns
    -------
    list of Polyhedron
        The largest first, as `polyhedra` gives them, with ``centre`` -1 and no ``element``: its
        ``name`` says whether it is a tetrahedron or an octahedron, ``lengths`` how far atoms are;
        places in Å, in the cell where it is periodic, otherwise among the atoms.

    Raises
    ------
    DataError
        There are too few atoms, all in a plane, or the distances are of no use.

    Notes
    -----
    A site is as far from its atoms as is possible nearby: the middle of a sphere through four atoms
    that holds none, :math:`|x - r_i| = \varrho`, a corner of Voronoi's cells. Octahedral sites of
    body-centred crystals are no such places: halfway between two tetrahedral ones, a little atom
    would not stay there.
    """
    if not (0 < smallest < largest) or not 0 < tolerance < 0.5:
        message = (
            f"expected 0 < smallest < largest and a tolerance below 0.5, got {smallest}, "
            f"{largest} Å and {tolerance}"
        )
        raise DataError(message)
    places, numbers = _continued(atoms, 2.0 * largest)
    centres, simplices = _empty_spheres(places)
    periodic = np.asarray(atoms.pbc)
    from scipy.spatial import KDTree

    tree = KDTree(places)
    length = tree.query(centres)[0] if len(centres) else np.empty(0)
    kept = (length >= smallest) & (length <= largest) & simplices
    part = np.asarray(atoms.cell.scaled_positions(centres)) if periodic.any() else 0 * centres
    inside = ((part > -1e-6) & (part < 1 - 1e-6)) | ~periodic
    kept &= inside.all(axis=1)
    centres, length = centres[kept], length[kept]
    found: list[Polyhedron] = []
    for number in np.argsort(-length, kind="stable"):
        place = centres[number]
        apart = tolerance * length[number]
        if any(_distance(atoms, place, other.position) < apart for other in found):
            continue
        around = np.array(tree.query_ball_point(place, length[number] * (1 + tolerance)))
        found.append(Polyhedron(-1, "", numbers[around], place, places[around]))
    return found


def _continued(atoms: "Atoms", reach: float) -> tuple[Floats, np.ndarray]:
    """Return the places of atoms and of their images up to `reach` from the cell."""
    cell, own = np.asarray(atoms.cell), np.asarray(atoms.positions, dtype=np.float64)
    periodic = np.asarray(atoms.pbc)
    if not periodic.any():
        return own, np.arange(len(own))
    heights = 1.0 / np.linalg.norm(np.linalg.inv(np.asarray(atoms.cell.complete())), axis=0)
    counts = [int(np.ceil(reach / h)) if p else 0 for h, p in zip(heights, periodic, strict=True)]
    part = np.asarray(atoms.cell.scaled_positions(own))
    own = own - (np.floor(part) * periodic) @ cell
    places, numbers = [], []
    for shift in product(*(range(-n, n + 1) for n in counts)):
        moved = own + np.array(shift) @ cell
        scaled = np.asarray(atoms.cell.scaled_positions(moved))
        beyond = np.maximum(np.maximum(-scaled, scaled - 1), 0) * heights * periodic
        near = (beyond <= reach).all(axis=1)
        places.append(moved[near])
        numbers.append(np.flatnonzero(near))
    return np.concatenate(places), np.concatenate(numbers)


def _empty_spheres(places: Floats) -> tuple[Floats, np.ndarray]:
    """Return the middles of spheres through four atoms without one inside.

    And which of them are among the atoms.
    """
    from scipy.spatial import Delaunay, QhullError

    if len(places) < 4:
        message = f"interstitial sites lie between at least 4 atoms, got {len(places)}"
        raise DataError(message)
    try:
        tetrahedra = Delaunay(places)
    except QhullError:
        message = "all atoms are in a plane; for an image use `atoms.find_structural_units`"
        raise DataError(message) from None
    corners = places[tetrahedra.simplices]
    edges = corners[:, 1:] - corners[:, :1]
    volume = np.abs(np.linalg.det(edges))
    whole = volume > _FLAT * np.linalg.norm(edges, axis=2).max(axis=1) ** 3
    edges, start = edges[whole], corners[whole, 0]
    # |c - p|^2 is the same for all four: linear in c once one is taken off.
    away = np.linalg.solve(2.0 * edges, np.square(edges).sum(axis=2)[..., None])[..., 0]
    centres = start + away
    return centres, tetrahedra.find_simplex(centres) >= 0


def _distance(atoms: "Atoms", one: Floats, other: Floats) -> float:
    """Return the distance of two places or the nearest of their images."""
    away = one - other
    if np.asarray(atoms.pbc).any():
        part = np.asarray(atoms.cell.scaled_positions(away[None]))[0]
        away = away - np.where(atoms.pbc, np.round(part), 0.0) @ np.asarray(atoms.cell)
    return float(np.linalg.norm(away))
