"""Angles, mean free paths, cross-sections and dielectric functions against published numbers."""

import json

import numpy as np
import pytest

from omniscopy.compute.fitting.problem import Formula as FormulaLike
from omniscopy.eels.core_loss.cross_sections import cross_section
from omniscopy.model import DataError
from omniscopy.physics.electron import effective_energy
from omniscopy.physics.energy_loss import (
    cross_sections,
    geometry,
    kramers_kronig,
    mean_free_paths,
    plasmons,
    plural,
    shells,
    zero_losses,
)
from omniscopy.physics.formulas import Formula


@pytest.fixture(scope="module")
def reference(shared):
    return json.loads((shared / "data" / "tem" / "reference_tables.json").read_text("utf-8"))


@pytest.mark.shared
def test_mean_free_paths_of_iakoubovskii_are_those_of_the_reference(reference):
    for key, value in reference["iakoubovskii_lambda_nm"].items():
        density, kilovolts = (float(part.split("=")[1]) for part in key.split(","))
        found = mean_free_paths.iakoubovskii(density, kilovolts * 1e3)
        assert found == pytest.approx(value, rel=1e-5)


@pytest.mark.shared
def test_effective_angles_are_those_of_the_reference(reference):
    for key, value in reference["effective_angle_mrad"].items():
        given = {name: float(number) for name, number in (p.split("=") for p in key.split(","))}
        angles = given["alpha"] * 1e-3, given["beta"] * 1e-3
        # The reference takes E / γT for the characteristic angle, which is twice E / 2γT.
        twice = geometry.effective_collection(2 * given["E"], given["E0"] * 1e3, *angles)
        assert 1e3 * twice == pytest.approx(value, rel=1e-5)
        found = geometry.effective_collection(given["E"], given["E0"] * 1e3, *angles)
        assert 1e3 * found == pytest.approx(value, rel=4e-3)


def test_a_parallel_beam_collects_what_the_aperture_lets_through():
    found = geometry.effective_collection(np.array([100.0, 500.0]), 200e3, 0.0, 0.01)
    np.testing.assert_allclose(found, 0.01)


def test_a_narrow_probe_is_nearly_parallel():
    found = geometry.effective_collection(532.0, 200e3, 1e-4, 0.02)
    assert found == pytest.approx(0.02, rel=1e-3)


@pytest.mark.shared
def test_hydrogenic_cross_sections_are_those_of_the_reference(reference):
    for key, value in reference["hydrogenic_partial_cross_section"].items():
        edge, voltage, angle = key.split(" ")
        shell = shells.shells_named(edge)[0]._replace(energy=value["onset"])
        loss = value["onset"] + np.arange(1.0, 101.0)
        sigma = cross_sections.hydrogenic(
            shell, loss, 1e3 * float(voltage[3:-3]), 0.0, 1e-3 * float(angle[6:-4])
        )
        at = value["dsigma_dE_barn_per_eV_at_onset+50"]
        assert sigma[49] == pytest.approx(at, rel=1e-3)
        # The sum of the reference counts its first and last channel half.
        found = np.trapezoid(sigma, loss)
        assert found == pytest.approx(value["sigma_1..100eV_barn"], rel=1e-3)


@pytest.mark.parametrize(("edge", "angle", "barns"), [("C_K", 10.0, 5097.0), ("O_K", 20.0, 1904.0)])
def test_cross_sections_of_absorption_are_within_five_percent_of_egertons(edge, angle, barns):
    onset = {"C_K": 284.0, "O_K": 532.0}[edge]
    loss = onset + np.arange(0.0, 101.0)
    sigma = cross_section(edge, loss, voltage=200e3, collection_mrad=angle, onset=onset)
    assert float(sigma[1:].sum()) == pytest.approx(barns, rel=0.05)


def test_both_cross_sections_of_k_shells_agree_within_five_percent():
    for edge in ("C_K", "N_K", "O_K", "F_K"):
        found = [
            float(cross_section(edge, voltage=200e3, collection_mrad=20.0, method=method).sum())
            for method in ("hydrogenic", "photoabsorption")
        ]
        assert found[0] == pytest.approx(found[1], rel=0.05)


def test_cross_sections_are_nothing_below_the_edge_and_grow_with_the_angle():
    loss = np.arange(400.0, 600.0, 1.0)
    small, large = (
        cross_section("Ti_L23", loss, voltage=200e3, collection_mrad=a) for a in (5.0, 30.0)
    )
    assert float(small.sel(energy_loss=slice(None, 455)).sum()) == 0.0
    above = slice(456, None)
    assert (large.sel(energy_loss=above) > small.sel(energy_loss=above)).all()
    assert small.attrs["units"] == "barn/eV"


@pytest.mark.parametrize("element", ["B", "C", "O", "Mg"])
def test_strengths_of_hydrogen_are_smooth_where_their_two_forms_meet(element):
    shell = next(each for each in shells.shells_of(element) if each.name == "K")
    meet = geometry.RYDBERG * (shell.number - 0.5) ** 2
    loss = meet * np.linspace(0.98, 1.02, 401)
    for order in (1e-4, 1.0, 20.0):
        found = cross_sections._k_strength(shell, loss, np.full(401, order))
        bend = np.diff(np.log(found), 2)
        assert np.abs(bend).max() < 1e-6


