"""Strain, sublattices, polarization and dumbbells of positions."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from omniscopy.atoms import find_dumbbells, find_sublattices, measure_polarization, measure_strain
from omniscopy.model import DataError, Status
from omniscopy.simulate import atom_positions, crystal_lattice

SMALL = st.floats(-0.03, 0.03)


@settings(max_examples=15, deadline=None)
@given(SMALL, SMALL, SMALL, st.floats(-2.0, 2.0), st.sampled_from(["square", "honeycomb"]))
def test_a_strained_and_turned_crystal_is_recovered_exactly(yy, xx, xy, turn, structure):
    made = atom_positions(structure, spacing=0.3, strain=(yy, xx, xy), rotation=turn)
    found = measure_strain(made, crystal_lattice(structure, spacing=0.3), finite=True)
    good = found.isel(atom=np.flatnonzero(found["status"] == Status.CONVERGED))
    assert good.sizes["atom"] > 0.9 * found.sizes["atom"]
    for name, value in (("yy", yy), ("xx", xx), ("xy", xy)):
        np.testing.assert_allclose(good[f"strain_{name}"], value, atol=1e-12)
    np.testing.assert_allclose(good["rotation"], turn, atol=1e-9)
    assert float(good["residual"].max()) < 1e-12


def test_signs_are_those_of_a_stretch_along_x_and_a_turn_from_x_towards_y():
    grid = np.stack(np.meshgrid(np.arange(6.0), np.arange(7.0), indexing="ij"), -1).reshape(-1, 2)
    stretched = grid * [1.0, 1.01]
    found = measure_strain(table(stretched), lattice((0.0, 1.0), (1.0, 0.0)))
    np.testing.assert_allclose(found["strain_xx"], 0.01, atol=1e-12)
    np.testing.assert_allclose(found["strain_yy"], 0.0, atol=1e-12)
    sheared = grid @ np.array([[1.0, 0.0], [0.02, 1.0]])  # y grows by 0.02 along x
    found = measure_strain(table(sheared), lattice((0.0, 1.0), (1.0, 0.0)))
    np.testing.assert_allclose(found["strain_xy"], 0.01, atol=1e-12)
    np.testing.assert_allclose(found["rotation"], np.degrees(0.01), atol=1e-9)


def test_strain_is_relative_to_a_region():
    grid = np.stack(np.meshgrid(np.arange(8.0), np.arange(12.0), indexing="ij"), -1).reshape(-1, 2)
    grid[:, 1] = np.where(grid[:, 1] > 6, 6 * 1.01 + (grid[:, 1] - 6) * 1.04, grid[:, 1] * 1.01)
    found = measure_strain(
        table(grid), lattice((0.0, 1.0), (1.0, 0.0)), reference={"x": slice(0.0, 4.9)}
    )
    right = found["x"].values > 8.1
    np.testing.assert_allclose(found["strain_xx"].values[right], 1.04 / 1.01 - 1, atol=1e-12)
    left = found["x"].values < 4.9
    np.testing.assert_allclose(found["strain_xx"].values[left], 0.0, atol=1e-12)


@pytest.mark.parametrize("states_noise", [True, False])
def test_the_scatter_of_strain_is_what_is_reported(states_noise):
    made = [
        atom_positions("square", extent=(4.0, 4.0), noise=0.004, rng=seed) for seed in range(40)
    ]
    if not states_noise:
        made = [each.drop_vars(["y_std", "x_std"]) for each in made]
    crystal = crystal_lattice("square")
    for name in ("strain_yy", "strain_xx", "strain_xy", "rotation"):
        values, stds = [], []
        for each in made:
            found = measure_strain(each, crystal)
            inner = np.flatnonzero(found["neighbours"] == 8)
            values.append(found[name].values[inner])
            stds.append(found[f"{name}_std"].values[inner])
        values, stds = np.concatenate(values), np.concatenate(stds)
        assert values.std() == pytest.approx(np.sqrt((stds**2).mean()), rel=0.05)
        assert abs(values.mean()) < 0.1 * values.std()


def test_the_lattice_may_be_in_other_units():
    made = atom_positions("square")
    crystal = crystal_lattice("square")
    smaller = xr.Dataset(
        {name: (1e3 * values).assign_attrs(units="pm") for name, values in crystal.items()}
    )
    one, other = measure_strain(made, crystal), measure_strain(made, smaller)
    np.testing.assert_allclose(one["strain_xx"], other["strain_xx"], atol=1e-9)


def test_atoms_on_a_line_have_no_strain():
    line = np.stack([np.zeros(6), np.arange(6.0)], axis=-1)
    found = measure_strain(table(line), lattice((0.0, 1.0), (1.0, 0.0)))
    assert (found["status"] == Status.SINGULAR).all()
    assert found["strain_xx"].isnull().all()


def test_sublattices_follow_a_crystal_that_bends_by_more_than_a_cell():
    made = atom_positions("perovskite", extent=(6.0, 8.0))
    bent = made.assign(y=made["y"] + 0.02 * (made["x"] - 4.0) ** 2)
    found = find_sublattices(bent, crystal_lattice("perovskite"))
    assert int(found["count"]) == 2
    np.testing.assert_array_equal(found["label"], made["kind"])
    np.testing.assert_allclose(found["mean_intensity"], [1.0, 0.5])
    np.testing.assert_allclose(abs(found["fraction_a"][1]), 0.5, atol=0.05)


def test_the_four_sublattices_of_dumbbells_are_told_apart():
    made = atom_positions("dumbbell", spacing=0.543, noise=0.005)
    found = find_sublattices(made, crystal_lattice("dumbbell", spacing=0.543))
    assert int(found["count"]) == 4
    for kind in range(4):
        assert len(np.unique(found["label"].values[made["kind"].values == kind])) == 1


def test_brightness_tells_apart_what_positions_do_not():
    made = atom_positions("perovskite", noise=0.002)
    primitive = lattice((0.2, 0.2), (0.2, -0.2))
    rng = np.random.default_rng(0)
    bright = made["intensity"] * (1 + 0.05 * rng.standard_normal(made.sizes["atom"]))
    found = find_sublattices(made.assign(intensity=bright), primitive)
    np.testing.assert_array_equal(found["label"], made["kind"])
    np.testing.assert_allclose(found["fraction_a"], 0.0, atol=0.02)
    assert int(find_sublattices(made.drop_vars("intensity"), primitive)["count"]) == 1
    alike = made.assign(intensity=bright.copy(data=rng.normal(1.0, 0.05, len(bright))))
    assert int(find_sublattices(alike, primitive)["count"]) == 1


def test_atoms_cut_off_by_vacancies_are_of_their_sublattice():
    made = atom_positions("perovskite", extent=(4.0, 4.0))
    column = (made["kind"].values == 1) & (abs(made["x"].values - 1.9) < 0.15)
    left = made.isel(atom=np.flatnonzero(~column))
    found = find_sublattices(left, crystal_lattice("perovskite"))
    np.testing.assert_array_equal(found["label"], left["kind"])


def test_a_known_displacement_is_the_polarization():
    shift = (-0.012, 0.031)
    inside = atom_positions("perovskite", displacement=shift, only=1)
    cage = atom_positions("perovskite", only=0)
    found = measure_polarization(inside, cage)
    good = found["status"] == Status.CONVERGED
    assert 0.7 < float(good.mean()) < 1.0  # not those at the edges
    np.testing.assert_allclose(found["displacement_y"].values[good], shift[0], atol=1e-12)
    np.testing.assert_allclose(found["displacement_x"].values[good], shift[1], atol=1e-12)
    angle = np.degrees(np.arctan2(*shift))
    np.testing.assert_allclose(found["displacement_angle"].values[good], angle, atol=1e-9)


def test_the_scatter_of_polarization_is_what_is_reported():
    shift = (0.0, 0.04)
    inside = [
        atom_positions(displacement=shift, only=1, noise=0.004, rng=seed) for seed in range(20)
    ]
    cage = [atom_positions(only=0, noise=0.004, rng=100 + seed) for seed in range(20)]
    found = [measure_polarization(one, other) for one, other in zip(inside, cage, strict=True)]
    for name in ("displacement_y", "displacement_x", "displacement", "displacement_angle"):
        values = np.concatenate([each[name].values for each in found])
        stds = np.concatenate([each[f"{name}_std"].values for each in found])
        good = np.isfinite(values)
        expected = np.sqrt((stds[good] ** 2).mean())
        assert values[good].std() == pytest.approx(expected, rel=0.05), name


def test_dumbbells_have_their_separation_and_direction():
    made = atom_positions("dumbbell", spacing=0.543)
    found = find_dumbbells(made)
    assert int(found["count"]) >= 0.45 * made.sizes["atom"]
    np.testing.assert_allclose(found["separation"], 0.543 / 4, atol=1e-9)
    np.testing.assert_allclose(found["angle"], 90.0, atol=1e-6)  # from the brighter down
    np.testing.assert_allclose(found["intensity_ratio"], 0.8)
    line = find_dumbbells(made.drop_vars("intensity"))
    assert ((line["angle"] >= 0) & (line["angle"] < 180)).all()


def test_no_pairs_are_found_in_a_square_lattice():
    assert int(find_dumbbells(atom_positions("square", noise=0.005))["count"]) < 3


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda p, a: measure_strain(p["y"], a), "must be a Dataset with 'y' and 'x'"),
        (lambda p, a: measure_strain(p.drop_vars("x"), a), r"must have the variables \['x'\]"),
        (lambda p, a: measure_strain(p, p), "lattice must be a Dataset with"),
        (lambda p, a: measure_strain(p, a, reach=0.0), "reach must be above 0"),
        (lambda p, a: measure_strain(p, a, reference={"z": slice(1)}), "must be slices of"),
        (lambda p, a: measure_strain(unlabelled(p), a), "give both the same units"),
        (lambda p, a: measure_polarization(p, unlabelled(p)), "positions are in 'nm' and cage in"),
        (lambda p, a: measure_polarization(p, p, corners=1), "corners must be at least 2"),
        (lambda p, a: find_dumbbells(p, max_separation=-1.0), "max_separation must be above 0"),
        (lambda p, a: find_sublattices(p.isel(atom=slice(0)), a), "holds 0 atoms"),
    ],
)
def test_wrong_calls_say_what_to_do(call, words):
    with pytest.raises(DataError, match=words):
        call(atom_positions("square"), crystal_lattice("square"))


def table(points, **columns):
    y, x = np.asarray(points, dtype=float).T
    atom = {"atom": ("atom", np.arange(len(y)))}
    return xr.Dataset(
        {
            "y": ("atom", y, {"units": "nm"}), "x": ("atom", x, {"units": "nm"}),
            **{name: ("atom", values) for name, values in columns.items()},
        },
        atom,
    )  # fmt: skip


def lattice(a, b):
    names = zip(("a_y", "a_x", "b_y", "b_x"), (*a, *b), strict=True)
    return xr.Dataset({name: ((), part, {"units": "nm"}) for name, part in names})


def unlabelled(positions):
    return positions.assign({name: positions[name].drop_attrs(deep=False) for name in ("y", "x")})
