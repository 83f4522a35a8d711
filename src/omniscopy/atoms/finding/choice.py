"""Which of the places where an atom may be are atoms."""

from typing import NamedTuple

import numpy as np

from omniscopy.atoms.finding.candidates import (
    Candidates,
    Filter,
    candidates_of,
    noise_of_response,
    response_of,
)
from omniscopy.atoms.finding.neighbouring_cells import Cells, cells_of, chance_of_atoms
from omniscopy.atoms.finding.noise import Maxima, Pair, maxima_of_noise
from omniscopy.atoms.refinement.overlap_kernel import add_atoms

# Atoms closer than this (in their widths) make one maximum; drawn, they reach as far as that.
_CLOSEST, _DRAWN = 2.2, 4.5
# Two atoms are not closer than this part of the spacing.
_APART = 0.75
# What atoms explain grows by chance as they may be closer, by a thirtieth; by nearly one where
# the spacing was that of a lattice with two of them in a cell, as that of graphene.
_EXPLAINS_MORE = 1.15
# With about this risk an image without atoms has one; of many atoms, this part is false at most.
_FALSE_ALARM, _MOST_FALSE = 0.002, 0.25
# Fewer atoms than this say nothing of the spacing.
_FEW = 8
_ROUNDS = 3
# Where so many atoms may be false, of more than so many, those of neighbouring cells are asked.
_DOUBT, _ENOUGH = 1.0, 40


class Atoms(NamedTuple):
    """What is found: places (row, column), heights and their standard deviations, and how.

    `doubt` is how many of them are expected to be false by their heights alone.
    """

    place: np.ndarray
    height: np.ndarray
    std: np.ndarray
    place_std: np.ndarray
    spacing: float
    threshold: float
    response: np.ndarray
    skewness: np.ndarray
    doubt: float

    @property
    def explained(self) -> float:
        """Return twice the logarithm of how much likelier the image is with the atoms."""
        return float((self.height * self.response / self.std**2).sum())


class Scene(NamedTuple):
    """What is known of an image: distances are in the shorter distance of two pixels.

    A `threshold` or `spacing` that the user gave is kept (`given`); atoms are at least `least`
    as high as the bright ones. `cells` say what is in neighbouring cells of a lattice.
    """

    shape: tuple[int, int]
    aspect: Pair
    width: float
    spacing: float
    given: bool
    threshold: float | None
    least: float
    cells: Cells | None = None

    @property
    def pixels(self) -> int:
        """Return how many pixels there are."""
        return self.shape[0] * self.shape[1]


def find_in(image: np.ndarray, known: np.ndarray, matched: Filter, scene: Scene) -> Atoms:
    """Return the atoms of an image, those included that only show when others are taken off."""
    aspect, width = scene.aspect, scene.width
    spread = noise_of_response(image, known, aspect, width, matched.kernel)
    response = response_of(image, aspect, width, matched.kernel)
    found = candidates_of(response, known, spread)
    noise = maxima_of_noise(matched.kernel, aspect)
    if scene.threshold is None and not _stand_out(found, scene, noise):
        scene = scene._replace(threshold=np.inf)
    atoms = _choose(found, matched, scene, noise)
    if np.isfinite(scene.spacing) and not scene.given:
        nearer = scene._replace(spacing=0.5 * scene.spacing)
        others = _choose(found, matched, nearer, noise)
        if others.explained > _EXPLAINS_MORE * atoms.explained:
            atoms, scene = others, nearer
    if not len(atoms.place):
        return atoms
    left = response_of(image - drawing_of(atoms, scene), aspect, width, matched.kernel)
    hidden = candidates_of(left, known, spread)
    if atoms.doubt > _DOUBT and len(atoms.place) > _ENOUGH:
        scene = scene._replace(cells=cells_of(response, width, aspect))
    return _choose(_together(atoms, hidden, matched, scene), matched, scene, noise)


def drawing_of(atoms: Atoms, scene: Scene) -> np.ndarray:
    """Return the image that atoms make."""
    width, count = scene.width, len(atoms.place)
    form = np.broadcast_to([width**-2, 0.0, width**-2], (count, 3))
    shapes = np.column_stack([atoms.height, atoms.place * scene.aspect, form])
    made = np.zeros(scene.shape)
    y, x = (step * np.arange(size) for step, size in zip(scene.aspect, scene.shape, strict=True))
    add_atoms(shapes, np.full(count, _DRAWN * width), y, x, made)
    return made


