"""Extremes, mean and spread of data of any size, one chunk at a time."""

import math
from dataclasses import dataclass

import dask
import numpy as np
import xarray as xr
from dask.base import compute

from omniscopy.report.moment_kernel import measure_moments

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
class _Part:
    """The sums of some values: squares are of the deviations from their own mean."""

    size: int
    count: int
    minimum: float
    maximum: float
    mean: float
    squares: float


_NOTHING = _Part(0, 0, math.inf, -math.inf, 0.0, 0.0)


def measure_statistics(data: xr.DataArray) -> Statistics | None:
    """Return the statistics of `data`, `None` where its values are not numbers.

    The whole of the data is read once, chunk by chunk.
    """
    if data.dtype.kind not in "biufc":
        return None
    lazy = data if data.chunks is not None else data.chunk("auto")
    blocks = lazy.data.to_delayed().ravel()
    parts = compute(*(dask.delayed(_measure_block)(block) for block in blocks))  # type: ignore[attr-defined, no-untyped-call]
    whole = _NOTHING
    for part in parts:
        whole = _together(whole, part)
    if not whole.count:
        return Statistics(whole.size, 0, math.nan, math.nan, math.nan, math.nan)
    std = math.sqrt(whole.squares / whole.count)
    return Statistics(whole.size, whole.count, whole.minimum, whole.maximum, whole.mean, std)


def _measure_block(block: np.ndarray) -> _Part:
    whole = _NOTHING
    flat = np.asarray(block).reshape(-1)
    for start in range(0, flat.size, _PIECE):
        whole = _together(whole, _measure_piece(flat[start : start + _PIECE]))
    return whole


def _measure_piece(values: np.ndarray) -> _Part:
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
        return _Part(values.size, 0, math.inf, -math.inf, 0.0, 0.0)
    low, high = float(np.fmin.reduce(real)), float(np.fmax.reduce(real))
    return _Part(values.size, count, low, high, mean, squares)


def _together(one: _Part, other: _Part) -> _Part:
    """Return the sums of both (Chan, Golub and LeVeque 1983, eq. 2.1)."""
    count = one.count + other.count
    if not count:
        return _Part(one.size + other.size, 0, math.inf, -math.inf, 0.0, 0.0)
    apart = other.mean - one.mean
    weight = other.count / count
    return _Part(
        one.size + other.size,
        count,
        min(one.minimum, other.minimum),
        max(one.maximum, other.maximum),
        one.mean + apart * weight,
        one.squares + other.squares + apart**2 * one.count * weight,
    )
