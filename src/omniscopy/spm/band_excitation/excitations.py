"""What the instrument applies: series of biases, and bursts of a band of frequencies."""

import math
from typing import Literal

import numpy as np
import xarray as xr

from omniscopy.model import DataError, coordinate, labelled, operation, result
from omniscopy.physics import waveforms


@operation(example={"steps": 32, "amplitude": 8.0}, lazy=False)
def triangle_waveform(
    steps: int,
    amplitude: float,
    *,
    offset: float = 0.0,
    cycles: int = 1,
    fraction: float = 1.0,
    phase: float = 0.0,
) -> xr.DataArray:
    r"""Make the biases of a bipolar triangle.

    Parameters
    ----------
    steps : int
        Steps of what is measured of a cycle.
    amplitude : float, V
        Highest bias above the offset.
    offset : float, V
        Bias in the middle.
    cycles : int
        How many times it is repeated.
    fraction : float
        Part of a full cycle that is measured, such as 0.5 or 0.75.
    phase : float
        Part of a full cycle by which the start is later; 0 rises from the offset.

    Returns
    -------
    DataArray, shape (sample,), V
        The bias of every step.

    Raises
    ------
    DataError
        There are no steps or cycles, or the fraction is not above 0 and at most 1.

    Notes
    -----
    Step n of the m of a cycle is at the part :math:`p = n f / m + \varphi` of a full one, with the
    fraction f and the phase φ: :math:`V = V_0 + A\, [1 - |(4 p + 1) \bmod 4 - 2|]`, which is
    :math:`V_0` at p = 0 and 1/2, :math:`V_0 + A` at 1/4 and :math:`V_0 - A` at 3/4. The bias of
    the end of a cycle is that of the next one's beginning, and not repeated.
    """
    _require_steps(steps=steps, cycles=cycles)
    if not 0.0 < fraction <= 1.0:
        message = f"fraction must be above 0 and at most 1, got {fraction!r}"
        raise DataError(message)
    values = waveforms.triangle(
        steps, amplitude, offset=offset, cycles=cycles, fraction=fraction, phase=phase
    )
    return _biases(xr.DataArray(values, dims="sample"))


@operation(
    example={"steps": 32, "high": (1.0, 10.0), "low": (-1.0, -10.0), "curves": 4}, lazy=False
)
def forc_waveform(
    steps: int, high: tuple[float, float], low: tuple[float, float], curves: int
) -> xr.DataArray:
    r"""Make the biases of first-order reversal curves.

    Parameters
    ----------
    steps : int
        Steps of a curve.
    high, low : (float, float), V
        Highest and lowest bias, of the first curve and of the last.
    curves : int
        Number of curves, whose extremes differ by equal steps.

    Returns
    -------
    DataArray, shape (forc, sample), V
        The bias of every step of every curve, each a triangle from the middle up first.

    Raises
    ------
    DataError
        There are fewer than 3 steps, no curves, or a highest bias is not above the lowest one.

    Notes
    -----
    Curve k of K goes from :math:`h_k` to :math:`l_k`, both in equal steps from the first to the
    last: :math:`V = (h_k + l_k) / 2 + t\, (h_k - l_k) / 2`, with the triangle t of
    `triangle_waveform` between -1 and 1, stretched so that one of its steps is at an end.
    """
    _require_steps(steps=steps, curves=curves)
    if steps < 3:
        message = f"steps must be at least 3 for a curve to go up and down, got {steps!r}"
        raise DataError(message)
    if not all(up > down for up, down in zip(high, low, strict=True)):
        message = f"high must be above low, got {high} and {low}"
        raise DataError(message)
    values = waveforms.reversal_curves(steps, (high[0], high[1]), (low[0], low[1]), curves)
    made = xr.DataArray(values, dims=("forc", "sample"))
    return _biases(made.assign_coords(forc=coordinate("forc", np.arange(curves), "1")))


