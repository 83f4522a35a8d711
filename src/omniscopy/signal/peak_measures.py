"""The numbers of peaks: area, centroid, height and width of each, in every spectrum."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.model import (
    DataError,
    conversion_factor,
    coordinate,
    is_unit,
    operation,
    require_real,
    require_window,
    result,
    units_of,
)
from omniscopy.model.units import product
from omniscopy.signal.axes import require_sorted
from omniscopy.signal.gaps import bridge_gaps
from omniscopy.signal.noise import excess_of, noise_of, spectral_dim
from omniscopy.signal.peak_kernel import COLUMNS, LEAST, run
from omniscopy.signal.peaks import checked_noise
from omniscopy.signal.whittaker import cells_of


@operation(example={"data": "spectrum", "peaks": "peaks"})
def measure_peaks(
    data: xr.DataArray,
    peaks: xr.Dataset | None = None,
    dim: str | None = None,
    *,
    windows: Sequence[tuple[float, float]] | None = None,
    reach: float = 2.0,
    baseline: Literal["linear", "none"] = "linear",
    noise: float | Literal["poisson", "scaled_poisson"] | None = None,
) -> xr.Dataset:
    r"""Measure area, centroid, height and width of peaks in every spectrum.

    Parameters
    ----------
    data : DataArray, shape (..., dim)
        Lazy or in memory; the coordinate may descend and need not be uniform.
    peaks : Dataset, shape (peak) or (..., peak)
        Where they are: ``position`` and ``width``, as `find_peaks` gives them, in units of the
        coordinate or units that convert to them. The same for all spectra, or for each its own.
    dim : str
        Dimension of the spectra; the only one of the signal otherwise.
    windows : sequence of (low, high), units of the coordinate
        In place of `peaks`: where each begins and ends.
    reach : float
        How far the window of one of `peaks` goes to both sides, in its full widths.
    baseline : {"linear", "none"}
        What a peak stands on: the line between the means of the outer eighths of its window, or
        zero.
    noise : float in units of `data`, "poisson" or "scaled_poisson"
        Standard deviation of the noise, as in `find_peaks`; `estimate_noise` otherwise.

    Returns
    -------
    Dataset, shape (..., peak)
        ``area``, in units of `data` times those of the coordinate; ``position`` (the centroid)
        and ``width`` (the full width at half maximum), in units of the coordinate; ``height``, in
        units of `data`; each with ``_std``. ``status``: 4 (no data) where fewer than 4 channels,
        or than half, of a window are finite; 5 (invalid) where nothing is above the baseline:
        then there is no position and no width.

    Raises
    ------
    DataError
        The dimension is missing or not sorted; there are neither `peaks` nor `windows`, or both;
        a window lies outside or holds fewer than 4 channels.

    Notes
    -----
    With what is above the baseline, :math:`n_i = y_i - b_i`, and channels as wide as half of the
    way to their neighbours, :math:`\Delta_i`: area :math:`A = \sum \Delta_i n_i`, position
    :math:`\bar x = \sum \Delta_i x_i n_i / A`, height that of the parabola through the three
    highest channels, width between the linear crossings of its half (with more than 12 channels
    above the half, through a third of them, and means of an eighth, so that noise does not choose);
    :math:`\sigma_A^2 = \sum (\partial A / \partial y_i)^2 \sigma_i^2`, and likewise the others.
    Standard deviations are what white noise does, by way of the baseline too. What `noise` moves
    a peak's own window by is not part of them, nor are neighbours that overlap: `fit_model`
    separates these. A window that ends on the tails of a Lorentzian misses part of its area.

    Examples
    --------
    >>> import omniscopy as om
    >>> data = om.simulate.spectrum([(2.3, 0.1, 1000.0)], shape="gaussian")
    >>> found = om.signal.measure_peaks(data, windows=[(2.1, 2.5)], noise="poisson")
    >>> found["area"].values.round(), found["width"].values.round(2)
    (array([106.]), array([0.1]))
    """
    require_real(data)
    dim = spectral_dim(data, dim, at_least=LEAST)
    x = require_sorted(data, dim)
    low, high = _limits(data, dim, peaks, windows, reach)
    if baseline not in ("linear", "none"):
        message = f"baseline must be 'linear' or 'none', got {baseline!r}"
        raise DataError(message)
    measuring = _Measuring(x, checked_noise(noise), straight=baseline == "linear")
    found = map_signal(
        measuring.run, data, dim=dim, also=[low, high],
        output_dims=[{}] * (len(COLUMNS) + 1), dtypes=[np.float64] * len(COLUMNS) + [np.uint8],
    )  # fmt: skip
    columns = dict(zip((*COLUMNS, "status"), found, strict=True))
    along, values = units_of(data, dim), data.attrs.get("units")
    units = {"area": product((values, 1), (along, 1)), "position": along, "width": along}
    units["height"] = values
    made = {
        name: (column, "1" if name == "status" else units[name.removesuffix("_std")])
        for name, column in columns.items()
    }
    others = [each for each in data.dims if each != dim]
    return result(None, **made).transpose(*others, ..., "peak")


@dataclass(frozen=True)
class _Measuring:
    """How windows of spectra are measured, of which `x` is the axis."""

    x: np.ndarray
    noise: float | str | None
    straight: bool

    def run(self, block: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return the columns and the outcome of windows; `block` has channels besides."""
        n = len(self.x)
        shape = np.broadcast_shapes(block.shape[:-1], low.shape)
        spectra = np.asarray(block, dtype=np.float64).reshape(-1, n)
        filled, present = bridge_gaps(spectra), np.isfinite(spectra)
        rows = np.broadcast_to(np.arange(len(spectra)).reshape(block.shape[:-1]), shape).ravel()
        windows = self.windows(*(np.broadcast_to(each, shape).ravel() for each in (low, high)))
        found = np.empty((rows.size, len(COLUMNS)))
        status = np.empty(rows.size, dtype=np.uint8)
        steps = float(np.abs(np.diff(self.x)).mean())
        run(
            self.x, steps * cells_of(self.x), filled, present, self.noise_of(filled), rows,
            windows, int(self.straight), np.empty(n), found, status,
        )  # fmt: skip
        return (*(column.reshape(shape) for column in found.T), status.reshape(shape))

    def windows(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Return the first channel of each window and the one after its last; none for NaN."""
        ascends = self.x[-1] > self.x[0]
        axis = self.x if ascends else self.x[::-1]
        known = np.isfinite(low) & np.isfinite(high)
        first = np.searchsorted(axis, np.where(known, low, 0.0), side="left")
        last = np.searchsorted(axis, np.where(known, high, 0.0), side="right")
        last = np.where(known, np.maximum(first, last), first)
        both = (first, last) if ascends else (len(axis) - last, len(axis) - first)
        return np.stack(both, axis=-1).astype(np.int64)

    def noise_of(self, spectra: np.ndarray) -> np.ndarray:
        """Return the standard deviation of the noise in each channel."""
        if isinstance(self.noise, str):
            counts = np.sqrt(np.maximum(spectra, 1.0))
            if self.noise == "poisson":
                return counts
            excess = np.array([max(1.0, excess_of(each)) for each in spectra])
            return counts * excess[:, None]
        level = noise_of(spectra)[:, None] if self.noise is None else self.noise
        return np.ascontiguousarray(np.broadcast_to(level, spectra.shape), dtype=np.float64)


def _limits(
    data: xr.DataArray,
    dim: str,
    peaks: xr.Dataset | None,
    windows: Sequence[tuple[float, float]] | None,
    reach: float,
) -> tuple[xr.DataArray, xr.DataArray]:
    """Return where windows begin and end, in units of the coordinate."""
    if (peaks is None) == (windows is None):
        message = "give either `peaks`, as `find_peaks` returns them, or `windows`"
        raise DataError(message)
    if windows is not None:
        axis = data.coords[dim].drop_attrs()
        axis = axis if data.indexes[dim].is_monotonic_increasing else axis[::-1]
        for window in windows:
            require_window(axis, dim, window, at_least=LEAST)
        limits = np.asarray(windows, dtype=np.float64).reshape(-1, 2)
        numbers = coordinate("peak", np.arange(len(limits)), "1")
        low, high = (xr.DataArray(each, {"peak": numbers}, dims="peak") for each in limits.T)
        return low, high
    assert peaks is not None
    missing = [name for name in ("position", "width") if name not in peaks]
    if missing or "peak" not in peaks.dims:
        message = (
            f"peaks must hold 'position' and 'width' along 'peak', got {sorted(map(str, peaks))}"
        )
        raise DataError(message)
    if not reach > 0:
        message = f"reach must be above 0, got {reach!r}"
        raise DataError(message)
    here = units_of(data, dim)
    position, width = (_converted(peaks[name], here) for name in ("position", "width"))
    return position - reach * width, position + reach * width


def _converted(values: xr.DataArray, units: str | None) -> xr.DataArray:
    """Return positions or widths of peaks in units of the coordinate."""
    own, plain = values.attrs.get("units"), values.astype(np.float64).drop_attrs(deep=False)
    if is_unit(own) and is_unit(units):
        return plain * conversion_factor(str(own), str(units))
    return plain
