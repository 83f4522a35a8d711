"""What atoms add to the windows of each other, brought up to date while they are fitted."""

from typing import NamedTuple

import numpy as np

from omniscopy.atoms.refinement.overlap_kernel import add_atoms, take_others
from omniscopy.atoms.refinement.windows import Pair, Windows, shares
from omniscopy.compute.threads import share_work

# How far an atom is drawn, in its widths.
_DRAWN = 4.5
# Part of the atoms that have changed from which on all are drawn anew.
_MANY = 0.3


class Slopes(NamedTuple):
    """How the background changes along y and x at each atom, from those around it.

    Left out of a fit, a slope draws atoms along; fitted to one window, it would take a third of
    what is known of the position.
    """

    near: np.ndarray
    pull: np.ndarray

    @classmethod
    def at(cls, places: np.ndarray, distance: np.ndarray, near: np.ndarray) -> "Slopes":
        """Return how slopes at places follow from backgrounds there and near to them."""
        count, around = len(places), near.shape[1]
        if count < around:
            return cls(np.zeros((count, 1), np.int64), np.zeros((count, 2, 1)))
        # The last one counts for nothing: which of those that are as far it is, is chance.
        weight = 1.0 - (distance / np.maximum(distance[:, -1:], 1e-300)) ** 2
        share = weight / weight.sum(axis=1, keepdims=True)
        away = places[near] - np.einsum("nk,nka->na", share, places[near])[:, None]
        weighted = (weight[:, :, None] * away).transpose(0, 2, 1)
        return cls(near, _inverse(weighted @ away) @ weighted)

    def of(self, background: np.ndarray, which: np.ndarray) -> np.ndarray:
        """Return the slopes of a background at some of the atoms."""
        made: np.ndarray = np.einsum("nak,nk->na", self.pull[which], background[self.near[which]])
        return made


def _inverse(spread: np.ndarray) -> np.ndarray:
    """Return the inverse of spreads (n, 2, 2) in a plane, or along the line that atoms are on."""
    trace = spread[:, 0, 0] + spread[:, 1, 1]
    det = spread[:, 0, 0] * spread[:, 1, 1] - spread[:, 0, 1] ** 2
    flat = det <= 1e-3 * trace**2
    made = np.empty_like(spread)
    made[:, 0, 0], made[:, 1, 1] = spread[:, 1, 1], spread[:, 0, 0]
    made[:, 0, 1] = made[:, 1, 0] = -spread[:, 0, 1]
    made /= np.where(flat, 1.0, det)[:, None, None]
    made[flat] = np.linalg.pinv(spread[flat], rcond=1e-3, hermitian=True)
    return made


class Overlaps(NamedTuple):
    """An image of all atoms as they were drawn last, and what each window has of the others.

    Attributes
    ----------
    windows, slopes
        Of all atoms.
    steps : (float, float)
        Of rows and columns.
    width : float
        Of atoms, about.
    drawn : array, shape (rows, columns)
    shapes : array, shape (atoms, 6)
        Height, place and form of each atom as it is drawn, NaN where it is not.
    waiting : array of bool, shape (atoms,)
        Windows near to which something was drawn since they were looked at.
    others : array, shape (atoms, points)
        What was taken, infinite before.
    """

    windows: Windows
    slopes: Slopes
    steps: Pair
    width: float
    drawn: np.ndarray
    shapes: np.ndarray
    waiting: np.ndarray
    others: np.ndarray

    @classmethod
    def none(
        cls, windows: Windows, slopes: Slopes, steps: Pair, width: float, shape: tuple[int, ...]
    ) -> "Overlaps":
        """Return an image of nothing."""
        count = len(windows.pixel)
        return cls(
            windows, slopes, steps, width, np.zeros(shape), np.full((count, 6), np.nan),
            np.ones(count, np.bool_), np.full(windows.values.shape, np.inf),
        )  # fmt: skip

    def take(self, values: np.ndarray, which: np.ndarray, least: np.ndarray) -> np.ndarray:
        """Write what the other atoms add to some windows; return where that changed enough.

        `values` (atoms, parameters) have places relative to the middle of the window.
        """
        self._draw(values)
        changed = np.zeros(len(which), np.bool_)
        looked = np.flatnonzero(self.waiting[which])
        some, made = which[looked], np.empty(len(looked), np.bool_)
        least = least[looked]
        self.waiting[some] = False
        windows, own = self.windows, np.ascontiguousarray(values[:, :6])
        slopes = self.slopes.of(values[:, 6], some)

        def take(begin: int) -> None:
            part = slice(begin, begin + parts.step)
            take_others(
                self.drawn, own, slopes[part], windows.pixel, windows.down, windows.right,
                windows.dy, windows.dx, some[part], np.empty(windows.dy.size), least[part],
                self.others, made[part],
            )  # fmt: skip

        parts = shares(len(some))
        share_work(take, parts)
        changed[looked] = made
        return changed

    def _draw(self, values: np.ndarray) -> None:
        """Bring the image up to date; windows that it changes wait to be looked at."""
        shapes = values[:, :6].copy()
        shapes[:, 1:3] += self.windows.middle
        moved = (shapes != self.shapes).any(axis=1)
        reach = self._reach(shapes)
        if moved.mean() > _MANY:
            self.drawn[:] = 0.0
            self._add(shapes, reach)
            self.waiting[:] = True
        elif moved.any():
            before = self.shapes[moved] * np.array([-1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
            both = np.concatenate([before, shapes[moved]])
            far = self._reach(both)
            self._add(both, far)
            self.waiting[:] |= self._near(both[:, 1:3], float(far.max()), moved)
        self.shapes[:] = shapes

    def _near(self, places: np.ndarray, reach: float, moved: np.ndarray) -> np.ndarray:
        """Return which windows atoms at places reach, and whose slope moved atoms change."""
        from scipy.spatial import cKDTree

        windows = self.windows
        most = reach + float(np.hypot(windows.dy, windows.dx).max())
        away, _ = cKDTree(places).query(windows.middle, distance_upper_bound=most)
        found: np.ndarray = np.isfinite(away) | moved[self.slopes.near].any(axis=1)
        return found

    def _reach(self, shapes: np.ndarray) -> np.ndarray:
        """Return how far atoms are drawn."""
        yy, yx, xx = shapes[:, 3:6].T
        lowest = 0.5 * (yy + xx) - np.hypot(0.5 * (yy - xx), yx)
        # A form that is not positive belongs to no peak: it is drawn as far as a wide one.
        far: np.ndarray = _DRAWN / np.sqrt(np.maximum(lowest, (3.0 * self.width) ** -2))
        return far

    def _add(self, shapes: np.ndarray, reach: np.ndarray) -> None:
        """Add atoms to the image, by all cores."""
        rows, columns = self.drawn.shape
        y, x = (
            step * np.arange(size) for step, size in zip(self.steps, (rows, columns), strict=True)
        )

        def add(begin: int) -> None:
            stop = begin + bands.step
            part = slice(begin, stop if stop < rows - 1 else None)
            add_atoms(shapes, reach, y[part], x, self.drawn[part])

        bands = shares(rows - 1)
        share_work(add, bands)
