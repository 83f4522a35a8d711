"""Deflections as amplitude, phase and frequency beside a drive."""

import functools
from typing import NamedTuple

import numpy as np

from omniscopy.compute.fitting.inner import outer
from omniscopy.compute.threads import share_work
from omniscopy.spm.transients.filters import Filter

# Values that a thread transforms at a time.
_BLOCK = 2**17


class Baseband(NamedTuple):
    """How deflections of one length are brought to the baseband.

    Attributes
    ----------
    samples, padded : int
        Of the deflections, and with what they are continued by.
    step : int
        Every so many samples are kept.
    bins : slice
        Those of the spectrum that pass.
    gains : array, shape (bands, bins)
        What passes, in each of some bands.
    turn : array, shape (kept,)
        What brings the drive to frequency 0, with the factor 2 of an analytic signal.
    solve : array, shape (fitted, 3)
        What fits a wave and a constant to as many samples.
    ends : tuple of array, shape (3, continued)
        What that is beyond the end, and before the beginning.
    """

    samples: int
    padded: int
    step: int
    bins: slice
    gains: np.ndarray
    turn: np.ndarray
    solve: np.ndarray
    ends: tuple[np.ndarray, np.ndarray]

    def signals(self, values: np.ndarray) -> np.ndarray:
        """Return the complex amplitudes, shape (deflections, bands, kept)."""
        from scipy import fft

        count = self.padded // self.step
        spectrum = fft.rfft(self._continued(values), axis=-1)[:, self.bins]
        passed = spectrum[:, None, :] * self.gains
        size = passed.shape[-1]
        # What would be beyond the last bin of the short transform comes back at its beginning.
        folded = np.zeros((*passed.shape[:2], count), dtype=np.complex128)
        for begin in range(0, size, count):
            part = passed[..., begin : begin + count]
            folded[..., : part.shape[-1]] += part
        made = fft.ifft(folded, axis=-1, overwrite_x=True)[..., : self.turn.size]
        made *= self.turn
        return np.asarray(made)

    def _continued(self, values: np.ndarray) -> np.ndarray:
        """Return deflections that go on at the frequency of the drive on both sides."""
        after, before = self.ends
        wide = np.zeros((len(values), self.padded))
        wide[:, : self.samples] = values
        fitted, further = len(self.solve), after.shape[1]
        # Not by libraries of linear algebra, whose threads would get into the way of ours.
        last = np.einsum("rn,nk->rk", values[:, -fitted:], self.solve)
        first = np.einsum("rn,nk->rk", values[:, :fitted], self.solve)
        wide[:, self.samples : self.samples + further] = np.einsum("rk,kn->rn", last, after)
        wide[:, self.padded - further :] = np.einsum("rk,kn->rn", first, before)
        return wide


class Band(NamedTuple):
    """What passes: of a filter at the drive, or at several frequencies (Hz) about it.

    `scaled` filters are as much wider as their frequency is higher.
    """

    made: Filter
    drive: float
    centres: tuple[float, ...] = ()
    scaled: bool = False

    def gains(self, away: np.ndarray) -> np.ndarray:
        """Return the gains at frequencies from the drive on: of the filter, and its derivative.

        For several frequencies those of their filters.
        """
        if not self.centres:
            gain = self.made.response(away)
            return np.stack([gain, 2j * np.pi * away * gain])
        rows = []
        for centre in self.centres:
            distance = away + self.drive - centre
            rows.append(self.made.response(distance * (self.drive / centre if self.scaled else 1)))
        return np.stack(rows)

    @property
    def reach(self) -> float:
        """Return how far from the drive anything passes, in hertz."""
        further = max((abs(each - self.drive) for each in self.centres), default=0.0)
        return self.made.reach * (1.0 + (further / self.drive if self.scaled else 0.0)) + further


@functools.lru_cache(maxsize=8)
def baseband(samples: int, band: Band, step: int) -> Baseband:
    """Return how deflections of so many samples are brought to the baseband."""
    from scipy.fft import next_fast_len

    made, drive = band.made, band.drive
    half = made.length // 2
    padded = step * next_fast_len(-(-(samples + 2 * half) // step))
    width = 1.0 / (padded * made.step)
    first = max(1, int(np.floor((drive - band.reach) / width)))
    last = min(padded // 2, int(np.ceil((drive + band.reach) / width)))
    away = np.arange(first, last + 1) * width - drive
    kept = np.arange(0, samples, step)
    turn = 2.0 / step * np.exp(2j * np.pi * away[0] * made.step * kept)
    solve, ends = continuations(samples, half, drive * made.step)
    bins = slice(first, last + 1)
    return Baseband(samples, padded, step, bins, band.gains(away), turn, solve, ends)


def continuations(
    samples: int, half: int, cycles: float
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Return what continues a wave of `cycles` a sample by half of a filter, on both sides.

    A wave and a constant are fitted to whole periods there, up to as long as is continued.
    """
    periods = max(1, int(min(half, samples // 2) * cycles))
    fitted = min(samples, max(3, round(periods / cycles)))

    def wave(t: np.ndarray) -> np.ndarray:
        angle = 2.0 * np.pi * cycles * t
        return np.stack([np.cos(angle), np.sin(angle), np.ones_like(angle)])

    solve = np.linalg.pinv(wave(np.arange(fitted)))
    return solve, (wave(np.arange(fitted, fitted + half)), wave(np.arange(-half, 0)))


def demodulate(values: np.ndarray, plan: Baseband, threads: int | None = None) -> np.ndarray:
    """Return frequency from the drive (Hz), amplitude and phase (rad) of deflections.

    Parameters
    ----------
    values : array, shape (deflections, samples)
    plan : Baseband
        Of a filter and its derivative.
    threads : int
        Number of threads; one for each core otherwise.

    Returns
    -------
    array, shape (deflections, 3, kept)
    """
    found = np.empty((len(values), 3, plan.turn.size))
    block = max(1, _BLOCK // plan.padded)

    def work(begin: int) -> None:
        part = np.asarray(values[begin : begin + block], np.float64)
        polar(plan.signals(part), found[begin : begin + block])

    share_work(work, range(0, len(values), block), threads)
    return found


@outer
def polar(signals: np.ndarray, found: np.ndarray) -> None:
    """Write frequency, amplitude and phase of signals and their derivatives."""
    turn = 2.0 * np.pi
    for row in range(signals.shape[0]):
        before, whole = 0.0, 0.0
        for n in range(signals.shape[2]):
            z, slope = signals[row, 0, n], signals[row, 1, n]
            square = z.real * z.real + z.imag * z.imag
            found[row, 0, n] = (z.real * slope.imag - z.imag * slope.real) / (turn * square)
            found[row, 1, n] = np.sqrt(square)
            angle = np.arctan2(z.imag, z.real)
            if n > 0:
                whole -= turn * np.round((angle - before) / turn)
            before = angle
            found[row, 2, n] = angle + whole
