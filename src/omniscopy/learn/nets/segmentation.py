"""Networks that name every pixel: a score for each class."""

from collections.abc import Sequence
from typing import Any, Literal, get_args

import torch
from torch import nn
from torch.nn import functional

from omniscopy.learn.nets.blocks import Dilated, Up, convolutions, residuals
from omniscopy.learn.nets.cells import PixelNet
from omniscopy.model import require_choice

Architecture = Literal["unet", "dilated", "segresnet", "reshednet", "cells"]


class UNet(nn.Module):
    """Three times halved and enlarged again, beside what was there before (U-Net).

    Parameters
    ----------
    inputs, outputs : int
        Channels of the image, and scores.
    filters : int
        Channels of the first layers; twice as many at each further scale.
    dropout : bool
        Leave out a tenth to a fifth of the features at the coarse scales, in training.
    normalised : bool
        Normalise each batch.
    dilated : bool
        Look further at the coarsest scale.
    """

    reduction = 8

    def __init__(
        self, inputs: int, outputs: int, *, filters: int = 16, dropout: bool = False,
        normalised: bool = True, dilated: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        n, drop = filters, 0.1 if dropout else 0.0
        self.down = nn.ModuleList([
            convolutions(inputs, n, 1, normalised=normalised),
            convolutions(n, 2 * n, 2, normalised=normalised),
            convolutions(2 * n, 4 * n, 2, dropout=drop, normalised=normalised),
        ])  # fmt: skip
        self.bottom: nn.Module = (
            Dilated(4 * n, 8 * n, (2, 4, 6), dropout=2 * drop, normalised=normalised)
            if dilated
            else convolutions(4 * n, 8 * n, 3, dropout=2 * drop, normalised=normalised)
        )
        self.enlarge = nn.ModuleList([Up(8 * n, 4 * n), Up(4 * n, 2 * n), Up(2 * n, n)])
        self.up = nn.ModuleList([
            convolutions(8 * n, 4 * n, 2, dropout=drop, normalised=normalised),
            convolutions(4 * n, 2 * n, 2, normalised=normalised),
            convolutions(2 * n, n, 1, normalised=normalised),
        ])  # fmt: skip
        self.score = nn.Conv2d(n, outputs, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the scores of every pixel."""
        seen = []
        for step in self.down:
            x = step(x)
            seen.append(x)
            x = functional.max_pool2d(x, 2)
        x = self.bottom(x)
        for enlarge, step, before in zip(self.enlarge, self.up, reversed(seen), strict=True):
            x = step(torch.cat([before, enlarge(x)], dim=1))
        return self.score(x)


class DilatedNet(nn.Module):
    """Halved once; looks further by convolutions with gaps instead."""

    reduction = 2

    def __init__(
        self, inputs: int, outputs: int, *, filters: int = 25, dropout: bool = False,
        normalised: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        n, drop = filters, 0.3 if dropout else 0.0
        self.fine = convolutions(inputs, n, 1, normalised=normalised)
        self.coarse = nn.Sequential(
            Dilated(n, 2 * n, (2, 4, 6), dropout=drop, normalised=normalised),
            Dilated(2 * n, 2 * n, (2, 4, 6), dropout=drop, normalised=normalised),
        )
        self.enlarge = Up(2 * n, n)
        self.last = convolutions(2 * n, n, 1, normalised=normalised)
        self.score = nn.Conv2d(n, outputs, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the scores of every pixel."""
        fine = self.fine(x)
        coarse = self.enlarge(self.coarse(functional.max_pool2d(fine, 2)))
        return self.score(self.last(torch.cat([fine, coarse], dim=1)))


class SegResNet(nn.Module):
    """Halved twice, with residual blocks at each scale."""

    reduction = 4

    def __init__(self, inputs: int, outputs: int, *, filters: int = 32) -> None:
        super().__init__()
        n = filters
        self.fine = convolutions(inputs, n, 2)
        self.middle = residuals(n, 2 * n, 2)
        self.coarse = residuals(2 * n, 4 * n, 2)
        self.enlarge = nn.ModuleList([Up(4 * n, 2 * n), Up(2 * n, n)])
        self.back = residuals(4 * n, 2 * n, 2)
        self.last = convolutions(2 * n, n, 1)
        self.score = nn.Conv2d(n, outputs, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the scores of every pixel."""
        fine = self.fine(x)
        middle = self.middle(functional.max_pool2d(fine, 2))
        coarse = self.coarse(functional.max_pool2d(middle, 2))
        x = self.back(torch.cat([middle, self.enlarge[0](coarse)], dim=1))
        return self.score(self.last(torch.cat([fine, self.enlarge[1](x)], dim=1)))


class ResHedNet(nn.Module):
    """Residual blocks at three scales, each of which gives scores of its own (nested edges)."""

    reduction = 4

    def __init__(
        self, inputs: int, outputs: int, *, filters: int = 64, layers: Sequence[int] = (3, 4, 5)
    ) -> None:
        super().__init__()
        sizes = [inputs, filters, 2 * filters, 4 * filters]
        self.steps = nn.ModuleList(
            residuals(before, after, count)
            for before, after, count in zip(sizes[:-1], sizes[1:], layers, strict=True)
        )
        self.sides = nn.ModuleList(
            nn.Sequential(nn.Conv2d(size, outputs, 1), nn.BatchNorm2d(outputs))
            for size in sizes[1:]
        )
        self.score = nn.Conv2d(3 * outputs, outputs, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the scores of every pixel."""
        seen = []
        for number, (step, side) in enumerate(zip(self.steps, self.sides, strict=True)):
            x = step(functional.max_pool2d(x, 2) if number else x)
            score = side(x)
            if number:
                score = functional.interpolate(
                    score, scale_factor=float(2**number), mode="bilinear", align_corners=False
                )
            seen.append(score)
        return self.score(torch.cat(seen, dim=1))


def segmentation_net(
    architecture: Architecture, inputs: int, outputs: int, filters: int | None, *, dropout: bool
) -> nn.Module:
    """Return a network by its name; `filters` of its own where none are given."""
    require_choice("architecture", architecture, get_args(Architecture))
    given: dict[str, Any] = {} if filters is None else {"filters": filters}
    match architecture:
        case "unet":
            return UNet(inputs, outputs, dropout=dropout, **given)
        case "dilated":
            return DilatedNet(inputs, outputs, dropout=dropout, **given)
        case "segresnet":
            return SegResNet(inputs, outputs, **given)
        case "cells":
            return PixelNet(inputs, outputs, **given)
        case _:
            return ResHedNet(inputs, outputs, **given)
