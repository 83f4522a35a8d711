"""Structure factors of crystals."""

import numpy as np
import pytest

from omniscopy import crystal
from omniscopy.physics import scattering

pytestmark = pytest.mark.benchmark


def plain_pattern(atoms, g, hkl):
    """Return the structure factors by a loop over the atoms, as the formula is written."""
    q = np.linalg.norm(g, axis=1)
    total = np.zeros(len(hkl), complex)
    for symbol, place in zip(
        atoms.get_chemical_symbols(), atoms.get_scaled_positions(), strict=True
    ):
        total += scattering.form_factor(symbol, q) * np.exp(-2j * np.pi * (hkl @ place))
    return total


def test_a_pattern_of_a_hundred_atoms_to_index_12(glass, measured, best_time):
    def pattern():
        found = crystal.reflections(glass, largest_index=12)
        return found, scattering.structure_factors(glass, found.hkl.values, debye_waller=0.5)

    found, _ = pattern()
    hkl, g = found.hkl.values, found.g.values
    assert len(hkl) == 25**3 - 1
    expected = plain_pattern(glass, g, hkl)
    np.testing.assert_allclose(scattering.structure_factors(glass, hkl), expected, atol=1e-8)

    factors = best_time(lambda: scattering.structure_factors(glass, hkl, debye_waller=0.5))
    whole = best_time(pattern)
    plain = best_time(lambda: plain_pattern(glass, g, hkl), 3)
    measured("structure factors of 100 atoms to hkl 12, ms", 1e3 * factors, "≤ 50")
    measured("reflections and structure factors of 100 atoms to hkl 12, ms", 1e3 * whole, "≤ 50")
    measured(
        "structure factors of 100 atoms to hkl 12, loop over atoms / ours", plain / factors, "≥ 5"
    )
    assert plain / factors > 3
