"""What is done with spectra when nobody says what to do."""

import math
from collections.abc import Hashable, Sequence
from typing import Literal

import numpy as np
import xarray as xr

from omniscopy.model import DataError, analysis, dims_of_role
from omniscopy.model.analyses import Results
from omniscopy.signal.baselines import estimate_baseline
from omniscopy.signal.decomposition import decompose
from omniscopy.signal.grids import to_grid
from omniscopy.signal.peaks import find_peaks
from omniscopy.signal.positions import with_positions
from omniscopy.signal.resampling import rebin
from omniscopy.signal.scattered import spans_area
from omniscopy.signal.sums import mean_over, sum_over

_COMPONENTS = 6
# Products of the channels of all spectra with each other: what takes seconds, not hours.
_PRODUCTS = 2**39
_ENOUGH_CHANNELS = 1024
# Of a spectrum with a baseline, at least.
_CHANNELS = 32
_COUNTS = ("counts", "electrons")
# Their backgrounds are no smooth baselines: edges and continua have models of their own.
_MODELLED = ("EELS", "EDS", "EDX")


def _is_spectra(data: xr.DataArray) -> bool:
    """Return whether there are real spectra along one dimension, all of it of use."""
    signal = dims_of_role(data, "signal")
    return data.dtype.kind in "iuf" and len(signal) == 1 and data.sizes[signal[0]] >= 3


def _has_baseline(data: xr.DataArray) -> bool:
    """Return whether there are spectra on a sorted axis, with enough channels for a baseline."""
    if str(data.attrs.get("modality", "")).upper() in _MODELLED:
        return False
    (dim,) = dims_of_role(data, "signal") if _is_spectra(data) else ("",)
    if not dim or data.sizes[dim] < _CHANNELS or dim not in data.coords:
        return False
    index = data.indexes[dim]
    return index.is_unique and (index.is_monotonic_increasing or index.is_monotonic_decreasing)


def _can_decompose(data: xr.DataArray) -> bool:
    signal = dims_of_role(data, "signal")
    channels = math.prod(data.sizes[dim] for dim in signal)
    return bool(signal) and data.dtype.kind in "iufc" and 2 <= channels <= 8192 and data.size > 0


def _is_counted(data: xr.DataArray) -> bool:
    return data.attrs.get("units") in _COUNTS and data.dtype.kind != "c"


@analysis("Peaks", "spectrum", applies=lambda data: _is_spectra(data) and data.ndim == 1)
def peaks_of_spectrum(data: xr.DataArray) -> Results:
    """Find the peaks of one spectrum."""
    noise: Literal["scaled_poisson"] | None = "scaled_poisson" if _is_counted(data) else None
    return {"Peaks": find_peaks(data, noise=noise)}


@analysis("Baseline", "spectrum", applies=lambda data: _has_baseline(data) and data.ndim == 1)
def baseline_of_spectrum(data: xr.DataArray) -> Results:
    """Estimate what one spectrum would be without its peaks."""
    return {"Baseline": estimate_baseline(data)}


@analysis(
    "Sums",
    "spectral_image",
    applies=lambda data: data.dtype.kind in "iuf" and bool(dims_of_role(data, "signal")),
)
def sums_of_spectral_image(data: xr.DataArray) -> Results:
    """Add up the spectra of all points, and the channels of each point."""
    return {
        "Sum spectrum": sum_over(data),
        "Sum image": sum_over(data, dims_of_role(data, "signal")),
    }


@analysis("Components", "spectral_image", applies=_can_decompose)
def components_of_spectral_image(data: xr.DataArray) -> Results:
    """Decompose a spectrum image, a large one binned, into what explains most of it."""
    signal = dims_of_role(data, "signal")
    factors = _bins(dict(data.sizes), signal)
    data = rebin(data, factors) if factors else data
    channels = math.prod(data.sizes[dim] for dim in signal)
    number = min(_COMPONENTS, channels, data.size // channels)
    noise: Literal["poisson"] | None = "poisson" if _is_counted(data) else None
    return {"Components": decompose(data, number, noise=noise)}


def _bins(sizes: dict[Hashable, int], signal: Sequence[str]) -> dict[str, int]:
    """Return how many channels and points to join for a decomposition that takes seconds."""
    factors = dict.fromkeys(sizes, 1)
    while True:
        left = {dim: size // factors[dim] for dim, size in sizes.items()}
        channels = math.prod(left[dim] for dim in signal)
        if math.prod(left.values()) * channels <= _PRODUCTS:
            return {str(dim): factor for dim, factor in factors.items() if factor > 1}
        points = [dim for dim in sizes if dim not in signal]
        longest = max(signal if channels > _ENOUGH_CHANNELS else points, key=left.__getitem__)
        factors[longest] *= 2


@analysis(
    "Mean image",
    "image_stack",
    applies=lambda data: data.dtype.kind in "biufc" and data.size > 0 and bool(_stacked(data)),
)
def mean_of_stack(data: xr.DataArray) -> Results:
    """Average the images of a stack."""
    return {"Mean image": mean_over(data, _stacked(data))}


def _stacked(data: xr.DataArray) -> list[str]:
    """Return the dimensions along which images are stacked: all but the last two and colours."""
    images = [str(dim) for dim in data.dims if dim not in ("y", "x", "ky", "kx", "channel")]
    return [dim for dim in images if data.ndim - len(images) >= 2] if images else []


def _is_scattered(data: xr.DataArray) -> bool:
    """Return whether there is a value for each of some points that do not lie on a line."""
    if data.ndim != 1 or data.dtype.kind not in "iuf":
        return False
    try:
        _, scatter = with_positions(data, None)
        positions = scatter.positions * scatter.factors()
    except DataError:
        return False
    return spans_area(positions[np.isfinite(positions).all(axis=1)])


@analysis("Image of the points", "point_cloud", applies=_is_scattered)
def image_of_points(data: xr.DataArray) -> Results:
    """Bring values at points to a grid."""
    return {"Image of the points": to_grid(data, method="natural")}
