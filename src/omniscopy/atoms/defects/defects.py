"""Defects: sites without an atom, atoms without a site, atoms of another kind, odd rings."""

import numpy as np
import xarray as xr

from omniscopy.atoms.graphs.bonds import planar_bonds
from omniscopy.atoms.graphs.faces import faces_of
from omniscopy.atoms.graphs.polygons import areas_and_centres
from omniscopy.atoms.neighbourhoods.distances import surrounded
from omniscopy.atoms.strain.links import Links, lattice_links, lattice_vectors, reduced, spans_plane
from omniscopy.atoms.strain.strain import deformations
from omniscopy.atoms.strain.sublattices import linked_groups
from omniscopy.atoms.tables import (
    ATOM,
    COUNT,
    Arrays,
    Column,
    known,
    map_tables,
    require_count,
    require_length,
    require_positions,
    with_brightness,
)
from omniscopy.model import DataError, operation

KINDS = ("vacancy", "interstitial", "substitution", "ring")
# An atom is where it should be if it is nearer than this part of the shorter lattice vector.
_TAKEN = 0.3
# Intensities without noise are told apart from this part of them on.
_EXACT = 1e-6


@operation(example={"positions": "faulty_positions", "lattice": "faulty_lattice"})
def find_defects(
    positions: xr.Dataset,
    lattice: xr.Dataset | None = None,
    *,
    threshold: float = 5.0,
    max_length: float | None = None,
    max_size: int = 16,
) -> xr.Dataset:
    r"""Find defects of a crystal: by its lattice, or by the rings of its bonds.

    Parameters
    ----------
    positions : Dataset, shape (..., atom)
        ``y`` and ``x`` in the same units, perhaps ``intensity``; lazy or in memory.
    lattice : Dataset, optional
        Such as `find_lattice` gives: its vectors a and b. Vacancies, interstitials and
        substitutions are found. Without one, rings of unusual size are.
    threshold : float
        By how many standard deviations of a sublattice the intensity of a substitution is off.
    max_length : float, units of the positions
        The longest bond of a ring; otherwise 1.3 times the usual distance.
    max_size : int
        The most atoms of a ring.

    Returns
    -------
    Dataset, shape (..., defect)
        From the top down: ``y``, ``x``; ``kind``, 1 a vacancy (a site in the crystal without an
        atom), 2 an interstitial (an atom without a site), 3 a substitution (an atom brighter or
        weaker than its sublattice), 4 a ring; ``strength``: the part of the neighbours that
        miss an atom there, the part of lattice vectors that lead to none, the standard deviations
        it is off, or the size of the ring; ``cluster``, from 1 on, the same for rings that share an
        atom; ``atom_number``, NaN for vacancies and rings. ``count`` of all. Of tables in
        memory as many as there are; otherwise one for each atom, NaN after the last.

    Raises
    ------
    DataError
        There are no positions, or the lattice is in other units.

    Notes
    -----
    Each atom says where its neighbours should be, by its lattice vectors and by how they are
    strained around it. A site that at least half of those around it miss is vacant. An atom that
    fewer than a third of its vectors lead from is an interstitial. Neither is
    looked for at the edges, where it is not known whether there is a crystal.

    :math:`s = n_\mathrm{missing} / n` of n lattice vectors for vacancies and interstitials;
    :math:`s = (I - \tilde I) / 1.4826\, \mathrm{med} |I - \tilde I|` with the median
    :math:`\tilde I` of the sublattice for substitutions.

    Examples
    --------
    >>> import omniscopy as om
    >>> defects = om.atoms.find_defects(om.samples.faulty_positions(), om.samples.faulty_lattice())
    >>> [int((defects["kind"] == kind).sum()) for kind in (1, 2)]
    [2, 1]
    """
    units = require_positions(positions)
    require_count("max_size", max_size, 3)
    require_length("max_length", max_length)
    if not threshold > 0:
        message = f"threshold must be above 0, got {threshold!r}"
        raise DataError(message)
    along = ("defect",)
    columns = {
        "y": Column(units, along), "x": Column(units, along), "kind": Column("1", along),
        "strength": Column("1", along), "cluster": Column("1", along),
        "atom_number": Column("1", along), "count": COUNT,
    }  # fmt: skip
    sizes = {"defect": positions.sizes[ATOM]}
    if lattice is None:
        found = map_tables(
            _odd_rings, positions, columns, sizes=sizes, trim="defect",
            parameters={"max_length": max_length, "max_size": max_size},
        )  # fmt: skip
    else:
        a, b = lattice_vectors(lattice, units)
        positions = with_brightness(positions)
        found = map_tables(
            _off_sites, positions, columns, sizes=sizes, trim="defect",
            given=known(positions, "intensity"),
            others={"ay": a[0], "ax": a[1], "by": b[0], "bx": b[1]},
            parameters={"threshold": threshold},
        )  # fmt: skip
    flags = {"flag_values": [1, 2, 3, 4], "flag_meanings": " ".join(KINDS)}
    return found.assign(kind=found["kind"].assign_attrs(flags))


