"""Columns, bonds and polyhedra."""

import ase
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniscopy import crystal
from omniscopy.crystal.projections import reduced
from omniscopy.model import DataError


@pytest.mark.parametrize(
    ("name", "zone", "area", "columns", "period"),
    [
        ("SrTiO3", (0, 0, 1), 3.905268**2, 3 + 1, 3.905268),
        ("Si", (0, 0, 1), 5.431020511**2, 8, 5.431020511),
        ("graphite", (0, 0, 1), 2.464**2 * 3**0.5 / 2, 3, 6.711),
        ("MoS2", (0, 0, 1), 3.160**2 * 3**0.5 / 2, 2, 12.294),
    ],
)
def test_columns_along_an_axis(name, zone, area, columns, period):
    atoms = crystal.structure(name)
    found = crystal.project(atoms, zone)
    assert found.sizes["column"] == columns
    assert abs(np.linalg.det(found.cell.values)) == pytest.approx(area)
    assert found.attrs["period"] == pytest.approx(period)
    assert int(found.atoms.sum()) == len(atoms)
    assert int(found.atomic_number.sum()) == atoms.numbers.sum()


def test_columns_of_strontium_titanate_are_strontium_titanium_with_oxygen_and_oxygen():
    found = crystal.project(crystal.structure("SrTiO3"), (0, 0, 1))
    assert sorted(found.elements.values.tolist()) == ["O", "O", "O Ti", "Sr"]
    heavy = found.isel(column=found.elements.values.tolist().index("Sr"))
    assert (float(heavy.y), float(heavy.x)) == pytest.approx((0.0, 0.0))
    mixed = found.isel(column=found.elements.values.tolist().index("O Ti"))
    assert (float(mixed.y), float(mixed.x)) == pytest.approx((3.905268 / 2, 3.905268 / 2))
    assert int(mixed.atomic_number) == 22 + 8


@pytest.mark.parametrize("zone", [(0, 1, 1), (1, 1, 1), (1, 1, 2), (1, 2, 3)])
@pytest.mark.parametrize("name", ["Si", "rutile", "MoS2"])
def test_the_cell_of_a_projection_repeats_to_all_columns(name, zone):
    atoms = crystal.structure(name)
    found = crystal.project(atoms, zone)
    turn = np.array(found.attrs["orientation"])
    plane = found.cell.values[:, ::-1]
    assert np.linalg.det(plane) > 0.0
    # Every atom of the crystal lies on one of the columns, modulo the repeat.
    seen = (atoms * 2).positions @ turn.T
    places = np.stack([found.x.values, found.y.values], axis=-1)
    away = (seen[:, None, :2] - places) @ np.linalg.inv(plane)
    away = (away - np.round(away)) @ plane
    assert np.linalg.norm(away, axis=-1).min(axis=1).max() < 0.05
    # The volume is the area times the period: no column is counted twice.
    volume = abs(np.linalg.det(plane)) * found.attrs["period"]
    assert volume == pytest.approx(atoms.get_volume())


def test_the_dumbbell_of_silicon_is_a_quarter_of_the_cell_wide():
    found = crystal.project(crystal.structure("Si"), (0, 1, 1), up=(1, 0, 0), repeats=(2, 2))
    places = np.stack([found.y.values, found.x.values], axis=-1)
    away = np.linalg.norm(places[:, None] - places, axis=-1)
    nearest = away[away > 1e-6].min()
    assert nearest == pytest.approx(5.431020511 / 4, rel=1e-6)
    # With [100] up, the dumbbells stand upright.
    first, second = np.argwhere(np.isclose(away, nearest))[0]
    assert abs(places[first, 1] - places[second, 1]) < 1e-6


def test_atoms_over_a_border_of_the_cell_are_one_column():
    atoms = ase.Atoms("AuAu", positions=[(0.01, 1, 0.5), (2.99, 1, 2.0)], cell=[3, 3, 3], pbc=True)
    found = crystal.project(atoms, (0, 0, 1))
    assert found.atoms.values.tolist() == [2]
    assert float(found.x[0]) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    ("zone", "options", "message"),
    [
        ((0, 0, 0), {}, "not all zero"),
        ((0.5, 1, 0), {}, "needs whole indices"),
        ((0, 0, 1), {"tolerance": 0.0}, "`tolerance` is a positive length"),
        ((0, 0, 1), {"repeats": (0, 1)}, "`repeats` are 1 or more"),
    ],
)
def test_projections_that_are_none_are_refused(zone, options, message):
    with pytest.raises(DataError, match=message):
        crystal.project(crystal.structure("Si"), zone, **options)


def test_each_bond_is_found_once_across_borders_too():
    found = crystal.bonds(crystal.structure("Si"))
    assert found.sizes["bond"] == 16  # four for each of eight atoms, shared by two
    np.testing.assert_allclose(found.length, 5.431020511 * 3**0.5 / 4)
    np.testing.assert_allclose(
        np.linalg.norm(found.stop.values - found.start.values, axis=1), found.length
    )
    single = ase.Atoms("Cu", cell=np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]) * 1.8075, pbc=True)
    assert crystal.bonds(single).sizes["bond"] == 6


