"""What is done with force curves when nobody says what to do."""

import xarray as xr

from omniscopy.model import DataError, Status, analysis, is_unit, require_units
from omniscopy.model.analyses import Results
from omniscopy.spm.force.adhesions import measure_adhesion, rate_curves
from omniscopy.spm.force.axes import curve_axis
from omniscopy.spm.force.baselines import SEGMENTS, fit_baseline, split_curve
from omniscopy.spm.force.contacts import find_contact

_QUANTITIES = ("force", "deflection")


def _is_curves(data: xr.DataArray) -> bool:
    """Return whether there are forces or deflections against the height of the base."""
    if data.attrs.get("quantity") not in _QUANTITIES or data.dtype.kind != "f":
        return False
    units = data.attrs.get("units")
    if "z" not in data.coords or units is None or not is_unit(units):
        return False
    try:
        dim, height = curve_axis(data, "z", None)
        require_units(height, "m")
    except DataError:
        return False
    return data.sizes[dim] >= 64


@analysis("Force curves", "line_plot", "spectrum", "image_stack", "spectral_image",
          applies=_is_curves)  # fmt: skip
def contact_of_curves(data: xr.DataArray) -> Results:
    """Take the baseline off force curves, and find their contact and attraction."""
    if data.ndim > 1:
        corrected = fit_baseline(data)["corrected"]
        return {
            "Contact": find_contact(corrected, method="deviation"),
            "Attraction": measure_adhesion(corrected),
            "Quality": rate_curves(data),
        }
    whole = int(fit_baseline(data)["status"]) != Status.INVALID
    parts = fit_baseline(data if whole else split_curve(data))["corrected"]
    there, back = (parts, parts) if whole else (parts.sel(segment=each) for each in SEGMENTS)
    return {
        "Curve without its baseline": parts,
        "Contact": find_contact(there, method="deviation"),
        "Attraction": measure_adhesion(back),
    }
