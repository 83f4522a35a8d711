"""Which beams take part, and how they scatter into each other."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from omniscopy.model import DataError
from omniscopy.physics import bragg, electron, scattering
from omniscopy.physics.scattering.coefficients import Table
from omniscopy.simulate.patterns.crystals import (
    Floats,
    Integers,
    Motion,
    View,
    indices_of,
    require_limits,
)

Complexes = npt.NDArray[np.complex128]
MOST_BEAMS = 4000
_UNCOUPLED = 1e-10  # of the largest coupling: below, beams do not scatter into each other


class Beams(NamedTuple):
    """Beams that scatter into each other, 000 first, in the frame of the microscope."""

    hkl: Integers
    g: Floats
    coupling: Complexes
    """U of the difference of two beams in 1/Å², shape (beams, beams); without the mean of U."""
    wave_number: float
    weak: "Weak | None"


class Weak(NamedTuple):
    """Beams that are only felt by the others."""

    g: Floats
    coupling: Complexes
    """Shape (beams, weak beams)."""
    back: Complexes
    """Shape (weak beams, beams)."""


class Material(NamedTuple):
    """How the atoms of a crystal scatter."""

    table: Table = "lobato"
    debye_waller: Motion = None
    absorption: bool = False


def choose_beams(
    view: View,
    material: Material,
    *,
    limit: float,
    largest_excitation: float,
    weak_excitation: float | None = None,
    directions: Any = ((0.0, 0.0),),
    layers: Sequence[int] | None = None,
) -> Beams:
    """Return the beams that come near the Ewald sphere of any of these directions.

    Parameters
    ----------
    view : View
        The crystal, not tilted.
    material : Material
        How it scatters.
    limit, largest_excitation : float, 1/Å
        Longest reciprocal lattice vector and largest excitation error.
    weak_excitation : float, 1/Å, optional
        To which excitation error others are felt, as perturbations.
    directions : array, shape (directions, 2), 1/Å
        x and y of the incident wave vectors.
    layers : sequence of int, optional
        Orders of the Laue zones that count; all otherwise.
    """
    require_limits(
        limit=limit, largest_excitation=largest_excitation, weak_excitation=weak_excitation
    )
    if weak_excitation is not None and weak_excitation <= largest_excitation:
        message = (
            "weak beams are farther from the Ewald sphere than the others: `weak_excitation` must "
            f"be above {largest_excitation:g}, got {weak_excitation:g}"
        )
        raise DataError(message)
    hkl = np.concatenate([np.zeros((1, 3), np.int64), indices_of(view.atoms, limit)])
    if layers is not None:
        whole = np.round(view.zone).astype(np.int64)
        hkl = hkl[np.isin(hkl @ (whole // np.gcd.reduce(whole)), np.asarray(layers))]
    g = view.g_vectors(hkl)
    nearest = _nearest(g, view.wave_number, np.asarray(directions, np.float64))
    chosen = nearest <= largest_excitation
    chosen[0] = True
    order = np.lexsort((np.round(np.linalg.norm(g, axis=1), 9),))
    strong = order[chosen[order]]
    _require_few(len(strong))
    coupling = couplings(view, material, hkl[strong], hkl[strong])
    linked = _linked(coupling)
    strong, coupling = strong[linked], coupling[np.ix_(linked, linked)]
    weak = None
    if weak_excitation is not None:
        others = order[(nearest[order] <= weak_excitation) & ~chosen[order]]
        weak = _weak(view, material, hkl, g, (strong, others))
    return Beams(hkl[strong], g[strong], coupling, view.wave_number, weak)


def _require_few(count: int) -> None:
    if count > MOST_BEAMS:
        message = (
            f"{count} beams are within the limits, more than {MOST_BEAMS}; lower `limit` or "
            "`largest_excitation`, or treat the far ones as weak"
        )
        raise DataError(message)


def _nearest(g: Floats, wave_number: float, directions: Floats) -> Floats:
    """Return the smallest excitation error of each reflection for any of the directions."""
    nearest = np.full(len(g), np.inf)
    for some in np.array_split(directions, max(1, len(directions) * len(g) // 2_000_000)):
        if len(some):
            errors = np.abs(bragg.excitation_errors(g, wave_number, some))
            nearest = np.minimum(nearest, errors.min(axis=0))
    return nearest


def _linked(coupling: Complexes) -> npt.NDArray[np.intp]:
    """Return the beams that are reached from the incident one, over others too."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    size = np.abs(coupling)
    groups = connected_components(csr_matrix(size > _UNCOUPLED * size.max(initial=0.0)))[1]
    return np.flatnonzero(groups == groups[0])


def _weak(view: View, material: Material, hkl: Integers, g: Floats, pair: Any) -> Weak | None:
    strong, others = pair
    _require_few(len(others))
    coupling = couplings(view, material, hkl[strong], hkl[others])
    size = np.abs(coupling).max(axis=0, initial=0.0)
    felt = size > _UNCOUPLED * size.max(initial=0.0)
    if not felt.any():
        return None
    others = others[felt]
    back = couplings(view, material, hkl[others], hkl[strong])
    return Weak(g[others], coupling[:, felt], back)


def couplings(view: View, material: Material, first: Integers, second: Integers) -> Complexes:
    r"""Return :math:`U_{g-h} = \gamma F_{g-h} / \pi\Omega` in 1/Å², shape (first, second).

    The mean of :math:`U` is part of the wave number; only its absorptive part is left.
    """
    away = first[:, None] - second
    largest = 2 * int(np.abs(away).max(initial=0)) + 1
    keys = away @ np.array([largest * largest, largest, 1])
    _, place, inverse = np.unique(keys.ravel(), return_index=True, return_inverse=True)
    different = away.reshape(-1, 3)[place]
    factors = scattering.structure_factors(
        view.atoms, different, table=material.table, debye_waller=material.debye_waller,
        absorption_at=view.voltage if material.absorption else None,
    )  # fmt: skip
    if material.absorption:
        middle = ~different.any(axis=1)
        factors[middle] = 1j * factors[middle].imag
    else:
        factors[~different.any(axis=1)] = 0.0
    volume = abs(float(np.linalg.det(np.asarray(view.atoms.cell, np.float64))))
    scale = electron.lorentz_factor(view.voltage) / (np.pi * volume)
    return np.asarray((scale * factors)[inverse].reshape(keys.shape), np.complex128)
