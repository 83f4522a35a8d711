"""Finding atoms by a network: with the weights of the package, and with own ones."""

import subprocess
import sys

import dask.array as da
import numpy as np
import pytest
import torch
import xarray as xr

from omniscopy.atoms import find_atoms, score_positions
from omniscopy.learn import AtomFinder, export_onnx, load, load_shipped, shipped_models
from omniscopy.learn.finding.examples import RandomScenes, SceneRanges, random_scene
from omniscopy.learn.finding.peaks import apart, atoms_in, best_threshold
from omniscopy.learn.finding.search import counts_of
from omniscopy.learn.finding.targets import (
    CENTRE,
    COUNTED,
    DX,
    DY,
    NEAR,
    centre_loss,
    target_of,
)
from omniscopy.model import DataError, history
from omniscopy.simulate import atom_scene, true_atoms

PIXEL = 0.01


@pytest.fixture(scope="module")
def finder() -> AtomFinder:
    return AtomFinder()


def scene(**options) -> xr.DataArray:
    given = {"structure": "hexagonal", "spacing": 0.14, "dose": 20.0, "rng": 1, **options}
    return atom_scene(given.pop("shape", (96, 104)), **given)


def scored(found: xr.Dataset, image: xr.DataArray) -> xr.Dataset:
    return score_positions(found, true_atoms(image), margin=8 * PIXEL)


def test_atoms_are_found_without_any_setting(finder):
    image = scene()
    found = finder.predict(image)
    result = scored(found, image)
    assert float(result["f1"]) == 1.0
    assert float(result["rms_over_bound"]) < 1.3
    assert abs(float(result["bias_y"])) < 0.002
    assert abs(float(result["bias_x"])) < 0.002
    assert float(found["spacing"]) == pytest.approx(0.14, rel=0.05)
    assert float(found["width"]) == pytest.approx(0.17 * 0.14, rel=0.15)
    assert float(found["intensity"].median()) == pytest.approx(20.0, rel=0.15)
    assert finder.score(image, true_atoms(image), margin=8 * PIXEL) == 1.0


def test_without_a_fit_places_are_those_of_the_network(finder):
    image = scene()
    found = finder.predict(image, refine=False)
    result = scored(found, image)
    assert float(result["f1"]) == 1.0
    assert 0.3 < float(result["calibration"]) < 1.5
    assert np.isnan(found["intensity_std"]).all()


@pytest.mark.parametrize("spacing", [6.0, 12.0, 25.0, 40.0])
def test_spacings_from_6_to_40_pixels_need_no_tuning(finder, spacing):
    size = int(np.clip(9 * spacing, 96, 280))
    image = scene(spacing=spacing * PIXEL, shape=(size, size), dose=40.0)
    assert float(scored(finder.predict(image), image)["f1"]) > 0.98


def test_dark_atoms_are_found_as_bright_ones(finder):
    image = scene()
    bright = finder.predict(image, likelihood="gaussian")
    dark = finder.predict((100.0 - image).assign_attrs(image.attrs), contrast="dark")
    # The noise of counts does not grow with the darkness: the weights are others.
    np.testing.assert_allclose(dark["y"], bright["y"], atol=0.5 * PIXEL)
    np.testing.assert_allclose(dark["intensity"], -bright["intensity"], rtol=0.3)


def test_results_are_in_units_of_the_coordinates(finder):
    image = scene()
    found = finder.predict(image)
    moved = image.assign_coords(
        y=("y", 3.0 + 2000.0 * image["y"].values, {"units": "pm"}),
        x=("x", 5.0 + 2000.0 * image["x"].values, {"units": "pm"}),
    )
    other = finder.predict(moved)
    np.testing.assert_allclose(other["y"], 3.0 + 2000.0 * found["y"], atol=1e-3)
    np.testing.assert_allclose(other["x_std"], 2000.0 * found["x_std"], rtol=1e-6)
    assert other["x"].attrs["units"] == "pm"
    turned = finder.predict(image.transpose("x", "y"))
    np.testing.assert_allclose(turned["x"], found["x"])


