"""Plane lattices told apart by the spots of their Fourier transforms."""

from typing import Self, Unpack

import numpy as np
import torch
import xarray as xr

from omniscopy.learn.training import Training
from omniscopy.learn.whole_images import Classifier
from omniscopy.model import DataError, coordinate, require_plane

LATTICES = ("square", "rectangular", "centred rectangular", "hexagonal", "oblique", "none")
# Distances of lattice points in pixels, and how much longer the longer one is.
_SPACING, _LONGER = (5.0, 9.0), (1.25, 1.7)
_SIDE = 64
# Part of the frequencies that is kept, on either side of 0.
_KEPT = 0.5


class SymmetryClassifier(Classifier):
    """Tell which of the five plane lattices an image shows, if any.

    Parameters
    ----------
    filters, dropout, normalise, device
        As for `Classifier`; with dropout, ``predict(samples=...)`` tells how sure it is.

    Notes
    -----
    The network sees the logarithm of the amplitudes of the Fourier transform, which is the same
    wherever the lattice begins, of parts of 64 by 64 pixels.
    """

    def __init__(
        self,
        *,
        filters: int = 12,
        dropout: float = 0.2,
        normalise: bool = True,
        device: str = "auto",
    ) -> None:
        super().__init__(filters=filters, dropout=dropout, normalise=normalise, device=device)

    def fit_simulated(self, examples: int = 1200, **training: Unpack[Training]) -> Self:
        """Learn from simulated lattices of any orientation, in noise.

        Parameters
        ----------
        examples : int
            Images, as many of each lattice.
        **training
            Options of `train_network`; 15 epochs otherwise.
        """
        options: Training = {"epochs": 15, "batch_size": 32, "learning_rate": 5e-3}
        options.update(training)
        images, labels = lattice_images(examples, rng=int(options.get("seed", 0)))
        self.fit(images, labels, names=list(LATTICES), **options)
        return self

    def prepared(self, values: np.ndarray) -> torch.Tensor:
        """Return the spectra of images."""
        rows, columns = values.shape[-2:]
        flat = values - values.mean((-2, -1), keepdims=True)
        taper = np.hanning(rows + 2)[1:-1, None] * np.hanning(columns + 2)[1:-1]
        spectrum = np.fft.fftshift(np.abs(np.fft.fft2(flat * taper)), axes=(-2, -1))
        mean = spectrum.mean((-2, -1), keepdims=True)
        logs = np.log1p(spectrum / np.where(mean > 0, mean, 1.0))
        cut = [slice(round(n * (1 - _KEPT) / 2), n - round(n * (1 - _KEPT) / 2))
               for n in (rows, columns)]  # fmt: skip
        return super().prepared(logs[..., cut[0], cut[1]])

    def predict(
        self,
        images: xr.DataArray,
        *,
        samples: int = 0,
        seed: int = 0,
        dims: tuple[str, str] | None = None,
    ) -> xr.Dataset:
        """Return the lattice of each image, as `Classifier.predict`.

        Parameters
        ----------
        images : DataArray, shape (..., y, x)
            Of 64 by 64 pixels of any size, lattice points 5 to 9 of them apart:
            `image.sliding_windows` cuts larger ones, for a map of lattices.
        samples, seed, dims
            As for `Classifier.predict`.
        """
        dims = require_plane(images, dims, kind="spatial", at_least=4)
        frame = self.facts_["frame"] if hasattr(self, "facts_") else None
        if frame is not None:
            lines = {
                dim: coordinate(dim, step * np.arange(images.sizes[dim]), frame["units"],
                                kind="spatial", role="signal")
                for dim, step in zip(dims, frame["steps"], strict=True)
            }  # fmt: skip
            images = images.assign_coords(lines)
        return super().predict(images, samples=samples, seed=seed, dims=dims)


def lattice_images(
    count: int, *, size: int = _SIDE, rng: int | np.random.Generator = 0
) -> tuple[xr.DataArray, np.ndarray]:
    """Simulate images of plane lattices.

    Parameters
    ----------
    count : int
        Images, of each lattice in turn.
    size : int
        Side in pixels.
    rng : Generator or int

    Returns
    -------
    (DataArray, shape (frame, y, x); array of int)
        Images of brightness about 0 to 1 and number of each lattice, in the order of `LATTICES`.
    """
    if count < 1 or size < 16:
        message = f"expected at least one image of at least 16 pixels, got {count} of {size}"
        raise DataError(message)
    draw = np.random.default_rng(rng)
    labels = np.arange(count) % len(LATTICES)
    values = np.stack([_lattice(LATTICES[label], size, draw) for label in labels])
    line = np.arange(size, dtype=np.float64)
    coords = {
        "frame": coordinate("frame", np.arange(count), "1"),
        **{dim: coordinate(dim, line, None) for dim in ("y", "x")},
    }
    return xr.DataArray(values, dims=("frame", "y", "x"), coords=coords), labels


def _lattice(kind: str, size: int, draw: np.random.Generator) -> np.ndarray:
    """Return one image: atoms of a lattice as waves, then noise."""
    noise = draw.normal(0, draw.uniform(0.1, 0.6), (size, size))
    if kind == "none":
        return noise.astype(np.float32)
    a = draw.uniform(*_SPACING)
    longer = draw.uniform(*_LONGER)
    match kind:
        case "square":
            cell = np.array([[a, 0], [0, a]])
        case "rectangular":
            cell = np.array([[a, 0], [0, a * longer]])
        case "hexagonal":
            cell = np.array([[a, 0], [a / 2, a * np.sqrt(3) / 2]])
        case "centred rectangular":
            # Half diagonals of a rectangle that is neither a square nor makes hexagons.
            height = draw.choice([draw.uniform(0.62, 0.76), draw.uniform(1.1, 1.4)])
            cell = np.array([[a, 0], [a / 2, a * height]])
        case _:
            angle = np.deg2rad(draw.uniform(68, 80))
            cell = np.array([[a, 0], [a * longer * np.cos(angle), a * longer * np.sin(angle)]])
    turn = draw.uniform(0, 2 * np.pi)
    cell = cell @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    waves = np.linalg.inv(cell).T
    orders = np.arange(-3, 4)
    g = np.stack(np.meshgrid(orders, orders, indexing="ij"), -1).reshape(-1, 2) @ waves
    width = draw.uniform(0.18, 0.26) * a
    height = np.exp(-2 * (np.pi * width) ** 2 * (g**2).sum(-1))
    y, x = np.arange(size), np.arange(size)
    phase = np.exp(2j * np.pi * (g @ draw.uniform(0, 20, 2))) * height
    left, right = (
        np.exp(2j * np.pi * y[:, None] * g[:, 0]),
        np.exp(2j * np.pi * x[:, None] * g[:, 1]),
    )
    image = np.real((left * phase) @ right.T)
    return ((image - image.min()) / np.ptp(image) + noise).astype(np.float32)
