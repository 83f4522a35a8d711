"""Surfaces in perspective: what is drawn, in which units, how much larger."""

import numpy as np
import pytest

from omniscopy import plot, samples, simulate
from omniscopy.model import DataError


def drawn(figure):
    return figure.axes[0], figure.axes[1]


def test_lengths_keep_their_ratio_and_heights_are_said_to_be_larger():
    image = simulate.patterned_surface((30, 60), extent=(500.0, 1000.0), height=2.0)
    figure = plot.surface(image, exaggeration=50.0)
    ax, bar = drawn(figure)
    sides = np.asarray(ax._box_aspect)
    extent = np.ptp(image["x"].values), np.ptp(image["y"].values), 50 * np.ptp(image.values)
    np.testing.assert_allclose(sides / sides[0], np.array(extent) / extent[0], rtol=1e-6)
    assert ax.get_xlabel() == "x (nm)"
    assert "Height" in bar.get_ylabel()
    assert "nm" in bar.get_ylabel()
    texts = [text.get_text() for text in figure.texts]
    assert any("50 times as large" in text for text in [*texts, figure.get_supxlabel()])


def test_row_0_is_at_the_far_side():
    ax, _ = drawn(plot.surface(samples.surface()))
    y = samples.surface()["y"].values
    assert ax.get_ylim() == (y[-1], y[0])


def test_other_values_fill_a_fifth_and_have_no_ratio():
    image = samples.surface().assign_attrs(units="V", quantity="voltage")
    figure = plot.surface(image)
    assert "times" not in figure.get_supxlabel()
    ax, _ = drawn(figure)
    assert ax._box_aspect[2] / max(ax._box_aspect[:2]) == pytest.approx(0.22)


def test_missing_points_are_holes_and_a_level_surface_is_drawn(tmp_path):
    image = samples.surface().copy()
    image[10:20, 10:20] = np.nan
    plot.surface(image).savefig(tmp_path / "holes.png")
    plot.surface(0.0 * samples.surface()).savefig(tmp_path / "level.png")
    assert (tmp_path / "level.png").stat().st_size > 5000


def test_large_and_lazy_images_are_averaged():
    image = simulate.random_surface((600, 520)).chunk(x=100)
    figure = plot.surface(image)
    assert "averaged" in figure.get_supxlabel()


@pytest.mark.parametrize(
    ("data", "options", "match"),
    [
        (samples.surface().expand_dims(frame=2), {}, "a surface is one image"),
        (samples.surface(), {"exaggeration": 0.0}, "exaggeration must be above 0"),
        (np.nan * samples.surface(), {}, "no finite value"),
    ],
)
def test_says_what_is_wrong(data, options, match):
    with pytest.raises(DataError, match=match):
        plot.surface(data, **options)