def test_results_do_not_depend_on_companions_chunks_or_types(finder):
    images = [scene(rng=n) for n in (1, 2)]
    images[1] = 50.0 * images[1]
    stack = xr.concat(images, xr.Variable("frame", [0, 1], {"units": "1"})).astype(np.float64)
    stack.attrs = images[0].attrs
    alone = finder.predict(images[0])
    whole = finder.predict(stack, max_atoms=200)
    lazy = finder.predict(
        stack.copy(data=da.from_array(stack.values, chunks=(1, 50, 50))), max_atoms=200
    )
    assert lazy["y"].chunks is not None
    count = alone.sizes["atom"]
    np.testing.assert_allclose(whole["y"][0, :count], alone["y"])
    np.testing.assert_allclose(lazy["y"], whole["y"])
    assert np.isnan(whole["y"][0, count:]).all()
    for kind in (">f4", "int16", "uint8", "float64"):
        other = finder.predict(images[0].astype(kind))
        np.testing.assert_allclose(other["y"], alone["y"], atol=1e-6)


def test_the_input_and_the_state_of_torch_are_left_alone(finder):
    image = scene()
    kept = image.copy(deep=True)
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    finder.predict(image)
    assert torch.equal(torch.random.get_rng_state(), before)
    xr.testing.assert_identical(image, kept)


def test_the_history_names_the_model(finder):
    step = history(finder.predict(scene())["y"])[-1]
    assert step.operation == "learn.AtomFinder.predict"
    assert step.parameters["model"] == finder.digest


@pytest.mark.parametrize("value", [0.0, 7.0])
def test_constant_images_have_no_atoms(finder, value):
    found = finder.predict(scene().copy(data=np.full((96, 104), value)))
    assert found.sizes["atom"] == 0
    assert int(found["count"]) == 0
    assert int(found["status"]) == 0


def test_images_of_nothing_or_of_noise_have_an_answer(finder):
    image = scene()
    nothing = finder.predict(image.copy(data=np.full(image.shape, np.nan)))
    assert int(nothing["status"]) == 4
    assert nothing.sizes["atom"] == 0
    rng = np.random.default_rng(0)
    noise = finder.predict(image.copy(data=rng.normal(10.0, 1.0, image.shape)))
    assert noise.sizes["atom"] < 15


def test_one_atom_is_found(finder):
    y, x = np.indices((48, 48))
    values = 100.0 * np.exp(-0.5 * ((y - 20.3) ** 2 + (x - 27.6) ** 2) / 2.2**2)
    image = scene(shape=(48, 48)).copy(data=np.random.default_rng(0).poisson(values + 5.0))
    found = finder.predict(image)
    best = found.isel(atom=int(found["probability"].values.argmax()))
    assert float(best["y"]) == pytest.approx(20.3 * PIXEL, abs=0.5 * PIXEL)
    assert float(best["x"]) == pytest.approx(27.6 * PIXEL, abs=0.5 * PIXEL)


def test_what_was_not_measured_has_no_atoms(finder):
    image = scene()
    image[30:60, 40:70] = np.nan
    found = finder.predict(image)
    inside = (found["y"] > 0.3) & (found["y"] < 0.59) & (found["x"] > 0.4) & (found["x"] < 0.69)
    assert not inside.any()
    assert float(scored(found, image)["precision"]) == 1.0


def test_no_atom_is_moved_out_of_the_image(finder):
    for seed in range(3):
        image = scene(dose=3.0, background=0.5, rng=seed, shape=(64, 60))
        found = finder.predict(image)
        assert found.sizes["atom"] > 10
        for dim, size in (("y", 64), ("x", 60)):
            assert float(found[dim].min()) > -0.5 * PIXEL
            assert float(found[dim].max()) < (size - 0.5) * PIXEL


@pytest.mark.parametrize("shape", [(8, 8), (9, 31), (33, 70)])
def test_images_of_any_size_have_an_answer(finder, shape):
    found = finder.predict(scene(shape=shape))
    assert set(found["y"].dims) == {"atom"}


