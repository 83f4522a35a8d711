"""Scenes of atoms: the truth that comes with them is true."""

import numpy as np
import pytest
import xarray as xr
from scipy.spatial import cKDTree

from omniscopy.atoms import refine_atoms, score_positions
from omniscopy.model import DataError
from omniscopy.simulate import atom_scene, true_atoms
from omniscopy.simulate.scenes.cells import PROTOTYPES, cell_of
from omniscopy.simulate.scenes.imaging import Instrument, detected

PIXEL = 0.01


def places(atoms: xr.Dataset) -> np.ndarray:
    return np.stack([atoms["y"].values, atoms["x"].values], axis=1)


def plain(**options) -> xr.DataArray:
    given = {"ripple": 0.0, "noise": False, "shape": (96, 112), **options}
    return atom_scene(**given)


@pytest.mark.parametrize("structure", [*PROTOTYPES, "random"])
def test_columns_are_where_the_truth_says(structure):
    scene = plain(structure=structure, spacing=0.16, width=0.02)
    truth = true_atoms(scene)
    inside = truth.where(
        (truth["y"] > 0.1) & (truth["y"] < 0.85) & (truth["x"] > 0.1) & (truth["x"] < 1.0),
        drop=True,
    )
    assert inside.sizes["atom"] > 8
    fitted = refine_atoms(scene, inside, width=0.02, model="round_gaussian", widths="own")
    away = places(fitted) - places(inside)
    assert np.abs(away).max() < 2e-4
    np.testing.assert_allclose(fitted["sigma_x"], 0.02, rtol=5e-3)
    np.testing.assert_allclose(fitted["amplitude"], 20.0 * inside["intensity"], rtol=2e-2)


@pytest.mark.parametrize("structure", PROTOTYPES)
def test_nearest_columns_are_a_spacing_apart(structure):
    cell = cell_of(structure)
    assert cell.brightness.max() == 1.0
    assert cell.kinds.min() == 0
    scene = plain(structure=structure, spacing=0.12, vacancies=0.0, disorder=0.0)
    nearest = cKDTree(places(true_atoms(scene))).query(places(true_atoms(scene)), k=2)[0][:, 1]
    assert np.min(nearest) == pytest.approx(0.12, rel=1e-6)


def test_crystals_have_their_own_length_and_brightness():
    scene = plain(structure="srtio3", vacancies=0.0, disorder=0.0, rotation=0.0)
    truth = true_atoms(scene)
    nearest = cKDTree(places(truth)).query(places(truth), k=2)[0][:, 1]
    # From Ti-O to O it is half of 3.905 Å.
    assert np.min(nearest) == pytest.approx(0.3905 / 2, rel=1e-3)
    oxygen, strontium = np.unique(np.round(truth["intensity"], 6))[[0, -1]]
    assert oxygen / strontium == pytest.approx((8 / 38) ** 1.7, rel=1e-4)


def test_a_rotation_goes_from_x_towards_y():
    cell = {"structure": "rectangular", "spacing": 0.12, "vacancies": 0.0, "disorder": 0.0}
    points = places(true_atoms(plain(rotation=20.0, **cell)))
    pairs = cKDTree(points).query_pairs(0.121, output_type="ndarray")
    dy, dx = (points[pairs[:, 1]] - points[pairs[:, 0]]).T
    np.testing.assert_allclose(np.degrees(np.arctan(dy / dx)), 20.0, atol=1e-6)


def test_strain_stretches_along_its_axis():
    cell = {"structure": "square", "spacing": 0.12, "vacancies": 0.0, "disorder": 0.0}
    points = places(true_atoms(plain(rotation=0.0, strain=(0.0, 0.05, 0.0), **cell)))
    pairs = cKDTree(points).query_pairs(0.13, output_type="ndarray")
    dy, dx = np.abs(points[pairs[:, 1]] - points[pairs[:, 0]]).T
    assert dx.max() == pytest.approx(0.126)
    assert dy.max() == pytest.approx(0.12)


def test_drift_moves_later_rows_further():
    still = places(true_atoms(plain(rng=3)))
    moving = places(true_atoms(plain(rng=3, drift=(0.0, 0.05))))
    nearest = cKDTree(moving).query(still)[0]
    near_top = still[:, 0] < 0.1
    assert np.median(nearest[near_top]) < 0.01
    later = (still[:, 0] > 0.8) & (still[:, 1] < 1.0) & (still[:, 1] > 0.1)
    assert np.median(nearest[later]) > 0.03


