"""Lattices of spots, named by the reflections of a crystal."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.diffraction.indexing.rings import reflections_of
from omniscopy.model import DataError, Status, coordinate, operation, require_units, result

_VECTORS = ("a_ky", "a_kx", "b_ky", "b_kx")
# Pairs of reflections that are compared at most, the shortest first.
_MOST = 400


@operation(
    example={"lattice": "nanobeam_lattice", "structure": "srtio3", "tolerance": 0.1},
    lazy=False,
)
def index_spots(
    lattice: xr.Dataset, structure: Any, *, tolerance: float = 0.03, angle: float = 3.0
) -> xr.Dataset:
    r"""Name the vectors of lattices by reflections of a crystal, and find the zone axis.

    Parameters
    ----------
    lattice : Dataset, shape (...)
        ``a_ky``, ``a_kx``, ``b_ky`` and ``b_kx`` of `fit_lattice`, in reciprocal lengths.
    structure : str or ase.Atoms
        The crystal: a name that `crystal.structure` knows, or what `crystal.read_structure` read.
        Extinct reflections are left out.
    tolerance : float
        How far lengths may be from those of reflections, as a part of them.
    angle : float, degrees
        How far the angle between the vectors may be from that of the reflections.

    Returns
    -------
    Dataset, shape (..., index)
        ``hkl_a`` and ``hkl_b``, and the ``zone_axis`` [uvw] of both, along kx x ky: into the
        page, as patterns are shown; along ``index``: h, k, l. ``misfit``, the
        root mean square of the relative errors of both lengths and of the angle in radians;
        ``second``, that of the best one with other kinds of reflections: as small as the first,
        the answer is not unique. ``status``: that of the lattice, or 5 (invalid) where no pair
        of reflections is near; NaN then.

    Raises
    ------
    DataError
        `lattice` is none, the crystal is not known, or the vectors are no reciprocal lengths.

    Notes
    -----
    The zone axis is :math:`[uvw] \parallel g_a \times g_b`, with indices in the reciprocal cell:
    the law of zones, :math:`h u + k v + l w = 0` [1]_.

    References
    ----------
    .. [1] D. B. Williams, C. B. Carter, *Transmission Electron Microscopy*, 2nd ed., Springer
       (2009), chapter 18.

    Examples
    --------
    >>> import omniscopy as om
    >>> named = om.diffraction.index_spots(
    ...     om.samples.nanobeam_lattice(), "srtio3", tolerance=0.1, angle=8.0
    ... )
    >>> named["hkl_a"].dims
    ('y', 'x', 'index')
    """
    if not isinstance(lattice, xr.Dataset) or not {*_VECTORS} <= {*lattice.data_vars}:
        message = f"expected a Dataset with {_VECTORS}, such as `fit_lattice` returns"
        raise DataError(message)
    factor = require_units(lattice["a_ky"], "1/angstrom", what="vectors of the lattice")
    if not (0 < tolerance < 1 and 0 < angle < 90):
        message = f"tolerance must be below 1 and angle below 90, above 0, got {tolerance}, {angle}"
        raise DataError(message)
    sizes = np.stack([np.asarray(lattice[name].values, np.float64) for name in _VECTORS]) * factor
    longest = float(np.max(np.abs(sizes), where=np.isfinite(sizes), initial=0.0))
    known = reflections_of(structure, 1.5 * (1 + tolerance) * longest, unique=False)
    indexer = _Spots(
        known.g, known.hkl, known.family, float(tolerance), float(np.radians(angle)), factor
    )
    status = (
        lattice["status"] if "status" in lattice
        else xr.zeros_like(lattice["a_ky"], dtype=np.uint8)
    )  # fmt: skip
    also = [*(lattice[name] for name in _VECTORS[1:]), status]
    also = [each.drop_vars(list(each.coords)) for each in also]
    made = map_signal(
        indexer.run, lattice["a_ky"], dim=(), also=also,
        output_dims=[{"index": 3}] * 3 + [{}] * 3, dtypes=[np.float64] * 5 + [np.uint8],
    )  # fmt: skip
    names = ("hkl_a", "hkl_b", "zone_axis", "misfit", "second", "status")
    found = result(None, **{name: (each, "1") for name, each in zip(names, made, strict=True)})
    label = coordinate("index", np.array(["h", "k", "l"]), kind="parameter", quantity="index")
    return found.assign_coords(index=label)


@dataclass(frozen=True)
class _Spots:
    """Vectors (1/Å), indices and families of reflections, and what spots may be away."""

    g: np.ndarray
    hkl: np.ndarray
    family: np.ndarray
    tolerance: float
    angle: float
    factor: float

    def run(self, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return the columns of every lattice."""
        outer = np.broadcast_shapes(*(each.shape for each in arrays))
        given = [
            np.broadcast_to(each.reshape((1,) * (len(outer) - each.ndim) + each.shape), outer)
            for each in arrays
        ]
        made = np.full((3, *outer, 3), np.nan)
        misfit = np.full((2, *outer), np.nan)
        status = given[4].astype(np.uint8)
        for place in np.ndindex(*outer):
            if status[place] != Status.CONVERGED:
                continue
            vectors = np.array([float(each[place]) for each in given[:4]]).reshape(2, 2)
            found = self.of(vectors * self.factor)
            if found is None:
                status[place] = Status.INVALID
                continue
            made[(slice(None), *place)], misfit[(slice(None), *place)] = found
        return (*made, *misfit, status)

    def of(self, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """Return hkl of a and b with their zone axis, and the best misfits."""
        if not np.isfinite(vectors).all():
            return None
        sizes = np.hypot(*vectors.T)
        lengths = np.linalg.norm(self.g, axis=1)
        near = [
            np.flatnonzero(np.abs(size / lengths - 1) <= self.tolerance)[:_MOST] for size in sizes
        ]
        if not (near[0].size and near[1].size):
            return None
        cosine = np.clip(vectors[0] @ vectors[1] / sizes.prod(), -1, 1)
        first, second = np.meshgrid(*near, indexing="ij")
        dots = (self.g[near[0]] @ self.g[near[1]].T) / np.multiply.outer(
            lengths[near[0]], lengths[near[1]]
        )
        turn = np.arccos(np.clip(dots, -1, 1)) - np.arccos(cosine)
        away = np.sqrt(
            ((sizes[0] / lengths[first] - 1) ** 2 + (sizes[1] / lengths[second] - 1) ** 2 + turn**2)
            / 3
        )
        away = np.where(np.abs(turn) <= self.angle, away, np.inf)
        place = np.unravel_index(int(np.argmin(away)), away.shape)
        best = float(away[place])
        if not np.isfinite(best):
            return None
        a, b = int(first[place]), int(second[place])
        # Of equivalent pairs the one with the largest indices first.
        same = np.argwhere(away <= best * (1 + 1e-6) + 1e-12)
        ranked = max(((*self.hkl[near[0][i]], *self.hkl[near[1][j]]), i, j) for i, j in same)
        a, b = int(near[0][ranked[1]]), int(near[1][ranked[2]])
        others = (self.family[first] != self.family[a]) | (self.family[second] != self.family[b])
        rest = np.where(others, away, np.inf).min()
        turns = vectors[0, 1] * vectors[1, 0] - vectors[0, 0] * vectors[1, 1]
        zone = np.cross(self.hkl[a], self.hkl[b]) * (1 if turns > 0 else -1)
        zone = zone // max(int(np.gcd.reduce(np.abs(zone))), 1)
        return np.stack([self.hkl[a], self.hkl[b], zone]).astype(float), np.array(
            [best, rest if np.isfinite(rest) else np.nan]
        )
