# ruff: noqa: FBT001, FBT003, PLR0917 - kernels take their arrays one by one
"""The compiled engine: bounded Levenberg-Marquardt for one spectrum after the other.

It calls the formulas of a model by their addresses, so that no model compiles anew. The rules
are those of `omniscopy.compute.fitting.twin`, which reads more easily.
"""

import math
from typing import NamedTuple

import numpy as np

from omniscopy.compute.fitting.inner import inner, inner_once, merged, outer
from omniscopy.compute.fitting.looking import (
    Model,
    Spectrum,
    Summary,
    copy,
    look,
    look_here,
    prepare,
    tie,
)
from omniscopy.compute.fitting.losses import spread_of_loss
from omniscopy.compute.fitting.normal import (
    Space,
    alike,
    bounded_step,
    factorise,
    substitute,
    variances,
)
from omniscopy.compute.fitting.problem import Settings
from omniscopy.compute.fitting.rules import (
    CARRIED,
    FIRST,
    HOPELESS,
    LEAST,
    NO_GAIN,
    ROUNDING,
    SHORT,
    SINGULAR,
)
from omniscopy.model.status import Status

_CONVERGED, _MAX_STEPS, _SINGULAR = (int(Status[n]) for n in ("CONVERGED", "MAX_STEPS", "SINGULAR"))
_AT_BOUND, _NO_DATA, _INVALID = (int(Status[n]) for n in ("AT_BOUND", "NO_DATA", "INVALID"))


class Descent(NamedTuple):
    """Where the free parameters are, and which way is down: there, and after a step on trial."""

    normal: np.ndarray
    direction: np.ndarray
    trial_normal: np.ndarray
    trial_direction: np.ndarray
    trial: np.ndarray  # of all parameters
    damping: np.ndarray
    largest: np.ndarray
    step: np.ndarray
    current: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    positive: np.ndarray


class Room(NamedTuple):
    """Room of a thread: for a spectrum, and for the equations."""

    spectrum: Spectrum
    space: Space
    descent: Descent


class Found(NamedTuple):
    """Where the results of a block of spectra go; there may be no `normal` and `direction`."""

    parameters: np.ndarray
    std: np.ndarray
    codes: np.ndarray  # status, steps, points
    figures: np.ndarray  # cost, chi square, total, spread
    normal: np.ndarray
    direction: np.ndarray


@merged
def solve_linear(
    model: Model, columns: np.ndarray, values: np.ndarray, spectrum: Spectrum, space: Space,
    settings: Settings, must: bool,
) -> None:  # fmt: skip
    """Give linear parameters the values of the weighted least squares, the others held.

    Where that leaves the bounds, or is not one, nothing is changed, unless it must: then they
    are moved into the bounds. The model is evaluated with them at 0, so that fixed terms are
    taken off the data.
    """
    which = model.free_linear
    copy(values, space.kept)
    for a in range(which.size):
        values[which[a]] = 0.0
    tie(model, values)
    look(
        model, columns, values, spectrum, which, 0.0, settings, True, space.matrix, space.right
    )  # fmt: skip
    for a in range(which.size):
        space.solution[a] = 0.0
        if not space.matrix[a, a] > 0.0:
            space.matrix[a, a] = 1.0
    inside = factorise(space.matrix, which.size) > SINGULAR
    if inside:
        substitute(space.matrix, space.right, space.solution, which.size)
    for a in range(which.size):
        k = which[a]
        values[k] = min(max(space.solution[a], model.lower[k]), model.upper[k])
        inside = inside and values[k] == space.solution[a]
    if not (inside or must):
        copy(space.kept, values)
    tie(model, values)


