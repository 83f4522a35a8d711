"""From counts of lines to fractions of elements, with their uncertainties.

Arrays have the elements last. Mass thicknesses are in g/cm².
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from omniscopy.physics.xray.absorption import absorption_factor, mass_absorption
from omniscopy.physics.xray.depths import depth_distribution
from omniscopy.physics.xray.emission import Family
from omniscopy.physics.xray.secondary import exciting_lines, taken_in_depth, taken_in_film
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
    families: Sequence[Family], take_off_angle: float, mass_thickness: float | None, scale: float,
    fluorescence_at: float | None = None,
) -> Correction:  # fmt: skip
    """Return the correction for absorption in a film, of this mass or of that which it is found.

    `scale` brings the sum of factors times counts to g/cm². With a voltage of the electrons also
    for lines that others excite.
    """
    # Absorption of each line (rows) by each element (columns).
    table = np.array([
        [float(mass_absorption(by.element, of.energy)) for by in families] for of in families
    ])  # fmt: skip
    way = 1.0 / np.sin(np.deg2rad(take_off_angle))
    symbols = [family.element for family in families]
    pairs = [] if fluorescence_at is None else [
        (row, column, lines)
        for row, family in enumerate(families) for column, symbol in enumerate(symbols)
        for lines in exciting_lines(family, symbol, fluorescence_at)
    ]  # fmt: skip
    absorbed = [
        np.array([mass_absorption(symbol, lines.energy) for symbol in symbols])
        for _, _, lines in pairs
    ]

    def correct(weights: np.ndarray, total: np.ndarray) -> np.ndarray:
        mass = total * scale if mass_thickness is None else np.full(total.shape, mass_thickness)
        made = np.asarray(absorption_factor(weights @ table.T * mass[..., None] * way))
        further = np.zeros_like(made)
        for (row, column, lines), mu in zip(pairs, absorbed, strict=True):
            taken = taken_in_film(weights @ mu, mass[..., None])
            further[..., row] += weights[..., column] * (taken @ lines.excited)
        return made / (1.0 + further)

    return correct


def bulk_correction(
    families: Sequence[Family], take_off_angle: float, voltage: float, *, zaf: bool,
    fluorescence: bool = False,
) -> Correction:  # fmt: skip
    """Return what an element in a compound gives for each of its atoms less than a pure one.

    Distributions in depth depend on the composition through few means, so that they are worked
    out for each different composition.
    """
    emission = BulkEmission(tuple(families), voltage, take_off_angle, zaf, fluorescence)
    symbols = [family.element for family in families]
    pure = emission.of_pure()

    def correct(weights: np.ndarray, total: np.ndarray) -> np.ndarray:
        rows = np.round(weights.reshape(-1, len(families)), 12)
        unique, places = np.unique(rows, axis=0, return_inverse=True)
        made = np.empty_like(unique)
        for row, values in enumerate(unique):
            mixture = dict(zip(symbols, np.maximum(values, 0.0).tolist(), strict=True))
            made[row] = pure / emission.of(mixture)
        del total
        return made[places.ravel()].reshape(weights.shape)

    return correct


@dataclass(frozen=True)
class BulkEmission:
    """What leaves a bulk sample of the alpha lines of families, in g/cm² of thin films of them."""

    families: tuple[Family, ...]
    voltage: float
    take_off_angle: float
    zaf: bool = False
    fluorescence: bool = False

    def of(self, composition: dict[str, float]) -> np.ndarray:
        """Return the emission of each line from weight fractions of elements."""
        return np.array([self._line(family, composition) for family in self.families])

    def of_pure(self) -> np.ndarray:
        """Return the emission of each line from its element alone."""
        return np.array([self._line(each, {each.element: 1.0}) for each in self.families])

    def _line(self, family: Family, composition: dict[str, float]) -> float:
        emitted = _emitted_zaf if self.zaf else _emitted_xpp
        way = 1.0 / np.sin(np.deg2rad(self.take_off_angle))
        made = emitted(composition, family, self.voltage, way)
        if not self.fluorescence:
            return made
        chi = float(mass_absorption(composition, family.energy)) * way
        for element, part in composition.items():
            for lines in exciting_lines(family, element, self.voltage) if part > 0.0 else ():
                other = lines.family
                depths = depth_distribution(composition, other.edge, self.voltage, other.shell)
                mu = mass_absorption(composition, lines.energy)
                made += part * float(lines.excited @ taken_in_depth(depths, mu, chi))
        return made


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
