"""Waves behind a sample."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.model import DataError, coordinate, labelled, operation, require_dims
from omniscopy.physics import electron
from omniscopy.simulate.waves.grids import Grid, grid_of, plane_coordinates
from omniscopy.simulate.waves.potentials import require_potential
from omniscopy.simulate.waves.running import (
    Passage,
    Sample,
    carried,
    complex_of,
    each_by_a_thread,
    warn_of_loss,
)

LARGEST_TILT = 100.0  # mrad; the propagator is that of small angles


@operation(example={"potential": "projected_potential", "voltage": 200e3})
def multislice(
    potential: xr.DataArray,
    *,
    voltage: float,
    wave: xr.DataArray | None = None,
    tilt: tuple[float, float] = (0.0, 0.0),
    repeats: int = 1,
    depths: Sequence[float] | None = None,
) -> xr.DataArray:
    r"""Return the wave behind a sample.

    Parameters
    ----------
    potential : DataArray, shape (..., z, y, x), V Å
        From `potential`; lazy or in memory.
    voltage : float, V
        Accelerating voltage.
    wave : DataArray, shape (..., y, x), complex
        In front of the sample, on the grid of the potential, such as the wave of `probe`. A
        plane wave of 1 otherwise.
    tilt : (y, x), mrad
        Of the sample: its columns lean towards +y and +x with depth, and the wave is seen from
        them. For small angles.
    repeats : int
        How often the potential follows itself along the beam.
    depths : sequence of float, Å
        Also give the wave behind the slices that end nearest to these depths.

    Returns
    -------
    DataArray, shape (..., y, x) or (..., z, y, x), complex
        Exit wave in the units of `wave`, with the depths along z where they are asked for. All
        of it is NaN where a value of the potential is.

    Raises
    ------
    DataError
        The potential is not one, the wave is on another grid, or the voltage was given in kV.

    Warns
    -----
    AliasingWarning
        More than a tenth of the electrons leave the angles that the grid keeps.

    Notes
    -----
    Each slice multiplies the wave by :math:`e^{i\sigma V}`, then the wave passes its thickness
    by Fresnel's propagator [1]_. Both keep two thirds of the frequencies, so that nothing folds.

    References
    ----------
    .. [1] J. M. Cowley and A. F. Moodie, Acta Cryst. 10, 609 (1957).
    """
    passage = passage_of(potential, voltage, tilt=tilt, repeats=repeats)
    stops, ends = _stops(passage, depths)
    given: list[xr.DataArray] = []
    if wave is not None:
        _require_same_grid(wave, passage.grid)
        given = [wave]
    dtype = complex_of(potential.dtype)
    (made,) = map_signal(
        _exit_waves, potential, dim=("z", "y", "x"), also=given, dtypes=[dtype],
        output_dims=[{"z": len(stops), "y": passage.grid.shape[0], "x": passage.grid.shape[1]}],
        parameters={"passage": passage, "stops": stops},
    )  # fmt: skip
    made = made.assign_coords(plane_coordinates(passage.grid))
    if depths is None:
        made = made.isel(z=0)
    else:
        made = made.assign_coords(z=coordinate("z", ends, "Å", role="navigation"))
    units = "1" if wave is None else wave.attrs.get("units")
    return labelled(
        made, units=units, long_name="Exit wave", quantity="wave", modality="TEM",
        source="omniscopy.simulate",
        metadata={"title": "Exit wave", "beam": {"voltage": float(voltage)}},
    ).rename(None)  # fmt: skip


def passage_of(
    potential: xr.DataArray, voltage: float, *, tilt: tuple[float, float] = (0.0, 0.0),
    repeats: int = 1,
) -> Passage:  # fmt: skip
    """Return how waves pass a potential, or raise where it or the beam is none."""
    grid, thickness = require_potential(potential)
    electron.require_voltage(voltage)
    if np.shape(tilt) != (2,) or not (np.abs(tilt) <= LARGEST_TILT).all():
        message = (
            f"tilt must be two angles (y, x) in mrad of at most {LARGEST_TILT:g}, got {tilt!r}; "
            "turn the atoms for larger ones"
        )
        raise DataError(message)
    if repeats < 1 or repeats != int(repeats):
        message = f"repeats must be a number of times, 1 or more, got {repeats!r}"
        raise DataError(message)
    return Passage(grid, thickness, float(voltage), (float(tilt[0]), float(tilt[1])), int(repeats))


def _stops(passage: Passage, depths: Sequence[float] | None) -> tuple[list[int], Any]:
    """Return behind which slices waves are wanted, and where these end."""
    ends = np.cumsum(np.tile(passage.thickness, passage.repeats))
    if depths is None:
        return [len(ends) - 1], ends[-1:]
    wanted = np.asarray(depths, np.float64)
    if wanted.ndim != 1 or not wanted.size or not np.isfinite(wanted).all():
        message = f"depths must be a list of lengths in Å, got {depths!r}"
        raise DataError(message)
    if wanted.min() <= 0.0 or wanted.max() > ends[-1] * (1.0 + 1e-6):
        message = (
            f"depths must be above 0 and at most that of the sample ({ends[-1]:g} Å), got "
            f"{wanted.min():g} to {wanted.max():g}; `repeats` makes it thicker"
        )
        raise DataError(message)
    places = np.unique(np.abs(ends[None, :] - wanted[:, None]).argmin(axis=1))
    return places.tolist(), ends[places]


def _require_same_grid(wave: xr.DataArray, grid: Grid) -> None:
    require_dims(wave, ("y", "x"))
    own = grid_of(wave)
    if own.shape != grid.shape or not np.allclose(own.size, grid.size, rtol=1e-4):
        message = (
            f"the wave has {own.shape} pixels over {own.size} Å, but the potential {grid.shape} "
            f"over {grid.size} Å; make it with `simulate.probe(..., like=potential)`"
        )
        raise DataError(message)


def _exit_waves(
    potential: npt.NDArray[Any], wave: npt.NDArray[Any] | None = None, *, passage: Passage,
    stops: list[int],
) -> npt.NDArray[Any]:  # fmt: skip
    """Return waves behind slices, shape (..., stops, y, x)."""
    outer = potential.shape[:-3]
    if wave is not None:
        outer = np.broadcast_shapes(outer, wave.shape[:-2])
    samples = np.broadcast_to(np.arange(int(np.prod(potential.shape[:-3]))).reshape(
        potential.shape[:-3]
    ), outer).ravel()  # fmt: skip
    planes = potential.reshape(-1, *potential.shape[-3:])
    incoming = None if wave is None else np.broadcast_to(wave, (*outer, *wave.shape[-2:]))
    grid, dtype = passage.grid, complex_of(potential.dtype)
    made = np.empty((samples.size, len(stops), *grid.shape), dtype)
    for number in np.unique(samples):
        sample = Sample(planes[number], passage)
        own = np.flatnonzero(samples == number)
        left = np.ones(len(own))

        def work(
            passes: Any, place: int, sample: Any = sample, own: Any = own, left: Any = left
        ) -> None:
            row = int(own[place])
            start = np.zeros(grid.square.shape, dtype)
            start[0, 0] = 1.0
            if incoming is not None:
                # What is beyond the band would fold; its loss is none of the sample.
                start = spectrum_of(incoming.reshape(-1, *grid.shape)[row], grid) * grid.inside
            before = float(np.square(np.abs(start)).sum())
            passes.start(sample.layout.spectrum(start))
            for step in carried(
                passes, sample.slices, sample.order, sample.propagators, stops=stops
            ):
                spectrum = passes.spectrum()
                if step == len(sample.order) - 1:
                    left[place] = float(np.square(np.abs(spectrum)).sum()) / max(before, 1e-300)
                if step in stops:
                    made[row, stops.index(step)] = wave_of(spectrum, grid, dtype)

        each_by_a_thread(work, len(own), sample.layout, "multislice")
        warn_of_loss(left)
    return made.reshape(*outer, len(stops), *grid.shape)


def spectrum_of(wave: Any, grid: Grid) -> Any:
    """Return the spectrum of a wave in the band, with 1/N in it."""
    from scipy import fft

    above, below = grid.columns
    whole = fft.fft2(wave, norm="forward")
    return np.concatenate([whole[:, :above], whole[:, grid.shape[1] - below :]], axis=1)


def wave_of(spectrum: Any, grid: Grid, dtype: npt.DTypeLike) -> Any:
    """Return the wave of a spectrum, which stays as it is."""
    from scipy import fft

    above, below = grid.columns
    whole = np.zeros(grid.shape, dtype)
    whole[:, :above] = spectrum[:, :above]
    whole[:, grid.shape[1] - below :] = spectrum[:, above:]
    return fft.ifft2(whole, norm="forward", overwrite_x=True)
