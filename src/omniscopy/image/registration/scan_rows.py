"""Where the rows of scans in several directions lie on the specimen, in pixels."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import fft, ndimage

# Linear drifts that are tried: so many along each axis, in ranges that become narrower.
_TRIED, _NARROWER, _ROUNDS = 9, 3.0, 5
# Pixels of scans along each side for that.
_COARSE = 96
# Width of the kernel that makes an image of scattered pixels.
_KERNEL = 0.6
_STEPS, _REFINED = 40, 30
_LIMIT = 0.5
# Part of the way that a step goes.
_PART = 0.5
# Part of the variance of white noise that the kernel, together with the share of each pixel
# among the four around it, leaves.
_KEPT = 1.0 / (4 * np.pi * (_KERNEL**2 + 1.0 / 6.0))
_TINY = 1e-12


@dataclass(frozen=True)
class Scans:
    """Images of scans, shape (scan, row, pixel), with mean 0, and what was nominally scanned.

    `y` and `x`, of that shape: nominal places on the grid of the result, in its pixels; `shape`
    is that of the grid.
    """

    images: np.ndarray
    y: np.ndarray
    x: np.ndarray
    shape: tuple[int, int]

    @classmethod
    def of(cls, images: np.ndarray, angles: np.ndarray, aspect: float) -> "Scans":
        """Return the scans at these angles (radians); `aspect` is the step along x over y."""
        rows, pixels = images.shape[1:]
        slow = np.arange(rows)[:, None] - 0.5 * (rows - 1)
        fast = aspect * (np.arange(pixels) - 0.5 * (pixels - 1))
        turn = angles[:, None, None]
        y = np.cos(turn) * slow + np.sin(turn) * fast + 0.5 * (rows - 1)
        x = (np.cos(turn) * fast - np.sin(turn) * slow) / aspect + 0.5 * (pixels - 1)
        return cls(images, y, x, (rows, pixels))

    def smaller(self) -> tuple["Scans", int]:
        """Return the same with blocks of pixels averaged, and how many make one."""
        block = max(1, min(self.shape) // _COARSE)
        if block == 1:
            return self, 1
        rows, pixels = (size // block * block for size in self.images.shape[1:])

        def averaged(values: np.ndarray) -> np.ndarray:
            parts = values[:, :rows, :pixels].reshape(
                len(values), rows // block, block, pixels // block, block
            )
            return np.asarray(parts.mean(axis=(2, 4)))

        middle = 0.5 * (block - 1)
        y, x = ((averaged(each) - middle) / block for each in (self.y, self.x))
        shape = (self.shape[0] // block, self.shape[1] // block)
        return Scans(averaged(self.images), y, x, shape), block

    def merged(self, drifts: np.ndarray, which: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the image that some scans make, and how many pixels each of its own is of.

        `drifts`, shape (scan, row, 2). Each pixel is shared out among the four around its place
        and smoothed by a Gaussian.
        """
        y = self.y[which] - drifts[which, :, None, 0]
        x = self.x[which] - drifts[which, :, None, 1]
        rows, columns = self.shape
        values = self.images[which]
        known = np.isfinite(values)
        row, column = np.floor(y).astype(int), np.floor(x).astype(int)
        total, weight = np.zeros((2, (rows + 2) * (columns + 2)))
        for down in (0, 1):
            for right in (0, 1):
                share = np.abs(1 - down - (y - row)) * np.abs(1 - right - (x - column)) * known
                i, j = row + down + 1, column + right + 1
                inside = (i >= 0) & (i < rows + 2) & (j >= 0) & (j < columns + 2) & known
                place = i[inside] * (columns + 2) + j[inside]
                weight += np.bincount(place, share[inside], len(weight))
                total += np.bincount(place, (share * np.where(known, values, 0.0))[inside],
                                     len(weight))  # fmt: skip
        total, weight = (
            ndimage.gaussian_filter(each.reshape(rows + 2, columns + 2), _KERNEL)[1:-1, 1:-1]
            for each in (total, weight)
        )
        return np.where(weight > 0.1, total / np.maximum(weight, 0.1), np.nan), weight


