# ruff: noqa: PLR0917 - points and parameters are given by their place
"""Decays: each returns its value, and its derivative with respect to each parameter in turn."""

from typing import Any

from omniscopy.physics.elementary import exp, log


def exponential(x: Any, amplitude: Any, decay: Any) -> Any:
    r"""Return :math:`A e^{-x/\tau}`."""
    u = x / decay
    shape = exp(-u)
    return amplitude * shape, shape, amplitude * shape * u / decay


def stretched_exponential(log_x: Any, amplitude: Any, decay: Any, exponent: Any) -> Any:
    r"""Return :math:`A e^{-(x/\tau)^\beta}`, of the logarithm of `x`."""
    order = log_x - log(decay)
    power = exp(exponent * order)
    shape = exp(-power)
    fall = amplitude * shape * power
    return amplitude * shape, shape, fall * exponent / decay, -fall * order


def power_law(log_x: Any, log_reference: Any, amplitude: Any, exponent: Any) -> Any:
    r"""Return :math:`A (x / x_0)^{-r}`, of the logarithms of `x` and of the reference."""
    order = log_x - log_reference
    shape = exp(-exponent * order)
    return amplitude * shape, shape, -amplitude * shape * order


def double_power_law(
    x: Any, log_x: Any, reference: Any, amplitude: Any, exponent: Any, ratio: Any, shift: Any
) -> Any:
    r"""Return :math:`A [(x/x_0)^{-r} + \rho\, ((x - s)/x_0)^{-r}]`."""
    order = log_x - log(reference)
    order_later = log((x - shift) / reference)
    first, second = exp(-exponent * order), exp(-exponent * order_later)
    shape = first + ratio * second
    return (
        amplitude * shape,
        shape,
        -amplitude * (first * order + ratio * second * order_later),
        amplitude * second,
        amplitude * ratio * second * exponent / (x - shift),
    )


def bleasdale(x: Any, a: Any, b: Any, c: Any) -> Any:
    r"""Return :math:`(a + b x)^{-1/c}`."""
    base = a + b * x
    order = log(base)
    value = exp(-order / c)
    slope = -value / (c * base)
    return value, slope, slope * x, value * order / (c * c)
