# ruff: noqa: ARG001, C901, PLR0911, PLR0912, PLR0913, PLR0917 - one loop for each operation
"""Expressions, compiled once for all of them: an interpreter of steps.

A formula of users is data for it, so that no expression compiles anew. The values of all steps
are found first, for some points at a time, and then the derivatives from the last step back to
the first, so that they cost about the same for any number of parameters.
"""

import functools
import math
import sys
from typing import Any

import numpy as np
from numba import cfunc, njit

from omniscopy.model.compiling import keep_compiled
from omniscopy.model.digests import digest_sources
from omniscopy.physics import compiled, elementary
from omniscopy.physics.compiled import FAST, SIGNATURE, carray
from omniscopy.signal import steps as meaning

# Points that are worked on at a time: their numbers stay near the processor.
BLOCK = 128
# How a step is written: operation, three inputs, value, and whether it depends on a parameter.
HEAD, WIDTH = 2, 6

_CODES = {name: code for code, name in enumerate(meaning.OPERATIONS)}
NUMBER, X, Y, PARAMETER = (_CODES[name] for name in meaning.LEAVES)
ADD, SUBTRACT, MULTIPLY, DIVIDE, POWER, ARCTAN2, LESS, LESS_EQUAL, WHERE = (
    _CODES[name] for name in (
        "add", "subtract", "multiply", "divide", "power", "arctan2", "less", "less_equal", "where",
    )
)  # fmt: skip
NEGATE, SQUARE, SQRT, EXP, LOG, SIN, COS, TAN, ARCSIN, ARCCOS, ARCTAN = (
    _CODES[name] for name in (
        "negate", "square", "sqrt", "exp", "log", "sin", "cos", "tan", "arcsin", "arccos", "arctan",
    )
)  # fmt: skip
SINH, COSH, TANH, ERF, ERFC, ABS, SIGN = (
    _CODES[name] for name in ("sinh", "cosh", "tanh", "erf", "erfc", "abs", "sign")
)
_BELL = 2.0 / math.sqrt(math.pi)


@njit(error_model="numpy")
def _seldom(code: int, a: float, b: float) -> float:
    """Return what an operation makes that is not worth a loop of its own."""
    if code == POWER:
        return a**b
    if code == ARCTAN2:
        return math.atan2(a, b)
    if code == LOG:
        return math.log(a) if a > 0.0 else (-np.inf if a == 0.0 else np.nan)
    if code == SIN:
        return math.sin(a)
    if code == COS:
        return math.cos(a)
    if code == TAN:
        return math.tan(a)
    if code == ARCSIN:
        return math.asin(a) if abs(a) <= 1.0 else np.nan
    if code == ARCCOS:
        return math.acos(a) if abs(a) <= 1.0 else np.nan
    if code == ARCTAN:
        return math.atan(a)
    if code == SINH:
        return math.sinh(a)
    if code == COSH:
        return math.cosh(a)
    if code == TANH:
        return math.tanh(a)
    if code == ERF:
        return math.erf(a)
    if code == ERFC:
        return math.erfc(a)
    if code == ABS:
        return abs(a)
    return math.copysign(1.0, a) if a != 0.0 else a  # SIGN


@njit(error_model="numpy")
def _seldom_slope(code: int, v: float, a: float, b: float) -> float:
    """Return the derivative with respect to the first input."""
    if code == POWER:
        return b * a ** (b - 1.0)
    if code == ARCTAN2:
        return b / (a * a + b * b)
    if code == LOG:
        return 1.0 / a
    if code == SIN:
        return math.cos(a)
    if code == COS:
        return -math.sin(a)
    if code == TAN:
        return 1.0 + v * v
    if code == ARCSIN:
        return 1.0 / math.sqrt(1.0 - a * a)
    if code == ARCCOS:
        return -1.0 / math.sqrt(1.0 - a * a)
    if code == ARCTAN:
        return 1.0 / (1.0 + a * a)
    if code == SINH:
        return math.cosh(a)
    if code == COSH:
        return math.sinh(a)
    if code == TANH:
        return 1.0 - v * v
    if code == ERF:
        return _BELL * math.exp(-a * a)
    if code == ERFC:
        return -_BELL * math.exp(-a * a)
    if code == ABS:
        return math.copysign(1.0, a) if a != 0.0 else 0.0
    return 0.0