def _together(atoms: Atoms, hidden: Candidates, matched: Filter, scene: Scene) -> Candidates:
    """Return atoms and what is hidden by them, with the response of the whole image."""
    from scipy.spatial import cKDTree

    places, others = atoms.place * scene.aspect, hidden.place * scene.aspect
    free = cKDTree(places).query(others)[0] >= _CLOSEST * scene.width
    hidden, others = hidden.take(free), others[free]
    ring = np.arange(len(matched.response))
    near = cKDTree(others).sparse_distance_matrix(
        cKDTree(places), ring[-1], output_type="coo_matrix"
    )
    theirs = np.interp(near.data, ring, matched.response) * atoms.height[near.col]
    whole = hidden.response + np.bincount(near.row, theirs, minlength=len(others))
    first = atoms.height / atoms.std + hidden.rank.max(initial=0.0)
    return Candidates(
        np.concatenate([atoms.place, hidden.place]), np.concatenate([atoms.response, whole]),
        np.concatenate([atoms.std, hidden.std]),
        np.concatenate([atoms.skewness, hidden.skewness]), np.concatenate([first, hidden.rank]),
    )  # fmt: skip


def _choose(found: Candidates, matched: Filter, scene: Scene, noise: Maxima) -> Atoms:
    """Return which candidates are atoms.

    Too close to a higher one they are none. The heights of the others are fitted together, so
    that an atom is not fainter for its bright neighbours.
    """
    _, aspect, width, spacing, given, threshold, least, cells = scene
    start = spacing if spacing < 9.0 * width or given else np.nan
    chosen, doubt = np.nan, 0.0
    apart = np.nanmax([_CLOSEST * width, _APART * start])
    for _ in range(1 if given else _ROUNDS):
        kept = found.take(_highest(found, apart, aspect))
        height = _heights(kept, matched, aspect)
        signal = kept.signal(height)
        if threshold is None:
            chosen, doubt = _threshold(kept.place * aspect, signal, apart, scene, noise)
        else:
            chosen = threshold
        atoms = signal >= chosen
        bright = least * np.percentile(height[atoms], 90) if atoms.any() else 0.0
        if cells is not None and atoms.sum() > _ENOUGH:
            atoms = _likely(kept, signal, height > bright, apart, scene, noise)
        atoms &= height > bright
        if atoms.sum() <= _FEW or given:
            break
        spacing = _median_spacing(kept.place[atoms] * aspect)
        previous, apart = apart, max(_CLOSEST * width, _APART * np.nanmin([spacing, start]))
        if abs(apart - previous) < 0.02 * apart:
            break
    std = kept.std / np.maximum(height, 1e-300) * np.sqrt(noise.bend) / matched.curvature
    kept, height = kept.take(atoms), height[atoms]
    return Atoms(
        kept.place,
        height,
        kept.std,
        std[atoms],
        spacing,
        float(chosen),
        kept.response,
        kept.skewness,
        doubt,
    )


def _median_spacing(places: np.ndarray) -> float:
    from scipy.spatial import cKDTree

    nearest = cKDTree(places).query(places, k=2)[0][:, 1]
    return float(np.median(nearest))


def _highest(found: Candidates, apart: float, aspect: Pair) -> np.ndarray:
    """Return which candidates have none above them that is close."""
    from scipy.spatial import cKDTree

    order = np.argsort(-found.rank, kind="stable")
    if not order.size:
        return order
    pairs = cKDTree(found.place[order] * aspect).query_pairs(apart, output_type="ndarray")
    pairs = np.sort(pairs, axis=1)
    pairs = pairs[np.argsort(pairs[:, 1], kind="stable")]
    ends = np.searchsorted(pairs[:, 1], np.arange(len(order) + 1))
    kept = np.ones(len(order), dtype=bool)
    for n in np.flatnonzero(np.diff(ends)):
        kept[n] = not kept[pairs[ends[n] : ends[n + 1], 0]].any()
    return order[kept]


