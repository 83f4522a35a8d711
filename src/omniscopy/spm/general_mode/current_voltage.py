"""Resistance and capacitance behind a current under an oscillating bias."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.compute.native_threads import native_threads_held
from omniscopy.compute.threads import share_work
from omniscopy.model import (
    DataError,
    Status,
    conversion_factor,
    coordinate,
    dims_of_role,
    operation,
    require_array,
    require_dim,
    require_real,
    require_uniform,
    require_units,
    result,
    units_of,
)
from omniscopy.spm.general_mode.inference import Factor, choose, coordinates, span

# By how much the branches may differ, as a part of by how much the conductance changes.
_HYSTERESIS = (0.0, 0.03, 0.1, 0.3, 1.0)
# Where the conductance may change more quickly than elsewhere, and the width of that region, both
# as parts of the amplitude of the bias; and by how much more quickly, less one.
_SWITCHES, _REGION, _QUICKER = tuple(np.linspace(-0.88, 0.88, 12)), 0.2, 6.0
# How much less is known of the mean conductance, and of the capacitance, than of changes.
_VAGUE = 1e3
# Distance, in standard deviations, from which a conductance is certainly positive.
_CERTAIN = 6.0
# Modes whose prior width is below this part of the widest change of the conductance are left out.
_NARROW = 1e-4
_RECORDS = 512


@operation(example={"data": "current_voltage", "bias": "bias", "frequency": 200.0, "steps": 21})
def invert_current_voltage(  # noqa: PLR0913 - the setup and the prior
    data: xr.DataArray,
    *,
    bias: npt.ArrayLike | str,
    frequency: float,
    dim: str | None = None,
    steps: int = 125,
    r_extra: float = 110.0,
    smoothness: float = 0.22,
    noise: float | None = None,
    quantiles: Sequence[float] = (0.05, 0.5, 0.95),
) -> xr.Dataset:
    r"""Infer resistance, capacitance and noise from the current under an oscillating bias.

    Parameters
    ----------
    data : DataArray, shape (..., time), A or units that convert to it
        Current, in whole periods of the bias. Lazy or in memory.
    bias : DataArray, array or str, V
        Bias at each sample, the same for all points; or the name of a coordinate of `data`.
    frequency : float, Hz
        Of the bias.
    dim : str
        Dimension of the samples; that of the bias, or the only one of the signal, otherwise.
        Without a coordinate of time its samples make one period.
    steps : int
        Voltages between the extremes of the bias for which the resistance is given; made odd.
    r_extra : float, 1/s
        Half of the current in phase with the bias that the capacitance lets through, as a rate:
        0 for none. The value is that of the setup for which the method was published [1]_.
    smoothness : float
        Voltage over which the conductance varies, as a part of the amplitude of the bias: where
        it varies most.
    noise : float, units of `data`
        Standard deviation of the noise; that with the largest evidence, for each point,
        otherwise.
    quantiles : sequence of float
        Probabilities of the resistance to be less.

    Returns
    -------
    Dataset, shape (...), with the dimensions ``branch`` and ``bias``
        ``resistance`` (ohm): the median, while the bias rises ("forward") and while it falls
        ("reverse"). ``resistance_std`` (ohm): half of the interval that holds 68 %.
        ``resistance_quantiles`` (ohm), along ``quantile``. ``conductance`` and
        ``conductance_std`` (S). ``capacitance`` and ``capacitance_std`` (F), of both branches.
        ``corrected_current`` (A): without that through the capacitance. ``noise`` (A).
        ``hysteresis``: by how much the branches may differ, as a part of by how much the
        conductance may change; 0 where the data speak for one resistance.
        NaN and ``status`` 4 (no data) where no value is finite or all are zero, 5 (invalid)
        where some are missing.

    Raises
    ------
    DataError
        Units are not those of a current, the bias does not fit to the data, does not change or
        is not in whole periods, or a number is out of its range.

    Notes
    -----
    .. math::
        I = V\, g(V) + C\, (dV/dt + 2 r_{extra} V)

    with the conductance g on a grid, linear in between, of each branch: its mean and half of
    the difference have Gaussian priors of precision :math:`(1 + \ell^6 L^3) / \sigma^2`, where
    L is the Laplacian with free ends and :math:`\ell` the smoothness; C has a wide one. One
    conductance of both branches may vary as quickly everywhere, or so near one voltage alone,
    where it switches, and seven times more slowly elsewhere: its prior is that of a bias that is
    stretched there. The ratio of :math:`\sigma` to the noise, the hysteresis and where it
    switches are those of the largest evidence, for each point. All depends on the bias but the
    last step, so that the design is factored once for a whole image, and nothing is drawn at
    random: g is Gaussian, and the quantiles of R are those of 1/g for g > 0. The published
    method [1]_ infers the branches one by one,
    where a capacitance shows only as the bias passes zero.

    References
    ----------
    .. [1] S. Somnath et al., *Nat. Commun.* 9, 513 (2018).

    Examples
    --------
    >>> import omniscopy as om
    >>> current = om.samples.current_voltage()
    >>> found = om.spm.invert_current_voltage(current, bias="bias", frequency=200.0)
    >>> found["resistance"].dims, found["resistance"].attrs["units"]
    (('y', 'x', 'branch', 'bias'), 'ohm')
    """
    require_array(data)
    require_real(data)
    factor = require_units(data, "A", what="the current")
    voltage, dim = _bias_of(data, bias, dim)
    for name, value in (("frequency", frequency), ("smoothness", smoothness)):
        if not 0 < value < math.inf:
            message = f"{name} must be positive, got {value!r}"
            raise DataError(message)
    if steps < 3 or (noise is not None and not noise > 0) or r_extra < 0:
        message = (
            f"steps must be at least 3, noise positive and r_extra not negative; got {steps!r}, "
            f"{noise!r} and {r_extra!r}"
        )
        raise DataError(message)
    probabilities = np.asarray(quantiles, np.float64)
    if probabilities.ndim != 1 or not np.all((probabilities > 0) & (probabilities < 1)):
        message = f"quantiles must lie between 0 and 1, got {quantiles!r}"
        raise DataError(message)
    periods = _periods(data, dim, frequency)
    with native_threads_held():  # the matrices are small
        made = _Inversion.of(
            voltage, periods, frequency, steps=steps | 1, r_extra=r_extra, smoothness=smoothness
        )
    sizes = {"branch": 2, "bias": len(made.grid)}
    counted = {**sizes, "quantile": len(probabilities)}
    # Samples along the bias itself would have the name of the voltages of the resistance.
    along = "sample" if dim in counted else dim
    outputs = [sizes, sizes, counted, sizes, sizes, {}, {}, {along: len(voltage)}, {}, {}, {}]
    found = map_signal(
        made.run, data, dim=dim, output_dims=outputs,
        dtypes=[*[np.float64] * (len(outputs) - 1), np.uint8],
        parameters={
            "factor": factor, "probabilities": probabilities,
            "noise": None if noise is None else noise * factor,
            "threads": None if data.chunks is None else 1,
        },
    )  # fmt: skip
    coords = _coordinates(made.grid, probabilities)
    samples = {dim: data.coords[dim].variable} if dim in data.coords and dim == along else {}
    applied = {"units": "V", "quantity": "bias", "long_name": "Excitation"}
    return _labelled(found, coords, {**samples, "excitation": (along, voltage, applied)})


def _bias_of(
    data: xr.DataArray, bias: npt.ArrayLike | str, dim: str | None
) -> tuple[np.ndarray, str]:
    """Return the bias in V at each sample, and the dimension that it is along."""
    if isinstance(bias, str):
        if bias not in data.coords:
            message = f"there is no coordinate {bias!r}; got {list(map(str, data.coords))}"
            raise DataError(message)
        bias = data.coords[bias]
    factor = 1.0
    if isinstance(bias, xr.DataArray):
        if bias.ndim == 1 and dim is None and bias.dims[0] in data.dims:
            dim = str(bias.dims[0])
        if "units" in bias.attrs:
            factor = require_units(bias, "V", what="the bias")
    voltage = np.asarray(bias, np.float64) * factor
    if dim is None:
        found = dims_of_role(data, "signal") or [d for d in data.dims if d == "time"]
        found = [str(each) for each in found or data.dims if data.sizes[each] == voltage.size]
        if len(found) != 1:
            message = f"dimensions {dict(data.sizes)}: name that of the samples with `dim=`"
            raise DataError(message)
        dim = found[0]
    if dim not in data.dims or voltage.shape != (data.sizes[dim],):
        message = (
            f"the bias has the shape {voltage.shape}; one value for each sample along {dim!r} "
            f"is needed ({data.sizes.get(dim, 'no such dimension')})"
        )
        raise DataError(message)
    if not np.isfinite(voltage).all() or voltage.size < 8 or np.ptp(voltage) == 0:
        message = "the bias must be finite, change, and have at least 8 samples"
        raise DataError(message)
    return voltage, dim


def _periods(data: xr.DataArray, dim: str, frequency: float) -> int:
    """Return how many periods of the bias were recorded; one where there is no time."""
    units = units_of(data, dim)
    try:
        to_seconds = 1.0 if units is None else conversion_factor(units, "s")
    except DataError:
        return 1
    if dim not in data.coords or units is None:
        return 1
    # Not backwards: the displacement current follows from which bias came before.
    require_dim(data, dim, at_least=8)
    exact = abs(require_uniform(data, dim)) * to_seconds * data.sizes[dim] * frequency
    if round(exact) < 1 or abs(exact - round(exact)) > 2.0 / data.sizes[dim] * max(exact, 1.0):
        message = (
            f"the record lasts {exact:.4g} periods of {frequency:g} Hz; whole periods are needed "
            "(see `spm.lines_to_pixels`)"
        )
        raise DataError(message)
    return round(exact)


@dataclass(frozen=True, eq=False)
class _Inversion:
    """The factors of a bias, and what the current through the capacitance is with one farad.

    The factors are of records in terms of a few `axes`, with the rest of their size as the last.
    """

    grid: np.ndarray
    displacement: np.ndarray
    axes: np.ndarray
    factors: tuple[Factor, ...]
    hysteresis: np.ndarray  # of each factor
    scale: float  # farads in the unit of the last unknown

    @classmethod
    def of(
        cls,
        voltage: np.ndarray,
        periods: int,
        frequency: float,
        *,
        steps: int,
        r_extra: float,
        smoothness: float,
    ) -> "_Inversion":
        """Return all that depends on the bias only."""
        slope = 0.5 * (np.roll(voltage, -1) - np.roll(voltage, 1))
        slope *= frequency * len(voltage) / periods
        displacement = slope + 2.0 * r_extra * voltage
        grid = np.linspace(voltage.min(), voltage.max(), steps)
        weights = _interpolation(voltage, grid)
        scale = float(np.std(voltage) / np.std(displacement))
        current = voltage[:, None] * weights
        sign = np.where(slope >= 0, 1.0, -1.0)[:, None]
        length = smoothness * 0.5 * np.ptp(voltage)
        kinds = [(None, part) for part in _HYSTERESIS] + [(place, 0.0) for place in _SWITCHES]
        roots = [_prior_root(grid, length, switch) for switch, _ in kinds]
        smooth = current @ span(np.hstack(roots))
        axes = span(np.hstack([smooth, sign * smooth, scale * displacement[:, None]]))
        mean, change = axes.T @ current, axes.T @ (sign * current)
        last = _VAGUE * scale * (axes.T @ displacement)[:, None]
        factors = []
        for root, (_, part) in zip(roots, kinds, strict=True):
            # In units of the mean branch: the conductances of both, and the capacitance.
            both = [mean @ root, *([part * (change @ _without_mean(root))] if part else [])]
            factors.append(_factor(np.hstack([*both, last]), root, part, len(voltage)))
        hysteresis = np.array([part for _, part in kinds])
        return cls(grid, displacement, axes, tuple(factors), hysteresis, scale)

    def run(
        self,
        block: np.ndarray,
        *,
        factor: float,
        probabilities: np.ndarray,
        noise: float | None,
        threads: int | None,
    ) -> tuple[np.ndarray, ...]:
        """Return what is inferred for a block of records."""
        records = block.reshape(-1, block.shape[-1])
        count, steps = len(records), len(self.grid)
        shapes: list[tuple[int, ...]] = [(2, steps)] * 2 + [(2, steps, len(probabilities))]
        shapes += [(2, steps)] * 2 + [(), (), (block.shape[-1],), (), ()]
        made = [np.full((count, *shape), np.nan) for shape in shapes]
        status = np.zeros(count, np.uint8)

        def work(begin: int) -> None:
            part = slice(begin, begin + _RECORDS)
            current = records[part].astype(np.float64) * factor
            good, status[part] = _usable(current)
            if good.any():
                found = self._infer(current[good], probabilities, noise)
                for values, each in zip(made, found, strict=True):
                    values[part][good] = each

        with native_threads_held():
            share_work(work, range(0, count, _RECORDS), threads)
        outer = block.shape[:-1]
        return tuple(each.reshape(outer + each.shape[1:]) for each in (*made, status))

    def _infer(
        self, current: np.ndarray, probabilities: np.ndarray, noise: float | None
    ) -> tuple[np.ndarray, ...]:
        """Return all variables of complete records."""
        # Around one, so that squares of picoamperes are numbers.
        size = np.sqrt(np.mean(current**2)) if noise is None else noise
        few = coordinates(self.axes, current / size)
        best, tried = choose(self.factors, few, None if noise is None else 1.0)
        steps = len(self.grid)
        mean, variance = (np.empty((len(current), 2 * steps + 1)) for _ in range(2))
        gamma2 = np.empty(len(current))
        for number, (factor, (places, ratio)) in enumerate(zip(self.factors, tried, strict=True)):
            own = best == number
            if not own.any():
                continue
            gamma2[own] = 1.0 if noise is not None else factor.noise_variance(
                few[own], places[own], ratio[own]
            )  # fmt: skip
            mean[own], variance[own] = factor.posterior(places[own], ratio[own], gamma2[own])
        deviation = np.sqrt(variance)
        shape = (len(current), 2, steps)
        conductance, conductance_std = (
            size * each[:, : 2 * steps].reshape(shape) for each in (mean, deviation)
        )
        capacitance, capacitance_std = (
            size * self.scale * each[:, -1] for each in (mean, deviation)
        )
        asked = np.concatenate([probabilities, [0.5, 0.158655, 0.841345]])
        resistance = _resistances(conductance, conductance_std, asked)
        return (
            resistance[..., -3], 0.5 * (resistance[..., -1] - resistance[..., -2]),
            resistance[..., :-3], conductance, conductance_std, capacitance, capacitance_std,
            current - capacitance[:, None] * self.displacement, size * np.sqrt(gamma2),
            self.hysteresis[best],
        )  # fmt: skip


def _factor(design: np.ndarray, root: np.ndarray, part: float, samples: int) -> Factor:
    """Return the factor whose unknowns are both branches and the capacitance.

    The design is that of the coordinates of records; a last one is for their rest.
    """
    steps, modes = root.shape
    width = design.shape[1]
    prior = np.zeros((2 * steps + 1, width))
    prior[:steps, :modes] = prior[steps : 2 * steps, :modes] = root
    if part:
        half = part * _without_mean(root)
        prior[:steps, modes : 2 * modes] = half
        prior[steps : 2 * steps, modes : 2 * modes] = -half
    prior[-1, -1] = _VAGUE
    found = Factor.of(design, np.eye(width))
    axes = np.vstack([found.axes, np.zeros(len(found.singular))])
    return Factor(axes, found.singular, prior @ found.unknowns, samples)


def _interpolation(voltage: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Return the weights of values on a grid in their linear interpolation at each voltage."""
    place = (voltage - grid[0]) / (grid[1] - grid[0])
    number = np.clip(place.astype(np.int64), 0, len(grid) - 2)
    weights = np.zeros((len(voltage), len(grid)))
    rows = np.arange(len(voltage))
    weights[rows, number] = 1.0 - (place - number)
    weights[rows, number + 1] = place - number
    return weights


