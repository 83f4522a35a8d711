"""The state of a reconstruction, and the waves that leave the object at each position.

The window of a position is as large as a pattern has pixels; the probe is in the middle of it.
Positions are in pixels of the object: where the first pixel of the window is.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from omniscopy.diffraction.ptychography.arrays import Arrays
from omniscopy.diffraction.ptychography.noise import Noise


@dataclass
class State:
    """What a reconstruction changes.

    `object` has the shape (slices, rows, columns), `probe` (modes, *window), `positions`
    (points, 2).
    Patterns are parts of the mean of their sums, so that the modes of the probe sum to 1.
    """

    object: Any
    probe: Any
    positions: np.ndarray

    def copy(self) -> "State":
        """Return a state of its own."""
        return State(self.object.copy(), self.probe.copy(), self.positions.copy())


@dataclass(frozen=True)
class Exits:
    """Waves behind the object for some positions, shape (points, modes, *window).

    `origin` is the first pixel of the part of the object that they meet, `places` are where the
    windows are in it. `patches` are of each slice, `before` the waves in front of each.
    """

    origin: tuple[int, int]
    places: np.ndarray
    ramps: Any
    patches: Any
    before: list[Any]
    waves: Any


class Optics:
    """Windows, shifts and propagation for one shape of patterns.

    `between` is what transforms are multiplied by from one slice to the next.
    """

    def __init__(
        self, window: tuple[int, int], arrays: Arrays, kind: np.dtype,
        between: np.ndarray | None = None,
    ) -> None:  # fmt: skip
        self.window, self.arrays, self.kind = window, arrays, kind
        self.between = None if between is None else arrays.xp.asarray(between.astype(kind))
        self.ky, self.kx = (-2j * np.pi * np.fft.fftfreq(size) for size in window)

    def exits(self, state: State, points: np.ndarray) -> Exits:
        """Return the waves at these positions; probes are shifted where they are between pixels."""
        xp = self.arrays.xp
        at = state.positions[points]
        corners = np.rint(at).astype(int)
        parts = at - corners
        rows, columns = self.window
        patches = xp.stack(
            [state.object[:, y : y + rows, x : x + columns] for y, x in corners], axis=1
        )
        ramps = None
        probes = state.probe[None]
        if np.any(np.abs(parts) > 1e-6):
            turn_y = np.exp(np.outer(parts[:, 0], self.ky))[:, :, None]
            turn_x = np.exp(np.outer(parts[:, 1], self.kx))[:, None, :]
            ramps = xp.asarray((turn_y * turn_x).astype(self.kind))
            far = self.arrays.forward(state.probe)
            probes = self.arrays.backward(far[None] * ramps[:, None])
        origin = corners.min(axis=0)
        before, waves = [probes], probes * patches[0][:, None]
        for patch in patches[1:]:
            before.append(self.to_next(waves))
            waves = before[-1] * patch[:, None]
        place = (int(origin[0]), int(origin[1]))
        return Exits(place, corners - origin, ramps, patches, before, waves)

    def to_next(self, waves: Any) -> Any:
        """Return waves behind a slice in front of the next one."""
        return self.arrays.backward(self.arrays.forward(waves) * self.between)

    def to_last(self, waves: Any) -> Any:
        """Undo `to_next`."""
        assert self.between is not None
        return self.arrays.backward(self.arrays.forward(waves) * self.between.conj())

    def onto_object(self, places: np.ndarray, patches: Any) -> Any:
        """Return the sum of patches, each at its place, as large as they need."""
        rows, columns = self.window
        height, width = places.max(axis=0)
        total = self.arrays.xp.zeros((int(height) + rows, int(width) + columns), patches.dtype)
        for (y, x), patch in zip(places, patches, strict=True):
            total[y : y + rows, x : x + columns] += patch
        return total

    def onto_probe(self, exits: Exits, changes: Any) -> Any:
        """Return the sum of changes of probes, each shifted back to the middle."""
        if exits.ramps is None:
            return changes.sum(axis=0)
        far = self.arrays.forward(changes) * exits.ramps[:, None].conj()
        return self.arrays.backward(far.sum(axis=0))

    def residual(
        self, exits: Exits, amplitude: Any, known: Any | None, noise: Noise | None = None
    ) -> tuple[Any, float]:
        """Return what waves lack of the measured amplitudes, and the sum of squares of that.

        All modes are scaled alike, so that their intensities sum to the measured one; with noise,
        as the likelihood of counts has it.
        """
        xp = self.arrays.xp
        far = self.arrays.forward(exits.waves)
        model = xp.sqrt((far.real**2 + far.imag**2).sum(axis=1))
        lacking = amplitude - model
        if known is not None:
            lacking = lacking * known
        if noise is None:
            scale = lacking / xp.maximum(model, 1e-6 * float(model.max()) + 1e-30)
        else:
            scale = noise.scale(model, amplitude)
            scale = scale if known is None else scale * known
        return self.arrays.backward(far * scale[:, None]), float((lacking**2).sum())
