"""Rings of powders and polycrystals, named by the reflections of a crystal."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from omniscopy import crystal
from omniscopy.compute import map_signal
from omniscopy.model import (
    DataError,
    Status,
    coordinate,
    operation,
    require_units,
    result,
)
from omniscopy.physics.scattering import structure_factors

# The longest reflections that are listed, in 1/Å, and what counts as extinct.
_LONGEST, _EXTINCT = 3.0, 1e-3
# Scales that are tried are so far apart, as a part of the tolerance.
_FINE = 0.2


class Reflections(NamedTuple):
    """Reflections of a crystal that are not extinct, the shortest first.

    `lengths` and vectors `g` in 1/Å, indices `hkl`, and the number of the `family` of each.
    """

    lengths: np.ndarray
    g: np.ndarray
    hkl: np.ndarray
    family: np.ndarray


def reflections_of(structure: Any, limit: float, *, unique: bool) -> Reflections:
    """Return the reflections of a crystal, named or given, up to a length in 1/Å."""
    atoms = crystal.structure(structure) if isinstance(structure, str) else structure
    listed = crystal.reflections(atoms, min(max(limit, 0.5), _LONGEST), unique=unique)
    hkl = np.asarray(listed["hkl"].values, np.int64)
    strength = np.abs(structure_factors(atoms, hkl))
    seen = strength > _EXTINCT * strength.max(initial=0.0)
    return Reflections(
        np.asarray(listed["length"].values, np.float64)[seen],
        np.asarray(listed["g"].values, np.float64)[seen], hkl[seen],
        np.asarray(listed["family"].values)[seen],
    )  # fmt: skip


@operation(example={"rings": "ring_peaks", "structure": "gold"}, lazy=False)
def index_rings(
    rings: xr.Dataset,
    structure: Any,
    *,
    scale: float | tuple[float, float] = 1.0,
    tolerance: float = 0.02,
) -> xr.Dataset:
    r"""Name the rings of a pattern by reflections, and find its scale.

    Parameters
    ----------
    rings : Dataset, shape (..., peak)
        ``position`` of `signal.find_peaks` in a `radial_profile`, 1/d in 1/nm or another
        reciprocal length.
    structure : str or ase.Atoms
        The crystal: a name that `crystal.structure` knows, or what `crystal.read_structure` read.
        Extinct reflections are left out.
    scale : float or (low, high)
        By what positions are multiplied to be true; or between what that is looked for.
    tolerance : float
        How far a ring may be from its reflection, as a part of its radius.

    Returns
    -------
    Dataset, shape (..., peak)
        ``h``, ``k``, ``l`` and ``d_spacing`` (nm) of the reflection nearest to each ring, and
        ``misfit``, by what part of it the ring is larger; NaN for rings that none is near to.
        ``scale`` with ``scale_std``, to be given to `calibrate`; ``count`` of rings that are
        named; ``status``: 4 (no data) without rings, 5 (invalid) where fewer than half are named.

    Raises
    ------
    DataError
        `rings` has no positions, or in other units than reciprocal lengths; the crystal is not
        known; or scale or tolerance are not above 0.

    Notes
    -----
    Of the scales that are tried the one is taken that names most rings, and of these the one
    with the smallest misfit; then it is :math:`s = \sum r g / \sum r^2`, the least squares of
    :math:`g = s r` over the rings r that are named and their reflections :math:`g = 1 / d`, with
    :math:`\sigma_s^2 = \sum (g - s r)^2 / [(n - 1) \sum r^2]`.

    Examples
    --------
    >>> import omniscopy as om
    >>> named = om.diffraction.index_rings(
    ...     om.samples.ring_peaks(), "gold", scale=(1.5, 1.9), tolerance=0.03
    ... )
    >>> [int(named[letter][0]) for letter in "hkl"]
    [1, 1, 1]
    """
    if not isinstance(rings, xr.Dataset) or "position" not in rings or "peak" not in rings.dims:
        message = "rings must have a `position` along 'peak', as `signal.find_peaks` returns"
        raise DataError(message)
    factor = require_units(rings["position"], "1/angstrom", what="the position of rings")
    ends = (float(scale), float(scale)) if isinstance(scale, float | int) else tuple(scale)
    if len(ends) != 2 or not 0 < ends[0] <= ends[1] < np.inf:
        message = f"scale must be a number above 0, or (low, high) with low < high, got {scale!r}"
        raise DataError(message)
    if not 0 < tolerance < 0.5:
        message = f"tolerance must be a part of the radius, from 0 to 0.5, got {tolerance!r}"
        raise DataError(message)
    radii = np.asarray(rings["position"].values, np.float64) * factor
    longest = float(np.max(radii, where=np.isfinite(radii), initial=0.0))
    known = reflections_of(structure, 1.2 * ends[1] * longest, unique=True)
    indexer = _Rings(
        known.lengths, known.hkl.astype(np.float64), (ends[0], ends[1]), float(tolerance), factor
    )
    size = rings.sizes["peak"]
    made = map_signal(
        indexer.run, rings["position"], dim="peak", output_dims=[{"peak": size}] * 5 + [{}] * 4,
        dtypes=[np.float64] * 7 + [np.int64, np.uint8],
    )  # fmt: skip
    names = ("h", "k", "l", "d_spacing", "misfit", "scale", "scale_std", "count", "status")
    units = {"d_spacing": "nm"}
    found = result(
        None,
        **{name: (each, units.get(name, "1")) for name, each in zip(names, made, strict=True)},
    )
    return found.assign_coords(
        peak=rings.coords.get("peak", coordinate("peak", np.arange(size), "1"))
    )


@dataclass(frozen=True)
class _Rings:
    """Lengths (1/Å) and indices of reflections, and what rings may be away from them."""

    lengths: np.ndarray
    hkl: np.ndarray
    scale: tuple[float, float]
    tolerance: float
    factor: float

    def run(self, block: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return the columns of every set of rings."""
        outer, size = block.shape[:-1], block.shape[-1]
        columns = np.full((5, *outer, size), np.nan)
        scalars = np.full((2, *outer), np.nan)
        count = np.zeros(outer, np.int64)
        status = np.full(outer, Status.NO_DATA, np.uint8)
        for place in np.ndindex(*outer):
            radii = np.asarray(block[place], np.float64) * self.factor
            known = np.isfinite(radii) & (radii > 0)
            if not known.any():
                continue
            scale, spread = self.scaled(radii[known])
            which, misfit = self.nearest(scale * radii)
            named = known & (np.abs(misfit) <= self.tolerance)
            columns[(slice(3), *place)] = np.where(named, self.hkl[which].T, np.nan)
            columns[(3, *place)] = np.where(named, 0.1 / self.lengths[which], np.nan)
            columns[(4, *place)] = np.where(named, misfit, np.nan)
            scalars[(slice(2), *place)] = scale, spread
            count[place] = named.sum()
            good = named.sum() >= 0.5 * known.sum()
            status[place] = Status.CONVERGED if good else Status.INVALID
        return (*columns, *scalars, count, status)

    def nearest(self, radii: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the reflection nearest to each ring, and by what part the ring is larger."""
        middle = 0.5 * (self.lengths[1:] + self.lengths[:-1])
        which = np.searchsorted(middle, np.nan_to_num(radii))
        return which, radii / self.lengths[which] - 1

    def scaled(self, radii: np.ndarray) -> tuple[float, float]:
        """Return the scale that rings fit best with, and its standard deviation."""
        low, high = self.scale
        if low == high:
            return low, 0.0
        count = max(2, int(np.ceil(np.log(high / low) / (_FINE * self.tolerance))) + 1)
        best, score = low, (-1, -np.inf)
        for scale in np.geomspace(low, high, count):
            which, misfit = self.nearest(scale * radii)
            near = np.abs(misfit) <= self.tolerance
            # Two rings are not of one reflection.
            named = len(np.unique(which[near]))
            mine = (named, -float(np.square(misfit[near]).sum()) if near.any() else -np.inf)
            if mine > score:
                best, score = float(scale), mine
        spread = np.nan
        for _ in range(5):
            which, misfit = self.nearest(best * radii)
            near = np.abs(misfit) <= self.tolerance
            if not near.any():
                break
            x, y = radii[near], self.lengths[which[near]]
            best = min(max(float((x @ y) / (x @ x)), low), high)
            if near.sum() > 1:
                scatter = float(np.square(y - best * x).sum()) / (near.sum() - 1)
                spread = float(np.sqrt(scatter / (x @ x)))
        return best, spread
