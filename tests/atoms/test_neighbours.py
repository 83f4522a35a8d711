"""Neighbours, pair distribution, bond order, grains, local crystallography."""

import numpy as np
import pytest
import xarray as xr

from omniscopy.atoms import (
    decompose_neighbourhoods,
    find_domains,
    match_neighbours,
    measure_bond_order,
    measure_neighbours,
    measure_pair_distribution,
)
from omniscopy.model import DataError, Status
from omniscopy.simulate import atom_positions, bicrystal


def test_neighbours_of_a_square_lattice_are_in_four_directions():
    made = atom_positions("square")
    found = measure_neighbours(made, 4)
    inner = found.isel(atom=np.flatnonzero(found["coordination"] == 4))
    np.testing.assert_allclose(inner["distance"], 0.4, atol=1e-9)
    np.testing.assert_allclose(np.sort(np.abs(inner["angle"]), axis=1)[0], [0, 90, 90, 180])
    np.testing.assert_allclose(inner["bond_angle_deviation"], 0.0, atol=1e-5)
    away = made["y"].values[inner["index"].values] - made["y"].values[inner["atom"].values, None]
    np.testing.assert_allclose(away, inner["dy"], atol=1e-12)
    np.testing.assert_allclose(
        inner["angle"], np.degrees(np.arctan2(inner["dy"], inner["dx"])), atol=1e-9
    )


@pytest.mark.parametrize(("structure", "count"), [("hexagonal", 6), ("honeycomb", 3)])
def test_the_usual_coordination_is_that_of_the_lattice(structure, count):
    found = measure_neighbours(atom_positions(structure, noise=0.005), 3)
    values, often = np.unique(found["coordination"], return_counts=True)
    assert values[often.argmax()] == count


