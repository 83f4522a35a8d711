r"""Kikuchi and HOLZ lines: where a direction of the beam is in the Bragg condition.

A direction is at :math:`k_t = K \sin\varphi` from the middle of the pattern. A reflection takes
from the directions at :math:`\varphi = \psi - \theta_B` along its azimuth (the deficient line)
to those at :math:`\psi + \theta_B` (the excess line), where :math:`\psi` is its angle above the
plane across the beam.
"""

from typing import Any

import numpy as np
import xarray as xr

from omniscopy.model import DataError, operation
from omniscopy.physics import scattering
from omniscopy.physics.scattering.coefficients import Table
from omniscopy.simulate.bloch.beams import Material, choose_beams
from omniscopy.simulate.bloch.solving import solve
from omniscopy.simulate.patterns.crystals import (
    Direction,
    Floats,
    Integers,
    Motion,
    Structure,
    View,
    indices_of,
    laue_zones,
    names_of,
    require_limits,
    view_of,
)
from omniscopy.simulate.patterns.spots import (
    EXTINCT,
    brightest_first,
    extinction_distances_of,
    table_coordinates,
    told,
)


@operation(example={"atoms": "Si", "zone": (0, 1, 1), "voltage": 200e3}, lazy=False)
def kikuchi_lines(  # noqa: PLR0913 - each is a physical parameter
    atoms: Structure,
    *,
    zone: Direction,
    voltage: float,
    up: Direction | None = None,
    tilt: tuple[float, float] = (0.0, 0.0),
    limit: float = 1.0,
    field: float = 2.0,
    faintest: float = 1e-3,
    table: Table = "lobato",
    debye_waller: Motion = None,
) -> xr.Dataset:
    r"""Find the pairs of Kikuchi lines near a zone axis.

    Parameters
    ----------
    atoms : ase.Atoms or str
        A crystal, or its name; see `crystal.structure`.
    zone : three numbers
        Direction [uvw] that points at the source.
    voltage : float, V
        Accelerating voltage.
    up : three numbers, optional
        Plane (hkl) whose normal points up in the pattern; see `crystal.orientation_matrix`.
    tilt : (alpha, beta), degrees
        Tilts of a stage away from the zone axis; the lines go with the crystal.
    limit : float, 1/Å
        Longest reciprocal lattice vector.
    field : float, 1/Å
        Largest distance from the middle of the pattern at which a line of a pair passes.
    faintest : float
        Intensity of the weakest lines, over that of the strongest.
    table : str
        Whose form factors; see `physics.scattering.form_factor`.
    debye_waller : float or mapping of symbols, Å²
        See `physics.scattering.structure_factors`.

    Returns
    -------
    Dataset, dimension line
        ``hkl`` (along `index`), ``normal_ky`` and ``normal_kx`` (unit vector across the line, ky
        downwards), ``excess`` and ``deficient`` (1/Å, where the two lines are along it),
        ``intensity`` (:math:`|F_g|^2` over that of the strongest), ``extinction_distance`` (Å),
        ``laue_zone`` and ``label``; strongest first. Of a reflection and its opposite, that whose
        excess line is farther out.

    Raises
    ------
    DataError
        As of `spot_pattern`.

    Notes
    -----
    A line is drawn straight where it comes nearest to the middle; it is part of a circle with a
    radius of :math:`K` over the tangent of the angle to it.

    Examples
    --------
    >>> import omniscopy as om
    >>> lines = om.simulate.kikuchi_lines("Si", zone=(0, 1, 1), voltage=200e3)
    >>> float((lines.excess + lines.deficient)[0].round(6))
    0.0
    """
    require_limits(limit=limit, field=field, faintest=faintest)
    view = view_of(atoms, zone, voltage, up=up, tilt=tilt)
    hkl = indices_of(view.atoms, limit)
    found = _lines(view, hkl, table, debye_waller)
    farther = np.abs(found["excess"]) >= np.abs(found["deficient"]) * (1.0 - 1e-9)
    tie = np.abs(found["excess"] + found["deficient"]) < 1e-9
    first = (hkl[found["kept"]] @ np.array([1e6, 1e3, 1.0])) > 0.0
    seen = np.minimum(np.abs(found["excess"]), np.abs(found["deficient"])) <= field
    chosen = np.where(tie, first, farther) & seen
    return _labelled(found, chosen, view, faintest)


