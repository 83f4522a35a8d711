"""What all networks have in common: parameters, training, predictions with a history, files."""

import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
import torch
import xarray as xr
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from omniscopy.learn.batches import Batches
from omniscopy.learn.devices import device_of, seeded
from omniscopy.learn.storage import write
from omniscopy.learn.training import Loss, Training, train_network
from omniscopy.model import DataError, encode
from omniscopy.model.digests import digest_bytes, digest_json
from omniscopy.model.parameters import public_name
from omniscopy.model.provenance import environment, record

# Options of a training that change nothing of what is learnt.
WITHOUT_EFFECT = ("callbacks", "checkpoint", "resume", "progress")

Labelled = TypeVar("Labelled", xr.DataArray, xr.Dataset)


class Estimator(BaseEstimator):
    """A network with settings, in the manner of scikit-learn.

    A class of its own has settings as keyword arguments of ``__init__``, kept as they are, and
    ``device``; `make_network`, which makes the network of `facts_` (what was learnt of the shape
    of the data, plain JSON); and ``fit``, which calls `train`.

    Attributes
    ----------
    facts_ : dict
        What the network is made of beside the settings: channels, classes, sizes.
    net_ : Module
        The network; all that is learnt is in it, as parameters or buffers.
    history_ : Dataset, dimension epoch
        How the training went.
    about_ : dict
        Where the weights are from: recipe, seed, digest of the data, scores, licence.
    """

    device: str
    # Names of what the network takes and gives, as exported.
    inputs: ClassVar[tuple[str, ...]] = ("input",)
    outputs: ClassVar[tuple[str, ...]] = ("output",)

    def make_network(self) -> torch.nn.Module:
        """Return a network with weights drawn at random, from settings and `facts_`."""
        raise NotImplementedError

    def example_input(self) -> tuple[torch.Tensor, ...]:
        """Return something the network can be called with."""
        raise NotImplementedError

    def train(self, loss: Loss, data: Batches, facts: Mapping[str, Any], options: Training) -> Self:
        """Make the network and train it.

        Parameters
        ----------
        loss : callable
            As `train_network` takes.
        data : Batches
        facts : mapping
            What `make_network` needs to know of the data, plain JSON.
        options : Training
            Options of `train_network`; ``device`` is that of the settings.
        """
        given: dict[str, Any] = dict(options)
        start = given.pop("start", None)
        given.setdefault("device", getattr(self, "device", "auto"))
        unknown = set(given) - set(inspect.signature(train_network).parameters)
        if unknown:
            message = (
                f"there are no options {sorted(unknown)} of training; there are "
                f"{sorted(Training.__annotations__)}"
            )
            raise DataError(message)
        self.facts_ = json.loads(json.dumps(dict(facts)))
        with seeded(int(given.get("seed", 0))):
            net = self.make_network()
        if start is not None:
            if not isinstance(start, Estimator):
                message = f"start is a model to train further, got {start!r:.200}"
                raise DataError(message)
            begun, _ = start.ready()
            began = start.digest
            net.load_state_dict(_fitting(begun.state_dict(), net, type(self).__name__))
        self.history_ = train_network(net, loss, data, **given)
        self.net_ = net
        self.about_: dict[str, Any] = {"training": _plain_options(given, len(data))}
        if start is not None:
            self.about_["start"] = began
        return self

    def adopt(
        self,
        facts: Mapping[str, Any],
        tensors: Mapping[str, torch.Tensor],
        about: Mapping[str, Any] | None = None,
    ) -> Self:
        """Take weights that were learnt elsewhere; raise unless they fit."""
        self.facts_ = dict(facts)
        with seeded(0):
            net = self.make_network()
        net.load_state_dict(_fitting(tensors, net, type(self).__name__))
        self.net_, self.about_ = net.eval(), dict(about or {})
        return self

    def ready(self) -> tuple[torch.nn.Module, torch.device]:
        """Return the network, ready to predict, and the device it is on.

        Raises
        ------
        NotFittedError
            Nothing was learnt yet.
        """
        if not hasattr(self, "net_"):
            name = type(self).__name__
            message = (
                f"this {name} has learnt nothing yet; call its fit, or load one with "
                "omniscopy.learn.load"
            )
            raise NotFittedError(message)
        device = device_of(getattr(self, "device", "auto"))
        return self.net_.to(device).eval(), device

    def exported(self) -> torch.nn.Module:
        """Return the network as other programs get it: with operators that all of them know."""
        return self.ready()[0]

    @property
    def digest(self) -> str:
        """Return what tells models apart: settings, facts and weights."""
        self.ready()
        parts = [digest_json([public_name(type(self)), self.settings, self.facts_]).encode()]
        for name, each in sorted(self.net_.state_dict().items()):
            values = each.detach().cpu().contiguous().numpy()
            parts += [name.encode(), np.ascontiguousarray(values).tobytes()]
        return digest_bytes(*parts)

    @property
    def settings(self) -> dict[str, Any]:
        """Return the parameters as plain JSON."""
        return {name: encode(value) for name, value in self.get_params(deep=False).items()}

    def recorded(
        self, made: Labelled, method: str, inputs: Mapping[str, Any], **parameters: Any
    ) -> Labelled:
        """Return a prediction with a record of the call, the digest of the model included."""
        called = {
            "model": self.digest, "settings": self.settings,
            **{name: encode(value) for name, value in parameters.items()},
        }  # fmt: skip
        own = {name: each for name, each in inputs.items() if each is not None}
        return record(made, f"{public_name(type(self))}.{method}", parameters=called, inputs=own)

    def save(self, path: str | Path, *, overwrite: bool = False, half: bool = False) -> Path:
        """Write ``model.json`` and ``weights.safetensors`` to a folder, or a file ``.zip``.

        Parameters
        ----------
        path : path
            A folder to be, or a file ``.zip``.
        overwrite : bool
            Replace what is there.
        half : bool
            Keep weights in half precision, in half the room; the model itself is rounded too.

        Returns
        -------
        Path

        Raises
        ------
        FileExistsError
            There is something and `overwrite` is false.
        DataError
            A setting cannot be written as plain JSON.
        """
        path = Path(path)
        self.ready()
        if half:
            self.net_.load_state_dict(
                {name: _halved(each) for name, each in self.net_.state_dict().items()}
            )
        settings = self.settings
        for name, value in settings.items():
            if "unrecorded" in json.dumps(value):
                message = (
                    f"the setting {name}={value.get('text', value)!r} cannot be written to a file"
                )
                raise DataError(message)
        told = {
            "class": public_name(type(self)), "settings": settings,
            "facts": self.facts_, "about": self.about_, "digest": self.digest,
            "environment": {**environment(), "torch": str(torch.__version__)},
        }  # fmt: skip
        tensors = {
            name: (_shrunk(each) if half else each.detach().cpu()).contiguous()
            for name, each in self.net_.state_dict().items()
        }
        write(path, told, tensors, overwrite=overwrite)
        return path