@operation(example={"centre": 340e3, "band": 60e3, "points": 4096, "rate": 4e6}, lazy=False)
def band_excitation_waveform(  # noqa: PLR0913 - numbers of the instrument
    centre: float,
    band: float,
    *,
    points: int = 16384,
    rate: float = 4e6,
    amplitude: float = 1.0,
    kind: Literal["chirp", "sinc"] = "chirp",
    phase_variation: float = 1.0,
    smoothing: float = 0.0,
    trim: float = 0.0,
    repeats: int = 1,
) -> xr.Dataset:
    r"""Make a burst that excites a band of frequencies, and nothing else.

    Parameters
    ----------
    centre, band : float, Hz
        Middle and width of the band.
    points : int
        Samples of a burst, usually a power of 2.
    rate : float, Hz
        Samples per second.
    amplitude : float, V
        Largest value of the burst.
    kind : {"chirp", "sinc"}
        Frequencies one after the other, or all at once.
    phase_variation : float
        Part of the burst that a chirp takes, from 0 (which is a sinc) to 1.
    smoothing : float, Hz
        Width of both edges of the band, in which the excitation rises as half a cosine.
    trim : float
        Part of the band that is left out at each of its edges.
    repeats : int
        How many bursts follow each other.

    Returns
    -------
    Dataset
        ``excitation``, shape (time,), V; ``spectrum``, shape (frequency,), complex, V: the
        discrete Fourier transform of one burst at the bins in the band, over its number of
        points; ``bin``, their numbers in it, from 0 on.

    Raises
    ------
    DataError
        The band is not between 0 and half the rate, has no bins, or a number is not positive.

    Notes
    -----
    Made of its spectrum: equal in the band, with the phase :math:`-\pi v T (f - f_l)^2 / B` of a
    group delay that grows from 0 to the part `v` of the burst, of duration `T`, over the band.

    Excitation in a band is that of [1]_.

    References
    ----------
    .. [1] S. Jesse, S. V. Kalinin, R. Proksch, A. P. Baddorf, B. J. Rodriguez, *Nanotechnology*
       18, 435503 (2007).
    """
    _require_steps(points=points, repeats=repeats)
    if kind not in ("chirp", "sinc"):
        message = f"kind must be 'chirp' or 'sinc', got {kind!r}"
        raise DataError(message)
    if not (0.0 <= phase_variation <= 1.0 and 0.0 <= trim < 0.5 and smoothing >= 0.0):
        message = (
            "phase_variation must be between 0 and 1, trim between 0 and 0.5, and smoothing from 0 "
            f"on, got {phase_variation!r}, {trim!r} and {smoothing!r}"
        )
        raise DataError(message)
    half = band * (0.5 - trim)
    low, high = centre - half, centre + half
    if not (amplitude > 0 and half > 0 and low > 0 and high < rate / 2):
        message = (
            f"the band from {low:g} to {high:g} Hz must lie between 0 and half the rate, "
            f"{rate / 2:g} Hz, and the amplitude be above 0"
        )
        raise DataError(message)
    every = np.arange(points // 2 + 1) * rate / points
    inside = np.flatnonzero((every >= low) & (every <= high))
    if inside.size < 2:
        message = f"a band of {2 * half:g} Hz has {inside.size} bins of {rate / points:g} Hz"
        raise DataError(message)
    frequency = every[inside]
    spectrum = np.zeros(every.size, complex)
    spectrum[inside] = _edges(frequency, low, high, smoothing) * _phases(
        frequency, low, high, points / rate, phase_variation if kind == "chirp" else 0.0
    )
    burst = np.fft.irfft(spectrum, points)
    if kind == "sinc" or phase_variation == 0.0:
        burst = np.roll(burst, points // 2)
    burst = burst * (amplitude / np.max(np.abs(burst)))
    bins = np.fft.rfft(burst)[inside] / points
    times = np.arange(points * repeats) / rate
    axis = {"frequency": coordinate("frequency", frequency, "Hz")}
    return result(
        None,
        excitation=(
            xr.DataArray(np.tile(burst, repeats), {"time": coordinate("time", times, "s")}), "V"
        ),
        spectrum=(xr.DataArray(bins, axis), "V"),
        bin=(xr.DataArray(inside, axis), "1"),
    )  # fmt: skip


def _edges(frequency: np.ndarray, low: float, high: float, smoothing: float) -> np.ndarray:
    """Return 1 in the band, and half a cosine from its ends."""
    if smoothing == 0.0:
        return np.ones(frequency.size)
    inside = np.minimum(frequency - low, high - frequency)
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * np.clip(inside / smoothing, 0.0, 1.0)))


def _phases(
    frequency: np.ndarray, low: float, high: float, duration: float, variation: float
) -> np.ndarray:
    turn = math.pi * variation * duration * (frequency - low) ** 2 / (high - low)
    return np.asarray(np.exp(-1j * turn))


def _biases(values: xr.DataArray) -> xr.DataArray:
    size = values.sizes["sample"]
    made = values.assign_coords(sample=coordinate("sample", np.arange(size), "1"))
    return labelled(made, units="V", quantity="bias", long_name="Bias")


def _require_steps(**numbers: int) -> None:
    for name, number in numbers.items():
        if not number >= 1:
            message = f"{name} must be at least 1, got {number!r}"
            raise DataError(message)
