# ruff: noqa: FBT001, PLR0913, PLR0917 - kernels take their arrays one by one
"""A spectrum and a model of it, compiled: cost and normal equations at some parameters."""

from typing import Any, NamedTuple

import numba
import numpy as np
from numba.extending import intrinsic

from omniscopy.compute.fitting.inner import inner, inner_fast, inner_once
from omniscopy.compute.fitting.losses import tally_loss, weigh_counts, weigh_loss, weigh_squares
from omniscopy.compute.fitting.problem import Settings
from omniscopy.compute.fitting.rules import FAINT

# Columns of the table of terms.
ADDRESS, FIRST_COLUMN, SECOND_COLUMN, PARAMETERS, CONSTANTS = range(5)


class Model(NamedTuple):
    """The terms of a sum by their addresses, and the parameters by number."""

    terms: np.ndarray
    constants: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    source: np.ndarray
    factor: np.ndarray
    offset: np.ndarray
    free: np.ndarray
    free_linear: np.ndarray
    carried: np.ndarray  # by their numbers among the free ones


class Spectrum(NamedTuple):
    """One spectrum with its weights, and some of its points, which are worked on at a time.

    Real parts of complex numbers are followed by imaginary parts, in the spectrum as a whole and
    in its part.
    """

    data: np.ndarray
    weight: np.ndarray
    model: np.ndarray
    jacobian: np.ndarray
    pull: np.ndarray
    hold: np.ndarray
    rows: np.ndarray
    scratch: np.ndarray
    tally: np.ndarray


class Summary(NamedTuple):
    """What a spectrum says before any model.

    Values, their weighted sum of squares and that of their differences from the mean, and what
    counts are at least expected.
    """

    points: int
    squares: float
    total: float
    faint: float


@inner_fast
def prepare(spectrum: Spectrum, data: np.ndarray, weights: np.ndarray) -> Summary:
    """Copy what is finite, with its weights; return what is to be known of it."""
    points, squares, total, mass, away = 0.0, 0.0, 0.0, 0.0, 0.0
    values, given = spectrum.data, spectrum.weight
    for i in range(data.size):
        given[i] = weights[i] if weights.size > 0 else 1.0
    for i in range(data.size):
        usable = (abs(data[i]) < np.inf) & (given[i] > 0.0) & (given[i] < np.inf)
        value, weight = data[i] if usable else 0.0, given[i] if usable else 0.0
        values[i], given[i] = value, weight
        points += 1.0 if usable else 0.0
        squares += weight * value * value
        total += weight * value
        mass += weight
    mean = total / mass if mass > 0.0 else 0.0
    for i in range(data.size):
        away += given[i] * (values[i] - mean) ** 2
    return Summary(int(points), squares, away, FAINT * abs(mean) + 1e-300)


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


