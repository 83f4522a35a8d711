"""Images as fine as a page shows them: means over blocks of pixels, and finer ones of a part."""

import math
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from omniscopy.model.errors import DataError
from omniscopy.view.blocks import CACHE_BYTES, Blocks, Slices, relative
from omniscopy.view.cubes import in_bins
from omniscopy.view.dispatch import Turn
from omniscopy.view.items import Item
from omniscopy.view.reductions import Reduction, blocks_bytes, spread

# Points along each side of an image that are sent.
MOST_SIDE = 1536
# An image of more than this is drawn from a part of its points first.
LARGE = 24 * 2**20
EVERY = 0.35  # seconds between pictures while a large one is made


def part_of(item: Item, kept: Sequence[str], said: Any) -> Slices:
    """Return the points of `kept` dimensions that a message asks for: all without a part."""
    sizes = [item.axis(dim).values.size for dim in kept]
    if said is None:
        return tuple(slice(0, size) for size in sizes)
    plain = isinstance(said, list) and len(said) == len(kept) == 2
    for ends, size in zip(said if plain else [None], sizes or [0], strict=False):
        pair = isinstance(ends, list) and len(ends) == 2 and all(type(n) is int for n in ends)
        if not pair or not 0 <= ends[0] < ends[1] <= size:
            message = f"a part of an image is [[first, end], [first, end]], got {said!r}"
            raise DataError(message)
    return tuple(slice(*ends) for ends in said)


def steps_of(part: Slices) -> tuple[int, ...]:
    """Return the pixels along each side of a block of which the mean is sent."""
    return tuple(max(1, math.ceil((each.stop - each.start) / MOST_SIDE)) for each in part)


def thinned(values: np.ndarray, steps: Sequence[int]) -> np.ndarray:
    """Return the means over blocks of pixels; NaN where there is nothing else in a block."""
    if all(step == 1 for step in steps):
        return values
    total, count = _sums(values, steps, (0, 0))
    return _means(total, count)


def plain_image(
    item: Item, wanted: Reduction, part: Slices, turn: Turn
) -> Iterator[tuple[np.ndarray, float]]:
    """Yield a part of an image as thin as it is sent, and how much of it was read."""
    steps, key = steps_of(part), (wanted.kept, *sorted(wanted.at.items()))
    whole = part == part_of(item, wanted.kept, None)
    known = item.previews.get("plain")
    if whole and known is not None and known[0] == key:
        yield known[1], 1.0
        return
    by = dict(zip(wanted.kept, part, strict=True))
    box = tuple(by.get(dim, each) for dim, each in zip(item.dims, wanted.box(item), strict=True))
    turn.check()
    if blocks_bytes(item.blocks, box) <= LARGE:
        yield thinned(_plane(item, wanted, item.blocks.part(box)), steps), 1.0
        return
    if not item.blocks.native and not item.blocks.in_memory:
        step = dict(zip(wanted.kept, steps, strict=True))
        few = tuple(slice(each.start, each.stop, step.get(dim, 1))
                    for dim, each in zip(item.dims, box, strict=True))  # fmt: skip
        yield _plane(item, wanted, item.blocks.strided(few)), 0.01
    for values, progress in _by_blocks(item, wanted, box, part, turn):
        if whole and progress == 1.0:
            item.previews["plain"] = (key, values)
        yield values, progress


def _by_blocks(
    item: Item, wanted: Reduction, box: Slices, part: Slices, turn: Turn
) -> Iterator[tuple[np.ndarray, float]]:
    blocks, steps = item.blocks, steps_of(part)
    sizes = [-(-(each.stop - each.start) // n) for each, n in zip(part, steps, strict=True)]
    kind = np.complex128 if blocks.dtype.kind == "c" else np.float64
    total, count = np.zeros(sizes, kind), np.zeros(sizes)
    parts, shown = list(blocks.inside(box)), time.perf_counter()
    for number, index in enumerate(spread(len(parts))):
        turn.check()
        if turn.newer.is_set():
            turn.cancelled.set()
            turn.check()
        whole, met = parts[index]
        block = blocks.read(whole, keep=_fits(blocks, box))[relative(met, whole)]
        lies = dict(zip(item.dims, met, strict=True))
        starts = [lies[dim].start - each.start
                  for dim, each in zip(wanted.kept, part, strict=True)]  # fmt: skip
        added, there = _sums(_plane(item, wanted, block), steps, starts)
        ends = zip(starts, steps, added.shape, strict=True)
        place = tuple(slice(start // n, start // n + size) for start, n, size in ends)
        total[place] += added
        count[place] += there
        if time.perf_counter() - shown > EVERY and number + 1 < len(parts):
            yield _means(total, count), (number + 1) / len(parts)
            shown = time.perf_counter()
    yield _means(total, count), 1.0


def _fits(blocks: Blocks, box: Slices) -> bool:
    return blocks_bytes(blocks, box) < CACHE_BYTES // 2


def _plane(item: Item, wanted: Reduction, values: np.ndarray) -> np.ndarray:
    order = [item.dims.index(dim) for dim in (*wanted.at, *wanted.kept)]
    return values.transpose(order)[(0,) * len(wanted.at)]


def _sums(
    values: np.ndarray, steps: Sequence[int], starts: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the sums of blocks and how many values are in each; the first pixel is `starts`."""
    if values.dtype.kind == "b":
        values = values.astype(np.uint8)
    there = np.ones(values.shape, np.uint8)
    if values.dtype.kind in "fc":
        known = ~np.isnan(values)
        there = known.astype(np.uint8)
        values = np.where(known, values, 0)
    for axis, (step, start) in enumerate(zip(steps, starts, strict=True)):
        if step > 1:
            values = in_bins(values, axis, step, start)
            there = in_bins(there, axis, step, start)
    return values, there


def _means(total: np.ndarray, count: np.ndarray) -> np.ndarray:
    there = np.where(count > 0, count, np.nan)
    return np.asarray(total * (1 / there))