def _fitting(
    tensors: Mapping[str, torch.Tensor], net: torch.nn.Module, name: str
) -> dict[str, torch.Tensor]:
    """Return weights in the number type of a network; raise unless they fit it."""
    wanted = net.state_dict()
    odd = sorted(wanted.keys() ^ tensors.keys())
    odd += [
        each for each in sorted(wanted.keys() & tensors.keys())
        if wanted[each].shape != tensors[each].shape
    ]  # fmt: skip
    if odd:
        message = (
            f"these weights do not fit {name}: {odd[:5]} are missing, unknown or of another shape"
        )
        raise DataError(message)
    return {each: values.to(wanted[each].dtype) for each, values in tensors.items()}


def _plain_options(options: Mapping[str, Any], count: int) -> dict[str, Any]:
    """Return options of a training that say how it went, as plain JSON."""
    told = {
        name: encode(value) for name, value in options.items()
        if isinstance(value, int | float | str | bool | list | tuple)
        and name not in WITHOUT_EFFECT
    }  # fmt: skip
    return {**told, "examples": count}


def _halved(values: torch.Tensor) -> torch.Tensor:
    return values.half().to(values.dtype) if values.is_floating_point() else values


def _shrunk(values: torch.Tensor) -> torch.Tensor:
    found = values.detach().cpu()
    return found.half() if found.is_floating_point() else found
