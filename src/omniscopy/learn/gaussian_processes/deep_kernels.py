"""Gaussian processes of features that a network learns with them."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Self, Unpack

import numpy as np
import torch
from torch import nn

from omniscopy.learn.batches import Arrays, Batch
from omniscopy.learn.gaussian_processes.covariances import Covariance, Kernel
from omniscopy.learn.gaussian_processes.gaussian_process import GaussianPredictor
from omniscopy.learn.gaussian_processes.posteriors import Posterior, evidence
from omniscopy.learn.gaussian_processes.tables import (
    Inputs,
    matrix_of,
    scaled,
    scaling,
    usable,
    values_of,
)
from omniscopy.learn.training import Training
from omniscopy.model import DataError

# Standard deviation of the inputs of networks: features of small ones are smoother at first, and
# few points say more of others.
_SPREAD = 0.1


class DeepPosterior(Posterior):
    """A posterior over features of points."""

    def __init__(
        self, extractor: nn.Module, covariance: Covariance, count: int, features: int, outputs: int
    ) -> None:
        super().__init__(covariance, count, features, outputs, sparse=False)
        self.extractor = extractor

    def embed(self, points: torch.Tensor) -> torch.Tensor:
        """Return features, from -1 to 1."""
        return torch.tanh(self.extractor(points.float()))


class DeepKernelGP(GaussianPredictor):
    """Predict values of patches or spectra, from few that were measured.

    Parameters
    ----------
    embedding_dim : int
        Features that the network makes of each input.
    hidden : sequence of int
        Sizes of its layers.
    kernel : {"rbf", "matern52", "matern32"}
    device : str

    Notes
    -----
    Network and process maximise the marginal likelihood together [1]_. Several outputs share the
    features, each with a process of its own. Standard deviations do not know how unsure the
    network is; `Ensemble` does.

    References
    ----------
    .. [1] A. G. Wilson, Z. Hu, R. Salakhutdinov and E. P. Xing, *Deep kernel learning*, AISTATS
       (2016).
    """

    def __init__(
        self,
        *,
        embedding_dim: int = 2,
        hidden: Sequence[int] = (128, 64),
        kernel: Kernel = "rbf",
        device: str = "cpu",
    ) -> None:
        self.embedding_dim = embedding_dim
        self.hidden = hidden
        self.kernel = kernel
        self.device = device

    def make_network(self) -> torch.nn.Module:
        """Return a network with weights drawn at random, and a posterior that knows nothing."""
        inputs, outputs = len(self.facts_["input_mean"]), len(self.facts_["value_mean"])
        sizes = [inputs, *self.hidden]
        steps: list[nn.Module] = []
        for before, after in pairwise(sizes):
            steps += [nn.Linear(before, after), nn.ReLU()]
        extractor = nn.Sequential(*steps, nn.Linear(sizes[-1], self.embedding_dim))
        covariance = Covariance(self.kernel, self.embedding_dim, outputs)
        return DeepPosterior(
            extractor, covariance, self.facts_["kept"], self.embedding_dim, outputs
        )

    def fit(
        self,
        inputs: Inputs,
        values: Inputs,
        *,
        dim: str | None = None,
        **training: Unpack[Training],
    ) -> Self:
        """Learn from measured values.

        Parameters
        ----------
        inputs : DataArray, shape (..., inputs), or array, shape (points, inputs)
            Patches and spectra as rows of numbers, such as `signal.unfold` makes.
        values : DataArray, shape (...), or array, shape (points,) or (points, outputs)
            Ones with NaN, here or in `inputs`, are left out.
        dim : str
            Dimension of the inputs of a point; the last one otherwise.
        **training
            Options of `train_network`; 100 epochs, of one step each, at a rate of 0.01 otherwise.
        """
        if self.embedding_dim < 1:
            message = f"embedding_dim must be at least 1, got {self.embedding_dim}"
            raise DataError(message)
        points, _, _ = matrix_of(inputs, dim)
        wanted, units, output = values_of(values, len(points))
        known = usable(points, wanted)
        points, wanted = points[known], wanted[:, known]
        # One scale for all inputs: those of a patch are the same quantity.
        mean, std = float(points.mean()), (float(points.std()) or 1.0) / _SPREAD
        level, spread = scaling(wanted, 1)
        facts = {
            "input_mean": [mean] * points.shape[1], "input_std": [std] * points.shape[1],
            "value_mean": level, "value_std": spread, "units": units, "output": output,
            "kept": len(points),
        }  # fmt: skip
        x = scaled(points, facts)
        y = ((wanted - np.array(level)[:, None]) / np.array(spread)[:, None]).T
        options: Training = {
            "epochs": 100,
            "learning_rate": 1e-2,
            "schedule": "constant",
            **training,
        }
        # The likelihood is of all points together.
        options["batch_size"] = len(points)
        self.train(_misfit, Arrays(x, y), facts, options)
        net, device = self.ready()
        wanted_there = torch.from_numpy(y.T.copy()).to(device)
        with torch.no_grad():
            net.condition(net.embed(x.to(device)).double(), wanted_there)
        return self

    def embed(self, inputs: Inputs, *, dim: str | None = None) -> np.ndarray:
        """Return the features of points, shape (points, embedding_dim)."""
        _, device = self.ready()
        points, _, _ = matrix_of(inputs, dim)
        with torch.no_grad():
            return self.embedded(scaled(points, self.facts_).to(device)).cpu().numpy()

    def embedded(self, points: torch.Tensor) -> torch.Tensor:
        """Return the features of points."""
        return self.net_.embed(points).double()


def _misfit(net: nn.Module, batch: Batch, _: torch.Generator) -> torch.Tensor:
    """Return the negative log marginal likelihood of each point in the mean."""
    assert isinstance(net, DeepPosterior)
    points, values = batch
    found = evidence(net.covariance, net.embed(points).double(), values.T.double())
    return -found / values.numel()
