"""Fits of spectra, against HyperSpy, eXSpy and pyTEMlib in their own environments."""

import numpy as np
import pytest
import xarray as xr
from tests.benchmarks.peers.races import race

from omniscopy import eds, eels, simulate

pytestmark = [pytest.mark.benchmark, pytest.mark.peer]
ELEMENTS = ["O", "Al", "Si", "Ti", "Fe", "Cu", "Sr", "Pt"]


def core_losses(scan=64):
    """Return noisy power laws with a peak, and the exponents and peaks that they have."""
    rng = np.random.default_rng(0)
    energy = 300.0 + 0.5 * np.arange(1024)
    exponent = 2.8 + 0.4 * rng.random((scan, scan, 1))
    mean = 1e4 * (1 + 0.2 * rng.random((scan, scan, 1))) * (energy / 300.0) ** -exponent
    height = 1500.0 * (1 + rng.random((scan, scan, 1)))
    peak = height * np.exp(-0.5 * ((energy - 540.0) / 8.0) ** 2)
    values = rng.poisson(mean + peak).astype(np.float32)  # as cameras write them
    data = {"values": values, "energy": energy, "window": (305.0, 480.0)}
    return data, exponent[..., 0], height[..., 0]


def off(what, truth, units=""):
    """Return what tells the rms error of `what`, over the part of the scan that was worked on."""

    def told(answer):
        found = answer[what]
        rows, columns = found.shape[:2]
        expected = np.broadcast_to(truth, (64, 64))[:rows, :columns]
        return f"{np.sqrt(np.nanmean((found - expected) ** 2)):.2g}{units}"

    return told


def test_power_law_and_gaussian(compared, tmp_path):
    data, _, _ = core_losses()
    ours, theirs = race("hyperspy", "multifit", data, tmp_path)
    faster = compared(
        "power law + Gaussian, 1024 channels, a fit", "HyperSpy", ours, theirs, "80",
        off("centre", 540.0, " eV"),
    )  # fmt: skip
    assert faster > 20


@pytest.mark.parametrize(
    ("job", "what", "asked"),
    [
        ("background_fast", "power-law background in closed form, 1024 channels", "5"),
        ("background_fit", "power-law background, fitted, 1024 channels", "30"),
    ],
)
def test_backgrounds(compared, tmp_path, job, what, asked):
    data, _, height = core_losses()
    ours, theirs = race("hyperspy", job, data, tmp_path)
    inside = (data["energy"] > 500) & (data["energy"] < 580)
    area = height * 8.0 * np.sqrt(2 * np.pi) / 0.5

    def error(answer):
        signal = answer["signal"][..., inside].sum(-1)
        truth = area[: signal.shape[0], : signal.shape[1]]
        return f"{100 * np.sqrt(np.mean((signal / truth - 1) ** 2)):.2g} % of the peak"

    assert compared(what, "HyperSpy", ours, theirs, asked, error) > 1


def test_bins(compared, tmp_path):
    data, _, _ = core_losses()
    ours, theirs = race("hyperspy", "binned", data, tmp_path)
    exact = data["values"].astype(float).reshape(32, 2, 32, 2, 256, 4).sum((1, 3, 5))
    faster = compared(
        "bins of 2 x 2 points and 4 channels", "HyperSpy", ours, theirs, "",
        lambda answer: f"{np.abs(answer['sums'] / exact - 1).max():.1g}",
    )  # fmt: skip
    assert faster > 1


def test_edges_with_low_losses(compared, tmp_path):
    shape = xr.DataArray(np.ones((16, 16)), dims=("y", "x"))
    microscope = {
        "dispersion": 0.5, "electrons": 1e9, "t_over_lambda": 0.5 * shape,
        "convergence_mrad": 10.0, "cross_sections": "hydrogenic",
    }  # fmt: skip
    core = eels.simulate_spectrum(
        {"Ti": 500.0, "O": 1500.0}, start=330.0, channels=1024, background=2e5, rng=1, **microscope
    )
    low = eels.simulate_spectrum(start=-20.0, channels=640, **microscope)
    data = {
        "values": core.values, "energy": core["energy_loss"].values, "low": low.values,
        "low_energy": low["energy_loss"].values,
    }  # fmt: skip
    ours, theirs = race("hyperspy", "edges", data, tmp_path)

    def error(answer):
        return f"Ti/O {100 * (np.median(answer['ratio']) * 3 - 1):+.2g} %"

    what = "Ti L and O K with low losses, 1024 channels, a fit"
    assert compared(what, "HyperSpy, eXSpy", ours, theirs, "30", error) > 5


def test_x_ray_lines(compared, tmp_path):
    phases = [
        {"O": 0.5, "Al": 0.2, "Si": 0.2, "Fe": 0.1},
        {"Ti": 0.3, "Cu": 0.3, "Sr": 0.2, "Pt": 0.2},
    ]
    made = {"shape": (16, 16), "channels": 2048, "dispersion": 0.01}
    tile = simulate.eds_map(phases, **made)
    exact = simulate.eds_map(phases, noise=False, **made)
    counts = eds.fit_lines(exact, ELEMENTS, calibration=None)["intensity"].mean(("y", "x"))
    data = {
        "values": np.tile(tile.values.astype(np.uint16), (8, 8, 1)),
        "energy": tile["energy"].values, "elements": ELEMENTS,
    }  # fmt: skip
    ours, theirs = race("hyperspy", "eds_lines", data, tmp_path)
    lines = ["Fe_Ka", "Cu_Ka", "Ti_Ka", "Si_Ka", "O_Ka"]

    def error(answer):
        found = dict(zip(answer["names"].tolist(), answer["intensity"], strict=True))
        off = [100 * abs(found[line] / float(counts.sel(line=line)) - 1) for line in lines]
        worst = int(np.argmax(off))
        return f"{np.median(off):.2g} % of counts, {off[worst]:.2g} % of {lines[worst]}"

    what = "X-ray lines of 8 elements in 128 x 128 x 2048, a fit"
    assert compared(what, "HyperSpy, eXSpy", ours, theirs, "2", error) > 0.5


def test_zero_losses(compared, tmp_path):
    rng = np.random.default_rng(1)
    energy = -10.0 + 0.1 * np.arange(1024)
    places = 0.3 * rng.standard_normal((64, 64, 1))
    mean = 1e5 / (1 + ((energy - places) / 0.35) ** 2) ** 2
    data = {"values": rng.poisson(mean).astype(float), "energy": energy}
    ours, theirs = race("pytemlib", "zero_loss", data, tmp_path, peer_limit=500.0)
    what = "zero loss, 1024 channels, a fit"
    faster = compared(what, "pyTEMlib", ours, theirs, "100", off("place", places[..., 0], " eV"))
    assert faster > 20
