"""Scanned probes: images of detectors, and patterns of every place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.model import DataError, coordinate, labelled, operation, result
from omniscopy.physics import electron
from omniscopy.physics.aberrations import Notation
from omniscopy.simulate.probes import lens
from omniscopy.simulate.probes.probe import blurred
from omniscopy.simulate.waves.butterflies import LANES
from omniscopy.simulate.waves.detectors import (
    Detector,
    Rings,
    require_detectors,
    ring_coordinate,
    rows_of,
    weights_of,
)
from omniscopy.simulate.waves.exit_waves import passage_of
from omniscopy.simulate.waves.grids import Grid, require_angle
from omniscopy.simulate.waves.passing import Plain, layout_of
from omniscopy.simulate.waves.running import (
    Passage,
    Sample,
    carried,
    each_by_a_thread,
    warn_of_loss,
)
from omniscopy.simulate.waves.windows import smallest_window, watched_places, window_of

Floats = npt.NDArray[np.float64]
NYQUIST = 0.9  # of the largest step that misses nothing of an incoherent image


@dataclass(frozen=True)
class Scan:
    """Places of a scan along y and x in Å."""

    y: Floats
    x: Floats
    steps: tuple[float, float]

    def places(self) -> Floats:
        """Return (y, x) of every place, in the order of the image."""
        return np.stack(np.meshgrid(self.y, self.x, indexing="ij"), -1).reshape(-1, 2)

    def coords(self) -> dict[str, Any]:
        """Return the coordinates of the image."""
        return {"y": coordinate("y", self.y, "Å"), "x": coordinate("x", self.x, "Å")}


def scan_of(
    grid: Grid, optics: lens.Lens, start: Sequence[float], stop: Sequence[float] | None,
    step: float | None,
) -> Scan:  # fmt: skip
    """Return the places of a scan; the end is not one of them, so that cells can be repeated."""
    if step is None:
        step = NYQUIST * float(electron.wavelength(optics.voltage)) / (4e-3 * optics.convergence)
    ends = grid.size if stop is None else stop
    if np.shape(start) != (2,) or np.shape(ends) != (2,) or not step > 0.0:
        message = (
            f"a scan needs scan_start and scan_stop as (y, x) and a positive scan_step in Å, got "
            f"{start!r}, {stop!r} and {step!r}"
        )
        raise DataError(message)
    axes, steps = [], []
    for first, last in zip(start, ends, strict=True):
        if not (np.isfinite([first, last]).all() and first < last):
            message = f"scan_start must be before scan_stop, got {start!r} and {tuple(ends)!r}"
            raise DataError(message)
        count = max(1, int(np.ceil((last - first) / step - 1e-6)))
        steps.append((last - first) / count)
        axes.append(np.asarray(first + steps[-1] * np.arange(count), np.float64))
    return Scan(axes[0], axes[1], (steps[0], steps[1]))


@dataclass(frozen=True)
class Setup:
    """All that is asked of a scan."""

    passage: Passage
    optics: lens.Lens
    scan: Scan
    window: float | None
    source_size: float = 0.0
    tolerance: float | None = None


def setup_of(  # noqa: PLR0913 - each is a property of the microscope or of the scan
    potential: xr.DataArray, optics: lens.Lens, *, tilt: tuple[float, float], repeats: int,
    start: Sequence[float], stop: Sequence[float] | None, step: float | None,
    window: float | None, source_size: float = 0.0, tolerance: float | None = None,
) -> Setup:  # fmt: skip
    """Return what is asked of a scan, or raise where it cannot be done."""
    passage = passage_of(potential, optics.voltage, tilt=tilt, repeats=repeats)
    length = float(electron.wavelength(optics.voltage))
    require_angle(passage.grid, optics.convergence, length, "the aperture")
    if window is not None and not 0.0 < window <= min(passage.grid.size) * (1.0 + 1e-9):
        message = (
            f"window must be a length in Å up to that of the cell ({min(passage.grid.size):g} Å), "
            f"got {window!r}"
        )
        raise DataError(message)
    if tolerance is not None and not (window is None and 0.0 < tolerance < 1.0):
        message = (
            f"tolerance must be a part of the largest intensity, without window, got {tolerance!r} "
            f"and {window!r}"
        )
        raise DataError(message)
    if not (np.isfinite(source_size) and source_size >= 0.0):
        message = f"source_size must be a width in Å, got {source_size!r}"
        raise DataError(message)
    if source_size > 0.0:
        _require_repeating(passage.grid, start, stop)
    scan = scan_of(passage.grid, optics, start, stop, step)
    return Setup(passage, optics, scan, window, float(source_size), tolerance)


def _require_repeating(grid: Grid, start: Sequence[float], stop: Sequence[float] | None) -> None:
    """Raise unless a scan can be a period: a source blurs what lies beyond its borders into it."""
    if stop is None:
        return
    times = np.array(grid.size) / (np.asarray(stop, np.float64) - np.asarray(start, np.float64))
    if (np.abs(times / np.maximum(np.round(times), 1.0) - 1.0) > 1e-3).any():
        message = (
            f"an image is blurred by the source as one that repeats, but the scan from {start!r} "
            f"to {tuple(stop)!r} is no whole part of the cell of {grid.size} Å; scan one, or blur "
            "a larger scan yourself"
        )
        raise DataError(message)


def blurred_by_source(images: Floats, setup: Setup) -> Floats:
    """Return images, shape (..., y, x, rows), as a source of finite size makes them."""
    if not setup.source_size:
        return images
    scan = setup.scan
    shape = (len(scan.y), len(scan.x))
    grid = Grid(shape, (shape[0] * scan.steps[0], shape[1] * scan.steps[1]))
    planes = np.moveaxis(images, -1, -3)
    return np.moveaxis(blurred(planes, grid, setup.source_size), -3, -1)


@operation(
    example={
        "potential": "projected_potential", "voltage": 200e3, "convergence_angle": 20.0,
        "detectors": {"bf": [0.0, 10.0], "adf": [30.0, 60.0]}, "scan_step": 1.5,
    }
)  # fmt: skip
def stem(  # noqa: PLR0913 - each is a property of the microscope
    potential: xr.DataArray,
    *,
    voltage: float,
    convergence_angle: float,
    detectors: Mapping[str, Any],
    aberrations: Mapping[str, float] | None = None,
    notation: Notation = "krivanek",
    scan_start: tuple[float, float] = (0.0, 0.0),
    scan_stop: tuple[float, float] | None = None,
    scan_step: float | None = None,
    tilt: tuple[float, float] = (0.0, 0.0),
    repeats: int = 1,
    window: float | None = None,
    source_size: float = 0.0,
    tolerance: float | None = None,
) -> xr.Dataset:
    r"""Simulate images of a scanned probe on any detectors, by multislice.

    Parameters
    ----------
    potential : DataArray, shape (..., z, y, x), V Å
        From `potential`; lazy or in memory.
    voltage : float, V
        Accelerating voltage.
    convergence_angle : float, mrad
        Half angle of the probe.
    detectors : mapping of names to detectors, mrad
        ``(inner, outer)``, detectors of `diffraction` such as ``Segment``, or `Rings`; all of
        them are read in one go.
    aberrations : mapping of names to numbers, Å and degrees
        See `physics.aberrations.terms_of`. The focus is at the top of the sample.
    notation : {"krivanek", "nion", "haider", "ceos"}
        Whose names and factors the aberrations have.
    scan_start, scan_stop : (y, x), Å
        Corners of the scan, the second one not scanned itself; the whole cell by default.
    scan_step : float, Å
        Largest step; just enough for an incoherent image otherwise
        (:math:`0.9 \lambda/4\alpha`).
    tilt : (y, x), mrad
        Of the sample, as in `multislice`.
    repeats : int
        How often the potential follows itself along the beam.
    window : float, Å
        Let each probe see only the potential in a square about it, which is quicker by the ratio
        of the areas. Where the probe spreads beyond it, it comes back on the other side: try
        a larger one to see what that changes.
    source_size : float, Å
        Width at half maximum of the image of the source, a Gaussian, which blurs the images.
        These repeat beyond their borders: the scan is the whole cell or a whole part of it.
    tolerance : float
        Find the smallest window whose error is below this part of the largest intensity of each
        detector, instead of `window`: a few places, on the heaviest column, between columns and
        far apart, are compared with the whole cell. It pays for scans of many places.

    Returns
    -------
    Dataset, shape (..., y, x)
        For each detector the part of the beam that falls on it; of `Rings` with a dimension
        ``<name>_angle`` (mrad). With `tolerance` also ``window`` (Å) and ``window_error``, the
        largest part of its largest intensity by which a detector is expected to be off: five
        times the root mean square at the places compared. It is 0, and the window is the whole
        cell, where no smaller one will do.

    Raises
    ------
    DataError
        A detector lies beyond the angles that the grid keeps, or an argument is not as above.

    Notes
    -----
    Multislice [1]_ of a probe at each place; a detector sums :math:`|F[\psi]|^2` over its angles
    [2]_.

    References
    ----------
    .. [1] J. M. Cowley, A. F. Moodie, *Acta Cryst.* 10, 609 (1957).
    .. [2] E. J. Kirkland, *Advanced Computing in Electron Microscopy*, 2nd ed., Springer (2010),
       chapter 6.
    """
    optics = lens.lens_of(voltage, convergence_angle, aberrations, notation)
    setup = setup_of(
        potential, optics, tilt=tilt, repeats=repeats, start=scan_start, stop=scan_stop,
        step=scan_step, window=window, source_size=source_size, tolerance=tolerance,
    )  # fmt: skip
    seen = require_detectors(detectors, setup.passage.grid, float(electron.wavelength(voltage)))
    taken = sorted({"window", "window_error"} & set(seen))
    if tolerance is not None and taken:
        message = f"with tolerance, detectors must have other names than {taken}"
        raise DataError(message)
    return scanned(_images, potential, setup, seen, {})


def scanned(
    function: Any, potential: xr.DataArray, setup: Setup, seen: Mapping[str, Detector | Rings],
    further: Mapping[str, Any],
) -> xr.Dataset:  # fmt: skip
    """Return the images that a function of potentials makes, labelled."""
    scan = setup.scan
    sizes: list[dict[str, int]] = [{"y": len(scan.y), "x": len(scan.x), "row": rows_of(seen)}]
    if setup.tolerance is not None:
        sizes += [{}, {}]
    made, *found = map_signal(
        function, potential, dim=("z", "y", "x"), dtypes=[np.float64] * len(sizes),
        output_dims=sizes, parameters={"setup": setup, "detectors": seen, **further},
    )  # fmt: skip
    made = made.assign_coords(scan.coords())
    variables, first = {}, 0
    for name, detector in seen.items():
        if isinstance(detector, Rings):
            dim = f"{name}_angle"
            part = made.isel(row=slice(first, first + detector.count)).rename(row=dim)
            part = part.assign_coords({dim: ring_coordinate(detector, dim)})
            first += detector.count
        else:
            part = made.isel(row=first)
            first += 1
        variables[name] = (part, "1")
    beam = {
        "voltage": setup.optics.voltage, "convergence_angle": setup.optics.convergence,
    }  # fmt: skip
    attrs = {
        "source": "omniscopy.simulate", "modality": "STEM",
        "metadata": {"title": "Simulated STEM", "technique": "STEM", "beam": beam},
    }  # fmt: skip
    images = result(attrs, **variables)
    for label, image in images.data_vars.items():
        image.attrs.update(long_name=f"{label} (simulated)", quantity="part of the beam")
    if not found:
        return images
    window, error = (labelled(each, units=units, long_name=name) for each, units, name in zip(
        found, ("Å", "1"), ("Window", "Error in the window"), strict=True
    ))  # fmt: skip
    return images.assign(window=window, window_error=error)


def _images(
    potential: npt.NDArray[Any], *, setup: Setup, detectors: Mapping[str, Detector | Rings]
) -> Any:
    """Return what detectors see at each place, shape (..., y, x, rows).

    Where a window was to be found, also its length and error, shape (...).
    """
    outer, planes = potential.shape[:-3], potential.reshape(-1, *potential.shape[-3:])
    scan, places = setup.scan, setup.scan.places()
    made = np.empty((len(planes), len(places), rows_of(detectors)))
    found = np.zeros((2, len(planes)))
    for row, values in enumerate(planes):
        sample, own = Sample(values, setup.passage), setup
        if setup.tolerance is not None:
            found[:, row] = _window_within(setup.tolerance, sample, values, setup, detectors)
            own = replace(setup, window=float(found[0, row]))
        made[row], left = _seen(Probes(sample, own, places), places, detectors)
        warn_of_loss(left)
    images = made.reshape(*outer, len(scan.y), len(scan.x), made.shape[-1])
    images = blurred_by_source(images, setup)
    if setup.tolerance is None:
        return images
    return images, *(each.reshape(outer) for each in found)


def _window_within(
    tolerance: float, sample: Sample, values: Any, setup: Setup,
    detectors: Mapping[str, Detector | Rings],
) -> tuple[float, float]:  # fmt: skip
    """Return the length of a window and its error."""
    grid = setup.passage.grid
    places = watched_places(values, grid, setup.scan.places())

    def seen(window: float | None) -> Floats:
        return _seen(Probes(sample, replace(setup, window=window), places), places, detectors)[0]

    return smallest_window(seen, min(grid.size), tolerance)


def _seen(
    probes: "Probes", places: Floats, detectors: Mapping[str, Detector | Rings]
) -> tuple[Floats, Floats]:
    """Return what detectors see at places, shape (places, rows), and what is left of each probe."""
    length = float(electron.wavelength(probes.sample.passage.voltage))
    weights = weights_of(detectors, probes.grid, length)
    made, left = np.empty((len(places), rows_of(detectors))), np.ones(len(places))

    def work(passes: Any, number: int) -> None:
        intensity = probes.behind(passes, places[number]).ravel()
        left[number] = intensity.sum()
        made[number] = weights @ intensity

    each_by_a_thread(work, len(places), probes.layout, "stem")
    return made, left


class Probes:
    """Probes at places of one sample, each in a window of it where one is asked for."""

    def __init__(self, sample: Sample, setup: Setup, places: Floats) -> None:
        whole = sample.grid
        self.sample, self.grid, self.layout = sample, whole, sample.layout
        self._first: Any = None
        self._slices, self._propagators = self.sample.slices, self.sample.propagators
        if setup.window is not None:
            self.grid = window_of(whole, setup.window)
            if self.grid.shape != whole.shape:
                self._cut(places)
        spectrum = lens.spectrum(setup.optics, self.grid.ky, self.grid.band_kx, soft=True)
        self._spectrum = self.layout.spectrum(spectrum * self.grid.inside)

    def _cut(self, places: Floats) -> None:
        """Keep what windows at these places see, so that each window is a part of it."""
        sample, whole = self.sample, self.sample.grid
        kind = type(sample.layout)
        made = layout_of(self.grid, sample.dtype)
        # Slices of a plain sample are plain ones.
        self.layout = made if isinstance(made, kind) else Plain(self.grid, np.dtype(sample.dtype))
        corners = np.array([self.corner(place) for place in places])
        self._first = corners.min(axis=0)
        last = corners.max(axis=0) + self.grid.shape
        rows, columns = (
            np.arange(first, stop) % count
            for first, stop, count in zip(self._first, last, whole.shape, strict=True)
        )
        self._slices = [self.layout.cut(each, rows, columns) for each in sample.slices]
        self._propagators = sample.propagators_on(self.layout)

    def corner(self, place: Floats) -> npt.NDArray[np.int64]:
        """Return the first pixel of the window about a place; rows begin where a block does."""
        middle = np.round(place / np.array(self.sample.grid.sampling)).astype(np.int64)
        first = np.asarray(middle - np.array(self.grid.shape) // 2)
        lanes = LANES[np.dtype(self.sample.dtype).itemsize // 2]
        first[0] = lanes * round(first[0] / lanes)
        return first

    def behind(self, passes: Any, place: Floats) -> Any:
        """Return the intensities behind the sample, (ky, kx of the band), of the probe at a place.

        The place is (y, x) in Å.
        """
        grid, corner = self.grid, (0, 0)
        if self._first is not None:
            first = self.corner(place)
            corner = self.layout.corner(*(first - self._first).tolist())
            place = place - first * np.array(self.sample.grid.sampling)
        turns = (np.exp(-2j * np.pi * k * at) for k, at in zip(
            (grid.ky, grid.band_kx), place.tolist(), strict=True
        ))  # fmt: skip
        passes.start(self._spectrum, *turns)
        for _ in carried(passes, self._slices, self.sample.order, self._propagators, corner):
            pass
        return passes.intensity()
