"""Which units the parameters of an expression must have, for its result to be in those of the data.

Each step has powers of the units of the data and of the axes. What is added is alike, what goes
into a logarithm is a pure number, and so on: linear equations, from which the powers of
parameters follow, or do not.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np

from omniscopy.signal.programs import Program
from omniscopy.signal.steps import Step

_SAME_AS_INPUTS = ("add", "subtract", "negate", "abs")
_ADDED = ("add", "subtract", "less", "less_equal", "where", "arctan2")
# Data, x and y.
_BASES = 3

# A row of an equation: powers of these steps, times these factors, add up to zero.
Row = dict[int, float]


class Powers(NamedTuple):
    """Powers of the units of the data and of each axis; `alike` if the axes must have the same."""

    data: float
    axes: tuple[float, ...]
    alike: bool


class _Rules(NamedTuple):
    """What must be a pure number; from the strictest on, the first that can be kept are."""

    numbers: Literal["all", "factors", "none"]
    bases: bool
    arguments: bool
    alike: bool


def powers_of_parameters(program: Program, axes: Sequence[str]) -> list[Powers | None]:
    """Return powers of the units of the data and of each axis, `None` where they do not follow.

    Numbers in the text are pure, unless that makes no sense: then they may have units too, such
    as the 550 of ``exp(-(x - 550)**2 / s**2)``. The same holds for what is raised to a power
    that is a parameter, and for arguments of functions.
    """
    choices = itertools.product(
        (False, True) if "y" in axes else (False,), (True, False), (True, False),
        ("all", "factors", "none"),
    )  # fmt: skip
    made: list[Powers | None] = [None] * program.parameters
    for alike, arguments, bases, numbers in choices:
        rules = _Rules(numbers, bases, arguments, alike)  # type: ignore[arg-type]
        found = _solved(program, rules)
        if found is None:
            continue
        values, known = found
        for number, step in enumerate(program.steps):
            if step.operation == "parameter" and known[number]:
                data, x, y = (round(float(power) * 12) / 12 for power in values[number])
                by_axis = {"x": x, "y": y}
                made[int(step.value)] = Powers(data, tuple(by_axis[axis] for axis in axes), alike)
        break
    return made


def _solved(program: Program, rules: _Rules) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the powers of all steps, and which of them are known; `None` if there are none."""
    steps = program.steps
    added = {n for step in steps if step.operation in _ADDED for n in step.inputs}
    known: list[tuple[Row, int | None]] = [({len(steps) - 1: 1.0}, 0)]
    for number, step in enumerate(steps):
        known += [(row, None) for row in _rows(number, step, steps, rules)]
        if step.operation in ("x", "y"):
            known.append(({number: 1.0}, 1 if rules.alike else 1 + "xy".index(step.operation)))
        if step.operation == "number" and step.value != 0.0 and (
            rules.numbers == "all" or (rules.numbers == "factors" and number not in added)
        ):  # fmt: skip
            known.append(({number: 1.0}, None))
    matrix, right = np.zeros((len(known), len(steps))), np.zeros((len(known), _BASES))
    for place, (row, base) in enumerate(known):
        for number, factor in row.items():
            matrix[place, number] += factor
        if base is not None:
            right[place, base] = 1.0
    inverse = np.linalg.pinv(matrix)
    values = inverse @ right
    if np.abs(matrix @ values - right).max() > 1e-9:
        return None
    determined = np.abs(inverse @ matrix - np.eye(len(steps))).max(axis=1) < 1e-9
    return values, determined


def _rows(number: int, step: Step, steps: Sequence[Step], rules: _Rules) -> Iterator[Row]:
    """Return what a step asks of the powers of its result and of its inputs."""
    name, inputs = step.operation, step.inputs
    if name in _SAME_AS_INPUTS:
        yield from (_difference(number, each) for each in inputs)
    elif name in ("multiply", "divide"):
        sign = -1.0 if name == "multiply" else 1.0
        yield _sum({number: 1.0}, {inputs[0]: -1.0}, {inputs[1]: sign})
    elif name in ("square", "sqrt"):
        yield _sum({number: 1.0}, {inputs[0]: -2.0 if name == "square" else -0.5})
    elif name == "power":
        yield {inputs[1]: 1.0}
        if steps[inputs[1]].operation == "number":
            yield _sum({number: 1.0}, {inputs[0]: -steps[inputs[1]].value})
        elif rules.bases:
            yield from ({each: 1.0} for each in (number, inputs[0]))
    elif name == "where":
        yield from (_difference(number, each) for each in inputs[1:])
    elif name in ("arctan2", "less", "less_equal"):
        yield _difference(*inputs)
        yield {number: 1.0}
    elif inputs:
        if rules.arguments and name != "sign":
            yield {inputs[0]: 1.0}
        yield {number: 1.0}


def _difference(one: int, other: int) -> Row:
    return _sum({one: 1.0}, {other: -1.0})


def _sum(*rows: Row) -> Row:
    made: Row = {}
    for row in rows:
        for number, factor in row.items():
            made[number] = made.get(number, 0.0) + factor
    return made
