"""X-rays of atoms, against published numbers and against sums that must hold."""

import hashlib
import json
import tomllib
from importlib import resources

import numpy as np
import pytest
from scipy import integrate, special

from omniscopy.model import DataError
from omniscopy.physics import xray
from omniscopy.physics.xray import secondary
from omniscopy.physics.xray.quantities import BulkEmission, bulk_correction
from omniscopy.physics.xray.shells import SHELLS

NAMES = {"KA1": "Ka1", "KB1": "Kb1", "LA1": "La1", "LB1": "Lb1", "MA1": "Ma1"}


@pytest.mark.shared
def test_lines_and_edges_are_those_of_the_reference(shared):
    told = json.loads((shared / "data/tem/reference_tables.json").read_text())
    for symbol, lines in told["line_energy_keV"].items():
        found = {line.name: line.energy for line in xray.lines(symbol)}
        for name, energy in lines.items():
            assert found[f"{symbol}_{NAMES[name]}"] == pytest.approx(energy, abs=1e-4)
    for symbol, edges in told["edge_energy_keV"].items():
        for shell, energy in edges.items():
            assert xray.edge_energy(symbol, shell) == pytest.approx(energy, abs=1e-4)


def test_the_table_of_cross_sections_is_the_file_that_its_source_is_told_of():
    files = resources.files("omniscopy.physics.tables")
    told = tomllib.loads((files / "tables.toml").read_text("utf-8"))["bote_salvat"]
    assert hashlib.sha256((files / "bote_salvat.csv").read_bytes()).hexdigest() == told["sha256"]


@pytest.mark.parametrize("symbol", ["C", "Si", "Fe", "Sr", "Pt", "U"])
def test_weights_of_a_family_have_the_sum_1(symbol):
    for family in xray.families(symbol):
        assert sum(line.weight for line in family.lines) == pytest.approx(1.0)
        assert 0.2 < family.alpha <= 1.0
        assert all(line.energy < family.edge for line in family.lines)


def test_kb_of_iron_has_an_eighth_of_the_family():
    (family,) = [each for each in xray.families("Fe") if each.shell == "K"]
    assert family.name == "Fe_Ka"
    assert family.energy == pytest.approx(6.404, abs=0.001)
    assert (1 - family.alpha) / family.alpha == pytest.approx(0.135, abs=0.01)


@pytest.mark.parametrize(
    ("symbol", "energy", "expected"),
    # NIST, X-Ray Mass Attenuation Coefficients (Hubbell and Seltzer), tables 3.
    [
        ("Fe", 10.0, 170.6),
        ("Si", 1.5, 535.4),
        ("C", 1.0, 2211.0),
        ("Pb", 5.0, 730.4),
        ("O", 2.0, 694.9),
    ],
)
def test_mass_absorption_is_that_of_nist(symbol, energy, expected):
    assert xray.mass_absorption(symbol, energy) == pytest.approx(expected, rel=0.04)


def test_a_mixture_absorbs_as_its_parts():
    parts = (
        xray.mass_absorption("Fe", [1.0, 5.0]) * 0.25 + xray.mass_absorption("O", [1.0, 5.0]) * 0.75
    )
    np.testing.assert_allclose(xray.mass_absorption({"Fe": 1.0, "O": 3.0}, [1.0, 5.0]), parts)


@pytest.mark.parametrize("symbol", ["C", "Si", "Fe", "Cu", "Ag"])
@pytest.mark.parametrize("voltage", [60e3, 100e3, 200e3, 300e3])
def test_models_of_ionisation_agree_for_k_shells(symbol, voltage):
    exact = xray.ionisation_cross_section(symbol, "K", voltage)
    assert xray.ionisation_cross_section(symbol, "K", voltage, "casnati") == pytest.approx(
        exact, rel=0.27
    )
    # Bethe's formula holds far above the edge.
    if voltage > 6e3 * xray.edge_energy(symbol, "K"):
        found = xray.ionisation_cross_section(symbol, "K", voltage, "bethe")
        assert found == pytest.approx(exact, rel=0.45)


