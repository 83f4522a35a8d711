"""Grains of maps of orientations that are known."""

import numpy as np
import pytest
import xarray as xr
from scipy.spatial.transform import Rotation

from omniscopy import crystal, image, samples
from omniscopy.diffraction import find_grains
from omniscopy.diffraction.orientation.grains import angles_between
from omniscopy.model import DataError, Status, coordinate

ALUMINIUM, ZINC_OXIDE = crystal.structure("Al"), crystal.structure("ZnO")


def as_map(matrices, step_y=2.0, step_x=3.0):
    rows, columns = matrices.shape[-4:-2]
    coords = {
        "y": coordinate("y", step_y * np.arange(rows), "nm"),
        "x": coordinate("x", step_x * np.arange(columns), "nm"),
    }
    dims = ("frame", "y", "x", "row", "column")[-matrices.ndim :]
    return xr.Dataset({"matrix": (dims, matrices, {"units": "1"})}, coords)


def turned_by(axis, degrees):
    axis = np.asarray(axis) / np.linalg.norm(axis)
    return Rotation.from_rotvec(np.radians(degrees) * axis).as_matrix()


def three_grains(atoms, *, spread=0.5, shape=(12, 17), rng=0):
    """Return a map of three grains, a random equivalent at each place; truth and means."""
    draw = np.random.default_rng(rng)
    first = Rotation.random(rng=7).as_matrix()
    means = np.stack([turned_by((1, 2, 3), angle) @ first for angle in (0.0, 8.0, 25.0)])
    truth = np.zeros(shape, int)
    truth[:, 7:] = 1
    truth[5:, 11:] = 2
    turns = crystal.proper_rotations(atoms)
    noise = Rotation.from_rotvec(
        np.radians(spread) * draw.normal(size=(truth.size, 3)) / np.sqrt(3)
    ).as_matrix()
    chosen = turns[draw.integers(len(turns), size=truth.size)]
    matrices = noise @ means[truth.ravel()] @ chosen
    return as_map(matrices.reshape(*shape, 3, 3)), truth, means


@pytest.mark.parametrize("atoms", [ALUMINIUM, ZINC_OXIDE])
def test_grains_are_found_whichever_equivalents_describe_them(atoms):
    data, truth, means = three_grains(atoms)
    found = find_grains(data, atoms)
    np.testing.assert_array_equal(found["grains"], truth + 1)
    assert found["grains"].dtype.kind == "i"
    turns = crystal.proper_rotations(atoms)
    for number, mean in enumerate(means):
        seen = found["mean_matrix"].values[truth == number]
        np.testing.assert_allclose(seen, seen[:1].repeat(len(seen), 0), atol=1e-12)
        np.testing.assert_allclose(seen[0] @ seen[0].T, np.eye(3), atol=1e-12)
        assert np.linalg.det(seen[0]) == pytest.approx(1.0)
        # The mean of some sixty places scatters by an eighth of the spread.
        assert angles_between(seen[:1], mean[None], turns)[0] < 0.2
    # The three components of a turn of 0.5 degrees, each a normal number.
    rms = np.sqrt(np.mean(found["misorientation"].values ** 2))
    assert rms == pytest.approx(0.5, rel=0.1)
    pairs = np.sqrt(2.0) * np.sqrt(8.0 / (3.0 * np.pi)) * 0.5
    assert float(found["local_misorientation"].mean()) == pytest.approx(pairs, rel=0.1)
    assert found["misorientation"].attrs["units"] == "deg"
    table = image.measure_grains(found["misorientation"], found["grains"])
    np.testing.assert_allclose(table["area"], 6.0 * np.bincount(truth.ravel()))


