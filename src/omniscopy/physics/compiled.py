# ruff: noqa: ARG001, PLR0913, PLR0917 - loops of one signature, and twins that repeat names
"""Formulas as compiled functions that are called by their address.

Numba keeps compiled code on disk, but not that of closures over other compiled functions. So the
loop below is one function whose global names, not its closure, hold the formula; a number that
depends on the source is all that it closes over, which makes another formula, or another version
of it, another entry of the cache.
"""

import functools
import inspect
import math
import sys
import types
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba import cfunc, njit
from numba import types as kinds
from numba.extending import intrinsic, overload, register_jitable

from omniscopy.model.compiling import keep_compiled
from omniscopy.model.digests import digest_sources
from omniscopy.physics import elementary

# Sums may be reordered so that they use vector registers; NaN and infinity stay what they are.
FAST = {"reassoc", "contract", "nsz", "arcp"}

# No way in from Python: that would be compiled too.
_FOR_THE_LOOP: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}

carray: Any = numba.carray  # type: ignore[attr-defined]

_DOUBLES = kinds.CPointer(numba.float64)  # type: ignore[no-untyped-call]
# columns (two), points, constants, parameters, values, Jacobian, length of its rows, scratch
SIGNATURE = numba.void(
    _DOUBLES, _DOUBLES, numba.int64, _DOUBLES, _DOUBLES, _DOUBLES, _DOUBLES, numba.int64, _DOUBLES
)
_MAGIC = 1.5 * 2.0**52


@functools.cache
def compiled(
    function: Callable[..., Any], parameters: int, columns: int, constants: int, *, of_complex: bool
) -> Any:
    """Return a formula as a function of C, compiled on first use on this machine.

    What it takes is as `omniscopy.physics.formulas.Formula` has it.
    """
    for name in function.__code__.co_names:
        used: Any = function.__globals__.get(name)
        if getattr(used, "__module__", None) == function.__module__:
            register_jitable(used)
    module = inspect.getmodule(function)
    digest = digest_sources(
        module,
        elementary,
        sys.modules[__name__],
        f"{parameters} {columns} {constants}",
    )
    template = _complex_loop if of_complex else _loop
    loop = template(digest)
    names = {
        **globals(),
        "formula": njit(fastmath=FAST, error_model="numpy", **_FOR_THE_LOOP)(function),
        "COLUMNS": columns,
        "CONSTANTS": constants,
        "PARAMETERS": parameters,
    }
    made = types.FunctionType(loop.__code__, names, function.__name__, None, loop.__closure__)
    made.__qualname__, made.__module__ = f"{function.__module__}.{function.__qualname__}", __name__
    return keep_compiled(cfunc, made, sig=SIGNATURE, fastmath=FAST, error_model="numpy")


# What the loops below find under these names is set by `compiled`.
formula: Any = None
COLUMNS = CONSTANTS = PARAMETERS = 0


def _loop(digest: int) -> Callable[..., None]:
    def add(
        first: Any, second: Any, n: int, constants: Any, parameters: Any,
        values: Any, jacobian: Any, row: int, scratch: Any,
    ) -> None:  # fmt: skip
        if digest == 0:
            return
        x, other, y = carray(first, (n,)), carray(second, (n,)), carray(values, (n,))
        given = _read(parameters, PARAMETERS)
        if CONSTANTS > 0:
            given = _read(constants, CONSTANTS) + given
        for i in range(n):
            if COLUMNS == 2:  # noqa: SIM108 - one of both is not compiled
                found = formula(x[i], other[i], *given)
            else:
                found = formula(x[i], *given)
            y[i] += found[0]
            _write(jacobian, i, row, n, found)

    return add


def _complex_loop(digest: int) -> Callable[..., None]:
    def add(
        first: Any, second: Any, n: int, constants: Any, parameters: Any,
        values: Any, jacobian: Any, row: int, scratch: Any,
    ) -> None:  # fmt: skip
        if digest == 0:
            return
        x, y = carray(first, (n,)), carray(values, (2 * n,))
        given = _read(parameters, PARAMETERS)
        for i in range(n):
            found = formula(x[i], *given)
            y[i] += found[0].real
            y[n + i] += found[0].imag
            _write(jacobian, i, row, n, found)

    return add


