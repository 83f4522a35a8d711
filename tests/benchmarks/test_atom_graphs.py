"""Rings and strain of positions against loops over atoms."""

import numpy as np
import pytest

from omniscopy.atoms.graphs.bonds import planar_bonds
from omniscopy.atoms.graphs.faces import faces_of
from omniscopy.atoms.graphs.rings import shortest_path_rings
from omniscopy.atoms.strain.links import lattice_links
from omniscopy.atoms.strain.strain import deformations
from omniscopy.simulate import atom_positions

pytestmark = pytest.mark.benchmark


def test_faces_are_found_at_once(measured, best_time):
    points = places("honeycomb", spacing=0.142, extent=(6.0, 6.0))
    bonds = planar_bonds(points, None)
    faces, sizes = faces_of(points, bonds, 12)
    rings = shortest_path_rings(bonds, len(points), 12)
    assert len(rings) == len(sizes)
    assert sorted(map(len, rings)) == sorted(sizes.tolist())
    assert len(faces) == len(sizes)
    quick = best_time(lambda: faces_of(points, bonds, 12))
    slow = best_time(lambda: shortest_path_rings(bonds, len(points), 12), repeats=1)
    measured("rings by faces against a search from every atom", slow / quick, "> 50")
    assert slow / quick > 50


def test_strain_is_fitted_to_all_atoms_at_once(measured, best_time):
    points = places("square", extent=(16.0, 16.0), noise=0.004)
    cell = np.array([[0.0, 0.4], [0.4, 0.0]])
    links = lattice_links(points, cell, 1.5)
    matrix = deformations(points, links.index, links.ideal)[0]
    np.testing.assert_allclose(one_by_one(points, links), matrix, atol=1e-9)
    quick = best_time(lambda: deformations(points, links.index, links.ideal))
    slow = best_time(lambda: one_by_one(points, links), repeats=1)
    measured("strain of all atoms against a fit for each", slow / quick, "> 10")
    assert slow / quick > 10


def one_by_one(points, links):
    found = np.full((len(points), 2, 2), np.nan)
    for atom, index in enumerate(links.index):
        there = index >= 0
        ideal = np.concatenate([np.zeros((1, 2)), links.ideal[there]])
        here = np.concatenate([points[atom : atom + 1], points[index[there]]])
        design = np.column_stack([np.ones(len(ideal)), ideal])
        if np.linalg.matrix_rank(design) == 3:
            found[atom] = np.linalg.lstsq(design, here, rcond=None)[0][1:].T
    return found


def places(structure, **options):
    made = atom_positions(structure, **options)
    return np.stack([made["y"].values, made["x"].values], axis=-1)