def _off_sites(
    points: np.ndarray, rows: np.ndarray, intensity: np.ndarray | None = None, *, ay: np.ndarray,
    ax: np.ndarray, by: np.ndarray, bx: np.ndarray, threshold: float,
) -> Arrays:  # fmt: skip
    cell = np.array([[float(ay), float(ax)], [float(by), float(bx)]])
    if not spans_plane(cell) or len(points) < 4:
        return {}
    links = lattice_links(points, cell, 1.5)
    length = float(np.hypot(*reduced(cell)[1]))
    inner = surrounded(points, points, 1.6 * length)
    share = (links.index >= 0).mean(axis=1)
    stray = inner & (share < 1 / 3)
    sites, missed = vacant_sites(points, cell, links, ~stray)
    parts = [
        _part(sites, 1, missed, np.full(len(sites), np.nan)),
        _part(points[stray], 2, 1 - share[stray], rows[stray]),
    ]
    if intensity is not None:
        off = _unusual(intensity, linked_groups(points, cell), stray)
        odd = np.abs(off) > threshold
        parts.append(_part(points[odd], 3, off[odd], rows[odd]))
    table = np.concatenate(parts)
    table = table[np.lexsort((table[:, 1], table[:, 0]))]
    return _listed(table, np.arange(1, len(table) + 1))


def _part(points: np.ndarray, kind: int, strength: np.ndarray, atom: np.ndarray) -> np.ndarray:
    return np.column_stack([points, np.full(len(points), float(kind)), strength, atom])


def _listed(table: np.ndarray, cluster: np.ndarray) -> Arrays:
    names = ("y", "x", "kind", "strength", "atom_number")
    columns = dict(zip(names, table.T, strict=True))
    return {**columns, "cluster": cluster, "count": np.asarray(len(table))}


def vacant_sites(
    points: np.ndarray, cell: np.ndarray, links: Links, trusted: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return sites in the crystal without an atom, and the part of those around that miss one."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import KDTree

    near = _TAKEN * float(np.hypot(*reduced(cell)[0]))
    matrix = deformations(points, links.index, links.ideal)[0]
    matrix[~np.isfinite(matrix).all(axis=(1, 2))] = np.eye(2)
    said = points[:, None] + np.einsum("nij,kj->nki", matrix, links.ideal)
    asked = (links.index < 0) & trusted[:, None]
    guesses = said[asked]
    if not len(guesses):
        return np.empty((0, 2)), np.empty(0)
    guesses = guesses[KDTree(points[trusted]).query(guesses)[0] > near]
    pairs = KDTree(guesses).query_pairs(near, output_type="ndarray")
    graph = coo_array((np.ones(len(pairs)), pairs.T), shape=(len(guesses),) * 2)
    count, group = connected_components(graph, directed=False)
    votes = np.bincount(group, minlength=count)
    sites = np.stack([np.bincount(group, guesses[:, n], count) / votes for n in (0, 1)], axis=-1)
    share = votes / len(links.ideal)
    reach = 1.6 * float(np.hypot(*reduced(cell)[1]))
    kept = (share >= 0.5) & surrounded(points, sites, reach)
    return sites[kept], share[kept]


def _unusual(intensity: np.ndarray, groups: np.ndarray, stray: np.ndarray) -> np.ndarray:
    """Return by how many standard deviations (of the median) atoms are off their sublattice."""
    off = np.zeros(len(intensity))
    for group in np.flatnonzero(np.bincount(groups) >= 10):
        own = (groups == group) & ~stray & np.isfinite(intensity)
        if not own.any():
            continue
        away = intensity[own] - np.median(intensity[own])
        spread = 1.4826 * np.median(np.abs(away))
        spread = max(spread, _EXACT * abs(float(np.median(intensity[own]))))
        if spread > 0:
            off[own] = away / spread
    return off


def _odd_rings(
    points: np.ndarray, _rows: np.ndarray, *, max_length: float | None, max_size: int
) -> Arrays:
    polygons, sizes = faces_of(points, planar_bonds(points, max_length), max_size)
    if not len(sizes):
        return {}
    usual = np.bincount(sizes).argmax()
    odd = np.flatnonzero(sizes != usual)
    if not len(odd):
        return {}
    inside = np.arange(max_size) < sizes[odd][:, None]
    corners = np.where(inside, polygons[odd], polygons[odd][:, :1])
    _, centre = areas_and_centres(points[corners])
    table = _part(centre, 4, sizes[odd].astype(np.float64), np.full(len(odd), np.nan))
    order = np.lexsort((centre[:, 1], centre[:, 0]))
    return _listed(table[order], _sharing(corners[order], len(points)) + 1)


def _sharing(corners: np.ndarray, count: int) -> np.ndarray:
    """Return for each ring the number of the group of those that share atoms."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ring = np.repeat(np.arange(len(corners)), corners.shape[1])
    size = len(corners) + count
    graph = coo_array((np.ones(len(ring)), (ring, corners.ravel() + len(corners))), (size, size))
    _, group = connected_components(graph, directed=False)
    return np.asarray(np.unique(group[: len(corners)], return_inverse=True)[1])
