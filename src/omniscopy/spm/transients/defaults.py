"""What is done with transients when nobody says what to do."""

import numpy as np
import xarray as xr

from omniscopy.model import DataError, analysis, require_uniform, require_units
from omniscopy.model.analyses import Results
from omniscopy.signal import mean_over
from omniscopy.spm.transients.first_peaks import fit_first_peak
from omniscopy.spm.transients.frequencies import instantaneous_frequency

# The bandwidth is the frequency of the drive by so many, and so many samples are kept in one over
# the bandwidth.
_PERIODS, _DENSE = 6.0, 20.0
# Periods before and after a trigger, at least.
_LEAST = 10.0


def _known(data: xr.DataArray) -> tuple[float, float] | None:
    """Return trigger and frequency of the drive, where the metadata hold both."""
    metadata = data.attrs.get("metadata", {})
    trigger = metadata.get("stimulus", {}).get("trigger")
    drive = metadata.get("probe", {}).get("drive_frequency")
    if not isinstance(trigger, int | float) or not isinstance(drive, int | float):
        return None
    return float(trigger), float(drive)


def _is_transient(data: xr.DataArray) -> bool:
    """Return whether there are deflections before and after a trigger, finely enough sampled."""
    known = _known(data)
    if known is None or "time" not in data.dims or data.dtype.kind not in "iuf" or not data.size:
        return False
    trigger, drive = known
    try:
        step = require_uniform(data, "time") * require_units(data["time"], "s")
    except DataError:
        return False
    length = step * data.sizes["time"]
    return step > 0 and drive * step < 0.4 and _LEAST / drive < trigger < length - _LEAST / drive


@analysis("Transients", "image_stack", "line_plot", applies=_is_transient)
def transients_of_deflections(data: xr.DataArray) -> Results:
    """Follow the frequency after the trigger, and fit its first peak."""
    trigger, drive = _known(data) or (0.0, 0.0)
    step = float(np.diff(data["time"].values[:2])[0]) * require_units(data["time"], "s")
    bandwidth = drive / _PERIODS
    every = max(1, int(1.0 / (bandwidth * _DENSE * step)))
    followed = instantaneous_frequency(
        data, trigger=trigger, drive_frequency=drive, bandwidth=bandwidth, step=every
    )
    others = [str(dim) for dim in data.dims if dim != "time"]
    frequency = followed["frequency"]
    return {
        "Frequency": mean_over(frequency, others) if others else frequency,
        "First peak": fit_first_peak(followed),
    }
