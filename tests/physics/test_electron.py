"""Fast electrons."""

import json

import numpy as np
import pytest
from scipy import constants

from omniscopy.model import DataError
from omniscopy.physics import electron


def test_the_wavelength_is_that_of_de_broglie_for_the_relativistic_momentum():
    volts = 200e3
    energy = constants.elementary_charge * volts
    rest = constants.electron_mass * constants.speed_of_light**2
    momentum = np.sqrt((energy + rest) ** 2 - rest**2) / constants.speed_of_light
    expected = constants.Planck / momentum * 1e10
    assert electron.wavelength(volts) == pytest.approx(expected, rel=1e-12)


def test_the_interaction_is_what_kirkland_writes():
    volts = np.array([60e3, 200e3, 300e3])
    rest = electron.REST_ENERGY
    expected = (
        2 * np.pi / (electron.wavelength(volts) * volts) * (rest + volts) / (2 * rest + volts)
    )
    np.testing.assert_allclose(electron.interaction(volts), expected, rtol=1e-9)


def test_half_the_mass_times_the_square_of_the_velocity_is_the_effective_energy():
    e, rest = 200e3, electron.REST_ENERGY
    expected = e * (1 + e / (2 * rest)) / (1 + e / rest) ** 2
    assert electron.effective_energy(e) == pytest.approx(expected, rel=1e-12)
    assert electron.velocity_ratio(200e3) == pytest.approx(0.6953, abs=1e-4)
    assert electron.lorentz_factor(electron.REST_ENERGY) == pytest.approx(2.0)


def test_a_volt_of_inner_potential_refracts_as_a_volt_more_of_energy():
    inside = electron.inner_wave_number(200e3, 15.0)
    assert inside == pytest.approx(electron.wave_number(200e3 + 15.0), rel=1e-9)


@pytest.mark.shared
def test_wavelengths_and_interactions_are_those_of_the_tables(shared):
    tables = json.loads((shared / "data/tem/reference_tables.json").read_text())
    for kilovolts, picometres in tables["wavelength_pm"].items():
        found = 100 * electron.wavelength(float(kilovolts) * 1e3)
        assert found == pytest.approx(picometres, rel=1e-6)
    for kilovolts, sigma in tables["sigma"].items():
        assert electron.interaction(float(kilovolts) * 1e3) == pytest.approx(sigma, rel=1e-7)


def test_kilovolts_are_told_from_volts():
    with pytest.raises(DataError, match=r"voltages are in V: for 200 kV write 200000"):
        electron.wavelength(200)
    with pytest.raises(DataError, match=r"for 80 kV write 80000"):
        electron.interaction(np.array([200e3, 80.0]))


@pytest.mark.parametrize("voltage", [0.0, -1e5, np.nan, np.inf])
def test_a_voltage_that_is_none_is_refused(voltage):
    with pytest.raises(DataError, match="must be a positive number of volts"):
        electron.wavelength(voltage)


def test_a_wide_cone_has_a_shallow_focus():
    assert electron.depth_of_focus(200e3, 30e-3) == pytest.approx(27.866, rel=1e-4)


def test_a_picoampere_is_six_million_electrons_a_second():
    assert electron.electrons_per_second(1e-12) == pytest.approx(6.241509e6, rel=1e-6)