def test_atoms_at_one_place_are_neighbours_and_not_themselves():
    made = table([[0.0, 0.0], [0.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
    found = measure_neighbours(made, 2)
    for atom in range(5):
        assert atom not in found["index"].values[atom]
    np.testing.assert_allclose(found["distance"][2], 0.0)


def test_fewer_atoms_than_neighbours_leave_blanks():
    made = atom_positions("square").isel(atom=slice(6))
    made = made.assign(y=made["y"].where(made["atom"] < 3))
    found = measure_neighbours(made, 4)
    np.testing.assert_array_equal(found["index"].values[:3, 2:], -1)
    assert (found["status"].values[3:] == Status.NO_DATA).all()


def test_random_points_have_a_pair_distribution_of_one():
    values, stds = [], []
    for seed in range(30):
        points = np.random.default_rng(seed).uniform(0, [8.0, 10.0], (600, 2))
        found = measure_pair_distribution(
            table(points), 5.0, bins=50, field=((0.0, 8.0), (0.0, 10.0))
        )
        values.append(found["pair_distribution"].values)
        stds.append(found["pair_distribution_std"].values)
    mean, scatter = np.mean(values, axis=0), np.std(values, axis=0)
    np.testing.assert_allclose(mean, 1.0, atol=0.02)
    near = slice(1, 8)  # up to a tenth of the field
    assert np.mean((scatter / np.mean(stds, axis=0))[near]) == pytest.approx(1.0, rel=0.15)
    assert float(found["density"]) == pytest.approx(600 / 80.0)


def test_the_shells_of_a_lattice_hold_as_many_atoms_as_they_should():
    made = atom_positions("square", extent=(12.0, 12.0))
    found = measure_pair_distribution(made, 0.6, bins=60)
    r, g = found["distance"].values, found["pair_distribution"].values
    ring = 2 * np.pi * r * 0.01 * float(found["density"])
    assert float(found["density"]) == pytest.approx(1 / 0.16, rel=1e-3)
    first, second = r < 0.48, r >= 0.48
    assert (g * ring)[first].sum() == pytest.approx(4.0, rel=0.03)
    assert (g * ring)[second].sum() == pytest.approx(4.0, rel=0.03)


@pytest.mark.parametrize(("structure", "fold"), [("hexagonal", 6), ("honeycomb", 6), ("square", 4)])
def test_bond_order_is_one_and_turns_with_the_crystal(structure, fold):
    for turn in (0.0, 7.0, -11.0):
        found = measure_bond_order(atom_positions(structure, rotation=turn), fold)
        plain = measure_bond_order(atom_positions(structure), fold)
        inner = found["coordination"] == found["coordination"].max()
        np.testing.assert_allclose(found["order"].values[inner], 1.0, atol=1e-9)
        turned = (found["orientation"] - plain["orientation"]).values[inner] - turn
        period = 360.0 / fold
        np.testing.assert_allclose(turned - period * np.round(turned / period), 0.0, atol=1e-6)


def test_two_grains_and_their_boundary_are_found():
    made = bicrystal(angles=(2.0, 15.0), noise=0.003)
    found = find_domains(made)
    assert int(found["count"]) == 2
    label, grain = found["label"].values, made["grain"].values
    inner = ~found["boundary"].values
    # The labels are those of the grains, up to their order.
    same = np.mean(label[inner] == grain[inner])
    assert max(same, 1 - same) == 1.0
    x = found["x"].values[found["boundary"].values]
    assert np.mean(np.abs(x - 2.5) < 0.5) > 0.8
    np.testing.assert_allclose(np.sort(found["mean_orientation"]), [2.0, 15.0], atol=0.3)


def test_a_bent_crystal_is_one_grain():
    made = atom_positions("hexagonal", spacing=0.25)
    bent = made.assign(y=made["y"] + 0.05 * (made["x"] - 2.4) ** 2)
    found = find_domains(bent)
    assert int(found["count"]) == 1
    assert float(np.ptp(found["orientation"].values)) > 10.0


def test_neighbours_are_in_the_same_order_for_all_atoms():
    made = atom_positions("square", noise=0.01)
    found = match_neighbours(made, 4)
    near = measure_neighbours(made, 4)
    inner = np.flatnonzero(near["coordination"] == 4)
    away = found["vector"].values[inner] - np.median(found["vector"].values[inner], axis=0)
    assert np.abs(away).max() < 0.08  # the noise of two atoms, and no swap
    np.testing.assert_allclose(
        np.sort(found["distance"].values[inner], axis=1), near["distance"].values[inner]
    )


def test_the_first_component_is_the_strain_that_there_is():
    made = atom_positions("square", extent=(6.0, 6.0), noise=0.001)
    stretched = made.assign(x=made["x"] + 0.02 * np.maximum(made["x"] - 3.0, 0.0))
    found = decompose_neighbourhoods(stretched, 2, n_neighbours=4, of="distances")
    loading = found["loadings"].values[:, 0]
    middle = in_the_middle(stretched)
    side = stretched["x"].values > 3.0
    low, high = loading[middle & ~side], loading[middle & side]
    assert abs(low.mean() - high.mean()) > 3 * (low.std() + high.std())
    assert (found["status"].values[middle] == Status.CONVERGED).all()
    assert (found["status"].values[stretched["x"].values < 0.3] == Status.NO_DATA).all()


def series(angle=2.0):
    """Square lattices of several sizes and ratios of the sides, one of them turned back."""
    turn = np.deg2rad([angle, -angle, angle])
    for n, (ratio, size) in enumerate(zip((1.0, 1.01, 1.03), (3.0, 3.6, 2.8), strict=True)):
        made = atom_positions("square", extent=(size, size), noise=0.0005, rng=n)
        y, x = made["y"] * ratio, made["x"] / ratio
        yield made.assign(
            y=y * np.cos(turn[n]) + x * np.sin(turn[n]), x=x * np.cos(turn[n]) - y * np.sin(turn[n])
        )


def test_a_series_of_samples_shares_its_components():
    tables = list(series())
    found = decompose_neighbourhoods(tables, 2, n_neighbours=4, of="distances")
    most = max(table.sizes["atom"] for table in tables)
    assert found["loadings"].sizes == {"sample": 3, "atom": most, "component": 2}
    first = found["loadings"].isel(component=0)
    mean = first.mean("atom").values
    # The sides of the cells differ by 0, 2 and 6 %; what is between atoms is little.
    assert (mean[2] - mean[0]) / (mean[1] - mean[0]) == pytest.approx(3.0, abs=0.2)
    assert first.std("atom").max() < 0.1 * abs(mean[2] - mean[0])
    for n, table in enumerate(tables):
        assert found["y"][n].notnull().sum() == table.sizes["atom"]
        assert first[n, table.sizes["atom"] :].isnull().all()
    alone = decompose_neighbourhoods(tables[2], 2, n_neighbours=4)["components"]
    assert alone.sizes["neighbour"] == 4


def test_neighbours_of_two_samples_are_in_one_order():
    # One neighbour lies on each side of the line on which angles begin anew.
    one, other, _ = series()
    template = match_neighbours(one, 4)["template"]
    own = match_neighbours(other, 4)["template"]
    told = match_neighbours(other, 4, template=3 * template)["template"]
    assert float(abs(own - template).max()) > 0.2
    assert float(abs(told - template).max()) < 0.04


def test_clusters_of_neighbourhoods_are_the_sublattices_of_a_sheet():
    made = atom_positions("honeycomb", spacing=0.142, extent=(2.0, 2.0), noise=0.003)
    near = measure_neighbours(made, 3)
    found = decompose_neighbourhoods(made, 2, method="kmeans", n_neighbours=3, rng=0)
    inner = near["coordination"].values == 3
    label, kind = found["label"].values[inner], made["kind"].values[inner]
    assert max(np.mean(label == kind), np.mean(label != kind)) == 1.0


def test_images_around_atoms_are_decomposed_too():
    rng = np.random.default_rng(0)
    shape = np.exp(-np.add.outer(np.linspace(-2, 2, 7) ** 2, np.linspace(-2, 2, 5) ** 2))
    height = rng.uniform(1, 2, 40)
    images = xr.DataArray(
        height[:, None, None] * shape, dims=("atom", "window_y", "window_x"),
        coords={"atom": np.arange(40)},
    )  # fmt: skip
    found = decompose_neighbourhoods(images, 1)
    correlation = np.corrcoef(found["loadings"].values[:, 0], height)[0, 1]
    assert abs(correlation) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda made: decompose_neighbourhoods([], 2), "at least one sample"),
        (lambda made: decompose_neighbourhoods([made, made["y"]], 2), "sample 1 must be a Dataset"),
        (lambda made: match_neighbours(made, 4, template=made["y"]), "template must have"),
        (lambda p: measure_neighbours(p, 0), "n_neighbours must be at least 1"),
        (lambda p: measure_neighbours(p, 1000), "n_neighbours is 1000; there are"),
        (lambda p: measure_pair_distribution(p, -1.0), "max_distance must be above 0"),
        (lambda p: measure_pair_distribution(p, 1.0, field=((1, 0), (0, 1))), "low before high"),
        (lambda p: measure_bond_order(p, 0), "fold must be at least 1"),
        (lambda p: find_domains(p, tolerance=40.0), "tolerance must be between 0 and 30"),
        (lambda p: decompose_neighbourhoods(p, 2, method="nmf"), 'needs of="distances"'),
        (lambda p: decompose_neighbourhoods(p["y"], 2), "expected images along 'atom'"),
        (lambda p: match_neighbours(p, 500), "n_neighbours is 500"),
    ],
)
def test_wrong_calls_say_what_to_do(call, words):
    with pytest.raises(DataError, match=words):
        call(atom_positions("square"))


def table(points):
    y, x = np.asarray(points, dtype=float).T
    places = {"y": ("atom", y, {"units": "nm"}), "x": ("atom", x, {"units": "nm"})}
    return xr.Dataset(places, {"atom": np.arange(len(y))})


def in_the_middle(positions, edge=0.5):
    inside = np.ones(positions.sizes["atom"], dtype=bool)
    for name in ("y", "x"):
        values = positions[name].values
        inside &= (values > values.min() + edge) & (values < values.max() - edge)
    return inside
