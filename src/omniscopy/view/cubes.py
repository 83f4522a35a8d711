"""Small copies of large data, in which the signal is added up in bins: for answers at once."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from omniscopy.view.blocks import Slices
from omniscopy.view.items import Item
from omniscopy.view.regions import places_of

CUBE_BYTES = 64 * 2**20
_FEWEST_BINS = {1: 16, 2: 64}


@dataclass
class Cube:
    """The values of an item in bins of its signal, shape (navigation…, bins…), as sums.

    `done` is the part of the data that was added.
    """

    item: Item
    kept: tuple[str, ...]
    over: tuple[str, ...]
    at: Mapping[str, int]
    bins: tuple[int, ...]  # points of one bin along each dimension of the signal
    sums: np.ndarray
    done: float = 0.0

    @classmethod
    def of(
        cls, item: Item, kept: Sequence[str], over: Sequence[str], at: Mapping[str, int]
    ) -> "Cube | None":
        """Return an empty one, or None where it would be too coarse to be of use."""
        places = math.prod(item.axis(dim).values.size for dim in kept)
        sizes = [item.axis(dim).values.size for dim in over]
        if not kept or not over or item.blocks.dtype.kind not in "biuf":
            return None
        room = CUBE_BYTES // 4 // max(places, 1)
        bins = [1] * len(sizes)
        while math.prod(-(-n // b) for n, b in zip(sizes, bins, strict=True)) > room:
            most = max(range(len(sizes)), key=lambda axis: sizes[axis] / bins[axis])
            bins[most] += 1
            if bins[most] > sizes[most]:
                return None
        counts = [-(-n // b) for n, b in zip(sizes, bins, strict=True)]
        if math.prod(counts) < min(_FEWEST_BINS[len(over)], math.prod(sizes)):
            return None
        shape = [item.axis(dim).values.size for dim in kept] + counts
        return cls(
            item, tuple(kept), tuple(over), dict(at), tuple(bins), np.zeros(shape, np.float32)
        )

    def add(self, block: np.ndarray, whole: Slices) -> None:
        """Add a block of the data, once."""
        dims = self.item.dims
        lies = dict(zip(dims, whole, strict=True))
        order = [dims.index(dim) for dim in (*self.at, *self.kept, *self.over)]
        values = block.transpose(order)[(0,) * len(self.at)]
        for number, (dim, size) in enumerate(zip(self.over, self.bins, strict=True)):
            axis = len(self.kept) + number
            if size > 1:
                values = in_bins(values, axis, size, lies[dim].start)
        place = tuple(lies[dim] for dim in self.kept) + tuple(
            slice(lies[dim].start // size, -(-lies[dim].stop // size))
            for dim, size in zip(self.over, self.bins, strict=True)
        )
        self.sums[place] += np.nan_to_num(values)

    def weigh(self, weights: Sequence[np.ndarray]) -> np.ndarray:
        """Return, for each array of weights of the points of the signal, the sums they make.

        Shape (weights, navigation…). Within a bin the weight is the mean of its points.
        """
        columns = np.stack([self._binned(each).reshape(-1) for each in weights], axis=1)
        places = self.sums.shape[: len(self.kept)]
        flat = self.sums.reshape(math.prod(places), -1)
        return (flat @ columns.astype(np.float32)).T.reshape(len(weights), *places)

    def coordinate(self) -> np.ndarray:
        """Return the middle of each bin along the first dimension of the signal."""
        values = np.ravel(places_of(self.item, self.over[:1])[0])
        size, edges = self.bins[0], np.arange(0, values.size, self.bins[0])
        counts = np.minimum(edges + size, values.size) - edges
        return np.asarray(np.add.reduceat(values, edges) / counts)

    def counts(self) -> np.ndarray:
        """Return how many points are in each bin along the first dimension of the signal."""
        n, size = self.item.axis(self.over[0]).values.size, self.bins[0]
        edges = np.arange(0, n, size)
        return np.minimum(edges + size, n) - edges

    def _binned(self, weights: np.ndarray) -> np.ndarray:
        sizes = [self.item.axis(dim).values.size for dim in self.over]
        made = np.broadcast_to(np.asarray(weights, np.float64), sizes)
        ones = np.ones(sizes)
        for axis, size in enumerate(self.bins):
            edges = np.arange(0, sizes[axis], size)
            made = np.add.reduceat(made, edges, axis=axis)
            ones = np.add.reduceat(ones, edges, axis=axis)
        return np.asarray(made / ones)


def power_law_map(
    cube: Cube, window: tuple[float, float], fitted: tuple[float, float]
) -> np.ndarray:
    r"""Return the counts of a window above a power law, of binned spectra.

    :math:`\ln I` on :math:`\ln E` by least squares weighted with the counts, over the bins whose
    middle is in `fitted`.
    """
    energy, counts = cube.coordinate(), cube.counts()
    good = (energy >= fitted[0]) & (energy <= fitted[1]) & (energy > 0)
    wanted = (energy >= window[0]) & (energy <= window[1]) & (energy > 0)
    measured = cube.sums[..., wanted].sum(axis=-1, dtype=np.float64)
    if good.sum() < 2 or not wanted.any():
        return np.full(cube.sums.shape[:-1], np.nan)
    values = cube.sums[..., good].astype(np.float64) / counts[good]
    usable = values > 0
    weight = np.where(usable, values, 0.0)
    x, y = np.log(energy[good]), np.log(np.where(usable, values, 1.0))
    total = weight.sum(-1)
    with np.errstate(all="ignore"):
        mx, my = (weight * x).sum(-1) / total, (weight * y).sum(-1) / total
        away = x - mx[..., None]
        slope = (weight * away * y).sum(-1) / (weight * away**2).sum(-1)
        log_e = np.log(energy[wanted])
        below = np.exp((my - slope * mx)[..., None] + slope[..., None] * log_e) * counts[wanted]
    return np.asarray(measured - below.sum(-1))


def polynomial_map(
    cube: Cube, window: tuple[float, float], fitted: tuple[float, float], degree: int
) -> np.ndarray:
    """Return the sum of a window above a polynomial, of binned spectra."""
    place, counts = cube.coordinate(), cube.counts()
    good = (place >= fitted[0]) & (place <= fitted[1])
    wanted = (place >= window[0]) & (place <= window[1])
    measured = cube.sums[..., wanted].sum(axis=-1, dtype=np.float64)
    if good.sum() < degree + 1 or not wanted.any():
        return np.full(cube.sums.shape[:-1], np.nan)
    middle, half = place[good].mean(), max(float(np.ptp(place[good])) / 2, 1e-300)
    design = np.vander((place - middle) / half, degree + 1)
    solve = np.linalg.pinv(design[good])
    weights = (design[wanted] * counts[wanted][:, None]).sum(0) @ solve
    values = cube.sums[..., good].astype(np.float64) / counts[good]
    return np.asarray(measured - values @ weights)


def in_bins(values: np.ndarray, axis: int, size: int, start: int) -> np.ndarray:
    """Return sums over bins of `size` points along an axis; the first point has number `start`."""
    wide = _wide(values)
    if start % size or values.shape[axis] % size:
        edges = np.arange(start // size * size, start + values.shape[axis], size) - start
        return np.asarray(np.add.reduceat(values, np.maximum(edges, 0), axis=axis, dtype=wide))
    # Several times quicker than to sum over an axis of few points.
    every = [slice(None)] * values.ndim
    every[axis] = slice(0, None, size)
    total = values[tuple(every)].astype(wide)
    for number in range(1, size):
        every[axis] = slice(number, None, size)
        total += values[tuple(every)]
    return total


def _wide(values: np.ndarray) -> Any:
    """Return a type that holds the sum of a bin."""
    if values.dtype.kind in "fc":
        return np.float64 if values.dtype.kind == "f" else np.complex128
    return np.int32 if values.dtype.itemsize <= 2 else np.int64
