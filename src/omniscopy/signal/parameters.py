"""What may be said of a parameter of a model: where it starts, stays, or what it follows."""

import math
from dataclasses import dataclass

from omniscopy.model import DataError


@dataclass(frozen=True)
class Fixed:
    """A parameter that stays as it is: at `value`, or where it starts if that is left out."""

    value: float | None = None


@dataclass(frozen=True)
class Bounded:
    """A parameter that stays between two numbers, both included."""

    lower: float = -math.inf
    upper: float = math.inf
    start: float | None = None

    def __post_init__(self) -> None:
        require_bounds(self.lower, self.upper, "Bounded")
        if self.start is not None and not self.lower <= self.start <= self.upper:
            message = f"start {self.start:g} is outside the bounds {self.lower:g} to {self.upper:g}"
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
