"""What is said of the arrangement of atoms of an image when nobody says what to do."""

import numpy as np
import xarray as xr

from omniscopy.atoms.finding.finding import find_atoms
from omniscopy.atoms.graphs.rings import find_rings
from omniscopy.atoms.lattices.lattices import find_lattice
from omniscopy.atoms.neighbourhoods.bond_order import measure_bond_order
from omniscopy.atoms.neighbourhoods.neighbours import measure_neighbours
from omniscopy.atoms.refinement.refinement import refine_atoms
from omniscopy.atoms.strain.strain import measure_strain
from omniscopy.atoms.strain.sublattices import find_sublattices
from omniscopy.model import (
    DataError,
    Status,
    analysis,
    conversion_factor,
    dims_of_kind,
    is_unit,
    require_uniform,
    units_of,
)
from omniscopy.model.analyses import Results

# Pixels of images in which atoms can be told apart, and how many pixels at least, in nm.
_PIXEL, _SMALLEST = 0.06, 32
# How many atoms, at least, have an arrangement; how many of them are in a crystal.
_FEWEST, _CRYSTAL = 25, 0.7


def _may_show_atoms(data: xr.DataArray) -> bool:
    """Return whether an image has pixels that are small enough."""
    dims = dims_of_kind(data, "spatial")
    if data.ndim != 2 or len(dims) != 2 or data.dtype.kind not in "biuf":
        return False
    if any(data.sizes[dim] < _SMALLEST for dim in dims):
        return False
    for dim in dims:
        units = units_of(data, dim)
        if not is_unit(units):
            return False
        try:
            step = abs(require_uniform(data, dim)) * conversion_factor(str(units), "nm")
        except (DataError, ValueError):
            return False
        if step > _PIXEL:
            return False
    return True


@analysis("Arrangement of atoms", "image", applies=_may_show_atoms)
def arrangement_of_atoms(data: xr.DataArray) -> Results:
    """Measure neighbours of atoms; of a crystal its sublattices and strain, else its rings."""
    found = find_atoms(data).compute()
    found = found.isel(atom=slice(min(int(found["count"]), found.sizes["atom"])))
    if found.sizes["atom"] < _FEWEST:
        return {}
    places = refine_atoms(data, found).compute()
    made: dict[str, xr.DataArray | xr.Dataset] = {"Neighbours": measure_neighbours(places)}
    lattice = find_lattice(places)
    strain = measure_strain(places, lattice)
    known = int(np.isfinite(places["y"].values).sum())
    if int((strain["status"] == Status.CONVERGED).sum()) >= _CRYSTAL * known:
        made["Sublattices"] = find_sublattices(places, lattice)
        made["Strain"] = strain
    else:
        made["Rings"] = find_rings(places)
        made["Bond order"] = measure_bond_order(places)
    return made
