# ruff: noqa: PLR0917 - points and parameters are given by their place
r"""What a driven cantilever does after its resonance has changed, seen through a filter.

Each formula takes the time since the change began and the standard deviation of a Gaussian filter
without delay; it returns its value, and its derivative with respect to each parameter in turn.
They are made of :math:`S(t; a)`, a decay :math:`e^{-at}` that begins at 0, through the filter.
"""

from typing import Any

from omniscopy.physics.elementary import COEFFICIENTS, LENGTH, ROOT, choose, exp

_ROOT_2, _ROOT_2_PI = 1.4142135623730951, 2.5066282746310002


def decay(t: Any, sigma: Any, rate: Any) -> Any:
    r"""Return a decay through the filter, and its derivative with respect to the rate.

    :math:`S(t; a) = \frac12 e^{\sigma^2 a^2/2 - at}\, erfc((\sigma a - t/\sigma)/\sqrt 2)`.
    """
    x = t / sigma
    u = (sigma * rate - x) / _ROOT_2
    bell = exp(-0.5 * x * x)
    below = 1.0 / (LENGTH + choose(u > 0.0, u, -u))
    z = 2.0 * LENGTH * below - 1.0
    p = COEFFICIENTS[0] + 0.0 * z
    for n in range(1, 40):
        p = p * z + COEFFICIENTS[n]
    scaled = (2.0 * p * below + ROOT) * below
    late = exp(choose(u > 0.0, 0.0, rate * (0.5 * sigma * sigma * rate - t)))
    value = choose(u > 0.0, 0.5 * bell * scaled, late - 0.5 * bell * scaled)
    return value, (sigma * sigma * rate - t) * value - sigma / _ROOT_2_PI * bell


def product(t: Any, sigma: Any, amplitude: Any, rise: Any, fall: Any) -> Any:
    r"""Return :math:`A\, (1 - e^{-t/t_1})\, e^{-t/t_2}` through the filter."""
    late, late_slope = decay(t, sigma, 1.0 / fall)
    early, early_slope = decay(t, sigma, 1.0 / rise + 1.0 / fall)
    shape = late - early
    return (
        amplitude * shape,
        shape,
        amplitude * early_slope / (rise * rise),
        amplitude * (early_slope - late_slope) / (fall * fall),
    )


def sum_of_two(t: Any, sigma: Any, first: Any, rise: Any, second: Any, fall: Any) -> Any:
    r"""Return :math:`A_1 (e^{-t/t_1} - 1) - A_2 e^{-t/t_2}` through the filter."""
    step, _ = decay(t, sigma, 0.0 * rise)
    early, early_slope = decay(t, sigma, 1.0 / rise)
    late, late_slope = decay(t, sigma, 1.0 / fall)
    return (
        first * (early - step) - second * late,
        early - step,
        -first * early_slope / (rise * rise),
        -late,
        second * late_slope / (fall * fall),
    )


def exponential(t: Any, sigma: Any, end: Any, amplitude: Any, fall: Any) -> Any:
    r"""Return :math:`y_0 + A e^{-t/\tau}` after the change, through the filter."""
    step, _ = decay(t, sigma, 0.0 * fall)
    late, slope = decay(t, sigma, 1.0 / fall)
    return (
        end * step + amplitude * late,
        step,
        late,
        -amplitude * slope / (fall * fall),
    )


def phase(t: Any, sigma: Any, amplitude: Any, rise: Any, fall: Any) -> Any:
    r"""Return 360° times the integral of `product` along time."""
    step, _ = decay(t, sigma, 0.0 * fall)
    rate = 1.0 / rise + 1.0 / fall
    late, late_slope = decay(t, sigma, 1.0 / fall)
    early, early_slope = decay(t, sigma, rate)
    slow, fast = (step - late) * fall, (step - early) / rate
    # Derivatives of both with respect to their rates.
    slow_slope, fast_slope = -(late_slope + slow) * fall, -(early_slope + fast) / rate
    shape = 360.0 * (slow - fast)
    return (
        amplitude * shape,
        shape,
        360.0 * amplitude * fast_slope / (rise * rise),
        360.0 * amplitude * (fast_slope - slow_slope) / (fall * fall),
    )


def before(t: Any, sigma: Any, level: Any) -> Any:
    """Return a constant: the frequency before the change."""
    return level + 0.0 * (t + sigma), 1.0 + 0.0 * t


def phase_before(t: Any, sigma: Any, level: Any, frequency: Any) -> Any:
    """Return a phase in degrees that advances at a constant frequency."""
    return level + 360.0 * frequency * t + 0.0 * sigma, 1.0 + 0.0 * t, 360.0 * t
