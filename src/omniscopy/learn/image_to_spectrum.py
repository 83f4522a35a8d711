"""Spectra told from images, and images from spectra."""

from typing import Any, ClassVar, Self, Unpack

import numpy as np
import torch
import xarray as xr

from omniscopy.learn.batches import Arrays, Batch
from omniscopy.learn.devices import generator_of
from omniscopy.learn.examples import examples_of
from omniscopy.learn.models import Estimator
from omniscopy.learn.nets.encoders import Translator
from omniscopy.learn.training import Training
from omniscopy.learn.vae.patches import Frame, frame_of, require_frame
from omniscopy.model import DataError, coordinate, labelled

_BLOCK = 64


class Translation(Estimator):
    """What both directions have in common."""

    inputs: ClassVar[tuple[str, ...]] = ("source",)
    outputs: ClassVar[tuple[str, ...]] = ("target",)
    axes: ClassVar[tuple[int, int]]

    def __init__(self, *, latent_dim: int = 10, filters: int = 32, device: str = "auto") -> None:
        self.latent_dim = latent_dim
        self.filters = filters
        self.device = device

    def make_network(self) -> torch.nn.Module:
        """Return a network with weights drawn at random."""
        return Translator(
            self.facts_["source"]["shape"], self.facts_["target"]["shape"],
            latent=self.latent_dim, filters=self.filters,
        )  # fmt: skip

    def example_input(self) -> tuple[torch.Tensor, ...]:
        """Return two examples of noise."""
        shape = self.facts_["source"]["shape"]
        return (torch.randn((2, *shape), generator=generator_of(0)),)

    def fit(
        self,
        source: xr.DataArray,
        target: xr.DataArray,
        *,
        source_dims: tuple[str, ...] | None = None,
        target_dims: tuple[str, ...] | None = None,
        **training: Unpack[Training],
    ) -> Self:
        """Learn from pairs.

        Parameters
        ----------
        source, target : DataArray, shape (..., y, x) or (..., channel)
            With the same further dimensions. Pairs with NaN are left out.
        source_dims, target_dims : tuple of str
            Dimensions of images (the last two spatial ones otherwise) and spectra (the last one).
        **training
            Options of `train_network`.
        """
        frames = [
            frame_of(data, axes, dims) for data, axes, dims in (
                (source, self.axes[0], source_dims), (target, self.axes[1], target_dims)
            )
        ]  # fmt: skip
        outer = [str(dim) for dim in source.dims if dim not in frames[0].dims]
        if set(outer) != {str(dim) for dim in target.dims if dim not in frames[1].dims}:
            message = f"source and target must be pairs, got {source.dims} and {target.dims}"
            raise DataError(message)
        target = target.transpose(*outer, *frames[1].dims)
        given, known, template = examples_of(source, frames[0])
        wanted, whole, other = examples_of(target, frames[1])
        if template.shape != other.shape:
            message = f"there are {template.shape} sources and {other.shape} targets"
            raise DataError(message)
        known &= whole
        if known.sum() < 2:
            message = f"of {len(known)} pairs {known.sum()} have no NaN; at least 2 are needed"
            raise DataError(message)
        facts: dict[str, Any] = {"units": target.attrs.get("units")}
        pairs = []
        for name, frame, values in zip(
            ("source", "target"), frames, (given[known], wanted[known]), strict=True
        ):
            std = float(values.std(dtype=np.float64)) or 1.0
            mean = float(values.mean(dtype=np.float64))
            facts |= {name: frame.as_json(), f"{name}_mean": mean, f"{name}_std": std}
            pairs.append((values - mean) / std)
        facts["coordinates"] = {
            dim: {
                "values": np.asarray(target[dim].values, np.float64).tolist(),
                "attrs": {k: v for k, v in target[dim].attrs.items() if isinstance(v, str)},
            }
            for dim in frames[1].dims
        }  # fmt: skip
        return self.train(_squares, Arrays(*pairs), facts, training)

    def predict(self, source: xr.DataArray, *, dims: tuple[str, ...] | None = None) -> xr.DataArray:
        """Return what belongs to images or spectra.

        Parameters
        ----------
        source : DataArray, shape (..., y, x) or (..., channel)
            Of the size and steps of those that were learnt from.
        dims : tuple of str
            Its dimensions; the last ones otherwise.

        Returns
        -------
        DataArray, units and coordinates of the targets that were learnt from
            NaN for examples with NaN.
        """
        net, device = self.ready()
        facts = self.facts_
        frame = require_frame(source, Frame.from_json(facts["source"]), dims)
        target = Frame.from_json(facts["target"])
        values, known, template = examples_of(source, frame)
        made = np.full((len(values), *target.shape), np.nan, np.float32)
        at = np.flatnonzero(known)
        with torch.no_grad():
            for begin in range(0, len(at), _BLOCK):
                part = at[begin : begin + _BLOCK]
                given = (values[part] - facts["source_mean"]) / facts["source_std"]
                found = net(torch.from_numpy(given.astype(np.float32)).to(device)).cpu().numpy()
                made[part] = found * facts["target_std"] + facts["target_mean"]
        coords: dict[Any, Any] = {**template.coords}
        for dim, told in facts["coordinates"].items():
            attrs = {name: value for name, value in told["attrs"].items() if name != "units"}
            coords[dim] = coordinate(dim, told["values"], told["attrs"].get("units"), **attrs)
        drawn = xr.DataArray(
            made.reshape(*template.shape, *target.shape), dims=(*template.dims, *target.dims),
            coords=coords,
        )  # fmt: skip
        drawn = labelled(drawn, units=facts["units"])
        return self.recorded(drawn, "predict", {"source": source}, dims=dims)


class ImageToSpectrum(Translation):
    """Tell the spectrum of a place from the image around it.

    Parameters
    ----------
    latent_dim : int
        Numbers that all is told through.
    filters : int
        Channels of the convolutions.
    device : str
        "auto", "cpu", "cuda" and others of torch.
    """

    axes: ClassVar[tuple[int, int]] = (2, 1)


class SpectrumToImage(Translation):
    """Tell the image around a place from its spectrum.

    Parameters
    ----------
    latent_dim, filters, device
        As for `ImageToSpectrum`.
    """

    axes: ClassVar[tuple[int, int]] = (1, 2)


def _squares(net: torch.nn.Module, batch: Batch, _: torch.Generator) -> torch.Tensor:
    return ((net(batch[0]) - batch[1]) ** 2).mean()
