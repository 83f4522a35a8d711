"""Finders of atoms, trained on scenes that are drawn anew each time."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from omniscopy.atoms.scores import pairs_of
from omniscopy.learn.batches import Batches
from omniscopy.learn.devices import generator_of
from omniscopy.learn.finding.atom_finder import AtomFinder
from omniscopy.learn.finding.examples import RandomScenes, SceneRanges, random_scene
from omniscopy.learn.finding.peaks import apart, atoms_in, best_threshold, spacing_of
from omniscopy.learn.finding.targets import centre_loss
from omniscopy.model.digests import digest_array, digest_bytes

# Scenes that probabilities and deviations are calibrated with, and others that they are scored by.
_SCENES = 160
_CALIBRATED, _SCORED = 7001, 7002
# Atoms count so far from the edges, in pixels of the network.
_MARGIN = 6
_STEPS = 25


def train_atom_finder(told: Mapping[str, Any], seed: int, options: Mapping[str, Any]) -> AtomFinder:
    """Train a finder of atoms by a recipe, calibrate it and score it."""
    training = {**told["training"], **options}
    ranges = SceneRanges.of(told.get("scenes", {}))
    scenes = RandomScenes(int(training.pop("examples")), ranges)
    judged = int(training.pop("validation", 0))
    if judged:
        training["validation"] = RandomScenes(judged, ranges)
    count = int(training.pop("calibration", _SCENES))
    model = AtomFinder(**told.get("settings", {}))
    model.train(centre_loss, scenes, {}, {"seed": seed, **training})  # type: ignore[typeddict-item]
    calibrate(model, ranges, seed, count)
    model.about_["scores"] = scores_of(model, ranges, seed, count)
    model.about_["data_digest"] = digest_of(scenes, seed)
    return model


def digest_of(data: Batches, seed: int) -> str:
    """Return the digest of a batch of examples: it changes when the simulator does."""
    batch = data.batch(range(min(len(data), 16)), generator_of(seed), training=True)
    # Rounded: the last digits depend on the processor.
    return digest_bytes(
        *(digest_array(np.round(each.numpy().astype(np.float64), 3)).encode() for each in batch)
    )


def calibrate(model: AtomFinder, ranges: SceneRanges, seed: int, count: int) -> None:
    """Make probabilities those that are true: a line of log odds, and deviations too.

    The line is that of the largest likelihood (Platt); deviations are scaled to the robust
    scatter of places about the truth.
    """
    probability, true, pulls, _ = _compared(model, ranges, seed, _CALIBRATED, count)
    if len(probability) < 50 or true.all() or not true.any():
        model.facts_["calibration"], model.facts_["spread"] = [1.0, 0.0], 1.0
        return
    odds = np.log(probability / (1.0 - probability))
    columns = np.stack([odds, np.ones_like(odds)], axis=1)
    line = np.array([1.0, 0.0])
    for _ in range(_STEPS):  # Newton's method; the likelihood has one maximum
        expected = 1.0 / (1.0 + np.exp(-columns @ line))
        weight = np.maximum(expected * (1.0 - expected), 1e-9)
        normal = columns.T @ (weight[:, None] * columns) + 1e-6 * np.eye(2)
        line = line + np.linalg.solve(normal, columns.T @ (true - expected))
    model.facts_["calibration"] = [float(each) for each in line]
    model.facts_["spread"] = float(np.sqrt(np.mean(np.clip(pulls, -4, 4) ** 2)))


def scores_of(model: AtomFinder, ranges: SceneRanges, seed: int, count: int) -> dict[str, float]:
    """Return scores on scenes of their own, as the network sees them."""
    line = model.facts_["calibration"]
    probability, true, pulls, missed = _compared(model, ranges, seed, _SCORED, count)
    odds = line[0] * np.log(probability / (1.0 - probability)) + line[1]
    own = 1.0 / (1.0 + np.exp(-odds))
    taken = own >= best_threshold(own)
    hits = float((taken & true).sum())
    wanted = float(true.sum() + missed)
    score = {
        "f1": 2.0 * hits / max(taken.sum() + wanted, 1.0),
        "brier": float(np.mean((own - true) ** 2)) if len(own) else 0.0,
        "pull": float(np.sqrt(np.mean(pulls**2)) / model.facts_["spread"]) if len(pulls) else 0.0,
    }
    return {name: round(float(value), 4) for name, value in score.items()}


def _compared(
    model: AtomFinder, ranges: SceneRanges, seed: int, purpose: int, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Return probabilities before calibration, which are true, their pulls, and how many miss."""
    net, device = model.ready()
    probability, true, pulls, missed = [], [], [], 0
    for number in range(count):
        scene = random_scene(ranges, np.random.default_rng([seed, purpose, number]))
        with torch.inference_mode():
            said = net(scene.values[None, None].to(device))[0].float().cpu().numpy()
        found = apart(atoms_in(said, (1.0, 0.0)))
        counted = scene.counted
        apart_by = spacing_of(scene.places)
        reach = 0.4 * apart_by if np.isfinite(apart_by) else None
        one, other = (
            pairs_of(found.places, scene.places, reach)
            if len(found.places) and len(scene.places)
            else (np.empty(0, np.int64),) * 2
        )
        partner = np.full(len(found.places), -1)
        partner[one] = other
        inside = _inside(found.places, ranges.size)
        asked = inside & ((partner < 0) | counted[np.maximum(partner, 0)] if len(counted) else True)
        probability.append(found.probability[asked])
        true.append(partner[asked] >= 0)
        sure = asked & (partner >= 0) & (found.probability > 0.5)
        away = found.places[sure] - scene.places[partner[sure]]
        pulls.append((away / found.std[sure, None]).ravel())
        matched = np.zeros(len(scene.places), bool)
        matched[other] = True
        missed += int((~matched & counted & _inside(scene.places, ranges.size)).sum())
    return np.concatenate(probability), np.concatenate(true), np.concatenate(pulls), missed


def _inside(places: np.ndarray, size: int) -> np.ndarray:
    inside = (places > _MARGIN) & (places < size - 1 - _MARGIN)
    return np.asarray(inside.all(axis=1))
