"""Patterns of a crystal in all of its orientations."""

from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from omniscopy.crystal.fundamental_zones import sample_directions
from omniscopy.model import DataError, coordinate, operation, require_choice
from omniscopy.physics import bragg, electron, scattering
from omniscopy.physics.scattering.coefficients import Table
from omniscopy.simulate.measurements import Random, counted, measurement, require_positive
from omniscopy.simulate.patterns.crystals import (
    Floats,
    Motion,
    Structure,
    View,
    crystal_of,
    indices_of,
    inner_wave_number,
    require_limits,
)
from omniscopy.simulate.patterns.spots import (
    EXTINCT,
    Shape,
    extinction_distances_of,
)


@operation(example={"atoms": "Al", "voltage": 200e3, "step": 12.0}, lazy=False)
def pattern_library(  # noqa: PLR0913 - each is a physical parameter
    atoms: Structure,
    *,
    voltage: float,
    step: float = 1.5,
    thickness: float = 100.0,
    shape: Shape = "lorentzian",
    limit: float = 2.0,
    faintest: float = 1e-4,
    largest_excitation: float = 0.05,
    table: Table = "lobato",
    debye_waller: Motion = None,
) -> xr.Dataset:
    """Simulate the spots of a crystal for every orientation that its symmetry leaves different.

    Parameters
    ----------
    atoms : ase.Atoms or str
        A crystal, or its name; see `crystal.structure`.
    voltage : float, V
        Accelerating voltage.
    step : float, degrees
        Angle between neighbouring directions of the beam.
    thickness : float, Å
        Of the crystal along the beam.
    shape : {"lorentzian", "gaussian", "sinc", "two_beam"}
        How intensities fall with the excitation error; see `spot_pattern`.
    limit : float, 1/Å
        Longest reciprocal lattice vector.
    faintest : float
        Intensity of the weakest spots, over that of the strongest in the pattern.
    largest_excitation : float, 1/Å
        Largest excitation error of spots.
    table : str
        Whose form factors; see `physics.scattering.form_factor`.
    debye_waller : float or mapping of symbols, Å²
        See `physics.scattering.structure_factors`.

    Returns
    -------
    Dataset, dimensions orientation and spot
        ``ky``, ``kx`` (1/Å, ky downwards) and ``intensity`` (mean over the directions that the
        entry stands for) along both, the brightest spots first and NaN behind the last;
        ``matrix`` (along orientation, `row` and `column`), the rotation from the frame of the
        structure to that of the microscope. Turns about the beam are left to who compares. Along
        `reflection`: ``g`` (1/Å, also along `column`) in the frame of the structure, and
        ``extinction_distance`` (Å), from which intensities of any other orientation follow, with
        what the attributes say: ``wave_number`` (1/Å, inside of the crystal), ``thickness`` (Å),
        ``shape``, ``largest_excitation`` (1/Å) and ``step`` (degrees).

    Raises
    ------
    DataError
        The crystal, its elements or the voltage are none, atoms overlap, or a limit is not
        positive.

    Notes
    -----
    Spots are kinematic, as of `spot_pattern`; libraries of them are what orientations are found
    by [1]_.

    References
    ----------
    .. [1] C. Ophus et al., *Microsc. Microanal.* 28, 390 (2022).
    """
    require_choice("shape", shape, ("sinc", "lorentzian", "gaussian", "two_beam"))
    require_limits(
        thickness=thickness, limit=limit, faintest=faintest, largest_excitation=largest_excitation
    )
    crystal = crystal_of(atoms)
    electron.require_voltage(voltage)
    bright = reflections_of(
        crystal, voltage, limit, thickness, shape, largest_excitation=largest_excitation,
        table=table, debye_waller=debye_waller,
    )  # fmt: skip
    bright = bright._replace(around=_around(np.deg2rad(step), bright.view.wave_number))
    turns = np.array([facing(way) for way in sample_directions(crystal, step).values])
    listed = [bright.spots(turn, faintest) for turn in turns]
    most = max(len(spots) for spots in listed)
    if most == 0:
        message = f"no reflection is excited up to {limit:g} 1/Å; raise `limit`"
        raise DataError(message)
    table_of = np.full((len(listed), most, 3), np.nan)
    for row, spots in zip(table_of, listed, strict=True):
        row[: len(spots)] = spots
    inverse = {"units": "1/Å", "quantity": "reciprocal length"}
    return _labelled(table_of, turns).assign(
        g=(("reflection", "column"), bright.g, inverse),
        extinction_distance=("reflection", bright.distances, {"units": "Å", "quantity": "length"}),
    ).assign_coords(
        reflection=coordinate(
            "reflection", np.arange(len(bright.g)), "1", kind="point", quantity="reflection"
        )
    ).assign_attrs(
        voltage=float(voltage), formula=str(crystal.symbols), limit=float(limit),
        wave_number=float(bright.view.wave_number), thickness=float(thickness), shape=shape,
        largest_excitation=float(largest_excitation), step=float(step),
    )  # fmt: skip


