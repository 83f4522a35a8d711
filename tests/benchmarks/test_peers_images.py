"""Atoms, strain and drift in images, against atomap, pycroscopy and stemtool."""

import numpy as np
import pytest
from scipy.spatial import cKDTree
from tests.benchmarks.measurements import image_of_columns
from tests.benchmarks.peers.races import race

pytestmark = [pytest.mark.benchmark, pytest.mark.peer]


@pytest.mark.parametrize("package", ["atomap", "pycroscopy"])
def test_refined_atoms(compared, tmp_path, package):
    image, places = image_of_columns()
    ours, theirs = race(package, "refine", {"values": image.values.astype(np.float32)}, tmp_path)

    def error(answer):
        away, _ = cKDTree(answer["places"]).query(places)
        near = away < 3
        return f"{np.sqrt(np.mean(away[near] ** 2)):.2g} px rms of {near.sum()}"

    assert compared("1024 atoms of 528², refining one", package, ours, theirs, "80", error) > 20


def strained(size=1024, period=12.0, strain=0.02):
    """Return a square lattice whose right half is stretched along x, and the map of strain."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:size, :size].astype(float)
    made = strain / (1 + np.exp(-(x - size / 2) / 10.0))
    moved = np.cumsum(made / (1 + made), axis=1)
    waves = np.cos(2 * np.pi * (x - moved) / period) + np.cos(2 * np.pi * y / period)
    return ((waves + 2) ** 2 / 16 + rng.normal(0, 0.05, y.shape)).astype(np.float32), made


def test_geometric_phases(compared, tmp_path):
    image, truth = strained()
    data = {"values": image, "period": 12.0}
    ours, theirs = race("stemtool", "gpa", data, tmp_path, peer_limit=200.0)

    def error(answer):
        away = answer["strain_xx"][100:900, 650:950] - truth[100:900, 650:950]
        return f"median {abs(np.median(away)):.1g}"

    assert compared("strain of 1024² by phases", "stemtool", ours, theirs, "50", error) > 15


def drifting(frames=20, size=512):
    """Return a stack of one periodic scene that drifts, with noise; and its shifts in pixels."""
    rng = np.random.default_rng(0)
    k = np.fft.fftfreq(size)
    distance = np.hypot(k[:, None], k)
    scene = np.fft.fft2(rng.normal(size=(size, size))) * np.exp(-((distance / 0.06) ** 2))
    scene /= np.sqrt(np.mean(np.abs(np.fft.ifft2(scene)) ** 2))
    shifts = np.cumsum(rng.normal(0, 1.5, (frames, 2)), 0)
    shifts -= shifts[0]
    stack = np.empty((frames, size, size), np.float32)
    for n, (dy, dx) in enumerate(shifts):
        turned = scene * np.exp(-2j * np.pi * (k[:, None] * dy + k * dx))
        stack[n] = np.fft.ifft2(turned).real + rng.normal(0, 0.2, (size, size))
    return stack, shifts


def test_registered_frames(compared, tmp_path):
    stack, shifts = drifting()
    ours, theirs = race("pycroscopy", "register", {"values": stack}, tmp_path)

    def error(answer):
        found = answer["shifts"] - answer["shifts"][0]
        return f"{np.sqrt(np.mean((found - shifts) ** 2)):.2g} px rms"

    what = "rigid registration of 20 × 512²"
    assert compared(what, "pycroscopy", ours, theirs, "10", error) > 2
