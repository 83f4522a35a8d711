"""Gaussian processes: what they say they do not know is what they do not know."""

import numpy as np
import pytest
import torch
import xarray as xr

from omniscopy.io import FormatError
from omniscopy.learn import DeepKernelGP, Ensemble, Experiment, GaussianProcess, acquisition, load
from omniscopy.learn.gaussian_processes.covariances import Covariance
from omniscopy.learn.gaussian_processes.posteriors import Posterior, bound_by_few, evidence
from omniscopy.model import DataError


def wave(x: np.ndarray) -> np.ndarray:
    return 3.0 * np.sin(4 * x[:, 0]) + 0.5 * x[:, 1] + 10.0


def points(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 2, (count, 2))


@pytest.mark.parametrize("kernel", ["rbf", "matern52", "matern32"])
def test_posteriors_are_those_of_the_textbook(kernel):
    x, new = torch.from_numpy(points(12)), torch.from_numpy(points(5, 1))
    y = torch.from_numpy(wave(x.numpy()))[None] - 10
    covariance = Covariance(kernel, 2, noise=0.2)
    net = Posterior(covariance, 12, 2, 1, sparse=False)
    net.condition(x, y)
    mean, var = net(new)

    def kernel_of(a, b):
        r = np.linalg.norm(a[:, None] - b, axis=-1)
        if kernel == "rbf":
            return np.exp(-(r**2) / 2)
        s = np.sqrt(5.0 if kernel == "matern52" else 3.0) * r
        return (1 + s + (s**2 / 3 if kernel == "matern52" else 0)) * np.exp(-s)

    a, b = x.numpy(), new.numpy()
    whole = kernel_of(a, a) + 0.04 * np.eye(12)
    cross = kernel_of(a, b)
    wanted = cross.T @ np.linalg.solve(whole, y[0].numpy())
    np.testing.assert_allclose(mean[0].detach(), wanted, atol=1e-4)
    rest = 1 - np.einsum("ij,ij->j", cross, np.linalg.solve(whole, cross))
    np.testing.assert_allclose(var[0].detach(), rest, atol=1e-5)
    from scipy.stats import multivariate_normal

    logs = multivariate_normal(np.zeros(12), whole).logpdf(y[0].numpy())
    assert float(evidence(covariance, x, y).detach()) == pytest.approx(logs, rel=1e-4)


def test_as_many_inducing_points_as_points_give_the_exact_posterior():
    x, new = torch.from_numpy(points(15)), torch.from_numpy(points(4, 1))
    y = torch.from_numpy(wave(x.numpy()))[None] - 10
    covariance = Covariance("matern52", 2, noise=0.3)
    nets = [Posterior(covariance, 15, 2, 1, sparse=sparse) for sparse in (False, True)]
    nets[1].points.copy_(x)
    for net in nets:
        net.condition(x, y)
    for one, other in zip(nets[0](new), nets[1](new), strict=True):
        np.testing.assert_allclose(one.detach(), other.detach(), rtol=1e-3, atol=1e-4)
    few = bound_by_few(covariance, x, x, y).detach()
    assert float(few) == pytest.approx(float(evidence(covariance, x, y).detach()), abs=0.01)
    assert float(bound_by_few(covariance, x[:4], x, y).detach()) < float(few)


def test_standard_deviations_are_calibrated():
    rng = np.random.default_rng(0)
    pulls, noises = [], []
    for seed in range(6):
        x = points(60, seed)
        model = GaussianProcess(kernel="rbf").fit(x, wave(x) + rng.normal(0, 0.2, 60))
        new = points(80, 100 + seed)
        found = model.predict(new)
        pulls.append((found["value"].values - wave(new)) / found["value_std"].values)
        noises.append(float(found["noise_std"]))
    assert 0.8 < np.std(np.concatenate(pulls)) < 1.25
    assert np.mean(noises) == pytest.approx(0.2, rel=0.15)


def test_a_sparse_image_is_filled_with_its_units():
    rng = np.random.default_rng(0)
    y, x = 0.2 * np.arange(24), 0.2 * np.arange(30)
    truth = np.sin(2 * y)[:, None] * np.cos(1.5 * x)
    values = np.where(
        rng.random(truth.shape) < 0.3, truth + rng.normal(0, 0.02, truth.shape), np.nan
    )
    image = xr.DataArray(
        values, dims=("y", "x"), attrs={"units": "nm"},
        coords={"y": ("y", y, {"units": "um"}), "x": ("x", x, {"units": "um"})},
    )  # fmt: skip
    for model in (GaussianProcess(), GaussianProcess(method="inducing", inducing=80)):
        filled = model.fill(image)
        assert filled["value"].dims == ("y", "x")
        assert filled["value"].attrs["units"] == "nm"
        assert filled["value_std"].attrs["units"] == "nm"
        assert np.sqrt(((filled["value"].values - truth) ** 2).mean()) < 0.06


