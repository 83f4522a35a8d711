"""Samples of several dimensions as sums of outer products (CP), or as a small core (Tucker)."""

import string
from typing import Any, NamedTuple

import numpy as np

from omniscopy.signal.decomposition.nonnegative import improve
from omniscopy.signal.decomposition.signs import signs_of

_STEPS, _TRIAL, _STARTS = 2000, 30, 6
_TOLERANCE = 1e-9
_SWEEPS = 3


class Products(NamedTuple):
    """Factors of each mode, the sum of squares that is left, and how the search ended."""

    factors: list[np.ndarray]
    error: float
    steps: int
    done: bool


class Core(NamedTuple):
    """Loadings, factors of the other modes and a core, and how the search ended."""

    loadings: np.ndarray
    factors: list[np.ndarray]
    core: np.ndarray
    steps: int
    done: bool


class Compressed(NamedTuple):
    """A tensor as a small core and a basis for each mode, the first that of the samples."""

    core: np.ndarray
    bases: list[np.ndarray]


def compress(
    loadings: np.ndarray, basis: np.ndarray, shape: tuple[int, ...], kept: int
) -> Compressed:
    """Return samples, given as loadings times a basis of channels, with `kept` of each mode."""
    lengths = np.linalg.norm(loadings, axis=0)
    core = (basis * lengths[:, None]).reshape(-1, *shape)
    bases = [loadings / np.where(lengths > 0, lengths, np.inf)]
    for mode in range(1, core.ndim):
        vectors = _leading(_unfolded(core, mode), kept)
        core = _times(core, vectors.T, mode)
        bases.append(vectors)
    return Compressed(core, bases)


def factorise_cp(
    tensor: Compressed, total: float, wanted: int, *, nonnegative: bool, seed: int
) -> Products:
    """Return the factors of each mode, those of the first one with the lengths of all.

    Alternating least squares (R. A. Harshman, *UCLA Working Papers in Phonetics* 16, 1 (1970)) on
    the core (R. Bro, C. A. Andersson, *Chemom. Intell. Lab. Syst.* 42, 105 (1998)), the best of
    several starts. Non-negative factors are found column by column, as wide as the data are.
    """
    core, bases = tensor
    if not nonnegative:
        bases = [np.eye(size) for size in core.shape]
    rng = np.random.default_rng(seed)
    descents = [_Descent(core, bases, total, nonnegative) for _ in range(_STARTS)]
    for number, descent in enumerate(descents):
        descent.begin(wanted, None if number == 0 else rng)
        descent.run(_TRIAL)
    best = min(descents, key=lambda descent: descent.error)
    best.run(_STEPS)
    factors = best.factors
    if not nonnegative:
        factors = [base @ factor for base, factor in zip(tensor.bases, factors, strict=True)]
    return Products(factors, best.error, best.steps, best.done)


class _Descent:
    """Factors on their way to the least squares."""

    def __init__(
        self,
        core: np.ndarray,
        bases: list[np.ndarray],
        total: float,
        nonnegative: bool,  # noqa: FBT001
    ) -> None:
        self.core, self.bases, self.total, self.nonnegative = core, bases, total, nonnegative
        self.factors: list[np.ndarray] = []
        self.paths: dict[int, Any] = {}
        self.error, self.steps, self.done = np.inf, 0, False

    def begin(self, wanted: int, rng: np.random.Generator | None) -> None:
        """Start from singular vectors, or from random numbers."""
        for mode, base in enumerate(self.bases):
            if rng is None and wanted <= min(base.shape):
                start = base @ _leading(_unfolded(self.core, mode), wanted)
            else:
                start = (rng or np.random.default_rng(0)).standard_normal((len(base), wanted))
            self.factors.append(np.abs(start) if self.nonnegative else start)
        # The scale is found with the first factor, which is solved for first.
        self.factors = [factor / np.linalg.norm(factor, axis=0) for factor in self.factors]

    def run(self, steps: int) -> None:
        """Improve the factors in turn until nothing is gained."""
        for _ in range(steps):
            before = self.error
            self._improve_all()
            self.steps += 1
            self.done = before - self.error <= _TOLERANCE * abs(self.error) + 1e-15 * self.total
            if self.done:
                break

    def _improve_all(self) -> None:
        for mode, base in enumerate(self.bases):
            product = base @ self._contracted(mode)
            squares = [factor.T @ factor for factor in self.factors]
            square = np.prod([each for n, each in enumerate(squares) if n != mode], axis=0)
            if self.nonnegative:
                improve(self.factors[mode], product, square, sweeps=_SWEEPS)
            else:
                self.factors[mode] = product @ np.linalg.pinv(square, hermitian=True)
            moved = self.factors[mode]
            own = moved.T @ moved
            self.error = float(self.total - 2 * np.vdot(moved, product) + np.vdot(own, square))
            if mode:
                # Lengths are kept in the first factor.
                length = np.linalg.norm(moved, axis=0)
                self.factors[mode] = moved / np.where(length > 0, length, 1.0)
                self.factors[0] = self.factors[0] * length

    def _contracted(self, mode: int) -> np.ndarray:
        """Return the product of the core with the factors of all modes but one, by component."""
        letters = string.ascii_lowercase[: self.core.ndim]
        others = [n for n in range(self.core.ndim) if n != mode]
        projected = [self.bases[n].T @ self.factors[n] for n in others]
        terms = ",".join([letters, *(f"{letters[n]}z" for n in others)])
        product = f"{terms}->{letters[mode]}z"
        if mode not in self.paths:
            # The best order of products is looked for once, not in every step.
            self.paths[mode] = np.einsum_path(product, self.core, *projected)[0]
        return np.einsum(product, self.core, *projected, optimize=self.paths[mode])


