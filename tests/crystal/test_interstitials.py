"""Interstitial sites, against those of textbooks."""

import ase
import numpy as np
import pytest
from ase.build import bulk

from omniscopy.crystal import interstitials
from omniscopy.model import DataError


def counted(found):
    names = [each.name for each in found]
    return {name: names.count(name) for name in names}


def test_a_face_centred_cell_has_four_octahedra_and_eight_tetrahedra():
    cell = bulk("Cu", cubic=True)
    a = cell.cell[0, 0]
    found = interstitials(cell)
    assert counted(found) == {"octahedron": 4, "tetrahedron": 8}
    first, last = found[0], found[-1]
    np.testing.assert_allclose(first.lengths, a / 2)
    np.testing.assert_allclose(last.lengths, a * np.sqrt(3) / 4)
    assert first.volume == pytest.approx(a**3 / 6)
    assert (first.centre, first.element) == (-1, "")
    # On both sides of the site along each axis is an image of the same atom.
    assert sorted(np.bincount(first.ligands, minlength=4)) == [0, 2, 2, 2]
    octahedra = np.array([each.position for each in found[:4]]) / a
    wanted = {(0.5, 0.5, 0.5), (0.5, 0.0, 0.0), (0.0, 0.5, 0.0), (0.0, 0.0, 0.5)}
    assert {tuple(np.round(each, 6) % 1) for each in octahedra} == wanted
    tetrahedra = np.array([each.position for each in found[4:]]) / a
    np.testing.assert_allclose(np.abs(tetrahedra - 0.5), 0.25)


def test_a_primitive_cell_has_as_many_for_each_atom_wherever_the_atom_is():
    cell = bulk("Cu")
    cell.translate([0.7, -3.2, 11.0])
    assert counted(interstitials(cell)) == {"octahedron": 1, "tetrahedron": 2}


def test_a_body_centred_cell_has_twelve_tetrahedra():
    cell = bulk("Fe", cubic=True)
    found = interstitials(cell)
    assert len(found) == 12
    a = cell.cell[0, 0]
    assert all(len(each.corners) == 4 for each in found)
    np.testing.assert_allclose([each.lengths for each in found], a * np.sqrt(5) / 4)


def test_sites_of_a_cluster_are_among_its_atoms():
    corners = np.array([[0, 0, 0], [2, 2, 0], [2, 0, 2], [0, 2, 2.0]])
    (only,) = interstitials(ase.Atoms("C4", positions=corners))
    np.testing.assert_allclose(only.position, [1, 1, 1])
    assert only.name == "tetrahedron"
    # The middle of a flat pyramid's sphere is not between its atoms.
    flat = np.array([[0, 0, 0], [4, 0, 0], [0, 4, 0], [1.3, 1.3, 0.3]])
    assert interstitials(ase.Atoms("C4", positions=flat)) == []


def test_bounds_leave_sites_out():
    cell = bulk("Cu", cubic=True)
    assert counted(interstitials(cell, smallest=1.7)) == {"octahedron": 4}
    assert counted(interstitials(cell, largest=1.7)) == {"tetrahedron": 8}


@pytest.mark.parametrize(
    ("atoms", "arguments", "message"),
    [
        (ase.Atoms("C3", positions=np.eye(3)), {}, "at least 4 atoms"),
        (ase.Atoms("C5", positions=[[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0], [2, 1, 0]]), {},
         "in a plane"),
        (bulk("Cu"), {"smallest": 6.0}, "smallest < largest"),
        (bulk("Cu"), {"tolerance": 0.0}, "tolerance"),
    ],
)  # fmt: skip
def test_wrong_calls_say_what_to_do(atoms, arguments, message):
    with pytest.raises(DataError, match=message):
        interstitials(atoms, **arguments)
