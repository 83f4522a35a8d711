"""How well atoms were found, against the truth."""

import numpy as np
import xarray as xr

from omniscopy.atoms.tables import (
    COUNT,
    Arrays,
    Column,
    known,
    map_tables,
    require_length,
    require_positions,
)
from omniscopy.model import DataError, operation

_DEVIATIONS = ("y_std", "x_std")


@operation(example={"found": "column_positions", "truth": "column_positions"})
def score_positions(
    found: xr.Dataset,
    truth: xr.Dataset,
    *,
    max_distance: float | None = None,
    margin: float = 0.0,
) -> xr.Dataset:
    r"""Compare positions that were found with the true ones.

    Parameters
    ----------
    found : Dataset, shape (..., atom)
        ``y`` and ``x``, and ``y_std`` and ``x_std`` if their calibration is wanted.
    truth : Dataset, shape (atom) or (..., atom)
        ``y`` and ``x`` in the same units; ``y_std`` and ``x_std`` if a bound of the error is
        known, such as that of Cramér and Rao.
    max_distance : float, units of the positions
        Of an atom from its true position, at most; 0.4 of the median distance of nearest true
        ones otherwise.
    margin : float, units of the positions
        Atoms so near to the edges of the rectangle about the truth are not counted, though
        they may be the partner of one that is.

    Returns
    -------
    Dataset, shape (...)
        ``precision`` (the part of what was found that is true), ``recall`` (of what is true that
        was found) and ``f1``; of pairs, each the nearest of those left: ``rms`` of their distance,
        ``bias_y`` and ``bias_x``, their mean difference; ``rms_over_bound`` against the bound of
        the truth; ``calibration``, the root mean square of differences over their standard
        deviations, 1 if these are true, and ``calibration_robust`` from the median. NaN where
        there is no pair, or no deviation. ``matched``, ``missed`` and ``false``, their numbers.

    Raises
    ------
    DataError
        There are no tables of positions in the same units, or no true positions.

    Notes
    -----
    With m pairs of n found and t true positions, :math:`p = m / n`, :math:`r = m / t`,
    :math:`F_1 = 2 p r / (p + r)`. ``calibration`` is
    :math:`\sqrt{\langle (\Delta / \sigma)^2 \rangle}` over both coordinates,
    ``calibration_robust`` 1.4826 times the median of :math:`|\Delta| / \sigma`.

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.atoms.find_atoms(om.samples.atom_image(), min_intensity=0.6)
    >>> float(om.atoms.score_positions(found, om.samples.column_positions(), margin=0.1)["f1"])
    1.0
    """
    units, own = require_positions(found, what="found"), require_positions(truth, what="truth")
    if units != own:
        message = f"found is in {units!r} and truth in {own!r}; give both the same units"
        raise DataError(message)
    require_length("max_distance", max_distance)
    if not margin >= 0:
        message = f"margin must be at least 0, got {margin!r}"
        raise DataError(message)
    number, length = Column("1", ()), Column(units, ())
    columns = {
        "f1": number, "precision": number, "recall": number, "rms": length, "bias_y": length,
        "bias_x": length, "rms_over_bound": number, "calibration": number,
        "calibration_robust": number, "matched": COUNT, "missed": COUNT, "false": COUNT,
    }  # fmt: skip
    names = ["y", "x", *known(truth, *_DEVIATIONS)]
    # The true atoms are others than those found: their dimension has another name.
    others = {
        f"true_{name}": truth[name].rename(atom="point").drop_vars("point", errors="ignore")
        for name in names
    }
    both = known(found, *_DEVIATIONS)
    return map_tables(
        _scored, found, columns, given=both if len(both) == 2 else (), others=others,
        whole=["point"], parameters={"most": max_distance, "margin": margin},
    )  # fmt: skip


def _scored(  # noqa: PLR0913 - what comes with each table
    points: np.ndarray, _rows: np.ndarray, y_std: np.ndarray | None = None,
    x_std: np.ndarray | None = None, *, true_y: np.ndarray, true_x: np.ndarray,
    most: float | None, margin: float, true_y_std: np.ndarray | None = None,
    true_x_std: np.ndarray | None = None,
) -> Arrays:  # fmt: skip
    true = np.stack([true_y, true_x], axis=1)
    there = np.isfinite(true).all(axis=1)
    true = true[there]
    if not len(true):
        return {}
    low, high = true.min(axis=0) + margin, true.max(axis=0) - margin
    counted = [((each >= low) & (each <= high)).all(axis=1) for each in (points, true)]
    one, other = pairs_of(points, true, most)
    matched = [np.zeros(len(points), bool), np.zeros(len(true), bool)]
    matched[0][one], matched[1][other] = True, True
    shares = [
        float(each[which].mean()) if which.any() else np.nan
        for each, which in zip(matched, counted, strict=True)
    ]
    kept = counted[1][other]
    one, other = one[kept], other[kept]
    away = points[one] - true[other]
    made: Arrays = {
        "precision": np.asarray(shares[0]), "recall": np.asarray(shares[1]),
        "f1": np.asarray(2 * shares[0] * shares[1] / max(sum(shares), 1e-300)),
        "matched": np.asarray(len(one)),
        "missed": np.asarray((counted[1] & ~matched[1]).sum()),
        "false": np.asarray((counted[0] & ~matched[0]).sum()),
    }  # fmt: skip
    if not len(one):
        return made
    made["rms"] = np.sqrt((away**2).sum(axis=1).mean())
    made["bias_y"], made["bias_x"] = away.mean(axis=0)
    if true_y_std is not None and true_x_std is not None:
        bound = np.stack([true_y_std, true_x_std], axis=1)[there][other]
        made["rms_over_bound"] = made["rms"] / np.sqrt((bound**2).sum(axis=1).mean())
    if y_std is not None and x_std is not None:
        pull = away / np.stack([y_std, x_std], axis=1)[one]
        pull = pull[np.isfinite(pull).all(axis=1)]
        if len(pull):
            made["calibration"] = np.sqrt((pull**2).mean())
            made["calibration_robust"] = 1.482602218505602 * np.median(np.abs(pull))
    return made


def pairs_of(
    points: np.ndarray, true: np.ndarray, most: float | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return which points and which true ones are pairs: the nearest first, each once."""
    from scipy.spatial import cKDTree

    tree = cKDTree(true)
    if most is None:
        near = tree.query(true, k=2)[0][:, 1]
        most = 0.4 * float(np.median(near)) if len(true) > 1 else np.inf
    distance, index = tree.query(points, k=min(4, len(true)), distance_upper_bound=most)
    distance, index = distance.reshape(len(points), -1), index.reshape(len(points), -1)
    row, place = np.nonzero(np.isfinite(distance))
    order = np.argsort(distance[row, place], kind="stable")
    free = np.ones(len(points), bool), np.ones(len(true), bool)
    pairs = []
    for one, other in zip(row[order], index[row, place][order], strict=True):
        if free[0][one] and free[1][other]:
            free[0][one] = free[1][other] = False
            pairs.append((one, other))
    found = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return found[:, 0], found[:, 1]