def _around(step: float, wave_number: float) -> Floats:
    """Return x and y of wave vectors spread over the directions nearest to an entry."""
    # Rings of equal areas in a circle of the area of a hexagon.
    radii = 0.525 * step * np.sqrt((np.arange(3) + 0.5) / 3.0)
    angles = np.deg2rad(60.0) * np.arange(6)
    ways = [
        radius * np.stack([np.cos(angles + number), np.sin(angles + number)], -1)
        for number, radius in enumerate(radii)
    ]
    return np.asarray(wave_number * np.concatenate(ways))


def facing(way: Floats) -> Floats:
    """Return a rotation that brings a direction of the structure to z."""
    z = way / np.linalg.norm(way)
    aside = np.eye(3)[int(np.abs(z).argmin())]
    x = np.cross(aside, z)
    x /= np.linalg.norm(x)
    return np.array([x, np.cross(z, x), z])


class Reflections(NamedTuple):
    """Reflections of a crystal that are not forbidden, for any of its orientations."""

    g: Floats
    distances: Floats
    """Extinction distances of two beams, in Å."""
    view: View
    thickness: float
    shape: Shape
    largest_excitation: float
    around: Floats
    """Wave vectors (x, y) in 1/Å that intensities are the mean over."""

    def spots(self, turn: Floats, faintest: float) -> Floats:
        """Return ky, kx and intensity of the spots of an orientation, the brightest first."""
        g = self.g @ turn.T
        s = bragg.excitation_errors(g, self.view.wave_number)
        near = np.abs(s) <= self.largest_excitation
        g, distances = g[near], self.distances[near]
        errors = bragg.excitation_errors(g, self.view.wave_number, self.around)
        intensity = bragg.beam_intensities(
            errors, distances, self.thickness, self.shape
        ).mean(axis=0)  # fmt: skip
        order = np.argsort(-intensity, kind="stable")
        order = order[intensity[order] >= faintest * intensity.max(initial=0.0)]
        return np.stack([-g[order, 1], g[order, 0], intensity[order]], axis=1)


def reflections_of(
    crystal: Any,
    voltage: float,
    limit: float,
    thickness: float,
    shape: Shape,
    *,
    largest_excitation: float,
    table: Table = "lobato",
    debye_waller: Motion = None,
) -> Reflections:
    """Return the reflections of a crystal up to a limit; a single direction is around each."""
    view = View(crystal, np.eye(3), np.zeros(3), inner_wave_number(crystal, voltage), voltage)
    hkl = indices_of(crystal, limit)
    factors = np.abs(
        scattering.structure_factors(crystal, hkl, table=table, debye_waller=debye_waller)
    )
    forward = abs(scattering.structure_factors(crystal, (0, 0, 0), table=table, debye_waller=0))
    kept = factors > EXTINCT * forward
    return Reflections(
        view.g_vectors(hkl[kept]), extinction_distances_of(view, factors[kept]), view, thickness,
        shape, largest_excitation, np.zeros((1, 2)),
    )  # fmt: skip


def _labelled(table: Floats, turns: Floats) -> xr.Dataset:
    inverse = {"units": "1/Å", "quantity": "reciprocal length"}
    axes = np.array(["x", "y", "z"])
    places = ("orientation", "spot")
    return xr.Dataset(
        {
            "ky": (places, table[..., 0], inverse),
            "kx": (places, table[..., 1], inverse),
            "intensity": (places, table[..., 2], {"units": "1", "quantity": "intensity"}),
            "matrix": (("orientation", "row", "column"), turns, {"units": "1"}),
        },
        coords={
            "orientation": coordinate(
                "orientation", np.arange(len(turns)), "1", kind="point", quantity="orientation"
            ),
            "spot": coordinate(
                "spot", np.arange(table.shape[1]), "1", kind="point", quantity="spot"
            ),
            "row": coordinate("row", axes, kind="parameter", quantity="axis of the microscope"),
            "column": coordinate("column", axes, kind="parameter", quantity="axis of the crystal"),
        },
    )


