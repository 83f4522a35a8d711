"""Fits of blocks of spectra: plain arrays in, plain arrays out, a bounded piece at a time."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from omniscopy.compute.fitting.problem import Solution
from omniscopy.compute.fitting.solving import least_squares
from omniscopy.compute.threads import available_cores, share_work
from omniscopy.model import Status
from omniscopy.signal.bootstrap import resample
from omniscopy.signal.coarse import bridged, smoothed, without_spikes
from omniscopy.signal.layout import Layout
from omniscopy.signal.noise import noise_of
from omniscopy.signal.starts import estimate_starts

Likelihood = Literal["gaussian", "poisson"]
Loss = Literal["linear", "soft_l1", "huber", "cauchy"]
# Residuals up to which a robust loss is a square, in standard deviations of the noise: 95 % of
# the efficiency of least squares for the Huber loss and normal noise.
_TUNED = 1.345
# Values that a thread works on at a time: few enough to stay near the processor, enough for the
# loops of NumPy; and how many times each thread takes some, where there are many.
_LEAST, _MOST, _TURNS = 2**15, 2**18, 2
# Values of spectra that are worked on at a time where nothing is left but to fit them.
_READY = 2**22
# Values of resampled spectra in memory.
_MANY = 2**22
# The central part of the scatter that an interval of a bootstrap holds: that of ± one standard
# deviation of a normal distribution.
_INTERVAL = (15.865525393145708, 84.13447460685429)


class Found(NamedTuple):
    """What is found for each spectrum: arrays, or labelled and lazy ones.

    `parameters` and `std` have the parameters last. `cost` is what was minimised.
    """

    parameters: Any
    std: Any
    status: Any
    steps: Any
    degrees_of_freedom: Any
    reduced_chi_square: Any
    r_squared: Any
    aic: Any
    bic: Any
    cost: Any


DTYPES = Found(*[np.float64] * len(Found._fields))._replace(status=np.uint8, steps=np.int32)


class Scatter(NamedTuple):
    """What fits of resampled spectra scatter about; the parameters are last."""

    std: Any
    low: Any
    high: Any


@dataclass(frozen=True)
class BlockFit:
    """How a block of spectra is fitted.

    `starts` are the numbers that were given, NaN where none was. `weighted` and `started` say
    whether weights, and starts of every spectrum, come with the blocks.
    """

    layout: Layout
    shape: tuple[int, ...]
    mesh: tuple[np.ndarray, ...]
    columns: np.ndarray
    starts: np.ndarray
    weighted: bool
    started: bool
    loss: Loss
    loss_scale: float | None
    likelihood: Likelihood
    max_steps: int
    restarts: int
    threads: int | None

    def run(self, block: np.ndarray, *others: np.ndarray, only_started: bool = False) -> Found:
        """Return what is found for every spectrum of a block.

        With `only_started`, spectra for which no start is given are left out, and linear
        parameters are solved for.
        """
        outer = block.shape[: block.ndim - len(self.shape)]
        spectra, weights, starts = self.flat(block, others)
        if only_started:
            chosen = np.flatnonzero(np.isfinite(starts).any(axis=1))
            starts = np.where(self.layout.linear & self.layout.free, np.nan, starts)
        else:
            chosen = np.arange(len(spectra))
            starts = np.where(np.isnan(starts), self.starts, starts)
        ready = self.likelihood == "gaussian" and self.loss == "linear" and self.knows(starts)
        pieces = self.pieces(len(chosen), ready=ready)
        alone = ready or len(pieces) < 2
        if len(pieces) == 1 and not only_started:
            found = self.fit(spectra, weights, starts)
            made = Found(*(np.ascontiguousarray(*each) for each in zip(found, DTYPES, strict=True)))
            return Found(*(values.reshape((*outer, *values.shape[1:])) for values in made))
        made = self.nothing(len(spectra))
        fit = self.fit if alone else dataclasses.replace(self, threads=1).fit

        def work(begin: int) -> None:
            part: Any = slice(begin, begin + pieces.step)
            if only_started:
                part = chosen[part]
            found = fit(spectra[part], _rows(weights, part), starts[part])
            for values, column in zip(made, found, strict=True):
                values[part] = column

        share_work(work, pieces, 1 if alone else self.threads)
        return Found(*(values.reshape((*outer, *values.shape[1:])) for values in made))

    def pieces(self, count: int, *, ready: bool) -> range:
        """Return where the pieces of `count` spectra begin that are worked on at a time.

        A thread takes one: while it estimates starts, others fit. What is ready is left to the
        threads of the engine, in large pieces.
        """
        points, turns = max(self.columns.shape[1], 1), _TURNS * (self.threads or available_cores())
        if ready:
            return range(0, count, max(_READY // points, 1))
        size = min(max(-(-count // turns), _LEAST // points), _MOST // points)
        return range(0, count, max(size, 1))

    def nothing(self, count: int) -> Found:
        """Return what is found where nothing is."""
        made = Found(*(np.full(count, np.nan) for _ in DTYPES))
        wide = (count, len(self.starts))
        return made._replace(
            parameters=np.full(wide, np.nan), std=np.full(wide, np.nan),
            status=np.zeros(count, DTYPES.status), steps=np.zeros(count, DTYPES.steps),
        )  # fmt: skip

    def flat(
        self, block: np.ndarray, others: Sequence[np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
        """Return spectra, weights (one row, or one for each) and starts as tables."""
        points, count = self.columns.shape[1], len(self.starts)
        outer = block.shape[: block.ndim - len(self.shape)]
        starts = np.full((*outer, count), np.nan)
        if self.started:
            starts[:] = others[-1]
        weights = None
        if self.weighted:
            weights = np.asarray(others[0], dtype=np.float64)
            if weights.size != points:
                weights = np.broadcast_to(weights, (*outer, *self.shape))
            weights = weights.reshape(-1, points)
        return np.asarray(block).reshape(-1, points), weights, starts.reshape(-1, count)

    def fit(self, spectra: np.ndarray, weights: np.ndarray | None, given: np.ndarray) -> Found:
        """Return what is found for some spectra."""
        spectra = self.as_numbers(spectra)
        unit = self.unit_of_loss(spectra)
        weights = self.in_units(weights, unit)
        seen = spectra if weights is None else np.where(weights > 0, spectra, np.nan)
        if self.loss != "linear" and len(self.shape) == 1 and not self.layout.is_complex:
            starts = self.start_without_spikes(seen, given)
        else:
            starts = self.layout.followed(self.estimate(seen, given))
        if self.likelihood == "poisson":
            starts = self.start_by_squares(seen, weights, starts)
        best = self.solve(spectra, weights, starts)
        for number in range(self.restarts):
            again = self.moved(starts, best.parameters, number)
            best = better(best, self.solve(spectra, weights, again))
        return self.found(best, unit)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return double precision, real or complex."""
        return np.dtype(np.complex128 if self.layout.is_complex else np.float64)

    def as_numbers(self, spectra: np.ndarray) -> np.ndarray:
        """Return spectra in double precision."""
        return np.asarray(spectra, self.dtype)

    def unit_of_loss(self, spectra: np.ndarray) -> np.ndarray:
        """Return what residuals are measured in: for a robust loss, what the noise suggests."""
        if self.loss == "linear" or self.loss_scale is not None:
            return np.ones(len(spectra))
        parts = [spectra.real, spectra.imag] if self.layout.is_complex else [spectra]
        noise = _TUNED * np.sqrt(np.mean([noise_of(part) ** 2 for part in parts], axis=0))
        return np.where(noise > 0, noise, 1.0)

    def in_units(self, weights: np.ndarray | None, unit: np.ndarray) -> np.ndarray | None:
        """Return weights of residuals that are measured in units of their own."""
        if self.loss == "linear" or self.loss_scale is not None:
            return weights
        own = np.ones((1, self.columns.shape[1])) if weights is None else weights
        return own / unit[:, None] ** 2

    def knows(self, starts: np.ndarray) -> bool:
        """Return whether there are starts of all parameters but linear and tied ones."""
        asked = ~self.layout.linear & (self.layout.roots == np.arange(starts.shape[1]))
        return not np.isnan(starts[:, asked]).any()

    def estimate(self, spectra: np.ndarray, given: np.ndarray) -> np.ndarray:
        """Return starts, estimated where they are not given."""
        if self.knows(given):
            return given
        return estimate_starts(self.layout, self.mesh, self.shape, spectra, given)

    def start_without_spikes(self, spectra: np.ndarray, given: np.ndarray) -> np.ndarray:
        """Return starts for a robust loss: least squares of what is left without spikes."""
        calm = without_spikes(spectra)
        starts = self.layout.followed(self.estimate(calm, given))
        squares = dataclasses.replace(self, loss="linear")
        found = squares.solve(calm, None, starts).parameters
        return np.where(np.isfinite(found), found, starts)

    def start_by_squares(
        self, spectra: np.ndarray, weights: np.ndarray | None, starts: np.ndarray
    ) -> np.ndarray:
        """Return starts for counts: least squares, each weighted by about its variance.

        From far away the way down the likelihood of counts leads through models below 0.
        """
        own = 1.0 if weights is None else weights
        variance = np.maximum(smoothed(bridged(spectra)), 0.0) + 1.0 / np.maximum(own, 1e-300)
        squares = dataclasses.replace(self, likelihood="gaussian")
        found = squares.solve(spectra, own / variance, starts)
        good = np.isfinite(found.parameters) & (found.status != Status.SINGULAR)[:, None]
        return np.where(good, found.parameters, starts)

    def moved(self, starts: np.ndarray, _best: np.ndarray, number: int) -> np.ndarray:
        """Return other starts than the first, and than what is best so far.

        The moves are the same for every spectrum.
        """
        rng = np.random.default_rng(number)
        made = starts.copy()
        for column, info in enumerate(self.layout.infos):
            draw = float(rng.standard_normal())
            if self.layout.source[column] != column:
                continue
            if info.positive:
                made[:, column] *= np.exp(0.8 * draw)
            elif np.isfinite(info.lower) and np.isfinite(info.upper):
                made[:, column] = info.lower + rng.random() * (info.upper - info.lower)
            elif info.place and info.axis is not None:
                made[:, column] += 0.1 * draw * np.ptp(self.mesh[info.axis])
            elif not self.layout.linear[column]:
                made[:, column] *= np.exp(0.3 * draw)
        made = np.clip(made, self.layout.lower, self.layout.upper)
        return self.layout.followed(made)

    def solve(
        self, spectra: np.ndarray, weights: np.ndarray | None, starts: np.ndarray
    ) -> Solution:
        """Return what the engine finds."""
        return least_squares(
            self.layout.problem(), spectra, starts, columns=self.columns, weights=weights,
            likelihood=self.likelihood, loss=self.loss, loss_scale=self.loss_scale or 1.0,
            max_steps=self.max_steps, threads=self.threads,
        )  # fmt: skip

    def found(self, solved: Solution, unit: np.ndarray) -> Found:
        """Return parameters, standard deviations and figures; residuals are in `unit`."""
        free = int(np.sum(self.layout.free))
        points = solved.points
        with np.errstate(all="ignore"):
            reduced = np.where(points > free, solved.chi_square * unit**2 / (points - free), np.nan)
            explained = 1.0 - solved.chi_square / solved.total
            misfit = points * np.log(solved.chi_square / solved.total)
            if self.likelihood == "poisson":
                explained = np.full(len(points), np.nan)
                misfit = solved.chi_square
            aic, bic = misfit + 2.0 * free, misfit + np.log(points) * free
        figures = {
            "degrees_of_freedom": points - free, "reduced_chi_square": reduced,
            "r_squared": explained, "aic": aic, "bic": bic,
        }  # fmt: skip
        empty = ~np.isfinite(solved.cost)
        return Found(
            parameters=solved.parameters, std=solved.std, status=solved.status,
            steps=solved.steps, cost=solved.cost,
            **{name: np.where(empty, np.nan, each) for name, each in figures.items()},
        )  # fmt: skip

    def bootstrap(
        self, block: np.ndarray, *others: np.ndarray, resamples: int, seed: int
    ) -> Scatter:
        """Return the scatter of the parameters of resampled spectra; starts are what was found."""
        outer = block.shape[: block.ndim - len(self.shape)]
        spectra, weights, parameters = self.flat(block, others)
        made = Scatter(*(np.full(parameters.shape, np.nan) for _ in Scatter._fields))
        size = max(1, _MANY // max(self.columns.shape[1] * resamples, 1))
        for begin in range(0, len(spectra), size):
            part = slice(begin, begin + size)
            scatter = self.scatter(
                self.as_numbers(spectra[part]), _rows(weights, part), parameters[part],
                resamples, seed,
            )  # fmt: skip
            for values, column in zip(made, scatter, strict=True):
                values[part] = column
        return Scatter(*(values.reshape((*outer, values.shape[1])) for values in made))

    def scatter(
        self, spectra: np.ndarray, weights: np.ndarray | None, parameters: np.ndarray,
        resamples: int, seed: int,
    ) -> Scatter:  # fmt: skip
        """Return the same for some spectra."""
        weights = self.in_units(weights, self.unit_of_loss(spectra))
        values = self.layout.problem().evaluate(self.columns, parameters)[0]
        if self.layout.is_complex:
            points = self.columns.shape[1]
            values = values[:, :points] + 1j * values[:, points:]
        free = int(np.sum(self.layout.free))
        drawn = resample(
            spectra, values, weights, resamples, free=free, seed=seed,
            counts=self.likelihood == "poisson",
        )  # fmt: skip
        repeated = weights
        if weights is not None and len(weights) > 1:
            repeated = np.repeat(weights, resamples, axis=0)
        solved = self.solve(
            drawn.reshape(-1, spectra.shape[1]), repeated, np.repeat(parameters, resamples, axis=0)
        )
        scattered = solved.parameters.reshape(len(spectra), resamples, -1)
        known = np.isfinite(scattered).all(axis=(1, 2))
        made = Scatter(*(np.full(parameters.shape, np.nan) for _ in Scatter._fields))
        # Less the first one, so that what is the same in all has no scatter at all.
        made.std[known] = (scattered - scattered[:, :1])[known].std(axis=1, ddof=1)
        made.low[known], made.high[known] = np.percentile(scattered[known], _INTERVAL, axis=1)
        return made


def _rows(weights: np.ndarray | None, part: slice | np.ndarray) -> np.ndarray | None:
    return weights[part] if weights is not None and len(weights) > 1 else weights


def better(one: Solution, other: Solution) -> Solution:
    """Return for each spectrum the solution of less cost; the first one if they are alike."""
    lower = is_better(one.cost, other.cost)
    fields = {
        field.name: np.where(
            lower.reshape(-1, *([1] * (getattr(one, field.name).ndim - 1))),
            getattr(other, field.name), getattr(one, field.name),
        )
        for field in dataclasses.fields(Solution)
    }  # fmt: skip
    return Solution(**fields)


def is_better(cost: Any, other: Any) -> Any:
    """Return whether another solution costs clearly less; without a finite cost there is none."""
    least = np.where(np.isfinite(cost), cost, np.inf)
    return np.isfinite(other) & (other < least * (1 - 1e-9))
