"""Frequencies of a driven cantilever, as they change after a trigger."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.compute.threads import blocks_of, share_work
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
from omniscopy.spm.transients.demodulation import Band, baseband, demodulate
from omniscopy.spm.transients.filters import WIDTH, WINDOWS, Filter, Window, require_filter
from omniscopy.spm.transients.modes import find_modes

Method = Literal["lockin", "hilbert", "stft", "wavelet", "nfmd"]
# What a result says of how it was made, in seconds and hertz.
TRANSIENT = "transient"
EXAMPLE = {"trigger": 2e-4, "drive_frequency": 60e3, "step": 5}

# Frequencies among which a ridge is looked for: so many, in quarters of the bandwidth.
_BANDS, _PART = 9, 0.25
# Phases of so many samples give a slope.
_SLOPE = 5


@operation(example={"data": "transients", **EXAMPLE})
def instantaneous_frequency(  # noqa: PLR0913 - options of the field
    data: xr.DataArray,
    *,
    trigger: float,
    drive_frequency: float,
    method: Method = "lockin",
    bandwidth: float = 20e3,
    window: Window = "gaussian",
    taps: int | None = None,
    step: int = 1,
    average: str | None = None,
    absolute: bool = False,
    dim: str = "time",
) -> xr.Dataset:
    r"""Follow the frequency of driven cantilevers after a trigger.

    Parameters
    ----------
    data : DataArray, shape (..., time)
        Deflections, on a uniform time; lazy or in memory.
    trigger : float, s
        When something happens: a time of the coordinate. What was before it is the reference.
    drive_frequency : float, Hz
        Frequency of the drive, to within the bandwidth.
    method : {"lockin", "hilbert", "stft", "wavelet", "nfmd"}
        Demodulation, filter, and derivative of the phase, all exact (lockin); slopes of five
        phases of the analytic signal behind the filter (hilbert); ridge of spectra of windows
        (stft) or of Morlet wavelets (wavelet); fits of a wave to windows (nfmd).
    bandwidth : float, Hz
        Full width of the filter, from half to half of its height.
    window : {"gaussian", "blackman", "hann", "hamming"}
        Shape of the filter in time: a Gaussian, or a windowed sine.
    taps : int, optional
        Length of a finite filter in samples; the shortest that has the bandwidth and no lobes
        if left out. A shorter one is wider than the bandwidth.
    step : int
        Every so many samples are returned. All that is behind the filter is there with 20 samples
        in one over the bandwidth, and made in a fraction of the time.
    average : str, optional
        Dimension of repeated traces, which are averaged before anything else.
    absolute : bool
        Return frequencies as they are, not as shifts from before the trigger.
    dim : str
        Dimension of the time; its coordinate is in s or units that convert to it.

    Returns
    -------
    Dataset, shape (..., time)
        ``frequency`` (Hz): the shift from its median before the trigger; ``amplitude``, in
        units of `data`; ``phase`` (degrees): what it has advanced beyond a line through that
        before the trigger. NaN where a trace holds values that are not finite (``status`` 4).
        ``attrs["transient"]`` holds what `fit_first_peak` needs to know: ``rise_time`` (s), from
        10 % to 90 % of a step seen through the filter, ``trigger`` (s) and ``drive_frequency``
        (Hz).

    Raises
    ------
    DataError
        The data are not real or not uniform, the drive is beyond what is sampled, or there is
        nothing before the trigger, or all.

    Notes
    -----
    All filters are symmetric: nothing is shifted in time, so the trigger stays where it is;
    what is sudden is seen from half of the `rise_time` before it on. Beyond their ends traces
    are continued at the frequency of the drive.

    The frequency of a demodulated signal :math:`z` is :math:`Im(\dot z / z) / 2 \pi`, in hertz.

    References
    ----------
    .. [1] R. Giridharagopal, G. E. Rayermann, G. Shao et al., *Nano Lett.* 12, 893 (2012).
    .. [2] D. U. Karatay, J. S. Harrison, M. S. Glaz, R. Giridharagopal, D. S. Ginger, *Rev. Sci.
       Instrum.* 87, 053702 (2016).

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.spm.instantaneous_frequency(
    ...     om.samples.transients(), trigger=2e-4, drive_frequency=60e3, step=5
    ... )
    >>> found["frequency"].attrs["units"]
    'Hz'
    """
    require_choice("method", method, get_args(Method))
    require_choice("window", window, WINDOWS)
    spacing = require_uniform(data, dim)
    require_real(data)
    second = require_units(data.coords[dim], "s", what=f"coordinate {dim!r}")
    made = Filter(window, bandwidth, taps, spacing * second)
    require_filter(made)
    if not spacing > 0:
        message = f"coordinate {dim!r} must ascend; sort it with `data.sortby({dim!r})`"
        raise DataError(message)
    _require_sampled(drive_frequency, made)
    if not step >= 1:
        message = f"step must be 1 or more, got {step!r}"
        raise DataError(message)
    units = data.attrs.get("units")
    if average is not None:
        data = _averaged(data, average, dim)
    times = data.coords[dim].values[::step] * second
    before = _before(times, trigger, made.rise_time)
    follow = Follow(
        METHODS[method], made, drive_frequency, step, before, None if data.chunks is None else 1
    )
    kept = {dim: len(times)}
    frequency, amplitude, phase, status = map_signal(
        follow.run, data, dim=dim, output_dims=[kept, kept, kept, {}],
        dtypes=[*[np.float64] * 3, np.uint8], parameters={"absolute": absolute},
    )  # fmt: skip
    time = data.coords[dim][::step].variable
    frequency, amplitude, phase = (
        each.assign_coords({dim: time}) for each in (frequency, amplitude, phase)
    )
    told = {
        "trigger": float(trigger),
        "drive_frequency": float(drive_frequency),
        "rise_time": made.rise_time,
    }
    return result(
        {TRANSIENT: told},
        frequency=(frequency, "Hz"),
        amplitude=(amplitude, units),
        phase=(phase, "deg"),
        status=(status, "1"),
    )


@dataclass(frozen=True)
class Follow:
    """How traces are followed, and the samples (of those that are kept) before the trigger."""

    method: Callable[["Follow", np.ndarray], np.ndarray]
    filter: Filter
    drive: float
    step: int
    before: slice
    threads: int | None

    def run(
        self, values: np.ndarray, *, absolute: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return frequency (Hz), amplitude, phase (degrees) and status of traces (..., time)."""
        outer = values.shape[:-1]
        rows = values.reshape(-1, values.shape[-1])
        usable = np.isfinite(rows).all(axis=-1)
        found = self.method(self, np.where(usable[:, None], rows, 0.0))
        frequency, amplitude, phase = np.moveaxis(found, 1, 0)
        t = np.arange(frequency.shape[-1])[self.before]
        away = t - t.mean()
        part = phase[:, self.before]
        slope = (part @ away) / max(float(away @ away), 1.0)
        line = part.mean(axis=-1)[:, None] + slope[:, None] * (
            np.arange(frequency.shape[-1]) - t.mean()
        )
        phase = np.degrees(phase - line)
        if absolute:
            frequency = frequency + self.drive
        else:
            frequency = frequency - np.median(frequency[:, self.before], axis=-1, keepdims=True)
        for each in (frequency, amplitude, phase):
            each[~usable] = np.nan
        status = np.where(usable, int(Status.CONVERGED), int(Status.NO_DATA)).astype(np.uint8)
        shape = (*outer, frequency.shape[-1])
        return (
            frequency.reshape(shape), amplitude.reshape(shape), phase.reshape(shape),
            status.reshape(outer),
        )  # fmt: skip


