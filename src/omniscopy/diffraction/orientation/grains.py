"""Grains of a map of orientations: neighbours that are turned little against each other."""

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from omniscopy import crystal
from omniscopy.compute import map_signal
from omniscopy.model import (
    DataError,
    Status,
    operation,
    require_plane,
    require_uniform,
    result,
    units_of,
)

Floats = npt.NDArray[np.float64]
_AXES = ("row", "column")
# How often the mean of a grain is taken anew, of what is nearest to the last one.
_ROUNDS = 3


@operation(
    example={"orientations": "orientation_map", "structure": "Al", "tolerance": 40.0},
)
def find_grains(
    orientations: xr.Dataset,
    structure: Any,
    *,
    tolerance: float = 5.0,
    min_area: float | None = None,
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Find the grains of a map of orientations, and how far each place is from its grain's mean.

    Parameters
    ----------
    orientations : Dataset, shape (..., y, x)
        With ``matrix`` along `row` and `column`, of `match_orientation` or `match_phases`; lazy
        or in memory. Places that do not count are NaN: of several crystals one is chosen by
        ``found.where(found.phase == 0)``, unsure places are left out by
        ``found.where(found.reliability > 0.1)``.
    structure : str or ase.Atoms
        The crystal: a name that `crystal.structure` knows, or what `crystal.read_structure` read.
    tolerance : float, degrees
        Neighbours along y and x that are turned by less against each other are in one grain.
    min_area : float, units of the coordinates squared
        Smaller grains are none.
    dims : (str, str)
        The dimensions of the map; the last two spatial ones otherwise.

    Returns
    -------
    Dataset, shape (..., y, x)
        ``grains``, the number of the grain from 1 on, in the order of their first points by rows;
        0 for none, as `image.find_grains` gives and `image.measure_grains` takes. ``mean_matrix``
        (along `row` and `column`), the mean orientation of the grain. In degrees:
        ``misorientation``, the angle to that; ``local_misorientation``, the mean of the angles to
        those of the four neighbours that are in the same grain, NaN without any. ``status``: 4 (no
        data) and NaN where there is no grain.

    Raises
    ------
    DataError
        There is no map of matrices, the crystal is not known, `tolerance` is not above 0 and
        below 90 degrees, or `min_area` is negative.

    Notes
    -----
    Angles are the smallest ones over rotations of the crystal's Laue group, as of
    `crystal.misorientations`. The mean is the rotation nearest to the mean of the matrices of those
    equivalent orientations that are nearest to it [1]_: of :math:`\sum_i R_i = U S V^T` it is
    :math:`U V^T`. A grain whose lattice bends may be turned by more than the tolerance from one
    side to the other.

    References
    ----------
    .. [1] M. Moakher, *SIAM Journal on Matrix Analysis and Applications* 24, 1 (2002).

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.diffraction.find_grains(om.samples.orientation_map(), "Al")
    >>> found["grains"].dims
    ('y', 'x')
    """
    if not isinstance(orientations, xr.Dataset) or "matrix" not in orientations:
        message = "expected a Dataset with `matrix`, as `match_orientation` returns"
        raise DataError(message)
    matrix = orientations["matrix"]
    if [matrix.sizes.get(axis) for axis in _AXES] != [3, 3]:
        message = f"matrices must be 3 by 3 along row and column, got {dict(matrix.sizes)}"
        raise DataError(message)
    plane = require_plane(matrix, dims, kind="spatial", at_least=1)
    if not 0.0 < tolerance < 90.0:
        message = f"tolerance must be above 0 and below 90 degrees, got {tolerance!r}"
        raise DataError(message)
    least = 0.0 if min_area is None else float(min_area)
    if not least >= 0.0:
        message = f"min_area must not be negative, got {min_area!r}"
        raise DataError(message)
    steps = [require_uniform(matrix, dim) if matrix.sizes[dim] > 1 else 1.0 for dim in plane]
    if least > 0.0 and units_of(matrix, plane[0]) != units_of(matrix, plane[1]):
        message = "min_area needs y and x in the same units; `convert_units` changes them"
        raise DataError(message)
    atoms = crystal.structure(structure) if isinstance(structure, str) else structure
    image = {dim: matrix.sizes[dim] for dim in plane}
    grains, mean, away, local, status = map_signal(
        _grains, matrix, dim=(*plane, *_AXES),
        output_dims=[image, {**image, "row": 3, "column": 3}, image, image, image],
        dtypes=[np.int32, np.float64, np.float64, np.float64, np.uint8],
        parameters={
            "turns": crystal.proper_rotations(atoms), "tolerance": tolerance,
            "least": least / abs(steps[0] * steps[1]), "falling": [step < 0 for step in steps],
        },
    )  # fmt: skip
    found = result(
        None,
        grains=(grains, "1"),
        mean_matrix=(mean, "1"),
        misorientation=(away, "deg"),
        local_misorientation=(local, "deg"),
        status=(status, "1"),
    )
    coords = {dim: matrix.coords[dim] for dim in (*plane, *_AXES) if dim in matrix.coords}
    return found.assign_coords(coords)


def _grains(
    values: np.ndarray, *, turns: Floats, tolerance: float, least: float, falling: list[bool]
) -> tuple[np.ndarray, ...]:
    """Return numbers, means, angles and status for matrices of shape (..., y, x, 3, 3)."""
    outer, shape = values.shape[:-4], values.shape[-4:-2]
    grains = np.zeros((*outer, *shape), np.int32)
    mean = np.full((*outer, *shape, 3, 3), np.nan)
    away, local = np.full((2, *outer, *shape), np.nan)
    # Numbers go by the coordinates, whichever way they are listed.
    turned = tuple(slice(None, None, -1 if back else None) for back in falling)
    for at in np.ndindex(*outer):
        matrices = np.asarray(values[at], np.float64)[turned].reshape(-1, 3, 3)
        known = np.asarray(np.isfinite(matrices).all(axis=(1, 2)))
        pairs = _neighbours(shape)
        pairs = pairs[:, known[pairs].all(axis=0)]
        angles = angles_between(matrices[pairs[0]], matrices[pairs[1]], turns)
        number = _numbered(pairs[:, angles < tolerance], known, least)
        grains[at][turned] = number.reshape(shape)
        inside = number > 0
        if not inside.any():
            continue
        own = number[inside] - 1
        middle = _means(matrices[inside], own, turns)
        flat = np.full((number.size, 3, 3), np.nan)
        flat[inside] = middle[own]
        mean[at][turned] = flat.reshape(*shape, 3, 3)
        far = np.full(number.size, np.nan)
        far[inside] = angles_between(matrices[inside], middle[own], turns)
        away[at][turned] = far.reshape(shape)
        same = inside[pairs].all(axis=0) & (number[pairs[0]] == number[pairs[1]])
        total, count = np.zeros((2, number.size))
        for side in pairs[:, same]:
            np.add.at(total, side, angles[same])
            np.add.at(count, side, 1.0)
        with np.errstate(invalid="ignore"):
            local[at][turned] = (total / np.where(count > 0, count, np.nan)).reshape(shape)
    status = np.where(grains > 0, int(Status.CONVERGED), int(Status.NO_DATA)).astype(np.uint8)
    return grains, mean, away, local, status


def _neighbours(shape: tuple[int, ...]) -> np.ndarray:
    """Return the numbers of places that are beside each other, shape (2, pairs)."""
    place = np.arange(shape[0] * shape[1]).reshape(shape)
    along_y = [place[:-1].ravel(), place[1:].ravel()]
    along_x = [place[:, :-1].ravel(), place[:, 1:].ravel()]
    return np.concatenate([along_y, along_x], axis=1)


def nearest_equivalents(matrices: Floats, to: Floats, turns: Floats) -> tuple[Floats, Floats]:
    """Return those of equivalent orientations that are nearest to others, and the traces."""
    between = np.swapaxes(to, -1, -2) @ matrices
    best = np.full(len(matrices), -np.inf)
    kept = np.zeros(len(matrices), np.int64)
    for number, turn in enumerate(turns):
        # The trace of (between @ turn).
        trace = np.einsum("nij,ji->n", between, turn)
        better = trace > best
        best[better], kept[better] = trace[better], number
    return matrices @ turns[kept], best


def angles_between(one: Floats, other: Floats, turns: Floats) -> Floats:
    """Return the smallest angles between orientations, in degrees."""
    _, trace = nearest_equivalents(other, one, turns)
    return np.asarray(np.rad2deg(np.arccos(np.clip(0.5 * (trace - 1.0), -1.0, 1.0))))


def _numbered(pairs: np.ndarray, known: np.ndarray, least: float) -> np.ndarray:
    """Return the number of the grain of each place, from 1 on; 0 for none."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    joined = coo_array((np.ones(pairs.shape[1]), (pairs[0], pairs[1])), shape=(known.size,) * 2)
    _, label = connected_components(joined, directed=False)
    enough = known & (np.bincount(label)[label] >= least * (1 - 1e-9))
    number = np.zeros(known.size, np.int64)
    _, first, inverse = np.unique(label[enough], return_index=True, return_inverse=True)
    order = np.empty(len(first), np.int64)
    order[np.argsort(first)] = np.arange(len(first))
    number[enough] = 1 + order[inverse]
    return number


def _means(matrices: Floats, own: np.ndarray, turns: Floats) -> Floats:
    """Return the mean orientation of each grain, shape (grains, 3, 3)."""
    _, first = np.unique(own, return_index=True)
    mean = matrices[first]
    for _ in range(_ROUNDS):
        near, _ = nearest_equivalents(matrices, mean[own], turns)
        total = np.zeros((len(first), 3, 3))
        np.add.at(total, own, near)
        left, _, right = np.linalg.svd(total)
        sign = np.linalg.det(left @ right)
        left[..., -1] *= sign[:, None]
        mean = left @ right
    return mean
