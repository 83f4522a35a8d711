"""Patterns prepared for a template, and correlated with it in Fourier space."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal, get_args

import numpy as np
from scipy import fft, special

from omniscopy.diffraction.discs.disc_kernel import CLASSES, PER_PIXEL

Transform = Literal["none", "sqrt", "log"]
# What of a template counts as nothing, over its largest value.
_NOTHING = 1e-3
# The highest mean in the table of variances, and its steps.
_HIGHEST, _PER_ONE = 25, 20


@dataclass(frozen=True)
class Template:
    """A template on the pixels of patterns, its middle in its middle: shape (2 n + 1, 2 m + 1)."""

    values: np.ndarray

    @cached_property
    def sides(self) -> tuple[int, int]:
        """Return the pixels on each side of the middle."""
        return self.values.shape[0] // 2, self.values.shape[1] // 2

    @cached_property
    def kernel(self) -> np.ndarray:
        """Return the values in single precision."""
        return np.ascontiguousarray(self.values, np.float32)

    @cached_property
    def used(self) -> np.ndarray:
        """Return the first pixel of each row that counts and the one after the last."""
        there = np.abs(self.values) > _NOTHING * np.abs(self.values).max()
        first = np.where(there.any(axis=1), there.argmax(axis=1), 0)
        last = np.where(there.any(axis=1), there.shape[1] - there[:, ::-1].argmax(axis=1), 0)
        return np.ascontiguousarray([first, last], np.int64)

    @cached_property
    def _inside(self) -> np.ndarray:
        column = np.arange(self.values.shape[1])
        return (column >= self.used[0][:, None]) & (column < self.used[1][:, None])

    @cached_property
    def disc(self) -> np.ndarray:
        """Return how much of the disc is on each pixel, from 0 to 1."""
        level = np.median(self.values[self.values > 0.5 * self.values.max()])
        return np.clip(self.values / level, 0.0, 1.0)

    @cached_property
    def bright(self) -> np.ndarray:
        """Return which pixels belong to the disc, as 0 and 1."""
        return np.ascontiguousarray(self.disc > 0.5, np.float32)

    @cached_property
    def reach(self) -> tuple[float, float]:
        """Return the radii of the disc along rows and columns, in pixels."""
        rows, columns = np.nonzero(self.bright)
        return (np.ptp(rows) + 1) / 2, (np.ptp(columns) + 1) / 2

    @cached_property
    def sums(self) -> np.ndarray:
        """Return how many pixels count, their sum, and that of their squares."""
        values = self.values[self._inside]
        return np.array([values.size, values.sum(), (values**2).sum()])

    @cached_property
    def moved(self) -> np.ndarray:
        """Return derivatives of the template at parts of a pixel: see `derivatives_of`."""
        values = np.where(self._inside, self.values, 0.0)
        return derivatives_of(values.tobytes(), values.shape)

    @cached_property
    def slopes(self) -> np.ndarray:
        """Return brightness and sums of squared derivatives for classes of pixels.

        Shape (classes, 6): how bright the disc is, and the sums of (d/dy)^2, (d/dx)^2,
        (d/dy)(d/dx), (d2/dy2)^2 and (d2/dx2)^2. The derivatives are those of a parabola through
        3 by 3 pixels, as the peak of a correlation is found first.
        """
        wide = np.pad(np.where(self._inside, self.values, 0.0), 2)
        disc = np.pad(self.disc, 2)
        dy, dx, yy, xx = (np.zeros_like(wide) for _ in range(4))
        for n in (-1, 0, 1):
            before, after = np.roll(wide, (1, n), (0, 1)), np.roll(wide, (-1, n), (0, 1))
            dy += (after - before) / 6
            yy += (after - 2 * np.roll(wide, n, 1) + before) / 3
            before, after = np.roll(wide, (n, 1), (0, 1)), np.roll(wide, (n, -1), (0, 1))
            dx += (after - before) / 6
            xx += (after - 2 * np.roll(wide, n, 0) + before) / 3
        return _by_class(disc, dy, dx, yy, xx)

    @cached_property
    def exact_slopes(self) -> np.ndarray:
        """Return the same for a peak of the trigonometric interpolation.

        Its place does not depend on the noise of the second derivatives.
        """
        middle = self.moved[PER_PIXEL // 2, PER_PIXEL // 2].astype(np.float64)
        nothing = np.zeros_like(middle[0])
        return _by_class(self.disc, middle[0], middle[1], nothing, nothing)

    @cached_property
    def significance(self) -> float:
        """Return the coefficient of correlation that noise alone does not reach."""
        return float(min(5.0 / np.sqrt(self.sums[0]), 0.8))

    def padded_shape(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Return the shape of patterns with room for the template on each side."""
        return shape[0] + 2 * self.sides[0], shape[1] + 2 * self.sides[1]

    @cached_property
    def _spectra(self) -> dict[tuple[int, int], np.ndarray]:
        return {}

    def spectrum(self, whole: tuple[int, int]) -> np.ndarray:
        """Return the conjugate transform, for patterns that begin where they are not padded."""
        if whole in self._spectra:
            return self._spectra[whole]
        placed = np.zeros(whole, np.float32)
        rows, columns = (
            np.arange(-side, side + 1) % size for side, size in zip(self.sides, whole, strict=True)
        )
        placed[np.ix_(rows, columns)] = np.where(self._inside, self.kernel, 0.0)
        self._spectra[whole] = np.asarray(fft.rfft2(placed).conj())
        return self._spectra[whole]


