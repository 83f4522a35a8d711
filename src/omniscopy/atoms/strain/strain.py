"""Strain from positions: how the surroundings of each atom differ from a lattice."""

from collections.abc import Mapping

import numpy as np
import xarray as xr

from omniscopy.atoms.strain.links import lattice_links, lattice_vectors, spans_plane
from omniscopy.atoms.tables import (
    STATUS,
    Arrays,
    Column,
    known,
    map_tables,
    require_positions,
)
from omniscopy.model import DataError, Status, operation

_STRAINS = ("strain_yy", "strain_xx", "strain_xy")
_FLAT = 1e-6


@operation(example={"positions": "atom_positions", "lattice": "atom_lattice"})
def measure_strain(
    positions: xr.Dataset,
    lattice: xr.Dataset,
    *,
    reference: Mapping[str, slice] | None = None,
    reach: float = 1.5,
    finite: bool = False,
) -> xr.Dataset:
    r"""Measure the strain and the rotation of a lattice at each atom.

    Parameters
    ----------
    positions : Dataset, shape (..., atom)
        ``y`` and ``x`` in the same units, and if known ``y_std`` and ``x_std``; lazy or in memory.
        Atoms of all sublattices: each is compared with those that are lattice vectors away.
    lattice : Dataset
        The lattice without strain, such as `find_lattice` gives: its vectors a and b.
    reference : mapping of dimension to slice, units of the positions
        A region without strain, such as ``{"x": slice(0.0, 5.0)}``: the mean deformation of
        its atoms is taken away from all. Otherwise strain is that from `lattice`.
    reach : float
        Atoms are compared up to this many times the longer of a and b away (both as short as
        they can be).
    finite : bool
        The strain :math:`U - 1` and the rotation of the polar decomposition :math:`F = R U`;
        otherwise those that are linear in the deformation, which are the same when small.

    Returns
    -------
    Dataset, shape (..., atom)
        ``strain_yy``, ``strain_xx``, ``strain_xy`` (half of the shear), positive where the
        lattice is stretched; ``rotation`` in degrees from +x towards +y; each with ``_std``;
        ``area_strain`` and ``max_shear``; ``residual``, the root mean square distance of the
        atoms from the deformed lattice; ``neighbours``, how many were compared. ``y`` and ``x``
        as they are given. NaN with `status` 2 (singular) where they are too few or on a line.

    Raises
    ------
    DataError
        There are no positions, or the lattice is none, or is in other units.

    Notes
    -----
    Least squares of :math:`r_j = t + F R_j`, where :math:`R_j` are the lattice vectors to atoms
    j (with 0 for the atom itself); :math:`e = \frac12 (F + F^T) - 1`, rotation
    :math:`\frac12 (F_{yx} - F_{xy})`. The standard deviations are those of the positions where
    these are known, else of the residuals, carried to :math:`F` by :math:`(R R^T)^{-1}`.

    The local deformation by least squares over neighbours is that of [1]_.

    References
    ----------
    .. [1] M. L. Falk, J. S. Langer, *Phys. Rev. E* 57, 7192 (1998).

    Examples
    --------
    >>> import omniscopy as om
    >>> strain = om.atoms.measure_strain(om.samples.atom_positions(), om.samples.atom_lattice())
    >>> abs(float(strain["strain_xx"].median())) < 1e-3
    True
    """
    units = require_positions(positions)
    a, b = lattice_vectors(lattice, units)
    if not reach > 0:
        message = f"reach must be above 0, got {reach!r}"
        raise DataError(message)
    region = _region(reference)
    plain = [*_STRAINS, "area_strain", "max_shear"]
    columns = {
        "y": Column(units), "x": Column(units), "rotation": Column("deg"),
        **{name: Column("1") for name in plain},
        **{f"{name}_std": Column("1") for name in _STRAINS}, "rotation_std": Column("deg"),
        "residual": Column(units), "neighbours": Column("1", dtype=np.int64, fill=0),
        "status": STATUS,
    }  # fmt: skip
    both = known(positions, "y_std", "x_std")
    return map_tables(
        _strained, positions, columns, given=both if len(both) == 2 else (),
        others={"ay": a[0], "ax": a[1], "by": b[0], "bx": b[1]},
        parameters={"region": region, "reach": reach, "finite": finite},
    )  # fmt: skip


def _region(reference: Mapping[str, slice] | None) -> tuple[tuple[float, float], ...] | None:
    """Return the ends of a region along y and x."""
    if reference is None:
        return None
    wrong = [name for name in reference if name not in ("y", "x")]
    if wrong:
        message = f"reference must be slices of 'y' and 'x', got {wrong}"
        raise DataError(message)
    ends = []
    for name in ("y", "x"):
        part = reference.get(name, slice(None))
        low = -np.inf if part.start is None else float(part.start)
        high = np.inf if part.stop is None else float(part.stop)
        ends.append((low, high))
    return tuple(ends)


