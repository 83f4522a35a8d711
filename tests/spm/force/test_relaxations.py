"""Relaxing moduli of simulated forces."""

import numpy as np
import pytest
import xarray as xr

from omniscopy import simulate, spm
from omniscopy.model import DataError

TIP = {"indentation": 5e-7, "radius": 2.5e-6}


def test_a_standard_linear_solid_without_noise_is_exact():
    found = spm.fit_force_relaxation(simulate.force_relaxation(noise=0.0), **TIP)
    assert float(found["relaxed_modulus"]) == pytest.approx(10e3, rel=1e-6)
    assert float(found["relaxing_modulus"]) == pytest.approx(15e3, rel=1e-6)
    assert float(found["relaxation_time"]) == pytest.approx(0.8, rel=1e-6)
    assert found["relaxed_modulus"].attrs["units"] == "Pa"


def test_the_scatter_is_the_stated_deviation():
    data = simulate.force_relaxation(noise=0.0)
    rng = np.random.default_rng(4)
    noise = xr.DataArray(0.05 * rng.standard_normal((2000, 200)), dims=("y", "time"))
    found = spm.fit_force_relaxation((data + noise).assign_attrs(units="nN"), **TIP)
    for name in ("relaxed_modulus", "relaxing_modulus", "relaxation_time"):
        ratio = float(found[name].std() / found[f"{name}_std"].mean())
        assert ratio == pytest.approx(1.0, abs=0.06)


def test_a_power_law_without_noise_is_exact_in_any_unit_of_time():
    time = np.linspace(0.1, 5.0, 100)
    force = 4 / 3 * np.sqrt(2.5e-6) / 0.75 * (5e-7) ** 1.5 * 8e3 * time**-0.2
    for factor, unit in ((1.0, "s"), (1e3, "ms")):
        data = xr.DataArray(
            force, {"time": ("time", factor * time, {"units": unit})}, dims="time",
            attrs={"units": "N"},
        )  # fmt: skip
        found = spm.fit_force_relaxation(data, rheology="power_law", **TIP)
        assert float(found["modulus"]) == pytest.approx(8e3, rel=1e-6)
        assert float(found["exponent"]) == pytest.approx(0.2, rel=1e-6)


def test_wrong_calls_are_refused_in_words():
    data = simulate.force_relaxation()
    with pytest.raises(DataError, match="indentation must be above 0 m"):
        spm.fit_force_relaxation(data, indentation=0.0, radius=1e-6)
    with pytest.raises(DataError, match="times of a power law are above 0"):
        spm.fit_force_relaxation(
            data.assign_coords(time=("time", np.arange(200.0), {"units": "s"})),
            rheology="power_law", **TIP,
        )  # fmt: skip
