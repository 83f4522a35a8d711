r"""Waves from slice to slice: :math:`\psi \leftarrow F^{-1}[p\, F[t\, \psi]]` [1]_.

A wave keeps two thirds of the frequencies, so that its product with a slice does not fold into
them. Along x the others need no transforms along y: of the transforms of a step a sixth is saved.

References
----------
.. [1] J. M. Cowley and A. F. Moodie, Acta Cryst. 10, 609 (1957); E. J. Kirkland, *Advanced
   Computing in Electron Microscopy*, 2nd ed., Springer (2010), chapter 6.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import fft

from omniscopy.physics import electron
from omniscopy.simulate.waves.grids import Grid

Complexes = npt.NDArray[Any]


class Stepper:
    """Takes one wave through slices, in NumPy; it holds arrays to work in.

    Waves are shape (y, x); spectra are their transforms (sums without a factor) in the band,
    shape (ky, kx of the band). `passing.Passes` does the same in registers.
    """

    def __init__(self, grid: Grid, dtype: npt.DTypeLike, workers: int = 1) -> None:
        self.grid, self.dtype, self.workers = grid, np.dtype(dtype), workers
        self._wave: Complexes = np.zeros(grid.shape, self.dtype)
        self._band: Complexes = np.zeros(grid.square.shape, self.dtype)
        self._reached: Complexes = self._band
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

    def start(
        self, spectrum: Complexes, rows: Complexes | None = None, columns: Complexes | None = None
    ) -> None:
        """Begin with a spectrum, times factors of ky and of kx."""
        if rows is not None and columns is not None:
            spectrum = spectrum * rows[:, None] * columns[None, :]
        self._wave = self.to_wave(np.array(spectrum, self.dtype))

    def slice(self, plane: Complexes, corner: tuple[int, int] = (0, 0)) -> None:
        """Go through a slice, or what of it begins at a corner."""
        (y, x), (height, width) = corner, self.grid.shape
        np.multiply(self._wave, plane[y : y + height, x : x + width], out=self._wave)

    def step(self, factor: Complexes, *, behind: bool) -> None:
        """Go through a propagator, to the next slice or only to the spectrum."""
        self._reached = self.to_band(self._wave)
        self._reached *= factor
        if behind:
            self._wave = self.to_wave(self._reached)

    def go_on(self) -> None:
        """Go on to the next slice from the spectrum that has been reached."""
        self._wave = self.to_wave(self._reached.copy())

    def limited(self, phase: npt.NDArray[Any], limit: Complexes) -> Complexes:
        r"""Return :math:`e^{i\varphi}` with a factor on its spectrum, which has 1/N in it."""
        wave = np.empty(self.grid.shape, self.dtype)
        wave.real, wave.imag = np.cos(phase), np.sin(phase)
        spectrum = self.to_band(wave)
        spectrum *= limit
        # The stepper works on in what it gives.
        return self.to_wave(spectrum).copy()

    def spectrum(self) -> Complexes:
        """Return the spectrum that has been reached."""
        return self._reached

    def intensity(self) -> npt.NDArray[Any]:
        """Return the squares of the spectrum that has been reached."""
        return np.square(np.abs(self._reached))


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
