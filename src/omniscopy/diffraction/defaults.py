"""What is done with patterns when nobody says what to do."""

import xarray as xr

from omniscopy.diffraction.centre import find_centre
from omniscopy.diffraction.com import measure_com
from omniscopy.diffraction.deflections.measures import components, per_nm
from omniscopy.diffraction.deflections.reconstruct import fit_dpc, reconstruct_idpc
from omniscopy.diffraction.detectors import Annulus, Disk
from omniscopy.diffraction.patterns import mean_pattern
from omniscopy.diffraction.reductions.reduce import reduce
from omniscopy.diffraction.reductions.wanted import CentreOfMass
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


def _has_deflections(data: xr.DataArray) -> bool:
    """Return whether there is a scan in lengths, of patterns in reciprocal lengths."""
    if not _has_patterns(data) or data.attrs.get("modality") != "STEM":
        return False
    reciprocal = dims_of_kind(data, "reciprocal")
    corner = data.isel(dict.fromkeys(reciprocal, 0), drop=True)
    com = xr.Dataset({"com_y": corner, "com_x": corner})
    try:
        along_y, _, plane, _ = components(com, None)
        per_nm(along_y.assign_attrs(units=units_of(data, reciprocal[0])), None)
    except DataError:
        return False
    return all(data.sizes[dim] >= 8 for dim in plane)


@analysis("Mean pattern and bright field", "image_4d", applies=_has_patterns)
def bright_field_of_scan(data: xr.DataArray) -> Results:
    """Average the patterns of a scan, and sum and locate the disc in each of them."""
    pattern = mean_pattern(data)
    disc = find_centre(pattern)
    found: dict[str, xr.DataArray | xr.Dataset] = {"Mean pattern": pattern, "Disc": disc}
    if disc["radius"].ndim == 0 and bool(disc["radius"].notnull()):
        centre, radius = (float(disc["ky"]), float(disc["kx"])), float(disc["radius"])
        # One read for all that needs the disc, and what is drawn of it by name.
        read = reduce(
            data,
            {
                "bright_field": Disk(radius, centre=centre),
                "dark_field": Annulus(1.1 * radius, float("inf"), centre=centre),
                "com": CentreOfMass(),
            },
        )
        found["Bright field"] = read["bright_field"]
        found["Dark field"] = read["dark_field"]
        found["Centre of mass"] = read[
            [name for name in read if str(name).startswith(("com", "status"))]
        ]
    return found


@analysis("Differential phase contrast", "image_4d", applies=_has_deflections)
def phase_of_scan(data: xr.DataArray) -> Results:
    """Turn the deflections of a scan back, and integrate them to a phase."""
    com = measure_com(data)
    return {"Deflection": fit_dpc(com), "Phase": reconstruct_idpc(com)}


@analysis("Disc", "diffraction", applies=lambda data: _has_patterns(data) and data.ndim == 2)
def disc_of_pattern(data: xr.DataArray) -> Results:
    """Find the bright-field disc of a pattern."""
    return {"Disc": find_centre(data)}
