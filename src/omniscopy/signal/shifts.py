"""How far spectra are shifted along their axis, in channels."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from omniscopy.compute.threads import blocks_of, share_work
from omniscopy.model.status import Status
from omniscopy.signal import correlation
from omniscopy.signal.splines import shift_back

# Lags around the best one through which a polynomial goes that says where it is between them,
# and steps to its maximum.
_STENCIL, _STEPS = 9, 8
# Channels that are compared, at least.
_LEAST = 4
# Spectra that a reference is made of, and those among them that are tried as its start.
SPECIMENS, STARTS = 64, 16


class Shifts(NamedTuple):
    """Shifts of spectra in channels, their standard deviations, correlations and outcomes."""

    shift: np.ndarray
    std: np.ndarray
    correlation: np.ndarray
    status: np.ndarray


@dataclass(frozen=True)
class Search:
    """Which channels of a spectrum are compared, and how far away they are looked for."""

    first: int
    last: int
    reach: int

    def find(self, spectra: np.ndarray, references: np.ndarray) -> Shifts:
        """Return how far each spectrum, shape (spectra, channels), lies behind its reference.

        `references` has shape (1, channels) or that of the spectra.
        """
        values = spectra[:, self.first : self.last]
        size = min(_STENCIL, 2 * self.reach + 1)
        near = np.empty((len(values), size))
        places = np.empty((len(values), 3), dtype=np.int64)
        rows = np.atleast_2d(np.asarray(references, dtype=np.float64))
        blocks = blocks_of(*spectra.shape)

        def work(begin: int) -> None:
            part = slice(begin, begin + blocks.step)
            correlation.run(
                np.ascontiguousarray(values[part], dtype=np.float64),
                np.ascontiguousarray(rows if len(rows) == 1 else rows[part]),
                self.first, self.reach, correlation.new_space(rows.shape[1], self.reach),
                near[part], places[part],
            )  # fmt: skip

        share_work(work, blocks)
        return self._between_lags(near, *places.T)

    def _between_lags(
        self, near: np.ndarray, first: np.ndarray, top: np.ndarray, points: np.ndarray
    ) -> Shifts:
        """Return the place of the maximum of the polynomial through the lags around the best."""
        size = near.shape[1]
        middle = (size - 1) / 2
        nodes = (np.arange(size) - middle) / middle
        powers = near @ np.linalg.inv(np.vander(nodes, increasing=True)).T
        start = (top - first - middle) / middle
        u = start
        for _ in range(_STEPS):
            _, slope, bend = _taylor(powers, u)
            step = np.where(bend < 0, -slope / np.where(bend < 0, bend, -1.0), 0.0)
            u = np.clip(u + step, start - 1 / middle, start + 1 / middle)
        height, _, bend = _taylor(powers, u)
        # Least squares of a curve, its offset and its strength: what the residuals do to it.
        information = -height * bend / middle**2 * np.maximum(points - 3, 1)
        variance = np.maximum(1 - height**2, 0.0) / np.where(information > 0, information, np.inf)
        inside = (top > 0) & (top < 2 * self.reach)
        status = np.where(inside, Status.CONVERGED, Status.AT_BOUND)
        status = np.where(height > 0, status, Status.INVALID)
        status = np.where(points < _LEAST, Status.NO_DATA, status)
        there = status < Status.NO_DATA
        shift = np.where(inside, first + middle * (1 + u), top) - self.reach
        return Shifts(
            np.where(there, shift, np.nan),
            np.where(there & inside & (information > 0), np.sqrt(variance), np.nan),
            np.where(there, height, np.nan),
            status.astype(np.uint8),
        )


def _taylor(powers: np.ndarray, u: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return polynomials at `u`, with their first and second derivatives."""
    value, slope, bend = (np.zeros(len(u)) for _ in range(3))
    for coefficient in powers.T[::-1]:
        bend = bend * u + 2 * slope
        slope = slope * u + value
        value = value * u + coefficient
    return value, slope, bend


def common_reference(spectra: np.ndarray, search: Search) -> np.ndarray:
    """Return the mean of spectra that are aligned to the one that is most like all others."""
    usable = spectra[np.isfinite(spectra).sum(axis=1) >= 4]
    if not len(usable):
        return np.full(spectra.shape[1], np.nan)
    tried = usable[:: max(1, len(usable) // STARTS)][:STARTS]
    alike = [np.nansum(search.find(tried, one).correlation) for one in tried]
    found = search.find(usable, tried[int(np.argmax(alike))])
    good = found.status == Status.CONVERGED
    if not good.any():
        return np.array(tried[int(np.argmax(alike))], dtype=np.float64)
    aligned = shift_back(usable[good], found.shift[good])
    finite = np.isfinite(aligned)
    count = finite.sum(axis=0)
    total = np.sum(aligned, axis=0, where=finite)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
