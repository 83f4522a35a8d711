"""The noise of spectra."""

import numpy as np
import pytest
import xarray as xr

from omniscopy import samples
from omniscopy.model import DataError
from omniscopy.signal import estimate_noise


def spectra(values):
    energy = ("energy", np.arange(np.shape(values)[-1], dtype=float), {"units": "eV"})
    return xr.DataArray(values, dims=("x", "energy"), coords={"energy": energy})


def test_the_noise_on_a_smooth_background_is_found():
    rng = np.random.default_rng(0)
    smooth = np.exp(-np.linspace(0, 3, 2000)) * 100
    data = spectra(smooth + 0.7 * rng.standard_normal((50, 2000)))
    noise = estimate_noise(data.assign_attrs(units="V"))
    assert float(noise.mean()) == pytest.approx(0.7, rel=0.01)
    assert noise.attrs["units"] == "V"


def test_a_straight_line_has_no_noise():
    assert float(estimate_noise(spectra(3.0 * np.arange(20.0)[None]))[0]) == pytest.approx(0.0)


def test_spikes_hardly_matter():
    rng = np.random.default_rng(1)
    values = rng.standard_normal((1, 4000))
    values[0, ::100] += 1e6
    assert float(estimate_noise(spectra(values))[0]) == pytest.approx(1.0, rel=0.1)


def test_missing_values_are_left_out_and_nothing_is_nan():
    rng = np.random.default_rng(2)
    values = rng.standard_normal((2, 3000))
    values[0, 100:900] = np.nan
    values[1] = np.nan
    noise = estimate_noise(spectra(values))
    assert float(noise[0]) == pytest.approx(1.0, rel=0.05)
    assert np.isnan(noise[1])


def test_says_what_it_needs():
    with pytest.raises(DataError, match="at least 3"):
        estimate_noise(spectra(np.ones((1, 2))))
    with pytest.raises(DataError, match="name that of the spectra"):
        estimate_noise(samples.diffraction_4d())
    with pytest.raises(DataError, match="real"):
        estimate_noise(samples.band_excitation())
