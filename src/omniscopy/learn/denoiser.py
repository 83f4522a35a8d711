"""Images without their noise, learnt with or without clean ones."""

from typing import ClassVar, Literal, Self, Unpack, get_args

import numpy as np
import torch
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.learn.batches import Batch
from omniscopy.learn.devices import generator_of
from omniscopy.learn.examples import Crops, unit_scaled
from omniscopy.learn.models import Estimator
from omniscopy.learn.nets.blurs import BlurNet
from omniscopy.learn.tiling import TILE, apply_tiled
from omniscopy.learn.training import Training
from omniscopy.learn.weights.shipped import adopt_shipped
from omniscopy.model import DataError, labelled, require_choice, require_plane, require_real

Method = Literal["n2v", "n2n", "supervised"]
_BLOCK = 8
# Part of the pixels that are hidden at a time, and how far away what they are replaced by is.
_HIDDEN, _REACH = 0.03, 2


class Denoiser(Estimator):
    """Remove noise from images.

    Parameters
    ----------
    method : {"n2v", "n2n", "supervised"}
        Learn from noisy images alone, whose noise is independent from pixel to pixel
        (noise2void); from pairs of noisy images of the same (noise2noise); or from noisy and
        clean images. "supervised" has the weights of the package, learnt from simulated images of
        atoms, unless it learns others.
    filters : int
        Channels of the first layers.
    device : str
        "auto", "cpu", "cuda" and others of torch.

    Notes
    -----
    The network says for every pixel how much the image is blurred there, and what is added; it
    begins at a mean of Gaussians, a filter that is known to be good. With "n2v" it has to tell
    pixels that it does not see from those around [1]_; with "n2n" it learns the mean of what it
    cannot know [2]_. Images are scaled each by its own mean and standard deviation.

    References
    ----------
    .. [1] A. Krull, T.-O. Buchholz and F. Jug, *Noise2Void*, CVPR (2019).
    .. [2] J. Lehtinen et al., *Noise2Noise*, ICML (2018).
    """

    inputs: ClassVar[tuple[str, ...]] = ("image",)
    outputs: ClassVar[tuple[str, ...]] = ("noise",)

    def __init__(self, *, method: Method = "n2v", filters: int = 20, device: str = "auto") -> None:
        self.method = method
        self.filters = filters
        self.device = device

    def make_network(self) -> torch.nn.Module:
        """Return a network with weights drawn at random."""
        net = BlurNet(filters=self.filters)
        return net.to(memory_format=torch.channels_last)

    def ready(self) -> tuple[torch.nn.Module, torch.device]:
        """Return the network and its device; that of the package for clean images of atoms."""
        if not hasattr(self, "net_") and self.method == "supervised":
            adopt_shipped(self, "denoise")
        return super().ready()

    def example_input(self) -> tuple[torch.Tensor, ...]:
        """Return two images of noise."""
        return (torch.randn((2, 1, 32, 32), generator=generator_of(0)),)

    def fit(
        self,
        noisy: xr.DataArray,
        target: xr.DataArray | None = None,
        *,
        examples: int = 400,
        size: int = 64,
        dims: tuple[str, str] | None = None,
        **training: Unpack[Training],
    ) -> Self:
        """Learn what is noise.

        Parameters
        ----------
        noisy : DataArray, shape (..., y, x)
            Images without NaN.
        target : DataArray, of that shape
            Other noisy images of the same ("n2n") or clean ones ("supervised").
        examples : int
            Parts of the images that make an epoch.
        size : int
            Side of a part, in pixels; the images themselves where they are smaller.
        dims : (str, str)
            The dimensions of the images; the last two spatial ones otherwise.
        **training
            Options of `train_network`, such as ``epochs`` and ``seed``.
        """
        require_choice("method", self.method, get_args(Method))
        alone = self.method == "n2v"
        if alone != (target is None):
            message = (
                "'n2v' learns from noisy images alone" if alone
                else f"{self.method!r} needs the images that are wanted, as `target`"
            )  # fmt: skip
            raise DataError(message)
        first = _stack(noisy, dims)
        shown, mean, std = unit_scaled(first)
        stacks = [shown]
        if target is not None:
            other = _stack(target, dims)
            if other.shape != first.shape:
                message = (
                    f"images and targets must be of one shape, got {first.shape}, {other.shape}"
                )
                raise DataError(message)
            stacks.append(((other - mean) / std).astype(np.float32))
        side = min(size, *first.shape[1:]) // _BLOCK * _BLOCK
        if side < _BLOCK or examples < 1:
            message = (
                f"images must have at least {_BLOCK} rows and columns, and examples be at least "
                f"1, got {first.shape[1:]} and {examples}"
            )
            raise DataError(message)
        return self.train(
            _blind_loss if alone else _square_loss, Crops(stacks, examples, side), {}, training
        )

    def predict(
        self, images: xr.DataArray, *, dims: tuple[str, str] | None = None, tile: int = TILE
    ) -> xr.DataArray:
        """Return images without noise.

        Parameters
        ----------
        images : DataArray, shape (..., y, x), any units
            Lazy or in memory. NaN stays so, and is not seen.
        dims : (str, str)
            The dimensions of the images; the last two spatial ones otherwise.
        tile : int
            Side of what the network sees at once, in pixels.

        Returns
        -------
        DataArray, shape (..., y, x), units of `images`
        """
        require_real(images)
        dims = require_plane(images, dims, kind="spatial", at_least=1)
        self.ready()
        sizes = {dim: images.sizes[dim] for dim in dims}
        (made,) = map_signal(
            self._cleaned, images, dim=dims, output_dims=[sizes], dtypes=[np.float32],
            parameters={"tile": tile},
        )  # fmt: skip
        kept = {dim: images.coords[dim] for dim in dims if dim in images.coords}
        made = labelled(made.assign_coords(kept), units=images.attrs.get("units"))
        return self.recorded(made, "predict", {"images": images}, dims=dims, tile=tile)

    def _cleaned(self, block: np.ndarray, *, tile: int) -> np.ndarray:
        """Return every image of a block without noise."""
        net, device = self.ready()
        made = np.empty(block.shape, np.float32)
        for place in np.ndindex(*block.shape[:-2]):
            image = np.asarray(block[place], np.float64)
            known = np.isfinite(image)
            if not known.any():
                made[place] = np.nan
                continue
            filled = np.where(known, image, image[known].mean())
            values, mean, std = unit_scaled(filled[None])
            with torch.inference_mode():
                noise = apply_tiled(
                    net, torch.from_numpy(values), block=_BLOCK, tile=tile, overlap=tile // 8,
                    device=device,
                )  # fmt: skip
            clean = (values[0] - noise[0].numpy()) * std[0] + mean[0]
            made[place] = np.where(known, clean, np.nan)
        return made


