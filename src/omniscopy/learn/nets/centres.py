"""A network that says of every cell of 2 by 2 pixels whether the centre of an atom is in it."""

import torch
from torch import nn
from torch.nn import functional

from omniscopy.learn.nets.blocks import Up, convolutions

# Pixels of a side of a cell; of a block that all scales of the network divide.
CELL, BLOCK = 2, 8


class CentreNet(nn.Module):
    """Scores, offsets and uncertainties of centres.

    Parameters
    ----------
    filters : int
        Channels of the first scale.
    classes : int
        Kinds of atoms that are told apart.

    Notes
    -----
    Of an image (examples, 1, rows, columns) the network gives (examples, 4 + classes, rows / 2,
    columns / 2): the log odds of a centre in the cell; where it is, along y and x from the middle
    of the cell, in cells; the logarithm of the variance of that; and scores of kinds, if there is
    more than one.
    """

    def __init__(self, *, filters: int = 24, classes: int = 1) -> None:
        super().__init__()
        n = filters
        self.fine = convolutions(CELL**2, n, 2)
        self.middle = convolutions(n, 2 * n, 2)
        self.coarse = convolutions(2 * n, 3 * n, 1)
        # The lattice around: what cannot be seen may be expected.
        self.far = convolutions(3 * n, 3 * n, 3, dilations=(1, 2, 4))
        self.enlarge = nn.ModuleList([Up(3 * n, 2 * n), Up(2 * n, n)])
        self.back = convolutions(4 * n, 2 * n, 2)
        self.last = convolutions(2 * n, n, 2)
        self.head = nn.Conv2d(n, 4 + (classes if classes > 1 else 0), 1)
        # Few cells have a centre.
        nn.init.constant_(self.head.bias, 0.0)
        with torch.no_grad():
            self.head.bias[0] = -3.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return what is said of every cell."""
        fine = self.fine(functional.pixel_unshuffle(x, CELL))
        middle = self.middle(functional.max_pool2d(fine, 2))
        coarse = self.coarse(functional.max_pool2d(middle, 2))
        coarse = coarse + self.far(coarse)
        middle = self.back(torch.cat([middle, self.enlarge[0](coarse)], dim=1))
        return self.head(self.last(torch.cat([fine, self.enlarge[1](middle)], dim=1)))
