r"""Other orientations that a pattern may be of, and how sure the best one is.

The reflections of one zone look the same when the crystal is turned by half about the axis of the
zone: :math:`g` becomes :math:`-g`, as bright and just as far from the sphere of Ewald. Where that
is no symmetry of the crystal, only reflections of other zones tell the two apart.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from omniscopy.diffraction.orientation.pictures import Found, Frame, seen, settled
from omniscopy.diffraction.orientation.refining import Crystal, refine, turn_by

Floats = npt.NDArray[np.float64]
# Degrees within which two orientations are one, and standard deviations that tell them apart.
APART, SURE = 2.0, 3.0
# Of the brightest reflections, and which part of what they have is in a zone that may be turned.
_BRIGHTEST, _IN_ZONE = 24, 0.5
# How far the axis of a zone is from the beam at most, and how many are tried.
_TILT, _MOST = np.deg2rad(25.0), 12
# Orientations that are less alike than the best one by more than this are no rivals.
_NEARLY = 0.05


class Symmetry(NamedTuple):
    """The rotations that leave the reflections of a crystal what they are, shape (n, 3, 3)."""

    rotations: Floats

    def apart(self, one: Floats, other: Floats) -> float:
        """Return the angle between two orientations in degrees."""
        # R1 S R2^T has the angle between R1 and an orientation that looks as R2.
        traces = np.einsum("ij,njk,ik->n", one, self.rotations, other)
        return float(np.rad2deg(np.arccos(np.clip((traces.max() - 1.0) / 2.0, -1.0, 1.0))))


def symmetry_of(crystal: Crystal) -> Symmetry:
    """Return the rotations that bring reflections to others that are as long and as bright."""
    lengths = np.linalg.norm(crystal.g, axis=1)
    order = np.argsort(lengths, kind="stable")
    g, distances = crystal.g[order], crystal.distances[order]
    base = _independent(g)
    if base is None:
        return Symmetry(np.eye(3)[None])
    basis, size = g[base], np.linalg.norm(g[base], axis=1)
    lengths = lengths[order]
    near = 1e-4 * float(size.max())
    alike = [
        np.flatnonzero((np.abs(lengths - own) < near) & _same(distances, distances[at]))
        for own, at in zip(size, base, strict=True)
    ]
    inner = basis @ basis.T
    firsts = [
        (a, b)
        for a in alike[0]
        for b in alike[1]
        if abs(g[a] @ g[b] - inner[0, 1]) < near * size[0]
    ]
    inverse = np.linalg.inv(basis)
    made = [np.eye(3)]
    # Of what is short enough to be there whichever way the crystal is turned.
    short = lengths <= 0.7 * lengths.max() + near
    for a, b in firsts:
        for c in alike[2]:
            image = g[[a, b, c]]
            turn = (inverse @ image).T
            if np.abs(turn @ turn.T - np.eye(3)).max() > 1e-3 or np.linalg.det(turn) < 0:
                continue
            if _maps(turn, g, distances, short, near) and not any(
                np.abs(turn - each).max() < 1e-2 for each in made
            ):
                made.append(turn)
    return Symmetry(np.array(made))


def _independent(g: Floats) -> list[int] | None:
    """Return the indices of the three shortest vectors that span space."""
    first = 0
    for second in range(1, len(g)):
        if np.linalg.norm(np.cross(g[first], g[second])) > 1e-3 * (g[first] @ g[first]):
            break
    else:
        return None
    normal = np.cross(g[first], g[second])
    away = np.abs(g @ normal) > 1e-3 * np.linalg.norm(normal) * np.linalg.norm(g[first])
    return [first, second, int(np.argmax(away))] if away.any() else None


def _same(distances: Floats, own: float) -> np.ndarray:
    return np.asarray(np.abs(distances - own) < 1e-3 * own)


def _maps(turn: Floats, g: Floats, distances: Floats, short: np.ndarray, near: float) -> bool:
    """Return whether each short reflection is brought to one that is as bright."""
    moved = g[short] @ turn.T
    away = np.linalg.norm(moved[:, None] - g, axis=2)
    at = away.argmin(axis=1)
    found = away[np.arange(len(at)), at] < 10.0 * near
    return bool(found.all() and np.all(np.abs(distances[at] / distances[short] - 1.0) < 1e-3))


def half_turns(crystal: Crystal, matrix: Floats, frame: Frame) -> list[Floats]:
    """Return orientations that are turned by half about axes of zones near the beam."""
    g = crystal.g @ matrix.T
    radius = crystal.scale * np.hypot(g[:, 0], g[:, 1])
    s = 0.5 * np.square(g).sum(axis=1) / crystal.wave_number - g[:, 2]
    bright = crystal.intensities(s, crystal.distances) * (radius >= frame.nearest)
    for axis, values in zip(frame.axes, (-crystal.scale * g[:, 1], crystal.scale * g[:, 0]),
                            strict=True):  # fmt: skip
        bright = bright * ((values >= axis.min()) & (values <= axis.max()))
    top = np.argsort(-bright, kind="stable")[:_BRIGHTEST]
    top = top[bright[top] > 0.0]
    if len(top) < 2:
        return []
    own, weight = g[top], bright[top] / bright[top].sum()
    first, second = np.triu_indices(len(top), 1)
    axes = np.cross(own[first], own[second])
    norms = np.linalg.norm(axes, axis=1)
    lengths = np.linalg.norm(own, axis=1)
    axes = axes[norms > 1e-2 * lengths[first] * lengths[second]]
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    axes *= np.where(axes[:, 2:] < 0, -1.0, 1.0)
    axes = axes[axes[:, 2] >= np.cos(_TILT)]
    share = (np.abs(axes @ (own / lengths[:, None]).T) < 1e-3) @ weight
    kept: list[Floats] = []
    for at in np.argsort(-share, kind="stable"):
        if share[at] < _IN_ZONE or len(kept) == _MOST:
            break
        if all(axes[at] @ each < 1.0 - 1e-6 for each in kept):
            kept.append(axes[at])
    return [turn_by(np.pi * axis) @ matrix for axis in kept]


def told_apart(  # noqa: PLR0917 - a pattern, and what it may be of
    image: Floats, raw: Floats, crystal: Crystal | None, tried: list[Found], symmetry: Symmetry,
    frame: Frame,
) -> tuple[Found, Found | None, float]:  # fmt: skip
    """Return the best orientation, the second best one, and how far the first is ahead.

    Parameters
    ----------
    image : array
        What a phase is to explain, without what is scattered diffusely.
    raw : array
        The pattern itself, that variances of counts follow from.
    crystal : Crystal, optional
        With it, half turns about zones are tried too, and all are settled.
    tried : list of Found
        Orientations, the most alike first.
    symmetry : Symmetry
        Which orientations are the same.
    frame : Frame
        What all patterns have in common.

    Returns
    -------
    Found, Found or None, float
        The lead is in standard deviations of the difference of chi squares, from the residuals
        that there are, as far as spots are wide; NaN without a second one.
    """
    best = tried[0]
    rivals = [each for each in tried[1:] if symmetry.apart(each.matrix, best.matrix) > APART]
    if crystal is not None:
        for matrix in half_turns(crystal, best.matrix, frame):
            if symmetry.apart(matrix, best.matrix) <= APART:
                continue
            if not seen(image, crystal, matrix, frame).alike > best.alike - _NEARLY:
                continue
            # What the best one is away from the truth, its half turn may be twice.
            tilts = refine(image, crystal, matrix, frame.axes, frame.nearest, frame.width)
            near = max((seen(image, crystal, each, frame) for each in tilts), key=_likeness)
            rivals.append(settled(image, crystal, near, frame))
    weights = weights_of(raw, frame)
    squares = [_squares(image, each, weights, frame) for each in (best, *rivals)]
    order = np.argsort(squares, kind="stable")
    ordered = [(best, *rivals)[n] for n in order]
    first = ordered[0]
    for other in ordered[1:]:
        if symmetry.apart(first.matrix, other.matrix) > APART:
            return first, other, _lead(image, first, other, weights, frame)
    return first, None, np.nan


def _likeness(found: Found) -> float:
    return found.alike


def weights_of(raw: Floats, frame: Frame) -> Floats:
    """Return the inverse of the variance of each pixel, if values are counts, but for a factor."""
    from scipy.ndimage import gaussian_filter

    steps = [abs(float(axis[1] - axis[0])) for axis in frame.axes]
    sigma = [frame.width / step for step in steps]
    known = np.isfinite(raw)
    sums = gaussian_filter(np.where(known, np.maximum(raw, 0.0), 0.0), sigma, mode="nearest")
    share = gaussian_filter(known.astype(np.float64), sigma, mode="nearest")
    smooth = sums / np.maximum(share, 1e-3)
    floor = 0.02 * float(smooth[frame.inside].mean()) if frame.inside.any() else 0.0
    variance = smooth + floor
    return np.where(frame.inside & (variance > 0), 1.0 / np.where(variance > 0, variance, 1.0), 0.0)


def _modelled(image: Floats, found: Found, weights: Floats) -> Floats:
    power = float((weights * found.picture**2).sum())
    height = float((weights * image * found.picture).sum()) / power if power > 0 else 0.0
    return max(height, 0.0) * found.picture


def _squares(image: Floats, found: Found, weights: Floats, frame: Frame) -> float:
    """Return the sum of squares that a picture leaves, each over its variance."""
    rest = (image - _modelled(image, found, weights))[frame.inside]
    return float((weights[frame.inside] * rest**2).sum())


def _lead(image: Floats, best: Found, other: Found, weights: Floats, frame: Frame) -> float:
    """Return by how many standard deviations the squares that a picture leaves are fewer."""
    ours, theirs = (_modelled(image, each, weights) for each in (best, other))
    return lead_of(image, ours, theirs, weights, frame)


def lead_of(image: Floats, ours: Floats, theirs: Floats, weights: Floats, frame: Frame) -> float:
    """Return by how many standard deviations one model leaves fewer squares than another."""
    from scipy.ndimage import gaussian_filter

    apart = ours - theirs
    gain = float((weights * apart * (2.0 * image - ours - theirs)).sum())
    # The residuals of a spot belong together, as in the deviations of shares.
    moment = weights * apart * np.where(frame.inside, image - ours, 0.0)
    sigma = [np.sqrt(2.0) * frame.width / abs(float(axis[1] - axis[0])) for axis in frame.axes]
    near = 2.0 * np.pi * sigma[0] * sigma[1] * gaussian_filter(moment, sigma, mode="constant")
    spread = 2.0 * float(np.sqrt(max((moment * near).sum(), (moment**2).sum(), 0.0)))
    if not spread > 0:
        return 0.0 if gain <= 0 else np.inf
    return gain / spread
