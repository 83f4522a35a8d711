"""Colours of directions are those of what symmetry leaves different."""

import numpy as np
import pytest
from ase.spacegroup import crystal as built

from omniscopy import crystal
from omniscopy.crystal.direction_colours import colour_triangle
from omniscopy.model import DataError

PYRITE = built(
    ["Fe", "S"], [(0, 0, 0), (0.385, 0.385, 0.385)], spacegroup=205, cellpar=[5.42] * 3 + [90] * 3
)
SCHEELITE = built(
    ["Ca", "W", "O"], [(0, 0.25, 0.625), (0, 0.25, 0.125), (0.15, 0.01, 0.21)], spacegroup=88,
    setting=2, cellpar=[5.24, 5.24, 11.37, 90, 90, 90],
)  # fmt: skip
QUARTZ = built(
    ["Si", "O"], [(0.47, 0, 2 / 3), (0.414, 0.268, 0.786)], spacegroup=154,
    cellpar=[4.916, 4.916, 5.405, 90, 90, 120],
)  # fmt: skip
GYPSUM_LIKE = built(
    ["Ca", "S"], [(0.1, 0.2, 0.3), (0.4, 0.1, 0.8)], spacegroup=14, cellpar=[5, 6, 7, 90, 105, 90]
)
TRICLINIC = built(["Cu", "O"], [(0, 0, 0), (0.3, 0.4, 0.2)], spacegroup=2,
                  cellpar=[4, 5, 6, 80, 95, 103])  # fmt: skip
CRYSTALS = {
    "cubic": crystal.structure("Al"), "m-3": PYRITE, "hexagonal": crystal.structure("ZnO"),
    "trigonal": QUARTZ, "tetragonal": crystal.structure("TiO2"), "4/m": SCHEELITE,
    "orthorhombic": crystal.structure("PdSe2"), "monoclinic": GYPSUM_LIKE, "triclinic": TRICLINIC,
}  # fmt: skip


@pytest.mark.parametrize("name", CRYSTALS)
def test_equivalent_directions_have_one_colour_and_corners_pure_ones(name):
    atoms = CRYSTALS[name]
    corners = colour_triangle(atoms).corners
    np.testing.assert_allclose(
        crystal.direction_colours(atoms, 3.0 * corners), np.eye(3), atol=1e-6
    )
    ways = np.random.default_rng(0).normal(size=(200, 3))
    colours = crystal.direction_colours(atoms, ways)
    assert colours.min() >= 0.0
    np.testing.assert_allclose(colours.max(axis=1), 1.0)
    for turn in crystal.proper_rotations(atoms):
        np.testing.assert_allclose(
            crystal.direction_colours(atoms, ways @ turn), colours, atol=1e-6
        )
    np.testing.assert_allclose(crystal.direction_colours(atoms, -ways), colours, atol=1e-6)
    # Near directions have near colours: there are no seams.
    near = crystal.direction_colours(atoms, ways + 1e-6 * np.roll(ways, 1, axis=0))
    assert np.abs(near - colours).max() < 2e-2


def test_directions_of_a_cube_are_red_green_and_blue_whichever_way_it_lies():
    atoms = CRYSTALS["cubic"].copy()
    expected = [[1, 0, 0], [0, 1, 0], [0, 0, 1], np.sqrt([1, 1, 1]), [1, np.sqrt(0.5**0.5), 0]]
    # What is made of equal parts of the corners is white; of [102], half [001] and [101] / √2.
    white = np.array([0, 0, 1]) + np.array([0, 1, 1]) / 2**0.5 + np.array([1, 1, 1]) / 3**0.5
    given = np.array([[0, -1, 0], [1, 1, 0], [1, -1, 1], white, [1 / 2**0.5, 0, 1 + 0.5]])
    given[4] = np.array([0, 0, 1]) + np.array([1, 0, 1]) / 2**0.5 * 0.5**0.5
    np.testing.assert_allclose(crystal.direction_colours(atoms, given), expected, atol=1e-6)
    turn = crystal.orientation_matrix(atoms, (1, 2, 3))
    turned = atoms.copy()
    turned.set_cell(atoms.cell @ turn.T, scale_atoms=True)
    np.testing.assert_allclose(
        crystal.direction_colours(turned, given @ turn.T), expected, atol=1e-6
    )


def test_what_is_no_direction_has_no_colour():
    found = crystal.direction_colours(CRYSTALS["cubic"], [[0.0, 0, 0], [np.nan, 1, 0], [0, 0, 1]])
    assert np.isnan(found[:2]).all()
    assert found[2].tolist() == [1.0, 0.0, 0.0]
    with pytest.raises(DataError, match="vectors of three components"):
        crystal.direction_colours(CRYSTALS["cubic"], [1.0, 2.0])
