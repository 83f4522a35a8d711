"""Expressions as lists of small steps, that are evaluated and differentiated one by one.

A step takes the results of earlier ones, so that a list needs no recursion. The compiled twin of
what is done here is `omniscopy.signal.interpreter`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from omniscopy.signal.steps import OPERATIONS, RULES, Step


@dataclass(frozen=True)
class Program:
    """The steps of an expression; the last one is its result.

    It is a formula for the engine: `evaluate` and `address` are what
    `omniscopy.compute.fitting.problem.Formula` asks for.
    """

    steps: tuple[Step, ...]
    names: tuple[str, ...]
    complex = False

    @property
    def parameters(self) -> int:
        """Return how many parameters there are."""
        return len(self.names)

    def evaluate(
        self,
        columns: Sequence[np.ndarray],
        constants: Sequence[float],  # noqa: ARG002 - they are for the compiled twin
        parameters: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return values (..., points) and derivatives (..., parameters, points).

        `columns` are x, and y if there is one.
        """
        given = [parameters[..., n, None] for n in range(self.parameters)]
        values: list[Any] = []
        slopes: list[dict[int, Any]] = []
        with np.errstate(all="ignore"):
            for step in self.steps:
                value, slope = _evaluated(step, columns, given, values, slopes)
                values.append(value)
                slopes.append(slope)
        shape = np.broadcast_shapes(np.shape(values[-1]), columns[0].shape, np.shape(given[0]))
        full = [np.broadcast_to(slopes[-1].get(n, 0.0), shape) for n in range(self.parameters)]
        return np.broadcast_to(values[-1], shape), np.stack(full, axis=-2)

    def address(self) -> int:
        """Return where the compiled interpreter of steps is in this process."""
        from omniscopy.signal.interpreter import address

        return address()

    @property
    def constants(self) -> tuple[float, ...]:
        """Return the steps as numbers, for the compiled interpreter."""
        varies = self.depends()
        rows = [float(len(self.steps)), float(self.parameters)]
        for step, moves in zip(self.steps, varies, strict=True):
            inputs = [*step.inputs, 0, 0, 0][:3]
            rows += [float(OPERATIONS.index(step.operation)), *map(float, inputs)]
            rows += [step.value, float(bool(moves))]
        return tuple(rows)

    @property
    def scratch(self) -> int:
        """Return how many rows of points the compiled interpreter works in."""
        return 2 * len(self.steps)

    def depends(self) -> list[frozenset[int]]:
        """Return for each step the parameters that it depends on."""
        found: list[frozenset[int]] = []
        for step in self.steps:
            if step.operation == "parameter":
                found.append(frozenset([int(step.value)]))
            else:
                found.append(frozenset().union(*(found[n] for n in step.inputs)))
        return found

    def linear(self) -> list[bool]:
        """Return which parameters the expression is linear in, all of them at once.

        Of parameters that multiply each other the first one is.
        """
        chosen: set[int] = set()
        for number in range(self.parameters):
            if self._degree(chosen | {number}) <= 1.0:
                chosen.add(number)
        return [number in chosen for number in range(self.parameters)]

    def shifts(self) -> set[str]:
        """Return the parameters that are added to, or taken from, a coordinate as it is."""
        found = set()
        for step in self.steps:
            inputs = [self.steps[n] for n in step.inputs]
            if step.operation in ("add", "subtract", "less", "less_equal") and any(
                each.operation in ("x", "y") for each in inputs
            ):
                found |= {self.names[int(p.value)] for p in inputs if p.operation == "parameter"}
        return found

    def _degree(self, among: set[int]) -> float:
        """Return the degree of the expression as a polynomial of some of its parameters."""
        degrees: list[float] = []
        for step in self.steps:
            inputs = [degrees[n] for n in step.inputs]
            degrees.append(_degree(step, inputs, among))
        return degrees[-1]


def _evaluated(
    step: Step,
    columns: Sequence[np.ndarray],
    given: Sequence[np.ndarray],
    values: Sequence[Any],
    slopes: Sequence[dict[int, Any]],
) -> tuple[Any, dict[int, Any]]:
    """Return the value of a step, and its derivatives by the number of the parameter."""
    match step.operation:
        case "number":
            return step.value, {}
        case "x":
            return columns[0], {}
        case "y":
            return columns[1], {}
        case "parameter":
            number = int(step.value)
            return given[number], {number: 1.0}
    rule, inputs = RULES[step.operation], [values[n] for n in step.inputs]
    value = rule.value(*inputs)
    made: dict[int, Any] = {}
    if any(slopes[n] for n in step.inputs):
        for n, partial in zip(step.inputs, rule.slopes(value, *inputs), strict=True):
            for number, slope in slopes[n].items():
                # What has no effect has none, even where it is not finite: `where` takes the
                # other branch.
                part = np.where(partial == 0.0, 0.0, partial * slope)
                made[number] = made[number] + part if number in made else part
    return value, made


def _degree(step: Step, inputs: Sequence[float], among: set[int]) -> float:
    match step.operation:
        case "parameter":
            return 1.0 if int(step.value) in among else 0.0
        case "add" | "subtract" | "negate":
            return max(inputs)
        case "multiply":
            return sum(inputs)
        case "divide" if inputs[1] == 0.0:
            return inputs[0]
        case "where" if inputs[0] == 0.0:
            return max(inputs)
    return np.inf if any(inputs) else 0.0
