"""Structures by name and from files, their symmetry and cells."""

import itertools

import ase
import ase.build
import ase.io
import numpy as np
import pytest

from omniscopy import crystal
from omniscopy.crystal.cells import basis_across
from omniscopy.crystal.structures import _known
from omniscopy.model import DataError
from omniscopy.physics import scattering

# g/cm3, from the CRC Handbook and mineral data; what is measured of bulk samples.
DENSITIES = {
    "Al": 2.70,
    "Au": 19.3,
    "Ag": 10.5,
    "Cu": 8.96,
    "diamond": 3.52,
    "Ge": 5.32,
    "Si": 2.33,
    "GaAs": 5.32,
    "alpha iron": 7.87,
    "SrTiO3": 5.12,
    "graphite": 2.26,
    "CsCl": 3.99,
    "MgO": 3.58,
    "TiN": 5.40,
    "ZnO": 5.67,
    "GaN": 6.10,
    "rutile": 4.25,
    "MoS2": 5.00,
    "WS2": 7.73,
    "WSe2": 9.35,
    "MoSe2": 6.95,
    "PdSe2": 6.78,
}
BONDS = {"GaAs": 2.448, "ZnO": 1.98, "GaN": 1.95, "rutile": 1.95, "MoS2": 2.42, "PdSe2": 2.36}


@pytest.mark.parametrize("name", sorted(_known()))
def test_a_known_structure_has_the_space_group_it_is_said_to_have(name):
    atoms = crystal.structure(name)
    found = crystal.symmetry(atoms)
    assert found.number == atoms.info["space_group"]
    assert atoms.info["structure"]["reference"]
    crystal.require_apart(atoms, closest=1.3)


@pytest.mark.parametrize(("name", "density"), DENSITIES.items())
def test_the_density_of_a_known_structure_is_the_measured_one(name, density):
    atoms = crystal.structure(name)
    found = atoms.get_masses().sum() * 1.66053907 / atoms.get_volume()
    assert found == pytest.approx(density, rel=0.01)


@pytest.mark.parametrize(("name", "length"), BONDS.items())
def test_the_shortest_bond_of_a_known_structure_is_the_measured_one(name, length):
    found = crystal.bonds(crystal.structure(name)).length
    assert float(found.min()) == pytest.approx(length, abs=0.02)


def test_copper_has_not_the_constant_of_silver():
    assert crystal.structure("copper").cell.lengths()[0] == 3.615
    assert crystal.structure("silver").cell.lengths()[0] == 4.0862


def test_names_are_known_in_any_case_and_by_their_aliases():
    symbols = [str(crystal.structure(name).symbols) for name in ("Si", "SILICON", " si ")]
    assert len(set(symbols)) == 1
    assert "srtio3" in crystal.structures()
    with pytest.raises(DataError, match="no structure is called 'unobtainium'; there are alum"):
        crystal.structure("unobtainium")


@pytest.mark.parametrize(("suffix", "kind"), [("cif", None), ("vasp", "vasp"), ("xyz", "extxyz")])
def test_a_written_structure_is_read_again(tmp_path, suffix, kind):
    made = crystal.structure("rutile")
    path = tmp_path / f"structure.{suffix}"
    ase.io.write(path, made, format=kind)
    read = crystal.read_structure(path)
    assert crystal.symmetry(read).number == 136
    np.testing.assert_allclose(read.cell.cellpar(), made.cell.cellpar(), atol=1e-5)


def test_a_poscar_is_known_by_its_name(tmp_path):
    ase.io.write(tmp_path / "POSCAR", crystal.structure("MgO"), format="vasp")
    assert crystal.symmetry(crystal.read_structure(tmp_path / "POSCAR")).number == 225


@pytest.mark.shared
def test_a_cif_of_a_database_is_read(shared):
    atoms = crystal.read_structure(shared / "data/tem/srtio3_100.cif")
    assert sorted(atoms.get_chemical_symbols()) == ["O", "O", "O", "Sr", "Ti"]
    assert crystal.symmetry(atoms).number == 221


ALLOY = """data_alloy
_cell_length_a 3.7
_cell_length_b 3.7
_cell_length_c 3.7
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_Int_Tables_number 225
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
_atom_site_U_iso_or_equiv
Cu1 Cu 0 0 0 0.75 0.01
Au1 Au 0 0 0 0.25 0.01
O1 O 0.5 0.5 0.5 1.0 {oxygen}
"""


