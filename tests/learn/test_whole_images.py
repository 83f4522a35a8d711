"""Classifiers, regressors, translations, denoisers and ensembles of them."""

import numpy as np
import pytest
import xarray as xr
from sklearn.exceptions import NotFittedError

from omniscopy.io import FormatError
from omniscopy.learn import (
    VAE,
    Classifier,
    Denoiser,
    Ensemble,
    GaussianProcess,
    ImageToSpectrum,
    MultiTaskClassifier,
    Regressor,
    SpectrumToImage,
    SymmetryClassifier,
    lattice_images,
    load,
    shipped_models,
)
from omniscopy.learn.lattices import LATTICES, ratio_of
from omniscopy.model import DataError

QUICK = {"progress": False, "batch_size": 16, "learning_rate": 5e-3}


def labelled(values: np.ndarray, units: str | None = None) -> xr.DataArray:
    y, x = np.arange(values.shape[-2]) * 0.1, np.arange(values.shape[-1]) * 0.1
    made = xr.DataArray(
        values, dims=("frame", "y", "x")[-values.ndim :],
        coords={"y": ("y", y, {"units": "nm"}), "x": ("x", x, {"units": "nm"})},
    )  # fmt: skip
    return made if units is None else made.assign_attrs(units=units)


def stripes(count: int = 60, size: int = 16, seed: int = 0) -> tuple[xr.DataArray, np.ndarray]:
    """Return images of stripes along x or y at any phase and contrast."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    label = np.arange(count) % 2
    phase, contrast = rng.uniform(0, 6, count), rng.uniform(1, 20, count)
    made = [
        c * (np.sin(1.2 * (y if n else x) + p) + rng.normal(0, 0.2, (size, size))) + 3
        for n, p, c in zip(label, phase, contrast, strict=True)
    ]
    return labelled(np.stack(made)), label


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    images, label = stripes()
    return Classifier(filters=4, dropout=0.2).fit(
        images, label, names=["vertical", "horizontal"], epochs=15, **QUICK
    )


def test_classes_of_unseen_images_are_told(classifier, tmp_path):
    images, label = stripes(40, seed=1)
    assert classifier.score(images, label) >= 0.95
    found = classifier.predict(images)
    assert found["category"].values.tolist() == ["vertical", "horizontal"]
    np.testing.assert_allclose(found["probability"].sum("category"), 1, rtol=1e-5)
    again = load(classifier.save(tmp_path / "model.zip"))
    np.testing.assert_array_equal(again.predict(images)["label"], found["label"])


def test_a_class_does_not_depend_on_other_images_nor_on_contrast(classifier):
    images, _ = stripes(8, seed=2)
    alone = classifier.predict(images[3:4], samples=5)["probability"]
    among = classifier.predict(images, samples=5)["probability"][3:4]
    np.testing.assert_allclose(alone, among, atol=1e-5)
    brighter = classifier.predict(7 * images + 2, samples=5)["probability"][3:4]
    np.testing.assert_allclose(alone, brighter, atol=1e-4)


def test_dropout_gives_a_spread_that_is_larger_for_what_was_never_seen(classifier):
    images, _ = stripes(20, seed=3)
    noise = labelled(np.random.default_rng(0).normal(size=(20, 16, 16)))
    seen, unseen = (classifier.predict(each, samples=30) for each in (images, noise))
    assert unseen["probability_std"].mean() > seen["probability_std"].mean()
    assert unseen["entropy"].mean() > seen["entropy"].mean()


def test_activation_maps_add_up_to_the_scores_and_show_where():
    rng = np.random.default_rng(0)
    label = np.arange(80) % 2
    values = rng.normal(0, 0.1, (80, 16, 16))
    y, x = np.mgrid[:16, :16]
    places = rng.integers(4, 12, (80, 2))
    spots = np.exp(-((y - places[:, :1, None]) ** 2 + (x - places[:, 1:, None]) ** 2) / 4)
    values += label[:, None, None] * spots
    images = labelled(values)
    model = Classifier(filters=4, normalise=False).fit(images, label, epochs=20, **QUICK)
    assert model.score(images, label) > 0.95
    maps = model.activation_maps(images)
    assert maps.dims == ("frame", "category", "y", "x")
    scores = maps.mean(("y", "x")).values + model.net_.head.bias.detach().numpy()
    chance = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    np.testing.assert_allclose(chance, model.predict(images)["probability"], atol=1e-3)
    best = (maps[:, 1] - maps[:, 0]).values[label == 1].reshape(40, -1).argmax(-1)
    away = np.hypot(best // 16 - places[label == 1, 0], best % 16 - places[label == 1, 1])
    assert np.median(away) < 4


def test_numbers_of_images_are_told_in_their_units():
    rng = np.random.default_rng(0)
    width = rng.uniform(1, 4, 80)
    y, x = np.mgrid[:16, :16] - 7.5
    images = labelled(np.exp(-(y**2 + x**2) / (2 * width[:, None, None] ** 2)))
    values = xr.DataArray(0.1 * width + 5, dims=("frame",), attrs={"units": "nm"})
    model = Regressor(filters=4, normalise=False).fit(images, values, epochs=20, **QUICK)
    found = model.predict(images)
    assert found["value"].attrs["units"] == "nm"
    assert np.corrcoef(found["value"], values)[0, 1] > 0.95
    assert np.sqrt(((found["value"] - values) ** 2).mean()) < 0.05
    holed = images[:2].copy(deep=True)
    holed[0, 3, 3] = np.nan
    assert model.predict(holed)["status"].values.tolist() == [4, 0]


def test_spectra_are_told_from_images_and_images_from_spectra(tmp_path):
    rng = np.random.default_rng(0)
    place = rng.uniform(3, 12, 80)
    x = np.arange(16)
    images = labelled(np.exp(-((x - place[:, None, None]) ** 2) / 8) * np.ones((1, 12, 1)), "V")
    energy = np.linspace(100, 110, 24)
    middle = 102 + 0.6 * (place - 3)
    spectra = xr.DataArray(
        np.exp(-((energy - middle[:, None]) ** 2) / 2), dims=("frame", "energy_loss"),
        coords={"energy_loss": ("energy_loss", energy, {"units": "eV"})}, attrs={"units": "1"},
    )  # fmt: skip
    there = ImageToSpectrum(latent_dim=3, filters=8).fit(images, spectra, epochs=20, **QUICK)
    found = there.predict(images)
    assert found.dims == ("frame", "energy_loss")
    assert found["energy_loss"].attrs["units"] == "eV"
    assert np.abs(energy[found.values.argmax(-1)] - middle).mean() < 0.5
    back = SpectrumToImage(latent_dim=3, filters=8).fit(spectra, images, epochs=20, **QUICK)
    drawn = back.predict(spectra)
    assert drawn.dims == images.dims
    assert drawn.attrs["units"] == "V"
    assert np.abs(drawn.values.mean(1).argmax(-1) - place).mean() < 1.0
    again = load(there.save(tmp_path / "model"))
    np.testing.assert_allclose(again.predict(images[:3]), found[:3], atol=1e-5)


def noisy_images(count: int = 6, size: int = 48, seed: int = 0):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    shift = rng.uniform(0, 6, (count, 2))
    clean = np.stack([np.cos(0.7 * y + a) * np.cos(0.6 * x + b) for a, b in shift])
    noisy = [clean + rng.normal(0, 0.4, clean.shape) for _ in range(2)]
    return labelled(50 * clean + 200, "V"), *(labelled(50 * each + 200, "V") for each in noisy)


@pytest.mark.parametrize("method", ["n2v", "n2n", "supervised"])
def test_noise_is_taken_away_and_signal_is_not(method):
    clean, noisy, other = noisy_images()
    target = {"n2v": None, "n2n": other, "supervised": clean}[method]
    model = Denoiser(method=method, filters=6)
    model.fit(noisy, target, examples=64, size=32, epochs=12, batch_size=8, progress=False,
              learning_rate=3e-3)  # fmt: skip
    new_clean, new, _ = noisy_images(2, seed=9)
    found = model.predict(new)
    before = np.sqrt(((new - new_clean) ** 2).mean())
    after = np.sqrt(((found - new_clean) ** 2).mean())
    assert after < (0.7 if method == "n2v" else 0.6) * before
    assert found.attrs["units"] == "V"
    assert float(np.polyfit(new_clean.values.ravel(), found.values.ravel(), 1)[0]) > 0.8
    lazy = model.predict(new.chunk(frame=1), tile=32)
    assert lazy.chunks is not None
    holed = new.copy(deep=True)
    holed[0, 5, 6] = np.nan
    again = model.predict(holed)
    assert np.isnan(again.values).sum() == 1
    np.testing.assert_allclose(again[1], found[1], atol=1e-3)


@pytest.mark.parametrize("strategy", ["init", "baseline", "snapshot", "swag"])
def test_members_of_ensembles_differ_where_they_do_not_know(strategy, tmp_path):
    images, label = stripes(40)
    made = Ensemble(Classifier(filters=4), 3, strategy=strategy)
    made.fit(images, label, epochs=8, **QUICK)
    assert len(made.members) == 3
    found = made.predict(images)
    assert (found["label"].values == label).mean() > 0.8
    assert (found["probability_std"] >= 0).all()
    assert found["probability_std"].max() > 0
    again = Ensemble.load(made.save(tmp_path / "ensemble"))
    xr.testing.assert_allclose(again.predict(images)["probability"], found["probability"])


def crossed(count: int = 60, seed: int = 0) -> tuple[xr.DataArray, dict[str, np.ndarray]]:
    """Return stripes of two directions, each fine or coarse."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:16, :16]
    along, fine = np.arange(count) % 2, np.arange(count) // 2 % 2
    made = [
        np.sin((1.9 if f else 0.9) * (y if a else x) + p) + rng.normal(0, 0.2, (16, 16))
        for a, f, p in zip(along, fine, rng.uniform(0, 6, count), strict=True)
    ]
    return labelled(np.stack(made)), {"direction": along, "period": fine}


