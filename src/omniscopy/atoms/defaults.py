"""What is done with images of atoms when nobody says what to do."""

import xarray as xr

from omniscopy.atoms.arrangements import arrangement_of
from omniscopy.atoms.finding.finding import find_atoms
from omniscopy.atoms.lattices.lattices import find_lattice
from omniscopy.atoms.refinement.refinement import refine_atoms
from omniscopy.atoms.resolution import is_uncalibrated, may_resolve_atoms
from omniscopy.image.defaults import make_a_lattice
from omniscopy.image.fourier.spots import find_fourier_spots
from omniscopy.image.grains.grain_statistics import grain_distribution
from omniscopy.model import analysis, conversion_factor, dims_of_kind, units_of
from omniscopy.model.analyses import Results

# Lattice planes are looked for between these spacings, in nm.
_PLANES = (0.05, 1.2)
_FEWEST = 12


@analysis("Atoms", "image", applies=may_resolve_atoms)
def atoms_of_image(data: xr.DataArray) -> Results:
    """Find and refine the atoms of an image that has lattice planes, and say how they lie."""
    factor = conversion_factor("nm", str(units_of(data, "x")))
    planes = (_PLANES[0] * factor, _PLANES[1] * factor)
    spots = find_fourier_spots(data, spacing_range=planes)
    if int(spots["count"].sum()) < 2:
        return {}
    return _atoms_of(data)


@analysis("Atoms, in pixels", "image", applies=is_uncalibrated)
def atoms_of_uncalibrated_image(data: xr.DataArray) -> Results:
    """Find and refine the atoms of an image without calibration whose spots make a lattice."""
    pixels = {dim: data.coords[dim].copy() for dim in dims_of_kind(data, "spatial")}
    for along in pixels.values():
        along.attrs["units"] = "px"
    data = data.assign_coords(pixels)
    return _atoms_of(data) if make_a_lattice(find_fourier_spots(data)) else {}


def _atoms_of(data: xr.DataArray) -> Results:
    atoms = find_atoms(data).compute()
    atoms = atoms.isel(atom=slice(min(int(atoms["count"]), atoms.sizes["atom"])))
    if atoms.sizes["atom"] < _FEWEST:
        return {}
    refined = refine_atoms(data, atoms).compute()
    found: dict[str, xr.DataArray | xr.Dataset] = {
        "Atoms": refined,
        "Heights of the atoms": grain_distribution(refined, "amplitude", dim="atom"),
    }
    lattice = find_lattice(refined)
    if int(lattice["count"]) > _FEWEST:
        vectors = [name for name, values in lattice.data_vars.items() if not values.dims]
        found["Lattice of the atoms"] = lattice[vectors]
    return {**found, **arrangement_of(refined, lattice)}
