"""Atoms that thermal motion has displaced."""

from typing import Any

import numpy as np
import numpy.typing as npt

from omniscopy.model import DataError
from omniscopy.physics.scattering import thermal_displacement
from omniscopy.physics.scattering.crystals import Crystal, DebyeWaller
from omniscopy.physics.scattering.sites import debye_waller_of
from omniscopy.simulate.measurements import Random


def frozen_phonons(
    atoms: Crystal, count: int, *, debye_waller: DebyeWaller = None, rng: Random = 0
) -> list[Any]:
    r"""Return copies of a sample, each with its atoms displaced at random.

    Each electron sees the atoms at rest, but each another arrangement: intensities of waves
    through all of them are averaged [1]_.

    Parameters
    ----------
    atoms : ase.Atoms
        A sample; make it large enough that atoms move independently (Einstein's model).
    count : int
        How many copies.
    debye_waller : float, mapping of symbols, or array of one number or tensor an atom, Å²
        :math:`B = 8\pi^2\langle u^2\rangle`; by default ``atoms.arrays["debye_waller"]``.
    rng : int or Generator
        Seed of the displacements. More copies of the same seed begin with the same ones.

    Returns
    -------
    list of ase.Atoms
        For `potential`, positions in Å. They have no Debye-Waller factors of their own.

    Raises
    ------
    DataError
        There are no Debye-Waller factors, or one is below 0.

    References
    ----------
    .. [1] R. F. Loane, P. Xu and J. Silcox, Acta Cryst. A 47, 267 (1991).
    """
    if count < 1 or count != int(count):
        message = f"count must be a number of copies, 1 or more, got {count!r}"
        raise DataError(message)
    moved: Any = atoms
    symbols = list(atoms.get_chemical_symbols())
    factors = debye_waller_of(atoms, debye_waller, symbols, np.arange(len(symbols)))
    if not factors.any():
        message = (
            "no Debye-Waller factors are given, so nothing moves; give debye_waller={symbol: B} "
            "in Å²"
        )
        raise DataError(message)
    spread = _spreads(factors)
    generator = np.random.default_rng(rng)
    made = []
    for _ in range(count):
        copy = moved.copy()
        drawn = generator.standard_normal(copy.positions.shape)
        copy.positions += (spread @ drawn[:, :, None])[:, :, 0]
        copy.arrays.pop("debye_waller", None)
        made.append(copy)
    return made


def _spreads(factors: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the root of the mean square displacements as matrices (atoms, 3, 3), in Å."""
    if factors.ndim == 1:
        return np.asarray(thermal_displacement(factors)[:, None, None] * np.eye(3))
    values, axes = np.linalg.eigh(factors)
    along = thermal_displacement(np.maximum(values, 0.0))
    return np.asarray((axes * along[:, None, :]) @ np.swapaxes(axes, 1, 2))
