"""Figures of positions of atoms."""

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.quiver import Quiver

from omniscopy import atoms, plot, samples, simulate


def test_rings_are_polygons_in_the_colours_of_their_sizes():
    rings = atoms.find_rings(samples.atom_positions())
    figure = plot.signal(rings, title="Rings")
    left, right = figure.axes[:2]
    for ax in (left, right):
        (polygons,) = (each for each in ax.collections if isinstance(each, PolyCollection))
        assert len(polygons.get_paths()) == rings.sizes["ring"]
    (text,) = left.get_legend().get_texts()
    assert text.get_text() == f"4 ({rings.sizes['ring']})"
    corners = left.collections[0].get_paths()[0].vertices[0]
    np.testing.assert_allclose(corners, [rings["corner_x"][0, 0], rings["corner_y"][0, 0]])


def test_row_zero_is_on_top():
    for made in (
        atoms.find_rings(samples.atom_positions()),
        atoms.find_sublattices(samples.atom_positions(), samples.atom_lattice()),
        atoms.link_trajectories(samples.moving_atoms()),
    ):
        bottom, top = plot.signal(made).axes[0].get_ylim()
        assert bottom > top


def test_arrows_point_where_atoms_are_displaced():
    found = atoms.measure_polarization(samples.centre_positions(), samples.corner_positions())
    figure = plot.signal(found)
    (arrows,) = (each for each in figure.axes[0].collections if isinstance(each, Quiver))
    there = np.isfinite(found["displacement_x"].values)
    assert np.sign(arrows.U).tolist() == np.sign(found["displacement_x"].values[there]).tolist()
    assert np.sign(arrows.V).tolist() == np.sign(found["displacement_y"].values[there]).tolist()
    assert "not to scale" in figure.get_supxlabel()


def test_bonds_are_lines_between_their_atoms():
    made = samples.atom_positions()
    bonds = atoms.find_bonds(made)
    (lines,) = (
        each for each in plot.signal(bonds).axes[0].collections if isinstance(each, LineCollection)
    )
    ends = np.array(lines.get_segments())
    pairs = np.stack([bonds["first"].values, bonds["second"].values], axis=-1).astype(int)
    places = np.stack([made["x"].values, made["y"].values], axis=-1)[pairs]
    forward = np.abs(ends - places).max(axis=(1, 2))
    backward = np.abs(ends - places[:, ::-1]).max(axis=(1, 2))
    assert np.minimum(forward, backward).max() < 1e-9


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (
            lambda: atoms.measure_strain(samples.atom_positions(), samples.atom_lattice()),
            "rotation",
        ),
        (lambda: atoms.measure_bond_order(samples.domain_positions()), "orientation"),
        (lambda: atoms.find_domains(samples.domain_positions()), "boundary"),
        (
            lambda: atoms.find_defects(samples.faulty_positions(), samples.faulty_lattice()),
            "vacancy",
        ),
        (lambda: atoms.measure_neighbours(samples.atom_positions()), "Coordination"),
        (lambda: atoms.count_atoms(samples.column_intensities(), max_atoms=4), "lowest at 3"),
        (
            lambda: atoms.decompose_neighbourhoods(samples.atom_positions(), 2, n_neighbours=4),
            "loading 1",
        ),
        (lambda: atoms.link_trajectories(samples.moving_atoms()), "Trajectories"),
    ],
)
def test_figures_say_what_they_show(made, words):
    figure = plot.signal(made(), title="Title")
    figure.draw_without_rendering()
    said = " ".join(text.get_text() for text in figure.findobj(match=is_text))
    assert words in said
    assert figure.get_suptitle() == "Title"


def test_cells_lie_over_the_image_they_are_of():
    image = samples.atom_image()
    figure = plot.signal(atoms.voronoi(samples.column_positions()), over=image)
    assert all(len(ax.images) == 1 for ax in figure.axes[:2])


@pytest.mark.parametrize("count", [0, 1])
def test_a_table_of_nothing_or_one_has_a_figure(count):
    rings = atoms.find_rings(samples.atom_positions()).isel(ring=slice(count))
    plot.signal(rings).draw_without_rendering()
    few = simulate.atom_positions("square").isel(atom=slice(count + 1))
    plot.signal(atoms.find_bonds(few)).draw_without_rendering()
    plot.signal(atoms.measure_bond_order(few)).draw_without_rendering()


def is_text(artist):
    return hasattr(artist, "get_text")
