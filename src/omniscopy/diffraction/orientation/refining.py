"""Orientations between those of a library, by the reflections that it was made from."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from omniscopy.physics import bragg

Floats = npt.NDArray[np.float64]

NEEDED = ("wave_number", "thickness", "shape", "largest_excitation", "step")
# Intensities below this part of the strongest are in no picture.
_FAINT = 1e-4
# Spots are compared by the roots of their intensities, so that strong ones do not rule alone.
_POWER = 0.5
_MOST = 41
# Of as many tilts that are likely the whole pattern tells the best one.
_KEPT = 3


class Crystal(NamedTuple):
    """The reflections of a crystal, in its own frame, and how bright they become."""

    g: Floats
    """(n, 3), 1/Å."""
    distances: Floats
    """Extinction distances, Å."""
    scale: float
    """Units of the patterns in 1/Å."""
    wave_number: float
    thickness: float
    shape: str
    largest_excitation: float
    step: float
    """Angle between neighbours in the library, degrees."""

    def intensities(self, s: Any, distances: Floats) -> Floats:
        """Return intensities at excitation errors, 0 where the library has no spot."""
        bright = bragg.beam_intensities(s, distances, self.thickness, self.shape)
        return np.asarray(np.where(np.abs(s) <= self.largest_excitation, bright, 0.0))

    def spots(self, matrix: Floats) -> tuple[Floats, Floats, Floats]:
        """Return ky, kx (units of the patterns) and intensity of an orientation."""
        g = self.g @ matrix.T
        bright = self.intensities(bragg.excitation_errors(g, self.wave_number), self.distances)
        kept = bright > _FAINT * bright.max(initial=0.0)
        # As in patterns: rows are counted downwards and y goes up.
        return -self.scale * g[kept, 1], self.scale * g[kept, 0], bright[kept]


def refine(  # noqa: PLR0917 - an image, where it is, and what is in it
    image: Floats, crystal: Crystal, start: Floats, axes: list[Floats], nearest: float, width: float
) -> list[Floats]:
    """Return orientations near `start` whose spots are most alike those of an image, best first.

    What is measured of every spot is what a Gaussian takes there. It is compared with what is
    expected at tilts on a grid, which is drawn closer about the best one: no tilt within the
    reach of an entry is left out, though likeness has many maxima.
    """
    g = crystal.g @ start.T
    reach = 0.75 * np.deg2rad(crystal.step)
    ky, kx = -crystal.scale * g[:, 1], crystal.scale * g[:, 0]
    across = np.hypot(g[:, 0], g[:, 1])
    s = bragg.excitation_errors(g, crystal.wave_number)
    near = np.abs(s) <= crystal.largest_excitation + across * reach
    near &= crystal.scale * across >= nearest
    for axis, place in zip(axes, (ky, kx), strict=True):
        near &= (place >= axis.min()) & (place <= axis.max())
    if not near.any():
        return [start]
    g, s, distances = g[near], s[near], crystal.distances[near]
    measured = _amplitudes(image, axes, ky[near], kx[near], width) ** _POWER
    # Half the distance in which the farthest spot falls to half.
    fine = 0.8 / (crystal.thickness * float(across[near].max()))
    number = int(min(2 * np.ceil(reach / fine) + 1, _MOST))

    def likeness(tilts: Floats) -> Floats:
        # A small turn about x moves z by y, one about y by -x; in the plane hardly anything moves.
        errors = s + tilts[:, :1] * g[:, 1] - tilts[:, 1:] * g[:, 0]
        expected = crystal.intensities(errors, distances) ** _POWER
        norm = np.sqrt(np.square(expected).sum(axis=1))
        return np.asarray((expected @ measured) / np.where(norm > 0.0, norm, np.inf))

    around = _square(reach, number)
    made = []
    for tilt in around[_peaks(likeness(around).reshape(number, number))]:
        closer = 1.6 * reach / (number - 1)
        for _ in range(2):
            tilts = tilt + _square(closer, 7)
            tilt = tilts[int(likeness(tilts).argmax())]  # noqa: PLW2901 - drawn closer
            closer *= 1.6 / 6
        made.append(turn_by(np.array([*tilt, 0.0])) @ start)
    return made


def _square(reach: float, number: int) -> Floats:
    """Return pairs of tilts on a grid, shape (number ** 2, 2)."""
    line = np.linspace(-reach, reach, number)
    return np.stack(np.meshgrid(line, line, indexing="ij"), -1).reshape(-1, 2)


def _peaks(values: Floats) -> np.ndarray:
    """Return the flat indices of the highest values that none next to them is above."""
    from scipy.ndimage import maximum_filter

    flat = values.ravel()
    (top,) = np.nonzero((values == maximum_filter(values, 3)).ravel())
    return top[np.argsort(-flat[top], kind="stable")[:_KEPT]]


def _amplitudes(image: Floats, axes: list[Floats], ky: Floats, kx: Floats, width: float) -> Floats:
    """Return the amplitude of a Gaussian fitted at each place alone, not below 0."""
    down, right = (
        np.exp(-0.5 * np.square((axis[:, None] - place) / width))
        for axis, place in zip(axes, (ky, kx), strict=True)
    )
    taken = ((down.T @ image) * right.T).sum(axis=1)
    norm = np.square(down).sum(axis=0) * np.square(right).sum(axis=0)
    return np.asarray(np.maximum(taken / norm, 0.0))


def turn_by(vector: Floats) -> Floats:
    """Return the rotation by a vector in radians."""
    from scipy.spatial.transform import Rotation

    return np.asarray(Rotation.from_rotvec(vector).as_matrix(), np.float64)
