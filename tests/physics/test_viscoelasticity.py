"""Springs and dashpots against closed forms and each other."""

import numpy as np
import pytest
from scipy import integrate

from omniscopy.physics import viscoelasticity as ve

T = np.geomspace(1e-3, 30.0, 40)
OMEGA = np.geomspace(1e-3, 1e3, 30)


def test_simple_models_have_their_closed_forms():
    np.testing.assert_allclose(ve.maxwell(2.0, 6.0).modulus(T), 2 * np.exp(-T / 3))
    np.testing.assert_allclose(ve.kelvin_voigt(2.0, 6.0).compliance(T), (1 - np.exp(-T / 3)) / 2)
    solid = ve.standard_linear_solid(1.0, 2.0, 6.0)
    np.testing.assert_allclose(solid.modulus(T), 1 + 2 * np.exp(-T / 3))
    storage = 1 + 2 * (3 * OMEGA) ** 2 / (1 + (3 * OMEGA) ** 2)
    loss = 2 * 3 * OMEGA / (1 + (3 * OMEGA) ** 2)
    np.testing.assert_allclose(solid.complex_modulus(OMEGA), storage + 1j * loss)
    liquid = ve.burgers(2.0, 10.0, 4.0, 8.0)
    np.testing.assert_allclose(liquid.compliance(T), 1 / 2 + T / 10 + (1 - np.exp(-T / 2)) / 4)
    voigt = ve.kelvin_voigt(2.0, 6.0).complex_compliance(OMEGA)
    np.testing.assert_allclose(1 / voigt, 2 + 6j * OMEGA)


@pytest.mark.parametrize(
    "creep",
    [
        ve.Creep((0.5, 0.2), (0.3, 4.0), 0.1),
        ve.burgers(2.0, 10.0, 4.0, 8.0),
        ve.Creep((), (), 0.5, 0.1),
        ve.Creep((0.5, 0.2, 1.0), (0.01, 0.4, 9.0), 0.1, 0.02),
    ],
)
def test_relaxation_and_creep_are_of_one_material(creep):
    relaxation = ve.relaxation_of(creep)
    together = relaxation.complex_modulus(OMEGA) * creep.complex_compliance(OMEGA)
    np.testing.assert_allclose(together, 1.0, rtol=1e-9)
    # Volterra's equation in time: the stress of a creeping strain is constant.
    end = 2.0

    def rate(s):
        elements = zip(creep.compliances, creep.times, strict=True)
        return creep.fluidity + sum(j / tau * np.exp(-s / tau) for j, tau in elements)

    flow, _ = integrate.quad(
        lambda s: relaxation.modulus(end - s) * rate(s), 0.0, end, limit=200, points=[0.01, 0.1]
    )
    assert creep.glassy * relaxation.modulus(end) + flow == pytest.approx(1.0, rel=1e-6)


def test_a_relaxation_at_the_end_is_the_spring_that_is_left():
    assert float(ve.relaxation_of(ve.Creep((0.5,), (1.0,), 0.5)).modulus(1e6)) == pytest.approx(1.0)


def test_a_creep_that_is_rigid_at_first_has_no_relaxation():
    with pytest.raises(ValueError, match="glassy"):
        ve.relaxation_of(ve.kelvin_voigt(1.0, 1.0))


def test_a_spherical_tip_has_the_force_of_its_history():
    time = np.linspace(0.0, 2.0, 4001)
    depth = 3e-8 * time
    spring = ve.Relaxation((), (), 5e5)
    hertz = 16 / 3 * 5e5 * np.sqrt(1e-8) * depth**1.5
    np.testing.assert_allclose(ve.indentation_force(time, depth, spring, 1e-8), hertz)
    # E = 2 G (1 + nu): the same with any ratio.
    other = 4 / 3 * 2 * 5e5 * 1.3 / (1 - 0.3**2) * np.sqrt(1e-8) * depth**1.5
    np.testing.assert_allclose(ve.indentation_force(time, depth, spring, 1e-8, 0.3), other)
    solid = ve.standard_linear_solid(2e5, 8e5, 4e5)
    found = ve.indentation_force(time, depth, solid, 1e-8)[-1]
    expected, _ = integrate.quad(
        lambda s: solid.modulus(2.0 - s) * 1.5 * np.sqrt(s) * (3e-8) ** 1.5, 0.0, 2.0
    )
    assert float(found) == pytest.approx(16 / 3 * np.sqrt(1e-8) * expected, rel=1e-5)
