"""How the learning rate changes during training."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from omniscopy.model import DataError

Schedule = Literal["onecycle", "constant"] | Sequence[float]
# Part of the steps in which the rate rises, and over what it starts and ends.
_RISE, _FROM, _TO = 0.3, 25.0, 1e4


def rates_of(schedule: Schedule, highest: float, epochs: int, steps: int) -> np.ndarray:
    """Return the learning rate of every step.

    Parameters
    ----------
    schedule : {"onecycle", "constant"} or sequence of float
        Rise and fall along cosines (Smith and Topin 2019), always the highest, or one rate for
        each epoch, the last one for all further ones.
    highest : float
    epochs, steps : int
        How many epochs, and steps in each of them.
    """
    if isinstance(schedule, str):
        if schedule not in ("onecycle", "constant"):
            message = (
                "schedule must be 'onecycle', 'constant' or a rate for each epoch, got "
                f"{schedule!r}"
            )
            raise DataError(message)
        count = epochs * steps
        if schedule == "constant":
            return np.full(count, highest)
        rise = max(int(_RISE * count), 1)
        up = highest / _FROM + _eased(rise) * (highest - highest / _FROM)
        down = highest + _eased(max(count - rise, 1)) * (highest / _TO - highest)
        return np.concatenate([up, down])[:count]
    rates = np.asarray(schedule, np.float64).ravel()
    if not rates.size or not (rates > 0).all():
        message = f"rates of epochs must be above 0, and at least one, got {list(schedule)!r}"
        raise DataError(message)
    each = rates[np.minimum(np.arange(epochs), rates.size - 1)]
    return np.repeat(each, steps)


def planned_rates(
    schedule: Schedule, highest: float, length: tuple[int, int], *, cycle: int | None, fall: int
) -> np.ndarray:
    """Return the learning rate of every step of a schedule that may be ended early.

    Parameters
    ----------
    schedule, highest
        As `rates_of` takes them.
    length : (int, int)
        How many epochs, and steps in each of them.
    cycle : int, optional
        Epochs that the schedule is planned for.
    fall : int
        Of one that is ended early, the last so many epochs fall along a cosine to the end.
    """
    epochs, steps = length
    planned = epochs if cycle is None else cycle
    early = planned > epochs
    if planned < epochs or fall < 0 or (early and fall >= epochs):
        message = (
            "cycle must be at least `epochs`, and fall below them, got "
            f"epochs={epochs}, cycle={cycle} and fall={fall}"
        )
        raise DataError(message)
    rates = rates_of(schedule, highest, planned, steps)[: epochs * steps]
    if early and fall:
        start = rates[-fall * steps]
        rates[-fall * steps :] = start + _eased(fall * steps) * (highest / _TO - start)
    return rates


def _eased(count: int) -> np.ndarray:
    """Return numbers that go from near 0 to 1 along a cosine."""
    made: np.ndarray = 0.5 - 0.5 * np.cos(np.pi * np.arange(1, count + 1) / count)
    return made