def test_cross_sections_between_tabulated_voltages_are_between_and_smooth():
    found = [xray.ionisation_cross_section("Fe", "K", v) for v in np.linspace(60e3, 300e3, 49)]
    assert (np.diff(found) < 0).all()
    assert found[0] == pytest.approx(533.6, rel=1e-3)
    assert xray.ionisation_cross_section("Fe", "K", 7000.0) == 0.0


def test_an_electron_of_iron_emits_as_published():
    # Emission is ionisation, the yield 0.355 and the part 0.88 of K alpha.
    (family,) = [each for each in xray.families("Fe") if each.shell == "K"]
    assert xray.emission_cross_section(family, 200e3) == pytest.approx(
        303.3 * 0.3546 * 0.8816, rel=1e-3
    )


def test_peaks_keep_their_counts_place_and_width():
    bounds = np.linspace(0, 20, 4001)
    middle = (bounds[1:] + bounds[:-1]) / 2
    made = xray.peaks(bounds, [6.4], [1000.0], xray.Detector(), escape=False)
    assert made.sum() == pytest.approx(1000.0)
    mean = (middle * made).sum() / 1000
    width = np.sqrt(((middle - mean) ** 2 * made).sum() / 1000) * 2.354820
    assert mean == pytest.approx(6.4, abs=1e-6)
    assert width == pytest.approx(np.sqrt(0.13**2 + 2.5e-3 * (6.4 - 5.895)), rel=1e-3)


def test_escape_and_incomplete_charge_move_counts_and_lose_none():
    bounds = np.linspace(0, 20, 4001)
    middle = (bounds[1:] + bounds[:-1]) / 2
    made = xray.peaks(bounds, [4.0], [1e4], xray.Detector())
    assert made.sum() == pytest.approx(1e4)
    escaped = made[np.abs(middle - (4.0 - 1.74)) < 0.3].sum()
    # Reed and Ware: 0.8 % of K alpha of calcium (3.7 keV) to titanium (4.5 keV).
    assert 0.005 < escaped / 1e4 < 0.011
    tailed = xray.peaks(bounds, [4.0], [1e4], xray.Detector(tail=0.1), escape=False)
    assert tailed.sum() == pytest.approx(1e4, rel=1e-4)
    assert (middle * tailed).sum() / 1e4 == pytest.approx(4.0 - 0.1 * 0.1, abs=1e-4)


def test_a_detector_counts_less_behind_a_window_and_of_hard_x_rays():
    thin, thick = xray.Detector(), xray.Detector(layers={"Be": 8000.0})
    assert xray.efficiency(thick, 0.5) < 0.02
    assert xray.efficiency(thin, 0.5) > 0.4
    mu = xray.mass_absorption("Si", 20.0) * 2.33
    expected = -np.expm1(-mu * 0.045)
    assert xray.efficiency(thin, 20.0) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(
    ("matter", "edge", "voltage", "shell"),
    [
        ("Fe", 7.112, 20e3, "K"),
        ("Au", 2.2, 15e3, "M"),
        ({"Ni": 1, "Al": 1}, 1.56, 15e3, "K"),
        ("C", 0.284, 5e3, "K"),
    ],
)
def test_a_distribution_in_depth_has_the_area_depth_surface_and_slope_it_is_made_of(
    matter, edge, voltage, shell
):
    made = xray.depth_distribution(matter, edge, voltage, shell)
    z = np.linspace(0, 60 * made.depth, 600_001)
    values = made(z)
    assert np.trapezoid(values, z) == pytest.approx(made.area, rel=1e-6)
    assert np.trapezoid(values * z, z) / made.area == pytest.approx(made.depth, rel=1e-6)
    assert values[0] == pytest.approx(made.surface)
    assert (values[1] - values[0]) / z[1] == pytest.approx(made.slope, rel=5e-3)
    assert made.emitted(800.0) == pytest.approx(
        np.trapezoid(values * np.exp(-800 * z), z), rel=1e-6
    )


