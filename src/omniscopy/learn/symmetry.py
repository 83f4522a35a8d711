"""Plane lattices told apart by the spots of their Fourier transforms."""

import math
from typing import Self, Unpack

import numpy as np
import torch
import xarray as xr
from torch.nn import functional

from omniscopy.atoms.finding.scales import scales_of
from omniscopy.learn.batches import Arrays, Batch
from omniscopy.learn.devices import generator_of
from omniscopy.learn.lattices import LATTICES, lattice_images
from omniscopy.learn.nets.encoders import SpectrumNet
from omniscopy.learn.training import Training
from omniscopy.learn.vae.patches import Frame, frame_of
from omniscopy.learn.weights.shipped import adopt_shipped
from omniscopy.learn.whole_images import Classifier, cross_entropy, require_dropout
from omniscopy.model import DataError, require_plane, require_real

# Part of the frequencies that is kept, on either side of 0.
_KEPT = 0.5
# Distance of nearest columns that images of other sizes are brought to, in pixels: lattice vectors
# are up to twice as long.
_APART = 6.5
_BLOCK = 600


class SymmetryClassifier(Classifier):
    """Tell which of the five plane lattices an image shows, if any.

    The weights of the package are taken unless something else is learnt.

    Parameters
    ----------
    filters, dropout, normalise, device
        As for `Classifier`; with dropout, ``predict(samples=...)`` tells how sure it is.

    Notes
    -----
    The network sees the logarithm of the amplitudes of the Fourier transform, which is the same
    wherever the lattice begins, of parts of 64 by 64 pixels.

    Examples
    --------
    >>> import omniscopy as om
    >>> image = om.simulate.atom_scene((128, 128), structure="honeycomb", spacing=0.12)
    >>> found = om.learn.SymmetryClassifier().predict(image)
    >>> str(found["category"].values[int(found["label"])])
    'hexagonal'
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

    def ready(self) -> tuple[torch.nn.Module, torch.device]:
        """Return the network, that of the package where nothing else was learnt, and its device."""
        if not hasattr(self, "net_"):
            adopt_shipped(self, "bravais")
        return super().ready()

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
        draw = np.random.default_rng(int(options.get("seed", 0)))
        spectra, labels = [], []
        for begin in range(0, examples, _BLOCK):
            images, own = lattice_images(min(_BLOCK, examples - begin), rng=draw)
            spectra.append(self.prepared(images.values))
            labels.append(own)
        facts = {
            "frame": frame_of(images, 2, None).as_json(), "outputs": len(LATTICES),
            "names": list(LATTICES),
        }  # fmt: skip
        data = Arrays(torch.cat(spectra), np.concatenate(labels), augment=_mirrored)
        return self.train(cross_entropy, data, facts, options)

    def prepared(self, values: np.ndarray) -> torch.Tensor:
        """Return the spectra of images."""
        rows, columns = values.shape[-2:]
        flat = values - values.mean((-2, -1), keepdims=True)
        taper = np.hanning(rows + 2)[1:-1, None] * np.hanning(columns + 2)[1:-1]
        spectrum = np.fft.fftshift(np.abs(np.fft.fft2(flat * taper)), axes=(-2, -1))
        mean = spectrum.mean((-2, -1), keepdims=True)
        logs = np.log1p(spectrum / np.where(mean > 0, mean, 1.0))
        edge = round(rows * (1 - _KEPT) / 2)
        # The other half is the same, turned by 180 degrees.
        half = slice(columns // 2, columns - round(columns * (1 - _KEPT) / 2))
        return super().prepared(logs[..., edge : rows - edge, half])

    def make_network(self) -> torch.nn.Module:
        """Return a network with weights drawn at random."""
        require_dropout(self.dropout)
        net = SpectrumNet(
            self.example_input()[0].shape[-2:], self.facts_["outputs"], filters=self.filters,
            dropout=self.dropout,
        )  # fmt: skip
        return net.to(memory_format=torch.channels_last)

    def example_input(self) -> tuple[torch.Tensor, ...]:
        """Return two spectra of noise."""
        shape = (2, *self.facts_["frame"]["shape"])
        noise = torch.randn(shape, generator=generator_of(0), dtype=torch.float64)
        return (self.prepared(noise.numpy()),)

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
            Of 64 by 64 square pixels of any size, with columns 5 to 13 of them apart; others are
            brought to a scale at which they are, by their autocorrelation, and seen in the
            middle. `image.sliding_windows` cuts large images, for a map of lattices.
        samples, seed, dims
            As for `Classifier.predict`.
        """
        return super().predict(self.framed(images, dims), samples=samples, seed=seed)

    def activation_maps(
        self,
        images: xr.DataArray,  # noqa: ARG002
        *,
        dims: tuple[str, str] | None = None,  # noqa: ARG002
    ) -> xr.DataArray:
        """Refuse: the network sees no places."""
        message = "the network sees frequencies; what it says belongs to no place of an image"
        raise DataError(message)

    def framed(self, images: xr.DataArray, dims: tuple[str, str] | None = None) -> xr.DataArray:
        """Return images as the network knows them, at the scale of what it has learnt from."""
        require_real(images)
        dims = require_plane(images, dims, kind="spatial", at_least=4)
        steps = np.abs(frame_of(images, 2, dims).steps)
        self.ready()
        known = Frame.from_json(self.facts_["frame"])
        plane = images.transpose(..., *dims)
        if not math.isclose(*steps, rel_tol=1e-3) or plane.shape[-2:] != known.shape:
            values = np.asarray(plane.values, np.float64)
            values = values.reshape(-1, *values.shape[-2:])
            aspect = (steps[0] / min(steps), steps[1] / min(steps))
            made = np.stack([_scaled(each, aspect, known.shape) for each in values])
            made = made.reshape(*plane.shape[:-2], *known.shape)
            outer = {
                name: each for name, each in plane.coords.items() if not set(each.dims) & set(dims)
            }
            plane = xr.DataArray(made, dims=plane.dims, coords=outer, attrs=plane.attrs)
        return plane.assign_coords(known.coordinates(dims))


