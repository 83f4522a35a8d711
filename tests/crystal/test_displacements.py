"""Atoms that move farther along some directions, from CIF files to potentials."""

import ase.build
import numpy as np
import pytest

from omniscopy import crystal, simulate
from omniscopy.physics import scattering

# Quartz, P 31 2 1: silicon on a twofold axis, oxygen anywhere; made-up movements, of which those
# of silicon have the symmetry of the axis along a (U12 = U22 / 2, U13 = U23 / 2).
QUARTZ = """data_quartz
_cell_length_a 4.913
_cell_length_b 4.913
_cell_length_c 5.405
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 120
_symmetry_Int_Tables_number 152
_symmetry_space_group_name_H-M 'P 31 2 1'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_U_iso_or_equiv
Si1 Si 0.4697 0 0.3333333 0.01
O1 O 0.4135 0.2669 0.452433 0.02
loop_
_atom_site_aniso_label
_atom_site_aniso_U_11
_atom_site_aniso_U_22
_atom_site_aniso_U_33
_atom_site_aniso_U_23
_atom_site_aniso_U_13
_atom_site_aniso_U_12
Si1 0.0100 0.0060 0.0150 0.0010 0.0005 0.0030
{oxygen}
"""
OXYGEN = "O1 0.0200 0.0120 0.0300 -0.0050 0.0040 0.0090"


@pytest.fixture
def quartz(tmp_path):
    path = tmp_path / "quartz.cif"
    path.write_text(QUARTZ.format(oxygen=OXYGEN))
    return crystal.read_structure(path)


def test_one_atom_moves_as_the_file_writes_it(quartz):
    assert quartz.arrays["debye_waller"].shape == (9, 3, 3)
    place = int(np.flatnonzero(quartz.symbols == "O")[0])
    alone = quartz[[place]]
    h, k, m = 2, -1, 3
    length = np.linalg.norm(np.linalg.inv(quartz.cell.array).T, axis=1)
    a, b, c = length
    u11, u22, u33, u23, u13, u12 = (float(word) for word in OXYGEN.split()[1:])
    # The definition of the International Union of Crystallography.
    exponent = -2 * np.pi**2 * (
        h**2 * a**2 * u11 + k**2 * b**2 * u22 + m**2 * c**2 * u33
        + 2 * k * m * b * c * u23 + 2 * h * m * a * c * u13 + 2 * h * k * a * b * u12
    )  # fmt: skip
    still = scattering.structure_factors(alone, (h, k, m), debye_waller=0)
    moving = scattering.structure_factors(alone, (h, k, m))
    assert moving / still == pytest.approx(np.exp(exponent), rel=1e-6)


def test_copies_of_an_atom_move_as_the_symmetry_has_it(quartz):
    # Threefold axis along c, and twofold ones across it: these are of the same size only where
    # each copy has the tensor turned with it.
    for h, k, m in [(2, 1, 3), (1, 3, 2), (0, 2, 5), (4, -1, 1)]:
        equivalents = [(h, k, m), (k, -h - k, m), (-h - k, h, m), (k, h, -m), (-h, -k, -m)]
        size = np.abs(scattering.structure_factors(quartz, equivalents))
        np.testing.assert_allclose(size, size[0], rtol=1e-6)
    mirrored = np.abs(scattering.structure_factors(quartz, [(2, 1, 3), (1, 2, 3)]))
    assert abs(mirrored[0] / mirrored[1] - 1) > 0.01


def test_the_mean_movement_is_the_equivalent_one(quartz):
    # U_eq is a third of the trace in Cartesian axes; that of U33 along c is exact for quartz.
    tensors = quartz.arrays["debye_waller"][quartz.symbols == "Si"] / (8 * np.pi**2)
    np.testing.assert_allclose(tensors[:, 2, 2], 0.015, rtol=1e-6)
    # (4/9)(U11 + U22 - U12) + U33/3 of a hexagonal cell (Fischer and Tillmanns, 1988).
    expected = 4 / 9 * (0.0100 + 0.0060 - 0.0030) + 0.015 / 3
    np.testing.assert_allclose(np.trace(tensors, axis1=1, axis2=2) / 3, expected, rtol=1e-4)


