"""Encoders that look at images from all sides, and decoders that draw objects at any point."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

from omniscopy.learn.devices import generator_of
from omniscopy.learn.nets.encoders import layers_of
from omniscopy.learn.vae.poses import Poses, turned, turned_filters

# Waves that a decoder sees positions by, and the standard deviation of their wave numbers, in
# radians in half a width: features of about a sixth of the image are drawn at once.
_WAVES, _WAVE_NUMBER = 32, 3.0
# Smallest variance of the noise, in parts of that of the data.
_LEAST_NOISE = 1e-4
# Channels of convolutions, and the slope of their leaky units.
_FILTERS, _SLOPE = 24, 0.1


class Code(NamedTuple):
    """What an encoder says of each image, at each anchor (examples, anchors, ...)."""

    mean: torch.Tensor
    log_std: torch.Tensor
    scores: tuple[torch.Tensor, ...]

    def at(self, anchor: torch.Tensor) -> "Code":
        """Return what is said at one anchor of each image."""
        rows = torch.arange(len(anchor), device=anchor.device)
        scores = tuple(each[rows, anchor] for each in self.scores)
        return Code(self.mean[rows, anchor], self.log_std[rows, anchor], scores)


class Decoder(nn.Module):
    """The values of an object at any of its points."""

    def __init__(self, axes: int, latent: int, hidden: int, layers: int) -> None:
        super().__init__()
        waves = _WAVE_NUMBER * torch.randn((axes, _WAVES), generator=generator_of(1, axes))
        self.register_buffer("waves", waves)
        self.place = nn.Linear(2 * _WAVES, hidden)
        self.code = nn.Linear(latent, hidden, bias=False) if latent else None
        steps: list[nn.Module] = []
        for _ in range(layers):
            steps += [nn.Linear(hidden, hidden), nn.LeakyReLU()]
        self.body = nn.Sequential(nn.LeakyReLU(), *steps, nn.Linear(hidden, 1))

    def forward(self, points: torch.Tensor, code: torch.Tensor) -> torch.Tensor:
        """Return the values, shape (examples, points), at points (examples, points, axes)."""
        phase = points @ self.waves
        seen = self.place(torch.cat([torch.sin(phase), torch.cos(phase)], dim=-1))
        if self.code is not None:
            seen = seen + self.code(code)[:, None]
        return self.body(seen)[..., 0]


class DrawingDecoder(nn.Module):
    """An image of an object, drawn by convolutions and looked up between its pixels.

    Parameters
    ----------
    shape : sequence of int
    extent : sequence of float
        Half widths, in parts of the larger one.
    latent, filters : int
    """

    extent: torch.Tensor

    def __init__(
        self, shape: Sequence[int], extent: Sequence[float], latent: int, filters: int
    ) -> None:
        super().__init__()
        self.shape, self.filters = tuple(shape), filters
        self.coarse = tuple(-(-size // 4) for size in shape)
        self.register_buffer("extent", torch.tensor(extent, dtype=torch.float32))
        self.spread = nn.Linear(max(latent, 1), filters * math.prod(self.coarse))
        conv, _ = layers_of(len(self.shape))
        self.steps = nn.ModuleList(conv(filters, filters, 3, padding=1) for _ in range(3))
        self.last = conv(filters, 1, 1)

    def forward(self, points: torch.Tensor, code: torch.Tensor) -> torch.Tensor:
        """Return the values, shape (examples, points), at points (examples, points, axes)."""
        code = code if code.shape[-1] else code.new_ones((len(code), 1))
        drawn = self.spread(code).reshape(len(code), self.filters, *self.coarse)
        mode = "linear" if len(self.shape) == 1 else "bilinear"
        for number, step in enumerate(self.steps):
            if number:
                size = self.shape if number == 2 else [-(-each // 2) for each in self.shape]
                drawn = functional.interpolate(drawn, list(size), mode=mode, align_corners=True)
            drawn = functional.leaky_relu(step(drawn), _SLOPE)
        image = self.last(drawn).reshape(len(code), 1, -1, self.shape[-1])
        # Columns first, as it is asked for; curves are images of one row.
        places = (points / self.extent).flip(-1)
        if len(self.shape) == 1:
            places = torch.cat([places, torch.zeros_like(places)], dim=-1)
        return functional.grid_sample(
            image, places[:, None], padding_mode="border", align_corners=True
        )[:, 0, 0]


class ConvolutionalEyes(nn.Module):
    """Features of images by convolutions."""

    def __init__(self, shape: Sequence[int], hidden: int, filters: int) -> None:
        super().__init__()
        self.shape = tuple(shape)
        conv, pool = layers_of(len(self.shape))
        steps: list[nn.Module] = []
        size = list(shape)
        for number in range(3):
            steps += [conv(filters if number else 1, filters, 3, padding=1), nn.LeakyReLU(_SLOPE)]
            if number < 2:
                steps.append(pool(2))
                size = [each // 2 for each in size]
        self.body = nn.Sequential(
            *steps, nn.Flatten(), nn.Linear(filters * math.prod(size), hidden)
        )

    def forward(self, values: torch.Tensor, places: torch.Tensor | None) -> torch.Tensor:
        """Return features (examples, anchors, hidden) of images (examples, points).

        Parameters
        ----------
        values : Tensor
        places : Tensor or None
            Where the values of images come from that are turned back by the anchors.
        """
        images = values.reshape(len(values), 1, *self.shape)
        if places is None:
            return self.body(images)[:, None]
        count, anchors = len(values), len(places)
        grid = places[None].expand(count, -1, -1, -1, -1).reshape(-1, *places.shape[1:])
        many = images[:, None].expand(-1, anchors, -1, -1, -1).reshape(-1, *images.shape[1:])
        seen = functional.grid_sample(many, grid, padding_mode="border", align_corners=True)
        return self.body(seen).reshape(count, anchors, -1)


class PoseVAE(nn.Module):
    """A code of what an object is, apart from how it lies.

    Parameters
    ----------
    shape : sequence of int
        Pixels of images, or points of curves.
    extent : sequence of float
        Half widths, in parts of the larger one.
    poses : Poses
    latent : int
        Numbers of the code.
    categories : sequence of int
        Kinds of each discrete variable.
    hidden, layers : int
        Size of both networks.
    mean, std : float
        Of the data.
    noise : float or None
        Standard deviation of the noise of data of unit variance; learnt where it is None.
    convolutions : (bool, bool)
        Whether the encoder and the decoder are made of them.
    """

    points: torch.Tensor
    anchors: torch.Tensor
    priors: torch.Tensor
    turned_places: torch.Tensor | None
    variance: torch.Tensor
    seen: torch.Tensor

    def __init__(  # noqa: PLR0913 - what it is made of
        self, shape: Sequence[int], extent: Sequence[float], poses: Poses, *, latent: int,
        categories: Sequence[int], hidden: int, layers: int, mean: float, std: float,
        noise: float | None, convolutions: tuple[bool, bool] = (False, False),
    ) -> None:  # fmt: skip
        super().__init__()
        self.shape, self.poses, self.latent = tuple(shape), poses, latent
        self.categories, self.learns_noise = tuple(categories), noise is None
        lines = [torch.linspace(-e, e, n) for n, e in zip(shape, extent, strict=True)]
        grid = torch.stack(torch.meshgrid(*lines, indexing="ij"), dim=-1)
        count = math.prod(shape)
        self.register_buffer("points", grid.reshape(count, len(self.shape)))
        self.register_buffer("anchors", poses.angles())
        self.register_buffer("priors", poses.anchor_priors())
        self.register_buffer("offset", torch.tensor(mean, dtype=torch.float32))
        self.register_buffer("scale", torch.tensor(std, dtype=torch.float32))
        self.register_buffer("variance", torch.tensor(1.0 if noise is None else noise**2))
        self.register_buffer("seen", torch.tensor(0.0))
        places = None
        if poses.rotation is not None:
            # A filter turned by the anchor has at p the value that it had at p turned back. Images
            # are turned the other way.
            sign = 1.0 if convolutions[0] else -1.0
            places = turned(grid[None], sign * self.anchors[:, None, None]) / torch.tensor(extent)
            places = places.flip(-1).contiguous()
        self.register_buffer("turned_places", places)
        self.eyes: ConvolutionalEyes | None = None
        if convolutions[0]:
            self.eyes = ConvolutionalEyes(self.shape, hidden, _FILTERS)
        else:
            self.filters = nn.Parameter(torch.empty(hidden, *self.shape))
            nn.init.normal_(self.filters, std=1 / math.sqrt(count))
            self.bias = nn.Parameter(torch.zeros(hidden))
        steps: list[nn.Module] = []
        for _ in range(layers - 1):
            steps += [nn.LeakyReLU(0.1), nn.Linear(hidden, hidden)]
        self.encoder = nn.Sequential(*steps, nn.LeakyReLU(0.1))
        self.head = nn.Linear(hidden, 2 * (poses.count + latent))
        self.choices = nn.ModuleList(nn.Linear(hidden, kinds) for kinds in self.categories)
        numbers = latent + sum(self.categories)
        self.decoder: nn.Module = (
            DrawingDecoder(self.shape, extent, numbers, _FILTERS) if convolutions[1]
            else Decoder(len(self.shape), numbers, hidden, layers)
        )  # fmt: skip

    def features(self, values: torch.Tensor) -> torch.Tensor:
        """Return what is seen of images (examples, points) at each anchor, as hidden features."""
        if self.eyes is not None:
            return self.eyes(values, self.turned_places)
        if self.turned_places is None:
            filters = self.filters[None]
        else:
            filters = turned_filters(self.filters, self.turned_places)
        anchors, hidden = filters.shape[:2]
        seen = functional.linear(values, filters.reshape(anchors * hidden, -1))
        return seen.reshape(len(values), anchors, hidden) + self.bias

    def encode(self, values: torch.Tensor) -> Code:
        """Return the code of images (examples, points) at each anchor, in units of the prior."""
        found = self.encoder(self.features(values))
        mean, log_std = self.head(found).chunk(2, dim=-1)
        if self.poses.rotation is not None:
            # Within two steps of the anchor: further ones are nearer.
            turn = 2.0 * torch.tanh(mean[..., :1])
            mean = torch.cat([turn, mean[..., 1:]], dim=-1)
        return Code(mean, log_std.clamp(-9.0, 3.0), tuple(each(found) for each in self.choices))

    def draw(
        self, numbers: torch.Tensor, anchor: torch.Tensor, kinds: torch.Tensor, points: torch.Tensor
    ) -> torch.Tensor:
        """Return values of images at points (examples, points, axes), for codes and poses."""
        pose = self.poses.placed(numbers[..., : self.poses.count], anchor)
        code = torch.cat([numbers[..., self.poses.count :], kinds], dim=-1)
        return self.decoder(self.poses.to_object(points, pose), code)

    def divergence(self, code: Code) -> torch.Tensor:
        """Return by how much codes tell more than the prior does, in nats."""
        var = torch.exp(2 * code.log_std)
        return (0.5 * (var + code.mean**2 - 1) - code.log_std).sum(-1)

    def judged(
        self, values: torch.Tensor, code: Code, kinds: torch.Tensor, which: torch.Tensor
    ) -> torch.Tensor:
        """Return the log probability of each anchor, from some of the pixels, up to a constant."""
        count, anchors = code.mean.shape[:2]
        many = [each.reshape(count * anchors, -1) for each in (code.mean, kinds)]
        points = self.points[which].expand(count * anchors, -1, -1)
        drawn = self.draw(many[0], self.anchors.repeat(count), many[1], points)
        away = (drawn.reshape(count, anchors, -1) - values[:, None, which]) ** 2
        misfit = 0.5 * away.mean(-1) * len(self.points) / self.variance
        return self.priors - misfit - self.divergence(code)

    def note_noise(self, square: torch.Tensor) -> None:
        """Follow the variance of what decoders leave over."""
        if self.learns_noise and self.training:
            new = 0.95 * self.variance + 0.05 * square.detach()
            self.variance.copy_(new.clamp(min=_LEAST_NOISE))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return the means of the codes of images at each anchor."""
        return self.encode((values.flatten(1) - self.offset) / self.scale).mean
