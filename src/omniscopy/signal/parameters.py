"""What may be said of a parameter of a model: where it starts, stays, or what it follows."""

import math
from dataclasses import dataclass

import numpy as np

from omniscopy.model import DataError


@dataclass(frozen=True)
class Fixed:
    """A parameter that stays as it is: at `value`, or where it starts if that is left out."""

    value: float | None = None


@dataclass(frozen=True)
class Bounded:
    """A parameter that stays between `lower` and `upper`, both included; `None` for no bound.

    The fit begins at `start`, by default where the data say.
    """

    lower: float | None = -math.inf
    upper: float | None = math.inf
    start: float | None = None

    def __post_init__(self) -> None:
        lower = -math.inf if self.lower is None else self.lower
        upper = math.inf if self.upper is None else self.upper
        if not all(isinstance(each, int | float | np.number) for each in (lower, upper)):
            message = f"Bounded takes numbers, or `None` for no bound, got {lower!r} and {upper!r}"
            raise DataError(message)
        object.__setattr__(self, "lower", lower)
        object.__setattr__(self, "upper", upper)
        require_bounds(lower, upper, "Bounded")
        if self.start is not None and not lower <= self.start <= upper:
            message = f"start {self.start:g} is outside the bounds {lower:g} to {upper:g}"
            raise DataError(message)


@dataclass(frozen=True)
class Tied:
    """A parameter that follows another: `factor` times it, plus `offset`.

    `to` is the name it has in the result, such as `"gaussian_centre"`.
    """

    to: str
    factor: float = 1.0
    offset: float = 0.0


Setting = float | Fixed | Bounded | Tied | None


def require_bounds(lower: float, upper: float, what: str) -> None:
    """Raise unless one number is below the other."""
    if not lower < upper:
        message = (
            f"{what}: the lower bound {lower:g} must be below the upper bound {upper:g}; "
            "hold a parameter with `Fixed`"
        )
        raise DataError(message)
