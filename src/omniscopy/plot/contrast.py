"""How values become colours: which colour map, between which limits."""

from dataclasses import dataclass

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.colors import AsinhNorm, Colormap, Normalize

# Quantities that are meant to be read about zero.
_SIGNED = (
    "strain", "rotation", "displacement", "shift", "loading", "difference", "residual",
    "polarization", "charge", "deflection", "asymmetry", "drift",
)  # fmt: skip
_CYCLIC = ("phase", "angle", "azimuth", "orientation")
_BRIGHTNESS = ("intensity", "counts", "electrons", "brightness", "yield")
_MISSING_IN_GREY, _MISSING_IN_COLOUR = "#b5485d", "#c9c9c9"
PERCENTILES = (0.5, 99.5)
# How many times the typical value a pattern may hold before its scale is compressed.
_DEEP = 20.0
# The weakest part of the largest value that can be told from nothing.
_DEEPEST = 1e-9


@dataclass(frozen=True)
class Contrast:
    """A colour map, its scale, and at which ends values are clipped."""

    colours: Colormap
    scale: Normalize
    extend: str = "neither"


def contrast_of(
    values: np.ndarray,
    data: xr.DataArray,
    *,
    colours: str | None = None,
    percentiles: tuple[float, float] = PERCENTILES,
    compressed: bool = False,
) -> Contrast:
    """Return how to colour `values`, which are what is drawn of `data`.

    `compressed` is for patterns, whose weak parts matter: their scale is asinh.
    """
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values.ravel()
    if finite.size == 0:
        return Contrast(colour_map(colours or "gray"), Normalize(0, 1))
    words = _words(data)
    if colours is None and _is_cyclic(words, data):
        turn = 360.0 if data.attrs.get("units") == "deg" else 2 * np.pi
        if turn / 2 < float(np.ptp(finite)) <= turn * (1 + 1e-6):
            low = -turn / 2 if float(finite.min()) < 0 else 0.0
            return Contrast(colour_map("twilight"), Normalize(low, low + turn))
    if compressed and percentiles == PERCENTILES:
        percentiles = (percentiles[0], 100.0)  # the strong spots are few, and wanted
    low, high = (float(edge) for edge in np.percentile(finite, percentiles))
    if colours is None and low < 0 < high and any(word in words for word in _SIGNED):
        most = max(-low, high)
        return Contrast(colour_map("RdBu_r"), Normalize(-most, most), _extend(finite, -most, most))
    low, high = _apart(low, high, finite)
    chosen = colours or _sequential(words, compressed=compressed)
    extend = _extend(finite, low, high)
    if compressed and high > 3 * abs(low):
        width = _weak_level(finite, high)
        if high > _DEEP * width:
            return Contrast(colour_map(chosen), AsinhNorm(width, vmin=low, vmax=high), extend)
    return Contrast(colour_map(chosen), Normalize(low, high), extend)


def colour_map(name: str) -> Colormap:
    """Return a colour map in which missing values have a colour that is not in it."""
    grey = name in ("gray", "gray_r", "Greys", "Greys_r")
    return matplotlib.colormaps[name].with_extremes(
        bad=_MISSING_IN_GREY if grey else _MISSING_IN_COLOUR
    )


def _words(data: xr.DataArray) -> str:
    named = (data.attrs.get("quantity"), data.name, data.attrs.get("long_name"))
    return " ".join(str(word).lower() for word in named if word)


def _is_cyclic(words: str, data: xr.DataArray) -> bool:
    return data.attrs.get("units") in ("rad", "deg") and any(word in words for word in _CYCLIC)


def _sequential(words: str, *, compressed: bool) -> str:
    if compressed:
        return "inferno"
    if "height" in words or "topograph" in words:
        return "cividis"
    return "gray" if any(word in words for word in _BRIGHTNESS) else "viridis"


def _weak_level(finite: np.ndarray, high: float) -> float:
    """Return up to which level a compressed scale is linear: that of the weak parts."""
    positive = finite[finite > 0]
    level = float(np.median(positive))
    return max(level, _DEEPEST * high)


def _apart(low: float, high: float, finite: np.ndarray) -> tuple[float, float]:
    if high > low:
        return low, high
    low, high = float(finite.min()), float(finite.max())
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _extend(finite: np.ndarray, low: float, high: float) -> str:
    below, above = bool((finite < low).any()), bool((finite > high).any())
    return {(True, True): "both", (True, False): "min", (False, True): "max"}.get(
        (below, above), "neither"
    )