def test_an_onset_moves_the_edge():
    plain = cross_section("O_K", np.arange(520.0, 600.0), voltage=200e3, collection_mrad=10.0)
    moved = cross_section(
        "O_K", np.arange(525.0, 605.0), voltage=200e3, collection_mrad=10.0, onset=537.0
    )
    np.testing.assert_allclose(moved.values, plain.values)


def test_l_shells_of_iron_share_their_electrons():
    both, third = (
        cross_section(edge, np.arange(700.0, 800.0), voltage=200e3, collection_mrad=10.0,
                      method="hydrogenic")
        for edge in ("Fe_L23", "Fe_L3")
    )  # fmt: skip
    beyond = slice(730, 800)
    ratio = float((third / both).sel(energy_loss=beyond).mean())
    assert ratio == pytest.approx(2 / 3, abs=0.01)


@pytest.mark.parametrize(
    ("edge", "message"),
    [("Xx_K", "no symbol of an element"), ("O", "element and a shell"), ("H_M5", "has no edge")],
)
def test_edges_that_are_none_are_refused(edge, message):
    with pytest.raises(DataError, match=message):
        cross_section(edge, voltage=200e3, collection_mrad=10.0)


def test_hydrogen_has_no_m_shells():
    with pytest.raises(DataError, match="use method='photoabsorption'"):
        cross_section("Sr_M45", voltage=200e3, collection_mrad=10.0, method="hydrogenic")


def test_kilovolts_are_refused():
    with pytest.raises(DataError, match="for 200 kV write 200000"):
        cross_section("O_K", voltage=200.0, collection_mrad=10.0)


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (zero_losses.product_of_lorentzians, (3.0, 0.1, 0.4, -0.05, 0.7)),
        (plasmons.drude, (2.0, 15.0, 3.0)),
    ],
)
def test_slopes_of_formulas_are_their_derivatives(function, parameters):
    formula: FormulaLike = Formula(function, len(parameters))
    x = np.linspace(0.2, 30.0, 40)
    given = np.array(parameters)
    _, slopes = formula.evaluate([x], (), given)
    for n, value in enumerate(parameters):
        step = 1e-6 * max(abs(value), 1.0)
        ends = [
            formula.evaluate([x], (), given + sign * step * (np.arange(len(given)) == n))[0]
            for sign in (1, -1)
        ]
        np.testing.assert_allclose(slopes[n], (ends[0] - ends[1]) / (2 * step), rtol=1e-4,
                                   atol=1e-9)  # fmt: skip


def test_the_loss_function_of_free_electrons_is_that_of_their_permittivity():
    energy = np.linspace(0.5, 40.0, 80)
    loss = plasmons.loss_function(plasmons.drude_permittivity(energy, 15.0, 2.0))
    np.testing.assert_allclose(plasmons.drude(energy, 1.0, 15.0, 2.0)[0], loss, rtol=1e-12)
    one = plasmons.oscillator_permittivity(energy, [[15.0**2, 0.0, 2.0]])
    np.testing.assert_allclose(plasmons.loss_function(one), loss, rtol=1e-12)


def test_the_real_part_follows_from_the_loss_function():
    energy = 0.1 * np.arange(1000)
    permittivity = plasmons.oscillator_permittivity(energy, [[150.0, 6.0, 2.0], [80.0, 12.0, 5.0]])
    found = kramers_kronig.real_part(plasmons.loss_function(permittivity))
    np.testing.assert_allclose(found[:900], np.real(1 / permittivity)[:900], atol=5e-3)


def test_the_scale_of_a_thickness_is_that_of_egerton():
    # I0 t / (332.5 T) with T in keV.
    scale = 2 * np.pi * geometry.BOHR_RADIUS * 1000.0
    assert scale == pytest.approx(332.5, rel=1e-4)


def test_plural_scattering_is_the_sum_of_poissons():
    zero = np.zeros(400)
    zero[20] = 1000.0
    single = plural.single_scattering(0.5 * np.arange(400), 15.0, 3.0, 200e3, 0.01)
    made = plural.plural(zero, single, np.array([0.8]))[0]
    series, power, factor = np.zeros(400), zero, np.exp(-0.8)
    for order in range(25):
        series = series + factor * power
        power = np.convolve(power, single)[:400]
        factor *= 0.8 / (order + 1)
    np.testing.assert_allclose(made, series, atol=1e-8 * made.max())
    assert made[20] == pytest.approx(1000.0 * np.exp(-0.8))


def test_the_plasmon_of_aluminium_has_its_mean_free_path():
    # Egerton, 3rd ed., table 3.2 gives some 120 nm at 100 kV for 10 mrad.
    assert mean_free_paths.plasmon_path(15.0, 100e3, 0.01) == pytest.approx(120.0, rel=0.1)


def test_tpp_2m_is_that_of_the_constants_in_angstrom():
    # By hand: E_p = 15.79 eV, beta = 0.0360, gamma = 0.1162, C = 1.697 give 32.6 Å at 1.5 keV.
    found = mean_free_paths.tpp_2m(2.7, 1500.0, valence=3, mass=26.98)
    assert found == pytest.approx(3.26, rel=0.01)


def test_momentum_is_that_of_the_wave_length():
    # 2.507934 pm at 200 kV.
    assert geometry.momentum_scale(200e3) == pytest.approx(2 * np.pi / 2.507934e-3, rel=1e-5)
    assert effective_energy(200e3) == pytest.approx(123.6e3, rel=1e-3)
