"""Sublattices: atoms that are lattice vectors apart from each other."""

import numpy as np
import xarray as xr

from omniscopy.atoms.columns.mixtures import maximum_likelihood
from omniscopy.atoms.strain.links import lattice_links, lattice_vectors, reduced, spans_plane
from omniscopy.atoms.tables import (
    COUNT,
    Arrays,
    Column,
    known,
    map_tables,
    require_count,
    require_positions,
    with_brightness,
)
from omniscopy.model import operation

_ALONG = ("sublattice",)
# Groups of atoms of which the places in the cell differ by less are one sublattice.
_SAME = 0.12
# Two brightnesses of one sublattice: of so many atoms, so many widths apart, each of such a part.
_FEWEST, _APART, _SHARE = 16, 4.0, 0.15


@operation(example={"positions": "atom_positions", "lattice": "atom_lattice"})
def find_sublattices(
    positions: xr.Dataset, lattice: xr.Dataset, *, max_sublattices: int = 8
) -> xr.Dataset:
    """Sort atoms into sublattices: those that are lattice vectors apart from each other.

    Parameters
    ----------
    positions : Dataset, shape (..., atom)
        ``y`` and ``x`` in the same units, perhaps ``intensity`` or ``amplitude``; lazy or in
        memory.
    lattice : Dataset
        Such as `find_lattice` gives: its vectors a and b.
    max_sublattices : int
        How many at most; atoms of further ones are of none.

    Returns
    -------
    Dataset, shape (..., atom)
        Pure numbers but for positions and intensities, which are in their units.
        ``label`` of the sublattice of each atom, -1 for none, with ``y`` and ``x`` as they are
        given; along ``sublattice`` the ``size``, ``fraction_a`` and ``fraction_b``, the place in
        the cell from the first one, -1/2 to 1/2, and ``mean_intensity`` where positions have
        one. The brightest is the first, or the largest. NaN for sublattices that are not there;
        ``count`` of those that are.

    Raises
    ------
    DataError
        There are no positions, or the lattice is none, or is in other units.

    Notes
    -----
    Atoms are linked to those one of a, b or their sum or difference away. What is linked is one
    sublattice, however much the lattice bends over the image; groups that vacancies or edges
    cut off are put to the sublattice that has their place in the cells around them. One of two
    brightnesses that are apart by more than four standard deviations is two sublattices, of the
    same place: positions alone do not tell them apart.

    Fractions f are those of :math:`r = r_1 + (i + f_a) a + (j + f_b) b` from an atom :math:`r_1`
    of the first sublattice.

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.atoms.find_sublattices(om.samples.atom_positions(), om.samples.atom_lattice())
    >>> int(found["count"]), abs(float(found["fraction_a"][1])) > 0.4
    (2, True)
    """
    units = require_positions(positions)
    a, b = lattice_vectors(lattice, units)
    require_count("max_sublattices", max_sublattices)
    positions = with_brightness(positions)
    bright = known(positions, "intensity")
    columns = {
        "y": Column(units), "x": Column(units), "label": Column("1", dtype=np.int64, fill=-1),
        "size": Column("1", _ALONG), "fraction_a": Column("1", _ALONG),
        "fraction_b": Column("1", _ALONG), "count": COUNT,
    }  # fmt: skip
    if bright:
        columns["mean_intensity"] = Column(positions["intensity"].attrs.get("units"), _ALONG)
    return map_tables(
        _sorted, positions, columns, sizes={"sublattice": max_sublattices}, given=bright,
        others={"ay": a[0], "ax": a[1], "by": b[0], "bx": b[1]}, trim="sublattice",
        parameters={"most": max_sublattices},
    )  # fmt: skip


def _sorted(
    points: np.ndarray, _rows: np.ndarray, intensity: np.ndarray | None = None, *, ay: np.ndarray,
    ax: np.ndarray, by: np.ndarray, bx: np.ndarray, most: int,
) -> Arrays:  # fmt: skip
    cell = np.array([[float(ay), float(ax)], [float(by), float(bx)]])
    if not spans_plane(cell):
        return {"y": points[:, 0], "x": points[:, 1]}
    groups = linked_groups(points, cell)
    sizes = np.bincount(groups)
    near = np.hypot(*reduced(cell)[0])
    label = np.full(len(sizes), -1)
    leaders: list[int] = []
    for group in np.argsort(-sizes, kind="stable"):
        away = [
            np.hypot(*(offset(points, cell, groups == group, groups == leader) @ cell)) / near
            for leader in leaders
        ]
        if away and min(away) < _SAME:
            label[group] = int(np.argmin(away))
        elif len(leaders) < most and sizes[group] > 0.02 * len(points):
            label[group] = len(leaders)
            leaders.append(int(group))
    own = label[groups]
    count = len(leaders)
    if intensity is not None:
        own, count = _parted(own, count, intensity, most)
    size = np.bincount(own[own >= 0], minlength=count)
    strength = size.astype(np.float64)
    made: Arrays = {}
    if intensity is not None:
        strength = np.array([np.nanmean(intensity[own == n]) for n in range(count)])
    order = np.argsort(-strength, kind="stable")
    rank = np.append(np.argsort(order), -1)
    if intensity is not None:
        made["mean_intensity"] = strength[order]
    fraction = np.array([offset(points, cell, own == n, own == order[0]) for n in order])
    fraction = fraction.reshape(-1, 2)
    return {
        **made, "y": points[:, 0], "x": points[:, 1], "label": rank[own],
        "size": size[order].astype(np.float64), "fraction_a": fraction[:, 0],
        "fraction_b": fraction[:, 1], "count": np.asarray(count),
    }  # fmt: skip


def _parted(
    label: np.ndarray, count: int, intensity: np.ndarray, most: int
) -> tuple[np.ndarray, int]:
    """Return labels in which sublattices of two brightnesses are two, and how many there are."""
    label = label.copy()
    for number in range(count):
        own = np.flatnonzero((label == number) & np.isfinite(intensity))
        wide = np.ptp(intensity[own]) if len(own) else 0.0
        if len(own) < _FEWEST or count == most or not wide > 0:
            continue
        mixture = maximum_likelihood((intensity[own] - intensity[own].min()) / wide, 2)
        low, high = mixture.mean
        if high - low > _APART * mixture.width and mixture.weight.min() > _SHARE:
            label[own[mixture.chance.argmax(axis=1) == 1]] = count
            count += 1
    return label, count


def linked_groups(points: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Return for each atom the number of the group that lattice vectors lead to."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    index = lattice_links(points, cell, 1.0).index
    one, link = np.nonzero(index >= 0)
    edges = (one, index[one, link])
    graph = coo_array((np.ones(len(one)), edges), shape=(len(points),) * 2)
    return np.asarray(connected_components(graph, directed=False)[1])


def offset(
    points: np.ndarray, cell: np.ndarray, group: np.ndarray, origin: np.ndarray
) -> np.ndarray:
    """Return where in the cell a group of atoms is, from another: (2,), -1/2 to 1/2.

    The mean over the atoms of the group, each from the nearest of the other, on a circle.
    """
    from scipy.spatial import KDTree

    _, nearest = KDTree(points[origin]).query(points[group])
    fractions = (points[group] - points[origin][nearest]) @ np.linalg.inv(cell)
    turn = np.exp(2j * np.pi * fractions).mean(axis=0)
    return np.asarray(np.angle(turn) / (2 * np.pi))