def test_drawn_functions_have_the_predicted_mean_and_spread():
    x = points(20)
    model = GaussianProcess().fit(x, wave(x))
    new = points(6, 1)
    found, drawn = model.predict(new), model.sample(new, 4000, rng=0)
    np.testing.assert_allclose(drawn.mean("sample_number"), found["value"], atol=0.1)
    np.testing.assert_allclose(drawn.std("sample_number"), found["value_std"], rtol=0.1, atol=0.01)


def test_models_are_saved_and_outputs_kept_apart(tmp_path):
    x = points(25)
    both = xr.DataArray(
        np.stack([wave(x), -2 * wave(x)], -1), dims=("point", "property"), attrs={"units": "V"}
    )
    for model in (
        GaussianProcess().fit(x, both),
        DeepKernelGP(hidden=(8,)).fit(x, both, epochs=5, progress=False),
    ):
        found = model.predict(x)
        assert found["value"].dims == ("point", "property")
        again = load(model.save(tmp_path / type(model).__name__))
        np.testing.assert_allclose(again.predict(x)["value"], found["value"])
    found = GaussianProcess().fit(x, both).predict(x)["value"]
    np.testing.assert_allclose(found[:, 1], -2 * found[:, 0], rtol=0.02)


def test_missing_values_are_left_out_and_have_no_prediction():
    x, y = points(30), wave(points(30))
    y[3] = np.nan
    model = GaussianProcess().fit(x, y)
    new = x[:4].copy()
    new[1] = np.nan
    found = model.predict(new)
    assert found["status"].values.tolist() == [0, 4, 0, 0]
    assert np.isnan(found["value"].values[1])
    assert found["value"].values[3] == pytest.approx(wave(x[3:4])[0], abs=0.3)


def test_deep_kernels_learn_which_inputs_matter():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 30))
    y = np.sin(x[:, 0] + x[:, 1])
    model = DeepKernelGP(hidden=(32,)).fit(x[:90], y[:90], epochs=60, progress=False, seed=1)
    assert model.score(x[:90], y[:90]) > 0.9
    assert model.embed(x[:3]).shape == (3, 2)
    dtype = torch.get_default_dtype()
    assert dtype == torch.float32


def test_deep_kernels_of_an_ensemble_disagree_far_from_what_was_measured(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (40, 6))
    y = np.sin(3 * x[:, 0])
    made = Ensemble(DeepKernelGP(hidden=(32,)), 4).fit(x, y, epochs=60, progress=False)
    near, far = rng.uniform(-0.7, 0.7, (30, 6)), 6.0 * rng.choice([-1.0, 1.0], (30, 6))
    found, away = made.predict(near), made.predict(far)
    truth = np.sin(3 * near[:, 0])
    single = [
        np.sqrt(np.mean((m.predict(near)["value"].values - truth) ** 2)) for m in made.members
    ]
    assert np.sqrt(np.mean((found["value"].values - truth) ** 2)) < np.mean(single)
    spread = [
        np.std([m.predict(where)["value"].values for m in made.members], axis=0).mean()
        for where in (near, far)
    ]
    assert spread[1] > 1.5 * spread[0]
    own = np.mean([m.predict(far)["value_std"].values for m in made.members])
    assert float(away["value_std"].mean()) > own
    again = Ensemble.load(made.save(tmp_path / "gps"))
    xr.testing.assert_allclose(again.predict(near), found)


