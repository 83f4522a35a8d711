r"""Deconvolution of Wigner distributions, for objects of any phase.

Transformed along the scan and over the detector, patterns are a product :math:`a(r, Q)\,t(r, Q)`
with :math:`a = \sum_u \psi(u) \psi^*(u - r) e^{2 \pi i Q u}` of the probe and :math:`t = \sum_R
T(R) T^*(R - r) e^{-2 \pi i Q R}` of the object; it is divided with Wiener's filter.
"""

import numpy as np
from scipy import fft

from omniscopy.compute.threads import available_cores
from omniscopy.diffraction.cameras.corrections import mend
from omniscopy.diffraction.ptychography.experiment import Experiment, Turn

# Values of the patterns of some frequencies that are worked on at a time.
_BLOCK = 2**21


def deconvolve(
    block: np.ndarray, found: Experiment, turn: Turn, middle: tuple[float, float],
    regularisation: float, *, mean: np.ndarray,
) -> np.ndarray:  # fmt: skip
    r"""Return what an object multiplies the wave with, shape (y, x); the mean is real.

    Where the direct beam is much of the wave, :math:`t(r, Q)` is :math:`T(Q) T_0^* + T_0 T^*(-Q)
    e^{-2 \pi i Q r}`, with the direct beam :math:`T_0` [1]_.

    References
    ----------
    .. [1] J. M. Rodenburg and R. H. T. Bates, *Philosophical Transactions A* 339, 521 (1992).
    """
    rows, columns, *pattern = block.shape
    filled = _filled(block, mean)
    spectra = fft.fft2(filled, axes=(0, 1), norm="forward", workers=available_cores())
    spectra = spectra.reshape(rows * columns, *pattern) / (filled.sum() / (rows * columns))
    ky, kx = found.ky - middle[0], found.kx - middle[1]
    number, share, qy, qx = _frequencies(found, turn, (rows, columns))
    aperture = found.beam.aperture(ky[:, None], kx[None, :])
    aperture /= np.sqrt((np.abs(aperture) ** 2).sum())
    probe = fft.ifft2(aperture)
    # Positions that belong to the pixels of the detector by Fourier's transform, in nm.
    y, x = (np.fft.fftfreq(len(axis), float(axis[1] - axis[0])) for axis in (ky, kx))
    wanted = np.flatnonzero(np.hypot(qy, qx) < 2 * found.beam.radius)
    transform = np.zeros(rows * columns, dtype=complex)
    some = max(1, _BLOCK // (pattern[0] * pattern[1]))
    for begin in range(0, len(wanted), some):
        part = wanted[begin : begin + some]
        turns = [_turns(q[part], r) for q, r in ((qy, y), (qx, x))]
        shifted = fft.fft2(
            probe * turns[0][:, :, None] * turns[1][:, None, :], workers=available_cores()
        )
        known, seen = (
            fft.ifft2(each, norm="forward", workers=available_cores())
            for each in (shifted * aperture.conj(), spectra[number[part]])
        )
        passed = _transmitted(known, seen, (turns[0], turns[1]), regularisation)
        np.add.at(transform, number[part], share[part] * passed)
    direct = transform[0].real
    if not direct > 0:
        return np.full((rows, columns), np.nan, dtype=complex)
    wave = (transform / np.sqrt(direct)).reshape(rows, columns)
    return np.asarray(fft.ifft2(wave, norm="forward"))


def _frequencies(
    found: Experiment, turn: Turn, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return numbers in the transform, shares, and frequencies in 1/nm along the detector's axes.

    The highest frequency of an even number of positions is there with both signs, each a half of
    it: the patterns do not tell which one it is.
    """
    numbers, shares, values = [], [], []
    for n, step in zip(shape, found.steps, strict=True):
        number, value, share = np.arange(n), np.fft.fftfreq(n, step), np.ones(n)
        if n % 2 == 0:
            share[n // 2] = 0.5
            number, share = np.append(number, n // 2), np.append(share, 0.5)
            value = np.append(value, -value[n // 2])
        numbers.append(number)
        shares.append(share)
        values.append(value)
    qy, qx = turn.to_detector(values[0][:, None], values[1][None, :])
    return (
        np.add.outer(numbers[0] * shape[1], numbers[1]).ravel(),
        np.outer(*shares).ravel(), qy.ravel(), qx.ravel(),
    )  # fmt: skip


def _turns(q: np.ndarray, r: np.ndarray) -> np.ndarray:
    r"""Return :math:`e^{2 \pi i Q r}`, shape (frequencies, positions).

    The furthest position of an even number is at both sides, each a half of it.
    """
    found = np.exp(2j * np.pi * np.outer(q, r))
    if len(r) % 2 == 0:
        found[:, len(r) // 2] = found[:, len(r) // 2].real
    return found


def _filled(block: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Return patterns without NaN: that of a position is the mean, that of all is as around it."""
    filled = np.where(np.isfinite(block), block, np.where(np.isfinite(mean), mean, np.nan))
    filled = filled.astype(np.float64)
    dead = ~np.isfinite(mean)
    if dead.any():
        mend(filled, dead)
    return np.nan_to_num(filled, copy=False)


def _transmitted(
    probe: np.ndarray, seen: np.ndarray, turns: tuple[np.ndarray, np.ndarray],
    regularisation: float,
) -> np.ndarray:  # fmt: skip
    r"""Return :math:`T(Q) T_0^*` of some frequencies, from transforms over the detector.

    The filter is a window on :math:`r`, through which both parts of :math:`t(r, Q)` are seen:
    they are solved for together.
    """
    power = np.abs(probe) ** 2
    divided = probe.conj() * seen / (power + regularisation)
    passed = power / (power + regularisation)
    total = passed.sum(axis=(1, 2)) + 1e-30
    own = divided.sum(axis=(1, 2)) / total
    other = np.einsum("nij,ni,nj->n", divided, *turns) / total
    crossed = np.einsum("nij,ni,nj->n", passed, *turns).conj() / total
    apart = 1.0 - np.abs(crossed) ** 2
    # The direct beam stands alone; frequencies that the probe hardly reaches are damped.
    both = (own - crossed * other) * apart / (apart**2 + regularisation)
    reached = total / passed[0].size
    damped = reached / (reached + regularisation)
    return np.asarray(np.where(apart < 1e-9, own, both) * damped)
