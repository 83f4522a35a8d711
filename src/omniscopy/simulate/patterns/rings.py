"""Rings of a powder."""

from typing import Any, Literal

import numpy as np
import xarray as xr

from omniscopy.crystal import reflections
from omniscopy.model import coordinate, operation, require_choice
from omniscopy.physics import bragg, electron, scattering
from omniscopy.physics.scattering.coefficients import Table
from omniscopy.simulate.patterns.crystals import (
    Floats,
    Motion,
    Structure,
    crystal_of,
    names_of,
    require_limits,
)
from omniscopy.simulate.patterns.spots import EXTINCT, table_coordinates

SCHERRER = 0.9
"""Full width at half maximum of a line, in 1/d, times the size of grains."""


@operation(example={"atoms": "Al", "voltage": 200e3, "points": 256}, lazy=False)
def ring_pattern(  # noqa: PLR0913 - each is a physical parameter
    atoms: Structure,
    *,
    voltage: float,
    limit: float = 1.5,
    grain_size: float = 100.0,
    width: float = 0.0,
    shape: Literal["gaussian", "lorentzian"] = "gaussian",
    dynamical: bool = False,
    points: int = 2048,
    table: Table = "lobato",
    debye_waller: Motion = None,
) -> xr.Dataset:
    r"""Simulate the rings of many small crystals in all orientations.

    Parameters
    ----------
    atoms : ase.Atoms or str
        A crystal, or its name; see `crystal.structure`.
    voltage : float, V
        Accelerating voltage.
    limit : float, 1/Å
        Where the profile ends.
    grain_size : float, Å
        Diameter of the crystals, which broadens the rings, and the thickness for `dynamical`.
    width : float, 1/Å
        Further full width at half maximum, of the beam and the camera.
    shape : {"gaussian", "lorentzian"}
        Shape of a ring across.
    dynamical : bool
        Lower strong rings by what two beams exchange in a grain [2]_.
    points : int
        Points of the profile.
    table : str
        Whose form factors; see `physics.scattering.form_factor`.
    debye_waller : float or mapping of symbols, Å²
        See `physics.scattering.structure_factors`.

    Returns
    -------
    Dataset, dimensions reflection and k
        For each family ``hkl`` (along `index`), ``radius`` (1/Å), ``d_spacing`` (Å),
        ``multiplicity``, ``structure_factor`` (Å, its size), ``intensity`` (mean along the ring
        as a camera sees it), ``ring_intensity`` (of the whole ring), both over those of the
        strongest, and ``label``; innermost first, forbidden ones left out. ``profile`` along
        `k` (1/Å): mean intensity at a radius, of which each ring adds an area of its `intensity`
        times its width.

    Raises
    ------
    DataError
        The crystal, its elements or the voltage are none, atoms overlap, or a length is not
        positive.

    Notes
    -----
    A whole ring has an intensity of :math:`m |F|^2 d`, and it is :math:`2 \pi / d` long; so that
    a camera sees :math:`m |F|^2 d^2` [1]_. Families of the same d are rings of their own here,
    and add up in the profile. Grains broaden by :math:`0.9 / D`.

    References
    ----------
    .. [1] B. K. Vainshtein, *Structure Analysis by Electron Diffraction*, Pergamon (1964),
       chapter 3.
    .. [2] M. Blackman, Proc. R. Soc. A 173, 68 (1939).

    Examples
    --------
    >>> import omniscopy as om
    >>> rings = om.simulate.ring_pattern("Al", voltage=200e3)
    >>> rings.multiplicity.values[:4].tolist()
    [8, 6, 12, 24]
    """
    require_choice("shape", shape, ("gaussian", "lorentzian"))
    require_limits(limit=limit, grain_size=grain_size, points=points)
    require_limits(width=width or None)
    crystal = crystal_of(atoms)
    electron.require_voltage(voltage)
    full = float(np.hypot(SCHERRER / grain_size, width))
    # Rings beyond the end of the profile reach into it.
    listed = reflections(crystal, limit + 2.0 * full, unique=True)
    factors = np.abs(
        scattering.structure_factors(
            crystal, listed.hkl.values, table=table, debye_waller=debye_waller
        )
    )
    forward = abs(scattering.structure_factors(crystal, (0, 0, 0), table=table, debye_waller=0))
    kept = factors > EXTINCT * forward
    listed, factors = listed.isel(reflection=kept), factors[kept]
    d, multiplicity = listed.d_spacing.values, listed.multiplicity.values
    ring = multiplicity * np.square(factors) * d
    if dynamical:
        distances = scattering.extinction_distances(
            crystal, listed.hkl.values, voltage=voltage, table=table, debye_waller=debye_waller
        )
        ring = ring * bragg.blackman_factor(distances, grain_size)
    local = ring * d
    k = np.linspace(0.0, limit, int(points))
    local = local / local.max(initial=1e-300)
    profile = _profile(k, 1.0 / d, local, full, shape)
    seen = d >= 1.0 / limit
    found = {
        "hkl": listed.hkl.values, "d": d, "multiplicity": multiplicity, "factors": factors,
        "intensity": local, "ring": ring / ring.max(initial=1e-300),
    }  # fmt: skip
    rows = _labelled({name: values[seen] for name, values in found.items()})
    axis = coordinate("k", k, "1/Å", kind="reciprocal", quantity="reciprocal length")
    curve = xr.DataArray(
        profile, {"k": axis}, attrs={"units": "1", "quantity": "intensity", "long_name": "Rings"}
    )
    told = {"voltage": float(voltage), "width": full, "formula": str(crystal.symbols)}
    return rows.assign(profile=curve).assign_attrs(told)


def _profile(k: Floats, radii: Floats, heights: Floats, full: float, shape: str) -> Floats:
    """Return the sum of all rings, each as high as it is bright."""
    total = np.zeros_like(k)
    for radius, height in zip(radii, heights, strict=True):
        away = (k - radius) / (0.5 * full)
        fall = np.exp(-np.log(2.0) * away**2) if shape == "gaussian" else 1.0 / (1.0 + away**2)
        total += height * fall
    return total


def _labelled(found: dict[str, Any]) -> xr.Dataset:
    pure = {"units": "1"}
    inverse = {"units": "1/Å", "quantity": "reciprocal length"}
    d = found["d"]
    variables = {
        "hkl": (("reflection", "index"), found["hkl"], pure),
        "radius": ("reflection", 1.0 / d, inverse),
        "d_spacing": ("reflection", d, {"units": "Å", "quantity": "length"}),
        "multiplicity": ("reflection", found["multiplicity"], pure),
        "structure_factor": ("reflection", found["factors"], {"units": "Å"}),
        "intensity": ("reflection", found["intensity"], {**pure, "quantity": "intensity"}),
        "ring_intensity": ("reflection", found["ring"], {**pure, "quantity": "intensity"}),
        "label": ("reflection", names_of(found["hkl"])),
    }
    return xr.Dataset(variables, coords=table_coordinates("reflection", len(d)))
