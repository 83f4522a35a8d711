"""Lines in the colours of what they belong to, and bands about a few."""

import matplotlib
import numpy as np
import pytest
from matplotlib.collections import LineCollection, PolyCollection
from tests.plot import measurements as make

from omniscopy import plot
from omniscopy.model import DataError


def family(count=9, **attrs):
    """Return lines of slope 1, 2 ... over temperatures of 300, 310 ... K."""
    values = np.arange(1.0, count + 1)[:, None] * np.arange(50)
    said = {"long_name": "Sweep", "quantity": "current", "units": "nA"} | attrs
    return make.labelled(
        values, make.axis("temperature", count, 10.0, "K", 300.0),
        make.axis("bias", 50, 0.1, "V"), **said,
    )  # fmt: skip


def lines_of(ax):
    (lines,) = (each for each in ax.collections if isinstance(each, LineCollection))
    return lines


def test_each_line_has_the_colour_of_its_parameter():
    figure = plot.line_family(family())
    figure.draw_without_rendering()
    ax = figure.axes[0]
    lines = lines_of(ax)
    np.testing.assert_allclose(lines.get_segments()[3][:, 1], 4 * np.arange(50))
    np.testing.assert_allclose(lines.get_segments()[3][:, 0], 0.1 * np.arange(50))
    wanted = matplotlib.colormaps["viridis"](np.linspace(0, 1, 9))
    np.testing.assert_allclose(lines.get_colors(), wanted)
    (bar,) = ax.child_axes
    assert bar.get_ylabel() == "Temperature (K)"
    assert bar.get_ylim() == (300, 380)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Bias (V)", "Current (nA)")


def test_lines_apart_are_lifted_by_a_part_of_the_largest_span():
    figure = plot.line_family(family(), apart=0.5)
    segments = lines_of(figure.axes[0]).get_segments()
    assert [line[0, 1] for line in segments[:3]] == pytest.approx([0, 220.5, 441])
    assert figure.get_supxlabel() == "each line 220.5 nA from the one before"


def test_of_many_lines_some_are_taken_with_their_own_colours():
    figure = plot.line_family(family(101), lines=3)
    segments = lines_of(figure.axes[0]).get_segments()
    assert [line[1, 1] for line in segments] == pytest.approx([1e-3, 51e-3, 101e-3])  # µA
    colours = lines_of(figure.axes[0]).get_colors()
    np.testing.assert_allclose(colours, matplotlib.colormaps["viridis"]([0.0, 0.5, 1.0]))
    assert "3 of 101 lines" in figure.get_supxlabel()


def test_the_other_dimension_can_be_that_of_the_lines():
    figure = plot.line_family(family().chunk(), dim="temperature")
    assert len(lines_of(figure.axes[0]).get_segments()) == 50
    assert figure.axes[0].get_xlabel() == "Temperature (K)"


def test_complex_lines_are_magnitude_and_phase():
    figure = plot.line_family(family() * np.exp(0.5j))
    above, under = figure.axes
    np.testing.assert_allclose(lines_of(above).get_segments()[8][:, 1], 9 * np.arange(50))
    np.testing.assert_allclose(lines_of(under).get_segments()[8][1:, 1], 0.5)


def test_names_are_on_the_colour_bar():
    named = family(3).assign_coords(temperature=["cold", "warm", "hot"])
    (bar,) = plot.line_family(named).axes[0].child_axes
    assert [text.get_text() for text in bar.get_yticklabels()] == ["cold", "warm", "hot"]


def test_lines_of_nothing_but_nan_leave_the_others():
    data = family()
    data[2] = np.nan
    figure = plot.line_family(data, apart=0.1)
    figure.draw_without_rendering()
    assert np.isfinite(figure.axes[0].get_ylim()).all()


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (make.stack(4), {}, "take a part, or the mean over others"),
        (make.spectrum(), {}, "numbers along two dimensions"),
        (family(), {"dim": "time"}, "dim must be one of"),
        (family(), {"lines": 0}, "lines at least 1"),
        (family(), {"apart": float("inf")}, "apart must be a number"),
    ],
)
def test_what_is_no_family_is_refused(data, options, message):
    with pytest.raises(DataError, match=message):
        plot.line_family(data, **options)


def test_a_few_curves_have_a_band_each_in_their_colour():
    data = family(3)
    figure = plot.signal(data, std=abs(data) * 0.1)
    figure.draw_without_rendering()
    ax = figure.axes[0]
    bands = [each for each in ax.collections if isinstance(each, PolyCollection)]
    assert len(bands) == 3
    for number, (band, line) in enumerate(zip(bands, ax.lines, strict=True), start=1):
        assert band.get_paths()[0].vertices[:, 1].max() == pytest.approx(1.1 * 49 * number)
        assert matplotlib.colors.to_hex(band.get_facecolor()[0]) == line.get_color()
    said = [text.get_text() for text in ax.get_legend().get_texts()]
    assert said.count("± 1 standard deviation") == 1
