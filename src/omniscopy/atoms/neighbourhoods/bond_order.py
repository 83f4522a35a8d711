"""Bond order and domains: in which direction the lattice around each atom lies."""

import numpy as np
import xarray as xr

from omniscopy.atoms.graphs.bonds import planar_bonds
from omniscopy.atoms.tables import (
    COUNT,
    STATUS,
    Arrays,
    Column,
    map_tables,
    require_count,
    require_length,
    require_positions,
)
from omniscopy.model import DataError, Status, operation

_ALONG = ("domain",)


@operation(example={"positions": "atom_positions", "fold": 4})
def measure_bond_order(
    positions: xr.Dataset, fold: int = 6, *, max_length: float | None = None
) -> xr.Dataset:
    r"""Measure how regular the bonds of each atom are, and in which direction they lie.

    Parameters
    ----------
    positions : Dataset, shape (..., atom)
        ``y`` and ``x`` in the same units; lazy or in memory.
    fold : int
        Of the symmetry looked for: 6 for hexagonal lattices and honeycombs, 4 for square ones.
    max_length : float, units of the positions
        The longest bond; otherwise 1.3 times the usual distance (the median over atoms of the
        mean distance to their three nearest).

    Returns
    -------
    Dataset, shape (..., atom)
        ``order`` :math:`|\psi|`, 1 where all bonds are in the directions of the symmetry;
        ``orientation`` of these in degrees from +x towards +y, within half of 360 / `fold` of 0;
        ``coordination``, how many bonds; ``y`` and ``x`` as they are given. NaN with `status` 4
        (no data) for atoms without a bond.

    Raises
    ------
    DataError
        There are no positions, or `fold` is below 1.

    Notes
    -----
    :math:`\psi = \frac1n \sum e^{i m \theta_j}` over the n bonds of an atom, m being the fold [1]_.

    References
    ----------
    .. [1] D. R. Nelson, B. I. Halperin, *Phys. Rev. B* 19, 2457 (1979).

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.atoms.measure_bond_order(om.samples.atom_positions(), 4)
    >>> float(found["order"].median()) > 0.9
    True
    """
    units = require_positions(positions)
    require_count("fold", fold)
    require_length("max_length", max_length)
    columns = {
        "y": Column(units), "x": Column(units), "order": Column("1"), "orientation": Column("deg"),
        "coordination": Column("1"), "status": STATUS,
    }  # fmt: skip
    return map_tables(
        _ordered, positions, columns, parameters={"fold": fold, "max_length": max_length}
    )


@operation(example={"positions": "domain_positions"})
def find_domains(
    positions: xr.Dataset,
    fold: int = 6,
    *,
    tolerance: float = 3.0,
    min_order: float = 0.7,
    min_size: int = 8,
    max_length: float | None = None,
    max_domains: int = 32,
) -> xr.Dataset:
    r"""Find the grains of a crystal by the direction of its bonds, and the boundaries of them.

    Parameters
    ----------
    positions : Dataset, shape (..., atom)
        ``y`` and ``x`` in the same units; lazy or in memory.
    fold : int
        Of the symmetry: 6 for hexagonal lattices and honeycombs, 4 for square ones.
    tolerance : float, degrees
        By how much neighbours of one grain differ at most.
    min_order : float
        How regular the surroundings of an atom in a grain are, at least, 0 to 1.
    min_size : int
        Smaller groups of atoms are no grains.
    max_length : float, units of the positions
        The longest bond; otherwise 1.3 times the usual distance.
    max_domains : int
        Only the largest are returned.

    Returns
    -------
    Dataset, shape (..., atom)
        ``label`` of the grain of each atom, the largest first, -1 for none; ``boundary``, true
        for atoms of none and for those bonded to another grain; ``order`` and ``orientation``
        (degrees) as `measure_bond_order` gives them; ``y`` and ``x`` as they are given. Along
        ``domain`` the ``size``, the ``mean_orientation`` and its ``mean_orientation_std``, in
        degrees. ``count`` of grains.

    Raises
    ------
    DataError
        There are no positions, or a number is out of its range.

    Notes
    -----
    Atoms whose direction differs by less than `tolerance` from that of all their neighbours make
    a grain, and others that differ so little from one of them join it: a grain may bend, and
    grains that differ by little more than `tolerance` are one.

    The direction is the phase of the bond-orientational order parameter [1]_.

    References
    ----------
    .. [1] D. R. Nelson, B. I. Halperin, *Phys. Rev. B* 19, 2457 (1979).

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.atoms.find_domains(om.samples.domain_positions())
    >>> int(found["count"])
    2
    """
    units = require_positions(positions)
    require_count("fold", fold)
    require_count("min_size", min_size)
    require_count("max_domains", max_domains)
    require_length("max_length", max_length)
    if not 0 < tolerance < 180 / fold:
        message = f"tolerance must be between 0 and {180 / fold:g} degrees, got {tolerance!r}"
        raise DataError(message)
    columns = {
        "y": Column(units), "x": Column(units), "label": Column("1", dtype=np.int64, fill=-1),
        "boundary": Column("1", dtype=bool, fill=False), "order": Column("1"),
        "orientation": Column("deg"), "size": Column("1", _ALONG),
        "mean_orientation": Column("deg", _ALONG), "mean_orientation_std": Column("deg", _ALONG),
        "count": COUNT,
    }  # fmt: skip
    return map_tables(
        _grouped, positions, columns, sizes={"domain": max_domains}, trim="domain",
        parameters={
            "fold": fold, "tolerance": tolerance, "min_order": min_order, "min_size": min_size,
            "max_length": max_length, "most": max_domains,
        },
    )  # fmt: skip


