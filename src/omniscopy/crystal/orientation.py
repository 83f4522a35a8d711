r"""Orientations of crystals in the microscope, and the tilts of a stage.

The frame of the microscope is right-handed: x to the right and y upwards as seen from the
source, z against the beam, so that the beam runs along :math:`-z`. A zone axis points at the
source. A stage tilts by α about x and by β about an axis that is y before α is tilted.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from omniscopy.crystal.lattice import (
    Floats,
    angle_between,
    reciprocal,
    require_cell,
    require_direction,
)
from omniscopy.model.coordinates import coordinate
from omniscopy.model.errors import DataError

if TYPE_CHECKING:
    from ase import Atoms


def orientation_matrix(
    atoms: "Atoms",
    zone: npt.ArrayLike,
    *,
    up: npt.ArrayLike | None = None,
    right: npt.ArrayLike | None = None,
) -> Floats:
    r"""Return the rotation that brings a zone axis [uvw] to z of the microscope.

    Parameters
    ----------
    atoms : ase.Atoms
        A crystal.
    zone : three numbers
        Direction [uvw] that points at the source.
    up, right : three numbers, optional
        Plane (hkl) whose normal, as far as it is across the beam, points along y or along x. By
        default the shortest lattice vector that is not along the zone points to the right.

    Returns
    -------
    array, shape (3, 3)
        Its rows are x, y and z of the microscope, unit vectors (pure numbers) in the frame of the
        structure; multiply it with a column, or positions with its transpose.

    Raises
    ------
    DataError
        The zone is [000], `up` or `right` is along it, or both are given.

    Notes
    -----
    With :math:`t = u a + v b + w c` and the normal :math:`g = h a^* + k b^* + l c^*`, :math:`z =
    t / |t|`, and :math:`y` (or :math:`x`) is along :math:`g - (g \cdot z) z`.
    """
    cell = require_cell(atoms)
    z = require_direction(zone, "a zone axis") @ cell
    z /= np.linalg.norm(z)
    if up is not None and right is not None:
        message = "give `up` or `right`, not both: one of them fixes the other"
        raise DataError(message)
    given = up if up is not None else right
    if given is None:
        across = _shortest_across(cell, z)
    else:
        across = require_direction(given, "a plane") @ reciprocal(cell)
        across = across / np.linalg.norm(across)
    across = across - (across @ z) * z
    size = np.linalg.norm(across)
    if size < 1e-6:
        message = (
            f"the plane {given!r} is across the zone axis {zone!r}, and so has no side in view"
        )
        raise DataError(message)
    across /= size
    x, y = (across, np.cross(z, across)) if up is None else (np.cross(across, z), across)
    return np.array([x, y, z])


def _shortest_across(cell: Floats, z: Floats) -> Floats:
    """Return the shortest lattice vector that is not along z; of several that of fewest steps."""
    steps = np.stack(np.meshgrid(*[np.arange(-1, 2)] * 3, indexing="ij"), -1).reshape(-1, 3)
    vectors = steps @ cell
    across = np.linalg.norm(np.cross(vectors, z), axis=1)
    length = np.round(np.linalg.norm(vectors, axis=1), 6)
    length[across < 1e-6] = np.inf
    few = np.abs(steps).sum(axis=1)
    keys = (-steps[:, 2], -steps[:, 1], -steps[:, 0], few, -np.round(across, 6), length)
    order = np.lexsort(keys)
    found: Floats = vectors[order[0]] / np.linalg.norm(vectors[order[0]])
    return found


def stage_rotation(alpha: float, beta: float) -> Floats:
    r"""Return the rotation that a double-tilt stage makes from tilts 0 and 0.

    Parameters
    ----------
    alpha, beta : float, degrees
        Tilts about x (the axis of the holder) and about y.

    Returns
    -------
    array, shape (3, 3)
        Pure numbers; turns a vector (column) of the sample by β about y, then by α about x, both
        right-handed.

    Notes
    -----
    .. math::
        R = \begin{pmatrix} 1 & 0 & 0 \\ 0 & \cos\alpha & -\sin\alpha \\
            0 & \sin\alpha & \cos\alpha \end{pmatrix}
            \begin{pmatrix} \cos\beta & 0 & \sin\beta \\ 0 & 1 & 0 \\
            -\sin\beta & 0 & \cos\beta \end{pmatrix}
    """
    a, b = np.deg2rad(alpha), np.deg2rad(beta)
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    turned: Floats = about_x @ about_y
    return turned


def stage_tilts(
    atoms: "Atoms",
    orientation: npt.ArrayLike,
    zone: npt.ArrayLike,
    *,
    alpha: float = 0.0,
    beta: float = 0.0,
) -> tuple[float, float]:
    r"""Return the tilts of a stage (α, β) in degrees at which a zone axis points at the source.

    Parameters
    ----------
    atoms : ase.Atoms
        A crystal.
    orientation : array, shape (3, 3)
        How the crystal lies in the microscope now; see `orientation_matrix`.
    zone : three numbers
        Direction [uvw] wanted.
    alpha, beta : float, degrees
        Tilts of the stage now.

    Returns
    -------
    (float, float), degrees
        α and β, to be set in place of the tilts now.

    Raises
    ------
    DataError
        `orientation` is no rotation, or the zone points away from the source by a right angle or
        more in every tilt of less than 90 degrees.

    Notes
    -----
    With the direction :math:`(x, y, z)` in the frame of the untilted holder, :math:`R (x, y, z)`
    (see `stage_rotation`) is along z for :math:`\tan\beta = -x / z` and
    :math:`\tan\alpha = y / \sqrt{x^2 + z^2}`.
    """
    matrix = require_rotation(orientation)
    direction = require_direction(zone, "a zone axis") @ require_cell(atoms)
    x, y, z = stage_rotation(alpha, beta).T @ matrix @ (direction / np.linalg.norm(direction))
    if z <= 0.0:
        message = (
            f"the zone axis {zone!r} points away from the source at any tilt below 90 "
            "degrees; its opposite can be reached"
        )
        raise DataError(message)
    b = np.arctan2(-x, z)
    # What is left in the plane of y and z, after beta has brought x to nothing.
    a = np.arctan2(y, np.hypot(x, z))
    return float(np.rad2deg(a)), float(np.rad2deg(b))


def require_rotation(matrix: npt.ArrayLike) -> Floats:
    """Return a matrix that is a rotation, or raise."""
    found = np.asarray(matrix, np.float64)
    if found.shape != (3, 3) or not np.allclose(found @ found.T, np.eye(3), atol=1e-6):
        message = "an orientation is a 3 by 3 matrix of perpendicular unit vectors"
        raise DataError(message)
    if np.linalg.det(found) < 0.0:
        message = "an orientation is a rotation, this matrix mirrors as well"
        raise DataError(message)
    return found


def find_zone_axes(
    atoms: "Atoms", orientation: npt.ArrayLike, *, within: float = 20.0, largest_index: int = 5
) -> xr.Dataset:
    r"""Find the zone axes near the beam, nearest first.

    Parameters
    ----------
    atoms : ase.Atoms
        A crystal.
    orientation : array, shape (3, 3)
        How it lies in the microscope; see `orientation_matrix`.
    within : float, degrees
        Largest angle to the direction of the source.
    largest_index : int
        Largest of the indices u, v and w.

    Returns
    -------
    Dataset, dimension zone
        ``uvw`` (along `index`), ``angle`` to z, and the tilts ``alpha`` and ``beta`` (degrees)
        from here that bring it there.

    Raises
    ------
    DataError
        The cell has no volume, `orientation` is no rotation, `within` is not between 0 and 90
        degrees, or `largest_index` is below 1.

    Notes
    -----
    The angle is that of :math:`R\, (u a + v b + w c)` with z; tilts are those of `stage_tilts`.
    """
    matrix, cell = require_rotation(orientation), require_cell(atoms)
    if not (0.0 < within < 90.0 and largest_index >= 1):
        message = (
            "`within` is an angle of less than 90 degrees and `largest_index` 1 or more, got "
            f"{within} and {largest_index}"
        )
        raise DataError(message)
    steps = np.arange(-largest_index, largest_index + 1)
    uvw = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)
    uvw = uvw[np.gcd.reduce(uvw, axis=1) == 1]
    seen = uvw @ cell @ matrix.T
    seen /= np.linalg.norm(seen, axis=1, keepdims=True)
    angle = angle_between(seen, np.array([0.0, 0.0, 1.0]))
    order = np.lexsort((np.abs(uvw).sum(axis=1), np.round(angle, 9)))
    order = order[angle[order] <= within]
    x, y, z = seen[order].T
    tilts = {
        "angle": angle[order],
        "alpha": np.rad2deg(np.arctan2(y, np.hypot(x, z))),
        "beta": np.rad2deg(np.arctan2(-x, z)),
    }
    variables: dict[str, Any] = {
        name: ("zone", values, {"units": "deg", "quantity": "angle"})
        for name, values in tilts.items()
    }
    variables["uvw"] = (("zone", "index"), uvw[order], {"units": "1"})
    return xr.Dataset(
        variables,
        coords={
            "zone": coordinate(
                "zone", np.arange(len(order)), "1", kind="point", quantity="zone axis"
            ),
            "index": coordinate(
                "index", np.array(["u", "v", "w"]), kind="parameter", quantity="index"
            ),
        },
    )