def _strained(  # noqa: PLR0913 - what comes with each table
    points: np.ndarray, _rows: np.ndarray, y_std: np.ndarray | None = None,
    x_std: np.ndarray | None = None, *, ay: np.ndarray, ax: np.ndarray, by: np.ndarray,
    bx: np.ndarray, region: tuple[tuple[float, float], ...] | None, reach: float, finite: bool,
) -> Arrays:  # fmt: skip
    places = {"y": points[:, 0], "x": points[:, 1]}
    cell = np.array([[float(ay), float(ax)], [float(by), float(bx)]])
    if not spans_plane(cell) or len(points) < 3:
        return places
    links = lattice_links(points, cell, reach)
    matrix, inverse, residual, count = deformations(points, links.index, links.ideal)
    if region is not None:
        low, high = np.array(region).T
        inside = ((points >= low) & (points <= high)).all(axis=1) & np.isfinite(matrix[:, 0, 0])
        if not inside.any():
            return {**places, "status": np.full(len(points), Status.NO_DATA)}
        matrix = matrix @ np.linalg.inv(matrix[inside].mean(axis=0))
    strain, rotation = strain_parts(matrix, finite=finite)
    if y_std is not None and x_std is not None:
        variance = _mean_variance(np.stack([y_std, x_std], axis=-1), links.index)
    else:
        with np.errstate(invalid="ignore", divide="ignore"):
            # Two of each coordinate's numbers are in F and one in t.
            variance = residual / np.maximum(count - 3, np.where(count > 3, 1, np.nan))[:, None]
    std = _uncertainties(inverse, variance)
    good = np.isfinite(matrix[:, 0, 0])
    principal = np.hypot((strain[:, 0] - strain[:, 1]) / 2, strain[:, 2])
    return {
        **places, **{name: strain[:, n] for n, name in enumerate(_STRAINS)},
        "rotation": np.degrees(rotation),
        "area_strain": (1 + strain[:, 0]) * (1 + strain[:, 1]) - strain[:, 2] ** 2 - 1,
        "max_shear": principal,
        **{f"{name}_std": std[:, n] for n, name in enumerate(_STRAINS)},
        "rotation_std": np.degrees(std[:, 2]),
        "residual": np.where(good, np.sqrt(residual.sum(axis=1) / count), np.nan),
        "neighbours": count - 1,
        "status": np.where(good, Status.CONVERGED, Status.SINGULAR),
    }  # fmt: skip


def deformations(
    points: np.ndarray, index: np.ndarray, ideal: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the deformation F of the surroundings of each atom.

    Parameters
    ----------
    points : array, shape (atoms, 2)
        y and x.
    index : array of int, shape (atoms, links)
        The atom at the end of each lattice vector, -1 for none.
    ideal : array, shape (links, 2)
        These vectors.

    Returns
    -------
    tuple of array
        F (atoms, 2, 2), NaN where it is not determined; the inverse of the sums of squares of
        the lattice vectors (atoms, 2, 2); sums of squared residuals along y and x (atoms, 2); how
        many atoms were compared (atoms,), the one itself included.
    """
    there = np.concatenate([np.ones((len(points), 1), dtype=bool), index >= 0], axis=1)
    weight = there[..., None].astype(np.float64)
    here = np.concatenate([points[:, None], points[np.maximum(index, 0)]], axis=1)
    away = (here - points[:, None]) * weight
    vectors = np.concatenate([np.zeros((1, 2)), ideal])[None] * weight
    count = there.sum(axis=1)
    away = (away - away.sum(axis=1, keepdims=True) / count[:, None, None]) * weight
    vectors = (vectors - vectors.sum(axis=1, keepdims=True) / count[:, None, None]) * weight
    square = np.einsum("nki,nkj->nij", vectors, vectors)
    size = np.trace(square, axis1=1, axis2=2)
    flat = np.linalg.det(square) <= _FLAT * size**2
    square[flat] = np.nan
    with np.errstate(invalid="ignore"):
        inverse = _inverted(square)
    matrix = np.einsum("nki,nkj->nij", away, vectors) @ inverse
    off = away - np.einsum("nij,nkj->nki", matrix, vectors)
    return matrix, inverse, (off**2).sum(axis=1), count


def _inverted(square: np.ndarray) -> np.ndarray:
    """Return the inverse of symmetric 2 x 2 matrices, NaN of NaN."""
    det = square[:, 0, 0] * square[:, 1, 1] - square[:, 0, 1] ** 2
    other = np.empty_like(square)
    other[:, 0, 0], other[:, 1, 1] = square[:, 1, 1], square[:, 0, 0]
    other[:, 0, 1] = other[:, 1, 0] = -square[:, 0, 1]
    return other / det[:, None, None]


def strain_parts(matrix: np.ndarray, *, finite: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return (yy, xx, xy) strains and rotations in radians of deformations of (y, x) vectors."""
    # F_yx is by how much y changes along x: turning from +x towards +y makes it positive.
    rotation = (matrix[:, 0, 1] - matrix[:, 1, 0]) / 2
    if finite:
        rotation = np.arctan2(2 * rotation, matrix[:, 0, 0] + matrix[:, 1, 1])
        cos, sin = np.cos(rotation), np.sin(rotation)
        back = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], axis=1)
        matrix = back @ matrix
    shear = (matrix[:, 0, 1] + matrix[:, 1, 0]) / 2
    strain = np.stack([matrix[:, 0, 0] - 1, matrix[:, 1, 1] - 1, shear], axis=-1)
    return strain, rotation


def _mean_variance(std: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Return the mean variance of the positions of each atom and those it is compared with."""
    there = (index >= 0)[..., None]
    others = np.where(there, std[np.maximum(index, 0)] ** 2, 0.0).sum(axis=1)
    return (std**2 + others) / (1 + there.sum(axis=1))


def _uncertainties(inverse: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Return the standard deviations of yy, xx and xy strain; that of the rotation is the last."""
    yy = variance[:, 0] * inverse[:, 0, 0]
    xx = variance[:, 1] * inverse[:, 1, 1]
    mixed = (variance[:, 0] * inverse[:, 1, 1] + variance[:, 1] * inverse[:, 0, 0]) / 4
    return np.sqrt(np.stack([yy, xx, mixed], axis=-1))