def _prior_root(grid: np.ndarray, length: float, switch: float | None) -> np.ndarray:
    """Return a root of the covariance of a smooth function on a grid, its mean nearly free.

    The eigenfunctions of the Laplacian with free ends are cosines; those of a bias that is
    stretched around `switch`, a part of the amplitude, are cosines of it.
    """
    place, total = _stretched(grid, switch)
    if switch is not None:
        length *= 1.0 + _QUICKER
    mode = np.arange(len(grid))
    cosines = np.cos(np.pi * np.outer(place / total, mode)) * np.sqrt(2.0 * length / total)
    cosines[:, 0] /= np.sqrt(2.0)
    precision = 1.0 + (length * np.pi * mode / total) ** 6
    kept = precision <= precision[1] / _NARROW**2
    precision[0] /= _VAGUE**2
    return (cosines / np.sqrt(precision))[:, kept]


def _stretched(grid: np.ndarray, switch: float | None) -> tuple[np.ndarray, float]:
    """Return where each voltage is on a scale that is stretched where it switches; its length.

    The scale begins and ends half a step beyond the grid.
    """
    from scipy.special import erf

    step, amplitude = float(grid[1] - grid[0]), 0.5 * float(np.ptp(grid))
    place = np.concatenate([[grid[0] - 0.5 * step], grid, [grid[-1] + 0.5 * step]])
    if switch is not None:
        width = _REGION * amplitude
        centre = 0.5 * (grid[0] + grid[-1]) + switch * amplitude
        bell = np.sqrt(0.5 * np.pi) * width * erf((place - centre) / (np.sqrt(2.0) * width))
        place = place + _QUICKER * bell
    place -= place[0]
    return place[1:-1], float(place[-1])


