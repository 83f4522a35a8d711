"""Examples that networks are trained with, a batch at a time."""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import torch

from omniscopy.model import DataError

Batch = tuple[torch.Tensor, ...]
Augment = Callable[..., Batch]


class Batches(Protocol):
    """What `train_network` learns from."""

    def __len__(self) -> int:
        """Return how many examples there are."""
        ...

    def batch(self, which: Sequence[int], generator: torch.Generator, *, training: bool) -> Batch:
        """Return some examples; what is random in them is drawn from `generator`.

        Examples that networks are judged by (not `training`) are never altered at random.
        """
        ...


class Arrays:
    """Examples in memory.

    Parameters
    ----------
    arrays : array or Tensor, shape (examples, ...)
        Inputs, then what is wanted of each; floating-point numbers become float32, integers int64.
    augment : callable, optional
        ``augment(*tensors, generator=generator)`` returns altered ones, in training only.
    """

    def __init__(self, *arrays: np.ndarray | torch.Tensor, augment: Augment | None = None) -> None:
        self.tensors = tuple(tensor_of(each) for each in arrays)
        self.augment = augment
        sizes = {len(each) for each in self.tensors}
        if len(sizes) != 1 or not sizes.pop():
            message = (
                "there must be at least one example, and as many of each array; got shapes "
                f"{[tuple(each.shape) for each in self.tensors]}"
            )
            raise DataError(message)

    def __len__(self) -> int:
        """Return how many examples there are."""
        return len(self.tensors[0])

    def batch(self, which: Sequence[int], generator: torch.Generator, *, training: bool) -> Batch:
        """Return some examples."""
        index = torch.as_tensor(which, dtype=torch.int64)
        taken = tuple(each[index] for each in self.tensors)
        if training and self.augment is not None:
            return self.augment(*taken, generator=generator)
        return taken


class Part:
    """Some of the examples of another collection."""

    def __init__(self, whole: Batches, which: np.ndarray) -> None:
        self.whole, self.which = whole, np.asarray(which, np.int64)

    def __len__(self) -> int:
        """Return how many examples there are."""
        return len(self.which)

    def batch(self, which: Sequence[int], generator: torch.Generator, *, training: bool) -> Batch:
        """Return some examples."""
        return self.whole.batch(self.which[list(which)].tolist(), generator, training=training)


def tensor_of(values: np.ndarray | torch.Tensor) -> torch.Tensor:
    """Return numbers as float32, or int64 if they are integers, on the processor."""
    if isinstance(values, torch.Tensor):
        found = values.detach().cpu()
        return found if not found.is_floating_point() else found.float()
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        message = f"expected real numbers, got {array.dtype}"
        raise DataError(message)
    # Torch knows neither other byte orders nor negative strides.
    kind = np.float32 if array.dtype.kind == "f" else np.int64
    return torch.from_numpy(np.array(array, dtype=kind, order="C"))
