"""Planes of atoms: the rows that lie along a lattice direction, and how far apart they are."""

from math import gcd

import numpy as np
import xarray as xr

from omniscopy.atoms.strain.links import lattice_links, lattice_vectors, spans_plane
from omniscopy.atoms.tables import ATOM, COUNT, Arrays, Column, map_tables, require_positions
from omniscopy.model import DataError, operation

# Sublattices are in one plane if they are nearer than this part of the distance of planes.
_SAME = 0.12
_ALONG = ("plane",)
_FEWEST = 2


@operation(example={"positions": "atom_positions", "lattice": "atom_lattice"})
def find_planes(
    positions: xr.Dataset, lattice: xr.Dataset, *, direction: tuple[int, int] = (1, 0)
) -> xr.Dataset:
    r"""Find the planes of atoms along a lattice direction, and the distances in and between them.

    Parameters
    ----------
    positions : Dataset, shape (..., atom)
        ``y`` and ``x`` in the same units; lazy or in memory. Atoms may be missing.
    lattice : Dataset
        Such as `find_lattice` gives: its vectors a and b.
    direction : (int, int)
        The planes lie along so many times a and b, as (1, 0), (0, 1), (1, 1), (1, -1), (2, 1).

    Returns
    -------
    Dataset, shape (..., atom) and (..., plane)
        Of atoms: the number of their ``plane_index``, -1 for none, which rises along the normal
        (the direction, turned by 90 degrees from +x towards +y); ``period``, the distance to
        the next atom of the plane, and ``spacing``, that to the next plane: across, between the
        two atoms of it that are on both sides. NaN at the ends. Of planes: ``size``, ``y`` and
        ``x`` of the middle, ``angle`` in degrees from +x towards +y (-90 to 90),
        ``deviation`` of atoms from a straight line (rms), ``mean_period`` and ``mean_spacing``
        with ``_std`` (of the mean) and with ``period_scatter`` and ``spacing_scatter``, the
        standard deviations of single distances. ``count`` of planes of 2 atoms or more.

    Raises
    ------
    DataError
        There are no positions, the lattice is none or is in other units, or the direction has
        a common factor.

    Notes
    -----
    Atoms get indices by way of their neighbours one lattice vector away, so that planes bend
    with the lattice. Those of other sublattices are put to the plane they lie in, or make planes
    between the others.

    With the slope t of the line :math:`n = n_0 + t s` that is fitted to the atoms of a plane, s
    along and n across the direction, a spacing is :math:`(n' - n) / \sqrt{1 + t^2}`, where
    :math:`n'` is that of the next plane at the same s.

    Examples
    --------
    >>> import omniscopy as om
    >>> planes = om.atoms.find_planes(om.samples.atom_positions(), om.samples.atom_lattice())
    >>> round(float(planes["mean_period"].median()), 2)
    0.4
    """
    units = require_positions(positions)
    a, b = lattice_vectors(lattice, units)
    if len(direction) != 2 or gcd(*map(int, direction)) != 1:
        message = (
            "direction must be two whole numbers without a common factor, as (1, 0) or (1, -1), "
            f"got {direction!r}"
        )
        raise DataError(message)
    length, per_plane = Column(units), Column(units, _ALONG)
    columns = {
        "plane_index": Column("1", dtype=np.int64, fill=-1), "period": length, "spacing": length,
        "size": Column("1", _ALONG), "y": per_plane, "x": per_plane,
        "angle": Column("deg", _ALONG), "deviation": per_plane,
        **{
            name: per_plane
            for kind in ("period", "spacing")
            for name in (f"mean_{kind}", f"mean_{kind}_std", f"{kind}_scatter")
        },
        "count": COUNT,
    }  # fmt: skip
    return map_tables(
        _planes_of, positions, columns, sizes={"plane": positions.sizes[ATOM]}, trim="plane",
        others={"ay": a[0], "ax": a[1], "by": b[0], "bx": b[1]},
        parameters={"direction": (int(direction[0]), int(direction[1]))},
    )  # fmt: skip


def _planes_of(
    points: np.ndarray, _rows: np.ndarray, *, ay: np.ndarray, ax: np.ndarray, by: np.ndarray,
    bx: np.ndarray, direction: tuple[int, int],
) -> Arrays:  # fmt: skip
    cell = np.array([[float(ay), float(ax)], [float(by), float(bx)]])
    if not spans_plane(cell):
        return {}
    along = np.array(direction) @ cell
    along /= np.hypot(*along)
    normal = np.array([along[1], -along[0]])
    # Lattice lines along (u, v) are numbered by i v - j u.
    across = indices_of(points, cell) @ np.array([direction[1], -direction[0]])
    number = _numbers(across)
    height = np.bincount(number, points @ normal) / np.bincount(number)
    order = np.argsort(height, kind="stable")
    order = order[np.bincount(number)[order] >= _FEWEST]
    rank = np.full(len(height), -1)
    rank[order] = np.arange(len(order))
    plane = rank[number]
    return _measured(points, plane, along, normal, len(order))


