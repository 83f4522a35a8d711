"""What is done with patterns when nobody says what to do."""

import xarray as xr

from omniscopy.diffraction.centre import find_centre
from omniscopy.diffraction.com import measure_com
from omniscopy.diffraction.detectors import Disk
from omniscopy.diffraction.patterns import mean_pattern
from omniscopy.diffraction.virtual_images import virtual_image
from omniscopy.model import DataError, analysis, dims_of_kind, require_uniform, units_of
from omniscopy.model.analyses import Results


def _has_patterns(data: xr.DataArray) -> bool:
    """Return whether there are patterns of real numbers, on a uniform grid."""
    dims = dims_of_kind(data, "reciprocal")
    if len(dims) != 2 or data.dtype.kind not in "iuf" or data.size == 0:
        return False
    if units_of(data, dims[0]) != units_of(data, dims[1]):
        return False
    try:
        for dim in dims:
            require_uniform(data, dim)
    except DataError:
        return False
    return all(data.sizes[dim] >= 5 for dim in dims)


@analysis("Mean pattern and bright field", "image_4d", applies=_has_patterns)
def bright_field_of_scan(data: xr.DataArray) -> Results:
    """Average the patterns of a scan, and sum and locate the disc in each of them."""
    pattern = mean_pattern(data)
    disc = find_centre(pattern)
    found: dict[str, xr.DataArray | xr.Dataset] = {"Mean pattern": pattern, "Disc": disc}
    if disc["radius"].ndim == 0 and bool(disc["radius"].notnull()):
        centre = (float(disc["ky"]), float(disc["kx"]))
        detector = Disk(float(disc["radius"]), centre=centre)
        found["Bright field"] = virtual_image(data, detector)
        found["Centre of mass"] = measure_com(data)
    return found


@analysis("Disc", "diffraction", applies=lambda data: _has_patterns(data) and data.ndim == 2)
def disc_of_pattern(data: xr.DataArray) -> Results:
    """Find the bright-field disc of a pattern."""
    return {"Disc": find_centre(data)}
