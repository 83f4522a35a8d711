"""Dopants and the atoms that are bonded to them: what a defect is made of."""

import numpy as np
import xarray as xr

from omniscopy.atoms.neighbourhoods.distances import angles_of, usual_distance
from omniscopy.atoms.tables import (
    ATOM,
    COUNT,
    Arrays,
    Column,
    map_tables,
    require_count,
    require_length,
    require_positions,
)
from omniscopy.model import operation

# Longest bonds over the usual distance, where they are not given: of a dopant with a host atom,
# and with another dopant. In graphene (C-C 142 pm) these are 213 and 250 pm, as for silicon.
_WITH_HOST, _WITH_DOPANT = 1.5, 1.76
# Bond angles that differ by more, in degrees, are those of a defect that is distorted.
_DISTORTED = 15.0


@operation(example={"positions": "atom_positions"})
def find_dopants(
    positions: xr.Dataset,
    *,
    host: int = 0,
    max_length: float | None = None,
    max_dopant_length: float | None = None,
    max_bonds: int = 4,
) -> xr.Dataset:
    r"""Find dopants, those that are bonded to each other, and the atoms around them.

    Parameters
    ----------
    positions : Dataset, shape (..., atom)
        ``y`` and ``x`` in the same units, and ``kind``, such as `learn.AtomFinder` gives for
        several classes; lazy or in memory. Atoms of kinds below 0 are of none.
    host : int
        The kind of the host; all others are dopants.
    max_length : float, units of the positions
        The longest bond of a dopant and a host atom; otherwise 1.5 times the usual distance.
    max_dopant_length : float, units of the positions
        The longest bond of two dopants; otherwise 1.76 times the usual distance.
    max_bonds : int
        A dopant has so many bonds at most: the shortest ones.

    Returns
    -------
    Dataset, shapes (..., defect) and (..., atom)
        From the top down, one for each group of bonded dopants: ``y`` and ``x``, the mean of its
        dopants; how many ``dopants`` and bonded host atoms (``neighbours``) it has, its formula;
        ``bond_length`` and ``bond_angle`` in degrees between neighbouring bonds of a dopant, their
        means with standard deviations ``bond_length_std`` and ``bond_angle_std``, NaN where there
        are none; ``distorted``, 1 where angles differ by more than 15 degrees. ``member``: to
        which of them an atom belongs, -1 for none. ``count`` of all. Of tables in memory as many
        as there are; otherwise one for each atom, NaN after the last.

    Raises
    ------
    DataError
        There are no positions or kinds, or a length is not above 0.

    Notes
    -----
    Angles go all around a dopant, :math:`\sum_i \vartheta_i = 360^\circ`: it is their deviation
    that tells how distorted it is. Deviations are those of the values, :math:`\sigma^2 = \frac1n
    \sum (x - \bar x)^2`.

    Examples
    --------
    >>> import numpy as np
    >>> import omniscopy as om
    >>> atoms = om.simulate.atom_positions("honeycomb", extent=(3.0, 3.0))
    >>> away = np.hypot(atoms["y"] - 1.5, atoms["x"] - 1.5)
    >>> atoms["kind"] = (away == away.min()).astype(int)
    >>> found = om.atoms.find_dopants(atoms)
    >>> int(found["dopants"][0]), int(found["neighbours"][0]), round(float(found["bond_angle"][0]))
    (1, 3, 120)
    """
    units = require_positions(positions, needs=("kind",))
    require_length("max_length", max_length)
    require_length("max_dopant_length", max_dopant_length)
    require_count("max_bonds", max_bonds)
    along = ("defect",)
    columns = {
        **{name: Column(units, along) for name in ("y", "x", "bond_length", "bond_length_std")},
        **{name: Column("deg", along) for name in ("bond_angle", "bond_angle_std")},
        **{name: Column("1", along) for name in ("dopants", "neighbours", "distorted")},
        "member": Column("1", dtype=np.int64, fill=-1), "count": COUNT,
    }  # fmt: skip
    return map_tables(
        _listed, positions, columns, sizes={"defect": positions.sizes[ATOM]}, given=["kind"],
        trim="defect",
        parameters={
            "host": host, "limits": (max_length, max_dopant_length), "max_bonds": max_bonds,
        },
    )  # fmt: skip


