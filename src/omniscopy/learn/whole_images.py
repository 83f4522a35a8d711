"""What whole images are called, and numbers that belong to them."""

from typing import Any, ClassVar, Self, Unpack

import numpy as np
import torch
import xarray as xr
from torch.nn import functional

from omniscopy.learn.batches import Arrays, Batch
from omniscopy.learn.devices import generator_of, seeded
from omniscopy.learn.examples import examples_of, unit_scaled
from omniscopy.learn.models import Estimator
from omniscopy.learn.nets.encoders import WholeImageNet
from omniscopy.learn.training import Training
from omniscopy.learn.vae.patches import Frame, frame_of, require_frame
from omniscopy.model import DataError, Status, coordinate, result

_BLOCK = 64
Labels = xr.DataArray | np.ndarray


class WholeImageEstimator(Estimator):
    """What classifiers and regressors have in common."""

    inputs: ClassVar[tuple[str, ...]] = ("image",)
    outputs: ClassVar[tuple[str, ...]] = ("numbers",)

    def __init__(
        self,
        *,
        filters: int = 16,
        dropout: float = 0.0,
        normalise: bool = True,
        device: str = "auto",
    ) -> None:
        self.filters = filters
        self.dropout = dropout
        self.normalise = normalise
        self.device = device

    def make_network(self) -> torch.nn.Module:
        """Return a network with weights drawn at random."""
        require_dropout(self.dropout)
        return WholeImageNet(self.facts_["outputs"], filters=self.filters, dropout=self.dropout)

    def example_input(self) -> tuple[torch.Tensor, ...]:
        """Return two images of noise."""
        shape = self.facts_["frame"]["shape"]
        return (torch.randn((2, 1, *shape), generator=generator_of(0)),)

    def prepared(self, values: np.ndarray) -> torch.Tensor:
        """Return images as the network knows them."""
        values = unit_scaled(values)[0] if self.normalise else np.asarray(values, np.float32)
        return torch.from_numpy(values)[:, None]

    def _numbers(
        self, images: xr.DataArray, dims: tuple[str, str] | None, samples: int, seed: int
    ) -> tuple[np.ndarray, np.ndarray, xr.DataArray]:
        """Return numbers (samples, examples, outputs), which are known, and a template."""
        net, device = self.ready()
        if samples < 0 or (samples and self.dropout <= 0):
            message = f"samples={samples} needs a network with dropout, and a number from 0"
            raise DataError(message)
        frame = require_frame(images, Frame.from_json(self.facts_["frame"]), dims)
        values, known, template = examples_of(images, frame)
        made = np.full((max(samples, 1), len(values), self.facts_["outputs"]), np.nan, np.float32)
        at = np.flatnonzero(known)
        for number in range(max(samples, 1)):
            # What is left out is drawn for each image alone, and the same whatever else there is.
            with torch.no_grad(), seeded(seed, number):
                mask = torch.rand(net.head.in_features) >= self.dropout
                for begin in range(0, len(at), _BLOCK):
                    part = at[begin : begin + _BLOCK]
                    seen = net.features(self.prepared(values[part]).to(device)).mean((-2, -1))
                    if samples:
                        seen = seen * mask.to(device) / (1 - self.dropout)
                    made[number, part] = net.head(seen).cpu().numpy()
        return made, known, template


