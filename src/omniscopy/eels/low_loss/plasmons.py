"""Plasmons: their energy and width, in thin and in thick samples."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from scipy import fft, ndimage

from omniscopy.compute import least_squares, map_signal
from omniscopy.compute.fitting.problem import Problem, Solution, Term
from omniscopy.eels.axes import DIM, LossAxis, is_counted, loss_axis
from omniscopy.eels.beams import Beam, beam_of
from omniscopy.eels.zero_loss.elastic import elastic_parts
from omniscopy.eels.zero_loss.positions import crossings, summits
from omniscopy.model import DataError, Status, operation, result
from omniscopy.physics.energy_loss.geometry import dipole_angles
from omniscopy.physics.energy_loss.plasmons import drude, seen_drude
from omniscopy.physics.formulas import Formula

_FORMULA = Formula(seen_drude, 3, columns=2)
_COLUMNS = 8
# The part of the losses around the highest that is fitted, and the lowest loss of a plasmon.
_AROUND, _LOWEST = (0.6, 1.4), 2.0


@operation(example={"data": "low_loss"})
def fit_plasmon(
    data: xr.DataArray,
    *,
    window: tuple[float, float] | None = None,
    plural: bool = False,
    voltage: float | None = None,
    convergence_mrad: float | None = None,
    collection_mrad: float | None = None,
    dim: str = DIM,
    max_steps: int = 100,
) -> xr.Dataset:
    r"""Fit the loss function of free electrons to the plasmon of every spectrum.

    Parameters
    ----------
    data : DataArray, shape (..., energy_loss)
        Low losses, or single scattering; lazy or in memory. A zero loss near 0 eV is taken off;
        energies are those of the axis, so that drifts (see `align_zero_loss`) are in them.
    window : (low, high), eV
        What is fitted; otherwise from 0.6 to 1.4 of the most frequent loss, or with `plural` all
        from two full widths of the zero loss on.
    plural : bool
        Fit any number of scatterings, of spectra that hold the zero loss; otherwise a single one.
    voltage : float, V
        Accelerating voltage; what the metadata say otherwise.
    convergence_mrad, collection_mrad : float, mrad
        Half angles; what the metadata say otherwise. Losses then count as they are collected,
        :math:`\ln(1 + \beta^2 / \theta_E^2)`; where voltage or angle are not known, they are
        taken to be collected alike.
    dim : str
        Dimension of the energy loss.
    max_steps : int
        Evaluations of the model for a spectrum, at most.

    Returns
    -------
    Dataset, shape (...)
        ``energy`` and ``width`` in eV, each with ``_std``; ``amplitude`` in units of the data, by
        which the loss function (times angles) is multiplied, or with `plural` ``t_over_lambda``;
        ``reduced_chi_square``, ``steps`` and ``status``: ``no_data`` where a value is missing or
        nothing is lost, NaN.

    Raises
    ------
    DataError
        The axis is not in eV or not uniform; the window holds too few channels.

    Notes
    -----
    :math:`\mathrm{Im}(-1/\varepsilon) = E \Gamma E_p^2 / [(E^2 - E_p^2)^2 + E^2 \Gamma^2]`. With
    `plural` the spectrum is :math:`Z \otimes e^{(t/\lambda) S}` for the zero loss :math:`Z` as it
    was measured and the probability :math:`S` of each loss, which is exact in any order.
    Least squares weighted by one over a running mean, and again by one over what is fitted,
    without the channels in which less than a thousandth of the highest loss is.

    Drude's loss function, and the exponential of plural scattering, are those of [1]_.

    References
    ----------
    .. [1] R. F. Egerton, *Electron Energy-Loss Spectroscopy in the Electron Microscope*, 3rd ed.,
       Springer (2011), sections 3.3 and 3.4.

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.eels.fit_plasmon(om.samples.low_loss(), plural=True)
    >>> bool(abs(found["energy"].mean() - 18.0) < 0.2)
    True
    """
    axis = loss_axis(data, dim, at_least=8, uniform=True)
    if window is not None:
        axis.inside(window, at_least=5)
    if plural and not axis.energy[0] < 0.0:
        message = (
            f"plural scattering needs the zero loss, but {dim!r} begins at {axis.energy[0]:g} eV"
        )
        raise DataError(message)
    beam = _beam(data, voltage, convergence_mrad, collection_mrad)
    fit = PlasmonFit(axis, window, beam, plural, is_counted(data), max_steps)
    (made,) = map_signal(fit.run, data, dim=dim, output_dims=[{"parameter": _COLUMNS + 1}])
    column = [made.isel(parameter=n, drop=True) for n in range(_COLUMNS + 1)]
    units = data.attrs.get("units")
    strength = ("t_over_lambda", "1") if plural else ("amplitude", units)
    named = {
        "energy": (column[1], "eV"), "energy_std": (column[4], "eV"),
        "width": (column[2], "eV"), "width_std": (column[5], "eV"),
        strength[0]: (column[0], strength[1]), f"{strength[0]}_std": (column[3], strength[1]),
    }  # fmt: skip
    return result(
        {}, **named, reduced_chi_square=(column[6], units),
        steps=(column[7].fillna(0.0).astype(np.int32), "1"), status=(column[8], "1"),
    )  # fmt: skip


def _beam(
    data: xr.DataArray, voltage: float | None, convergence: float | None, collection: float | None
) -> Beam | None:
    """Return the beam where it is known; raise where what is given makes no sense."""
    given = [each is not None for each in (voltage, convergence, collection)]
    try:
        return beam_of(data, voltage, convergence, collection)
    except DataError:
        if any(given):
            raise
        return None


@dataclass(frozen=True)
class PlasmonFit:
    """How blocks of spectra are fitted."""

    axis: LossAxis
    window: tuple[float, float] | None
    beam: Beam | None
    plural: bool
    counted: bool
    max_steps: int

    @property
    def seen(self) -> np.ndarray:
        """Return what share of each loss is collected, up to a constant."""
        return collected(self.axis.energy, self.beam)

    def run(self, values: np.ndarray) -> np.ndarray:
        """Return parameters, deviations and figures of every spectrum of a block."""
        rows = np.asarray(values.reshape(-1, values.shape[-1]), np.float64)
        found = np.full((len(rows), _COLUMNS + 1), np.nan)
        found[:, -1] = Status.NO_DATA
        good = np.flatnonzero(np.isfinite(rows).all(axis=1) & (rows.max(axis=1, initial=0) > 0))
        if len(good):
            found[good] = self.fit(rows[good])
        return found.reshape(*values.shape[:-1], _COLUMNS + 1)

    def fit(self, rows: np.ndarray) -> np.ndarray:
        """Return what is found for spectra without gaps."""
        energy = self.axis.energy
        zero, variance, begin = self.zero_losses(rows)
        rest = rows - zero
        most = self.most_frequent(rest, begin)
        good, place = np.isfinite(most), np.nan_to_num(most, nan=1.0)
        if self.window is not None:
            low, high = (np.full(len(rows), end) for end in self.window)
        elif self.plural:
            low, high = begin, np.full(len(rows), energy[-1])
        else:
            low, high = np.maximum(_AROUND[0] * place, begin), _AROUND[1] * place
        floor = 1e-3 * np.maximum(rest.max(axis=1, keepdims=True), 1e-300)
        inside = (energy >= low[:, None] - 1e-9) & (energy <= high[:, None] + 1e-9)
        inside &= good[:, None] & (energy > 0)
        y = np.where(inside, rows if self.plural else rest, np.nan)
        smooth = ndimage.uniform_filter1d(rows, 5, axis=1, mode="nearest")
        weights = 1.0 / np.maximum(smooth, floor)
        tall = np.where(inside, rest, 0.0).max(axis=1)
        width = np.maximum(0.3 * place, 2.0 * self.axis.step)
        sums = zero.sum(axis=1)
        if self.plural:
            thick = np.log(np.maximum(rows.sum(axis=1) / np.maximum(sums, 1e-300), 1.02))
            start = np.column_stack([np.clip(thick, 0.02, 6.0), place, width])
            term = Term(PluralDrude(self.axis, self.beam), (0,))
            columns = zero[:, None]
        else:
            seen = np.interp(place, energy, self.seen)
            start = np.column_stack([tall * width / place / seen, place, width])
            term = Term(_FORMULA, (0, 1))
            columns = np.stack([energy, self.seen])
        problem = Problem(
            (term,), np.zeros(3), np.full(3, np.inf), np.ones(3, bool),
            np.array([not self.plural, False, False]), np.arange(3), np.ones(3), np.zeros(3),
        )  # fmt: skip
        solved, steps = self.solve(problem, y, start, columns, weights, zero, floor)
        parameters, std = solved.parameters, solved.std
        if self.plural and self.counted:
            share = self.shares(zero, parameters, np.where(np.isfinite(y), floor, np.inf))
            more = share**2 * (variance / np.maximum(sums, 1.0) ** 2)[:, None]
            std = np.sqrt(std**2 + more)
        points = np.where(solved.points > 3, solved.points - 3, np.nan)
        return np.column_stack([
            parameters, std, solved.chi_square / points, steps, solved.status
        ])  # fmt: skip

    def solve(  # noqa: PLR0917
        self, problem: Problem, y: np.ndarray, start: np.ndarray, columns: np.ndarray,
        weights: np.ndarray, zero: np.ndarray, floor: np.ndarray,
    ) -> tuple[Solution, np.ndarray]:  # fmt: skip
        """Return the fit with weights of one over what is fitted, and all evaluations."""

        def fit(y: np.ndarray, start: np.ndarray, weights: np.ndarray) -> Solution:
            return least_squares(
                problem, y, start, columns=columns, weights=weights, max_steps=self.max_steps,
                threads=1,
            )  # fmt: skip

        first = fit(y, start, weights)
        # A running mean is low where its channel is: weights of the model know of no noise.
        seen = [zero] if self.plural else list(columns)
        expected, _ = problem.terms[0].formula.evaluate(seen, (), first.parameters)
        expected = expected if self.plural else expected + zero
        known = np.isfinite(expected).all(axis=1)[:, None]
        weights = np.where(known, 1.0 / np.maximum(expected, floor), weights)
        # Where hardly anything is expected, residuals are below what these weights say.
        y = np.where(known & (expected < floor), np.nan, y)
        start = np.where(known, first.parameters, start)
        solved = fit(y, start, weights)
        return solved, first.steps + solved.steps

    def shares(self, zero: np.ndarray, parameters: np.ndarray, floor: np.ndarray) -> np.ndarray:
        """Return what parameters are off by where the zero loss is, for the whole of it.

        It is noisy too: its sum is the strength of the model, which is not fitted.
        """
        made = np.zeros_like(parameters)
        good = np.isfinite(parameters).all(axis=1)
        value, slopes = PluralDrude(self.axis, self.beam).evaluate(
            [zero[good]], (), parameters[good]
        )
        weights = np.where(value > floor[good], 1.0 / np.maximum(value, 1e-300), 0.0)
        normal = np.einsum("nkc,nc,nlc->nkl", slopes, weights, slopes)
        total = np.einsum("nkc,nc,nc->nk", slopes, weights, value)
        made[good] = np.einsum("nkl,nl->nk", np.linalg.pinv(normal, hermitian=True), total)
        return made

    def zero_losses(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return zero losses (0 where there are none) and the variance of their sums of counts.

        And where losses are free of them.
        """
        energy = self.axis.energy
        top, height = summits(rows)
        low, high = crossings(rows, top, height, energy)
        width = high - low
        at = energy[np.maximum(top, 0)]
        has = (energy[0] < 0) & np.isfinite(width) & (np.abs(at) < np.maximum(width, _LOWEST))
        has &= low < 0.5 * width
        parts = elastic_parts(rows, energy, "mirrored", None)
        has &= np.isfinite(parts.zero_loss).all(axis=1)
        begin = np.where(has, at + 2.0 * width, max(energy[0], 0.0))
        zero = np.where(has[:, None], parts.zero_loss, 0.0)
        return zero, np.where(has, parts.variance, 0.0), np.maximum(begin, 1e-6)

    def most_frequent(self, rest: np.ndarray, begin: np.ndarray) -> np.ndarray:
        """Return the loss that is most frequent beyond the zero loss; NaN where nothing is lost."""
        energy = self.axis.energy
        smooth = ndimage.uniform_filter1d(rest, 5, axis=1, mode="nearest")
        inside = energy >= begin[:, None]
        if self.window is not None:
            inside &= (energy >= self.window[0]) & (energy <= self.window[1])
        values = np.where(inside, smooth, -np.inf)
        best = np.argmax(values, axis=1)
        found: np.ndarray = np.where(
            values[np.arange(len(rest)), best] > 0, energy[best], np.nan
        )  # fmt: skip
        return found