def _measured(
    points: np.ndarray, plane: np.ndarray, along: np.ndarray, normal: np.ndarray, count: int
) -> Arrays:
    """Return the columns of atoms in planes that are numbered along the normal."""
    s, n = points @ along, points @ normal
    members = [np.flatnonzero(plane == number) for number in range(count)]
    members = [each[np.argsort(s[each], kind="stable")] for each in members]
    period, spacing = np.full((2, len(points)), np.nan)
    angle, deviation, size = np.full((3, count), np.nan)
    middle = np.full((count, 2), np.nan)
    tables = {name: np.full((3, count), np.nan) for name in ("period", "spacing")}
    for number, own in enumerate(members):
        period[own[:-1]] = np.hypot(*np.diff(points[own], axis=0).T)
        if not np.ptp(s[own]) > 0:
            continue
        slope, level = np.polyfit(s[own] - s[own].mean(), n[own], 1)
        turned = along + slope * normal
        angle[number] = (np.degrees(np.arctan2(*turned)) + 90.0) % 180.0 - 90.0
        away = (n[own] - level - slope * (s[own] - s[own].mean())) / np.hypot(1.0, slope)
        deviation[number], size[number] = np.sqrt((away**2).mean()), len(own)
        middle[number] = points[own].mean(axis=0)
        if number + 1 < count:
            after = members[number + 1]
            there = np.interp(s[own], s[after], n[after], left=np.nan, right=np.nan)
            # Across the planes, not across the direction of the lattice as a whole.
            spacing[own] = (there - n[own]) / np.hypot(1.0, slope)
        # Where an atom is missing the next one is two periods away.
        usual = np.median(period[own[:-1]])
        period[own[:-1]] = np.where(period[own[:-1]] < 1.5 * usual, period[own[:-1]], np.nan)
        for name, values in (("period", period[own]), ("spacing", spacing[own])):
            tables[name][:, number] = _mean_of(values[np.isfinite(values)])
    return {
        "plane_index": plane, "period": period, "spacing": spacing, "size": size,
        "y": middle[:, 0], "x": middle[:, 1], "angle": angle, "deviation": deviation,
        **{
            name: column
            for kind, table in tables.items()
            for name, column in zip(
                (f"mean_{kind}", f"mean_{kind}_std", f"{kind}_scatter"), table, strict=True
            )
        },
        "count": np.asarray(count),
    }  # fmt: skip


def _mean_of(values: np.ndarray) -> tuple[float, float, float]:
    """Return the mean, its standard deviation and that of a value."""
    if len(values) < 2:
        return (float(values[0]) if len(values) else np.nan), np.nan, np.nan
    scatter = float(values.std(ddof=1))
    return float(values.mean()), scatter / np.sqrt(len(values)), scatter


def _numbers(across: np.ndarray) -> np.ndarray:
    """Return numbers of values that are alike."""
    order = np.argsort(across, kind="stable")
    steps = np.diff(across[order], prepend=across[order[:1]]) > _SAME
    numbers = np.empty(len(across), np.int64)
    numbers[order] = np.cumsum(steps)
    return numbers


def indices_of(points: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Return how many times a and b atoms are from one of them, shape (atoms, 2).

    Whole numbers within what lattice vectors link; groups that are linked by none, such as other
    sublattices, are the same fractions away from the largest one.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import breadth_first_order, connected_components
    from scipy.spatial import KDTree

    links = lattice_links(points, cell, 1.0)
    steps = np.rint(links.ideal @ np.linalg.inv(cell))
    one, link = np.nonzero(links.index >= 0)
    edges = (one, links.index[one, link])
    graph = coo_array((link + 1, edges), shape=(len(points),) * 2).tocsr()
    group = connected_components(graph, directed=False)[1]
    index = np.zeros((len(points), 2))
    sizes = np.argsort(-np.bincount(group), kind="stable")
    inverse = np.linalg.inv(cell)
    for number in sizes:
        own = np.flatnonzero(group == number)
        order, before = breadth_first_order(graph, own[0], directed=True)
        for atom in order[1:]:
            index[atom] = index[before[atom]] + steps[graph[before[atom], atom] - 1]
        if number == sizes[0]:
            largest, tree = own, KDTree(points[own])
            continue
        nearest = largest[tree.query(points[own])[1]]
        away = index[nearest] + (points[own] - points[nearest]) @ inverse - index[own]
        index[own] += np.median(away, axis=0)
    return index