def test_a_distribution_in_depth_is_that_of_measured_tracers():
    # Silicon at 15 kV: surface ionisation about 1.36, a maximum of 2.4 at 0.11 mg/cm².
    made = xray.depth_distribution("Si", 1.84, 15e3, "K")
    z = np.linspace(0, 1e-3, 10_001)
    assert made.surface == pytest.approx(1.36, abs=0.05)
    assert made(z).max() == pytest.approx(2.4, abs=0.15)
    assert z[made(z).argmax()] == pytest.approx(1.1e-4, rel=0.15)


def test_aluminium_in_nickel_needs_a_large_correction_and_nickel_a_small_one():
    # The classical case of absorption: Al K in NiAl is absorbed strongly.
    families = [xray.find_family("Al_Ka"), xray.find_family("Ni_Ka")]
    weights = np.array([[0.315, 0.685]])
    for zaf in (False, True):
        made = bulk_correction(families, 40.0, 20e3, zaf=zaf)(weights, np.ones(1))[0]
        assert made[0] > 1.5
        assert made[1] == pytest.approx(1.0, abs=0.06)


def test_shells_and_models_that_there_are_not_are_refused():
    with pytest.raises(DataError, match="unknown shell 'L4'"):
        xray.edge_energy("Fe", "L4")
    with pytest.raises(DataError, match="model must be one of"):
        xray.ionisation_cross_section("Fe", "K", 200e3, "guess")
    with pytest.raises(DataError, match="unknown element 'Xx'"):
        xray.families("Xx")
    with pytest.raises(DataError, match="Fe has Fe_Ka, Fe_La"):
        xray.find_family("Fe_Ma")
    with pytest.raises(DataError, match="do not ionise"):
        xray.depth_distribution("Fe", 7.112, 5e3)
    with pytest.raises(DataError, match="energies of X-rays must be positive"):
        xray.mass_absorption("Fe", 0.0)
    with pytest.raises(DataError, match="weight fractions of elements"):
        xray.mass_absorption({"Fe": -1.0}, 1.0)
    with pytest.raises(DataError, match="from L3 to L1"):
        xray.coster_kronig("Pt", "L3", "L1")
    assert len(SHELLS) == 9


def test_what_x_rays_excite_is_their_photoabsorption_by_the_shell():
    import xraylib

    iron, tin = (xray.find_family(name) for name in ("Fe_Ka", "Sn_La"))
    assert secondary.fluorescence(iron, 7.0) == 0.0  # the edge is at 7.11 keV
    # From the absorption on both sides of the edge, as textbooks have it.
    jump = xraylib.JumpFactor(26, xraylib.K_SHELL)
    rate = xraylib.RadRate(26, xraylib.KA_LINE) * xray.fluorescence_yield("Fe", "K")
    told = xray.mass_absorption("Fe", 7.478) * (jump - 1) / jump * rate
    assert secondary.fluorescence(iron, 7.478) == pytest.approx(told, rel=0.03)
    lines = (xraylib.L3M5_LINE, xraylib.L3M4_LINE)
    told = sum(xraylib.CS_FluorLine_Kissel_no_Cascade(50, line, 5.0) for line in lines)
    assert secondary.fluorescence(tin, 5.0) == pytest.approx(told, rel=1e-3)