def _stack(images: xr.DataArray, dims: tuple[str, str] | None) -> np.ndarray:
    """Return images as (images, y, x)."""
    require_real(images)
    dims = require_plane(images, dims, kind="spatial", at_least=1)
    values = np.asarray(images.transpose(..., *dims).values, np.float32)
    values = values.reshape(-1, *values.shape[-2:])
    if not np.isfinite(values).all():
        message = "images to learn from must have no NaN; fill them with `image.inpaint`"
        raise DataError(message)
    return values


def _square_loss(net: torch.nn.Module, batch: Batch, _: torch.Generator) -> torch.Tensor:
    shown, wanted = batch
    return ((shown - net(shown) - wanted) ** 2).mean()


def _blind_loss(net: torch.nn.Module, batch: Batch, generator: torch.Generator) -> torch.Tensor:
    """Return how badly pixels are told that are replaced by others from around."""
    (shown,) = batch
    hidden = torch.rand(shown.shape, generator=generator) < _HIDDEN
    rows, columns = shown.shape[-2:]
    away = torch.randint(-_REACH, _REACH + 1, (2, *shown.shape), generator=generator)
    # Never the pixel itself.
    away[0][(away[0] == 0) & (away[1] == 0)] = 1
    # Beyond an edge comes what is as far within.
    y = _reflected(torch.arange(rows)[:, None] + away[0], rows)
    x = _reflected(torch.arange(columns) + away[1], columns)
    place = (y * columns + x).flatten(1).to(shown.device)
    other = shown.flatten(1).gather(1, place).reshape(shown.shape)
    hidden = hidden.to(shown.device)
    seen = torch.where(hidden, other, shown)
    told = seen - net(seen)
    return (((told - shown) ** 2) * hidden).sum() / hidden.sum().clamp(min=1)


def _reflected(index: torch.Tensor, size: int) -> torch.Tensor:
    index = index.abs()
    return torch.where(index >= size, 2 * size - 2 - index, index)
