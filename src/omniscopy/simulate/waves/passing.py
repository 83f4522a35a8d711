"""Waves through slices, with the columns of a plane in registers.

Between slices a wave is the transform along x only: (blocks of kx, y, 2, lanes), real and
imaginary parts one after the other. A pass along y takes it to spectra, through the propagator
and back; a pass along x takes some rows at a time to the wave, through the slice, (blocks of y, x,
2, lanes), and back. So a plane goes through memory twice for a slice, not once for each transform.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from omniscopy.simulate.waves.butterflies import (
    LANES,
    Plan,
    gather,
    kept,
    multiply,
    plan_of,
    scatter,
    transform_apart,
    transform_together,
)
from omniscopy.simulate.waves.grids import Grid
from omniscopy.simulate.waves.propagation import Stepper

Floats = npt.NDArray[Any]
Indices = npt.NDArray[np.int64]


@kept
def pass_columns(  # type: ignore[no-untyped-def]  # noqa: PLR0917
    wave, factor, plan, first, last, before, behind
):
    """Take blocks of columns to spectra (if `before`), through a factor, and back (if `behind`)."""
    length, radices, turns, starts, _ = plan
    wide = 2 * wave.shape[3]
    for block in range(first, last):
        values = wave[block]
        if before:
            transform_apart(values, length, radices, turns, starts)
            own = factor[block]
            for place in range(length):
                multiply(values, place * wide, own, place * wide)
        if behind:
            transform_together(values, length, radices, turns, starts)


@kept
def pass_rows(  # type: ignore[no-untyped-def]  # noqa: PLR0913, PLR0917
    wave, plane, corner, work, places, plan, first, last, before, behind
):
    """Take blocks of rows to the wave (if `before`), through a plane, and back (if `behind`).

    The plane begins at a corner: the number of a block of its rows, and a column. With `behind`
    alone the plane is what is taken there, with `before` alone what comes of it. `places` say
    where in `work`, one row longer than the transform, each column belongs.
    """
    length, radices, turns, starts, _ = plan
    lanes = wave.shape[3]
    wide, column = 2 * lanes, wave.shape[1] * 2 * lanes
    for block in range(first, last):
        own = plane[corner[0] + block, corner[1] : corner[1] + length]
        at = block * lanes * wide
        if before:
            work[:] = 0.0
            for group in range(wave.shape[0]):
                for part in (0, lanes):
                    scatter(
                        wave, group * column + at + part, wide, work, places, group * lanes, part
                    )
            transform_together(work, length, radices, turns, starts)
            if behind:
                for place in range(length):
                    multiply(work, place * wide, own, place * wide)
            else:
                own[:] = work[:length]
        else:
            work[:length] = own
            work[length] = 0.0
        if behind:
            transform_apart(work, length, radices, turns, starts)
            for group in range(wave.shape[0]):
                for part in (0, lanes):
                    gather(
                        wave, group * column + at + part, wide, work, places, group * lanes, part
                    )


@kept
def start_columns(spectrum, rows, columns, wave):  # type: ignore[no-untyped-def]
    """Fill in a spectrum times a factor of each row and of each column."""
    lanes = wave.shape[3]
    for group in range(spectrum.shape[0]):
        for y in range(spectrum.shape[1]):
            a, b = rows[y].real, rows[y].imag
            for lane in range(lanes):
                c = columns[group * lanes + lane]
                d, e = a * c.real - b * c.imag, a * c.imag + b * c.real
                re, im = spectrum[group, y, 0, lane], spectrum[group, y, 1, lane]
                wave[group, y, 0, lane] = re * d - im * e
                wave[group, y, 1, lane] = re * e + im * d


@kept
def squares(wave, order, found):  # type: ignore[no-untyped-def]
    """Fill in the intensity of each frequency (ky, kx of the band)."""
    lanes = wave.shape[3]
    for group in range(wave.shape[0]):
        for place in range(len(order)):
            row = found[order[place]]
            for lane in range(min(lanes, len(row) - group * lanes)):
                re, im = wave[group, place, 0, lane], wave[group, place, 1, lane]
                row[group * lanes + lane] = re * re + im * im


@kept
def cut_plane(plane, rows, columns, made):  # type: ignore[no-untyped-def]
    """Fill in a part of a plane, given by the numbers of its rows and columns."""
    lanes = plane.shape[3]
    for y in range(len(rows)):
        source, target = plane[rows[y] // lanes], made[y // lanes]
        here, there = rows[y] % lanes, y % lanes
        for x in range(len(columns)):
            target[x, 0, there] = source[columns[x], 0, here]
            target[x, 1, there] = source[columns[x], 1, here]


@kept
def phase_plane(cos, sin, made):  # type: ignore[no-untyped-def]
    """Fill in a plane given by its real and imaginary parts."""
    lanes = made.shape[3]
    for y in range(cos.shape[0]):
        target, lane = made[y // lanes], y % lanes
        for x in range(cos.shape[1]):
            target[x, 0, lane], target[x, 1, lane] = cos[y, x], sin[y, x]


@dataclass(frozen=True)
class Plain:
    """Planes and spectra as they are, for lengths with large prime factors."""

    grid: Grid
    dtype: Any
    """Of waves."""

    def spectrum(self, given: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return a spectrum (ky, kx of the band) as steps have it."""
        return np.asarray(given, self.dtype)

    def cut(self, plane: Any, rows: Indices, columns: Indices) -> Any:
        """Return a part of a plane, given by the numbers of its rows and columns."""
        return plane[np.ix_(rows, columns)]

    def corner(self, row: int, column: int) -> tuple[int, int]:
        """Return where a part of a plane begins."""
        return row, column

    def passes(self, workers: int = 1) -> Stepper:
        """Return what takes waves through slices."""
        return Stepper(self.grid, self.dtype, workers)