def test_atoms_without_a_tensor_move_alike_along_all_directions(tmp_path):
    path = tmp_path / "quartz.cif"
    path.write_text(QUARTZ.format(oxygen=""))
    atoms = crystal.read_structure(path)
    tensors = atoms.arrays["debye_waller"][atoms.symbols == "O"]
    expected = np.broadcast_to(8 * np.pi**2 * 0.02 * np.eye(3), (6, 3, 3))
    np.testing.assert_allclose(tensors, expected)
    assert not [name for name in atoms.info if name.startswith("_")]


def test_a_tensor_that_is_a_number_is_that_number():
    atoms = ase.build.bulk("Si", cubic=True)
    hkl = [(2, 2, 0), (1, 1, 1), (5, 3, 1)]
    tensors = np.broadcast_to(0.7 * np.eye(3), (8, 3, 3))
    np.testing.assert_allclose(
        scattering.structure_factors(atoms, hkl, debye_waller=tensors),
        scattering.structure_factors(atoms, hkl, debye_waller=0.7),
    )


def test_a_turned_cell_turns_the_movements(quartz):
    turned = crystal.orthogonal_cell(quartz, (1, 0, 0))
    # The old a is the new z, and the old c one of the others: U33 of silicon is found along it.
    tensors = turned.arrays["debye_waller"][turned.symbols == "Si"] / (8 * np.pi**2)
    cell = quartz.cell.array
    edge = int(np.flatnonzero(np.isclose(turned.cell.lengths()[:2], cell[2, 2]))[0])
    np.testing.assert_allclose(turned.cell.lengths()[2], np.linalg.norm(cell[0]))
    np.testing.assert_allclose(tensors[:, edge, edge], 0.015, rtol=1e-6)
    along = cell[0] / np.linalg.norm(cell[0])
    old = quartz.arrays["debye_waller"][quartz.symbols == "Si"] / (8 * np.pi**2)
    np.testing.assert_allclose(
        np.unique(tensors[:, 2, 2].round(9)), np.unique((along @ old @ along).round(9))
    )


@pytest.mark.filterwarnings("ignore:a sampling of")
def test_movements_reach_potentials_along_and_across_the_axes():
    atoms = ase.build.bulk("Si", cubic=True)
    tensors = np.broadcast_to([[2.0, 0.5, 0.3], [0.5, 0.4, 0.0], [0.3, 0.0, 3.0]], (8, 3, 3))
    for projection in ("infinite", "finite"):
        made = simulate.potential(
            atoms, sampling=0.1, precision="double", debye_waller=tensors, projection=projection
        )
        found = np.fft.fft2(made.sum("z").values) / made[0].size
        hkl = [(4, 0, 0), (0, 4, 0), (2, 2, 0), (2, -2, 0)]
        expected = scattering.potential_coefficients(atoms, hkl, debye_waller=tensors)
        expected = expected * atoms.cell[2, 2]
        np.testing.assert_allclose([found[k, h] for h, k, _ in hkl], expected, rtol=1e-5)
        assert abs(expected[0]) < 0.9 * abs(expected[1])
        assert abs(expected[2]) < 0.95 * abs(expected[3])


def test_displaced_atoms_are_drawn_as_the_tensors_have_it():
    atoms = ase.build.bulk("Si", cubic=True) * (10, 10, 10)
    tensor = np.array([[2.0, 0.5, 0.3], [0.5, 0.4, 0.0], [0.3, 0.0, 3.0]])
    moved = simulate.frozen_phonons(
        atoms, 1, debye_waller=np.broadcast_to(tensor, (len(atoms), 3, 3)), rng=2
    )[0]
    found = np.cov((moved.positions - atoms.positions).T) * 8 * np.pi**2
    # 8000 atoms: four standard deviations of a mean square.
    np.testing.assert_allclose(found, tensor, atol=4 * 3.0 * np.sqrt(2 / 8000))
