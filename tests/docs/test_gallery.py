"""Every example of the gallery and of the specification runs, draws, and finds the truth."""

import importlib.util
import runpy
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

DOCS = Path(__file__).resolve().parents[2] / "docs"
EXAMPLES = sorted(DOCS.glob("gallery/plot_*.py")) + sorted(DOCS.glob("specification/plot_*.py"))
Names = dict[str, Any]


def close(value: Any, truth: Any, **tolerance: float) -> None:
    np.testing.assert_allclose(np.asarray(value), truth, **tolerance)


def lines_are_found(names: Names) -> None:
    centres = [float(value) for name, value in names["fit"].items() if name.endswith("_centre")]
    close(sorted(centres), [1.85, 2.3, 2.75], atol=0.01)


def conductance_is_found(names: Names) -> None:
    pulls = (names["fit"]["expression_g"] - names["conductance"][:, 0]) / names["fit"][
        "expression_g_std"
    ]
    assert float(abs(pulls).max()) < 4.5


def drift_is_found(names: Names) -> None:
    for name in ("shift_y", "shift_x"):
        close(names["found"][name], names["truth"][name], atol=0.15)


def stretch_of_fringes_is_found(names: Names) -> None:
    strain = names["found"]["strain_xx"].sel(x=slice(5.5, 7.0), y=slice(1.5, 5.0))
    close(strain.mean(), 0.02, atol=0.003)


def stretch_of_atoms_is_found(names: Names) -> None:
    inside = names["strain"].where((names["atoms"]["x"] > 5.0) & (names["atoms"]["x"] < 7.5))
    close(inside["strain_xx"].mean(), 0.015, atol=0.002)


def strain_of_patterns_is_found(names: Names) -> None:
    close(names["strain"]["strain_yy"].isel(x=slice(4, None)).mean(), -0.01, atol=0.002)
    close(names["strain"]["strain_xx"].isel(x=slice(4, None)).mean(), 0.02, atol=0.002)


def lattice_is_found(names: Names) -> None:
    close([names["lattice"]["length_a"], names["lattice"]["length_b"]], 0.39 / 2**0.5, atol=0.001)


def detector_is_turned(names: Names) -> None:
    close(names["known"]["rotation"], 25.0, atol=1.0)
    assert names["known"]["flip"]


def orientations_are_found(names: Names) -> None:
    assert np.median(names["errors"]) < 4.0


def wedge_is_found(names: Names) -> None:
    close(names["found"]["t_over_lambda"], 0.3 + 0.5 * names["wedge"], atol=0.02)


def plasmon_is_found(names: Names) -> None:
    close(names["plasmon"]["energy"], 15.0, atol=0.3)


def surface_plasmon_is_found(names: Names) -> None:
    close(names["place"], 15.0 / np.sqrt(2.0), atol=0.2)


def elements_of_losses_are_found(names: Names) -> None:
    for element, number in names["density"].items():
        found = names["found"]["areal_density"].sel(element=element).mean("y")
        close(found, number * names["occupation"].mean("y"), rtol=0.1)


def elements_of_rays_are_found(names: Names) -> None:
    assert {*names["names"]} == {"Fe", "Pt", "Sr", "Ti", "O"}


def times_are_found(names: Names) -> None:
    close(1e6 * names["tau"].mean("y"), [10.0, 25.0, 40.0], rtol=0.25)


def modulus_is_found(names: Names) -> None:
    truth = names["force"].attrs["metadata"]["truth"]["modulus"]
    close(names["found"]["modulus"].mean("y"), truth, rtol=0.05)


def capacitance_is_found(names: Names) -> None:
    close(1e14 * names["found"]["capacitance"], 5.0, rtol=0.2)


def defocus_is_found(names: Names) -> None:
    close(names["fit"]["defocus"], 1500.0, rtol=0.03)


def two_materials_are_found(names: Names) -> None:
    assert names["rank"] == 2


def phases_are_found_with_weights_only(names: Names) -> None:
    plain, weighed = names["ranks"].T
    assert (weighed[names["doses"] > 3000.0] == 3).all()
    assert not (plain == 3).any()
    assert names["cosines"][:, 0].max() < 0.1
    assert names["cosines"][-1, 1] > 0.98


def ellipse_is_found(names: Names) -> None:
    close(names["centre"], names["pattern"].attrs["metadata"]["truth"]["centre"], atol=0.02)


def atoms_are_scored(names: Names) -> None:
    assert float(names["score"]["recall"]) > 0.9


def map_is_near(names: Names) -> None:
    error = names["found"]["value"].values - names["truth"].ravel()
    assert error.std() < 0.1 * names["truth"].std()


def angles_are_learnt(names: Names) -> None:
    # How an object lies is learnt up to one constant; few of them are confused.
    away = names["found"]["angle"] - names["angle"]
    away = np.abs(away - np.median(away))
    assert np.median(away) < 3.0
    assert np.mean(away < 10.0) > 0.9


def strain_of_cepstra_is_found(names: Names) -> None:
    strained = names["strain"].isel(x=slice(6, None))
    close(strained["strain_xx"].mean(), 0.02, atol=0.002)
    close(strained["strain_yy"].mean(), -0.01, atol=0.002)


