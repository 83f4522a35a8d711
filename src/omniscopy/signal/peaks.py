"""Peaks of spectra: where they are, how high and how wide."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.model import (
    DataError,
    Status,
    coordinate,
    operation,
    require_real,
    require_window,
    result,
    units_of,
)
from omniscopy.signal.axes import require_sorted
from omniscopy.signal.noise import excess_of, noise_of, spectral_dim

MAX_PEAKS = 32
_COLUMNS = ("position", "position_std", "height", "height_std", "prominence", "width")
_PROMINENCE = _COLUMNS.index("prominence")
# From so many channels on the width of a peak is that of a smoother one, in windows of this part.
_MANY, _PART = 16, 0.25


@operation(example={"data": "spectrum"})
def find_peaks(
    data: xr.DataArray,
    dim: str | None = None,
    *,
    prominence: float | None = None,
    noise: float | Literal["poisson", "scaled_poisson"] | None = None,
    window: tuple[float, float] | None = None,
    min_width: float = 0.0,
    min_distance: float = 0.0,
    max_peaks: int = MAX_PEAKS,
) -> xr.Dataset:
    r"""Find the peaks of every spectrum.

    Parameters
    ----------
    data : DataArray, shape (..., dim)
        Lazy or in memory; the coordinate may descend and need not be uniform.
    dim : str
        Dimension of the spectra; the only one of the signal otherwise.
    prominence : float, units of `data`
        How far a peak stands out from the higher of the valleys beside it, at least. Otherwise
        :math:`(2 \sqrt{2 \ln n} + 1) \sigma` with `n` channels of noise :math:`\sigma`, which
        noise alone seldom reaches.
    noise : float in units of `data`, "poisson" or "scaled_poisson"
        Standard deviation of the noise; "poisson" takes the root of the counts of each channel,
        "scaled_poisson" finds by second differences how much larger it is, as behind a camera
        that amplifies or blurs. `estimate_noise` otherwise.
    window : (low, high), units of the coordinate
        The part that is searched.
    min_width, min_distance : float, units of the coordinate
        Full width at half maximum of a peak, and distance of two peaks, at least.
    max_peaks : int
        Only the most prominent ones are returned.

    Returns
    -------
    Dataset, shape (..., peak)
        ``position``, ``position_std`` and ``width`` (full width at half of the prominence), in
        units of the coordinate; ``height``, ``height_std`` and ``prominence``, in units of
        `data`. In the order of the channels.
        ``count`` of peaks before the limit, and ``status``: 4 (no data) where fewer than 3
        channels are finite. Of a single spectrum in memory as many as there are; otherwise
        `max_peaks` with NaN after the last one.

    Raises
    ------
    DataError
        The dimension is missing, not sorted or has fewer than 3 points; the values are not real.

    Notes
    -----
    A parabola is fitted around each maximum, weighted by a Gaussian as wide as the peak that is
    moved until the parabola peaks in its middle; the height is that of a polynomial of degree 4
    there, half a percent low for a Lorentzian. ``position_std`` and ``height_std`` are what the
    noise does to them; they do not know of neighbours that lean on a peak. NaN between channels
    is bridged by a line, and no peak is reported on it. The width of peaks of 16 channels or more
    is that of local parabolas through a quarter of them, so that noise does not choose where they
    end; of channels of a peak that are equally high the first is its top.

    Examples
    --------
    >>> import omniscopy as om
    >>> peaks = om.signal.find_peaks(om.samples.spectrum(), noise="poisson")
    >>> peaks["position"].values.round(2)
    array([1.85, 2.3 , 2.75])
    """
    require_real(data)
    dim = spectral_dim(data, dim, at_least=3)
    require_sorted(data, dim)
    if window is not None:
        data = require_window(_ascending(data, dim), dim, window, at_least=3)
    search = _Search(
        coordinate=np.asarray(data.coords[dim].values, dtype=np.float64),
        prominence=prominence, noise=checked_noise(noise), min_width=min_width,
        min_distance=min_distance, max_peaks=_checked_count(max_peaks),
    )  # fmt: skip
    outputs = [{"peak": max_peaks}] * len(_COLUMNS) + [{}, {}]
    found = map_signal(
        search.run, data, dim=dim, output_dims=outputs,
        dtypes=[np.float64] * len(_COLUMNS) + [np.int64, np.uint8],
    )  # fmt: skip
    columns = dict(zip((*_COLUMNS, "count", "status"), found, strict=True))
    along, values = units_of(data, dim), data.attrs.get("units")
    units = dict.fromkeys(columns, along) | dict.fromkeys(
        ("height", "height_std", "prominence"), values
    )
    units |= {"count": "1", "status": "1"}
    peaks = result(None, **{name: (column, units[name]) for name, column in columns.items()})
    peaks = peaks.assign_coords(peak=coordinate("peak", np.arange(max_peaks), "1"))
    single = data.ndim == 1 and data.chunks is None
    return peaks.isel(peak=slice(min(int(peaks["count"]), max_peaks))) if single else peaks


@dataclass(frozen=True)
class _Search:
    """What is looked for in a block of spectra, of which `coordinate` is the last axis."""

    coordinate: np.ndarray
    prominence: float | None
    noise: float | str | None
    min_width: float
    min_distance: float
    max_peaks: int

    def run(self, block: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return the columns, the count and the status of every spectrum."""
        spectra = np.asarray(block, dtype=np.float64)
        outer = spectra.shape[:-1]
        columns = np.full((len(_COLUMNS), *outer, self.max_peaks), np.nan)
        count = np.zeros(outer, dtype=np.int64)
        status = np.zeros(outer, dtype=np.uint8)
        for pixel in np.ndindex(*outer):
            if np.isfinite(spectra[pixel]).sum() < 3:
                status[pixel] = Status.NO_DATA
                continue
            peaks = self.peaks_of(spectra[pixel])
            count[pixel] = len(peaks)
            kept = np.sort(np.argsort(-peaks[:, _PROMINENCE], kind="stable")[: self.max_peaks])
            columns[(slice(None), *pixel, slice(len(kept)))] = peaks[kept].T
        return (*columns, count, status)

    def peaks_of(self, spectrum: np.ndarray) -> np.ndarray:
        """Return a row of the columns for each peak of one spectrum."""
        import scipy.signal

        from omniscopy.signal.peak_tops import refine_tops

        finite = np.isfinite(spectrum)
        channels = np.arange(len(spectrum))
        filled = np.interp(channels, channels[finite], spectrum[finite])
        noise = self.noise_of(filled)
        wanted = self.prominence
        if wanted is None:
            wanted = (2 * np.sqrt(2 * np.log(len(filled))) + 1) * noise
        tiny = 1e-12 * max(float(np.ptp(filled)), np.finfo(float).tiny)
        least = np.broadcast_to(np.maximum(wanted, tiny), filled.shape)
        tops, found = scipy.signal.find_peaks(filled, prominence=least, width=0)
        kept = _without_ties(filled, tops, least)
        tops, found = tops[kept], {name: each[kept] for name, each in found.items()}
        place, spread, height, height_spread = refine_tops(filled, noise, tops, found["widths"]).T
        ends = np.stack([found["left_ips"], found["right_ips"]])
        for number in np.flatnonzero(found["widths"] >= _MANY):
            valleys = found["left_bases"][number], found["right_bases"][number]
            reach = int(0.5 * _PART * found["widths"][number])
            ends[:, number] = _ends_of(filled, tops[number], valleys, height[number], reach)
        width = np.abs(self.at(ends[1]) - self.at(ends[0]))
        step = np.abs(self.at(place + 0.5) - self.at(place - 0.5))
        columns = (
            self.at(place), spread * step, height, height_spread, found["prominences"], width,
        )  # fmt: skip
        table = np.stack(columns, axis=-1)[finite[tops] & (width >= self.min_width)]
        return table[_far_apart(table[:, 0], table[:, _PROMINENCE], self.min_distance)]

    def noise_of(self, spectrum: np.ndarray) -> np.ndarray:
        """Return the standard deviation of the noise in each channel."""
        if isinstance(self.noise, str):
            poisson = np.sqrt(np.maximum(spectrum, 1.0))
            excess = 1.0 if self.noise == "poisson" else max(1.0, excess_of(spectrum))
            return excess * poisson
        level = noise_of(spectrum) if self.noise is None else self.noise
        return np.full(spectrum.shape, level, dtype=np.float64)

    def at(self, channel: Any) -> Any:
        """Return the coordinate at fractional channels, those beyond the ends too."""
        last = len(self.coordinate) - 1
        below = np.clip(np.floor(channel).astype(int), 0, last - 1)
        low, high = self.coordinate[below], self.coordinate[below + 1]
        return low + (high - low) * (channel - below)