def test_promises_are_those_of_the_formulas():
    predicted = xr.Dataset(
        {"value": ("point", [0.0, 1.0, 2.0]), "value_std": ("point", [1.0, 0.5, 0.0])}
    )
    rng = np.random.default_rng(0)
    drawn = predicted["value"].values + predicted["value_std"].values * rng.normal(size=(200000, 3))
    gain = np.maximum(drawn - 0.8, 0)
    found = acquisition.expected_improvement(predicted, 0.8)
    np.testing.assert_allclose(found, gain.mean(0), atol=5e-3)
    chance = acquisition.probability_of_improvement(predicted, 0.8, margin=0.1)
    np.testing.assert_allclose(chance, (drawn > 0.9).mean(0), atol=5e-3)
    low = acquisition.expected_improvement(predicted, 0.8, maximise=False)
    np.testing.assert_allclose(low, np.maximum(0.8 - drawn, 0).mean(0), atol=5e-3)
    bound = acquisition.upper_confidence_bound(predicted, beta=2.0)
    np.testing.assert_allclose(bound, [2.0, 2.0, 2.0])
    bound = acquisition.upper_confidence_bound(predicted, beta=1.0, maximise=False)
    np.testing.assert_allclose(bound, [1.0, -0.5, -2.0])
    nearer = acquisition.distance_penalty(found, np.array([[0.0], [1.0], [3.0]]), [1.0], cost=0.1)
    np.testing.assert_allclose(found - nearer, [0.1, 0.0, 0.2])
    with pytest.raises(DataError, match="has no"):
        acquisition.expected_improvement(predicted.drop_vars("value_std"), 0.0)


def peak(x: np.ndarray) -> np.ndarray:
    return np.exp(-((x[:, 0] - 0.63) ** 2) / 0.01)


@pytest.mark.parametrize("kind", ["expected_improvement", "upper_confidence_bound", "thompson"])
def test_an_experiment_finds_the_peak_in_few_measurements(kind):
    grid = np.linspace(0, 1, 101)
    run = Experiment(grid, acquisition=kind, initial=4, rng=2).run(peak, 16)
    assert len(run.told) == 16
    assert abs(grid[run.best[0]] - 0.63) <= 0.03
    assert len(set(run.measured["candidate"].values.tolist())) == 16


def test_an_experiment_goes_on_where_it_was_saved(tmp_path):
    grid = np.linspace(0, 1, 41)
    whole = Experiment(grid, initial=3, rng=1).run(peak, 6)
    half = Experiment(grid, initial=3, rng=1).run(peak, 4)
    again = Experiment.load(half.save(tmp_path / "run.json")).run(peak, 2)
    assert again.told == whole.told
    assert whole.predict()["value"].sizes["point"] == 41


def test_a_batch_is_spread_and_failed_measurements_are_not_asked_for_again():
    run = Experiment(np.linspace(0, 1, 21), acquisition="uncertainty", initial=3).run(peak, 3)
    numbers = run.ask(3)
    assert len(set(numbers)) == 3
    assert np.min(np.abs(np.subtract.outer(numbers, numbers))[~np.eye(3, dtype=bool)]) >= 2
    run.tell(numbers, [np.nan, 0.1, 0.2])
    assert numbers[0] not in run.ask(30)


def test_cost_of_distance_keeps_the_next_point_near():
    grid = np.linspace(0, 1, 51)
    near, far = (
        Experiment(grid, acquisition="uncertainty", initial=3, distance_cost=cost, rng=3).run(
            peak, 3
        )
        for cost in (100.0, 0.0)
    )
    last = grid[near.told[-1][0]]
    assert abs(grid[near.ask()[0]] - last) <= abs(grid[far.ask()[0]] - last)


def test_wrong_calls_are_refused(tmp_path):
    with pytest.raises(DataError, match="acquisition must be one of"):
        Experiment(np.arange(4.0), acquisition="luck")
    with pytest.raises(DataError, match="finite rows"):
        Experiment(np.array([np.nan]))
    run = Experiment(np.arange(4.0))
    with pytest.raises(DataError, match="from 0 to 3"):
        run.tell(7, 1.0)
    with pytest.raises(DataError, match="as many values"):
        run.tell([1, 2], [0.5])
    with pytest.raises(DataError, match="nothing was measured"):
        _ = run.best
    (tmp_path / "bad.json").write_text('{"format": "other"}')
    with pytest.raises(FormatError, match="expected the format"):
        Experiment.load(tmp_path / "bad.json")
    with pytest.raises(DataError, match="at least 2 are needed"):
        GaussianProcess().fit(points(1), np.ones(1))
    with pytest.raises(DataError, match="a value for each of 4"):
        GaussianProcess().fit(points(4), np.ones(3))
    with pytest.raises(DataError, match="knows 2 inputs"):
        GaussianProcess().fit(points(4), np.arange(4.0)).predict(np.ones((2, 3)))