def test_bonds_are_of_the_elements_asked_for():
    atoms = crystal.structure("SrTiO3")
    found = crystal.bonds(atoms, between=[("O", "Ti")])
    assert found.sizes["bond"] == 6
    np.testing.assert_allclose(found.length, 3.905268 / 2)
    assert crystal.bonds(atoms).sizes["bond"] > 6
    assert crystal.bonds(atoms, radii={"Sr": 0.1, "Ti": 0.1, "O": 0.1}).sizes["bond"] == 0
    with pytest.raises(DataError, match="there is no Fe in the structure, which has O, Sr, Ti"):
        crystal.bonds(atoms, between=[("Fe", "O")])
    with pytest.raises(DataError, match="a stretch of 0"):
        crystal.bonds(atoms, stretch=0)


@pytest.mark.parametrize(
    ("name", "centre", "ligand", "shape", "corners"),
    [
        ("SrTiO3", "Ti", "O", "octahedron", 6),
        ("SrTiO3", "Sr", "O", "cuboctahedron", 12),
        ("rutile", "Ti", "O", "octahedron", 6),
        ("ZnO", "Zn", "O", "tetrahedron", 4),
        ("MoS2", "Mo", "S", "trigonal prism", 6),
        ("CsCl", "Cs", "Cl", "cube", 8),
        ("PdSe2", "Pd", "Se", "square", 4),
        ("graphite", "C", "C", "triangle", 3),
    ],
)
def test_polyhedra_are_known_by_their_shape(name, centre, ligand, shape, corners):
    atoms = crystal.structure(name)
    found = crystal.polyhedra(atoms, centre, ligand)
    assert len(found) == atoms.get_chemical_symbols().count(centre)
    assert {polyhedron.name for polyhedron in found} == {shape}
    assert {len(polyhedron.ligands) for polyhedron in found} == {corners}


GOLDEN = (1 + 5**0.5) / 2
RING = np.deg2rad(60.0 * np.arange(6))


@pytest.mark.parametrize(
    ("shape", "corners"),
    [
        (
            "icosahedron",
            [np.roll([0.0, a, b * GOLDEN], n) for n in range(3) for a in (-1, 1) for b in (-1, 1)],
        ),
        (
            "cuboctahedron",
            [np.roll([0.0, a, b], n) for n in range(3) for a in (-1, 1) for b in (-1, 1)],
        ),
        ("cube", [[a, b, c] for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)]),
        (
            "hexagonal bipyramid",
            [[0, 0, 1], [0, 0, -1], *np.stack([np.cos(RING), np.sin(RING), 0 * RING], 1)],
        ),
    ],
)
def test_polyhedra_of_as_many_corners_differ_by_their_angles(shape, corners):
    places = np.asarray(corners, float)
    places *= 2.4 / np.linalg.norm(places, axis=1, keepdims=True)
    rng = np.random.default_rng(3)
    places = places + rng.uniform(-0.05, 0.05, places.shape)
    atoms = ase.Atoms(["U", *["O"] * len(places)], [[0, 0, 0], *places])
    (found,) = crystal.polyhedra(atoms, "U", "O")
    assert found.name == shape


def test_an_ideal_octahedron_is_not_distorted():
    (found,) = crystal.polyhedra(crystal.structure("SrTiO3"), "Ti", "O")
    length = 3.905268 / 2
    assert found.volume == pytest.approx(4 / 3 * length**3)
    assert found.distortion == pytest.approx(0.0, abs=1e-12)
    assert found.angle_variance == pytest.approx(0.0, abs=1e-9)
    np.testing.assert_allclose(found.lengths, length)
    np.testing.assert_allclose(found.angles, [90.0] * 12 + [180.0] * 3)


def test_a_displaced_atom_distorts_its_octahedron():
    atoms = crystal.structure("SrTiO3")
    atoms.positions[1, 2] += 0.1
    (found,) = crystal.polyhedra(atoms, "Ti", "O")
    assert found.distortion > 0.01
    assert found.angle_variance > 1.0
    assert found.volume == pytest.approx(4 / 3 * (3.905268 / 2) ** 3)


def test_polyhedra_of_elements_that_are_not_there_are_refused():
    atoms = crystal.structure("SrTiO3")
    with pytest.raises(DataError, match="there is no Mn in the structure"):
        crystal.polyhedra(atoms, "Mn", "O")
    with pytest.raises(DataError, match="`stretch` 1 or more"):
        crystal.polyhedra(atoms, "Ti", "O", stretch=0.5)


STEPS = st.integers(-4, 4)


@given(st.floats(0.5, 5.0), st.floats(20.0, 160.0), STEPS, STEPS, STEPS)
def test_a_reduced_cell_is_the_shortest_of_its_lattice(length, angle, i, j, k):
    turn = np.deg2rad(angle)
    lattice = np.array([[1.0, 0.3], [length * np.cos(turn), length * np.sin(turn)]])
    # Any whole matrix of determinant 1 or -1 makes another cell of the same lattice.
    other = np.array([[1, i], [0, 1]]) @ np.array([[1, 0], [j, 1]]) @ np.array([[1, k], [0, -1]])
    a, b = reduced(other @ lattice)
    area = a[0] * b[1] - a[1] * b[0]
    assert area == pytest.approx(abs(np.linalg.det(lattice)))
    assert a[0] > -1e-9
    assert abs(a @ b) <= 0.5 * (a @ a) + 1e-6
    assert a @ a <= b @ b + 1e-6
    steps = np.array([a, b]) @ np.linalg.inv(lattice)
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-6)
