"""Images and curves as examples: cut out at random, scaled each on its own."""

from collections.abc import Sequence

import numpy as np
import torch
import xarray as xr

from omniscopy.learn.batches import Batch
from omniscopy.learn.vae.patches import Frame, rows_of
from omniscopy.model import DataError


class Crops:
    """Parts of the same place of images, cut out, turned and mirrored at random.

    Parameters
    ----------
    stacks : sequence of array, shape (images, y, x)
        Of the same shape: what is shown, and what is wanted.
    examples : int
        Parts that make an epoch.
    size : int
        Side of a part.
    """

    def __init__(self, stacks: Sequence[np.ndarray], examples: int, size: int) -> None:
        self.stacks = [torch.from_numpy(np.ascontiguousarray(each, np.float32)) for each in stacks]
        shapes = {tuple(each.shape) for each in self.stacks}
        if len(shapes) != 1:
            message = f"images must be of the same shape, got {sorted(shapes)}"
            raise DataError(message)
        self.examples, self.size = examples, size

    def __len__(self) -> int:
        """Return how many examples there are."""
        return self.examples

    def batch(self, which: Sequence[int], generator: torch.Generator, *, training: bool) -> Batch:
        """Return some examples, (examples, 1, size, size); not `training`, always the same ones."""
        count, rows, columns = self.stacks[0].shape
        parts: list[list[torch.Tensor]] = [[] for _ in self.stacks]
        for number in which:
            own = generator if training else torch.Generator().manual_seed(int(number))
            image, top, left, turns, mirror = (
                int(torch.randint(most, (1,), generator=own))
                for most in (count, rows - self.size + 1, columns - self.size + 1, 4, 2)
            )
            for stack, part in zip(self.stacks, parts, strict=True):
                cut = stack[image, top : top + self.size, left : left + self.size]
                cut = torch.rot90(cut, turns)
                part.append(cut.flip(-1) if mirror else cut)
        return tuple(torch.stack(each)[:, None] for each in parts)


def unit_scaled(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return examples (examples, ...) of mean 0 and standard deviation 1, those, and these.

    Each by its own numbers, so that none depends on the others.
    """
    axes = tuple(range(1, values.ndim))
    mean = values.mean(axes, keepdims=True, dtype=np.float64)
    std = values.std(axes, keepdims=True, dtype=np.float64)
    std = np.where(std > 0, std, 1.0)
    return ((values - mean) / std).astype(np.float32), mean, std


def examples_of(data: xr.DataArray, frame: Frame) -> tuple[np.ndarray, np.ndarray, xr.DataArray]:
    """Return examples (examples, ...), which of them have no NaN, and a template of answers."""
    rows, template = rows_of(data, frame.dims)
    return rows.reshape(-1, *frame.shape), np.isfinite(rows).all(axis=1), template
