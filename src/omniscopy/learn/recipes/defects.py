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
_SCORED = 7003
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

    A site is a connected part; one is found where it shares pixels with one that is true.
    """
    from scipy.ndimage import label

    net, device = model.ready()
    both = union = hits = found = true = told = 0
    for number in range(8):
        own = generator_of(seed, _SCORED, number)
        images, masks = scenes.batch(range(8), own, training=False)
        with torch.inference_mode():
            named = (net(images.to(device)).cpu()[:, 0] > 0).numpy()
        vacant = masks.numpy() > 0
        both += int((named & vacant).sum())
        union += int((named | vacant).sum())
        for one, other in zip(named, vacant, strict=True):
            (parts, count), (sites, wanted) = label(one), label(other)
            hits += len(np.unique(parts[other & one]))
            found += len(np.unique(sites[other & one]))
            told, true = told + count, true + wanted
    return {
        "overlap_over_union": round(both / max(union, 1), 4),
        "precision": round(hits / max(told, 1), 4), "recall": round(found / max(true, 1), 4),
        "f1": round((hits + found) / max(told + true, 1), 4),
    }  # fmt: skip


def _log(rng: np.random.Generator, ends: Sequence[float]) -> float:
    return float(np.exp(rng.uniform(*np.log(ends))))
