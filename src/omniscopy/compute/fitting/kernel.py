# ruff: noqa: FBT001, FBT003, PLR0913, PLR0917 - kernels take their arrays one by one
"""The compiled engine: bounded Levenberg-Marquardt for one spectrum after the other.

It calls the formulas of a model by their addresses, so that no model compiles anew. The rules
are those of `omniscopy.compute.fitting.twin`, which reads more easily.
"""

import math
from typing import Any, NamedTuple

import numba
import numpy as np
from numba.extending import intrinsic

from omniscopy.compute.fitting import inner as inner_module
from omniscopy.compute.fitting import losses, normal, rules
from omniscopy.compute.fitting.inner import inner, inner_fast, outer
from omniscopy.compute.fitting.losses import (
    spread_of_loss,
    tally_loss,
    weigh_counts,
    weigh_loss,
    weigh_squares,
)
from omniscopy.compute.fitting.normal import (
    Space,
    bounded_step,
    factorise,
    substitute,
    variances,
)
from omniscopy.compute.fitting.problem import Settings
from omniscopy.compute.fitting.rules import (
    FAINT,
    FIRST,
    HOPELESS,
    LEAST,
    NO_GAIN,
    ROUNDING,
    SINGULAR,
)
from omniscopy.model.digests import digest_sources
from omniscopy.model.status import Status

_CONVERGED, _MAX_STEPS, _SINGULAR = (int(Status[n]) for n in ("CONVERGED", "MAX_STEPS", "SINGULAR"))
_AT_BOUND, _NO_DATA, _INVALID = (int(Status[n]) for n in ("AT_BOUND", "NO_DATA", "INVALID"))

# Columns of the table of terms.
ADDRESS, FIRST_COLUMN, SECOND_COLUMN, PARAMETERS, CONSTANTS = range(5)


class Model(NamedTuple):
    """The terms of a sum by their addresses, and the parameters by number."""

    terms: np.ndarray
    constants: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    positive: np.ndarray
    linear: np.ndarray
    source: np.ndarray
    factor: np.ndarray
    offset: np.ndarray
    free: np.ndarray
    free_linear: np.ndarray


class Spectrum(NamedTuple):
    """One spectrum with its weights, and some of its points, which are worked on at a time.

    Real parts of complex numbers are followed by imaginary parts, in the spectrum as a whole and
    in its part.
    """

    data: np.ndarray
    weight: np.ndarray
    model: np.ndarray
    jacobian: np.ndarray
    pull: np.ndarray
    hold: np.ndarray
    rows: np.ndarray
    scratch: np.ndarray
    tally: np.ndarray


class Given(NamedTuple):
    """What a spectrum says before any model: how many values, weighted sums, and their mean."""

    points: int
    squares: float
    total: float
    mean: float
    faint: float


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


def _address_called(_context: Any, address: Any, given: Any) -> Any:
    """Call the formula at an address with nine words: addresses and lengths."""

    def generate(code: Any, builder: Any, _signature: Any, args: Any) -> Any:
        from llvmlite import ir  # type: ignore[import-untyped]

        word = ir.IntType(64)
        kind = ir.FunctionType(ir.VoidType(), [word] * 9)
        words = [builder.extract_value(args[1], n) for n in range(9)]
        builder.call(builder.inttoptr(args[0], kind.as_pointer()), words)
        return code.get_dummy_value()

    return numba.void(address, given), generate


_call: Any = intrinsic(_address_called)


@inner
def evaluate(
    model: Model, columns: np.ndarray, values: np.ndarray, spectrum: Spectrum, begin: int, n: int
) -> None:
    """Fill in model and Jacobian of `n` points; rows of tied parameters join those they follow."""
    row = spectrum.jacobian.shape[1]
    spectrum.model[:] = 0.0
    first = 0
    for t in range(model.terms.shape[0]):
        term = model.terms[t]
        given = (
            columns.ctypes.data + 8 * (columns.shape[1] * term[FIRST_COLUMN] + begin),
            columns.ctypes.data + 8 * (columns.shape[1] * term[SECOND_COLUMN] + begin),
            n,
            model.constants.ctypes.data + 8 * term[CONSTANTS],
            values.ctypes.data + 8 * first,
            spectrum.model.ctypes.data,
            spectrum.jacobian.ctypes.data + 8 * row * first,
            row,
            spectrum.scratch.ctypes.data,
        )
        _call(term[ADDRESS], given)
        first += term[PARAMETERS]
    for a in range(model.source.size):
        b = model.source[a]
        if b not in (-1, a):
            for i in range(row):
                spectrum.jacobian[b, i] += model.factor[a] * spectrum.jacobian[a, i]


