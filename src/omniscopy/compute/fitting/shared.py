"""Parameters that all spectra share: a descent along them, the others fitted at every step."""

import dataclasses
from typing import NamedTuple

import numpy as np

from omniscopy.compute.fitting.covariances import inverse_of, std_of_all
from omniscopy.compute.fitting.engine import Engine, Found
from omniscopy.compute.fitting.equations import pseudo_inverse, smallest_pivot, without
from omniscopy.compute.fitting.problem import NOT_SHARED, Given, Problem
from omniscopy.compute.fitting.rules import FIRST, HOPELESS, LEAST, SINGULAR
from omniscopy.compute.fitting.twin import bounded_step
from omniscopy.model.status import Status

# A step that gains less than this many variances of a value is the last: it is shorter than a
# part in 1e4 of the standard deviation.
_LITTLE = 1e-8
# Part of a sum of costs that is rounding.
_ROUNDING = 1e-10


class Elimination(NamedTuple):
    """The equations of all spectra, reduced to the parameters that they share.

    `own` is the inverse of the equations of the other parameters of each spectrum, NaN at a
    bound; `follow` is how much less they get when a shared one gets more.
    """

    normal: np.ndarray
    direction: np.ndarray
    own: np.ndarray
    follow: np.ndarray


def fit_shared(problem: Problem, given: Given, engine: Engine) -> Found:
    """Return what is found for each spectrum, and `inverse`, that of the equations of all.

    Shared parameters take the steps of one least squares problem of all spectra: from its normal
    equations the other parameters are eliminated, spectrum by spectrum.
    """
    limits = [each[problem.shared] for each in (problem.lower, problem.upper, problem.positive)]
    values = _start(problem, given, engine)
    found = _fit_others(problem, given, engine, values)
    left = _eliminate(problem, given, engine, found)
    strength, status = FIRST, Status.MAX_STEPS
    for _ in range(engine.settings.max_steps):
        damping = strength * np.diag(np.diag(left.normal))
        steps, good = bounded_step(
            left.normal[None], left.direction[None], damping[None], values[None], *limits
        )
        if not good[0] or strength > HOPELESS:
            status = Status.SINGULAR
            break
        step = steps[0]
        gain = 2.0 * left.direction @ step - step @ left.normal @ step
        last = gain <= _LITTLE * _spread(problem, found, engine)
        ahead = given._replace(start=found["parameters"])
        trial = _fit_others(problem, ahead, engine, values + step)
        trial["steps"] += found["steps"]
        if last or np.nansum(trial["cost"]) <= np.nansum(found["cost"]) * (1.0 + _ROUNDING):
            found, values, strength = trial, values + step, max(0.1 * strength, LEAST)
            left = _eliminate(problem, given, engine, found)
        else:
            strength = max(10.0 * strength, 1e-6)
        if last:
            status = Status.CONVERGED
            break
    stopped = (values <= limits[0]) | (values >= limits[1])
    if smallest_pivot(without(left.normal[None], stopped[None]))[0] <= SINGULAR:
        status = Status.SINGULAR
    if status == Status.CONVERGED and stopped.any():
        status = Status.AT_BOUND
    found = _measured(problem, engine, found, left, stopped)
    found["status"][found["status"] == Status.CONVERGED] = status
    return found


def _start(problem: Problem, given: Given, engine: Engine) -> np.ndarray:
    """Return where shared parameters start: in the middle of the starts, or of single fits."""
    starts = given.start
    if np.isnan(starts[:, problem.shared]).any():
        starts = engine.run(dataclasses.replace(problem, shared=NOT_SHARED), given)["parameters"]
    # Of other parameters, those that the model is linear in may have no start.
    common = starts[:, problem.shared]
    known = common[np.isfinite(common).all(axis=1)]
    return np.median(known, axis=0) if len(known) else np.full(problem.shared.sum(), np.nan)


