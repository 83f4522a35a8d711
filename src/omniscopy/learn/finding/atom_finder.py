"""Finding atoms by a network, and fitting all of them together."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Self, Unpack, get_args

import numpy as np
import torch
import xarray as xr

from omniscopy.atoms.finding.finding import MAX_ATOMS, Contrast
from omniscopy.atoms.finding.images import factor_to, grid_of
from omniscopy.atoms.scores import score_positions
from omniscopy.compute import map_signal
from omniscopy.compute.fitting.problem import LIKELIHOODS
from omniscopy.learn.devices import generator_of
from omniscopy.learn.finding.labelled import LabelledScenes, labelled_scene
from omniscopy.learn.finding.search import COLUMNS, NUMBERS, Asked, Search
from omniscopy.learn.finding.targets import centre_loss
from omniscopy.learn.models import Estimator
from omniscopy.learn.nets.centres import CentreNet
from omniscopy.learn.training import Training
from omniscopy.learn.weights.shipped import adopt_shipped
from omniscopy.model import DataError, coordinate, require_choice, result

Likelihood = Literal["auto", "gaussian", "poisson"]
# Sides of the parts of images that are learnt from, in pixels of the network.
_SIZE = 96


class AtomFinder(Estimator):
    """Find atoms by a network that was trained on simulated scenes, or is by `fit`.

    Parameters
    ----------
    classes : int
        Kinds of atoms that are told apart: 1, or 2 by their brightness with the weights that
        come with the package; as many as there are with `fit`.
    filters : int
        Channels of the first scale of the network.
    device : str
        "auto", "cpu", "cuda" and others of torch.

    Notes
    -----
    The image is brought to the width of atoms that the network knows, which its autocorrelation
    tells. For every cell of 2 by 2 pixels the network says how probable a centre is, where in
    it, and how sure it is of that. Centres are fitted to the image together, as
    `atoms.refine_atoms` does; where a fit says less than the network, its place is taken.

    Examples
    --------
    >>> import omniscopy as om
    >>> scene = om.simulate.atom_scene((96, 96))
    >>> atoms = om.learn.AtomFinder().predict(scene)
    >>> float(om.atoms.score_positions(atoms, om.simulate.true_atoms(scene), margin=0.08)["f1"])
    1.0
    """

    inputs: ClassVar[tuple[str, ...]] = ("image",)
    outputs: ClassVar[tuple[str, ...]] = ("cells",)

    def __init__(self, *, classes: int = 1, filters: int = 24, device: str = "auto") -> None:
        self.classes = classes
        self.filters = filters
        self.device = device

    def make_network(self) -> torch.nn.Module:
        """Return a network with weights drawn at random."""
        net = CentreNet(filters=self.filters, classes=self.classes)
        # Several times as quick on processors.
        return net.to(memory_format=torch.channels_last)

    def example_input(self) -> tuple[torch.Tensor, ...]:
        """Return two images of noise."""
        return (torch.randn((2, 1, _SIZE, _SIZE), generator=generator_of(0)),)

    def ready(self) -> tuple[torch.nn.Module, torch.device]:
        """Return the network, that of the package where nothing else was learnt, and its device."""
        if not hasattr(self, "net_"):
            adopt_shipped(self, "atoms_generic" if self.classes == 1 else "atoms_two_class")
        return super().ready()

    def fit(
        self,
        images: xr.DataArray | Sequence[xr.DataArray],
        positions: xr.Dataset | Sequence[xr.Dataset],
        *,
        examples: int = 500,
        contrast: Contrast = "bright",
        **training: Unpack[Training],
    ) -> Self:
        """Learn from images whose atoms are known.

        Parameters
        ----------
        images : DataArray, shape (y, x), or a sequence of them
        positions : Dataset, or as many of them
            ``y`` and ``x`` along ``atom``, and ``kind`` if there are several classes.
        examples : int
            Parts of the images that make an epoch, cut out, turned and mirrored at random.
        contrast : {"bright", "dark"}
            What atoms are.
        **training
            Options of `train_network`, such as ``epochs`` and ``seed``.
        """
        pictures = [images] if isinstance(images, xr.DataArray) else list(images)
        tables = [positions] if isinstance(positions, xr.Dataset) else list(positions)
        if len(pictures) != len(tables) or not pictures:
            message = (
                "expected a table of positions for each image, at least one, got "
                f"{len(pictures)} images and {len(tables)} tables"
            )
            raise DataError(message)
        scenes = [
            labelled_scene(image, table, classes=self.classes, dark=contrast == "dark")
            for image, table in zip(pictures, tables, strict=True)
        ]
        return self.train(centre_loss, LabelledScenes(scenes, examples, _SIZE), {}, training)

    def predict(
        self,
        image: xr.DataArray,
        *,
        spacing: float | None = None,
        threshold: float | None = None,
        contrast: Contrast = "bright",
        refine: bool = True,
        likelihood: Likelihood = "auto",
        max_atoms: int = MAX_ATOMS,
        dims: tuple[str, str] | None = None,
    ) -> xr.Dataset:
        """Find the atoms of every image.

        Parameters
        ----------
        image : DataArray, shape (..., y, x), any units
            Lazy or in memory, on a uniform grid; NaN where nothing was measured.
        spacing : float, units of the coordinates
            About the distance of nearest atoms; not needed unless the image does not tell.
        threshold : float
            Probability of an atom, at least; otherwise that of the highest expected F1.
        contrast : {"bright", "dark"}
            Whether atoms are brighter than their surroundings or darker.
        refine : bool
            Fit all atoms to the image; otherwise places are those of the network.
        likelihood : {"auto", "gaussian", "poisson"}
            Of the fit: "auto" takes counts for what they are.
        max_atoms : int
            Only the most probable ones are returned.
        dims : (str, str)
            The dimensions of the images; the last two spatial ones otherwise.

        Returns
        -------
        Dataset, shape (..., atom)
            By rows: ``y`` and ``x`` with ``_std``; ``intensity`` above the surroundings with
            ``_std``, its ``signal_to_noise``, ``probability`` and ``kind``. Of each image: the
            median ``spacing`` of nearest atoms, their ``width`` (standard deviation), the
            ``threshold`` of the probability, ``count`` before the limit, and ``status``: 4 (no
            data) without a finite pixel. Of a single image in memory as many atoms as there are;
            otherwise `max_atoms` with NaN after the last one.
        """
        grid = grid_of(image, dims)
        require_choice("contrast", contrast, get_args(Contrast))
        require_choice("likelihood", likelihood, ("auto", *LIKELIHOODS))
        _require_numbers(spacing, threshold, max_atoms)
        net, device = self.ready()
        asked = Asked(
            None if spacing is None else spacing / grid.unit, threshold, contrast == "dark",
            refine, likelihood, max_atoms,
        )  # fmt: skip
        calibration = self.facts_.get("calibration", [1.0, 0.0])
        search = Search(
            net, device, grid, asked, (float(calibration[0]), float(calibration[1])),
            float(self.facts_.get("spread", 1.0)),
        )  # fmt: skip
        made = map_signal(
            search.run, image, dim=grid.dims,
            output_dims=[{"atom": max_atoms}] * len(COLUMNS) + [{}] * (len(NUMBERS) + 2),
            dtypes=[np.float64] * (len(COLUMNS) + len(NUMBERS)) + [np.int64, np.uint8],
        )  # fmt: skip
        columns = dict(zip((*COLUMNS, *NUMBERS, "count", "status"), made, strict=True))
        values = image.attrs.get("units")
        units = {
            **dict.fromkeys(("y", "x", "y_std", "x_std", "spacing", "width"), grid.units),
            "intensity": values, "intensity_std": values,
        }  # fmt: skip
        found = result(
            None, **{name: (each, units.get(name, "1")) for name, each in columns.items()}
        )
        found = found.assign_coords(atom=coordinate("atom", np.arange(max_atoms), "1"))
        if image.ndim == 2 and image.chunks is None:
            found = found.isel(atom=slice(min(int(found["count"]), max_atoms)))
        return self.recorded(
            found, "predict", {"image": image}, spacing=spacing, threshold=threshold,
            contrast=contrast, refine=refine, likelihood=likelihood, max_atoms=max_atoms,
            dims=dims,
        )  # fmt: skip

    def predict_map(
        self, image: xr.DataArray, *, spacing: float | None = None, contrast: Contrast = "bright",
        dims: tuple[str, str] | None = None,
    ) -> xr.DataArray:  # fmt: skip
        """Return the probability that the centre of an atom is in a pixel, or near to it.

        Parameters
        ----------
        image, spacing, contrast, dims
            As `predict` takes them; the image is in memory and has no further dimensions.

        Returns
        -------
        DataArray, shape (y, x)
        """
        grid = grid_of(image, dims)
        if image.ndim != 2:
            message = f"expected one image, got {dict(image.sizes)}; take one with `isel`"
            raise DataError(message)
        net, device = self.ready()
        asked = Asked(
            None if spacing is None else spacing / grid.unit, None, contrast == "dark", False,  # noqa: FBT003
            "auto", 1,
        )  # fmt: skip
        search = Search(net, device, grid, asked, (1.0, 0.0), 1.0)
        plane = image.transpose(*grid.dims)
        values = search.map_of(np.asarray(plane.values, np.float64))
        made = plane.copy(data=values)
        made.attrs = {
            "units": "1", "long_name": "Probability of an atom", "quantity": "probability",
            "signal_type": "image",
        }  # fmt: skip
        return self.recorded(
            made, "predict_map", {"image": image}, spacing=spacing, contrast=contrast, dims=dims
        )

    def score(
        self, image: xr.DataArray, truth: xr.Dataset, *, max_distance: float | None = None,
        margin: float = 0.0, **options: Any,
    ) -> float:  # fmt: skip
        """Return the F1 of the atoms found in an image; `atoms.score_positions` says more."""
        found = self.predict(image, **options)
        if not found.sizes["atom"]:
            return 0.0
        factor_to(truth, grid_of(image, options.get("dims")))
        scored = score_positions(found, truth, max_distance=max_distance, margin=margin)
        return float(scored["f1"])


def _require_numbers(spacing: float | None, threshold: float | None, max_atoms: int) -> None:
    if spacing is not None and not spacing > 0:
        message = f"spacing must be above 0, in the units of the coordinates, got {spacing!r}"
        raise DataError(message)
    if threshold is not None and not 0 < threshold < 1:
        message = f"threshold is a probability between 0 and 1, got {threshold!r}"
        raise DataError(message)
    if max_atoms < 1:
        message = f"max_atoms must be at least 1, got {max_atoms!r}"
        raise DataError(message)
