"""Discs of a convergent beam, each direction of which makes Bloch waves of its own."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.model import DataError, coordinate, operation
from omniscopy.physics.scattering.coefficients import Table
from omniscopy.simulate.bloch.beams import Beams, Material, choose_beams
from omniscopy.simulate.bloch.solving import solve_directions
from omniscopy.simulate.bloch.waves import beam_table, require_motion, require_thickness
from omniscopy.simulate.patterns.crystals import (
    Direction,
    Floats,
    Motion,
    Structure,
    View,
    require_limits,
    view_of,
)
from omniscopy.simulate.patterns.spots import told

_EXAMPLE = {
    "atoms": "Si", "zone": (0, 0, 1), "voltage": 200e3, "thickness": 500.0,
    "convergence_mrad": 5.0, "pixels": 9, "limit": 0.8,
}  # fmt: skip


@operation(example=_EXAMPLE, lazy=False)
def cbed_discs(  # noqa: PLR0913 - each is a physical parameter
    atoms: Structure,
    *,
    zone: Direction,
    voltage: float,
    thickness: float | Sequence[float],
    convergence_mrad: float,
    pixels: int = 64,
    discs: int = 13,
    up: Direction | None = None,
    limit: float = 3.0,
    largest_excitation: float = 0.05,
    weak_excitation: float | None = None,
    absorption: bool = False,
    table: Table = "lobato",
    debye_waller: Motion = None,
) -> xr.Dataset:
    r"""Simulate large-angle discs: each beam against the direction of the incident one.

    Parameters
    ----------
    atoms : ase.Atoms or str
        A crystal, or its name; see `crystal.structure`.
    zone : three numbers
        Direction [uvw] that points at the source.
    voltage : float, V
        Accelerating voltage.
    thickness : float or sequence, Å
        Of the crystal along the zone axis.
    convergence_mrad : float, mrad
        Half angle of the cone of the beam.
    pixels : int
        Across a disc.
    discs : int
        How many beams are kept, those with the shortest vectors.
    up : three numbers, optional
        Plane (hkl) whose normal points up in the pattern; see `crystal.orientation_matrix`.
    limit, largest_excitation, weak_excitation : float, 1/Å
        Which beams take part, as of `bloch_waves`; for any direction in the cone.
    absorption, table, debye_waller : bool, str, and float or mapping in Å²
        As of `bloch_waves`.

    Returns
    -------
    Dataset, dimensions thickness, beam, ky and kx
        ``intensity`` along all four, over that of the incident direction and NaN outside the
        aperture; `ky` and `kx` are those of the incident wave vector (1/Å, ky downwards). For
        each beam ``beam_ky`` and ``beam_kx``, the vector that its disc is moved by, ``hkl``,
        ``extinction_distance`` (Å), ``laue_zone`` and ``label``.

    Raises
    ------
    DataError
        As of `bloch_waves`, or the convergence is not that of a beam.

    Notes
    -----
    Discs of a camera overlap where the cone is wider than the Bragg angles; here each is whole,
    as of a large-angle pattern.

    References
    ----------
    .. [1] J. C. H. Spence and J. M. Zuo, *Electron Microdiffraction*, Plenum (1992), chapter 3.
    """
    require_limits(convergence_mrad=convergence_mrad, pixels=pixels, discs=discs)
    if convergence_mrad > 500.0 or pixels < 3:
        message = (
            "a beam converges by 500 mrad at most, and a disc has 3 pixels at least, got "
            f"{convergence_mrad:g} and {pixels}"
        )
        raise DataError(message)
    view = view_of(atoms, zone, voltage, up=up)
    depth = require_thickness(thickness)
    material = Material(table, debye_waller, absorption)
    require_motion(view, material)
    axis, directions, inside = _aperture(view, convergence_mrad, pixels)
    beams = choose_beams(
        view, material, limit=limit, largest_excitation=largest_excitation,
        weak_excitation=weak_excitation, directions=directions,
    )  # fmt: skip
    kept = np.arange(min(discs, len(beams.hkl)))
    found = solve_directions(beams, directions, depth, wanted=kept, absorbing=absorption)
    values = np.full((len(depth), len(kept), pixels, pixels), np.nan)
    values[:, :, inside] = np.abs(np.moveaxis(found.amplitudes, 0, -1)) ** 2
    return _labelled(values, (axis, depth), beams, view)


def _aperture(view: View, convergence_mrad: float, pixels: int) -> tuple[Floats, Floats, Any]:
    """Return the axis of a disc, the wave vectors (x, y) in it, and where in the disc they are."""
    radius = view.wave_number * np.sin(1e-3 * convergence_mrad)
    axis = radius * (2.0 * np.arange(pixels) - (pixels - 1)) / (pixels - 1)
    down, right = np.meshgrid(axis, axis, indexing="ij")
    inside = np.hypot(down, right) <= radius * (1.0 + 1e-9)
    return axis, np.stack([right[inside], -down[inside]], axis=1), inside


def _labelled(values: Floats, axes: tuple[Floats, Floats], beams: Beams, view: View) -> xr.Dataset:
    axis, depth = axes
    table = beam_table(beams, view).isel(beam=slice(0, values.shape[1]))
    table = table.rename(ky="beam_ky", kx="beam_kx")
    return table.assign(
        intensity=(
            ("thickness", "beam", "ky", "kx"), values, {"units": "1", "quantity": "intensity"},
        )
    ).assign_coords(
        ky=coordinate("ky", axis, "1/Å"),
        kx=coordinate("kx", axis, "1/Å"),
        thickness=coordinate("thickness", depth, "Å", kind="parameter", quantity="thickness"),
    ).assign_attrs(told(view))  # fmt: skip


@operation(example=_EXAMPLE, lazy=False)
def cbed(  # noqa: PLR0913 - each is a physical parameter
    atoms: Structure,
    *,
    zone: Direction,
    voltage: float,
    thickness: float | Sequence[float],
    convergence_mrad: float,
    pixels: int = 64,
    field: float | None = None,
    up: Direction | None = None,
    limit: float = 3.0,
    largest_excitation: float = 0.05,
    weak_excitation: float | None = None,
    absorption: bool = False,
    table: Table = "lobato",
    debye_waller: Motion = None,
) -> xr.DataArray:
    r"""Simulate the pattern of a convergent beam, as a camera sees it.

    Parameters
    ----------
    atoms : ase.Atoms or str
        A crystal, or its name; see `crystal.structure`.
    zone : three numbers
        Direction [uvw] that points at the source.
    voltage : float, V
        Accelerating voltage.
    thickness : float or sequence, Å
        Of the crystal along the zone axis.
    convergence_mrad : float, mrad
        Half angle of the cone of the beam.
    pixels : int
        Across a disc.
    field : float, 1/Å, optional
        Half the width of the pattern; by default that all beams of the zone to 1.5 1/Å, or to
        `limit`, are on it.
    up : three numbers, optional
        Plane (hkl) whose normal points up in the pattern; see `crystal.orientation_matrix`.
    limit, largest_excitation, weak_excitation : float, 1/Å
        Which beams take part, as of `bloch_waves`; for any direction in the cone.
    absorption, table, debye_waller : bool, str, and float or mapping in Å²
        As of `bloch_waves`.

    Returns
    -------
    DataArray, shape (thickness, ky, kx), 1
        Part of the incident beam in each pixel, in 1/Å with ky downwards; discs that overlap are
        added, without interference. `thickness` is left out where it is one number.

    Raises
    ------
    DataError
        As of `cbed_discs`.

    Notes
    -----
    Each direction of the cone is solved by `bloch_waves`, and gives an equal part of the beam.
    """
    found = cbed_discs(
        atoms, zone=zone, voltage=voltage, thickness=thickness, convergence_mrad=convergence_mrad,
        pixels=pixels, discs=10**6, up=up, limit=limit, largest_excitation=largest_excitation,
        weak_excitation=weak_excitation, absorption=absorption, table=table,
        debye_waller=debye_waller,
    )  # fmt: skip
    require_limits(field=field)
    step = float(found.kx[1] - found.kx[0])
    half = field if field is not None else min(1.5, limit) + float(found.kx.max())
    count = int(np.ceil(half / step))
    values = found.intensity.values
    flux = np.isfinite(values[0, 0]).sum()
    pattern = np.zeros((len(values), 2 * count + 1, 2 * count + 1))
    for place in range(values.shape[1]):
        at = (float(found.beam_ky[place]) / step, float(found.beam_kx[place]) / step)
        _add_disc(pattern, np.nan_to_num(values[:, place]) / flux, at)
    axis = step * np.arange(-count, count + 1)
    made = xr.DataArray(
        pattern,
        {
            "thickness": found.thickness.variable,
            "ky": coordinate("ky", axis, "1/Å"),
            "kx": coordinate("kx", axis, "1/Å"),
        },
        attrs={
            "units": "1", "quantity": "intensity", "long_name": "Convergent beam",
            "signal_type": "diffraction", "modality": "TEM", "source": "omniscopy.simulate",
            **{key: value for key, value in found.attrs.items() if key != "provenance"},
        },
    )  # fmt: skip
    return made.isel(thickness=0, drop=True) if np.ndim(thickness) == 0 else made


def _add_disc(pattern: Floats, disc: Floats, at: tuple[float, float]) -> None:
    """Add a disc with its middle at a place in pixels from that of the pattern, between pixels."""
    half = (disc.shape[-1] - 1) / 2.0
    starts = [(pattern.shape[-1] - 1) / 2.0 + place - half for place in at]
    for row in (0, 1):
        for column in (0, 1):
            corner = [
                int(np.floor(start)) + n for start, n in zip(starts, (row, column), strict=True)
            ]
            weights = [
                1.0 - abs(start - place) for start, place in zip(starts, corner, strict=True)
            ]
            _add_at(pattern, disc * weights[0] * weights[1], corner)


def _add_at(pattern: Floats, disc: Floats, corner: list[int]) -> None:
    """Add a disc whose first pixel is at a corner, as far as it is on the pattern."""
    size, width = disc.shape[-1], pattern.shape[-1]
    first = [max(0, place) for place in corner]
    last = [min(width, place + size) for place in corner]
    if last[0] <= first[0] or last[1] <= first[1]:
        return
    there = tuple(slice(a, b) for a, b in zip(first, last, strict=True))
    here = tuple(slice(a - c, b - c) for a, b, c in zip(first, last, corner, strict=True))
    pattern[(slice(None), *there)] += disc[(slice(None), *here)]
