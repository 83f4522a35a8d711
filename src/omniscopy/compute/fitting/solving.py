"""Least squares of many spectra: what is asked is checked, cut into blocks and worked through."""

import dataclasses

import numpy as np
import numpy.typing as npt

from omniscopy.compute.fitting.covariances import covariance_of, inverses_of
from omniscopy.compute.fitting.engine import Engine
from omniscopy.compute.fitting.problem import (
    LIKELIHOODS,
    LOSSES,
    Given,
    Likelihood,
    Loss,
    Problem,
    Settings,
    Solution,
)
from omniscopy.compute.fitting.shared import fit_shared
from omniscopy.model.errors import DataError


def least_squares(  # noqa: PLR0913 - options of the field
    problem: Problem,
    data: npt.ArrayLike,
    start: npt.ArrayLike,
    *,
    columns: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    likelihood: Likelihood = "gaussian",
    loss: Loss = "linear",
    loss_scale: float = 1.0,
    max_steps: int = 100,
    tolerance: float = 1e-10,
    separable: bool = False,
    covariance: bool = False,
    threads: int | None = None,
    compiled: bool = True,
) -> Solution:
    r"""Fit a model to every spectrum, each from its own start.

    Parameters
    ----------
    problem : Problem
        The model, and what is known of its parameters.
    data : array, shape (spectra, points)
        Real or complex. What is not finite is left out.
    start : array, shape (spectra, parameters) or (parameters,)
        Moved into the bounds where it is outside. NaN for parameters in which the model is
        linear starts them at the least squares.
    columns : array, shape (rows, points) or (spectra, rows, points)
        The axis, as the terms of the problem take it, one for all spectra or one for each.
    weights : array, shape (points,) or (spectra, points)
        Relative weights of squared residuals, such as one over the variance. Points of weight 0,
        less, or NaN are left out.
    likelihood : {"gaussian", "poisson"}
        Least squares, or the most likely model of counts.
    loss : {"linear", "soft_l1", "huber", "cauchy"}
        What a residual costs: its square, or less when it is beyond `loss_scale`.
    loss_scale : float, units of the data times the root of the weights
        Residual from which on a loss is less than its square.
    max_steps : int
        Evaluations of the model for a spectrum, at most.
    tolerance : float
        A fit has ended where a step gains no more than this part of what is minimised.
    separable : bool
        Solve for linear parameters in closed form after every step (variable projection).
    covariance : bool
        Return covariances of parameters too.
    threads : int
        Number of threads; one for each core otherwise. The numbers do not depend on it.
    compiled : bool
        Use the compiled engine; otherwise its twin in NumPy, as for formulas that have no
        compiled form.

    Returns
    -------
    Solution
        Parameters, standard deviations and what became of every spectrum.

    Raises
    ------
    DataError
        Shapes do not fit together, or an option is unknown.

    Notes
    -----
    Levenberg-Marquardt with damping of the scaled normal equations [1]_; parameters at a bound
    that push against it are held there. Double precision. The covariance is
    :math:`s^2 (J^T W J)^{-1}`, with the reduced chi square :math:`s^2`; for robust losses
    Huber's; for counts the inverse of the Fisher information. Parameters that all spectra share
    are those of one problem of all spectra, whose residuals then give one :math:`s^2` for all.

    References
    ----------
    .. [1] J. J. Moré, in *Numerical Analysis*, Lecture Notes in Mathematics 630, 105 (1978).
    """
    spectra = np.asarray(data)
    require_options(likelihood, loss, loss_scale, max_steps)
    if separable and (likelihood, loss) != ("gaussian", "linear"):
        message = "separable needs likelihood='gaussian' and loss='linear'"
        raise DataError(message)
    settings = Settings(
        likelihood == "poisson", LOSSES.index(loss), float(loss_scale), int(max_steps),
        separable and bool(problem.linear[problem.free].any()),
        fewest=len(problem.free) - int(problem.shared.sum()),
        cost_tolerance=float(tolerance),
    )  # fmt: skip
    given = _checked(problem, spectra, start, columns, weights)
    engine = Engine(settings, threads, compiled)
    if problem.shared.any():
        found = fit_shared(problem, given, engine)
    else:
        found = engine.run(problem, given, equations=covariance)
    made = np.zeros((len(spectra), 0, 0))
    if covariance:
        if "inverse" not in found:
            known = np.isfinite(found["std"][:, problem.free])
            found["inverse"] = inverses_of(found["normal"], known, threads)
        made = covariance_of(problem, found["inverse"], found["spread"])
    kept = (each.name for each in dataclasses.fields(Solution) if each.name in found)
    return Solution(**{name: found[name] for name in kept}, covariance=made)