class Classifier(WholeImageEstimator):
    """Tell what images show, one class each.

    Parameters
    ----------
    filters : int
        Channels of the first scale of the network.
    dropout : float
        Part of the features that is left out at random; above 0, predictions have a spread.
    normalise : bool
        Bring each image, on its own, to mean 0 and standard deviation 1.
    device : str
        "auto", "cpu", "cuda" and others of torch.
    """

    def fit(
        self,
        images: xr.DataArray,
        labels: Labels,
        *,
        names: list[str] | None = None,
        dims: tuple[str, str] | None = None,
        **training: Unpack[Training],
    ) -> Self:
        """Learn from images whose class is known.

        Parameters
        ----------
        images : DataArray, shape (..., y, x)
            Ones with NaN are left out.
        labels : array of int, shape (...)
            From 0; -1 where it is not known, such images are left out.
        names : list of str
            Of the classes; numbers otherwise.
        dims : (str, str)
            The dimensions of the images; the last two spatial ones otherwise.
        **training
            Options of `train_network`, such as ``epochs`` and ``seed``.
        """
        frame = frame_of(images, 2, dims)
        values, known, template = examples_of(images, frame)
        numbers = aligned(labels, template, np.int64)
        known &= numbers >= 0
        count = int(numbers.max(initial=-1)) + 1
        if names is not None and len(names) < count:
            message = f"labels go up to {count - 1}, but there are {len(names)} names"
            raise DataError(message)
        count = count if names is None else len(names)
        if count < 2 or known.sum() < 2:
            message = f"expected images of at least 2 classes, got {known.sum()} of {count}"
            raise DataError(message)
        facts = {"frame": frame.as_json(), "outputs": count, "names": names}
        data = Arrays(self.prepared(values[known]), numbers[known])
        return self.train(cross_entropy, data, facts, training)

    def predict(
        self,
        images: xr.DataArray,
        *,
        samples: int = 0,
        seed: int = 0,
        dims: tuple[str, str] | None = None,
    ) -> xr.Dataset:
        """Return the class of each image, and how probable each is.

        Parameters
        ----------
        images : DataArray, shape (..., y, x)
        samples : int
            Networks with other features left out that are asked (Monte-Carlo dropout); 0 for the
            whole network.
        seed : int
            Of what is left out.
        dims : (str, str)
            The dimensions of the images; the last two spatial ones otherwise.

        Returns
        -------
        Dataset, shape (...)
            ``probability`` along ``category``, with ``probability_std`` over samples; ``label``;
            ``entropy`` of the probabilities in nats, 0 for one that is sure; ``status``. NaN, -1
            and
            status 4 (no data) for images with NaN.
        """
        scores, known, template = self._numbers(images, dims, samples, seed)
        chance = torch.from_numpy(scores).softmax(-1).numpy()
        mean = chance.mean(0)
        best = np.where(known, np.nan_to_num(mean).argmax(-1), -1)
        entropy = -(mean * np.log(np.maximum(mean, 1e-12))).sum(-1)
        shape, outer = template.shape, template.dims
        kinds = self.facts_["names"] or list(range(mean.shape[-1]))
        coords: dict[Any, Any] = {**template.coords}
        coords["category"] = coordinate("category", kinds, "1", kind="channel")
        variables = {"probability": mean}
        if samples:
            variables["probability_std"] = chance.std(0)
        made = result(
            {}, coords,
            **{
                name: (xr.Variable((*outer, "category"), each.reshape(*shape, -1)), "1")
                for name, each in variables.items()
            },
            label=(xr.Variable(outer, best.reshape(shape)), "1"),
            entropy=(xr.Variable(outer, entropy.reshape(shape)), "1"),
            status=(xr.Variable(outer, status_of(known).reshape(shape)), "1"),
        )  # fmt: skip
        return self.recorded(made, "predict", {"images": images}, samples=samples, seed=seed)

    def activation_maps(
        self, images: xr.DataArray, *, dims: tuple[str, str] | None = None
    ) -> xr.DataArray:
        """Return what each place of images says for each class.

        Parameters
        ----------
        images : DataArray, shape (..., y, x)
        dims : (str, str)
            The dimensions of the images; the last two spatial ones otherwise.

        Returns
        -------
        DataArray, shape (..., category, y, x)
            Scores whose mean over the image, with the bias, is that of the class (class activation
            maps), on the pixels of the images.
        """
        net, device = self.ready()
        frame = require_frame(images, Frame.from_json(self.facts_["frame"]), dims)
        values, known, template = examples_of(images, frame)
        made = np.full((len(values), self.facts_["outputs"], *frame.shape), np.nan, np.float32)
        at = np.flatnonzero(known)
        with torch.no_grad():
            for begin in range(0, len(at), _BLOCK):
                part = at[begin : begin + _BLOCK]
                small = net.maps(self.prepared(values[part]).to(device))
                made[part] = functional.interpolate(
                    small, frame.shape, mode="bilinear", align_corners=False
                ).cpu().numpy()  # fmt: skip
        kinds = self.facts_["names"] or list(range(self.facts_["outputs"]))
        coords: dict[Any, Any] = {dim: images.coords[dim] for dim in frame.dims}
        coords |= {**template.coords}
        drawn = xr.DataArray(
            made.reshape(*template.shape, *made.shape[1:]),
            dims=(*template.dims, "category", *frame.dims), attrs={"units": "1"},
            coords={**coords, "category": coordinate("category", kinds, "1", kind="channel")},
        )  # fmt: skip
        return self.recorded(drawn, "activation_maps", {"images": images}, dims=dims)

    def score(self, images: xr.DataArray, labels: Labels) -> float:
        """Return the part of the images whose class is told."""
        found = self.predict(images)["label"]
        wanted = aligned(labels, found, np.int64)
        return float((found.values.ravel() == wanted)[wanted >= 0].mean())