@njit(error_model="numpy")
def _seldom_second_slope(code: int, v: float, a: float, b: float) -> float:
    """Return the derivative with respect to the second input."""
    if code == POWER:
        return v * math.log(a) if a > 0.0 else 0.0
    return -a / (a * a + b * b) if code == ARCTAN2 else 0.0


@njit(fastmath=FAST, error_model="numpy")
def _forward(code: int, room: Any, k: int, a: int, b: int, c: int, m: int) -> None:
    """Fill in the values of a step from those of its inputs."""
    if code == ADD:
        for i in range(m):
            room[k, i] = room[a, i] + room[b, i]
    elif code == SUBTRACT:
        for i in range(m):
            room[k, i] = room[a, i] - room[b, i]
    elif code == MULTIPLY:
        for i in range(m):
            room[k, i] = room[a, i] * room[b, i]
    elif code == DIVIDE:
        for i in range(m):
            room[k, i] = room[a, i] / room[b, i]
    elif code == NEGATE:
        for i in range(m):
            room[k, i] = -room[a, i]
    elif code == SQUARE:
        for i in range(m):
            room[k, i] = room[a, i] * room[a, i]
    elif code == SQRT:
        for i in range(m):
            room[k, i] = np.sqrt(room[a, i])
    elif code == EXP:
        for i in range(m):
            room[k, i] = elementary.exp(room[a, i])
    elif code == LESS:
        for i in range(m):
            room[k, i] = 1.0 if room[a, i] < room[b, i] else 0.0
    elif code == LESS_EQUAL:
        for i in range(m):
            room[k, i] = 1.0 if room[a, i] <= room[b, i] else 0.0
    elif code == WHERE:
        for i in range(m):
            room[k, i] = room[b, i] if room[a, i] > 0.0 else room[c, i]
    else:
        for i in range(m):
            room[k, i] = _seldom(code, room[a, i], room[b, i])


@njit(fastmath=FAST, error_model="numpy")
def _first_slope(
    code: int, room: Any, back: Any, k: int, a: int, b: int, c: int, m: int
) -> None:  # fmt: skip
    """Add what a step passes on to its first input; what has no effect has none anywhere."""
    if code in (ADD, SUBTRACT):
        for i in range(m):
            back[a, i] += back[k, i]
    elif code == NEGATE:
        for i in range(m):
            back[a, i] -= back[k, i]
    elif code == MULTIPLY:
        for i in range(m):
            back[a, i] += 0.0 if back[k, i] == 0.0 else back[k, i] * room[b, i]
    elif code == DIVIDE:
        for i in range(m):
            back[a, i] += 0.0 if back[k, i] == 0.0 else back[k, i] / room[b, i]
    elif code == SQUARE:
        for i in range(m):
            back[a, i] += 0.0 if back[k, i] == 0.0 else 2.0 * back[k, i] * room[a, i]
    elif code == SQRT:
        for i in range(m):
            back[a, i] += 0.0 if back[k, i] == 0.0 else 0.5 * back[k, i] / room[k, i]
    elif code == EXP:
        for i in range(m):
            back[a, i] += 0.0 if back[k, i] == 0.0 else back[k, i] * room[k, i]
    elif code not in (LESS, LESS_EQUAL, WHERE):
        for i in range(m):
            if back[k, i] != 0.0:
                back[a, i] += back[k, i] * _seldom_slope(code, room[k, i], room[a, i], room[b, i])


