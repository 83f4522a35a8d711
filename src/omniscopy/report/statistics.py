"""Extremes, mean and spread of data of any size, one chunk at a time."""

import math
from dataclasses import dataclass

import dask
import numpy as np
import xarray as xr
from dask.base import compute

from omniscopy.report.moment_kernel import measure_integers, measure_moments

# Values that are summed at once: as many as stay in the processor's cache.
_PIECE = 2**16


@dataclass(frozen=True)
class Statistics:
    """What the values of data are like; NaN where there is no value at all.

    Of complex data these are the statistics of the magnitude.
    """

    size: int
    count: int
    minimum: float
    maximum: float
    mean: float
    std: float

    @property
    def missing(self) -> int:
        """Return how many values are NaN."""
        return self.size - self.count


@dataclass(frozen=True)
class Part:
    """The sums of some values: squares are of the deviations from their own mean."""

    size: int = 0
    count: int = 0
    minimum: float = math.inf
    maximum: float = -math.inf
    mean: float = 0.0
    squares: float = 0.0


def measure_statistics(data: xr.DataArray) -> Statistics | None:
    """Return the statistics of `data`, `None` where its values are not numbers.

    The whole of the data is read once, chunk by chunk.
    """
    if data.dtype.kind not in "biufc":
        return None
    lazy = data if data.chunks is not None else data.chunk("auto")
    blocks = lazy.data.to_delayed().ravel()
    parts = compute(*(dask.delayed(measure_block)(block) for block in blocks))  # type: ignore[attr-defined, no-untyped-call]
    whole = Part()
    for part in parts:
        whole = together(whole, part)
    return summarise(whole)


def summarise(whole: Part) -> Statistics:
    """Return the statistics of values from their sums."""
    if not whole.count:
        return Statistics(whole.size, 0, math.nan, math.nan, math.nan, math.nan)
    std = math.sqrt(whole.squares / whole.count)
    return Statistics(whole.size, whole.count, whole.minimum, whole.maximum, whole.mean, std)


def measure_block(block: np.ndarray) -> Part:
    """Return the sums of the values of an array in memory."""
    whole = Part()
    flat = np.asarray(block).reshape(-1)
    for start in range(0, flat.size, _PIECE):
        whole = together(whole, _measure_piece(flat[start : start + _PIECE]))
    return whole


def _measure_piece(values: np.ndarray) -> Part:
    if values.dtype.kind in "iu" and values.dtype.itemsize <= 2:
        return _measure_small(np.ascontiguousarray(values, values.dtype.newbyteorder("=")))
    real = np.abs(values) if values.dtype.kind == "c" else values
    if (
        real.dtype.kind not in "iuf"
        or real.dtype.itemsize not in (1, 2, 4, 8)
        or real.dtype == "f2"
    ):
        real = real.astype(np.float64)
    real = np.ascontiguousarray(real, real.dtype.newbyteorder("="))
    count, mean, squares = measure_moments(real)
    if not count:
        return Part(values.size, 0, math.inf, -math.inf, 0.0, 0.0)
    low, high = float(np.fmin.reduce(real)), float(np.fmax.reduce(real))
    return Part(values.size, count, low, high, mean, squares)


def _measure_small(values: np.ndarray) -> Part:
    """Return the sums of integers of which those of a piece fit 64 bits, in one pass."""
    low, high, total, squares = measure_integers(values)
    size = values.size
    # The numerator is exact: both are Python's integers.
    off = (int(size) * int(squares) - int(total) ** 2) / size
    return Part(size, size, float(low), float(high), total / size, off)


def together(one: Part, other: Part) -> Part:
    """Return the sums of both (Chan, Golub and LeVeque 1983, eq. 2.1)."""
    count = one.count + other.count
    if not count:
        return Part(one.size + other.size, 0, math.inf, -math.inf, 0.0, 0.0)
    apart = other.mean - one.mean
    weight = other.count / count
    return Part(
        one.size + other.size,
        count,
        min(one.minimum, other.minimum),
        max(one.maximum, other.maximum),
        one.mean + apart * weight,
        one.squares + other.squares + apart**2 * one.count * weight,
    )
