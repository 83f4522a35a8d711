"""What is done with nanobeam diffraction when nobody says what to do."""

import xarray as xr

from omniscopy.diffraction.centre import find_centre
from omniscopy.diffraction.discs.finding import find_discs
from omniscopy.diffraction.discs.templates import make_template
from omniscopy.diffraction.lattices.fitting import fit_lattice
from omniscopy.diffraction.lattices.maps import bragg_vector_map
from omniscopy.diffraction.lattices.strain import measure_strain
from omniscopy.diffraction.patterns import mean_pattern
from omniscopy.model import DataError, Status, analysis, dims_of_kind, require_uniform, units_of
from omniscopy.model.analyses import Results

# Patterns and positions that are too few for discs and maps.
_PIXELS, _POSITIONS = 24, 4
# Positions that have a lattice, and discs of one, at least.
_PART, _DISCS = 0.5, 5


def _may_show_discs(data: xr.DataArray) -> bool:
    """Return whether there is a scan of patterns on a uniform grid, large enough."""
    dims = dims_of_kind(data, "reciprocal")
    scan = dims_of_kind(data, "spatial")
    if len(dims) != 2 or len(scan) != 2 or data.ndim != 4 or data.dtype.kind not in "iuf":
        return False
    if units_of(data, dims[0]) != units_of(data, dims[1]):
        return False
    try:
        for dim in dims:
            require_uniform(data, dim)
    except DataError:
        return False
    enough = data.sizes[scan[0]] * data.sizes[scan[1]] >= _POSITIONS
    return enough and all(data.sizes[dim] >= _PIXELS for dim in dims)


@analysis("Strain of a crystal", "image_4d", applies=_may_show_discs)
def strain_of_scan(data: xr.DataArray) -> Results:
    """Find discs around the lattice of the mean pattern, and map the strain of it."""
    radius = float(find_centre(mean_pattern(data))["radius"])
    pixel = abs(require_uniform(data, dims_of_kind(data, "reciprocal")[0]))
    if not radius > 1.5 * pixel:
        return {}
    try:
        template = make_template(data, radius=radius)
        discs = find_discs(data, template, search="lattice").compute()
    except DataError:  # a disc as large as the detector is none of a crystal
        return {}
    lattice = fit_lattice(discs)
    good = lattice["status"] == Status.CONVERGED
    lengths = xr.concat([lattice["length_a"], lattice["length_b"]], "vector")
    apart = lengths.min("vector").median()
    seen = lattice["count"].where(good).median()
    if float(good.mean()) < _PART or not (seen >= _DISCS and apart > 2 * radius):
        return {}
    scalars = [
        name
        for name in lattice.data_vars
        if "peak" not in lattice[name].dims and name != "correlation_ab"
    ]
    return {
        "Bragg vector map": bragg_vector_map(discs, lattice),
        "Lattice of the discs": lattice[scalars],
        "Strain": measure_strain(lattice),
    }
