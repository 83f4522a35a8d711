r"""Interference of the direct beam with what a thin object scatters: single side bands.

Of an object :math:`e^{i\varphi}` with a small phase, the intensity at a pixel :math:`k` varies
along the scan as :math:`G(k, Q) = i \Phi(Q) \Gamma(k, Q)`, with :math:`\Gamma = A^*(k) A(k - Q) -
A(k) A^*(k + Q)`. Arrays of frequencies have the shape (pixels, y, x).
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy import fft

from omniscopy.compute.threads import available_cores
from omniscopy.diffraction.cameras.corrections import mend
from omniscopy.diffraction.ptychography.experiment import Beam, Experiment, Turn

# Values of a block of pixels and frequencies that are worked on at a time.
_BLOCK = 2**21


def frequencies(found: Experiment, turn: Turn, shape: tuple[int, int]) -> tuple[np.ndarray, ...]:
    """Return the frequencies of the scan in 1/nm along the axes of the detector, shape (y, x)."""
    step_y, step_x = found.steps
    qy, qx = np.fft.fftfreq(shape[0], step_y)[:, None], np.fft.fftfreq(shape[1], step_x)[None, :]
    return turn.to_detector(qy, qx)


class Disc(NamedTuple):
    """Pixels in the disc that are known, in flat indices, where they are, and how many it has."""

    inside: np.ndarray
    ky: np.ndarray
    kx: np.ndarray
    size: int
    """With those that are not known."""


def pixels_of_disc(found: Experiment, middle: tuple[float, float], mean: np.ndarray) -> Disc:
    """Return the pixels in the disc, from its middle, that the mean pattern is known at."""
    ky, kx = np.meshgrid(found.ky - middle[0], found.kx - middle[1], indexing="ij")
    within = (np.hypot(ky, kx) <= found.beam.radius * (1 + 1e-9)).ravel()
    inside = np.flatnonzero(within & np.isfinite(mean).ravel())
    return Disc(inside, ky.ravel()[inside], kx.ravel()[inside], int(np.count_nonzero(within)))


def mean_of(block: np.ndarray) -> np.ndarray:
    """Return the mean pattern of a scan (y, x, ky, kx), NaN at pixels that are never known."""
    known = np.isfinite(block)
    count = known.sum(axis=(0, 1))
    sums = np.where(known, block, 0.0).sum(axis=(0, 1), dtype=np.float64)
    return np.asarray(np.where(count > 0, sums / np.maximum(count, 1), np.nan))


def total_of(mean: np.ndarray) -> float:
    """Return the sum of a mean pattern; pixels that are not known have that of those around."""
    dead = ~np.isfinite(mean)
    if dead.any():
        mean = mean.copy()
        mend(mean, dead)
    return float(np.nansum(mean))


def bright_spectra(
    block: np.ndarray, inside: np.ndarray, total: float
) -> Iterator[tuple[slice, np.ndarray]]:
    """Give transforms along the scan, of some pixels at a time: shape (pixels, y, x).

    They are those of the intensity as a part of the total that a pattern has in the mean, and
    divided by the number of positions. Values that are NaN count as the mean of their pixel.
    """
    rows, columns = block.shape[:2]
    flat = block.reshape(rows, columns, -1)
    some = max(1, _BLOCK // (rows * columns))
    for begin in range(0, len(inside), some):
        part = slice(begin, begin + some)
        images = np.moveaxis(flat[..., inside[part]], -1, 0).astype(np.float64)
        known = np.isfinite(images)
        if not known.all():
            count = np.maximum(known.sum(axis=(1, 2), keepdims=True), 1)
            mean = np.where(known, images, 0.0).sum(axis=(1, 2), keepdims=True) / count
            images = np.where(known, images, mean)
        spectra = fft.fft2(images, axes=(1, 2), norm="forward", workers=available_cores())
        yield part, spectra / total


def interference(
    beam: Beam, ky: np.ndarray, kx: np.ndarray, qy: np.ndarray, qx: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    r"""Return :math:`A^*(k) A(k - Q)` and :math:`A(k) A^*(k + Q)`, shape (pixels, y, x)."""
    ky, kx = ky[:, None, None], kx[:, None, None]
    own = beam.aperture(ky, kx)
    minus = own.conj() * beam.aperture(ky - qy, kx - qx)
    plus = own * beam.aperture(ky + qy, kx + qx).conj()
    return minus, plus


def side_band(
    block: np.ndarray, found: Experiment, turn: Turn, middle: tuple[float, float],
    regularisation: float, *, mean: np.ndarray, both: bool, white: bool = False,
) -> np.ndarray:  # fmt: skip
    r"""Return the phase of a thin object in rad, shape (y, x), with the mean 0.

    Least squares of :math:`G = i \Phi \Gamma / n` over the pixels where one side band alone
    interferes with the direct beam [1]_; with `both`, those too where two do, which cancel
    without aberrations. With `white` the noise of all frequencies is the same, and those of the
    phase are multiplied by the root of :math:`\sum |\Gamma|^2 / n` [2]_.

    References
    ----------
    .. [1] T. J. Pennycook et al., *Ultramicroscopy* 151, 160 (2015).
    .. [2] K. Ooe, T. Seki, Y. Ikuhara, N. Shibata, *Ultramicroscopy* 220, 113133 (2021).
    """
    inside, ky, kx, size = pixels_of_disc(found, middle, mean)
    qy, qx = frequencies(found, turn, block.shape[:2])
    measured = np.zeros(qy.shape, dtype=complex)
    power = np.zeros(qy.shape)
    for part, spectra in bright_spectra(block, inside, total_of(mean)):
        minus, plus = interference(found.beam, ky[part], kx[part], qy, qx)
        gamma = minus - plus
        if not both:
            gamma *= (minus != 0) ^ (plus != 0)
        measured += (gamma.conj() * spectra).sum(axis=0)
        power += (np.abs(gamma) ** 2).sum(axis=0)
    if white:
        spectrum = np.sqrt(size) * measured / (1j * np.sqrt(np.maximum(power, 0.5)))
    else:
        spectrum = size * measured / (1j * (power + regularisation * len(inside)))
    spectrum[(power < 0.5) | ((qy == 0) & (qx == 0))] = 0.0
    return np.asarray(fft.ifft2(spectrum, norm="forward").real)