def test_one_network_answers_several_questions(tmp_path):
    images, labels = crossed()
    # Of each image one answer is known, and of the last ones none.
    some = {name: each.copy() for name, each in labels.items()}
    some["direction"][:30], some["period"][30:] = -1, -1
    some["direction"][-2:] = -1
    model = MultiTaskClassifier(filters=4, dropout=0.1)
    names = {"period": ["coarse", "fine"]}
    model.fit(images, some, names=names, epochs=25, **QUICK)
    new, truth = crossed(40, seed=1)
    found = model.predict(new, samples=3)
    assert model.score(new, truth) > 0.9
    for name, answers in truth.items():
        assert (found[name].values == answers).mean() > 0.85
        np.testing.assert_allclose(
            found[f"{name}_probability"].sum(f"{name}_category"), 1, rtol=1e-5
        )
        assert (found[f"{name}_probability_std"] >= 0).all()
    assert found["period_category"].values.tolist() == ["coarse", "fine"]
    assert {"loss_direction", "loss_period"} <= set(model.history_.data_vars)
    holed = new[:2].copy(deep=True)
    holed[0, 3, 3] = np.nan
    answered = model.predict(holed)
    assert answered["status"].values.tolist() == [4, 0]
    assert answered["direction"].values[0] == -1
    assert np.isnan(answered["direction_probability"][0]).all()
    again = load(model.save(tmp_path / "model"))
    np.testing.assert_array_equal(again.predict(new)["period"], model.predict(new)["period"])
    table = xr.Dataset({name: ("frame", each) for name, each in labels.items()})
    one = MultiTaskClassifier(filters=2).fit(images, table, epochs=1, **QUICK)
    assert set(one.facts_["questions"]) == {"direction", "period"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda given: {}, "labels of each question by its name"),
        (lambda given: {"status": given["period"]}, "not 'status'"),
        (lambda given: {"period": 0 * given["period"]}, "at least 2 answers to 'period'"),
        (lambda given: {"period": given["period"][:5]}, "a label for each image"),
        (lambda given: {"period": 0 * given["period"] - 1}, "at least 2 answers"),
    ],
)
def test_questions_without_answers_are_refused(change, words):
    images, labels = crossed(8)
    with pytest.raises(DataError, match=words):
        MultiTaskClassifier(filters=2).fit(images, change(labels), epochs=1)
    with pytest.raises(DataError, match="there are 1 names"):
        MultiTaskClassifier().fit(images, labels, names={"period": ["one"]})
    with pytest.raises(DataError, match="names of their answers"):
        MultiTaskClassifier().fit(images, labels, names={"other": ["one", "two"]})