@inner_once
def evaluate(
    model: Model, columns: np.ndarray, values: np.ndarray, spectrum: Spectrum, begin: int, n: int
) -> None:
    """Fill in model and Jacobian of `n` points; rows of tied parameters join those they follow."""
    row = spectrum.jacobian.shape[1]
    spectrum.model[:] = 0.0
    first = 0
    for t in range(model.terms.shape[0]):
        term = model.terms[t]
        given = (
            columns.ctypes.data + 8 * (columns.shape[1] * term[FIRST_COLUMN] + begin),
            columns.ctypes.data + 8 * (columns.shape[1] * term[SECOND_COLUMN] + begin),
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


@inner_once
def weigh(
    spectrum: Spectrum, begin: int, there: int, n: int, faint: float, settings: Settings,
    squares: bool,
) -> float:  # fmt: skip
    """Return the cost, and fill in what pulls on and what holds the model, from point `there` on.

    They are of the data from point `begin` on; only squares count if that is asked for.
    """
    s = spectrum
    data, weight = s.data[begin : begin + n], s.weight[begin : begin + n]
    model, pull, hold = s.model[there : there + n], s.pull[there:], s.hold[there:]
    if squares or not (settings.poisson or settings.loss > 0):
        if settings.loss > 0:
            tally_loss(data, model, weight, settings.loss, settings.loss_scale, s.tally)
        return weigh_squares(data, model, weight, pull, hold)
    if settings.poisson:
        return weigh_counts(data, model, weight, faint, pull, hold)
    return weigh_loss(data, model, weight, settings.loss, settings.loss_scale, pull, hold)


@inner_once
def add(matrix: np.ndarray, a: int, b: int, value: float, first: bool) -> None:
    """Add to a number, or set it where it is the first that is added."""
    matrix[a, b] = value if first else matrix[a, b] + value


@inner_fast
def add_first_rows(
    spectrum: Spectrum, n: int, which: np.ndarray, matrix: np.ndarray, direction: np.ndarray,
    first: bool,
) -> None:  # fmt: skip
    """Add what the first three or four rows contribute, reading each but once."""
    pull, hold, jacobian, last = spectrum.pull, spectrum.hold, spectrum.jacobian, which.size - 1
    row_1, row_2, row_3 = jacobian[which[0]], jacobian[which[1]], jacobian[which[2]]
    row_4 = jacobian[which[min(3, last)]]
    along_1, along_2, along_3, along_4 = 0.0, 0.0, 0.0, 0.0
    s11, s21, s22, s31, s32, s33 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    s41, s42, s43, s44 = 0.0, 0.0, 0.0, 0.0
    for i in range(n):
        one, two, three, four = row_1[i], row_2[i], row_3[i], row_4[i]
        along_1 += pull[i] * one
        along_2 += pull[i] * two
        along_3 += pull[i] * three
        along_4 += pull[i] * four
        s11 += hold[i] * one * one
        s21 += hold[i] * two * one
        s22 += hold[i] * two * two
        s31 += hold[i] * three * one
        s32 += hold[i] * three * two
        s33 += hold[i] * three * three
        s41 += hold[i] * four * one
        s42 += hold[i] * four * two
        s43 += hold[i] * four * three
        s44 += hold[i] * four * four
    direction[0] = along_1 if first else direction[0] + along_1
    direction[1] = along_2 if first else direction[1] + along_2
    direction[2] = along_3 if first else direction[2] + along_3
    add(matrix, 0, 0, s11, first)
    add(matrix, 1, 0, s21, first)
    add(matrix, 1, 1, s22, first)
    add(matrix, 2, 0, s31, first)
    add(matrix, 2, 1, s32, first)
    add(matrix, 2, 2, s33, first)
    if last > 2:
        direction[3] = along_4 if first else direction[3] + along_4
        add(matrix, 3, 0, s41, first)
        add(matrix, 3, 1, s42, first)
        add(matrix, 3, 2, s43, first)
        add(matrix, 3, 3, s44, first)


@inner_fast
def add_two_rows(
    spectrum: Spectrum, n: int, which: np.ndarray, a: int, matrix: np.ndarray,
    direction: np.ndarray, first: bool,
) -> None:  # fmt: skip
    """Add what row `a` and the next one contribute with each other and with the first four."""
    pull, hold, jacobian = spectrum.pull, spectrum.hold, spectrum.jacobian
    one, other, b = spectrum.rows[0], spectrum.rows[1], min(a + 1, which.size - 1)
    row_1, row_2, row_3 = jacobian[which[0]], jacobian[which[1]], jacobian[which[2]]
    row_4, here, next_one = jacobian[which[3]], jacobian[which[a]], jacobian[which[b]]
    along, across, aa, ab, bb = 0.0, 0.0, 0.0, 0.0, 0.0
    a1, a2, a3, a4, b1, b2, b3, b4 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(n):
        along += pull[i] * here[i]
        across += pull[i] * next_one[i]
        held, held_next = hold[i] * here[i], hold[i] * next_one[i]
        one[i], other[i] = held, held_next
        aa += held * here[i]
        ab += held * next_one[i]
        bb += held_next * next_one[i]
        a1 += held * row_1[i]
        a2 += held * row_2[i]
        a3 += held * row_3[i]
        a4 += held * row_4[i]
        b1 += held_next * row_1[i]
        b2 += held_next * row_2[i]
        b3 += held_next * row_3[i]
        b4 += held_next * row_4[i]
    direction[a] = along if first else direction[a] + along
    add(matrix, a, 0, a1, first)
    add(matrix, a, 1, a2, first)
    add(matrix, a, 2, a3, first)
    add(matrix, a, 3, a4, first)
    add(matrix, a, a, aa, first)
    if b > a:
        direction[b] = across if first else direction[b] + across
        add(matrix, b, 0, b1, first)
        add(matrix, b, 1, b2, first)
        add(matrix, b, 2, b3, first)
        add(matrix, b, 3, b4, first)
        add(matrix, b, a, ab, first)
        add(matrix, b, b, bb, first)


@inner_fast
def add_equations(
    spectrum: Spectrum, n: int, which: np.ndarray, matrix: np.ndarray, direction: np.ndarray,
    first: bool,
) -> None:  # fmt: skip
    """Add the lower half of what some points contribute to the equations.

    The time of a fit is spent here. So as many sums are made at once as there are registers: four
    rows by four, then two rows by those four, then two by two.
    """
    last = which.size - 1
    if last < 0:
        return
    if last < 2:
        add_few_rows(spectrum, n, which, matrix, direction, first)
        return
    add_first_rows(spectrum, n, which, matrix, direction, first)
    one, other = spectrum.rows[0], spectrum.rows[1]
    for a in range(4, last + 1, 2):
        add_two_rows(spectrum, n, which, a, matrix, direction, first)
        b = min(a + 1, last)
        for c in range(4, a, 2):
            third, fourth = spectrum.jacobian[which[c]], spectrum.jacobian[which[c + 1]]
            ac, ad, bc, bd = 0.0, 0.0, 0.0, 0.0
            for i in range(n):
                ac += one[i] * third[i]
                ad += one[i] * fourth[i]
                bc += other[i] * third[i]
                bd += other[i] * fourth[i]
            add(matrix, a, c, ac, first)
            add(matrix, a, c + 1, ad, first)
            if b > a:
                add(matrix, b, c, bc, first)
                add(matrix, b, c + 1, bd, first)


@inner_fast
def add_few_rows(
    spectrum: Spectrum, n: int, which: np.ndarray, matrix: np.ndarray, direction: np.ndarray,
    first: bool,
) -> None:  # fmt: skip
    """Add what one or two rows contribute."""
    pull, hold, last = spectrum.pull, spectrum.hold, which.size - 1
    row_1, row_2 = spectrum.jacobian[which[0]], spectrum.jacobian[which[last]]
    along, across, s11, s21, s22 = 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(n):
        along += pull[i] * row_1[i]
        across += pull[i] * row_2[i]
        s11 += hold[i] * row_1[i] * row_1[i]
        s21 += hold[i] * row_2[i] * row_1[i]
        s22 += hold[i] * row_2[i] * row_2[i]
    direction[0] = along if first else direction[0] + along
    add(matrix, 0, 0, s11, first)
    if last > 0:
        direction[1] = across if first else direction[1] + across
        add(matrix, 1, 0, s21, first)
        add(matrix, 1, 1, s22, first)


def look(
    model: Model, columns: np.ndarray, values: np.ndarray, spectrum: Spectrum, which: np.ndarray,
    faint: float, settings: Settings, squares: bool, matrix: np.ndarray, direction: np.ndarray,
) -> float:  # fmt: skip
    """Return the cost at `values`, and fill in the normal equations of the parameters `which`.

    Some points at a time, so that what is made of them stays near the processor.
    """
    points, size = columns.shape[1], spectrum.pull.size
    parts = 1 if spectrum.data.size == points else 2
    most = size if parts == 1 else size // 2
    cost, begin = 0.0, 0
    while begin < points:  # a range would divide
        n = min(most, points - begin)
        evaluate(model, columns, values, spectrum, begin, n)
        for part in range(parts):
            cost += weigh(spectrum, part * points + begin, part * n, n, faint, settings, squares)
        add_equations(spectrum, parts * n, which, matrix, direction, begin == 0)
        begin += most
    for a in range(which.size):
        for b in range(a):
            matrix[b, a] = matrix[a, b]
    return cost


# The hot place, where a call would take a good part of the time, and the others.
look_here, look = inner_once(look), inner(look)


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