def test_shared_sites_and_displacements_of_a_cif_reach_its_structure_factors(tmp_path):
    path = tmp_path / "alloy.cif"
    path.write_text(ALLOY.format(oxygen="0.02"))
    atoms = crystal.read_structure(path)
    q = 2 / 3.7
    metal = 0.75 * scattering.form_factor("Cu", q) + 0.25 * scattering.form_factor("Au", q)
    oxygen = scattering.form_factor("O", q)
    moving = np.exp(-2 * np.pi**2 * q**2 * np.array([0.01, 0.02]))
    expected = 4 * (metal * moving[0] + oxygen * moving[1])
    assert scattering.structure_factors(atoms, (2, 0, 0)) == pytest.approx(expected)
    still = scattering.structure_factors(atoms, (2, 0, 0), debye_waller=0)
    assert still == pytest.approx(4 * (metal + oxygen))
    larger = crystal.supercell(atoms, [[1, 1, 0], [-1, 1, 0], [0, 0, 1]])
    assert scattering.structure_factors(larger, (2, -2, 0)) == pytest.approx(2 * expected)


def test_displacements_that_are_not_told_of_every_atom_are_left_out(tmp_path):
    path = tmp_path / "alloy.cif"
    path.write_text(ALLOY.format(oxygen="?"))
    atoms = crystal.read_structure(path)
    assert "debye_waller" not in atoms.arrays
    assert not [name for name in atoms.info if name.startswith("_")]


