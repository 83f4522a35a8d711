"""Steps of expressions: what each operation gives, and its derivatives by what it takes."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

LEAVES = ("number", "x", "y", "parameter")


class Step(NamedTuple):
    """An operation on the results of earlier steps.

    `value` is that of a number, or which parameter it is.
    """

    operation: str
    inputs: tuple[int, ...] = ()
    value: float = 0.0


class Rule(NamedTuple):
    """An operation: its value, and its derivative with respect to each input.

    `slopes` takes the value, then the inputs.
    """

    value: Callable[..., Any]
    slopes: Callable[..., tuple[Any, ...]]


def _erf(x: Any) -> Any:
    import scipy.special

    return scipy.special.erf(x)


def _erfc(x: Any) -> Any:
    import scipy.special

    return scipy.special.erfc(x)


_BELL = 2.0 / np.sqrt(np.pi)

RULES = {
    "add": Rule(np.add, lambda _v, _a, _b: (1.0, 1.0)),
    "subtract": Rule(np.subtract, lambda _v, _a, _b: (1.0, -1.0)),
    "multiply": Rule(np.multiply, lambda _v, a, b: (b, a)),
    "divide": Rule(np.divide, lambda v, _a, b: (1.0 / b, -v / b)),
    "power": Rule(
        np.power, lambda v, a, b: (b * np.power(a, b - 1.0), np.where(a > 0, v * np.log(a), 0.0))
    ),
    "arctan2": Rule(np.arctan2, lambda _v, a, b: (b / (a * a + b * b), -a / (a * a + b * b))),
    "less": Rule(lambda a, b: 1.0 * np.less(a, b), lambda _v, _a, _b: (0.0, 0.0)),
    "less_equal": Rule(lambda a, b: 1.0 * np.less_equal(a, b), lambda _v, _a, _b: (0.0, 0.0)),
    "where": Rule(
        lambda c, a, b: np.where(c > 0, a, b),
        lambda _v, c, _a, _b: (0.0, 1.0 * (c > 0), 1.0 * (c <= 0)),
    ),
    "negate": Rule(np.negative, lambda _v, _a: (-1.0,)),
    "square": Rule(np.square, lambda _v, a: (2.0 * a,)),
    "sqrt": Rule(np.sqrt, lambda v, _a: (0.5 / v,)),
    "exp": Rule(np.exp, lambda v, _a: (v,)),
    "log": Rule(np.log, lambda _v, a: (1.0 / a,)),
    "sin": Rule(np.sin, lambda _v, a: (np.cos(a),)),
    "cos": Rule(np.cos, lambda _v, a: (-np.sin(a),)),
    "tan": Rule(np.tan, lambda v, _a: (1.0 + v * v,)),
    "arcsin": Rule(np.arcsin, lambda _v, a: (1.0 / np.sqrt(1.0 - a * a),)),
    "arccos": Rule(np.arccos, lambda _v, a: (-1.0 / np.sqrt(1.0 - a * a),)),
    "arctan": Rule(np.arctan, lambda _v, a: (1.0 / (1.0 + a * a),)),
    "sinh": Rule(np.sinh, lambda _v, a: (np.cosh(a),)),
    "cosh": Rule(np.cosh, lambda _v, a: (np.sinh(a),)),
    "tanh": Rule(np.tanh, lambda v, _a: (1.0 - v * v,)),
    "erf": Rule(_erf, lambda _v, a: (_BELL * np.exp(-a * a),)),
    "erfc": Rule(_erfc, lambda _v, a: (-_BELL * np.exp(-a * a),)),
    "abs": Rule(np.abs, lambda _v, a: (np.sign(a),)),
    "sign": Rule(np.sign, lambda _v, _a: (0.0,)),
}  # fmt: skip
OPERATIONS = (*LEAVES, *RULES)
