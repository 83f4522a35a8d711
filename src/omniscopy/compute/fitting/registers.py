# ruff: noqa: ARG001 - numba tells intrinsics by the names of their arguments
"""Registers of eight numbers, for kernels that do the same for eight spectra at once.

They are added, subtracted, multiplied and divided as numbers are. Where nothing is compiled, they
are arrays of NumPy.
"""

import operator
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic, models, overload, register_model

LANES = 8
# A product and a sum may be rounded once.
_FLAGS = ("contract", "nsz")


class Register(types.Type):
    """Eight numbers in double precision; the compiler cuts them to what a machine has."""

    vector = ir.VectorType(ir.DoubleType(), LANES)

    def __init__(self) -> None:
        super().__init__(name="Register of the engine")


EIGHT = Register()


@register_model(Register)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Register) -> None:
        super().__init__(manager, kind, kind.vector)  # type: ignore[no-untyped-call]


def taken(rows: np.ndarray, row: int) -> Any:
    """Return a row of eight numbers."""
    return rows[row].copy()


def put(rows: np.ndarray, row: int, register: Any) -> None:
    """Write a row of eight numbers."""
    rows[row] = register


def spread(value: float) -> Any:
    """Return the same number eight times."""
    return np.full(LANES, value)


def lesser(a: Any, b: Any) -> Any:
    """Return the lesser of both; the second one where one is no number."""
    return np.where(a < b, a, b)


def greater(a: Any, b: Any) -> Any:
    """Return the greater of both; the second one where one is no number."""
    return np.where(a > b, a, b)


def positive_or(a: Any, b: Any) -> Any:
    """Return the first where it is above 0, the second elsewhere."""
    return np.where(a > 0.0, a, b)


def _place(context: Any, builder: Any, signature: Any, given: Any) -> Any:
    array = context.make_array(signature.args[0])(context, builder, given[0])
    row = context.cast(builder, given[1], signature.args[1], types.intp)
    first = builder.mul(row, ir.Constant(row.type, LANES))
    return builder.bitcast(builder.gep(array.data, [first]), Register.vector.as_pointer())


@intrinsic
def _taken(context: Any, rows: Any, row: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.load(_place(context, builder, signature, given), align=8)

    return EIGHT(rows, row), code


@intrinsic
def _put(context: Any, rows: Any, row: Any, register: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        builder.store(given[2], _place(context, builder, signature, given), align=8)
        return context.get_dummy_value()

    return types.void(rows, row, register), code


@intrinsic
def _spread(context: Any, value: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        number, made = ir.IntType(32), ir.Constant(Register.vector, ir.Undefined)
        made = builder.insert_element(made, given[0], ir.Constant(number, 0))
        same = ir.Constant(ir.VectorType(number, LANES), None)
        return builder.shuffle_vector(made, made, same)

    return EIGHT(types.float64), code


def _chosen(compare: str, *, zero: bool = False) -> Any:
    """Return the compiled choice of the first of two where it compares so, with 0 or the second."""

    @intrinsic
    def built(context: Any, a: Any, b: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            other = ir.Constant(Register.vector, None) if zero else given[1]
            return builder.select(builder.fcmp_ordered(compare, given[0], other), *given)

        return EIGHT(EIGHT, EIGHT), code

    return built


def _calculated(name: str) -> Any:
    """Return the compiled sum, difference, product or ratio of two registers."""

    @intrinsic
    def built(context: Any, a: Any, b: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            return getattr(builder, name)(*given, flags=_FLAGS)

        return EIGHT(EIGHT, EIGHT), code

    return built


_lesser, _greater, _positive_or = _chosen("<"), _chosen(">"), _chosen(">", zero=True)
_sum, _difference, _product, _ratio = (_calculated(n) for n in ("fadd", "fsub", "fmul", "fdiv"))


def _compiles_to(function: Any, built: Any) -> None:
    """Let compiled code call `built` where it says `function`."""
    choices = (
        lambda a: lambda a: built(a),  # noqa: ARG005, PLW0108 - numba looks at their names
        lambda a, b: lambda a, b: built(a, b),  # noqa: ARG005, PLW0108
        lambda a, b, c: lambda a, b, c: built(a, b, c),  # noqa: ARG005, PLW0108
    )
    overload(function, strict=False)(choices[function.__code__.co_argcount - 1])


def _calculates(function: Any, built: Any) -> None:
    """Let compiled code call `built` where it does `function` with two registers."""

    @overload(function, strict=False)
    def _pair(a: Any, b: Any) -> Any:
        both = isinstance(a, Register) and isinstance(b, Register)
        return (lambda a, b: built(a, b)) if both else None  # noqa: PLW0108


for _function, _built in (
    (taken, _taken), (put, _put), (spread, _spread), (lesser, _lesser), (greater, _greater),
    (positive_or, _positive_or),
):  # fmt: skip
    _compiles_to(_function, _built)
for _operation, _built in (
    (operator.add, _sum), (operator.sub, _difference), (operator.mul, _product),
    (operator.truediv, _ratio), (operator.iadd, _sum), (operator.isub, _difference),
):  # fmt: skip
    _calculates(_operation, _built)
