"""Defects by the lattice and by rings."""

import json

import numpy as np
import pytest
import xarray as xr

from omniscopy.atoms import (
    decompose_neighbourhoods,
    find_defects,
    find_rings,
    measure_bond_order,
    measure_neighbours,
    measure_pair_distribution,
)
from omniscopy.model import DataError
from omniscopy.simulate import atom_positions, crystal_lattice


@pytest.mark.parametrize("structure", ["square", "hexagonal", "honeycomb", "perovskite"])
@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_vacancies_and_interstitials_are_where_they_were_made(structure, noise):
    made = atom_positions(
        structure, extent=(6.0, 6.0), vacancies=3, interstitials=2, noise=noise, rng=4
    )
    found = find_defects(made, crystal_lattice(structure))
    truth = made.attrs["metadata"]["truth"]
    for kind, places in ((1, truth["vacancies"]), (2, truth["interstitials"])):
        own = found.isel(defect=np.flatnonzero(found["kind"] == kind))
        seen = np.stack([own["y"].values, own["x"].values], axis=-1)
        order = np.lexsort(seen.T[::-1]), np.lexsort(np.array(places).T[::-1])
        assert len(seen) == len(places), (kind, seen, places)
        wrong = np.abs(seen[order[0]] - np.array(places)[order[1]])
        assert wrong.max() < 5 * noise + 1e-9
    atoms = found["atom_number"].values[found["kind"].values == 2].astype(int)
    assert (made["kind"].values[atoms] == -1).all()


def test_defects_are_found_in_a_strained_crystal():
    made = atom_positions(
        "square", extent=(6.0, 6.0), strain=(0.04, -0.03, 0.02), rotation=3.0, vacancies=3
    )
    found = find_defects(made, crystal_lattice("square"))
    seen = np.stack([found["y"].values, found["x"].values], axis=-1)
    truth = np.array(made.attrs["metadata"]["truth"]["vacancies"])
    np.testing.assert_allclose(np.sort(seen, axis=0), np.sort(truth, axis=0), atol=0.01)


def test_a_crystal_without_defects_has_none():
    for structure in ("square", "perovskite", "honeycomb", "hexagonal"):
        made = atom_positions(structure, noise=0.01)
        assert int(find_defects(made, crystal_lattice(structure))["count"]) == 0, structure


def test_a_brighter_atom_is_a_substitution():
    made = atom_positions("perovskite", extent=(5.0, 5.0))
    rng = np.random.default_rng(2)
    bright = made["intensity"] * (1 + 0.05 * rng.standard_normal(made.sizes["atom"]))
    chosen = int(np.flatnonzero(made["kind"] == 1)[20])
    bright[chosen] = 1.0  # that of the other sublattice
    found = find_defects(made.assign(intensity=bright), crystal_lattice("perovskite"))
    assert found["kind"].values.tolist() == [3.0]
    assert found["atom_number"].values.tolist() == [chosen]
    assert float(found["strength"][0]) > 10


def test_rings_of_other_sizes_are_defects_without_a_lattice():
    made = atom_positions("honeycomb", spacing=0.142, extent=(3.0, 3.0), vacancies=2)
    found = find_defects(made)
    assert found["kind"].values.tolist() == [4.0, 4.0]
    assert found["strength"].values.tolist() == [12.0, 12.0]
    assert sorted(found["cluster"].values) == [1.0, 2.0]
    assert found["kind"].attrs["flag_meanings"].split()[3] == "ring"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda p, a: find_defects(p, a, threshold=0.0), "threshold must be above 0"),
        (lambda p, a: find_defects(p, p), "lattice must be a Dataset with"),
        (lambda p, a: find_defects(p, max_size=1), "max_size must be at least 3"),
    ],
)
def test_wrong_calls_say_what_to_do(call, words):
    with pytest.raises(DataError, match=words):
        call(atom_positions("square"), crystal_lattice("square"))


@pytest.mark.shared
def test_published_graphene_is_a_sheet_of_hexagons_with_a_grain_boundary(shared):
    folder = shared / "data" / "atoms" / "graphene_adf"
    places = published(folder, "G-GrainBoundary-4nm")
    found = find_rings(places)
    sizes, counts = np.unique(found["size"], return_counts=True)
    assert sizes[counts.argmax()] == 6
    hexagons = found["area"].values[found["size"].values == 6]
    # A hexagon has 1.5 sqrt(3) (0.142 nm)²; the scale of the scan is good to some percent.
    assert np.median(hexagons) == pytest.approx(1.5 * np.sqrt(3.0) * 0.142**2, rel=0.1)
    odd = find_defects(places)
    # Pentagons and heptagons of the boundary stand together.
    assert {5.0, 7.0} <= set(odd["strength"].values)
    assert int(np.bincount(odd["cluster"].values.astype(int)).max()) >= 3
    assert float(measure_bond_order(places, 6)["order"].median()) > 0.9


@pytest.mark.shared
def test_published_graphene_has_three_neighbours_at_the_length_of_a_bond(shared):
    places = published(shared / "data" / "atoms" / "graphene_adf", "G-Si-2nm")
    near = measure_neighbours(places, 3)
    values, often = np.unique(near["coordination"], return_counts=True)
    assert values[often.argmax()] == 3
    assert float(near["mean_distance"].median()) == pytest.approx(0.142, rel=0.06)
    g = measure_pair_distribution(places, 0.5, bins=50)
    highest = int(np.argmax(g["pair_distribution"].values))
    assert float(g["distance"][highest]) == pytest.approx(0.142, abs=0.015)
    parts = decompose_neighbourhoods(places, 2, method="kmeans", n_neighbours=3, rng=0)
    assert int(parts["size"].min()) > 0.2 * places.sizes["atom"]


def published(folder, name):
    import h5py

    rows = np.load(folder / f"{name}-published.npz")["coordinates"]
    with h5py.File(folder / f"{name}.hdf5") as file:
        width = file["image_data"].shape[-1]
        size = float(json.loads(file["metadata"][()])["scan size"])
    return xr.Dataset(
        {
            name: ("atom", rows[:, axis] * size / width, {"units": "nm"})
            for axis, name in enumerate(("y", "x"))
        },
        {"atom": np.arange(len(rows))},
    )
