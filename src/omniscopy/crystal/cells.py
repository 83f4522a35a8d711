"""Other cells of the same crystal."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from omniscopy.crystal.lattice import Floats, require_cell, smallest_integers
from omniscopy.model.errors import DataError

if TYPE_CHECKING:
    from ase import Atoms

Integers = npt.NDArray[np.int64]


def supercell(atoms: "Atoms", repeats: npt.ArrayLike) -> "Atoms":
    r"""Return a larger cell of the same crystal.

    Parameters
    ----------
    atoms : ase.Atoms
        A crystal.
    repeats : int, three integers, or array of shape (3, 3)
        How often the cell is repeated along its vectors; or the new vectors, as rows in whole
        steps of the old ones.

    Returns
    -------
    ase.Atoms
        With all that is known of each atom; positions and cell in Å.

    Raises
    ------
    DataError
        `repeats` are not whole, not positive, or the new vectors lie in a plane.

    Notes
    -----
    Cells with vectors as rows are :math:`A' = P A`, with :math:`|\det P|` times the atoms.
    """
    require_cell(atoms)
    given = np.asarray(repeats)
    whole = np.round(given.astype(np.float64)).astype(np.int64)
    if given.shape not in {(), (3,), (3, 3)} or np.abs(given - whole).max() > 1e-9:
        message = f"repeats are an integer, three or a matrix of 3 by 3, got {repeats!r}"
        raise DataError(message)
    if given.ndim < 2:
        if (whole < 1).any():
            message = f"repeats must be 1 or more, got {repeats!r}"
            raise DataError(message)
        return atoms * tuple(np.broadcast_to(whole, 3).tolist())
    return in_cell(atoms, whole)


def in_cell(atoms: "Atoms", vectors: Integers) -> "Atoms":
    """Return the atoms in the cell of these whole steps of the old vectors, one a row."""
    count = round(np.linalg.det(vectors))
    if count == 0:
        message = f"the vectors {vectors.tolist()} lie in a plane, and so make no cell"
        raise DataError(message)
    cell = np.asarray(atoms.cell, np.float64)
    shifts = _lattice_points(vectors)
    old = np.asarray(atoms.get_scaled_positions(), np.float64)
    # Atom by atom, each with its copies: all that is known of an atom is kept.
    places = (old[:, None, :] + shifts).reshape(-1, 3) @ np.linalg.inv(vectors.astype(np.float64))
    made = atoms[np.repeat(np.arange(len(atoms)), len(shifts))]
    made.set_cell(vectors @ cell, scale_atoms=False)
    made.set_scaled_positions(_wrapped(places))
    return made


def filled_cell(atoms: "Atoms", *, tolerance: float = 1e-3) -> "Atoms":
    r"""Return the atoms of a cell with those on all of its corners, edges and faces, for drawing.

    Parameters
    ----------
    atoms : ase.Atoms
        A crystal.
    tolerance : float
        How far, in fractions of the cell, an atom may be from a border to be on it.

    Returns
    -------
    ase.Atoms
        Positions and cell in Å. It holds more atoms than the crystal has in it, and so is no
        longer one that repeats (`pbc` is off).

    Raises
    ------
    DataError
        The cell has no volume.

    Notes
    -----
    Of an atom at fractions :math:`x` all those at :math:`x + n` are shown, :math:`n \in
    \{0, 1\}^3`, that are at most 1 along each vector.
    """
    require_cell(atoms)
    places = np.asarray(atoms.get_scaled_positions(), np.float64)
    places = np.where(places > 1.0 - tolerance, places - 1.0, places)
    steps = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    every = places[:, None, :] + steps
    shown = (every <= 1.0 + tolerance).all(axis=-1)
    made = atoms[np.nonzero(shown)[0]]
    made.set_scaled_positions(every[shown])
    made.pbc = False
    return made


def _wrapped(places: Floats) -> Floats:
    """Return fractions between 0 and 1, those that rounding has put just below 1 as 0."""
    wrapped = places % 1.0
    wrapped[wrapped > 1.0 - 1e-9] = 0.0
    return wrapped


def _lattice_points(vectors: Integers) -> Integers:
    """Return the points of the old lattice that are in the new cell."""
    corners = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) @ vectors
    axes = [
        np.arange(low, high + 1)
        for low, high in zip(corners.min(axis=0), corners.max(axis=0), strict=True)
    ]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    fractions = points @ np.linalg.inv(vectors.astype(np.float64))
    inside = ((fractions > -1e-9) & (fractions < 1.0 - 1e-9)).all(axis=1)
    return points[inside]


def basis_across(zone: npt.ArrayLike) -> tuple[Integers, Integers]:
    """Return two lattice vectors that make a cell of the same size with a zone axis [uvw].

    The zone has no common divisor; all are rows of a matrix with determinant 1.
    """
    u, v, w = (int(value) for value in np.asarray(zone))
    divisor = math.gcd(u, v)
    if divisor == 0:
        return (np.array([1, 0, 0]), np.array([0, 1, 0]) * (1 if w > 0 else -1))
    # s u + t v = divisor, and p divisor + q w = 1 (Bezout): then (-t, s) makes a cell of the size
    # of 1 with (u, v) / divisor, and (-q, p) with (divisor, w).
    s, t = _bezout(u, v)
    p, q = _bezout(divisor, w)
    first = np.array([-t, s, 0])
    second = np.array([-q * u // divisor, -q * v // divisor, p])
    if round(np.linalg.det(np.array([first, second, (u, v, w)]))) < 0:
        first = -first
    return first, second


def _bezout(a: int, b: int) -> tuple[int, int]:
    """Return x and y with x a + y b = gcd(a, b)."""
    x, next_x, y, next_y = 1, 0, 0, 1
    while b:
        quotient = a // b
        a, b = b, a - quotient * b
        x, next_x = next_x, x - quotient * next_x
        y, next_y = next_y, y - quotient * next_y
    return (x, y) if a > 0 else (-x, -y)


def orthogonal_cell(
    atoms: "Atoms",
    zone: npt.ArrayLike = (0, 0, 1),
    *,
    strain: float = 1e-6,
    largest_index: int = 8,
) -> "Atoms":
    r"""Return the smallest rectangular cell with a zone axis along z, turned to the axes.

    Multislice and other grids need such cells.

    Parameters
    ----------
    atoms : ase.Atoms
        A crystal.
    zone : three integers
        Direction [uvw] that becomes z. Multislice has the beam go along z: for a zone that
        points at the source, as patterns have it, give the opposite one.
    strain : float
        How far the edges may be from perpendicular (as a cosine); the atoms are sheared with
        them, and ``info["strain"]`` says by how much.
    largest_index : int
        Largest index of the edges across the zone, in the old cell.

    Returns
    -------
    ase.Atoms
        A cell in Å with edges along x, y and z, right-handed; ``info["strain"]`` is the largest
        cosine between its edges before they were made perpendicular, 0 where they were.

    Raises
    ------
    DataError
        No such edges are found, as in many crystals of low symmetry; allow more `strain` or
        larger indices.

    Notes
    -----
    The edges are those vectors of the lattice of least :math:`|a| |b|` for which :math:`|a \cdot
    z| / |a|`, :math:`|b \cdot z| / |b|` and :math:`|a \cdot b| / |a| |b|` are at most `strain`.
    The lattice is that of this cell, without centring: along [111] the cubic cell of silicon makes
    48 atoms, its primitive one (``symmetry(atoms).primitive``) 12.
    """
    cell = require_cell(atoms)
    direction = smallest_integers(zone, "a zone axis")
    z = direction @ cell
    z = z / np.linalg.norm(z)
    pair = _rectangle(cell, z, strain, largest_index)
    if pair is None:
        message = (
            f"no rectangle of lattice vectors to index {largest_index} is across "
            f"{direction.tolist()} within a strain of {strain:g}; allow more of either"
        )
        raise DataError(message)
    vectors = np.array([*pair, direction])
    if np.linalg.det(vectors @ cell) < 0.0:
        vectors[1] = -vectors[1]
    made = in_cell(atoms, vectors)
    edges = np.asarray(made.cell, np.float64)
    lengths = np.linalg.norm(edges, axis=1)
    unit = edges / lengths[:, None]
    cosines = np.abs(np.triu(unit @ unit.T, 1)).max()
    made.set_cell(np.diag(lengths), scale_atoms=True)
    _turn_tensors(made, unit)
    made.info["strain"] = float(cosines) if cosines > 1e-9 else 0.0
    return made


def _turn_tensors(atoms: "Atoms", unit: Floats) -> None:
    """Turn how atoms move (tensors along the axes) with the edges that become the axes."""
    tensors = atoms.arrays.get("debye_waller", np.zeros(0))
    if tensors.ndim == 3:
        atoms.arrays["debye_waller"] = unit @ tensors @ unit.T


def _rectangle(cell: Floats, z: Floats, strain: float, largest: int) -> Any:
    """Return the two shortest lattice vectors at right angles to z and to each other."""
    steps = np.arange(-largest, largest + 1)
    every = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)
    every = every[np.gcd.reduce(every, axis=1) == 1]
    vectors = every @ cell
    length = np.linalg.norm(vectors, axis=1)
    flat = np.abs(vectors @ z) <= strain * length
    every, vectors, length = every[flat], vectors[flat], length[flat]
    # Of a vector and its opposite the one that comes later, so that the choice is a settled one.
    order = np.lexsort((-every[:, 2], -every[:, 1], -every[:, 0], np.round(length, 6)))[:400]
    every, vectors, length = every[order], vectors[order], length[order]
    cosine = np.abs(vectors @ vectors.T) / np.outer(length, length)
    area = np.where(cosine <= strain, np.outer(length, length), np.inf)
    if not np.isfinite(area).any():
        return None
    area = np.round(area, 6)
    first, second = np.unravel_index(int(area.argmin()), area.shape)
    return every[min(first, second)], every[max(first, second)]
