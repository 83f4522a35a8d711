"""Training: deterministic, resumable, and without a trace in the state of torch."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from omniscopy.io import FormatError
from omniscopy.learn import (
    Arrays,
    Estimator,
    Progress,
    export_onnx,
    load,
    plot_history,
    train_network,
)
from omniscopy.learn.devices import generator_of, seeded
from omniscopy.model import DataError, coordinate


def make_net(seed: int = 0) -> torch.nn.Module:
    with seeded(seed):
        return torch.nn.Sequential(
            torch.nn.Linear(3, 8), torch.nn.BatchNorm1d(8), torch.nn.Tanh(),
            torch.nn.Dropout(0.2), torch.nn.Linear(8, 1),
        )  # fmt: skip


def squares(net: torch.nn.Module, batch: tuple[torch.Tensor, ...], _: torch.Generator):
    return ((net(batch[0]) - batch[1]) ** 2).mean()


def noisy(x: torch.Tensor, y: torch.Tensor, *, generator: torch.Generator):
    return x + 0.01 * torch.randn(x.shape, generator=generator), y


def examples(count: int = 40) -> Arrays:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((count, 3))
    return Arrays(x, x @ np.array([[1.0], [-2.0], [0.5]]), augment=noisy)


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    return all(
        torch.equal(a, b)
        for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    )


def test_a_loss_falls_and_is_written_down_for_each_epoch():
    history = train_network(
        make_net(), squares, examples(), epochs=30, learning_rate=0.05, validation=0.2
    )
    assert dict(history.sizes) == {"epoch": 30}
    assert history["loss"][-1] < 0.3 * history["loss"][0]
    assert history["validation_loss"][-1] < 0.3 * history["validation_loss"][0]
    assert history["learning_rate"].max() <= 0.05
    assert history["seconds"].attrs["units"] == "s"


def test_the_same_seed_gives_the_same_weights_and_another_one_others():
    nets = [make_net() for _ in range(3)]
    for net, seed in zip(nets, (1, 1, 2), strict=True):
        train_network(net, squares, examples(), epochs=3, seed=seed)
    assert same(nets[0], nets[1])
    assert not same(nets[0], nets[2])


@pytest.mark.parametrize("averaging", [False, True])
@pytest.mark.parametrize("at", [1, 4, 5])
def test_a_killed_training_goes_on_to_the_same_weights(tmp_path, averaging, at):
    class KilledError(Exception):
        pass

    def kill(progress: Progress) -> None:
        if progress.epoch == at + 1:
            raise KilledError

    options = {"epochs": 6, "validation": 0.2, "averaging": averaging, "seed": 3}
    whole, cut, resumed = make_net(), make_net(), make_net(9)
    full = train_network(whole, squares, examples(), **options)
    with pytest.raises(KilledError):
        train_network(cut, squares, examples(), checkpoint=tmp_path, callbacks=[kill], **options)
    again = train_network(resumed, squares, examples(), checkpoint=tmp_path, **options)
    assert same(whole, resumed)
    np.testing.assert_array_equal(full["loss"], again["loss"])


def test_a_checkpoint_of_another_training_is_refused_unless_begun_anew(tmp_path):
    train_network(make_net(), squares, examples(), epochs=1, checkpoint=tmp_path)
    with pytest.raises(DataError, match="another training"):
        train_network(make_net(), squares, examples(), epochs=2, checkpoint=tmp_path)
    train_network(make_net(), squares, examples(), epochs=2, checkpoint=tmp_path, resume=False)


def test_a_damaged_checkpoint_is_refused(tmp_path):
    (tmp_path / "checkpoint.safetensors").write_bytes(b"no tensors")
    with pytest.raises(FormatError, match="no whole checkpoint"):
        train_network(make_net(), squares, examples(), epochs=1, checkpoint=tmp_path)


def test_the_global_state_is_left_alone():
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    threads, kind = torch.get_num_threads(), torch.get_default_dtype()
    train_network(make_net(), squares, examples(), epochs=2, validation=0.2, averaging=True)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert (torch.get_num_threads(), torch.get_default_dtype()) == (threads, kind)
    assert not torch.are_deterministic_algorithms_enabled()


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_weights_are_averaged_however_few_epochs_there_are(epochs):
    net = make_net()
    train_network(net, squares, examples(5), epochs=epochs, batch_size=3, averaging=True)
    assert all(bool(torch.isfinite(each).all()) for each in net.state_dict().values())
    assert not net.training


def test_training_stops_early_and_takes_the_best_weights():
    kept = {}

    def keep(progress: Progress) -> None:
        weights = progress.net.state_dict()
        kept[progress.epoch] = {name: each.clone() for name, each in weights.items()}

    net = make_net()
    history = train_network(
        net, squares, examples(), epochs=60, learning_rate=0.5, schedule="constant",
        validation=0.3, early_stopping=2, callbacks=[keep],
    )  # fmt: skip
    assert history.attrs["stopped"] == "early stopping"
    assert history.sizes["epoch"] < 60
    best = int(history["validation_loss"].values.argmin()) + 1
    assert all(torch.equal(net.state_dict()[name], kept[best][name]) for name in kept[best])


def test_a_cycle_that_is_ended_early_falls_at_its_end():
    whole = train_network(make_net(), squares, examples(), epochs=10, seed=1)
    cut = train_network(make_net(), squares, examples(), epochs=6, cycle=10, fall=2, seed=1)
    np.testing.assert_array_equal(cut["loss"][:4], whole["loss"][:4])
    rate = cut["learning_rate"].values
    np.testing.assert_array_equal(rate[:4], whole["learning_rate"].values[:4])
    assert rate[5] < 1e-3 * rate[3]
    with pytest.raises(DataError, match="cycle must be at least"):
        train_network(make_net(), squares, examples(), epochs=6, cycle=4)


def test_weights_are_perturbed_less_and_less_and_the_same_for_a_seed(tmp_path):
    begun = make_net()
    nets = [make_net() for _ in range(3)]
    still = {"learning_rate": 1e-12, "schedule": "constant"}
    train_network(nets[0], squares, examples(), epochs=1, perturbation=0.1, **still)
    moved = (nets[0][4].weight - begun[4].weight).detach()
    size = float(begun[4].weight.detach().square().mean().sqrt())
    assert 0.3 < float(moved.square().mean().sqrt()) / (0.1 * size) < 3.0
    # Levels and normalisations stay.
    torch.testing.assert_close(nets[0][4].bias, begun[4].bias)
    torch.testing.assert_close(nets[0][1].weight, begun[1].weight)
    for net in nets[1:]:
        train_network(net, squares, examples(), epochs=2, perturbation=0.1, seed=4, **still)
    assert same(*nets[1:])
    later = float((nets[1][4].weight - begun[4].weight).detach().square().mean().sqrt())
    assert later < 3.0 * 0.1 * size
    options = {"epochs": 4, "perturbation": 0.1, "seed": 3}
    whole, resumed = make_net(), make_net(9)

    def stop(progress: Progress) -> None:
        raise KeyboardInterrupt

    train_network(whole, squares, examples(), **options)
    train_network(make_net(), squares, examples(), checkpoint=tmp_path / "whole", **options)
    cut = make_net()
    with pytest.raises(KeyboardInterrupt):
        train_network(
            cut, squares, examples(), checkpoint=tmp_path / "cut",
            callbacks=[lambda told: stop(told) if told.epoch == 3 else None], **options,
        )  # fmt: skip
    train_network(resumed, squares, examples(), checkpoint=tmp_path / "cut", **options)
    assert same(whole, resumed)


def test_a_callback_can_stop():
    def stop(progress: Progress) -> None:
        progress.stop = progress.epoch == 2

    history = train_network(make_net(), squares, examples(), epochs=9, callbacks=[stop])
    assert history.sizes["epoch"] == 2
    assert history.attrs["stopped"] == "callback"


def test_what_networks_are_judged_by_is_not_altered():
    seen = []

    def alter(x, y, *, generator):
        seen.append(len(x))
        return x, y

    data = examples()
    data.augment = alter
    train_network(make_net(), squares, data, epochs=1, validation=0.25, batch_size=10)
    assert sum(seen) == 30


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"learning_rate": 0.0}, "learning_rate must be above 0"),
        ({"schedule": "step"}, "schedule must be"),
        ({"schedule": []}, "rates of epochs"),
        ({"validation": 1.5}, "validation must be a part"),
        ({"validation": 0.999}, "leaves none to learn from"),
        ({"early_stopping": 3}, "needs validation"),
        ({"perturbation": -0.1}, "perturbation is a part"),
        ({"device": "abacus"}, "there is no device"),
    ],
)
def test_options_without_meaning_are_refused(options, words):
    with pytest.raises(DataError, match=words):
        train_network(make_net(), squares, examples(), **options)


def test_a_loss_that_is_no_number_ends_the_training():
    data = Arrays(np.full((4, 3), np.nan), np.zeros((4, 1)))
    with pytest.raises(DataError, match="look for NaN"):
        train_network(make_net(), squares, data, epochs=1)


def test_examples_of_any_type_become_tensors():
    big = np.arange(12, dtype=">f8").reshape(4, 3)[::-1]
    data = Arrays(big, np.arange(4, dtype="u1"))
    x, y = data.batch([0, 1], generator_of(0), training=False)
    assert (x.dtype, y.dtype) == (torch.float32, torch.int64)
    np.testing.assert_array_equal(x.numpy(), big[:2])
    with pytest.raises(DataError, match="real numbers"):
        Arrays(np.array(["a"]))
    with pytest.raises(DataError, match="as many of each"):
        Arrays(np.zeros(3), np.zeros(4))
    with pytest.raises(DataError, match="at least one"):
        Arrays(np.zeros((0, 3)))


class Line(Estimator):
    def __init__(self, *, width: int = 8, device: str = "cpu") -> None:
        self.width = width
        self.device = device

    def make_network(self) -> torch.nn.Module:
        return torch.nn.Sequential(
            torch.nn.Linear(self.facts_["size"], self.width), torch.nn.BatchNorm1d(self.width),
            torch.nn.Linear(self.width, 1),
        )  # fmt: skip

    def example_input(self):
        return (torch.randn((3, self.facts_["size"]), generator=generator_of(0)),)

    def fit(self, x, y, **training):
        return self.train(squares, Arrays(x, y), {"size": x.shape[1]}, training)

    def predict(self, x):
        net, _ = self.ready()
        with torch.no_grad():
            return net(torch.from_numpy(x.astype(np.float32))).numpy()


@pytest.fixture
def fitted(monkeypatch):
    import omniscopy.learn

    # Saved classes are looked up among the public ones of the package.
    Line.__module__ = "omniscopy.learn.lines"
    monkeypatch.setitem(omniscopy.learn.__dict__, "Line", Line)
    x = np.random.default_rng(0).standard_normal((20, 3))
    return Line(width=4).fit(x, x[:, :1], epochs=2, seed=1), x


def test_estimators_are_cloned_and_set_as_those_of_scikit_learn(fitted):
    model, _ = fitted
    assert model.get_params() == {"width": 4, "device": "cpu"}
    other = clone(model).set_params(width=5)
    assert other.width == 5
    with pytest.raises(NotFittedError, match="learnt nothing yet"):
        other.predict(np.zeros((1, 3)))
    with pytest.raises(DataError, match="no options"):
        other.fit(np.zeros((4, 3)), np.zeros((4, 1)), epoch=3)


def test_a_training_can_start_from_another_model(fitted):
    model, x = fitted
    still = {"epochs": 1, "learning_rate": 1e-12, "schedule": "constant"}
    further = Line(width=4).fit(x, x[:, :1], start=model, **still)
    torch.testing.assert_close(further.net_[0].weight, model.net_[0].weight)
    assert further.about_["start"] == model.digest
    before = model.digest
    trained = Line(width=4).fit(x, x[:, :1], start=model, epochs=20, learning_rate=0.02)
    assert model.digest == before
    assert float(trained.history_["loss"][-1]) < float(model.history_["loss"][-1])
    with pytest.raises(DataError, match="these weights do not fit Line"):
        Line(width=5).fit(x, x[:, :1], start=model)
    with pytest.raises(NotFittedError):
        Line(width=4).fit(x, x[:, :1], start=Line(width=4))
    with pytest.raises(DataError, match="a model to train further"):
        Line(width=4).fit(x, x[:, :1], start="model.zip")


@pytest.mark.parametrize("name", ["line", "line.zip"])
def test_a_saved_model_is_the_same_when_loaded(fitted, tmp_path, name):
    model, x = fitted
    path = model.save(tmp_path / name)
    found = load(path)
    assert found.digest == model.digest
    np.testing.assert_array_equal(found.predict(x), model.predict(x))
    with pytest.raises(FileExistsError, match="overwrite"):
        model.save(path)
    model.save(path, overwrite=True)


def test_weights_make_the_digest(fitted):
    model, _ = fitted
    before = model.digest
    with torch.no_grad():
        next(model.net_.parameters())[0, 0] += 1e-3
    assert model.digest != before


def test_pickles_are_refused(tmp_path, fitted):
    path = tmp_path / "weights.pt"
    torch.save(fitted[0].net_.state_dict(), path)
    with pytest.raises(FormatError, match="unpickled"):
        load(path)
    path = tmp_path / "weights.tar"
    path.write_bytes(b"\x80\x04N.")
    with pytest.raises(FormatError, match="unpickled"):
        load(path)
    folder = fitted[0].save(tmp_path / "model")
    (folder / "weights.safetensors").write_bytes((tmp_path / "weights.pt").read_bytes())
    with pytest.raises(FormatError, match="weights are damaged"):
        load(folder)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": "other"}, "expected the format"),
        ({"class": "learn.load"}, "no estimator"),
        ({"class": "os.system"}, "has no public"),
        ({"facts": {"size": 4}}, "do not make a model"),
        ({"settings": {"volume": 3}}, "do not make a model"),
        ({"settings": 3}, "must be a dict"),
    ],
)
def test_settings_that_make_no_sense_are_refused(fitted, tmp_path, change, words):
    path = fitted[0].save(tmp_path / "model")
    told = json.loads((path / "model.json").read_text())
    (path / "model.json").write_text(json.dumps({**told, **change}))
    with pytest.raises(FormatError, match=words):
        load(path)


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="is not there"):
        load(tmp_path / "nothing")
    with pytest.raises(FormatError, match="a model is a folder"):
        load(tmp_path)


def test_an_exported_network_gives_the_same_numbers(fitted, tmp_path: Path, capfd):
    import onnxruntime

    model, x = fitted
    path = export_onnx(model, tmp_path / "line.onnx")
    assert "torchvision" not in capfd.readouterr().err
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"input": x.astype(np.float32)})
    np.testing.assert_allclose(found, model.predict(x), atol=1e-4)


def test_a_history_is_drawn_as_curves_over_its_epochs():
    losses = {"loss": [4.0, 2.0, 1.0], "validation_loss": [5.0, 3.0, 2.5], "rate": [0.1, 0.1, 0.05]}
    epochs = coordinate("epoch", np.arange(1, 4), None, kind="sample")
    history = xr.Dataset(
        {name: ("epoch", values) for name, values in losses.items()}, {"epoch": epochs}
    )
    (ax,) = plot_history(history).axes
    drawn = {tuple(line.get_ydata()): list(line.get_xdata()) for line in ax.lines}
    assert drawn == {tuple(losses[name]): [1, 2, 3] for name in ("loss", "validation_loss")}
    (ax,) = plot_history(history, "rate").axes
    assert [list(line.get_ydata()) for line in ax.lines] == [losses["rate"]]
    with pytest.raises(DataError, match=r"no \['speed'\]; there are"):
        plot_history(history, "speed")
    with pytest.raises(DataError, match="along 'epoch'"):
        plot_history(history["loss"])
