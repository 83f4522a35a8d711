"""Phase contrast from a defocused probe, by images of single pixels of the bright-field disc."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import xarray as xr
from scipy import fft

from omniscopy.compute import map_signal
from omniscopy.compute.progress import counting
from omniscopy.diffraction.dead import without_dead
from omniscopy.diffraction.parallax import optics
from omniscopy.diffraction.parallax.refining import refine
from omniscopy.diffraction.parallax.shifts import Images, Shifts, align
from omniscopy.diffraction.ptychography.experiment import (
    Beam,
    Centre,
    Experiment,
    Turn,
    require_experiment,
)
from omniscopy.diffraction.ptychography.sidebands import (
    bright_spectra,
    interference,
    mean_of,
    pixels_of_disc,
    total_of,
)
from omniscopy.model import DataError, Status, coordinate, operation, result, units_of

_NUMBERS = (
    "defocus", "defocus_std", "astigmatism", "astigmatism_std", "astigmatism_angle",
    "astigmatism_angle_std", "rotation", "rotation_std", "flip",
)  # fmt: skip
# How many standard deviations of chance tell that phases are skewed.
_SURE = 3.0
_IMAGES = ("image", "flipped_image", "phase")


@operation(example={"data": "defocused_4d", "rotation": 0.0, "flip": False})
def reconstruct_parallax(  # noqa: PLR0913 - each is a physical parameter
    data: xr.DataArray,
    *,
    voltage: float | None = None,
    convergence_angle: float | None = None,
    rotation: float | None = None,
    flip: bool | None = None,
    centre: Centre = "auto",
    dead: xr.DataArray | None = None,
    upsampling: int = 1,
    depths: Sequence[float] | None = None,
    regularisation: float = 0.02,
) -> xr.Dataset:
    r"""Align the images of all pixels in the bright-field disc, and measure the lens by it.

    Parameters
    ----------
    data : DataArray, shape (..., y, x, ky, kx)
        Lazy or in memory; a scan in lengths with a probe out of focus, patterns in reciprocal
        lengths or angles.
    voltage : float, V
        Accelerating voltage; that of the metadata otherwise.
    convergence_angle : float, mrad
        Radius of the aperture; that of the metadata otherwise.
    rotation, flip : float, degrees, and bool
        How deflections on the detector are turned to be those in the scan, from +x to +y and
        after ky is negated, as `fit_dpc` finds it; found otherwise.
    centre : (ky, kx) or "auto", units of the coordinates
        The middle of the patterns; that of the disc in the mean pattern otherwise.
    dead : DataArray of bool, shape (ky, kx)
        Pixels that are left out, as of `find_dead_pixels`.
    upsampling : int
        How many times finer the images are than the scan. Images that are shifted by parts of a
        step tell apart what is finer than it.
    depths : sequence of float, nm
        Heights of layers that are put in focus one by one, along the beam from that in focus.
    regularisation : float
        What is added to what the phase is divided by, as a part of its largest value.

    Returns
    -------
    Dataset, shape (..., y, x)
        ``image``, the mean of the aligned images, and ``flipped_image``, with the contrast of all
        frequencies of one sign, both as a part of the mean; ``phase`` in rad, that which fits all
        pixels best. ``defocus`` (underfocus positive) and ``astigmatism`` in Å,
        ``astigmatism_angle`` (from +kx to +ky) and ``rotation`` in degrees, each with ``_std``,
        and ``flip``. ``shift_y`` and ``shift_x`` (ky, kx), in units of the scan, are those of the
        group that a pixel belongs to, NaN outside of the disc. ``sections`` (z, y, x) with
        `depths`. ``status``: 4 (no data) where nothing is known or all is dark, 5 (invalid) where
        the disc was not found or leaves the detector; NaN for both.

    Raises
    ------
    DataError
        There is no scan of at least 4 by 4 positions, an axis is not calibrated, the voltage or
        the angle is not known, or the disc is larger than the detector or leaves it.

    Notes
    -----
    The image of the pixel at the angle :math:`\theta` is shifted by :math:`-\nabla W(\theta)`
    [1]_. Images are compared by groups of pixels that become smaller; a plane through the shifts
    is :math:`B \theta`, of which the orthogonal part is the rotation and the flip and the
    symmetric part defocus and astigmatism. From these on, those values are looked for that explain
    most of what pixels vary by along the scan as a phase object, seen by two side bands, or near
    the edge of the disc by one [2]_; standard deviations are of the scatter of frequencies of the
    scan about that. A flip is found where the defocus is more than the astigmatism, a rotation
    the better the more there is of it. Half a turn more with the opposite defocus gives the same
    patterns of a phase of the opposite sign: that is taken whose phases are skewed to positive
    values, as those of atoms are, and a rotation from -90 to 90 degrees where neither is clearly
    so. The transfer is that of a thin object with a small phase, :math:`2 \sin \chi(Q)` near the
    axis [2]_.

    References
    ----------
    .. [1] A. R. Lupini, M. Chi, S. Jesse, *Journal of Microscopy* 263, 43 (2016).
    .. [2] G. Varnavides et al., arXiv:2309.05250 (2023).

    Examples
    --------
    >>> import omniscopy as om
    >>> data = om.samples.defocused_4d()
    >>> found = om.diffraction.reconstruct_parallax(data, rotation=0.0, flip=False)
    >>> found["defocus"].attrs["units"], found["phase"].dims
    ('Å', ('y', 'x'))
    """
    found = require_experiment(
        data, voltage=voltage, convergence_angle=convergence_angle, aberration=None,
        centre=centre, at_least=4,
    )  # fmt: skip
    data = without_dead(data, dead, found.plane)
    if not (isinstance(upsampling, int | np.integer) and upsampling >= 1):
        message = f"upsampling must be a whole number of at least 1, got {upsampling!r}"
        raise DataError(message)
    if not regularisation > 0:
        message = f"regularisation must be positive, got {regularisation!r}"
        raise DataError(message)
    solver = _Parallax(
        found, rotation, flip, int(upsampling), regularisation,
        None if depths is None else tuple(float(each) for each in depths),
    )  # fmt: skip
    return _labelled(data, solver)


def _labelled(data: xr.DataArray, solver: "_Parallax") -> xr.Dataset:
    found, scan, plane = solver.found, solver.found.scan, solver.found.plane
    image = {dim: solver.upsampling * data.sizes[dim] for dim in scan}
    pattern = {dim: data.sizes[dim] for dim in plane}
    layers = {"z": len(solver.depths or ()), **image}
    made = map_signal(
        solver.run, data, dim=(*scan, *plane),
        output_dims=[*[image] * 3, *[{}] * len(_NUMBERS), pattern, pattern, layers, {}],
        dtypes=[*[np.float64] * (6 + len(_NUMBERS)), np.uint8],
    )  # fmt: skip
    names = (*_IMAGES, *_NUMBERS, "shift_y", "shift_x", "sections", "status")
    columns = dict(zip(names, made, strict=True))
    units = units_of(data, scan[0])
    coords = {dim: _finer(data, dim, solver.upsampling) for dim in scan}
    for name in (*_IMAGES, "sections"):
        columns[name] = columns[name].assign_coords(coords)
    for name in ("shift_y", "shift_x"):
        columns[name] = columns[name].assign_coords({dim: data.coords[dim] for dim in plane})
        columns[name] = columns[name] / found.per_scan
    stated: dict[str, str | None] = dict.fromkeys((*_IMAGES, "sections", "flip"), "1")
    stated |= {"phase": "rad", "shift_y": units, "shift_x": units, "status": "1"}
    stated |= {name: "deg" for name in _NUMBERS if "angle" in name or "rotation" in name}
    if solver.depths is None:
        del columns["sections"]
    else:
        places = coordinate("z", np.array(solver.depths) / found.per_scan, units)
        columns["sections"] = columns["sections"].assign_coords({"z": places})
    return result(
        None, **{name: (values, stated.get(name, "Å")) for name, values in columns.items()}
    )


def _finer(data: xr.DataArray, dim: str, times: int) -> xr.Variable:
    """Return the coordinate of a dimension with more points."""
    axis = data.coords[dim]
    if times == 1:
        return axis.variable
    values = np.asarray(axis.values, dtype=np.float64)
    step = (values[-1] - values[0]) / (len(values) - 1) / times
    return xr.Variable((dim,), values[0] + step * np.arange(times * len(values)), axis.attrs)


@dataclass(frozen=True)
class _Parallax:
    """Alignment of the images of blocks of patterns."""

    found: Experiment
    rotation: float | None
    flip: bool | None
    upsampling: int
    regularisation: float
    depths: tuple[float, ...] | None

    def run(self, block: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return the columns for blocks of shape (..., y, x, ky, kx)."""
        outer, (rows, columns, *pattern) = block.shape[:-4], block.shape[-4:]
        image = (self.upsampling * rows, self.upsampling * columns)
        shapes = [image] * 3 + [()] * len(_NUMBERS) + [tuple(pattern)] * 2
        shapes.append((len(self.depths or ()), *image))
        made = [np.full((*outer, *shape), np.nan) for shape in shapes]
        status = np.full(outer, Status.NO_DATA, dtype=np.uint8)
        for at in np.ndindex(*outer):
            each = np.asarray(block[at])
            mean = mean_of(each)
            if not np.nansum(mean) > 0:
                continue
            middle = self.found.middle_of(mean)
            status[at] = Status.INVALID if middle is None else Status.CONVERGED
            if middle is not None:
                for column, values in zip(made, self.one(each, middle, mean), strict=True):
                    column[at] = values
        return (*made, status)

    def one(
        self, block: np.ndarray, middle: tuple[float, float], mean: np.ndarray
    ) -> list[np.ndarray]:
        """Return the columns of one scan."""
        some = max(1, 2**21 // (self.upsampling**2 * int(np.prod(block.shape[:2]))))
        pixels = int(np.prod(block.shape[2:]))
        # Alignment, and looking for the lens, take about as long as a picture each.
        total = (3 + len(self.depths or ())) * pixels
        with counting("Parallax", total, "pixels") as more:
            return self.reconstructed(block, middle, mean, _Told(more, pixels, some))

    def reconstructed(
        self, block: np.ndarray, middle: tuple[float, float], mean: np.ndarray, told: "_Told"
    ) -> list[np.ndarray]:
        """Return the columns of one scan, and tell how far they are."""
        rows, columns = block.shape[:2]
        inside, ky, kx, size = pixels_of_disc(self.found, middle, mean)
        bright = bright_spectra(block, inside, total_of(mean))
        # As if the total were on the pixels that are known.
        spectra = (size / len(inside)) * np.concatenate([each for _, each in bright])
        step_y, step_x = self.found.steps
        qy, qx = np.fft.fftfreq(rows, step_y), np.fft.fftfreq(columns, step_x)
        k = np.stack([ky, kx], axis=1)
        across = 2 * self.found.beam.radius / max(abs(each) for each in self.found.pixels)
        tapered = _tapered(spectra)
        told.share(0.2)
        found = align(Images(tapered, k, qy, qx), across, self.rotation, flip=self.flip)
        told.share(0.8)
        # From nm for 1/nm to Å for rad.
        scale = 10.0 / self.found.beam.wavelength
        slope = found.slope * scale
        values, flip = optics.of_slope(slope, self.rotation, flip=self.flip)
        values, spread = refine(
            tapered, k, qy, qx, self.found.beam, values, fixed=self.rotation is not None, flip=flip
        )
        told.share(1.0)
        if self.rotation is None:
            values = optics.within_quarters(values)
        beam, turn = _lens(self.found.beam, values, flip=flip)
        pictures = self.pictures(spectra, k, beam, turn, told)
        if self.rotation is None and _is_dark(pictures[2], self.cells()):
            # The same patterns of atoms that are bright.
            values = optics.half_turned(values)
            beam, turn = _lens(self.found.beam, values, flip=flip)
            pictures = [pictures[0], -pictures[1], -pictures[2]]
        numbers = _numbers(values, spread, flip=flip)
        group = _of_groups(found, k)
        shifts = []
        for column in group.T:
            plane = np.full(block.shape[2] * block.shape[3], np.nan)
            plane[inside] = column
            shifts.append(plane.reshape(block.shape[2:]))
        return [*pictures, *numbers, *shifts, self.layers(spectra, k, beam, turn, told)]

    def cells(self) -> float:
        """Return how many parts of the scan are resolved."""
        found = self.found
        sides = [
            len(axis) * min(1.0, 2.0 * abs(axis[1] - axis[0]) * 2.0 * found.beam.radius)
            for axis in (found.y, found.x)
        ]
        return float(np.prod(sides))

    def pictures(
        self, spectra: np.ndarray, k: np.ndarray, beam: Beam, turn: Turn, told: "_Told"
    ) -> list[np.ndarray]:
        """Return the aligned image, with its contrast flipped, and the phase."""
        total, transfer, spectrum = self.aligned(spectra, k, beam, turn, told, transfer=True)
        flipped = total * np.where(transfer.real < 0, -1.0, 1.0)
        for each in (total, flipped, spectrum):
            each[0, 0] = 0.0
        return [
            np.asarray(fft.ifft2(each, norm="forward").real)
            for each in (total * len(k), flipped * len(k), spectrum)
        ]

    def layers(
        self, spectra: np.ndarray, k: np.ndarray, beam: Beam, turn: Turn, told: "_Told"
    ) -> np.ndarray:
        """Return the images of layers at several heights."""
        made = []
        for depth in self.depths or ():
            terms = {**beam.terms, (1, 0): beam.terms[1, 0] + 10.0 * depth}
            lens = replace(beam, terms=terms)
            total, *_ = self.aligned(spectra, k, lens, turn, told, transfer=False)
            total[0, 0] = 0.0
            made.append(fft.ifft2(total * len(k), norm="forward").real)
        shape = tuple(self.upsampling * n for n in spectra.shape[1:])
        return np.array(made).reshape(len(made), *shape)

    def aligned(
        self,
        spectra: np.ndarray,
        k: np.ndarray,
        beam: Beam,
        turn: Turn,
        told: "_Told",
        *,
        transfer: bool,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        r"""Return the mean of aligned images, that of a phase of :math:`\delta`, and the phase.

        All are spectra; the phase is the least squares of :math:`G = i \Phi \Gamma / n`.
        """
        rows, columns = (self.upsampling * n for n in spectra.shape[1:])
        step_y, step_x = (each / self.upsampling for each in self.found.steps)
        qy, qx = np.fft.fftfreq(rows, step_y), np.fft.fftfreq(columns, step_x)
        at_y, at_x = turn.to_detector(qy[:, None], qx[None, :])
        repeat_y, repeat_x = (
            np.arange(rows) % spectra.shape[1],
            np.arange(columns) % spectra.shape[2],
        )
        total = np.zeros((rows, columns), dtype=complex)
        passed, matched = np.zeros((2, rows, columns), dtype=complex)
        power = np.zeros((rows, columns))
        some = told.some
        for begin in range(0, len(k), some):
            part = slice(begin, begin + some)
            away_y, away_x = beam.shift(k[part, 0], k[part, 1])
            # Images lie at -gradient of W, along the axes of the detector.
            back = np.exp(
                -2j * np.pi * (away_y[:, None, None] * at_y + away_x[:, None, None] * at_x)
            )
            seen = spectra[part][:, repeat_y[:, None], repeat_x]
            total += (seen * back).sum(axis=0)
            if transfer:
                minus, plus = interference(beam, k[part, 0], k[part, 1], at_y, at_x)
                gamma = minus - plus
                passed += (gamma * back).sum(axis=0)
                matched += (gamma.conj() * seen).sum(axis=0)
                power += (np.abs(gamma) ** 2).sum(axis=0)
            told.share(min(some, len(k) - begin) / len(k))
        count = len(k)
        # What no pixel tells stays small: a probe in focus hardly tells long periods.
        least = self.regularisation * max(float(power.max()), float(count))
        phase = -1j * count * matched / (power + least)
        return total / count, 1j * passed / count**2, phase


class _Told(NamedTuple):
    """Who is told how many pixels are done, how many there are, and how many are at a time."""

    more: Callable[[int], None]
    pixels: int
    some: int

    def share(self, part: float) -> None:
        """Tell that a part of all pixels is done."""
        self.more(round(part * self.pixels))


def _lens(beam: Beam, values: np.ndarray, *, flip: bool) -> tuple[Beam, Turn]:
    terms = {(1, 0): complex(values[0]), (1, 2): complex(values[1], values[2])}
    return replace(beam, terms=terms), Turn(float(values[3]), flip)


def _is_dark(phase: np.ndarray, cells: float) -> bool:
    """Return whether phases are skewed to negative values, more than by chance."""
    away = phase - phase.mean()
    size = float(np.mean(away**2))
    if not size > 0:
        return False
    return float(np.mean(away**3)) / size**1.5 < -_SURE * float(np.sqrt(6.0 / max(cells, 1.0)))


def _tapered(spectra: np.ndarray) -> np.ndarray:
    """Return spectra of images that fade to the edges, without their means."""
    images = fft.ifft2(spectra, norm="forward").real
    images -= images.mean(axis=(1, 2), keepdims=True)
    windows = [np.sin(np.pi * (np.arange(n) + 0.5) / n) for n in images.shape[1:]]
    images *= windows[0][:, None] * windows[1]
    return np.asarray(fft.fft2(images).astype(np.complex64))


def _numbers(values: np.ndarray, spread: np.ndarray, *, flip: bool) -> list[np.ndarray]:
    size, angle, size_std, angle_std = optics.astigmatism(
        float(values[1]), float(values[2]), spread[1:3, 1:3]
    )
    std = np.sqrt(np.maximum(np.diag(spread), 0.0))
    numbers = [-values[0], std[0], size, size_std, angle, angle_std, values[3], std[3], flip]
    return [np.asarray(each, dtype=np.float64) for each in numbers]


def _of_groups(found: Shifts, k: np.ndarray) -> np.ndarray:
    """Return the shift of the nearest group for each pixel."""
    away = ((k[:, None, :] - found.k) ** 2).sum(axis=-1)
    return np.asarray(found.shifts[np.argmin(away, axis=1)])
