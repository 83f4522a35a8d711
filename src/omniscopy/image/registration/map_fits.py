"""Maps of a plane fitted to pairs of places, some of which are wrong."""

from typing import NamedTuple

import numpy as np

ENTRIES = ("matrix_yy", "matrix_yx", "matrix_xy", "matrix_xx", "offset_y", "offset_x")
# So many choices find a map that one of ten matches agree with, two of them making one.
_DRAWN, _ROUNDS = 1000, 5


class Map(NamedTuple):
    """A matrix and an offset with the covariance of their six entries, in the order of ENTRIES.

    `needs` is how many pairs make such a map; `residual` the rms distance of pairs from it.
    """

    entries: np.ndarray
    covariance: np.ndarray
    residual: float
    needs: int

    @property
    def matrix(self) -> np.ndarray:
        """Return the matrix, (y, x) by (y, x)."""
        return self.entries[:4].reshape(2, 2)

    @property
    def offset(self) -> np.ndarray:
        """Return the offset (y, x)."""
        return self.entries[4:]


def identity_map(model: str) -> Map:
    """Return the map that moves nothing."""
    needs = {"shift": 1, "rigid": 2, "similarity": 2, "affine": 3}[model]
    return Map(np.array([1.0, 0, 0, 1, 0, 0]), np.zeros((6, 6)), 0.0, needs)


def agreeing(
    start: np.ndarray, end: np.ndarray, model: str, near: float, seed: int
) -> np.ndarray:  # fmt: skip
    """Return which pairs of places, shape (pairs, 2), agree with the map that most agree with.

    Within the distance `near`; by random choices of as few as make a map [M. A. Fischler,
    R. C. Bolles, Commun. ACM 24, 381 (1981)].
    """
    count, needs = len(start), identity_map(model).needs
    best = np.zeros(count, dtype=bool)
    if count <= needs:
        return best
    rng = np.random.default_rng(seed)
    size, drawn = float(np.ptp(start, axis=0).max()), 0
    for _ in range(_DRAWN):
        few = rng.choice(count, needs, replace=False)
        if needs > 1 and np.ptp(start[few], axis=0).max() < 0.05 * size:
            continue
        found = fitted_map(start[few], end[few], model)
        agree = _distances(start, end, found) < near
        if agree.sum() > best.sum():
            best = agree
        drawn += 1
        # All choices so far had a wrong pair among them with a chance of a millionth.
        if (1 - best.mean() ** needs) ** drawn < 1e-6:
            break
    for _ in range(_ROUNDS):
        if best.sum() <= needs:
            break
        again = _distances(start, end, fitted_map(start[best], end[best], model)) < near
        if (again == best).all() or again.sum() < best.sum():
            break
        best = again
    return best


def fitted_map(start: np.ndarray, end: np.ndarray, model: str) -> Map:
    """Return the map of least squares from places to others, shape (pairs, 2)."""
    middle, other = start.mean(axis=0), end.mean(axis=0)
    if model == "rigid":
        return _rigid(start, end)
    terms = _terms(start - middle, model)
    fixed = start - middle if model == "shift" else 0.0
    away = (end - other - fixed).ravel()
    normal = terms.T @ terms
    found = np.linalg.lstsq(normal, terms.T @ away, rcond=1e-12)[0]
    basis = _BASES[model]
    made = basis @ found + (_IDENTITY if model == "shift" else 0.0)
    return _with_spread(start, end, made, basis, terms, middle, other)


_IDENTITY = np.array([1.0, 0, 0, 1, 0, 0])
# Which entries each parameter of a model has: similarities are (a, b, shift) with a turn
# (a, b; -b, a) of (y, x).
_BASES = {
    "shift": np.eye(6)[:, 4:],
    "similarity": np.array([
        [1.0, 0, 0, 0], [0, 1.0, 0, 0], [0, -1.0, 0, 0], [1.0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1],
    ]),
    "affine": np.eye(6),
}  # fmt: skip


def _terms(places: np.ndarray, model: str) -> np.ndarray:
    """Return what each parameter moves each place by, shape (2 pairs, parameters)."""
    return _of_entries(places) @ _BASES[model]


def _of_entries(places: np.ndarray) -> np.ndarray:
    y, x = places.T
    zero, one = np.zeros_like(y), np.ones_like(y)
    rows = np.stack([
        np.stack([y, x, zero, zero, one, zero], axis=1),
        np.stack([zero, zero, y, x, zero, one], axis=1),
    ], axis=1)  # fmt: skip
    return rows.reshape(-1, 6)


def _rigid(start: np.ndarray, end: np.ndarray) -> Map:
    """Return the turn and shift of least squares."""
    middle, other = start.mean(axis=0), end.mean(axis=0)
    one, two = start - middle, end - other
    angle = np.arctan2((one[:, 1] * two[:, 0] - one[:, 0] * two[:, 1]).sum(), (one * two).sum())
    sine, cosine = np.sin(angle), np.cos(angle)
    made = np.array([cosine, sine, -sine, cosine, 0, 0])
    basis = np.zeros((6, 3))
    basis[:4, 0] = [-sine, cosine, -cosine, -sine]
    basis[4, 1] = basis[5, 2] = 1.0
    return _with_spread(start, end, made, basis, _of_entries(one) @ basis, middle, other)


def _with_spread(  # noqa: PLR0917 - a fit about the middles of both places
    start: np.ndarray, end: np.ndarray, entries: np.ndarray, basis: np.ndarray,
    terms: np.ndarray, middle: np.ndarray, other: np.ndarray,
) -> Map:  # fmt: skip
    """Return a map about 0 of one about the middles, with its covariance."""
    made = entries.copy()
    made[4:] += other - made[:4].reshape(2, 2) @ middle
    # The offset moves with the matrix, by what the matrix makes of the middle.
    carried = np.eye(6)
    carried[4, :2] = carried[5, 2:4] = -middle
    found = Map(made, np.full((6, 6), np.nan), 0.0, 0)
    square = float((_distances(start, end, found) ** 2).sum())
    if square < len(start) * (1e-10 * np.ptp(end)) ** 2:  # rounding
        square = 0.0
    free = 2 * len(start) - basis.shape[1]
    spread = np.linalg.pinv(terms.T @ terms) * (square / free if free > 0 else 0.0)
    whole = carried @ basis
    return found._replace(
        covariance=whole @ spread @ whole.T, residual=float(np.sqrt(square / len(start)))
    )


def _distances(start: np.ndarray, end: np.ndarray, found: Map) -> np.ndarray:
    away = start @ found.matrix.T + found.offset - end
    return np.asarray(np.hypot(away[:, 0], away[:, 1]))
