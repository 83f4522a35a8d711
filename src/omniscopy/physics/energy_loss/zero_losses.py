# ruff: noqa: PLR0917 - points and parameters are given by their place
"""Shapes of the zero-loss peak, each with its derivatives; others are in `physics.peaks`."""

from typing import Any


def product_of_lorentzians(
    x: Any, amplitude: Any, first: Any, first_gamma: Any, second: Any, second_gamma: Any
) -> Any:
    r"""Return :math:`A / [(1 + u_1^2)(1 + u_2^2)]` with :math:`u_i = (x - c_i) / \gamma_i`."""
    u = (x - first) / first_gamma
    v = (x - second) / second_gamma
    one, other = 1.0 / (1.0 + u * u), 1.0 / (1.0 + v * v)
    shape = one * other
    move = 2.0 * amplitude * shape * one * u / first_gamma
    shift = 2.0 * amplitude * shape * other * v / second_gamma
    return amplitude * shape, shape, move, move * u, shift, shift * v
