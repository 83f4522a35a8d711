"""Fits of blocks of complex spectra with one oscillator each: arrays in, arrays out."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from omniscopy.compute import least_squares
from omniscopy.compute.fitting.problem import Loss, Problem, Solution, Term
from omniscopy.model import Status
from omniscopy.physics import resonance
from omniscopy.physics.formulas import Formula
from omniscopy.signal.block_fits import better
from omniscopy.signal.coarse import without_spikes
from omniscopy.signal.noise import noise_of
from omniscopy.spm.band_excitation.linear_starts import (
    CLIPPED,
    DAMPING,
    EMPTY,
    SQUARE,
    amplitude_at_pole,
    linear_starts,
)

_RESPONSE = Formula(resonance.oscillator_polar, 4, complex=True)
_MULTIPLE = Formula(resonance.complex_multiple, 2, complex=True)
# Numbers of the parameters; two more for each coefficient of a background.
AMPLITUDE, PHASE, FREQUENCY, QUALITY, BACKGROUND = range(5)
# Quality factors that are tried where the equations give none.
_QUALITIES = (10.0, 30.0, 100.0, 300.0, 1000.0)
# How wide a resonance that says which way spectra turn is at least, in bins.
_RESOLVED = 0.3
# Spectra that are worked on at a time, as values.
_PIECE = 2**22
# Residuals up to which a robust loss is a square, in standard deviations of the noise.
_TUNED = 1.345


class Oscillators(NamedTuple):
    """What is found for each spectrum: arrays, or labelled and lazy ones; phases in degrees.

    `parameters` and `std` have the parameters last.
    """

    parameters: Any
    std: Any
    r_squared: Any
    reduced_chi_square: Any
    steps: Any
    status: Any


DTYPES = Oscillators(*[np.float64] * 6)._replace(status=np.uint8, steps=np.int32)


@dataclass(frozen=True)
class OscillatorFit:
    """How a block of spectra is fitted.

    `degree` is that of the background, -1 where there is none. `weighted` and `started` say
    what comes with the blocks; `shared`, that all spectra of a group have one quality factor.
    """

    frequency: np.ndarray
    degree: int
    lower: tuple[float, float]
    upper: tuple[float, float]
    weighted: bool
    started: bool
    shared: int
    refined: bool
    loss: Loss
    loss_scale: float | None
    max_steps: int
    threads: int | None

    @property
    def parameters(self) -> int:
        """Return how many parameters there are."""
        return BACKGROUND + 2 * (self.degree + 1)

    @property
    def middle(self) -> float:
        """Return the frequency in the middle of the band."""
        return float(self.frequency.mean())

    def run(self, block: np.ndarray, *others: np.ndarray) -> Oscillators:
        """Return what is found for spectra of shape (..., points); the last one says which way."""
        outer, points = block.shape[:-1], len(self.frequency)
        *further, turned = others
        spectra = np.asarray(block).reshape(-1, points)
        weights = self._rows(further[0], outer) if self.weighted else None
        starts = self._starts(further[-1], outer) if self.started else None
        count = int(np.prod(outer[len(outer) - self.shared :], dtype=int)) if self.shared else 0
        size = count or max(1, _PIECE // points)
        parts = []
        for begin in range(0, len(spectra), max(size, 1)):
            part = slice(begin, begin + size)
            own = weights[part] if weights is not None and len(weights) > 1 else weights
            given = None if starts is None else starts[part]
            values = np.asarray(spectra[part], np.complex128)
            parts.append(self.fit(values.conj() if np.any(turned) else values, own, given))
        if not parts:
            parts = [self.fit(np.empty((0, points), complex), None, None)]
        columns = [np.concatenate(each) for each in zip(*parts, strict=True)]
        return Oscillators(*(each.reshape((*outer, *each.shape[1:])) for each in columns))

    def _rows(self, weights: np.ndarray, outer: tuple[int, ...]) -> np.ndarray:
        points = len(self.frequency)
        if weights.size != points:
            weights = np.broadcast_to(weights, (*outer, points))
        return np.asarray(weights, np.float64).reshape(-1, points)

    def _starts(self, given: np.ndarray, outer: tuple[int, ...]) -> np.ndarray:
        return np.asarray(np.broadcast_to(given, (*outer, 2)).reshape(-1, 2))

    def fit(
        self, spectra: np.ndarray, weights: np.ndarray | None, given: np.ndarray | None
    ) -> Oscillators:
        """Return what is found for some spectra."""
        starts, clipped, empty = self.estimate(spectra, weights, given)
        bad = (clipped | empty)[:, None] | ~np.isfinite(spectra)
        usable = np.where(bad, complex(np.nan, np.nan), spectra) if bad.any() else spectra
        unit = self.unit_of_loss(usable)
        own = weights
        if self.loss != "linear":
            own = (np.ones((1, len(self.frequency))) if weights is None else weights) / (
                unit[:, None] ** 2
            )
        made = self.solve(usable, own, starts)
        if self.loss != "linear" and not self.shared:
            for other in self.calm_starts(usable, weights):
                made = better(made, self.solve(usable, own, other))
        return self.found(usable, weights, unit, made, clipped)

    def solve(
        self, spectra: np.ndarray, weights: np.ndarray | None, starts: np.ndarray
    ) -> Solution:
        """Return what the engine finds."""
        return least_squares(
            self.problem(), spectra, starts, columns=self.columns(), weights=weights,
            loss=self.loss, max_steps=self.max_steps, threads=self.threads,
        )  # fmt: skip

    def calm_starts(
        self, spectra: np.ndarray, weights: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return starts that spikes have no part in: of the medians of neighbouring bins."""
        calm = without_spikes(spectra.real) + 1j * without_spikes(spectra.imag)
        starts = self.estimate(calm, weights, None)[0]
        top = np.full(starts.shape, np.nan)
        top[:, PHASE : QUALITY + 1] = self.estimate_at_top(calm, weights)
        return starts, top

    def problem(self) -> Problem:
        """Return the problem that the engine solves."""
        count = self.parameters
        number = np.arange(count)
        terms = [Term(_RESPONSE, (0,))]
        terms += [Term(_MULTIPLE, (1 + power,)) for power in range(self.degree + 1)]
        lower, upper = np.full(count, -np.inf), np.full(count, np.inf)
        lower[FREQUENCY : QUALITY + 1], upper[FREQUENCY : QUALITY + 1] = self.lower, self.upper
        held = (number >= PHASE) & (number <= QUALITY) & (not self.refined)
        return Problem(
            tuple(terms), lower, upper, (number == FREQUENCY) | (number == QUALITY),
            (number == AMPLITUDE) | (number >= BACKGROUND), np.where(held, -1, number),
            np.ones(count), np.zeros(count), is_complex=True,
            shared=(number == QUALITY) if self.shared else np.zeros(0, bool),
        )  # fmt: skip

    def columns(self) -> np.ndarray:
        """Return frequencies, and powers of their distance from the middle."""
        away = self.frequency - self.middle
        return np.stack([self.frequency, *(away**power for power in range(self.degree + 1))])

    def estimate(
        self, spectra: np.ndarray, weights: np.ndarray | None, given: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return starts, and which spectra are clipped or nothing."""
        x = self.frequency / self.middle
        order = self.degree + 2 if self.degree >= 0 else 0
        seen = linear_starts(x, spectra, weights, order, self.threads)
        clipped, empty = seen[:, CLIPPED] > 0, seen[:, EMPTY] > 0
        starts = np.full((len(spectra), self.parameters), np.nan)
        with np.errstate(invalid="ignore", divide="ignore"):
            resonance = np.sqrt(seen[:, SQUARE])
            quality = resonance / seen[:, DAMPING]
            good = np.isfinite(resonance) & (quality > 0)
            good &= (resonance * self.middle >= self.lower[0]) & (
                resonance * self.middle <= self.upper[0]
            )
            starts[:, FREQUENCY], starts[:, QUALITY] = resonance * self.middle, quality
            amplitude = amplitude_at_pole(x, seen)
            starts[:, PHASE] = np.angle(amplitude)
            if self.refined and self.degree < 0:
                starts[:, AMPLITUDE] = np.abs(amplitude)
        if given is not None:
            known = np.isfinite(given).all(axis=1)
            starts[known, FREQUENCY], starts[known, QUALITY] = given[known].T
            starts[known, PHASE] = self._phases(spectra[known], given[known].T)
            starts[known, AMPLITUDE] = np.nan
            good |= known
        rest = ~good & ~clipped & ~empty
        if rest.any():
            own = weights[rest] if weights is not None and len(weights) > 1 else weights
            starts[rest, PHASE : QUALITY + 1] = self.estimate_at_top(spectra[rest], own)
            starts[rest, AMPLITUDE] = np.nan
        return starts, clipped, empty

    def estimate_at_top(self, spectra: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
        """Return phase, frequency and quality of the best oscillator at the largest value."""
        y = np.where(np.isfinite(spectra), spectra, 0.0)
        own = np.ones((1, y.shape[1])) if weights is None else np.nan_to_num(np.maximum(weights, 0))
        top = self.frequency[np.abs(y).argmax(axis=1)]
        best, gained = np.full((len(y), 3), np.nan), np.full(len(y), -np.inf)
        for quality in _QUALITIES:
            shape = resonance.oscillator(self.frequency, 1.0, top[:, None], quality, 0.0)
            along = (own * shape.conj() * y).sum(axis=1)
            gain = np.abs(along) ** 2 / np.maximum((own * np.abs(shape) ** 2).sum(axis=1), 1e-300)
            trial = np.stack([np.angle(along), top, np.full(len(y), quality)], axis=1)
            best = np.where((gain > gained)[:, None], trial, best)
            gained = np.maximum(gain, gained)
        return best

    def _phases(self, spectra: np.ndarray, given: np.ndarray) -> np.ndarray:
        """Return the phase of the least squares for given resonances."""
        y = np.where(np.isfinite(spectra), spectra, 0.0)
        f0, quality = (each[:, None] for each in given)
        shape = resonance.oscillator(self.frequency, 1.0, f0, quality, 0.0)
        return np.angle((shape.conj() * y).sum(axis=1))

    def unit_of_loss(self, spectra: np.ndarray) -> np.ndarray:
        """Return from which residual on a robust loss is less than a square."""
        if self.loss == "linear" or self.loss_scale is not None:
            return np.full(len(spectra), self.loss_scale or 1.0)
        parts = [noise_of(spectra.real), noise_of(spectra.imag)]
        noise = _TUNED * np.sqrt(np.mean(np.square(parts), axis=0))
        return np.where(noise > 0, noise, 1.0)

    def found(
        self, spectra: np.ndarray, weights: np.ndarray | None, unit: np.ndarray, made: Solution,
        clipped: np.ndarray,
    ) -> Oscillators:  # fmt: skip
        """Return parameters with amplitudes above 0 and phases in degrees, and the figures."""
        parameters, std = made.parameters, made.std
        turn = np.where(parameters[:, AMPLITUDE] < 0.0, 180.0, 0.0)
        parameters[:, AMPLITUDE] = np.abs(parameters[:, AMPLITUDE])
        degrees = np.degrees(parameters[:, PHASE]) + turn
        parameters[:, PHASE] = 180.0 - np.mod(180.0 - degrees, 360.0)
        std[:, PHASE] = np.degrees(std[:, PHASE])
        free = len(self.problem().free)
        with np.errstate(invalid="ignore", divide="ignore"):
            squares = made.chi_square * np.where(self.loss == "linear", 1.0, unit**2)
            explained = 1.0 - squares / _total(spectra, weights)
            reduced = np.where(made.points > free, squares / (made.points - free), np.nan)
        status = np.where(clipped, int(Status.INVALID), made.status)
        return Oscillators(
            parameters, std, explained, reduced, made.steps.astype(np.int32),
            status.astype(np.uint8),
        )  # fmt: skip


def _total(spectra: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """Return the weighted sum of squared distances from the complex mean."""
    good = np.isfinite(spectra)
    y = spectra if good.all() else np.where(good, spectra, 0.0)
    if weights is None and good.all():
        mean = y.mean(axis=1)
        return np.asarray(_squares(y).sum(axis=1) - y.shape[1] * _squares(mean))
    own = good * (1.0 if weights is None else np.where(weights > 0, weights, 0.0))
    mass = np.maximum(own.sum(axis=1), 1e-300)
    mean = (own * y).sum(axis=1) / mass
    return np.asarray((own * _squares(y - mean[:, None])).sum(axis=1))


def _squares(values: np.ndarray) -> np.ndarray:
    return np.asarray(values.real**2 + values.imag**2)


def turns_backwards(frequency: np.ndarray, spectra: np.ndarray) -> bool:
    """Return whether most of some spectra turn the other way: an oscillator would gain energy.

    Each has a say by the square of the share of it that an oscillator explains, unless that is
    as narrow as a spike in one bin.
    """
    x = frequency / frequency.mean()
    seen = linear_starts(x, np.asarray(spectra, np.complex128), None, 0, threads=1)
    square, damping = seen[:, SQUARE], seen[:, DAMPING]
    y = np.where(np.isfinite(spectra), spectra, 0.0)
    with np.errstate(all="ignore"):
        shape = 1.0 / (x * x - 1j * x * damping[:, None] - square[:, None])
        along = np.abs((shape.conj() * y).sum(axis=1)) ** 2
        share = along / (_squares(shape).sum(axis=1) * _squares(y).sum(axis=1))
        wide = (square > 0) & (np.abs(damping) > _RESOLVED * np.ptp(x) / (len(x) - 1))
        said = np.where(np.isfinite(share) & wide, share**2 * np.sign(damping), 0.0)
    return bool(said.sum() < 0)
