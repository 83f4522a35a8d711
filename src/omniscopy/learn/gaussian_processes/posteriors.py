"""What is known of functions after they were measured at some points."""

import math

import torch
from torch import nn
from torch.linalg import solve_triangular

from omniscopy.learn.gaussian_processes.covariances import JITTER, Covariance

_LOG_2PI = math.log(2 * math.pi)


class Posterior(nn.Module):
    """Means and variances of functions, in units of the measured values as they were scaled.

    Parameters
    ----------
    covariance : Covariance
    count, inputs, outputs : int
        Points that are kept: all that were measured, or fewer that stand for them.
    sparse : bool
        Whether they stand for others.
    """

    points: torch.Tensor
    weights: torch.Tensor
    lower: torch.Tensor
    inner: torch.Tensor

    def __init__(
        self, covariance: Covariance, count: int, inputs: int, outputs: int, *, sparse: bool
    ) -> None:
        super().__init__()
        self.covariance, self.sparse = covariance, sparse
        own = {"dtype": torch.float64}
        self.register_buffer("points", torch.zeros(count, inputs, **own))
        self.register_buffer("weights", torch.zeros(outputs, count, **own))
        self.register_buffer("lower", torch.eye(count, **own).repeat(outputs, 1, 1))
        inner = torch.eye(count if sparse else 1, **own).repeat(outputs, 1, 1)
        self.register_buffer("inner", inner)

    def condition(self, points: torch.Tensor, values: torch.Tensor) -> None:
        """Take measured values, shape (outputs, n), at points (n, inputs)."""
        with torch.no_grad():
            if not self.sparse:
                self.points.copy_(points)
            kept = self.points
            if self.sparse:
                self.lower.copy_(_factor(self.covariance, kept, noisy=False))
                inner, image = _factors_of_few(self.covariance, kept, points, values, self.lower)
                self.inner.copy_(inner)
                inward = solve_triangular(inner.mT, image[..., None], upper=True)
            else:
                self.lower.copy_(_factor(self.covariance, kept, noisy=True))
                rest = (values - self.covariance.mean[:, None])[..., None]
                inward = solve_triangular(self.lower, rest, upper=False)
            self.weights.copy_(solve_triangular(self.lower.mT, inward, upper=True)[..., 0])

    def forward(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return means and variances of the functions, shape (outputs, m), at points."""
        cross = self.covariance(self.points, points)
        mean = self.covariance.mean[:, None] + (self.weights[:, None] @ cross)[:, 0]
        seen = solve_triangular(self.lower, cross, upper=False)
        var = self.covariance.variance[:, None] - (seen**2).sum(1)
        if self.sparse:
            var = var + (solve_triangular(self.inner, seen, upper=False) ** 2).sum(1)
        return mean, var.clamp(min=1e-12)

    def joint(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return means, and covariances (outputs, m, m) of the functions at points."""
        cross = self.covariance(self.points, points)
        mean = self.covariance.mean[:, None] + (self.weights[:, None] @ cross)[:, 0]
        seen = solve_triangular(self.lower, cross, upper=False)
        both = self.covariance(points, points) - seen.mT @ seen
        if self.sparse:
            few = solve_triangular(self.inner, seen, upper=False)
            both = both + few.mT @ few
        return mean, both


class Answers(nn.Module):
    """A posterior by products of matrices alone, as other programs compute it.

    Parameters
    ----------
    posterior : Posterior
    features : Module, optional
        What makes the points of the posterior of those that are asked for.
    """

    known: torch.Tensor
    points: torch.Tensor
    weights: torch.Tensor

    def __init__(self, posterior: Posterior, features: nn.Module | None = None) -> None:
        super().__init__()
        self.covariance, self.features = posterior.covariance, features
        eye = torch.eye(posterior.lower.shape[-1]).to(posterior.lower).expand_as(posterior.lower)
        inverse = solve_triangular(posterior.lower, eye, upper=False)
        known = inverse.mT @ inverse
        if posterior.sparse:
            few = solve_triangular(posterior.inner, inverse, upper=False)
            known = known - few.mT @ few
        self.register_buffer("known", known)
        self.register_buffer("points", posterior.points)
        self.register_buffer("weights", posterior.weights)

    def forward(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return means and variances, shape (outputs, m), at points."""
        if self.features is not None:
            points = torch.tanh(self.features(points.float())).double()
        cross = self.covariance(self.points, points)
        mean = self.covariance.mean[:, None] + (self.weights[:, None] @ cross)[:, 0]
        var = self.covariance.variance[:, None] - (cross * (self.known @ cross)).sum(1)
        return mean, var.clamp(min=1e-12)


def evidence(covariance: Covariance, points: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Return the log marginal likelihood of values (outputs, n), summed over outputs."""
    lower = _factor(covariance, points, noisy=True)
    rest = (values - covariance.mean[:, None])[..., None]
    white = solve_triangular(lower, rest, upper=False)
    logs = torch.diagonal(lower, dim1=-2, dim2=-1).log().sum(-1)
    each = -0.5 * (white**2).sum((-2, -1)) - logs - 0.5 * values.shape[1] * _LOG_2PI
    return each.sum()


def bound_by_few(
    covariance: Covariance, kept: torch.Tensor, points: torch.Tensor, values: torch.Tensor
) -> torch.Tensor:
    """Return a lower bound of the log marginal likelihood, from few points that stand for all.

    Notes
    -----
    M. K. Titsias, *Variational learning of inducing variables in sparse Gaussian processes*,
    AISTATS (2009).
    """
    lower = _factor(covariance, kept, noisy=False)
    noise, count = covariance.noise, values.shape[1]
    inner, image = _factors_of_few(covariance, kept, points, values, lower)
    rest = values - covariance.mean[:, None]
    logs = torch.diagonal(inner, dim1=-2, dim2=-1).log().sum(-1)
    kept_trace = (inner**2).sum((-2, -1)) - inner.shape[-1]
    lost = count * covariance.variance / noise - kept_trace
    each = (
        -0.5 * count * (_LOG_2PI + noise.log()) - logs - 0.5 * (rest**2).sum(-1) / noise
        + 0.5 * (image**2).sum(-1) - 0.5 * lost
    )  # fmt: skip
    return each.sum()


def _factor(covariance: Covariance, points: torch.Tensor, *, noisy: bool) -> torch.Tensor:
    """Return the Cholesky factor of the covariances of points."""
    added = JITTER * covariance.variance + (covariance.noise if noisy else 0.0)
    eye = torch.eye(len(points), dtype=torch.float64, device=points.device)
    return torch.linalg.cholesky(covariance(points, points) + added[:, None, None] * eye)


def _factors_of_few(
    covariance: Covariance, kept: torch.Tensor, points: torch.Tensor, values: torch.Tensor,
    lower: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
    """Return the factor of what few points learn of all, and the image of the values in it."""
    sigma = covariance.noise.sqrt()[:, None, None]
    seen = solve_triangular(lower, covariance(kept, points), upper=False) / sigma
    eye = torch.eye(len(kept), dtype=torch.float64, device=points.device)
    inner = torch.linalg.cholesky(eye + seen @ seen.mT)
    rest = (values - covariance.mean[:, None])[..., None] / sigma
    return inner, solve_triangular(inner, seen @ rest, upper=False)[..., 0]
