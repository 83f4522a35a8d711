"""Scans of diffraction patterns, against py4DSTEM, LiberTEM and pyxem."""

import numpy as np
import pytest
from tests.benchmarks.peers.races import race

from omniscopy import crystal, simulate

pytestmark = [pytest.mark.benchmark, pytest.mark.peer]
RADIUS, G, STRAIN = 5.0, 22.0, 0.02


def discs(scan=16, size=128, counts=3e4):
    """Return patterns of 21 discs whose lattice is smaller along kx in the right half."""
    rng = np.random.default_rng(0)
    middle = (size - 1) / 2
    ky, kx = np.mgrid[:size, :size]
    strain = np.where(np.arange(scan) < scan // 2, 0.0, STRAIN)
    values = np.empty((scan, scan, size, size), np.uint16)
    for y, x in np.ndindex(scan, scan):
        y0 = middle + 0.5 * np.sin(2 * np.pi * y / scan)
        x0 = middle + 0.5 * np.cos(2 * np.pi * x / scan)
        mean = np.full((size, size), 1e-3)
        for h, k in np.ndindex(5, 5):
            h, k = h - 2, k - 2  # noqa: PLW2901
            if h * h + k * k <= 5:
                away = np.hypot(ky - y0 - h * G, kx - x0 - k * G / (1 + strain[x]))
                mean += np.exp(-(h * h + k * k) / 3) * np.clip(RADIUS + 0.5 - away, 0, 1)
        values[y, x] = rng.poisson(mean * counts / mean.sum())
    return values, strain


def test_discs_and_strain(compared, tmp_path):
    values, strain = discs()
    data = {"values": values, "radius": RADIUS, "g": G}
    ours, theirs = race("py4dstem", "discs", data, tmp_path)

    def error(answer):
        return f"strain {np.sqrt(np.nanmean((answer['strain'] - strain) ** 2)):.2g} rms"

    what = "discs of a pattern of 128², to parts of a pixel"
    assert compared(what, "py4DSTEM", ours, theirs, "5", error) > 1.5


@pytest.mark.parametrize(
    ("package", "name", "asked"), [("libertem", "LiberTEM", "8"), ("py4dstem", "py4DSTEM", "50")]
)
def test_sums_of_patterns(compared, tmp_path, package, name, asked):
    values = np.random.default_rng(0).poisson(2, (64, 64, 128, 128)).astype(np.uint16)
    values[..., 70:80, 60:90] += 3
    ours, theirs = race(package, "reductions", {"values": values}, tmp_path)
    axis = np.arange(128) - 63.5
    total = values.sum((2, 3))
    truth = {
        "disc": values[..., np.hypot(axis[:, None], axis) < 30].sum(-1),
        "com_y": values.sum(3) @ axis / total, "com_x": values.sum(2) @ axis / total,
        "mean": values.mean((0, 1)),
    }  # fmt: skip

    def error(answer):
        disc = np.abs(answer["disc"].astype(float) / truth["disc"] - 1).max()
        com = max(np.abs(answer[c] - truth[c]).max() for c in ("com_y", "com_x"))
        return f"disc {disc:.0e}, centre {com:.0e} px"

    what = "disc, centre of mass and mean of 134 MB of patterns"
    assert compared(what, name, ours, theirs, asked, error) > 1


def test_orientations(compared, tmp_path):
    found = simulate.orientation_4d("Al", (6, 8), rng=11)
    truth = np.array(found.attrs["metadata"]["truth"]["orientation"])
    data = {
        "values": found.values, "ky": found["ky"].values, "kx": found["kx"].values,
        "resolution": 1.41,
    }  # fmt: skip
    ours, theirs = race("pyxem", "orientations", data, tmp_path)
    cell = crystal.structure("Al")

    def error(answer):
        away = crystal.misorientations(cell, answer["matrix"], truth)
        return f"median {np.median(away):.2g}°"

    what = "orientation of a pattern of 64² among 1000"
    assert compared(what, "pyxem", ours, theirs, "5", error) > 1