def _tuple_at(_context: Any, pointer: Any, count: Any) -> Any:
    """Return the numbers that a pointer points at; a loop could not unroll them."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        word = context.get_value_type(kinds.intp)
        numbers = [builder.load(builder.gep(args[0], [word(n)])) for n in range(size)]
        return context.make_tuple(builder, signature.return_type, numbers)

    size = count.literal_value
    numbers: Any = kinds.UniTuple
    return numbers(pointer.dtype, size)(pointer, count), generate


_read: Any = intrinsic(prefer_literal=True)(_tuple_at)


def _slopes_to(_context: Any, target: Any, i: Any, row: Any, n: Any, found: Any) -> Any:
    """Write all but the first number of a tuple into column `i` of rows of a Jacobian.

    Imaginary parts go `n` columns further.
    """

    def generate(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        target, i, row, n, found = args
        place = i
        for number in range(1, count):
            value = builder.extract_value(found, number)
            parts = [value]
            if is_complex:
                parts = [builder.extract_value(value, part) for part in (0, 1)]
            for part, at in zip(parts, (place, builder.add(place, n)), strict=False):
                builder.store(part, builder.gep(target, [at]))
            place = builder.add(place, row)
        return context.get_dummy_value()

    count, is_complex = len(found), isinstance(found.dtype, kinds.Complex)
    return kinds.void(target, i, row, n, found), generate


_write: Any = intrinsic(_slopes_to)


def _bits_as_float(_context: Any, bits: Any) -> Any:
    """Return the number that 64 bits stand for."""

    def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        from llvmlite import ir  # type: ignore[import-untyped]

        return builder.bitcast(args[0], ir.DoubleType())

    return numba.float64(numba.int64), generate


_as_float: Any = intrinsic(_bits_as_float)


def _float_as_bits(_context: Any, number: Any) -> Any:
    """Return the 64 bits that stand for a number."""

    def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        from llvmlite import ir

        return builder.bitcast(args[0], ir.IntType(64))

    return numba.int64(numba.float64), generate


_as_bits: Any = intrinsic(_float_as_bits)


@overload(elementary.exp, inline="always")
def _exp(x: Any) -> Any:
    """Return a polynomial that fits into vector registers, exact to the last digit or two."""

    def evaluate(x: Any) -> Any:
        x = min(max(x, -708.0), 708.0)
        n = np.floor(x * 1.4426950408889634 + 0.5)
        r = x - n * 0.693145751953125 - n * 1.42860682030941723212e-6
        p = 1 / 6227020800.0
        p = 1 / 479001600.0 + r * p
        p = 1 / 39916800.0 + r * p
        p = 1 / 3628800.0 + r * p
        p = 1 / 362880.0 + r * p
        p = 1 / 40320.0 + r * p
        p = 1 / 5040.0 + r * p
        p = 1 / 720.0 + r * p
        p = 1 / 120.0 + r * p
        p = 1 / 24.0 + r * p
        p = 1 / 6.0 + r * p
        p = 1 / 2.0 + r * p
        p = 1.0 + r * (1.0 + r * p)
        # The integer n is in the lowest bits of n plus this number; the exponent is its place.
        return p * _as_float((_as_bits(n + _MAGIC) + 1023) << 52)

    return evaluate


@overload(elementary.log)
def _log(x: Any) -> Any:
    def evaluate(x: Any) -> Any:
        return math.log(x) if x > 0.0 else (-np.inf if x == 0.0 else np.nan)

    return evaluate


@overload(elementary.complex_of, inline="always")
def _complex_of(real: Any, imaginary: Any) -> Any:
    def evaluate(real: Any, imaginary: Any) -> Any:
        return complex(real, imaginary)

    return evaluate


@overload(elementary.erf)
def _erf(x: Any) -> Any:
    def evaluate(x: Any) -> Any:
        return math.erf(x)

    return evaluate


@overload(elementary.choose)
def _choose(condition: Any, yes: Any, no: Any) -> Any:
    def evaluate(condition: Any, yes: Any, no: Any) -> Any:
        return yes if condition else no

    return evaluate


@overload(elementary.faddeeva)
def _faddeeva(x: Any, y: Any) -> Any:
    return elementary.faddeeva
