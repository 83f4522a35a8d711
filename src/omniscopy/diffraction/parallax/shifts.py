r"""How far the images of single pixels of the bright-field disc are shifted.

Images are given by their spectra along the scan, shape (pixels, y, x), and shifts are in the
units of the inverse of the frequencies, shape (pixels, 2), as (y, x). An image that is moved by
:math:`s` has its spectrum multiplied by :math:`e^{-2 \pi i q s}`.
"""

from dataclasses import dataclass

import numpy as np
from scipy import fft

from omniscopy.compute.threads import available_cores
from omniscopy.diffraction.ptychography.experiment import Turn

# Groups of pixels across the disc, in the order in which they are aligned.
_LEVELS = (5, 9)
_NEWTON_STEPS = 4

# Frequencies along an axis that tell the first defocus, and the order of products for it.
_FREQUENCIES = 20
_PATH = ["einsum_path", (0, 2), (0, 1)]


@dataclass(frozen=True)
class Images:
    """Spectra of images, where their pixels are in the disc, and frequencies along y and x."""

    spectra: np.ndarray
    k: np.ndarray
    qy: np.ndarray
    qx: np.ndarray

    def moved(self, shifts: np.ndarray) -> np.ndarray:
        """Return the spectra of images that are moved back by these shifts."""
        y = np.exp(2j * np.pi * np.outer(shifts[:, 0], self.qy)).astype(np.complex64)
        x = np.exp(2j * np.pi * np.outer(shifts[:, 1], self.qx)).astype(np.complex64)
        return np.asarray(self.spectra * y[:, :, None] * x[:, None, :])


@dataclass(frozen=True)
class Shifts:
    """Shifts of groups of pixels, the middles of these, and the plane through them.

    `slope` (2, 2) times the middle is the shift.
    """

    k: np.ndarray
    shifts: np.ndarray
    slope: np.ndarray


def align(images: Images, across: float, rotation: float | None, *, flip: bool | None) -> Shifts:
    """Return how images are shifted, by groups of pixels that become smaller.

    Each group is compared with the sum of all others, moved back by the plane through the shifts
    that was found before; the first is that of the best defocus. `across` is the number of pixels
    in a diameter.
    """
    levels = [level for level in _LEVELS if level < 0.7 * across] or [_LEVELS[0]]
    slope = _best_defocus(images, _groups(images.k, levels[-1]), rotation, flip=flip)
    step = abs(1.0 / (len(images.qy) * images.qy[1]))
    for level in levels:
        groups = _groups(images.k, level)
        for _ in range(3):
            before = slope
            found = _aligned(images, groups, before)
            slope = found.slope
            if np.abs((slope - before) @ images.k.T).max() < 1e-3 * step:
                break
    return found


def _best_defocus(
    images: Images, groups: np.ndarray, rotation: float | None, *, flip: bool | None
) -> np.ndarray:
    """Return the slope of a defocus and a rotation that leave the sum of images the strongest."""
    keep_y, keep_x = (
        np.flatnonzero(np.abs(np.fft.fftfreq(len(q), 1.0 / len(q))) <= _FREQUENCIES)
        for q in (images.qy, images.qx)
    )
    qy, qx = images.qy[keep_y], images.qx[keep_x]
    sizes = np.bincount(groups).astype(np.float64)
    k = np.stack([np.bincount(groups, images.k[:, n]) / sizes for n in (0, 1)], axis=1)
    sums = np.zeros((len(sizes), len(qy), len(qx)), dtype=np.complex64)
    np.add.at(sums, groups, images.spectra[:, keep_y[:, None], keep_x])
    radius = np.hypot(k[:, 0], k[:, 1]).max()
    # Edges of the disc shifted by up to 0.4 of the scan, in steps of half of what is resolved.
    furthest = 0.4 * min(abs(1.0 / images.qy[1]), abs(1.0 / images.qx[1]))
    finest = 0.25 / max(np.abs(qy).max(), np.abs(qx).max())
    lengths = np.arange(-furthest, furthest + finest, max(finest, furthest / 40)) / radius
    turns = np.arange(-90.0, 90.0, 15.0) if rotation is None else [rotation]
    flips = (False, True) if flip is None else (flip,)
    best, found = -np.inf, np.zeros((2, 2))
    for slope in (
        -length * Turn(turn, mirrored).matrix.T
        for mirrored in flips
        for turn in turns
        for length in lengths
    ):
        shifts = k @ slope.T
        y = np.exp(2j * np.pi * np.outer(shifts[:, 0], qy)).astype(np.complex64)
        x = np.exp(2j * np.pi * np.outer(shifts[:, 1], qx)).astype(np.complex64)
        total = np.einsum("gij,gi,gj->ij", sums, y, x, optimize=_PATH)
        power = float((total.real**2 + total.imag**2).sum())
        if power > best:
            best, found = power, slope
    return found


