"""Images altered at random, so that networks learn what does not matter."""

from dataclasses import dataclass

import torch
from torch.nn import functional

from omniscopy.learn.batches import Batch
from omniscopy.model import DataError

Range = tuple[float, float]
_MIRRORED, _TURNED = 2, 4


@dataclass(frozen=True)
class Augmentation:
    """How much images are altered; each range is drawn from for each image on its own.

    Images are floating-point of about 0 to 1, shape (examples, channels, y, x). Masks are altered
    with them where places change: integers (examples, y, x) or numbers (examples, classes, y, x).

    Attributes
    ----------
    rotation : bool
        Turn by all multiples of 90° and mirror (square images; others are only mirrored and
        turned by 180°).
    zoom : float, optional
        Show a part, of this part of the side at least.
    resize : (float, float), optional
        Change the size of all images of a batch by one factor, to sides that 8 divides.
    noise : (float, float), optional
        Standard deviation of Gaussian noise.
    jitter : (float, float), optional
        Mean number of pixels that rows are shifted by, at random.
    counts : (float, float), optional
        Counts at a value of 1, drawn evenly by their logarithm: Poisson noise.
    salt_and_pepper : (float, float), optional
        Part of the pixels that are black or white.
    blur : (float, float), optional
        Standard deviation of a Gaussian, in pixels.
    gamma : (float, float), optional
        Power of the values.
    background : (float, float), optional
        Height of one broad Gaussian that is added.
    """

    rotation: bool = True
    zoom: float | None = None
    resize: Range | None = None
    noise: Range | None = None
    jitter: Range | None = None
    counts: Range | None = None
    salt_and_pepper: Range | None = None
    blur: Range | None = None
    gamma: Range | None = None
    background: Range | None = None

    @classmethod
    def usual(cls) -> "Augmentation":
        """Return ranges that are usual for images of atoms."""
        return cls(
            rotation=True, zoom=0.6, noise=(0.0, 0.07), jitter=(0.0, 1.5), counts=(3.0, 200.0),
            salt_and_pepper=(0.0, 0.03), blur=(0.0, 1.5), gamma=(0.6, 1.6), background=(-0.4, 0.4),
        )  # fmt: skip

    def __call__(
        self, images: torch.Tensor, *masks: torch.Tensor, generator: torch.Generator
    ) -> Batch:
        """Return altered images and masks; the input stays as it is."""
        if images.ndim != 4:
            message = f"expected (examples, channels, y, x), got shape {tuple(images.shape)}"
            raise DataError(message)
        images, *others = (each.clone() for each in (images, *masks))
        if self.rotation:
            images, *others = _turned(images, others, generator)
        if self.zoom is not None:
            images, *others = _zoomed(images, others, self.zoom, generator)
        if self.resize is not None:
            images, *others = _resized(images, others, self.resize, generator)
        if self.noise is not None:
            scale = _drawn(self.noise, images, generator)
            images = images + scale * torch.randn(images.shape, generator=generator)
        if self.jitter is not None:
            images = _shaken(images, self.jitter, generator)
        if self.counts is not None:
            logs = torch.tensor(self.counts).log().tolist()
            dose = _drawn((logs[0], logs[1]), images, generator).exp()
            images = torch.poisson(images.clamp(min=0.0) * dose, generator=generator) / dose
        if self.salt_and_pepper is not None:
            part = _drawn(self.salt_and_pepper, images, generator)
            drawn = torch.rand(images.shape, generator=generator)
            images = torch.where(drawn < 0.5 * part, 0.0, images)
            images = torch.where(drawn > 1.0 - 0.5 * part, 1.0, images)
        if self.blur is not None:
            images = _blurred(images, self.blur, generator)
        if self.gamma is not None:
            power = _drawn(self.gamma, images, generator)
            images = images.clamp(min=1e-6) ** power
        if self.background is not None:
            images = images + _broad(images, self.background, generator)
        return (images, *others)


