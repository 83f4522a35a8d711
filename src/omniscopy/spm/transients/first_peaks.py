"""How fast and how far a resonance shifts: fits of what a cantilever does after a trigger."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.compute.fitting.problem import Problem, Solution, Term
from omniscopy.compute.fitting.solving import least_squares
from omniscopy.model import (
    DataError,
    Status,
    operation,
    require_choice,
    require_real,
    require_uniform,
    require_units,
    result,
)
from omniscopy.physics import transients
from omniscopy.physics.formulas import Formula
from omniscopy.spm.transients.extrema import first_extrema
from omniscopy.spm.transients.filters import RISE
from omniscopy.spm.transients.frequencies import TRANSIENT

Form = Literal["product", "sum", "exponential", "ringdown", "phase", "spline"]
# Bounds of times, in seconds.
_FASTEST, _SLOWEST = 1e-7, 0.1
# Samples within one standard deviation of the filter: more would say the same again.
_DENSE = 3
# The part of what follows the trigger that is fitted.
_PART = 0.3
_TIMES = ("rise", "fall")
# After other outcomes, another start is tried.
_SETTLED = (int(Status.CONVERGED), int(Status.NO_DATA))
# What there is before the change is fitted too: so its noise counts.
_BEFORE = Formula(transients.before, 1, constants=1)
_PHASE_BEFORE = Formula(transients.phase_before, 2, constants=1)


@dataclass(frozen=True)
class Shape:
    """A curve that is fitted, and what its parameters say.

    `says` takes parameters (..., parameters) and returns time to the first peak, shift of the
    frequency and height of the curve at the peak, shape (..., 3).
    """

    formula: Formula
    names: tuple[str, ...]
    variable: str
    says: Callable[[np.ndarray], np.ndarray]

    def problem(self, sigma: float) -> Problem:
        """Return what is fitted, of the time since the trigger."""
        before = _PHASE_BEFORE if self.variable == "phase" else _BEFORE
        names = [*self.names, *["before"] * before.parameters]
        times = np.array([name in _TIMES for name in names])
        count = len(times)
        return Problem(
            terms=(Term(self.formula, (0,), (sigma,)), Term(before, (0,), (sigma,))),
            lower=np.where(times, _FASTEST, -np.inf),
            upper=np.where(times, _SLOWEST, np.inf),
            positive=times,
            linear=~times,
            source=np.arange(count),
            factor=np.ones(count),
            offset=np.zeros(count),
        )


def _of_product(p: np.ndarray) -> np.ndarray:
    amplitude, rise, fall = np.moveaxis(p[..., :3], -1, 0)
    time = rise * np.log1p(fall / rise)
    height = -amplitude * np.expm1(-time / rise) * np.exp(-time / fall)
    return np.stack([time, amplitude * fall / (rise + fall), height], axis=-1)


def _of_sum(p: np.ndarray) -> np.ndarray:
    first, rise, second, fall = np.moveaxis(p[..., :4], -1, 0)
    with np.errstate(all="ignore"):
        time = np.log(first * fall / (second * rise)) / (1.0 / rise - 1.0 / fall)
        time = np.where(np.isfinite(time) & (time > 0), time, np.nan)
    height = first * np.expm1(-time / rise) - second * np.exp(-time / fall)
    return np.stack([time, height, height], axis=-1)


def _of_exponential(p: np.ndarray) -> np.ndarray:
    end, _, fall = np.moveaxis(p[..., :3], -1, 0)
    return np.stack([fall, end, np.full_like(fall, np.nan)], axis=-1)


def _of_ringdown(p: np.ndarray) -> np.ndarray:
    nothing = np.full_like(p[..., 2], np.nan)
    return np.stack([p[..., 2], nothing, nothing], axis=-1)


SHAPES = {
    "product": Shape(
        Formula(transients.product, 3, constants=1), ("amplitude", *_TIMES), "frequency",
        _of_product,
    ),
    "sum": Shape(
        Formula(transients.sum_of_two, 4, constants=1), ("first", "rise", "second", "fall"),
        "frequency", _of_sum,
    ),
    "exponential": Shape(
        Formula(transients.exponential, 3, constants=1), ("end", "amplitude", "fall"),
        "frequency", _of_exponential,
    ),
    "ringdown": Shape(
        Formula(transients.exponential, 3, constants=1), ("end", "amplitude", "fall"),
        "amplitude", _of_ringdown,
    ),
    "phase": Shape(
        Formula(transients.phase, 3, constants=1), ("amplitude", *_TIMES), "phase", _of_product
    ),
}  # fmt: skip


@operation(example={"data": "transient_frequencies"})
def fit_first_peak(
    data: xr.Dataset | xr.DataArray,
    *,
    form: Form = "product",
    trigger: float | None = None,
    duration: float | None = None,
    rise_time: float | None = None,
    max_steps: int = 100,
    dim: str = "time",
) -> xr.Dataset:
    r"""Fit how the frequency of a cantilever shifts after a trigger: how fast, and how far.

    Parameters
    ----------
    data : Dataset or DataArray, shape (..., time)
        Result of `instantaneous_frequency`, or the shifts of frequencies in Hz (for "ringdown"
        amplitudes, for "phase" degrees). Lazy or in memory.
    form : {"product", "sum", "exponential", "ringdown", "phase", "spline"}
        What is fitted; see the notes.
    trigger : float, s
        When the change begins; where the data do not say it, or say another time.
    duration : float, s
        How long after the trigger is fitted; 30 % of what there is if left out.
    rise_time : float, s
        Of the filter that the frequencies are seen through, from 10 % to 90 % of a step; 0 if
        neither this nor the data say it.
    max_steps : int
        Evaluations of the curve for a pixel, at most.
    dim : str
        Dimension of the time; its coordinate is in s or units that convert to it.

    Returns
    -------
    Dataset, shape (...)
        ``time_to_first_peak`` (s) and ``frequency_shift`` (Hz), of what is not slowed down by
        the filter; ``peak_frequency`` (Hz), the height of the curve at its first peak;
        ``rise`` and ``fall`` (s), its times; all with their ``_std``; and
        ``r_squared`` and ``status``: 0 converged, 1 stopped after `max_steps`, 2 not determined,
        3 a time at its bound of 0.1 µs or 0.1 s (the change is faster than can be told), 4 too
        few values (NaN).

    Raises
    ------
    DataError
        Nothing says when the trigger is, or there are too few times after it.

    Notes
    -----
    The forms, from the trigger on, through a Gaussian filter as fast as the one that was used:

    ============ ========================================== ==================================
    form         curve                                      time to the first peak
    ============ ========================================== ==================================
    product      :math:`A(1-e^{-t/t_1})e^{-t/t_2}`          :math:`t_1 \ln(1 + t_2/t_1)`
    sum          :math:`A_1(e^{-t/t_1}-1)-A_2e^{-t/t_2}`    where its slope is 0
    exponential  :math:`y_0+Ae^{-t/\tau}`                   :math:`\tau`
    ringdown     the same, of amplitudes                    :math:`\tau`
    phase        the integral of the product                as for the product
    spline       a cubic spline through the values          of its first extremum
    ============ ========================================== ==================================

    A cantilever driven at its resonance whose resonance shifts by :math:`\Delta f` with a time
    :math:`\tau` answers with :math:`\Delta f (e^{-t/T} - e^{-t/\tau}) / (1 - \tau/T)` as long as
    the phase is small, where :math:`T = Q / \pi f`. That is the product, so its
    ``frequency_shift`` is :math:`A t_2 / (t_1 + t_2)`: how far the resonance shifts, which is
    more than the height at the peak. Of the exponential it is :math:`y_0`, of the sum and of the
    spline the height at the peak; a spline sees the filter too.

    What there is before the trigger (as long as what is fitted after it) is fitted too, by a
    constant, and by a line for the phase. Standard deviations take into account that noise is
    filtered too: values of the frequency a time t apart have the correlation :math:`(1 -
    t^2/2\sigma^2) e^{-t^2/4\sigma^2}`. How large it is, the misfit tells, for a spline what there
    is before the trigger.

    References
    ----------
    .. [1] D. U. Karatay, J. S. Harrison, M. S. Glaz, R. Giridharagopal, D. S. Ginger, *Rev. Sci.
       Instrum.* 87, 053702 (2016).

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.spm.fit_first_peak(om.samples.transient_frequencies())
    >>> found["time_to_first_peak"].dims
    ('y', 'x')
    """
    require_choice("form", form, get_args(Form))
    variable = SHAPES[form].variable if form != "spline" else "frequency"
    trigger = _told(data, "trigger", trigger)
    rise_time = _told(data, "rise_time", rise_time) or 0.0
    curve = _variable(data, variable)
    step = require_uniform(curve, dim)
    require_real(curve)
    second = require_units(curve.coords[dim], "s", what=f"coordinate {dim!r}")
    if trigger is None:
        message = "trigger= must say when the change begins: the data do not"
        raise DataError(message)
    factor = 1.0 if form == "ringdown" else require_units(
        curve, "deg" if form == "phase" else "Hz", what=f"the {variable}"
    )  # fmt: skip
    times = curve.coords[dim].values * second - trigger
    duration = _PART * float(times[-1]) if duration is None else duration
    sigma = rise_time / RISE
    window = _window(times, duration, rise_time, abs(step * second), sigma)
    threads = None if curve.chunks is None else 1
    fit = Fit(
        form, times[window], sigma or 1e-3 * abs(step * second), sigma > 0, max_steps, threads
    )
    names = SHAPES[form].names if form != "spline" else ()
    found, spread, r_squared, status = map_signal(
        fit.run, curve.isel({dim: window}) * factor, dim=dim,
        output_dims=[{"parameter": 3 + len(names)}] * 2 + [{}, {}],
        dtypes=[*[np.float64] * 3, np.uint8],
    )  # fmt: skip
    said = ["time_to_first_peak", "frequency_shift", "peak_frequency", *names]
    made: dict[str, tuple[xr.DataArray, str | None]] = {}
    for n, name in enumerate(said):
        units = "s" if name in (said[0], *_TIMES) else "Hz"
        if name in (*said[:3], *_TIMES):
            made[name] = found.isel(parameter=n), units
            made[f"{name}_std"] = spread.isel(parameter=n), units
    return result(**made, r_squared=(r_squared, "1"), status=(status, "1"))


@dataclass(frozen=True)
class Fit:
    """How curves of some times since the trigger are fitted."""

    form: Form
    times: np.ndarray
    sigma: float
    filtered: bool
    max_steps: int
    threads: int | None

    def run(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return what curves (..., times) say and their parameters, spreads, R² and outcome."""
        outer = values.shape[:-1]
        rows = np.ascontiguousarray(values.reshape(-1, values.shape[-1]), np.float64)
        if self.form == "spline":
            found, spread, r_squared, status = first_extrema(self.times, rows, self._correlation())
        else:
            found, spread, r_squared, status = self._fitted(SHAPES[self.form], rows)
        return (
            found.reshape(*outer, found.shape[-1]), spread.reshape(*outer, found.shape[-1]),
            r_squared.reshape(outer), status.astype(np.uint8).reshape(outer),
        )  # fmt: skip

    def _fitted(
        self, shape: Shape, rows: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        problem, columns = shape.problem(self.sigma), self.times[None]
        options: dict[str, Any] = {
            "columns": columns, "separable": True, "covariance": True,
            "max_steps": self.max_steps, "threads": self.threads,
        }  # fmt: skip
        end = float(self.times[-1])

        def fitted(rows: np.ndarray, rise: float, fall: float) -> Solution:
            start = np.full(problem.parameters, np.nan)
            named = {"rise": rise, "fall": fall if "rise" in shape.names else rise}
            for n, name in enumerate(shape.names):
                start[n] = named.get(name, np.nan)
            return least_squares(problem, rows, start, **options)

        best = fitted(rows, end / 10, end)
        again = np.flatnonzero(~np.isin(best.status, _SETTLED))
        if again.size:
            best = _better(best, fitted(rows[again], end / 50, end / 2), again)
        covariance = self._covariance(problem, best, rows)
        found = shape.says(best.parameters)
        slopes = _slopes(shape.says, best.parameters)
        own = len(shape.names)
        both = np.concatenate([found, best.parameters[:, :own]], axis=-1)
        known = np.isfinite(best.std)
        every = np.broadcast_to(
            np.eye(problem.parameters)[:own], (len(rows), own, problem.parameters)
        )
        slopes = np.concatenate([slopes, every], axis=-2)
        variance = np.einsum("...ij,...jk,...ik->...i", slopes, covariance, slopes)
        # What depends on a time at its bound is not known to any precision.
        depends = (np.abs(slopes) > 0) & ~known[:, None, :]
        spread = np.sqrt(np.where(depends.any(axis=-1), np.nan, np.maximum(variance, 0.0)))
        with np.errstate(all="ignore"):
            r_squared = 1.0 - best.chi_square / best.total
        return both, spread, r_squared, best.status

    def _covariance(self, problem: Problem, solution: Any, rows: np.ndarray) -> np.ndarray:
        r"""Return :math:`s^2 N^{-1} (J^T C J) N^{-1}` for noise of correlation `C`."""
        _, jacobian = problem.evaluate(self.times[None, None], solution.parameters)
        jacobian = np.nan_to_num(jacobian * np.isfinite(rows)[:, None, :])
        with np.errstate(all="ignore"):
            inverse = solution.covariance / solution.spread[:, None, None]
        inverse = np.nan_to_num(inverse, posinf=0.0, neginf=0.0)
        middle = jacobian @ self._correlation() @ np.swapaxes(jacobian, -1, -2)
        taken = np.einsum("...ij,...ji->...", inverse, middle)
        degrees = solution.points - taken
        square = np.where(
            degrees > 0, solution.chi_square / np.where(degrees > 0, degrees, 1), np.nan
        )
        return np.asarray(square[:, None, None] * (inverse @ middle @ inverse))

    def _correlation(self) -> np.ndarray:
        if not self.filtered:
            return np.eye(len(self.times))
        apart = ((self.times[:, None] - self.times) / self.sigma) ** 2
        bell = np.exp(-0.25 * apart)
        if self.form == "spline" or SHAPES[self.form].variable == "frequency":
            bell = bell * (1.0 - 0.5 * apart)
        return np.asarray(bell)


def _better(one: Solution, other: Solution, where: np.ndarray) -> Solution:
    """Return `one`, with `other` (of the curves `where`) in its place where that costs less."""
    take = ~(one.cost[where] <= other.cost)
    made = {name: values.copy() for name, values in vars(one).items()}
    for name, values in made.items():
        values[where[take]] = getattr(other, name)[take]
    return Solution(**made)


def _slopes(says: Callable[[np.ndarray], np.ndarray], parameters: np.ndarray) -> np.ndarray:
    """Return the derivatives of what parameters say, shape (..., 3, parameters)."""
    columns = []
    for n in range(parameters.shape[-1]):
        step = 1e-6 * np.abs(parameters[..., n]) + 1e-300
        low, high = parameters.copy(), parameters.copy()
        low[..., n] -= step
        high[..., n] += step
        columns.append((says(high) - says(low)) / (2.0 * step[..., None]))
    return np.stack(columns, axis=-1)


def _told(data: xr.Dataset | xr.DataArray, name: str, given: float | None) -> float | None:
    """Return a number that is given, or that the data hold."""
    if given is not None:
        return float(given)
    found = data.attrs.get(TRANSIENT, {}).get(name)
    return None if found is None else float(found)


def _variable(data: xr.Dataset | xr.DataArray, name: str) -> xr.DataArray:
    if isinstance(data, xr.DataArray):
        return data
    if name not in data:
        message = f"expected a variable {name!r}, got {list(map(str, data.data_vars))}"
        raise DataError(message)
    return data[name]


def _window(
    times: np.ndarray, duration: float, rise_time: float, step: float, sigma: float
) -> slice:
    """Return the samples that are fitted: no denser than the filter makes sense of."""
    stride = max(1, int(sigma / _DENSE / step))
    # Clear of the beginning, where the filter meets no data.
    begin = min(max(-duration, float(times[0]) + rise_time), -rise_time)
    first, last = np.searchsorted(times, [begin, duration * (1 + 1e-9)])
    count = int((times[first:last:stride] >= 0).sum())
    if count < 6:
        message = (
            f"there are {count} times from the trigger to {duration:g} s after it; at least 6 "
            "are needed"
        )
        raise DataError(message)
    return slice(int(first), int(last), stride)
