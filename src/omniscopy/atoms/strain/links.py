"""Which atoms are lattice vectors apart, whatever the strain between them."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from omniscopy.atoms.tables import require_table
from omniscopy.model import require_conversion

# An atom is at the end of a lattice vector if it is nearer to it than this part of the shorter.
_NEAR = 0.3


@dataclass(frozen=True)
class Links:
    """Lattice vectors from each atom.

    `steps` (links, 2) are multiples of a and b, `ideal` (links, 2) the vectors, `index`
    (atoms, links) the atom at the end of each, -1 for none.
    """

    steps: np.ndarray
    ideal: np.ndarray
    index: np.ndarray


def lattice_vectors(
    lattice: object, units: str | None
) -> tuple[tuple[xr.DataArray, xr.DataArray], tuple[xr.DataArray, xr.DataArray]]:
    """Return a and b as (y, x) in `units`; raise unless there is a lattice in such units."""
    names = ("a_y", "a_x", "b_y", "b_x")
    table = require_table(lattice, names, what="lattice", maker="find_lattice")
    own = table["a_y"].attrs.get("units")
    factor = require_conversion(own, units, what="lattice", of="the positions")
    ay, ax, by, bx = (table[name] * factor for name in names)
    return (ay, ax), (by, bx)


def spans_plane(cell: np.ndarray) -> bool:
    """Return whether two vectors (rows) are there, and not parallel."""
    if not np.isfinite(cell).all():
        return False
    return bool(abs(np.linalg.det(cell)) > 1e-6 * np.prod(np.hypot(*cell.T)))


def reduced(cell: np.ndarray) -> np.ndarray:
    """Return the two shortest vectors (rows) of a lattice (Lagrange and Gauss)."""
    short, long = sorted(np.asarray(cell, dtype=np.float64), key=lambda each: float(each @ each))
    for _ in range(100):
        long = long - np.round(short @ long / max(float(short @ short), 1e-300)) * short
        if long @ long >= short @ short * (1 - 1e-12):
            break
        short, long = long, short
    return np.stack([short, long])


def lattice_links(points: np.ndarray, cell: np.ndarray, reach: float) -> Links:
    """Return the atoms that are lattice vectors away from each atom.

    Parameters
    ----------
    points : array, shape (atoms, 2)
        y and x.
    cell : array, shape (2, 2)
        Lattice vectors as rows.
    reach : float
        The longest vectors, over the longer of the reduced ones.

    Notes
    -----
    An atom belongs to a vector if each is the nearest to where the other one says, so that of
    atoms close together (dumbbells, interstitials) the right one is taken.
    """
    from scipy.spatial import KDTree

    base = reduced(cell)
    lengths = np.hypot(*base.T)
    most = reach * lengths[1] * (1 + 1e-6)
    height = abs(float(np.linalg.det(base))) / lengths[::-1]
    ends = np.ceil(most / height).astype(int)
    grid = np.meshgrid(*(np.arange(-end, end + 1) for end in ends), indexing="ij")
    steps = np.stack(grid, axis=-1).reshape(-1, 2)
    ideal = steps @ base
    size = np.hypot(*ideal.T)
    kept = (size > 0) & (size <= most)
    steps, ideal, size = (each[kept][np.argsort(size[kept])] for each in (steps, ideal, size))
    tree = KDTree(points)
    near = _NEAR * lengths[0]
    found = np.full((len(points), len(ideal)), -1)
    for number, vector in enumerate(ideal):
        distance, ahead = tree.query(points + vector)
        _, back = tree.query(points - vector)
        mutual = back[ahead] == np.arange(len(points))
        found[:, number] = np.where(mutual & (distance < near), ahead, -1)
    return Links(steps, ideal, found)