@merged
def propose(
    model: Model, values: np.ndarray, descent: Descent, space: Space, strength: float
) -> tuple[bool, float, float]:
    """Fill in the parameters after a damped step.

    Return whether there is a step, what it gains if the model is straight, and its squared
    length as part of that of the parameters.
    """
    d = descent
    for a in range(model.free.size):
        d.largest[a] = max(d.largest[a], d.normal[a, a])
        d.damping[a] = strength * (d.largest[a] if d.largest[a] > 0.0 else 1.0)
        d.current[a] = values[model.free[a]]
    if not bounded_step(
        d.normal, d.direction, d.damping, d.current, d.lower, d.upper, d.positive, model.carried,
        space, d.step,
    ):  # fmt: skip
        return False, 0.0, np.inf
    gain, length, size = 0.0, 0.0, 0.0
    copy(values, d.trial)
    for a in range(model.free.size):
        d.trial[model.free[a]] = d.current[a] + d.step[a]
        along = 2.0 * d.direction[a]
        for b in range(model.free.size):
            along -= d.normal[a, b] * d.step[b]
        gain += along * d.step[a]
        length += d.largest[a] * d.step[a] ** 2
        size += d.largest[a] * d.current[a] ** 2
    length += carry(model, d)
    tie(model, d.trial)
    return True, gain, length / size if size > 0.0 else np.inf


@inner_once
def carry(model: Model, descent: Descent) -> float:
    """Let amplitudes go along with exponents: times a factor, where a step would add a term.

    For small steps that is the same. For others it holds the values where they weigh most. Return
    by how much the squared length of the step is less, as the two make up for each other. Where
    one has come to a bound, nothing is changed.
    """
    d, less = descent, 0.0
    for pair in range(model.carried.shape[0]):
        a, b = model.carried[pair, 0], model.carried[pair, 1]
        ahead, exponent = d.current[a] + d.step[a], d.current[b] + d.step[b]
        if not (d.lower[a] < ahead < d.upper[a] and d.lower[b] < exponent < d.upper[b]):
            continue
        both = alike(d.normal, a, b) * math.sqrt(d.largest[a] * d.largest[b])
        less += 2.0 * both * d.step[a] * d.step[b]
        along = d.normal[a, b] / d.normal[a, a] * d.step[b]
        log = along / d.current[a]
        moved = (ahead + along) * math.exp(-log)
        if abs(log) < CARRIED and d.lower[a] <= moved <= d.upper[a]:
            d.trial[model.free[a]] = moved
    return less


@inner
def damping_after(strength: float, ratio: float) -> float:
    """Return the damping after a step that gained `ratio` of what a straight model would."""
    if ratio > 0.75:
        return max(0.1 * strength, LEAST)
    if ratio < 0.25:
        return max((4.0 if ratio > 0.0 else 10.0) * strength, 1e-6)
    return strength


@merged
def find_minimum(
    model: Model, columns: np.ndarray, values: np.ndarray, room: Room, given: Summary,
    settings: Settings,
) -> tuple[float, int, int]:  # fmt: skip
    """Go down from `values` to a minimum; return cost, status and steps.

    The normal equations are then those at the final `values`, or a last step before them, that
    was too short to look again.
    """
    d, free = room.descent, model.free
    cost, gain, strength, steps = np.inf, np.inf, FIRST, 0
    d.largest[:] = 0.0
    copy(values, d.trial)
    while True:
        if settings.separable or (steps == 0 and starts_linear(model, values)):
            solve_linear(model, columns, d.trial, room.spectrum, room.space, settings, steps == 0)
            steps += 1
        tie(model, d.trial)
        lowered = look_here(
            model, columns, d.trial, room.spectrum, free, given.faint, settings, False,
            d.trial_normal, d.trial_direction,
        )  # fmt: skip
        steps += 1
        if lowered < cost:
            gone, small = cost - lowered, settings.cost_tolerance * lowered
            cost, strength = lowered, damping_after(strength, gone / gain)
            take_step(values, d)
            if gone <= small and gain <= small:
                return cost, _CONVERGED, steps
        elif cost == np.inf:
            return cost, _INVALID, steps
        elif abs(gain) <= NO_GAIN * cost or strength > HOPELESS:
            return cost, _CONVERGED, steps
        else:
            strength = damping_after(strength, 0.0)
        if cost <= ROUNDING * given.squares or free.size == 0:
            return cost, _CONVERGED, steps
        if steps >= settings.max_steps:
            return cost, _MAX_STEPS, steps
        found, length = False, np.inf
        while not found:
            found, gain, length = propose(model, values, d, room.space, strength)
            if not found and strength > HOPELESS:
                return cost, _SINGULAR, steps
            strength = strength if found else damping_after(strength, 0.0)
        last = abs(gain) <= settings.cost_tolerance * cost and strength < 1.0
        if length <= settings.step_tolerance**2 or (last and length <= SHORT**2):
            copy(d.trial, values)
            return cost - max(gain, 0.0), _CONVERGED, steps


