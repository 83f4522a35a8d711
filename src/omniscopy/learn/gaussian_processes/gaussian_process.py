"""Gaussian processes whose lengths and noise are learnt from the data."""

from typing import Any, ClassVar, Literal, Self, get_args

import numpy as np
import torch
import xarray as xr

from omniscopy.learn.devices import generator_of
from omniscopy.learn.gaussian_processes.covariances import Covariance, Kernel
from omniscopy.learn.gaussian_processes.posteriors import (
    Answers,
    Posterior,
    bound_by_few,
    evidence,
)
from omniscopy.learn.gaussian_processes.tables import (
    Inputs,
    blocks,
    coordinates_of,
    matrix_of,
    normal_std,
    predicted,
    scaled,
    scaling,
    usable,
    values_of,
)
from omniscopy.learn.models import Estimator
from omniscopy.model import DataError, require_choice

Method = Literal["auto", "exact", "inducing"]
# Points up to which all are kept.
_EXACT = 1000


class GaussianPredictor(Estimator):
    """What Gaussian processes of all kinds predict."""

    inputs: ClassVar[tuple[str, ...]] = ("points",)
    outputs: ClassVar[tuple[str, ...]] = ("mean", "variance")

    def example_input(self) -> tuple[torch.Tensor, ...]:
        """Return two points."""
        count = len(self.facts_["input_mean"])
        return (torch.randn((2, count), generator=generator_of(0), dtype=torch.float64),)

    def exported(self) -> torch.nn.Module:
        """Return means and variances of scaled values at scaled points, by products alone."""
        net, device = self.ready()
        return Answers(net, getattr(net, "extractor", None)).to(device).eval()

    def predict(self, inputs: Inputs, *, dim: str | None = None) -> xr.Dataset:
        """Predict values at points.

        Parameters
        ----------
        inputs : DataArray, shape (..., inputs), or array, shape (points, inputs)
        dim : str
            Dimension of the inputs of a point; the last one otherwise.

        Returns
        -------
        Dataset, shape (...)
            ``value`` and ``value_std``, the standard deviation of what is predicted without
            noise; ``noise_std``, that of the noise, learnt from the data; ``status``. NaN with
            status 4 (no data) where an input is missing.
        """
        net, device = self.ready()
        points, template, _ = matrix_of(inputs, dim)
        known = np.isfinite(points).all(1)
        whole = scaled(points[known], self.facts_)
        mean, var = (np.full((net.weights.shape[0], len(points)), np.nan) for _ in range(2))
        at = np.flatnonzero(known)
        with torch.no_grad():
            for part in (
                slice(begin, begin + blocks(len(at), len(net.points)).step)
                for begin in blocks(len(at), len(net.points))
            ):
                found = net(self.embedded(whole[part].to(device)))
                mean[:, at[part]], var[:, at[part]] = (each.cpu().numpy() for each in found)
        noise = net.covariance.noise.detach().sqrt().cpu().numpy()
        made = predicted(mean, normal_std(var), noise, template, self.facts_)
        data = {"inputs": inputs} if isinstance(inputs, xr.DataArray) else {}
        return self.recorded(made, "predict", data, dim=dim)

    def sample(
        self, inputs: Inputs, n: int = 1, *, rng: int | np.random.Generator = 0,
        dim: str | None = None,
    ) -> xr.DataArray:  # fmt: skip
        """Draw functions that are as likely as what was measured allows.

        Parameters
        ----------
        inputs : DataArray, shape (..., inputs), or array, shape (points, inputs)
            Without NaN; of some thousands of points at most, as all are drawn together.
        n : int
            How many.
        rng : Generator or int
        dim : str
            Dimension of the inputs of a point; the last one otherwise.

        Returns
        -------
        DataArray, shape (sample_number, ...)
            Of the first output.
        """
        net, device = self.ready()
        points, template, _ = matrix_of(inputs, dim)
        if not np.isfinite(points).all():
            message = "points must have no NaN to be drawn together"
            raise DataError(message)
        with torch.no_grad():
            mean, both = net.joint(self.embedded(scaled(points, self.facts_).to(device)))
        # The factor of a matrix that may be singular.
        values, vectors = np.linalg.eigh(both[0].cpu().numpy())
        factor = vectors * np.sqrt(np.maximum(values, 0.0))
        white = np.random.default_rng(rng).standard_normal((n, len(points)))
        drawn = mean[0].cpu().numpy() + white @ factor.T
        drawn = drawn * self.facts_["value_std"][0] + self.facts_["value_mean"][0]
        shape = (len(points),) if template is None else template.shape
        dims = ("point",) if template is None else template.dims
        made = xr.DataArray(drawn.reshape(n, *shape), dims=("sample_number", *dims))
        if template is not None:
            made = made.assign_coords(template.coords)
        units = self.facts_["units"]
        return made if units is None else made.assign_attrs(units=units)

    def score(self, inputs: Inputs, values: Inputs, *, dim: str | None = None) -> float:
        """Return the part of the variance of values that is predicted (R²)."""
        found = self.predict(inputs, dim=dim)["value"].values.ravel()
        wanted = np.asarray(values, np.float64).ravel()
        known = np.isfinite(found) & np.isfinite(wanted)
        rest = ((found - wanted)[known] ** 2).mean()
        return float(1 - rest / wanted[known].var())

    def embedded(self, points: torch.Tensor) -> torch.Tensor:
        """Return points as the covariance takes them."""
        return points


