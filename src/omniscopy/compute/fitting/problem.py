"""What is fitted, and what comes back; nothing here knows a model of the field."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

import numpy as np

from omniscopy.model.errors import DataError

Likelihood = Literal["gaussian", "poisson"]
Loss = Literal["linear", "soft_l1", "huber", "cauchy"]
LIKELIHOODS: tuple[Likelihood, ...] = ("gaussian", "poisson")
# No parameter is the same for all spectra.
NOT_SHARED = np.zeros(0, dtype=bool)
# No amplitude goes along with another parameter.
NOT_CARRIED = np.zeros((0, 2), dtype=np.int64)
LOSSES: tuple[Loss, ...] = ("linear", "soft_l1", "huber", "cauchy")


class Formula(Protocol):
    """A function of a few columns of numbers, with derivatives."""

    @property
    def parameters(self) -> int:
        """How many parameters there are."""

    def evaluate(
        self, columns: Sequence[np.ndarray], constants: Sequence[float], parameters: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return values (..., points) and derivatives (..., parameters, points)."""

    def address(self) -> int | None:
        """Return where the compiled formula is in this process, `None` if there is none."""


class Term(NamedTuple):
    """One formula of a sum, and the rows of the axis that it takes.

    `scratch` is the number of rows of points that the compiled formula needs to work in.
    """

    formula: Formula
    columns: tuple[int, ...]
    constants: tuple[float, ...] = ()
    scratch: int = 0


@dataclass(frozen=True)
class Problem:
    """A sum of formulas, and what is known of its parameters.

    Attributes
    ----------
    terms : tuple of Term
        Their parameters follow each other.
    lower, upper : array, shape (parameters,)
        Bounds, infinite where there are none.
    positive : array of bool
        Parameters above 0 that come near it, but never there: widths and decays.
    linear : array of bool
        Parameters in which the model is linear.
    source : array of int
        For each parameter the one that it is tied to; itself where it is free; -1 where it stays
        as it starts.
    factor, offset : array
        A tied parameter is `factor` times the other plus `offset`.
    is_complex : bool
        Complex data, of which real and imaginary parts are fitted together.
    shared : array of bool
        Free parameters that are the same number for all spectra; none otherwise.
    carried : array of int, shape (pairs, 2)
        An amplitude and a parameter that changes the term by about a factor, such as the exponent
        of a power law: with a step of it the amplitude is multiplied. Only pairs of free ones.
    """

    terms: tuple[Term, ...]
    lower: np.ndarray
    upper: np.ndarray
    positive: np.ndarray
    linear: np.ndarray
    source: np.ndarray
    factor: np.ndarray
    offset: np.ndarray
    is_complex: bool = False
    shared: np.ndarray = field(default_factory=lambda: NOT_SHARED)
    carried: np.ndarray = field(default_factory=lambda: NOT_CARRIED)
    free: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        own = self.source == np.arange(len(self.source))
        shared = np.zeros(len(own), dtype=bool) if len(self.shared) == 0 else self.shared
        object.__setattr__(self, "shared", shared)
        object.__setattr__(self, "free", np.flatnonzero(own))
        pairs = np.asarray(self.carried, dtype=np.int64).reshape(-1, 2)
        object.__setattr__(self, "carried", pairs[own[pairs].all(axis=1)])
        tied = (self.source >= 0) & ~own
        if not own[self.source[tied]].all():
            message = "a parameter can only be tied to one that is free"
            raise DataError(message)
        if (self.lower > self.upper).any():
            message = "a lower bound is above its upper bound"
            raise DataError(message)
        if self.shared[~own].any():
            message = "only a free parameter can be shared by all spectra; others may be tied to it"
            raise DataError(message)

    @property
    def parameters(self) -> int:
        """Return how many parameters there are, free or not."""
        return len(self.source)

    def evaluate(
        self, columns: np.ndarray, parameters: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return values (..., points) and derivatives (..., parameters, points).

        `columns` has shape (..., rows, points), `parameters` (..., parameters). Real and
        imaginary parts of complex values follow each other.
        """
        values: np.ndarray | float = 0.0
        parts, first = [], 0
        for term in self.terms:
            own = parameters[..., first : first + term.formula.parameters]
            rows = [columns[..., row, :] for row in term.columns]
            value, slopes = term.formula.evaluate(rows, term.constants, own)
            if self.is_complex:
                value, slopes = _as_real(value), _as_real(slopes)
            values = values + value
            parts.append(slopes)
            first += term.formula.parameters
        return np.asarray(values), np.concatenate(parts, axis=-2)


@dataclass(frozen=True)
class Solution:
    """What was found for each spectrum; NaN where there is no answer.

    Attributes
    ----------
    parameters, std : array, shape (spectra, parameters)
        Values and standard deviations; 0 where a parameter is fixed, NaN where it is at a bound.
    status, steps, points : array of int, shape (spectra,)
        Code of `omniscopy.model.Status`, evaluations of the model, values that were fitted.
    cost : array, shape (spectra,)
        What was minimised: the sum of the loss, or the deviance of counts.
    chi_square, total : array, shape (spectra,)
        Weighted sum of squared residuals (the deviance of counts), and of squared differences
        from the weighted mean.
    spread : array, shape (spectra,)
        Variance of a value of weight 1, by which the inverse of the normal matrix is the
        covariance.
    covariance : array, shape (spectra, parameters, parameters)
        Covariance, NaN where `std` is; shape (spectra, 0, 0) where it was not asked for.
    """

    parameters: np.ndarray
    std: np.ndarray
    status: np.ndarray
    steps: np.ndarray
    points: np.ndarray
    cost: np.ndarray
    chi_square: np.ndarray
    total: np.ndarray
    spread: np.ndarray
    covariance: np.ndarray


class Settings(NamedTuple):
    """How a minimum is looked for, as numbers; spectra of fewer values than `fewest` are not."""

    poisson: bool
    loss: int
    loss_scale: float
    max_steps: int
    separable: bool
    fewest: int
    cost_tolerance: float = 1e-10
    step_tolerance: float = 1e-11


class Given(NamedTuple):
    """Spectra, and all that differs between them; the first axis is that of the spectra.

    One row of `columns` and `weights` stands for all; weights of no points are 1.
    """

    data: np.ndarray
    columns: np.ndarray
    weights: np.ndarray
    start: np.ndarray

    def take(self, part: slice | np.ndarray) -> "Given":
        """Return some of the spectra."""
        columns, weights = (
            each[part] if len(each) > 1 else each for each in (self.columns, self.weights)
        )
        return Given(self.data[part], columns, weights, self.start[part])


def _as_real(values: np.ndarray) -> np.ndarray:
    """Return real parts followed by imaginary parts along the last axis."""
    return np.concatenate([np.real(values), np.imag(values)], axis=-1)
