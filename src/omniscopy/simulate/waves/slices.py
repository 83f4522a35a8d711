"""Which atoms each slice of a sample holds."""

import itertools
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from omniscopy.crystal import require_apart
from omniscopy.crystal.lattice import require_cell
from omniscopy.model import DataError
from omniscopy.physics.scattering.coefficients import Table
from omniscopy.physics.scattering.sites import Species, occupied_sites

Floats = npt.NDArray[np.float64]
Projection = Literal["infinite", "finite"]

REACH = 8.0
"""How far from its middle along the beam an atom has a potential, in Å."""
STEPS = 20
"""Into how many steps a slice is cut; atoms of a finite projection are at the nearest."""


@dataclass(frozen=True)
class Content:
    """Atoms of a slice: of which kind, where, how occupied, and which part of each is in it.

    `part` numbers the stretches (from, to) along the beam, measured from the atom in Å.
    """

    kinds: npt.NDArray[np.int64]
    parts: npt.NDArray[np.int64]
    y: Floats
    x: Floats
    weights: Floats

    def key(self) -> bytes:
        """Return what tells slices of the same content from others."""
        places = np.round(np.stack([self.y, self.x, self.weights]), 9)
        order = np.lexsort((places[1], places[0], self.parts, self.kinds))
        rows = np.stack([self.kinds, self.parts]).astype(np.float64)
        return np.concatenate([rows, places])[:, order].tobytes()


@dataclass(frozen=True)
class Sliced:
    """A sample as slices: borders (Å), contents, elements with Debye-Waller factors, parts."""

    size: tuple[float, float]
    edges: Floats
    contents: list[Content]
    species: list[Species]
    stretches: list[tuple[float, float]]


def cut(
    atoms: Any, thickness: float, projection: Projection, debye_waller: Any, table: Table
) -> Sliced:
    """Return the atoms of a cell slice by slice, from the top of the sample (z = 0) down."""
    lengths = require_box(atoms)
    _require_apart(atoms, lengths)
    sites = occupied_sites(atoms, debye_waller, table)
    places = (sites.positions % 1.0) * lengths
    # What rounding puts just below the far border is on the near one.
    places[places > lengths - 1e-6] = 0.0
    count = max(1, round(lengths[2] / thickness))
    edges = np.linspace(0.0, lengths[2], count + 1)
    columns: tuple[Any, ...] = (sites.kinds, places[:, 1], places[:, 0], sites.weights)
    step = lengths[2] / count
    if projection == "infinite":
        place = np.minimum((places[:, 2] / step + 1e-6).astype(np.int64), count - 1)
        stretches = [(-np.inf, np.inf)]
        part = np.zeros(len(place), np.int64)
    else:
        place, part, stretches, atom = _stretches(places[:, 2], step, count)
        columns = tuple(column[atom] for column in columns)
    order = np.argsort(place, kind="stable")
    borders = np.searchsorted(place[order], np.arange(count + 1))
    contents = [
        Content(columns[0][own], part[own], *(column[own] for column in columns[1:]))
        for own in (order[a:b] for a, b in itertools.pairwise(borders))
    ]
    size = (float(lengths[1]), float(lengths[0]))
    return Sliced(size, edges, contents, sites.species, stretches)


def _stretches(z: Floats, step: float, count: int) -> tuple[Any, Any, Any, Any]:
    """Return slice, part and atom of every piece of an atom, and the stretches of the parts.

    What sticks out of the sample, and tails beyond the reach, are in the last slice that an atom
    has, so that the whole of it is in the sample.
    """
    node = np.round(z / step * STEPS).astype(np.int64)
    reach = int(np.ceil(REACH / step))
    own, offset = np.divmod(node, STEPS)
    found: dict[tuple[int, int, bool, bool], int] = {}
    rows = []
    for atom, (home, away) in enumerate(zip(own.tolist(), offset.tolist(), strict=True)):
        first, last = max(home - reach, 0), min(home + reach, count - 1)
        home = min(max(home, first), last)  # noqa: PLW2901 - an atom on the far border
        for place in range(first, last + 1):
            kind = (place - own[atom], away, place == first, place == last)
            rows.append((place, found.setdefault(kind, len(found)), atom))
    stretches = [
        (
            -np.inf if first else (shift - away / STEPS) * step,
            np.inf if last else (shift + 1 - away / STEPS) * step,
        )
        for shift, away, first, last in found
    ]
    table = np.array(rows, np.int64).reshape(-1, 3)
    return table[:, 0], table[:, 1], stretches, table[:, 2]


def require_box(atoms: Any) -> Floats:
    """Return the edges of a rectangular cell along x, y and z in Å, or raise."""
    cell = require_cell(atoms)
    lengths = np.diag(cell)
    if np.abs(cell - np.diag(lengths)).max() > 1e-5 * np.abs(cell).max() or (lengths <= 0).any():
        message = (
            "the cell does not fit a rectangular grid along x, y and z: its vectors are "
            f"{np.round(cell, 4).tolist()} Å; make one with `crystal.orthogonal_cell(atoms, zone)`"
        )
        raise DataError(message)
    if not len(atoms):
        message = "there are no atoms to make a potential of"
        raise DataError(message)
    return np.asarray(lengths, np.float64)


def _require_apart(atoms: Any, lengths: Floats) -> None:
    """Raise where atoms overlap; looked for by a tree, which is quick in large cells."""
    from scipy.spatial import cKDTree

    places = np.asarray(atoms.get_scaled_positions(wrap=True), np.float64) * lengths
    if not np.isfinite(places).all():
        message = "positions of atoms must be finite numbers"
        raise DataError(message)
    tree = cKDTree(places % lengths, boxsize=lengths)
    if tree.count_neighbors(tree, 0.5) > len(places):
        require_apart(atoms, what="the sample")
