"""What is written on figures."""

import numpy as np
import pytest

from omniscopy.model import conversion_factor
from omniscopy.plot.labels import (
    drawable,
    in_words,
    number_with_units,
    prefix,
    pretty_units,
    readable_units,
    with_units,
)


@pytest.mark.parametrize(
    ("units", "printed"),
    [
        ("nm", "nm"), ("1/nm", "nm⁻¹"), ("1/nm^2", "nm⁻²"), ("m^3", "m³"), ("pm/V", "pm/V"),
        ("deg", "°"), ("counts/s", "counts/s"), ("a.u.", "a.u."), ("$x$", "$x$"), ("kOhm", "kOhm"),
    ],
)  # fmt: skip
def test_units_are_printed_as_in_a_paper(units, printed):
    assert pretty_units(units) == printed


@pytest.mark.parametrize("units", [None, "1", ""])
def test_unknown_units_have_no_brackets(units):
    assert with_units("intensity", units) == "Intensity"


def test_a_label_has_its_units_in_brackets():
    assert with_units("energy loss", "eV") == "Energy loss (eV)"


def test_a_short_name_is_not_capitalised():
    assert with_units("kx", "1/nm") == "kx (nm⁻¹)"


@pytest.mark.parametrize(
    ("largest", "units", "target"),
    [
        (3e-9, "m", "nm"), (3e5, "Hz", "kHz"), (50.0, "nm", "nm"), (2000.0, "eV", "eV"),
        (0.0, "m", "m"), (3e10, "1/m", "1/nm"), (5e-3, "furlong", "furlong"),
        (2e4, "counts", "counts"),
    ],
)  # fmt: skip
def test_a_prefix_is_chosen_only_where_numbers_are_huge_or_tiny(largest, units, target):
    factor, found = prefix(np.array([0.0, largest, np.nan]), units)
    assert found == target
    assert factor == pytest.approx(conversion_factor(units, target))


def test_tenths_of_a_nanometre_stay_nanometres():
    assert readable_units(0.5, "nm") == "nm"
    assert readable_units(0.05, "nm") == "pm"


def test_characters_that_the_font_lacks_are_boxes():
    assert drawable("Å µ 測\n定") == "Å µ □ □"


@pytest.mark.parametrize(
    ("value", "units", "text"),
    [
        (1.25e-8, "m", "12.5 nm"), (12_345.6, None, "12346"), (2e-12, "1", "2×10⁻¹²"),
        (45.0, "deg", "45°"),
    ],
)  # fmt: skip
def test_a_number_is_written_with_its_units(value, units, text):
    assert number_with_units(value, units) == text


def test_symbols_keep_their_letters():
    assert in_words("t_over_lambda") == "t/λ"
    assert with_units(in_words("t_over_lambda"), "1") == "t/λ"
    assert in_words("resonance_frequency") == "resonance frequency"
    assert with_units(in_words("resonance_frequency_std"), "Hz") == "Resonance frequency std (Hz)"


@pytest.mark.parametrize(
    ("value", "units", "printed"),
    [
        (5.2e-27, "m^3", "5.2 nm³"), (1e-12, "m^2", "1 µm²"), (2.5e-13, "m^2", "250000 nm²"),
        (3e-4, "nm^2", "300 pm²"), (12.0, "nm^2", "12 nm²"), (4e6, "m^2", "4 km²"),
    ],
)  # fmt: skip
def test_areas_and_volumes_have_a_prefix_that_is_raised_with_them(value, units, printed):
    assert number_with_units(value, units) == printed
