"""Columns of a specimen that is not perfect: grains, strain, defects."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from omniscopy.simulate.scenes.cells import Cell

# Columns of two grains are not nearer than this part of the spacing.
_APART = 0.75


@dataclass(frozen=True)
class Imperfections:
    """What is wrong with a crystal; lengths in distances of nearest columns, shares as parts."""

    rotation: float = 0.0
    grains: int = 1
    strain: tuple[float, float, float] = (0.0, 0.0, 0.0)
    waviness: float = 0.0
    vacancies: float = 0.0
    substitutions: float = 0.0
    adatoms: float = 0.0
    rotated_bonds: float = 0.0
    disorder: float = 0.0
    ramp: float = 0.0
    hole: float = 0.0


class Columns(NamedTuple):
    """Places (y, x), brightness and kinds of columns, and where some are missing."""

    places: np.ndarray
    brightness: np.ndarray
    kinds: np.ndarray
    missing: np.ndarray

    def take(self, which: np.ndarray) -> "Columns":
        """Return some of the columns."""
        return self._replace(
            places=self.places[which], brightness=self.brightness[which], kinds=self.kinds[which]
        )


def columns_in(
    field: tuple[float, float],
    cell: Cell | None,
    spacing: float,
    faults: Imperfections,
    rng: np.random.Generator,
) -> Columns:
    """Return the columns in a rectangle at the origin, and two spacings beyond its edges.

    Parameters
    ----------
    field : (float, float)
        Lengths along y and x.
    cell : Cell, optional
        What repeats; otherwise columns are anywhere, but not nearer than `spacing`.
    spacing : float
        Distance of nearest columns, as `field`.
    """
    low, high = np.full(2, -2.0 * spacing), np.array(field) + 2.0 * spacing
    if cell is None:
        made = _scattered(low, high, spacing, rng)
    else:
        made = _grains((low, high), cell, spacing, faults, rng)
    made = _with_defects(made, spacing, faults, rng)
    places = made.places + spacing * faults.disorder * rng.standard_normal(made.places.shape)
    middle = 0.5 * np.array(field)
    yy, xx, xy = faults.strain
    places = (places - middle) @ np.array([[1.0 + yy, xy], [xy, 1.0 + xx]]) + middle
    away, toward = places - middle, rng.standard_normal(2)
    if faults.waviness > 0:
        turn = rng.uniform(0.0, 2 * np.pi, 2)
        wave = 2 * np.pi * (places @ rng.uniform(0.5, 1.5, (2, 2)) / max(field)) + turn
        places = places + faults.waviness * spacing * np.sin(wave)
    toward /= np.hypot(*toward)
    level = 1.0 + faults.ramp * (away @ toward) / max(field)
    brightness = made.brightness * np.clip(level, 0.05, None)
    made = made._replace(places=places, brightness=brightness)
    if faults.hole > 0:
        centre = rng.uniform(0.0, 1.0, 2) * np.array(field)
        made = made.take(np.hypot(*(places - centre).T) > faults.hole * max(field))
    return made


def _grains(
    ends: tuple[np.ndarray, np.ndarray], cell: Cell, spacing: float, faults: Imperfections,
    rng: np.random.Generator,
) -> Columns:  # fmt: skip
    """Return the columns of grains, each nearest to its seed and turned by an angle of its own."""
    from scipy.spatial import cKDTree

    seeds = rng.uniform(*ends, (max(faults.grains, 1), 2))
    seed_tree = cKDTree(seeds)
    parts = []
    for number in range(len(seeds)):
        angle = faults.rotation if number == 0 else rng.uniform(0.0, 360.0)
        part = _lattice(ends, cell, spacing, angle, rng)
        mine = seed_tree.query(part.places)[1] == number
        parts.append((part.take(mine), np.full(int(mine.sum()), number)))
    places, brightness, kinds = (np.concatenate([part[0][n] for part in parts]) for n in range(3))
    made = Columns(places, brightness, kinds, np.empty((0, 2)))
    if len(parts) == 1 or len(places) < 2:
        return made
    grain = np.concatenate([part[1] for part in parts])
    pairs = cKDTree(places).query_pairs(_APART * spacing, output_type="ndarray")
    pairs = pairs[grain[pairs[:, 0]] != grain[pairs[:, 1]]]
    kept = np.ones(len(places), dtype=bool)
    for one, other in pairs[rng.permutation(len(pairs))]:
        if kept[one] and kept[other]:
            kept[other if rng.random() < 0.5 else one] = False
    return made.take(kept)


def _lattice(
    ends: tuple[np.ndarray, np.ndarray], cell: Cell, spacing: float, angle: float,
    rng: np.random.Generator,
) -> Columns:  # fmt: skip
    """Return the columns of one crystal in a rectangle, wherever its origin is."""
    low, high = ends
    turn = np.radians(angle)
    # From +x towards +y: x of (0, 1) goes to y = sin.
    vectors = (
        spacing
        * cell.vectors
        @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    )
    origin = 0.5 * (low + high) + rng.uniform(0.0, 1.0, 2) @ vectors
    corners = np.array([[y, x] for y in (low[0], high[0]) for x in (low[1], high[1])])
    reach = (corners - origin) @ np.linalg.inv(vectors)
    ranges = [
        np.arange(first - 1, last + 2)
        for first, last in zip(np.floor(reach.min(0)), np.ceil(reach.max(0)), strict=True)
    ]
    repeats = np.stack(np.meshgrid(*ranges, indexing="ij"), -1).reshape(-1, 1, 2)
    places = (origin + (repeats + cell.sites) @ vectors).reshape(-1, 2)
    number = np.tile(np.arange(len(cell.sites)), len(repeats))
    inside = ((places >= low) & (places <= high)).all(axis=1)
    number = number[inside]
    return Columns(places[inside], cell.brightness[number], cell.kinds[number], np.empty((0, 2)))


def _scattered(
    low: np.ndarray, high: np.ndarray, spacing: float, rng: np.random.Generator
) -> Columns:
    """Return columns at random places that are not nearer than a distance."""
    from scipy.spatial import cKDTree

    count = int(2.0 * np.prod(high - low) / spacing**2) + 1
    places = rng.uniform(low, high, (count, 2))
    kept = np.ones(count, dtype=bool)
    for one, other in np.sort(cKDTree(places).query_pairs(spacing, output_type="ndarray"), 0):
        if kept[one] and kept[other]:
            kept[max(one, other)] = False
    # Sorting columns apart from each other may have left pairs that are too near.
    places = places[kept]
    near = cKDTree(places).query_pairs(spacing, output_type="ndarray")
    kept = np.ones(len(places), dtype=bool)
    for one, other in near[np.lexsort(near.T)]:
        if kept[one] and kept[other]:
            kept[other] = False
    places = places[kept]
    zeros = np.zeros(len(places), np.int64)
    return Columns(places, np.ones(len(places)), zeros, np.empty((0, 2)))


def _with_defects(
    made: Columns, spacing: float, faults: Imperfections, rng: np.random.Generator
) -> Columns:
    """Return columns of which some were turned about their bonds, exchanged, lost or added."""
    from scipy.spatial import cKDTree

    places, brightness, kinds = (each.copy() for each in made[:3])
    count = len(places)
    chosen = np.flatnonzero(rng.random(count) < faults.rotated_bonds)
    if chosen.size and count > 1:
        _, near = cKDTree(places).query(places[chosen], k=2)
        taken: set[int] = set()
        for one, other in near:
            if one not in taken and other not in taken:
                middle = 0.5 * (places[one] + places[other])
                half = places[one] - middle
                turned = np.array([half[1], -half[0]])
                places[one], places[other] = middle + turned, middle - turned
                taken |= {int(one), int(other)}
    swapped = rng.random(count) < faults.substitutions
    brightness[swapped] *= rng.choice([0.5, 1.6, 2.5], int(swapped.sum()))
    lost = rng.random(count) < faults.vacancies
    missing = places[lost]
    places, brightness, kinds = places[~lost], brightness[~lost], kinds[~lost]
    more = rng.binomial(count, faults.adatoms)
    if more and len(places):
        beside = places[rng.integers(0, len(places), more)]
        angle = rng.uniform(0.0, 2 * np.pi, more)
        added = beside + spacing * rng.uniform(0.6, 0.8, more)[:, None] * np.stack(
            [np.sin(angle), np.cos(angle)], axis=1
        )
        free = cKDTree(places).query(added)[0] > 0.55 * spacing
        if free.any():
            added = added[free]
            places = np.concatenate([places, added])
            brightness = np.concatenate([brightness, rng.uniform(0.5, 1.2, len(added))])
            kinds = np.concatenate([kinds, np.zeros(len(added), kinds.dtype)])
    return Columns(places, brightness, kinds, missing)