@operation(example={"shape": (2, 3), "pattern_shape": (24, 22)}, lazy=False)
def orientation_4d(  # noqa: PLR0913 - each is a physical parameter
    atoms: Structure = "Al",
    shape: tuple[int, int] = (4, 5),
    pattern_shape: tuple[int, int] = (64, 64),
    *,
    voltage: float = 200e3,
    sampling: float = 5.0,
    pixel: float = 0.6,
    width: float = 0.65,
    thickness: float = 100.0,
    beam_shape: Shape = "lorentzian",
    counts: float = 2e4,
    direct: float = 0.3,
    background: float = 0.1,
    noise: bool = True,
    rng: Random = 0,
) -> xr.DataArray:
    """Simulate a scan over crystals, each of which lies as chance has it.

    Parameters
    ----------
    atoms : ase.Atoms or str
        A crystal, or its name; see `crystal.structure`.
    shape : (int, int)
        Points of the scan along y and x.
    pattern_shape : (int, int)
        Pixels of a pattern along ky and kx.
    voltage : float, V
        Accelerating voltage.
    sampling : float, nm
        Distance of the points of the scan.
    pixel : float, 1/nm
        Size of a pixel of a pattern.
    width : float, 1/nm
        Standard deviation of a spot.
    thickness : float, Å
        Of the crystals.
    beam_shape : {"lorentzian", "gaussian", "sinc", "two_beam"}
        How intensities fall with the excitation error; see `spot_pattern`.
    counts : float
        Mean counts of a pattern.
    direct : float
        Part of the counts in the undiffracted beam.
    background : float
        Part of the counts around it, in a wide peak.
    noise : bool
        Draw Poisson counts (float32); otherwise the exact mean (float64).
    rng : int or Generator
        Seed of the orientations and the noise.

    Returns
    -------
    DataArray, shape (y, x, ky, kx), counts
        ``attrs["metadata"]["truth"]["orientation"]`` holds the rotation from the frame of the
        structure to that of the microscope (y upwards) of each point.

    Raises
    ------
    DataError
        `pixel`, `width`, `counts`, `thickness` or the voltage is not positive, or the structure is
        unknown or has no cell with a volume.

    Notes
    -----
    Spots are kinematic, as of `spot_pattern`, each a Gaussian.
    """
    require_positive(pixel=pixel, width=width, counts=counts, thickness=thickness)
    crystal = crystal_of(atoms)
    electron.require_voltage(voltage)
    draw = np.random.default_rng(rng)
    axes = [np.asarray(pixel * (np.arange(n) - n // 2), np.float64) for n in pattern_shape]
    reach = 0.1 * max(np.abs(axes[0]).max(), np.abs(axes[1]).max()) * np.sqrt(2.0)
    bright = reflections_of(crystal, voltage, reach, thickness, beam_shape, largest_excitation=0.05)
    turns = _random_rotations(int(np.prod(shape)), draw)
    mean = np.array([_picture(bright, turn, axes, (width, direct, background)) for turn in turns])
    values = counts * mean.reshape(*shape, *pattern_shape)
    coords = {
        "y": coordinate("y", sampling * np.arange(shape[0]), "nm"),
        "x": coordinate("x", sampling * np.arange(shape[1]), "nm"),
        "ky": coordinate("ky", axes[0], "1/nm"),
        "kx": coordinate("kx", axes[1], "1/nm"),
    }
    truth = {
        "orientation": turns.reshape(*shape, 3, 3).tolist(), "voltage": voltage,
        "thickness": thickness, "formula": str(crystal.symbols),
    }  # fmt: skip
    return measurement(
        counted(xr.DataArray(values, coords), noise=noise, rng=draw), title="Orientations",
        quantity="intensity", units="counts", modality="STEM", truth=truth,
    )  # fmt: skip


def _random_rotations(count: int, draw: np.random.Generator) -> Floats:
    """Return rotations, all as likely: unit quaternions of normal numbers."""
    from scipy.spatial.transform import Rotation

    four = draw.normal(size=(count, 4))
    return np.asarray(Rotation.from_quat(four).as_matrix(), np.float64)


def _picture(bright: Reflections, turn: Floats, axes: list[Floats], parts: Any) -> Floats:
    """Return a pattern of Gaussian spots whose sum is 1, but for what falls beside it."""
    width, direct, background = parts
    ky, kx = axes
    spots = bright.spots(turn, 1e-4)
    shares = spots[:, 2] / spots[:, 2].sum() * (1.0 - direct - background)
    down = np.exp(-0.5 * np.square((ky[:, None] - 10.0 * spots[:, 0]) / width))
    right = np.exp(-0.5 * np.square((kx[:, None] - 10.0 * spots[:, 1]) / width))
    area = (ky[1] - ky[0]) * (kx[1] - kx[0])
    picture = (down * shares) @ right.T + direct * np.outer(
        np.exp(-0.5 * np.square(ky / width)), np.exp(-0.5 * np.square(kx / width))
    )
    picture *= area / (2.0 * np.pi * width**2)
    away = np.square(ky[:, None]) + np.square(kx)
    wide = 0.2 * float(np.abs(kx).max())
    return np.asarray(
        picture + background * area / (2.0 * np.pi * wide**2) * np.exp(-0.5 * away / wide**2)
    )
