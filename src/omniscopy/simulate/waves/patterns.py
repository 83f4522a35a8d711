"""Diffraction patterns of every place of a scan, computed when they are asked for."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from omniscopy.model import coordinate, operation
from omniscopy.physics import electron
from omniscopy.physics.aberrations import Notation
from omniscopy.simulate.measurements import measurement
from omniscopy.simulate.probes import lens
from omniscopy.simulate.waves.grids import require_angle
from omniscopy.simulate.waves.running import Sample, each_by_a_thread
from omniscopy.simulate.waves.scanning import Probes, Setup, setup_of
from omniscopy.simulate.waves.windows import window_of

PLACES = 32  # of a scan that are one chunk, about


@operation(
    example={
        "potential": "projected_potential", "voltage": 200e3, "convergence_angle": 20.0,
        "scan_step": 1.5, "outer_angle": 40.0,
    }
)  # fmt: skip
def stem_4d(  # noqa: PLR0913 - each is a property of the microscope
    potential: xr.DataArray,
    *,
    voltage: float,
    convergence_angle: float,
    outer_angle: float | None = None,
    aberrations: Mapping[str, float] | None = None,
    notation: Notation = "krivanek",
    scan_start: tuple[float, float] = (0.0, 0.0),
    scan_stop: tuple[float, float] | None = None,
    scan_step: float | None = None,
    tilt: tuple[float, float] = (0.0, 0.0),
    repeats: int = 1,
    window: float | None = None,
) -> xr.DataArray:
    r"""Simulate the diffraction pattern of every place of a scan, by multislice.

    Parameters
    ----------
    potential : DataArray, shape (..., z, y, x), V Å
        From `potential`; lazy or in memory.
    voltage : float, V
        Accelerating voltage.
    convergence_angle : float, mrad
        Half angle of the probe.
    outer_angle : float, mrad
        How far patterns reach along ky and kx; all that waves keep otherwise.
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
    window : float, Å
        Let each probe see a square about it only, as in `stem`; pixels of patterns are its
        inverse.

    Returns
    -------
    DataArray, shape (..., y, x, ky, kx)
        Part of the beam in each pixel, in 1/Å. Lazy: patterns are computed when they are asked
        for, so a scan may be larger than memory.

    Raises
    ------
    DataError
        The outer angle lies beyond what the grid keeps, or an argument is not as above.

    Notes
    -----
    Multislice [1]_ of a probe at each place, :math:`|F[\psi]|^2` behind the sample.

    References
    ----------
    .. [1] J. M. Cowley, A. F. Moodie, *Acta Cryst.* 10, 609 (1957).
    """
    optics = lens.lens_of(voltage, convergence_angle, aberrations, notation)
    setup = setup_of(
        potential, optics, tilt=tilt, repeats=repeats, start=scan_start, stop=scan_stop,
        step=scan_step, window=window,
    )  # fmt: skip
    grid = setup.passage.grid if window is None else window_of(setup.passage.grid, window)
    length = float(electron.wavelength(voltage))
    outer = grid.limit
    if outer_angle is not None:
        lens.require_angle_in_mrad("outer_angle", outer_angle)
        require_angle(grid, outer_angle, length, "outer_angle")
        outer = 1e-3 * outer_angle / length
    rows, columns = (_shown(k, outer) for k in (grid.ky, grid.band_kx))
    outside = [str(dim) for dim in potential.dims if dim not in {"z", "y", "x"}]
    ordered = potential.transpose(*outside, "z", "y", "x")
    values = _lazily(ordered, setup, (rows, columns))
    coords = {
        **{dim: ordered.coords[dim] for dim in outside if dim in ordered.coords},
        **setup.scan.coords(),
        "ky": coordinate("ky", grid.ky[rows], "1/Å"),
        "kx": coordinate("kx", grid.band_kx[columns], "1/Å"),
    }
    made = measurement(
        xr.DataArray(values, coords, (*outside, "y", "x", "ky", "kx")), title="Simulated 4D-STEM",
        quantity="part of the beam", units="1", modality="STEM", truth={},
    )  # fmt: skip
    beam = {"voltage": float(voltage), "convergence_angle": float(convergence_angle)}
    return made.assign_attrs(metadata={"title": "Simulated 4D-STEM", "beam": beam})


def _shown(k: npt.NDArray[np.float64], outer: float) -> npt.NDArray[np.int64]:
    """Return which frequencies are shown, in ascending order."""
    order = np.argsort(k, kind="stable")
    return order[np.abs(k[order]) <= outer * (1.0 + 1e-9)]


def _lazily(potential: xr.DataArray, setup: Setup, shown: tuple[npt.NDArray[np.int64], ...]) -> Any:
    """Return the patterns as blocks of places, each computed by threads of its own."""
    import dask.array
    from dask.delayed import delayed

    da: Any = dask.array

    outer, places = potential.shape[:-3], setup.scan.places()
    shape = (len(setup.scan.y), len(setup.scan.x))
    step = max(1, PLACES // shape[1])
    single = np.dtype(potential.dtype).itemsize <= 4
    dtype = np.float32 if single else np.float64
    made = []
    for index in np.ndindex(*outer):
        plane = potential.data[index]
        sample = delayed(Sample, pure=False)(plane, setup.passage)
        probes = delayed(Probes, pure=False)(sample, setup, places)
        parts = []
        for first in range(0, shape[0], step):
            count = min(step, shape[0] - first)
            block = delayed(_patterns)(
                probes, places[first * shape[1] : (first + count) * shape[1]], shown, dtype
            )
            size = (count * shape[1], len(shown[0]), len(shown[1]))
            parts.append(da.from_delayed(block, size, dtype).reshape(count, shape[1], *size[1:]))
        made.append(da.concatenate(parts))
    stacked = da.stack(made)
    return stacked.reshape(*outer, *stacked.shape[1:])


def _patterns(probes: Probes, places: Any, shown: Any, dtype: npt.DTypeLike) -> Any:
    """Return the patterns of some places, shape (places, ky, kx)."""
    made = np.empty((len(places), len(shown[0]), len(shown[1])), dtype)

    def work(passes: Any, number: int) -> None:
        made[number] = probes.behind(passes, places[number])[np.ix_(*shown)]

    each_by_a_thread(work, len(places), probes.layout, "patterns")
    return made
