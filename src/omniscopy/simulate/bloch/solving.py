r"""Bloch waves of many directions of the beam.

With :math:`n` the normal of the entrance face, along the beam that is not tilted,

.. math:: 2 K s_g C_g + \sum_h U_{g-h} C_h = 2 K_n (1 + g_n / K_n)\, \gamma\, C_g

becomes an ordinary problem of eigenvalues for :math:`C_g (1 + g_n/K_n)^{1/2}`. Weak beams add
:math:`-U_{gw} U_{wh} / 2 K s_w` to what couples the others.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from omniscopy.compute.native_threads import native_threads_held
from omniscopy.compute.threads import share_work
from omniscopy.physics import bragg
from omniscopy.simulate.bloch.beams import Beams, Complexes
from omniscopy.simulate.patterns.crystals import Floats


class Waves(NamedTuple):
    """Bloch waves of one direction of the beam."""

    gamma: npt.NDArray[Any]
    """How much longer than the incident one each is along the normal, in 1/Å."""
    vectors: npt.NDArray[Any]
    """Shape (beams, waves): amplitudes of the beams in each wave."""
    weights: npt.NDArray[Any]
    """How much of each wave the incident beam excites."""


def structure_matrix(beams: Beams, transverse: Any) -> tuple[npt.NDArray[Any], Floats]:
    """Return the matrix of a direction in 1/Å², and the scale of the amplitude of each beam."""
    k = beams.wave_number
    s = bragg.excitation_errors(beams.g, k, transverse)
    normal = np.sqrt(k**2 - np.square(transverse).sum())
    matrix = beams.coupling.copy()
    if beams.weak is not None:
        away = 2.0 * k * bragg.excitation_errors(beams.weak.g, k, transverse)
        matrix -= (beams.weak.coupling / away) @ beams.weak.back
    matrix[np.diag_indices(len(s))] += 2.0 * k * s
    # The beam runs along -z, so what is along z of the crystal is against it.
    scale = 1.0 / np.sqrt(1.0 - beams.g[:, 2] / normal)
    return matrix * scale[:, None] * scale, scale


def solve(beams: Beams, transverse: Any, *, absorbing: bool = False) -> Waves:
    """Return the Bloch waves of a direction of the beam."""
    transverse = np.asarray(transverse, np.float64)
    matrix, scale = structure_matrix(beams, transverse)
    twice = 2.0 * np.sqrt(beams.wave_number**2 - np.square(transverse).sum())
    first = np.zeros(len(matrix))
    first[0] = 1.0
    if absorbing:
        values, vectors = np.linalg.eig(matrix)
        weights = np.linalg.solve(vectors, first)
    else:
        # A centre of symmetry at the origin makes it real, and four times as fast.
        real = np.abs(matrix.imag).max() <= 1e-9 * np.abs(matrix).max()
        values, vectors = np.linalg.eigh(matrix.real if real else matrix)
        weights = vectors[0].conj()
    return Waves(values / twice, vectors * scale[:, None], weights)


def amplitudes(waves: Waves, thickness: Floats, wanted: Any = slice(None)) -> Complexes:
    r"""Return amplitudes of beams behind crystals, shape (thickness, beams).

    :math:`\psi_g(t) = \sum_j \alpha_j C_g^{(j)} e^{2 \pi i \gamma_j t}`
    """
    phases = np.exp(2j * np.pi * np.outer(thickness, waves.gamma)) * waves.weights
    return np.asarray(phases @ waves.vectors[wanted].T, np.complex128)


class Solutions(NamedTuple):
    """What is known of many directions of the beam; waves in order, the longest first."""

    amplitudes: Complexes
    """Shape (directions, thickness, beams)."""
    gamma: Floats
    """Shape (directions, waves), in 1/Å."""
    excitation: Floats
    """Shape (directions, waves): which part of the incident beam is in each."""


def solve_directions(
    beams: Beams,
    directions: Floats,
    thickness: Floats,
    *,
    wanted: Any = slice(None),
    absorbing: bool = False,
) -> Solutions:
    """Return the amplitudes and Bloch waves of many directions."""
    count, size = len(np.arange(len(beams.hkl))[wanted]), (len(directions), len(beams.hkl))
    found = np.empty((len(directions), len(thickness), count), np.complex128)
    gamma, excitation = np.empty(size), np.empty(size)

    def work(begin: int) -> None:
        waves = solve(beams, directions[begin], absorbing=absorbing)
        found[begin] = amplitudes(waves, thickness, wanted)
        order = np.argsort(-waves.gamma.real)
        gamma[begin] = waves.gamma.real[order]
        excitation[begin] = np.abs(waves.weights[order] * waves.vectors[0, order])

    with native_threads_held():
        share_work(work, range(len(directions)))
    return Solutions(found, gamma, excitation)
