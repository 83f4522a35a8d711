"""What reports do with images of lattices."""

import numpy as np
import pytest

from omniscopy import samples, simulate
from omniscopy.image.defaults import lattice_of_image
from omniscopy.model import analyses_for


def test_an_image_of_atoms_is_analysed_as_a_lattice():
    image = samples.atom_image()
    assert "Lattice" in {analysis.title for analysis in analyses_for(image)}
    found = lattice_of_image(image)
    assert float(found["Symmetry of the spectrum"]["rotation_score"].sel(order=4)) > 0.9
    exact = simulate.atom_image(noise=False)
    lattice = found["Image of the spots alone"]
    assert float((lattice - exact).std()) < 0.7 * float((image - exact).std())


@pytest.mark.parametrize("name", ["surface", "grainy_surface"])
def test_a_surface_without_a_lattice_is_left_alone(name):
    assert lattice_of_image(getattr(samples, name)()) == {}
    noise = samples.atom_image().copy(data=np.random.default_rng(0).random((128, 128)))
    assert lattice_of_image(noise) == {}
