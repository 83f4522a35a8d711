"""Spectrum images too large to analyse at once: binned, and measured, while they are read once."""

import math
import threading
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import dask
import numpy as np
import xarray as xr
from dask.array import from_array
from dask.base import compute

from omniscopy.model.dimensions import dims_of_kind, dims_of_role
from omniscopy.model.fingerprints import FILE_ARRAY
from omniscopy.report.moment_kernel import add_rows
from omniscopy.report.statistics import Part, Statistics, measure_block, summarise, together
from omniscopy.signal import rebin, sum_over
from omniscopy.signal.resampling import is_counted

# What is larger is binned; to so many bytes of sums, with how many values are in each.
LARGE = 2**30
SUMS = 2**28


@dataclass(frozen=True)
class Binned:
    """Spectra in memory that stand for larger ones, what was joined, and statistics of all."""

    data: xr.DataArray
    words: str
    statistics: Statistics


@dataclass(frozen=True)
class _Plan:
    """Dimensions that are summed away, and points that are joined along the others."""

    frames: tuple[str, ...]
    factors: dict[str, int]

    @property
    def words(self) -> str:
        parts = [f"all points along {dim}" for dim in self.frames]
        parts += [f"{factor} points along {dim}" for dim, factor in self.factors.items()]
        return ", ".join(parts)


def bin_large(data: xr.DataArray) -> Binned | None:
    """Return a spectrum image that is too large binned to some hundred MiB, else `None`.

    The channels of spectra are kept; frames are added up, places joined in blocks of as many
    along each direction. Values are read once, and are those of `sum_over` and `rebin`, which
    the history names. Data that are not spectra of real numbers along the last dimension are
    left as they are.
    """
    signal = dims_of_role(data, "signal")
    if data.nbytes <= LARGE or data.dtype.kind not in "iuf" or data.ndim < 2:
        return None
    if len(signal) != 1 or signal[0] != data.dims[-1] or data.dtype == np.float16:
        return None
    plan = _plan(data)
    if plan is None:
        return None
    made = sum_over(data, plan.frames) if plan.frames else data
    made = rebin(made, plan.factors) if plan.factors else made
    total, statistics = _read(data, plan, is_mean=not is_counted(made))
    values = total.reshape(made.shape).astype(made.dtype, copy=False)
    # As values that were computed, and are read again: a chunked copy would count as changed.
    name = f"{FILE_ARRAY}bins-{uuid4().hex}"
    lazy = from_array(values, name=name)  # type: ignore[no-untyped-call]
    return Binned(made.copy(data=lazy), plan.words, statistics)


def _plan(data: xr.DataArray) -> _Plan | None:
    """Return what is joined so that the sums have room."""
    frames = tuple(dims_of_kind(data, "temporal"))
    places = [str(dim) for dim in data.dims[:-1] if dim not in frames]
    if not places or (frames and not is_counted(data)):
        frames, places = (), [str(dim) for dim in data.dims[:-1]]
    each = 12 if data.dtype.kind == "f" else 8
    most = max(SUMS // (each * data.sizes[data.dims[-1]]), 1)
    factor = 1
    while math.prod(max(data.sizes[dim] // factor, 1) for dim in places) > most:
        factor += 1
    if factor == 1 and not frames:
        return None
    factors = {dim: min(factor, data.sizes[dim]) for dim in places}
    return _Plan(frames, {dim: count for dim, count in factors.items() if count > 1})


class _Sums:
    """Sums of bins, and the statistics of all values, to which any thread adds."""

    def __init__(self, data: xr.DataArray, plan: _Plan) -> None:
        self._lock = threading.Lock()
        self._factors = [plan.factors.get(str(dim), 1) for dim in data.dims[:-1]]
        self._summed = [str(dim) in plan.frames for dim in data.dims[:-1]]
        self._sizes = [
            1 if summed else data.sizes[dim] // factor
            for dim, factor, summed in zip(data.dims, self._factors, self._summed, strict=False)
        ]
        shape = (math.prod(self._sizes), data.sizes[data.dims[-1]])
        kind = data.dtype.kind
        self.total = np.zeros(shape, {"f": np.float64, "u": np.uint64, "i": np.int64}[kind])
        self.present = np.zeros(shape if kind == "f" else (0, 0), np.uint32)
        self.part = Part()

    def add(self, block: np.ndarray, starts: tuple[int, ...]) -> None:
        """Add a block of values whose first is at `starts`."""
        values = np.ascontiguousarray(block, block.dtype.newbyteorder("="))
        part = measure_block(values)
        rows = values.reshape(-1, values.shape[-1])
        bins = self._bins(starts, values.shape[:-1])
        nothing = part.count == part.size and part.minimum == part.maximum == 0
        with self._lock:
            self.part = together(self.part, part)
            if not nothing or self.present.size:
                add_rows(rows, bins, starts[-1], self.total, self.present)

    def _bins(self, starts: tuple[int, ...], shape: tuple[int, ...]) -> np.ndarray:
        """Return the bin of each spectrum of a block, -1 where it is in none."""
        found = np.zeros((1,) * len(shape), np.int64)
        kept = np.ones((1,) * len(shape), bool)
        for axis, size in enumerate(shape):
            places = np.arange(starts[axis], starts[axis] + size) // self._factors[axis]
            places = np.zeros_like(places) if self._summed[axis] else places
            along = [1] * len(shape)
            along[axis] = size
            found = found * self._sizes[axis] + places.reshape(along)
            kept = kept & (places < self._sizes[axis]).reshape(along)
        return np.where(kept, found, -1).ravel()


def _read(data: xr.DataArray, plan: _Plan, *, is_mean: bool) -> tuple[np.ndarray, Statistics]:
    """Return sums or means of bins, and the statistics of all, in one pass over the blocks."""
    lazy = data if data.chunks is not None else data.chunk("auto")
    sums = _Sums(data, plan)
    starts = [np.cumsum([0, *sizes[:-1]]).tolist() for sizes in lazy.chunks or ()]
    blocks: Any = lazy.data.to_delayed()
    add = dask.delayed(sums.add)  # type: ignore[attr-defined]
    tasks = [
        add(blocks[at], tuple(first[n] for first, n in zip(starts, at, strict=True)))
        for at in np.ndindex(blocks.shape)
    ]
    # In the threads of this process: they share what they add to.
    compute(tasks, scheduler="threads")  # type: ignore[no-untyped-call]
    total: np.ndarray = sums.total
    joined = math.prod(plan.factors.values())
    if data.dtype.kind == "f":
        there = sums.present
        with np.errstate(invalid="ignore", divide="ignore"):
            total = total / there if is_mean else np.where(there > 0, total, np.nan)
    elif is_mean:
        total = total / joined
    return total, summarise(sums.part)
