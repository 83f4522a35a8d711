"""Positions against those of a structure that was calculated: how it is strained."""

import numpy as np
import xarray as xr

from omniscopy.atoms.strain.strain import strain_parts
from omniscopy.atoms.tables import (
    Arrays,
    Column,
    known,
    map_tables,
    require_positions,
)
from omniscopy.model import DataError, Status, operation

# Orientations that are tried, and how often partners are sought again for each.
_TURNS, _ROUNDS = 24, 6
_MOST = 500
_FLAT = 1e-6


@operation(example={"positions": "atom_cluster", "reference": "perfect_cluster"})
def fit_structure(
    positions: xr.Dataset, reference: xr.Dataset, *, mirror: bool = True
) -> xr.Dataset:
    r"""Fit a reference structure to positions, and measure how they are strained against it.

    Parameters
    ----------
    positions : Dataset, shape (..., atom)
        ``y`` and ``x`` in the same units, perhaps ``kind``; the atoms of one defect, such as those
        of one ``member`` of `find_dopants`, up to 500. Lazy or in memory.
    reference : Dataset, shape (atom) or (..., atom)
        The calculated structure, in the same units; perhaps ``kind``: then atoms are partners of
        those of their kind only.
    mirror : bool
        The structure may lie either way up: it is mirrored, x to -x, where that fits better.

    Returns
    -------
    Dataset, shape (...)
        ``strain_yy``, ``strain_xx``, ``strain_xy`` (half of the shear) along the axes of the
        reference, positive where the positions are stretched; ``rotation`` of the reference in
        degrees from +x towards +y; ``mirrored``, 0 or 1; ``residual``, the root mean square
        distance that is left; ``partners``, how many atoms have one; ``partner`` of each atom
        (..., atom), -1 for none. NaN with `status` 2 (singular) where fewer than three atoms
        have partners or they are on a line, 4 (no data) without atoms.

    Raises
    ------
    DataError
        There are no positions, or the tables are in different units or too long.

    Notes
    -----
    Least squares of :math:`r_j = t + F R_j` over pairs of atoms, after the rigid motion whose
    nearest pairs fit best; :math:`F = Q U` with a rotation :math:`Q`, and the strain is
    :math:`U - 1`. Structures that are the same when turned fit in several orientations: the first
    one that fits best is returned.

    Pairs are those with the least sum of squares [1]_.

    References
    ----------
    .. [1] H. W. Kuhn, *Naval Res. Logist. Q.* 2, 83 (1955).

    Examples
    --------
    >>> import omniscopy as om
    >>> reference = om.samples.atom_cluster()
    >>> stretched = reference.assign(x=1.02 * reference["x"])
    >>> round(float(om.atoms.fit_structure(stretched, reference)["strain_xx"]), 4)
    0.02
    """
    units, own = require_positions(positions), require_positions(reference, what="reference")
    if units != own:
        message = f"positions are in {units!r} and reference in {own!r}; give both the same units"
        raise DataError(message)
    if max(positions.sizes["atom"], reference.sizes["atom"]) > _MOST:
        message = (
            f"a structure has at most {_MOST} atoms, got {positions.sizes['atom']} and "
            f"{reference.sizes['atom']}; take those of one defect"
        )
        raise DataError(message)
    kinds = bool(known(positions, "kind") and known(reference, "kind"))
    names = ["y", "x", *(["kind"] if kinds else [])]
    # Its atoms are others: their dimension has another name.
    others = {
        f"reference_{name}": reference[name]
        .rename(atom="point")
        .drop_vars("point", errors="ignore")
        for name in names
    }
    strains = ("strain_yy", "strain_xx", "strain_xy")
    columns = {
        **{name: Column("1", ()) for name in strains}, "rotation": Column("deg", ()),
        "mirrored": Column("1", (), np.int64, 0), "residual": Column(units, ()),
        "partners": Column("1", (), np.int64, 0), "partner": Column("1", dtype=np.int64, fill=-1),
        "status": Column("1", (), np.uint8, Status.NO_DATA),
    }  # fmt: skip
    return map_tables(
        _fitted, positions, columns, given=["kind"] if kinds else (), others=others,
        whole=["point"], parameters={"mirror": mirror},
    )  # fmt: skip