def _by_class(
    disc: np.ndarray, dy: np.ndarray, dx: np.ndarray, yy: np.ndarray, xx: np.ndarray
) -> np.ndarray:
    """Return brightness and sums of squares for classes of pixels of a disc."""
    level = np.minimum((disc * CLASSES).astype(int), CLASSES - 1)
    made = np.zeros((CLASSES, 6))
    for n in range(CLASSES):
        mine = level == n
        if mine.any():
            weight = (dy**2 + dx**2)[mine]
            mean = np.average(disc[mine], weights=weight) if weight.sum() > 0 else 0.0
            products = [each[mine] for each in (dy**2, dx**2, dy * dx, yy**2, xx**2)]
            made[n] = (mean, *(each.sum() for each in products))
    return made


@lru_cache(maxsize=4)
def derivatives_of(values: bytes, shape: tuple[int, int]) -> np.ndarray:
    """Return what a correlation with a template changes by where the template is moved.

    Parameters
    ----------
    values : bytes
        The template, double precision, of this `shape`, both sides odd.

    Returns
    -------
    array of float32, shape (PER_PIXEL + 1, PER_PIXEL + 1, 5, *shape)
        For places from half a pixel before to half a pixel after the middle along ky and kx:
        derivatives d/dy, d/dx, d2/dy2, d2/dx2, d2/dydx by the place, of the trigonometric
        interpolation of the template, which has nothing around it.
    """
    template = np.frombuffer(values).reshape(shape)
    places = (np.arange(PER_PIXEL + 1) - PER_PIXEL / 2) / PER_PIXEL
    along = []
    for size in shape:
        # Room for what an interpolation adds on both sides; the length stays odd.
        room = 8
        whole = np.eye(size + 2 * room)[:, room : room + size]
        k = 2j * np.pi * fft.fftfreq(len(whole))
        moved = np.exp(-places[:, None] * k)[:, None] * (-k) ** np.arange(3)[:, None]
        made = fft.ifft(moved[..., None] * fft.fft(whole, axis=0), axis=2).real
        along.append(made[:, :, room : room + size])
    orders = [(1, 0), (0, 1), (2, 0), (0, 2), (1, 1)]
    each = [
        np.einsum("aij,jk,blk->abil", along[0][:, n], template, along[1][:, m], optimize=True)
        for n, m in orders
    ]
    found = np.ascontiguousarray(np.stack(each, axis=2), np.float32)
    found.flags.writeable = False
    return found


