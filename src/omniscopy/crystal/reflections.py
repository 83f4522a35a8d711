"""Reflections of a lattice up to a limit."""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from omniscopy.crystal.lattice import Floats, reciprocal, require_cell
from omniscopy.crystal.symmetries import symmetry
from omniscopy.model.coordinates import coordinate
from omniscopy.model.errors import DataError

if TYPE_CHECKING:
    from ase import Atoms

MOST = 20_000_000  # reflections that are listed at once


def reflections(
    atoms: "Atoms",
    limit: float | None = None,
    *,
    largest_index: int | None = None,
    unique: bool = False,
    tolerance: float = 1e-2,
) -> xr.Dataset:
    r"""List reflections by the length of their vectors, with the family that each is of.

    Parameters
    ----------
    atoms : ase.Atoms
        A crystal.
    limit : float, 1/Å
        Longest reciprocal lattice vector, 1 / (smallest plane distance).
    largest_index : int
        Largest of the indices h, k and l, besides or in place of `limit`.
    unique : bool
        Only one reflection of each family, as for rings of a powder.
    tolerance : float, Å
        Of the search for symmetry; see `symmetry`.

    Returns
    -------
    Dataset, dimension reflection
        ``hkl`` (along `index`), ``g`` (1/Å, along `axis`), ``length`` (1/Å), ``d_spacing`` (Å),
        ``family`` (number of the family) and ``multiplicity`` (its members, those opposite
        included), shortest first, and of a family first the one that it is called by; 000 is
        left out, what is extinct is not.

    Raises
    ------
    DataError
        Neither `limit` nor `largest_index` is given, or they hold too many reflections.

    Notes
    -----
    :math:`g = h a^* + k b^* + l c^*` with :math:`a \cdot a^* = 1`, so that :math:`|g| = 1/d`. A
    family is all :math:`(hkl) W` with the rotations W of the Laue group, whether or not `limit`
    and `largest_index` let them be listed [1]_.

    References
    ----------
    .. [1] *International Tables for Crystallography*, vol. A, Wiley (2016), section 3.2.
    """
    cell = require_cell(atoms)
    hkl = indices_within(cell, limit, largest_index)
    g = hkl @ reciprocal(cell)
    length = np.linalg.norm(g, axis=1)
    if limit is not None:
        within = length <= limit * (1.0 + 1e-9)
        hkl, g, length = hkl[within], g[within], length[within]
    rotations = symmetry(atoms, tolerance=tolerance).laue_rotations()
    names = family_names(hkl, rotations)
    # By length, then by family, then with the fewest negative and the largest indices first;
    # lengths of one family differ by rounding.
    order = np.lexsort((-_key(hkl), (hkl < 0).sum(axis=1), -names, np.round(length, 9)))
    hkl, g, length, names = hkl[order], g[order], length[order], names[order]
    _, first, family = np.unique(names, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    multiplicity = _members(hkl[first], rotations)[family]
    family = rank[family]
    if unique:
        kept = np.sort(first)
        hkl, g, length = hkl[kept], g[kept], length[kept]
        family, multiplicity = family[kept], multiplicity[kept]
    return _labelled(hkl, g, length, family, multiplicity)


def indices_within(cell: Floats, limit: float | None, largest: int | None) -> npt.NDArray[np.int64]:
    """Return all indices in the box that holds the reflections wanted, without 000."""
    ends = np.full(3, np.inf)
    if limit is not None:
        if not 0.0 < limit < np.inf:
            message = f"a limit is a positive length in 1/Å, got {limit}"
            raise DataError(message)
        # h is the product of g and a, so no larger than the product of their lengths.
        ends = np.floor(limit * np.linalg.norm(cell, axis=1) * (1.0 + 1e-9))
    if largest is not None:
        if largest < 1:
            message = f"the largest index must be 1 or more, got {largest}"
            raise DataError(message)
        ends = np.minimum(ends, largest)
    if not np.isfinite(ends).all():
        message = "give `limit` in 1/Å or `largest_index`, or both"
        raise DataError(message)
    if np.prod(2.0 * ends + 1.0) > MOST:
        message = (
            f"up to {limit} 1/Å there are {np.prod(2.0 * ends + 1.0):.3g} indices, "
            f"more than {MOST:g}; lower the limit"
        )
        raise DataError(message)
    axes = [np.arange(-end, end + 1) for end in ends.astype(np.int64)]
    every = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    return every[every.any(axis=1)]


def _key(hkl: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return a number for each row of indices, larger for the later in lexical order."""
    size = 2 * int(np.abs(hkl).max(initial=0)) + 1
    key: npt.NDArray[np.int64] = hkl @ np.array([size * size, size, 1])
    return key


def family_names(hkl: npt.NDArray[np.int64], rotations: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return a number for each reflection that all of its family have: the largest key in it.

    A rotation R of positions turns the indices of planes, as a row, into h R.
    """
    columns = _keys_of_turned(hkl, rotations)
    names = hkl @ columns[0]
    for column in columns[1:]:
        np.maximum(names, hkl @ column, out=names)
    return names


def _members(hkl: npt.NDArray[np.int64], rotations: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return how many different reflections rotations make of each."""
    keys = np.sort(hkl @ _keys_of_turned(hkl, rotations).T, axis=1)
    count: npt.NDArray[np.int64] = 1 + np.count_nonzero(np.diff(keys, axis=1), axis=1)
    return count


def _keys_of_turned(
    hkl: npt.NDArray[np.int64], rotations: npt.NDArray[Any]
) -> npt.NDArray[np.int64]:
    """Return a vector for each rotation R; its product with indices h is a key of h R."""
    largest = int(np.abs(hkl).max(initial=0)) * int(np.abs(rotations).sum(axis=1).max())
    weights = np.array([(2 * largest + 1) ** 2, 2 * largest + 1, 1], np.int64)
    columns: npt.NDArray[np.int64] = rotations.astype(np.int64) @ weights
    return columns


def _labelled(
    hkl: npt.NDArray[np.int64], g: Floats, length: Floats, family: Any, multiplicity: Any
) -> xr.Dataset:
    number = np.arange(len(hkl))
    letters = {"index": np.array(["h", "k", "l"]), "axis": np.array(["x", "y", "z"])}
    units = {"units": "1/Å", "quantity": "reciprocal length"}
    return xr.Dataset(
        {
            "hkl": (("reflection", "index"), hkl, {"units": "1"}),
            "g": (("reflection", "axis"), g, units),
            "length": ("reflection", length, units),
            "d_spacing": ("reflection", 1.0 / length, {"units": "Å", "quantity": "length"}),
            "family": ("reflection", family, {"units": "1"}),
            "multiplicity": ("reflection", multiplicity, {"units": "1"}),
        },
        coords={
            "reflection": coordinate(
                "reflection", number, "1", kind="point", quantity="reflection"
            ),
            **{
                dim: coordinate(dim, values, kind="parameter", quantity=dim)
                for dim, values in letters.items()
            },
        },
    )
