"""Power laws, and how each of some rules finds them in a window."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

import numpy as np
import xarray as xr
from scipy.interpolate import CubicSpline

from omniscopy.compute import least_squares, map_signal
from omniscopy.compute.fitting.problem import Problem, Term
from omniscopy.compute.threads import blocks_of, share_work
from omniscopy.eels.axes import DIM, loss_axis
from omniscopy.eels.background.power_kernel import areas, evaluate
from omniscopy.model import DataError, Status, operation, require_choice, result
from omniscopy.physics.decays import power_law
from omniscopy.physics.formulas import Formula

Rule = Literal["weighted", "two_area", "poisson"]
RULES: tuple[Rule, ...] = ("weighted", "two_area", "poisson")
# Exponents that are looked for, and how many of them the table of a window holds.
STEEPEST, _TABLE = 12.0, 400
# Columns of what is found.
AMPLITUDE, EXPONENT, AMPLITUDE_STD, EXPONENT_STD, COVARIANCE, CHI_SQUARE, STATUS = range(7)
COLUMNS = 7
_FORMULA = Formula(power_law, 2, constants=1)


@operation(example={"data": "core_loss", "window": (395.0, 450.0)})
def fit_power_law(
    data: xr.DataArray,
    window: tuple[float, float],
    *,
    method: Rule = "weighted",
    dim: str = DIM,
    max_steps: int = 100,
) -> xr.Dataset:
    r"""Fit a power law to a window of every spectrum.

    Parameters
    ----------
    data : DataArray, shape (..., energy_loss)
        Core losses, lazy or in memory.
    window : (low, high), eV
        What is fitted, both ends included; at least 4 channels above 0 eV.
    method : {"weighted", "two_area", "poisson"}
        Least squares weighted by one over the background that the two areas give; the areas of
        both halves of the window in closed form; or the most likely power law of counts.
    dim : str
        Dimension of the energy loss.
    max_steps : int
        Evaluations of the model for a spectrum, at most.

    Returns
    -------
    Dataset, shape (...)
        ``exponent`` and ``exponent_std``; ``amplitude`` and its ``_std``, in units of the data:
        the background at :math:`E_0`, the geometric mean of the window, which is in
        ``attrs["reference_energy"]`` in eV; ``reduced_chi_square`` of residuals over the
        background; ``status``: ``no_data`` where a value is not finite or a half of the window
        holds nothing, ``at_bound`` where the exponent is beyond -12 to 12; both NaN.

    Raises
    ------
    DataError
        The axis is not in eV, or the window holds too few channels or 0 eV.

    Notes
    -----
    :math:`I(E) = A (E / E_0)^{-r}`. The two areas [1]_ are those of the channels: the
    ratio of their sums gives the exponent by a table of the window, exactly. Standard deviations
    are those of Poisson noise, scaled by what the residuals show ("poisson": those of counts).

    References
    ----------
    .. [1] R. F. Egerton, *Electron Energy-Loss Spectroscopy in the Electron Microscope*,
       3rd ed., Springer (2011), section 4.4.

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.eels.fit_power_law(om.samples.core_loss(), (395, 450))
    >>> bool(abs(found["exponent"].mean() - 3.0) < 0.1)
    True
    """
    fit = power_law_fit(data, window, method, dim, max_steps)
    (made,) = map_signal(fit.run, data, dim=dim, output_dims=[{"parameter": COLUMNS}])
    column = [made.isel(parameter=n, drop=True) for n in range(COLUMNS)]
    units = data.attrs.get("units")
    return result(
        {"reference_energy": float(fit.reference)},
        exponent=(column[EXPONENT], "1"), exponent_std=(column[EXPONENT_STD], "1"),
        amplitude=(column[AMPLITUDE], units), amplitude_std=(column[AMPLITUDE_STD], units),
        reduced_chi_square=(column[CHI_SQUARE], units), status=(column[STATUS], "1"),
    )  # fmt: skip


def power_law_fit(
    data: xr.DataArray, window: tuple[float, float], method: Rule, dim: str, max_steps: int = 100
) -> "PowerLawFit":
    """Return how power laws are found in data; raise where they cannot be."""
    require_choice("method", method, RULES)
    axis = loss_axis(data, dim, at_least=4)
    part = axis.inside(window, at_least=4)
    energy = axis.energy[part]
    if not energy[0] > 0.0:
        message = f"window {tuple(window)} eV must lie above 0 eV: a power law has no value there"
        raise DataError(message)
    return PowerLawFit(energy, part.start, method, max_steps, None if data.chunks is None else 1)


@lru_cache(maxsize=16)
def _tables(order: bytes, middle: int) -> tuple[CubicSpline, CubicSpline]:
    """Return the exponent of a ratio of areas, and the log area of an exponent."""
    exponents = np.linspace(-STEEPEST, STEEPEST, _TABLE)
    powers = np.exp(-exponents[:, None] * np.frombuffer(order))
    first, second = powers[:, :middle].sum(axis=1), powers[:, middle:].sum(axis=1)
    return (
        CubicSpline(np.log(first / second), exponents, extrapolate=False),
        CubicSpline(exponents, np.log(first + second), extrapolate=False),
    )


@dataclass(frozen=True)
class PowerLawFit:
    """How power laws are found in blocks of spectra, in channels from `begin` on."""

    energy: np.ndarray
    begin: int
    method: Rule
    max_steps: int = 100
    threads: int | None = None

    @property
    def reference(self) -> float:
        """Return the energy at which the amplitude is that of the background."""
        return float(np.sqrt(self.energy[0] * self.energy[-1]))

    @cached_property
    def order(self) -> np.ndarray:
        """Return the logarithm of the energies over that of reference."""
        return np.log(self.energy / self.reference)

    @property
    def middle(self) -> int:
        """Return how many channels of the window are in its first part."""
        half = int(np.searchsorted(self.energy, self.reference))
        return min(max(half, 2), len(self.energy) - 2)

    def run(self, values: np.ndarray) -> np.ndarray:
        """Return what is found in every spectrum of a block, by columns."""
        rows = values.reshape(-1, values.shape[-1])
        found = np.full((len(rows), COLUMNS), np.nan)
        blocks = blocks_of(len(rows), rows.shape[1])

        def work(begin: int) -> None:
            part = slice(begin, begin + blocks.step)
            self.fit(rows[part], found[part])

        share_work(work, blocks, self.threads)
        return found.reshape(*values.shape[:-1], COLUMNS)

    @property
    def tables(self) -> tuple[CubicSpline, CubicSpline]:
        """Return the exponent of a ratio of areas, and the log area of an exponent."""
        return _tables(self.order.tobytes(), self.middle)

    def starts(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return amplitudes, exponents, variances of these for counts, and outcomes."""
        sums = np.empty((len(rows), 2))
        end = self.begin + len(self.energy)
        areas(rows, self.begin, self.begin + self.middle, end, sums)
        with np.errstate(all="ignore"):
            good = np.isfinite(sums).all(axis=1) & (sums > 0.0).all(axis=1)
            ratio = np.log(np.where(good, sums[:, 0] / sums[:, 1], 1.0))
            exponents, log_sums = self.tables
            exponent, slope = exponents(ratio), exponents(ratio, 1)
            amplitude = sums.sum(axis=1) * np.exp(-log_sums(exponent))
            variance = slope**2 * (1.0 / sums[:, 0] + 1.0 / sums[:, 1])
        status = np.where(good, Status.CONVERGED, Status.NO_DATA)
        status = np.where(good & ~np.isfinite(exponent), Status.AT_BOUND, status)
        exponent, amplitude = (np.where(status == 0, e, np.nan) for e in (exponent, amplitude))
        return amplitude, exponent, variance, status

    def fit(self, rows: np.ndarray, found: np.ndarray, *, deviations: bool = True) -> None:
        """Fill in what is found for some spectra; its deviations if they are wanted."""
        amplitude, exponent, variance, status = self.starts(rows)
        found[:, STATUS] = status
        good = np.flatnonzero(status == 0)
        if len(good) == 0:
            return
        a, r, size = amplitude[good], exponent[good], len(self.energy)
        part = rows[:, self.begin : self.begin + size]
        part = part if len(good) == len(rows) else part[good]
        if self.method == "two_area":
            part = part.astype(np.float64)
            background = a[:, None] * np.exp(-r[:, None] * self.order)
            chi = ((part - background) ** 2 / background).sum(axis=1) / (size - 2)
            spreads = self.spreads(part, r, variance[good])
            found[good] = np.column_stack(
                [a, r, *(np.sqrt(chi) * each for each in spreads[:2]), chi * spreads[2], chi,
                 status[good]]
            )  # fmt: skip
            return
        problem = Problem(
            (Term(_FORMULA, (0,), (0.0,)),), np.array([0.0, -STEEPEST]),
            np.array([np.inf, STEEPEST]), np.zeros(2, bool), np.array([True, False]),
            np.arange(2), np.ones(2), np.zeros(2),
        )  # fmt: skip
        counts = self.method == "poisson"
        weights = None
        if not counts:
            weights = np.empty((len(good), size))
            evaluate(self.order, 1.0 / a, -r, weights)
        solved = least_squares(
            problem, part, np.column_stack([a, r]), columns=self.order[None],
            weights=weights, max_steps=self.max_steps,
            likelihood="poisson" if counts else "gaussian", covariance=deviations, threads=1,
        )  # fmt: skip
        both = solved.covariance[:, 0, 1] if deviations else np.full(len(good), np.nan)
        found[good] = np.column_stack([
            solved.parameters, solved.std, both,
            solved.chi_square / (size - 2), solved.status,
        ])  # fmt: skip

    def spreads(
        self,
        part: np.ndarray,
        exponent: np.ndarray,
        variance: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        r"""Return the deviations of amplitude and exponent for counts, and their covariance.

        :math:`A = (I_1 + I_2) / s(r)`, so that :math:`d \ln A = d \ln I - (\ln s)' dr`.
        """
        first, second = part[:, : self.middle].sum(axis=1), part[:, self.middle :].sum(axis=1)
        total = first + second
        with np.errstate(all="ignore"):
            amplitude = total * np.exp(-self.tables[1](exponent))
            bend = self.tables[1](exponent, 1)
            # d ln I and dr are those of both areas: what they share cancels for counts.
            spread = amplitude**2 * (1.0 / total + bend**2 * variance)
            both = -amplitude * bend * variance
            return np.sqrt(spread), np.sqrt(variance), both
