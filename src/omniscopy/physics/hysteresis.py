# ruff: noqa: PLR0913, PLR0917 - points and parameters are given by their place
"""Hysteresis loops of ferroelectric switching."""

from typing import Any

import numpy as np

from omniscopy.physics.elementary import choose, erf, exp

_SLOPE = float(2.0 / np.sqrt(np.pi))


def falls(bias: np.ndarray) -> np.ndarray:
    """Return where a bias falls from a point to the next; points that stay follow those before.

    The point after the last one is the first, if that is near enough to close the loop.
    """
    steps = np.diff(bias)
    if steps.size == 0:
        return np.zeros(bias.shape, bool)
    back = bias[0] - bias[-1]
    last = back if abs(back) <= 1.5 * np.max(np.abs(steps)) else steps[-1]
    steps = np.append(steps, last)
    moving = np.flatnonzero(steps != 0.0)
    if moving.size == 0:
        return np.zeros(bias.shape, bool)
    known = np.maximum.accumulate(np.where(steps != 0.0, np.arange(steps.size), -1))
    return np.asarray(steps[np.where(known < 0, moving[0], known)] < 0.0)


def loop(
    bias: Any, falling: Any, a0: Any, a1: Any, a2: Any, a3: Any, a4: Any,
    b0: Any, b1: Any, b2: Any, b3: Any,
) -> Any:  # fmt: skip
    r"""Return the response of a loop, and its derivative with respect to each parameter.

    :math:`a_0 + a_1 y + a_4 V`, with :math:`y = (g\,\mathrm{erf}((V - c)/g) + b_l) / (b_l + b_h)`
    that goes from 0 to 1 at the bias `c`. Where `falling` is above 0, the bias falls, and
    :math:`c = a_2`, :math:`b_l = b_0`, :math:`b_h = b_1`; elsewhere it rises, and they are
    :math:`a_3`, :math:`b_2` and :math:`b_3`. The width `g` is :math:`b_l` below `c` and
    :math:`b_h` above, so that value and slope are continuous.

    S. Jesse, H. N. Lee and S. V. Kalinin, *Rev. Sci. Instrum.* 77, 073702 (2006).
    """
    down = falling > 0.0
    centre, low, high = choose(down, a2, a3), choose(down, b0, b2), choose(down, b1, b3)
    below = bias < centre
    width = choose(below, low, high)
    u = (bias - centre) / width
    rise, slope = erf(u), _SLOPE * exp(-u * u)
    both = low + high
    shape = (width * rise + low) / both
    along = -a1 * slope / both
    wider = (rise - u * slope) * a1 / both
    lower = choose(below, wider, 0.0) + (a1 - a1 * shape) / both
    upper = choose(below, 0.0, wider) - a1 * shape / both
    return (
        a0 + a1 * shape + a4 * bias,
        1.0 + 0.0 * bias,
        shape,
        choose(down, along, 0.0),
        choose(down, 0.0, along),
        bias,
        choose(down, lower, 0.0),
        choose(down, upper, 0.0),
        choose(down, 0.0, lower),
        choose(down, 0.0, upper),
    )
