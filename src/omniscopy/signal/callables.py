"""Functions of Python as formulas for the engine: many spectra at once where they can be."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from omniscopy.model import DataError

# Differences are first taken over this part of a parameter, then over longer or shorter steps,
# until the function changes by a part of its size that neither rounding nor curvature spoils.
_STEP, _SMALLEST, _LARGEST, _AIM, _TRIALS = 1e-6, 1e-8, 1e-3, 6e-6, 8
# By how much a step may change at once, and where it starts for a parameter that is 0.
_FACTOR, _FROM_ZERO = 1e6, 1e-25


@dataclass(frozen=True, eq=False)
class CallableFormula:
    """A function of columns and parameters; `derivatives` are differences if there are none."""

    function: Callable[..., Any]
    derivatives: Callable[..., Any] | None
    parameters: int
    label: str
    complex: bool = False
    # Whether columns of parameters may be given: found out at the first call.
    batches: list[bool] = field(default_factory=list, repr=False)

    def address(self) -> None:
        """Return that there is no compiled form."""

    def evaluate(
        self,
        columns: Sequence[np.ndarray],
        constants: Sequence[float],  # noqa: ARG002 - there are none
        parameters: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return values (..., points) and derivatives (..., parameters, points)."""
        outer, points = parameters.shape[:-1], columns[0].shape[-1]
        rows = [np.broadcast_to(each, (*outer, points)).reshape(-1, points) for each in columns]
        given = parameters.reshape(-1, self.parameters)
        with np.errstate(all="ignore"):
            values = self.values(rows, given)
            if self.derivatives is None:
                slopes = self.differences(rows, given, values)
            else:
                slopes = self.stated_slopes(rows, given)
        return values.reshape(*outer, points), slopes.reshape(*outer, self.parameters, points)

    def values(self, rows: Sequence[np.ndarray], given: np.ndarray) -> np.ndarray:
        """Return the function for each row of parameters."""
        if len(given) > 1 and self.takes_batches(rows, given):
            return self.batch(rows, given)
        return np.stack([
            self.one([each[n] for each in rows], numbers) for n, numbers in enumerate(given)
        ]) if len(given) else np.zeros(rows[0].shape, self.kind)  # fmt: skip

    @property
    def kind(self) -> np.dtype[Any]:
        """Return what kind of number the values are."""
        return np.dtype(np.complex128 if self.complex else np.float64)

    def one(self, row: Sequence[np.ndarray], numbers: np.ndarray) -> np.ndarray:
        """Return the function for one set of parameters."""
        try:
            made = self.function(*row, *map(float, numbers))
        except Exception as error:
            message = f"the model function {self.label} failed: {type(error).__name__}: {error}"
            raise DataError(message) from error
        return self.array(made, row[0].shape)

    def batch(self, rows: Sequence[np.ndarray], given: np.ndarray) -> np.ndarray:
        """Return the function for columns of parameters."""
        made = self.function(*rows, *(given[:, n, None] for n in range(self.parameters)))
        return self.array(made, rows[0].shape)

    def array(self, made: Any, shape: tuple[int, ...]) -> np.ndarray:
        """Return what a function made as an array of a shape."""
        values = np.asarray(made)
        if values.dtype.kind == "c" and not self.complex:
            message = f"{self.label} returns complex values: say is_complex=True"
            raise DataError(message)
        try:
            return np.broadcast_to(values, shape).astype(self.kind)
        except (TypeError, ValueError) as error:
            message = (
                f"{self.label} must return numbers of shape {shape}, like its coordinate, got "
                f"{values.dtype} of shape {values.shape}"
            )
            raise DataError(message) from error

    def takes_batches(self, rows: Sequence[np.ndarray], given: np.ndarray) -> bool:
        """Return whether columns of parameters give what each of their rows gives alone."""
        if not self.batches:
            factors = np.array([[1.0], [1.1], [1.3]])
            trial = np.where(given[0] == 0, factors - 1.0, factors * given[0])
            some = [np.repeat(each[:1], 3, axis=0) for each in rows]
            alone = np.stack([
                self.one([each[n] for each in some], numbers) for n, numbers in enumerate(trial)
            ])  # fmt: skip
            try:
                together = self.batch(some, trial)
            except Exception:  # noqa: BLE001 - whatever a function raises, it takes no columns
                self.batches.append(False)
            else:
                self.batches.append(np.allclose(alone, together, rtol=1e-10, equal_nan=True))
        return self.batches[0]

    def stated_slopes(self, rows: Sequence[np.ndarray], given: np.ndarray) -> np.ndarray:
        """Return the derivatives that were given, spectrum by spectrum."""
        made = np.empty((len(given), self.parameters, rows[0].shape[1]), dtype=self.kind)
        for n, numbers in enumerate(given):
            made[n] = self.slopes_of_one([each[n] for each in rows], numbers)
        return made

    def slopes_of_one(self, row: Sequence[np.ndarray], numbers: np.ndarray) -> np.ndarray:
        """Return the derivatives that were given, for one set of parameters."""
        made = tuple(self.derivatives(*row, *map(float, numbers)))  # type: ignore[misc]
        if len(made) != self.parameters:
            message = (
                f"the derivatives of {self.label} are {len(made)} arrays; it has "
                f"{self.parameters} parameters"
            )
            raise DataError(message)
        return np.stack([self.array(each, row[0].shape) for each in made])

    def differences(
        self, rows: Sequence[np.ndarray], given: np.ndarray, values: np.ndarray
    ) -> np.ndarray:
        """Return central differences; one-sided ones where the function ends."""
        made = np.zeros((len(given), self.parameters, rows[0].shape[1]), dtype=self.kind)
        finite = np.where(np.isfinite(values), np.abs(values), 0.0)
        size = np.max(finite, axis=1, initial=1e-300)
        for number in range(self.parameters):
            start = np.abs(given[:, number])
            step = np.where(start > 0, _STEP * start, _FROM_ZERO)
            todo = np.arange(len(given))
            for _ in range(_TRIALS):
                part = [each[todo] for each in rows]
                made[todo, number], change = self.difference(
                    part, given[todo], values[todo], number, step[todo]
                )
                share = change / size[todo]
                again = (share < _SMALLEST) | (share > _LARGEST)
                todo, share = todo[again], share[again]
                step[todo] *= np.clip(_AIM / np.maximum(share, 1e-300), 1 / _FACTOR, _FACTOR)
                if not len(todo):
                    break
        return made

    def difference(
        self, rows: Sequence[np.ndarray], given: np.ndarray, values: np.ndarray, number: int,
        step: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
        """Return a derivative, and by how much the function has changed for it."""
        up, down = given.copy(), given.copy()
        up[:, number] += step
        down[:, number] -= step
        above, below = self.values(rows, up), self.values(rows, down)
        # What is added to a number is not quite the step.
        ahead, back = (up - given)[:, number, None], (given - down)[:, number, None]
        slope = (above - below) / (ahead + back)
        slope = np.where(np.isfinite(below), slope, (above - values) / ahead)
        slope = np.where(np.isfinite(above), slope, (values - below) / back)
        noticed = np.where(np.isfinite(slope), np.abs(slope) * (ahead + back), 0.0)
        return slope, np.max(noticed, axis=1, initial=0.0)

    def require(self, row: Sequence[np.ndarray], numbers: np.ndarray) -> None:
        """Raise where the function, or its derivatives, do not give arrays like the coordinate."""
        with np.errstate(all="ignore"):
            self.one(row, numbers)
            if self.derivatives is not None:
                self.slopes_of_one(row, numbers)