def _fitted(
    points: np.ndarray, _rows: np.ndarray, kind: np.ndarray | None = None, *,
    reference_y: np.ndarray, reference_x: np.ndarray, reference_kind: np.ndarray | None = None,
    mirror: bool,
) -> Arrays:  # fmt: skip
    ideal = np.stack([reference_y, reference_x], axis=-1)
    there = np.isfinite(ideal).all(axis=1)
    ideal, number = ideal[there], np.flatnonzero(there)
    if not len(ideal):
        return {}
    allowed = np.ones((len(points), len(ideal)), dtype=bool)
    if kind is not None and reference_kind is not None:
        allowed = kind[:, None] == reference_kind[there]
    best: tuple[float, bool, np.ndarray, np.ndarray] | None = None
    for flip in (False, True)[: 1 + mirror]:
        shape = ideal * (1.0, -1.0) if flip else ideal
        for turn in 2 * np.pi * np.arange(_TURNS) / _TURNS:
            error, pairs = _placed(points, shape, allowed, turn)
            # Both have to be better by more than rounding: the first one is kept.
            if best is None or error < best[0] * (1 - 1e-6):
                best = error, flip, pairs, shape
    assert best is not None
    _, flip, pairs, shape = best
    partner = np.full(len(points), -1)
    partner[pairs[:, 0]] = number[pairs[:, 1]]
    made: Arrays = {
        "partner": partner, "partners": np.asarray(len(pairs)),
        "status": np.asarray(Status.SINGULAR),
    }  # fmt: skip
    if len(pairs) < 3:
        return made
    seen, wanted = points[pairs[:, 0]], shape[pairs[:, 1]]
    seen, wanted = seen - seen.mean(axis=0), wanted - wanted.mean(axis=0)
    square = wanted.T @ wanted
    if np.linalg.det(square) <= _FLAT * np.trace(square) ** 2:
        return made
    matrix = seen.T @ wanted @ np.linalg.inv(square)
    left = seen - wanted @ matrix.T
    strain, rotation = strain_parts(matrix[None], finite=True)
    return {
        **made, "strain_yy": strain[0, 0], "strain_xx": strain[0, 1], "strain_xy": strain[0, 2],
        "rotation": np.degrees(rotation[0]), "mirrored": np.asarray(int(flip)),
        "residual": np.sqrt((left**2).sum(axis=1).mean()),
        "status": np.asarray(Status.CONVERGED),
    }  # fmt: skip


def _placed(
    points: np.ndarray, shape: np.ndarray, allowed: np.ndarray, turn: float
) -> tuple[float, np.ndarray]:
    """Return how badly a shape fits that is turned first, and pairs of points and its atoms."""
    from scipy.optimize import linear_sum_assignment

    middles = points.mean(axis=0), shape.mean(axis=0)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    pairs, before = np.empty((0, 2), np.int64), None
    size = float(((shape - middles[1]) ** 2).sum() + ((points - middles[0]) ** 2).sum()) or 1.0
    for _ in range(_ROUNDS):
        moved = (shape - middles[1]) @ rotation.T + middles[0]
        square = ((points[:, None] - moved) ** 2).sum(-1)
        one, other = linear_sum_assignment(np.where(allowed, square, size * 1e3))
        good = allowed[one, other]
        pairs = np.stack([one[good], other[good]], axis=1)
        if not len(pairs) or (before is not None and np.array_equal(pairs, before)):
            break
        before = pairs
        seen, wanted = points[pairs[:, 0]], shape[pairs[:, 1]]
        middles = seen.mean(axis=0), wanted.mean(axis=0)
        # The rotation of least squares (Kabsch).
        left, _, right = np.linalg.svd((seen - middles[0]).T @ (wanted - middles[1]))
        sign = np.sign(np.linalg.det(left @ right))
        rotation = left @ np.diag([1.0, sign]) @ right
    if not len(pairs):
        return np.inf, pairs
    moved = (shape[pairs[:, 1]] - middles[1]) @ rotation.T + middles[0]
    error = float(((points[pairs[:, 0]] - moved) ** 2).sum())
    # Pairs that are missing count as if they were as far apart as the structure is large.
    missing = min(len(points), len(shape)) - len(pairs)
    return error + missing * size, pairs
