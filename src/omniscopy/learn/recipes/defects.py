"""A segmentation of vacancies, trained on lattices of which some atoms are missing."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from omniscopy.learn.batches import Batch
from omniscopy.learn.devices import generator_of
from omniscopy.learn.losses import segmentation_loss
from omniscopy.learn.recipes.atoms import digest_of
from omniscopy.learn.segmenter import Segmenter
from omniscopy.simulate.scenes.cells import cell_of
from omniscopy.simulate.scenes.imaging import Instrument, detected, mean_image
from omniscopy.simulate.scenes.specimens import Imperfections, columns_in

_STRUCTURES = ("honeycomb", "binary_honeycomb", "hexagonal", "square", "perovskite")
# A missing atom is a disc of so many widths.
_DISC = 1.6
_SCORED, _BATCHES, _BATCH = 7003, 12, 8
# Counts at an atom that scores are told of, and pixels at the edges where nothing is scored.
_DOSES, _MARGIN = (2.0, 5.0, 10.0, 30.0, 100.0), 6
# Vacancies are few: the loss looks at the overlap as well as at each pixel.
_OVERLAP = 0.5


class VacancyScenes:
    """Lattices with missing atoms, and where these are, drawn anew for each batch."""

    def __init__(self, count: int, told: Mapping[str, Any]) -> None:
        self.count, self.told = count, dict(told)
        self.model = Segmenter()

    def __len__(self) -> int:
        """Return how many scenes make an epoch."""
        return self.count

    def batch(self, which: Sequence[int], generator: torch.Generator, *, training: bool) -> Batch:  # noqa: ARG002
        """Return images (examples, 1, rows, columns) and masks."""
        seed = int(torch.randint(2**62, (), generator=generator))
        made = [self.example(np.random.default_rng([seed, each])) for each in which]
        images, masks = (np.stack(each) for each in zip(*made, strict=True))
        return torch.from_numpy(images)[:, None], torch.from_numpy(masks)

    def example(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return one image, as the network sees it, and its mask."""
        told, size = self.told, int(self.told.get("size", 96))
        width = _log(rng, told.get("widths", (1.4, 3.4)))
        apart = width / _log(rng, told.get("narrowness", (0.14, 0.23)))
        dose = _log(rng, told.get("counts", (2.0, 150.0)))
        faults = Imperfections(
            rotation=float(rng.uniform(0, 360)), grains=1 + int(rng.random() < 0.2),
            vacancies=float(rng.uniform(*told.get("vacancies", (0.01, 0.08)))),
            disorder=float(rng.uniform(0.0, 0.03)), ramp=float(rng.uniform(0.0, 0.4)),
        )  # fmt: skip
        instrument = Instrument(
            width=width, background=float(rng.uniform(0.02, 0.4)),
            ripple=float(rng.uniform(0.0, 0.5)), tail=float(rng.uniform(0.0, 0.25)),
            contamination=float(rng.uniform(0.0, 0.1)),
        )  # fmt: skip
        cell = cell_of(str(rng.choice(np.array(_STRUCTURES))))
        columns = columns_in((size - 1.0, size - 1.0), cell, apart, faults, rng)
        mean = mean_image((size, size), columns.places, columns.brightness, instrument, rng)
        image = detected(mean, dose, instrument, rng)
        y, x = np.indices((size, size))
        mask = np.zeros((size, size), np.int64)
        for row, column in columns.missing:
            mask[(y - row) ** 2 + (x - column) ** 2 < (_DISC * width) ** 2] = 1
        return self.model.prepared(image), mask


def train_defect_segmenter(
    told: Mapping[str, Any], seed: int, options: Mapping[str, Any]
) -> Segmenter:
    """Train a segmenter of vacancies by a recipe, and score it."""
    training = {**told["training"], **options}
    scenes = VacancyScenes(int(training.pop("examples")), told.get("scenes", {}))
    judged = int(training.pop("validation", 0))
    if judged:
        training["validation"] = VacancyScenes(judged, told.get("scenes", {}))
    model = Segmenter(**told.get("settings", {}))
    model.train(_loss, scenes, {}, {"seed": seed, **training})  # type: ignore[typeddict-item]
    model.about_["scores"] = _scores(model, scenes, seed)
    model.about_["data_digest"] = digest_of(scenes, seed)
    return model


def _loss(net: torch.nn.Module, batch: Batch, _generator: torch.Generator) -> torch.Tensor:
    scores = net(batch[0]).float()
    pixels = segmentation_loss(scores, batch[1], "ce")
    return pixels + _OVERLAP * segmentation_loss(scores, batch[1], "dice")


def _scores(model: Segmenter, scenes: VacancyScenes, seed: int) -> dict[str, float]:
    """Return the overlap over the union of scenes that were not learnt from, and scores of sites.

    Precision, recall and F1 are those of all doses of the recipe; further ones of single doses.
    """
    both = union = 0
    table = np.zeros(4, np.int64)
    for number in range(_BATCHES):
        named, vacant = _seen(model, scenes, generator_of(seed, _SCORED, number))
        both += int((named & vacant).sum())
        union += int((named | vacant).sum())
        table += sum(map(_sites, named, vacant))
    hits, told, found, true = (int(each) for each in table)
    made = {
        "overlap_over_union": both / max(union, 1), "precision": hits / max(told, 1),
        "recall": found / max(true, 1), "f1": (hits + found) / max(told + true, 1),
    }  # fmt: skip
    for dose in _DOSES:
        own = VacancyScenes(_BATCH, {**scenes.told, "counts": (dose, dose)})
        table = np.zeros(4, np.int64)
        for number in range(_BATCHES):
            table += sum(map(_sites, *_seen(model, own, generator_of(seed, _SCORED, number))))
        hits, told, found, true = (int(each) for each in table)
        made[f"f1_at_{dose:g}_counts"] = (hits + found) / max(told + true, 1)
    return {name: round(each, 4) for name, each in made.items()}


def _seen(
    model: Segmenter, scenes: VacancyScenes, generator: torch.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return which pixels of a batch are named, and which are vacant."""
    net, device = model.ready()
    images, masks = scenes.batch(range(_BATCH), generator, training=False)
    with torch.inference_mode():
        named = (net(images.to(device)).cpu()[:, 0] > 0).numpy()
    return named, masks.numpy() > 0


def _sites(named: np.ndarray, vacant: np.ndarray) -> np.ndarray:
    """Return how many parts that are named are true, of how many; and sites found, of how many.

    A site is a connected part; one is found where it shares pixels with one that is true. Parts
    count whose middle is away from the edges.
    """
    from scipy.ndimage import center_of_mass, label

    made = []
    for own, other in ((named, vacant), (vacant, named)):
        parts, count = label(own)
        middle = np.array(center_of_mass(own, parts, range(1, count + 1))).reshape(-1, 2)
        low, high = _MARGIN, np.array(own.shape) - 1 - _MARGIN
        inside = ((middle >= low) & (middle <= high)).all(axis=1)
        met = np.isin(np.arange(1, count + 1), parts[other])
        made += [int((met & inside).sum()), int(inside.sum())]
    return np.array(made)


def _log(rng: np.random.Generator, ends: Sequence[float]) -> float:
    return float(np.exp(rng.uniform(*np.log(ends))))
