"""What is said of the arrangement of atoms when nobody says what to do."""

import numpy as np
import xarray as xr

from omniscopy.atoms.graphs.rings import find_rings
from omniscopy.atoms.neighbourhoods.bond_order import measure_bond_order
from omniscopy.atoms.neighbourhoods.neighbours import measure_neighbours
from omniscopy.atoms.strain.strain import measure_strain
from omniscopy.atoms.strain.sublattices import find_sublattices
from omniscopy.model import Status
from omniscopy.model.analyses import Results

# How many atoms, at least, have an arrangement; how many of them are in a crystal.
_FEWEST, _CRYSTAL = 25, 0.7


def arrangement_of(places: xr.Dataset, lattice: xr.Dataset) -> Results:
    """Measure neighbours of atoms; of a crystal its sublattices and strain, else its rings."""
    known = int(np.isfinite(places["y"].values).sum())
    if known < _FEWEST:
        return {}
    made: dict[str, xr.DataArray | xr.Dataset] = {"Neighbours": measure_neighbours(places)}
    strain = measure_strain(places, lattice)
    if int((strain["status"] == Status.CONVERGED).sum()) >= _CRYSTAL * known:
        made["Sublattices"] = find_sublattices(places, lattice)
        made["Strain"] = strain
    else:
        made["Rings"] = find_rings(places)
        made["Bond order"] = measure_bond_order(places)
    return made
