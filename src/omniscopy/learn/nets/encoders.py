"""Networks that see a whole image or spectrum, and ones that draw one from few numbers."""

import math
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from omniscopy.learn.nets.blocks import residuals

_SLOPE = 0.1


class WholeImageNet(nn.Module):
    """Residual blocks at three scales, the mean over the image, and some numbers of it.

    Parameters
    ----------
    outputs : int
    filters : int
        Channels of the first scale.
    dropout : float
        Part of the features that is left out.
    """

    def __init__(self, outputs: int, *, filters: int = 16, dropout: float = 0.0) -> None:
        super().__init__()
        n = filters
        self.scales = nn.ModuleList(
            [residuals(1, n, 1), residuals(n, 2 * n, 1), residuals(2 * n, 4 * n, 1)]
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(4 * n, outputs)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """Return features of places, shape (examples, features, rows / 4, columns / 4)."""
        for number, scale in enumerate(self.scales):
            x = scale(functional.max_pool2d(x, 2) if number else x)
        return x

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the numbers of images (examples, 1, rows, columns)."""
        return self.head(self.dropout(self.features(x).mean((-2, -1))))

    def maps(self, x: torch.Tensor) -> torch.Tensor:
        """Return what each place adds to each number: their means, and the bias, are the numbers.

        Notes
        -----
        B. Zhou et al., *Learning deep features for discriminative localization*, CVPR (2016).
        """
        return torch.einsum("nfyx,of->noyx", self.features(x), self.head.weight)


class SpectrumNet(nn.Module):
    """Residual blocks at three scales, and features of all places together: where spots are counts.

    Parameters
    ----------
    shape : (int, int)
        Of the spectra.
    outputs, filters, hidden : int
        Numbers, channels of the first scale, and features.
    dropout : float
        Part of the features that is left out.
    """

    def __init__(
        self, shape: Sequence[int], outputs: int, *, filters: int = 12, hidden: int = 128,
        dropout: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__()
        n = filters
        self.scales = nn.ModuleList(
            [residuals(1, n, 1), residuals(n, 2 * n, 1), residuals(2 * n, 4 * n, 1)]
        )
        places = math.prod(size // 4 for size in shape)
        self.hidden = nn.Linear(4 * n * places, hidden)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(hidden, outputs)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """Return features, shape (examples, features, 1, 1)."""
        for number, scale in enumerate(self.scales):
            x = scale(functional.max_pool2d(x, 2) if number else x)
        return functional.leaky_relu(self.hidden(x.flatten(1)), _SLOPE)[..., None, None]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the numbers of spectra (examples, 1, rows, columns)."""
        return self.head(self.dropout(self.features(x)[..., 0, 0]))


class Translator(nn.Module):
    """Convolutions to few numbers, and from these to something of another shape.

    Parameters
    ----------
    source, target : sequence of int
        One size for curves, two for images.
    latent : int
        Numbers in between.
    filters : int
        Channels.
    """

    def __init__(
        self, source: Sequence[int], target: Sequence[int], *, latent: int, filters: int
    ) -> None:
        super().__init__()
        self.coarse = tuple(-(-size // 4) for size in target)
        self.target = tuple(target)
        self.filters = filters
        conv, pool = layers_of(len(source))
        steps: list[nn.Module] = []
        size = list(source)
        for number in range(3):
            steps += [conv(filters if number else 1, filters, 3, padding=1), nn.LeakyReLU(_SLOPE)]
            if number < 2 and min(size) >= 4:
                steps.append(pool(2))
                size = [each // 2 for each in size]
        self.encoder = nn.Sequential(
            *steps, nn.Flatten(), nn.Linear(filters * math.prod(size), latent)
        )
        self.spread = nn.Linear(latent, filters * math.prod(self.coarse))
        out, _ = layers_of(len(target))
        self.decoder = nn.ModuleList(
            out(filters, filters, 3, padding=wide, dilation=wide) for wide in (1, 1, 2, 3)
        )
        self.last = out(filters, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (examples, ...) of the shape of the target."""
        found = self.spread(self.encoder(x[:, None]))
        found = found.reshape(len(x), self.filters, *self.coarse)
        mode = "linear" if len(self.target) == 1 else "bilinear"
        for number, step in enumerate(self.decoder):
            found = functional.leaky_relu(step(found), _SLOPE)
            if number == 1:
                found = functional.interpolate(found, self.target, mode=mode, align_corners=False)
        return self.last(found)[:, 0]


def layers_of(axes: int) -> tuple[type[nn.Module], type[nn.Module]]:
    """Return the convolution and the pooling of curves (1) or images (2)."""
    return (nn.Conv1d, nn.AvgPool1d) if axes == 1 else (nn.Conv2d, nn.AvgPool2d)