def test_spreads_of_members_add_to_their_own_variances():
    x = np.random.default_rng(0).uniform(0, 1, (30, 1))
    made = Ensemble(GaussianProcess(method="inducing", inducing=10), 3)
    made.fit(x, np.sin(6 * x[:, 0]))
    found = made.predict(x)
    each = [member.predict(x) for member in made.members]
    spread = np.var([one["value"] for one in each], axis=0, ddof=1)
    own = np.mean([one["value_std"] ** 2 for one in each], axis=0)
    np.testing.assert_allclose(found["value_std"], np.sqrt(spread + own))


def test_wrong_calls_are_refused(classifier, tmp_path):
    images, label = stripes(8)
    with pytest.raises(DataError, match="a label for each image"):
        Classifier().fit(images, label[:3])
    with pytest.raises(DataError, match="at least 2 classes"):
        Classifier().fit(images, np.zeros(8, int))
    with pytest.raises(DataError, match="but there are 1 names"):
        Classifier().fit(images, label, names=["one"])
    with pytest.raises(DataError, match="knows patches of"):
        classifier.predict(images[:, :8])
    with pytest.raises(DataError, match="network with dropout"):
        Classifier(filters=2).fit(images, label, epochs=1, **QUICK).predict(images, samples=3)
    with pytest.raises(DataError, match="numbers for each image"):
        Regressor().fit(images, label[:3])
    with pytest.raises(DataError, match="noisy images alone"):
        Denoiser().fit(images, images)
    with pytest.raises(DataError, match="needs the images that are wanted"):
        Denoiser(method="n2n").fit(images)
    with pytest.raises(DataError, match="must have no NaN"):
        Denoiser().fit(images * np.nan)
    with pytest.raises(DataError, match="at least 8 rows"):
        Denoiser().fit(images[:, :5])
    with pytest.raises(DataError, match="must be pairs"):
        ImageToSpectrum().fit(images, images.isel(y=0, drop=True).rename(frame="point"))
    with pytest.raises(DataError, match="at least 2 members"):
        Ensemble(VAE(), 1)
    with pytest.raises(DataError, match="too few"):
        Ensemble(Classifier(filters=2), strategy="snapshot").fit(images, label, epochs=2, **QUICK)
    with pytest.raises(NotFittedError):
        Ensemble(Classifier()).predict(images)
    with pytest.raises(FormatError, match="no ensemble"):
        Ensemble.load(tmp_path)


