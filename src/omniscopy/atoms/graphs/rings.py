"""Rings of bonded atoms."""

from collections import deque
from typing import Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.atoms.graphs.bonds import planar_bonds
from omniscopy.atoms.graphs.faces import faces_of
from omniscopy.atoms.graphs.polygons import measure_polygons, padded, polygon_columns
from omniscopy.atoms.tables import (
    ATOM,
    Arrays,
    map_tables,
    require_count,
    require_length,
    require_positions,
)
from omniscopy.model import operation, require_choice

Method = Literal["faces", "shortest_path"]


@operation(example={"positions": "atom_positions"})
def find_rings(
    positions: xr.Dataset,
    *,
    max_length: float | None = None,
    max_size: int = 12,
    method: Method = "faces",
) -> xr.Dataset:
    r"""Find the rings of bonded atoms, and measure their size and shape.

    Parameters
    ----------
    positions : Dataset, shape (..., atom)
        ``y`` and ``x`` in the same units; lazy or in memory.
    max_length : float, units of the positions
        The longest bond; otherwise 1.3 times the usual distance (the median over atoms of the
        mean distance to their three nearest).
    max_size : int
        The most atoms of a ring.
    method : {"faces", "shortest_path"}
        The areas that bonds enclose, with no bond inside; or rings that no other path of bonds
        between two of their atoms is a short cut of [1]_. Both are the same on a sheet of
        rings; the second also finds those around a defect, and is slow.

    Returns
    -------
    Dataset, shape (..., ring, corner)
        From the top down: ``size``, the number of atoms; ``y`` and ``x`` of the centroid;
        ``area``; ``perimeter``; ``inner_angle_deviation`` (root mean square, degrees) from the
        regular polygon; ``roundness`` :math:`4 \pi A / P^2`; and for each corner ``corner_y``,
        ``corner_x`` and the number ``corner_atom`` of the atom, NaN after the last. ``count`` of
        all. Of tables in memory as many rings as there are; otherwise two for each atom, with NaN
        after the last.

    Raises
    ------
    DataError
        There are no positions, or `max_size` is below 3.

    References
    ----------
    .. [1] D. S. Franzblau, *Phys. Rev. B* 44, 4925 (1991), section II.

    Examples
    --------
    >>> import omniscopy as om
    >>> rings = om.atoms.find_rings(om.samples.atom_positions())
    >>> float(rings["size"].median())
    4.0
    """
    units = require_positions(positions)
    require_length("max_length", max_length)
    require_count("max_size", max_size, 3)
    require_choice("method", method, get_args(Method))
    return map_tables(
        _found, positions, polygon_columns("ring", units), trim="ring",
        sizes={"ring": 2 * positions.sizes[ATOM], "corner": max_size},
        parameters={"max_length": max_length, "max_size": max_size, "method": method},
    )  # fmt: skip


def _found(
    points: np.ndarray, rows: np.ndarray, *, max_length: float | None, max_size: int,
    method: Method,
) -> Arrays:  # fmt: skip
    bonds = planar_bonds(points, max_length)
    if method == "faces":
        polygons, sizes = faces_of(points, bonds, max_size)
    else:
        polygons, sizes = padded(shortest_path_rings(bonds, len(points), max_size), max_size)
    return measure_polygons(points, rows, polygons, sizes)


def shortest_path_rings(bonds: np.ndarray, count: int, max_size: int) -> list[np.ndarray]:
    """Return the rings without a short cut of any graph, each once, with atoms in order.

    Two shortest ways from an atom to one opposite (or to both ends of the bond opposite) make a
    ring; it is kept if no two of its atoms are nearer to each other by other bonds than along it.
    """
    near: list[list[int]] = [[] for _ in range(count)]
    for one, other in bonds.tolist():
        near[one].append(other)
        near[other].append(one)
    steps = [_steps_from(atom, near, max_size // 2) for atom in range(count)]
    kept: dict[tuple[int, ...], np.ndarray] = {}
    for root in range(count):
        for half in range(1, max_size // 2 + 1):
            for ring in _rings_of(root, half, near, steps, max_size):
                key = tuple(sorted(ring))
                if key not in kept and _is_shortest(ring, steps):
                    kept[key] = np.array(ring)
    return list(kept.values())


def _steps_from(root: int, near: list[list[int]], most: int) -> dict[int, int]:
    """Return how many bonds away each atom is, up to `most`."""
    steps = {root: 0}
    waiting = deque([root])
    while waiting:
        atom = waiting.popleft()
        if steps[atom] == most:
            continue
        for other in near[atom]:
            if other not in steps:
                steps[other] = steps[atom] + 1
                waiting.append(other)
    return steps


def _ways(root: int, atom: int, near: list[list[int]], steps: dict[int, int]) -> list[list[int]]:
    """Return all shortest ways from an atom back to the root, both ends included."""
    if atom == root:
        return [[root]]
    return [
        [atom, *way]
        for other in near[atom]
        if steps.get(other, -1) == steps[atom] - 1
        for way in _ways(root, other, near, steps)
    ]


def _rings_of(
    root: int, half: int, near: list[list[int]], steps: list[dict[int, int]], max_size: int
) -> list[list[int]]:
    """Return closed ways whose far end is `half` bonds from the root, which has the lowest number.

    Every ring is found from its lowest atom.
    """
    own, found = steps[root], []
    for atom, far in own.items():
        if far != half or atom < root:
            continue
        ways = _ways(root, atom, near, own)
        if half > 1:
            found += [
                [*one, *other[-2:0:-1]]
                for number, one in enumerate(ways)
                for other in ways[:number]
                if not set(one[1:-1]) & set(other[1:-1])
            ]
        if 2 * half + 1 <= max_size:
            found += [
                [*one, *other[-2::-1]]
                for beside in near[atom]
                if beside > atom and own.get(beside) == half
                for one in ways
                for other in _ways(root, beside, near, own)
                if not set(one[:-1]) & set(other[:-1])
            ]
    return [ring for ring in found if min(ring) == root]


def _is_shortest(ring: list[int], steps: list[dict[int, int]]) -> bool:
    """Return whether no two atoms are nearer to each other than along the ring."""
    size = len(ring)
    return all(
        steps[ring[i]].get(ring[j], size) >= min(j - i, size - j + i)
        for i in range(size)
        for j in range(i + 1, size)
    )
