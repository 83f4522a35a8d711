"""Registers of numbers that are worked on at once, for kernels that a compiler does not vectorise.

A loop that the compiler turns into registers is a loop over pixels: what it sums it adds up at
the end of each row, which takes as long as the row. With registers by name a sum stays one from
row to row. Where nothing is compiled, or to test it, they are arrays of NumPy.
"""

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

LANES = 32


class Register(types.Type):
    """So many numbers of so many bits; the compiler cuts them to what a machine has."""

    def __init__(self, bits: int, count: int) -> None:
        self.vector = ir.VectorType(ir.IntType(bits), count)
        super().__init__(name=f"Register({bits}, {count})")


SHORT, LONG = Register(16, LANES), Register(32, LANES // 2)


@register_model(Register)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Register) -> None:
        super().__init__(manager, kind, kind.vector)  # type: ignore[no-untyped-call]


def taken(values: np.ndarray, first: int) -> Any:
    """Return 32 values from the `first` on, of 8 or 16 bits, as 16 bits each."""
    return values[first : first + LANES].astype(np.uint16)


def put(values: np.ndarray, first: int, register: Any) -> None:
    """Write 32 values of 16 bits."""
    values[first : first + LANES] = register


def expect(values: np.ndarray, first: int) -> None:
    """Let memory fetch what is taken later: the end of an array may lie before it."""


def plus(a: Any, b: Any) -> Any:
    """Return sums, without what overflows."""
    return a + b


def either(a: Any, b: Any) -> Any:
    """Return the bits of both."""
    return a | b


def under(a: Any, mask: Any) -> Any:
    """Return the bits that a mask has."""
    return a & mask


def nothing() -> Any:
    """Return 32 zeros of 16 bits."""
    return np.zeros(LANES, np.uint16)


def nothing_long() -> Any:
    """Return 16 zeros of 32 bits."""
    return np.zeros(LANES // 2, np.uint32)


def paired(register: Any) -> Any:
    """Return the sums of 16 pairs, of 32 bits each."""
    return register[::2].astype(np.uint32) + register[1::2]


def summed(register: Any) -> int:
    """Return the sum of all."""
    return int(register.sum(dtype=np.int64))


def joined(register: Any) -> int:
    """Return the bits that any of them has."""
    return int(np.bitwise_or.reduce(register))


def _binary(name: str) -> Any:
    """Return the compiled version of what two registers give."""

    @intrinsic
    def built(context: Any, a: Any, b: Any) -> Any:  # noqa: ARG001 - numba passes it
        def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:  # noqa: ARG001
            return getattr(builder, name)(*given)

        return a(a, b), code

    return built


_add, _or, _and = _binary("add"), _binary("or_"), _binary("and_")


def _address(context: Any, builder: Any, signature: Any, given: Any, vector: Any) -> Any:
    array = context.make_array(signature.args[0])(context, builder, given[0])
    first = context.cast(builder, given[1], signature.args[1], types.intp)
    return builder.bitcast(builder.gep(array.data, [first]), vector.as_pointer())


@intrinsic
def _take(context: Any, values: Any, first: Any) -> Any:  # noqa: ARG001 - numba passes it
    vector = ir.VectorType(ir.IntType(values.dtype.bitwidth), LANES)

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        place = _address(context, builder, signature, given, vector)
        found = builder.load(place, align=vector.element.width // 8)
        return found if vector == SHORT.vector else builder.zext(found, SHORT.vector)

    return SHORT(values, first), code


@intrinsic
def _put(context: Any, values: Any, first: Any, register: Any) -> Any:  # noqa: ARG001
    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        place = _address(context, builder, signature, given, SHORT.vector)
        builder.store(given[2], place, align=2)
        return context.get_dummy_value()

    return types.void(values, first, register), code


@intrinsic
def _expect(context: Any, values: Any, first: Any) -> Any:  # noqa: ARG001 - numba passes it
    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        place = builder.bitcast(_address(context, builder, signature, given, SHORT.vector), byte)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        named = "llvm.prefetch.p0"
        fetch = cgutils.get_or_insert_function(builder.module, kind, named)  # type: ignore[no-untyped-call]
        # To be read, into the second cache, as data.
        builder.call(fetch, [place, *(ir.Constant(number, n) for n in (0, 2, 1))])
        return context.get_dummy_value()

    return types.void(values, first), code


def _zeros(kind: Register) -> Any:
    @intrinsic
    def built(context: Any) -> Any:  # noqa: ARG001 - numba passes it
        return kind(), lambda *_: ir.Constant(kind.vector, None)

    return built


_short_zeros, _long_zeros = _zeros(SHORT), _zeros(LONG)


@intrinsic
def _pair(context: Any, register: Any) -> Any:  # noqa: ARG001 - numba passes it
    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:  # noqa: ARG001
        # Two numbers of 16 bits in one of 32: which is the lower half does not matter.
        both = builder.bitcast(given[0], LONG.vector)
        low, bits = (ir.Constant(LONG.vector, [n] * LONG.vector.count) for n in (0xFFFF, 16))
        return builder.add(builder.and_(both, low), builder.lshr(both, bits))

    return LONG(register), code


def _reduction(name: str) -> Any:
    """Return the compiled version of what all numbers of a register give."""

    @intrinsic
    def built(context: Any, register: Any) -> Any:  # noqa: ARG001 - numba passes it
        def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:  # noqa: ARG001
            wide, found = ir.IntType(64), ir.Constant(ir.IntType(64), 0)
            for n in range(register.vector.count):
                one = builder.extract_element(given[0], ir.Constant(ir.IntType(32), n))
                found = getattr(builder, name)(found, builder.zext(one, wide))
            return found

        return types.int64(register), code

    return built


_sum, _join = _reduction("add"), _reduction("or_")


def _compiles_to(function: Any, built: Any) -> None:
    """Let compiled code call `built` where it says `function`."""
    count = function.__code__.co_argcount
    choices = (
        lambda: lambda: built(),  # noqa: PLW0108 - numba looks at the names of arguments
        lambda a: lambda a: built(a),  # noqa: ARG005, PLW0108
        lambda a, b: lambda a, b: built(a, b),  # noqa: ARG005, PLW0108
        lambda a, b, c: lambda a, b, c: built(a, b, c),  # noqa: ARG005, PLW0108
    )
    overload(function, strict=False)(choices[count])


for _function, _built in (
    (taken, _take), (put, _put), (expect, _expect), (plus, _add), (either, _or), (under, _and),
    (nothing, _short_zeros), (nothing_long, _long_zeros), (paired, _pair), (summed, _sum),
    (joined, _join),
):  # fmt: skip
    _compiles_to(_function, _built)
