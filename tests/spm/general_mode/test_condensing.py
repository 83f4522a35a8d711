"""Records kept as few frequencies, and back."""

import numpy as np
import pytest
import xarray as xr

import omniscopy as om
from omniscopy.model import convert_units, coordinate
from omniscopy.signal import BandPass, Harmonics, LowPass, NoiseFloor


def records(shape, step=1e-6, start=0.0, seed=0):
    values = np.random.default_rng(seed).standard_normal(shape)
    coords = {"time": coordinate("time", start + step * np.arange(shape[-1]), "s")}
    return xr.DataArray(values, coords, dims=("y", "time"), attrs={"units": "V"})


@pytest.mark.parametrize("points", [400, 401])
@pytest.mark.parametrize("chain", [
    LowPass(100e3), [Harmonics(50e3, 1e4, 4), NoiseFloor(1e-2)], BandPass(480e3, 50e3),
])  # fmt: skip
def test_what_was_condensed_is_expanded_to_what_the_filter_gives(points, chain):
    data = records((3, points), start=0.25)
    kept = om.spm.condense(data, chain)
    assert kept.sizes["frequency"] < points // 2
    back = om.spm.expand(kept)
    filtered = om.spm.filter_general_mode(data, chain)
    np.testing.assert_allclose(back.values, filtered.values, atol=1e-14)
    np.testing.assert_allclose(back["time"], data["time"], rtol=0, atol=1e-15)
    assert back["time"].attrs == data["time"].attrs
    assert back.attrs["units"] == kept.attrs["units"] == "V"


def test_a_cosine_has_half_its_amplitude_at_its_frequency():
    data = records((1, 500))
    tone = 3.0 * np.cos(2 * np.pi * 20e3 * data["time"] + 0.4).expand_dims("y").assign_attrs(
        units="V"
    )
    kept = om.spm.condense(tone, BandPass(20e3, 5e3))
    found = kept.sel(frequency=20e3, method="nearest").values[0]
    assert found == pytest.approx(1.5 * np.exp(0.4j))
    assert kept["frequency"].attrs["units"] == "Hz"


def test_some_of_the_frequencies_in_other_units_are_expanded_too():
    data = records((2, 500))
    kept = om.spm.condense(data, LowPass(100e3))
    part = kept.sel(frequency=slice(0, 50e3))
    inverted = np.fft.rfft(data.values) * np.isin(np.arange(251), np.arange(26))
    expected = np.fft.irfft(inverted, 500)
    response = part.values / (np.fft.rfft(data.values)[:, :26] / 500)
    np.testing.assert_allclose(response, 1.0, atol=1e-9)
    for given in (part, convert_units(part, "kHz", dim="frequency"), part[:, ::-1]):
        np.testing.assert_allclose(om.spm.expand(given).values, expected, atol=1e-14)


def test_single_precision_stays_single_and_missing_records_missing():
    data = records((2, 500)).astype(np.float32)
    data[1] = np.nan
    kept = om.spm.condense(data, LowPass(100e3))
    assert kept.dtype == np.complex64
    back = om.spm.expand(kept)
    assert back.dtype == np.float32
    assert np.isnan(back.values[1]).all()
    assert np.isfinite(back.values[0]).all()


def test_what_was_not_condensed_is_refused():
    data = records((2, 500))
    with pytest.raises(om.DataError, match="hold 0 that `condense` made"):
        om.spm.expand(data)
    kept = om.spm.condense(data, LowPass(100e3))
    moved = kept.assign_coords(frequency=("frequency", kept["frequency"].values + 300.0,
                                          kept["frequency"].attrs))  # fmt: skip
    with pytest.raises(om.DataError, match="does not hold frequencies of a record of 500"):
        om.spm.expand(moved)
    with pytest.raises(om.DataError, match="already; rename it first"):
        om.spm.expand(kept.expand_dims(time=2))
    with pytest.raises(om.DataError, match="expected real numbers"):
        om.spm.condense(data * 1j, LowPass(100e3))
