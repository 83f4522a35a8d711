"""What is done with spectra of X-rays when nobody says what to do."""

import numpy as np
import xarray as xr

from omniscopy.eds.fits import fit_lines
from omniscopy.eds.identification import find_elements
from omniscopy.eds.quantification import quantify
from omniscopy.eds.spectra import require_spectra, voltage_of
from omniscopy.model import DataError, analysis, dims_of_kind
from omniscopy.model.analyses import Results
from omniscopy.signal import sum_over

_MOST = 12


def _is_x_rays(data: xr.DataArray) -> bool:
    """Return whether there are counts of X-rays along an energy, and the voltage is known."""
    if "energy" not in data.dims or not data.size or data.attrs.get("units") != "counts":
        return False
    if str(data.attrs.get("modality", "")).upper() not in ("EDS", "EDX"):
        return False
    try:
        require_spectra(data, "energy")
        voltage_of(data, None)
    except DataError:
        return False
    return True


@analysis("X-ray lines", "spectrum", "spectral_image", applies=_is_x_rays)
def lines_of_spectra(data: xr.DataArray) -> Results:
    """Find the elements, fit their lines, and work out the composition of a thin film.

    Frames of one map are added up: in each of them hardly any pixel has a count.
    """
    frames = dims_of_kind(data, "temporal")
    data = sum_over(data, frames) if frames and data.ndim > len(frames) + 1 else data
    # A search takes seconds, and is needed at once to know what is fitted.
    elements = find_elements(data).compute()
    found = elements.isel(element=np.flatnonzero(elements["found"].values))
    if not found.sizes["element"]:
        return {"Elements": found[["significance", "intensity"]]}
    strongest = found.sortby("significance", ascending=False).isel(element=slice(_MOST))
    names = [str(symbol) for symbol in strongest["element"].values]
    counts = fit_lines(data, names)
    total = data if data.ndim == 1 else sum_over(data)
    summed = {"Sum of the spectra": total} if data.ndim > 1 else {}
    return {
        "Elements": found[["significance", "intensity"]],
        **summed,
        "Lines of the sum": fit_lines(total, names)[["intensity"]],
        "Counts of the lines": counts[["intensity"]],
        "Composition": quantify(counts)[["atomic_fraction"]],
    }