def _groups(k: np.ndarray, across: int) -> np.ndarray:
    """Return the number of the group of each pixel."""
    radius = np.abs(k).max() * (1 + 1e-9)
    cells = np.floor((k + radius) / (2 * radius) * across).astype(int)
    _, groups = np.unique(cells[:, 0] * across + cells[:, 1], return_inverse=True)
    return np.asarray(groups)


def _aligned(images: Images, groups: np.ndarray, slope: np.ndarray) -> Shifts:
    count = groups.max() + 1
    sizes = np.bincount(groups, minlength=count).astype(np.float64)
    middles = np.stack([np.bincount(groups, images.k[:, n]) / sizes for n in (0, 1)], axis=1)
    moved = images.moved(images.k @ slope.T)
    sums = np.zeros((count, *moved.shape[1:]), dtype=np.complex64)
    np.add.at(sums, groups, moved)
    reference = sums.sum(axis=0) - sums
    more = _peaks(sums * reference.conj(), images.qy, images.qx)
    shifts = middles @ slope.T + more
    return _plane(middles, shifts, sizes)


def _peaks(products: np.ndarray, qy: np.ndarray, qx: np.ndarray) -> np.ndarray:
    """Return where correlations are largest near 0, shape (images, 2)."""
    rows, columns = len(qy), len(qx)
    plane = fft.ifft2(products, workers=available_cores()).real
    pixel = np.array([1.0 / (rows * qy[1]), 1.0 / (columns * qx[1])])
    number_y, number_x = np.fft.fftfreq(rows, 1.0 / rows), np.fft.fftfreq(columns, 1.0 / columns)
    near_y = np.abs(number_y) <= max(2, rows // 10)
    near_x = np.abs(number_x) <= max(2, columns // 10)
    plane = np.where(near_y[:, None] & near_x, plane, -np.inf)
    at = np.argmax(plane.reshape(len(plane), -1), axis=1)
    start = np.stack([number_y[at // columns], number_x[at % columns]], axis=1) * pixel
    found = start.copy()
    for _ in range(_NEWTON_STEPS):
        step = _newton_step(products, qy, qx, found)
        found = start + np.clip(found + step - start, -0.75 * abs(pixel), 0.75 * abs(pixel))
    return found


def _newton_step(
    products: np.ndarray, qy: np.ndarray, qx: np.ndarray, at: np.ndarray
) -> np.ndarray:
    """Return the step to where the correlation is largest, 0 where it is not curved down."""
    wave_y, wave_x = (np.exp(2j * np.pi * np.outer(at[:, n], q)) for n, q in ((0, qy), (1, qx)))
    powers_y = np.stack([wave_y * (2j * np.pi * qy) ** n for n in range(3)], axis=1)
    powers_x = np.stack([wave_x * (2j * np.pi * qx) ** n for n in range(3)], axis=1)
    sums = np.einsum("nai,nij,nbj->nab", powers_y, products, powers_x, optimize=True).real
    gradient = np.stack([sums[:, 1, 0], sums[:, 0, 1]], axis=1)
    yy, xx, yx = sums[:, 2, 0], sums[:, 0, 2], sums[:, 1, 1]
    determinant = yy * xx - yx**2
    down = (yy < 0) & (xx < 0) & (determinant > 0)
    safe = np.where(down, determinant, 1.0)
    y = -(xx * gradient[:, 0] - yx * gradient[:, 1]) / safe
    x = -(yy * gradient[:, 1] - yx * gradient[:, 0]) / safe
    return np.where(down[:, None], np.stack([y, x], axis=1), 0.0)


def _plane(k: np.ndarray, shifts: np.ndarray, weights: np.ndarray) -> Shifts:
    """Return the plane through shifts, with those far from it left out more and more."""
    basis = np.concatenate([k, np.ones((len(k), 1))], axis=1)
    robust = np.ones(len(k))
    for _ in range(8):
        total = weights * robust
        normal = (basis * total[:, None]).T @ basis
        inverse = np.linalg.pinv(normal)
        fitted = inverse @ (basis * total[:, None]).T @ shifts
        away = shifts - basis @ fitted
        distance = np.hypot(away[:, 0], away[:, 1])
        scale = 1.5 * np.median(distance) + 1e-12 * (np.abs(shifts).max() + 1e-30)
        robust = np.minimum(1.0, 2.0 * scale / np.maximum(distance, 1e-300))
    return Shifts(k, shifts - fitted[2], fitted[:2].T)