def _fit_others(problem: Problem, given: Given, engine: Engine, values: np.ndarray) -> Found:
    """Return what is found for each spectrum with the shared parameters held."""
    start, source = given.start.copy(), problem.source.copy()
    for parameter, value in zip(np.flatnonzero(problem.shared), values, strict=True):
        follows = problem.source == parameter
        start[:, follows] = problem.factor[follows] * value + problem.offset[follows]
        source[follows] = -1
    held = dataclasses.replace(problem, source=source, shared=NOT_SHARED)
    return engine.run(held, given._replace(start=start))


def _eliminate(problem: Problem, given: Given, engine: Engine, found: Found) -> Elimination:
    """Reduce the equations at what was found to those of the shared parameters."""
    common = problem.shared[problem.free]
    values = found["parameters"][:, problem.free]
    stopped = (values <= problem.lower[problem.free]) | (values >= problem.upper[problem.free])
    stopped &= ~common
    look = engine._replace(
        settings=engine.settings._replace(max_steps=1, separable=False, fewest=1)
    )
    seen = look.run(
        dataclasses.replace(problem, shared=NOT_SHARED), given._replace(start=found["parameters"]),
        equations=True,
    )  # fmt: skip
    took_part = np.isfinite(found["cost"])
    normal = np.where(took_part[:, None, None], seen["normal"], 0.0)
    direction = np.where(stopped, 0.0, np.where(took_part[:, None], seen["direction"], 0.0))
    normal = without(normal, stopped)
    across = normal[:, ~common][:, :, common]
    # What has no effect on a spectrum has none on the shared parameters.
    own = pseudo_inverse(normal[:, ~common][:, :, ~common])
    follow = own @ across
    left = normal[:, common][:, :, common] - across.transpose(0, 2, 1) @ follow
    pull = direction[:, common] - np.einsum("sog,so->sg", follow, direction[:, ~common])
    return Elimination(
        left.sum(axis=0), pull.sum(axis=0),
        without(own, stopped[:, ~common], np.nan), follow,
    )  # fmt: skip


def _spread(problem: Problem, found: Found, engine: Engine) -> float:
    """Return the variance of a value of weight 1, from the residuals of all spectra."""
    if engine.settings.poisson:
        return 1.0
    own = len(problem.free) - int(problem.shared.sum())
    degrees = np.where(np.isfinite(found["spread"]), found["points"] - own, 0)
    most = int(degrees.sum()) - int(problem.shared.sum())
    return float(np.nansum(degrees * found["spread"]) / most) if most > 0 else np.nan


def _measured(
    problem: Problem, engine: Engine, found: Found, left: Elimination, stopped: np.ndarray
) -> Found:
    """Return what is found with the covariances of one problem of all spectra."""
    common, count = problem.shared[problem.free], len(found["cost"])
    normal = without(left.normal[None], stopped[None])
    regular = smallest_pivot(normal)[0] > SINGULAR
    middle = inverse_of(normal, ~stopped[None])[0] if regular else normal[0] * np.nan
    moved = np.nan_to_num(middle)
    inverse = np.empty((count, len(common), len(common)))
    every = np.arange(count)
    inverse[np.ix_(every, common, common)] = middle
    inverse[np.ix_(every, ~common, ~common)] = (
        left.own + left.follow @ moved @ left.follow.transpose(0, 2, 1)
    )
    across = np.where(np.isnan(np.diag(middle)), np.nan, -left.follow @ moved)
    inverse[np.ix_(every, ~common, common)] = across
    inverse[np.ix_(every, common, ~common)] = across.transpose(0, 2, 1)
    inverse[~np.isfinite(found["cost"])] = np.nan
    spread = np.where(np.isfinite(found["cost"]), _spread(problem, found, engine), np.nan)
    variance = spread[:, None] * np.einsum("saa->sa", inverse)
    std = std_of_all(problem, np.sqrt(variance))
    return {**found, "std": std, "spread": spread, "inverse": inverse}
