"""Weights of published networks, read without running anything that is in their files."""

import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
import xarray as xr
from safetensors import SafetensorError, safe_open

from omniscopy.compute import map_signal
from omniscopy.io.errors import FormatError
from omniscopy.learn.atomai.networks import BLOCKS, PublishedNet, architecture_of, layer_of
from omniscopy.learn.devices import generator_of
from omniscopy.learn.models import Estimator
from omniscopy.learn.tiling import TILE, apply_tiled
from omniscopy.model import DataError, coordinate, require_plane, require_real, result

_MOST = 2**30
_SETTINGS = ("upsampling", "nb_classes", "model", "model_type")


class PublishedSegmenter(Estimator):
    """A segmentation network that was trained elsewhere; `import_atomai` makes it.

    Parameters
    ----------
    device : str
        "auto", "cpu", "cuda" and others of torch.
    """

    inputs: ClassVar[tuple[str, ...]] = ("image",)
    outputs: ClassVar[tuple[str, ...]] = ("scores",)

    def __init__(self, *, device: str = "auto") -> None:
        self.device = device

    def make_network(self) -> torch.nn.Module:
        """Return a network of the published shapes."""
        facts = self.facts_
        return PublishedNet(
            facts["architecture"], facts["shapes"], normalised=facts["normalised"],
            upsampling=facts["upsampling"],
        )  # fmt: skip

    def example_input(self) -> tuple[torch.Tensor, ...]:
        """Return two images of noise."""
        return (torch.rand((2, 1, 32, 32), generator=generator_of(0)),)

    def predict(
        self,
        images: xr.DataArray,
        *,
        dims: tuple[str, str] | None = None,
        tile: int = TILE,
    ) -> xr.Dataset:
        """Return how probable each class is at every pixel.

        Parameters
        ----------
        images : DataArray, shape (..., y, x)
            Lazy or in memory, of about the pixels that the network was trained with: tell them by
            `signal.interpolate`. NaN where nothing was measured.
        dims : (str, str)
            The dimensions of the images; the last two spatial ones otherwise.
        tile : int
            Side of what the network sees at once, in pixels.

        Returns
        -------
        Dataset, shape (..., y, x)
            ``probability`` along ``class``; with several classes the last one is the background.

        Notes
        -----
        Each image is brought to 0 and 1 at its least and greatest value, on its own, and continued
        by its mirror image.
        """
        require_real(images)
        dims = require_plane(images, dims, kind="spatial", at_least=1)
        self.ready()
        sizes = {dim: images.sizes[dim] for dim in dims}
        count = self.facts_["classes"]
        (made,) = map_signal(
            self._named, images, dim=dims, output_dims=[{"class": count, **sizes}],
            dtypes=[np.float32], parameters={"tile": tile},
        )  # fmt: skip
        kept = {dim: images.coords[dim] for dim in dims if dim in images.coords}
        numbers = coordinate("class", np.arange(count), "1", kind="channel", quantity="class")
        found = result(None, probability=(made, "1")).assign_coords(kept)
        found = found.assign_coords({"class": numbers})
        return self.recorded(found, "predict", {"images": images}, dims=dims, tile=tile)

    def _named(self, block: np.ndarray, *, tile: int) -> np.ndarray:
        net, device = self.ready()
        outer, size = block.shape[:-2], block.shape[-2:]
        made = np.full((*outer, self.facts_["classes"], *size), np.nan, np.float32)
        for place in np.ndindex(*outer):
            image = np.asarray(block[place], np.float64)
            known = np.isfinite(image)
            if not known.any():
                continue
            low, high = image[known].min(), image[known].max()
            values = (np.where(known, image, low) - low) / (high - low if high > low else 1.0)
            with torch.inference_mode():
                scores = apply_tiled(
                    net, torch.from_numpy(values.astype(np.float32))[None],
                    block=BLOCKS[self.facts_["architecture"]], tile=tile, overlap=tile // 8,
                    device=device,
                )  # fmt: skip
            share = scores.sigmoid() if len(scores) == 1 else scores.softmax(0)
            made[place] = np.where(known, share.numpy(), np.nan)
        return made


