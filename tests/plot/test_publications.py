"""Figures of the width of a column, with letters that a journal takes."""

import matplotlib
import pytest
import xarray as xr
from matplotlib.text import Text
from tests.plot import measurements as make

from omniscopy import plot
from omniscopy.model import DataError


def letters(figure):
    """Return the sizes of all that is written on a figure."""
    figure.draw_without_rendering()
    return [text.get_fontsize() for text in figure.findobj(Text) if text.get_text().strip()]


@pytest.mark.parametrize(
    ("journal", "columns", "width"),
    [("nature", 1, 89), ("nature", 2, 183), ("aps", 1, 86), ("science", 3, 184), ("acs", 2, 177.8)],
)
def test_a_figure_is_as_wide_as_the_columns_of_a_journal(journal, columns, width):
    with plot.publication(journal, columns=columns):
        for data in (make.spectrum(), make.image(), make.stack(6), make.fitted_maps()):
            assert plot.signal(data).get_figwidth() * 25.4 == pytest.approx(width)


def test_letters_are_small_but_can_be_read():
    with plot.publication("nature"):
        figure = plot.signal(make.image())
    (ax,) = (ax for ax in figure.axes if ax.images)
    sizes = letters(figure)
    assert ax.xaxis.label.get_fontsize() == pytest.approx(7.0)
    assert min(sizes) >= 5.0
    assert max(sizes) <= 8.0


def test_a_width_and_a_size_of_ones_own_are_kept():
    with plot.publication(width=120.0, font_size=9.0):
        figure = plot.signal(make.spectrum())
    assert figure.get_figwidth() * 25.4 == pytest.approx(120)
    assert figure.axes[0].xaxis.label.get_fontsize() == pytest.approx(9.0)


def test_nothing_is_clipped_in_a_narrow_column():
    with plot.publication("nature"):
        for data in (make.image(), make.spectral_image(), make.scan_4d(), make.spectrum()):
            figure = plot.signal(data, title="")
            figure.draw_without_rendering()
            box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
            assert box.x0 >= 0
            assert box.y0 >= 0
            assert box.x1 <= width
            assert box.y1 <= height


def test_figures_afterwards_are_as_before():
    before, params = plot.signal(make.spectrum()), matplotlib.rcParams.copy()
    with pytest.raises(DataError), plot.publication("nature"):
        plot.signal(xr.Dataset())
    after = plot.signal(make.spectrum())
    assert tuple(after.get_size_inches()) == tuple(before.get_size_inches())
    assert letters(after) == letters(before)
    assert {**matplotlib.rcParams, "backend": None} == {**params, "backend": None}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"journal": "herald"}, "journal must be one of"),
        ({}, "give a journal"),
        ({"journal": "nature", "columns": 4}, r"columns of 'nature' must be one of \[1, 1.5, 2\]"),
        ({"width": -3.0}, "width must be above 0"),
        ({"journal": "aps", "font_size": float("nan")}, "font_size must be above 0"),
    ],
)
def test_what_no_journal_has_is_refused(options, message):
    with pytest.raises(DataError, match=message), plot.publication(**options):
        pass
