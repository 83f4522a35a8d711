"""Scenes that networks learn to find atoms from: another one each time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
import torch

from omniscopy.learn.batches import Batch
from omniscopy.learn.finding.scaling import WIDTH, contrast_of, normalised, to_scale
from omniscopy.learn.finding.targets import target_of
from omniscopy.learn.nets.cells import CELL
from omniscopy.model import DataError
from omniscopy.simulate.scenes.cells import PROTOTYPES, RANDOM, cell_of
from omniscopy.simulate.scenes.imaging import Instrument, detected, mean_image, scanned
from omniscopy.simulate.scenes.specimens import Columns, Imperfections, columns_in

Range = tuple[float, float]


@dataclass(frozen=True)
class SceneRanges:
    """What scenes are drawn from: ranges of uniform numbers, or of their logarithms (`log`).

    Attributes
    ----------
    structures : sequence of str
        As `simulate.atom_scene` takes.
    narrowness : (float, float), log
        Width of an atom over the distance of nearest ones.
    misjudged : (float, float), log
        Width that is estimated over the true one.
    scale : (float, float), log
        Pixels that the network sees over those of the image.
    counts : (float, float), log
        At the centre of a bright atom, for each pixel that the network sees.
    faint : (float, float)
        Brightness of further kinds of sites; below `seen` nothing is asked of atoms.
    faults, blurs : mapping of str to (float, float)
        Ranges of `Imperfections` and `Instrument`, each in a part of the scenes (`often`).
    """

    size: int = 96
    structures: Sequence[str] = (*PROTOTYPES, RANDOM)
    narrowness: Range = (0.12, 0.25)
    misjudged: Range = (0.75, 1.33)
    scale: Range = (0.5, 1.8)
    counts: Range = (0.4, 150.0)
    background: Range = (0.0, 0.5)
    faint: Range = (0.35, 1.0)
    seen: float = 0.25
    often: float = 0.3
    classes: int = 1
    empty: float = 0.02

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "SceneRanges":
        """Return the ranges of a recipe; raise for what it does not know."""
        known = {each.name for each in fields(cls)}
        if odd := sorted(set(told) - known):
            message = f"scenes have no {odd}; there are {sorted(known)}"
            raise DataError(message)
        given: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in told.items()
        }
        return cls(**given)


class Scene(NamedTuple):
    """An image as the network sees it, with atoms in its pixels."""

    values: torch.Tensor
    places: np.ndarray
    kinds: np.ndarray
    counted: np.ndarray


class RandomScenes:
    """Scenes drawn anew for each batch, from the generator that is given with it.

    Parameters
    ----------
    count : int
        How many make an epoch.
    ranges : SceneRanges
    """

    def __init__(self, count: int, ranges: SceneRanges) -> None:
        self.count, self.ranges = count, ranges

    def __len__(self) -> int:
        """Return how many scenes make an epoch."""
        return self.count

    def batch(self, which: Sequence[int], generator: torch.Generator, *, training: bool) -> Batch:  # noqa: ARG002
        """Return images (examples, 1, rows, columns) and targets."""
        seed = int(torch.randint(2**62, (), generator=generator))
        made = [self.example(np.random.default_rng([seed, each])) for each in which]
        images, targets = zip(*made, strict=True)
        return torch.stack(images)[:, None], torch.from_numpy(np.stack(targets))

    def example(self, rng: np.random.Generator) -> tuple[torch.Tensor, np.ndarray]:
        """Return one image and its target."""
        scene = random_scene(self.ranges, rng)
        cells = self.ranges.size // CELL
        target = target_of((cells, cells), scene.places, scene.kinds, scene.counted)
        return scene.values, target


def random_scene(ranges: SceneRanges, rng: np.random.Generator) -> Scene:
    """Return a scene with everything drawn at random."""
    scale, misjudged, narrowness, counts = (
        _log_uniform(rng, each)
        for each in (ranges.scale, ranges.misjudged, ranges.narrowness, ranges.counts)
    )
    # Drawn a bit larger: what is beyond the edges of a part of an image is seen too.
    width = WIDTH / scale / misjudged
    native = int(np.ceil(ranges.size / scale)) + 8
    shape = (native, native)
    columns = random_columns(ranges, native, width / narrowness, rng)
    instrument = random_instrument(ranges, width, native, rng)
    places = scanned(columns.places, shape, instrument)
    dose = counts * scale**2
    mean = mean_image(shape, places, columns.brightness, instrument, rng)
    image = detected(mean, dose, instrument, rng)
    scaled = to_scale(image, WIDTH / scale)
    places = (places + 0.5) * np.array(scaled.factors) - 0.5
    values = normalised(scaled.values, contrast_of(scaled.values))
    start = [int(rng.integers(0, size - ranges.size + 1)) for size in values.shape]
    values = values[start[0] : start[0] + ranges.size, start[1] : start[1] + ranges.size]
    places = places - np.array(start)
    # Bright ones say what is faint.
    high = np.percentile(columns.brightness, 90) if len(places) else 1.0
    counted = columns.brightness >= ranges.seen * high
    kinds = np.minimum(columns.kinds, ranges.classes - 1)
    return turned(Scene(values, places, kinds, counted), ranges.size, rng)


def random_columns(
    ranges: SceneRanges, native: int, spacing: float, rng: np.random.Generator
) -> Columns:
    """Return the columns of a specimen with everything drawn at random."""
    if rng.random() < ranges.empty:
        none = np.empty((0, 2))
        return Columns(none, np.empty(0), np.empty(0, np.int64), none)
    structure = str(rng.choice(np.array(ranges.structures)))
    cell = None if structure == RANDOM else cell_of(structure)
    if cell is not None:
        levels = np.concatenate([[1.0], rng.uniform(*ranges.faint, len(cell.sites))])
        if ranges.classes > 1:
            # Kinds are told apart by their brightness: they must differ.
            levels[1:] = np.minimum(levels[1:], 0.75)
        elif rng.random() < 0.3:
            levels[:] = 1.0
        cell = cell._replace(brightness=levels[cell.kinds])

    def sometimes(high: float) -> float:
        return float(rng.uniform(0.0, high)) if rng.random() < ranges.often else 0.0

    faults = Imperfections(
        rotation=float(rng.uniform(0.0, 360.0)),
        grains=1 + int(rng.random() < ranges.often) * int(rng.integers(1, 4)),
        strain=tuple(rng.uniform(-0.04, 0.04, 3)),
        waviness=sometimes(0.3), vacancies=float(rng.uniform(0.0, 0.08)),
        substitutions=sometimes(0.06), adatoms=sometimes(0.04),
        rotated_bonds=sometimes(0.05), disorder=float(rng.uniform(0.0, 0.05)),
        ramp=sometimes(1.0), hole=sometimes(0.5),
    )  # fmt: skip
    made = columns_in((native - 1.0, native - 1.0), cell, spacing, faults, rng)
    scatter = 1.0 + rng.uniform(0.0, 0.15) * rng.standard_normal(len(made.brightness))
    return made._replace(brightness=made.brightness * np.clip(scatter, 0.3, None))


def random_instrument(
    ranges: SceneRanges, width: float, native: int, rng: np.random.Generator
) -> Instrument:
    """Return an instrument with everything drawn at random."""

    def sometimes(high: float) -> float:
        return float(rng.uniform(0.0, high)) if rng.random() < ranges.often else 0.0

    return Instrument(
        width=width, tail=sometimes(0.35), astigmatism=sometimes(0.2),
        astigmatism_angle=float(rng.uniform(0.0, 180.0)),
        background=float(rng.uniform(*ranges.background)), ripple=float(rng.uniform(0.0, 0.8)),
        contamination=sometimes(0.25), jitter=sometimes(0.4 * width),
        drift=tuple(rng.uniform(-0.03, 0.03, 2) * native), readout=sometimes(0.3),
    )  # fmt: skip


def turned(scene: Scene, size: int, rng: np.random.Generator) -> Scene:
    """Return a scene mirrored and turned at random, so that scan rows go any way."""
    values, places = scene.values, scene.places.copy()
    if rng.random() < 0.5:
        values, places = values.T, places[:, ::-1]
    for axis in (0, 1):
        if rng.random() < 0.5:
            values = values.flip(axis)
            places = places.copy()
            places[:, axis] = size - 1 - places[:, axis]
    return scene._replace(values=values.contiguous(), places=places)


def _log_uniform(rng: np.random.Generator, ends: Range) -> float:
    return float(np.exp(rng.uniform(*np.log(ends))))