def test_find_atoms_asks_the_network():
    image = scene()
    found = find_atoms(image, method="learned")
    assert float(scored(found, image)["f1"]) == 1.0
    assert history(found["y"])[-1].operation == "atoms.find_atoms"


def test_two_kinds_are_told_apart():
    if "atoms_two_class" not in shipped_models():
        pytest.skip("these weights are not in the package")
    image = scene(structure="perovskite", spacing=0.15, shape=(128, 128))
    found = AtomFinder(classes=2).predict(image)
    truth = true_atoms(image)
    at = found[["y", "x"]].to_dataarray().values.T
    near = [int(np.hypot(*(at - p).T).argmin()) for p in truth[["y", "x"]].to_dataarray().values.T]
    agreement = float((found["kind"].values[near] == truth["kind"].values).mean())
    assert agreement > 0.97


def test_maps_show_probabilities_at_the_atoms(finder):
    image = scene()
    shown = finder.predict_map(image)
    assert shown.shape == image.shape
    truth = true_atoms(image)
    inner = truth.where(
        (truth["y"] > 0.1) & (truth["y"] < 0.85) & (truth["x"] > 0.1) & (truth["x"] < 0.9),
        drop=True,
    )
    there = shown.sel(y=inner["y"], x=inner["x"], method="nearest")
    assert float(there.min()) > 0.5
    assert float(shown.median()) < 0.2


def test_targets_say_where_centres_are():
    places = np.array([[4.0, 9.5], [13.2, 2.9]])
    target = target_of((8, 8), places, np.array([0, 1]), np.array([True, True]))
    rows, columns = np.nonzero(target[CENTRE])
    found = np.stack([
        (rows + target[DY, rows, columns] + 0.5) * 2 - 0.5,
        (columns + target[DX, rows, columns] + 0.5) * 2 - 0.5,
    ], 1)  # fmt: skip
    np.testing.assert_allclose(found, places, atol=1e-5)
    assert target[NEAR].max() == 1.0
    ignored = target_of((8, 8), places, np.array([0, 1]), np.array([True, False]))
    assert ignored[CENTRE].sum() == 1.0
    assert ignored[COUNTED].min() == 0.0


@pytest.mark.parametrize("away", [0.0, 0.3, -0.45])
def test_atoms_are_read_from_maps_as_they_were_written(away):
    places = np.array([[10.0 + away, 21.0 - away], [27.2, 8.4]])
    target = target_of((20, 20), places, np.zeros(2, np.int64), np.ones(2, bool))
    said = np.stack([
        12.0 * target[CENTRE] - 8.0, target[DY], target[DX], np.full((20, 20), -2.0 * np.log(4.0))
    ])  # fmt: skip
    found = apart(atoms_in(said, (1.0, 0.0)))
    sure = found.take(found.probability > 0.5)
    np.testing.assert_allclose(sure.places, places, atol=0.05)
    np.testing.assert_allclose(sure.std, 0.5, rtol=1e-5)


def test_the_threshold_is_that_of_the_highest_expected_score():
    probability = np.array([0.99, 0.98, 0.97, 0.6, 0.1, 0.05])
    assert best_threshold(probability) == 0.6
    assert best_threshold(np.array([])) == 0.5


def test_counts_are_known_for_what_they_are():
    drawn = np.random.default_rng(0).poisson(3.0, (50, 50))
    assert counts_of(drawn.astype(float)) == (True, 1.0)
    is_count, unit = counts_of((drawn / np.float32(7.0)).astype(np.float32).astype(float))
    assert is_count
    assert unit == pytest.approx(1 / 7, rel=1e-5)
    assert not counts_of(np.random.default_rng(0).normal(size=(50, 50)))[0]


def test_scenes_to_learn_from_are_those_of_the_seed():
    ranges = SceneRanges(size=48)
    one, other = (random_scene(ranges, np.random.default_rng(4)) for _ in range(2))
    assert torch.equal(one.values, other.values)
    assert one.values.shape == (48, 48)
    with pytest.raises(DataError, match="scenes have no"):
        SceneRanges.of({"sizes": 3})


