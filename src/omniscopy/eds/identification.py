"""Which elements made a spectrum."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import xarray as xr
from scipy.optimize import nnls

from omniscopy.compute import map_signal
from omniscopy.eds.design import (
    Scale,
    Setting,
    of_x_rays,
    refine,
    shapes,
    total_of,
    variance_of,
)
from omniscopy.eds.detector_models import Detector, require_detector
from omniscopy.eds.line_tables import element_coordinate
from omniscopy.eds.spectra import bounds_of, require_spectra, voltage_of
from omniscopy.model import DataError, operation, result
from omniscopy.physics import xray
from omniscopy.physics.energy_loss.shells import DECAYED
from omniscopy.physics.line_shapes import FWHM_PER_SIGMA
from omniscopy.physics.scattering.coefficients import find_element
from omniscopy.physics.xray.emission import alpha_transitions

# The lines of lighter elements are on the flank of the noise; beyond californium are no samples.
_NUMBERS = range(6, 99)
_ABSENT = ("He", "Ne", "Kr", "Xe", *DECAYED)
# Part of a model that is not trusted: forms of peaks and of the continuum.
_TOLERANCE = 0.02
_MOST, _ROUNDS = 20, 5
# What of other elements' lines is not trusted: weaker lines from the outermost subshells and from
# each of those further in (part of their counts), places and widths of peaks (of widths).
_RATIO, _SUBSHELL, _PLACE, _WIDTH = 0.1, 0.4, 0.02, 0.03
_OUTERMOST = ("K", "L2", "L3", "M4", "M5")
# Part of the X-rays, and reach in keV, that may lack some of their charge.
_TAIL, _TAIL_LENGTH = 0.02, 0.25


@operation(example={"data": "eds_map", "min_significance": 5.0})
def find_elements(
    data: xr.DataArray,
    *,
    min_significance: float = 5.0,
    detector: Detector | None = None,
    voltage: float | None = None,
    dim: str = "energy",
) -> xr.Dataset:
    r"""Find the elements whose lines are in the sum of all spectra.

    Parameters
    ----------
    data : DataArray, shape (..., energy), counts
        Lazy or in memory, with an axis that is calibrated to a fraction of the resolution.
    min_significance : float
        Counts of a family that make an element, in standard deviations.
    detector : Detector
        How it is built.
    voltage : float, V
        Of the electrons; that of the metadata otherwise.
    dim : str
        Dimension of the energy, in keV or units that convert to it.

    Returns
    -------
    Dataset, shape (element)
        ``found``; ``significance`` of the strongest family of an element beside all that are
        found, in standard deviations, 0 where an element is not needed; ``intensity``, the counts
        of its alpha line. For every element from carbon on with a line in the range; noble gases
        but argon, and elements that have decayed, are left out. ``ds["element"][ds["found"]]`` are
        the names.

    Raises
    ------
    DataError
        The axis is no energy, the values are no counts, the voltage is not known, or
        `min_significance` is not positive.

    Notes
    -----
    Elements are taken one after the other: always the one whose families together, with the
    ratios that cross-sections, yields and the detector give, explain most of what is left; then
    the counts of all families are fitted anew, not negative. So a peak is not explained by the
    element whose line is next to it, but by the one whose other lines are there too. What is not
    needed beside the others is taken back, and an element whose lines at higher energies are
    missing is refused. The variance is that of Poisson noise, and 2 % of the model for what peaks
    and continuum are not known to. The deviation of an element also holds what it would gain if
    the continuum was 2 % higher, if the weaker lines of others' families were 10 % stronger (those
    from subshells further in 40 %), or if their peaks were 2 % of their width beside their place,
    3 % wider, or had a tail of 2 % towards lower energies: a remnant on the flank of a strong peak
    is no element. The axis is calibrated by the elements that are found, and then they are looked
    for again.

    The variance of a channel is :math:`\mu + (0.02\, \mu)^2` with the counts :math:`\mu` of the
    model.

    Examples
    --------
    >>> import omniscopy as om
    >>> ds = om.eds.find_elements(om.samples.eds_map())
    >>> sorted(ds["element"].values[ds["found"]].tolist())
    ['Fe', 'O', 'Pt', 'Sr', 'Ti']
    """
    energy = require_spectra(data, dim)
    known, volts = require_detector(detector), voltage_of(data, voltage)
    if not min_significance > 0:
        message = f"min_significance must be positive, got {min_significance!r}"
        raise DataError(message)
    candidates = _candidates(energy, volts)
    symbols = [candidate.symbol for candidate in candidates]
    families = tuple(family for candidate in candidates for family in candidate.families)

    def search(total: np.ndarray) -> tuple[np.ndarray, ...]:
        none = np.zeros((*total.shape[:-1], len(symbols)))
        if total.ndim != 1 or not np.nansum(total) > 0:
            return none, none, none
        setting = Setting(families, known, volts)
        scale = Scale(width=known.resolution)
        found = _look(total, energy, setting, scale, candidates, min_significance)
        seen = tuple(
            families[c] for n in np.flatnonzero(found[0]) for c in candidates[n].columns
        )  # fmt: skip
        if not seen:
            return found
        scale = refine(total, energy, replace(setting, families=seen)).scale
        return _look(total, energy, setting, scale, candidates, min_significance)

    size = {"element": len(symbols)}
    found, significance, counts = map_signal(
        search, total_of(data, dim), dim=dim, output_dims=(size, size, size)
    )
    made = result(found=(found > 0, "1"), significance=(significance, "1"),
                  intensity=(counts, "counts"))  # fmt: skip
    return made.assign_coords(element=element_coordinate(symbols))


def _look(  # noqa: PLR0917
    total: np.ndarray, energy: np.ndarray, setting: Setting, scale: Scale,
    candidates: list["_Candidate"], least: float,
) -> tuple[np.ndarray, ...]:  # fmt: skip
    """Return what is found on an axis of this scale."""
    columns = shapes(energy, setting, scale)
    detector = replace(setting.detector, resolution=scale.width)
    flaws = _Flaws(scale.offset + scale.gain * energy, detector, columns, setting.families)
    return _Search(of_x_rays(total, energy), columns, candidates, least, flaws).run()


class _Candidate(NamedTuple):
    """An element: its families that are in the range, their columns, and their ratios."""

    symbol: str
    families: tuple[xray.Family, ...]
    columns: np.ndarray
    ratios: np.ndarray


def _candidates(energy: np.ndarray, voltage: float) -> list[_Candidate]:
    low, high = max(float(energy[0]), 0.25), float(energy[-1])
    found, column = [], 0
    for number in _NUMBERS:
        symbol = find_element(number).symbol
        # All that is excited in its range: a line that is missing speaks against an element.
        seen = tuple(
            family
            for family in xray.families(symbol)
            if low < family.energy < high and family.edge < 0.9 * voltage * 1e-3
        )
        if not seen or symbol in _ABSENT:
            continue
        ratios = np.array([xray.emission_cross_section(family, voltage) for family in seen])
        if not ratios.max() > 0:
            continue
        detected = ratios * np.array([xray.efficiency(xray.Detector(), f.energy) for f in seen])
        found.append(_Candidate(symbol, seen, np.arange(column, column + len(seen)), detected))
        column += len(seen)
    if not found:
        message = f"no element has a line between {low:g} and {high:g} keV"
        raise DataError(message)
    return found


class _Flaws:
    """What may be wrong with the shape of every family, in counts for one of its alpha line."""

    def __init__(
        self, energy: np.ndarray, detector: xray.Detector, columns: np.ndarray,
        families: tuple[xray.Family, ...],
    ) -> None:  # fmt: skip
        self.energy, self.bounds, self.detector = energy, bounds_of(energy), detector
        self.columns, self.families = columns, families
        self.known: dict[int, np.ndarray] = {}

    def of(self, column: int) -> np.ndarray:
        """Return flaws of one family, shape (flaws, channels), as they are in one deviation."""
        if column not in self.known:
            family, shape = self.families[column], self.columns[:, column]
            start = 1 if family.shell == "K" else 2
            flaws = [
                (_RATIO if subshell in _OUTERMOST else _SUBSHELL) * self.weaker(family, subshell)
                for subshell in sorted({line.transition[:start] for line in family.lines})
            ]
            width = float(xray.peak_width(family.energy, self.detector.resolution))
            slope = np.gradient(shape, self.energy)
            bend = np.gradient(slope, self.energy) * (width / FWHM_PER_SIGMA) ** 2
            lossy = replace(
                self.detector, tail=self.detector.tail + _TAIL, tail_length=_TAIL_LENGTH
            )
            flaws += [
                _PLACE * width * slope,
                _WIDTH * bend,
                xray.family_shape(self.bounds, family, lossy) - shape,
            ]
            self.known[column] = np.stack(flaws)
        return self.known[column]

    def weaker(self, family: xray.Family, subshell: str) -> np.ndarray:
        """Return the lines from one subshell, without the alpha line."""
        alpha = alpha_transitions(family)
        strong = tuple(line for line in family.lines if line.transition in alpha)
        more = tuple(
            line for line in family.lines
            if line.transition.startswith(subshell) and line not in strong
        )  # fmt: skip
        both, one = (
            xray.family_shape(self.bounds, family._replace(lines=lines), self.detector)
            for lines in (strong + more, strong)
        )
        return both - one


class _Search:
    """Elements taken one after the other."""

    def __init__(
        self, total: np.ndarray, columns: np.ndarray, candidates: list[_Candidate], least: float,
        flaws: _Flaws,
    ) -> None:  # fmt: skip
        self.candidates, self.least, self.flaws = candidates, least, flaws
        self.refused: set[int] = set()
        self.families = sum(len(each.columns) for each in candidates)
        self.continuum = np.arange(self.families, columns.shape[1])
        self.total, self.columns = np.nan_to_num(total), columns
        self.alive = np.isfinite(total)
        start = variance_of(total, columns[:, self.continuum])
        # All that was measured is the first model; the noise of few counts is smoothed.
        smooth = np.convolve(self.total, np.ones(9) / 9, mode="same")
        self._weigh(np.maximum(smooth, 0.1 * np.where(np.isfinite(start), start, 0.0)))

    def _weigh(self, expected: np.ndarray) -> None:
        level = max(float(self.total.mean()), 1e-30)
        variance = np.maximum(expected, 1e-3 * level) + (_TOLERANCE * expected) ** 2
        self.root = self.alive / np.sqrt(variance)
        self.values = self.total * self.root
        self.weighted = self.columns * self.root[:, None]

    def run(self) -> tuple[np.ndarray, ...]:
        """Return which are found, their significances, and counts."""
        chosen: list[int] = []
        for _ in range(_ROUNDS):
            self._choose(chosen)
            lacking = self._lacking(chosen)
            if not lacking:
                break
            self.refused.update(lacking)
            chosen = [n for n in chosen if n not in lacking]
        significance, counts = self._significances(chosen)
        found = np.zeros(len(self.candidates))
        found[[n for n in chosen if significance[n] >= self.least]] = 1.0
        return found, significance, counts

    def _choose(self, chosen: list[int]) -> None:
        """Add elements as long as there is one that explains something."""
        while len(chosen) < _MOST:
            amplitudes = self._fit(chosen)
            best, gain = self._best(chosen, self.values - self.weighted @ amplitudes)
            if gain < self.least**2:
                break
            chosen.append(best)
            self._weigh(self.columns @ self._fit(chosen))
            significance, _ = self._significances(chosen)
            weak = [n for n in chosen[:-1] if significance[n] < self.least]
            for n in weak:
                chosen.remove(n)
            if significance[best] < self.least:
                chosen.remove(best)
                self.refused.add(best)

    def _used(self, chosen: list[int]) -> np.ndarray:
        own = [self.candidates[n].columns for n in chosen]
        return np.concatenate([*own, self.continuum]).astype(int)

    def _fit(self, chosen: list[int]) -> np.ndarray:
        used = self._used(chosen)
        made = np.zeros(self.columns.shape[1])
        made[used] = nnls(self.weighted[:, used], self.values, maxiter=200 * len(used))[0]
        return made

    def _best(self, chosen: list[int], rest: np.ndarray) -> tuple[int, float]:
        """Return the element that explains most of the rest, and by how much it lowers it."""
        used = self.weighted[:, self._used(chosen)]
        templates = np.stack(
            [self.weighted[:, each.columns] @ each.ratios for each in self.candidates], axis=1
        )
        inverse = np.linalg.pinv(used.T @ used, rcond=1e-12, hermitian=True)
        own = templates - used @ (inverse @ (used.T @ templates))
        square, whole = (own**2).sum(axis=0), (templates**2).sum(axis=0)
        gains = own.T @ rest
        with np.errstate(all="ignore"):
            gains = np.where(square > 1e-6 * whole, gains * np.abs(gains) / square, -np.inf)
        gains[[*chosen, *self.refused]] = -np.inf
        best = int(np.argmax(gains))
        return best, float(gains[best])

    def _lacking(self, chosen: list[int]) -> list[int]:
        """Return the elements whose lines are missing."""
        amplitudes, std = self._fit(chosen), self._deviations(chosen)
        return [n for n in chosen if self._lacks(n, amplitudes, std)]

    def _lacks(self, n: int, amplitudes: np.ndarray, std: np.ndarray) -> bool:
        """Return whether a family at a higher energy should be there and is not.

        One at a lower energy may have been absorbed.
        """
        _, families, columns, ratios = self.candidates[n]
        counts, deviation = amplitudes[columns], std[columns]
        best = int(np.argmax(counts / np.where(deviation > 0, deviation, np.inf)))
        for other, family in enumerate(families):
            wanted = counts[best] * ratios[other] / max(ratios[best], 1e-300)
            missing = wanted - counts[other]
            higher = family.energy > families[best].energy
            if higher and missing > max(self.least * deviation[other], 0.6 * wanted):
                return True
        return False

    def _deviations(self, chosen: list[int]) -> np.ndarray:
        used = self._used(chosen)
        part = self.weighted[:, used]
        covariance = np.linalg.pinv(part.T @ part, hermitian=True)
        variance = np.zeros(self.columns.shape[1])
        variance[used] = np.maximum(np.diag(covariance), 0.0)
        amplitudes = self._fit(chosen)
        # What a family would gain if the continuum below it was not what its model is.
        level = (self.columns[:, self.continuum] @ amplitudes[self.continuum]) * self.root
        caught = part.T @ level / np.maximum((part**2).sum(axis=0), 1e-300)
        lines = used < self.families
        variance[used[lines]] += (_TOLERANCE * caught[lines]) ** 2
        for n in chosen:
            own = [c for c in self.candidates[n].columns if amplitudes[c] > 0]
            if not own:
                continue
            flaws = np.concatenate([amplitudes[c] * self.flaws.of(c) for c in own])
            gained = covariance @ (part.T @ (flaws * self.root).T)
            others = ~np.isin(used, self.candidates[n].columns)
            variance[used[others]] += (gained[others] ** 2).sum(axis=1)
        return np.sqrt(variance)

    def _significances(self, chosen: list[int]) -> tuple[np.ndarray, np.ndarray]:
        amplitudes, std = self._fit(chosen), self._deviations(chosen)
        significance, counts = np.zeros(len(self.candidates)), np.zeros(len(self.candidates))
        for n in chosen:
            columns = self.candidates[n].columns
            levels = amplitudes[columns] / np.where(std[columns] > 0, std[columns], np.inf)
            significance[n] = levels.max()
            counts[n] = amplitudes[columns[int(np.argmax(levels))]]
        return significance, counts
