"""Forces from what cantilevers answer, and the potentials that they tell."""

from typing import Any, Literal

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.model import (
    DataError,
    Status,
    coordinate,
    operation,
    require_dim,
    require_real,
    require_uniform,
    require_units,
    result,
    units_of,
)
from omniscopy.model.units import product

_TERMS = 3  # of a parabola
# How far from the given one the frequency of the drive is looked for, as a part of it, and by how
# much more power another one must have.
_NEAR, _SURE = 0.1, 30.0


@operation(example={"data": "cantilever", "excitation": "cantilever"})
def transfer_function(
    data: xr.DataArray,
    excitation: xr.DataArray,
    *,
    average: str | None = None,
    regularisation: float = 1e-6,
    dim: str = "time",
) -> xr.Dataset:
    r"""Measure how a cantilever answers each frequency of a broad excitation.

    Parameters
    ----------
    data : DataArray, shape (..., time)
        What was answered, lazy or in memory.
    excitation : DataArray, shape (..., time)
        What was asked, such as a chirp, on the same times.
    average : str, optional
        Dimension of repeated traces, over which both spectra are averaged.
    regularisation : float
        Power of the excitation, relative to its highest, below which an answer is held to be
        noise: it is divided by no less.
    dim : str
        Dimension of the time; its coordinate is in s or units that convert to it.

    Returns
    -------
    Dataset, shape (..., frequency)
        ``response``: complex, in units of `data` by those of `excitation`.

    Raises
    ------
    DataError
        The times are not uniform or differ, or a number does not fit.

    Notes
    -----
    :math:`H = \langle Y X^* \rangle / (\langle |X|^2 \rangle + \lambda \max |X|^2)`. A model of it
    is a sum of `signal.Oscillator`, fitted by `signal.fit_model`.

    But for the floor it is the estimator :math:`H_1` [1]_.

    References
    ----------
    .. [1] J. S. Bendat, A. G. Piersol, *Random Data*, 4th ed., Wiley (2010), chapter 6.

    Examples
    --------
    >>> import omniscopy as om
    >>> pushed = om.samples.cantilever()
    >>> om.spm.transfer_function(pushed, pushed)["response"].dims
    ('frequency',)
    """
    step = require_uniform(data, dim)
    second = require_units(data.coords[dim], "s", what=f"coordinate {dim!r}")
    for each in (data, excitation):
        require_real(each)
    other = require_uniform(excitation, dim)
    if excitation.sizes[dim] != data.sizes[dim] or abs(other / step - 1) > 1e-6:
        message = f"data and excitation must have the same {dim!r}: they differ in length or step"
        raise DataError(message)
    if not regularisation >= 0:
        message = f"regularisation must not be below 0, got {regularisation!r}"
        raise DataError(message)
    if average is not None and average not in data.dims:
        message = f"average must be one of the dimensions {data.dims}, got {average!r}"
        raise DataError(message)
    samples = data.sizes[dim]
    core = [dim] if average is None else [average, dim]
    (made,) = map_signal(
        divided_spectra, data, dim=core, also=[excitation],
        output_dims=[{"frequency": samples // 2 + 1}], dtypes=[np.complex128],
        parameters={"regularisation": regularisation, "core": len(core)},
    )  # fmt: skip
    frequency = np.fft.rfftfreq(samples, abs(step) * second)
    made = made.assign_coords(frequency=coordinate("frequency", frequency, "Hz"))
    units = product((data.attrs.get("units"), 1.0), (excitation.attrs.get("units"), -1.0))
    return result(response=(made, units))


def divided_spectra(
    answer: np.ndarray, asked: np.ndarray, *, regularisation: float, core: int
) -> np.ndarray:
    """Return the spectrum of the answer by that of what was asked, as sure as they are."""
    from scipy import fft

    y, x = (fft.rfft(np.asarray(each, np.float64), axis=-1) for each in (answer, asked))
    both, power = y * np.conj(x), np.abs(x) ** 2
    if core == 2:
        both = both.mean(axis=-2)
        power = power.mean(axis=-2) if power.ndim > 1 else power
    floor = regularisation * power.max(axis=-1, keepdims=True, initial=0.0)
    below = power + floor
    with np.errstate(all="ignore"):
        return np.asarray(np.where(below > 0, both / below, np.nan))


@operation(example={"data": "transients", "ac_voltage": 1.0, "drive_frequency": 60e3})
def fit_force_kpfm(  # noqa: PLR0913 - options of the field
    data: xr.DataArray,
    *,
    drive_frequency: float,
    ac_voltage: float | None = None,
    dc_voltage: float = 0.0,
    phase: float | Literal["auto"] = 0.0,
    bias: xr.DataArray | None = None,
    transfer: xr.DataArray | None = None,
    cycles: int = 2,
    overlap: int = 1,
    regularisation: float = 1e-4,
    dim: str = "time",
) -> xr.Dataset:
    r"""Fit contact potentials and capacitance gradients to the force of every few cycles.

    Parameters
    ----------
    data : DataArray, shape (..., time)
        Deflections, or forces where no `transfer` is given; lazy or in memory.
    drive_frequency : float, Hz
        Of the voltage between tip and sample.
    ac_voltage, dc_voltage : float, V
        The voltage is :math:`V_{dc} + V_{ac} \sin(2 \pi f t + \varphi)`.
    phase : float, degrees, or "auto"
        Of the voltage at time 0, as it is seen in the force. "auto" finds it for each trace, from
        -90 to 90: half a turn more is the same force with the potential of the other sign.
    bias : DataArray, shape (time), V
        The voltage itself, in place of the numbers above.
    transfer : DataArray, shape (frequency)
        Complex deflection for a unit of force, as `transfer_function` or a fit of oscillators
        gives it; interpolated to the frequencies of the data.
    cycles : int
        Cycles of the voltage in a window.
    overlap : int
        Windows in the length of one: 1 for no overlap.
    regularisation : float
        Part of the highest squared response below which deflections are held to be noise.
    dim : str
        Dimension of the time; its coordinate is in s or units that convert to it.

    Returns
    -------
    Dataset, shape (..., time)
        For the middle of each window ``contact_potential`` (V), ``capacitance_gradient`` (units
        of the force by V²) and ``static_force``, each with ``_std``: the latter is the force at
        0 V between tip and sample, :math:`c_0`, which holds :math:`C' V_{cpd}^2 / 2` beside
        forces that are not of the voltage; ``residual``, the root mean
        square of what the parabola leaves; ``phase`` (degrees) of each trace, where it was asked
        for; ``drive_frequency`` (Hz) that is seen in each trace, unless `bias` is given;
        ``status``: 0 converged, 2 not determined, 4 values that are not finite, 5 the trace is
        driven at another frequency than the given one (NaN but for 0).

    Raises
    ------
    DataError
        The voltage is not known, the times are not uniform, or a window holds too few of them.

    Notes
    -----
    The force is :math:`F = c_0 + c_1 V + c_2 V^2` in each window [1]_: the contact potential is
    :math:`-c_1 / 2 c_2`, the capacitance gradient :math:`2 c_2` of :math:`F = C' (V -
    V_{cpd})^2 / 2`. The force is :math:`Y H^* / (|H|^2 + \lambda \max |H|^2)` of the spectrum of
    the deflection. Normal equations are running sums, so that windows may overlap at no cost.
    A trace is driven at another frequency where, within a tenth of the given one, the power at
    a frequency and at twice of it is 30 times more than at the given one, a bin or more away.
    Standard deviations are for white noise of the force. The phase that is found is that with
    the largest power of :math:`\sin(\theta + \varphi)` and :math:`\cos(2 \theta + 2 \varphi)`,
    of which the force of a sine consists.

    References
    ----------
    .. [1] L. Collins, A. Belianinov, S. Somnath et al., *Sci. Rep.* 6, 30557 (2016).

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.spm.fit_force_kpfm(
    ...     om.samples.transients(), drive_frequency=60e3, ac_voltage=1.0
    ... )
    >>> found["contact_potential"].attrs["units"]
    'V'
    """
    require_dim(data, dim)
    require_real(data)
    step, second = (
        require_uniform(data, dim),
        require_units(data.coords[dim], "s", what=f"coordinate {dim!r}"),
    )
    h, samples = step * second, data.sizes[dim]
    length = _window(cycles, overlap, drive_frequency * abs(h), samples)
    angle = None
    if phase == "auto":
        if bias is not None or not ac_voltage:
            message = "phase='auto' is for a sine: give ac_voltage=, and no bias="
            raise DataError(message)
        angle = 2.0 * np.pi * drive_frequency * data.coords[dim].values * second
    wave = (drive_frequency, ac_voltage, dc_voltage, 0.0 if phase == "auto" else phase)
    voltage = _voltage(data, dim, second, bias, wave)
    units = data.attrs.get("units")
    gains = None
    if transfer is not None:
        gains = _inverse(transfer, samples, abs(h), regularisation)
        units = product((units, 1.0), (transfer.attrs.get("units"), -1.0))
    begins = np.arange(0, samples - length + 1, max(1, length // overlap))
    kept = {dim: len(begins)}
    windows: dict[str, Any] = {"gains": gains, "begins": begins, "length": length}
    if angle is None:
        windows["voltage"] = voltage
    else:
        windows |= {"angle": angle, "ac": ac_voltage, "dc": dc_voltage}
    outputs = [{"parameter": 7, **kept}, kept, *([] if angle is None else [{}])]
    found, status, *turned = map_signal(
        fit_parabolas if angle is None else fit_turned_parabolas, data, dim=dim,
        output_dims=outputs, dtypes=[np.float64, np.uint8, np.float64][: len(outputs)],
        parameters=windows,
    )  # fmt: skip
    place = data.coords[dim].values[0] + step * (begins + 0.5 * (length - 1))
    along = {dim: (dim, place, dict(data.coords[dim].attrs))}
    found, status = (each.assign_coords(along) for each in (found, status))
    made: dict[str, tuple[xr.DataArray, str | None]] = {}
    if bias is None:
        drive, other = _drives(data, dim, abs(h), drive_frequency)
        made["drive_frequency"] = drive, "Hz"
        found = found.where(~other)
        status = status.where(~other, int(Status.INVALID)).astype(np.uint8)
    made |= _named(found, units)
    if turned:
        made["phase"] = turned[0], "deg"
    return result(**made, status=(status, "1"))


def _window(cycles: int, overlap: int, per_sample: float, samples: int) -> int:
    """Return the samples of a window of some cycles."""
    length = round(cycles / per_sample) if per_sample > 0 else 0
    if not (cycles >= 1 and overlap >= 1 and 2 * _TERMS <= length <= samples):
        message = (
            f"{cycles} cycles of the drive are {length} of {samples} samples; a window needs "
            f"{2 * _TERMS} of them, and overlap 1 or more"
        )
        raise DataError(message)
    return length


def _drives(
    data: xr.DataArray, dim: str, step: float, frequency: float
) -> tuple[xr.DataArray, xr.DataArray]:
    """Return at which frequency each trace is driven, and whether that is another one."""
    (drive,) = map_signal(
        driven_at, data, dim=dim, dtypes=[np.float64],
        parameters={"step": step, "frequency": frequency},
    )  # fmt: skip
    return drive, abs(drive - frequency) * step * data.sizes[dim] >= 1.0


def driven_at(values: np.ndarray, *, step: float, frequency: float) -> np.ndarray:
    """Return the frequency at which each trace is driven: the given one unless another is sure."""
    from scipy import fft

    known = np.isfinite(values)
    level = np.where(known, values, 0.0).sum(axis=-1) / np.maximum(known.sum(axis=-1), 1)
    window = np.hanning(values.shape[-1] + 2)[1:-1]
    taken = np.where(known, values - level[..., None], 0.0) * window
    # Twice as fine as bins, so that none falls between two.
    count = 2 * values.shape[-1]
    power = np.abs(fft.rfft(taken, count, axis=-1)) ** 2
    bin_of = frequency * count * step
    low, high = int(np.ceil((1.0 - _NEAR) * bin_of)), int((1.0 + _NEAR) * bin_of)
    low, high = max(low, 1), min(high, (power.shape[-1] - 1) // 2)
    if high <= low:
        return np.full(values.shape[:-1], frequency)
    places = np.arange(low, high + 1)
    seen = power[..., places] + power[..., 2 * places]
    own = min(max(round(bin_of), low), high) - low
    best = seen.argmax(axis=-1)
    most = np.take_along_axis(seen, best[..., None], -1)[..., 0]
    sure = (most > _SURE * seen[..., own]) & (most > _SURE * np.median(seen, axis=-1))
    return np.where(sure, places[best] / (count * step), frequency)


def _named(found: xr.DataArray, units: str | None) -> dict[str, tuple[xr.DataArray, str | None]]:
    """Return what parabolas say, by name and with units; `units` are those of the force."""
    gradient = product((units, 1.0), ("V", -2.0))
    names = (
        ("contact_potential", "V"), ("contact_potential_std", "V"),
        ("capacitance_gradient", gradient), ("capacitance_gradient_std", gradient),
        ("static_force", units), ("static_force_std", units), ("residual", units),
    )  # fmt: skip
    return {name: (found.isel(parameter=n), each) for n, (name, each) in enumerate(names)}


def fit_turned_parabolas(
    values: np.ndarray, *, angle: np.ndarray, ac: float, dc: float, gains: np.ndarray | None,
    begins: np.ndarray, length: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Return what parabolas say, the outcome, and the phase (degrees) found for each trace."""
    outer = values.shape[:-1]
    force = _force(values, gains).reshape(-1, values.shape[-1])
    turned = phases_of(force, angle)
    found = np.empty((len(force), 7, len(begins)))
    status = np.empty((len(force), len(begins)), np.uint8)
    for number, each in enumerate(turned):
        voltage = dc + ac * np.sin(angle + (each if np.isfinite(each) else 0.0))
        found[number], status[number] = fit_parabolas(
            force[number], voltage=voltage, gains=None, begins=begins, length=length
        )
    shapes = (found.shape[1:], status.shape[1:], ())
    made = zip((found, status, np.degrees(turned)), shapes, strict=True)
    return tuple(each.reshape(outer + shape) for each, shape in made)


def phases_of(force: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Return the phase (rad, from -pi/2 to pi/2) of the voltage behind each force; NaN for none."""
    known = np.isfinite(force)
    window = np.hanning(len(angle) + 2)[1:-1]
    level = np.where(known, force, 0.0).sum(axis=-1) / np.maximum(known.sum(axis=-1), 1)
    taken = np.where(known, force - level[:, None], 0.0) * window
    once = 1j * (taken @ np.exp(-1j * angle))
    twice = taken @ np.exp(-2j * angle)
    # The power is that of cos(t - arg once) and cos(2 t - arg twice).
    powers = np.stack([np.abs(once) ** 2, np.abs(twice) ** 2], axis=-1)
    tops = np.stack([2.0 * np.angle(once), 2.0 * np.angle(twice)], axis=-1)
    rates = np.array([2.0, 4.0])
    tried = np.radians(np.arange(-89.5, 90.5, 1.0))
    power = sum(powers[:, None, n] * np.cos(rates[n] * tried - tops[:, None, n]) for n in range(2))
    found = tried[np.argmax(power, axis=-1)]
    for _ in range(5):
        past = rates * found[:, None] - tops
        slope = (powers * rates * np.sin(past)).sum(axis=-1)
        curve = (powers * rates**2 * np.cos(past)).sum(axis=-1)
        found = found - np.divide(slope, curve, out=np.zeros_like(slope), where=curve > 0)
    found = (found + 0.5 * np.pi) % np.pi - 0.5 * np.pi
    return np.where(powers.sum(axis=-1) > 0, found, np.nan)


def fit_parabolas(
    values: np.ndarray, *, voltage: np.ndarray, gains: np.ndarray | None, begins: np.ndarray,
    length: int,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Return what parabolas of windows say, shape (..., 7, windows), and the outcome."""
    force = _force(values, gains)
    usable = _sums(np.where(np.isfinite(force), 0.0, 1.0), begins, length) == 0
    force = np.where(np.isfinite(force), force, 0.0)
    # Powers of numbers about 1, so that the equations are well scaled.
    scale = float(np.abs(voltage).max()) or 1.0
    v = voltage / scale
    powers = [_sums(v**n, begins, length) for n in range(2 * _TERMS - 1)]
    matrix = np.stack([np.stack(powers[n : n + _TERMS], axis=-1) for n in range(_TERMS)], axis=-2)
    sure = np.linalg.cond(matrix) < 1e10
    inverse = np.linalg.inv(np.where(sure[:, None, None], matrix, np.eye(_TERMS)))
    right = np.stack([_sums(force * v**n, begins, length) for n in range(_TERMS)], axis=-1)
    c = np.einsum("wij,...wj->...wi", inverse, right)
    left = _sums(force**2, begins, length) - (c * right).sum(axis=-1)
    left = np.maximum(left, 0.0)
    covariance = (left / (length - _TERMS))[..., None, None] * inverse
    with np.errstate(all="ignore"):
        potential = -0.5 * c[..., 1] / c[..., 2] * scale
        slopes = np.stack(
            [np.zeros_like(potential), -0.5 / c[..., 2], 0.5 * c[..., 1] / c[..., 2] ** 2], axis=-1
        )
        spread = np.sqrt(np.einsum("...i,...ij,...j->...", slopes, covariance, slopes)) * scale
        std = np.sqrt(np.diagonal(covariance, axis1=-2, axis2=-1))
    found = np.stack(
        [
            potential, spread, 2.0 * c[..., 2] / scale**2, 2.0 * std[..., 2] / scale**2,
            c[..., 0], std[..., 0], np.sqrt(left / length),
        ],
        axis=-2,
    )  # fmt: skip
    good = usable & sure
    found = np.where(good[..., None, :], found, np.nan)
    status = np.where(
        usable, np.where(sure, int(Status.CONVERGED), int(Status.SINGULAR)), int(Status.NO_DATA)
    )
    return found, status.astype(np.uint8)


def _force(values: np.ndarray, gains: np.ndarray | None) -> np.ndarray:
    """Return forces from deflections, whose spectra are multiplied by `gains`."""
    from scipy import fft

    force = np.asarray(values, np.float64)
    if gains is None:
        return force
    return np.asarray(fft.irfft(fft.rfft(force, axis=-1) * gains, force.shape[-1], axis=-1))


def _sums(values: np.ndarray, begins: np.ndarray, length: int) -> np.ndarray:
    """Return the sums of windows along the last axis, from running sums."""
    running = np.concatenate(
        [np.zeros((*values.shape[:-1], 1)), np.cumsum(values, axis=-1)], axis=-1
    )
    return np.asarray(running[..., begins + length] - running[..., begins])


def _voltage(
    data: xr.DataArray, dim: str, second: float, bias: xr.DataArray | None,
    wave: tuple[float, float | None, float, float],
) -> np.ndarray:  # fmt: skip
    if bias is not None:
        if bias.dims != (dim,) or bias.sizes[dim] != data.sizes[dim]:
            message = f"bias must have the {data.sizes[dim]} times of the data, got {bias.sizes}"
            raise DataError(message)
        return np.asarray(bias.values * require_units(bias, "V", what="the bias"), np.float64)
    frequency, ac, dc, phase = wave
    if ac is None:
        message = "the voltage must be known: give ac_voltage= or bias="
        raise DataError(message)
    angle = 2.0 * np.pi * frequency * data.coords[dim].values * second + np.radians(phase)
    return np.asarray(dc + ac * np.sin(angle))


def _inverse(
    transfer: xr.DataArray, samples: int, step: float, regularisation: float
) -> np.ndarray:
    """Return what a spectrum of deflections is multiplied with to be that of the force."""
    if transfer.ndim != 1 or units_of(transfer, transfer.dims[0]) is None:
        message = f"transfer must be along frequencies only, got dimensions {transfer.dims}"
        raise DataError(message)
    dim = str(transfer.dims[0])
    hertz = require_units(transfer.coords[dim], "Hz", what=f"coordinate {dim!r}")
    known = transfer.coords[dim].values * hertz
    wanted = np.fft.rfftfreq(samples, step)
    values = np.asarray(transfer.values, np.complex128)
    h = np.interp(wanted, known, values.real, left=0.0, right=0.0) + 1j * np.interp(
        wanted, known, values.imag, left=0.0, right=0.0
    )
    power = np.abs(h) ** 2
    return np.asarray(np.conj(h) / (power + regularisation * power.max() + 1e-300))
