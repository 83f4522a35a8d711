"""What is done with currents under an oscillating bias when nobody says what to do."""

import math

import numpy as np
import xarray as xr

from omniscopy.model import DataError, analysis, conversion_factor, require_uniform, units_of
from omniscopy.model.analyses import Results
from omniscopy.signal import mean_over
from omniscopy.spm.general_mode.current_voltage import invert_current_voltage


def drive_frequency(data: xr.DataArray) -> float | None:
    """Return the frequency of the bias: as the metadata say, else one period in the record."""
    metadata = data.attrs.get("metadata", {})
    for place in ("probe", "truth"):
        known = metadata.get(place, {})
        value = known.get("drive_frequency", known.get("frequency"))
        if isinstance(value, int | float) and 0 < value < math.inf:
            return float(value)
    try:
        seconds = conversion_factor(str(units_of(data, "time")), "s")
        lasts = abs(require_uniform(data, "time")) * data.sizes["time"] * seconds
    except DataError:
        return None
    return 1.0 / lasts if lasts > 0 else None


def _is_current_map(data: xr.DataArray) -> bool:
    """Return whether there are currents of whole periods along time, with their bias."""
    bias = data.coords.get("bias")
    if bias is None or bias.dims != ("time",) or data.dtype.kind not in "iuf" or not data.size:
        return False
    try:
        conversion_factor(str(data.attrs.get("units")), "A")
        conversion_factor(str(bias.attrs.get("units")), "V")
        seconds = conversion_factor(str(units_of(data, "time")), "s")
        periods = abs(require_uniform(data, "time")) * seconds * data.sizes["time"]
    except DataError:
        return False
    frequency = drive_frequency(data)
    if frequency is None or data.sizes["time"] < 16 or not np.ptp(bias.values) > 0:
        return False
    periods *= frequency
    return round(periods) >= 1 and abs(periods - round(periods)) < 1.0 / data.sizes["time"]


@analysis(
    "Current and voltage", "line_plot", "image_stack", "image_map", "spectral_image", "spectrum",
    applies=_is_current_map,
)  # fmt: skip
def resistance_of_currents(data: xr.DataArray) -> Results:
    """Infer the resistance and the capacitance behind currents, and show them."""
    frequency = drive_frequency(data)
    assert frequency is not None
    found = invert_current_voltage(data, bias="bias", frequency=frequency)
    others = [str(dim) for dim in data.dims if dim != "time"]
    low, high = (found["bias"].values[number] for number in (0, -1))
    curves = found["conductance"]
    if others:
        curves = mean_over(curves, others)
    made: dict[str, xr.DataArray | xr.Dataset] = {
        "Conductance while the bias rises and falls": curves.assign_attrs(
            long_name="Conductance", quantity="conductance"
        ),
    }
    if others:
        for title, bias in (("lowest", low), ("highest", high)):
            part = found["resistance"].sel(branch="forward", bias=bias, drop=True)
            made[f"Resistance at the {title} bias"] = part.assign_attrs(
                long_name=f"Resistance at {bias:.3g} V", quantity="resistance"
            )
        made["Capacitance"] = found["capacitance"].assign_attrs(
            long_name="Capacitance", quantity="capacitance"
        )
    return made
