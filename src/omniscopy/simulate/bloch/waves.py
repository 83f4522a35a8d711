"""Intensities of the beams of a crystal from its Bloch waves."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.crystal import stage_rotation
from omniscopy.model import DataError, coordinate, operation
from omniscopy.physics import bragg
from omniscopy.physics.scattering.coefficients import Table
from omniscopy.physics.scattering.sites import occupied_sites
from omniscopy.simulate.bloch.beams import Beams, Material, choose_beams
from omniscopy.simulate.bloch.solving import solve_directions
from omniscopy.simulate.patterns.crystals import (
    Direction,
    Floats,
    Integers,
    Motion,
    Structure,
    View,
    laue_zones,
    names_of,
    view_of,
)
from omniscopy.simulate.patterns.spots import table_coordinates, told

_LENGTH = {"units": "Å", "quantity": "length"}
_INVERSE = {"units": "1/Å", "quantity": "reciprocal length"}
_PURE = {"units": "1"}


@operation(
    example={
        "atoms": "Si", "zone": (0, 1, 1), "voltage": 200e3, "thickness": (100.0, 200.0),
        "limit": 1.0,
    },
    lazy=False,
)  # fmt: skip
def bloch_waves(  # noqa: PLR0913 - each is a physical parameter
    atoms: Structure,
    *,
    zone: Direction,
    voltage: float,
    thickness: float | Sequence[float],
    up: Direction | None = None,
    tilt: Sequence[float] | Sequence[Sequence[float]] = (0.0, 0.0),
    limit: float = 6.0,
    largest_excitation: float = 0.1,
    weak_excitation: float | None = None,
    absorption: bool = False,
    table: Table = "lobato",
    debye_waller: Motion = None,
) -> xr.Dataset:
    r"""Simulate the beams behind a crystal in which all of them scatter into each other.

    Parameters
    ----------
    atoms : ase.Atoms or str
        A crystal, or its name; see `crystal.structure`.
    zone : three numbers
        Direction [uvw] that points at the source, and the normal of the crystal's faces.
    voltage : float, V
        Accelerating voltage.
    thickness : float or sequence, Å
        Of the crystal along the zone axis.
    up : three numbers, optional
        Plane (hkl) whose normal points up in the pattern; see `crystal.orientation_matrix`.
    tilt : (alpha, beta) or sequence of them, degrees
        Tilts of a stage away from the zone axis; see `crystal.stage_rotation`.
    limit : float, 1/Å
        Longest reciprocal lattice vector of beams.
    largest_excitation : float, 1/Å
        Largest excitation error of beams, for any of the tilts.
    weak_excitation : float, 1/Å, optional
        Largest excitation error of further beams that the others feel as perturbations, after
        Bethe [1]_.
    absorption : bool
        Take away what thermal motion scatters diffusely; it needs Debye-Waller factors.
    table : str
        Whose form factors; see `physics.scattering.form_factor`.
    debye_waller : float or mapping of symbols, Å²
        See `physics.scattering.structure_factors`.

    Returns
    -------
    Dataset, dimensions thickness and beam, and tilt where there are several
        ``intensity`` (over that of the incident beam) and ``amplitude`` (complex) along tilt,
        thickness and beam; ``excitation_error`` (1/Å) along tilt and beam; ``hkl`` (along
        `index`), ``ky`` and ``kx`` (1/Å, ky downwards), ``extinction_distance`` (Å, of two beams),
        ``laue_zone`` and ``label`` of each beam, 000 first; ``wave_shift`` (1/Å) and
        ``excitation`` of each Bloch wave along `wave` and tilt: how much its wave number along
        the normal is larger than that of the incident beam, and which part of the electrons is
        in it.

    Raises
    ------
    DataError
        The crystal, its elements, the zone or the voltage are none, atoms overlap, a limit is not
        positive, there are too many beams, or absorption is asked of atoms that do not move.

    Notes
    -----
    Beams of all Laue zones within the limits count. Those that nothing couples to the incident
    one are left out. `bloch_convergence` shows how far limits need to go.

    References
    ----------
    .. [1] H. Bethe, Ann. Phys. 392, 55 (1928).
    .. [2] J. C. H. Spence and J. M. Zuo, *Electron Microdiffraction*, Plenum (1992), chapter 3.
    .. [3] D. M. Bird and Q. A. King, Acta Cryst. A 46, 202 (1990).

    Examples
    --------
    >>> import omniscopy as om
    >>> beams = om.simulate.bloch_waves(
    ...     "Si", zone=(0, 1, 1), voltage=200e3, thickness=100.0, limit=1.0
    ... )
    >>> float(beams.intensity.sum().round(6))
    1.0
    """
    view = view_of(atoms, zone, voltage, up=up)
    depth = require_thickness(thickness)
    directions, several = _directions(view, tilt)
    material = Material(table, debye_waller, absorption)
    require_motion(view, material)
    beams = choose_beams(
        view, material, limit=limit, largest_excitation=largest_excitation,
        weak_excitation=weak_excitation, directions=directions,
    )  # fmt: skip
    solved = solve_directions(beams, directions, depth, absorbing=absorption)
    found = solved.amplitudes
    made = beam_table(beams, view).assign(
        amplitude=(("tilt", "thickness", "beam"), found, {**_PURE, "quantity": "amplitude"}),
        intensity=(
            ("tilt", "thickness", "beam"), np.abs(found) ** 2, {**_PURE, "quantity": "intensity"},
        ),
        excitation_error=(
            ("tilt", "beam"), bragg.excitation_errors(beams.g, view.wave_number, directions),
            {**_INVERSE, "long_name": "s"},
        ),
        wave_shift=(("tilt", "wave"), solved.gamma, _INVERSE),
        excitation=(("tilt", "wave"), solved.excitation, _PURE),
    )  # fmt: skip
    made = made.assign_coords(
        thickness=coordinate("thickness", depth, "Å", kind="parameter", quantity="thickness"),
        wave=coordinate(
            "wave", np.arange(len(beams.hkl)), "1", kind="point", quantity="Bloch wave"
        ),
        tilt=coordinate("tilt", np.arange(len(directions)), "1", kind="parameter", quantity="tilt"),
    )
    angles = np.asarray(tilt, np.float64).reshape(-1, 2)
    for number, name in enumerate(("alpha", "beta")):
        attrs = {"units": "deg", "quantity": "angle"}
        made = made.assign({name: ("tilt", angles[:, number], attrs)})
    return (made if several else made.isel(tilt=0, drop=True)).assign_attrs(told(view))


def require_thickness(thickness: float | Sequence[float]) -> Floats:
    """Return thicknesses as an array, or raise where they are none."""
    depth = np.atleast_1d(np.asarray(thickness, np.float64))
    if depth.ndim != 1 or not depth.size or not (np.isfinite(depth) & (depth >= 0.0)).all():
        message = f"thicknesses are 0 or more Å, got {thickness!r}"
        raise DataError(message)
    return depth


def require_motion(view: View, material: Material) -> None:
    """Raise where absorption is asked for and no atom moves."""
    if not material.absorption:
        return
    sites = occupied_sites(view.atoms, material.debye_waller)
    if not any(kind.b > 0.0 for kind in sites.species):
        message = (
            "atoms that do not move absorb nothing; give `debye_waller` in Å², such as 0.5, or "
            "a mapping of symbols"
        )
        raise DataError(message)


def _directions(view: View, tilt: Any) -> tuple[Floats, bool]:
    """Return x and y of the wave vector in the frame of the crystal, for each tilt of it."""
    angles = np.asarray(tilt, np.float64)
    if angles.ndim not in {1, 2} or angles.shape[-1] != 2 or not (np.abs(angles) <= 20.0).all():
        message = (
            "tilts are pairs (alpha, beta) of 20 degrees at most; a crystal that is tilted "
            f"farther has another zone axis nearby; got {tilt!r}"
        )
        raise DataError(message)
    rows = [stage_rotation(alpha, beta)[2, :2] for alpha, beta in angles.reshape(-1, 2)]
    return -view.wave_number * np.array(rows), angles.ndim == 2


def beam_table(beams: Beams, view: View) -> xr.Dataset:
    """Return what is known of each beam before any is scattered."""
    size = np.abs(beams.coupling[:, 0])
    size[0] = 0.0
    size[size < 1e-9 * size.max(initial=0.0)] = 0.0  # forbidden, but for rounding
    with np.errstate(divide="ignore"):
        # The extinction distance is the wave length inside over U.
        distances = view.wave_number / size
    variables = {
        "hkl": (("beam", "index"), beams.hkl, _PURE),
        "ky": ("beam", -beams.g[:, 1], _INVERSE),
        "kx": ("beam", beams.g[:, 0], _INVERSE),
        "extinction_distance": ("beam", distances, _LENGTH),
        "laue_zone": ("beam", laue_zones(beams.hkl, view.zone), _PURE),
        "label": ("beam", names_of(beams.hkl)),
    }
    return xr.Dataset(variables, coords=table_coordinates("beam", len(beams.hkl)))


@operation(
    example={
        "atoms": "Si", "zone": (0, 1, 1), "voltage": 200e3, "thickness": 100.0,
        "excitations": (0.01, 0.03), "limit": 1.5,
    },
    lazy=False,
)  # fmt: skip
def bloch_convergence(  # noqa: PLR0913 - each is a physical parameter
    atoms: Structure,
    *,
    zone: Direction,
    voltage: float,
    thickness: float,
    excitations: Sequence[float] = (0.02, 0.05, 0.1, 0.2),
    limit: float = 6.0,
    beams: int = 10,
    weak_excitation: float | None = None,
    absorption: bool = False,
    table: Table = "lobato",
    debye_waller: Motion = None,
) -> xr.Dataset:
    r"""Show how intensities of Bloch waves settle as more beams are taken.

    Parameters
    ----------
    atoms : ase.Atoms or str
        A crystal, or its name; see `crystal.structure`.
    zone : three numbers
        Direction [uvw] that points at the source.
    voltage : float, V
        Accelerating voltage.
    thickness : float, Å
        Of the crystal.
    excitations : sequence of float, 1/Å
        Largest excitation errors that are tried; the last one is compared with.
    limit : float, 1/Å
        Longest reciprocal lattice vector of beams.
    beams : int
        How many of the brightest beams are followed.
    weak_excitation, absorption, table, debye_waller : 1/Å, bool, str, and float or mapping in Å²
        As of `bloch_waves`.

    Returns
    -------
    Dataset, dimensions largest_excitation and beam
        ``count`` (beams that scatter), ``intensity`` (part of the incident one, NaN where a beam
        is not among them), and ``change``, the largest difference of the followed intensities from
        those of the last trial, over the largest of these; ``label`` and ``hkl`` (along `index`)
        of each beam.

    Raises
    ------
    DataError
        As of `bloch_waves`, or fewer than two excitation errors are given.

    Notes
    -----
    ``change`` is :math:`\max_i |I_i - I_i^{\mathrm{last}}| / \max_i I_i^{\mathrm{last}}` of
    intensities by `bloch_waves`.
    """
    if len(excitations) < 2 or beams < 1:
        message = "at least two `excitations` and one of the `beams` are needed"
        raise DataError(message)
    tried = [
        bloch_waves(
            atoms, zone=zone, voltage=voltage, thickness=thickness, limit=limit,
            largest_excitation=each, weak_excitation=weak_excitation, absorption=absorption,
            table=table, debye_waller=debye_waller,
        ).isel(thickness=0)
        for each in excitations
    ]  # fmt: skip
    last = tried[-1]
    order = np.argsort(-last.intensity.values, kind="stable")[:beams]
    followed = last.hkl.values[order]
    values = np.array([_intensities(each, followed) for each in tried])
    reference = values[-1]
    change = np.nanmax(np.abs(values - reference), axis=1) / reference.max()
    dim = "largest_excitation"
    made = xr.Dataset(
        {
            "count": (dim, [each.sizes["beam"] for each in tried], _PURE),
            "intensity": ((dim, "beam"), values, {**_PURE, "quantity": "intensity"}),
            "change": (dim, change, _PURE),
            "hkl": (("beam", "index"), followed, _PURE),
            "label": ("beam", names_of(followed)),
        },
        coords={
            dim: coordinate(
                dim, np.asarray(excitations, np.float64), "1/Å", kind="parameter",
                quantity="excitation error",
            ),
            **table_coordinates("beam", len(followed)),
        },
    )  # fmt: skip
    return made.assign_attrs(last.attrs)


def _intensities(tried: xr.Dataset, followed: Integers) -> Floats:
    """Return the intensities of these beams in a trial, NaN where it has not all of them."""
    place = {tuple(row): number for number, row in enumerate(tried.hkl.values.tolist())}
    values = tried.intensity.values
    rows = [place.get(tuple(row)) for row in followed.tolist()]
    return np.array([np.nan if row is None else values[row] for row in rows])
