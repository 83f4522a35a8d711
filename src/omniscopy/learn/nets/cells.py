"""A network that looks at cells of 2 by 2 pixels, a quarter of the work of one for pixels."""

import torch
from torch import nn
from torch.nn import functional

from omniscopy.learn.nets.blocks import Up, convolutions

# Pixels of a side of a cell; of a block that all scales of the network divide.
CELL, BLOCK = 2, 8


class CellNet(nn.Module):
    """Three scales, of which the coarsest looks far around.

    Parameters
    ----------
    inputs, outputs : int
        Channels of the image, and numbers that are told of each cell.
    filters : int
        Channels of the first scale.
    """

    def __init__(self, inputs: int, outputs: int, *, filters: int = 24) -> None:
        super().__init__()
        n = filters
        self.fine = convolutions(CELL**2 * inputs, n, 2)
        self.middle = convolutions(n, 2 * n, 2)
        self.coarse = convolutions(2 * n, 3 * n, 1)
        # The lattice around: what cannot be seen may be expected.
        self.far = convolutions(3 * n, 3 * n, 3, dilations=(1, 2, 4))
        self.enlarge = nn.ModuleList([Up(3 * n, 2 * n), Up(2 * n, n)])
        self.back = convolutions(4 * n, 2 * n, 2)
        self.last = convolutions(2 * n, n, 2)
        self.head = nn.Conv2d(n, outputs, 1)
        nn.init.zeros_(self.head.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return what is said of every cell, (examples, outputs, rows / 2, columns / 2)."""
        fine = self.fine(functional.pixel_unshuffle(x, CELL))
        middle = self.middle(functional.max_pool2d(fine, 2))
        coarse = self.coarse(functional.max_pool2d(middle, 2))
        coarse = coarse + self.far(coarse)
        middle = self.back(torch.cat([middle, self.enlarge[0](coarse)], dim=1))
        return self.head(self.last(torch.cat([fine, self.enlarge[1](middle)], dim=1)))


class PixelNet(CellNet):
    """The same, whose cells say something of each of their pixels."""

    reduction = BLOCK

    def __init__(self, inputs: int, outputs: int, *, filters: int = 24) -> None:
        super().__init__(inputs, CELL**2 * outputs, filters=filters)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return what is said of every pixel, (examples, outputs, rows, columns)."""
        return functional.pixel_shuffle(super().forward(x), CELL)