def _without_mean(root: np.ndarray) -> np.ndarray:
    """Return a prior root of a function whose mean is known as well as its changes."""
    made = root.copy()
    made[:, 0] /= _VAGUE
    return made


def _usable(current: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which records are complete, and the status of all."""
    finite = np.isfinite(current)
    status = np.where(finite.all(1), Status.CONVERGED, Status.INVALID)
    empty = ~finite.any(1) | (finite.all(1) & ~current.any(1))
    status = np.where(empty, Status.NO_DATA, status)
    return status == Status.CONVERGED, status.astype(np.uint8)


def _resistances(mean: np.ndarray, deviation: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Return quantiles of 1/g for a Gaussian g that is positive, along a last axis.

    P(1/g < r) = p where P(g > 1/r | g > 0) = p.
    """
    from scipy.special import ndtr, ndtri

    certain = mean > _CERTAIN * deviation
    quantile = mean[..., None] - deviation[..., None] * ndtri(asked)
    unsure = ~certain
    if unsure.any():
        middle, width = mean[unsure][:, None], deviation[unsure][:, None]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            part = ndtr(middle / width)
            found = middle - width * ndtri(asked * part)
            quantile[unsure] = np.where((part > 0) & (found > 0), found, np.nan)
    with np.errstate(divide="ignore"):
        return np.asarray(1.0 / quantile)


def _coordinates(grid: np.ndarray, probabilities: np.ndarray) -> dict[str, xr.Variable]:
    """Return the coordinates of branches, voltages and quantiles."""
    names = np.array(["forward", "reverse"])
    return {
        "branch": coordinate("branch", names, kind="parameter", quantity="direction of the bias"),
        "bias": coordinate("bias", grid, "V"),
        "quantile": coordinate(
            "quantile", probabilities, "1", kind="parameter", quantity="probability"
        ),
    }


def _labelled(
    found: Sequence[xr.DataArray], coords: dict[str, xr.Variable], samples: dict[str, Any]
) -> xr.Dataset:
    """Return the results with their names, units and coordinates; `samples` are of the current."""
    names = {
        "resistance": "ohm", "resistance_std": "ohm", "resistance_quantiles": "ohm",
        "conductance": "S", "conductance_std": "S", "capacitance": "F", "capacitance_std": "F",
        "corrected_current": "A", "noise": "A", "hysteresis": "1", "status": "1",
    }  # fmt: skip
    made = {}
    for (name, units), values in zip(names.items(), found, strict=True):
        # The data may have had a coordinate called bias, along their samples.
        free = values.drop_vars([each for each in values.coords if each in coords])
        labels: dict[str, Any] = {each: coords[str(each)] for each in free.dims if each in coords}
        if name == "corrected_current":
            labels |= samples
        made[name] = (free.assign_coords(labels), units)
    return result(None, **made)
