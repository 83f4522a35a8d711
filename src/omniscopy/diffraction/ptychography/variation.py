"""Flattening of what is uneven, edges kept: the total variation of waves."""

from typing import Any

# Steps of the dual problem, which converges for a length of at most 1/8.
_STEPS, _LENGTH = 20, 0.125


def flattened(values: Any, weight: float, xp: Any, *, steps: int = _STEPS) -> Any:
    r"""Return the waves :math:`x` with the least :math:`|x - o|^2 / 2 + w\,\mathrm{TV}(x)`.

    Real and imaginary part have their edges at the same places: :math:`\mathrm{TV}(x) = \sum
    (|\partial_y x|^2 + |\partial_x x|^2)^{1/2}` [1]_, by projections of the dual problem [2]_.

    Parameters
    ----------
    values : array, shape (..., rows, columns), complex
        The waves :math:`o`.
    weight : float
        The weight :math:`w`, in units of the values: what single pixels differ by is lowered by
        about this much.
    xp : module
        The library of arrays.
    steps : int
        Of the projections.

    References
    ----------
    .. [1] X. Bresson, T. F. Chan, *Inverse Problems and Imaging* 2, 455 (2008).
    .. [2] A. Chambolle, *Journal of Mathematical Imaging and Vision* 20, 89 (2004).
    """
    along_y, along_x = xp.zeros_like(values), xp.zeros_like(values)
    scaled = values / weight
    for _ in range(steps):
        slope_y, slope_x = slopes(divergence(along_y, along_x) - scaled, xp)
        size = xp.sqrt(_square(slope_y) + _square(slope_x))
        held = 1.0 + _LENGTH * size
        along_y = (along_y + _LENGTH * slope_y) / held
        along_x = (along_x + _LENGTH * slope_x) / held
    return values - weight * divergence(along_y, along_x)


def slopes(values: Any, xp: Any) -> tuple[Any, Any]:
    """Return differences to the next pixel along both axes, 0 at the last one."""
    along_y, along_x = xp.zeros_like(values), xp.zeros_like(values)
    along_y[..., :-1, :] = values[..., 1:, :] - values[..., :-1, :]
    along_x[..., :-1] = values[..., 1:] - values[..., :-1]
    return along_y, along_x


def divergence(along_y: Any, along_x: Any) -> Any:
    """Return less the transpose of `slopes`."""
    total = along_y + along_x
    total[..., 1:, :] -= along_y[..., :-1, :]
    total[..., 1:] -= along_x[..., :-1]
    return total


def _square(values: Any) -> Any:
    return values.real**2 + values.imag**2
