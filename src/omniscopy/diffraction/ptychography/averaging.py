"""Steps of all positions together, by the likelihood of counts and the power of the object."""

from typing import Any

import numpy as np

from omniscopy.diffraction.ptychography.noise import Noise
from omniscopy.diffraction.ptychography.updates import Measured, Step, backwards, moves, norm
from omniscopy.diffraction.ptychography.waves import Optics, State

# Positions that are worked on at a time, and steps before the power of the object is looked at.
_SOME, _FIRST = 64, 3
_GAMMA, _STEP = 0.1, 0.7


class Averaging:
    """Accelerated proximal steps [1]_ of object and probe, the first without momentum.

    Objects are `drawn` to 1 by their power, where nothing else holds them.

    References
    ----------
    .. [1] A. Beck and M. Teboulle, *SIAM Journal on Imaging Sciences* 2, 183 (2009).
    .. [2] B. O'Donoghue and E. Candès, *Foundations of Computational Mathematics* 15, 715 (2015).
    """

    def __init__(
        self, optics: Optics, measured: Measured, noise: Noise, *, drawn: bool = True
    ) -> None:
        self.optics, self.measured, self.noise, self.drawn = optics, measured, noise, drawn
        self.momentum, self.number = 1.0, 0
        self.before: tuple[Any, Any] | None = None

    def reached(self, state: State, ratio: float) -> bool:
        """Return whether amplitudes lack no more than this times what noise makes them lack."""
        squares = 0.0
        for part in self._parts():
            exits = self.optics.exits(state, part.points)
            squares += self.optics.residual(exits, part.amplitude, part.known)[1]
        return squares <= ratio * self.noise.expected

    def step(self, state: State, step: Step) -> float:
        """Change a state by one step; return the sum of squares that amplitudes lacked before."""
        xp, optics, noise = self.optics.arrays.xp, self.optics, self.noise
        of_object = xp.zeros_like(state.object)
        density = xp.zeros(state.object.shape, state.object.real.dtype)
        of_probe, weight = xp.zeros_like(state.probe), 0.0
        squares = 0.0
        for part in self._parts():
            exits = optics.exits(state, part.points)
            change, more = optics.residual(exits, part.amplitude, part.known, noise)
            squares += more
            slopes, behind = backwards(optics, exits, change)
            row, column = exits.origin
            for n, (own, heavy) in enumerate(slopes):
                inside = np.s_[n, row : row + own.shape[0], column : column + own.shape[1]]
                of_object[inside] += own
                density[inside] += heavy
            if step.probe:
                of_probe += optics.onto_probe(exits, behind)
                weight = weight + (abs(exits.patches[0]) ** 2).sum(axis=0)
            if step.positions:
                state.positions[part.points] += moves(exits, change, xp)
        made = [
            state.object + xp.stack([_STEP * own / norm(heavy, _GAMMA) for own, heavy in zip(
                of_object, density, strict=True)]) / len(state.object),
            state.probe + _STEP * of_probe / norm(weight, _GAMMA) if step.probe else state.probe,
        ]  # fmt: skip
        if self.drawn:
            made[0] = self._drawn(made[0], density[0])
        self._go_on(state, made[0], made[1])
        return squares

    def _parts(self) -> list[Measured]:
        whole, made = self.measured, []
        for begin in range(0, len(whole.points), _SOME):
            points = whole.points[begin : begin + _SOME]
            known = None if whole.known is None else whole.known[points]
            made.append(Measured(points, whole.amplitude[points], known))
        return made

    def _drawn(self, values: Any, density: Any) -> Any:
        """Return an object that is drawn to 1 where its power is not above that of noise."""
        arrays, noise = self.optics.arrays, self.noise
        self.number += 1
        if self.number >= _FIRST:
            noise.learn(arrays.numpy(values) - 1.0, arrays.numpy(density))
        pull = noise.pull()
        if pull is None:
            return values
        top = float(density.max())
        kept = arrays.xp.asarray((top / (top + pull)).astype(values.real.dtype))
        return 1.0 + arrays.backward(arrays.forward(values - 1.0) * kept)

    def _go_on(self, state: State, obj: Any, probe: Any) -> None:
        """Take a step, and go on in its direction."""
        before = self.before or (obj, probe)
        # Where a step turns back, momentum has carried too far [2]_.
        back = sum(
            float(_product(now - new, new - old).sum())
            for now, new, old in zip((state.object, state.probe), (obj, probe), before, strict=True)
        )
        if back > 0.0:
            self.momentum = 1.0
        following = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * self.momentum**2))
        part = (self.momentum - 1.0) / following
        state.object[:] = obj + part * (obj - before[0])
        state.probe[:] = probe + part * (probe - before[1])
        self.before, self.momentum = (obj, probe), float(following)


def _product(one: Any, other: Any) -> Any:
    return one.real * other.real + one.imag * other.imag
