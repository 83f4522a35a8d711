"""Layers that networks for images are made of."""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

_SLOPE = 0.01


def convolutions(
    inputs: int,
    outputs: int,
    layers: int,
    *,
    dropout: float = 0.0,
    normalised: bool = True,
    dilations: Sequence[int] | None = None,
) -> nn.Sequential:
    """Return convolutions of 3 by 3, each followed by a leaky step and a normalisation."""
    made: list[nn.Module] = []
    for number in range(layers):
        wide = dilations[number] if dilations is not None else 1
        made.append(
            nn.Conv2d(inputs if not number else outputs, outputs, 3, padding=wide, dilation=wide)
        )
        if dropout > 0:
            made.append(nn.Dropout(dropout))
        made.append(nn.LeakyReLU(_SLOPE))
        if normalised:
            made.append(nn.BatchNorm2d(outputs))
    return nn.Sequential(*made)


class Up(nn.Module):
    """Twice the size, then other channels."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the enlarged image."""
        # Mixed first: the same numbers, as both are linear, for a quarter of the work.
        return functional.interpolate(
            self.mix(x), scale_factor=2.0, mode="bilinear", align_corners=False
        )


class Residual(nn.Module):
    """Two convolutions whose result is added to the input."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 1)
        self.body = nn.Sequential(
            nn.Conv2d(outputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs),
            nn.LeakyReLU(_SLOPE),
            nn.Conv2d(outputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs),
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the sum."""
        x = self.first(x)
        return functional.leaky_relu(self.body(x) + x, _SLOPE)


def residuals(inputs: int, outputs: int, count: int) -> nn.Sequential:
    """Return residual blocks in a row."""
    return nn.Sequential(*(Residual(outputs if n else inputs, outputs) for n in range(count)))


class Dilated(nn.Module):
    """Convolutions that look further and further, and the sum of what each sees."""

    def __init__(
        self, inputs: int, outputs: int, dilations: Sequence[int], *, dropout: float = 0.0,
        normalised: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.steps = nn.ModuleList(
            convolutions(
                inputs if not n else outputs,
                outputs,
                1,
                dropout=dropout,
                normalised=normalised,
                dilations=[wide],
            )
            for n, wide in enumerate(dilations)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the sum."""
        total: torch.Tensor | None = None
        for step in self.steps:
            x = step(x)
            total = x if total is None else total + x
        assert total is not None
        return total