class Regressor(WholeImageEstimator):
    """Tell a number, or several, that belong to each image.

    Parameters
    ----------
    filters, dropout, normalise, device
        As for `Classifier`.
    """

    def fit(
        self,
        images: xr.DataArray,
        values: Labels,
        *,
        dims: tuple[str, str] | None = None,
        **training: Unpack[Training],
    ) -> Self:
        """Learn from images whose numbers are known.

        Parameters
        ----------
        images : DataArray, shape (..., y, x)
        values : array, shape (...) or (..., outputs)
            Images with NaN here or there are left out.
        dims : (str, str)
            The dimensions of the images; the last two spatial ones otherwise.
        **training
            Options of `train_network`.
        """
        frame = frame_of(images, 2, dims)
        pictures, known, template = examples_of(images, frame)
        wanted = np.asarray(values, np.float64)
        several = wanted.ndim == template.ndim + 1
        fits = several or wanted.ndim == template.ndim
        if wanted.shape[: template.ndim] != template.shape or not fits:
            message = f"expected numbers for each image {template.shape}, got {wanted.shape}"
            raise DataError(message)
        name = None
        if several:
            name = str(values.dims[-1]) if isinstance(values, xr.DataArray) else "output"
        wanted = wanted.reshape(template.size, -1)
        known &= np.isfinite(wanted).all(-1)
        if known.sum() < 2:
            message = f"of {len(known)} images {known.sum()} are known; at least 2 are needed"
            raise DataError(message)
        mean, std = wanted[known].mean(0), wanted[known].std(0)
        std = np.where(std > 0, std, 1.0)
        units = values.attrs.get("units") if isinstance(values, xr.DataArray) else None
        facts = {
            "frame": frame.as_json(), "outputs": wanted.shape[1], "mean": mean.tolist(),
            "std": std.tolist(), "units": units, "output": name,
        }  # fmt: skip
        data = Arrays(self.prepared(pictures[known]), ((wanted - mean) / std)[known])
        return self.train(_squares, data, facts, training)

    def predict(
        self,
        images: xr.DataArray,
        *,
        samples: int = 0,
        seed: int = 0,
        dims: tuple[str, str] | None = None,
    ) -> xr.Dataset:
        """Return the numbers of each image.

        Parameters
        ----------
        images : DataArray, shape (..., y, x)
        samples, seed, dims
            As for `Classifier.predict`.

        Returns
        -------
        Dataset, shape (...)
            ``value``, ``value_std`` over samples, and ``status``. NaN with status 4 (no data) for
            images with NaN.
        """
        found, known, template = self._numbers(images, dims, samples, seed)
        numbers = found * np.array(self.facts_["std"]) + np.array(self.facts_["mean"])
        last = () if self.facts_["output"] is None else (self.facts_["output"],)
        shape = template.shape if not last else (*template.shape, -1)
        told = {"value": numbers.mean(0)}
        if samples:
            told["value_std"] = numbers.std(0)
        status = xr.Variable(template.dims, status_of(known).reshape(template.shape))
        made = result(
            {}, template.coords, status=(status, "1"),
            **{
                name: (
                    xr.Variable((*template.dims, *last), each.reshape(shape)), self.facts_["units"]
                )
                for name, each in told.items()
            },
        )  # fmt: skip
        return self.recorded(made, "predict", {"images": images}, samples=samples, seed=seed)


def require_dropout(dropout: float) -> None:
    """Raise unless this is a part of the features."""
    if not 0 <= dropout < 1:
        message = f"dropout is a part of the features below 1, got {dropout!r}"
        raise DataError(message)


def aligned(labels: Labels, template: xr.DataArray, kind: Any) -> np.ndarray:
    """Return labels in the order of the examples."""
    values = labels
    if isinstance(labels, xr.DataArray) and set(labels.dims) == set(template.dims):
        values = labels.transpose(*template.dims)
    found = np.asarray(values)
    if found.shape != template.shape:
        message = f"expected a label for each image {template.shape}, got {found.shape}"
        raise DataError(message)
    if found.dtype.kind == "f":
        found = np.where(np.isfinite(found), found, -1)
    return found.astype(kind).ravel()


def status_of(known: np.ndarray) -> np.ndarray:
    """Return the status of examples that are known or not."""
    return np.where(known, Status.CONVERGED, Status.NO_DATA)


def cross_entropy(net: torch.nn.Module, batch: Batch, _: torch.Generator) -> torch.Tensor:
    """Return how unlikely the true classes are."""
    return functional.cross_entropy(net(batch[0]).float(), batch[1])


def _squares(net: torch.nn.Module, batch: Batch, _: torch.Generator) -> torch.Tensor:
    return ((net(batch[0]).float() - batch[1]) ** 2).mean()
