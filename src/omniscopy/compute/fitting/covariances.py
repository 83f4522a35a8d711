"""Uncertainties of all parameters from those of the free ones."""

import numpy as np

from omniscopy.compute.fitting.equations import inverse, without
from omniscopy.compute.fitting.problem import Problem
from omniscopy.compute.threads import share_work

# Matrices that a thread inverts at a time.
_BLOCK = 512


def std_of_all(problem: Problem, std: np.ndarray) -> np.ndarray:
    """Return standard deviations of all parameters from those of the free ones: 0 where fixed."""
    made = np.zeros((len(std), problem.parameters))
    tied = problem.source >= 0
    place = np.searchsorted(problem.free, problem.source[tied])
    made[:, tied] = np.abs(problem.factor[tied]) * std[:, place]
    return made


def covariance_of(problem: Problem, inverse: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Return covariances of all parameters from the inverse of the equations of the free ones."""
    made = np.zeros((len(spread), problem.parameters, problem.parameters))
    tied = np.flatnonzero(problem.source >= 0)
    place = np.searchsorted(problem.free, problem.source[tied])
    factor = problem.factor[tied]
    part = inverse[:, place][:, :, place] * spread[:, None, None]
    made[np.ix_(np.arange(len(spread)), tied, tied)] = part * factor[:, None] * factor
    return made


def inverse_of(normal: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return the inverse of normal matrices, without parameters that are not known: NaN there."""
    if known.all():
        return inverse(normal)
    return without(inverse(without(normal, ~known)), ~known, np.nan)


def inverses_of(normal: np.ndarray, known: np.ndarray, threads: int | None) -> np.ndarray:
    """Return the same of very many matrices, by several threads."""
    made = np.empty_like(normal)
    blocks = range(0, len(normal), _BLOCK)

    def work(begin: int) -> None:
        part = slice(begin, begin + _BLOCK)
        made[part] = inverse_of(normal[part], known[part])

    share_work(work, blocks, threads)
    return made
