"""How each kind of background is fitted to blocks of spectra, and extrapolated."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from omniscopy.compute import least_squares
from omniscopy.compute.fitting.problem import Problem, Term
from omniscopy.compute.threads import blocks_of, share_work
from omniscopy.eels.background import power_laws
from omniscopy.eels.background.power_kernel import subtract, subtract_by_areas
from omniscopy.model import Status
from omniscopy.physics.decays import exponential
from omniscopy.physics.formulas import Formula
from omniscopy.signal.simplex import solve_each

_DECAY = Formula(exponential, 2)
# Channels whose mean says how noisy a channel is.
_SMOOTH = 9
# Times as many spectra that a thread takes at a time, where it only subtracts.
_LARGER = 8


class Found(NamedTuple):
    """Parameters of every spectrum, their covariances, and outcomes."""

    parameters: np.ndarray
    covariance: np.ndarray
    status: np.ndarray


@dataclass(frozen=True)
class Background:
    """A family of curves, fitted in the channels `part` of an axis."""

    energy: np.ndarray
    part: slice
    threads: int | None

    def find(self, rows: np.ndarray) -> Found:
        """Return what is found in some spectra."""
        raise NotImplementedError

    def curves(self, parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return curves on the whole axis and their slopes (spectra, parameters, channels)."""
        raise NotImplementedError

    def run(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return backgrounds, their standard deviations and outcomes of a block."""
        rows = values.reshape(-1, values.shape[-1])
        made, std = (np.full(rows.shape, np.nan) for _ in range(2))
        status = np.zeros(len(rows), np.uint8)

        def work(begin: int) -> None:
            part = slice(begin, begin + blocks.step)
            found = self.find(rows[part])
            with np.errstate(all="ignore"):
                made[part], slopes = self.curves(found.parameters)
                variance = np.einsum("spn,spq,sqn->sn", slopes, found.covariance, slopes)
                std[part] = np.sqrt(np.maximum(variance, 0.0))
            status[part] = found.status

        blocks = blocks_of(len(rows), rows.shape[1])
        share_work(work, blocks, self.threads)
        return made.reshape(values.shape), std.reshape(values.shape), status.reshape(
            values.shape[:-1]
        )  # fmt: skip

    def subtract(
        self, values: np.ndarray, fitted: np.ndarray | None = None, *, kind: np.dtype
    ) -> np.ndarray:
        """Return a block of spectra without their backgrounds."""
        rows = values.reshape(-1, values.shape[-1])
        others = rows if fitted is None else np.broadcast_to(fitted, values.shape).reshape(
            rows.shape
        )  # fmt: skip
        made = np.empty(rows.shape, kind)

        def work(begin: int) -> None:
            part = slice(begin, begin + blocks.step)
            self.take_off(rows[part], others[part], made[part])

        # One pass over the values: larger blocks than those that are worked on again and again.
        blocks = blocks_of(len(rows), max(rows.shape[1] // _LARGER, 1))
        share_work(work, blocks, self.threads)
        return made.reshape(values.shape)

    def take_off(self, rows: np.ndarray, fitted: np.ndarray, made: np.ndarray) -> None:
        """Fill in some spectra without their backgrounds."""
        with np.errstate(all="ignore"):
            made[:] = rows - self.curves(self.find(fitted).parameters)[0]


@dataclass(frozen=True)
class PowerLaws(Background):
    """Power laws as one of the rules finds them."""

    rule: power_laws.PowerLawFit

    @cached_property
    def order(self) -> np.ndarray:
        """Return the logarithm of the energies; NaN where there is none."""
        with np.errstate(all="ignore"):
            return np.log(np.where(self.energy > 0.0, self.energy, np.nan) / self.rule.reference)

    def find(self, rows: np.ndarray) -> Found:
        """Return what the rule finds."""
        table = np.full((len(rows), power_laws.COLUMNS), np.nan)
        self.rule.fit(rows, table)
        a, r, both = power_laws.AMPLITUDE_STD, power_laws.EXPONENT_STD, power_laws.COVARIANCE
        covariance = np.empty((len(rows), 2, 2))
        covariance[:, 0, 0], covariance[:, 1, 1] = table[:, a] ** 2, table[:, r] ** 2
        covariance[:, 0, 1] = covariance[:, 1, 0] = table[:, both]
        return Found(table[:, :2], covariance, table[:, power_laws.STATUS])

    def curves(self, parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return power laws."""
        shape = np.exp(-parameters[:, 1:] * self.order)
        value = parameters[:, :1] * shape
        return value, np.stack([shape, -value * self.order], axis=1)

    def take_off(self, rows: np.ndarray, fitted: np.ndarray, made: np.ndarray) -> None:
        """Fill in the difference in one pass."""
        order, rule = self.order, self.rule
        if rule.method == "two_area":
            begin = rule.begin
            window = (begin, begin + rule.middle, begin + len(rule.energy))
            exponents, log_sums = ((each.x, each.c) for each in rule.tables)
            subtract_by_areas(rows, fitted, window, exponents, log_sums, order, made)
        else:
            table = np.full((len(fitted), power_laws.COLUMNS), np.nan)
            rule.fit(fitted, table, deviations=False)
            amplitude, exponent = (np.ascontiguousarray(table[:, n]) for n in (0, 1))
            subtract(rows, order, amplitude, exponent, made)
        if not np.isfinite(order).all():
            made[:, ~np.isfinite(order)] = np.nan


@dataclass(frozen=True)
class ExponentialFit(Background):
    """Exponential decays from the first channel of the window on."""

    @property
    def place(self) -> np.ndarray:
        """Return the energies from the middle of the window on."""
        own = self.energy[self.part]
        return self.energy - 0.5 * (own[0] + own[-1])

    def find(self, rows: np.ndarray) -> Found:
        """Return least squares that start at those of the logarithm."""
        y = rows[:, self.part].astype(np.float64)
        x = self.place[self.part]
        expected = smoothed(y)
        good = np.isfinite(y).all(axis=1) & (expected > 0).all(axis=1)
        parameters = np.full((len(rows), 2), np.nan)
        covariance = np.full((len(rows), 2, 2), np.nan)
        status = np.where(good, Status.CONVERGED, Status.NO_DATA)
        if good.any():
            order = np.log(expected[good])
            slope = ((x - x.mean()) * (order - order.mean(axis=1, keepdims=True))).sum(axis=1)
            slope = np.minimum(slope / ((x - x.mean()) ** 2).sum(), -1e-9 / np.ptp(x))
            start = np.column_stack([np.exp(order.mean(axis=1)), -1.0 / slope])
            problem = Problem(
                (Term(_DECAY, (0,)),), np.array([0.0, 0.0]), np.full(2, np.inf),
                np.array([False, True]), np.array([True, False]), np.arange(2), np.ones(2),
                np.zeros(2),
            )  # fmt: skip
            solved = least_squares(
                problem, y[good], start, columns=x[None], weights=1.0 / expected[good],
                covariance=True, threads=1,
            )  # fmt: skip
            parameters[good], covariance[good] = solved.parameters, solved.covariance
            status[good] = solved.status
        return Found(parameters, covariance, status)

    def curves(self, parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return exponential decays."""
        value, slopes = _DECAY.evaluate([self.place], (), parameters)
        return np.asarray(value), slopes


@dataclass(frozen=True)
class LinearFit(Background):
    """Sums of power laws with fixed exponents, none of them negative."""

    exponents: tuple[float, ...]

    @cached_property
    def basis(self) -> np.ndarray:
        """Return the power laws (exponents, channels), 1 in the middle of the window."""
        own = self.energy[self.part]
        with np.errstate(all="ignore"):
            order = np.log(np.where(self.energy > 0, self.energy, np.nan)
                           / np.sqrt(own[0] * own[-1]))  # fmt: skip
            return np.exp(-np.asarray(self.exponents)[:, None] * order)

    def find(self, rows: np.ndarray) -> Found:
        """Return the least squares that are not negative."""
        y = rows[:, self.part].astype(np.float64)
        own = np.ascontiguousarray(self.basis[:, self.part])
        number, size = own.shape
        expected = smoothed(y)
        top = expected.max(axis=1, keepdims=True, initial=0.0)
        good = np.isfinite(y).all(axis=1) & (top[:, 0] > 0)
        y, weight = (np.where(good[:, None], e, 0.0) for e in (y, 1.0 / np.maximum(
            expected, 1e-3 * np.where(good[:, None], top, 1.0))))  # fmt: skip
        pairs = (own[:, None] * own[None]).reshape(number * number, size)
        square = (weight @ pairs.T).reshape(-1, number, number)
        right = (weight * y) @ own.T
        energy = (weight * y * y).sum(axis=1)
        found = solve_each(square, right, energy, positive=True, channels=size)
        inside = found.values > 0.0
        both = inside[:, :, None] & inside[:, None, :]
        matrix = np.where(both, square, np.eye(number))
        matrix[~good] = np.eye(number)
        noise = found.squares / np.maximum(size - inside.sum(axis=1), 1)
        covariance = np.where(both, np.linalg.pinv(matrix) * noise[:, None, None], 0.0)
        values = np.where(good[:, None], found.values, np.nan)
        return Found(values, covariance, np.where(good, Status.CONVERGED, Status.NO_DATA))

    def curves(self, parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the sums."""
        basis = self.basis
        return parameters @ basis, np.broadcast_to(basis, (len(parameters), *basis.shape))


def smoothed(rows: np.ndarray) -> np.ndarray:
    """Return running means along the spectra, for weights."""
    size = min(_SMOOTH, rows.shape[1])
    return np.asarray(ndimage.uniform_filter1d(rows, size, axis=1, mode="nearest"))