def import_atomai(path: str | Path) -> PublishedSegmenter:
    """Return a segmentation network of atomAI or AICrystallographer.

    Parameters
    ----------
    path : path
        Weights as ``.safetensors``, or as ``.pt`` or ``.tar`` if they hold nothing but tensors and
        plain settings.

    Returns
    -------
    PublishedSegmenter
        U-Net, dilated network, SegResNet (atomAI), atomsegnet, ferronet, resatomsegnet and Sniffer
        (AICrystallographer), whatever their size. ``save`` writes it as a model of this package.

    Raises
    ------
    FormatError
        The file is damaged, or would have to be unpickled: such files may run anything. Write the
        weights anew where they can be trusted, with
        ``torch.save({"weights": net.state_dict()}, path)``.
    DataError
        The weights are those of no network that is known.
    """
    path = Path(path)
    if not path.is_file():
        message = f"{path} is not there"
        raise FileNotFoundError(message)
    tensors, settings = _tensors_of(path)
    # Layers that were made and never used.
    wanted = {
        name: each for name, each in tensors.items() if ".conv_t." not in name
    }  # fmt: skip
    architecture = architecture_of({name: list(each.shape) for name, each in wanted.items()})
    seen = [each for name, each in wanted.items() if name.endswith("num_batches_tracked")]
    normalised = any(int(each) > 0 for each in seen)
    shapes = {name: list(each.shape) for name, each in wanted.items()}
    last = "last_layer" if architecture == "sniffer" else "px"
    facts = {
        "architecture": architecture, "normalised": normalised, "shapes": shapes,
        "upsampling": str(settings.get("upsampling", "bilinear")),
        "classes": shapes[f"{last}.weight"][0],
    }  # fmt: skip
    named = {
        f"layers.{layer_of(name)}.{name.rpartition('.')[2]}": each for name, each in wanted.items()
    }
    about = {"source": path.name, **{k: v for k, v in settings.items() if k in _SETTINGS}}
    try:
        return PublishedSegmenter().adopt(facts, named, about)
    except (KeyError, RuntimeError) as error:
        message = f"the weights do not make a {architecture} ({error})"
        raise DataError(message) from error


def _tensors_of(path: Path) -> tuple[dict[str, torch.Tensor], Mapping[str, Any]]:
    """Return tensors by their names, and plain settings that are kept with them."""
    if path.suffix == ".safetensors":
        try:
            with safe_open(path, "pt") as file:
                return {name: file.get_tensor(name) for name in file.keys()}, {}  # noqa: SIM118
        except SafetensorError as error:
            message = f"the weights are damaged ({error})"
            raise FormatError(message, path=path) from error
    if path.stat().st_size > _MOST:
        message = f"{path.stat().st_size} bytes are more than the {_MOST} that weights may have"
        raise FormatError(message, path=path)
    try:
        with warnings.catch_warnings():
            # Of formats that other programs write: whatever is not read is refused below.
            warnings.simplefilter("ignore", UserWarning)
            told = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        message = (
            "it holds more than tensors and plain settings, or is damaged; files that have to be "
            "unpickled may run anything and are not read. Where it can be trusted, write it anew: "
            'torch.save({"weights": net.state_dict()}, path)'
        )
        raise FormatError(message, path=path) from error
    settings: Mapping[str, Any] = {}
    if isinstance(told, Mapping) and isinstance(told.get("weights"), Mapping):
        settings, told = told, told["weights"]
    if not isinstance(told, Mapping) or not all(
        isinstance(each, torch.Tensor) for each in told.values()
    ):
        message = "expected tensors by their names, or such as 'weights'"
        raise FormatError(message, path=path)
    plain = {name: each for name, each in settings.items() if isinstance(each, str | int | float)}
    return dict(told), plain
