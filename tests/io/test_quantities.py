"""Titles and units of channels as quantities and dimensions."""

import pytest

from omniscopy.io.quantities import (
    dimension_of,
    finite_number,
    known_units,
    quantity_of,
    split_heading,
    stated,
)


@pytest.mark.parametrize(
    ("title", "units", "quantity"),
    [
        ("HeightRetrace", "m", "height"),
        ("Topography [forward]", "nm", "height"),
        ("Height", "V", "voltage"),
        ("Phase (shift)", "deg", "phase"),
        ("Phase", "V", "voltage"),
        ("Amplitude", "nm", "amplitude"),
        ("DeflectionRetrace", "nm", "deflection"),
        ("Contact potential", "mV", "potential"),
        ("Something", "pA", "current"),
        ("Something", "counts", "intensity"),
        ("Something", None, None),
    ],
)
def test_title_and_units_together_say_the_quantity(title, units, quantity):
    assert quantity_of(title, units) == quantity


@pytest.mark.parametrize(
    ("units", "dimension"),
    [
        ("mV", "bias"),
        ("µs", "time"),
        ("kHz", "frequency"),
        ("eV", "energy"),
        ("1/cm", "wavenumber"),
        ("nm", "z"),
        (None, "z"),
    ],
)
def test_the_units_of_an_abscissa_say_its_dimension(units, dimension):
    assert dimension_of(units, "z") == dimension


def test_what_is_no_unit_is_unknown():
    assert known_units("um") == "µm"
    assert known_units("furlongs") is known_units("") is known_units(None) is None


def test_only_what_is_stated_is_kept():
    assert stated({"a": None, "b": {"c": "", "d": 0.0}, "e": {"f": None}}) == {"b": {"d": 0.0}}


@pytest.mark.parametrize(
    ("heading", "name", "units"),
    [
        ("Current (A)", "Current", "A"),
        ("Current [bwd] (A) [filt]", "Current [bwd] [filt]", "A"),
        ("Wavenumber cm-1", "Wavenumber", "1/cm"),
        ("Sweep (2) (V)", "Sweep (2)", "V"),
        ("Sweep (linear) (V)", "Sweep (linear)", "V"),
        ("Counter", "Counter", None),
        ("Ratio ()", "Ratio", None),
        ("", "", None),
        ("nm", "nm", None),
    ],
)
def test_a_heading_is_a_name_with_units(heading, name, units):
    assert split_heading(heading) == (name, units)


def test_only_finite_numbers_are_numbers():
    assert finite_number("1.5e-3") == 1.5e-3
    assert finite_number("nan") is finite_number("inf") is finite_number("x") is None
