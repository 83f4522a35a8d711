"""Pictures of orientations: what a pattern would be of Gaussian spots, and how alike it is."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from omniscopy.diffraction.orientation.matching import Grid
from omniscopy.diffraction.orientation.refining import Crystal, turn_by

Floats = npt.NDArray[np.float64]
# Steps by which an orientation settles.
_SETTLING = 4


class Found(NamedTuple):
    """The orientation of a phase in a pattern, its picture with a sum of 1, and how alike it is."""

    matrix: Floats
    picture: Floats
    alike: float
    others: "tuple[Found, ...]" = ()
    """Further orientations that were tried, the most alike first."""


class Frame(NamedTuple):
    """What all patterns have in common, but for pixels that are not known."""

    grid: Grid
    power: float
    axes: list[Floats]
    width: float
    nearest: float
    inside: np.ndarray
    """Pixels beyond the innermost spots."""
    rings: np.ndarray
    """Number of the ring of each pixel."""


def picture_of(ky: Floats, kx: Floats, bright: Floats, frame: Frame) -> Floats:
    """Return Gaussian spots beyond the innermost ones, with a sum of 1 where there are any."""
    kept = np.hypot(ky, kx) >= frame.nearest
    down, right = (
        np.exp(-0.5 * np.square((axis[:, None] - place[kept]) / frame.width))
        for axis, place in zip(frame.axes, (ky, kx), strict=True)
    )
    picture: Floats = (down * bright[kept]) @ right.T
    picture = np.where(frame.inside, picture, 0.0)
    whole = picture.sum()
    return picture / whole if whole > 0 else picture


def likeness(image: Floats, picture: Floats, frame: Frame) -> float:
    """Return the correlation of a picture with an image beyond the innermost spots."""
    values, spots = image[frame.inside], picture[frame.inside]
    norm = float(np.sqrt((spots @ spots) * (values @ values)))
    return float(values @ spots) / norm if norm > 0.0 else 0.0


def seen(image: Floats, crystal: Crystal, matrix: Floats, frame: Frame) -> Found:
    """Return an orientation with its picture."""
    picture = picture_of(*crystal.spots(matrix), frame)
    return Found(matrix, picture, likeness(image, picture, frame))


def settled(image: Floats, crystal: Crystal, found: Found, frame: Frame) -> Found:
    """Return the orientation about this one in which the whole pattern is most alike, by steps."""
    values = image[frame.inside]
    for _ in range(_SETTLING):
        small = small_turn(crystal)
        slopes = np.array([each[frame.inside] for each in changes(crystal, found, frame)])
        picture = found.picture[frame.inside]
        power = float(picture @ picture)
        height = float(values @ picture) / power if power > 0 else 0.0
        if not height > 0:
            break
        # All as a part of what the picture is, and each column as long as the others.
        columns = np.array([picture, *(slopes / (2.0 * small))])
        norms = np.sqrt(np.square(columns).sum(axis=1))
        columns /= np.where(norms > 0, norms, 1.0)[:, None]
        normal = columns @ columns.T + 1e-3 * np.diag([0.0, 1.0, 1.0, 1.0])
        step = np.linalg.solve(normal, columns @ (values / height - picture))
        step /= np.where(norms > 0, norms, np.inf)
        size = float(np.linalg.norm(step[1:]))
        turn = step[1:] * min(1.0, 4.0 * small / max(size, 1e-300))
        tried = seen(image, crystal, turn_by(turn) @ found.matrix, frame)
        if not tried.alike > found.alike:
            break
        found = tried
    return found


def changes(crystal: Crystal, found: Found, frame: Frame) -> list[Floats]:
    """Return what small turns about x, y and z change in a picture."""
    small = small_turn(crystal)
    made = []
    for axis in np.eye(3):
        ends = [
            picture_of(*crystal.spots(turn_by(sign * small * axis) @ found.matrix), frame)
            for sign in (-1.0, 1.0)
        ]
        made.append(ends[1] - ends[0])
    return made


def small_turn(crystal: Crystal) -> float:
    """Return a turn in radians by which no spot changes much."""
    return 0.1 / (crystal.thickness * float(np.linalg.norm(crystal.g, axis=1).max()))
