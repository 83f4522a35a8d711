# ruff: noqa: FBT001, FBT003, PLR0917 - kernels take their arrays one by one
"""The compiled engine: bounded Levenberg-Marquardt for every spectrum, some at a time.

It calls the formulas of a model by their addresses, so that no model compiles anew. The rules
are those of `omniscopy.compute.fitting.twin`, which reads more easily.
"""

import math
from typing import NamedTuple

import numpy as np

from omniscopy.compute.fitting.inner import inner, inner_once, merged, outer
from omniscopy.compute.fitting.lanes import (
    COST,
    FAINT,
    GAIN,
    LENGTH,
    SIZE,
    SQUARES,
    STRENGTH,
    TOTAL,
    Lanes,
    stays_inside,
    step_together,
)
from omniscopy.compute.fitting.looking import (
    Model,
    Spectrum,
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
# The status of a lane whose spectrum has not ended.
_GOING = -1


class Descent(NamedTuple):
    """Room for the equations of one spectrum: those found, those of a trial, and its step."""

    normal: np.ndarray
    direction: np.ndarray
    trial_normal: np.ndarray
    trial_direction: np.ndarray
    damping: np.ndarray
    largest: np.ndarray
    step: np.ndarray
    current: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    positive: np.ndarray


class Room(NamedTuple):
    """Room of a thread: for spectra on their way, for points of one, and for its equations."""

    lanes: Lanes
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
    model: Model, values: np.ndarray, trial: np.ndarray, descent: Descent, space: Space,
    strength: float,
) -> tuple[bool, float, float, float]:  # fmt: skip
    """Fill in the parameters after a damped step.

    Return whether there is a step, what it gains if the model is straight, its squared length and
    that of the parameters.
    """
    d = descent
    for a in range(model.free.size):
        d.damping[a] = strength * (d.largest[a] if d.largest[a] > 0.0 else 1.0)
        d.current[a] = values[model.free[a]]
    if not bounded_step(
        d.normal, d.direction, d.damping, d.current, d.lower, d.upper, d.positive, model.carried,
        space, d.step,
    ):  # fmt: skip
        return False, 0.0, 0.0, 0.0
    gain, length, size = 0.0, 0.0, 0.0
    copy(values, trial)
    for a in range(model.free.size):
        trial[model.free[a]] = d.current[a] + d.step[a]
        along = 2.0 * d.direction[a]
        for b in range(model.free.size):
            along -= d.normal[a, b] * d.step[b]
        gain += along * d.step[a]
        length += d.largest[a] * d.step[a] ** 2
        size += d.largest[a] * d.current[a] ** 2
    length += carry(model, trial, d)
    return True, gain, length, size


@inner_once
def carry(model: Model, trial: np.ndarray, descent: Descent) -> float:
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
            trial[model.free[a]] = moved
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
def begin(
    data: np.ndarray, weights: np.ndarray, found: Found, k: int, lanes: Lanes, lane: int,
    settings: Settings,
) -> None:  # fmt: skip
    """Put spectrum `k` into a lane, unless it has too few values."""
    values, codes, figures = found.parameters[k], found.codes[k], lanes.figures
    given = prepare(
        lanes.data[lane], lanes.weight[lane], data[k], weights[k if weights.shape[0] > 1 else 0]
    )
    codes[0], codes[1], codes[2] = _NO_DATA, 0, given.points
    if given.points < max(settings.fewest, 1):
        values[:] = np.nan
        return
    lanes.spectra[lane], lanes.status[lane], lanes.steps[lane] = k, _GOING, 0
    figures[COST, lane], figures[GAIN, lane], figures[STRENGTH, lane] = np.inf, np.inf, FIRST
    lanes.points[lane] = given.points
    figures[SQUARES, lane], figures[TOTAL, lane] = given.squares, given.total
    figures[FAINT, lane] = given.faint
    copy(values, lanes.trial[lane])
    for a in range(lanes.largest.shape[0]):
        lanes.largest[a, lane] = 0.0