def factorise_tucker(tensor: Compressed, ranks: tuple[int, ...]) -> Core:
    """Return a core of these ranks, and what it is multiplied with.

    Higher-order orthogonal iteration (L. De Lathauwer, B. De Moor, J. Vandewalle, *SIAM J. Matrix
    Anal. Appl.* 21, 1324 (2000)). The core has orthonormal slices along its first mode.
    """
    core, bases = tensor
    factors = [_leading(_unfolded(core, n), rank) for n, rank in enumerate(ranks)]
    explained, taken, done = 0.0, 0, False
    while not done and taken < _STEPS:
        taken += 1
        for mode, rank in enumerate(ranks):
            factors[mode] = _leading(_unfolded(_projected(core, factors, mode), mode), rank)
        small = _projected(core, factors, -1)
        now = float(np.vdot(small, small))
        done, explained = now - explained <= 1e-12 * now, now
    wide = [_with_sign(base @ factor) for base, factor in zip(bases, factors, strict=True)]
    for mode in range(1, core.ndim):
        small = _times(small, (wide[mode].T @ bases[mode] @ factors[mode]), mode)
    turn, lengths, slices = np.linalg.svd(_unfolded(small, 0), full_matrices=False)
    loadings = bases[0] @ factors[0] @ turn * lengths
    core = slices.reshape(len(lengths), *small.shape[1:])
    return Core(loadings, wide[1:], core, taken, done)


def outer_products(factors: list[np.ndarray]) -> np.ndarray:
    """Return the outer product of the columns of each component, flat."""
    made = factors[0].T
    for factor in factors[1:]:
        made = (made[:, :, None] * factor.T[:, None, :]).reshape(len(made), -1)
    return made


def expand(core: np.ndarray, factors: list[np.ndarray]) -> np.ndarray:
    """Return the product of a core with the factors of all modes but the first, flat."""
    for mode, factor in enumerate(factors, start=1):
        core = _times(core, factor, mode)
    return core.reshape(len(core), -1)


def _projected(core: np.ndarray, factors: list[np.ndarray], but: int) -> np.ndarray:
    for mode, factor in enumerate(factors):
        if mode != but:
            core = _times(core, factor.T, mode)
    return core


def _times(tensor: np.ndarray, matrix: np.ndarray, mode: int) -> np.ndarray:
    return np.moveaxis(np.tensordot(matrix, tensor, (1, mode)), 0, mode)


def _unfolded(tensor: np.ndarray, mode: int) -> np.ndarray:
    return np.moveaxis(tensor, mode, 0).reshape(tensor.shape[mode], -1)


def _leading(matrix: np.ndarray, wanted: int) -> np.ndarray:
    """Return the leading left singular vectors."""
    if matrix.shape[0] < matrix.shape[1]:
        _, vectors = np.linalg.eigh(matrix @ matrix.T)
        return vectors[:, ::-1][:, :wanted]
    return np.linalg.svd(matrix, full_matrices=False)[0][:, :wanted]


def _with_sign(factor: np.ndarray) -> np.ndarray:
    """Turn every column so that its largest value is positive."""
    return factor * signs_of(factor.T)
