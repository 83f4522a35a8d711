"""A denoiser of images of atoms, trained on simulated ones and their exact means."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from omniscopy.learn.batches import Batch
from omniscopy.learn.denoiser import Denoiser
from omniscopy.learn.devices import generator_of
from omniscopy.learn.examples import unit_scaled
from omniscopy.learn.finding.examples import SceneRanges, random_columns, random_instrument
from omniscopy.learn.recipes.atoms import digest_of
from omniscopy.simulate.scenes.imaging import detected, mean_image

_SCORED, _BATCHES, _BATCH = 7005, 8, 8
# An error below this part of the variance of an image is not weighed any more.
_LEAST = 1e-4
# Counts at an atom that scores are told of.
_DOSES = (0.5, 2.0, 8.0, 30.0, 100.0)
_GAUSSIANS = (0.5, 0.75, 1.0, 1.4, 2.0, 2.8)


class NoisyScenes:
    """Images of atoms and their means, drawn anew for each batch."""

    def __init__(self, count: int, told: Mapping[str, Any]) -> None:
        self.count, self.told = count, dict(told)
        self.ranges = SceneRanges.of({k: v for k, v in told.items() if k != "widths"})
        self.widths: tuple[float, float] = tuple(told.get("widths", (1.2, 4.0)))

    def __len__(self) -> int:
        """Return how many scenes make an epoch."""
        return self.count

    def batch(self, which: Sequence[int], generator: torch.Generator, *, training: bool) -> Batch:  # noqa: ARG002
        """Return noisy images and clean ones (examples, 1, rows, columns), scaled alike."""
        seed = int(torch.randint(2**62, (), generator=generator))
        made = [self.example(np.random.default_rng([seed, each])) for each in which]
        noisy, clean = (np.stack(each) for each in zip(*made, strict=True))
        shown, mean, std = unit_scaled(noisy)
        wanted = ((clean - mean) / std).astype(np.float32)
        return torch.from_numpy(shown)[:, None], torch.from_numpy(wanted)[:, None]

    def example(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return counts and their mean."""
        ranges = self.ranges
        width, narrowness, dose = (
            float(np.exp(rng.uniform(*np.log(each))))
            for each in (self.widths, ranges.narrowness, ranges.counts)
        )
        size = ranges.size
        columns = random_columns(ranges, size, width / narrowness, rng)
        instrument = random_instrument(ranges, width, size, rng)
        mean = mean_image((size, size), columns.places, columns.brightness, instrument, rng)
        return detected(mean, dose, instrument, rng), dose * mean


def train_denoiser(told: Mapping[str, Any], seed: int, options: Mapping[str, Any]) -> Denoiser:
    """Train a denoiser by a recipe, and score it."""
    training = {**told["training"], **options}
    scenes = NoisyScenes(int(training.pop("examples")), told.get("scenes", {}))
    judged = int(training.pop("validation", 0))
    if judged:
        training["validation"] = NoisyScenes(judged, told.get("scenes", {}))
    model = Denoiser(**told.get("settings", {}))
    model.train(_loss, scenes, {}, {"seed": seed, **training})  # type: ignore[typeddict-item]
    model.about_["scores"] = _scores(model, scenes, seed)
    model.about_["data_digest"] = digest_of(scenes, seed)
    return model


def _loss(net: torch.nn.Module, batch: Batch, _generator: torch.Generator) -> torch.Tensor:
    """Return the logarithm of the error of each image in the mean: decibels count, not counts."""
    shown, wanted = batch
    left = ((shown - net(shown).float() - wanted) ** 2).mean((1, 2, 3))
    return torch.log(left + _LEAST).mean()


def _scores(model: Denoiser, scenes: NoisyScenes, seed: int) -> dict[str, float]:
    """Return the error of unseen images over the noise, and over that of the best Gaussian.

    Means over images of ratios of root mean squares; the Gaussian is the best for each image.
    Of single doses, the same as the gain in decibels.
    """
    ratios = _errors(model, scenes, seed)
    made = {
        "error_over_noise": float(ratios[:, 0].mean()),
        "error_over_best_gaussian": float(ratios[:, 1].mean()),
    }
    for dose in _DOSES:
        own = NoisyScenes(_BATCH, {**scenes.told, "counts": (dose, dose)})
        gain = -20.0 * np.log10(_errors(model, own, seed)[:, 1])
        made[f"decibels_over_best_gaussian_at_{dose:g}_counts"] = float(gain.mean())
    return {name: round(each, 4) for name, each in made.items()}


def _errors(model: Denoiser, scenes: NoisyScenes, seed: int) -> np.ndarray:
    """Return the error over the noise and over that of the best Gaussian, for each image."""
    from scipy.ndimage import gaussian_filter

    net, device = model.ready()
    made = []
    for number in range(_BATCHES):
        own = generator_of(seed, _SCORED, number)
        shown, wanted = scenes.batch(range(_BATCH), own, training=False)
        with torch.inference_mode():
            clean = shown - net(shown.to(device)).float().cpu()
        for one, own_clean, other in zip(shown[:, 0], clean[:, 0], wanted[:, 0], strict=True):
            error = float(((own_clean - other) ** 2).mean().sqrt())
            blurred = min(
                float(np.sqrt(((gaussian_filter(one.numpy(), s) - other.numpy()) ** 2).mean()))
                for s in _GAUSSIANS
            )
            made.append([error / float(((one - other) ** 2).mean().sqrt()), error / blurred])
    return np.array(made)