@pytest.mark.parametrize(("mu", "chi"), [(90.0, 140.0), (3000.0, 0.0), (60.0, 8000.0)])
def test_what_is_excited_in_depth_is_the_double_integral(mu, chi):
    depths = xray.depth_distribution({"Fe": 0.5, "Ni": 0.5}, 8.33, 20e3)

    def inner(s):
        def part(x, sign):
            t = s + sign * x
            return 0.5 * special.exp1(mu * x) * np.exp(-chi * t)

        above = integrate.quad(part, 0.0, s, args=(-1,), epsabs=0, epsrel=1e-9)[0]
        below = integrate.quad(part, 0.0, 40.0 / mu, args=(1,), epsabs=0, epsrel=1e-9, limit=200)[0]
        return depths(s) * (above + below)

    end = 45.0 / min(depths.a, depths.b)
    truth = integrate.quad(inner, 0.0, end, epsabs=0, epsrel=1e-7, limit=200)[0]
    assert float(secondary.taken_in_depth(depths, mu, chi)) == pytest.approx(truth, rel=1e-5)


@pytest.mark.parametrize("x", [1e-5, 0.9e-3, 1.1e-3, 0.1, 3.0, 40.0])
def test_what_is_excited_in_a_film_is_the_double_integral(x):
    mu = 71.0
    truth = integrate.quad(lambda y: (x - y) * special.exp1(y), 0.0, x, epsabs=0, epsrel=1e-10)[0]
    found = float(secondary.taken_in_film(mu, x / mu))
    assert found == pytest.approx(truth / (mu * x), rel=1e-7)
    if x < 0.01:  # the formula of Nockolds and others
        assert found == pytest.approx(0.5 * x / mu * (0.923 - np.log(x)), rel=5e-4)
    assert secondary.taken_in_film(mu, 0.0) == 0.0


@pytest.mark.parametrize(("part", "voltage"), [(0.1, 30e3), (0.5, 15e3), (0.9, 20e3)])
def test_iron_excited_by_nickel_is_near_the_formula_of_reed(part, voltage):
    # Constants as in P. N. Chatterjee, MIT course 12.141 (2012), problem set 4.
    mix = {"Fe": part, "Ni": 1.0 - part}
    iron = xray.find_family("Fe_Ka")
    off, on = (
        BulkEmission((iron,), voltage, 40.0, fluorescence=each).of(mix)[0] for each in (False, True)
    )
    beam = voltage * 1e-3
    u_iron, u_nickel = beam / 7.111, beam / 8.332
    absorbed = part * 379.6 + (1.0 - part) * 58.9
    way = (part * 71.4 + (1.0 - part) * 90.0) / np.sin(np.deg2rad(40.0))
    u = way / absorbed
    v = 3.3e5 / (beam**1.65 - 8.332**1.65) / absorbed
    reed = (
        0.5 * (1.0 - part) * 0.880 * 0.414 * 55.847 / 58.71
        * ((u_nickel - 1.0) / (u_iron - 1.0)) ** 1.67 * 379.6 / absorbed
        * (np.log1p(u) / u + np.log1p(v) / v)
    )  # fmt: skip
    assert on / off - 1.0 == pytest.approx(reed, rel=0.06)


def test_elements_alone_excite_their_own_softer_lines():
    family = xray.find_family("Cu_La")
    found = [
        BulkEmission((family,), 20e3, 40.0, fluorescence=each).of_pure()[0]
        for each in (False, True)
    ]
    assert 1.0 < found[1] / found[0] < 1.02


def test_a_peak_is_as_wide_as_the_pairs_of_charges_scatter():
    # At the K alpha line of manganese as stated; elsewhere 2.5 eV times the energies between.
    assert xray.peak_width(5.895, 0.130) == pytest.approx(0.130)
    expected = np.sqrt(np.array([130.0**2 - 2.5 * 4895.0, 130.0**2 + 2.5 * 2145.0]))  # eV
    np.testing.assert_allclose(1e3 * xray.peak_width([1.0, 8.04], 0.130), expected, rtol=1e-6)
    # A detector better than any: no width is imaginary.
    assert xray.peak_width(0.1, 0.05) == pytest.approx(0.01)
