"""Ions: form factors with the term of Coulomb, and crystals of them."""

import ase
import ase.build
import numpy as np
import pytest

from omniscopy import crystal, simulate
from omniscopy.model import DataError
from omniscopy.physics import scattering
from omniscopy.physics.electron import BOHR_RADIUS
from omniscopy.physics.scattering.coefficients import charge_of, find_element, read_table

IONS = [ion.symbol for ion in read_table("waasmaier_kirfel", ions=True)]
TABLE = "waasmaier_kirfel"


@pytest.fixture
def salt():
    """Return rock salt of ions."""
    atoms = ase.build.bulk("NaCl", "rocksalt", a=5.64, cubic=True)
    atoms.set_initial_charges([1 if symbol == "Na" else -1 for symbol in atoms.symbols])
    return atoms


@pytest.mark.parametrize("ion", IONS)
def test_an_ion_has_the_electrons_that_its_charge_leaves(ion):
    number, charge = find_element(ion).atomic_number, charge_of(ion)
    assert scattering.xray_form_factor(ion, 0.0) == pytest.approx(number - charge, abs=0.06)
    # Far out only the core scatters, which is that of the atom.
    atom = scattering.form_factor(number, 3.0, TABLE)
    assert scattering.form_factor(ion, 3.0, TABLE) == pytest.approx(atom, rel=0.03)


@pytest.mark.parametrize(("ion", "charge"), [("Ti4+", 4), ("O2-", -2), ("Na1+", 1), ("Na+", 1)])
def test_at_small_angles_an_ion_scatters_as_its_charge_does(ion, charge):
    q = 1e-3
    coulomb = charge / (2 * np.pi**2 * BOHR_RADIUS * q**2)
    assert scattering.form_factor(ion, q, TABLE) == pytest.approx(coulomb, rel=1e-3)
    # At 0 what is left without it: the second moment of the electrons.
    rest = scattering.form_factor(ion, q, TABLE) - coulomb
    assert scattering.form_factor(ion, 0.0, TABLE) == pytest.approx(rest, rel=1e-4)
    xray = scattering.xray_form_factor(ion, 1.3)
    expected = scattering.electron_from_xray(ion, 1.3, xray)
    assert scattering.form_factor(ion, 1.3, TABLE) == pytest.approx(expected, rel=0.01)


def test_rock_salt_of_ions_has_sums_and_differences_of_them(salt):
    q = np.sqrt([3, 4]) / 5.64
    sodium, chlorine = (scattering.form_factor(ion, q, TABLE) for ion in ("Na1+", "Cl1-"))
    found = scattering.structure_factors(salt, [(1, 1, 1), (2, 0, 0)], table=TABLE)
    np.testing.assert_allclose(found, [4 * (sodium - chlorine)[0], 4 * (sodium + chlorine)[1]])
    neutral = salt.copy()
    neutral.set_initial_charges(np.zeros(8))
    atoms = scattering.structure_factors(neutral, [(1, 1, 1), (2, 0, 0)], table=TABLE)
    # Charges matter where they do not cancel, and little where they do.
    assert abs(found[0] / atoms[0] - 1) > 0.05
    assert abs(found[1] / atoms[1] - 1) < 0.02


def test_charges_count_with_the_table_of_ions_alone(salt):
    neutral = salt.copy()
    neutral.set_initial_charges(np.zeros(8))
    np.testing.assert_array_equal(
        scattering.structure_factors(salt, (1, 1, 1)),
        scattering.structure_factors(neutral, (1, 1, 1)),
    )


def test_the_slices_of_ions_add_up_to_the_potential_of_the_crystal(salt):
    made = simulate.potential(salt, sampling=0.05, table=TABLE, precision="double")
    found = np.fft.fft2(made.sum("z").values) / made[0].size
    hkl = [(0, 0, 0), (2, 0, 0), (2, 2, 0), (4, 0, 0)]
    expected = scattering.potential_coefficients(salt, hkl, table=TABLE) * 5.64
    np.testing.assert_allclose([found[k, h] for h, k, _ in hkl], expected, rtol=1e-6)


def test_ions_absorb_as_their_atoms_do(salt):
    factors = scattering.structure_factors(
        salt, [(0, 0, 0), (2, 0, 0)], table=TABLE, debye_waller=1.5, absorption_at=200e3
    )
    neutral = scattering.structure_factors(
        salt, [(0, 0, 0), (2, 0, 0)], debye_waller=1.5, absorption_at=200e3
    )
    np.testing.assert_allclose(factors.imag, neutral.imag, rtol=0.01)


def test_charges_that_do_not_cancel_or_are_not_whole_are_refused(salt):
    salt.set_initial_charges([1.0] * 8)
    with pytest.raises(DataError, match="charges of the atoms add up to 8, but a crystal is"):
        scattering.structure_factors(salt, (1, 1, 1), table=TABLE)
    salt.set_initial_charges([0.5, -0.5] * 4)
    with pytest.raises(DataError, match=r"of whole charges, got 0\.5 for Na"):
        simulate.potential(salt, sampling=0.2, table=TABLE)


def test_strontium_titanate_of_ions_has_a_lower_inner_potential():
    atoms = crystal.structure("SrTiO3")
    before = scattering.mean_inner_potential(atoms, table=TABLE)
    atoms.set_initial_charges([{"Sr": 2, "Ti": 4, "O": -2}[symbol] for symbol in atoms.symbols])
    # Electrons that leave the metals for oxygen take their wide orbits with them.
    assert 12 < scattering.mean_inner_potential(atoms, table=TABLE) < 0.8 * before
