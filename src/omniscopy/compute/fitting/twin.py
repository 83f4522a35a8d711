# ruff: noqa: PLR0917 - arrays one by one, as the compiled twin takes them
"""The engine in plain NumPy: the oracle of the compiled one, and the way for any formula.

All spectra of a block take their steps together; those that are done are left out. The rules are
those of `omniscopy.compute.fitting.kernel`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from omniscopy.compute.fitting.covariances import std_of_all
from omniscopy.compute.fitting.equations import inverse, smallest_pivot, solve, without
from omniscopy.compute.fitting.problem import LOSSES, Problem, Settings
from omniscopy.compute.fitting.rules import (
    BENT,
    CARRIED,
    FAINT,
    FIRST,
    HOPELESS,
    LEAST,
    NO_GAIN,
    ROUNDING,
    SHARE,
    SHORT,
    SINGULAR,
)
from omniscopy.model.status import Status


def fit_block(
    problem: Problem,
    columns: np.ndarray,
    data: np.ndarray,
    weights: np.ndarray,
    settings: Settings,
    found: Mapping[str, np.ndarray],
) -> None:
    """Fit a block; `found["parameters"]` holds the starts, and everything found afterwards."""
    # What overflows or is not a number is no minimum; nothing else follows from it.
    with np.errstate(all="ignore"):
        _fit_block(problem, columns, data, weights, settings, found)


def _fit_block(
    problem: Problem, columns: np.ndarray, data: np.ndarray, weights: np.ndarray,
    settings: Settings, found: Mapping[str, np.ndarray],
) -> None:  # fmt: skip
    weight = np.broadcast_to(weights if weights.size else 1.0, data.shape)
    usable = np.isfinite(data) & np.isfinite(weight) & (weight > 0)
    found["points"][:] = usable.sum(axis=1)
    enough = found["points"] >= max(settings.fewest, 1)
    found["status"][:] = Status.NO_DATA
    found["parameters"][~enough] = np.nan
    kept = np.flatnonzero(enough)
    axis = np.broadcast_to(columns, (len(data), *columns.shape[1:]))
    spectra = _Spectra(
        problem, settings, axis, np.where(usable, data, 0.0), np.where(usable, weight, 0.0)
    ).take(kept)
    values = found["parameters"][kept]
    wanted = (problem.linear & np.isnan(values)).any(axis=1) | settings.separable
    if wanted.any():
        values[wanted] = spectra.take(wanted).solve_linear(values[wanted], must=True)
    values = spectra.tied(values)
    descent = _Descent(spectra, values, 1 + wanted)
    while descent.step():
        pass
    wanted = found["normal"].shape[1] > 0
    for name, made in spectra.measure(descent).items():
        if wanted or name not in {"normal", "direction"}:
            found[name][kept] = made
    found["steps"][kept] = descent.steps


@dataclass(frozen=True)
class _Spectra:
    """Some spectra with their axes and weights, 0 where a value is left out."""

    problem: Problem
    settings: Settings
    axis: np.ndarray
    data: np.ndarray
    weight: np.ndarray

    def take(self, which: np.ndarray) -> "_Spectra":
        """Return some of the spectra."""
        return _Spectra(
            self.problem, self.settings, self.axis[which], self.data[which], self.weight[which]
        )

    @property
    def mean(self) -> np.ndarray:
        """Return the weighted mean of each spectrum."""
        mass = self.weight.sum(axis=1)
        mean: np.ndarray = (self.weight * self.data).sum(axis=1) / np.where(mass > 0, mass, 1.0)
        return mean

    def tied(self, values: np.ndarray) -> np.ndarray:
        """Return parameters of which tied ones follow the others."""
        problem, made = self.problem, values.copy()
        follows = (problem.source >= 0) & (problem.source != np.arange(problem.parameters))
        source = problem.source[follows]
        made[:, follows] = problem.factor[follows] * values[:, source] + problem.offset[follows]
        return made

    def evaluate(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the model and its derivatives with respect to the free parameters."""
        problem = self.problem
        model, full = problem.evaluate(self.axis, values)
        share = np.zeros((len(problem.free), problem.parameters))
        for parameter, source in enumerate(problem.source):
            if source >= 0:
                share[np.searchsorted(problem.free, source), parameter] = problem.factor[parameter]
        return model, np.einsum("fp,spn->sfn", share, full)

    def weigh(self, model: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the cost, what pulls on the model, and what holds it."""
        away = self.data - model
        if self.settings.poisson:
            return self._weigh_counts(model, away)
        unit = self.settings.loss_scale**2
        z = self.weight * away**2 / unit
        value, slope, bend = loss_of(z, self.settings.loss)
        hold = slope
        if self.settings.loss:
            hold = np.maximum(slope + 2.0 * z * bend, BENT * slope)
        return unit * value.sum(axis=1), self.weight * slope * away, self.weight * hold

    def _weigh_counts(
        self, model: np.ndarray, away: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        faint = (FAINT * np.abs(self.mean) + 1e-300)[:, None]
        expected = np.maximum(model, faint)
        logs = np.log(np.where(self.data > 0, self.data / expected, 1.0))
        value = expected - self.data + self.data * logs
        below = 0.5 * (model**2 - faint**2) / faint - self.data * (model - faint) / faint
        value = value + np.where(model < faint, below, 0.0)
        cost = 2.0 * np.where(self.weight > 0, self.weight * value, 0.0).sum(axis=1)
        return cost, self.weight * away / expected, self.weight / expected

    def solve_linear(self, values: np.ndarray, *, must: bool) -> np.ndarray:
        """Return parameters of which linear ones are the weighted least squares."""
        problem = self.problem
        which = problem.free[problem.linear[problem.free]]
        rows = np.flatnonzero(problem.linear[problem.free])
        made = values.copy()
        made[:, which] = 0.0
        made = self.tied(made)
        model, jacobian = self.evaluate(made)
        basis = jacobian[:, rows]
        normal = np.einsum("san,sn,sbn->sab", basis, self.weight, basis)
        right = np.einsum("san,sn->sa", basis, self.weight * (self.data - model))
        empty = ~(np.einsum("saa->sa", normal) > 0)
        normal = normal + np.einsum("sa,ab->sab", empty, np.eye(len(rows)))
        regular = smallest_pivot(normal) > SINGULAR
        solved = np.zeros_like(right)
        solved[regular] = solve(normal[regular], right[regular])
        bounded = np.clip(solved, problem.lower[which], problem.upper[which])
        made[:, which] = bounded
        good = np.full(len(values), must) | (regular & (bounded == solved).all(axis=1))
        return self.tied(np.where(good[:, None], made, values))

    def measure(self, descent: "_Descent") -> dict[str, Any]:
        """Return the results by name, from the normal matrix without damping and loss."""
        problem, values, status = self.problem, descent.values, descent.status
        normal, chi_square, spread = self._without_loss(descent)
        free = values[:, problem.free]
        bounded = (free <= problem.lower[problem.free]) | (free >= problem.upper[problem.free])
        plain, normal = normal, without(normal, bounded)
        valid = status != Status.INVALID
        regular = valid & (smallest_pivot(np.where(valid[:, None, None], normal, 0.0)) > SINGULAR)
        variance = np.full(free.shape, np.nan)
        variance[regular] = np.einsum("saa->sa", inverse(normal[regular]))
        variance[bounded] = np.nan
        std = std_of_all(problem, np.sqrt(spread[:, None] * variance))
        converged = status == Status.CONVERGED
        status = np.where(converged & bounded.any(axis=1), Status.AT_BOUND, status)
        status = np.where(valid & ~regular, Status.SINGULAR, status)
        total = (self.weight * (self.data - self.mean[:, None]) ** 2).sum(axis=1)
        made = {
            "parameters": values, "std": std, "cost": descent.cost, "chi_square": chi_square,
            "total": total, "spread": spread, "normal": plain, "direction": descent.direction,
        }  # fmt: skip
        made = {name: _where(valid, each) for name, each in made.items()}
        return {**made, "status": status}

    def _without_loss(self, descent: "_Descent") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return normal matrix and chi square without a loss, and the factor of the covariance."""
        cost, count = descent.cost, (self.weight > 0).sum(axis=1)
        if self.settings.poisson:
            return descent.normal, cost, np.ones(len(cost))
        degrees = count - len(self.problem.free)
        if not self.settings.loss:
            return descent.normal, cost, np.where(degrees > 0, cost / degrees, np.nan)
        model, jacobian = self.evaluate(descent.values)
        squares = self.weight * (self.data - model) ** 2
        normal = np.einsum("san,sn,sbn->sab", jacobian, self.weight, jacobian)
        z = squares / self.settings.loss_scale**2
        _, slope, bend = loss_of(z, self.settings.loss)
        bent = np.where(self.weight > 0, slope + 2.0 * z * bend, 0.0).sum(axis=1) / count
        spread = (slope**2 * squares).sum(axis=1) / degrees / bent**2
        return normal, squares.sum(axis=1), np.where(degrees > 0, spread, np.nan)


def loss_of(z: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a loss of squares, and its first and second derivative."""
    name = LOSSES[number]
    if name == "soft_l1":
        root = np.sqrt(1.0 + z)
        return 2.0 * (root - 1.0), 1.0 / root, -0.5 / root**3
    if name == "huber":
        far = np.maximum(z, 1.0)
        inside, root = z <= 1.0, np.sqrt(far)
        return (
            np.where(inside, z, 2.0 * root - 1.0),
            np.where(inside, 1.0, 1.0 / root),
            np.where(inside, 0.0, -0.5 / root**3),
        )
    if name == "cauchy":
        return np.log(1.0 + z), 1.0 / (1.0 + z), -1.0 / (1.0 + z) ** 2
    return z, np.ones_like(z), np.zeros_like(z)


def bounded_step(
    normal: np.ndarray, descent: np.ndarray, damping: np.ndarray, values: np.ndarray,
    lower: np.ndarray, upper: np.ndarray, positive: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Return damped steps that stay within the bounds, and whether there is one."""
    stopped = ((values <= lower) & (descent < 0)) | ((values >= upper) & (descent > 0))
    step = np.zeros_like(values)
    good = np.ones(len(values), bool)
    least = lower - values
    least = np.where(positive, np.maximum(least, -SHARE * values), least)
    most = upper - values
    for _ in range(values.shape[1] + 1):
        matrix = without(normal + damping, stopped)
        held = np.where(stopped, step, 0.0)
        right = np.where(stopped, step, descent - np.einsum("sab,sb->sa", normal, held))
        good &= smallest_pivot(matrix) > 0
        solved = np.zeros_like(step)
        solved[good] = solve(matrix[good], right[good])
        good &= np.isfinite(solved).all(axis=1)
        step = np.where(stopped, step, np.clip(solved, least, most))
        leaving = ~stopped & ((solved < least) | (solved > most))
        stopped = stopped | leaving
        if not leaving[good].any():
            break
    return step, good


@dataclass
class _Descent:
    """Where every spectrum is, and which way is down; arrays are changed in place."""

    spectra: _Spectra
    values: np.ndarray
    steps: np.ndarray

    def __post_init__(self) -> None:
        count, free = len(self.values), self.spectra.problem.free
        self.cost, self.normal, self.direction = _normal_equations(self.spectra, self.values)
        self.status = np.full(count, int(Status.MAX_STEPS))
        self.status[~np.isfinite(self.cost)] = Status.INVALID
        self.strength = np.full(count, FIRST)
        self.largest = np.zeros((count, len(free)))
        self.rounding = ROUNDING * (self.spectra.weight * self.spectra.data**2).sum(axis=1)

    def step(self) -> bool:
        """Take one step with every spectrum that is not done; return whether there was one."""
        settings, nothing_free = self.spectra.settings, len(self.spectra.problem.free) == 0
        going = self.status == Status.MAX_STEPS
        self.status[going & ((self.cost <= self.rounding) | nothing_free)] = Status.CONVERGED
        going = (self.status == Status.MAX_STEPS) & (self.steps < settings.max_steps)
        now, trial, gain, length = self.propose(np.flatnonzero(going))
        now, trial, gain = self.finish(now, trial, gain, length)
        if len(now):
            part = self.spectra.take(now)
            trial = part.tied(trial)
            if settings.separable:
                trial = part.solve_linear(trial, must=False)
            self.steps[now] += 1 + settings.separable
            self.judge(now, trial, gain)
        return bool(going.any())

    def propose(self, now: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return who steps where, what it gains if straight, and its squared length in parts."""
        problem = self.spectra.problem
        diagonal = np.einsum("saa->sa", self.normal[now])
        self.largest[now] = np.maximum(self.largest[now], diagonal)
        largest, current = self.largest[now], self.values[np.ix_(now, problem.free)]
        damping = self.scaled(now, np.where(largest > 0, largest, 1.0))
        damping *= self.strength[now, None, None]
        limits = (each[problem.free] for each in (problem.lower, problem.upper, problem.positive))
        step, good = bounded_step(
            self.normal[now], self.direction[now], damping, current, *limits
        )  # fmt: skip
        worse = now[~good]
        self.status[worse[self.strength[worse] > HOPELESS]] = Status.SINGULAR
        self.strength[worse] = np.maximum(10.0 * self.strength[worse], 1e-6)
        now, step, current, largest = now[good], step[good], current[good], largest[good]
        gain = 2.0 * (self.direction[now] * step).sum(axis=1)
        gain = gain - np.einsum("sab,sa,sb->s", self.normal[now], step, step)
        size = (largest * current**2).sum(axis=1)
        length = (largest * step**2).sum(axis=1)
        trial = self.values[now]
        trial[:, problem.free] = current + step
        length += self.carry(now, current, step, trial)
        length = np.where(size > 0, length / np.where(size > 0, size, 1.0), np.inf)
        return now, trial, gain, length

    def scaled(self, now: np.ndarray, largest: np.ndarray) -> np.ndarray:
        """Return the squared length of steps as a matrix, which damps them."""
        made = largest[:, :, None] * np.eye(largest.shape[1])
        for a, b in np.searchsorted(self.spectra.problem.free, self.spectra.problem.carried):
            made[:, a, b] = made[:, b, a] = self.alike(now, largest, a, b)
        return made

    def alike(self, now: np.ndarray, largest: np.ndarray, a: int, b: int) -> np.ndarray:
        """Return the correlation of what two parameters do to the model, in their scales."""
        squares = self.normal[now, a, a] * self.normal[now, b, b]
        scale = np.sqrt(largest[:, a] * largest[:, b] / np.where(squares > 0, squares, 1.0))
        alike: np.ndarray = self.normal[now, a, b] * scale
        return alike

    def carry(
        self, now: np.ndarray, current: np.ndarray, step: np.ndarray, trial: np.ndarray
    ) -> np.ndarray:
        """Let amplitudes go along with exponents: times a factor, where a step adds a term.

        Return by how much the squared lengths of the steps are less.
        """
        problem, ahead, less = self.spectra.problem, current + step, np.zeros(len(now))
        low, high = problem.lower[problem.free], problem.upper[problem.free]
        inside = (ahead > low) & (ahead < high)
        for a, b in np.searchsorted(problem.free, problem.carried):
            free = inside[:, a] & inside[:, b]
            both = self.alike(now, self.largest[now], a, b)
            less += np.where(free, 2.0 * both * step[:, a] * step[:, b], 0.0)
            along = self.normal[now, a, b] / self.normal[now, a, a] * step[:, b]
            log = along / current[:, a]
            moved = (ahead[:, a] + along) * np.exp(-log)
            good = free & (np.abs(log) < CARRIED) & (moved >= low[a]) & (moved <= high[a])
            trial[good, problem.free[a]] = moved[good]
        return less

    def finish(
        self, now: np.ndarray, trial: np.ndarray, gain: np.ndarray, length: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Take last steps, too short to look again; return the others."""
        settings = self.spectra.settings
        small = settings.cost_tolerance * self.cost[now]
        last = (np.abs(gain) <= small) & (self.strength[now] < 1.0) & (length <= SHORT**2)
        last |= length <= settings.step_tolerance**2
        done = now[last]
        self.values[done] = self.spectra.take(done).tied(trial[last])
        self.cost[done] -= np.maximum(gain[last], 0.0)
        self.status[done] = Status.CONVERGED
        return now[~last], trial[~last], gain[~last]

    def judge(self, now: np.ndarray, trial: np.ndarray, gain: np.ndarray) -> None:
        """Take the steps that lead down, and find out who is done."""
        lowered, normal, direction = _normal_equations(self.spectra.take(now), trial)
        cost, strength = self.cost[now], self.strength[now]
        better = lowered < cost
        gone = np.where(better, cost - lowered, 0.0)
        small = self.spectra.settings.cost_tolerance * np.minimum(lowered, cost)
        done = better & (gone <= small) & (gain <= small)
        done |= ~better & ((np.abs(gain) <= NO_GAIN * cost) | (strength > HOPELESS))
        ratio = np.where(gain > 0, gone / np.where(gain > 0, gain, 1.0), 1.0)
        softer = np.where(ratio < 0.25, np.maximum(4.0 * strength, 1e-6), strength)
        softer = np.where(ratio > 0.75, np.maximum(0.1 * strength, LEAST), softer)
        self.strength[now] = np.where(better, softer, np.maximum(10.0 * strength, 1e-6))
        taken = now[better]
        self.values[taken], self.cost[taken] = trial[better], lowered[better]
        self.normal[taken], self.direction[taken] = normal[better], direction[better]
        self.status[now[done]] = Status.CONVERGED


def _normal_equations(
    spectra: _Spectra, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return cost, normal matrix and direction of descent at some parameters."""
    model, jacobian = spectra.evaluate(values)
    cost, pull, hold = spectra.weigh(model)
    normal = np.einsum("san,sbn->sab", jacobian * hold[:, None], jacobian)
    return cost, normal, np.einsum("san,sn->sa", jacobian, pull)


def _where(valid: np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.where(valid.reshape(-1, *([1] * (values.ndim - 1))), values, np.nan)
