"""What is done with energy losses when nobody says what to do."""

import numpy as np
import xarray as xr

from omniscopy.eels.axes import DIM, loss_axis
from omniscopy.eels.core_loss.identification import find_edges
from omniscopy.eels.low_loss.plasmons import fit_plasmon
from omniscopy.eels.thickness.log_ratio import measure_thickness
from omniscopy.eels.zero_loss.fits import fit_zero_loss
from omniscopy.model import DataError, analysis
from omniscopy.model.analyses import Results
from omniscopy.signal import sum_over


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
    """Find the edges of the sum of core losses, and mark those that are seen on it."""
    total = data if data.ndim == 1 else sum_over(data)
    found = find_edges(total)[["energy", "significance", "is_seen"]]
    seen = found.isel(edge=np.flatnonzero(found["is_seen"].values))
    made: dict[str, xr.DataArray | xr.Dataset] = {"Edges of the sum": found}
    if seen.sizes["edge"]:
        # What a figure is drawn over comes before it.
        made |= {"Sum of the core losses": total} if data.ndim > 1 else {}
        made["Edges that are seen"] = seen
    return made