def test_files_that_are_none_are_told_by_name(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no file .*absent\.cif"):
        crystal.read_structure(tmp_path / "absent.cif")
    unknown = tmp_path / "table.qqq"
    unknown.write_text("nothing of note\n")
    with pytest.raises(DataError, match=r"table\.qqq is of no format of structures"):
        crystal.read_structure(unknown)
    with pytest.raises(DataError, match="'jpeg' is none of ASE's names"):
        crystal.read_structure(unknown, format="jpeg")
    broken = tmp_path / "broken.cif"
    broken.write_text("data_x\n_cell_length_a 3\nloop_\n_atom_site_label\n")
    with pytest.raises(DataError, match=r"broken\.cif cannot be read as 'cif'"):
        crystal.read_structure(broken)
    script = tmp_path / "structure.py"
    script.write_text("raise SystemExit\n")
    with pytest.raises(DataError, match=r"structure\.py is of the format 'py', from which"):
        crystal.read_structure(script, format="py")


def test_a_file_with_an_atom_twice_is_refused(tmp_path):
    atoms = crystal.structure("Si")
    atoms += ase.Atom("Si", atoms.positions[3] + [0.0, 0.0, 0.1])
    ase.io.write(tmp_path / "twice.xyz", atoms, format="extxyz")
    with pytest.raises(DataError, match=r"twice\.xyz overlap: 3 \(Si\) and 8 \(Si\) are 0\.1 Å"):
        crystal.read_structure(tmp_path / "twice.xyz")


def test_atoms_overlap_across_the_border_of_the_cell_too():
    near = ase.Atoms("MgO", positions=[(0.1, 2, 2), (3.9, 2, 2)], cell=[4, 4, 4], pbc=True)
    with pytest.raises(DataError, match=r"0 \(Mg\) and 1 \(O\) are 0\.2 Å apart \(1 pairs"):
        crystal.require_apart(near)
    crystal.require_apart(ase.Atoms("MgO", positions=near.positions))
    small = ase.Atoms("Si", cell=[0.3, 5, 5], pbc=True)
    with pytest.raises(DataError, match=r"its own image in the next cell are 0\.3 Å"):
        crystal.require_apart(small)


def test_symmetry_gives_cells_and_equivalent_atoms():
    found = crystal.symmetry(crystal.structure("rutile"))
    assert (found.symbol, found.point_group, found.system) == ("P4_2/mnm", "4/mmm", "tetragonal")
    assert len(set(found.equivalent_atoms.tolist())) == 2
    assert len(found.rotations) == 16
    assert len(found.laue_rotations()) == 16
    silicon = crystal.symmetry(crystal.structure("Si") * 2)
    assert (len(silicon.primitive), len(silicon.conventional)) == (2, 8)
    assert len(crystal.symmetry(crystal.structure("GaAs")).laue_rotations()) == 48


def test_a_small_shift_lowers_the_symmetry_unless_it_is_within_the_tolerance():
    atoms = crystal.structure("SrTiO3")
    atoms.positions[1, 2] += 0.05
    assert crystal.symmetry(atoms).system == "tetragonal"
    assert crystal.symmetry(atoms, tolerance=0.2).number == 221


def test_symmetry_needs_a_cell_and_a_tolerance():
    with pytest.raises(DataError, match="no cell with a volume"):
        crystal.symmetry(ase.Atoms("Si"))
    with pytest.raises(DataError, match="a tolerance is a positive length"):
        crystal.symmetry(crystal.structure("Si"), tolerance=0.0)


def test_a_supercell_is_repeats_or_a_matrix():
    atoms = crystal.structure("GaAs")
    assert len(crystal.supercell(atoms, 2)) == 64
    assert len(crystal.supercell(atoms, (1, 2, 3))) == 48
    matrix = [[1, 1, 0], [-1, 1, 0], [0, 0, 1]]
    turned = crystal.supercell(atoms, matrix)
    assert len(turned) == 16
    assert turned.get_volume() == pytest.approx(2 * atoms.get_volume())
    assert crystal.symmetry(turned).number == 216
    assert sorted(turned.symbols).count("Ga") == 8


@pytest.mark.parametrize(
    ("repeats", "message"),
    [
        (0, "must be 1 or more"),
        ((1, 2), "an integer, three or a matrix"),
        (1.5, "an integer, three or a matrix"),
        ([[1, 0, 0], [0, 1, 0], [1, 1, 0]], "lie in a plane"),
    ],
)
def test_a_supercell_of_no_volume_is_refused(repeats, message):
    with pytest.raises(DataError, match=message):
        crystal.supercell(crystal.structure("Si"), repeats)


def test_two_vectors_make_a_cell_with_every_zone():
    for zone in itertools.product(range(-4, 5), repeat=3):
        if np.gcd.reduce(zone) == 1:
            determinant = np.linalg.det([*basis_across(zone), zone])
            assert determinant == pytest.approx(1.0), zone


@pytest.mark.parametrize(
    ("name", "zone", "edges", "count"),
    [
        ("Si", (0, 1, 1), (3.8403, 5.4310, 3.8403), 4),
        ("Si", (1, 1, 1), (3.8403, 6.6516, 9.4068), 12),
        ("graphite", (0, 0, 1), (2.464, 4.2678, 6.711), 8),
        ("MoS2", (1, 2, 0), (3.160, 12.294, 5.4733), 12),
    ],
)
def test_a_rectangular_cell_is_found_along_a_zone(name, zone, edges, count):
    atoms = crystal.structure(name)
    made = crystal.orthogonal_cell(_primitive(atoms), _in_primitive(atoms, zone))
    np.testing.assert_allclose(made.cell.array, np.diag(made.cell.lengths()), atol=1e-9)
    np.testing.assert_allclose(made.cell.lengths(), edges, atol=2e-3)
    assert len(made) == count
    assert made.info["strain"] == 0.0
    assert crystal.symmetry(made).number == atoms.info["space_group"]


def _primitive(atoms):
    if atoms.info["space_group"] != 227:
        return atoms
    return ase.build.bulk("Si", "diamond", a=atoms.cell.lengths()[0])


def _in_primitive(atoms, zone):
    primitive = _primitive(atoms)
    found = np.linalg.solve(primitive.cell.array.T, np.asarray(zone) @ atoms.cell.array)
    return np.round(found).astype(int) if primitive is not atoms else zone


def test_where_no_rectangle_fits_a_strain_must_be_allowed():
    skew = ase.Atoms("Si", cell=[3.0, 3.7, 4.1, 90, 90, 71.0], pbc=True)
    with pytest.raises(DataError, match="no rectangle of lattice vectors to index 4 is across"):
        crystal.orthogonal_cell(skew, largest_index=4)
    made = crystal.orthogonal_cell(skew, strain=0.03)
    assert 0.0 < made.info["strain"] <= 0.03


def test_a_cell_is_drawn_with_the_atoms_on_all_of_its_borders():
    filled = crystal.filled_cell(crystal.structure("SrTiO3"))
    symbols = filled.get_chemical_symbols()
    assert (symbols.count("Sr"), symbols.count("Ti"), symbols.count("O")) == (8, 1, 6)
    assert len(crystal.filled_cell(crystal.structure("Au"))) == 14
    assert len(crystal.filled_cell(crystal.structure("Si"))) == 18
    np.testing.assert_allclose(filled.cell.lengths(), 3.905268)
    crystal.require_apart(ase.Atoms(filled.symbols, positions=filled.positions))
    two = crystal.filled_cell(crystal.structure("CsCl") * (2, 1, 1))
    assert (two.get_chemical_symbols().count("Cs"), len(two)) == (12, 14)