def _listed(
    points: np.ndarray, _rows: np.ndarray, kind: np.ndarray, *, host: int,
    limits: tuple[float | None, float | None], max_bonds: int,
) -> Arrays:  # fmt: skip
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = len(points)
    member = np.full(count, -1)
    kind = np.where(np.isfinite(kind), kind, -1)
    dopant = (kind != host) & (kind >= 0)
    if not dopant.any():
        return {"member": member}
    bonds, length = _bonds(points, (kind == host, dopant), limits, max_bonds)
    joined = coo_array((np.ones(len(bonds)), bonds.T), shape=(count, count))
    _, group = connected_components(joined, directed=False)
    groups = np.unique(group[dopant])
    middles = np.array([points[dopant & (group == each)].mean(axis=0) for each in groups])
    order = np.lexsort(middles.T[::-1])
    groups, middles = groups[order], middles[order]
    made = np.full((len(groups), 6), np.nan)
    for number, each in enumerate(groups):
        own = group == each
        member[own] = number
        mine = own[bonds[:, 0]]
        angles = _angles(points, np.flatnonzero(own & dopant), bonds[mine])
        made[number, :2] = (own & dopant).sum(), (own & ~dopant).sum()
        if mine.any():
            made[number, 2:4] = length[mine].mean(), length[mine].std()
        if len(angles):
            made[number, 4:] = angles.mean(), angles.std()
    return {
        "y": middles[:, 0], "x": middles[:, 1], "dopants": made[:, 0], "neighbours": made[:, 1],
        "bond_length": made[:, 2], "bond_length_std": made[:, 3], "bond_angle": made[:, 4],
        "bond_angle_std": made[:, 5],
        "distorted": (np.nan_to_num(made[:, 5]) > _DISTORTED).astype(float), "member": member,
        "count": np.asarray(len(groups)),
    }  # fmt: skip


def _bonds(
    points: np.ndarray, which: tuple[np.ndarray, np.ndarray],
    limits: tuple[float | None, float | None], max_bonds: int,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Return bonds with dopants, a pair of atoms each, and their lengths."""
    from scipy.spatial import KDTree

    host, dopant = which
    usual = usual_distance(points)
    if not np.isfinite(usual):
        return np.empty((0, 2), np.int64), np.empty(0)
    longest = [
        factor * usual if limit is None else limit
        for limit, factor in zip(limits, (_WITH_HOST, _WITH_DOPANT), strict=True)
    ]
    pairs = KDTree(points).query_pairs(max(longest), output_type="ndarray")
    length = np.hypot(*(points[pairs[:, 0]] - points[pairs[:, 1]]).T)
    both = dopant[pairs].all(axis=1)
    one = dopant[pairs].any(axis=1) & host[pairs].any(axis=1)
    near = (both & (length <= longest[1])) | (one & (length <= longest[0]))
    order = np.flatnonzero(near)[np.argsort(length[near], kind="stable")]
    has = np.zeros(len(points), np.int64)
    kept = []
    for number in order:
        ends = pairs[number]
        # Host atoms have other bonds, which are not asked for.
        if (has[ends][dopant[ends]] < max_bonds).all():
            has[ends] += 1
            kept.append(number)
    return pairs[kept].reshape(-1, 2), length[kept]


def _angles(points: np.ndarray, dopants: np.ndarray, bonds: np.ndarray) -> np.ndarray:
    """Return the angles in degrees between neighbouring bonds of dopants, all around each."""
    found = []
    for atom in dopants:
        mine = bonds[(bonds == atom).any(axis=1)]
        if len(mine) < 2:
            continue
        other = np.where(mine[:, 0] == atom, mine[:, 1], mine[:, 0])
        turn = np.sort(angles_of(points[other] - points[atom]))
        found.append(np.diff(np.append(turn, turn[0] + 360.0)))
    return np.concatenate(found) if found else np.empty(0)