def linear_drift(scans: Scans, most: float) -> tuple[np.ndarray, np.ndarray]:
    """Return drifts of shape (scan, row, 2) that are linear in time and the same in all scans.

    And the drift of the specimen in the time of a scan, shape (2). The one that makes the scans
    most alike, whatever their shifts, of many that are tried, up to `most` pixels.
    """
    small, block = scans.smaller()
    time = np.linspace(-0.5, 0.5, small.images.shape[1])[:, None]
    best, reach = np.zeros(2), most / block
    for _ in range(_ROUNDS):
        steps = np.linspace(-reach, reach, _TRIED)
        tried = [best + np.array([dy, dx]) for dy in steps for dx in steps]
        scores = [_likeness(small, time * rate)[0] for rate in tried]
        best = tried[int(np.argmax(scores))]
        reach /= _NARROWER
    _, shifts = _likeness(small, time * best)
    return _refined(scans, best * block, shifts * block, most)


def _refined(
    scans: Scans, rate: np.ndarray, shifts: np.ndarray, most: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the linear drift by least squares of what the scans differ by, and its rate.

    A correlation prefers that empty edges lie on each other.
    """
    count, rows = scans.images.shape[:2]
    time = np.linspace(-0.5, 0.5, rows)
    for _ in range(_REFINED):
        drifts = time[:, None] * rate + shifts[:, None, :]
        normal, right = np.zeros((2 + 2 * count,) * 2), np.zeros(2 + 2 * count)
        for number in range(count):
            found = _compared(scans, drifts, number, np.flatnonzero(np.arange(count) != number))
            if found is None:
                continue
            yy, yx, xx, by, bx = found.sums
            slopes, differences = np.array([[yy, yx], [yx, xx]]), np.array([by, bx])
            own = slice(2 + 2 * number, 4 + 2 * number)
            normal[:2, :2] += slopes @ time**2
            normal[:2, own] += slopes @ time
            normal[own, :2] += slopes @ time
            normal[own, own] += slopes.sum(axis=-1)
            right[:2] -= differences @ time
            right[own] -= differences.sum(axis=-1)
        moved = _PART * (np.linalg.pinv(normal, hermitian=True) @ right)
        moved = np.clip(moved, -_LIMIT, _LIMIT)
        rate = np.clip(rate + moved[:2], -most, most)
        shifts = shifts + moved[2:].reshape(count, 2)
        shifts -= shifts.mean(axis=0)
        if np.abs(moved).max() < 1e-3:
            break
    return time[:, None] * rate + shifts[:, None, :], rate


def _likeness(scans: Scans, drift: np.ndarray) -> tuple[float, np.ndarray]:
    """Return how much the scans are like the first one at their best shifts, and these."""
    drifts = np.broadcast_to(drift, (len(scans.images), *drift.shape))
    spectra = []
    for number in range(len(scans.images)):
        image, _ = scans.merged(drifts, np.array([number]))
        image = np.where(np.isfinite(image), image - np.nanmean(image), 0.0)
        spectra.append(fft.rfft2(image / max(float(np.sqrt((image**2).sum())), _TINY)))
    score, shifts = 0.0, np.zeros((len(spectra), 2))
    for number, spectrum in enumerate(spectra[1:], 1):
        size = scans.shape
        found = fft.irfft2(spectrum * spectra[0].conj(), size)
        place = np.unravel_index(int(found.argmax()), found.shape)
        score += float(found[place])
        for axis in (0, 1):
            line = np.moveaxis(found, axis, 0)[:, place[1 - axis]]
            n, at = size[axis], int(place[axis])
            before, top, after = line[at - 1], line[at], line[(at + 1) % n]
            bend = before + after - 2 * top
            between = 0.5 * (before - after) / bend if bend < 0 else 0.0
            shifts[number, axis] = (at + n // 2) % n - n // 2 + between
    return score, shifts - shifts.mean(axis=0)


def row_drifts(
    scans: Scans, drifts: np.ndarray, width: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return drifts of every row, their standard deviations, and how alike the scans are then.

    Each row is moved to where it is most like the image of the other scans, together with
    those around it: least squares whose sums are smoothed over `width` rows.
    """
    count = len(scans.images)
    drifts = drifts.copy()
    spread = np.full(drifts.shape, np.nan)
    alike = np.full(count, np.nan)
    widths = np.geomspace(max(scans.images.shape[1] / 8, width), width, _STEPS // 2)
    followed = _Followed(scans.images.shape[1], count)
    for step in range(_STEPS):
        smooth = float(widths[min(step, len(widths) - 1)])
        moved = np.zeros_like(drifts)
        for number in range(count):
            others = np.flatnonzero(np.arange(count) != number)
            moved[number], spread[number], alike[number] = _step(
                scans, drifts, number, others, smooth
            )
        followed.step(smooth)
        # All scans are moved at once, each half of the way.
        moved = np.clip(_PART * moved, -_LIMIT, _LIMIT)
        drifts += moved
        drifts -= drifts.mean(axis=(0, 1))
        if step >= len(widths) and np.abs(moved).max() < 1e-3:
            break
    return drifts, spread * np.sqrt(followed.variance()), alike


class _Followed:
    r"""How much of what noise says each row follows after several steps.

    Each step goes a part of the way that is left, so that of a motion of the frequency k the part
    :math:`1 - \prod_t (1 - p\,e^{-(2 \pi k w_t)^2 / 2})` has been followed after steps of the
    widths w: much faster ones than by a single step of the last width.
    """

    def __init__(self, rows: int, scans: int) -> None:
        self.frequency, self.scans = fft.fftfreq(rows), scans
        self.left = np.ones(rows)

    def step(self, width: float) -> None:
        """Go one step."""
        self.left *= 1.0 - _PART * np.exp(-0.5 * (2 * np.pi * self.frequency * width) ** 2)

    def variance(self) -> float:
        """Return by what the variance of a row alone, from its residuals, is multiplied.

        The image of the other scans is smoothed, but slopes that are smoother still see all of
        its noise.
        """
        others = 1.0 / (self.scans - 1)
        noise = (1.0 + others) / (1.0 + _KEPT * others)
        return float(((1.0 - self.left) ** 2).mean()) * noise


class _Comparison(NamedTuple):
    """What the rows of a scan tell of their places: sums (5, row), noise, and likeness."""

    sums: np.ndarray
    variance: float
    alike: float


def _compared(
    scans: Scans, drifts: np.ndarray, number: int, others: np.ndarray
) -> _Comparison | None:
    """Return how one scan differs from the image of the others; None where it hardly lies on it.

    The sums are those of products of slopes (yy, yx, xx), and of both with the differences.
    """
    image, _ = scans.merged(drifts, others)
    known = np.isfinite(image)
    filled = np.where(known, image, 0.0)
    slopes = np.gradient(filled)
    places = np.stack([
        scans.y[number] - drifts[number, :, None, 0], scans.x[number] - drifts[number, :, None, 1]
    ])  # fmt: skip
    inside = ndimage.map_coordinates(known.astype(float), places, order=1, cval=0.0) > 1 - 1e-6
    inside &= ndimage.binary_erosion(inside) & np.isfinite(scans.images[number])
    seen, down, right = (
        ndimage.map_coordinates(each, places, order=3 if each is filled else 1, mode="nearest")
        for each in (filled, *slopes)
    )
    own = np.where(inside, scans.images[number], 0.0)
    if inside.sum() < 16:
        return None
    factor, level = np.polyfit(seen[inside], own[inside], 1)
    away = np.where(inside, own - factor * seen - level, 0.0)
    gy, gx = (np.where(inside, factor * each, 0.0) for each in (down, right))
    sums = np.stack([(gy * gy).sum(1), (gy * gx).sum(1), (gx * gx).sum(1),
                     (gy * away).sum(1), (gx * away).sum(1)])  # fmt: skip
    variance = float((away[inside] ** 2).mean())
    return _Comparison(sums, variance, float(np.corrcoef(seen[inside], own[inside])[0, 1]))


def _step(
    scans: Scans, drifts: np.ndarray, number: int, others: np.ndarray, width: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return how far the rows of one scan are to be moved, its spread, and its likeness."""
    found = _compared(scans, drifts, number, others)
    if found is None:
        nothing = np.zeros_like(drifts[number])
        return nothing, np.full_like(nothing, np.nan), float("nan")
    yy, yx, xx, by, bx = ndimage.gaussian_filter1d(found.sums, width, axis=1, mode="nearest")
    # A row without anything to see stays where its neighbours are.
    least = 1e-3 * float((yy + xx).mean()) + _TINY
    yy, xx = yy + least, xx + least
    det = yy * xx - yx * yx
    moved = -np.stack([(xx * by - yx * bx) / det, (yy * bx - yx * by) / det], axis=-1)
    spread = np.sqrt(found.variance * np.stack([xx / det, yy / det], axis=-1))
    return moved, spread, found.alike