def _mirrored(spectra: torch.Tensor, labels: torch.Tensor, *, generator: torch.Generator) -> Batch:
    """Return spectra of which about half are those of mirror images."""
    chosen = torch.rand(len(spectra), generator=generator) < 0.5
    # From the frequency -n to n - 1: that of 0 stays where it is.
    mirrored = spectra.flip(-2).roll(1, -2)
    return torch.where(chosen[:, None, None, None], mirrored, spectra), labels


def _scaled(image: np.ndarray, aspect: tuple[float, float], shape: tuple[int, ...]) -> np.ndarray:
    """Return the middle of an image of any size, nearest columns 6.5 pixels apart.

    Of small images with few columns, all is seen.
    """
    if not np.isfinite(image).all():
        return np.full(shape, np.nan)
    sizes = [size * step for size, step in zip(image.shape, aspect, strict=True)]
    whole = max(side / size for side, size in zip(shape, sizes, strict=True))
    apart = scales_of(image - float(np.median(image)), aspect).spacing
    factor = max(whole, _APART / apart) if np.isfinite(apart) else whole
    size = [max(side, round(factor * each)) for side, each in zip(shape, sizes, strict=True)]
    values = torch.from_numpy(np.ascontiguousarray(image, np.float32))[None, None]
    made = functional.interpolate(
        values, size=size, mode="bilinear", align_corners=False, antialias=True
    )[0, 0].numpy()
    begin = [(each - side) // 2 for each, side in zip(made.shape, shape, strict=True)]
    return np.asarray(made[begin[0] : begin[0] + shape[0], begin[1] : begin[1] + shape[1]])