@merged
def look_around(
    model: Model, columns: np.ndarray, values: np.ndarray, room: Room, lane: int,
    settings: Settings,
) -> int:  # fmt: skip
    """Look at the trial of a lane, and go there if it is lower; return whether that is the end."""
    lanes, d, trial = room.lanes, room.descent, room.lanes.trial[lane]
    figures, spectrum = lanes.figures, in_lane(room, lane)
    first = lanes.steps[lane] == 0
    if settings.separable or (first and starts_linear(model, values)):
        solve_linear(model, columns, trial, spectrum, room.space, settings, first)
        lanes.steps[lane] += 1
    tie(model, trial)
    lowered = look_here(
        model, columns, trial, spectrum, model.free, figures[FAINT, lane], settings, False,
        d.trial_normal, d.trial_direction,
    )  # fmt: skip
    lanes.steps[lane] += 1
    cost, gain, strength = figures[COST, lane], figures[GAIN, lane], figures[STRENGTH, lane]
    if lowered < cost:
        gone, small = cost - lowered, settings.cost_tolerance * lowered
        cost, strength = lowered, damping_after(strength, gone / gain)
        figures[COST, lane], figures[STRENGTH, lane] = cost, strength
        take_step(model, values, room, lane)
        if gone <= small and gain <= small:
            return _CONVERGED
    elif cost == np.inf:
        return _INVALID
    elif abs(gain) <= NO_GAIN * cost or strength > HOPELESS:
        return _CONVERGED
    else:
        figures[STRENGTH, lane] = damping_after(strength, 0.0)
    if cost <= ROUNDING * figures[SQUARES, lane] or model.free.size == 0:
        return _CONVERGED
    return _MAX_STEPS if lanes.steps[lane] >= settings.max_steps else _GOING


@inner_once
def in_lane(room: Room, lane: int) -> Spectrum:
    """Return the spectrum in a lane."""
    s = room.spectrum
    return Spectrum(
        room.lanes.data[lane], room.lanes.weight[lane], s.model, s.jacobian, s.pull, s.hold,
        s.rows, s.scratch, s.tally,
    )  # fmt: skip


@merged
def take_step(model: Model, values: np.ndarray, room: Room, lane: int) -> None:
    """Go where the trial of a lane was, and take its equations over."""
    lanes, d, n = room.lanes, room.descent, model.free.size
    copy(lanes.trial[lane], values)
    for a in range(n):
        lanes.current[a, lane] = values[model.free[a]]
        lanes.direction[a, lane] = d.trial_direction[a]
        for b in range(a + 1):
            lanes.normal[n * a + b, lane] = d.trial_normal[a, b]


@inner_once
def take_out(model: Model, room: Room, lane: int) -> None:
    """Fill in the equations of the spectrum in a lane."""
    lanes, d, n = room.lanes, room.descent, model.free.size
    for a in range(n):
        d.direction[a], d.largest[a] = lanes.direction[a, lane], lanes.largest[a, lane]
        for b in range(a + 1):
            d.normal[a, b] = d.normal[b, a] = lanes.normal[n * a + b, lane]


@merged
def step_alone(model: Model, values: np.ndarray, room: Room, lane: int) -> bool:
    """Fill in the step of a lane, damped the more until there is one; return whether there is."""
    figures, found = room.lanes.figures, False
    take_out(model, room, lane)
    while not found:
        found, gain, length, size = propose(
            model, values, room.lanes.trial[lane], room.descent, room.space,
            figures[STRENGTH, lane],
        )  # fmt: skip
        figures[GAIN, lane], figures[LENGTH, lane], figures[SIZE, lane] = gain, length, size
        if not found and figures[STRENGTH, lane] > HOPELESS:
            return False
        if not found:
            figures[STRENGTH, lane] = damping_after(figures[STRENGTH, lane], 0.0)
    return True


@merged
def go_aside(model: Model, values: np.ndarray, lanes: Lanes, lane: int) -> None:
    """Fill in the parameters of a lane after a step that was found together with others."""
    copy(values, lanes.trial[lane])
    for a in range(model.free.size):
        lanes.trial[lane, model.free[a]] = lanes.current[a, lane] + lanes.step[a, lane]


@merged
def is_last(model: Model, values: np.ndarray, lanes: Lanes, lane: int, settings: Settings) -> bool:
    """Return whether a step is too short to look again, after it was taken."""
    figures, trial = lanes.figures, lanes.trial[lane]
    gain, cost, size = figures[GAIN, lane], figures[COST, lane], figures[SIZE, lane]
    length = figures[LENGTH, lane] / size if size > 0.0 else np.inf
    last = abs(gain) <= settings.cost_tolerance * cost and figures[STRENGTH, lane] < 1.0
    if not (length <= settings.step_tolerance**2 or (last and length <= SHORT**2)):
        return False
    tie(model, trial)
    copy(trial, values)
    figures[COST, lane] = cost - max(gain, 0.0)
    return True