@njit(fastmath=FAST, error_model="numpy")
def _second_slope(
    code: int, room: Any, back: Any, k: int, a: int, b: int, c: int, m: int
) -> None:  # fmt: skip
    """Add what a step passes on to its second input."""
    if code == ADD:
        for i in range(m):
            back[b, i] += back[k, i]
    elif code == SUBTRACT:
        for i in range(m):
            back[b, i] -= back[k, i]
    elif code == MULTIPLY:
        for i in range(m):
            back[b, i] += 0.0 if back[k, i] == 0.0 else back[k, i] * room[a, i]
    elif code == DIVIDE:
        for i in range(m):
            back[b, i] -= 0.0 if back[k, i] == 0.0 else back[k, i] * room[k, i] / room[b, i]
    elif code == WHERE:
        for i in range(m):
            back[b, i] += back[k, i] if room[a, i] > 0.0 else 0.0
    else:
        for i in range(m):
            if back[k, i] != 0.0:
                slope = _seldom_second_slope(code, room[k, i], room[a, i], room[b, i])
                back[b, i] += back[k, i] * slope


def _interpreter(digest: int) -> Any:
    """Return the interpreter, kept on disk under the digest of its sources."""

    def run(
        first: Any, second: Any, n: int, constants: Any, parameters: Any,
        values: Any, jacobian: Any, row: int, scratch: Any,
    ) -> None:  # fmt: skip
        if digest == 0:
            return
        head = carray(constants, (HEAD,))
        count, known = int(head[0]), int(head[1])
        steps = carray(constants, (HEAD + WIDTH * count,))
        size = max(min(n, BLOCK), 1)
        x, y, total = carray(first, (n,)), carray(second, (n,)), carray(values, (n,))
        given, slopes = carray(parameters, (known,)), carray(jacobian, (known, row))
        both = carray(scratch, (2, count, size))
        room, back = both[0], both[1]
        for p in range(known):
            for i in range(n):
                slopes[p, i] = 0.0
        for k in range(count):
            code, value = int(steps[HEAD + WIDTH * k]), steps[HEAD + WIDTH * k + 4]
            if code in (NUMBER, PARAMETER):
                constant = given[int(value)] if code == PARAMETER else value
                for i in range(size):
                    room[k, i] = constant
        for begin in range(0, n, size):
            m = min(size, n - begin)
            for k in range(count):
                at = HEAD + WIDTH * k
                code = int(steps[at])
                if code in (X, Y):
                    for i in range(m):
                        room[k, i] = x[begin + i] if code == X else y[begin + i]
                elif code not in (NUMBER, PARAMETER):
                    a, b, c = int(steps[at + 1]), int(steps[at + 2]), int(steps[at + 3])
                    _forward(code, room, k, a, b, c, m)
                for i in range(m):
                    back[k, i] = 0.0
            for i in range(m):
                total[begin + i] += room[count - 1, i]
                back[count - 1, i] = 1.0
            for k in range(count - 1, -1, -1):
                at = HEAD + WIDTH * k
                code = int(steps[at])
                if code == PARAMETER:
                    p = int(steps[at + 4])
                    for i in range(m):
                        slopes[p, begin + i] = back[k, i]
                elif steps[at + 5] > 0.0:
                    a, b, c = int(steps[at + 1]), int(steps[at + 2]), int(steps[at + 3])
                    if steps[HEAD + WIDTH * a + 5] > 0.0:
                        _first_slope(code, room, back, k, a, b, c, m)
                    if code < NEGATE and steps[HEAD + WIDTH * b + 5] > 0.0:
                        _second_slope(code, room, back, k, a, b, c, m)
                    if code == WHERE and steps[HEAD + WIDTH * c + 5] > 0.0:
                        for i in range(m):
                            back[c, i] += 0.0 if room[a, i] > 0.0 else back[k, i]

    return run


@functools.cache
def _compiled() -> Any:
    digest = digest_sources(meaning, elementary, compiled, sys.modules[__name__])
    run = _interpreter(digest)
    compile_ = functools.partial(cfunc, SIGNATURE)
    return keep_compiled(compile_, run, fastmath=FAST, error_model="numpy")


def address() -> int:
    """Return where the compiled interpreter is in this process."""
    return int(_compiled().address)
