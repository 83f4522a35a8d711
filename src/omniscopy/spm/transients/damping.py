"""What a cantilever loses: quality factors of ringdowns, and dissipated power."""

import numpy as np
import xarray as xr

from omniscopy.model import (
    DataError,
    operation,
    require_dim,
    require_units,
    result,
)
from omniscopy.signal import Exponential, Offset, fit_model
from omniscopy.spm.transients.frequencies import TRANSIENT


@operation(example={"data": "ringdown", "resonance_frequency": 60e3})
def measure_ringdown(
    data: xr.DataArray,
    *,
    resonance_frequency: float,
    window: tuple[float, float] | None = None,
    dim: str = "time",
) -> xr.Dataset:
    r"""Measure quality factors from how amplitudes decay after a drive has ended.

    Parameters
    ----------
    data : DataArray, shape (..., time)
        Amplitudes (not deflections), lazy or in memory.
    resonance_frequency : float, Hz
        Of the free cantilever.
    window : (low, high), units of the coordinate
        The part that is fitted.
    dim : str
        Dimension of the time; its coordinate is in s or units that convert to it.

    Returns
    -------
    Dataset, shape (...)
        ``quality_factor``, ``decay_time`` (s), ``amplitude`` at time 0 and ``offset`` (units of
        `data`), each with ``_std``; ``r_squared`` and ``status``, as `signal.fit_model` has it.

    Raises
    ------
    DataError
        The time is not in seconds, the frequency not above 0, or the window too small.

    Notes
    -----
    A fit of :math:`A e^{-t/\tau} + c`; :math:`Q = \pi f_0 \tau`.

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.spm.measure_ringdown(om.samples.ringdown(), resonance_frequency=60e3)
    >>> found["decay_time"].attrs["units"]
    's'
    """
    require_dim(data, dim, at_least=5)
    second = require_units(data.coords[dim], "s", what=f"coordinate {dim!r}")
    if not resonance_frequency > 0:
        message = f"resonance_frequency must be above 0, got {resonance_frequency!r}"
        raise DataError(message)
    found = fit_model(data, Exponential() + Offset(), dim=dim, window=window)
    units = data.attrs.get("units")
    turns = np.pi * resonance_frequency * second
    made: dict[str, tuple[xr.DataArray, str | None]] = {}
    for end in ("", "_std"):
        decay = found[f"exponential_decay{end}"]
        made[f"quality_factor{end}"] = decay * turns, "1"
        made[f"decay_time{end}"] = decay * second, "s"
        made[f"amplitude{end}"] = found[f"exponential_amplitude{end}"], units
        made[f"offset{end}"] = found[f"offset_value{end}"], units
    return result(**made, r_squared=(found["r_squared"], "1"), status=(found["status"], "1"))


@operation(
    example={"data": "transient_frequencies", "spring_constant": 2.0, "quality_factor": 60.0}
)
def measure_dissipation(
    data: xr.Dataset,
    *,
    spring_constant: float,
    quality_factor: float,
    resonance_frequency: float | None = None,
    phase_lag: float = 90.0,
    sensitivity: float | None = None,
    dim: str = "time",
) -> xr.Dataset:
    r"""Measure what power a cantilever loses to the sample after a trigger.

    Parameters
    ----------
    data : Dataset, shape (..., time)
        ``frequency``, ``amplitude`` and ``phase`` as `instantaneous_frequency` returns them, with
        shifts of the frequency.
    spring_constant : float, N/m
    quality_factor : float
        Of the cantilever before the trigger: what it loses then is not counted.
    resonance_frequency : float, Hz
        Before the trigger; the frequency of the drive if left out.
    phase_lag : float, degrees
        Of the motion behind the drive before the trigger; 90 at the resonance.
    sensitivity : float, m/V
        What amplitudes in volts stand for.
    dim : str
        Dimension of the time.

    Returns
    -------
    Dataset, shape (..., time)
        ``power`` (W) that goes to the sample, averaged over a period. NaN where `data` are.

    Raises
    ------
    DataError
        A variable is missing, the amplitude is not a length (nor a voltage with `sensitivity`),
        or a number is not above 0.

    Notes
    -----
    What comes in less what the cantilever itself loses and less what it stores:

    .. math:: P = \frac{\pi f k A^2}{Q} \left(\frac{Q D \sin\varphi}{A} - \frac{f}{f_0}\right)
       - \frac{d}{dt} \frac{k A^2}{2}

    The first part is that of a steady motion [1]_; without the second, every change of the
    amplitude would look like a loss. The amplitude `D` of the drive is such that nothing is lost
    to the sample before the trigger.

    References
    ----------
    .. [1] J. P. Cleveland, B. Anczykowski, A. E. Schmid, V. B. Elings, *Appl. Phys. Lett.* 72,
       2613 (1998).

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.spm.measure_dissipation(
    ...     om.samples.transient_frequencies(), spring_constant=2.0, quality_factor=60.0
    ... )
    >>> found["power"].attrs["units"]
    'W'
    """
    told = data.attrs.get(TRANSIENT, {})
    missing = [name for name in ("frequency", "amplitude", "phase") if name not in data]
    if missing or not {"trigger", "drive_frequency"} <= set(told):
        message = (
            f"expected the result of `instantaneous_frequency`; {missing or TRANSIENT} missing"
        )
        raise DataError(message)
    for name, number in (("spring_constant", spring_constant), ("quality_factor", quality_factor)):
        if not number > 0:
            message = f"{name} must be above 0, got {number!r}"
            raise DataError(message)
    amplitude, phase = data["amplitude"], data["phase"]
    require_dim(amplitude, dim, at_least=3)
    if amplitude.size == 0:
        message = f"there are no values: {dict(amplitude.sizes)}"
        raise DataError(message)
    if sensitivity is None:
        metre = require_units(amplitude, "m", what="the amplitude, without sensitivity=,")
    else:
        metre = sensitivity * require_units(amplitude, "V", what="the amplitude")
    second = require_units(data.coords[dim], "s", what=f"coordinate {dim!r}")
    drive = float(told["drive_frequency"])
    f0 = drive if resonance_frequency is None else resonance_frequency
    a = amplitude.drop_attrs() * metre
    f = drive + data["frequency"].drop_attrs()
    before = (data.coords[dim] * second < float(told["trigger"])).values
    steady = a.isel({dim: before}).mean(dim)
    # Q D sin(phase_lag) / A = f / f0 before the trigger.
    push = steady * (drive / f0) / np.sin(np.radians(phase_lag))
    gained = push / a * np.sin(np.radians(phase_lag - phase.drop_attrs()))
    lost = np.pi * f * spring_constant * a**2 / quality_factor
    stored = (0.5 * spring_constant * a**2).differentiate(dim) / second
    power = lost * (gained - f / f0) - stored
    return result(power=(power.transpose(*amplitude.dims), "W"))
