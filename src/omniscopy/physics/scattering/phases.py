"""Sums of the phases with which the sites of a cell scatter."""

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from omniscopy.model.compiling import keep_compiled

Floats = npt.NDArray[np.float64]
Complexes = npt.NDArray[np.complex128]
WIDEST = 100_000  # indices for which the powers of a phase are kept


def phase_sums(
    hkl: Floats, positions: Floats, weights: Floats, kinds: npt.NDArray[np.int64], count: int
) -> Complexes:
    r"""Return :math:`\sum_j w_j e^{-2 \pi i\, hkl \cdot r_j}` over the sites of each kind.

    Parameters
    ----------
    hkl : array, shape (reflections, 3)
        Indices.
    positions : array, shape (sites, 3)
        In the vectors of the cell.
    weights, kinds : arrays, shape (sites,)
        Occupancy and kind of each site.
    count : int
        How many kinds there are.

    Returns
    -------
    array, shape (count, reflections)
    """
    whole = np.round(hkl)
    if hkl.size == 0 or np.abs(whole).max() > WIDEST or (np.abs(hkl - whole) > 1e-9).any():
        return direct_phase_sums(hkl, positions, weights, kinds, count)
    indices = whole.astype(np.int64)
    first, last = indices.min(axis=0), indices.max(axis=0)
    # exp(-2 pi i h x) for every index along an axis: products of them are all phases.
    powers = [
        np.exp(-2j * np.pi * np.outer(positions[:, axis], np.arange(low, high + 1)))
        for axis, (low, high) in enumerate(zip(first, last, strict=True))
    ]
    powers[0] *= weights[:, None]
    sums = np.zeros((count, len(indices)), np.complex128)
    places = [np.ascontiguousarray(column) for column in (indices - first).T]
    _add_up(*places, *powers, kinds, sums)
    return sums


def direct_phase_sums(
    hkl: Floats, positions: Floats, weights: Floats, kinds: npt.NDArray[np.int64], count: int
) -> Complexes:
    """Return the same as `phase_sums`, as the formula is written."""
    sums = np.zeros((count, len(hkl)), np.complex128)
    for kind in range(count):
        of_kind = kinds == kind
        phases = np.exp(-2j * np.pi * (hkl @ positions[of_kind].T))
        sums[kind] = phases @ weights[of_kind]
    return sums


def _loop(  # noqa: PLR0917 - indices and powers along each axis
    h: Any, k: Any, m: Any, along_a: Any, along_b: Any, along_c: Any, kinds: Any, sums: Any
) -> None:
    for site in range(len(kinds)):
        a, b, c, total = along_a[site], along_b[site], along_c[site], sums[kinds[site]]
        for row in range(len(h)):
            total[row] += a[h[row]] * b[k[row]] * c[m[row]]


_add_up: Any = keep_compiled(numba.njit, _loop, error_model="numpy", nogil=True)