@inner
def weigh(
    spectrum: Spectrum, begin: int, there: int, n: int, faint: float, settings: Settings,
    squares: bool,
) -> float:  # fmt: skip
    """Return the cost, and fill in what pulls on and what holds the model, from point `there` on.

    They are of the data from point `begin` on; only squares count if that is asked for.
    """
    s = spectrum
    data, weight = s.data[begin : begin + n], s.weight[begin : begin + n]
    model, pull, hold = s.model[there : there + n], s.pull[there:], s.hold[there:]
    if squares or not (settings.poisson or settings.loss > 0):
        if settings.loss > 0:
            tally_loss(data, model, weight, settings.loss, settings.loss_scale, s.tally)
        return weigh_squares(data, model, weight, pull, hold)
    if settings.poisson:
        return weigh_counts(data, model, weight, faint, pull, hold)
    return weigh_loss(data, model, weight, settings.loss, settings.loss_scale, pull, hold)


@inner_fast
def add_equations(
    spectrum: Spectrum, n: int, which: np.ndarray, matrix: np.ndarray, direction: np.ndarray
) -> None:
    """Add what some points contribute to a normal matrix and to the direction of descent.

    Two rows by two at a time share what they read: the time of a fit is spent here.
    """
    pull, hold, one, other = spectrum.pull, spectrum.hold, spectrum.rows[0], spectrum.rows[1]
    last = which.size - 1
    for a in range(0, last + 1, 2):
        b = min(a + 1, last)
        first, second = spectrum.jacobian[which[a]], spectrum.jacobian[which[b]]
        along, across = 0.0, 0.0
        for i in range(n):
            one[i] = hold[i] * first[i]
            other[i] = hold[i] * second[i]
            along += pull[i] * first[i]
            across += pull[i] * second[i]
        direction[b] += across
        if b > a:
            direction[a] += along
        for c in range(0, a + 1, 2):
            d = min(c + 1, last)
            third, fourth = spectrum.jacobian[which[c]], spectrum.jacobian[which[d]]
            ac, ad, bc, bd = 0.0, 0.0, 0.0, 0.0
            for i in range(n):
                ac += one[i] * third[i]
                ad += one[i] * fourth[i]
                bc += other[i] * third[i]
                bd += other[i] * fourth[i]
            matrix[b, d] += bd
            if b > a:
                matrix[a, d] += ad
            if d > c:
                matrix[b, c] += bc
            if b > a and d > c:
                matrix[a, c] += ac


@inner
def look(
    model: Model, columns: np.ndarray, values: np.ndarray, spectrum: Spectrum, which: np.ndarray,
    faint: float, settings: Settings, squares: bool, matrix: np.ndarray, direction: np.ndarray,
) -> float:  # fmt: skip
    """Return the cost at `values`, and fill in the normal equations of the parameters `which`.

    Some points at a time, so that what is made of them stays near the processor.
    """
    points, size = columns.shape[1], spectrum.pull.size
    parts = spectrum.data.size // points
    most = size // parts
    for a in range(which.size):
        direction[a] = 0.0
        for b in range(which.size):
            matrix[a, b] = 0.0
    cost = 0.0
    for begin in range(0, points, most):
        n = min(most, points - begin)
        evaluate(model, columns, values, spectrum, begin, n)
        for part in range(parts):
            cost += weigh(spectrum, part * points + begin, part * n, n, faint, settings, squares)
        add_equations(spectrum, parts * n, which, matrix, direction)
    for a in range(which.size):
        for b in range(a):
            matrix[b, a] = matrix[a, b]
    return cost


@inner
def copy(source: np.ndarray, target: np.ndarray) -> None:
    """Copy numbers; an assignment of a whole array would count references."""
    for a in range(source.size):
        target[a] = source[a]


@inner
def tie(model: Model, values: np.ndarray) -> None:
    """Set tied parameters from those that they follow."""
    for a in range(values.size):
        if model.source[a] not in (-1, a):
            values[a] = model.factor[a] * values[model.source[a]] + model.offset[a]


@inner
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


@inner_fast
def prepare(spectrum: Spectrum, data: np.ndarray, weights: np.ndarray) -> Given:
    """Copy what is finite, with its weights; return what is to be known of it."""
    points, squares, total, mass, away = 0.0, 0.0, 0.0, 0.0, 0.0
    values, given = spectrum.data, spectrum.weight
    for i in range(data.size):
        given[i] = weights[i] if weights.size > 0 else 1.0
    for i in range(data.size):
        usable = (abs(data[i]) < np.inf) & (given[i] > 0.0) & (given[i] < np.inf)
        value, weight = data[i] if usable else 0.0, given[i] if usable else 0.0
        values[i], given[i] = value, weight
        points += 1.0 if usable else 0.0
        squares += weight * value * value
        total += weight * value
        mass += weight
    mean = total / mass if mass > 0.0 else 0.0
    for i in range(data.size):
        away += given[i] * (values[i] - mean) ** 2
    return Given(int(points), squares, away, mean, FAINT * abs(mean) + 1e-300)


