"""Lattices found in positions, with atoms missing, wrong, turned and strained."""

import numpy as np
import pytest
import xarray as xr

from omniscopy.atoms import find_lattice
from omniscopy.model import DataError, Status

# Vectors (y, x), and sites in the cell, the most frequent one first where a few are missing.
LATTICES = {
    "square": ([[0.0, 1.0], [1.0, 0.0]], [[0.0, 0.0]]),
    "hexagonal": ([[0.0, 1.0], [np.sqrt(0.75), -0.5]], [[0.0, 0.0]]),
    "rectangular": ([[0.0, 1.0], [1.5, 0.0]], [[0.0, 0.0]]),
    "honeycomb": ([[0.0, 1.0], [np.sqrt(0.75), -0.5]], [[0.0, 0.0], [np.sqrt(1 / 3), 0.0]]),
    "projected perovskite": ([[0.0, 1.0], [1.0, 0.0]], [[0.0, 0.0], [0.25, 0.5]]),
    "three of a cell": ([[0.0, 1.0], [1.2, 0.1]], [[0.0, 0.0], [0.6, 0.4], [0.3, 0.75]]),
}


def table(points):
    columns = {"y": points[:, 0], "x": points[:, 1]}
    return xr.Dataset({name: ("atom", each, {"units": "nm"}) for name, each in columns.items()})


def turned(points, angle):
    """Return points turned from +x towards +y (down) by an angle in degrees."""
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return points @ np.array([[c, -s], [s, c]])


def crystal(kind, rng, *, angle=0.0, missing=0.0, extra=0, noise=0.0, strain=0.0):
    """Return points of a disc, their true indices and sites, and the true vectors."""
    cell, sites = (0.39 * np.array(each) for each in LATTICES[kind])
    i, j = np.mgrid[-9:10, -9:10].reshape(2, -1)
    index = np.concatenate([np.stack([i, j], axis=1)] * len(sites))
    site = np.repeat(np.arange(len(sites)), len(i))
    points = index @ cell + sites[site]
    inside = np.hypot(*points.T) < 2.7
    inside &= rng.random(len(points)) >= missing
    points, index, site = points[inside], index[inside], site[inside]
    stretch = np.array([[1.0 + strain, 0.2 * strain], [0.2 * strain, 1.0 - 0.5 * strain]])
    cell, points = (turned(each @ stretch, angle) for each in (cell, points))
    points = points + rng.normal(0, noise, points.shape) + [3.0, 5.0]
    wrong = rng.uniform(points.min(axis=0), points.max(axis=0), (extra, 2))
    return np.concatenate([points, wrong]), index, site, cell


def lattice_of(found):
    return np.array([[float(found[f"{name}_{axis}"]) for axis in "yx"] for name in "ab"])


def span(cell, other):
    """Return vectors in terms of others, which are whole numbers where both span one lattice."""
    return cell @ np.linalg.inv(other)


@pytest.mark.parametrize("kind", LATTICES)
@pytest.mark.parametrize("angle", [0.0, 17.0, 44.0, -71.0])
def test_lattices_without_error_are_recovered_to_rounding(kind, angle):
    points, index, site, cell = crystal(kind, np.random.default_rng(0), angle=angle)
    found = find_lattice(table(points))
    vectors = lattice_of(found)
    whole = np.rint(span(vectors, cell))
    assert abs(np.linalg.det(whole)) == pytest.approx(1.0)
    np.testing.assert_allclose(vectors, whole @ cell, atol=1e-9)
    assert int(found["sites"]) == len(LATTICES[kind][1])
    assert int(found["count"]) == len(points)
    assert float(found["residual"].max()) < 1e-9
    lengths = np.hypot(*vectors.T)
    np.testing.assert_allclose([found["length_a"], found["length_b"]], lengths)
    # Atoms of one site differ by the difference of their indices in the true cell.
    own = np.stack([found["index_a"], found["index_b"]], axis=1)
    for number in np.unique(site):
        same = site == number
        assert len(np.unique(found["site"].values[same])) == 1
        away = own[same] @ whole - index[same]
        np.testing.assert_allclose(away, np.broadcast_to(away[0], away.shape), atol=1e-9)


@pytest.mark.parametrize("kind", LATTICES)
def test_missing_and_extra_atoms_noise_and_strain_change_nothing(kind):
    rng = np.random.default_rng(1)
    points, index, site, cell = crystal(
        kind, rng, angle=23.0, missing=0.1, extra=12, noise=0.004, strain=0.03
    )
    found = find_lattice(table(points))
    vectors = lattice_of(found)
    whole = np.rint(span(vectors, cell))
    assert abs(np.linalg.det(whole)) == pytest.approx(1.0)
    std = np.array([[float(found[f"{name}_{axis}_std"]) for axis in "yx"] for name in "ab"])
    assert (np.abs(vectors - whole @ cell) < 4 * std).all()
    assert (std < 0.001).all()
    true = np.arange(len(points)) < len(index)
    assert (found["site"].values[true] >= 0).mean() > 0.98
    own = np.stack([found["index_a"], found["index_b"]], axis=1)[true]
    for number in np.unique(site):
        away = own[site == number] @ whole - index[site == number]
        middle = np.nanmedian(away, axis=0)
        assert (np.abs(away - middle).max(axis=1) < 1e-6).mean() > 0.98


