"""Bonds, rings, structural units and Voronoi cells."""

import numpy as np
import pytest
import xarray as xr

from omniscopy.atoms import find_bonds, find_rings, find_structural_units, voronoi
from omniscopy.atoms.graphs.bonds import planar_bonds
from omniscopy.atoms.graphs.rings import shortest_path_rings
from omniscopy.model import DataError, Status
from omniscopy.simulate import atom_positions

SHEET = {"spacing": 0.142, "extent": (2.5, 2.8)}
HEXAGON = 1.5 * np.sqrt(3.0) * 0.142**2


def test_bonds_of_a_sheet_have_one_length_and_three_directions():
    found = find_bonds(atom_positions("honeycomb", **SHEET))
    np.testing.assert_allclose(found["length"], 0.142, atol=1e-12)
    angles = np.unique(np.round(found["angle"].values, 6) % 180.0)
    np.testing.assert_allclose(angles, [30.0, 90.0, 150.0], atol=1e-5)
    np.testing.assert_allclose(found["strain"], 0.0, atol=1e-9)


@pytest.mark.parametrize("method", ["faces", "shortest_path"])
def test_rings_of_a_sheet_are_regular_hexagons(method):
    found = find_rings(atom_positions("honeycomb", **SHEET), method=method)
    assert int(found["count"]) > 80
    np.testing.assert_array_equal(found["size"], 6)
    np.testing.assert_allclose(found["area"], HEXAGON, rtol=1e-9)
    np.testing.assert_allclose(found["perimeter"], 6 * 0.142, rtol=1e-9)
    np.testing.assert_allclose(found["inner_angle_deviation"], 0.0, atol=1e-5)
    np.testing.assert_allclose(found["roundness"], np.pi / (2 * np.sqrt(3.0)), rtol=1e-9)


@pytest.mark.parametrize("method", ["faces", "shortest_path"])
def test_a_missing_atom_leaves_a_ring_of_twelve(method):
    made = atom_positions("honeycomb", vacancies=1, **SHEET)
    found = find_rings(made, method=method)
    assert sorted(np.unique(found["size"])) == [6.0, 12.0]
    big = found.isel(ring=np.flatnonzero(found["size"] == 12))
    assert big.sizes["ring"] == 1
    (place,) = made.attrs["metadata"]["truth"]["vacancies"]
    np.testing.assert_allclose([big["y"][0], big["x"][0]], place, atol=0.02)
    np.testing.assert_allclose(big["area"], 3 * HEXAGON, rtol=1e-6)


def test_a_turned_bond_makes_two_pentagons_and_two_heptagons():
    made = stone_wales()
    found = find_rings(made, max_length=1.35 * 0.142)
    counts = {size: int((found["size"] == size).sum()) for size in (5, 7)}
    assert counts == {5: 2, 7: 2}


