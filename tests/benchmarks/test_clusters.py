"""What more processes bring."""

import os

import numpy as np
import pytest
import xarray as xr

import omniscopy as om
from omniscopy.compute import connect
from omniscopy.model import coordinate
from omniscopy.signal import Gaussian, PowerLaw, fit_model

pytestmark = pytest.mark.benchmark


def spectra():
    """Return edges on a background: 4096 spectra of 1024 channels."""
    energy = np.linspace(400.0, 1400.0, 1024)
    rng = np.random.default_rng(0)
    exponent, centre = rng.uniform(2.5, 3.5, (64, 64, 1)), rng.uniform(800, 900, (64, 64, 1))
    expected = 2000 * (energy / 400) ** -exponent + 300 * np.exp(-(((energy - centre) / 40) ** 2))
    coords = {
        "y": coordinate("y", np.arange(64.0), "nm"),
        "x": coordinate("x", np.arange(64.0), "nm"),
        "energy_loss": coordinate("energy_loss", energy, "eV"),
    }
    return xr.DataArray(rng.poisson(expected).astype("f4"), coords, attrs={"units": "counts"})


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core has nothing to share")
def test_two_processes_fit_nearly_twice_as_fast_as_one(measured, best_time, tmp_path):
    om.save(spectra(), tmp_path / "edges.zarr")
    data = om.open(tmp_path / "edges.zarr", chunks={"y": 4})["signal/signal"]
    lazy = fit_model(data, PowerLaw() + Gaussian(), restarts=2)
    with connect(workers=1) as one, connect(workers=2) as two:
        times = {
            client: [best_time(lambda c=client: lazy.compute(scheduler=c), 1)]
            for client in (one, two)
        }
        for client in (one, two):
            times[client].clear()  # what was loaded and compiled first
        for _ in range(4):  # in turns, so that other work hits both
            for client, took in times.items():
                took.append(best_time(lambda c=client: lazy.compute(scheduler=c), 1))
    ratio = min(times[one]) / min(times[two])
    measured("fits by two worker processes, times quicker than by one", ratio, "> 1.7")
    assert ratio > 1.4
