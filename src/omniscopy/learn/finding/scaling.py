"""Images as the network knows them: atoms of one width, and of one contrast."""

from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional

from omniscopy.atoms.finding.images import filled
from omniscopy.atoms.finding.scales import scales_of

# Width of an atom (standard deviation) that images are brought to, in pixels.
WIDTH = 1.8
# Widths over the distance of nearest atoms, where the image does not tell its width.
_USUAL = 0.18
# The autocorrelation sees atoms narrower than they are, as their neighbours overlap with them.
_NARROWED = 1.08
# How much images are shrunk or enlarged, at most.
_SMALLEST, _LARGEST = 0.05, 4.0
# The side of what is enough of an image to tell scales from, and the part of it that is known.
_PART, _ENOUGH = 768, 0.3
# From here on, values over the contrast grow as their logarithm.
_LINEAR = 6.0


class Scaled(NamedTuple):
    """An image brought to scale, and by how much along y and x."""

    values: torch.Tensor
    factors: tuple[float, float]


def width_of(image: np.ndarray, spacing: float | None, aspect: tuple[float, float]) -> float:
    """Return the width of atoms from the autocorrelation or the spacing; NaN where unknown.

    Lengths are in the shorter distance of two pixels, as `aspect` is. Of large images, what is
    in the middle says enough.
    """
    part = image[tuple(_middle(size) for size in image.shape)]
    for some in (part, image):
        known = np.isfinite(some)
        if known.mean() > _ENOUGH and np.ptp(some[known]) > 0:
            found = scales_of(some - float(np.median(some[known])), aspect)
            if np.isfinite(found.width):
                return max(_NARROWED * found.width, 0.6)
        if some.shape == image.shape:
            break
    return np.nan if spacing is None else _USUAL * spacing


def _middle(size: int) -> slice:
    begin = max(0, (size - _PART) // 2)
    return slice(begin, begin + _PART)


def to_scale(image: np.ndarray, width: float, aspect: tuple[float, float] = (1.0, 1.0)) -> Scaled:
    """Return an image of finite values in which atoms are as wide as the network expects."""
    wanted = float(np.clip(WIDTH / width, _SMALLEST, _LARGEST))
    size = [
        max(4, round(wanted * step * each)) for each, step in zip(image.shape, aspect, strict=True)
    ]
    factors = size[0] / image.shape[0], size[1] / image.shape[1]
    values = torch.from_numpy(np.ascontiguousarray(image, np.float32))[None, None]
    mode = "bilinear" if wanted < 1 else "bicubic"
    made = functional.interpolate(values, size=size, mode=mode, antialias=wanted < 1)
    return Scaled(made[0, 0], factors)


def contrast_of(values: torch.Tensor) -> tuple[float, float]:
    """Return the level between atoms and the height of the bright ones above it.

    They are those of the image smoothed by the width of an atom, so that noise counts little.
    """
    smooth = smoothed(values, WIDTH)
    some = smooth.flatten()[:: 1 + smooth.numel() // 65536]
    low, high = (float(each) for each in torch.quantile(some, torch.tensor([0.05, 0.99])))
    return low, max(high - low, 1e-12)


def normalised(values: torch.Tensor, contrast: tuple[float, float]) -> torch.Tensor:
    """Return values over the contrast; those of very bright dirt are compressed."""
    level, height = contrast
    found = (values - level) / height
    size = found.abs()
    above = torch.clamp(size - _LINEAR, min=0.0)
    return torch.sign(found) * (torch.clamp(size, max=_LINEAR) + torch.log1p(above))


def smoothed(values: torch.Tensor, width: float) -> torch.Tensor:
    """Return an image smoothed by a Gaussian, mirrored at its edges."""
    reach = min(int(np.ceil(3 * width)), min(values.shape) - 1)
    offset = torch.arange(-reach, reach + 1, dtype=values.dtype)
    kernel = torch.exp(-0.5 * (offset / width) ** 2)
    kernel = kernel / kernel.sum()
    padded = functional.pad(values[None, None], [reach] * 4, mode="reflect")
    made = functional.conv2d(padded, kernel[None, None, :, None])
    return functional.conv2d(made, kernel[None, None, None, :])[0, 0]


def whole(image: np.ndarray, known: np.ndarray, width: float) -> np.ndarray:
    """Return an image in which what is missing is the mean of its surroundings."""
    return filled(image, known, (2.0 * width, 2.0 * width))