def test_a_path_with_a_short_cut_is_no_shortest_path_ring():
    # A hexagon with one bond across: two squares, and the hexagon is none.
    bonds = np.array([(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (0, 5), (0, 3)])
    found = shortest_path_rings(bonds, 6, 8)
    assert sorted(sorted(ring.tolist()) for ring in found) == [[0, 1, 2, 3], [0, 3, 4, 5]]


def test_rings_of_a_graph_that_is_not_flat_are_found():
    # The edges of a cube: six squares; the hexagons around its corners have no short cut either.
    corners = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    apart = np.abs(corners[:, None] - corners[None]).sum(axis=-1)
    bonds = np.argwhere(np.triu(apart == 1))
    sizes = [len(ring) for ring in shortest_path_rings(bonds, 8, 8)]
    assert sizes.count(4) == 6
    assert sizes.count(6) == 4


def test_corners_are_the_atoms_that_they_number():
    made = atom_positions("square", noise=0.01)
    found = find_rings(made)
    atoms = found["corner_atom"].values
    there = np.isfinite(atoms)
    numbers = atoms[there].astype(int)
    np.testing.assert_array_equal(found["corner_y"].values[there], made["y"].values[numbers])
    np.testing.assert_array_equal(found["corner_x"].values[there], made["x"].values[numbers])
    assert (there.sum(axis=1) == found["size"].values).all()


def test_no_two_bonds_cross_and_diagonals_are_none():
    made = atom_positions("square")
    points = np.stack([made["y"].values, made["x"].values], axis=-1)
    bonds = planar_bonds(points, 10.0)  # whatever the length allows
    assert len(bonds) <= 3 * len(points)
    found = find_bonds(made)
    np.testing.assert_allclose(found["length"], 0.4, atol=1e-9)


@pytest.mark.parametrize(
    ("structure", "size", "hole"),
    [("square", 4, 0.4 / np.sqrt(2) - 0.2), ("hexagonal", 3, 0.4 / np.sqrt(3) - 0.2),
     ("honeycomb", 6, 0.4 - 0.2)],
)  # fmt: skip
def test_structural_units_are_the_tiles_of_a_lattice(structure, size, hole):
    made = atom_positions(structure, spacing=0.4)
    found = find_structural_units(made)
    inner = found.isel(unit=np.flatnonzero(in_the_middle(found, made)))
    assert inner.sizes["unit"] > 10
    np.testing.assert_array_equal(inner["size"], size)
    np.testing.assert_allclose(inner["hole_radius"], hole, atol=1e-9)
    np.testing.assert_allclose(inner["hole_y"], inner["y"], atol=1e-9)
    np.testing.assert_allclose(inner["hole_x"], inner["x"], atol=1e-9)


def test_voronoi_cells_of_a_hexagonal_lattice_are_hexagons():
    made = atom_positions("hexagonal", spacing=0.4)
    cells = voronoi(made)
    good = cells["status"].values == Status.CONVERGED
    assert 0.5 < good.mean() < 1.0
    np.testing.assert_allclose(cells["area"].values[good], 0.4**2 * np.sqrt(3) / 2, rtol=1e-9)
    np.testing.assert_array_equal(cells["size"].values[good], 6)
    np.testing.assert_allclose(cells["centroid_y"].values[good], made["y"].values[good], atol=1e-9)
    assert np.isnan(cells["area"].values[~good]).all()


def test_areas_of_cells_add_up_to_that_of_the_crystal():
    made = atom_positions("square", extent=(8.0, 8.0), noise=0.03)
    cells = voronoi(made)
    inner = in_the_middle(made, made, edge=0.8)
    assert float(cells["area"].values[inner].mean()) == pytest.approx(0.16, rel=0.01)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_few_atoms_make_no_polygon(count):
    made = atom_positions("square").isel(atom=slice(count))
    assert int(find_rings(made)["count"]) == 0
    assert int(find_structural_units(made)["count"]) == 0
    assert (voronoi(made)["status"] == Status.NO_DATA).all()


def test_atoms_on_a_line_have_bonds_and_no_rings():
    line = xr.Dataset(
        {
            "y": ("atom", np.zeros(5), {"units": "nm"}),
            "x": ("atom", np.arange(5.0), {"units": "nm"}),
        }
    )
    found = find_bonds(line)
    np.testing.assert_allclose(found["length"], 1.0)
    assert int(found["count"]) == 4
    assert int(find_rings(line)["count"]) == 0


def test_atoms_without_a_position_are_left_out():
    made = atom_positions("square")
    holed = made.assign(y=made["y"].where(made["atom"] != 30))
    assert not (find_rings(holed)["corner_atom"] == 30).any()
    assert int(voronoi(holed)["status"][30]) == Status.NO_DATA


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda p: find_rings(p, max_size=2), "max_size must be at least 3"),
        (lambda p: find_rings(p, max_length=0.0), "max_length must be above 0"),
        (lambda p: find_rings(p, method="all"), "method must be one of"),
        (lambda p: find_structural_units(p, overlap=0.0), "overlap must be above 0"),
        (lambda p: find_bonds(p.rename(atom="peak")), "must lie along 'atom'"),
    ],
)
def test_wrong_calls_say_what_to_do(call, words):
    with pytest.raises(DataError, match=words):
        call(atom_positions("square"))


def in_the_middle(table, positions, edge=0.9):
    inside = np.ones(table["y"].size, dtype=bool)
    for name in ("y", "x"):
        low, high = float(positions[name].min()), float(positions[name].max())
        inside &= (table[name].values > low + edge) & (table[name].values < high - edge)
    return inside


def stone_wales():
    """Return a sheet in which one bond is turned by a right angle, its neighbours relaxed."""
    made = atom_positions("honeycomb", **SHEET)
    points = np.stack([made["y"].values, made["x"].values], axis=-1)
    bonds = planar_bonds(points, None)
    middle = points[bonds].mean(axis=1)
    one, other = bonds[np.argmin(((middle - points.mean(axis=0)) ** 2).sum(axis=1))]
    centre = (points[one] + points[other]) / 2
    away = points[one] - centre
    near = np.hypot(*(points - centre).T)
    turned = points.copy()
    turned[one] = centre + 0.85 * np.array([away[1], -away[0]])
    turned[other] = centre - 0.85 * np.array([away[1], -away[0]])
    # Atoms that lose a bond move to the new partner, along the turned bond's sides.
    ring = (near > 0.1 * 0.142) & (near < 1.45 * 0.142) & (np.arange(len(points)) != one)
    ring[other] = False
    for atom in np.flatnonzero(ring):
        target = min((one, other), key=lambda end: np.hypot(*(turned[end] - points[atom])))
        step = turned[target] - points[atom]
        turned[atom] = points[atom] + step * (1 - 0.142 / np.hypot(*step)) * 0.6
    return made.assign(y=("atom", turned[:, 0], made["y"].attrs),
                       x=("atom", turned[:, 1], made["x"].attrs))  # fmt: skip
