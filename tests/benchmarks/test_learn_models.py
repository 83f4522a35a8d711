"""Encoding and predicting, against the same done plainly, and what comes out of it."""

import math
import time
from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import pytest
import torch
import xarray as xr

import omniscopy as om

pytestmark = pytest.mark.benchmark


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def spotted_patches(count: int, size: int, seed: int):
    """Return patches of three or four spots, turned by up to 60 degrees and shifted."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    angle, shift, made = rng.uniform(-60, 60, count), rng.normal(0, 1, (count, 2)), []
    for number in range(count):
        spots = np.array([[0, 0], [9, 0], [-5, 7], [-5, -7]])[: 4 - number % 2]
        sine, cosine = np.sin(np.deg2rad(angle[number])), np.cos(np.deg2rad(angle[number]))
        spots = spots @ np.array([[cosine, -sine], [sine, cosine]])
        spots = spots + (size - 1) / 2 + shift[number]
        image = sum(np.exp(-((y - a) ** 2 + (x - b) ** 2) / (2 * 2.2**2)) for a, b in spots)
        made.append(image + rng.normal(0, 0.05, image.shape))
    axis = {"units": "nm", "kind": "spatial", "role": "signal"}
    line = 0.05 * (np.arange(size) - (size - 1) / 2)
    data = xr.DataArray(
        np.stack(made).astype(np.float32), dims=("point", "y", "x"),
        coords={"y": ("y", line, axis), "x": ("x", line, axis)},
    )  # fmt: skip
    return data, angle, 0.05 * shift, np.arange(count) % 2


def cpu_time(function: Callable[[], object]) -> float:
    start = time.process_time()
    function()
    return time.process_time() - start


def plain_epoch(values: np.ndarray, batch: int = 100, hidden: int = 128) -> None:
    """Train a rotation autoencoder for one epoch: every point of every patch is drawn."""
    count, size = len(values), values.shape[-1]
    rows = torch.from_numpy(values.reshape(count, -1))
    line = torch.linspace(-1, 1, size)
    grid = torch.stack(torch.meshgrid(line, -line, indexing="ij"), -1).reshape(-1, 2)
    tanh, linear = torch.nn.Tanh, torch.nn.Linear
    encoder = torch.nn.Sequential(
        linear(size**2, hidden), tanh(), linear(hidden, hidden), tanh(), linear(hidden, 10)
    )
    place, code = linear(2, hidden), linear(2, hidden, bias=False)
    body = torch.nn.Sequential(
        tanh(), linear(hidden, hidden), tanh(), linear(hidden, hidden), tanh(), linear(hidden, 1)
    )
    parts = [encoder, place, code, body]
    steps = torch.optim.Adam([p for each in parts for p in each.parameters()], lr=1e-4)
    for begin in range(0, count, batch):
        seen = rows[begin : begin + batch]
        mean, log_std = encoder(seen).chunk(2, -1)
        z = mean + log_std.exp() * torch.randn(mean.shape)
        sine, cosine = torch.sin(z[:, :1]), torch.cos(z[:, :1])
        x = grid[:, 0] * cosine - grid[:, 1] * sine + 0.1 * z[:, 1:2]
        y = grid[:, 0] * sine + grid[:, 1] * cosine + 0.1 * z[:, 2:3]
        drawn = body(place(torch.stack([x, y], -1)) + code(z[:, 3:])[:, None])[..., 0]
        misfit = 0.5 * ((drawn - seen) ** 2).sum(1).mean()
        loss = misfit + (0.5 * (mean**2 + (2 * log_std).exp() - 1) - log_std).sum(1).mean()
        steps.zero_grad()
        loss.backward()
        steps.step()


def test_patches_are_encoded_with_some_of_their_pixels(measured):
    data, *_ = spotted_patches(500, 32, 0)
    values = data.values
    plain_epoch(values[:100])

    def fit(epochs: int) -> float:
        model = om.learn.VAE(rotation=60.0, translation=True)
        return cpu_time(lambda: model.fit(data, epochs=epochs, progress=False))

    fit(1)
    # What is not of the epochs is the same.
    ours = (fit(4) - fit(1)) / 3
    plain = cpu_time(lambda: plain_epoch(values))
    measured("epoch of a rotation VAE over one that draws all pixels", ours / plain, "< 0.5")
    assert ours < 0.8 * plain


def test_angles_and_kinds_come_back(measured):
    data, angle, shift, kind = spotted_patches(1000, 32, 0)
    model = om.learn.VAE(rotation=60.0, translation=True)
    model.fit(data, epochs=15, progress=False)
    found = model.transform(data)
    waves = [np.deg2rad(each) for each in (found["angle"].values, angle)]
    sines = [np.sin(each - np.angle(np.exp(1j * each).mean())) for each in waves]
    correlation = abs(float((sines[0] * sines[1]).sum() / math.prod(map(np.linalg.norm, sines))))
    measured("circular correlation of angles of a rotation VAE, 15 epochs", correlation, ">= 0.95")
    from sklearn.linear_model import LogisticRegression

    codes = found["latent"].values
    told = LogisticRegression(C=100).fit(codes[:500], kind[:500]).score(codes[500:], kind[500:])
    measured("two kinds told by codes of a rotation VAE, 15 epochs", told, ">= 0.97")
    away = np.std(found["shift_y"].values - shift[:, 0]) / 0.05
    measured("shifts of a rotation VAE, standard deviation in pixels", float(away), "< 0.5")
    assert correlation >= 0.9
    assert told >= 0.95


def plain_deep_kernel(
    x: np.ndarray, y: np.ndarray, new: np.ndarray, steps: int = 100
) -> np.ndarray:
    """Maximise the likelihood with the usual large extractor of features, and predict."""
    rows, values = torch.from_numpy(x).float(), torch.from_numpy(y).float()
    sizes, layers = [x.shape[1], 1000, 500, 50], []
    for before, after in pairwise(sizes):
        layers += [torch.nn.Linear(before, after), torch.nn.ReLU()]
    net = torch.nn.Sequential(*layers, torch.nn.Linear(50, 2))
    logs = torch.nn.Parameter(torch.tensor([0.0, 0.0, 0.0, -2.0]))
    adam = torch.optim.Adam([*net.parameters(), logs], lr=1e-2)

    def features(points: torch.Tensor) -> torch.Tensor:
        z, known = net(points), net(rows)
        low, high = known.min(0).values, known.max(0).values
        return (2 * (z - low) / (high - low) - 1) / logs[:2].exp()

    def covariance(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        return logs[2].exp() * torch.exp(-0.5 * torch.cdist(one, other) ** 2)

    def whole() -> torch.Tensor:
        z = features(rows)
        return covariance(z, z) + (logs[3].exp() + 1e-3) * torch.eye(len(rows))

    for _ in range(steps):
        normal = torch.distributions.MultivariateNormal(values.mean().expand(len(rows)), whole())
        loss = -normal.log_prob(values) / len(rows)
        adam.zero_grad()
        loss.backward()
        adam.step()
    with torch.no_grad():
        weights = torch.linalg.solve(whole(), values - values.mean())
        cross = covariance(features(torch.from_numpy(new).float()), features(rows))
        return (values.mean() + cross @ weights).numpy()


def test_deep_kernels_learn_from_a_hundred_points(measured):
    data, angle, _, kind = spotted_patches(600, 16, 3)
    noise = np.random.default_rng(0).normal(0, 0.02, 600)
    x = data.values.reshape(600, -1).astype(np.float64)
    y = np.cos(np.deg2rad(angle)) + 0.5 * kind + noise

    def fit() -> om.learn.DeepKernelGP:
        return om.learn.DeepKernelGP().fit(x[:100], y[:100], progress=False)

    model = fit()
    ours = min(cpu_time(fit) for _ in range(2))
    start = time.process_time()
    other = plain_deep_kernel(x[:100], y[:100], x[100:])
    plain = time.process_time() - start
    known = 1 - ((other - y[100:]) ** 2).mean() / y[100:].var()
    measured("deep kernel GP of 100 points over one with a large extractor", ours / plain, "< 0.5")
    score = model.score(x[100:], y[100:])
    measured("deep kernel GP: R² of 500 points", score, f">= that of the other, {known:.3g}")
    assert score > known - 0.05
    measured("deep kernel GP of 100 points, 100 steps: CPU s (atomAI measured 10.1)", ours, "< 2")
    assert ours < plain