def test_constant_images_have_an_answer(classifier):
    flat = labelled(np.full((2, 16, 16), 7.0))
    found = classifier.predict(flat)
    assert np.isfinite(found["probability"]).all()
    denoiser = Denoiser(filters=2).fit(flat, epochs=1, examples=4, progress=False)
    np.testing.assert_allclose(denoiser.predict(flat), 7.0, atol=0.1)


def test_lattices_are_told_by_their_spectra_wherever_they_begin():
    images, labels = lattice_images(60)
    model = SymmetryClassifier(filters=4).fit_simulated(12, epochs=1, progress=False)
    seen = model.prepared(images.values)
    assert seen.shape == (60, 1, 32, 16)
    square = images.values[labels == 0][0]
    rolled = model.prepared(np.roll(square, (3, 5), (0, 1))[None])
    assert np.corrcoef(rolled.ravel(), model.prepared(square[None]).ravel())[0, 1] > 0.7
    fine = images.assign_coords(y=0.02 * images["y"], x=0.02 * images["x"])
    found = model.predict(fine, samples=3)
    assert found["category"].values.tolist() == list(LATTICES)
    assert set(found["label"].values.tolist()) <= set(range(6))
    with pytest.raises(DataError, match="at least one image"):
        lattice_images(0)
    with pytest.raises(DataError, match="belongs to no place"):
        model.activation_maps(images)


@pytest.mark.parametrize("kind", LATTICES[:5])
def test_ratios_of_vectors_are_those_of_their_lattice(kind):
    draw = np.random.default_rng(0)
    for _ in range(20):
        ratio = ratio_of(kind, draw)
        assert abs(ratio) >= 1 - 1e-12
        assert 0 <= ratio.real <= 0.5 + 1e-12
        # The lattice has as many mirror lines as its class: it is kept by turning, or by mirrors.
        turns = abs(ratio - 1j) < 1e-12, abs(ratio - np.exp(1j * np.pi / 3)) < 1e-12
        mirrors = ratio.real == 0 or abs(abs(ratio) - 1) < 1e-12 or ratio.real == 0.5
        assert turns == (kind == "square", kind == "hexagonal")
        assert mirrors == (kind != "oblique")


