# ruff: noqa: FBT001, PLR0913, PLR0917 - kernels take their arrays one by one
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


class Spectrum(NamedTuple):
    """One spectrum with its weights, and the model of it at some parameters."""

    data: np.ndarray
    weight: np.ndarray
    model: np.ndarray
    jacobian: np.ndarray
    pull: np.ndarray
    hold: np.ndarray
    row: np.ndarray
    scratch: np.ndarray


class Descent(NamedTuple):
    """Where the free parameters are, and which way is down."""

    normal: np.ndarray
    direction: np.ndarray
    damping: np.ndarray
    largest: np.ndarray
    step: np.ndarray
    current: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    positive: np.ndarray
    trial: np.ndarray  # of all parameters


class Room(NamedTuple):
    """Room of a thread: a spectrum at two sets of parameters, and the equations."""

    here: Spectrum
    there: Spectrum
    space: Space
    descent: Descent


class Found(NamedTuple):
    """Where the results of a block of spectra go."""

    parameters: np.ndarray
    std: np.ndarray
    codes: np.ndarray  # status, steps, points
    figures: np.ndarray  # cost, chi square, total


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
def evaluate(model: Model, columns: np.ndarray, values: np.ndarray, spectrum: Spectrum) -> None:
    """Fill in the model and its Jacobian; rows of tied parameters go into those they follow."""
    n, row = columns.shape[1], spectrum.model.size
    spectrum.model[:] = 0.0
    first = 0
    for t in range(model.terms.shape[0]):
        term = model.terms[t]
        given = (
            columns.ctypes.data + 8 * n * term[FIRST_COLUMN],
            columns.ctypes.data + 8 * n * term[SECOND_COLUMN],
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
def weigh(spectrum: Spectrum, faint: float, settings: Settings) -> float:
    """Return the cost, and fill in what pulls on and what holds the model at each point."""
    s = spectrum
    if settings.poisson:
        return weigh_counts(s.data, s.model, s.weight, faint, s.pull, s.hold)
    if settings.loss > 0:
        scale = settings.loss_scale
        return weigh_loss(s.data, s.model, s.weight, settings.loss, scale, s.pull, s.hold)
    return weigh_squares(s.data, s.model, s.weight, s.pull, s.hold)


@inner_fast
def normal_equations(
    spectrum: Spectrum, free: np.ndarray, matrix: np.ndarray, direction: np.ndarray
) -> None:
    """Fill in the normal matrix of the free parameters, and the direction of descent."""
    jacobian, row = spectrum.jacobian, spectrum.row
    for a in range(free.size):
        total = 0.0
        for i in range(row.size):
            slope = jacobian[free[a], i]
            row[i] = spectrum.hold[i] * slope
            total += spectrum.pull[i] * slope
        direction[a] = total
        for b in range(a + 1):
            total = 0.0
            for i in range(row.size):
                total += row[i] * jacobian[free[b], i]
            matrix[a, b] = total
            matrix[b, a] = total


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
def linear_equations(
    model: Model, columns: np.ndarray, values: np.ndarray, spectrum: Spectrum, space: Space
) -> bool:
    """Solve for linear parameters, the others held; return whether there is one solution.

    The model is evaluated with them at 0, so that fixed terms are taken off the data.
    """
    for k in model.free:
        if model.linear[k]:
            values[k] = 0.0
    tie(model, values)
    evaluate(model, columns, values, spectrum)
    for i in range(spectrum.data.size):
        spectrum.hold[i] = spectrum.weight[i]
        spectrum.pull[i] = spectrum.weight[i] * (spectrum.data[i] - spectrum.model[i])
    normal_equations(spectrum, model.free, space.matrix, space.right)
    for a in range(model.free.size):
        if not model.linear[model.free[a]]:
            space.right[a] = 0.0
            space.matrix[a, :] = 0.0
            space.matrix[:, a] = 0.0
        if not space.matrix[a, a] > 0.0:
            space.matrix[a, a] = 1.0
    if factorise(space.matrix, space.scale) > SINGULAR:
        substitute(space.matrix, space.scale, space.right, space.solution)
        return True
    space.solution[:] = 0.0
    return False


@inner
def solve_linear(
    model: Model, columns: np.ndarray, values: np.ndarray, spectrum: Spectrum, space: Space,
    must: bool,
) -> None:  # fmt: skip
    """Give linear parameters the values of the weighted least squares, the others held.

    Where that leaves the bounds nothing is changed, unless it must: then they are moved into
    the bounds.
    """
    copy(values, space.kept)
    inside = linear_equations(model, columns, values, spectrum, space)
    for a in range(model.free.size):
        k = model.free[a]
        if model.linear[k]:
            values[k] = min(max(space.solution[a], model.lower[k]), model.upper[k])
            inside = inside and values[k] == space.solution[a]
    if not (inside or must):
        copy(space.kept, values)
    tie(model, values)


@inner
def prepare(spectrum: Spectrum, data: np.ndarray, weights: np.ndarray) -> tuple[int, float, float]:
    """Copy what is finite, with its weights; return points, sum of squares, and mean."""
    points, squares, total, mass = 0, 0.0, 0.0, 0.0
    for i in range(data.size):
        weight = weights[i] if weights.size > 0 else 1.0
        usable = math.isfinite(data[i]) and math.isfinite(weight) and weight > 0.0
        spectrum.data[i] = data[i] if usable else 0.0
        spectrum.weight[i] = weight if usable else 0.0
        if usable:
            points += 1
            squares += weight * data[i] * data[i]
            total += weight * data[i]
            mass += weight
    return points, squares, total / mass if mass > 0.0 else 0.0


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
def harder(strength: float) -> float:
    """Return more damping, after a step that led up."""
    return max(10.0 * strength, 1e-6)


@inner
def softer(strength: float, ratio: float) -> float:
    """Return the damping after a step that gained `ratio` of what a straight model would."""
    if ratio > 0.75:
        return max(0.1 * strength, LEAST)
    return max(4.0 * strength, 1e-6) if ratio < 0.25 else strength


@inner
def find_minimum(
    model: Model, columns: np.ndarray, values: np.ndarray, here: Spectrum, there: Spectrum,
    space: Space, descent: Descent, faint: float, squares: float, settings: Settings,
) -> tuple[float, int, int, bool]:  # fmt: skip
    """Go down from `values` to a minimum; return cost, status and steps.

    The spectrum that holds the model at the final `values` is `here`, or `there` where the last
    item returned is true.
    """
    evaluate(model, columns, values, here)
    cost = weigh(here, faint, settings)
    if not math.isfinite(cost):
        return cost, _INVALID, 1, False
    normal_equations(here, model.free, descent.normal, descent.direction)
    descent.largest[:] = 0.0
    swapped, strength, steps = False, FIRST, 1
    while cost > ROUNDING * squares and model.free.size > 0:
        if steps >= settings.max_steps:
            return cost, _MAX_STEPS, steps, swapped
        steps += 1
        found, gain, tiny = propose(model, values, descent, space, strength, settings)
        if not found:
            strength = harder(strength)
            if strength > HOPELESS:
                return cost, _SINGULAR, steps, swapped
            continue
        if settings.separable:
            solve_linear(model, columns, descent.trial, there, space, False)  # noqa: FBT003
            steps += 1
        evaluate(model, columns, descent.trial, there)
        lowered = weigh(there, faint, settings)
        if lowered < cost:
            small = settings.cost_tolerance * cost
            gone = cost - lowered
            strength = softer(strength, gone / gain if gain > 0.0 else 1.0)
            copy(descent.trial, values)
            cost = lowered
            here, there = there, here
            swapped = not swapped
            normal_equations(here, model.free, descent.normal, descent.direction)
            if tiny or (gone <= small and gain <= small):
                break
        elif tiny or gain <= NO_GAIN * cost or strength > HOPELESS:
            break
        else:
            strength = harder(strength)
    return cost, _CONVERGED, steps, swapped


@inner
def measure(
    model: Model, values: np.ndarray, spectrum: Spectrum, mean: float, settings: Settings,
    space: Space, descent: Descent, std: np.ndarray,
) -> tuple[bool, bool, float, float]:  # fmt: skip
    """Fill in standard deviations, from a normal matrix without damping and without a loss.

    Return whether the parameters are determined, whether one is at a bound, chi square, total.
    """
    free, found, spread = model.free, descent.current, 1.0
    chi_square, total, bounded = 0.0, 0.0, False
    for i in range(spectrum.data.size):
        weight = spectrum.weight[i]
        chi_square += weight * (spectrum.data[i] - spectrum.model[i]) ** 2
        total += weight * (spectrum.data[i] - mean) ** 2
        if not settings.poisson:
            spectrum.hold[i] = weight
    normal_equations(spectrum, free, descent.normal, descent.direction)
    for a in range(free.size):
        value = values[free[a]]
        space.stopped[a] = value <= model.lower[free[a]] or value >= model.upper[free[a]]
        bounded = bounded or space.stopped[a]
    regular = variances(descent.normal, space, found)
    if not settings.poisson:
        spread = spread_of_loss(
            spectrum.data, spectrum.model, spectrum.weight, settings.loss, settings.loss_scale,
            free.size,
        )  # fmt: skip
    std[:] = 0.0
    for a in range(free.size):
        std[free[a]] = math.sqrt(spread * found[a])
    for a in range(std.size):
        if model.source[a] >= 0:
            std[a] = abs(model.factor[a]) * std[model.source[a]]
    return regular, bounded, chi_square, total


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

        A linear parameter that starts as NaN is solved for before anything else.
        """
        if digest == 0:
            return
        here, there, space, descent = room.here, room.there, room.space, room.descent
        for k in range(data.shape[0]):
            axis = columns[k if columns.shape[0] > 1 else 0]
            values, std = found.parameters[k], found.std[k]
            codes, figures = found.codes[k], found.figures[k]
            figures[:] = np.nan
            std[:] = np.nan
            points, squares, mean = prepare(
                here, data[k], weights[k if weights.shape[0] > 1 else 0]
            )
            codes[0], codes[1], codes[2] = _NO_DATA, 0, points
            if points < max(model.free.size, 1):
                values[:] = np.nan
                continue
            if settings.separable or starts_linear(model, values):
                solve_linear(model, axis, values, here, space, True)  # noqa: FBT003
            tie(model, values)
            faint = FAINT * abs(mean) + 1e-300
            cost, codes[0], codes[1], swapped = find_minimum(
                model, axis, values, here, there, space, descent, faint, squares, settings
            )
            if codes[0] == _INVALID:
                values[:] = np.nan
                continue
            regular, bounded, figures[1], figures[2] = measure(
                model, values, there if swapped else here, mean, settings, space, descent, std
            )
            figures[0] = cost
            if settings.poisson:
                figures[1] = cost
            if not regular:
                codes[0] = _SINGULAR
            elif codes[0] == _CONVERGED and bounded:
                codes[0] = _AT_BOUND

    return fit_block


fit_block = _engine(digest_sources(losses, normal, rules, inner_module))
