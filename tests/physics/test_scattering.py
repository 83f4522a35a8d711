"""Form factors of atoms and structure factors of crystals."""

import hashlib
import json
import tomllib
from importlib import resources

import ase
import ase.build
import numpy as np
import pytest
from scipy import integrate

from omniscopy.model import DataError
from omniscopy.physics import electron, scattering
from omniscopy.physics.scattering.absorption import diffuse_integral
from omniscopy.physics.scattering.coefficients import TABLES, read_table
from omniscopy.physics.scattering.phases import direct_phase_sums, phase_sums

ELECTRON_TABLES = [table for table in TABLES if table != "waasmaier_kirfel"]


@pytest.fixture
def silicon():
    return ase.build.bulk("Si", "diamond", a=5.431, cubic=True)


@pytest.mark.parametrize("table", [*TABLES, "waasmaier_kirfel_ions"])
def test_a_table_is_the_file_that_its_source_is_told_of(table):
    files = resources.files("omniscopy.physics.tables")
    told = tomllib.loads((files / "tables.toml").read_text("utf-8"))[table]
    digest = hashlib.sha256((files / f"{table}.csv").read_bytes()).hexdigest()
    assert digest == told["sha256"]
    assert told["licence"].startswith(("MIT", "BSD-3-Clause", "public domain"))
    assert told["doi"]


