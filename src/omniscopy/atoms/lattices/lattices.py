"""Finding the lattice of positions, and the indices of atoms in it."""

from typing import NamedTuple

import numpy as np
import xarray as xr

from omniscopy.atoms.lattices.vectors import basis_of
from omniscopy.atoms.tables import COUNT, Arrays, Column, map_tables, require_positions
from omniscopy.model import DataError, Status, operation

# An atom belongs to a site within this part of the shortest distance of two atoms.
_ON_SITE = 0.3
_FEWEST = 6
_GROWTH = 1.5
_MOST_SITES = 16
_LEAST_SINE = 0.05


@operation(example={"positions": "atom_positions"})
def find_lattice(
    positions: xr.Dataset,
    *,
    a: tuple[float, float] | None = None,
    b: tuple[float, float] | None = None,
) -> xr.Dataset:
    r"""Find the lattice of atoms in a plane, and index the atoms.

    Parameters
    ----------
    positions : Dataset, shape (..., atom)
        ``y`` and ``x``, such as `find_atoms` or `refine_atoms` give; of one or several atoms a
        cell. Some may be missing, and some wrong.
    a, b : (float, float), units of the positions
        Vectors (y, x) of a cell that is known within a few percent, such as a larger one; they
        are fitted, and indices refer to them. Otherwise those of the smallest cell, for which
        atoms may be off their places by a fifth of the shortest distance: the larger cell of
        atoms that are off together, as in ferroelectrics, must be given.

    Returns
    -------
    Dataset, shape (..., atom)
        The shortest lattice vectors ``a_y``, ``a_x`` (nearest to +x) and ``b_y``, ``b_x`` (from
        there towards +y, down in the image, by 90 degrees or more where that costs no length),
        ``origin_y`` and ``origin_x``, the site in the middle of the most frequent kind; each with
        ``_std``. ``length_a``, ``length_b`` and their ``angle`` in degrees. Of each atom
        ``index_a`` and ``index_b`` of its cell, its ``site`` in the cell (0 at the origin, the
        most frequent first; -1 for an atom on none), and ``residual_y``, ``residual_x`` from the
        ideal place, with their length ``residual``; NaN on no site. ``count`` of atoms that are
        on one, ``sites``, and ``status``: 5 (invalid) where there is no lattice, such as of fewer
        than 6 atoms, 4 (no data) for atoms without a position.

    Raises
    ------
    DataError
        Positions are no table, or only one vector is given, or two along one line.

    Notes
    -----
    Differences of neighbours that are alike make vectors; those of the lattice lead from most
    atoms to another one. From the middle outwards, least squares of
    :math:`r = r_s + i a + j b` over all atoms with the sites :math:`r_s` of the cell.

    Examples
    --------
    >>> import omniscopy as om
    >>> lattice = om.atoms.find_lattice(om.samples.atom_positions())
    >>> round(float(lattice["length_a"]), 2), round(float(lattice["angle"]))
    (0.28, 90)
    """
    units = require_positions(positions)
    vector = ("a_y", "a_x", "b_y", "b_x", "origin_y", "origin_x")
    length = Column(units, ())
    columns = {
        **dict.fromkeys(vector, length), **{f"{name}_std": length for name in vector},
        "length_a": length, "length_b": length, "angle": Column("deg", ()),
        "index_a": Column("1"), "index_b": Column("1"),
        "site": Column("1", dtype=np.int64, fill=-1),
        "residual_y": Column(units), "residual_x": Column(units), "residual": Column(units),
        "count": COUNT, "sites": COUNT,
        "status": Column("1", dtype=np.uint8, fill=Status.NO_DATA),
    }  # fmt: skip
    return map_tables(_lattice_of, positions, columns, parameters={"cell": _cell_of(a, b)})


def _cell_of(
    a: tuple[float, float] | None, b: tuple[float, float] | None
) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """Return the vectors that are given; raise unless they span a cell."""
    if a is None and b is None:
        return None
    if a is None or b is None:
        message = "a and b must be given together, as (y, x) each"
        raise DataError(message)
    cell = np.array([a, b], dtype=np.float64)
    lengths = np.hypot(*cell.T) if cell.shape == (2, 2) else np.zeros(1)
    if not (lengths > 0).all() or abs(np.linalg.det(cell)) < _LEAST_SINE * lengths.prod():
        message = f"a and b must be two vectors (y, x) that are not along one line, got {a}, {b}"
        raise DataError(message)
    return (float(a[0]), float(a[1])), (float(b[0]), float(b[1]))


class _Lattice(NamedTuple):
    """Vectors (a, b), places of the sites, and the indices and site of atoms; -1 for none."""

    cell: np.ndarray
    sites: np.ndarray
    indices: np.ndarray
    site: np.ndarray
    variance: np.ndarray


