"""Images of scanned probes from waves that are computed once: PRISM."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from omniscopy.model import DataError, operation
from omniscopy.physics import electron
from omniscopy.physics.aberrations import Notation
from omniscopy.simulate.probes import lens
from omniscopy.simulate.waves.detectors import (
    Detector,
    Rings,
    require_detectors,
    rows_of,
    weights_of,
)
from omniscopy.simulate.waves.exit_waves import spectrum_of, wave_of
from omniscopy.simulate.waves.grids import Grid
from omniscopy.simulate.waves.passing import Plain
from omniscopy.simulate.waves.running import (
    Sample,
    carried,
    complex_of,
    each_by_a_thread,
    warn_of_loss,
)
from omniscopy.simulate.waves.scanning import Setup, blurred_by_source, scanned, setup_of


@operation(
    example={
        "potential": "projected_potential", "voltage": 200e3, "convergence_angle": 20.0,
        "detectors": {"bf": [0.0, 10.0], "adf": [30.0, 60.0]}, "interpolation": 1,
        "scan_step": 1.5,
    }
)  # fmt: skip
def prism(  # noqa: PLR0913 - each is a property of the microscope
    potential: xr.DataArray,
    *,
    voltage: float,
    convergence_angle: float,
    detectors: Mapping[str, Any],
    interpolation: int = 2,
    aberrations: Mapping[str, float] | None = None,
    notation: Notation = "krivanek",
    scan_start: tuple[float, float] = (0.0, 0.0),
    scan_stop: tuple[float, float] | None = None,
    scan_step: float | None = None,
    tilt: tuple[float, float] = (0.0, 0.0),
    repeats: int = 1,
    source_size: float = 0.0,
) -> xr.Dataset:
    r"""Simulate images of a scanned probe by PRISM: plane waves pass the sample, not probes.

    Parameters
    ----------
    potential : DataArray, shape (..., z, y, x), V Å
        From `potential`; lazy or in memory.
    voltage : float, V
        Accelerating voltage.
    convergence_angle : float, mrad
        Half angle of the probe.
    detectors : mapping of names to detectors, mrad
        As in `stem`.
    interpolation : int
        Along y and x, only one in so many plane waves of the aperture is computed; the probe then
        sees a window of the cell over this number. 1 is as exact as `stem`; see what a larger
        number changes.
    aberrations : mapping of names to numbers, Å and degrees
        See `physics.aberrations.terms_of`. The focus is at the top of the sample.
    notation : {"krivanek", "nion", "haider", "ceos"}
        Whose names and factors the aberrations have.
    scan_start, scan_stop : (y, x), Å
        Corners of the scan, the second one not scanned itself; the whole cell by default.
    scan_step : float, Å
        Largest step; just enough for an incoherent image otherwise.
    tilt : (y, x), mrad
        Of the sample, as in `multislice`.
    repeats : int
        How often the potential follows itself along the beam.
    source_size : float, Å
        Width at half maximum of the image of the source, as in `stem`.

    Returns
    -------
    Dataset, shape (..., y, x)
        As that of `stem`.

    Raises
    ------
    DataError
        The window holds no whole number of pixels, or an argument is not as above.

    Notes
    -----
    :math:`\psi(r) = \sum_k A_k e^{-i\chi(k)} e^{-2\pi i k \cdot r_0} S_k(r)` in a window about the
    place :math:`r_0` of the probe, with the wave :math:`S_k` behind the sample of each plane wave
    [1]_. It pays where there are more places than plane waves. All of these waves are in memory.

    References
    ----------
    .. [1] C. Ophus, Advanced Structural and Chemical Imaging 3, 13 (2017).
    """
    optics = lens.lens_of(voltage, convergence_angle, aberrations, notation)
    setup = setup_of(
        potential, optics, tilt=tilt, repeats=repeats, start=scan_start, stop=scan_stop,
        step=scan_step, window=None, source_size=source_size,
    )  # fmt: skip
    window = _window(setup.passage.grid, interpolation)
    seen = require_detectors(detectors, window, float(electron.wavelength(voltage)))
    return scanned(_prism_images, potential, setup, seen, {"window": window})


def _window(grid: Grid, interpolation: int) -> Grid:
    """Return the grid of the window that probes see."""
    if interpolation < 1 or interpolation != int(interpolation):
        message = f"interpolation must be a whole number, 1 or more, got {interpolation!r}"
        raise DataError(message)
    if any(count % interpolation for count in grid.shape):
        message = (
            f"an interpolation of {interpolation} does not divide {grid.shape} pixels; choose "
            "another, or make the potential with another sampling"
        )
        raise DataError(message)
    shape = (grid.shape[0] // interpolation, grid.shape[1] // interpolation)
    return Grid(shape, (grid.size[0] / interpolation, grid.size[1] / interpolation))


def _prism_images(
    potential: npt.NDArray[Any], *, setup: Setup, detectors: Mapping[str, Detector | Rings],
    window: Grid,
) -> npt.NDArray[np.float64]:  # fmt: skip
    """Return what detectors see at each place, shape (..., y, x, rows)."""
    outer, planes = potential.shape[:-3], potential.reshape(-1, *potential.shape[-3:])
    scan, length = setup.scan, float(electron.wavelength(setup.optics.voltage))
    places = scan.places()
    made = np.empty((len(planes), len(places), rows_of(detectors)))
    beams = _beams(setup, window)
    coefficients = _coefficients(setup, window, beams)
    weights = weights_of(detectors, window, length)
    for row, values in enumerate(planes):
        waves = _matrix(values, setup, window, beams)
        left = np.ones(len(places))

        def work(_: Any, number: int, row: int = row, waves: Any = waves, left: Any = left) -> None:
            spectrum = _probe(waves, setup, window, coefficients, beams, places[number])
            intensity = np.square(np.abs(spectrum)).ravel()
            left[number] = intensity.sum()
            made[row, number] = weights @ intensity

        each_by_a_thread(work, len(places), Plain(window, waves.dtype), "prism")
        warn_of_loss(left)
    images = made.reshape(*outer, len(scan.y), len(scan.x), made.shape[-1])
    return blurred_by_source(images, setup)


def _beams(setup: Setup, window: Grid) -> npt.NDArray[np.int64]:
    """Return the plane waves in the aperture as steps (ky, kx) of the grid of the window."""
    made = lens.spectrum(setup.optics, window.ky, window.kx, soft=True)
    rows, columns = np.nonzero(np.abs(made) > 0.0)
    ky, kx = (np.rint(k * size).astype(np.int64) for k, size in zip(
        (window.ky, window.kx), window.size, strict=True
    ))  # fmt: skip
    return np.stack([ky[rows], kx[columns]], axis=-1)


def _coefficients(setup: Setup, window: Grid, beams: npt.NDArray[np.int64]) -> Any:
    made = lens.spectrum(setup.optics, window.ky, window.kx, soft=True)
    return made[beams[:, 0], beams[:, 1]]


def _matrix(values: Any, setup: Setup, window: Grid, beams: npt.NDArray[np.int64]) -> Any:
    """Return the waves behind the sample of all plane waves, shape (beams, y, x)."""
    sample, grid = Sample(values, setup.passage), setup.passage.grid
    dtype = complex_of(values.dtype)
    made = np.empty((len(beams), *grid.shape), dtype)
    step = grid.shape[0] // window.shape[0]
    above, _ = grid.columns

    def work(passes: Any, number: int) -> None:
        ky, kx = (step * beams[number]).tolist()
        start = np.zeros(grid.square.shape, dtype)
        # Columns below 0 are the last ones of the band, as of the whole.
        start[ky, kx if kx < above else kx - grid.shape[1]] = 1.0
        passes.start(sample.layout.spectrum(start))
        for _ in carried(passes, sample.slices, sample.order, sample.propagators):
            made[number] = wave_of(passes.spectrum(), grid, dtype)

    each_by_a_thread(work, len(beams), sample.layout, "plane waves of prism")
    return made


def _probe(  # noqa: PLR0917
    waves: Any, setup: Setup, window: Grid, coefficients: Any, beams: npt.NDArray[np.int64],
    place: npt.NDArray[np.float64],
) -> Any:  # fmt: skip
    """Return the spectrum behind the sample of a probe at a place (y, x) in Å."""
    grid = setup.passage.grid
    turn = np.exp(-2j * np.pi * (beams @ (place / np.array(window.size))))
    corner = (
        np.round(place / np.array(grid.sampling)).astype(np.int64) - np.array(window.shape) // 2
    )
    rows, columns = (
        (first + np.arange(count)) % whole
        for first, count, whole in zip(corner, window.shape, grid.shape, strict=True)
    )
    factors = (coefficients * turn).astype(waves.dtype)
    wave = np.zeros(window.shape, waves.dtype)
    for factor, each in zip(factors, waves, strict=True):
        wave += factor * each[np.ix_(rows, columns)]
    return spectrum_of(wave, window) * window.inside