def wave_image(ratio: complex, apart: float, size: tuple[int, int], turn: float) -> xr.DataArray:
    """Return the lowest waves of a lattice, without anything of the simulator."""
    cell = apart * np.array([[0.0, 1.0], [ratio.imag, ratio.real]])
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    waves = np.linalg.inv(cell @ turned).T
    y, x = np.mgrid[: size[0], : size[1]]
    orders = [(h, k) for h in range(-2, 3) for k in range(-2, 3)]
    made = sum(
        np.exp(-2.0 * (np.pi * 0.2 * apart) ** 2 * ((np.array(hk) @ waves) ** 2).sum())
        * np.cos(2 * np.pi * (y * (np.array(hk) @ waves)[0] + x * (np.array(hk) @ waves)[1]))
        for hk in orders
    )
    return labelled(made + np.random.default_rng(1).normal(0.0, 0.2, size))


@pytest.mark.skipif("bravais" not in shipped_models(), reason="no such weights in the package")
@pytest.mark.parametrize("apart", [8.0, 20.0, 34.0])
def test_lattices_of_any_scale_are_named_with_the_weights_of_the_package(apart):
    size = max(64, round(9 * apart))
    ratios = {
        "square": 1j, "rectangular": 1.5j, "hexagonal": np.exp(1j * np.pi / 3),
        "centred rectangular": 0.5 + 1.25j, "oblique": 0.26 + 1.3j,
    }  # fmt: skip
    model = SymmetryClassifier()
    right = []
    for name, ratio in ratios.items():
        for turn in (0.2, 1.1):
            found = model.predict(wave_image(ratio, apart, (size, size + 8), turn), samples=10)
            right.append(LATTICES[int(found["label"])] == name)
            assert float(found["probability_std"].max()) < 0.5
    assert np.mean(right) >= 0.9
    noise = labelled(np.random.default_rng(0).normal(size=(2, size, size)))
    assert (model.predict(noise)["label"] == LATTICES.index("none")).all()


@pytest.mark.skipif("bravais" not in shipped_models(), reason="no such weights in the package")
def test_lattices_are_named_as_often_as_the_package_says():
    images, labels = lattice_images(240, rng=99)
    model = SymmetryClassifier()
    told = model.predict(images)
    right = (told["label"].values == labels).mean()
    assert right > model.about_["scores"]["accuracy"] - 0.05
    drawn = model.predict(images, samples=20)
    sure = drawn["probability"].max("category").values
    spread = drawn["probability_std"].max("category").values
    wrong = drawn["label"].values != labels
    # What is wrong is less sure, and differs more between networks.
    assert sure[wrong].mean() < sure[~wrong].mean()
    assert spread[wrong].mean() > spread[~wrong].mean()
    holed = images[:2].copy(deep=True)
    holed[0, 3, 3] = np.nan
    assert model.predict(holed)["status"].values.tolist() == [4, 0]


@pytest.mark.skipif("denoise" not in shipped_models(), reason="no such weights in the package")
@pytest.mark.parametrize(("dose", "over_gaussian"), [(2.0, 1.15), (20.0, 0.85)])
def test_noise_of_atoms_is_taken_away_with_the_weights_of_the_package(dose, over_gaussian):
    from scipy.ndimage import gaussian_filter

    from omniscopy.simulate import atom_scene

    given = {"structure": "honeycomb", "spacing": 0.12, "dose": dose, "rng": 5}
    noisy, clean = (atom_scene((120, 136), noise=noise, **given) for noise in (True, False))

    def error(image) -> float:
        return float(np.sqrt(((image - clean) ** 2).mean()))

    found = Denoiser(method="supervised").predict(noisy)
    blurred = min(error(gaussian_filter(noisy.values, s)) for s in (0.7, 1.0, 1.4, 2.0))
    assert found.attrs["units"] == noisy.attrs["units"]
    assert error(found) < 0.35 * error(noisy)
    # The width of that Gaussian is the best one, which nobody knows without the clean image.
    assert error(found) < over_gaussian * blurred
    # Neither contrast nor level are lost.
    assert np.polyfit(clean.values.ravel(), found.values.ravel(), 1)[0] > 0.8
    assert float(found.mean()) == pytest.approx(float(clean.mean()), rel=0.03)
    with pytest.raises(NotFittedError):
        Denoiser().predict(noisy)
