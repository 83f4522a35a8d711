"""Spring constants of simulated thermal spectra."""

import numpy as np
import pytest
import xarray as xr

from omniscopy import simulate, spm
from omniscopy.model import DataError
from omniscopy.physics import calibration


def test_the_thermal_spring_constant_is_exact():
    data = simulate.thermal_spectrum(averages=0)
    found = spm.calibrate_spring(data, temperature=298.0)
    assert float(found["spring_constant"]) == pytest.approx(0.05, rel=1e-6)
    assert float(found["resonance_frequency"]) == pytest.approx(20e3, rel=1e-8)
    assert float(found["quality_factor"]) == pytest.approx(30.0, rel=1e-6)
    assert float(found["floor"]) == pytest.approx(1e-27, rel=1e-3)
    direct = spm.calibrate_spring(data, temperature=298.0, detection="deflection")
    ratio = float(direct["spring_constant"] / found["spring_constant"])
    assert ratio == pytest.approx(0.971 / 0.817, abs=2e-3)
    tilted = spm.calibrate_spring(data, temperature=298.0, tilt=11.0)
    expected = 0.05 * np.cos(np.radians(11.0)) ** 2
    assert float(tilted["spring_constant"]) == pytest.approx(expected)
    assert float(tilted["spring_constant_vertical"]) == pytest.approx(0.05)


def test_modes_of_a_beam_share_what_it_holds():
    # Butt and Jaschke: kT / k of the deflection, 4 / 3 of it as the angle sees it.
    own, angle = np.array([calibration.beam_shares(mode) for mode in range(1, 2000)]).T
    assert own.sum() == pytest.approx(1.0, abs=1e-6)
    assert angle.sum() == pytest.approx(4.0 / 3.0, abs=5e-4)
    np.testing.assert_allclose(own[:3], [0.971, 0.0247, 0.00315], rtol=2e-3)
    np.testing.assert_allclose(angle[:3], [0.817, 0.251, 0.0863], rtol=2e-3)
    # A static force bends by all modes together, and the angle is in units of that.
    assert np.sqrt(own * angle).sum() == pytest.approx(1.0, abs=1e-4)


def test_volts_need_a_sensitivity():
    data = simulate.thermal_spectrum(averages=0)
    volts = (data / (50e-9) ** 2).assign_attrs(units="V^2/Hz")
    found = spm.calibrate_spring(volts, sensitivity=50e-9, temperature=298.0)
    assert float(found["spring_constant"]) == pytest.approx(0.05, rel=1e-6)
    with pytest.raises(DataError, match=r"must be in 'm\^2/Hz'.*got 'V\^2/Hz'"):
        spm.calibrate_spring(volts)


@pytest.mark.parametrize("options", [{}, {"method": "sader", "length": 2e-4, "width": 3e-5}])
def test_the_scatter_is_the_stated_deviation(options):
    rng = np.random.default_rng(5)
    mean = simulate.thermal_spectrum(averages=0, points=400)
    drawn = mean * xr.DataArray(rng.gamma(100, 0.01, (2000, 400)), dims=("frame", "frequency"))
    found = spm.calibrate_spring(drawn.assign_attrs(units="m^2/Hz"), **options)
    for name in ("spring_constant", "resonance_frequency", "quality_factor"):
        std = found[f"{name}_std"].mean()
        assert float(found[name].std() / std) == pytest.approx(1.0, abs=0.06)
    assert float(found["quality_factor"].mean()) == pytest.approx(30.0, rel=3e-3)


def test_the_hydrodynamic_function_has_its_limits():
    fast, slow = calibration.hydrodynamic_function([1e4, 1e-3])
    assert fast.real == pytest.approx(1.0, abs=0.05)
    assert 0 < fast.imag < 0.05
    assert slow.imag > 100 * fast.imag
    # Numbers of the Butt and Jaschke paper, to three digits.
    assert pytest.approx(0.971, abs=5e-4) == calibration.DEFLECTION
    assert pytest.approx(0.817, abs=5e-4) == calibration.ANGLE


def test_the_peak_holds_the_mean_square():
    f = np.linspace(0.5, 4e6, 2_000_001)
    area = np.trapezoid(calibration.thermal_peak(f, 3.0, 6e4, 20.0)[0], f)
    assert area == pytest.approx(3.0, rel=1e-4)


def test_nothing_to_fit_is_flagged_and_wrong_calls_are_refused():
    data = simulate.thermal_spectrum()
    found = spm.calibrate_spring(
        data * np.nan + xr.zeros_like(data), method="sader", length=1e-4, width=1e-5
    )
    assert int(found["status"]) == 4
    with pytest.raises(DataError, match="method 'sader' needs length= and width="):
        spm.calibrate_spring(data, method="sader")
    with pytest.raises(DataError, match="tilt must be between -90 and 90 degrees"):
        spm.calibrate_spring(data, tilt=95.0)


@pytest.mark.parametrize("reynolds", [0.01, 1.0, 30.0, 1000.0])
def test_ribbons_that_bend_have_the_function_that_was_published(reynolds):
    found = calibration.ribbon_hydrodynamics(reynolds, torsion=False)
    assert abs(found / calibration.hydrodynamic_function(reynolds) - 1) < 2e-3


def test_ribbons_that_twist_have_their_limits():
    # Added inertia of a plate in a fluid without viscosity, and the drag of slow rotation.
    fast = calibration.ribbon_hydrodynamics(3e4, torsion=True)
    assert float(fast.real) == pytest.approx(1 / 16, rel=0.06)
    assert fast.imag < 0.1 * fast.real
    # A plate of half width a in slow rotation feels the torque 2 pi eta a^2 (Jeffery, 1922):
    # (pi / 8) rho omega b^4 Gamma_i = 2 pi eta b^2 / 4, so that Gamma_i = 1 / Re.
    slow = calibration.ribbon_hydrodynamics(1e-4, torsion=True)
    assert float(slow.imag) * 1e-4 == pytest.approx(1.0, rel=1e-3)


def test_a_lateral_spring_is_that_of_its_resonance():
    data = simulate.thermal_spectrum(
        resonance_frequency=800e3, quality_factor=200.0, averages=0, floor=0.0, points=2000
    )
    found = spm.calibrate_lateral(data, length=225e-6, width=30e-6, tip_height=12e-6)
    omega = 2 * np.pi * 800e3
    reynolds = 1.184 * omega * (30e-6) ** 2 / (4 * 1.849e-5)
    damping = calibration.ribbon_hydrodynamics(reynolds, torsion=True).imag
    expected = 0.1592 * 1.184 * (30e-6) ** 4 * 225e-6 * 200.0 * damping * omega**2
    assert float(found["torsional_spring_constant"]) == pytest.approx(expected, rel=1e-3)
    lateral = float(found["lateral_spring_constant"])
    assert lateral == pytest.approx(expected / (12e-6) ** 2, rel=1e-3)
    assert found["torsional_spring_constant"].attrs["units"] == "N m"
    with pytest.raises(DataError, match=r"above 0, got \{'width': 0.0\}"):
        spm.calibrate_lateral(data, length=225e-6, width=0.0)