def _heights(kept: Candidates, matched: Filter, aspect: Pair) -> np.ndarray:
    """Return the heights of atoms that give all responses together."""
    from scipy.sparse import coo_array
    from scipy.sparse.linalg import cg
    from scipy.spatial import cKDTree

    count = len(kept.response)
    if not count:
        return kept.response
    places, every = kept.place * aspect, np.arange(count)
    pairs = cKDTree(places).query_pairs(len(matched.response) - 1.0, output_type="ndarray")
    first, second = pairs.T
    distance = np.hypot(*(places[first] - places[second]).T)
    lean = np.interp(distance, np.arange(len(matched.response)), matched.response)
    matrix = coo_array(
        (
            np.concatenate([lean, lean, np.ones(count)]),
            (np.concatenate([first, second, every]), np.concatenate([second, first, every])),
        ),
        shape=(count, count),
    ).tocsr()
    heights, _ = cg(matrix, kept.response, rtol=1e-6, maxiter=200)
    return np.asarray(heights)


def _threshold(
    places: np.ndarray, signal: np.ndarray, apart: float, scene: Scene, noise: Maxima
) -> tuple[float, float]:
    """Return the signal to noise from which on candidates are atoms, and how many are not.

    How many maxima of noise are above a height is known, where there is room for them beside
    the atoms that are higher. The threshold is that of the largest expected F1.
    """
    order = np.argsort(-signal, kind="stable")
    height = signal[order]
    room = _room(places[order], apart, scene)
    share = np.interp(height, noise.heights, noise.share)
    more = np.diff(share, prepend=0.0) * np.concatenate([[1.0], room[:-1]])
    false = noise.density * scene.pixels * np.cumsum(more)
    count = np.arange(1, len(height) + 1)
    part = np.minimum.accumulate((false / count)[::-1])[::-1]
    possible = (part <= _MOST_FALSE) & (height > 0)
    true = count - false
    atoms = true[possible].max(initial=0.0)
    score = np.where(possible, 2.0 * true / (count + atoms), -np.inf)
    best = int(score.argmax())
    return (float(height[best]), float(false[best])) if possible.any() else (np.inf, 0.0)


def _likely(  # noqa: PLR0917 - what speaks for a candidate
    kept: Candidates, signal: np.ndarray, high: np.ndarray, apart: float, scene: Scene,
    noise: Maxima,
) -> np.ndarray:  # fmt: skip
    """Return which candidates are atoms by their heights and neighbouring cells, for the best F1.

    Those that are not `high` enough say what noise is, but are none.
    """
    cells = scene.cells
    assert cells is not None
    order = np.argsort(-signal, kind="stable")
    room = np.empty(len(signal))
    room[order] = _room(kept.place[order] * scene.aspect, apart, scene)
    chance = chance_of_atoms(signal, cells.support(kept.place), room, noise)
    chance = np.where(high, chance, 0.0)
    likeliest = np.argsort(-chance, kind="stable")
    sums = np.cumsum(chance[likeliest])
    score = 2.0 * sums / (np.arange(1, len(sums) + 1) + sums[-1])
    atoms = np.zeros(len(signal), dtype=bool)
    atoms[likeliest[: int(score.argmax()) + 1]] = True
    return atoms


def _stand_out(found: Candidates, scene: Scene, noise: Maxima) -> bool:
    """Return whether more maxima are above some height than noise has.

    These are heights of the response itself: those fitted together have more noise.
    """
    height = np.sort(found.response / found.std)[::-1]
    false = noise.density * scene.pixels * np.interp(height, noise.heights, noise.share)
    return bool((false <= _FALSE_ALARM * np.arange(1, len(height) + 1)).any())


def _room(places: np.ndarray, apart: float, scene: Scene) -> np.ndarray:
    """Return which part of the image is free, when the first, the first two, ... are placed."""
    from scipy.spatial import cKDTree

    steps = [max(1, int(apart / 3 / step)) for step in scene.aspect]
    rows, columns = (
        np.arange(by // 2, size, by) for by, size in zip(steps, scene.shape, strict=True)
    )
    grid = (
        np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2) * scene.aspect
    )
    near = cKDTree(places).query(grid, k=min(6, len(places)), distance_upper_bound=apart)[1]
    first = near.reshape(len(grid), -1).min(axis=1)
    taken = np.cumsum(np.bincount(first, minlength=len(places) + 1)[: len(places)])
    free: np.ndarray = 1.0 - taken / len(grid)
    return free
