"""Titles and units of channels as quantities and dimensions."""

import pytest

from omniscopy.io.quantities import dimension_of, known_units, quantity_of, stated


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
