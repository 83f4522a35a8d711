"""Spots of a crystal in which every electron is scattered once."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import xarray as xr

from omniscopy.model import DataError, coordinate, operation, require_choice
from omniscopy.physics import bragg, electron, scattering
from omniscopy.physics.scattering.coefficients import Table
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

Shape = Literal["sinc", "lorentzian", "gaussian", "two_beam"]
EXTINCT = 1e-6  # of the sum of the form factors: below, a reflection is forbidden
_MOST_PAIRS = 20_000_000


@operation(example={"atoms": "Si", "zone": (0, 1, 1), "voltage": 200e3}, lazy=False)
def spot_pattern(  # noqa: PLR0913 - each is a physical parameter
    atoms: Structure,
    *,
    zone: Direction,
    voltage: float,
    up: Direction | None = None,
    tilt: tuple[float, float] = (0.0, 0.0),
    thickness: float | None = None,
    shape: Shape = "sinc",
    precession: float = 0.0,
    limit: float = 2.0,
    largest_index: int | None = None,
    largest_excitation: float = 0.03,
    double_diffraction: bool = True,
    table: Table = "lobato",
    debye_waller: Motion = None,
) -> xr.Dataset:
    r"""Simulate the spots of a crystal along a zone axis, with those of higher Laue zones.

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
        Tilts of a stage away from the zone axis; see `crystal.stage_rotation`.
    thickness : float, Å
        Of the crystal along the beam; without it intensities know no excitation errors.
    shape : {"sinc", "lorentzian", "gaussian", "two_beam"}
        How intensities fall with the excitation error: as of a slab of this thickness, as of
        slabs of many (the same where it is 0 and in sum), or as two beams share them.
    precession : float, degrees
        Half angle of the cone on which the beam goes round.
    limit : float, 1/Å
        Longest reciprocal lattice vector.
    largest_index : int, optional
        Largest of the indices, besides `limit`.
    largest_excitation : float, 1/Å
        Largest excitation error of reflections that are listed.
    double_diffraction : bool
        List forbidden reflections that two allowed ones lead to.
    table : str
        Whose form factors; see `physics.scattering.form_factor`.
    debye_waller : float or mapping of symbols, Å²
        See `physics.scattering.structure_factors`.

    Returns
    -------
    Dataset, dimension reflection
        ``ky`` and ``kx`` (1/Å, ky downwards as rows of an image go), ``hkl`` (along `index`),
        ``intensity`` (over that of the incident beam; without a thickness
        :math:`|F_g / \sum f_j(0)|^2`), ``excitation_error`` (1/Å, positive inside the Ewald
        sphere), ``structure_factor`` (Å, its size), ``extinction_distance`` (Å, infinite where
        forbidden), ``laue_zone``, ``double_diffraction`` (1 for what two others lead to) and
        ``label``; the brightest first, without 000. Attributes: ``zone``, ``voltage``,
        ``orientation`` and ``laue_circle``, the middle (ky, kx) of the circle on which
        reflections of the zone are excited.

    Raises
    ------
    DataError
        The crystal, its elements, the zone or the voltage are none, atoms overlap, or a limit is
        not positive.

    Notes
    -----
    :math:`s_g = (K^2 - |K + g|^2) / 2K` with the wave number inside the crystal. For a slab
    :math:`I_g = (\pi t / \xi_g)^2 [\sin(\pi s t) / \pi s t]^2`, which must stay small against 1;
    ``"two_beam"`` does [1]_. Intensities of double diffraction are sums of products of those of
    the two reflections, and so a guide only.

    References
    ----------
    .. [1] L. Reimer and H. Kohl, *Transmission Electron Microscopy*, 5th ed., Springer (2008),
       sections 7.2 and 7.3.

    Examples
    --------
    >>> import omniscopy as om
    >>> spots = om.simulate.spot_pattern("Si", zone=(0, 1, 1), voltage=200e3)
    >>> [str(label) for label in spots.label.values[:2]]
    ['11-1', '1-11']
    """
    require_choice("shape", shape, ("sinc", "lorentzian", "gaussian", "two_beam"))
    require_limits(thickness=thickness, limit=limit, largest_excitation=largest_excitation)
    if not 0.0 <= precession < 10.0:
        message = f"precession is a half angle of 0 to 10 degrees, got {precession!r}"
        raise DataError(message)
    view = view_of(atoms, zone, voltage, up=up, tilt=tilt)
    hkl = indices_of(view.atoms, limit, largest_index)
    g = view.g_vectors(hkl)
    cone = _cone(view, precession, float(thickness or 0.0), limit)
    near = _near(g, view, cone, largest_excitation)
    hkl, g = hkl[near], g[near]
    s = bragg.excitation_errors(g, view.wave_number)

    factors = np.abs(
        scattering.structure_factors(view.atoms, hkl, table=table, debye_waller=debye_waller)
    )
    forward = abs(scattering.structure_factors(view.atoms, (0, 0, 0), table=table, debye_waller=0))
    allowed = factors > EXTINCT * forward
    factors[~allowed] = 0.0
    distances = extinction_distances_of(view, factors)
    if thickness is None:
        intensity = np.square(factors / forward)
    else:
        errors = bragg.excitation_errors(g, view.wave_number, cone)
        intensity = bragg.beam_intensities(errors, distances, thickness, shape).mean(axis=0)
    second = np.zeros(len(hkl))
    if double_diffraction:
        second = doubled(hkl, intensity, allowed)
        intensity = intensity + second
    found = {
        "hkl": hkl, "g": g, "intensity": intensity, "s": s, "factors": factors,
        "distances": distances, "second": second > 0.0,
    }  # fmt: skip
    order = brightest_first(intensity, hkl)
    return _labelled({name: values[order] for name, values in found.items()}, view)


def brightest_first(intensity: Floats, hkl: Integers) -> Integers:
    """Return the order by intensity, those equal but for rounding by their indices."""
    equal = np.round(intensity / intensity.max(initial=1e-300), 9)
    order = np.lexsort((-hkl[:, 2], -hkl[:, 1], -hkl[:, 0], -equal))
    return np.asarray(order[intensity[order] > 0.0], np.int64)


def extinction_distances_of(view: View, factors: Floats) -> Floats:
    """Return two-beam extinction distances in Å from the sizes of structure factors."""
    scale = _extinction_scale(view)
    with np.errstate(divide="ignore"):
        return np.asarray(scale / factors, np.float64)


def _extinction_scale(view: View) -> float:
    volume = abs(float(np.linalg.det(np.asarray(view.atoms.cell, np.float64))))
    scale = electron.lorentz_factor(view.voltage) * electron.wavelength(view.voltage)
    return float(np.pi * volume / scale)


def _cone(view: View, precession: float, thickness: float, limit: float) -> Floats:
    """Return x and y of the wave vectors of a precessing beam, enough of them not to alias."""
    across = view.wave_number * np.sin(np.deg2rad(precession))
    if across == 0.0:
        return np.zeros((1, 2))
    swings = across / view.wave_number * limit * thickness
    angle = np.linspace(0.0, 2.0 * np.pi, int(64 + 16 * np.ceil(swings)), endpoint=False)
    return np.asarray(across * np.stack([np.cos(angle), np.sin(angle)], axis=1))


def _near(g: Floats, view: View, cone: Floats, largest: float) -> Any:
    """Return which reflections come near the Ewald sphere as the beam goes round."""
    still = bragg.excitation_errors(g, view.wave_number)
    reach = np.hypot(g[:, 0], g[:, 1]) * np.hypot(*cone[0]) / view.wave_number
    return np.abs(still) <= largest + reach


def doubled(hkl: Integers, intensity: Floats, allowed: Any) -> Floats:
    """Return what pairs of allowed reflections bring to forbidden ones: products of intensities."""
    found = np.zeros(len(hkl))
    first, forbidden = hkl[allowed], np.flatnonzero(~allowed)
    if not len(first) or not len(forbidden):
        return found
    if len(first) * len(forbidden) > _MOST_PAIRS:
        message = (
            f"{len(first)} allowed and {len(forbidden)} forbidden reflections are too many for "
            "double diffraction; lower `limit` or `largest_excitation`"
        )
        raise DataError(message)
    # A table over all indices: where a reflection is in the list, or none.
    low, size = first.min(axis=0), np.ptp(first, axis=0) + 1
    table = np.zeros(tuple(size), np.float64)
    bright = intensity[allowed]
    table[tuple((first - low).T)] = bright
    for place in forbidden:
        rest = hkl[place] - first - low
        inside = ((rest >= 0) & (rest < size)).all(axis=1)
        found[place] = bright[inside] @ table[tuple(rest[inside].T)]
    return found


def _labelled(found: Mapping[str, Any], view: View) -> xr.Dataset:
    inverse = {"units": "1/Å", "quantity": "reciprocal length"}
    pure = {"units": "1"}
    hkl = found["hkl"]
    variables = {
        "ky": ("reflection", -found["g"][:, 1], inverse),
        "kx": ("reflection", found["g"][:, 0], inverse),
        "hkl": (("reflection", "index"), hkl, pure),
        "intensity": ("reflection", found["intensity"], {**pure, "quantity": "intensity"}),
        "excitation_error": ("reflection", found["s"], {**inverse, "long_name": "s"}),
        "structure_factor": ("reflection", found["factors"], {"units": "Å"}),
        "extinction_distance": (
            "reflection", found["distances"], {"units": "Å", "quantity": "length"},
        ),
        "laue_zone": ("reflection", laue_zones(hkl, view.zone), pure),
        "double_diffraction": ("reflection", found["second"].astype(np.uint8), pure),
        "label": ("reflection", names_of(hkl)),
    }  # fmt: skip
    return xr.Dataset(variables, coords=table_coordinates("reflection", len(hkl)), attrs=told(view))


def table_coordinates(dim: str, count: int) -> dict[str, xr.Variable]:
    """Return the coordinates of a table with a row for each of its things, and of indices."""
    return {
        dim: coordinate(dim, np.arange(count), "1", kind="point", quantity=dim),
        "index": coordinate("index", np.array(["h", "k", "l"]), kind="parameter", quantity="index"),
    }


def told(view: View) -> dict[str, Any]:
    """Return the attributes of what is simulated of a view."""
    return {
        "zone": [float(step) for step in view.zone],
        "voltage": float(view.voltage),
        "wave_number": view.wave_number,
        "orientation": view.turn.tolist(),
        "laue_circle": [*view.laue_circle()],
        "formula": str(getattr(view.atoms, "symbols", "")),
    }
