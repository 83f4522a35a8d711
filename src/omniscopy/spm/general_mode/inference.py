"""Linear models of many records with one design: noise and prior widths by their evidence."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Logarithms of the ratios of prior to noise variances that are looked at.
_STEP, _SPAN = 0.75, 46.0
# Below this part of the largest, a combination of the unknowns does not show in any record.
_UNSEEN = 1e-9


@dataclass(frozen=True, eq=False)
class Factor:
    r"""A design :math:`A` and a root T of the prior covariance of its unknowns.

    Notes
    -----
    The unknowns are :math:`m = T \xi` with :math:`\xi \sim N(0, \sigma^2)`. With the singular
    values s of :math:`A T = U s V^T`, records y have the coordinates :math:`a = U^T y`, which are
    independent: :math:`a_k \sim N(0, \gamma^2 (1 + \rho s_k^2))` for noise of variance
    :math:`\gamma^2` and :math:`\rho = \sigma^2 / \gamma^2`. So the evidence of any :math:`\rho`,
    and the unknowns for it, are sums over k.
    """

    axes: np.ndarray  # U, shape (samples, modes)
    singular: np.ndarray
    unknowns: np.ndarray  # T V, shape (unknowns, modes)
    samples: int

    @classmethod
    def of(cls, design: np.ndarray, prior: np.ndarray) -> "Factor":
        """Return the factors of a design, shape (samples, unknowns), and a prior root T."""
        import scipy.linalg

        axes, singular, turned = scipy.linalg.svd(design @ prior, full_matrices=False)
        seen = singular > _UNSEEN * singular[0]
        return cls(axes[:, seen], singular[seen], prior @ turned[seen].T, len(design))

    def ratios(self) -> np.ndarray:
        """Return the variance ratios that are looked at, ascending."""
        return np.exp(np.arange(0.0, _SPAN, _STEP)) / self.singular[0] ** 2

    def evidence(
        self, records: np.ndarray, noise: float | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the coordinates of records, their best variance ratio, and its log evidence.

        `records` have the shape (records, samples); `noise` is their standard deviation where
        it is known.
        """
        places = records @ self.axes
        power = places**2
        outside = np.maximum((records**2).sum(1) - power.sum(1), 0.0)
        ratios = self.ratios()
        spread = 1.0 + ratios * self.singular[:, None] ** 2
        total = power @ (1.0 / spread) + outside[:, None]
        penalty = np.log(spread).sum(0)
        if noise is None:
            # The variance of the noise at its best value for each ratio.
            least = np.finfo(float).tiny
            score = -0.5 * (self.samples * np.log(np.maximum(total, least)) + penalty)
        else:
            score = -0.5 * (total / noise**2 + penalty)
        best = np.clip(score.argmax(1), 1, len(ratios) - 2)
        low, middle, high = (np.take_along_axis(score, (best + n)[:, None], 1)[:, 0]
                             for n in (-1, 0, 1))  # fmt: skip
        bend = low - 2.0 * middle + high
        shift = np.where(bend < 0, 0.5 * (low - high) / np.where(bend < 0, bend, 1.0), 0.0)
        shift = np.where(bend < 0, np.clip(shift, -1.0, 1.0), np.sign(high - low))
        ratio = ratios[best] * np.exp(_STEP * shift)
        return places, ratio, np.max(score, axis=1)

    def posterior(
        self, places: np.ndarray, ratio: np.ndarray, variance: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and variance of the unknowns of records, shape (records, unknowns)."""
        spread = 1.0 + ratio[:, None] * self.singular**2
        mean = (places * (ratio[:, None] * self.singular / spread)) @ self.unknowns.T
        scale = (variance * ratio)[:, None] / spread
        return mean, scale @ (self.unknowns**2).T

    def noise_variance(
        self, records: np.ndarray, places: np.ndarray, ratio: np.ndarray
    ) -> np.ndarray:
        """Return the variance of the noise that is best with a variance ratio."""
        power = places**2
        outside = np.maximum((records**2).sum(1) - power.sum(1), 0.0)
        spread = 1.0 + ratio[:, None] * self.singular**2
        return np.asarray(((power / spread).sum(1) + outside) / self.samples)


def span(columns: np.ndarray) -> np.ndarray:
    """Return orthonormal columns that span some columns."""
    import scipy.linalg

    made, sizes, _ = scipy.linalg.svd(columns, full_matrices=False)
    return np.asarray(made[:, sizes > _UNSEEN * sizes[0]])


def coordinates(axes: np.ndarray, records: np.ndarray) -> np.ndarray:
    """Return records along orthonormal axes, and the size of their rest in a last column."""
    places = records @ axes
    rest = np.maximum((records**2).sum(1) - (places**2).sum(1), 0.0)
    return np.column_stack([places, np.sqrt(rest)])


def choose(
    factors: Sequence[Factor], records: np.ndarray, noise: float | None
) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray]]]:
    """Return for each record the number of the factor with the largest evidence.

    Also the coordinates and the best ratios of all records for each factor.
    """
    found = [factor.evidence(records, noise) for factor in factors]
    best = np.argmax([score for _, _, score in found], axis=0)
    return best, [(places, ratio) for places, ratio, _ in found]
