"""Images at large angles without multislice: where atoms are, blurred by the probe."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from omniscopy.model import DataError, operation
from omniscopy.physics import electron
from omniscopy.physics.aberrations import Notation
from omniscopy.physics.scattering import debye_waller_factor, form_factor
from omniscopy.physics.scattering.coefficients import Table
from omniscopy.physics.scattering.crystals import Crystal, DebyeWaller
from omniscopy.physics.scattering.sites import occupied_sites
from omniscopy.simulate.measurements import measurement
from omniscopy.simulate.probes import lens
from omniscopy.simulate.probes.probe import field_grid, probe
from omniscopy.simulate.waves.grids import Grid, plane_coordinates
from omniscopy.simulate.waves.potentials import structure_of
from omniscopy.simulate.waves.projection import direct_phases, half_kx
from omniscopy.simulate.waves.slices import require_box

Floats = npt.NDArray[np.float64]
RADII, ANGLES, FREQUENCIES = 160, 64, 96  # of the integral over the detector


@operation(
    example={
        "atoms": "SrTiO3", "voltage": 200e3, "convergence_angle": 20.0, "debye_waller": 0.6,
        "sampling": 0.2,
    },
    lazy=False,
)  # fmt: skip
def haadf(  # noqa: PLR0913 - each is a property of the microscope
    atoms: Crystal | str,
    *,
    voltage: float,
    convergence_angle: float,
    detector: tuple[float, float] = (70.0, 180.0),
    sampling: float = 0.1,
    debye_waller: DebyeWaller = None,
    aberrations: Mapping[str, float] | None = None,
    notation: Notation = "krivanek",
    chromatic: float = 0.0,
    energy_spread: float | str = 0.0,
    source_size: float = 0.0,
    table: Table = "lobato",
) -> xr.DataArray:
    r"""Simulate an annular dark-field image as the probe over the scattering power of the atoms.

    Much quicker than `stem`, and right for thin samples and large angles: channelling is left
    out, so that intensities grow in proportion to the number of atoms in a column.

    Parameters
    ----------
    atoms : ase.Atoms or the name of a structure
        In a rectangular cell, which repeats across the beam.
    voltage : float, V
        Accelerating voltage.
    convergence_angle : float, mrad
        Half angle of the probe.
    detector : (inner, outer), mrad
        The annular detector.
    sampling : float, Å
        Largest length of a pixel.
    debye_waller : float, mapping of symbols, or array of one number an atom, Å²
        Needed, for what is seen is scattered by thermal motion; by default
        ``atoms.arrays["debye_waller"]``. Tensors count by their mean.
    aberrations : mapping of names to numbers, Å and degrees
        See `physics.aberrations.terms_of`.
    notation : {"krivanek", "nion", "haider", "ceos"}
        Whose names and factors the aberrations have.
    chromatic : float, Å
        Coefficient of chromatic aberration.
    energy_spread : float or "cold_field_emission", eV
        As in `probe`.
    source_size : float, Å
        Width at half maximum of the image of the source.
    table : str
        Whose form factors; see `physics.scattering.form_factor`.

    Returns
    -------
    DataArray, shape (y, x)
        Part of the beam that falls on the detector.

    Raises
    ------
    DataError
        There are no Debye-Waller factors, the cell is not rectangular, or an argument is not as
        above.

    Notes
    -----
    Each atom has the object function of thermal diffuse scattering into the detector [1]_,

    .. math:: O(g) = \gamma^2\lambda^2 \int_D f(|p|)\, f(|p - g|)\, [e^{-B g^2/4}
       - e^{-B (p^2 + |p - g|^2)/4}]\, d^2p,

    and the image is the sum of these over the atoms, convolved with the intensity of the probe.

    References
    ----------
    .. [1] S. J. Pennycook and D. E. Jesson, Ultramicroscopy 37, 14 (1991).
    """
    sample: Any = structure_of(atoms)
    lengths = require_box(sample)
    grid = field_grid((float(lengths[1]), float(lengths[0])), sampling)
    inner, outer = _require_ring(detector)
    field = xr.DataArray(np.zeros(grid.shape), plane_coordinates(grid), ("y", "x"))
    beam = probe(
        voltage=voltage, convergence_angle=convergence_angle, aberrations=aberrations,
        notation=notation, like=field,
        position=(0.0, 0.0), chromatic=chromatic, energy_spread=energy_spread,
        source_size=source_size,
    )["intensity"].values  # fmt: skip
    sites = occupied_sites(sample, debye_waller)
    unmoved = sorted({kind.name for kind in sites.species if kind.b == 0.0})
    if unmoved:
        message = (
            f"no Debye-Waller factor is given for {', '.join(unmoved)}, which then scatters "
            "nothing diffusely; give debye_waller={symbol: B} in Å²"
        )
        raise DataError(message)
    ring = tuple(1e-3 * angle / float(electron.wavelength(voltage)) for angle in (inner, outer))
    objects = _objects(sites, grid, (ring[0], ring[1]), voltage, table)
    image = np.fft.irfft2(objects * np.fft.rfft2(beam).conj(), grid.shape)
    made = measurement(
        xr.DataArray(np.asarray(image), plane_coordinates(grid), ("y", "x")),
        title="Simulated HAADF", quantity="part of the beam", units="1", modality="STEM",
        truth={"detector": [inner, outer]},
    )  # fmt: skip
    told = {"voltage": float(voltage), "convergence_angle": float(convergence_angle)}
    return made.assign_attrs(metadata={**made.attrs["metadata"], "beam": told})


def _require_ring(detector: tuple[float, float]) -> tuple[float, float]:
    if len(detector) != 2 or not 0.0 <= detector[0] < detector[1] <= lens.LARGEST_ANGLE:
        message = (
            f"detector must be (inner, outer) in mrad, at most {lens.LARGEST_ANGLE:g}, got "
            f"{detector!r}"
        )
        raise DataError(message)
    return float(detector[0]), float(detector[1])


def _objects(
    sites: Any, grid: Grid, ring: tuple[float, float], voltage: float, table: Table
) -> Any:
    """Return the transform of the scattering power of all atoms, in Å² (sums over the cell)."""
    g = np.sqrt(grid.ky[:, None] ** 2 + half_kx(grid)[None, :] ** 2)
    nodes = np.linspace(0.0, float(g.max()), FREQUENCIES)
    total = np.zeros(g.shape, np.complex128)
    scale = float((electron.lorentz_factor(voltage) * electron.wavelength(voltage)) ** 2)
    for kind, (symbol, b, _) in enumerate(sites.species):
        own = sites.kinds == kind
        columns = half_kx(grid).size
        rows = direct_phases(sites.positions[own, 1], np.ones(own.sum()), grid.shape[0], 2)
        across = direct_phases(sites.positions[own, 0], sites.weights[own], columns, 1)
        power = scale * object_function(symbol, b, nodes, ring, table)
        total += np.interp(g, nodes, power) * (rows.T @ across)
    return total


def object_function(
    symbol: str, b: float, g: Floats, ring: tuple[float, float], table: Table
) -> Floats:
    """Return the integral over a ring (1/Å) of what an atom scatters diffusely, no units."""
    places, weights = np.polynomial.legendre.leggauss(RADII)
    p = ring[0] + 0.5 * (ring[1] - ring[0]) * (places + 1.0)
    area = 0.5 * (ring[1] - ring[0]) * weights * p
    turn = np.pi * (np.arange(ANGLES) + 0.5) / ANGLES
    made = np.empty(len(g))
    for number, each in enumerate(g):
        other = np.sqrt(np.square(p)[:, None] + each**2 - 2.0 * p[:, None] * each * np.cos(turn))
        left = debye_waller_factor(each, b) - np.exp(
            -0.25 * b * (np.square(p)[:, None] + np.square(other))
        )
        inner = form_factor(symbol, p, table)[:, None] * form_factor(symbol, other, table) * left
        made[number] = area @ inner.sum(axis=1) * (2.0 * np.pi / ANGLES)
    return made
