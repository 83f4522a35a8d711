"""Arrows that point where the vectors point, and say how long they are."""

import matplotlib.quiver
import numpy as np
import pytest
import xarray as xr
from tests.plot import measurements as make

from omniscopy import plot
from omniscopy.model import DataError


def vectors(down, across, shape=(6, 8), units="pm"):
    sides = make.axis("y", shape[0], 2.0, "nm"), make.axis("x", shape[1], 2.0, "nm")
    return xr.Dataset(
        {
            name: make.labelled(np.ones(shape) * values, *sides, units=units)
            for name, values in (("shift_y", down), ("shift_x", across))
        }
    )


def arrows_of(figure):
    (found,) = figure.axes[0].findobj(matplotlib.quiver.Quiver)
    return found


def test_arrows_point_down_where_y_grows_downwards():
    figure = plot.vector_map(vectors(3.0, 4.0))
    figure.draw_without_rendering()
    ax, arrows = figure.axes[0], arrows_of(figure)
    # On the screen: to the right, and down.
    start, end = ax.transData.transform([(4.0, 4.0), (4.0 + arrows.U[0], 4.0 + arrows.V[0])])
    across, up = end - start
    assert across > 0 > up
    assert -up / across == pytest.approx(0.75, rel=1e-6)
    assert np.hypot(arrows.U[0], arrows.V[0]) == pytest.approx(1.1 * 2.0)


def test_lengths_are_below_the_arrows_and_one_arrow_says_how_long_they_are():
    figure = plot.vector_map(vectors(3.0, 4.0))
    figure.draw_without_rendering()
    ax = figure.axes[0]
    np.testing.assert_allclose(ax.images[0].get_array(), 5.0)
    assert ax.child_axes[0].get_ylabel() == "Shift (pm)"
    (key,) = ax.findobj(matplotlib.quiver.QuiverKey)
    assert key.text.get_text() == "shift 5 pm"
    shown = key.U / 2.0
    assert shown == pytest.approx(1.1)


def test_each_arrow_is_the_mean_of_the_vectors_around_it():
    across = np.arange(48.0).reshape(6, 8)
    across[0, 0] = np.nan
    figure = plot.vector_map(vectors(0.0, across), arrows=4)
    arrows = arrows_of(figure)
    assert arrows.U.size == 12
    means = arrows.U / arrows.U[-1]
    assert means[0] == pytest.approx(np.mean([1, 8, 9]) / np.mean([38, 39, 46, 47]))
    assert (arrows.X[0], arrows.Y[0]) == (1.0, 1.0)
    assert "means over 2 × 2 pixels" in figure.get_supxlabel()


def test_arrows_lie_on_an_image_in_its_units():
    image = make.image(6, 8)
    shifts = vectors(1.0, 0.0)
    for dim in ("y", "x"):
        shifts = shifts.assign_coords({dim: (dim, shifts[dim].values * 1e-3, {"units": "µm"})})
    figure = plot.vector_map(shifts, over=image)
    figure.draw_without_rendering()
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), image)
    assert arrows_of(figure).X.max() == pytest.approx(14.0)


def test_components_in_other_prefixes_are_brought_together():
    mixed = vectors(3.0, 4.0)
    mixed["shift_x"] = (mixed["shift_x"] * 1e-3).assign_attrs(units="nm")
    figure = plot.vector_map(mixed, ("shift_y", "shift_x"))
    np.testing.assert_allclose(figure.axes[0].images[0].get_array(), 5.0)


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_vectors_of_no_length_are_drawn_as_a_map(value):
    figure = plot.vector_map(vectors(value, value))
    figure.draw_without_rendering()
    lengths = np.ma.filled(figure.axes[0].images[0].get_array(), np.nan)
    np.testing.assert_array_equal(lengths, np.full_like(lengths, value))
    plot.vector_map(vectors(1.0, 0.0, shape=(1, 5)).isel(y=[0, 0])).draw_without_rendering()


@pytest.mark.parametrize(
    ("results", "options", "message"),
    [
        (make.fitted_maps(), {}, "found 0 among"),
        (vectors(1.0, 1.0), {"components": ("a", "shift_x")}, r"do not hold \['a'\]"),
        (vectors(1.0, 1.0).isel(y=0), {}, "must be maps of two dimensions"),
        (vectors(1.0, 1.0), {"arrows": 0}, "arrows must be at least 1"),
        (vectors(1.0, 1.0), {"over": make.spectrum()}, "over must be a real image"),
        (
            vectors(1.0, 1.0).assign(shift_y=vectors(1.0, 1.0, units="a.u.").shift_y), {},
            "must have the same units",
        ),
    ],
)  # fmt: skip
def test_what_are_no_vectors_is_refused(results, options, message):
    with pytest.raises(DataError, match=message):
        plot.vector_map(results, **options)
