"""A network that says how much to blur an image, pixel by pixel, and what to add."""

import torch
from torch import nn
from torch.nn import functional

from omniscopy.learn.nets.cells import PixelNet

# Standard deviations in pixels, beside that of the image itself, and how far the widest reaches.
_BLURS, _REACH = (0.7, 1.2, 2.0, 3.2), 9


class BlurNet(nn.Module):
    """The noise of an image, as it is less a mean of blurred images of it.

    Parameters
    ----------
    filters : int
        Channels of the first scale.

    Notes
    -----
    A network says for every pixel the shares of the image and of Gaussians of it, and a number
    that is added. It begins at the mean of all: a filter that is known to be good, which what is
    learnt can only refine.
    """

    kernels: torch.Tensor

    def __init__(self, *, filters: int = 24) -> None:
        super().__init__()
        self.shares = PixelNet(1, len(_BLURS) + 2, filters=filters)
        nn.init.zeros_(self.shares.head.weight)
        offset = torch.arange(-_REACH, _REACH + 1, dtype=torch.float32)
        kernels = torch.stack([torch.exp(-0.5 * (offset / width) ** 2) for width in _BLURS])
        kernels = kernels / kernels.sum(1, keepdim=True)
        self.register_buffer("kernels", kernels, persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return what is to be taken away from images (examples, 1, rows, columns)."""
        padded = functional.pad(x, [_REACH] * 4, mode="replicate")
        down = functional.conv2d(padded, self.kernels[:, None, :, None])
        blurred = functional.conv2d(down, self.kernels[:, None, None, :], groups=len(_BLURS))
        told = self.shares(x)
        share = told[:, :-1].softmax(1)
        clean = (share * torch.cat([x, blurred], 1)).sum(1, keepdim=True) + told[:, -1:]
        return x - clean