def collected(energy: np.ndarray, beam: Beam | None) -> np.ndarray:
    """Return what share of each loss is collected, up to a constant; 0 at 0 eV and below."""
    made = np.where(energy > 0, 1.0, 0.0)
    if beam is not None:
        above = energy > 0
        made[above] = dipole_angles(energy[above], beam.voltage, beam.collection)
    return made


@dataclass(frozen=True)
class PluralDrude:
    r"""The formula :math:`Z \otimes e^{\tau S}` of thickness, energy and width.

    `columns` hold the zero loss of each spectrum on the whole axis.
    """

    axis: LossAxis
    beam: Beam | None
    parameters: int = 3

    def address(self) -> None:
        """Return that there is no compiled form."""
        return

    def evaluate(
        self, columns: Sequence[np.ndarray], constants: Sequence[float], parameters: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return spectra (..., channels) and derivatives (..., 3, channels)."""
        del constants
        zero = columns[0]
        size = zero.shape[-1]
        loss = self.axis.step * np.arange(2 * size)
        given = [parameters[..., n, None] for n in range(3)]
        seen = collected(loss, self.beam)
        shape, _, along, wider = (
            seen * each for each in drude(loss, np.ones_like(given[0]), *given[1:])
        )  # fmt: skip
        total = shape.sum(axis=-1, keepdims=True)
        single = shape / total
        slopes = [
            (each - single * each.sum(axis=-1, keepdims=True)) / total for each in (along, wider)
        ]  # fmt: skip
        length = fft.next_fast_len(4 * size, real=True)
        order = fft.rfft(single, length)
        spectrum = fft.rfft(zero, length) * np.exp(given[0] * order)
        parts = [
            spectrum, spectrum * order,
            *(spectrum * given[0] * fft.rfft(each, length) for each in slopes),
        ]  # fmt: skip
        value, *made = (fft.irfft(each, length)[..., :size] for each in parts)
        return value, np.stack(made, axis=-2)
