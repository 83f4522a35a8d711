"""Colours of directions in a crystal: those of inverse pole figures."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from omniscopy.crystal.fundamental_zones import proper_rotations
from omniscopy.crystal.lattice import Floats, require_cell
from omniscopy.crystal.symmetries import symmetry
from omniscopy.model.errors import DataError

if TYPE_CHECKING:
    from ase import Atoms

_CORNERS = {
    "cubic": ("001", "101", "111"),
    "hexagonal": ("0001", "21\u03051\u03050", "101\u03050"),
    "trigonal": ("0001", "21\u03051\u03050", "101\u03050"),
    "tetragonal": ("001", "100", "110"),
    "orthorhombic": ("001", "100", "010"),
    "monoclinic": ("a × b", "a", "b"),
    "triclinic": ("z", "x", "y"),
}
_ORDER = {"hexagonal": 3, "trigonal": 3, "tetragonal": 4, "orthorhombic": 2, "monoclinic": 2}


class ColourTriangle(NamedTuple):
    """The triangle of directions that symmetry makes different: red, green and blue corners."""

    corners: Floats
    """(3, 3): unit vectors in the frame of the structure."""
    names: tuple[str, str, str]
    equivalents: tuple[Floats, Floats, Floats]
    """Of each corner, the unit vectors that symmetry or inversion takes it to."""


def colour_triangle(atoms: "Atoms", *, tolerance: float = 1e-2) -> ColourTriangle:
    """Return the triangle of directions whose corners are red, green and blue.

    Parameters
    ----------
    atoms : ase.Atoms
        A crystal.
    tolerance : float, Å
        Of the search for symmetry; see `symmetry`.

    Notes
    -----
    It is that of the Laue class with mirrors: m-3m, 6/mmm (trigonal crystals too), 4/mmm, mmm.
    Directions that only a lower symmetry tells apart have one colour. In hexagonal and tetragonal
    crystals the green corner is the shortest lattice vector across the main axis, of monoclinic
    ones a is the shortest across the twofold axis b; of triclinic ones corners are the axes of
    the frame.
    """
    system = symmetry(atoms, tolerance=tolerance).system
    rotations = proper_rotations(atoms, tolerance=tolerance)
    corners = _corners(system, rotations, require_cell(atoms))
    stars = [np.concatenate([rotations, -rotations]) @ corner for corner in corners]
    red, green, blue = (
        star[np.unique(star.round(6) + 0.0, axis=0, return_index=True)[1]] for star in stars
    )
    return ColourTriangle(corners, _CORNERS[system], (red, green, blue))


def direction_colours(
    atoms: "Atoms", directions: npt.ArrayLike, *, tolerance: float = 1e-2
) -> Floats:
    r"""Return the colours of directions in a crystal, equivalent ones the same.

    Parameters
    ----------
    atoms : ase.Atoms
        A crystal.
    directions : array, shape (..., 3)
        In the frame of the structure, of any length. For an orientation as of
        `diffraction.match_orientation` they are its transposed matrix times a direction of the
        microscope.
    tolerance : float, Å
        Of the search for symmetry; see `symmetry`.

    Returns
    -------
    array, shape (..., 3)
        Red, green and blue, fractions from 0 to 1: in a cubic crystal [001] is red, [101] green and
        [111] blue; see `colour_triangle`. NaN where a direction is, or has no length.

    Raises
    ------
    DataError
        Directions have no three components.

    Notes
    -----
    A direction :math:`d = \sum_i w_i c_i` of weights :math:`w_i \ge 0` of the corners :math:`c_i`
    of its triangle has the colours :math:`\sqrt{w_i / \max_j w_j}`.
    """
    weights = triangle_weights(colour_triangle(atoms, tolerance=tolerance), directions)
    return colours_of(weights)


def triangle_weights(triangle: ColourTriangle, directions: npt.ArrayLike) -> Floats:
    """Return how much of each corner directions are made of, shape (..., 3), within a triangle."""
    given = np.asarray(directions, np.float64)
    if given.ndim == 0 or given.shape[-1] != 3:
        message = f"directions are vectors of three components, got shape {given.shape}"
        raise DataError(message)
    flat = given.reshape(-1, 3)
    length = np.linalg.norm(flat, axis=1)
    known = np.isfinite(length) & (length > 0)
    found = np.full(flat.shape, np.nan)
    unit = flat[known] / length[known, None]
    # In groups of mirrors a direction is nearest to the corners of its own triangle.
    nearest = [star[np.argmax(unit @ star.T, axis=1)] for star in triangle.equivalents]
    found[known] = np.linalg.solve(np.stack(nearest, axis=-1), unit[..., None])[..., 0].clip(0.0)
    return found.reshape(given.shape)


def colours_of(weights: Floats) -> Floats:
    """Return the colours of weights of corners, the largest part of each as bright as can be."""
    return np.asarray(np.sqrt(weights / weights.max(axis=-1, keepdims=True)))


def _corners(system: str, rotations: Floats, cell: Floats) -> Floats:
    if system == "triclinic":
        return np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    if system == "cubic":
        axes = _axes_of(rotations, 4)
        z, x, y = _along(axes if len(axes) else _axes_of(rotations, 2), np.eye(3)[[2, 0, 1]])
        return np.array([z, (x + z) / np.sqrt(2), (x + y + z) / np.sqrt(3)])
    axes = _axes_of(rotations, _ORDER[system])
    if system == "orthorhombic":
        return _along(axes, cell[[2, 0, 1]])
    main = axes[0]
    a = _shortest_across(main, cell)
    other = np.cross(main, a)
    if system == "monoclinic":
        return np.array([np.cross(a, main), a, main])
    turn = np.deg2rad(45.0 if system == "tetragonal" else 30.0)
    return np.array([main, a, np.cos(turn) * a + np.sin(turn) * other])


def _axes_of(rotations: Floats, order: int) -> Floats:
    """Return the axes of rotations by one part of a turn, one of each pair of directions."""
    trace = 1.0 + 2.0 * np.cos(2.0 * np.pi / order)
    found: list[np.ndarray] = []
    for turn in rotations[np.abs(np.trace(rotations, axis1=1, axis2=2) - trace) < 1e-6]:
        values, vectors = np.linalg.eig(turn)
        axis = vectors[:, np.argmin(np.abs(values - 1.0))].real
        axis /= np.linalg.norm(axis)
        if not any(abs(axis @ other) > 0.99 for other in found):
            found.append(axis * np.sign(axis[np.argmax(np.abs(axis) > 0.1)]))
    return np.array(found).reshape(-1, 3)


def _along(axes: Floats, wanted: Floats) -> Floats:
    """Return three axes in the order and the sense of vectors that they are nearest to."""
    left, made = list(axes), []
    for vector in wanted:
        best = int(np.argmax([abs(axis @ vector) for axis in left]))
        axis = left.pop(best)
        made.append(axis if axis @ vector >= 0 else -axis)
    return np.array(made)


def _shortest_across(axis: np.ndarray, cell: Floats) -> np.ndarray:
    """Return the direction of the shortest lattice vector perpendicular to an axis."""
    steps = np.stack(np.meshgrid(*[np.arange(-4, 5)] * 3, indexing="ij"), -1).reshape(-1, 3)
    vectors = steps @ cell
    length = np.linalg.norm(vectors, axis=1)
    across = (length > 1e-6) & (np.abs(vectors @ axis) < 1e-3 * length)
    if not across.any():  # of a skewed cell that lattice vectors are not searched far enough for
        rest = cell[np.argmin(np.abs(cell @ axis))]
        rest = rest - (rest @ axis) * axis
        return np.asarray(rest / np.linalg.norm(rest))
    best = vectors[across][np.argmin(length[across])]
    return np.asarray(best / np.linalg.norm(best))
