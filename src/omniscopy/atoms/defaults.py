"""What is done with images of atoms when nobody says what to do."""

import xarray as xr

from omniscopy.atoms.finding.finding import find_atoms
from omniscopy.atoms.lattices.lattices import find_lattice
from omniscopy.atoms.refinement.refinement import refine_atoms
from omniscopy.image.fourier.spots import find_fourier_spots
from omniscopy.model import analysis, conversion_factor, dims_of_kind, is_unit, units_of
from omniscopy.model.analyses import Results
from omniscopy.model.units import parse

# Lattice planes are looked for between these spacings, in nm.
_PLANES = (0.05, 1.2)
_FEWEST = 12


def _may_resolve_atoms(data: xr.DataArray) -> bool:
    """Return whether there is one image whose pixels are finer than atoms."""
    dims = dims_of_kind(data, "spatial")
    if len(dims) != 2 or data.ndim != 2 or data.dtype.kind not in "iuf" or min(data.shape) < 32:
        return False
    units = {units_of(data, dim) for dim in dims}
    if len(units) != 1 or dims != ["y", "x"] or not all(map(is_unit, units)):
        return False
    (unit,) = units
    if parse(str(unit)).powers != parse("nm").powers:
        return False
    step = abs(float(data["x"][1] - data["x"][0])) * conversion_factor(str(unit), "nm")
    return bool(0 < step < 0.08)


@analysis("Atoms", "image", applies=_may_resolve_atoms)
def atoms_of_image(data: xr.DataArray) -> Results:
    """Find the atoms of an image that has lattice planes, refine them, and find their lattice."""
    factor = conversion_factor("nm", str(units_of(data, "x")))
    planes = (_PLANES[0] * factor, _PLANES[1] * factor)
    spots = find_fourier_spots(data, spacing_range=planes)
    if int(spots["count"].sum()) < 2:
        return {}
    atoms = find_atoms(data)
    if int(atoms["count"]) < _FEWEST:
        return {}
    refined = refine_atoms(data, atoms)
    found: dict[str, xr.DataArray | xr.Dataset] = {"Atoms": refined}
    lattice = find_lattice(refined)
    if int(lattice["count"]) > _FEWEST:
        vectors = [name for name, values in lattice.data_vars.items() if not values.dims]
        found["Lattice of the atoms"] = lattice[vectors]
    return found