def whole_patterns_scatter_less(names: Names) -> None:
    for strain in names["strains"].values():
        close(strain.sel(names["right"]).mean(), 0.02, atol=0.003)
    assert names["scatter"]["whole patterns"] < 0.8 * names["scatter"]["discs, one by one"]


def crystals_are_told_apart(names: Names) -> None:
    phase = names["found"]["phase"]
    assert (phase.isel(x=slice(4)) == 0).all()
    assert (phase.isel(x=slice(4, None)) == 1).all()


def rates_of_speckles_are_found(names: Names) -> None:
    close(names["rate"] / names["rate"]["k"] ** 2, names["diffusion"], rtol=0.15)


def angle_of_features_is_found(names: Names) -> None:
    close(names["found"]["rotation"], -130.0, atol=0.3)


def shears_of_samples_are_found(names: Names) -> None:
    means = names["first"].mean("atom").values
    close(np.diff(means) / np.diff(means).mean(), 1.0, atol=0.1)


def holes_of_copper_are_found(names: Names) -> None:
    kinds = [hole.name for hole in names["holes"]]
    assert kinds == ["octahedron"] * 4 + ["tetrahedron"] * 8


def step_is_found(names: Names) -> None:
    close(names["found"]["step_height"], 0.34, atol=0.002)


def part_of_the_beam_is_found(names: Names) -> None:
    fraction = (names["image"] - 20.0) / (names["found"]["full"] - 20.0)
    close(names["found"]["fraction"], fraction, atol=1e-3)


CHECKS: dict[str, Callable[[Names], None]] = {
    "atom_strain": stretch_of_atoms_is_found,
    "atoms": lattice_is_found,
    "cepstrum": strain_of_cepstra_is_found,
    "contrast_transfer": defocus_is_found,
    "core_loss": elements_of_losses_are_found,
    "crystal_phases": crystals_are_told_apart,
    "current_voltage": capacitance_is_found,
    "decompose": two_materials_are_found,
    "detector_response": part_of_the_beam_is_found,
    "dielectric": plasmon_is_found,
    "fit_lines": lines_are_found,
    "force_map": modulus_is_found,
    "gaussian_process": map_is_near,
    "gpa": stretch_of_fringes_is_found,
    "interstitials": holes_of_copper_are_found,
    "learned_atoms": atoms_are_scored,
    "matched_features": angle_of_features_is_found,
    "nanobeam_strain": strain_of_patterns_is_found,
    "orientations": orientations_are_found,
    "own_function": conductance_is_found,
    "phase_contrast": detector_is_turned,
    "register": drift_is_found,
    "ring_pattern": ellipse_is_found,
    "several_samples": shears_of_samples_are_found,
    "slab": surface_plasmon_is_found,
    "speckles": rates_of_speckles_are_found,
    "terraces": step_is_found,
    "thickness": wedge_is_found,
    "transients": times_are_found,
    "turned_objects": angles_are_learnt,
    "weights_of_counts": phases_are_found_with_weights_only,
    "whole_patterns": whole_patterns_scatter_less,
    "x_rays": elements_of_rays_are_found,
}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem.removeprefix("plot_"))
def test_an_example_draws_a_figure_and_finds_the_truth(example: Path) -> None:
    text = example.read_text(encoding="utf-8")
    if "om.learn" in text and importlib.util.find_spec("torch") is None:
        pytest.skip("torch is not installed: the extra `learn`")
    mpl.use("Agg")
    try:
        names = runpy.run_path(str(example))
        figure = names["figure"]
        assert isinstance(figure, Figure)
        assert any(axis.get_xlabel() for axis in figure.axes), "no axis says what it shows"
        figure.canvas.draw()
        shown = [plt.figure(number) for number in plt.get_fignums()]
        assert figure in shown or text.endswith("\nfigure\n"), "a notebook would not show it"
        labels = [text for axis in figure.axes for text in (axis.get_xlabel(), axis.get_ylabel())]
        assert not [text for text in labels if "[" in text], "units are in round brackets"
        CHECKS.get(example.stem.removeprefix("plot_"), lambda _: None)(names)
    finally:
        plt.close("all")


def test_every_example_is_in_one_section_and_every_check_has_its_example() -> None:
    sections = tomllib.loads((DOCS / "gallery" / "sections.toml").read_text(encoding="utf-8"))
    listed = [name for section in sections.values() for name in section["examples"]]
    present = [path.stem.removeprefix("plot_") for path in sorted(DOCS.glob("gallery/plot_*.py"))]
    assert sorted(listed) == sorted(present)
    assert len(present) >= 30
    assert {*CHECKS} <= {*present}


def test_every_example_begins_with_a_title_and_a_sentence() -> None:
    for path in EXAMPLES:
        title, rule, blank, text = path.read_text(encoding="utf-8").split('"""')[1].split("\n")[1:5]
        assert {*rule} == {"="}, path.name
        assert len(rule) == len(title), path.name
        assert not blank, path.name
        assert text, path.name