def test_defects_are_as_frequent_as_said():
    whole = {"shape": (400, 400), "spacing": 0.1, "structure": "square", "noise": False}
    count = true_atoms(atom_scene(vacancies=0.0, **whole)).sizes["atom"]
    scene = atom_scene(vacancies=0.2, **whole)
    assert true_atoms(scene).sizes["atom"] == pytest.approx(0.8 * count, rel=0.05)
    missing = np.array(scene.attrs["metadata"]["truth"]["missing"])
    inside = ((missing > 0) & (missing < 4.0)).all(axis=1)
    assert inside.sum() == pytest.approx(0.2 * count, rel=0.2)
    changed = true_atoms(atom_scene(substitutions=0.3, vacancies=0.0, **whole))["intensity"]
    assert float((changed != 1.0).mean()) == pytest.approx(0.3, abs=0.06)
    more = true_atoms(atom_scene(adatoms=0.2, vacancies=0.0, **whole)).sizes["atom"]
    assert count < more < 1.25 * count


def test_grains_are_turned_and_do_not_overlap():
    scene = atom_scene((200, 200), structure="hexagonal", spacing=0.1, grains=4, disorder=0.0)
    points = places(true_atoms(scene))
    assert cKDTree(points).query(points, k=2)[0][:, 1].min() > 0.074


def test_counts_have_the_noise_of_counts():
    mean = atom_scene((128, 128), noise=False, rng=1)
    drawn = atom_scene((128, 128), rng=1)
    assert drawn.dtype == np.float32
    pull = (drawn.values - mean.values) / np.sqrt(mean.values)
    assert abs(pull.mean()) < 0.03
    assert pull.std() == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize(
    ("dose", "bound"),
    # Root mean square along both axes, in pixels, for a width of 2.4 and a background of 0.15.
    [(50, 0.11), (10, 0.25), (5, 0.36), (2, 0.56), (1, 0.79), (0.5, 1.12)],
)
def test_the_bound_is_that_of_a_single_column(dose, bound):
    scene = atom_scene(
        (96, 96), structure="square", spacing=0.4, width=0.024, background=0.15, ripple=0.0,
        dose=dose, disorder=0.0, noise=False,
    )  # fmt: skip
    truth = true_atoms(scene)
    inner = (truth["y"] > 0.12) & (truth["y"] < 0.84) & (truth["x"] > 0.12) & (truth["x"] < 0.84)
    found = float(np.sqrt(2) * truth["y_std"].where(inner).median()) / PIXEL
    assert found == pytest.approx(bound, rel=0.03)


def test_fits_reach_the_bound():
    truth, fitted = [], []
    for seed in range(3):
        scene = atom_scene((160, 160), structure="square", spacing=0.15, dose=8.0, rng=seed)
        atoms = true_atoms(scene)
        found = refine_atoms(
            scene, atoms, model="round_gaussian", likelihood="poisson", widths="shared"
        )
        scored = score_positions(found, atoms, margin=0.08)
        truth.append(float(scored["rms_over_bound"]))
        fitted.append(float(scored["calibration"]))
    assert np.mean(truth) == pytest.approx(1.05, abs=0.1)
    assert np.mean(fitted) == pytest.approx(1.0, abs=0.1)


def test_the_same_seed_gives_the_same_scene():
    every = {"grains": 3, "contamination": 0.2, "jitter": 0.5, "hole": 0.2, "ramp": 0.5,
             "tail": 0.2, "astigmatism": 0.1, "readout": 0.2, "waviness": 0.1,
             "rotated_bonds": 0.05}  # fmt: skip
    one, other = (atom_scene((40, 48), rng=5, **every) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert one.attrs["metadata"]["truth"] == other.attrs["metadata"]["truth"]
    assert not np.array_equal(one, atom_scene((40, 48), rng=6, **every))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"structure": "unobtainium"}, "structure must be one of"),
        ({"vacancies": 1.0}, "vacancies must be a part"),
        ({"tail": -0.1}, "tail must be a part"),
        ({"dose": 0.0}, "dose must be positive"),
        ({"spacing": -1.0}, "spacing must be positive"),
        ({"shape": (0, 4)}, "at least 1 point"),
    ],
)
def test_scenes_without_meaning_are_refused(options, words):
    with pytest.raises(DataError, match=words):
        atom_scene(**{"shape": (16, 16), **options})


def test_only_scenes_have_a_truth():
    with pytest.raises(DataError, match="metadata hold the truth"):
        true_atoms(xr.DataArray(np.zeros((4, 4)), dims=("y", "x")))


def test_electrons_are_drawn_alike_whatever_rounding_makes_of_empty_pixels():
    mean = np.full((20, 20), 2.0)
    empty = np.arange(400).reshape(20, 20) % 3 > 0
    rounded = np.random.default_rng(1).choice([-1e-17, 0.0, 1e-17], (2, 20, 20))
    one, other = (
        detected(np.where(empty, each, mean), 20.0, Instrument(), np.random.default_rng(5))
        for each in rounded
    )
    np.testing.assert_array_equal(one, other)
    assert (one[empty] == 0).all()
