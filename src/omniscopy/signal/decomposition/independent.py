"""Components turned so that what they stand for is independent, or is few large values."""

import warnings
from typing import Literal, NamedTuple

import numpy as np

_STEPS = 1000
# Of sums of squares, and of 1 minus the cosine of the last turn.
_TOLERANCE = 1e-12

Turn = Literal["ica", "varimax"]


class Turned(NamedTuple):
    """Loadings and components after a turn, and how the search for it ended."""

    loadings: np.ndarray
    components: np.ndarray
    steps: int
    done: bool


def turn_loadings(
    loadings: np.ndarray, components: np.ndarray, signals: np.ndarray, method: Turn, seed: int
) -> Turned:
    """Turn loadings as suits signals made of them, a column each; the product stays as it is."""
    matrix, steps = _independent(signals, seed) if method == "ica" else _varimax(signals)
    turned = np.linalg.pinv(matrix) @ components
    return Turned(loadings @ matrix, turned, steps, steps < _STEPS)


def _independent(signals: np.ndarray, seed: int) -> tuple[np.ndarray, int]:
    """Return the matrix that makes signals independent and of unit variance.

    FastICA with the logarithm of the hyperbolic cosine (A. Hyvärinen, *IEEE Trans. Neural Netw.*
    10, 626 (1999)).
    """
    from sklearn.decomposition import fastica
    from sklearn.exceptions import ConvergenceWarning

    centred = signals.astype(np.result_type(signals, np.float32))  # no half precision there
    centred -= centred.mean(axis=0)
    _, singular, axes = np.linalg.svd(centred, full_matrices=False)
    # What has no variance is no signal.
    spread = np.where(singular > 1e-12 * singular[0], singular, np.inf) / np.sqrt(len(signals))
    whitening = axes.T / spread
    start = np.random.default_rng(seed).standard_normal((signals.shape[1],) * 2)
    with warnings.catch_warnings():
        # The number of steps says so.
        warnings.simplefilter("ignore", ConvergenceWarning)
        _, found, _, steps = fastica(
            centred @ whitening, whiten=False, w_init=start, max_iter=_STEPS, tol=_TOLERANCE,
            return_n_iter=True,
        )  # fmt: skip
    return whitening @ found.T, int(steps)


def _varimax(signals: np.ndarray) -> tuple[np.ndarray, int]:
    """Return the rotation of signals whose squares vary most.

    H. F. Kaiser, *Psychometrika* 23, 187 (1958), with all rotations at once by SVD.
    """
    rotation, before = np.eye(signals.shape[1]), 0.0
    for step in range(1, _STEPS):
        turned = signals @ rotation
        slope = signals.T @ (turned**3 - turned * np.mean(turned**2, axis=0))
        left, singular, right = np.linalg.svd(slope)
        rotation = left @ right
        if singular.sum() <= before * (1.0 + _TOLERANCE):
            return rotation, step
        before = singular.sum()
    return rotation, _STEPS
