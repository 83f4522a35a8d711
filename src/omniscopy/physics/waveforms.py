"""Series of biases: triangles, and those of first-order reversal curves."""

import numpy as np


def triangle(
    steps: int, amplitude: float, *, offset: float = 0.0, cycles: int = 1, fraction: float = 1.0,
    phase: float = 0.0,
) -> np.ndarray:  # fmt: skip
    """Return the biases of triangles that start at the offset and rise first.

    Parameters
    ----------
    steps : int
        Steps of what is measured of a cycle.
    amplitude, offset : float
        Highest bias above the middle, and the middle.
    cycles : int
        How many times it is repeated.
    fraction : float
        Part of a full cycle that is measured.
    phase : float
        Part of a full cycle by which the start is later.

    Returns
    -------
    array, shape (cycles * steps,)
    """
    full = steps / fraction
    # Where in a full cycle each step is.
    place = np.mod(np.arange(steps) / full + phase, 1.0)
    one = 1.0 - np.abs(np.mod(4.0 * place + 1.0, 4.0) - 2.0)
    return np.tile(amplitude * one + offset, cycles)


def reversal_curves(
    steps: int, high: tuple[float, float], low: tuple[float, float], count: int
) -> np.ndarray:
    """Return triangles whose extremes go in equal steps from the first pair to the second.

    Parameters
    ----------
    steps : int
        Steps of a curve.
    high, low : (float, float)
        Highest and lowest bias of the first curve and of the last.
    count : int
        Number of curves.

    Returns
    -------
    array, shape (count, steps)
    """
    highest, lowest = np.linspace(*high, count)[:, None], np.linspace(*low, count)[:, None]
    one = triangle(steps, 1.0)
    one = one / np.max(np.abs(one))
    return np.asarray(one * (highest - lowest) / 2.0 + (highest + lowest) / 2.0)
