"""Trajectories, transitions, and structures for other programs."""

import ase.io
import numpy as np
import pytest
import xarray as xr

from omniscopy.atoms import link_trajectories, to_structure, transition_matrix
from omniscopy.model import DataError
from omniscopy.simulate import atom_positions, moving_atoms


def test_every_walker_is_one_trajectory():
    made = moving_atoms(8, step=0.02, missed=0.0)
    found = link_trajectories(made)
    walkers = np.array(made.attrs["metadata"]["truth"]["walkers"])
    assert int(found["count"]) == made.sizes["atom"]
    own = walkers[np.arange(8), found["index"].values.astype(int)]
    assert (own == own[:, :1]).all()
    index = found["index"].values.astype(int)
    np.testing.assert_array_equal(found["y"], made["y"].values[np.arange(8), index])
    np.testing.assert_array_equal(found["state"], made["state"].values[np.arange(8), index])


def test_walkers_that_were_missed_are_linked_over_the_gap():
    made = moving_atoms(12, extent=(4.0, 4.0), step=0.02, missed=0.05, rng=3)
    walkers = np.array(made.attrs["metadata"]["truth"]["walkers"])
    open_ = link_trajectories(made, max_gap=0)
    closed = link_trajectories(made, max_gap=2)
    assert int(closed["count"]) < int(open_["count"])
    index = closed["index"].values
    frames = np.broadcast_to(np.arange(12), index.shape)
    for row, frame in zip(index, frames, strict=True):
        there = np.isfinite(row)
        assert len(set(walkers[frame[there], row[there].astype(int)])) == 1
    assert int(closed["count"]) == pytest.approx(made.sizes["atom"], abs=2)


def test_the_assignment_is_that_of_the_least_sum_of_squares():
    # The nearest of the first is taken by the second, which has no other.
    frames = table([[[0.0, 0.0], [0.0, 1.0]], [[0.0, 0.9], [0.0, 1.9]]])
    found = link_trajectories(frames, max_distance=1.2)
    moves = sorted(np.diff(found["x"].values, axis=1)[:, 0])
    np.testing.assert_allclose(moves, [0.9, 0.9])


def test_no_step_is_longer_than_the_limit():
    frames = table([[[0.0, 0.0], [0.0, 5.0]], [[0.0, 0.3], [0.0, 6.0]]])
    found = link_trajectories(frames, max_distance=0.5)
    assert int(found["count"]) == 1
    np.testing.assert_allclose(found["x"], [[0.0, 0.3]])
    assert int(link_trajectories(frames, max_distance=0.5, min_length=1)["count"]) == 3


def test_the_mean_square_displacement_is_that_of_the_walk():
    made = moving_atoms(30, extent=(4.0, 4.0), step=0.02, missed=0.0)
    found = link_trajectories(made)
    assert float(found["mean_square_displacement"].mean()) == pytest.approx(2 * 0.02**2, rel=0.05)
    assert found["mean_square_displacement"].attrs["units"] == "nm^2"


def test_transitions_are_counted_by_hand():
    states = xr.DataArray(
        [[0.0, 0.0, 1.0, np.nan, 1.0, 0.0], [1.0, 1.0, 2.0, 2.0, 2.0, 0.0]],
        {"track": [0, 1], "frame": np.arange(6)}, ("track", "frame"),
    )  # fmt: skip
    found = transition_matrix(states, 3)
    assert found["transitions"].values.tolist() == [[1, 1, 0], [1, 1, 1], [1, 0, 2]]
    np.testing.assert_allclose(found["probability"][1], [1 / 3] * 3)
    np.testing.assert_allclose(found["probability_std"][0], [0.5 / np.sqrt(2)] * 2 + [0.0])
    assert transition_matrix(states, 3, lag=2)["transitions"].values.sum() == 6
    assert np.isnan(transition_matrix(states, 4)["probability"].values[3]).all()


def test_the_scatter_of_probabilities_is_what_is_reported():
    truth, rng, values, stds = np.array([[0.9, 0.1], [0.3, 0.7]]), np.random.default_rng(1), [], []
    for _ in range(200):
        chain = np.zeros((20, 40))
        for step in range(1, 40):
            leave = truth[chain[:, step - 1].astype(int), 1]
            chain[:, step] = rng.random(20) < leave
        found = transition_matrix(
            xr.DataArray(chain, {"track": np.arange(20), "frame": np.arange(40)}), 2
        )
        values.append(found["probability"].values)
        stds.append(found["probability_std"].values)
    np.testing.assert_allclose(np.mean(values, axis=0), truth, atol=0.01)
    np.testing.assert_allclose(np.std(values, axis=0) / np.mean(stds, axis=0), 1.0, rtol=0.12)


@pytest.mark.parametrize("name", ["made.xyz", "made.cif", "POSCAR"])
def test_a_structure_is_read_back_from_its_file(name, tmp_path):
    made = atom_positions(extent=(1.2, 1.2))
    atoms = to_structure(made, {0: "Sr", 1: "Ti"})
    atoms.write(tmp_path / name)
    back = ase.io.read(tmp_path / name)
    assert sorted(back.get_chemical_symbols()) == sorted(atoms.get_chemical_symbols())
    order = [np.lexsort(each.positions.T) for each in (atoms, back)]
    np.testing.assert_allclose(back.positions[order[1]], atoms.positions[order[0]], atol=1e-4)


def test_distances_are_in_angstroms_and_y_points_up():
    made = atom_positions("square", extent=(0.8, 0.8))
    atoms = to_structure(made, "Cu")
    assert np.sort(atoms.get_all_distances()[0])[1] == pytest.approx(4.0)
    top = int(made["y"].argmin("atom"))
    assert atoms.positions[top, 1] == pytest.approx(atoms.positions[:, 1].max())


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m, p: link_trajectories(p), "must lie along 'frame' and 'atom'"),
        (lambda m, p: link_trajectories(m, max_gap=-1), "max_gap must be at least 0"),
        (lambda m, p: link_trajectories(m, max_distance=np.nan), "max_distance must be above 0"),
        (lambda m, p: transition_matrix(m["state"], 0), "n_states must be at least 1"),
        (lambda m, p: transition_matrix(m["state"], 2, lag=9), "at least 10 are needed"),
        (lambda m, p: to_structure(m, "Cu"), "must be one table"),
        (lambda m, p: to_structure(p, {0: "Sr"}), r"no symbol for the kinds \[1\]"),
        (lambda m, p: to_structure(p.drop_vars("kind"), {0: "Sr"}), "have no variable 'kind'"),
        (lambda m, p: to_structure(p * np.nan, "Cu"), "no atom has a position"),
        (lambda m, p: to_structure(p.drop_attrs(), "Cu"), "must have units of length"),
        (lambda m, p: to_structure(table([[[0.0, 0.0]]]), "Cu"), "must be one table"),
    ],
)
def test_wrong_calls_say_what_to_do(call, words):
    with pytest.raises(DataError, match=words):
        call(moving_atoms(3), atom_positions())


def table(frames):
    places = np.asarray(frames, dtype=float)
    return xr.Dataset(
        {
            name: (("frame", "atom"), places[..., axis], {"units": "nm"})
            for axis, name in enumerate(("y", "x"))
        },
        {"frame": np.arange(places.shape[0]), "atom": np.arange(places.shape[1])},
    )
