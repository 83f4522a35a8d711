"""From counts of lines to fractions of elements, with their uncertainties.

Arrays have the elements last. Mass thicknesses are in g/cm².
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from omniscopy.physics.xray.absorption import absorption_factor, mass_absorption
from omniscopy.physics.xray.depths import depth_distribution
from omniscopy.physics.xray.emission import Family
from omniscopy.physics.xray.shells import atomic_weight

Correction = Callable[[np.ndarray, np.ndarray], np.ndarray]
# What iterations stop at: the largest change of a weight fraction.
_CHANGE = 1e-9
_MAX_STEPS = 60


class Fractions(NamedTuple):
    """Fractions and their covariance, what was summed, and whether the iteration converged."""

    values: np.ndarray
    covariance: np.ndarray
    total: np.ndarray
    converged: np.ndarray


def fractions(counts: np.ndarray, covariance: np.ndarray, factors: np.ndarray) -> Fractions:
    r"""Return :math:`k_i I_i / \sum_j k_j I_j` of counts, shape (..., elements)."""
    parts = counts * factors
    total = parts.sum(axis=-1)
    with np.errstate(all="ignore"):
        values = parts / total[..., None]
        # d w_i / d I_j = k_j (delta_ij - w_i) / S
        slope = factors[..., None, :] * (np.eye(parts.shape[-1]) - values[..., None])
        slope = slope / total[..., None, None]
    spread = slope @ covariance @ np.swapaxes(slope, -1, -2)
    return Fractions(values, spread, total, np.isfinite(values).all(axis=-1))


def iterated(
    counts: np.ndarray, covariance: np.ndarray, factors: np.ndarray, correction: Correction
) -> tuple[Fractions, np.ndarray]:
    """Return weight fractions with factors that depend on them, and the last correction.

    `correction` takes weight fractions and the sum of factors times counts.
    """
    found = fractions(counts, covariance, factors)
    known = np.isfinite(found.values).all(axis=-1)
    applied = np.ones_like(found.values)
    change = np.full(known.shape, np.inf)
    for _ in range(_MAX_STEPS):
        if not known.any():
            break
        safe = np.where(known[..., None], found.values, 1.0 / found.values.shape[-1])
        applied = correction(safe, np.where(known, found.total, 0.0))
        following = fractions(counts, covariance, factors * applied)
        with np.errstate(all="ignore"):
            change = np.abs(following.values - found.values).max(axis=-1)
        found = following
        if not (change[known] > _CHANGE).any():
            break
    return found._replace(converged=known & (change <= 1e-4)), applied


def film_correction(
    families: Sequence[Family], take_off_angle: float, mass_thickness: float | None, scale: float
) -> Correction:
    """Return the correction for absorption in a film, of this mass or of that which it is found.

    `scale` brings the sum of factors times counts to g/cm².
    """
    # Absorption of each line (rows) by each element (columns).
    table = np.array([
        [float(mass_absorption(by.element, of.energy)) for by in families] for of in families
    ])  # fmt: skip
    way = 1.0 / np.sin(np.deg2rad(take_off_angle))

    def correct(weights: np.ndarray, total: np.ndarray) -> np.ndarray:
        mass = total * scale if mass_thickness is None else np.full(total.shape, mass_thickness)
        return np.asarray(absorption_factor(weights @ table.T * mass[..., None] * way))

    return correct


def bulk_correction(
    families: Sequence[Family], take_off_angle: float, voltage: float, *, zaf: bool
) -> Correction:
    """Return what an element in a compound gives for each of its atoms less than a pure one.

    Distributions in depth depend on the composition through few means, so that they are worked
    out for each different composition.
    """
    way = 1.0 / np.sin(np.deg2rad(take_off_angle))
    emitted = _emitted_zaf if zaf else _emitted_xpp
    symbols = [family.element for family in families]
    pure = np.array([emitted({family.element: 1.0}, family, voltage, way) for family in families])

    def correct(weights: np.ndarray, total: np.ndarray) -> np.ndarray:
        rows = np.round(weights.reshape(-1, len(families)), 12)
        unique, places = np.unique(rows, axis=0, return_inverse=True)
        made = np.empty_like(unique)
        for row, values in enumerate(unique):
            mixture = dict(zip(symbols, np.maximum(values, 0.0), strict=True))
            made[row] = [pure[n] / emitted(mixture, family, voltage, way)
                         for n, family in enumerate(families)]  # fmt: skip
        del total
        return made[places.ravel()].reshape(weights.shape)

    return correct


def pure_intensity(family: Family, voltage: float, take_off_angle: float) -> float:
    """Return the emission of a bulk element in g/cm² of a thin film of it."""
    way = 1.0 / np.sin(np.deg2rad(take_off_angle))
    return _emitted_xpp({family.element: 1.0}, family, voltage, way)


def _emitted_xpp(
    composition: dict[str, float], family: Family, voltage: float, way: float
) -> float:
    depths = depth_distribution(composition, family.edge, voltage, family.shell)
    return float(depths.emitted(mass_absorption(composition, family.energy) * way))


def _emitted_zaf(
    composition: dict[str, float], family: Family, voltage: float, way: float
) -> float:
    """Return stopping and backscattering, and absorption by Philibert's simple formula.

    K. F. J. Heinrich, *Electron Beam X-Ray Microanalysis*, Van Nostrand (1981), chapter 10.
    """
    made = depth_distribution(composition, family.edge, voltage, family.shell).area
    sigma = 4.5e5 / ((voltage * 1e-3) ** 1.65 - family.edge**1.65)
    number, weight = (sum(part * each for part, each in pairs) for pairs in _means(composition))
    h = 1.2 * weight / number**2
    chi = float(mass_absorption(composition, family.energy)) * way
    return made / ((1 + chi / sigma) * (1 + h / (1 + h) * chi / sigma))


def _means(composition: dict[str, float]) -> tuple[list[tuple[float, float]], ...]:
    from omniscopy.physics.scattering.coefficients import find_element

    total = sum(composition.values())
    return (
        [(part / total, find_element(symbol).atomic_number)
         for symbol, part in composition.items()],
        [(part / total, atomic_weight(symbol)) for symbol, part in composition.items()],
    )  # fmt: skip