@dataclass(frozen=True)
class Layout:
    """Where the numbers of a grid are, and how they are transformed."""

    grid: Grid
    dtype: Any
    """Of real and imaginary parts."""
    along: tuple[Plan, Plan]
    """Of y and of x."""

    @property
    def lanes(self) -> int:
        """Return how many numbers are side by side."""
        return LANES[self.dtype.itemsize]

    @property
    def groups(self) -> int:
        """Return how many blocks of columns the band has."""
        return -(-len(self.grid.band_kx) // self.lanes)

    @property
    def blocks(self) -> int:
        """Return how many blocks of rows there are."""
        return -(-self.grid.shape[0] // self.lanes)

    def places(self) -> Indices:
        """Return where each column of the band is in the rows of a pass; others are behind."""
        plan, (above, below) = self.along[1], self.grid.columns
        where = np.argsort(plan.order)
        band = np.concatenate([where[:above], where[plan.length - below :]])
        unused = np.full(self.groups * self.lanes - len(band), plan.length)
        return np.concatenate([band, unused]) * 2 * self.lanes

    def spectrum(self, given: npt.NDArray[Any]) -> Floats:
        """Return a spectrum (ky, kx of the band) as passes have it."""
        band = len(self.grid.band_kx)
        padded = np.zeros((self.grid.shape[0], self.groups * self.lanes), given.dtype)
        padded[:, :band] = given[self.along[0].order]
        parts = padded.reshape(len(padded), self.groups, self.lanes).transpose(1, 0, 2)
        return np.stack([parts.real, parts.imag], axis=2).astype(self.dtype, order="C")

    def spectrum_from(self, wave: Floats) -> npt.NDArray[Any]:
        """Return what passes have left as a spectrum (ky, kx of the band)."""
        count, band = self.grid.shape[0], len(self.grid.band_kx)
        parts = wave[:, :count, 0] + 1j * wave[:, :count, 1]
        made = np.empty((count, band), parts.dtype)
        made[self.along[0].order] = parts.transpose(1, 0, 2).reshape(count, -1)[:, :band]
        return made

    def plane(self, shape: tuple[int, int]) -> Floats:
        """Return an empty plane of so many rows and columns, as a slice is."""
        return np.zeros((-(-shape[0] // self.lanes), shape[1], 2, self.lanes), self.dtype)

    def cut(self, plane: Floats, rows: Indices, columns: Indices) -> Floats:
        """Return a part of a plane, given by the numbers of its rows and columns."""
        made = self.plane((len(rows), len(columns)))
        cut_plane(plane, rows, columns, made)
        return made

    def corner(self, row: int, column: int) -> tuple[int, int]:
        """Return where a part of a plane begins, at a row that begins a block."""
        return row // self.lanes, column

    def passes(self, workers: int = 1) -> "Passes":
        """Return what takes waves through slices."""
        return Passes(self, workers)


def layout_of(grid: Grid, dtype: npt.DTypeLike) -> Layout | Plain:
    """Return the layout of a grid for waves of a complex dtype."""
    real = np.empty(0, dtype).real.dtype
    plans = [plan_of(count, real) for count in grid.shape]
    if numba.config.DISABLE_JIT or plans[0] is None or plans[1] is None:  # type: ignore[attr-defined]
        return Plain(grid, np.dtype(dtype))
    return Layout(grid, real, (plans[0], plans[1]))


class Passes:
    """Takes waves of a layout through slices, as `propagation.Stepper` does.

    Each thread has its own; a single wave may be shared by `workers` threads.
    """

    def __init__(self, layout: Layout, workers: int = 1) -> None:
        self.layout = layout
        self._wave = np.zeros(
            (layout.groups, layout.blocks * layout.lanes, 2, layout.lanes), layout.dtype
        )
        self.workers = min(workers, layout.blocks)
        self._places = layout.places()
        self._work = [
            np.zeros((layout.grid.shape[1] + 1, 2, layout.lanes), layout.dtype)
            for _ in range(self.workers)
        ]
        self._pool = ThreadPoolExecutor(self.workers) if self.workers > 1 else None

    def start(self, spectrum: Floats, rows: Any = None, columns: Any = None) -> None:
        """Begin with a spectrum as `Layout.spectrum` gives it, times factors of ky and of kx."""
        layout = self.layout
        if rows is None:
            self._wave[:, : layout.grid.shape[0]] = spectrum
        else:
            kind = np.result_type(layout.dtype, np.complex64)
            wide = np.zeros(layout.groups * layout.lanes, kind)
            wide[: len(columns)] = columns
            start_columns(spectrum, rows[layout.along[0].order].astype(kind), wide, self._wave)
        self.go_on()

    def slice(self, plane: Floats, corner: tuple[int, int] = (0, 0)) -> None:
        """Go through a slice, or what of it begins at a corner."""
        self._rows(plane, corner, before=True, behind=True)

    def step(self, factor: Floats, *, behind: bool) -> None:
        """Go through a propagator, to the next slice or only to the spectrum."""
        self._columns(factor, before=True, behind=behind)

    def go_on(self) -> None:
        """Go on to the next slice from the spectrum that has been reached."""
        self._columns(self._wave, before=False, behind=True)

    def limited(self, phase: npt.NDArray[Any], limit: Floats) -> Floats:
        r"""Return :math:`e^{i\varphi}` with a factor on its spectrum, which has 1/N in it."""
        plane = self.layout.plane(self.layout.grid.shape)
        phase_plane(np.cos(phase), np.sin(phase), plane)
        self._rows(plane, (0, 0), before=False, behind=True)
        self._columns(limit, before=True, behind=True)
        self._rows(plane, (0, 0), before=True, behind=False)
        return plane

    def spectrum(self) -> npt.NDArray[Any]:
        """Return the spectrum (ky, kx of the band) that has been reached."""
        return self.layout.spectrum_from(self._wave)

    def intensity(self) -> Floats:
        """Return the squares of the spectrum (ky, kx of the band) that has been reached."""
        grid = self.layout.grid
        found = np.empty((grid.shape[0], len(grid.band_kx)), self.layout.dtype)
        squares(self._wave, self.layout.along[0].order, found)
        return found

    def _rows(self, plane: Floats, corner: tuple[int, int], *, before: bool, behind: bool) -> None:
        plan = self.layout.along[1]

        def work(number: int, first: int, last: int) -> None:
            pass_rows(
                self._wave, plane, corner, self._work[number], self._places, plan, first, last,
                before, behind,
            )  # fmt: skip

        self._shared(work, self.layout.blocks)

    def _columns(self, factor: Floats, *, before: bool, behind: bool) -> None:
        plan = self.layout.along[0]

        def work(_: int, first: int, last: int) -> None:
            pass_columns(self._wave, factor, plan, first, last, before, behind)

        self._shared(work, self.layout.groups)

    def _shared(self, work: Any, count: int) -> None:
        if self._pool is None:
            work(0, 0, count)
            return
        ends = np.linspace(0, count, self.workers + 1).astype(int).tolist()
        tasks = [self._pool.submit(work, n, ends[n], ends[n + 1]) for n in range(self.workers)]
        for task in tasks:
            task.result()
