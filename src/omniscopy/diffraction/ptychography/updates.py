r"""How object, probe and positions follow from what the waves lack.

For waves :math:`\psi_j = P(r - r_j)\,O(r)` that lack :math:`\Delta\psi_j`, the directions are
:math:`\Delta O = \sum_j P_j^* \Delta\psi_j / n_O` with :math:`n_O = (1 - \gamma) \sum_j |P_j|^2 +
\gamma \max \sum_j |P_j|^2`, and likewise for the probe. Of several slices each has the wave in
front of it for a probe, and what waves lack goes back from slice to slice [1]_.

References
----------
.. [1] A. M. Maiden, M. J. Humphry, J. M. Rodenburg, *Journal of the Optical Society of America A*
   29, 1606 (2012).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from omniscopy.diffraction.ptychography.waves import Exits, Optics, State

# Pixels that a position may move in a step, and by how much of what is estimated.
_FURTHEST, _DAMPED = 0.25, 0.7


@dataclass(frozen=True)
class Rule:
    r"""A method: positions at a time (None for all), :math:`\gamma`, and how far it goes.

    With `searched`, lengths of steps are those that lack least, for object and probe together.
    """

    batch: int | None
    gamma: float
    step: float
    searched: bool = False
    averaged: bool = False
    """Whether all positions are averaged once noise is all that is lacked."""


RULES = {
    "epie": Rule(batch=1, gamma=1.0, step=1.0),
    "lsqml": Rule(batch=32, gamma=0.1, step=0.9, searched=True, averaged=True),
    "gradient": Rule(batch=64, gamma=0.3, step=0.8, averaged=True),
}


@dataclass(frozen=True)
class Step:
    """What is done in a step: by which rule, and whether probe and positions change too."""

    rule: Rule
    probe: bool
    positions: bool


@dataclass(frozen=True)
class Measured:
    """Amplitudes of some positions, shape (points, *window), and where they are known."""

    points: np.ndarray
    amplitude: Any
    known: Any | None


def update(state: State, optics: Optics, step: Step, measured: Measured) -> float:
    """Change a state by what the waves of these positions lack; return its sum of squares."""
    xp = optics.arrays.xp
    points, rule = measured.points, step.rule
    exits = optics.exits(state, points)
    change, squares = optics.residual(exits, measured.amplitude, measured.known)
    slopes, behind = backwards(optics, exits, change)
    ahead = [of_object / norm(density, rule.gamma) for of_object, density in slopes]
    ahead_object, ahead_probe = xp.stack(ahead), None
    if step.probe:
        weight = (abs(exits.patches[0]) ** 2).sum(axis=0)
        ahead_probe = optics.onto_probe(exits, behind) / norm(weight, rule.gamma)
    if step.positions:
        state.positions[points] += moves(exits, change, xp)
    # All slices would take off what waves lack as a whole, each of them.
    lengths = (rule.step / len(ahead), rule.step)
    if rule.searched:
        lengths = _lengths(optics, exits, change, (ahead_object, ahead_probe), rule.step)
    (row, column), (height, width) = exits.origin, ahead_object.shape[1:]
    state.object[:, row : row + height, column : column + width] += lengths[0] * ahead_object
    if ahead_probe is not None:
        state.probe += lengths[1] * ahead_probe
    return squares


def backwards(optics: Optics, exits: Exits, change: Any) -> tuple[list[tuple[Any, Any]], Any]:
    """Return what waves lack in each slice, with how much they weigh, and before all of them."""
    xp = optics.arrays.xp
    made: list[tuple[Any, Any]] = []
    behind = change
    for patch, wave in zip(exits.patches[::-1], exits.before[::-1], strict=True):
        if made:
            behind = optics.to_last(behind)
        density = (abs(wave) ** 2).sum(axis=1)
        if len(density) != len(exits.places):
            density = xp.broadcast_to(density, patch.shape)
        of_object = (wave.conj() * behind).sum(axis=1)
        made.append(
            (
                optics.onto_object(exits.places, of_object),
                optics.onto_object(exits.places, density),
            )
        )
        behind = patch.conj()[:, None] * behind
    return made[::-1], behind


def norm(total: Any, gamma: float) -> Any:
    """Return what sums of directions are divided by."""
    top = float(total.max())
    return (1.0 - gamma) * total + (gamma * top + 1e-6 * top + 1e-30)


def _lengths(
    optics: Optics, exits: Exits, change: Any, ahead: tuple[Any, Any | None], step: float
) -> tuple[float, float]:
    r"""Return how far to go along both directions, for the least of what is lacked [1]_.

    References
    ----------
    .. [1] M. Odstrčil, A. Menzel, M. Guizar-Sicairos, *Optics Express* 26, 3108 (2018).
    """
    ahead_object, ahead_probe = ahead
    rows, columns = optics.window
    xp = optics.arrays.xp
    changes = xp.stack(
        [ahead_object[:, y : y + rows, x : x + columns] for y, x in exits.places], axis=1
    )
    sides = [_through(optics, exits, None, changes)]
    if ahead_probe is not None:
        probes = ahead_probe[None]
        if exits.ramps is not None:
            far = optics.arrays.forward(ahead_probe)
            probes = optics.arrays.backward(far[None] * exits.ramps[:, None])
        sides.append(_through(optics, exits, probes, None))
    normal = np.array([[float(_product(one, other)) for other in sides] for one in sides])
    right = np.array([float(_product(side, change)) for side in sides])
    normal += 1e-3 * np.diag(np.diag(normal)) + 1e-30 * np.eye(len(sides))
    found = np.clip(np.linalg.solve(normal, right), 0.0, 4.0) * step
    return float(found[0]), float(found[-1])


def _through(optics: Optics, exits: Exits, probes: Any | None, changes: Any | None) -> Any:
    """Return how waves behind the object change with the probes, or with the slices."""
    side = probes
    for number, (patch, wave) in enumerate(zip(exits.patches, exits.before, strict=True)):
        if number:
            side = optics.to_next(side)
        if side is not None:
            side = side * patch[:, None]
        if changes is not None:
            own = wave * changes[number][:, None]
            side = own if side is None else side + own
    return side


def _product(one: Any, other: Any) -> Any:
    return (one.real * other.real + one.imag * other.imag).sum()


def moves(exits: Exits, change: Any, xp: Any) -> np.ndarray:
    r"""Return by how many pixels positions are to move, shape (points, 2).

    Least squares of :math:`\Delta\psi = P\,(\delta \cdot \nabla) O`.
    """
    # Slices are looked through as if they were one.
    patches = exits.patches.prod(axis=0)
    slopes = [
        exits.before[0] * (0.5 * (xp.roll(patches, -1, axis) - xp.roll(patches, 1, axis)))[:, None]
        for axis in (1, 2)
    ]
    over = (1, 2, 3)
    normal = np.empty((len(change), 2, 2))
    right = np.empty((len(change), 2))
    for i, one in enumerate(slopes):
        right[:, i] = _number((one.conj() * change).real.sum(axis=over))
        for j, other in enumerate(slopes):
            normal[:, i, j] = _number((one.conj() * other).real.sum(axis=over))
    normal += (1e-3 * np.trace(normal, axis1=1, axis2=2) + 1e-30)[:, None, None] * np.eye(2)
    found = np.linalg.solve(normal, right[..., None])[..., 0]
    return np.clip(_DAMPED * found, -_FURTHEST, _FURTHEST)


def _number(values: Any) -> np.ndarray:
    return np.asarray(values.get() if hasattr(values, "get") else values, dtype=np.float64)
