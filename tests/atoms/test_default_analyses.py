"""What is done unasked with images of atoms that have no calibration."""

import numpy as np
import pytest
import xarray as xr

from omniscopy import samples
from omniscopy.atoms.defaults import atoms_of_uncalibrated_image
from omniscopy.atoms.resolution import is_uncalibrated, may_resolve_atoms
from omniscopy.model import coordinate


def uncalibrated(values, units=None, **attributes):
    coords = {
        dim: coordinate(dim, np.arange(float(size)), units)
        for dim, size in zip("yx", values.shape, strict=True)
    }
    return xr.DataArray(values, coords, dims=("y", "x"), attrs={"units": "counts", **attributes})


@pytest.mark.parametrize("units", [None, "px"])
def test_the_atoms_of_an_image_without_calibration_are_found_in_pixels(units):
    sample = samples.atom_image()
    image = uncalibrated(sample.values, units)
    assert is_uncalibrated(image)
    assert not may_resolve_atoms(image)
    found = atoms_of_uncalibrated_image(image)
    neighbours = found["Neighbours"]["distance"]
    assert neighbours.attrs["units"] == "px"
    assert found["Atoms"]["x"].attrs["units"] == "px"
    pixel = float(sample["x"][1] - sample["x"][0])
    apart = float(neighbours.isel(neighbour=0).median())
    assert apart * pixel == pytest.approx(0.2761, rel=0.02)
    # The image itself keeps what it says.
    assert image["x"].attrs.get("units") == units


def test_pixels_without_a_lattice_have_no_atoms():
    rng = np.random.default_rng(4)
    assert atoms_of_uncalibrated_image(uncalibrated(rng.normal(10, 1, (96, 80)))) == {}


def test_what_is_calibrated_or_shows_no_atoms_is_not_counted_in_pixels():
    values = samples.atom_image().values
    assert not is_uncalibrated(samples.atom_image())
    assert not is_uncalibrated(uncalibrated(values, modality="AFM"))
    assert not is_uncalibrated(uncalibrated(values[:20]))