def test_a_network_learns_to_find_atoms():
    ranges = SceneRanges(size=32, structures=("square",), counts=(50.0, 100.0), often=0.0)
    model = AtomFinder(filters=4).train(
        centre_loss, RandomScenes(32, ranges), {}, {"epochs": 3, "learning_rate": 1e-2}
    )
    assert float(model.history_["loss"][-1]) < 0.9 * float(model.history_["loss"][0])


def test_own_images_are_learnt_from(tmp_path):
    images = [scene(rng=n, shape=(64, 72)) for n in (1, 2)]
    tables = [true_atoms(each) for each in images]
    model = AtomFinder(filters=4).fit(images, tables, examples=8, epochs=1, batch_size=4, seed=1)
    again = AtomFinder(filters=4).fit(images, tables, examples=8, epochs=1, batch_size=4, seed=1)
    assert model.digest == again.digest
    assert model.predict(images[0])["y"].dims == ("atom",)
    other = load(model.save(tmp_path / "own.zip"))
    assert other.digest == model.digest
    two = AtomFinder(classes=2, filters=4)
    two.fit(images, tables, examples=4, epochs=1, batch_size=4)
    with pytest.raises(DataError, match="expected a table of positions for each"):
        model.fit(images, tables[:1])
    with pytest.raises(DataError, match="need a variable 'kind'"):
        two.fit(images, [each.drop_vars("kind") for each in tables])
    with pytest.raises(DataError, match="kinds must be 0 to 1"):
        two.fit(images, [each.assign(kind=each["kind"] + 3) for each in tables])
    with pytest.raises(DataError, match="nothing can be learnt"):
        model.fit(images[0] * 0.0, tables[0])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"threshold": 1.0}, "threshold is a probability"),
        ({"spacing": -1.0}, "spacing must be above 0"),
        ({"contrast": "grey"}, "contrast must be one of"),
        ({"likelihood": "some"}, "likelihood must be one of"),
        ({"max_atoms": 0}, "max_atoms must be at least 1"),
    ],
)
def test_wrong_calls_are_refused(finder, options, words):
    with pytest.raises(DataError, match=words):
        finder.predict(scene(shape=(16, 16)), **options)


def test_settings_without_weights_are_refused():
    with pytest.raises(DataError, match="call fit for other settings"):
        AtomFinder(filters=7).predict(scene(shape=(16, 16)))


@pytest.mark.slow
def test_the_network_is_exported(finder, tmp_path):
    assert export_onnx(finder, tmp_path / "atoms.onnx").exists()


def test_shipped_weights_say_where_they_are_from():
    for name in shipped_models():
        model = load_shipped(name)
        about = model.about_
        assert about["licence"] == "MIT"
        assert {"recipe", "seed", "scores", "data_digest"} <= about.keys()
        assert sum(each.numel() for each in model.net_.parameters()) < 0.5e6
    assert "atoms_generic" in shipped_models()
    with pytest.raises(DataError, match="no weights 'other'"):
        load_shipped("other")


def test_the_package_does_not_import_torch_and_names_the_extra_without_it():
    code = (
        "import sys\n"
        "class Blocked:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'torch':\n"
        "            raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')\n"
        "sys.meta_path.insert(0, Blocked())\n"
        "import omniscopy as om\n"
        "image = om.simulate.atom_scene((48, 48))\n"
        "print(image.size > 0)\n"
        "learned = lambda: om.atoms.find_atoms(image, method='learned')\n"
        "for ask in (lambda: om.learn.AtomFinder, learned):\n"
        "    try:\n"
        "        ask()\n"
        "    except ImportError as error:\n"
        "        print(type(error).__name__, error)\n"
        "print('torch' in sys.modules)\n"
    )
    made = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert made[0] == "True"
    assert made[1] == made[2]
    assert "MissingDependencyError" in made[1]
    assert "omniscopy[learn]" in made[1]
    assert made[3] == "False"
