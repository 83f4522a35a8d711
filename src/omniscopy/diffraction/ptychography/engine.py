"""Iterations over all positions of a scan."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from omniscopy.diffraction.ptychography.arrays import NUMPY, Arrays
from omniscopy.diffraction.ptychography.averaging import Averaging
from omniscopy.diffraction.ptychography.noise import Noise
from omniscopy.diffraction.ptychography.updates import Measured, Rule, Step, update
from omniscopy.diffraction.ptychography.variation import flattened
from omniscopy.diffraction.ptychography.waves import Optics, State


@dataclass(frozen=True)
class Constraints:
    """What an object is held to after every step.

    `phase_only` gives the object the amplitude 1; `positive` its phase no negative values; `filter`
    multiplies its transform; `variation` is how much a step flattens it, by its total variation.
    """

    phase_only: bool = False
    positive: bool = False
    filter: np.ndarray | None = None
    variation: float = 0.0


@dataclass(frozen=True)
class Plan:
    """How a reconstruction proceeds.

    `probe_from` and `positions_from` are the first steps that change probe and positions, counted
    from 0; None for never. `between` is what transforms of waves are multiplied by from slice to
    slice.
    """

    rule: Rule
    constraints: Constraints
    probe_from: int | None = 0
    positions_from: int | None = None
    reach: float = 4.0
    between: np.ndarray | None = None


# By which part the error may be above that of noise alone where all positions are averaged.
_REACHED = 1.1


def steps(
    state: State, measured: Measured, plan: Plan, rng: np.random.Generator, *,
    arrays: Arrays = NUMPY, first: int = 0, noise: Noise | None = None,
) -> Iterator[float]:  # fmt: skip
    """Change `state` step by step, and give the error after each, for as long as it is asked for.

    Parameters
    ----------
    state : State
        Is changed; its arrays are those of `arrays`.
    measured : Measured
        Roots of the intensities of all points, with the direct beam in the first pixel.
    plan : Plan
        How it proceeds.
    rng : Generator
        Draws the order of positions in each step.
    arrays : Arrays
        What is calculated with.
    first : int
        The number of the first step, where a reconstruction goes on.
    noise : Noise
        Of counts. As soon as amplitudes lack no more than it makes them lack, steps are those of
        all positions together, by the likelihood of counts and the power of the object: groups
        of them would go on to fit the noise of each.

    Yields
    ------
    float
        The sum of squares that amplitudes lack, as a part of that of the amplitudes.
    """
    amplitudes = measured.amplitude
    optics = Optics(amplitudes.shape[1:], arrays, state.probe.dtype, plan.between)
    total = float((amplitudes**2).sum(dtype="float64"))
    start = state.positions.copy()
    count = len(start)
    batch = min(plan.rule.batch or count, count)
    number = first
    averaging = None
    if noise is not None:
        drawn = plan.constraints.variation == 0.0
        averaging = Averaging(optics, measured, noise, drawn=drawn)
    averaged = averaging is not None and averaging.reached(state, _REACHED)
    while True:
        step = Step(plan.rule, _begun(plan.probe_from, number), _begun(plan.positions_from, number))
        if averaged and averaging is not None:
            squares = averaging.step(state, step)
            if step.positions:
                _hold_positions(state, start, plan.reach)
            _constrain(state, plan.constraints, arrays)
            number += 1
            yield squares / total
            continue
        squares = 0.0
        order = rng.permutation(count)
        for begin in range(0, count, batch):
            points = order[begin : begin + batch]
            known = None if measured.known is None else measured.known[points]
            squares += update(state, optics, step, Measured(points, amplitudes[points], known))
        if step.positions:
            _hold_positions(state, start, plan.reach)
        _constrain(state, plan.constraints, arrays)
        number += 1
        averaged = averaged or (noise is not None and squares <= _REACHED * noise.expected)
        yield squares / total


def _begun(begin: int | None, number: int) -> bool:
    return begin is not None and number >= begin


def _hold_positions(state: State, start: np.ndarray, reach: float) -> None:
    """Take off what all positions moved, which nothing tells, and hold them near their start."""
    moved = state.positions - start
    moved -= moved.mean(axis=0)
    state.positions[:] = start + np.clip(moved, -reach, reach)


def _constrain(state: State, constraints: Constraints, arrays: Arrays) -> None:
    xp = arrays.xp
    if constraints.filter is not None:
        far = arrays.forward(state.object) * xp.asarray(constraints.filter)
        state.object[:] = arrays.backward(far)
    if constraints.variation > 0.0:
        state.object[:] = flattened(state.object, constraints.variation, xp)
    if constraints.phase_only or constraints.positive:
        size = xp.ones_like(state.object.real) if constraints.phase_only else abs(state.object)
        phase = xp.angle(state.object)
        if constraints.positive:
            phase = xp.maximum(phase, 0.0)
        state.object[:] = size * xp.exp(1j * phase)


def orthogonal(probe: np.ndarray) -> np.ndarray:
    """Return modes of the same mixture that are orthogonal, the strongest first."""
    if len(probe) == 1:
        return probe
    flat = probe.reshape(len(probe), -1)
    _, strengths, modes = np.linalg.svd(flat, full_matrices=False)
    return (strengths[:, None] * modes).reshape(probe.shape).astype(probe.dtype)


Watch = Callable[[int, float], Any]


def run(
    iterations: Iterator[float],
    max_steps: int,
    tolerance: float,
    watch: Watch | None = None,
    *,
    at_least: int = 0,
) -> tuple[np.ndarray, bool]:
    """Return the error of each step, and whether it came to rest before the last one.

    It does not before `at_least` steps.

    `watch` is told each step and its error; what it returns as true ends the iterations.
    """
    errors = np.full(max_steps, np.nan)
    for number in range(max_steps):
        errors[number] = next(iterations)
        if watch is not None and watch(number, float(errors[number])):
            return errors, False
        if (
            number >= max(at_least, 1)
            and abs(errors[number - 1] - errors[number]) <= tolerance * errors[number]
        ):
            return errors, True
    return errors, False
