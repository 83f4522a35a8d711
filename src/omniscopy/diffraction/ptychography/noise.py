r"""Noise of counts: how much of it there is, and what an object is held to by it.

With N electrons in a pattern, a pixel of intensity :math:`\mu` counts :math:`N\mu` in the mean. Of
a wave :math:`\psi` the direction of the likelihood is :math:`\psi (n - \mu) / 2(\mu + \epsilon)`
for the measured n: unlike differences of amplitudes it is 0 in the mean at the true object, also
where less than one electron is counted. Of the object, the logarithm of the posterior probability
has :math:`-2N \sum_j |\Delta\psi_j|^2 - \sum_q |\hat O(q) - \hat 1|^2 / S(q)`, with a power S(q)
that is the same in all directions and follows from the object itself [1]_.

References
----------
.. [1] D. J. C. MacKay, *Neural Computation* 4, 415 (1992).
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

# Of an electron, what is added to the expected ones that differences are divided by.
_FLOOR = 0.25
# Above so many electrons the variance of a root is a quarter.
_MANY = 30


def variance_of_roots(mean: np.ndarray) -> np.ndarray:
    r"""Return :math:`\langle(\sqrt n - \sqrt m)^2\rangle` of counts n of Poisson with means m."""
    from scipy.stats import poisson

    nodes = np.linspace(0.0, np.sqrt(_MANY), 400)
    k = np.arange(4 * _MANY)
    chance = poisson.pmf(k[:, None], np.square(nodes))
    table = (chance * np.square(np.sqrt(k)[:, None] - nodes)).sum(axis=0)
    return np.asarray(np.where(mean < _MANY, np.interp(np.sqrt(mean), nodes, table), 0.25))


@dataclass
class Noise:
    """The electrons in a pattern, and the power of the object, as it becomes known.

    `expected` is the sum of squares that amplitudes of the true object lack.
    """

    electrons: float
    expected: float
    power: Any = field(default=None)

    @property
    def significant(self) -> float:
        """Relative change of the error by which the logarithm of the likelihood changes by 1."""
        return 0.5 / max(self.electrons * self.expected, 1e-300)

    def scale(self, model: Any, amplitude: Any) -> Any:
        """Return by what part waves are to grow."""
        intensity = model**2
        lacking = amplitude**2 - intensity
        return 0.5 * lacking / (intensity + intensity.dtype.type(_FLOOR / self.electrons))

    def learn(self, away: np.ndarray, density: np.ndarray) -> None:
        """Take the power of an object, less 1, to be that which it and its errors have.

        Parameters
        ----------
        away : array, shape (slices, rows, columns)
            The object less 1.
        density : array, shape (rows, columns)
            The sum of the intensities of probes.
        """
        weight = density / density.max()
        area = float(np.square(weight).sum())
        precision = 2.0 * self.electrons * float((weight * density).sum() / weight.sum())
        far = np.fft.fft2(away * weight)
        seen = np.square(np.abs(far)).mean(axis=0) / area
        ring = np.rint(np.hypot(*np.meshgrid(*(
            np.fft.fftfreq(n) * max(away.shape[1:]) for n in away.shape[1:]
        ), indexing="ij"))).astype(int)  # fmt: skip
        count = np.bincount(ring.ravel())
        each = np.bincount(ring.ravel(), seen.ravel()) / np.maximum(count, 1)
        # The mean is a constant phase, which is not the object's.
        each[0] = each[1] if len(each) > 1 else each[0]
        before = np.inf if self.power is None else self.power
        error = 1.0 / (precision + 1.0 / np.maximum(before, 1e-12))
        self.power = np.maximum(each[ring] + error * (self.power is not None), 1e-12)

    def pull(self) -> np.ndarray | None:
        """Return what transforms of the object less 1 are multiplied by to be taken off."""
        if self.power is None:
            return None
        return np.asarray(1.0 / (2.0 * self.electrons * self.power))
