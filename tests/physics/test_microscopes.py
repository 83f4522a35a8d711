"""Microscopes to simulate with."""

import numpy as np
import pytest

from omniscopy.model import DataError
from omniscopy.physics import aberrations, microscopes


@pytest.mark.parametrize("known", microscopes.microscopes(), ids=lambda m: f"{m.name}-{m.voltage}")
def test_a_microscope_has_a_phase_that_is_small_where_it_is_corrected(known):
    assert microscopes.microscope(known.name, known.voltage) == known
    theta = 0.5e-3 * known.convergence
    phase = aberrations.chi(
        theta, np.linspace(0, 6, 50), known.coefficients, voltage=known.voltage, notation="nion"
    )
    # Within half of the aperture less than a turn of the phase: nm were not taken for Å.
    assert np.abs(phase).max() < 2 * np.pi
    assert 1e6 < known.chromatic < 1e8
    assert 5 <= known.convergence <= 40


def test_unknown_microscopes_and_voltages_are_told():
    with pytest.raises(DataError, match="no microscope is called 'x'; there are nion_ultrastem"):
        microscopes.microscope("x", 200e3)
    with pytest.raises(DataError, match="is known at 200000 V, not at 80000 V"):
        microscopes.microscope("spectra_300", 80e3)
    with pytest.raises(DataError, match="for 200 kV write 200000"):
        microscopes.microscope("spectra_300", 200)


def test_a_cold_field_emitter_has_a_third_of_an_electronvolt():
    energy, weight = microscopes.cold_field_emission()
    assert weight.sum() == pytest.approx(1.0)
    assert energy[weight.argmax()] == pytest.approx(0.0, abs=1e-12)
    above = energy[weight >= weight.max() / 2]
    assert 0.25 < above[-1] - above[0] < 0.45