def test_the_tolerance_is_the_angle_between_neighbours():
    """Of grains 8 degrees apart, and of a lattice that bends by 2 degrees from place to place."""
    data, truth, _ = three_grains(ALUMINIUM, spread=1e-3)
    assert find_grains(data, ALUMINIUM, tolerance=7.9)["grains"].max() == 3
    np.testing.assert_array_equal(
        find_grains(data, ALUMINIUM, tolerance=8.1)["grains"], 1 + (truth == 2)
    )
    bent = as_map(np.stack([turned_by((0, 1, 1), 2.0 * n) for n in range(9)])[None])
    whole = find_grains(bent, "Al", tolerance=2.1)
    assert whole["grains"].max() == 1
    # The middle of 0 to 16 degrees is 8.
    np.testing.assert_allclose(
        whole["misorientation"][0], np.abs(2.0 * np.arange(9) - 8.0), atol=1e-5
    )
    np.testing.assert_allclose(whole["local_misorientation"], 2.0, atol=1e-6)
    alone = find_grains(bent, "Al", tolerance=1.9)
    np.testing.assert_array_equal(alone["grains"][0], 1 + np.arange(9))
    assert alone["local_misorientation"].isnull().all()


def test_angles_are_those_of_the_crystal():
    draw = [Rotation.random(40, rng=seed).as_matrix() for seed in (1, 2)]
    for atoms in (ALUMINIUM, ZINC_OXIDE):
        expected = crystal.misorientations(atoms, *draw)
        turns = crystal.proper_rotations(atoms)
        np.testing.assert_allclose(angles_between(*draw, turns), expected, atol=1e-9)


def test_places_without_an_orientation_and_small_grains_are_none():
    data, truth, _ = three_grains(ALUMINIUM)
    data["matrix"][2, 3] = np.nan
    data["matrix"][:, 11] = np.nan
    found = find_grains(data, "Al")
    gone = np.zeros(truth.shape, bool)
    gone[2, 3] = gone[:, 11] = True
    np.testing.assert_array_equal(found["status"], np.where(gone, int(Status.NO_DATA), 0))
    # Grain 2 is 12 x 4 and 5 x 5 places beyond the gap, the latter too small; grain 3 is 7 x 5.
    small = gone | ((truth == 1) & (np.arange(17) > 11))
    found = find_grains(data, "Al", min_area=26 * 6.0)
    np.testing.assert_array_equal(found["grains"] == 0, small)
    for name in ("misorientation", "mean_matrix", "local_misorientation"):
        values = found[name].values.reshape(*truth.shape, -1)
        np.testing.assert_array_equal(np.isnan(values).all(axis=-1), small)
    assert set(np.unique(found["grains"])) == {0, 1, 2, 3}


def test_maps_of_other_dimensions_are_carried_along_lazily():
    data, truth, _ = three_grains(ALUMINIUM)
    both = as_map(np.stack([data["matrix"].values, data["matrix"].values[::-1]]))
    found = find_grains(both.chunk({"frame": 1, "x": 4}), "Al")
    assert found["grains"].chunks is not None
    np.testing.assert_array_equal(found["grains"][0], truth + 1)
    assert found["grains"][1].max() == 3
    # Listed backwards, a map has the same numbers.
    back = find_grains(data.isel(y=slice(None, None, -1)), "Al").sortby("y")
    xr.testing.assert_allclose(back, find_grains(data, "Al"))


def test_the_sample_is_of_grains_of_one_pattern_each():
    found = find_grains(samples.orientation_map(), "Al")
    np.testing.assert_array_equal(found["grains"].values.ravel(), 1 + np.arange(6))
    np.testing.assert_allclose(found["misorientation"], 0.0, atol=1e-4)


def test_wrong_calls_say_so():
    data, _, _ = three_grains(ALUMINIUM, shape=(4, 13))
    with pytest.raises(DataError, match="as `match_orientation` returns"):
        find_grains(data["matrix"], "Al")
    with pytest.raises(DataError, match="3 by 3 along row and column"):
        find_grains(data.isel(row=slice(0, 2)), "Al")
    for tolerance in (0.0, 90.0, np.nan):
        with pytest.raises(DataError, match="tolerance must be above 0"):
            find_grains(data, "Al", tolerance=tolerance)
    with pytest.raises(DataError, match="min_area must not be negative"):
        find_grains(data, "Al", min_area=-1.0)
