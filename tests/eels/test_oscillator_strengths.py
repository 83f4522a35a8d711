"""Cross-sections from tables of oscillator strengths, against what the tables were made from."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

from omniscopy import eels
from omniscopy.model import DataError
from omniscopy.physics.electron import REST_ENERGY, effective_energy
from omniscopy.physics.energy_loss import cross_sections as formulas
from omniscopy.physics.energy_loss.geometry import BOHR_RADIUS, RYDBERG
from omniscopy.physics.energy_loss.shells import photoabsorption, shells_of
from omniscopy.testing.files.gosh import Strengths, write_gosh

WAVES = np.geomspace(2e8, 6e11, 192)
FREE = 0.2 * 1.1 ** np.arange(96)
HBAR_C = 197.3269804  # eV nm


def shell_of(element, name):
    return next(each for each in shells_of(element) if each.name == name)


def hydrogen(element):
    """Return the table of a hydrogenic K shell."""
    shell = shell_of(element, "K")
    order = (WAVES * BOHR_RADIUS * 1e-9)[:, None] ** 2
    values = formulas._k_strength(shell, shell.energy + FREE, order)
    return Strengths(WAVES, FREE, values, shell.energy)


def flat(height, element="Ti"):
    """Return a table that is the same everywhere."""
    return Strengths(WAVES, FREE, np.full((192, 96), height), shells_of(element)[-1].energy)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("tables") / "hydrogen.gosh"
    tables = {f"{each}/K1": hydrogen(each) for each in ("C", "N", "O")}
    return str(write_gosh(path, tables, edges={"K": ("K1", 1.0)}))


@pytest.mark.parametrize("element", ["C", "O"])
@pytest.mark.parametrize(("voltage", "convergence", "collection"),
                         [(60e3, 0.0, 5.0), (200e3, 10.0, 20.0), (300e3, 25.0, 60.0)])  # fmt: skip
def test_tables_give_what_the_formula_gives_that_they_were_made_from(
    file, element, voltage, convergence, collection
):
    given = {
        "voltage": voltage, "convergence_mrad": convergence, "collection_mrad": collection,
        "stop": 1500.0,
    }  # fmt: skip
    found = eels.cross_section(f"{element}_K", method="tabulated", tables=file, **given)
    truth = eels.cross_section(f"{element}_K", method="hydrogenic", **given)
    np.testing.assert_allclose(found[1:], truth[1:], rtol=4e-3)
    assert float(found.sum()) == pytest.approx(float(truth.sum()), rel=5e-4)


def test_beyond_their_last_energy_tables_go_on_as_powers(tmp_path):
    short = hydrogen("C")
    path = write_gosh(tmp_path / "a.gosh", {"C/K1": Strengths(WAVES, FREE[:60],
                                                             short.values[:, :60])})  # fmt: skip
    given = {"voltage": 200e3, "collection_mrad": 10.0, "energy_loss": [300.0, 330.0, 400.0]}
    found = eels.cross_section("C_K", method="tabulated", tables=str(path), **given)
    truth = eels.cross_section("C_K", method="hydrogenic", **given)
    np.testing.assert_allclose(found, truth, rtol=0.02)


def test_strengths_are_of_all_electrons_and_in_1_per_ev():
    # Dipole limit of the 1s electrons of carbon as computed by goscalc (github.com/Br0Fi/goscalc,
    # element_configs2/C/gos.dat), in whose units such files are: 10.5 eV and more beyond the edge.
    shell = shell_of("C", "K")
    free = np.array([30.5, 50.5, 70.5, 110.5, 170.5])
    published = np.array([0.00736383, 0.00635854, 0.00554699, 0.00429277, 0.00302065])
    measured = photoabsorption(shell, shell.energy + free) / formulas.OSCILLATOR
    np.testing.assert_allclose(published, measured, rtol=0.05)
    hydrogenic = formulas._k_strength(shell, shell.energy + free, np.full(5, 1e-8))
    np.testing.assert_allclose(published, hydrogenic, rtol=0.07)


def test_wave_numbers_are_two_pi_over_wavelengths():
    # The same table near 14/Å, for losses of 281 to 441 eV: with 1/λ it would be at 88/Å, nothing.
    shell = shell_of("C", "K")
    free = np.array([10.5, 170.5])
    published = np.array([2.2e-4, 4.7e-4])
    order = np.full(2, (14.0 * 10.0 * BOHR_RADIUS) ** 2)
    found = formulas._k_strength(shell, shell.energy + free, order)
    assert (np.abs(np.log(found / published)) < np.log(2.5)).all()
    turned = formulas._k_strength(shell, shell.energy + free, order * (2 * np.pi) ** 2)
    assert (turned < 1e-3 * published).all()


def test_the_sum_of_all_strengths_is_the_number_of_electrons():
    # Bethe's rule: far from the dipole limit nothing is left for bound states.
    shell, free = shell_of("C", "K"), 0.2 * 1.1 ** np.arange(130)
    order = (WAVES * BOHR_RADIUS * 1e-9) ** 2
    values = formulas._k_strength(shell, shell.energy + free, order[:, None])
    table = formulas.StrengthTable(order, free, values)
    loss = shell.energy + np.arange(0.05, 3e4, 0.1)
    found = table.at(shell.energy, loss, np.full(len(loss), (200.0 * BOHR_RADIUS) ** 2))
    assert float(found.sum() * 0.1) == pytest.approx(2.0, rel=0.02)


def test_momenta_are_those_of_relativistic_kinematics():
    for voltage in (60e3, 200e3, 300e3):
        loss = np.array([20.0, 300.0, 2000.0])
        angle = 0.02

        def wave(energy):
            return np.sqrt(energy * (energy + 2 * REST_ENERGY)) / HBAR_C

        before, after = wave(voltage), wave(voltage - loss)
        exact = before**2 + after**2 - 2 * before * after * np.cos([[0.0], [angle]])
        low, high = formulas.momentum_range(loss, voltage, np.full(3, angle))
        np.testing.assert_allclose(low, exact[0] * BOHR_RADIUS**2, rtol=2e-3)
        np.testing.assert_allclose(high, exact[1] * BOHR_RADIUS**2, rtol=1e-3)


@pytest.mark.parametrize("edges", [{}, {"L3": ("L23", 2 / 3), "L2": ("L23", 1 / 3)}])
def test_a_subshell_has_its_part_of_the_table_of_both(tmp_path, edges):
    path = write_gosh(tmp_path / "a.gosh", {"Ti/L23": flat(0.03), "Ti/L1": flat(0.01)}, edges=edges)
    given = {"voltage": 200e3, "collection_mrad": 10.0, "energy_loss": [600.0, 700.0]}
    found = {
        edge: eels.cross_section(edge, method="tabulated", tables=str(path), **given).values
        for edge in ("Ti_L3", "Ti_L23", "Ti_L1", "Ti_L")
    }
    low, high = formulas.momentum_range(np.array([600.0, 700.0]), 200e3, np.full(2, 0.01))
    whole = formulas.AREA * RYDBERG**2 / effective_energy(200e3) * 0.03 * np.log(high / low)
    whole = whole / np.array([600.0, 700.0])
    np.testing.assert_allclose(found["Ti_L23"], whole, rtol=1e-5)
    np.testing.assert_allclose(found["Ti_L3"], whole * 2 / 3, rtol=1e-5)
    np.testing.assert_allclose(found["Ti_L1"], whole / 3, rtol=1e-5)
    np.testing.assert_allclose(found["Ti_L"], whole * 4 / 3, rtol=1e-5)


def test_files_may_have_the_names_of_the_description_of_the_format(file, tmp_path):
    # https://zenodo.org/records/7645765, gosh.html: `free_energy` and `ref_edge`.
    path = tmp_path / "described.gosh"
    path.write_bytes(Path(file).read_bytes())
    with h5py.File(path, "r+") as made:
        for element in ("C", "N", "O"):
            made.move(f"{element}/K1/free_energies", f"{element}/K1/free_energy")
            made.move(f"{element}/K1", f"{element}/1s")
        told = made["metadata/edges_info/K"].attrs
        del told["table"]
        told["ref_edge"], told["n"], told["l"], told["occupancy_ratio"] = "1s", 1, 0, 0.5
    given = {"voltage": 200e3, "collection_mrad": 20.0, "stop": 900.0, "method": "tabulated"}
    found, whole = (eels.cross_section("C_K", tables=str(each), **given) for each in (path, file))
    np.testing.assert_allclose(found, 0.5 * whole, rtol=1e-6)


def test_atoms_are_found_by_the_tables_they_were_simulated_with(file):
    microscope = {"dispersion": 1.0, "electrons": 1e9, "t_over_lambda": 0.5, "noise": False}
    core = eels.simulate_spectrum(
        {"N": 900.0, "O": 1500.0}, start=330.0, channels=330, background=2e5,
        cross_sections="hydrogenic", **microscope,
    )  # fmt: skip
    low = eels.simulate_spectrum(start=-20.0, channels=340, **microscope)
    found = eels.quantify(
        core, ["N", "O"], low_loss=low, cross_sections="tabulated", tables=file
    )  # fmt: skip
    np.testing.assert_allclose(found["areal_density"], [900.0, 1500.0], rtol=0.01)
    again = eels.simulate_spectrum(
        {"N": 900.0, "O": 1500.0}, start=330.0, channels=330, background=2e5,
        cross_sections="tabulated", tables=file, **microscope,
    )  # fmt: skip
    xr.testing.assert_allclose(again, core, rtol=1e-3)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"method": "tabulated"}, "needs tables="),
        ({"tables": "x.gosh"}, "tables= is for method='tabulated'"),
        ({"method": "tabulated", "tables": "x.gosh"}, "there is no file x.gosh"),
    ],
)
def test_tables_that_are_missing_are_named(given, message):
    with pytest.raises(DataError, match=message):
        eels.cross_section("C_K", voltage=200e3, collection_mrad=10.0, **given)


def test_edges_that_a_file_lacks_are_named(file):
    given = {"voltage": 200e3, "collection_mrad": 10.0, "method": "tabulated", "tables": file}
    with pytest.raises(DataError, match="no oscillator strengths of B K; of this element it has n"):
        eels.cross_section("B_K", **given)
    data = eels.simulate_spectrum({"Ti": 900.0}, start=330.0, channels=330, background=2e5)
    with pytest.raises(DataError, match="there is no cross-section of Ti in"):
        eels.quantify(data, ["Ti"], cross_sections="tabulated", tables=file)
