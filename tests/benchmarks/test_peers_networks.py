"""Gaussian processes of patches, against atomAI."""

import numpy as np
import pytest
from tests.benchmarks.peers.races import race

pytestmark = [pytest.mark.benchmark, pytest.mark.peer]
# Points that values are learnt from.
_KNOWN = 100


def spotted(count, size, seed):
    """Return patches of three or four spots, turned by up to 60 degrees and shifted."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    angle, shift, made = rng.uniform(-60, 60, count), rng.normal(0, 1, (count, 2)), []
    for number in range(count):
        spots = size / 32 * np.array([[0, 0], [9, 0], [-5, 7], [-5, -7]])[: 4 - number % 2]
        sine, cosine = np.sin(np.deg2rad(angle[number])), np.cos(np.deg2rad(angle[number]))
        spots = spots @ np.array([[cosine, -sine], [sine, cosine]])
        spots = spots + (size - 1) / 2 + shift[number]
        image = sum(np.exp(-((y - a) ** 2 + (x - b) ** 2) / (2 * 2.2**2)) for a, b in spots)
        made.append(image + rng.normal(0, 0.05, image.shape))
    return np.stack(made).astype(np.float32), angle, np.arange(count) % 2


def test_deep_kernels(compared, tmp_path):
    values, angle, kind = spotted(600, 16, 3)
    x = values.reshape(600, -1).astype(np.float64)
    y = np.cos(np.deg2rad(angle)) + 0.5 * kind
    y = y + np.random.default_rng(0).normal(0, 0.02, 600)
    data = {"x": x[:_KNOWN], "y": y[:_KNOWN], "new": x[_KNOWN:]}
    ours, theirs = race(
        "atomai", "deep_kernel", data, tmp_path, peer_limit=900.0, limit=900.0
    )  # fmt: skip

    def explained(answer):
        return 1 - np.mean((answer["values"] - y[_KNOWN:]) ** 2) / y[_KNOWN:].var()

    what = "deep-kernel Gaussian process of 100 points of 256 numbers, 500 predicted"
    compared(what, "atomai", ours, theirs, "5", lambda answer: f"R² {explained(answer):.3f}")
    assert theirs.cpu > 5 * ours.cpu
    assert explained(ours.answer) > explained(theirs.answer) - 0.02
