"""Phases of the drive, in which repeated traces are to agree before they are averaged."""

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.model import (
    DataError,
    Status,
    operation,
    require_real,
    require_uniform,
    require_units,
    result,
)
from omniscopy.spm.transients.demodulation import continuations

# A wave and a constant.
_TERMS = 3
# Periods of the drive by which traces are continued on both sides while they are turned.
_BEYOND = 20


@operation(example={"data": "transients", "trigger": 2e-4, "drive_frequency": 60e3})
def align_phases(
    data: xr.DataArray,
    *,
    trigger: float,
    drive_frequency: float,
    phase: float = 0.0,
    dim: str = "time",
) -> xr.Dataset:
    r"""Turn traces to one phase of the drive, so that their average keeps what they share.

    Parameters
    ----------
    data : DataArray, shape (..., time)
        Deflections, on a uniform time; lazy or in memory.
    trigger : float, s
        When something happens: a time of the coordinate. The phase is that before it, carried on
        to it.
    drive_frequency : float, Hz
        Frequency of the drive.
    phase : float, degrees
        That of all traces afterwards: of a cosine, at the trigger.
    dim : str
        Dimension of the time; its coordinate is in s or units that convert to it.

    Returns
    -------
    Dataset, shape (..., time)
        ``aligned``, in units of `data`; ``phase`` (degrees, -180 to 180) that each trace had, with
        ``phase_std``; ``status``: 0 converged, 2 there is no wave, 4 values that are not finite
        (NaN but for 0).

    Raises
    ------
    DataError
        The data are not real or not uniform, the drive is beyond what is sampled, or there are
        fewer than 4 samples, or less than a period of the drive, before the trigger.

    Notes
    -----
    A wave and a constant are fitted to what is before the trigger; standard deviations are for
    white noise. Traces are turned, not shifted in time: every frequency but zero by the same
    angle, so that the trigger stays where it is to the sample. A shift would spread it over a
    period of the drive, and with it the time to the first peak. Beyond their ends traces are
    continued by the drive.

    References
    ----------
    .. [1] D. U. Karatay, J. S. Harrison, M. S. Glaz, R. Giridharagopal, D. S. Ginger, *Rev. Sci.
       Instrum.* 87, 053702 (2016).

    Examples
    --------
    >>> import omniscopy as om
    >>> turned = om.spm.align_phases(
    ...     om.samples.transients(), trigger=2e-4, drive_frequency=60e3, phase=90.0
    ... )
    >>> turned["phase"].attrs["units"]
    'deg'
    """
    step = require_uniform(data, dim)
    require_real(data)
    second = require_units(data.coords[dim], "s", what=f"coordinate {dim!r}")
    cycles = drive_frequency * abs(step) * second
    if not 0 < cycles < 0.5:
        message = (
            f"drive_frequency must lie between 0 and {0.5 / abs(step) / second:g} Hz, which is "
            f"half the sampling rate, got {drive_frequency:g}"
        )
        raise DataError(message)
    times = np.asarray(data.coords[dim].values * second - trigger, np.float64)
    before = np.asarray(times < 0)
    if before.sum() <= _TERMS or before.sum() * cycles < 1:
        message = (
            f"{before.sum()} samples before the trigger at {trigger} s are {_TERMS} or fewer, or "
            "less than a period of the drive"
        )
        raise DataError(message)
    turned, found, spread, status = map_signal(
        turn_traces, data, dim=dim, output_dims=[{dim: data.sizes[dim]}, {}, {}, {}],
        dtypes=[*[np.float64] * 3, np.uint8],
        parameters={
            "angle": 2.0 * np.pi * drive_frequency * times, "before": before, "cycles": cycles,
            "phase": phase,
        },
    )  # fmt: skip
    return result(
        aligned=(turned.assign_coords({dim: data.coords[dim].variable}), data.attrs.get("units")),
        phase=(found, "deg"),
        phase_std=(spread, "deg"),
        status=(status, "1"),
    )


def turn_traces(
    values: np.ndarray, *, angle: np.ndarray, before: np.ndarray, cycles: float, phase: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return traces turned to `phase` (degrees), what they had, its deviation, and the outcome.

    `angle` (rad) is that of the drive, `cycles` how far it goes from sample to sample.
    """
    rows: np.ndarray = np.asarray(values, np.float64).reshape(-1, values.shape[-1])
    usable: np.ndarray = np.isfinite(rows).all(axis=-1)
    rows = np.where(usable[:, None], rows, 0.0)
    known = angle[before]
    wave = np.stack([np.cos(known), np.sin(known), np.ones_like(known)], axis=-1)
    normal = np.linalg.inv(wave.T @ wave)
    fitted = np.einsum("rn,nk->rk", rows[:, before], wave @ normal)
    left = rows[:, before] - np.einsum("rk,nk->rn", fitted, wave)
    variance = (left**2).sum(axis=-1) / (len(known) - _TERMS)
    # A cosine of phase p is cos(p) cos - sin(p) sin.
    along, across = fitted[:, 0], -fitted[:, 1]
    power = along**2 + across**2
    sure = usable & (power > 0)
    with np.errstate(all="ignore"):
        found = np.where(sure, np.arctan2(across, along), np.nan)
        slopes = np.stack([fitted[:, 1], -along, np.zeros_like(along)], axis=-1) / power[:, None]
        spread = np.sqrt(variance * np.einsum("ri,ij,rj->r", slopes, normal, slopes))
    level = fitted[:, 2:]
    turned = level + _turned(rows - level, np.radians(phase) - found, cycles)
    turned[~sure] = np.nan
    status = np.where(sure, int(Status.CONVERGED), int(Status.SINGULAR))
    status = np.where(usable, status, int(Status.NO_DATA)).astype(np.uint8)
    shape = values.shape[:-1]
    return (
        turned.reshape(values.shape), np.degrees(found).reshape(shape),
        np.where(sure, np.degrees(spread), np.nan).reshape(shape), status.reshape(shape),
    )  # fmt: skip


def _turned(rows: np.ndarray, by: np.ndarray, cycles: float) -> np.ndarray:
    """Return traces of which each frequency but zero is turned by an angle (rad)."""
    from scipy import fft

    samples = rows.shape[1]
    further = min(round(_BEYOND / cycles), samples)
    solve, (after, before) = continuations(samples, further, cycles)
    # They fade, or their own ends would be felt inside.
    fading = np.cos(0.5 * np.pi * np.clip(np.linspace(-1.0, 1.0, further), 0.0, 1.0)) ** 2
    after, before = after * fading, before * fading[::-1]
    fitted = len(solve)
    wide = np.concatenate(
        [rows[:, :fitted] @ solve @ before, rows, rows[:, -fitted:] @ solve @ after], axis=-1
    )
    padded = fft.next_fast_len(wide.shape[1], real=True)
    spectrum = fft.rfft(wide, padded, axis=-1)
    last = -1 if padded % 2 == 0 else None
    spectrum[:, 1:last] *= np.exp(1j * np.nan_to_num(by))[:, None]
    return np.asarray(fft.irfft(spectrum, padded, axis=-1)[:, further : further + samples])