def _lattice_of(
    points: np.ndarray, _rows: np.ndarray, *, cell: tuple[tuple[float, float], ...] | None
) -> Arrays:
    nothing = {"status": np.full(len(points), int(Status.INVALID), np.uint8)}
    if len(points) < _FEWEST:
        return nothing
    start = basis_of(points) if cell is None else np.array(cell)
    if start is None:
        return nothing
    found = _grown(points, start)
    if found is None:
        return nothing
    vectors, sites, index, site, variance = found
    on = site >= 0
    ideal = sites[site] + index @ vectors
    residual = np.where(on[:, None], points - ideal, np.nan)
    index = np.where(on[:, None], index, np.nan)
    std = np.sqrt(np.concatenate([variance[-2:], variance[:1]]))
    lengths = np.hypot(*vectors.T)
    names = ("a_y", "a_x", "b_y", "b_x", "origin_y", "origin_x")
    values = np.concatenate([vectors, sites[:1]]).ravel()
    return {
        **{name: np.asarray(each) for name, each in zip(names, values, strict=True)},
        **{f"{name}_std": np.asarray(each) for name, each in zip(names, std.ravel(), strict=True)},
        "length_a": lengths[0], "length_b": lengths[1],
        "angle": np.degrees(np.arccos(np.clip(vectors[0] @ vectors[1] / lengths.prod(), -1, 1))),
        "index_a": index[:, 0], "index_b": index[:, 1], "site": site,
        "residual_y": residual[:, 0], "residual_x": residual[:, 1],
        "residual": np.hypot(*residual.T), "count": np.asarray(on.sum()),
        "sites": np.asarray(len(sites)), "status": np.zeros(len(points), np.uint8),
    }  # fmt: skip


def _grown(points: np.ndarray, cell: np.ndarray) -> _Lattice | None:
    """Return the lattice fitted to all atoms, from the middle outwards."""
    from scipy.spatial import cKDTree

    shortest = float(np.median(cKDTree(points).query(points, k=2)[0][:, 1]))
    centre = points[np.argmin(np.hypot(*(points - points.mean(axis=0)).T))]
    distance = np.hypot(*(points - centre).T)
    radius = 3.0 * float(np.hypot(*cell.T).max())
    sites = _sites_of(points[distance <= radius], centre, cell, _ON_SITE * shortest)
    found: _Lattice | None = None
    while True:
        inside = distance <= radius
        for _ in range(3):
            made = _fitted(points, inside, cell, sites, _ON_SITE * shortest)
            if made is None:
                return found
            found = made
            cell, sites = found.cell, found.sites
        if inside.all():
            break
        radius *= _GROWTH
    return _from_middle(points, found)


def _sites_of(
    points: np.ndarray, origin: np.ndarray, cell: np.ndarray, radius: float
) -> np.ndarray:
    """Return the places in a cell where atoms are, the most frequent first."""
    within = (points - origin) @ np.linalg.inv(cell)
    within = (within - np.floor(within)) @ cell
    shifts = np.array([[i, j] for i in (-1, 0, 1) for j in (-1, 0, 1)]) @ cell
    left = np.ones(len(points), bool)
    sites: list[np.ndarray] = []
    counts: list[int] = []
    for number in range(len(points)):
        if not left[number] or len(sites) == _MOST_SITES:
            continue
        away = within[:, None] - within[number] + shifts
        nearest = np.hypot(away[..., 0], away[..., 1])
        which = nearest.argmin(axis=1)
        same = left & (nearest.min(axis=1) < radius)
        left &= ~same
        shift = away[np.arange(len(points)), which][same].mean(axis=0)
        sites.append(origin + within[number] + shift)
        counts.append(int(same.sum()))
    # Single atoms out of place make no site.
    counted = np.array(counts)
    order = np.argsort(-counted, kind="stable")
    return np.array(sites)[order][counted[order] > max(1, 0.25 * counted.max())]


def _fitted(
    points: np.ndarray, inside: np.ndarray, cell: np.ndarray, sites: np.ndarray, radius: float
) -> _Lattice | None:
    """Return the least squares of the atoms that are near to a site."""
    inverse = np.linalg.inv(cell)
    indices = np.rint((points[:, None] - sites) @ inverse)
    away = points[:, None] - sites - indices @ cell
    distance = np.hypot(away[..., 0], away[..., 1])
    nearest = distance.argmin(axis=1)
    every = np.arange(len(points))
    index = indices[every, nearest]
    site = np.where(distance[every, nearest] < radius, nearest, -1)
    used = inside & (site >= 0)
    design = np.concatenate([np.eye(len(sites))[site[used]], index[used]], axis=1)
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return None
    normal = np.linalg.inv(design.T @ design)
    solved = normal @ (design.T @ points[used])
    degrees = max(int(used.sum()) - design.shape[1], 1)
    spread = ((points[used] - design @ solved) ** 2).sum(axis=0) / degrees
    variance = np.diag(normal)[:, None] * spread
    return _Lattice(solved[-2:], solved[:-2], index, site, variance)


def _from_middle(points: np.ndarray, found: _Lattice | None) -> _Lattice | None:
    """Return the lattice with the most frequent site first, and its origin in the middle."""
    if found is None or not (found.site >= 0).any():
        return None
    counts = np.bincount(found.site[found.site >= 0], minlength=len(found.sites))
    order = np.argsort(-counts, kind="stable")
    rank = np.append(np.argsort(order, kind="stable"), -1)
    variance = np.concatenate([found.variance[:-2][order], found.variance[-2:]])
    sites = found.sites[order]
    # Sites of one cell lie within it, as seen from the first.
    inverse = np.linalg.inv(found.cell)
    middle = np.rint((points.mean(axis=0) - sites[0]) @ inverse)
    steps = np.floor((sites - sites[0]) @ inverse + 1e-9)
    moved = middle - steps
    moved[0] = middle
    index = found.indices - moved[rank[found.site]]
    return _Lattice(found.cell, sites + moved @ found.cell, index, rank[found.site], variance)
