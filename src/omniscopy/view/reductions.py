"""Sums, means and maxima over a region, of arrays that are read in blocks."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from omniscopy.model.errors import DataError
from omniscopy.view.blocks import Blocks, Slices, relative
from omniscopy.view.dispatch import Turn
from omniscopy.view.items import Item

Statistic = Literal["mean", "sum", "max"]
STATISTICS: tuple[str, ...] = ("mean", "sum", "max")


@dataclass(frozen=True)
class Reduction:
    """What is wanted of an item: values over `kept` dimensions, in that order.

    `mask` holds the points over `over` that count, None for all; `at` fixes all other dimensions.
    """

    kept: tuple[str, ...]
    over: tuple[str, ...]
    statistic: str = "mean"
    mask: np.ndarray | None = field(default=None, compare=False)
    at: Mapping[str, int] = field(default_factory=dict)

    def box(self, item: Item) -> Slices:
        """Return the smallest part of the array that holds all that counts."""
        part: dict[str, slice] = {}
        for dim, size in zip(item.dims, item.blocks.shape, strict=True):
            if dim in self.at:
                part[dim] = slice(self.at[dim], self.at[dim] + 1)
            else:
                part[dim] = slice(0, size)
        if self.mask is not None:
            for number, dim in enumerate(self.over):
                others = tuple(n for n in range(self.mask.ndim) if n != number)
                inside = np.flatnonzero(self.mask.any(axis=others))
                part[dim] = slice(int(inside[0]), int(inside[-1]) + 1)
        return tuple(part[dim] for dim in item.dims)


def require_reduction(item: Item, wanted: Reduction) -> None:
    """Raise `DataError` unless a reduction is one of this item."""
    if wanted.statistic not in STATISTICS:
        message = f"the statistic is one of {', '.join(STATISTICS)}, got {wanted.statistic!r}"
        raise DataError(message)
    said = [*wanted.kept, *wanted.over, *wanted.at]
    if sorted(said) != sorted(item.dims):
        message = f"dimensions {item.dims} are each kept, reduced or fixed once, got {said}"
        raise DataError(message)
    for dim, index in wanted.at.items():
        size = item.axis(dim).values.size
        if type(index) is not int or not 0 <= index < size:
            message = f"{dim!r} has points 0 to {size - 1}, got {index!r}"
            raise DataError(message)


def reduce_exactly(
    item: Item, wanted: Reduction, turn: Turn, *, yield_to_newer: bool = False
) -> np.ndarray:
    """Return a reduction of all values; NaN where there are none.

    With `yield_to_newer` it ends early, by `SupersededError`, where a newer request waits.
    """
    part = Partial.of(item, wanted)
    for _ in part.steps(turn, yield_to_newer=yield_to_newer):
        pass
    return part.values()


@dataclass
class Partial:
    """A reduction that is under way, block by block."""

    item: Item
    wanted: Reduction
    box: Slices
    total: np.ndarray
    count: np.ndarray

    @classmethod
    def of(cls, item: Item, wanted: Reduction) -> "Partial":
        """Return one that has not begun."""
        require_reduction(item, wanted)
        shape = [item.axis(dim).values.size for dim in wanted.kept]
        wide = np.complex128 if item.blocks.dtype.kind == "c" else np.float64
        start = -math.inf if wanted.statistic == "max" else 0.0
        total = np.full(shape, start, wide)
        return cls(item, wanted, wanted.box(item), total, np.zeros(shape))

    def steps(self, turn: Turn, *, yield_to_newer: bool = False) -> Iterator[float]:
        """Add block by block, and yield how much is done; blocks far apart come first."""
        blocks = self.item.blocks
        parts = list(blocks.inside(self.box))
        # Small parts stay in memory for the next region; whole arrays would only push them out.
        keep = len(parts) * math.prod(blocks.block) * blocks.dtype.itemsize < 2**26
        for number, index in enumerate(spread(len(parts))):
            turn.check()
            if yield_to_newer and turn.newer.is_set():
                turn.cancelled.set()
                turn.check()
            whole, met = parts[index]
            self.add(blocks.read(whole, keep=keep)[relative(met, whole)], met)
            yield (number + 1) / len(parts)

    def values(self) -> np.ndarray:
        """Return what is there so far; NaN where nothing was added."""
        none = self.count == 0
        if self.wanted.statistic == "mean":
            found = self.total / np.where(none, 1.0, self.count)
        else:
            found = self.total.copy()
        found[none] = np.nan
        return found

    def add(self, block: np.ndarray, met: Slices) -> None:
        """Add the values of a part."""
        dims = self.item.dims
        lies = dict(zip(dims, met, strict=True))
        order = [dims.index(dim) for dim in (*self.wanted.at, *self.wanted.kept, *self.wanted.over)]
        values = block.transpose(order)[(0,) * len(self.wanted.at)]
        kept = len(self.wanted.kept)
        place = tuple(lies[dim] for dim in self.wanted.kept)
        mask = self.wanted.mask
        if mask is not None:
            mask = mask[tuple(lies[dim] for dim in self.wanted.over)]
            if not mask.any():
                return
            if mask.all():
                mask = None
        total, count = _reduce(values, kept, mask, self.wanted.statistic)
        if self.wanted.statistic == "max":
            self.total[place] = np.fmax(self.total[place], total)
        else:
            self.total[place] += total
        self.count[place] += count


def _reduce(
    values: np.ndarray, kept: int, mask: np.ndarray | None, statistic: str
) -> tuple[np.ndarray, Any]:
    """Return total and count over the axes from `kept` on."""
    axes = tuple(range(kept, values.ndim))
    if values.dtype.kind == "b":
        values = values.astype(np.uint8)
    if mask is not None:
        values, axes = _chosen(values, kept, mask), (kept,)
    here = math.prod(values.shape[axis] for axis in axes)
    if statistic == "max":
        if values.dtype.kind == "c":
            values = np.abs(values)
        if values.dtype.kind != "f":
            return values.max(axis=axes).astype(np.float64), here
        there = ~np.isnan(values)
        return np.where(there, values, -np.inf).max(axis=axes), there.sum(axis=axes)
    wide = {"f": np.float64, "c": np.complex128}.get(values.dtype.kind, np.int64)
    total = values.sum(axis=axes, dtype=wide)
    if values.dtype.kind in "fc" and np.isnan(total).any():
        there = ~np.isnan(values)
        return np.where(there, values, 0).sum(axis=axes, dtype=wide), there.sum(axis=axes)
    return total, here


def _chosen(values: np.ndarray, kept: int, mask: np.ndarray) -> np.ndarray:
    """Return the values where a mask is true, along one last axis."""
    if kept and values.strides[0] < values.strides[-1]:
        # What is reduced lies outermost: take whole rows.
        moved = np.moveaxis(values, range(kept, values.ndim), range(values.ndim - kept))
        return np.moveaxis(moved[mask], 0, -1)
    flat = values.reshape(*values.shape[:kept], -1)
    return flat[..., np.flatnonzero(mask)]


def spread(count: int) -> Iterator[int]:
    """Yield all numbers below `count`, each far from those before: the digits of i turned round."""
    if count <= 2:
        yield from range(count)
        return
    bits = (count - 1).bit_length()
    for number in range(2**bits):
        turned = int(f"{number:0{bits}b}"[::-1], 2)
        if turned < count:
            yield turned


def blocks_bytes(blocks: Blocks, part: Slices) -> int:
    """Return the bytes of a part of an array."""
    return math.prod(each.stop - each.start for each in part) * blocks.dtype.itemsize
