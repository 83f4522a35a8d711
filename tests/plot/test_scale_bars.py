"""Lengths of scale bars."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from omniscopy.model import DataError, conversion_factor
from omniscopy.plot import nice_length, scale_bar


@pytest.mark.parametrize(
    ("extent", "units", "length", "label"),
    [
        (2.56, "µm", 0.5, "500 nm"),
        (1.28e-6, "m", 2e-7, "200 nm"),
        (6.4, "nm", 1.0, "1 nm"),
        (2.5, "nm", 0.5, "0.5 nm"),
        (40.0, "Å", 10.0, "10 Å"),
        (3.2, "1/nm", 0.5, "0.5 nm⁻¹"),
        (3.2e10, "1/m", 5e9, "5 nm⁻¹"),
        (60.0, "mrad", 10.0, "10 mrad"),
        (512, None, 100.0, "100"),
        (-2.56, "µm", 0.5, "500 nm"),
    ],
)
def test_a_scale_bar_is_the_longest_1_2_5_length_in_a_quarter(extent, units, length, label):
    found, text = nice_length(extent, units)
    assert found == pytest.approx(length)
    assert text == label


@given(st.floats(1e-12, 1e6), st.floats(0.05, 1.0))
def test_a_nice_length_fills_between_two_fifths_and_all_of_its_part(extent, fraction):
    length, _ = nice_length(extent, "m", fraction=fraction)
    assert 0.4 * extent * fraction * (1 - 1e-9) <= length <= extent * fraction * (1 + 1e-9)


@given(st.floats(1e-11, 1e3))
def test_the_label_of_a_nice_length_says_its_length(extent):
    length, label = nice_length(extent, "m")
    number, units = label.split(" ")
    assert float(number) * conversion_factor(units, "m") == pytest.approx(length)
    assert float(number) in {m * 10.0**p for m in (1, 2, 5) for p in range(-30, 4)} or math.isclose(
        float(number) % 1, 0
    )


@pytest.mark.parametrize("extent", [0.0, math.nan, math.inf])
def test_an_extent_that_is_no_length_is_refused(extent):
    with pytest.raises(DataError, match="extent must be a positive number"):
        nice_length(extent, "nm")


def test_a_scale_bar_is_drawn_with_its_length_in_the_coordinates_of_the_axes():
    ax = Figure().subplots()
    ax.set_xlim(0, 128)
    ax.set_ylim(128, 0)
    assert scale_bar(ax, "nm") == "20 nm"
    (box,) = ax.artists
    bar = box.get_child().get_children()[1].get_children()[0]
    assert bar.get_width() == 20.0