def _lock_in(follow: Follow, rows: np.ndarray) -> np.ndarray:
    plan = baseband(rows.shape[1], Band(follow.filter, follow.drive), follow.step)
    return demodulate(rows, plan, follow.threads)


def _hilbert(follow: Follow, rows: np.ndarray) -> np.ndarray:
    """Return the slope of phases of the analytic signal behind the filter."""
    from scipy.signal import savgol_filter

    found = demodulate(
        rows, baseband(rows.shape[1], Band(follow.filter, follow.drive), 1), follow.threads
    )
    if rows.shape[1] >= _SLOPE:
        found[:, 0] = savgol_filter(
            found[:, 2], _SLOPE, 1, deriv=1, delta=2.0 * np.pi * follow.filter.step, axis=-1
        )
    return found[..., :: follow.step]


def _ridge(follow: Follow, rows: np.ndarray, *, scaled: bool) -> np.ndarray:
    """Return where spectra of windows, or of wavelets, are highest.

    Bands are evenly spread in frequency, or in scale: there the logarithm of their height is a
    parabola for a Gaussian filter, whose vertex is the frequency.
    """
    spacing = _PART * follow.filter.bandwidth * (np.arange(_BANDS) - _BANDS // 2)
    centres = follow.drive / (1.0 - spacing / follow.drive) if scaled else follow.drive + spacing
    if not (centres > 0).all():
        message = f"bandwidth {follow.filter.bandwidth:g} Hz is too wide for the drive"
        raise DataError(message)
    band = Band(follow.filter, follow.drive, tuple(map(float, centres)), scaled=scaled)
    plan = baseband(rows.shape[1], band, follow.step)
    found = np.empty((len(rows), 3, plan.turn.size))
    blocks = blocks_of(len(rows), plan.padded * _BANDS)

    def work(begin: int) -> None:
        part = slice(begin, begin + blocks.step)
        signals = plan.signals(np.asarray(rows[part], np.float64))
        height = np.log(np.maximum(np.abs(signals), 1e-300))
        top = np.clip(height.argmax(axis=1), 1, _BANDS - 2)[:, None]
        low, mid, high = (np.take_along_axis(height, top + n, axis=1)[:, 0] for n in (-1, 0, 1))
        curve = low - 2.0 * mid + high
        vertex = np.where(curve < 0, 0.5 * (low - high) / np.where(curve < 0, curve, -1.0), 0.0)
        away = (top[:, 0] - _BANDS // 2 + vertex) * _PART * follow.filter.bandwidth
        found[part, 0] = follow.drive * away / (follow.drive - away) if scaled else away
        found[part, 1] = np.exp(mid - 0.25 * (low - high) * vertex)
        found[part, 2] = np.unwrap(np.angle(signals[:, _BANDS // 2]), axis=-1)

    share_work(work, blocks, follow.threads)
    return found


def _spectra(follow: Follow, rows: np.ndarray) -> np.ndarray:
    return _ridge(follow, rows, scaled=False)


def _wavelets(follow: Follow, rows: np.ndarray) -> np.ndarray:
    return _ridge(follow, rows, scaled=True)


def _modes(follow: Follow, rows: np.ndarray) -> np.ndarray:
    """Return what a wave is that is fitted to windows, the ends as in the first and the last."""
    samples, h = rows.shape[1], follow.filter.step
    # A window whose mean of frequencies spreads in time as the Gaussian filter does.
    length = min(
        max(5, int(np.sqrt(20.0) * WIDTH / follow.filter.bandwidth / h) // 2 * 2 + 1), samples
    )
    if length < 5:
        message = f"{samples} samples are too few for fits of waves"
        raise DataError(message)
    centres = np.arange(0, samples, follow.step)
    begins = np.clip(centres - length // 2, 0, samples - length)
    waves, _, codes = find_modes(
        rows, count=1, begins=begins, length=length, level=True,
        starts=np.array([follow.drive * h]), max_steps=20, threads=follow.threads,
    )  # fmt: skip
    frequency, amplitude, angle = (waves[:, 0, :, n] for n in (0, 2, 4))
    # The angle is that in the middle of the window.
    middle = begins + 0.5 * (length - 1)
    turned = np.radians(angle) - 2.0 * np.pi * follow.drive * h * middle
    phase = np.unwrap(np.nan_to_num(turned), axis=-1)
    phase = np.where(codes == int(Status.CONVERGED), phase, np.nan)
    return np.stack([frequency / h - follow.drive, amplitude, phase], axis=1)


METHODS: dict[str, Callable[[Follow, np.ndarray], np.ndarray]] = {
    "lockin": _lock_in, "hilbert": _hilbert, "stft": _spectra, "wavelet": _wavelets,
    "nfmd": _modes,
}  # fmt: skip


def _require_sampled(drive: float, made: Filter) -> None:
    nyquist = 0.5 / made.step
    if not 0.5 * made.bandwidth < drive < nyquist - 0.5 * made.bandwidth:
        message = (
            f"drive_frequency {drive:g} Hz, and half of the bandwidth of {made.bandwidth:g} Hz on "
            f"both sides, must lie between 0 and {nyquist:g} Hz, which is half the sampling rate"
        )
        raise DataError(message)


def _averaged(data: xr.DataArray, average: str, dim: str) -> xr.DataArray:
    if average not in data.dims or average == dim:
        message = f"average must be one of the dimensions beside {dim!r}, got {average!r}"
        raise DataError(message)
    return data.mean(average)


def _before(times: np.ndarray, trigger: float, rise_time: float) -> slice:
    """Return the samples that say how it was before the trigger: clear of it and of the end."""
    if len(times) and trigger > times[-1]:
        message = f"the trigger at {trigger} s is after the end of the data at {times[-1]} s"
        raise DataError(message)
    for clear in (rise_time, 0.0):
        first = int(np.searchsorted(times, times[0] + clear)) if len(times) else 0
        last = int(np.searchsorted(times, trigger - clear))
        if last - first >= 3:
            return slice(first, last)
    message = f"there are fewer than 3 samples before the trigger at {trigger} s"
    raise DataError(message)