def bond_order(points: np.ndarray, bonds: np.ndarray, fold: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the complex order of each atom, NaN without a bond, and how many bonds it has."""
    away = points[bonds[:, 1]] - points[bonds[:, 0]]
    turn = np.exp(1j * fold * np.arctan2(away[:, 0], away[:, 1]))
    # The other end sees the bond from the other side.
    both = np.concatenate([turn, turn * (-1.0) ** fold])
    ends = bonds.T.ravel()
    count = np.bincount(ends, minlength=len(points))
    total = np.bincount(ends, both.real, len(points)) + 1j * np.bincount(
        ends, both.imag, len(points)
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        return total / count, count


def _ordered(
    points: np.ndarray, _rows: np.ndarray, *, fold: int, max_length: float | None
) -> Arrays:
    psi, count = bond_order(points, planar_bonds(points, max_length), fold)
    return {
        "y": points[:, 0], "x": points[:, 1], "order": np.abs(psi),
        "orientation": np.degrees(np.angle(psi)) / fold, "coordination": count,
        "status": np.where(count > 0, Status.CONVERGED, Status.NO_DATA),
    }  # fmt: skip


def _grouped(
    points: np.ndarray, _rows: np.ndarray, *, fold: int, tolerance: float, min_order: float,
    min_size: int, max_length: float | None, most: int,
) -> Arrays:  # fmt: skip
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    bonds = planar_bonds(points, max_length)
    psi = np.nan_to_num(bond_order(points, bonds, fold)[0])
    order, phase = np.abs(psi), np.angle(psi)
    turn = np.abs(np.angle(np.exp(1j * (phase[bonds[:, 0]] - phase[bonds[:, 1]]))))
    turn[(order[bonds] < min_order).any(axis=1)] = np.pi
    alike = np.degrees(turn) / fold < tolerance
    # Beside a boundary directions pass from one to the other in steps: only atoms that are like
    # all of their neighbours make a grain, others join one.
    core = order >= min_order
    core[bonds[~alike].ravel()] = False
    kept = bonds[core[bonds].all(axis=1)]
    graph = coo_array((np.ones(len(kept)), kept.T), shape=(len(points),) * 2)
    _, group = connected_components(graph, directed=False)
    group = _joined(group, core, bonds[alike], turn[alike])
    size = np.bincount(group)
    chosen = np.flatnonzero(size >= min_size)
    chosen = chosen[np.argsort(-size[chosen], kind="stable")][:most]
    rank = np.full(len(size), -1)
    rank[chosen] = np.arange(len(chosen))
    label = rank[group]
    boundary = label < 0
    ends = label[bonds]
    boundary[bonds[(ends[:, 0] != ends[:, 1]) & (ends >= 0).all(axis=1)].ravel()] = True
    mean = [np.exp(1j * phase[label == number]).mean() for number in range(len(chosen))]
    length = np.abs(mean)
    with np.errstate(invalid="ignore", divide="ignore"):
        # The scatter of directions on a circle, over the root of their number.
        spread = np.sqrt(np.maximum(-2 * np.log(np.minimum(length, 1.0)), 0.0) / size[chosen])
    return {
        "y": points[:, 0], "x": points[:, 1], "label": label, "boundary": boundary,
        "order": order, "orientation": np.degrees(phase) / fold,
        "size": size[chosen].astype(np.float64),
        "mean_orientation": np.degrees(np.angle(mean)) / fold,
        "mean_orientation_std": np.degrees(spread) / fold, "count": np.asarray(len(chosen)),
    }  # fmt: skip


def _joined(group: np.ndarray, core: np.ndarray, bonds: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Return groups in which other atoms are in that of the core atom most like them."""
    both = np.concatenate([bonds, bonds[:, ::-1]])
    both = both[np.argsort(np.tile(turn, 2), kind="stable")[::-1]]
    joining = ~core[both[:, 0]] & core[both[:, 1]]
    made = group.copy()
    made[both[joining, 0]] = group[both[joining, 1]]  # the last, which is the most alike, stays
    return made
