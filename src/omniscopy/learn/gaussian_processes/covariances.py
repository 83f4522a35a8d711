"""How alike the values of a function are at two points."""

import math
from typing import Literal, get_args

import torch
from torch import nn

from omniscopy.model import require_choice

Kernel = Literal["rbf", "matern32", "matern52"]
# Variance that is added to that of points, in parts: it makes factors of matrices exist.
JITTER = 1e-6


class Covariance(nn.Module):
    """A stationary covariance with a length for every input, for one or more outputs.

    Parameters
    ----------
    kernel : {"rbf", "matern52", "matern32"}
        Smooth without end, twice, or once differentiable.
    inputs, outputs : int
    noise : float
        Standard deviation of the noise to begin with.

    Notes
    -----
    C. E. Rasmussen and C. K. I. Williams, *Gaussian Processes for Machine Learning*, MIT Press
    (2006), chapter 4.
    """

    def __init__(
        self, kernel: Kernel, inputs: int, outputs: int = 1, *, noise: float = 0.1
    ) -> None:
        super().__init__()
        require_choice("kernel", kernel, get_args(Kernel))
        self.kernel = kernel
        self.log_lengths = nn.Parameter(torch.zeros(outputs, inputs, dtype=torch.float64))
        self.log_amplitude = nn.Parameter(torch.zeros(outputs, dtype=torch.float64))
        self.log_noise = nn.Parameter(torch.full((outputs,), math.log(noise), dtype=torch.float64))
        self.mean = nn.Parameter(torch.zeros(outputs, dtype=torch.float64))

    @property
    def variance(self) -> torch.Tensor:
        """Return the variance of the function, shape (outputs,)."""
        return torch.exp(2 * self.log_amplitude)

    @property
    def noise(self) -> torch.Tensor:
        """Return the variance of the noise, shape (outputs,)."""
        return torch.exp(2 * self.log_noise) + 1e-8

    def forward(self, one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        """Return the covariances, shape (outputs, n, m), of points (n, inputs), (m, inputs)."""
        scale = torch.exp(-self.log_lengths)[:, None]
        a, b = one.double() * scale, other.double() * scale
        square = (a**2).sum(-1)[..., None] + (b**2).sum(-1)[:, None] - 2 * a @ b.mT
        square = square.clamp(min=0.0)
        if self.kernel == "rbf":
            shape = torch.exp(-0.5 * square)
        else:
            # Without the small number the slope of the root is infinite at 0.
            away = torch.sqrt(square * (5.0 if self.kernel == "matern52" else 3.0) + 1e-12)
            rise = 1 + away + (away**2 / 3 if self.kernel == "matern52" else 0.0)
            shape = rise * torch.exp(-away)
        return self.variance[:, None, None] * shape