class GaussianProcess(GaussianPredictor):
    """Interpolate measured values, with standard deviations.

    Parameters
    ----------
    kernel : {"matern52", "matern32", "rbf"}
        How smooth values are: twice, once or without end differentiable.
    method : {"auto", "exact", "inducing"}
        Keep all points, which takes time as their cube; or let `inducing` points stand for
        them. "auto" keeps up to 1000.
    inducing : int
        Points that stand for others, drawn from them.
    max_steps : int
        Of the search for lengths and noise.
    device : str

    Notes
    -----
    Each input has a length of its own. Lengths, amplitude, mean and noise maximise the marginal
    likelihood [1]_, or the bound of it by inducing points [2]_. Inputs and values are scaled.

    References
    ----------
    .. [1] C. E. Rasmussen and C. K. I. Williams, *Gaussian Processes for Machine Learning*, MIT
       Press (2006), chapter 5.
    .. [2] M. K. Titsias, *Variational learning of inducing variables in sparse Gaussian
       processes*, AISTATS (2009).
    """

    def __init__(
        self,
        *,
        kernel: Kernel = "matern52",
        method: Method = "auto",
        inducing: int = 300,
        max_steps: int = 60,
        device: str = "cpu",
    ) -> None:
        self.kernel = kernel
        self.method = method
        self.inducing = inducing
        self.max_steps = max_steps
        self.device = device

    def make_network(self) -> torch.nn.Module:
        """Return a posterior that knows nothing."""
        inputs, outputs = len(self.facts_["input_mean"]), len(self.facts_["value_mean"])
        covariance = Covariance(self.kernel, inputs, outputs)
        return Posterior(
            covariance, self.facts_["kept"], inputs, outputs, sparse=self.facts_["sparse"]
        )

    def fit(self, inputs: Inputs, values: Inputs, *, dim: str | None = None, seed: int = 0) -> Self:
        """Learn from measured values.

        Parameters
        ----------
        inputs : DataArray, shape (..., inputs), or array, shape (points, inputs)
        values : DataArray, shape (...), or array, shape (points,) or (points, outputs)
            Ones with NaN, here or in `inputs`, are left out.
        dim : str
            Dimension of the inputs of a point; the last one otherwise.
        seed : int
            Of which points stand for others.

        Raises
        ------
        DataError
            Fewer than two points have values, or there are not as many values as points.
        """
        require_choice("method", self.method, get_args(Method))
        points, _, _ = matrix_of(inputs, dim)
        wanted, units, output = values_of(values, len(points))
        known = usable(points, wanted)
        points, wanted = points[known], wanted[:, known]
        sparse = self.method == "inducing" or (self.method == "auto" and len(points) > _EXACT)
        kept = min(self.inducing, len(points)) if sparse else len(points)
        means = [scaling(points, 0), scaling(wanted, 1)]
        self.facts_: dict[str, Any] = {
            "input_mean": means[0][0], "input_std": means[0][1], "value_mean": means[1][0],
            "value_std": means[1][1], "units": units, "output": output, "kept": kept,
            "sparse": sparse,
        }  # fmt: skip
        net = self.make_network()
        x = scaled(points, self.facts_)
        level, spread = (np.array(each)[:, None] for each in means[1])
        y = torch.from_numpy((wanted - level) / spread)
        if sparse:
            chosen = np.random.default_rng(seed).choice(len(x), kept, replace=False)
            net.points.copy_(x[np.sort(chosen)])
        self._maximise(net, x, y)
        net.condition(x, y)
        self.net_, self.about_ = net.eval(), {"training": {"examples": len(x), "seed": seed}}
        return self

    def fill(self, image: xr.DataArray, *, seed: int = 0) -> xr.Dataset:
        """Predict what was not measured of an image, from what was.

        Parameters
        ----------
        image : DataArray, any dimensions with coordinates
            NaN where nothing was measured.
        seed : int
            Of which pixels stand for others.

        Returns
        -------
        Dataset, shape of `image`
            ``value`` and ``value_std`` everywhere.
        """
        points = coordinates_of(image)
        self.fit(points, image, dim="axis", seed=seed)
        return self.predict(points, dim="axis")

    def _maximise(self, net: Any, x: torch.Tensor, y: torch.Tensor) -> None:
        """Search for lengths, amplitude and noise by the quasi-Newton method of scipy."""
        from scipy.optimize import minimize

        trained = list(net.covariance.parameters())

        def put(flat: np.ndarray) -> None:
            begin = 0
            for each in trained:
                part = flat[begin : begin + each.numel()]
                each.data = torch.from_numpy(part.reshape(each.shape).copy())
                begin += each.numel()

        def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
            put(flat)
            try:
                if net.sparse:
                    value = -bound_by_few(net.covariance, net.points, x, y)
                else:
                    value = -evidence(net.covariance, x, y)
                slopes = torch.autograd.grad(value, trained)
            except torch.linalg.LinAlgError:
                return 1e25, np.zeros_like(flat)
            return float(value.detach()), np.concatenate([each.numpy().ravel() for each in slopes])

        start = np.concatenate([each.detach().numpy().ravel() for each in trained])
        bounds = []
        for name, each in net.covariance.named_parameters():
            low, high = (-7.0, 4.0) if name != "mean" else (-5.0, 5.0)
            bounds += [(low, high)] * each.numel()
        found = minimize(
            loss, start, jac=True, method="L-BFGS-B", bounds=bounds,
            options={"maxiter": self.max_steps},
        )  # fmt: skip
        put(found.x)