@pytest.mark.parametrize("table", TABLES)
def test_a_table_has_every_element_in_order(table):
    numbers = [element.atomic_number for element in read_table(table)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 98


@pytest.mark.parametrize("number", range(1, 99))
def test_tables_of_different_authors_agree(number):
    # A wrong digit, a swapped column or s for q would be seen here.
    q = np.array([0.4, 0.7, 1.0, 1.5])
    lobato = scattering.form_factor(number, q)
    for table, most in {"kirkland": 0.05, "peng": 0.05, "waasmaier_kirfel": 0.06}.items():
        other = scattering.form_factor(number, q, table)
        np.testing.assert_allclose(other, lobato, rtol=most)
    # The three Gaussians of Smith and Burge, for some elements, are from an older calculation.
    older = scattering.form_factor(number, q, "doyle_turner")
    np.testing.assert_allclose(older, lobato, rtol=0.25)


@pytest.mark.parametrize("number", [1, 6, 14, 47, 79, 92])
def test_far_out_only_the_nucleus_scatters(number):
    q = 300.0
    expected = number / (2 * np.pi**2 * electron.BOHR_RADIUS * q**2)
    assert scattering.form_factor(number, q) == pytest.approx(expected, rel=1e-3)


@pytest.mark.shared
@pytest.mark.parametrize("table", ["lobato", "kirkland", "peng"])
def test_form_factors_are_those_of_the_tables(shared, table):
    tables = json.loads((shared / "data/tem/reference_tables.json").read_text())
    known = tables["electron_scattering_factor_A"]
    for element, factors in known[table].items():
        found = scattering.form_factor(element, np.array(known["q_1_per_A"]), table)
        np.testing.assert_allclose(found, factors, rtol=1e-5)


@pytest.mark.parametrize("element", ["C", "Fe", "Au"])
def test_the_formula_of_mott_and_bethe_goes_both_ways(element):
    q = np.array([0.3, 1.0, 2.5])
    xray = scattering.xray_form_factor(element, q)
    electrons = scattering.electron_from_xray(element, q, xray)
    np.testing.assert_allclose(scattering.xray_from_electron(element, q, electrons), xray)
    # In sin(theta) / wavelength = q / 2 the constant is the well-known 0.023934 Å.
    number = {"C": 6, "Fe": 26, "Au": 79}[element]
    np.testing.assert_allclose(electrons, 0.0239337 * (number - xray) / (q / 2) ** 2, rtol=1e-5)
    np.testing.assert_allclose(
        scattering.form_factor(element, q, "waasmaier_kirfel"), electrons, rtol=1e-2
    )


def test_x_rays_see_all_electrons_at_rest():
    for number in range(1, 99):
        assert scattering.xray_form_factor(number, 0.0) == pytest.approx(number, abs=0.1)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("element", ["O", "Sr"])
def test_the_projected_potential_is_the_transform_of_the_form_factor(table, element):
    def integrand(r, q):
        from scipy.special import j0

        potential = scattering.projected_potential(element, r, table)
        return 2 * np.pi * r * potential * j0(2 * np.pi * q * r)

    for q in (0.0, 0.4, 1.3):
        pieces = [
            integrate.quad(integrand, low, high, args=(q,), limit=400)[0]
            for low, high in ((0.0, 0.5), (0.5, 3.0), (3.0, 25.0))
        ]
        expected = electron.POTENTIAL_PER_FACTOR * scattering.form_factor(element, q, table)
        assert sum(pieces) == pytest.approx(expected, rel=1e-4)


def test_silicon_has_the_extinctions_of_diamond(silicon):
    hkl = [(1, 1, 1), (2, 2, 0), (3, 1, 1), (2, 2, 2), (2, 0, 0), (1, 0, 0)]
    factors = scattering.structure_factors(silicon, hkl)
    f = scattering.form_factor("Si", np.sqrt([3, 8, 11]) / 5.431)
    np.testing.assert_allclose(np.abs(factors[:3]), f * [4 * 2**0.5, 8, 4 * 2**0.5])
    assert np.abs(factors[3:]).max() < 1e-12


def test_the_sign_of_the_phase_is_that_of_crystallography(silicon):
    # exp(-2 pi i g.r): the second atom at a quarter of the diagonal turns 111 by -3/4 of a turn.
    factor = scattering.structure_factors(silicon, (1, 1, 1))
    assert np.angle(factor) == pytest.approx(np.pi / 4)


@pytest.mark.shared
def test_structure_factors_and_inner_potentials_are_those_of_the_tables(shared, silicon):
    tables = json.loads((shared / "data/tem/reference_tables.json").read_text())
    for indices, known in tables["structure_factor_Si_a5.431"].items():
        hkl = [int(word) for word in indices.strip("()").split(",")]
        for table, (real, imaginary, size) in known.items():
            found = scattering.structure_factors(silicon, hkl, table=table)
            assert found == pytest.approx(real + 1j * imaginary, abs=1e-5)
            assert abs(found) == pytest.approx(size, abs=1e-5)
    for table, volts in tables["mean_inner_potential_V"]["Si"].items():
        found = scattering.mean_inner_potential(silicon, table=table)
        assert found == pytest.approx(volts, rel=1e-5)


def test_a_shift_of_the_origin_turns_phases_and_keeps_sizes(silicon):
    hkl = np.array([(1, 1, 1), (2, 2, 0), (3, 1, 1)])
    moved = silicon.copy()
    moved.translate([0.3, -0.7, 1.1])
    before = scattering.structure_factors(silicon, hkl)
    after = scattering.structure_factors(moved, hkl)
    shift = np.array([0.3, -0.7, 1.1]) / 5.431
    np.testing.assert_allclose(after, before * np.exp(-2j * np.pi * hkl @ shift))


def test_a_supercell_scatters_as_its_cells_do(silicon):
    many = silicon * (2, 3, 1)
    hkl = np.array([(1, 1, 1), (2, 2, 0), (4, 2, 2)])
    np.testing.assert_allclose(
        scattering.structure_factors(many, hkl * [2, 3, 1]),
        6 * scattering.structure_factors(silicon, hkl),
    )
    assert abs(scattering.structure_factors(many, (1, 0, 0))) < 1e-10


def test_a_sheared_cell_of_the_same_crystal_scatters_the_same(silicon):
    primitive = ase.build.bulk("Si", "diamond", a=5.431)
    g = np.array([1.0, 1.0, 1.0]) / 5.431
    hkl = primitive.cell.array @ g
    found = scattering.structure_factors(primitive, hkl)
    assert 4 * found == pytest.approx(scattering.structure_factors(silicon, (1, 1, 1)))


def test_thermal_motion_lowers_factors_by_element_and_by_atom(silicon):
    b, q = 0.46, np.sqrt(8) / 5.431
    still = scattering.structure_factors(silicon, (2, 2, 0))
    expected = still * np.exp(-b * q**2 / 4)
    mixed = np.where(np.arange(8) < 4, b, 0.0)
    for given in (b, {"Si": b}, np.full(8, b)):
        found = scattering.structure_factors(silicon, (2, 2, 0), debye_waller=given)
        assert found == pytest.approx(expected)
    silicon.set_array("debye_waller", mixed)
    found = scattering.structure_factors(silicon, (2, 2, 0))
    assert found == pytest.approx(0.5 * (still + expected))
    assert scattering.thermal_displacement(8 * np.pi**2 * 0.01) == pytest.approx(0.1)


def test_a_shared_site_scatters_as_its_mean_occupant():
    alloy = ase.Atoms("Cu", scaled_positions=[(0, 0, 0)], cell=[3.7] * 3, pbc=True)
    alloy.info["occupancy"] = {"0": {"Cu": 0.75, "Au": 0.25}}
    alloy.set_array("spacegroup_kinds", np.array([0]))
    q = 2 / 3.7
    f = 0.75 * scattering.form_factor("Cu", q) + 0.25 * scattering.form_factor("Au", q)
    assert scattering.structure_factors(alloy, (2, 0, 0)) == pytest.approx(f)


def test_extinction_distances_are_those_of_the_textbook(silicon):
    # Williams and Carter, Transmission Electron Microscopy, table 13.2, at 100 kV; their factors
    # are a few per cent off today's.
    aluminium = ase.build.bulk("Al", "fcc", a=4.05, cubic=True)
    found = scattering.extinction_distances(aluminium, [(1, 1, 1), (2, 0, 0)], voltage=100e3)
    np.testing.assert_allclose(found, [563.0, 685.0], rtol=0.05)
    silicon_220 = scattering.extinction_distances(silicon, [(2, 2, 0), (2, 2, 2)], voltage=100e3)
    assert silicon_220[0] == pytest.approx(757.0, rel=0.03)
    assert np.isinf(silicon_220[1])


def test_the_two_beam_period_follows_from_the_fourier_coefficient(silicon):
    volts = abs(scattering.potential_coefficients(silicon, (2, 2, 0)))
    # The phase sigma V_g t of a grating of both g and -g goes through pi in one distance.
    expected = np.pi / (electron.interaction(200e3) * volts)
    found = scattering.extinction_distances(silicon, (2, 2, 0), voltage=200e3)
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("table", ["lobato", "peng"])
def test_forward_absorption_is_the_diffuse_cross_section(table):
    b, volts = 0.46, 100e3
    wavelength, gamma = electron.wavelength(volts), electron.lorentz_factor(volts)

    def scattered(q):
        f = scattering.form_factor("Si", q, table)
        return 2 * np.pi * q * f**2 * (1 - np.exp(-b * q**2 / 2))

    area = sum(integrate.quad(scattered, *ends)[0] for ends in ((0, 2), (2, 20), (20, 1000)))
    cross_section = gamma**2 * wavelength**2 * area
    # The optical theorem, for the amplitude gamma f': the cross-section is 2 lambda Im f(0).
    expected = cross_section / (2 * wavelength * gamma)
    found = scattering.absorptive_form_factor("Si", 0.0, voltage=volts, debye_waller=b, table=table)
    assert found == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("q", [0.2, 1.0, 3.0])
def test_absorption_off_the_axis_is_the_integral_over_the_plane(q):
    b = 0.6
    u = np.linspace(-4.5, 4.5, 1201)
    place, weight = 2 * np.sinh(u), 2 * np.cosh(u) * (u[1] - u[0])
    x, y = place, place[:, None]
    left, right = np.hypot(x + q / 2, y), np.hypot(x - q / 2, y)
    inside = scattering.form_factor("Ti", left) * scattering.form_factor("Ti", right)
    damped = np.exp(-b * q**2 / 4) - np.exp(-b * (left**2 + right**2) / 4)
    expected = weight @ (inside * damped) @ weight
    assert diffuse_integral("Ti", q, b, "lobato") == pytest.approx(expected, rel=2e-3)


# Thermal diffuse part of the factors of Weickenmeier and Kohl, Acta Cryst. A 47, 590 (1991), in Å
# and for the rest mass, at q = 0, 0.2, 0.5, 1 and 2 1/Å; computed from their coefficients with
# quantem 0.1.10. Theirs is another fit and another way to the integral.
@pytest.mark.parametrize(
    ("element", "b", "volts", "known"),
    [
        ("Si", 0.45, 100e3, [0.046146, 0.045132, 0.040838, 0.031383, 0.014143]),
        ("Au", 0.60, 200e3, [0.809734, 0.797957, 0.740711, 0.580682, 0.248508]),
    ],
)
def test_absorption_is_that_of_weickenmeier_and_kohl(element, b, volts, known):
    q = [0.0, 0.2, 0.5, 1.0, 2.0]
    found = scattering.absorptive_form_factor(element, q, voltage=volts, debye_waller=b)
    np.testing.assert_allclose(found, known, rtol=5e-3)


def test_still_atoms_do_not_absorb():
    found = scattering.absorptive_form_factor("Sr", [0.0, 0.5], voltage=2e5, debye_waller=0.0)
    np.testing.assert_allclose(found, 0.0, atol=1e-12)


def test_absorption_takes_from_the_wave(silicon):
    still = scattering.structure_factors(silicon, (0, 0, 0), debye_waller=0.46)
    damped = scattering.structure_factors(
        silicon, (0, 0, 0), debye_waller=0.46, absorption_at=100e3
    )
    assert damped.real == pytest.approx(still.real)
    assert 0.005 < damped.imag / damped.real < 0.02


def test_compiled_phases_are_those_of_the_formula():
    rng = np.random.default_rng(3)
    positions, weights = rng.random((17, 3)) * 3 - 1, rng.random(17)
    kinds = rng.integers(0, 3, 17)
    hkl = rng.integers(-9, 10, (40, 3)).astype(float)
    np.testing.assert_allclose(
        phase_sums(hkl, positions, weights, kinds, 3),
        direct_phase_sums(hkl, positions, weights, kinds, 3),
        atol=1e-12,
    )
    assert phase_sums(np.zeros((0, 3)), positions, weights, kinds, 3).shape == (3, 0)


def test_shapes_of_indices_are_kept(silicon):
    assert np.shape(scattering.structure_factors(silicon, (1, 1, 1))) == ()
    assert scattering.structure_factors(silicon, np.ones((2, 5, 3))).shape == (2, 5)
    assert scattering.structure_factors(silicon, np.zeros((0, 3))).shape == (0,)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda si: scattering.form_factor("Xx", 1.0), "unknown element 'Xx'; give a symbol"),
        (lambda si: scattering.form_factor(140, 1.0), "unknown element 140"),
        (lambda si: scattering.form_factor("Si", 1.0, "abc"), "unknown table 'abc'"),
        (lambda si: scattering.form_factor("Lr", 1.0, "peng"), "the table 'peng' has no Lr"),
        (
            lambda si: scattering.structure_factors(ase.Atoms("Si"), (1, 1, 1)),
            "no cell with a volume",
        ),
        (lambda si: scattering.structure_factors(si, (1, 1)), r"shape \(..., 3\), got \(2,\)"),
        (lambda si: scattering.structure_factors(si, (1, np.nan, 0)), "must be finite"),
        (
            lambda si: scattering.structure_factors(si, (1, 1, 1), debye_waller=-1),
            "must be 0 or more",
        ),
        (
            lambda si: scattering.structure_factors(si, (1, 1, 1), debye_waller=[0.1, 0.2]),
            r"\(2,\) Debye-Waller factors are given for 8 atoms",
        ),
        (
            lambda si: scattering.structure_factors(si, (1, 1, 1), debye_waller={"Ge": 1}),
            "no Debye-Waller factor is given for Si",
        ),
        (
            lambda si: scattering.structure_factors(
                si, (1, 1, 1), debye_waller=[np.diag([1, 1, -1])] * 8
            ),
            "must be symmetric, and 0 or more Å² along any axis",
        ),
        (
            lambda si: scattering.structure_factors(
                si, (1, 1, 1), debye_waller=[[[1, 0.1, 0], [0, 1, 0], [0, 0, 1]]] * 8
            ),
            "must be symmetric",
        ),
        (lambda si: scattering.form_factor("Si4+", 1.0), "'lobato' is of neutral atoms"),
        (
            lambda si: scattering.form_factor("Ti9+", 1.0, "waasmaier_kirfel"),
            r"there is no Ti9\+ in .*, which has Ti2\+, Ti3\+, Ti4\+",
        ),
        (
            lambda si: scattering.form_factor("Ar+", 1.0, "waasmaier_kirfel"),
            "has no ions of Ar",
        ),
        (
            lambda si: scattering.projected_potential("O2-", 1.0, "waasmaier_kirfel"),
            "the potential of O2- has no end",
        ),
        (
            lambda si: scattering.absorptive_form_factor(
                "Si", 1.0, voltage=2e5, debye_waller=np.nan
            ),
            "must be 0 or more Å²",
        ),
        (
            lambda si: scattering.extinction_distances(si, (1, 1, 1), voltage=200),
            "for 200 kV write 200000",
        ),
    ],
)
def test_wrong_calls_say_what_is_wrong(silicon, call, message):
    with pytest.raises(DataError, match=message):
        call(silicon)
