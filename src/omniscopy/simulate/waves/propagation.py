r"""Waves from slice to slice: :math:`\psi \leftarrow F^{-1}[p\, F[t\, \psi]]` [1]_.

A wave keeps two thirds of the frequencies, so that its product with a slice does not fold into
them. Along x the others need no transforms along y: of the transforms of a step a sixth is saved.

References
----------
.. [1] J. M. Cowley and A. F. Moodie, Acta Cryst. 10, 609 (1957); E. J. Kirkland, *Advanced
   Computing in Electron Microscopy*, 2nd ed., Springer (2010), chapter 6.
"""

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import fft

from omniscopy.compute.threads import share_work
from omniscopy.physics import electron
from omniscopy.simulate.waves.grids import Grid

Complexes = npt.NDArray[Any]


class Stepper:
    """Takes one wave through slices; it holds arrays to work in, so each thread has its own.

    Waves are shape (y, x); spectra are their transforms (sums without a factor) in the band,
    shape (ky, kx of the band).
    """

    def __init__(self, grid: Grid, dtype: npt.DTypeLike, workers: int = 1) -> None:
        self.grid, self.dtype, self.workers = grid, np.dtype(dtype), workers
        self._wave: Complexes = np.zeros(grid.shape, self.dtype)
        self._band: Complexes = np.zeros(grid.square.shape, self.dtype)
        self.scale = 1.0 / (grid.shape[0] * grid.shape[1])

    def to_band(self, wave: Complexes) -> Complexes:
        """Return the spectrum of a wave, which is used up; the limit is not yet applied."""
        (above, below), band = self.grid.columns, self._band
        rows = fft.fft(wave, axis=1, overwrite_x=True, workers=self.workers)
        band[:, :above] = rows[:, :above]
        band[:, above:] = rows[:, rows.shape[1] - below :]
        self._wave = rows
        return np.asarray(fft.fft(band, axis=0, overwrite_x=True, workers=self.workers))

    def to_wave(self, spectrum: Complexes) -> Complexes:
        """Return the wave of a spectrum, which is used up; it has the factor 1/N in it."""
        (above, below), wave = self.grid.columns, self._wave
        columns = fft.ifft(spectrum, axis=0, norm="forward", overwrite_x=True, workers=self.workers)
        last = wave.shape[1] - below
        wave[:, :above] = columns[:, :above]
        wave[:, above:last] = 0.0
        wave[:, last:] = columns[:, above:]
        self._band = columns
        made = fft.ifft(wave, axis=1, norm="forward", overwrite_x=True, workers=self.workers)
        return np.asarray(made)

    def through(
        self, wave: Complexes, slices: Sequence[Complexes], order: Sequence[int], p: Sequence[Any]
    ) -> Iterator[Complexes]:
        """Give the spectrum behind each slice; `p` are propagators with 1/N in them."""
        spectrum = None
        for place, number in enumerate(order):
            if spectrum is not None:
                wave = self.to_wave(spectrum)
            np.multiply(wave, slices[number], out=wave)
            spectrum = self.to_band(wave)
            spectrum *= p[place]
            yield spectrum


def propagator(
    grid: Grid, thickness: float, voltage: float, tilt: tuple[float, float], dtype: npt.DTypeLike
) -> Complexes:
    r"""Return what a thickness (Å) of vacuum does to spectra, with the band limit and 1/N.

    :math:`e^{-i\pi\lambda\Delta z k^2 + 2\pi i \Delta z (k_y \tan t_y + k_x \tan t_x)}` with the
    tilt in mrad: rows of atoms lean towards +y and +x with depth, and waves are seen from them.
    """
    length = float(electron.wavelength(voltage))
    slope_y, slope_x = np.tan(1e-3 * np.asarray(tilt, np.float64))
    lean = grid.ky[:, None] * slope_y + grid.band_kx[None, :] * slope_x
    phase = np.pi * thickness * (2.0 * lean - length * grid.square)
    scale = grid.inside / (grid.shape[0] * grid.shape[1])
    return np.asarray((scale * np.exp(1j * phase)).astype(dtype))


def propagators(
    grid: Grid, thickness: npt.ArrayLike, voltage: float, tilt: tuple[float, float],
    dtype: npt.DTypeLike,
) -> list[Complexes]:  # fmt: skip
    """Return the propagator of each slice; those of one thickness are one array."""
    rounded = np.round(np.asarray(thickness, np.float64), 9).tolist()
    made = {each: propagator(grid, each, voltage, tilt, dtype) for each in set(rounded)}
    return [made[each] for each in rounded]


def transmissions(
    potential: npt.NDArray[Any], grid: Grid, voltage: float, dtype: npt.DTypeLike
) -> tuple[list[Complexes], list[int]]:
    r"""Return the different :math:`e^{i\sigma V}` of slices, and which one each slice has.

    They are limited to the band.
    """
    order = same_slices(potential)
    first = [order.index(number) for number in range(max(order) + 1)]
    sigma = float(electron.interaction(voltage))
    made: list[Any] = [np.empty(0, dtype)] * len(first)
    limit = (grid.inside / (grid.shape[0] * grid.shape[1])).astype(made[0].real.dtype)
    own = threading.local()

    def work(number: int) -> None:
        if not hasattr(own, "stepper"):
            own.stepper = Stepper(grid, dtype)
        phase = np.multiply(potential[first[number]], sigma, dtype=limit.dtype)
        wave = np.empty(grid.shape, dtype)
        wave.real = np.cos(phase)
        wave.imag = np.sin(phase, out=phase)
        spectrum = own.stepper.to_band(wave)
        spectrum *= limit
        # The stepper works on in what it gives.
        made[number] = own.stepper.to_wave(spectrum).copy()

    share_work(work, range(len(first)))
    return made, order


def same_slices(potential: npt.NDArray[Any]) -> list[int]:
    """Return for each slice the number of its kind; slices of a kind are equal to the bit."""
    kinds: dict[bytes, list[tuple[int, int]]] = {}
    order: list[int] = []
    for place, plane in enumerate(potential):
        stride = max(1, plane.shape[1] // 61)
        known = kinds.setdefault(plane[:: max(1, plane.shape[0] // 7), ::stride].tobytes(), [])
        for other, number in known:
            if np.array_equal(plane, potential[other], equal_nan=False):
                order.append(number)
                break
        else:
            known.append((place, max(order, default=-1) + 1))
            order.append(known[-1][1])
    return order
