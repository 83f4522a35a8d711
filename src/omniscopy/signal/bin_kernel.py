"""Compiled sums over bins."""

from typing import Any

import numba
import numpy as np

from omniscopy.model.compiling import keep_compiled


def sum_bins(values: np.ndarray, axis: tuple[int]) -> np.ndarray:
    """Return the sums along one axis, of what is no NaN; NaN where there is nothing else.

    Sums are made in double precision, and of integers in 64 bits; they come with the precision of
    floating-point values, and with 64 bits of integers.
    """
    (along,) = axis
    kind = values.dtype.kind
    sums_type = np.dtype({"b": "i8", "i": "i8", "u": "u8", "c": "c16"}.get(kind, "f8"))
    if values.dtype.itemsize > sums_type.itemsize:
        return _sum_extended(values, along)
    taken = np.dtype("f4") if values.dtype == np.float16 else values.dtype.newbyteorder("=")
    outer, inner = values.shape[:along], values.shape[along + 1 :]
    bins = np.ascontiguousarray(values, taken).reshape(
        int(np.prod(outer)), values.shape[along], int(np.prod(inner))
    )
    made = values.dtype.newbyteorder("=") if kind in "fc" else sums_type
    sums = np.empty((len(bins), bins.shape[2]), np.float32 if made == np.float16 else made)
    if not sums.size:  # a line has no first value then
        return sums.reshape(outer + inner).astype(made, copy=False)
    add = _add_known if kind in "fc" else _add
    add(bins, sums, np.empty(bins.shape[2], sums_type))
    return sums.reshape(outer + inner).astype(made, copy=False)


def _sum_extended(values: np.ndarray, axis: int) -> np.ndarray:
    """Return the same of numbers that are wider than those that are compiled for."""
    known = ~np.isnan(values)
    sums = np.sum(values, axis, where=known)
    return np.where(known.any(axis), sums, np.nan).astype(values.dtype.newbyteorder("="))


def _sum(bins: np.ndarray, sums: np.ndarray, line: np.ndarray) -> None:
    """Add up bins of shape (outer, size, inner), in the precision of a line."""
    outer, size, inner = bins.shape
    line[:] = 0
    nothing = line[0]
    for row in range(outer):
        if inner == 1:
            total = nothing
            for at in range(size):
                total += bins[row, at, 0]
            sums[row, 0] = total
            continue
        line[:] = 0
        for at in range(size):
            for column in range(inner):
                line[column] += bins[row, at, column]
        for column in range(inner):
            sums[row, column] = line[column]


def _sum_known(bins: np.ndarray, sums: np.ndarray, line: np.ndarray) -> None:
    """Add up what is no NaN of bins of shape (outer, size, inner)."""
    outer, size, inner = bins.shape
    known = np.zeros(inner, np.bool_)
    line[:] = 0
    nothing = line[0]
    for row in range(outer):
        if inner == 1:
            total, count = nothing, 0
            for at in range(size):
                value = bins[row, at, 0]
                there = value == value  # noqa: PLR0124 - NaN is not equal to itself
                total += value if there else 0.0
                count += there
            sums[row, 0] = total if count else np.nan
            continue
        line[:] = 0
        known[:] = False
        for at in range(size):
            for column in range(inner):
                value = bins[row, at, column]
                there = value == value  # noqa: PLR0124
                line[column] += value if there else 0.0
                known[column] |= there
        for column in range(inner):
            sums[row, column] = line[column] if known[column] else np.nan


_add: Any = keep_compiled(numba.njit, _sum, nogil=True, error_model="numpy")
_add_known: Any = keep_compiled(numba.njit, _sum_known, nogil=True, error_model="numpy")