@inner
def propose(
    model: Model, values: np.ndarray, descent: Descent, space: Space, strength: float,
    settings: Settings,
) -> tuple[bool, float, bool]:  # fmt: skip
    """Fill in the parameters after a damped step.

    Return whether there is a step, what it gains if the model is straight, and whether it is
    too short to matter.
    """
    d = descent
    for a in range(model.free.size):
        d.largest[a] = max(d.largest[a], d.normal[a, a])
        d.damping[a] = strength * (d.largest[a] if d.largest[a] > 0.0 else 1.0)
        d.current[a] = values[model.free[a]]
    if not bounded_step(
        d.normal, d.direction, d.damping, d.current, d.lower, d.upper, d.positive, space, d.step
    ):
        return False, 0.0, False
    gain, length, size = 0.0, 0.0, 0.0
    copy(values, d.trial)
    for a in range(model.free.size):
        d.trial[model.free[a]] = d.current[a] + d.step[a]
        gain += 2.0 * d.direction[a] * d.step[a]
        for b in range(model.free.size):
            gain -= d.normal[a, b] * d.step[a] * d.step[b]
        length += d.largest[a] * d.step[a] ** 2
        size += d.largest[a] * d.current[a] ** 2
    tie(model, d.trial)
    return True, gain, length <= settings.step_tolerance**2 * size


@inner
def damping_after(strength: float, ratio: float) -> float:
    """Return the damping after a step that gained `ratio` of what a straight model would."""
    if ratio > 0.75:
        return max(0.1 * strength, LEAST)
    if ratio < 0.25:
        return max((4.0 if ratio > 0.0 else 10.0) * strength, 1e-6)
    return strength


@inner
def find_minimum(
    model: Model, columns: np.ndarray, values: np.ndarray, room: Room, given: Given,
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
        lowered = look(
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
        elif gain <= NO_GAIN * cost or strength > HOPELESS:
            return cost, _CONVERGED, steps
        else:
            strength = damping_after(strength, 0.0)
        if cost <= ROUNDING * given.squares or free.size == 0:
            return cost, _CONVERGED, steps
        if steps >= settings.max_steps:
            return cost, _MAX_STEPS, steps
        found, tiny = False, False
        while not found:
            found, gain, tiny = propose(model, values, d, room.space, strength, settings)
            if not found and strength > HOPELESS:
                return cost, _SINGULAR, steps
            strength = strength if found else damping_after(strength, 0.0)
        if tiny or (gain <= settings.cost_tolerance * cost and strength < 1.0):
            copy(d.trial, values)
            return cost - max(gain, 0.0), _CONVERGED, steps


@inner
def take_step(values: np.ndarray, descent: Descent) -> None:
    """Go where the trial was, and take its equations over."""
    copy(descent.trial, values)
    copy(descent.trial_direction, descent.direction)
    for a in range(descent.direction.size):
        copy(descent.trial_normal[a], descent.normal[a])


@inner
def measure(
    model: Model, columns: np.ndarray, values: np.ndarray, room: Room, given: Given, cost: float,
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


@inner
def starts_linear(model: Model, values: np.ndarray) -> bool:
    """Return whether a linear parameter waits for its start."""
    waiting = False
    for k in model.free:
        waiting = waiting or (model.linear[k] and math.isnan(values[k]))
    return waiting


def _engine(digest: int) -> Any:
    """Return the engine, kept on disk under the digest of all the sources that it is made of."""

    @outer
    def fit_block(
        model: Model, columns: np.ndarray, data: np.ndarray, weights: np.ndarray,
        settings: Settings, found: Found, room: Room,
    ) -> None:  # fmt: skip
        """Fit every spectrum; `found.parameters` holds the starts, and then the results.

        A linear parameter that starts as NaN is solved for before anything else. What is not
        found stays what it was.
        """
        if digest == 0:
            return
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
            if found.normal.shape[0] > 0:
                copy(room.descent.direction, found.direction[k])
                for a in range(model.free.size):
                    copy(room.descent.normal[a], found.normal[k, a])
            if not regular:
                codes[0] = _SINGULAR
            elif codes[0] == _CONVERGED and bounded:
                codes[0] = _AT_BOUND

    return fit_block


fit_block = _engine(digest_sources(losses, normal, rules, inner_module))
