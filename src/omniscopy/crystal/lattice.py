"""Directions, planes and the angles between them."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from omniscopy.model.errors import DataError

if TYPE_CHECKING:
    from ase import Atoms

Floats = npt.NDArray[np.float64]


def require_cell(atoms: "Atoms") -> Floats:
    """Return the vectors of the cell as rows in Å, or raise where they have no volume."""
    cell = np.asarray(atoms.cell, dtype=np.float64)
    if not np.isfinite(cell).all() or abs(np.linalg.det(cell)) < 1e-6:
        message = (
            "the structure has no cell with a volume, which a crystal needs; "
            "set it with `atoms.set_cell(...)`"
        )
        raise DataError(message)
    return cell


def require_indices(indices: npt.ArrayLike, what: str = "indices") -> Floats:
    """Return indices of the shape (..., 3) as numbers, or raise where they are not."""
    found = np.asarray(indices, dtype=np.float64)
    if found.ndim == 0 or found.shape[-1] != 3 or not np.isfinite(found).all():
        message = f"{what} are three finite numbers along the last axis, got {indices!r}"
        raise DataError(message)
    return found


def require_direction(indices: npt.ArrayLike, what: str) -> Floats:
    """Return three indices that are not all zero, or raise."""
    found = require_indices(indices, what)
    if found.shape != (3,) or not found.any():
        message = f"{what} needs three indices that are not all zero, got {indices!r}"
        raise DataError(message)
    return found


def smallest_integers(direction: npt.ArrayLike, what: str) -> npt.NDArray[np.int64]:
    """Return whole indices along a direction without a common divisor, or raise."""
    found = require_direction(direction, what)
    whole = np.round(found).astype(np.int64)
    if np.abs(found - whole).max() > 1e-6:
        message = f"{what} needs whole indices, got {direction!r}"
        raise DataError(message)
    return whole // math.gcd(*map(int, whole))


def reciprocal(cell: Floats) -> Floats:
    """Return the vectors of the reciprocal cell as rows in 1/Å, without the factor 2π."""
    return np.asarray(np.linalg.inv(cell).T, np.float64)


def g_vectors(atoms: "Atoms", hkl: npt.ArrayLike) -> Floats:
    r"""Return reciprocal lattice vectors (x, y, z of the structure's frame) in 1/Å.

    Parameters
    ----------
    atoms : ase.Atoms
        Its cell counts.
    hkl : array, shape (..., 3)
        Indices of planes.

    Returns
    -------
    array, shape (..., 3), 1/Å
        Without the factor 2π: as long as one over the distance of the planes.

    Raises
    ------
    DataError
        The structure has no cell, or there are not three indices.

    Notes
    -----
    :math:`g = h a^* + k b^* + l c^*`, with :math:`a^* \cdot a = 1` and
    :math:`a^* \cdot b = 0` [1]_.

    References
    ----------
    .. [1] M. De Graef, *Introduction to Conventional Transmission Electron Microscopy*, Cambridge
       University Press (2003), chapter 1.
    """
    return require_indices(hkl) @ reciprocal(require_cell(atoms))


def d_spacings(atoms: "Atoms", hkl: npt.ArrayLike) -> Any:
    r"""Return the distances of lattice planes in Å; infinite for 000.

    Parameters
    ----------
    atoms : ase.Atoms
        Its cell counts.
    hkl : array, shape (..., 3)
        Indices of planes.

    Returns
    -------
    float or array, shape (...), Å

    Raises
    ------
    DataError
        The structure has no cell, or there are not three indices.

    Notes
    -----
    :math:`d = 1 / |h a^* + k b^* + l c^*|`, in a cell of any symmetry [1]_.

    References
    ----------
    .. [1] M. De Graef, *Introduction to Conventional Transmission Electron Microscopy*, Cambridge
       University Press (2003), chapter 1.
    """
    length = np.linalg.norm(g_vectors(atoms, hkl), axis=-1)
    return np.where(length > 0.0, 1.0 / np.where(length > 0.0, length, 1.0), np.inf)[()]


def angle_between(first: Any, second: Any) -> Any:
    """Return the angle between vectors in degrees, exact for nearly parallel ones too."""
    a = first / np.linalg.norm(first, axis=-1, keepdims=True)
    b = second / np.linalg.norm(second, axis=-1, keepdims=True)
    return np.rad2deg(
        2.0 * np.arctan2(np.linalg.norm(a - b, axis=-1), np.linalg.norm(a + b, axis=-1))
    )


def interplanar_angles(atoms: "Atoms", first: npt.ArrayLike, second: npt.ArrayLike) -> Any:
    r"""Return the angles between the normals of planes (hkl), in degrees; 000 has none (NaN).

    Parameters
    ----------
    atoms : ase.Atoms
        Its cell counts.
    first, second : array, shape (..., 3)
        Indices of planes (hkl); shapes are broadcast.

    Returns
    -------
    float or array, shape (...), degrees
        From 0 to 180.

    Raises
    ------
    DataError
        The structure has no cell, or there are not three indices.

    Notes
    -----
    :math:`\cos\varphi = g_1 \cdot g_2 / |g_1| |g_2|` with the vectors of `g_vectors` [1]_, as
    :math:`\varphi = 2 \arctan(|\hat g_1 - \hat g_2| / |\hat g_1 + \hat g_2|)`, which loses no
    digits at 0 and 180 degrees.

    References
    ----------
    .. [1] M. De Graef, *Introduction to Conventional Transmission Electron Microscopy*, Cambridge
       University Press (2003), chapter 1.
    """
    with np.errstate(invalid="ignore"):
        return angle_between(g_vectors(atoms, first), g_vectors(atoms, second))


def direction_angles(atoms: "Atoms", first: npt.ArrayLike, second: npt.ArrayLike) -> Any:
    r"""Return the angles between lattice directions [uvw], in degrees; [000] has none (NaN).

    Parameters
    ----------
    atoms : ase.Atoms
        Its cell counts.
    first, second : array, shape (..., 3)
        Indices of directions [uvw]; shapes are broadcast.

    Returns
    -------
    float or array, shape (...), degrees
        From 0 to 180.

    Raises
    ------
    DataError
        The structure has no cell, or there are not three indices.

    Notes
    -----
    :math:`\cos\varphi = t_1 \cdot t_2 / |t_1| |t_2|` with :math:`t = u a + v b + w c` [1]_; see
    `interplanar_angles` for how it is calculated.

    References
    ----------
    .. [1] M. De Graef, *Introduction to Conventional Transmission Electron Microscopy*, Cambridge
       University Press (2003), chapter 1.
    """
    cell = require_cell(atoms)
    with np.errstate(invalid="ignore"):
        return angle_between(require_indices(first) @ cell, require_indices(second) @ cell)


def zone_axis(first: npt.ArrayLike, second: npt.ArrayLike) -> tuple[int, int, int]:
    r"""Return the smallest [uvw] that lies in two planes (hkl), right-handed with them.

    Parameters
    ----------
    first, second : three integers
        Indices of the planes.

    Returns
    -------
    tuple of int
        [uvw] without a common divisor: the zone axis of both planes in any crystal system.

    Raises
    ------
    DataError
        The planes are parallel, or indices are not whole.

    Notes
    -----
    :math:`[uvw] = (h_1 k_1 l_1) \times (h_2 k_2 l_2)`, from the law of zones
    :math:`h u + k v + l w = 0` [1]_.

    References
    ----------
    .. [1] M. De Graef, *Introduction to Conventional Transmission Electron Microscopy*, Cambridge
       University Press (2003), chapter 1.
    """
    a, b = smallest_integers(first, "a plane"), smallest_integers(second, "a plane")
    along = np.cross(a, b)
    if not along.any():
        message = f"the planes {tuple(a.tolist())} and {tuple(b.tolist())} are parallel"
        raise DataError(message)
    u, v, w = (along // math.gcd(*map(int, along))).tolist()
    return u, v, w


def miller_bravais(indices: npt.ArrayLike, *, kind: str = "plane") -> npt.NDArray[np.int64]:
    r"""Return four indices of a hexagonal cell: (hkil) of a plane, or [uvtw] of a direction.

    Parameters
    ----------
    indices : three integers
        (hkl) or [uvw] of the cell with 120 degrees between a and b.
    kind : {"plane", "direction"}
        Which of the two they are; those of a direction have no common divisor.

    Returns
    -------
    array of int, shape (4,)
        The third is minus the sum of the first two.

    Raises
    ------
    DataError
        Indices are not three whole numbers, or `kind` is unknown.

    Notes
    -----
    Of a plane :math:`i = -(h + k)`; of a direction
    :math:`[u\,v\,t\,w] = [2U - V,\; 2V - U,\; -(U + V),\; 3W] / 3` for :math:`[UVW]`,
    made whole [1]_.

    References
    ----------
    .. [1] M. De Graef, *Introduction to Conventional Transmission Electron Microscopy*, Cambridge
       University Press (2003), chapter 1.
    """
    _require_kind(kind)
    h, k, m = smallest_integers(indices, "a plane or direction").tolist()
    if kind == "plane":
        h, k, m = np.round(require_indices(indices)).astype(np.int64).tolist()
        return np.array([h, k, -(h + k), m])
    four = np.array([2 * h - k, 2 * k - h, -(h + k), 3 * m])
    return four // math.gcd(*map(int, four))


def from_miller_bravais(indices: npt.ArrayLike, *, kind: str = "plane") -> npt.NDArray[np.int64]:
    r"""Return three indices of a hexagonal cell from four; see `miller_bravais`.

    Parameters
    ----------
    indices : four integers
        (hkil) of a plane or [uvtw] of a direction.
    kind : {"plane", "direction"}
        Which of the two they are.

    Returns
    -------
    array of int, shape (3,)

    Raises
    ------
    DataError
        They are not four whole numbers of which the first three add up to 0, or `kind` is
        unknown.

    Notes
    -----
    Of a direction :math:`[UVW] = [u - t,\; v - t,\; w]` for :math:`[uvtw]`, made whole [1]_.

    References
    ----------
    .. [1] M. De Graef, *Introduction to Conventional Transmission Electron Microscopy*, Cambridge
       University Press (2003), chapter 1.
    """
    _require_kind(kind)
    four = np.asarray(indices)
    if four.shape != (4,) or four[:3].sum() != 0:
        message = f"four indices whose first three add up to 0 are needed, got {indices!r}"
        raise DataError(message)
    h, k, i, m = four.astype(np.int64).tolist()
    if kind == "plane":
        return np.array([h, k, m])
    three = np.array([h - i, k - i, m])
    return three // math.gcd(*map(int, three))


def _require_kind(kind: str) -> None:
    if kind not in {"plane", "direction"}:
        message = f"kind must be 'plane' or 'direction', got {kind!r}"
        raise DataError(message)