@merged
def take_step(values: np.ndarray, descent: Descent) -> None:
    """Go where the trial was, and take its equations over."""
    copy(descent.trial, values)
    copy(descent.trial_direction, descent.direction)
    for a in range(descent.direction.size):
        copy(descent.trial_normal[a], descent.normal[a])


@merged
def measure(
    model: Model, columns: np.ndarray, values: np.ndarray, room: Room, given: Summary, cost: float,
    settings: Settings, std: np.ndarray,
) -> tuple[bool, bool, float, float]:  # fmt: skip
    """Fill in standard deviations, from a normal matrix without damping and without a loss.

    Return whether the parameters are determined, whether one is at a bound, chi square, and what
    the inverse of the normal matrix is multiplied with.
    """
    free, spectrum, space, d = model.free, room.spectrum, room.space, room.descent
    chi_square, spread, bounded = cost, 1.0, False
    if settings.loss > 0:
        spectrum.tally[:] = 0.0
        chi_square = look(
            model, columns, values, spectrum, free, given.faint, settings, True,
            d.normal, d.trial_direction,
        )  # fmt: skip
        spread = spread_of_loss(spectrum.tally, given.points, free.size)
    elif not settings.poisson:
        degrees = given.points - free.size
        spread = cost / degrees if degrees > 0 else np.nan
    for a in range(free.size):
        value = values[free[a]]
        space.stopped[a] = value <= model.lower[free[a]] or value >= model.upper[free[a]]
        bounded = bounded or space.stopped[a]
    regular = variances(d.normal, space, d.current)
    std[:] = 0.0
    for a in range(free.size):
        std[free[a]] = math.sqrt(spread * d.current[a])
    for a in range(std.size):
        if model.source[a] >= 0:
            std[a] = abs(model.factor[a]) * std[model.source[a]]
    return regular, bounded, chi_square, spread


@merged
def starts_linear(model: Model, values: np.ndarray) -> bool:
    """Return whether a linear parameter waits for its start."""
    waiting = False
    for k in model.free_linear:
        waiting = waiting or math.isnan(values[k])
    return waiting


@outer
def fit_block(
    model: Model, columns: np.ndarray, data: np.ndarray, weights: np.ndarray,
    settings: Settings, found: Found, room: Room,
) -> None:  # fmt: skip
    """Fit every spectrum; `found.parameters` holds the starts, and then the results.

    A linear parameter that starts as NaN is solved for before anything else. What is not
    found stays what it was.
    """
    for k in range(data.shape[0]):
        axis = columns[k if columns.shape[0] > 1 else 0]
        values, std = found.parameters[k], found.std[k]
        codes, figures = found.codes[k], found.figures[k]
        given = prepare(room.spectrum, data[k], weights[k if weights.shape[0] > 1 else 0])
        codes[0], codes[1], codes[2] = _NO_DATA, 0, given.points
        if given.points < max(settings.fewest, 1):
            values[:] = np.nan
            continue
        cost, codes[0], codes[1] = find_minimum(model, axis, values, room, given, settings)
        if codes[0] == _INVALID:
            values[:] = np.nan
            continue
        regular, bounded, chi_square, spread = measure(
            model, axis, values, room, given, cost, settings, std
        )
        figures[0], figures[1], figures[2], figures[3] = cost, chi_square, given.total, spread
        if found.normal.shape[1] > 0:
            copy(room.descent.direction, found.direction[k])
            for a in range(model.free.size):
                copy(room.descent.normal[a], found.normal[k, a])
        if not regular:
            codes[0] = _SINGULAR
        elif codes[0] == _CONVERGED and bounded:
            codes[0] = _AT_BOUND