def test_scatter_of_vectors_is_what_is_said():
    rng = np.random.default_rng(2)
    made, said = [], []
    for _ in range(60):
        points, _, _, cell = crystal("hexagonal", rng, noise=0.01)
        found = find_lattice(table(points))
        made.append((lattice_of(found) - np.rint(span(lattice_of(found), cell)) @ cell).ravel())
        said.append([float(found[f"{name}_{axis}_std"]) for name in "ab" for axis in "yx"])
    pulls = np.array(made) / np.array(said)
    assert np.sqrt((pulls**2).mean()) == pytest.approx(1.0, abs=0.15)
    assert np.abs(pulls.mean(axis=0)).max() < 4 / np.sqrt(60)


def test_the_first_vector_is_along_x_and_the_second_down():
    points, _, _, _ = crystal("rectangular", np.random.default_rng(3), angle=10.0)
    found = find_lattice(table(points))
    np.testing.assert_allclose(
        lattice_of(found), turned(0.39 * np.array([[0.0, 1.0], [1.5, 0.0]]), 10.0), atol=1e-9
    )
    assert float(found["a_y"]) > 0  # +y is down: turned from +x towards it
    assert float(found["angle"]) == pytest.approx(90.0)
    hexagonal = find_lattice(table(crystal("hexagonal", np.random.default_rng(3))[0]))
    assert float(hexagonal["angle"]) == pytest.approx(120.0)


def test_a_centred_cell_is_that_of_the_shortest_vectors_unless_another_is_given():
    i, j = np.mgrid[-8:9, -8:9].reshape(2, -1)
    corners = np.stack([0.6 * i, 0.4 * j], axis=1)
    points = table(np.concatenate([corners, corners + np.array([0.3, 0.2])]))
    found = find_lattice(points)
    assert int(found["sites"]) == 1
    vectors = lattice_of(found)
    assert abs(np.linalg.det(vectors)) == pytest.approx(0.12)
    given = find_lattice(points, a=(0.0, 0.41), b=(0.59, 0.0))
    np.testing.assert_allclose(lattice_of(given), [[0.0, 0.4], [0.6, 0.0]], atol=1e-9)
    assert int(given["sites"]) == 2
    assert int(given["count"]) == points.sizes["atom"]
    first = given["site"].values == 0
    moved = np.stack([given["index_a"], given["index_b"]], axis=1)[first]
    place = np.stack([points["y"], points["x"]], axis=1)[first]
    step = np.diff(place, axis=0) / [0.6, 0.4]
    np.testing.assert_allclose(np.diff(moved, axis=0), step[:, ::-1], atol=1e-6)


def test_atoms_off_the_middle_of_perovskite_cells_are_a_site_of_the_cell_that_is_given():
    """By themselves they are on the smaller lattice of which they are a bit off."""
    i, j = np.mgrid[-8:9, -8:9].reshape(2, -1)
    corners = 0.39 * np.stack([i, j], axis=1)
    middles = corners + 0.39 * np.array([0.45, 0.5])
    rng = np.random.default_rng(7)
    points = np.concatenate([corners, middles]) + rng.normal(0, 0.002, (2 * len(corners), 2))
    smaller = find_lattice(table(points))
    assert int(smaller["sites"]) == 1
    assert abs(np.linalg.det(lattice_of(smaller))) == pytest.approx(0.39**2 / 2, rel=0.01)
    found = find_lattice(table(points), a=(0.0, 0.39), b=(0.39, 0.0))
    assert found["sites"] == 2
    assert float(found["residual"].max()) < 6 * 0.002
    one, other = (points[found["site"].values == number] for number in (0, 1))
    apart = (other.mean(axis=0) - one.mean(axis=0)) / 0.39
    np.testing.assert_allclose(np.abs((apart + 0.5) % 1 - 0.5), [0.45, 0.5], atol=0.01)


def test_points_without_order_have_no_lattice():
    rng = np.random.default_rng(4)
    found = find_lattice(table(rng.uniform(0, 5, (200, 2))))
    few = find_lattice(table(rng.uniform(0, 5, (5, 2))))
    assert (few["status"] == Status.INVALID).all()
    assert (found["status"] == Status.INVALID).all()
    assert np.isnan(found["a_y"])
    assert (found["site"] == -1).all()


def test_an_atom_without_a_position_has_no_index():
    points = crystal("square", np.random.default_rng(5))[0]
    points[7] = np.nan
    found = find_lattice(table(points))
    assert found["status"].values[7] == Status.NO_DATA
    assert found["site"].values[7] == -1
    assert int(found["count"]) == len(points) - 1


@pytest.mark.parametrize(
    ("vectors", "words"),
    [
        ({"a": (0.0, 0.4)}, "given together"),
        ({"a": (0.0, 0.4), "b": (0.0, 0.8)}, "not along one line"),
        ({"a": (0.0, 0.0), "b": (0.0, 0.8)}, "not along one line"),
    ],
)
def test_vectors_that_span_no_cell_are_refused(vectors, words):
    points = crystal("square", np.random.default_rng(6))[0]
    with pytest.raises(DataError, match=words):
        find_lattice(table(points), **vectors)