@merged
def measure(
    model: Model, columns: np.ndarray, values: np.ndarray, room: Room, lane: int,
    settings: Settings, std: np.ndarray,
) -> tuple[bool, bool, float, float]:  # fmt: skip
    """Fill in standard deviations, from a normal matrix without damping and without a loss.

    Return whether the parameters are determined, whether one is at a bound, chi square, and what
    the inverse of the normal matrix is multiplied with.
    """
    free, space, d, spectrum = model.free, room.space, room.descent, in_lane(room, lane)
    points, cost = room.lanes.points[lane], room.lanes.figures[COST, lane]
    chi_square, spread, bounded = cost, 1.0, False
    take_out(model, room, lane)
    if settings.loss > 0:
        spectrum.tally[:] = 0.0
        chi_square = look(
            model, columns, values, spectrum, free, 0.0, settings, True,
            d.normal, d.trial_direction,
        )  # fmt: skip
        spread = spread_of_loss(spectrum.tally, points, free.size)
    elif not settings.poisson:
        degrees = points - free.size
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


@merged
def end(
    model: Model, columns: np.ndarray, found: Found, room: Room, lane: int, settings: Settings
) -> None:
    """Write what was found of the spectrum in a lane, and leave the lane to another."""
    lanes, k, status = room.lanes, room.lanes.spectra[lane], room.lanes.status[lane]
    values, codes, figures = found.parameters[k], found.codes[k], found.figures[k]
    codes[0], codes[1], lanes.spectra[lane] = status, lanes.steps[lane], -1
    if status == _INVALID:
        values[:] = np.nan
        return
    regular, bounded, chi_square, spread = measure(
        model, columns, values, room, lane, settings, found.std[k]
    )
    figures[0], figures[1] = lanes.figures[COST, lane], chi_square
    figures[2], figures[3] = lanes.figures[TOTAL, lane], spread
    if found.normal.shape[1] > 0:
        copy(room.descent.direction, found.direction[k])
        for a in range(model.free.size):
            copy(room.descent.normal[a], found.normal[k, a])
    if not regular:
        codes[0] = _SINGULAR
    elif status == _CONVERGED and bounded:
        codes[0] = _AT_BOUND


@outer
def fit_block(
    model: Model, columns: np.ndarray, data: np.ndarray, weights: np.ndarray,
    settings: Settings, found: Found, room: Room,
) -> None:  # fmt: skip
    """Fit every spectrum; `found.parameters` holds the starts, and then the results.

    A linear parameter that starts as NaN is solved for before anything else. What is not
    found stays what it was. All lanes look where they are one after the other, and then step
    together; a spectrum that has ended leaves its lane to the next one.
    """
    lanes, d, count, following, busy = room.lanes, room.descent, data.shape[0], 0, True
    one = columns.shape[0] == 1
    lanes.spectra[:] = -1
    while busy:
        busy = False
        for lane in range(lanes.data.shape[0]):
            while lanes.spectra[lane] >= 0 or following < count:
                if lanes.spectra[lane] < 0:
                    begin(data, weights, found, following, lanes, lane, settings)
                    following += 1
                    continue
                k = lanes.spectra[lane]
                axis = columns[0 if one else k]
                if lanes.status[lane] == _GOING:
                    lanes.status[lane] = look_around(
                        model, axis, found.parameters[k], room, lane, settings
                    )
                if lanes.status[lane] == _GOING:
                    busy = True
                    break
                end(model, axis, found, room, lane, settings)
        step_together(lanes, d.lower, d.upper, d.positive)
        for lane in range(lanes.data.shape[0]):
            k = lanes.spectra[lane]
            if k < 0:
                continue
            values = found.parameters[k]
            if model.carried.shape[0] == 0 and stays_inside(lanes, lane):
                go_aside(model, values, lanes, lane)
            elif not step_alone(model, values, room, lane):
                lanes.status[lane] = _SINGULAR
                continue
            if is_last(model, values, lanes, lane, settings):
                lanes.status[lane] = _CONVERGED
