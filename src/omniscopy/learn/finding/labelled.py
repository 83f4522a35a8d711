"""Parts of images whose atoms are known."""

from collections.abc import Sequence

import numpy as np
import torch
import xarray as xr

from omniscopy.atoms.finding.images import factor_to, grid_of
from omniscopy.learn.batches import Batch
from omniscopy.learn.finding.examples import Scene, turned
from omniscopy.learn.finding.peaks import spacing_of
from omniscopy.learn.finding.scaling import (
    WIDTH,
    contrast_of,
    normalised,
    to_scale,
    whole,
    width_of,
)
from omniscopy.learn.finding.targets import target_of
from omniscopy.learn.nets.cells import CELL
from omniscopy.learn.tiling import mirrored
from omniscopy.model import DataError


def labelled_scene(
    image: xr.DataArray, positions: xr.Dataset, *, classes: int, dark: bool
) -> Scene:
    """Return an image and its atoms as the network sees them."""
    grid = grid_of(image, None)
    if image.ndim != 2:
        message = f"expected one image, got {dict(image.sizes)}; give a list of images"
        raise DataError(message)
    factor = factor_to(positions, grid)
    values = np.asarray(image.transpose(*grid.dims).values, np.float64) * (-1.0 if dark else 1.0)
    known = np.isfinite(values)
    if not known.any() or not np.ptp(values[known]) > 0:
        message = "an image is constant, or holds no numbers; nothing can be learnt from it"
        raise DataError(message)
    places = np.stack(
        [grid.rows(factor * positions[name].values, axis) for axis, name in enumerate("yx")], 1
    )
    there = np.isfinite(places).all(axis=1)
    apart = spacing_of(places[there] * grid.aspect)
    width = width_of(values, apart if np.isfinite(apart) else None, grid.aspect)
    if np.isnan(width):
        # One atom, or none, in noise.
        width = WIDTH
    scaled = to_scale(whole(values, known, width), width, grid.aspect)
    kinds = np.zeros(len(places), np.int64)
    if classes > 1:
        if "kind" not in positions:
            message = f"positions need a variable 'kind', as there are {classes} classes"
            raise DataError(message)
        kinds = np.asarray(positions["kind"].values, np.int64)
        if kinds[there].size and not 0 <= kinds[there].min() <= kinds[there].max() < classes:
            message = (
                f"kinds must be 0 to {classes - 1}, got {np.unique(kinds[there]).tolist()}; "
                "learn.renumber makes them so"
            )
            raise DataError(message)
    places = (places[there] + 0.5) * np.array(scaled.factors) - 0.5
    contrast = contrast_of(scaled.values)
    counted = np.ones(len(places), dtype=bool)
    return Scene(normalised(scaled.values, contrast), places, kinds[there], counted)


class LabelledScenes:
    """Parts cut out of scenes at random, turned and mirrored.

    Parameters
    ----------
    scenes : sequence of Scene
    count : int
        How many parts make an epoch.
    size : int
        Rows and columns of a part.
    """

    def __init__(self, scenes: Sequence[Scene], count: int, size: int) -> None:
        self.count, self.size = count, size
        self.scenes = [
            each._replace(
                values=mirrored(each.values[None], *(max(size - n, 0) for n in each.values.shape))[
                    0
                ]
            )
            for each in scenes
        ]

    def __len__(self) -> int:
        """Return how many parts make an epoch."""
        return self.count

    def batch(self, which: Sequence[int], generator: torch.Generator, *, training: bool) -> Batch:
        """Return images (examples, 1, rows, columns) and targets."""
        seed = int(torch.randint(2**62, (), generator=generator))
        images, targets = [], []
        for each in which:
            rng = np.random.default_rng([seed, each])
            number = int(rng.integers(len(self.scenes)))
            scene = self._part(self.scenes[number], rng)
            if training:
                scene = turned(scene, self.size, rng)
            cells = self.size // CELL
            images.append(scene.values)
            target = target_of((cells, cells), scene.places, scene.kinds, scene.counted)
            targets.append(torch.from_numpy(target))
        return torch.stack(images)[:, None], torch.stack(targets)

    def _part(self, scene: Scene, rng: np.random.Generator) -> Scene:
        start = [int(rng.integers(0, side - self.size + 1)) for side in scene.values.shape]
        values = scene.values[
            start[0] : start[0] + self.size, start[1] : start[1] + self.size
        ].contiguous()
        return scene._replace(values=values, places=scene.places - np.array(start))
