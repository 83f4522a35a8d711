"""Directions and orientations that the symmetry of a crystal leaves different."""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from omniscopy.crystal.lattice import Floats, require_cell
from omniscopy.crystal.symmetries import symmetry
from omniscopy.model.coordinates import coordinate
from omniscopy.model.errors import DataError

if TYPE_CHECKING:
    from ase import Atoms

MOST = 200_000
# Within the triangle of [001], [101] and [111] of a cubic crystal, on no mirror of any system.
_MIDDLE = np.array([0.38, 0.17, 0.91])


def proper_rotations(atoms: "Atoms", *, tolerance: float = 1e-2) -> Floats:
    r"""Return the rotations of a crystal's Laue group, as matrices (n, 3, 3) of its frame.

    Parameters
    ----------
    atoms : ase.Atoms
        A crystal.
    tolerance : float, Å
        Of the search for symmetry; see `symmetry`.

    Returns
    -------
    array, shape (n, 3, 3)
        Matrices of pure numbers that turn vectors (columns) of the crystal's frame; the first ones
        need not be the identity.

    Raises
    ------
    DataError
        The cell has no volume, atoms overlap, or no symmetry is found.

    Notes
    -----
    An operation :math:`W` on fractions of the cell turns vectors by :math:`A^T W A^{-T}`, with the
    vectors of the cell as the rows of :math:`A`; kept are those whose determinant is 1.
    """
    across = require_cell(atoms).T
    every = symmetry(atoms, tolerance=tolerance).laue_rotations().astype(np.float64)
    turned = across @ every @ np.linalg.inv(across)
    proper: Floats = turned[np.linalg.det(turned) > 0.0]
    return proper


def sample_directions(atoms: "Atoms", step: float, *, tolerance: float = 1e-2) -> xr.DataArray:
    r"""Return directions a step apart, one of each set that rotations of the Laue group join.

    Parameters
    ----------
    atoms : ase.Atoms
        A crystal.
    step : float, degrees
        Distance of neighbours, about.
    tolerance : float, Å
        Of the search for symmetry; see `symmetry`.

    Returns
    -------
    DataArray, shape (orientation, axis), 1
        Unit vectors in the frame of the structure. For a cubic crystal they fill two of the
        triangles that [001], [101] and [111] make, since patterns of the two are mirror images.

    Raises
    ------
    DataError
        The step is not positive, or makes too many directions.

    Notes
    -----
    Points of a golden spiral on the sphere [1]_, :math:`z_i = 1 - (2 i + 1)/n`, :math:`\varphi_i
    = \pi (1 + \sqrt 5)(i + \frac12)`; of equivalent ones that nearest to the middle of the zone
    is kept.

    References
    ----------
    .. [1] Á. González, *Math. Geosci.* 42, 49 (2010).
    """
    if not 0.0 < step <= 90.0:
        message = f"a step is an angle of more than 0 and up to 90 degrees, got {step!r}"
        raise DataError(message)
    rotations = proper_rotations(atoms, tolerance=tolerance)
    # A hexagonal net with neighbours a step apart has a point in each step^2 sqrt(3) / 2.
    count = int(np.ceil(4.0 * np.pi / (np.sqrt(0.75) * np.deg2rad(step) ** 2)))
    if count // len(rotations) > MOST:
        message = f"a step of {step:g} degrees makes more than {MOST} directions; take a larger one"
        raise DataError(message)
    every = _sphere(count)
    middle = _MIDDLE / np.linalg.norm(_MIDDLE)
    # Those nearer to the middle of the zone than any of their equivalents are.
    best = np.max([every @ (turn.T @ middle) for turn in rotations], axis=0)
    kept = every[every @ middle >= best - 1e-12]
    number = coordinate(
        "orientation", np.arange(len(kept)), "1", kind="point", quantity="orientation"
    )
    axis = coordinate("axis", np.array(["x", "y", "z"]), kind="parameter", quantity="axis")
    return xr.DataArray(
        kept, {"orientation": number, "axis": axis}, attrs={"units": "1", "quantity": "direction"}
    )


def _sphere(count: int) -> Floats:
    """Return points of a spiral that is as dense everywhere on the sphere."""
    number = np.arange(count) + 0.5
    z = 1.0 - 2.0 * number / count
    angle = np.pi * (1.0 + np.sqrt(5.0)) * number
    radius = np.sqrt(1.0 - z**2)
    return np.asarray(np.stack([radius * np.cos(angle), radius * np.sin(angle), z], -1))


def misorientations(
    atoms: "Atoms", first: npt.ArrayLike, second: npt.ArrayLike, *, tolerance: float = 1e-2
) -> Any:
    r"""Return the smallest angles between orientations of a crystal, in degrees.

    Parameters
    ----------
    atoms : ase.Atoms
        A crystal.
    first, second : array, shape (..., 3, 3)
        Rotations from its frame to that of the microscope; see `orientation_matrix`.
    tolerance : float, Å
        Of the search for symmetry; see `symmetry`.

    Returns
    -------
    array, shape (...)
        Degrees, the smallest over all rotations of the Laue group; NaN where an orientation is.

    Raises
    ------
    DataError
        The orientations are no matrices of 3 by 3, or the crystal has no symmetry that is found.

    Notes
    -----
    :math:`\cos\theta = \max_S (\mathrm{tr}\, A^T B S - 1) / 2` over the rotations S of the Laue
    group [1]_.

    References
    ----------
    .. [1] H.-J. Bunge, *Texture Analysis in Materials Science*, Butterworths (1982), chapter 2.
    """
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if a.shape[-2:] != (3, 3) or b.shape[-2:] != (3, 3):
        message = f"orientations are 3 by 3 matrices, got shapes {a.shape} and {b.shape}"
        raise DataError(message)
    between = np.swapaxes(a, -1, -2) @ b
    traces = [
        (between * turn).sum(axis=(-2, -1)) for turn in proper_rotations(atoms, tolerance=tolerance)
    ]
    cosine = 0.5 * (np.max(traces, axis=0) - 1.0)
    return np.rad2deg(np.arccos(np.clip(cosine, -1.0, 1.0)))[()]