def require_options(likelihood: str, loss: str, loss_scale: float, max_steps: int) -> None:
    """Raise unless the engine knows what is asked of it."""
    if likelihood not in LIKELIHOODS:
        message = f"likelihood must be one of {LIKELIHOODS}, got {likelihood!r}"
        raise DataError(message)
    if loss not in LOSSES:
        message = f"loss must be one of {LOSSES}, got {loss!r}"
        raise DataError(message)
    if likelihood == "poisson" and loss != "linear":
        message = (
            f"loss {loss!r} is for likelihood='gaussian'; counts have a likelihood of their own"
        )
        raise DataError(message)
    if not (loss_scale > 0 and np.isfinite(loss_scale)):
        message = f"loss_scale must be above 0, got {loss_scale!r}"
        raise DataError(message)
    if not max_steps >= 1:
        message = f"max_steps must be at least 1, got {max_steps!r}"
        raise DataError(message)


def _checked(
    problem: Problem,
    data: np.ndarray,
    start: npt.ArrayLike,
    columns: npt.ArrayLike,
    weights: npt.ArrayLike | None,
) -> Given:
    """Return data, axis, weights and start as arrays whose first axis is 1 or the spectra."""
    if data.ndim != 2:
        message = f"data must have shape (spectra, points), got {data.shape}"
        raise DataError(message)
    if data.dtype.kind not in "biufc":
        message = f"data must be numbers, got {data.dtype}"
        raise DataError(message)
    if problem.is_complex and data.dtype.kind != "c":
        message = "the data are real, the model is complex: fit complex numbers, or a real model"
        raise DataError(message)
    if data.dtype.kind == "c" and not problem.is_complex:
        message = "the data are complex, the model is real: fit `abs(data)`, `data.real` or a part"
        raise DataError(message)
    count, points = data.shape
    axis = np.asarray(columns, dtype=np.float64)
    axis = np.ascontiguousarray(axis if axis.ndim == 3 else axis[None])
    if axis.ndim != 3 or axis.shape[2] != points or axis.shape[0] not in (1, count):
        message = f"columns must have shape (rows, {points}), got {np.shape(columns)}"
        raise DataError(message)
    if np.shape(start) not in ((problem.parameters,), (count, problem.parameters)):
        message = (
            f"start must have shape ({problem.parameters},) or {(count, problem.parameters)}, "
            f"got {np.shape(start)}"
        )
        raise DataError(message)
    first = np.array(np.broadcast_to(start, (count, problem.parameters)), dtype=np.float64)
    fits = np.isnan(first) & problem.linear & (problem.source >= 0)
    first = np.where(fits, np.nan, np.clip(first, problem.lower, problem.upper))
    first[np.isinf(first)] = np.nan
    if weights is None:
        return Given(data, axis, np.empty((1, 0)), first)
    weighed = np.atleast_2d(np.asarray(weights, dtype=np.float64))
    if weighed.shape[1] != points or weighed.shape[0] not in (1, count):
        message = f"weights must have shape ({points},) or {data.shape}, got {np.shape(weights)}"
        raise DataError(message)
    if problem.is_complex:  # of real and of imaginary parts
        weighed = np.tile(weighed, (1, 2))
    return Given(data, axis, np.ascontiguousarray(weighed), first)