def prepared(
    patterns: np.ndarray, template: Template, transform: Transform
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return patterns transformed and padded, their scales, and which hold any value.

    Pixels that are NaN get the mean of their neighbours; patterns are followed by room for the
    lanes of the kernel.
    """
    count, rows, columns = patterns.shape
    (y, x), (high, wide) = template.sides, template.padded_shape((rows, columns))
    padded = np.zeros((count, high, wide + 8), np.float32)
    inner = padded[:, y : y + rows, x : x + columns]
    # Counts go through memory once.
    counts = transform == "sqrt" and patterns.dtype.kind in "bu"
    if counts:
        np.sqrt(patterns, out=inner, dtype=np.float32)
    else:
        inner[...] = patterns
    known: np.ndarray = np.ones(count, bool)
    scales = np.ones(count)
    if patterns.dtype.kind == "f":
        finite = np.isfinite(inner)
        known = np.asarray(finite.any(axis=(1, 2)))
        for n in np.flatnonzero(~finite.all(axis=(1, 2))):
            _fill(inner[n], finite[n])
    if transform == "sqrt" and not counts:
        np.maximum(inner, 0, out=inner)
        np.sqrt(inner, out=inner)
    elif transform == "log":
        np.maximum(inner, 0, out=inner)
        mean = inner.mean(axis=(1, 2), dtype=np.float64)
        scales = np.where(mean > 0, mean, 1.0)
        inner[...] = np.log1p(inner / scales[:, None, None])
    return padded, scales, known


def _fill(pattern: np.ndarray, finite: np.ndarray) -> None:
    from scipy.ndimage import uniform_filter

    values = np.where(finite, pattern, 0.0)
    part = uniform_filter(finite.astype(np.float64), 3, mode="constant")
    around = uniform_filter(values.astype(np.float64), 3, mode="constant")
    pattern[~finite] = (around / np.maximum(part, 1e-12))[~finite]


def correlated(
    padded: np.ndarray, template: Template, shape: tuple[int, ...], power: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return maps of the correlation of patterns, and their spectra."""
    (y, x), (rows, columns) = template.sides, shape
    whole = (
        fft.next_fast_len(rows + 2 * y, real=True),
        fft.next_fast_len(columns + 2 * x, real=True),
    )
    spectra = fft.rfft2(padded[:, y : y + rows, x : x + columns], whole)
    spectra *= template.spectrum(whole)
    if power != 1:
        size = np.abs(spectra)
        size = np.maximum(size, 1e-12 * size.max(axis=(1, 2), keepdims=True) + 1e-30)
        spectra *= size ** np.float32(power - 1)
    # Rows that only room was made for are not transformed back.
    lines = fft.ifft(spectra, axis=1)[:, :rows]
    return np.asarray(fft.irfft(lines, whole[1])[:, :, :columns]), spectra


def refined(spectrum: np.ndarray, columns: int, places: np.ndarray, steps: int = 3) -> np.ndarray:
    """Return where a correlation peaks, by Newton's method on its trigonometric interpolation.

    Parameters
    ----------
    spectrum : array of complex, shape (rows, columns // 2 + 1)
        Half of the transform of the map, that has so many `columns`.
    places : array, shape (peaks, 2)
        Near to the peaks, in pixels; those that move by more than one stay where they were.
    """
    rows = spectrum.shape[0]
    ky = 2j * np.pi * fft.fftfreq(rows)
    kx = 2j * np.pi * np.arange(spectrum.shape[1]) / columns
    twice = np.full(kx.shape, 2.0)
    twice[0] = 1.0
    if columns % 2 == 0:
        twice[-1] = 1.0
    at = places.copy()
    for _ in range(steps):
        along_y = np.exp(at[:, :1] * ky)
        along_x = np.exp(at[:, 1:] * kx) * twice
        columns_of = np.stack([along_x, along_x * kx, along_x * kx**2]).astype(spectrum.dtype)
        inner = (columns_of.reshape(-1, len(kx)) @ spectrum.T).reshape(3, len(at), rows)
        dy, yy = along_y * ky, along_y * ky**2
        first = ((dy * inner[0]).sum(1).real, (along_y * inner[1]).sum(1).real)
        bend = (
            (yy * inner[0]).sum(1).real, (along_y * inner[2]).sum(1).real,
            (dy * inner[1]).sum(1).real,
        )  # fmt: skip
        det = bend[0] * bend[1] - bend[2] ** 2
        good = (det > 0) & (bend[0] < 0)
        safe = np.where(good, det, 1.0)
        step = (
            np.stack(
                [bend[2] * first[1] - bend[1] * first[0], bend[2] * first[0] - bend[0] * first[1]],
                1,
            )
            / safe[:, None]
        )
        at = at + np.where(good[:, None], np.clip(step, -0.5, 0.5), 0.0)
    return np.where((np.abs(at - places) <= 1).all(axis=1, keepdims=True), at, places)


def variances_of_roots() -> np.ndarray:
    """Return the variance of the root of Poisson numbers whose means go in steps of 1 / 20."""
    means = np.arange(_HIGHEST * _PER_ONE) / _PER_ONE
    numbers = np.arange(120)
    log = numbers * np.log(np.maximum(means, 1e-300))[:, None] - special.gammaln(numbers + 1)
    chance = np.exp(log - means[:, None])
    return np.asarray(means - (chance @ np.sqrt(numbers)) ** 2)


TRANSFORMS = {name: number for number, name in enumerate(get_args(Transform))}
