"""X-rays of atoms, against published numbers and against sums that must hold."""

import hashlib
import json
import tomllib
from importlib import resources

import numpy as np
import pytest

from omniscopy.model import DataError
from omniscopy.physics import xray
from omniscopy.physics.xray.quantities import bulk_correction
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
