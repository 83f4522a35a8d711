"""Spelling and conversion of units."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniscopy.model.errors import DataError
from omniscopy.model.units import (
    conversion_factor,
    is_unit,
    readable,
    reciprocal,
    spell,
    without_prefixes,
)


@pytest.mark.parametrize(
    ("written", "spelled"),
    [
        ("um", "µm"),
        ("μm", "µm"),
        ("µm", "µm"),
        ("Angstrom", "Å"),
        ("\u212b", "Å"),
        ("nm^-1", "1/nm"),
        ("nm-1", "1/nm"),
        ("1 / µm", "1/µm"),
        ("cm⁻¹", "1/cm"),
        ("°", "deg"),
        ("pm/V", "pm/V"),
        ("counts s^-1", "counts/s"),
        ("V/Hz^0.5", "V/Hz^0.5"),
        ("nm²", "nm^2"),
        (" nm ", "nm"),
        ("Angstroms", "Å"),
        ("nanometers", "nm"),
        ("Micrometre", "µm"),
        ("Microns", "µm"),
        ("1/nanometer", "1/nm"),
        ("milliradians", "mrad"),
        ("KeV", "keV"),
        ("ev", "eV"),
        ("Seconds", "s"),
        ("msec", "ms"),
        ("Milliseconds", "ms"),
        ("Amps", "A"),
        ("Kelvin", "K"),
        ("kilohertz", "kHz"),
        ("Cnt/sec", "counts/s"),
        ("Pixels", "px"),
        ("degrees/minute", "deg/min"),
    ],
)
def test_a_unit_is_spelled_one_way(written, spelled):
    assert spell(written) == spelled
    assert spell(spelled) == spelled


@pytest.mark.parametrize(
    "text", ["a.u.", "generic", "", "arb. unit", "uC/cm2x", "m/", "nm + m", "nanopixel", "Celsius"]
)
def test_text_that_is_no_unit_is_left_alone(text):
    assert spell(text) == text.strip()
    assert not is_unit(text)


@pytest.mark.parametrize(
    ("units", "target", "factor"),
    [
        ("µm", "nm", 1000.0),
        ("nm", "Å", 10.0),
        ("keV", "eV", 1000.0),
        ("1/nm", "1/Å", 0.1),
        ("mrad", "deg", 0.18 / math.pi),
        ("deg", "rad", math.pi / 180),
        ("J", "eV", 1 / 1.602176634e-19),
        ("pm/V", "m/V", 1e-12),
        ("Hz", "1/s", 1.0),
        ("N/m", "kg/s^2", 1.0),
        ("min", "s", 60.0),
        ("%", "1", 0.01),
    ],
)
def test_conversion_factors_are_those_of_the_si(units, target, factor):
    assert conversion_factor(units, target) == pytest.approx(factor, rel=1e-14)


def test_prefixes_convert_without_rounding():
    assert conversion_factor("µm", "nm") == 1000.0
    assert conversion_factor("nm", "m") == 1e-9
    assert conversion_factor("1/µm", "1/nm") == 0.001


def test_units_of_different_things_do_not_convert():
    with pytest.raises(DataError, match="measure different things"):
        conversion_factor("nm", "eV")
    with pytest.raises(DataError, match="'furlong' is unknown"):
        conversion_factor("furlong", "m")


@given(st.floats(1e-14, 1e14), st.sampled_from(["m", "nm", "V", "s", "eV", "Hz"]))
def test_a_readable_value_is_the_same_quantity_between_1_and_1000(value, units):
    shown, prefixed = readable(value, units)
    assert shown * conversion_factor(prefixed, units) == pytest.approx(value, rel=1e-12)
    assert 0.999 <= shown < 1001


def test_units_without_a_prefix_stay_readable_as_they_are():
    assert readable(5e6, "counts") == (5e6, "counts")
    assert readable(1e-3, "deg") == (1e-3, "deg")
    assert readable(0.0, "nm") == (0.0, "nm")


def test_the_reciprocal_of_a_reciprocal_is_the_unit():
    assert reciprocal("nm") == "1/nm"
    assert reciprocal("1/nm") == "nm"
    assert reciprocal("s") == "1/s"
    assert reciprocal(None) is None


@pytest.mark.parametrize(
    ("units", "factor", "plain"),
    [
        ("nm", 1e-9, "m"),
        ("mV/Å", 1e7, "V/m"),
        ("1/nm", 1e9, "1/m"),
        ("keV", 1e3, "eV"),
        ("µm^2", 1e-12, "m^2"),
        ("deg", 1.0, "deg"),
        ("counts", 1.0, "counts"),
        ("1", 1.0, "1"),
    ],
)
def test_units_lose_their_prefixes_and_say_the_factor(units, factor, plain):
    assert without_prefixes(units) == (pytest.approx(factor, rel=1e-14), plain)