@operation(
    example={
        "atoms": "Si", "zone": (1, 1, 1), "voltage": 100e3, "convergence_mrad": 8.0, "limit": 4.0,
    },
    lazy=False,
)  # fmt: skip
def holz_lines(  # noqa: PLR0913 - each is a physical parameter
    atoms: Structure,
    *,
    zone: Direction,
    voltage: float,
    convergence_mrad: float,
    up: Direction | None = None,
    tilt: tuple[float, float] = (0.0, 0.0),
    limit: float = 6.0,
    dynamical: bool = False,
    faintest: float = 1e-3,
    table: Table = "lobato",
    debye_waller: Motion = None,
) -> xr.Dataset:
    r"""Find the lines of higher Laue zones in the disc of a convergent beam.

    Parameters
    ----------
    atoms : ase.Atoms or str
        A crystal, or its name; see `crystal.structure`.
    zone : three integers
        Direction [uvw] that points at the source.
    voltage : float, V
        Accelerating voltage.
    convergence_mrad : float, mrad
        Half angle of the cone of the beam.
    up : three numbers, optional
        Plane (hkl) whose normal points up in the pattern; see `crystal.orientation_matrix`.
    tilt : (alpha, beta), degrees
        Tilts of a stage away from the zone axis.
    limit : float, 1/Å
        Longest reciprocal lattice vector.
    dynamical : bool
        Shift the lines by how much the brightest Bloch wave of the zone is longer than the
        incident wave [1]_.
    faintest : float
        Intensity of the weakest lines, over that of the strongest.
    table : str
        Whose form factors; see `physics.scattering.form_factor`.
    debye_waller : float or mapping of symbols, Å²
        See `physics.scattering.structure_factors`.

    Returns
    -------
    Dataset, dimension line
        As of `kikuchi_lines`: ``deficient`` is where the dark line is along its normal in the
        central disc, ``excess`` where the bright one is, in the disc of the reflection. Attribute
        ``wave_shift`` (1/Å): that of the Bloch wave, 0 unless `dynamical`.

    Raises
    ------
    DataError
        As of `spot_pattern`, or the convergence is not that of a beam.

    Notes
    -----
    A line is where :math:`s_g = 0`, so that
    :math:`k_t \cdot \hat g = K (s_g(0) - \gamma) / |g_t|` for a wave that is longer by
    :math:`\gamma`, taken at the zone axis from the beams of its own Laue zone.

    References
    ----------
    .. [1] J. C. H. Spence and J. M. Zuo, *Electron Microdiffraction*, Plenum (1992), section 3.6.

    Examples
    --------
    >>> import omniscopy as om
    >>> lines = om.simulate.holz_lines("Si", zone=(1, 1, 1), voltage=100e3, convergence_mrad=6.0)
    >>> int(lines.laue_zone.min())
    1
    """
    require_limits(limit=limit, faintest=faintest, convergence_mrad=convergence_mrad)
    if convergence_mrad > 500.0:
        message = f"a beam converges by 500 mrad at most, got {convergence_mrad:g}"
        raise DataError(message)
    view = view_of(atoms, zone, voltage, up=up, tilt=tilt)
    hkl = indices_of(view.atoms, limit)
    hkl = hkl[laue_zones(hkl, view.zone) > 0]
    found = _lines(view, hkl, table, debye_waller)
    shift = 0.0
    if dynamical:
        shift = _brightest_shift(atoms, zone, voltage, Material(table, debye_waller))
        across = np.hypot(found["g"][:, 0], found["g"][:, 1])
        moved = -view.wave_number * shift / across
        found["deficient"], found["excess"] = (
            found["deficient"] + moved, found["excess"] + moved,
        )  # fmt: skip
    radius = view.wave_number * np.sin(1e-3 * convergence_mrad)
    chosen = np.abs(found["deficient"]) <= radius
    made = _labelled(found, chosen, view, faintest)
    return made.assign_attrs(wave_shift=shift, disc_radius=float(radius))


def _brightest_shift(
    atoms: Structure, zone: Direction, voltage: float, material: Material
) -> float:
    """Return by how much the Bloch wave that holds most of the beam is longer, in 1/Å."""
    view = view_of(atoms, zone, voltage)
    beams = choose_beams(view, material, limit=3.0, largest_excitation=0.1, layers=(0,))
    waves = solve(beams, (0.0, 0.0))
    brightest = np.argmax(np.abs(waves.weights * waves.vectors[0]))
    return float(waves.gamma[brightest].real)


def _lines(view: View, hkl: Integers, table: Table, debye_waller: Motion) -> dict[str, Any]:
    """Return where the lines of reflections that are not forbidden lie."""
    factors = np.abs(
        scattering.structure_factors(view.atoms, hkl, table=table, debye_waller=debye_waller)
    )
    forward = abs(scattering.structure_factors(view.atoms, (0, 0, 0), table=table, debye_waller=0))
    g = view.g_vectors(hkl)
    length, across = np.linalg.norm(g, axis=1), np.hypot(g[:, 0], g[:, 1])
    kept = (factors > EXTINCT * forward) & (across > 1e-6) & (length < 2.0 * view.wave_number)
    hkl, g, length, across = hkl[kept], g[kept], length[kept], across[kept]
    height = np.arcsin(g[:, 2] / length)
    bragg_angle = np.arcsin(length / (2.0 * view.wave_number))
    return {
        "kept": kept,
        "hkl": hkl,
        "g": g,
        "normal": g[:, :2] / across[:, None],
        "deficient": view.wave_number * np.sin(height - bragg_angle),
        "excess": view.wave_number * np.sin(height + bragg_angle),
        "factors": factors[kept],
    }


def _labelled(found: dict[str, Any], chosen: Any, view: View, faintest: float) -> xr.Dataset:
    intensity = np.square(found["factors"]) * chosen
    intensity = intensity / intensity.max(initial=1e-300)
    order = brightest_first(np.where(intensity >= faintest, intensity, 0.0), found["hkl"])
    hkl, normal = found["hkl"][order], found["normal"][order]
    inverse = {"units": "1/Å", "quantity": "reciprocal length"}
    pure = {"units": "1"}
    distances: Floats = extinction_distances_of(view, found["factors"][order])
    variables = {
        "hkl": (("line", "index"), hkl, pure),
        "normal_ky": ("line", -normal[:, 1], pure),
        "normal_kx": ("line", normal[:, 0], pure),
        "deficient": ("line", found["deficient"][order], inverse),
        "excess": ("line", found["excess"][order], inverse),
        "intensity": ("line", intensity[order], {**pure, "quantity": "intensity"}),
        "extinction_distance": ("line", distances, {"units": "Å", "quantity": "length"}),
        "laue_zone": ("line", laue_zones(hkl, view.zone), pure),
        "label": ("line", names_of(hkl)),
    }
    return xr.Dataset(variables, coords=table_coordinates("line", len(hkl)), attrs=told(view))
