"""A classifier of plane lattices, trained on images of them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from omniscopy.learn.lattices import LATTICES, lattice_images
from omniscopy.learn.symmetry import SymmetryClassifier
from omniscopy.model.digests import digest_array

_SCORED, _IMAGES = 7004, 900
_SAMPLES = 20
# What is less sure than this is not counted among the sure ones.
_SURE = 0.9


def train_symmetry_classifier(
    told: Mapping[str, Any], seed: int, options: Mapping[str, Any]
) -> SymmetryClassifier:
    """Train a classifier of lattices by a recipe, and score it."""
    training = {**told["training"], **options}
    count = int(training.pop("examples"))
    scored = int(training.pop("scored", _IMAGES))
    model = SymmetryClassifier(**told.get("settings", {}))
    model.fit_simulated(count, seed=seed, **training)
    model.about_["scores"] = _scores(model, seed, scored)
    images, _ = lattice_images(16, rng=seed)
    # Rounded: the last digits depend on the processor.
    model.about_["data_digest"] = digest_array(np.round(images.values.astype(np.float64), 3))
    return model


def _scores(model: SymmetryClassifier, seed: int, count: int) -> dict[str, float]:
    """Return the part of unseen images that is named rightly, of all and of each lattice."""
    images, labels = lattice_images(count, rng=np.random.default_rng([seed, _SCORED]))
    right = model.predict(images)["label"].values == labels
    drawn = model.predict(images, samples=_SAMPLES)["probability"].values
    sure = drawn.max(-1) > _SURE
    made = {"accuracy": right.mean(), "sure": sure.mean()}
    if sure.any():
        made["accuracy_of_sure"] = right[sure].mean()
    for number, name in enumerate(LATTICES):
        made[f"accuracy_{name.replace(' ', '_')}"] = right[labels == number].mean()
    return {name: round(float(value), 4) for name, value in made.items()}
