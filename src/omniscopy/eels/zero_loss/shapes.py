"""Models of the zero-loss peak: formulas, starts, and what of a shape is the same in all."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special

from omniscopy.physics import peaks
from omniscopy.physics.energy_loss.zero_losses import product_of_lorentzians
from omniscopy.physics.formulas import Formula

Model = Literal[
    "gaussian", "lorentzian", "pseudo_voigt", "split_voigt", "voigt", "lorentzian_product"
]
_FWHM = float(2.0 * np.sqrt(2.0 * np.log(2.0)))
_NEWTON = 7


@dataclass(frozen=True)
class Shape:
    """A model: its formula, the names and units of parameters, and what is known of them.

    `units` holds "y" (of the data), "x" (eV), "xy" or "1" for each parameter. `pseudo_voigt` is of
    those that are one: the full width for one unit of the third parameter, and the Lorentzian
    part, `None` where that is the fourth parameter.
    """

    formula: Formula
    names: tuple[str, ...]
    units: tuple[str, ...]
    positive: tuple[bool, ...]
    linear: tuple[bool, ...]
    upper: tuple[float, ...]
    start: Callable[[np.ndarray, np.ndarray, np.ndarray], list[np.ndarray]]
    pseudo_voigt: tuple[float, float | None] | None = None


def _shape(
    function: Callable[..., object],
    start: Callable[[np.ndarray, np.ndarray, np.ndarray], list[np.ndarray]],
    *parameters: tuple[str, str],
    bounded: str = "",
    pseudo_voigt: tuple[float, float | None] | None = None,
) -> Shape:
    names = tuple(name for name, _ in parameters)
    return Shape(
        Formula(function, len(names)), names, tuple(units for _, units in parameters),
        positive=tuple(units == "x" and "centre" not in name for name, units in parameters),
        linear=tuple(n == 0 for n in range(len(names))),
        upper=tuple(1.0 if name == bounded else np.inf for name in names), start=start,
        pseudo_voigt=pseudo_voigt,
    )  # fmt: skip


SHAPES: dict[str, Shape] = {
    "gaussian": _shape(
        peaks.gaussian, lambda a, c, w: [a, c, w / _FWHM],
        ("amplitude", "y"), ("centre", "x"), ("sigma", "x"), pseudo_voigt=(_FWHM, 0.0),
    ),
    "lorentzian": _shape(
        peaks.lorentzian, lambda a, c, w: [a, c, w / 2],
        ("amplitude", "y"), ("centre", "x"), ("gamma", "x"), pseudo_voigt=(2.0, 1.0),
    ),
    "pseudo_voigt": _shape(
        peaks.pseudo_voigt, lambda a, c, w: [a, c, w, np.full_like(a, 0.5)],
        ("amplitude", "y"), ("centre", "x"), ("width", "x"), ("fraction", "1"),
        bounded="fraction", pseudo_voigt=(1.0, None),
    ),
    "split_voigt": _shape(
        peaks.split_voigt, lambda a, c, w: [a, c, w, w, np.full_like(a, 0.5)],
        ("amplitude", "y"), ("centre", "x"), ("width_low", "x"), ("width_high", "x"),
        ("fraction", "1"), bounded="fraction",
    ),
    "voigt": _shape(
        peaks.voigt, lambda a, c, w: [a * w * 1.2, c, 0.6 * w / _FWHM, 0.3 * w],
        ("area", "xy"), ("centre", "x"), ("sigma", "x"), ("gamma", "x"),
    ),
    "lorentzian_product": _shape(
        product_of_lorentzians,
        lambda a, c, w: [a, c - 0.1 * w, 0.8 * w, c + 0.1 * w, 0.8 * w],
        ("amplitude", "y"), ("centre_1", "x"), ("gamma_1", "x"), ("centre_2", "x"),
        ("gamma_2", "x"),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Figures:
    """Place of the top, full width at half maximum and their standard deviations, in eV."""

    centre: np.ndarray
    centre_std: np.ndarray
    fwhm: np.ndarray
    fwhm_std: np.ndarray


def figures_of(
    shape: Shape, found: np.ndarray, covariance: np.ndarray, place: np.ndarray, width: np.ndarray
) -> Figures:
    r"""Return where a fitted peak is highest and how wide it is, whatever its model.

    Newton's method from a place and a width that are nearly right. Standard deviations follow
    from the covariance of the parameters by :math:`dx/dp = -(\partial F/\partial p) /
    (\partial F/\partial x)` of the equation :math:`F(x, p) = 0` that a place fulfils.
    """
    if shape.pseudo_voigt is not None:
        factor = shape.pseudo_voigt[0]
        stds = [np.sqrt(covariance[:, n, n]) for n in (1, 2)]
        return Figures(found[:, 1], stds[0], factor * found[:, 2], factor * stds[1])
    step = 1e-3 * width[:, None]

    def logs(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with np.errstate(all="ignore"):
            value, slopes = shape.formula.evaluate([x], (), found)
            return np.log(np.abs(value)), slopes / value[..., None, :]

    def stencil(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return the logarithm, its two derivatives, and how the first depends on parameters."""
        three = np.concatenate([x - step, x, x + step], axis=1)
        value, slopes = logs(three)
        first = (value[:, 2] - value[:, 0]) / (2 * step[:, 0])
        second = (value[:, 2] - 2 * value[:, 1] + value[:, 0]) / step[:, 0] ** 2
        return value[:, 1], first, second, (slopes[..., 2] - slopes[..., 0]) / (2 * step)

    x = place[:, None]
    with np.errstate(all="ignore"):
        for _ in range(_NEWTON):
            _, first, second, _ = stencil(x)
            move = np.where(second < 0, -first / second, 0.0)
            x = x + np.clip(move, -0.2 * width, 0.2 * width)[:, None]
        top, _, second, mixed = stencil(x)
        slope = -mixed / second[:, None]
        _, at_top = logs(x)
        ends, end_slopes = [], []
        for side in (-0.5, 0.5):
            end = x + side * width[:, None]
            for _ in range(_NEWTON):
                value, first, _, _ = stencil(end)
                move = (top - np.log(2.0) - value) / first
                end = end + np.clip(move, -0.2 * width, 0.2 * width)[:, None]
            _, first, _, _ = stencil(end)
            _, here = logs(end)
            end_slopes.append((at_top[..., 0] - here[..., 0]) / first[:, None])
            ends.append(end[:, 0])
        wide = end_slopes[1] - end_slopes[0]
        spread = np.where(np.isfinite(covariance), covariance, 0.0)
        stds = [
            np.sqrt(np.einsum("sp,spq,sq->s", each, spread, each)) for each in (slope, wide)
        ]  # fmt: skip
    lost = ~np.isfinite(covariance[:, 0, 0]) & ~np.isfinite(covariance[:, 1, 1])
    stds = [np.where(lost, np.nan, each) for each in stds]
    return Figures(x[:, 0], stds[0], ends[1] - ends[0], stds[1])


def areas_of(
    shape: Shape, found: np.ndarray, low: float, high: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return integrals of pseudo-Voigt peaks and their slopes (spectra, parameters)."""
    factor, part = shape.pseudo_voigt or (1.0, None)
    amplitude, centre, width = found[:, 0], found[:, 1], factor * found[:, 2]
    fraction = found[:, 3] if part is None else np.full_like(amplitude, part)
    root = np.sqrt(np.log(2.0))
    u = 2.0 * (np.array([low, high]) - centre[:, None]) / width[:, None]
    wide = 0.5 * width * np.diff(np.arctan(u))[:, 0]
    narrow = 0.25 * np.sqrt(np.pi) / root * width * np.diff(special.erf(root * u))[:, 0]
    own = fraction * wide + (1.0 - fraction) * narrow
    ends = fraction[:, None] / (1.0 + u * u) + (1.0 - fraction[:, None]) * np.exp(
        -((root * u) ** 2)
    )
    slopes = [own, -amplitude * np.diff(ends)[:, 0],
              factor * amplitude * (own / width - 0.5 * np.diff(u * ends)[:, 0])]  # fmt: skip
    if part is None:
        slopes.append(amplitude * (wide - narrow))
    return amplitude * own, np.stack(slopes, axis=1)
