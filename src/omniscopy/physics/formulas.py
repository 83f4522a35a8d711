"""Formulas with what a fit must know of them, as NumPy and as compiled code."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Formula:
    """A function that returns a value and its derivative with respect to each parameter.

    `function` takes `columns` numbers of a point (such as `x`, or `x` and its logarithm), then
    `constants`, then `parameters`. It is made of arithmetic and `omniscopy.physics.elementary`,
    so that it takes arrays and can be compiled for numbers.
    """

    function: Callable[..., Any]
    parameters: int
    columns: int = 1
    constants: int = 0
    complex: bool = False

    def evaluate(
        self, columns: Sequence[np.ndarray], constants: Sequence[float], parameters: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return values (..., points) and derivatives (..., parameters, points).

        Each column has shape (..., points), `parameters` have shape (..., parameters).
        """
        given = [parameters[..., n, None] for n in range(self.parameters)]
        # A peak far away underflows to zero, which is what it is; what is not finite is refused
        # by the fit.
        with np.errstate(all="ignore"):
            value, *slopes = self.function(*columns, *constants, *given)
        shape = np.broadcast_shapes(*(np.shape(each) for each in (value, *slopes)))
        jacobian = np.stack([np.broadcast_to(slope, shape) for slope in slopes], axis=-2)
        return np.broadcast_to(value, shape), jacobian

    def address(self) -> int:
        """Return where the compiled formula is in this process."""
        return int(self.compiled().address)

    def compiled(self) -> Any:
        """Return the formula as a function of C, compiled on first use on this machine."""
        from omniscopy.physics.compiled import compiled

        return compiled(
            self.function, self.parameters, self.columns, self.constants, of_complex=self.complex
        )
