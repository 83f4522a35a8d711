# ruff: noqa: ARG001 - numba tells intrinsics by the names of their arguments
r"""Fourier transforms of many columns side by side, in registers.

A processor adds and multiplies several numbers at once. Here these are neighbours in different
columns, so that a transform along the columns needs no exchange between them. A transform apart
leaves its frequencies in the order of reversed digits, and one together takes them so, which saves
the sorting [1]_.

References
----------
.. [1] C. Van Loan, *Computational Frameworks for the Fast Fourier Transform*, SIAM (1992),
   sections 1.9 and 2.2.
"""

import functools
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types
from numba.extending import intrinsic

from omniscopy.model.compiling import keep_compiled

LANES = {4: 16, 8: 8}
"""How many numbers of so many bytes are worked on at once: a line of the cache."""

_EIGHTH = float(np.sqrt(0.5))
# A product and a sum may be rounded once.
_FLAGS = ("contract", "nsz")

Pair = tuple[Any, Any]


def dft(x: list[Pair]) -> list[Pair]:
    r"""Return :math:`\sum_j x_j e^{-2\pi i jk/n}` of a few numbers, given as real, imaginary.

    So many as are odd, or 2, 4 or 8. They may be arrays, or registers of code that is being
    compiled.
    """
    n = len(x)
    if n == 1:
        return x
    if n % 2 == 0:
        even, odd = dft(x[::2]), dft(x[1::2])
        odd = [_turned(*pair, 8 * k // n) for k, pair in enumerate(odd)]
        sums = [(a[0] + b[0], a[1] + b[1]) for a, b in zip(even, odd, strict=True)]
        return sums + [(a[0] - b[0], a[1] - b[1]) for a, b in zip(even, odd, strict=True)]
    half = range(1, (n + 1) // 2)
    sums = [(x[j][0] + x[n - j][0], x[j][1] + x[n - j][1]) for j in half]
    apart = [(x[j][0] - x[n - j][0], x[j][1] - x[n - j][1]) for j in half]
    made: list[Any] = [None] * n
    made[0] = x[0]
    for each in sums:
        made[0] = (made[0][0] + each[0], made[0][1] + each[1])
    for k in half:
        cos, sin = (
            [float(f(2.0 * np.pi * (j * k % n) / n)) for j in half] for f in (np.cos, np.sin)
        )
        a = [x[0][part] for part in (0, 1)]
        b: list[Any] = [apart[0][part] * sin[0] for part in (0, 1)]
        for part in (0, 1):
            for place, each in enumerate(sums):
                a[part] = a[part] + each[part] * cos[place]
            for place, each in enumerate(apart[1:], 1):
                b[part] = b[part] + each[part] * sin[place]
        made[k], made[n - k] = (a[0] + b[1], a[1] - b[0]), (a[0] - b[1], a[1] + b[0])
    return made


def _turned(re: Any, im: Any, eighths: int) -> Pair:
    """Return a number times so many eighths of a turn, up to three, backwards."""
    if eighths == 0:
        return re, im
    if eighths == 1:
        return (re + im) * _EIGHTH, (im - re) * _EIGHTH
    if eighths == 2:
        return im, re * -1.0
    return (im - re) * _EIGHTH, (re + im) * -_EIGHTH


class Plan(NamedTuple):
    """How a transform of a length is done: its stages, what they turn by, and the order."""

    length: int
    radices: npt.NDArray[np.int64]
    turns: npt.NDArray[Any]
    """Cosines and sines of all stages, one after the other."""
    starts: npt.NDArray[np.int64]
    order: npt.NDArray[np.int64]
    """The frequency (0 and on) at each place behind a transform apart."""


@functools.lru_cache(maxsize=32)
def plan_of(length: int, dtype: Any) -> Plan | None:
    """Return the plan for a length; none where it has a large prime factor."""
    radices, left = [], length
    for radix in (11, 7, 5, 3):
        while left % radix == 0:
            radices.append(radix)
            left //= radix
    twos = left.bit_length() - 1
    if left != 2**twos or length < 2:
        return None
    eights = twos // 3 if twos % 3 != 1 or twos == 1 else twos // 3 - 1
    rest = twos - 3 * eights
    radices += [8] * eights + {0: [], 1: [2], 2: [4], 4: [4, 4]}[rest]
    turns, starts, block = [], [0], length
    order = np.zeros(1, np.int64)
    for radix in radices:
        step = block // radix
        phase = 2.0 * np.pi * np.arange(step)[:, None] * np.arange(1, radix) / block
        turns.append(np.stack([np.cos(phase), np.sin(phase)], axis=-1).astype(dtype).ravel())
        starts.append(starts[-1] + turns[-1].size)
        order = (order[:, None] + length // block * np.arange(radix)).ravel()
        block = step
    return Plan(
        length, np.array(radices, np.int64), np.concatenate(turns), np.array(starts, np.int64),
        order,
    )  # fmt: skip


class _Lanes:
    """A register of code that is being compiled, which adds and multiplies as numbers do."""

    def __init__(self, builder: Any, value: Any) -> None:
        self.builder, self.value = builder, value

    def _with(self, name: str, other: Any) -> Any:
        if not isinstance(other, _Lanes):
            kind = self.value.type
            constant = ir.Constant(kind, [kind.element(float(other))] * kind.count)
            other = _Lanes(self.builder, constant)
        made = getattr(self.builder, name)(self.value, other.value, flags=_FLAGS)
        return _Lanes(self.builder, made)

    def __add__(self, other: Any) -> Any:
        return self._with("fadd", other)

    def __sub__(self, other: Any) -> Any:
        return self._with("fsub", other)

    def __mul__(self, other: Any) -> Any:
        return self._with("fmul", other)


class _Array:
    """An array of code that is being compiled, from which registers are taken."""

    def __init__(self, context: Any, builder: Any, kind: Any, value: Any) -> None:
        self.builder, self.kind = builder, kind
        self.data = context.make_array(kind)(context, builder, value).data
        self.bytes = kind.dtype.bitwidth // 8
        element = ir.FloatType() if self.bytes == 4 else ir.DoubleType()
        self.vector = ir.VectorType(element, LANES[self.bytes])

    def _place(self, index: Any) -> Any:
        place = self.builder.gep(self.data, [index])
        return self.builder.bitcast(place, self.vector.as_pointer())

    def take(self, index: Any) -> _Lanes:
        return _Lanes(self.builder, self.builder.load(self._place(index), align=self.bytes))

    def put(self, index: Any, lanes: _Lanes) -> None:
        self.builder.store(lanes.value, self._place(index), align=self.bytes)

    def spread(self, index: Any) -> _Lanes:
        """Return a register that is one number everywhere."""
        one = self.builder.load(self.builder.gep(self.data, [index]))
        word = ir.IntType(32)
        nothing = ir.Constant(self.vector, ir.Undefined)
        first = self.builder.insert_element(nothing, one, ir.Constant(word, 0))
        zeros = ir.Constant(ir.VectorType(word, self.vector.count), [0] * self.vector.count)
        return _Lanes(self.builder, self.builder.shuffle_vector(first, nothing, zeros))

    def number(self, index: Any) -> Any:
        return self.builder.load(self.builder.gep(self.data, [index]))


def _on(index: Any, builder: Any, step: Any, count: int) -> Any:
    """Return an index further on by a number of steps."""
    return builder.add(index, builder.mul(step, ir.Constant(index.type, count)))


def _times(pair: Pair, turn: Pair) -> Pair:
    """Return the product with cos - i sin."""
    (re, im), (cos, sin) = pair, turn
    return re * cos + im * sin, im * cos - re * sin


def _butterfly(*, apart: bool) -> Any:
    """Return compiled code for a stage at one place of an array (..., 2, lanes)."""

    def code(  # noqa: PLR0917 - numba passes them by place
        context: Any, values: Any, first: Any, step: Any, turns: Any, start: Any, radix: Any
    ) -> Any:  # fmt: skip
        def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            array, table = (_Array(context, builder, signature.args[n], given[n]) for n in (0, 3))
            lanes = ir.Constant(given[1].type, array.vector.count)
            places = [_on(given[1], builder, given[2], n) for n in range(count)]
            found = [(array.take(at), array.take(builder.add(at, lanes))) for at in places]
            one = ir.Constant(given[4].type, 1)
            parts = [table.spread(_on(given[4], builder, one, n)) for n in range(2 * count - 2)]
            turned = list(zip(parts[::2], parts[1::2], strict=True))
            if apart:
                made = dft(found)
                made[1:] = [_times(each, turn) for each, turn in zip(made[1:], turned, strict=True)]
            else:
                # The other direction is this one with real and imaginary parts exchanged.
                swapped = [(im, re) for re, im in found]
                swapped[1:] = [
                    _times(each, turn) for each, turn in zip(swapped[1:], turned, strict=True)
                ]
                made = [(re, im) for im, re in dft(swapped)]
            for at, (re, im) in zip(places, made, strict=True):
                array.put(at, re)
                array.put(builder.add(at, lanes), im)
            return context.get_dummy_value()

        count = radix.literal_value
        word = types.intp
        return types.void(values, word, word, turns, word, radix), generate

    return intrinsic(prefer_literal=True)(code)


_apart, _together = _butterfly(apart=True), _butterfly(apart=False)


def _crossing(*, there: bool) -> Any:
    """Return compiled code that exchanges rows and columns of a square of registers.

    One array has its registers at equal steps, the other one at the places of a list.
    """

    def code(  # noqa: PLR0917 - numba passes them by place
        context: Any, even: Any, first: Any, step: Any, other: Any, places: Any, begin: Any,
        further: Any,
    ) -> Any:  # fmt: skip
        def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            rows, columns, listed = (
                _Array(context, builder, signature.args[n], given[n]) for n in (0, 3, 4)
            )
            count = rows.vector.count
            one = ir.Constant(given[5].type, 1)
            equal = [_on(given[1], builder, given[2], n) for n in range(count)]
            given_places = [
                builder.add(listed.number(_on(given[5], builder, one, n)), given[6])
                for n in range(count)
            ]
            source, target = (rows, columns) if there else (columns, rows)
            begin_at, end_at = (equal, given_places) if there else (given_places, equal)
            found = [source.take(at).value for at in begin_at]
            for at, each in zip(end_at, _crossed(builder, found), strict=True):
                target.put(at, _Lanes(builder, each))
            return context.get_dummy_value()

        word = types.intp
        return types.void(even, word, word, other, places, word, word), generate

    return intrinsic(code)


def _crossed(builder: Any, rows: list[Any]) -> list[Any]:
    """Return the columns of a square, by perfect shuffles of its halves."""
    count = len(rows)
    half, kind = count // 2, ir.VectorType(ir.IntType(32), count)
    masks = [
        ir.Constant(kind, [n for k in range(half) for n in (first + k, count + first + k)])
        for first in (0, half)
    ]
    for _ in range(count.bit_length() - 1):
        rows = [
            builder.shuffle_vector(rows[n], rows[n + half], mask)
            for n in range(half) for mask in masks
        ]  # fmt: skip
    return rows


scatter, gather = _crossing(there=True), _crossing(there=False)


def _product(context: Any, values: Any, first: Any, other: Any, second: Any) -> Any:
    """Multiply complex registers of one array by those of another one."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        array, factor = (_Array(context, builder, signature.args[n], given[n]) for n in (0, 2))
        pairs = []
        for each, place in ((array, given[1]), (factor, given[3])):
            lanes = ir.Constant(place.type, each.vector.count)
            pairs.append((each.take(place), each.take(builder.add(place, lanes))))
        (a, b), (c, d) = pairs
        array.put(given[1], a * c - b * d)
        array.put(
            builder.add(given[1], ir.Constant(given[1].type, array.vector.count)), a * d + b * c
        )
        return context.get_dummy_value()

    return types.void(values, types.intp, other, types.intp), generate


multiply: Any = intrinsic(_product)


def kept(function: Any) -> Any:
    """Return a kernel compiled, or read from where compiled code is kept."""
    return keep_compiled(njit, function, nogil=True, error_model="numpy")


@kept
def transform_apart(values, length, radices, turns, starts):  # type: ignore[no-untyped-def]
    """Transform columns (length, 2, lanes) in place; frequencies come out in reversed order."""
    wide, block = 2 * values.shape[-1], length
    for stage in range(len(radices)):
        radix = radices[stage]
        step = block // radix
        for j in range(step):
            turn = starts[stage] + 2 * j * (radix - 1)
            for base in range(j, length, block):
                at, on = base * wide, step * wide
                if radix == 8:
                    _apart(values, at, on, turns, turn, 8)
                elif radix == 4:
                    _apart(values, at, on, turns, turn, 4)
                elif radix == 2:
                    _apart(values, at, on, turns, turn, 2)
                elif radix == 3:
                    _apart(values, at, on, turns, turn, 3)
                elif radix == 5:
                    _apart(values, at, on, turns, turn, 5)
                elif radix == 7:
                    _apart(values, at, on, turns, turn, 7)
                else:
                    _apart(values, at, on, turns, turn, 11)
        block = step


@kept
def transform_together(values, length, radices, turns, starts):  # type: ignore[no-untyped-def]
    """Undo `transform_apart`, but for a factor of the length."""
    wide, step = 2 * values.shape[-1], 1
    for stage in range(len(radices) - 1, -1, -1):
        radix = radices[stage]
        block = step * radix
        for j in range(step):
            turn = starts[stage] + 2 * j * (radix - 1)
            for base in range(j, length, block):
                at, on = base * wide, step * wide
                if radix == 8:
                    _together(values, at, on, turns, turn, 8)
                elif radix == 4:
                    _together(values, at, on, turns, turn, 4)
                elif radix == 2:
                    _together(values, at, on, turns, turn, 2)
                elif radix == 3:
                    _together(values, at, on, turns, turn, 3)
                elif radix == 5:
                    _together(values, at, on, turns, turn, 5)
                elif radix == 7:
                    _together(values, at, on, turns, turn, 7)
                else:
                    _together(values, at, on, turns, turn, 11)
        step = block