def _drawn(ends: Range, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Return a number for each image."""
    drawn = torch.rand((len(images), 1, 1, 1), generator=generator)
    return ends[0] + (ends[1] - ends[0]) * drawn


def _turned(
    images: torch.Tensor, masks: list[torch.Tensor], generator: torch.Generator
) -> list[torch.Tensor]:
    """Return images and masks turned and mirrored alike."""
    square = images.shape[-1] == images.shape[-2]
    every = [images, *masks]
    turns = torch.randint(_TURNED, (len(images),), generator=generator).tolist()
    flips = torch.randint(_MIRRORED, (len(images),), generator=generator).tolist()
    for number, (turn, flip) in enumerate(zip(turns, flips, strict=True)):
        for each in every:
            part = torch.rot90(each[number], turn if square else 2 * (turn % 2), (-2, -1))
            each[number] = part.flip(-1) if flip else part
    return every


def _zoomed(
    images: torch.Tensor, masks: list[torch.Tensor], least: float, generator: torch.Generator
) -> list[torch.Tensor]:
    """Return parts of images, enlarged to the whole size."""
    rows, columns = images.shape[-2:]
    every = [images, *masks]
    for number in range(len(images)):
        part = least + (1.0 - least) * float(torch.rand((), generator=generator))
        size = max(2, round(part * rows)), max(2, round(part * columns))
        top = int(torch.randint(rows - size[0] + 1, (), generator=generator))
        left = int(torch.randint(columns - size[1] + 1, (), generator=generator))
        for each in every:
            cut = each[number][..., top : top + size[0], left : left + size[1]]
            each[number] = _sized(cut[None], (rows, columns))[0]
    return every


def _resized(
    images: torch.Tensor, masks: list[torch.Tensor], ends: Range, generator: torch.Generator
) -> list[torch.Tensor]:
    """Return images and masks of another size, all alike."""
    factor = ends[0] + (ends[1] - ends[0]) * float(torch.rand((), generator=generator))
    size = [max(8, 8 * round(factor * each / 8)) for each in images.shape[-2:]]
    return [_sized(each, (size[0], size[1])) for each in (images, *masks)]


def _sized(values: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Return values of another size: numbers between them, labels the nearest."""
    if not values.is_floating_point():
        whole = values if values.ndim == 4 else values[:, None]
        made = functional.interpolate(whole.float(), size=size, mode="nearest-exact")
        return (made if values.ndim == 4 else made[:, 0]).to(values.dtype)
    return functional.interpolate(values, size=size, mode="bilinear", align_corners=False)


def _shaken(images: torch.Tensor, ends: Range, generator: torch.Generator) -> torch.Tensor:
    """Return images whose rows are shifted by whole pixels; the ends are repeated."""
    mean = _drawn(ends, images, generator)[:, 0]
    count, channels, rows, columns = images.shape
    steps = torch.poisson(mean.expand(count, rows, 1).contiguous(), generator=generator)
    sign = 2.0 * torch.randint(2, steps.shape, generator=generator) - 1.0
    at = (torch.arange(columns) - (sign * steps)).clamp(0, columns - 1).long()
    return images.gather(3, at[:, None].expand(count, channels, rows, columns))


def _blurred(images: torch.Tensor, ends: Range, generator: torch.Generator) -> torch.Tensor:
    """Return images blurred by Gaussians, mirrored at the edges."""
    sigma = _drawn(ends, images, generator).clamp(min=1e-3)
    reach = max(1, int(3.0 * max(ends)))
    reach = min(reach, *(size - 1 for size in images.shape[-2:]))
    offset = torch.arange(-reach, reach + 1, dtype=images.dtype)
    kernel = torch.exp(-0.5 * (offset / sigma[:, 0, 0]) ** 2)
    kernel = kernel / kernel.sum(dim=1, keepdim=True)
    count, channels = images.shape[:2]
    kernel = kernel.repeat_interleave(channels, dim=0)
    flat = functional.pad(images, [reach] * 4, mode="reflect").flatten(0, 1)[None]
    flat = functional.conv2d(flat, kernel[:, None, :, None], groups=len(kernel))
    flat = functional.conv2d(flat, kernel[:, None, None, :], groups=len(kernel))
    return flat[0].unflatten(0, (count, channels))


def _broad(images: torch.Tensor, ends: Range, generator: torch.Generator) -> torch.Tensor:
    """Return a broad Gaussian somewhere in each image."""
    rows, columns = images.shape[-2:]
    y, x = torch.linspace(0, 1, rows)[:, None], torch.linspace(0, 1, columns)
    height = _drawn(ends, images, generator)
    centre = [_drawn((0.0, 1.0), images, generator) for _ in range(2)]
    width = _drawn((0.2, 0.6), images, generator)
    return height * torch.exp(-0.5 * ((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / width**2)
