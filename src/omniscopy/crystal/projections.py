"""Structures as they are seen along a zone axis."""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from omniscopy.crystal.cells import basis_across
from omniscopy.crystal.lattice import Floats, require_cell, smallest_integers
from omniscopy.crystal.orientation import orientation_matrix
from omniscopy.model.coordinates import coordinate
from omniscopy.model.errors import DataError

if TYPE_CHECKING:
    from ase import Atoms


def project(
    atoms: "Atoms",
    zone: npt.ArrayLike,
    *,
    up: npt.ArrayLike | None = None,
    right: npt.ArrayLike | None = None,
    tolerance: float = 0.05,
    repeats: tuple[int, int] = (1, 1),
) -> xr.Dataset:
    r"""Return the columns of atoms that are seen along a zone axis, in a cell of the projection.

    Parameters
    ----------
    atoms : ase.Atoms
        A crystal.
    zone : three integers
        Direction [uvw] that points at the viewer.
    up, right : three numbers, optional
        Plane whose normal points along y or x; see `orientation_matrix`.
    tolerance : float, Å
        Atoms nearer than that in projection are one column.
    repeats : (int, int)
        How often the cell of the projection is repeated along its two vectors.

    Returns
    -------
    Dataset, dimension column
        ``y`` and ``x`` (Å, y upwards), ``atoms`` (how many in one period along the beam),
        ``atomic_number`` (their sum), ``height`` (Å, towards the viewer, of the lowest of them in
        the period), ``elements`` (their symbols, from there on), and ``cell`` (Å, along `vector`
        and `axis`), the vectors of the repeat.
        Attributes: ``zone``, ``period`` (Å along the beam) and ``orientation`` (the rotation).

    Raises
    ------
    DataError
        The zone is not of whole indices, `tolerance` is not positive, or `up` is along the zone.

    Notes
    -----
    Positions :math:`(x, y, z) = R r` of `orientation_matrix`, :math:`x` and :math:`y` modulo the
    two shortest vectors of the projected lattice, :math:`z` modulo the period :math:`|u a + v b +
    w c|`.
    """
    cell = require_cell(atoms)
    direction = smallest_integers(zone, "a zone axis")
    if not tolerance > 0.0 or min(repeats) < 1:
        message = (
            "`tolerance` is a positive length in Å and `repeats` are 1 or more, got "
            f"{tolerance} and {repeats}"
        )
        raise DataError(message)
    turn = orientation_matrix(atoms, direction, up=up, right=right)
    period = float(np.linalg.norm(direction @ cell))
    plane = reduced(np.array([vector @ cell @ turn[:2].T for vector in basis_across(direction)]))
    seen = atoms.positions @ turn.T
    fractions = seen[:, :2] @ np.linalg.inv(plane)
    label = _columns(fractions, plane, tolerance)
    heights = seen[:, 2] % period
    heights[heights > period - 1e-6] = 0.0  # rounding has put them just below the next period
    table = _column_table(atoms, fractions, heights, label)
    return _labelled(table, plane, repeats, direction, period, turn)


def reduced(plane: Floats) -> Floats:
    """Return the shortest two vectors of a plane lattice (rows), right-handed, 60 to 120° apart.

    Gauss's reduction. The first one points to the right; of equally short second ones the one
    at 90° or more is taken.
    """
    a, b = plane
    while True:
        if b @ b < a @ a - 1e-9:
            a, b = b, a
        steps = np.round((a @ b) / (a @ a) - 1e-9)
        if steps == 0.0:
            break
        b = b - steps * a
    if a[0] < -1e-9 or (abs(a[0]) <= 1e-9 and a[1] < 0.0):
        a = -a
    if a[0] * b[1] - a[1] * b[0] < 0.0:
        b = -b
    wider = b - a
    return np.array([a, wider if wider @ wider < b @ b + 1e-9 else b])


def _columns(fractions: Floats, plane: Floats, tolerance: float) -> npt.NDArray[np.int64]:
    """Return the column of each atom: those within `tolerance` of each other, over borders too."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    count = len(fractions)
    wrapped = fractions - np.floor(fractions)
    shifts = np.array([[i, j] for i in (-1, 0, 1) for j in (-1, 0, 1)])
    images = (wrapped[None] + shifts[:, None]).reshape(-1, 2) @ plane
    near = cKDTree(wrapped @ plane).sparse_distance_matrix(
        cKDTree(images), tolerance, output_type="coo_matrix"
    )
    linked = coo_matrix((np.ones(near.nnz), (near.row, near.col % count)), shape=(count, count))
    return connected_components(linked, directed=False)[1].astype(np.int64)


def _column_table(atoms: "Atoms", fractions: Floats, heights: Floats, label: Any) -> dict[str, Any]:
    """Return the mean place of each column in its cell, and what is in it."""
    symbols = np.array(atoms.get_chemical_symbols())
    places, first, elements = [], [], []
    count = int(label.max()) + 1
    for column in range(count):
        members = np.flatnonzero(label == column)
        anchor = fractions[members[0]]
        away = fractions[members] - anchor
        place = anchor + (away - np.round(away)).mean(axis=0)
        place -= np.floor(place + 1e-6)
        order = members[np.argsort(heights[members], kind="stable")]
        places.append(place)
        first.append(heights[order[0]])
        elements.append(" ".join(dict.fromkeys(symbols[order].tolist())))
    return {
        "places": np.array(places),
        "atoms": np.bincount(label, minlength=count),
        "atomic_number": np.bincount(label, weights=atoms.numbers, minlength=count),
        "height": np.array(first),
        "elements": np.array(elements),
    }


def _labelled(  # noqa: PLR0917 - one thing each
    table: dict[str, Any],
    plane: Floats,
    repeats: tuple[int, int],
    direction: Any,
    period: float,
    turn: Floats,
) -> xr.Dataset:
    steps = np.array([[i, j] for i in range(repeats[0]) for j in range(repeats[1])])
    places = ((table["places"][None] + steps[:, None]).reshape(-1, 2)) @ plane
    copies = {name: np.tile(table[name], len(steps)) for name in table if name != "places"}
    length = {"units": "Å", "quantity": "length"}
    pure = {"units": "1"}
    return xr.Dataset(
        {
            "y": ("column", places[:, 1], length),
            "x": ("column", places[:, 0], length),
            "height": ("column", copies["height"], length),
            "atoms": ("column", copies["atoms"], pure),
            "atomic_number": ("column", copies["atomic_number"], pure),
            "elements": ("column", copies["elements"]),
            "cell": (("vector", "axis"), plane[:, ::-1].copy(), length),
        },
        coords={
            "column": coordinate(
                "column", np.arange(len(places)), "1", kind="point", quantity="column of atoms"
            ),
            "vector": coordinate(
                "vector", np.array(["a", "b"]), kind="parameter", quantity="vector"
            ),
            "axis": coordinate("axis", np.array(["y", "x"]), kind="parameter", quantity="axis"),
        },
        attrs={
            "zone": direction.tolist(),
            "period": period,
            "orientation": turn.tolist(),
        },
    )
