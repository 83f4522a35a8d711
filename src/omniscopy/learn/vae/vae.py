"""Variational autoencoders: what an object is, apart from how it lies in the image."""

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Self, Unpack

import numpy as np
import torch
import xarray as xr

from omniscopy.image import sliding_windows
from omniscopy.learn.batches import Arrays
from omniscopy.learn.devices import generator_of
from omniscopy.learn.models import Estimator
from omniscopy.learn.training import Training
from omniscopy.learn.vae.films import Film
from omniscopy.learn.vae.gauges import Gauge, kinds_of
from omniscopy.learn.vae.losses import Bound, one_hot
from omniscopy.learn.vae.networks import Code, PoseVAE
from omniscopy.learn.vae.patches import Frame, frame_of, require_frame, rows_of
from omniscopy.learn.vae.poses import SCALE, SHIFT, Poses, turned
from omniscopy.model import DataError, Status, coordinate, labelled, require_choice, result

# Pixels that anchors are told apart by, and patches that are encoded at a time.
_JUDGED, _BLOCK = 128, 128
# Part of the training in which objects are taken as they lie, more and more freely.
_WARM_UP = 0.1


class VAE(Estimator):
    """Encode patches or spectra as few numbers, apart from angle, shift and scale.

    Parameters
    ----------
    latent_dim : int
        Numbers that say what an object is.
    rotation : bool or float, degrees
        Objects are turned: by any angle, or by angles of this standard deviation about 0.
    translation : bool or float, units of the coordinates
        Objects are shifted by distances of this standard deviation; a tenth of half the width
        where it is true.
    scale : bool or float
        Objects are larger and smaller; the standard deviation of the logarithm, 0.1 where true.
    shift : bool or float, units of the coordinate
        As `translation`, for spectra and other curves.
    discrete : int or sequence of int
        Kinds of one or more discrete variables.
    classes : int
        Kinds of a discrete variable that is known for some or all examples (`labels` of `fit`).
    hidden, layers : int
        Features and layers of encoder and decoder.
    encoder : {"dense", "convolutional"}
        See all pixels at once, or their surroundings first.
    decoder : {"points", "convolutional"}
        Draw single points, or the whole object, which is looked up between its pixels.
    anchors : int
        Angles that are tried out where objects are turned.
    pixels : float
        Part of the pixels that is drawn for each example and step.
    noise : float, optional
        Standard deviation of the noise, in parts of that of the data; learnt otherwise.
    capacity : (float, float, int), optional
        Nats, weight and steps: the divergence is held near a number that rises up to the first.
    label_weight : float
        Weight of classes that are given.
    device : str
        "auto", "cpu", "cuda" and others of torch.

    Notes
    -----
    The encoder sees each image turned to every anchor, which its first layer is turned for. Which
    anchor is taken is drawn from how well the decoder explains the image with each, so that the
    angle does not stick where it began; within an anchor, angle, shift, scale and code are normal
    distributions, as usual [1]_ [2]_. The decoder gives the value at any point [3]_, so that some
    pixels are enough in each step: the gradient is right in the mean. The variance of the noise
    follows what the decoder leaves over; standard deviations that are returned are of the
    posterior.

    An orientation is relative: the decoder may keep objects of different codes differently
    turned. Shifts, and angles with a standard deviation of `rotation`, are counted from the mean of
    similar objects; where any angle is as likely, from one that is constant for similar objects.

    References
    ----------
    .. [1] D. P. Kingma and M. Welling, *Auto-encoding variational Bayes*, ICLR (2014).
    .. [2] A. Nasiri and T. Bepler, *Unsupervised object representation learning using
       translation and rotation group equivariant VAE*, NeurIPS (2022).
    .. [3] T. Bepler et al., *Explicitly disentangling image content from translation and
       rotation with spatial-VAE*, NeurIPS (2019).
    """

    inputs: ClassVar[tuple[str, ...]] = ("patch",)
    outputs: ClassVar[tuple[str, ...]] = ("code",)

    def __init__(  # noqa: PLR0913 - the settings
        self,
        *,
        latent_dim: int = 2,
        rotation: bool | float = False,
        translation: bool | float = False,
        scale: bool | float = False,
        shift: bool | float = False,
        discrete: int | Sequence[int] = (),
        classes: int = 0,
        hidden: int = 128,
        layers: int = 2,
        encoder: Literal["dense", "convolutional"] = "dense",
        decoder: Literal["points", "convolutional"] = "points",
        anchors: int = 8,
        pixels: float = 0.15,
        noise: float | None = None,
        capacity: tuple[float, float, int] | None = None,
        label_weight: float = 10.0,
        device: str = "auto",
    ) -> None:
        self.latent_dim = latent_dim
        self.rotation = rotation
        self.translation = translation
        self.scale = scale
        self.shift = shift
        self.discrete = discrete
        self.classes = classes
        self.hidden = hidden
        self.layers = layers
        self.encoder = encoder
        self.decoder = decoder
        self.anchors = anchors
        self.pixels = pixels
        self.noise = noise
        self.capacity = capacity
        self.label_weight = label_weight
        self.device = device

    @property
    def categories(self) -> tuple[int, ...]:
        """Return the kinds of all discrete variables, classes first."""
        discrete = (self.discrete,) if isinstance(self.discrete, int) else tuple(self.discrete)
        return tuple(int(each) for each in (self.classes, *discrete) if each)

    def make_network(self) -> PoseVAE:
        """Return a network with weights drawn at random."""
        require_choice("encoder", self.encoder, ("dense", "convolutional"))
        require_choice("decoder", self.decoder, ("points", "convolutional"))
        facts, frame = self.facts_, Frame.from_json(self.facts_["frame"])
        net = PoseVAE(
            frame.shape, frame.extent, Poses.from_json(facts["poses"]), latent=self.latent_dim,
            categories=self.categories, hidden=self.hidden, layers=self.layers, mean=facts["mean"],
            std=facts["std"], noise=self.noise,
            convolutions=(self.encoder == "convolutional", self.decoder == "convolutional"),
        )  # fmt: skip
        net.gauge = Gauge(facts["kinds"], self.latent_dim + sum(self.categories), len(frame.shape))
        return net

    def example_input(self) -> tuple[torch.Tensor, ...]:
        """Return two patches of noise."""
        shape = self.facts_["frame"]["shape"]
        return (torch.randn((2, *shape), generator=generator_of(0)),)

    def fit(
        self,
        data: xr.DataArray,
        labels: xr.DataArray | np.ndarray | None = None,
        *,
        dims: tuple[str, ...] | None = None,
        movie: int = 0,
        **training: Unpack[Training],
    ) -> Self:
        """Learn what patches have in common.

        Parameters
        ----------
        data : DataArray, shape (..., y, x) or (..., channel), any units
            Patches such as `atoms.patches` cuts, or spectra (those of one dimension where `shift`
            is given, or that have no two spatial dimensions). Ones with NaN are left out.
        labels : array, shape (...), optional
            Class of each patch, from 0; -1 or NaN where it is not known. Needs `classes`.
        dims : tuple of str
            Dimensions of a patch; the last two spatial ones, or the last one, otherwise.
        movie : int
            If above 0, the manifold of so many objects along each component is drawn after each
            epoch and kept in ``movie_``, for `plot.animate`.
        **training
            Options of `train_network`; 40 epochs in batches of 100 at a rate of 0.002 otherwise.

        Raises
        ------
        DataError
            Settings contradict each other or the data, or nothing is left to learn from.
        """
        axes = self._axes(data, dims)
        frame = frame_of(data, axes, dims)
        poses = self._poses(frame)
        values, template = rows_of(data, frame.dims)
        known = np.isfinite(values).all(axis=1)
        if known.sum() < 2:
            message = f"of {len(known)} patches {known.sum()} have no NaN; at least 2 are needed"
            raise DataError(message)
        numbers = self._labels(labels, template)
        learnt = values[known]
        std = float(learnt.std(dtype=np.float64))
        facts = {
            "frame": frame.as_json(), "poses": poses.as_json(), "kinds": kinds_of(len(learnt)),
            "mean": float(learnt.mean(dtype=np.float64)), "std": std if std > 0 else 1.0,
            "units": data.attrs.get("units"),
        }  # fmt: skip
        options: Training = {"epochs": 40, "batch_size": 100, "learning_rate": 2e-3, **training}
        steps = options["epochs"] * -(-len(learnt) // options["batch_size"])
        loss = Bound(
            max(1, round(self.pixels * learnt.shape[1])),
            round(_WARM_UP * steps) if poses.count else 0,
            self.capacity, self.label_weight if self.classes else 0.0,
        )  # fmt: skip
        film = Film(self, movie) if movie else None
        if film is not None:
            options["callbacks"] = [*options.get("callbacks", ()), film]
        self.train(loss, Arrays(learnt, numbers[known]), facts, options)
        if film is not None:
            self.movie_ = film.movie()
        if poses.count:
            self._centre(learnt)
        return self

    def transform(self, data: xr.DataArray, *, dims: tuple[str, ...] | None = None) -> xr.Dataset:
        """Encode patches.

        Parameters
        ----------
        data : DataArray, shape (..., y, x) or (..., channel)
            Of the size and steps of those that were learnt from.
        dims : tuple of str
            Dimensions of a patch; the last two spatial ones, or the last one, otherwise.

        Returns
        -------
        Dataset, shape (...)
            ``latent`` (..., component); ``angle`` in degrees from +x towards +y (down in the
            image), ``shift_y`` and ``shift_x`` (``shift`` of curves) in the units of the
            coordinates, and ``scale``, of what differs; ``probability`` (..., category) and
            ``label`` of the first discrete variable, with numbers for further ones; each number
            with ``_std``; ``residual``, the root of the mean square of what is not explained, in
            the units of `data`; ``status``. NaN with status 4 (no data) for patches with NaN.
        """
        net, device = self._net()
        frame = require_frame(data, Frame.from_json(self.facts_["frame"]), dims)
        values, template = rows_of(data, frame.dims)
        known = np.isfinite(values).all(axis=1)
        found = self._encoded(net, values[known], device)
        full = {}
        for name, each in found.items():
            full[name] = np.full((len(known), *each.shape[1:]), np.nan)
            full[name][known] = each
        status = np.where(known, Status.CONVERGED, Status.NO_DATA)
        made = self._labelled(full, status, template, frame, data.attrs.get("units"))
        return self.recorded(made, "transform", {"data": data}, dims=dims)

    def inverse_transform(self, codes: xr.Dataset) -> xr.DataArray:
        """Draw the patches that codes stand for.

        Parameters
        ----------
        codes : Dataset
            ``latent`` and, if they are not to be 0, angle, shifts, scale, ``label`` or
            ``probability``, as `transform` gives them.

        Returns
        -------
        DataArray, shape (..., y, x)
        """
        net, device = self._net()
        frame = Frame.from_json(self.facts_["frame"])
        if "latent" not in codes or "component" not in codes["latent"].dims:
            message = (
                "expected a Dataset with 'latent' along 'component', such as `transform` gives"
            )
            raise DataError(message)
        outer = [str(dim) for dim in codes["latent"].dims if dim != "component"]
        shape = tuple(codes.sizes[dim] for dim in outer)
        count = math.prod(shape)

        def rows(name: str, otherwise: float) -> torch.Tensor:
            if name not in codes:
                return torch.full((count,), otherwise)
            values = np.broadcast_to(codes[name].transpose(*outer).values, shape)
            return torch.from_numpy(np.array(values, np.float32).reshape(count))

        latent = codes["latent"].transpose(*outer, "component").values.reshape(count, -1)
        code = torch.cat(
            [torch.from_numpy(np.asarray(latent, np.float32)), self._kinds(codes, outer, count)], -1
        )
        turn, middle = (each.cpu() for each in net.gauge.at(code.to(device)))
        pose = {"angle": torch.deg2rad(rows("angle", 0.0)) + turn}
        names = ["shift"] if len(frame.shape) == 1 else ["shift_y", "shift_x"]
        away = middle if len(names) == 1 else turned(middle, pose["angle"])
        pose["shift"] = torch.stack([rows(name, 0.0) / frame.half for name in names], -1) + away
        pose["scale"] = rows("scale", 1.0)
        drawn = []
        with torch.no_grad():
            for begin in range(0, count, _BLOCK):
                part = slice(begin, begin + _BLOCK)
                mine = {name: each[part].to(device) for name, each in pose.items()}
                points = net.points.expand(len(code[part]), -1, -1)
                value = net.decoder(net.poses.to_object(points, mine), code[part].to(device))
                drawn.append((value * net.scale + net.offset).cpu().numpy())
        values = np.concatenate(drawn) if drawn else np.zeros((0, math.prod(frame.shape)))
        made = xr.DataArray(
            values.reshape(*shape, *frame.shape), dims=(*outer, *frame.dims),
            coords={
                **{name: each for name, each in codes["latent"].coords.items() if name in outer},
                **frame.coordinates(frame.dims),
            },
        )  # fmt: skip
        # Codes that were made up are drawn in the units of what was learnt from.
        units = codes.attrs.get("units_of_data", self.facts_.get("units"))
        made = labelled(made, units=units)
        return self.recorded(made, "inverse_transform", {"codes": codes})

    def manifold(
        self,
        n: int = 9,
        *,
        span: float = 2.0,
        components: tuple[int, int] = (0, 1),
        label: int = 0,
    ) -> xr.DataArray:
        """Draw what objects look like over the plane of two components, as they are not turned.

        Parameters
        ----------
        n : int
            Objects along each component.
        span : float
            From minus to plus so many standard deviations of the prior.
        components : (int, int)
            Of the rows and of the columns; all others are 0.
        label : int
            Kind of the first discrete variable; 0 of all others.

        Returns
        -------
        DataArray, shape (latent_y, latent_x, y, x)
        """
        self._net()
        if self.latent_dim < 1 or max(components) >= self.latent_dim or n < 1:
            message = f"components {components} of {self.latent_dim} and {n} objects make no plane"
            raise DataError(message)
        line = np.linspace(-span, span, n) if n > 1 else np.zeros(1)
        codes = np.zeros((n, n, self.latent_dim))
        codes[..., components[1]] = line
        codes[..., components[0]] = line[:, None]
        made = xr.Dataset(
            {"latent": (("latent_y", "latent_x", "component"), codes)},
            coords={
                dim: coordinate(dim, line, "1", kind="parameter", quantity="latent")
                for dim in ("latent_y", "latent_x")
            },
        )  # fmt: skip
        if self.categories:
            made["label"] = (("latent_y", "latent_x"), np.full((n, n), label))
        return self.inverse_transform(made)

    def encode_image(
        self,
        image: xr.DataArray,
        *,
        step: float | tuple[float, float] | None = None,
        dims: tuple[str, str] | None = None,
    ) -> xr.Dataset:
        """Encode the surroundings of every pixel of an image.

        Parameters
        ----------
        image : DataArray, shape (..., y, x), units of the patches
            With the pixels of the patches that were learnt from.
        step : float or (float, float), units of the coordinates
            From one patch to the next; one pixel otherwise.
        dims : (str, str)
            The dimensions of the image.

        Returns
        -------
        Dataset, shape (..., y, x)
            As `transform` gives, at the middle of each patch.
        """
        self._net()
        frame = Frame.from_json(self.facts_["frame"])
        if len(frame.shape) != 2:
            message = "this model knows curves, not images"
            raise DataError(message)
        found = frame_of(image, 2, dims)
        if not np.allclose(found.steps, frame.steps, rtol=1e-3):
            message = f"pixels must be {frame.steps} {frame.units or ''}, got {found.steps}"
            raise DataError(message)
        size = tuple(
            count * abs(float(image[dim][1] - image[dim][0]))
            for count, dim in zip(frame.shape, found.dims, strict=True)
        )
        windows = sliding_windows(image, (size[0], size[1]), step=step, dims=found.dims[:2])  # type: ignore[arg-type]
        return self.transform(windows, dims=(f"window_{found.dims[0]}", f"window_{found.dims[1]}"))

    def _net(self) -> tuple[Any, torch.device]:
        return self.ready()

    def _axes(self, data: xr.DataArray, dims: tuple[str, ...] | None) -> int:
        """Return 1 for curves and 2 for images; raise where settings are for others."""
        flat = [name for name in ("rotation", "translation", "scale") if getattr(self, name)]
        if self.shift is not False and flat:
            message = f"`shift` is for curves, {flat} for images; give one or the others"
            raise DataError(message)
        if dims is not None:
            axes = len(dims)
        elif self.shift is not False:
            axes = 1
        elif flat:
            axes = 2
        else:
            from omniscopy.model import dims_of_kind

            axes = 2 if len(dims_of_kind(data, "spatial")) >= 2 and not _is_spectral(data) else 1
        if axes not in (1, 2) or (axes == 1 and flat) or (axes == 2 and self.shift is not False):
            message = f"{flat or ['shift']} has no meaning for patches along {axes} dimensions"
            raise DataError(message)
        return axes

    def _poses(self, frame: Frame) -> Poses:
        given = self.shift if len(frame.shape) == 1 else self.translation
        rotation = None
        if self.rotation is not False:
            rotation = math.inf if self.rotation is True else math.radians(float(self.rotation))
        widths = {
            "rotation": rotation,
            "shift": _width(given, SHIFT, frame.half),
            "scale": _width(self.scale, SCALE, 1.0),
        }
        for name, width in widths.items():
            if width is not None and not width > 0:
                message = f"{name} must be true, false or a standard deviation above 0"
                raise DataError(message)
        if self.latent_dim < 0 or self.anchors < 3 or not 0 < self.pixels <= 1:
            message = (
                "expected latent_dim from 0, at least 3 anchors and a part of the pixels up to 1, "
                f"got {self.latent_dim}, {self.anchors} and {self.pixels}"
            )
            raise DataError(message)
        return Poses(axes=len(frame.shape), anchors=self.anchors, **widths)

    def _labels(
        self, labels: xr.DataArray | np.ndarray | None, template: xr.DataArray
    ) -> np.ndarray:
        """Return the class of each patch, -1 where it is not known."""
        if labels is None:
            return np.full(template.size, -1)
        if not self.classes:
            message = "labels need the number of classes, as in VAE(classes=3)"
            raise DataError(message)
        if isinstance(labels, xr.DataArray):
            labels = labels.transpose(*template.dims).values
        values = np.asarray(labels, np.float64)
        if values.shape != template.shape:
            message = f"expected a label for each patch {template.shape}, got {values.shape}"
            raise DataError(message)
        numbers = np.where(np.isfinite(values), values, -1).astype(np.int64).ravel()
        if numbers.max(initial=-1) >= self.classes or numbers.min(initial=0) < -1:
            message = f"labels must be from 0 to {self.classes - 1}, or -1, got {set(numbers)}"
            raise DataError(message)
        return numbers

    def _encoded(
        self, net: PoseVAE, values: np.ndarray, device: torch.device, *, centred: bool = True
    ) -> dict[str, np.ndarray]:
        """Return codes and poses of rows of pixels."""
        parts = []
        count = len(net.points)
        # The same pixels for all: a code does not depend on what is encoded besides.
        which = torch.randperm(count, generator=generator_of(2))[: min(count, _JUDGED)].to(device)
        with torch.no_grad():
            for begin in range(0, len(values), _BLOCK):
                rows = torch.from_numpy(values[begin : begin + _BLOCK]).to(device)
                rows = (rows - net.offset) / net.scale
                code = net.encode(rows)
                chosen = one_hot(code.scores) if code.scores else rows.new_zeros(
                    (*code.mean.shape[:2], 0)
                )  # fmt: skip
                anchor = torch.zeros(len(rows), dtype=torch.int64, device=device)
                if len(net.anchors) > 1:
                    anchor = net.judged(rows, code, chosen, which).argmax(-1)
                parts.append(self._numbers(net, rows, code.at(anchor), anchor, centred=centred))
        if not parts:
            empty = np.zeros((1, count), np.float32)
            return {k: v[:0] for k, v in self._encoded(net, empty, device).items()}
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _numbers(
        self, net: PoseVAE, rows: torch.Tensor, code: Code, anchor: torch.Tensor, *, centred: bool
    ) -> dict[str, np.ndarray]:
        """Return what codes at the chosen anchors mean."""
        poses, at = net.poses, net.anchors[anchor]
        pose = poses.placed(code.mean[:, : poses.count], at)
        spread = poses.split(torch.exp(code.log_std[:, : poses.count]))
        kinds = one_hot(code.scores) if code.scores else rows.new_zeros((len(rows), 0))
        drawn = net.draw(code.mean, at, kinds, net.points.expand(len(rows), -1, -1))
        found = {
            "latent": code.mean[:, poses.count :],
            "latent_std": code.log_std[:, poses.count :].exp(),
            "residual": ((drawn - rows) ** 2).mean(-1).sqrt() * net.scale,
        }  # fmt: skip
        whole = torch.cat([found["latent"], kinds], -1)
        turn, middle = net.gauge.at(whole)
        if not centred:
            turn, middle = torch.zeros_like(turn), torch.zeros_like(middle)
        if "turn" in spread:
            angle = pose["angle"] - turn
            found["angle"] = torch.remainder(angle + math.pi, 2 * math.pi) - math.pi
            found["angle_std"] = 0.5 * poses.step * spread["turn"][:, 0]
        if "shift" in spread:
            assert poses.shift is not None
            away = turned(middle, pose["angle"]) if poses.axes == 2 else middle
            found["shift"] = pose["shift"] - away
            var = (poses.shift * spread["shift"]) ** 2
            if poses.axes == 2 and poses.rotation is not None:
                sine, cosine = torch.sin(at) ** 2, torch.cos(at) ** 2
                var = torch.stack(
                    [var[:, 0] * cosine + var[:, 1] * sine, var[:, 1] * cosine + var[:, 0] * sine],
                    -1,
                )
            found["shift_std"] = var.sqrt()
        if "scale" in spread:
            assert poses.scale is not None
            found["scale"] = pose["scale"]
            found["scale_std"] = pose["scale"] * poses.scale * spread["scale"][:, 0]
        for number, scores in enumerate(code.scores):
            suffix = f"_{number}" if number else ""
            found[f"probability{suffix}"] = scores.softmax(-1)
        return {name: each.cpu().numpy() for name, each in found.items()}

    def _labelled(
        self, found: dict[str, np.ndarray], status: np.ndarray, template: xr.DataArray,
        frame: Frame, units: str | None,
    ) -> xr.Dataset:  # fmt: skip
        """Return numbers as variables with their units."""
        outer, shape = template.dims, template.shape
        made: dict[str, tuple[xr.Variable, str | None]] = {}
        coords: dict[Any, Any] = {**template.coords}

        def put(name: str, values: np.ndarray, unit: str | None, *last: str) -> None:
            whole = values.reshape(*shape, *values.shape[1:])
            made[name] = (xr.Variable((*outer, *last), whole), unit)

        for name in ("latent", "latent_std"):
            put(name, found[name], "1", "component")
        coords["component"] = coordinate("component", np.arange(self.latent_dim), "1")
        for name in ("angle", "angle_std"):
            if name in found:
                put(name, np.rad2deg(found[name]), "deg")
        names = ["shift"] if len(frame.shape) == 1 else ["shift_y", "shift_x"]
        for axis, name in enumerate(names):
            if "shift" in found:
                put(name, frame.half * found["shift"][:, axis], frame.units)
                put(f"{name}_std", frame.half * found["shift_std"][:, axis], frame.units)
        for name in ("scale", "scale_std"):
            if name in found:
                put(name, found[name], "1")
        for number, kinds in enumerate(self.categories):
            suffix = f"_{number}" if number else ""
            chance = found[f"probability{suffix}"]
            put(f"probability{suffix}", chance, "1", f"category{suffix}")
            best = np.where(np.isnan(chance).any(-1), -1, np.nan_to_num(chance).argmax(-1))
            put(f"label{suffix}", best, "1")
            dim = f"category{suffix}"
            coords[dim] = coordinate(dim, np.arange(kinds), "1", kind="parameter")
        put("residual", found["residual"], units)
        put("status", status, "1")
        told = {} if units is None else {"units_of_data": units}
        return result(told, coords, **made)

    def _kinds(self, codes: xr.Dataset, outer: list[str], count: int) -> torch.Tensor:
        """Return the kinds of codes as zeros and ones."""
        parts = []
        for number, kinds in enumerate(self.categories):
            name = f"label_{number}" if number else "label"
            labels = np.zeros(count, np.int64)
            if name in codes:
                labels = np.asarray(codes[name].transpose(*outer).values, np.int64).ravel()
            if labels.size and not (labels < kinds).all():
                message = f"{name} must be below {kinds}, got {labels.max()}"
                raise DataError(message)
            parts.append(np.eye(kinds, dtype=np.float32)[np.maximum(labels, 0)])
        return torch.from_numpy(
            np.concatenate(parts, -1) if parts else np.zeros((count, 0), np.float32)
        )

    def _centre(self, learnt: np.ndarray) -> None:
        """Count angles and shifts from the means of those of similar objects."""
        net, device = self._net()
        found = self._encoded(net, learnt, device, centred=False)
        parts = [found["latent"]]
        for number, kinds in enumerate(self.categories):
            chance = found[f"probability_{number}" if number else "probability"]
            parts.append(np.eye(kinds)[chance.argmax(-1)])
        net.gauge.learn(
            np.concatenate(parts, -1), found.get("angle"), found.get("shift"),
            centred=self.rotation is not True,
        )  # fmt: skip


def _width(given: bool | float, otherwise: float, unit: float) -> float | None:  # noqa: FBT001
    """Return a standard deviation in parts of a unit, None for what is fixed."""
    if given is False:
        return None
    return otherwise if given is True else float(given) / unit


def _is_spectral(data: xr.DataArray) -> bool:
    from omniscopy.model import kind_of_dim

    return kind_of_dim(data, data.dims[-1]) == "spectral"
