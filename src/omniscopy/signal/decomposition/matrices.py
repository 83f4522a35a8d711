"""Labelled data as a matrix: a row for each sample, a column for each channel."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import xarray as xr

from omniscopy.model import DataError, dims_of_role, labelled, require_array, require_dims
from omniscopy.signal.decomposition.lazily import Array, is_lazy

# Values that are prepared at a time: 32 MB in double precision.
_SLAB = 4_000_000
_GLANCE = 2**18
_DISPLAYED = ("z", "y", "x", "ky", "kx")


class Rows(NamedTuple):
    """Samples that are prepared: one in each row, zero where it is left out."""

    values: np.ndarray
    weight: np.ndarray  # what a row was divided by, NaN where it is left out


@dataclass(frozen=True)
class Preparation:
    """What is done to samples before they are decomposed.

    With `centre`, their mean is subtracted. With `weigh`, samples and channels are divided by the
    root of their mean. Samples that are not finite throughout are left out.
    """

    centre: bool = False
    weigh: bool = False
    nonnegative: bool = False
    single: bool = False

    @property
    def needs_mean(self) -> bool:
        """Return whether the mean of the samples has to be known."""
        return self.centre or self.weigh

    def slabs(self, block: np.ndarray, mean: np.ndarray) -> Iterator[tuple[slice, Rows]]:
        """Prepare the samples of a block, which is not modified, a few at a time."""
        matrix = block.reshape(-1, mean.size)
        step = max(1, _SLAB // max(mean.size, 1))
        for begin in range(0, len(matrix), step):
            part = slice(begin, begin + step)
            yield part, self.prepare(matrix[part], mean)

    def prepare(self, part: np.ndarray, mean: np.ndarray) -> Rows:
        """Prepare some samples."""
        values = part.astype(self.number(part.dtype), copy=False)
        usable = finite_rows(values)
        if not usable.all():
            values = np.where(usable[:, None], values, 0.0)
        if self.nonnegative:
            require_nonnegative(values)
        weight = np.ones(len(values), values.real.dtype)
        if self.weigh:
            level = np.abs(mean)
            overall = level.mean()
            weight = np.sqrt(np.abs(values.mean(axis=1)) / (overall if overall > 0 else 1.0))
            weight = np.where(weight > 0, weight, 1.0).astype(values.real.dtype)
            root = roots_of(mean)
            values = values / (root * weight[:, None])
            mean = mean / root
        if self.centre:
            values = values - mean / weight[:, None]
            values[~usable] = 0.0
        return Rows(values, np.where(usable, weight, np.nan))

    def number(self, dtype: np.dtype) -> np.dtype:
        """Return the type of number that is computed with."""
        kinds = (np.complex64, np.float32) if self.single else (np.complex128, np.float64)
        return np.dtype(kinds[0] if dtype.kind == "c" else kinds[1])


def finite_rows(values: np.ndarray) -> np.ndarray:
    """Return which rows hold finite numbers only."""
    with np.errstate(all="ignore"):
        usable = np.isfinite(values @ np.ones(values.shape[1], values.dtype))
    # The sum of large numbers can be infinite; only of such rows is every number looked at.
    usable[~usable] = np.isfinite(values[~usable]).all(axis=1)
    return usable


def roots_of(mean: np.ndarray) -> np.ndarray:
    """Return the roots of the mean counts of channels, 1 where there are none."""
    level = np.abs(mean)
    return np.where(level > 0, np.sqrt(level), 1.0)


def require_nonnegative(values: np.ndarray) -> None:
    """Raise where a value is negative."""
    if values.size and values.min() < 0:
        message = (
            f"non-negative factors need data that are nowhere below 0, found {values.min():.6g}; "
            "subtract less background, set what is negative to 0 with `data.clip(min=0)`, or use "
            "method='pca'"
        )
        raise DataError(message)


@dataclass(frozen=True, eq=False)
class Matrix:
    """Data with their dimensions in order: those of samples, then those of channels."""

    data: xr.DataArray
    samples: list[str]
    channels: list[str]
    order: list[str]  # as they were given

    @property
    def values(self) -> Array:
        """Return the array, NumPy or dask, with the channels in one chunk."""
        return self.data.data

    @property
    def shape(self) -> tuple[int, int]:
        """Return how many samples and channels there are."""
        return math.prod(self.sizes(self.samples)), math.prod(self.sizes(self.channels))

    def sizes(self, dims: Sequence[str]) -> tuple[int, ...]:
        """Return the sizes of some dimensions."""
        return tuple(self.data.sizes[dim] for dim in dims)

    def of_samples(self, values: Array, *further: str) -> xr.DataArray:
        """Label an array of shape (*samples, *further)."""
        return self._labelled(values, self.samples, further)

    def of_channels(self, values: Array, *first: str) -> xr.DataArray:
        """Label an array of shape (*first, channels in one axis)."""
        shaped = values.reshape(*values.shape[:-1], *self.sizes(self.channels))
        made = self._labelled(shaped, [*first, *self.channels], ())
        return made.transpose(*first, *(dim for dim in self.order if dim in self.channels))

    def _labelled(self, values: Array, dims: list[str], further: tuple[str, ...]) -> xr.DataArray:
        of_dims = {name: each for name, each in self.data.coords.items() if {*each.dims} <= {*dims}}
        made = xr.DataArray(values, of_dims, dims=[*dims, *further])
        return made.transpose(*(dim for dim in self.order if dim in dims), ...)


def matrix_of(
    data: xr.DataArray,
    dim: str | Sequence[str] | None,
    *,
    reserved: str = "component",
    single: bool = False,
) -> Matrix:
    """Return data as a matrix whose channels are the points of `dim`, or of the signal.

    The dimensions of samples, and those of channels, are in an order that does not depend on
    theirs in the array. `reserved` is the name of a dimension that the result will have. With
    `single`, values without dimensions of channels are samples of one channel.
    """
    require_array(data)
    if data.dtype.kind not in "biufc":
        message = f"expected numbers, got values of type {data.dtype}"
        raise DataError(message)
    channels = [dim] if isinstance(dim, str) else list(dim or dims_of_role(data, "signal"))
    require_dims(data, channels)
    samples = [str(each) for each in data.dims if each not in channels]
    if not samples or not (channels or single):
        message = (
            f"dimensions {tuple(data.dims)} leave no {'samples' if channels else 'channels'}; "
            f"name the dimensions of a {reserved} with `dim=`"
        )
        raise DataError(message)
    if reserved in data.dims:
        message = (
            f"the result has a dimension {reserved!r} of its own; rename that of the data with "
            f"`data.rename({reserved}=...)`"
        )
        raise DataError(message)
    samples, channels = sorted(samples, key=_place), sorted(channels, key=_place)
    ordered = labelled(data, units=None).transpose(*samples, *channels)
    if ordered.chunks is not None:
        ordered = ordered.chunk(dict.fromkeys(channels, -1))
    return Matrix(ordered, samples, channels, [str(each) for each in data.dims])


def _place(dim: str) -> tuple[int, str]:
    return (_DISPLAYED.index(dim) if dim in _DISPLAYED else -1, dim)


def require_finite(matrix: Matrix, at_least: int) -> None:
    """Raise where fewer samples of data in memory are finite throughout."""
    if is_lazy(matrix.values):
        return
    found, (rows, columns) = 0, matrix.shape
    for _, kept in _slabs(matrix):
        found += int(kept.sum())
        if found >= at_least:
            return
    message = (
        f"{found} of {rows} samples are finite in all of their {columns} channels; at least "
        f"{at_least} are needed. Leave out channels that hold NaN with `data.isel`, or fill them"
    )
    raise DataError(message)


def require_substance(matrix: Matrix, *, centred: bool, nonnegative: bool) -> None:
    """Raise where data in memory do not vary, are 0, or are negative where they must not be."""
    if is_lazy(matrix.values):
        return
    if not _differ(matrix, centred=centred):
        message = (
            "all samples are the same: nothing is left of them when their mean is subtracted; "
            "use method='svd'"
            if centred
            else "all values are 0: there is nothing to decompose"
        )
        raise DataError(message)
    if nonnegative:
        for rows, kept in _slabs(matrix):
            require_nonnegative(rows if kept.all() else rows[kept])


def _slabs(matrix: Matrix) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield samples of data in memory, a few at a time, and which are finite throughout."""
    rows = matrix.values.reshape(matrix.shape)
    step = max(1, _GLANCE // max(rows.shape[1], 1))
    for begin in range(0, len(rows), step):
        part = rows[begin : begin + step]
        yield part, finite_rows(part) if part.dtype.kind in "fc" else np.ones(len(part), bool)


def _differ(matrix: Matrix, *, centred: bool) -> bool:
    """Return whether samples differ, from each other or from 0; most often early ones do."""
    first: np.ndarray | int | None = None if centred else 0
    for rows, kept in _slabs(matrix):
        if first is None and kept.any():
            first = rows[int(np.argmax(kept))]
        if first is not None and (rows != first)[kept].any():
            return True
    return False
