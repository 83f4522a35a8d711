"""Spectra over their excitation."""

import numpy as np
import pytest
import xarray as xr

import omniscopy as om
from omniscopy.model import DataError, coordinate
from omniscopy.physics import resonance

FREQUENCY = np.linspace(305e3, 365e3, 60)
CHIRP = (1.0 + 0.5 * np.cos(FREQUENCY / 9e3)) * np.exp(1j * ((FREQUENCY - 3e5) / 2e4) ** 2)


def spectrum(values, units="V", frequency=FREQUENCY):
    coords = {"frequency": coordinate("frequency", frequency, "Hz")}
    return xr.DataArray(values, coords, dims=("frequency",), attrs={"units": units})


def test_an_oscillator_behind_a_chirp_is_found_exactly():
    exact = resonance.oscillator(FREQUENCY, 2e-3, 335e3, 120.0, 0.7)
    made = om.spm.correct_excitation(spectrum(exact * CHIRP), spectrum(CHIRP))
    np.testing.assert_allclose(made, exact, rtol=1e-12)
    assert made.attrs["units"] == "1"
    found = om.spm.fit_oscillator(made)
    assert float(found["amplitude"]) == pytest.approx(2e-3, rel=1e-6)
    assert float(found["phase"]) == pytest.approx(np.degrees(0.7), abs=1e-4)


def test_bins_that_were_not_excited_are_left_out():
    weak = CHIRP.copy()
    weak[:5], weak[7] = 1e-6, 0.0
    exact = resonance.oscillator(FREQUENCY, 2e-3, 335e3, 120.0, 0.7)
    made = om.spm.correct_excitation(spectrum(exact * weak, "nm"), spectrum(weak))
    assert np.isnan(made).values.nonzero()[0].tolist() == [0, 1, 2, 3, 4, 7]
    assert made.attrs["units"] == "nm/V"
    assert float(om.spm.fit_oscillator(made)["quality_factor"]) == pytest.approx(120, rel=1e-6)


@pytest.mark.parametrize(
    ("data", "excitation", "options", "match"),
    [
        (spectrum(CHIRP), spectrum(CHIRP.real), {}, "expected a complex excitation"),
        (spectrum(CHIRP), spectrum(CHIRP[1:], frequency=FREQUENCY[1:]), {}, "the same bins"),
        (spectrum(CHIRP), spectrum(CHIRP, frequency=FREQUENCY + 9), {}, "the same bins"),
        (spectrum(CHIRP), spectrum(CHIRP), {"floor": 1.0}, "floor must be from 0 to below 1"),
    ],
)
def test_what_does_not_fit_is_refused(data, excitation, options, match):
    with pytest.raises(DataError, match=match):
        om.spm.correct_excitation(data, excitation, **options)