def _without_ties(values: np.ndarray, tops: np.ndarray, least: np.ndarray) -> list[int]:
    """Return which tops are not as high as one before that no deep enough valley parts them from.

    Counts are often the same: each of two such channels of a peak stands out like all of it.
    """
    before: dict[float, int] = {}
    kept = []
    for number, top in enumerate(tops.tolist()):
        other = before.get(values[top])
        if other is None or values[top] - values[other:top].min() >= least[top]:
            before[values[top]] = top
            kept.append(number)
    return kept


def _ends_of(
    values: np.ndarray, top: int, valleys: tuple[int, int], height: float, reach: int
) -> tuple[float, float]:
    """Return the channels where a smoothed peak falls to half of the way to the higher valley.

    Of a peak of many channels noise chooses the highest, the lowest, and the first below the half.
    Local parabolas make it no wider, as means would.
    """
    import scipy.signal

    first, last = max(valleys[0] - reach, 0), min(valleys[1] + reach + 1, len(values))
    mean = scipy.signal.savgol_filter(values[first:last], 2 * reach + 1, 2)
    middle = top - first
    level = 0.5 * (height + max(mean[valleys[0] - first], mean[valleys[1] - first]))
    ends = []
    for side in (mean[middle::-1], mean[middle:]):
        n = int(np.argmax(side <= level))
        fall = side[n - 1] - side[n]
        ends.append(n - (level - side[n]) / fall if n and fall > 0 else float(n or len(side) - 1))
    return top - ends[0], top + ends[1]


def _far_apart(position: np.ndarray, prominence: np.ndarray, distance: float) -> list[int]:
    """Return which peaks stay when the less prominent of two near ones goes."""
    kept: list[int] = []
    for number in np.argsort(-prominence, kind="stable"):
        if all(abs(position[number] - position[other]) >= distance for other in kept):
            kept.append(int(number))
    return sorted(kept)


def _ascending(data: xr.DataArray, dim: str) -> xr.DataArray:
    return data if data.indexes[dim].is_monotonic_increasing else data.sortby(dim)


def checked_noise(noise: float | str | None) -> float | str | None:
    """Return what is said of the noise; raise where it says nothing."""
    if isinstance(noise, str) and noise not in ("poisson", "scaled_poisson"):
        message = f"noise must be a number, 'poisson' or 'scaled_poisson', got {noise!r}"
        raise DataError(message)
    if noise is not None and not isinstance(noise, str) and not noise >= 0:
        message = f"noise must not be negative, got {noise!r}"
        raise DataError(message)
    return noise


def _checked_count(max_peaks: int) -> int:
    if max_peaks < 1:
        message = f"max_peaks must be at least 1, got {max_peaks}"
        raise DataError(message)
    return max_peaks
