"""What is done with energy losses when nobody says what to do."""

import numpy as np
import xarray as xr

from omniscopy.eels.axes import DIM, loss_axis
from omniscopy.eels.core_loss.identification import find_edges
from omniscopy.eels.core_loss.windows import measure_windows
from omniscopy.eels.low_loss.plasmons import fit_plasmon
from omniscopy.eels.thickness.log_ratio import measure_thickness
from omniscopy.eels.zero_loss.fits import fit_zero_loss
from omniscopy.model import DataError, analysis
from omniscopy.model.analyses import Results
from omniscopy.signal import sum_over

# Windows of maps: eV that are summed from the onset on, that are left out before it, and that an
# edge before it needs to be as a power law; where the background begins, in parts of the onset.
_WIDE, _EARLY, _AFTER, _BEFORE = 40.0, 5.0, 30.0, 0.85
# How far edges lie apart that are told apart, eV.
_APART = 12.0
# Channels of a background, and maps, at least and at most.
_FEWEST, _MOST = 8, 6


def _is_low_loss(data: xr.DataArray) -> bool:
    """Return whether there are spectra that hold the zero loss, and losses beyond it."""
    try:
        axis = loss_axis(data, DIM, at_least=32, uniform=True)
    except DataError:
        return False
    return bool(axis.energy[0] < -1.0 and axis.energy[-1] > 10.0)


def _is_core_loss(data: xr.DataArray) -> bool:
    """Return whether there are spectra of losses that edges have."""
    try:
        axis = loss_axis(data, DIM, at_least=64, uniform=True)
    except DataError:
        return False
    return bool(axis.energy[0] > 50.0)


@analysis("Zero loss and thickness", "spectrum", "spectral_image", applies=_is_low_loss)
def thickness_of_low_losses(data: xr.DataArray) -> Results:
    """Fit the zero loss, and measure the thickness in mean free paths, and the plasmon."""
    return {
        "Zero loss": fit_zero_loss(data)[["centre", "fwhm"]],
        "Thickness": measure_thickness(data)[["t_over_lambda"]],
        "Plasmon": fit_plasmon(data)[["energy", "width"]],
    }


@analysis("Edges", "spectrum", "spectral_image", applies=_is_core_loss)
def edges_of_core_losses(data: xr.DataArray) -> Results:
    """Find the edges of the sum of core losses, mark those that are seen on it, and map them."""
    total = data if data.ndim == 1 else sum_over(data)
    found = find_edges(total)[["energy", "significance", "is_seen"]]
    seen = found.isel(edge=np.flatnonzero(found["is_seen"].values))
    made: dict[str, xr.DataArray | xr.Dataset] = {"Edges of the sum": found[["significance"]]}
    if seen.sizes["edge"]:
        # What a figure is drawn over comes before it.
        made |= {"Sum of the core losses": total} if data.ndim > 1 else {}
        made["Edges that are seen"] = seen
    if data.ndim > 1:
        for name, window, before in _windows(data, seen):
            mapped = measure_windows(data, {name: window}, background=before)
            made[f"Map of {name}"] = mapped["intensity"].isel(window=0)
    return made


def _windows(
    data: xr.DataArray, seen: xr.Dataset
) -> list[tuple[str, tuple[float, float], tuple[float, float]]]:
    """Return windows of one edge of each element, inner shells first, then the clearest.

    Of edges side by side, which only their names tell apart, the first counts.
    """
    axis = loss_axis(data, DIM)
    shells = [str(name).partition("_")[2][:1] for name in seen["edge"].values]
    ordered = seen.isel(edge=np.lexsort((-seen["significance"].values, np.array(shells))))
    onsets = ordered["energy"].values.astype(float).tolist()
    made: dict[str, tuple[str, tuple[float, float], tuple[float, float]]] = {}
    taken: list[float] = []
    for name, onset in zip(ordered["edge"].values.astype(str).tolist(), onsets, strict=True):
        element = name.partition("_")[0]
        if element in made or any(abs(onset - other) < _APART for other in taken):
            continue
        taken.append(onset)
        near = [other + _AFTER for other in onsets if other < onset - _AFTER]
        low, high = max(axis.energy[0], _BEFORE * onset, *near), onset - _EARLY
        last = min(onset + _WIDE, axis.energy[-1])
        if high - low > _FEWEST * axis.step and last - onset > axis.step:
            made[element] = (name, (onset, last), (low, high))
    return sorted(made.values(), key=lambda each: each[1])[:_MOST]
