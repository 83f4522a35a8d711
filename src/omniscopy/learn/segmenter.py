"""Naming every pixel of an image."""

from typing import Any, ClassVar, Self, Unpack, get_args

import numpy as np
import torch
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.learn.augmentation import Augmentation
from omniscopy.learn.batches import Arrays, Augment, Batch
from omniscopy.learn.devices import generator_of
from omniscopy.learn.losses import SegmentationLoss, segmentation_loss
from omniscopy.learn.models import Estimator
from omniscopy.learn.nets.segmentation import Architecture, segmentation_net
from omniscopy.learn.tiling import TILE, apply_tiled
from omniscopy.learn.training import Training
from omniscopy.model import (
    DataError,
    coordinate,
    require_array,
    require_choice,
    require_plane,
    require_real,
    result,
)

_BLOCK = 8
_PERCENTILES = (1.0, 99.0)
_EXAMPLE = 32


class Segmenter(Estimator):
    """Tell which class every pixel of an image is of.

    Parameters
    ----------
    classes : int
        Beside the background: with 1, pixels are of it or not; with more, each pixel is of one
        of them or of none.
    architecture : {"unet", "dilated", "segresnet", "reshednet", "cells"}
        "cells" looks at 2 by 2 pixels at once, which is the quickest.
    filters : int, optional
        Channels of the first layers.
    loss : {"ce", "focal", "dice", "bce"}
        As `segmentation_loss` has them; with "bce" pixels may be of several classes.
    dropout : bool
        Leave out features at random, in training.
    normalise : bool
        Bring each image, on its own, to 0 and 1 at its 1st and 99th percentile.
    device : str
        "auto", "cpu", "cuda" and others of torch.

    Examples
    --------
    >>> import omniscopy as om
    >>> image = om.simulate.atom_scene((64, 64), rng=1)
    >>> masks = om.learn.masks_from_positions(image, om.simulate.true_atoms(image), 0.03)
    >>> model = om.learn.Segmenter(filters=4).fit(image, masks, epochs=2)
    >>> sorted(model.predict(image).data_vars)
    ['label', 'probability']
    """

    inputs: ClassVar[tuple[str, ...]] = ("image",)
    outputs: ClassVar[tuple[str, ...]] = ("scores",)

    def __init__(
        self,
        *,
        classes: int = 1,
        architecture: Architecture = "unet",
        filters: int | None = None,
        loss: SegmentationLoss = "ce",
        dropout: bool = False,
        normalise: bool = True,
        device: str = "auto",
    ) -> None:
        self.classes = classes
        self.architecture = architecture
        self.filters = filters
        self.loss = loss
        self.dropout = dropout
        self.normalise = normalise
        self.device = device

    @property
    def channels(self) -> int:
        """Return how many scores each pixel gets."""
        alone = self.classes == 1 or self.loss == "bce"
        return self.classes if alone else self.classes + 1

    def make_network(self) -> torch.nn.Module:
        """Return a network with weights drawn at random."""
        if self.classes < 1:
            message = f"classes must be at least 1, beside the background, got {self.classes!r}"
            raise DataError(message)
        require_choice("loss", self.loss, get_args(SegmentationLoss))
        net = segmentation_net(
            self.architecture, 1, self.channels, self.filters, dropout=self.dropout
        )
        return net.to(memory_format=torch.channels_last)

    def example_input(self) -> tuple[torch.Tensor, ...]:
        """Return two images of noise."""
        return (torch.randn((2, 1, _EXAMPLE, _EXAMPLE), generator=generator_of(0)),)

    def fit(
        self,
        images: xr.DataArray | np.ndarray,
        masks: xr.DataArray | np.ndarray,
        *,
        augmentation: Augmentation | Augment | None = None,
        **training: Unpack[Training],
    ) -> Self:
        """Learn from images whose pixels are named.

        Parameters
        ----------
        images : array, shape (y, x) or (images, y, x)
        masks : array of int, of that shape
            0 for the background, 1 to `classes` for the classes; with the loss "bce" of shape
            (images, classes, y, x), 1 where a pixel is of a class.
        augmentation : Augmentation or callable, optional
            How images are altered at random; turned and mirrored otherwise. One of your own is
            called as ``alter(images, masks, generator=generator)`` with tensors (examples, 1, y, x)
            and (examples, y, x), and returns such.
        **training
            Options of `train_network`, such as ``epochs`` and ``seed``.
        """
        pictures = _stack(images)
        labels = self._labels(masks, pictures.shape)
        values = np.stack([self.prepared(each) for each in pictures])[:, None]
        made = Augmentation() if augmentation is None else augmentation
        data = Arrays(values, labels, augment=made)
        return self.train(self._loss, data, {}, training)

    def predict(
        self,
        images: xr.DataArray,
        *,
        threshold: float = 0.5,
        dims: tuple[str, str] | None = None,
        tile: int = TILE,
    ) -> xr.Dataset:
        """Return the class of every pixel, and how probable each is.

        Parameters
        ----------
        images : DataArray, shape (..., y, x)
            Lazy or in memory; NaN where nothing was measured.
        threshold : float
            Probability from which on pixels are of a class, where there is one or with "bce".
        dims : (str, str)
            The dimensions of the images; the last two spatial ones otherwise.
        tile : int
            Side of what the network sees at once, in pixels. Tiles overlap and are blended.

        Returns
        -------
        Dataset, shape (..., y, x)
            ``label``, 0 for the background, and ``probability`` along ``class``, 1 and on.
        """
        require_array(images)
        require_real(images)
        dims = require_plane(images, dims, kind="spatial", at_least=1)
        if not 0 < threshold < 1:
            message = f"threshold is a probability between 0 and 1, got {threshold!r}"
            raise DataError(message)
        if tile < _BLOCK:
            message = f"tile must be at least {_BLOCK} pixels, got {tile!r}"
            raise DataError(message)
        self.ready()
        sizes = {dim: images.sizes[dim] for dim in dims}
        label, probability = map_signal(
            self._named, images, dim=dims, output_dims=[sizes, {"class": self.classes, **sizes}],
            dtypes=[np.uint8, np.float32], parameters={"threshold": threshold, "tile": tile},
        )  # fmt: skip
        kept = {dim: images.coords[dim] for dim in dims if dim in images.coords}
        found = result(None, label=(label, "1"), probability=(probability, "1"))
        numbers = coordinate(
            "class", np.arange(1, self.classes + 1), "1", kind="channel", quantity="class"
        )
        found = found.assign_coords(kept).assign_coords({"class": numbers})
        return self.recorded(
            found, "predict", {"images": images}, threshold=threshold, dims=dims, tile=tile
        )

    def score(self, images: xr.DataArray, masks: xr.DataArray | np.ndarray) -> float:
        """Return the overlap over the union of what is named and true, averaged over classes."""
        found = self.predict(images)
        return float(np.nanmean(overlaps(found, np.asarray(masks), self.loss == "bce")))

    def _loss(
        self, net: torch.nn.Module, batch: Batch, _generator: torch.Generator
    ) -> torch.Tensor:
        scores = net(batch[0].contiguous(memory_format=torch.channels_last))
        return segmentation_loss(scores.float(), batch[1], self.loss)

    def _labels(self, masks: Any, shape: tuple[int, ...]) -> np.ndarray:
        """Return masks as integers; raise where they are none of these images or classes."""
        values = np.asarray(masks)
        values = values.astype(np.int64) if values.dtype.kind == "b" else values
        several = self.loss == "bce"
        values = values[None] if values.ndim == (3 if several else 2) else values
        wanted = (shape[0], self.classes, *shape[1:]) if several else shape
        if values.shape != wanted:
            message = f"masks must be of shape {wanted}, got {values.shape}"
            raise DataError(message)
        most = 1 if several else self.classes
        if values.dtype.kind not in "iu" or values.min() < 0 or values.max() > most:
            message = (
                f"masks must be integers from 0, the background, to {most}, got {values.dtype} "
                f"from {values.min()} to {values.max()}; learn.renumber closes gaps"
            )
            raise DataError(message)
        return values.astype(np.int64)

    def prepared(self, image: np.ndarray) -> np.ndarray:
        """Return an image as the network knows them, of itself alone."""
        values = np.asarray(image, np.float64)
        known = np.isfinite(values)
        if not known.any():
            return np.zeros(values.shape, np.float32)
        values = np.where(known, values, np.median(values[known]))
        if self.normalise:
            low, high = np.percentile(values, _PERCENTILES)
            values = (values - low) / (high - low if high > low else 1.0)
        return values.astype(np.float32)

    def _named(
        self, block: np.ndarray, *, threshold: float, tile: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return labels and probabilities of every image of a block."""
        net, device = self.ready()
        outer, size = block.shape[:-2], block.shape[-2:]
        label = np.zeros((*outer, *size), np.uint8)
        probability = np.zeros((*outer, self.classes, *size), np.float32)
        alone = self.channels == self.classes
        for pixel in np.ndindex(*outer):
            values = torch.from_numpy(self.prepared(block[pixel]))
            with torch.inference_mode():
                scores = apply_tiled(
                    net, values[None], block=_BLOCK, tile=tile, overlap=tile // 8, device=device
                )
            share = (scores.sigmoid() if alone else scores.softmax(0)[1:]).numpy()
            probability[pixel] = np.where(np.isfinite(block[pixel]), share, np.nan)
            if alone:
                best = share.argmax(axis=0)
                named = np.where(share.max(axis=0) >= threshold, best + 1, 0)
            else:
                named = scores.numpy().argmax(axis=0)
            label[pixel] = np.where(np.isfinite(block[pixel]), named, 0)
        return label, probability


def overlaps(found: xr.Dataset, truth: np.ndarray, several: bool = False) -> np.ndarray:  # noqa: FBT001, FBT002
    """Return the overlap over the union for each class; NaN of one that is neither there nor seen.

    Parameters
    ----------
    found : Dataset
        What `Segmenter.predict` returns.
    truth : array of int
        Labels of that shape, or maps of classes if pixels may be of several.
    several : bool
    """
    if several:
        seen = found["probability"].values >= 0.5
        pairs = [
            (seen[..., n, :, :], truth.reshape(seen.shape)[..., n, :, :] > 0)
            for n in range(seen.shape[-3])
        ]
    else:
        label = found["label"].values
        pairs = [
            (label == n, truth.reshape(label.shape) == n) for n in found["class"].values.tolist()
        ]
    union = np.array([np.sum(one | other) for one, other in pairs], np.float64)
    both = np.array([np.sum(one & other) for one, other in pairs], np.float64)
    return np.divide(both, union, out=np.full(len(pairs), np.nan), where=union > 0)


def _stack(images: Any) -> np.ndarray:
    """Return images as (images, y, x)."""
    values = np.asarray(images)
    if values.dtype.kind not in "biuf" or values.ndim not in (2, 3) or not values.size:
        message = (
            "expected images of real numbers, shape (y, x) or (images, y, x), got "
            f"{values.dtype} of shape {values.shape}"
        )
        raise DataError(message)
    values = values[None] if values.ndim == 2 else values
    if min(values.shape[1:]) % _BLOCK or max(values.shape[1:]) % _BLOCK:
        message = (
            f"sides of images to learn from must be multiples of {_BLOCK}, got {values.shape[1:]}; "
            "learn.random_patches cuts such out"
        )
        raise DataError(message)
    return values
