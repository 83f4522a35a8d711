"""How manifolds change while they are learnt."""

from typing import Any, Protocol

import numpy as np
import xarray as xr
from sklearn.base import clone

from omniscopy.learn.training import Progress
from omniscopy.model import coordinate, labelled


class Pictured(Protocol):
    """A model whose manifold can be drawn."""

    facts_: dict[str, Any]
    net_: Any
    latent_dim: int

    def manifold(self, n: int, *, components: tuple[int, int]) -> xr.DataArray:
        """Return objects over the latent space."""


class Film:
    """A callback that draws the manifold of a model after each epoch.

    Parameters
    ----------
    model : VAE
        The one that is trained.
    n : int
        Objects along each component.
    """

    def __init__(self, model: Pictured, n: int) -> None:
        self.model, self.n = model, n
        self.epochs: list[int] = []
        self.frames: list[xr.DataArray] = []

    def __call__(self, progress: Progress) -> None:
        """Draw the manifold as it is now."""
        now = clone(self.model)
        now.facts_, now.net_ = self.model.facts_, progress.net
        components = (0, 1) if self.model.latent_dim > 1 else (0, 0)
        self.frames.append(now.manifold(self.n, components=components))
        self.epochs.append(progress.epoch)

    def movie(self) -> xr.DataArray:
        """Return the manifolds, shape (epoch, y, x) of all objects side by side.

        Those of curves are (epoch, latent_y, latent_x, channel).
        """
        first = self.frames[0]
        values = np.stack([each.values for each in self.frames])
        epoch = coordinate("epoch", self.epochs, "1", kind="parameter", quantity="epoch")
        dims = first.dims
        if first.ndim == 4:
            rows, columns = first.shape[2:]
            whole = values.swapaxes(2, 3).reshape(-1, self.n * rows, self.n * columns)
            y, x = str(dims[2]), str(dims[3])
            coords = {
                dim: coordinate(
                    dim, _continued(first[dim].values, self.n), first[dim].attrs.get("units"),
                    kind="spatial", role="signal",
                )
                for dim in (y, x)
            }  # fmt: skip
            made = xr.DataArray(whole, dims=("epoch", y, x), coords={**coords, "epoch": epoch})
        else:
            made = xr.DataArray(
                values, dims=("epoch", *dims), coords={**first.coords, "epoch": epoch}
            )
        return labelled(made, units=first.attrs.get("units"))


def _continued(line: np.ndarray, n: int) -> np.ndarray:
    """Return coordinates of n patches side by side."""
    step = line[1] - line[0] if len(line) > 1 else 1.0
    made: np.ndarray = line[0] + step * np.arange(n * len(line))
    return made
