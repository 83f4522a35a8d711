"""SPIP text exports made by the independent encoder."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import omniscopy as om
from omniscopy.io.errors import FormatError
from omniscopy.io.omicron_asc.reader import read
from omniscopy.testing.files.omicron_asc import write_asc
from omniscopy.testing.formats import bit_flips, check_damage

rng = np.random.default_rng(9)
IMAGE = rng.normal(size=(4, 6))
CUBE = rng.normal(size=(4, 6, 5))


def only(path, **options):
    (channel,) = read(path, **options).channels
    return channel


@given(st.lists(st.integers(1, 5), min_size=2, max_size=3))
def test_values_come_row_by_row_spectra_last(tmp_path_factory, shape):
    values = rng.normal(size=shape)
    channel = only(write_asc(tmp_path_factory.mktemp("asc") / "a.asc", values))
    expected = values[..., 0] if len(shape) == 3 and shape[2] == 1 else values
    np.testing.assert_allclose(channel.data, expected, rtol=1e-8)


def test_axes_are_lengths_and_the_ramp_with_both_ends(tmp_path):
    path = write_asc(tmp_path / "a.asc", CUBE)
    y, x, bias = only(path).axes
    assert (y.name, x.name, bias.name) == ("y", "x", "bias")
    np.testing.assert_allclose(x.coordinate(), np.arange(6))
    np.testing.assert_allclose(y.coordinate(), np.arange(4))
    np.testing.assert_allclose(bias.coordinate(), [-1, -0.5, 0, 0.5, 1])
    assert (x.units, bias.units) == ("nm", "V")
    assert om.validate(om.open(path)) == []


@pytest.mark.parametrize(
    ("ramp", "name", "units"),
    [
        (("0 Meter", "1e-9 Meter"), "z", "m"),
        (("1 Volt", "1 Volt"), "sample", None),
        (("much", "1 Volt"), "sample", None),
    ],
)
def test_the_ramp_may_be_of_other_things(tmp_path, ramp, name, units):
    axis = only(write_asc(tmp_path / "a.asc", CUBE, ramp=ramp)).axes[2]
    assert (axis.name, axis.units) == (name, units)


def test_units_say_the_quantity(tmp_path):
    spectra = only(write_asc(tmp_path / "a.asc", CUBE))
    image = only(write_asc(tmp_path / "a.asc", IMAGE, units="nm"))
    assert (spectra.quantity, spectra.units) == ("current", "nA")
    assert (image.quantity, image.units) == ("height", "nm")


def test_the_header_fills_the_common_metadata(tmp_path):
    measurement = read(write_asc(tmp_path / "a.asc", CUBE))
    assert measurement.metadata == {
        "technique": "STM",
        "comment": "Au(111)",
        "probe": {"bias": 0.5},
        "scan": {"rotation": 30.0},
        "feedback": {"setpoint": "1e-10 Ampere"},
    }
    tree = measurement.original_metadata
    assert json.loads(json.dumps(tree)) == tree
    assert tree["Regulator"] == {"Setpoint_1": "1e-10 Ampere", "Alternate": "false"}
    assert tree["x_offset"] == "12.5"


def test_a_cut_text_is_refused_and_read_as_far_as_it_goes(tmp_path):
    path = write_asc(tmp_path / "a.asc", CUBE)
    raw = path.read_bytes()
    start = raw.index(b"# Start of Data:\n") + 17
    for length in (*range(start, len(raw) - 2, 97), len(raw) - 3):
        path.write_bytes(raw[:length])
        with pytest.raises(FormatError, match=r"a\.asc.*need 120 whole numbers"):
            read(path)
        channel = only(path, partial=True)
        whole = raw[start:length].split()
        there = len(whole if raw[length - 1 : length].isspace() else whole[:-1])
        np.testing.assert_allclose(channel.data.ravel()[:there], CUBE.ravel()[:there], rtol=1e-8)
        assert np.isnan(channel.data.ravel()[there:]).all()
        assert channel.attrs["incomplete"]["missing_from"] == there // 30


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda raw: b"", "starts with"),
        (lambda raw: raw[:200], "no '# Start of Data:'"),
        (lambda raw: raw.replace(b"x-pixels = 6", b"x-pixels = -6"), "a number was expected"),
        (lambda raw: raw.replace(b"x-pixels = 6", b"x-pixels = 9999999"), "the text has 24"),
        (lambda raw: raw.replace(b"\t", b"x\t", 1), "other things than numbers"),
        (lambda raw: raw + b"5", "the text has 25"),
    ],
)
def test_damage_is_named(tmp_path, damage, message):
    path = write_asc(tmp_path / "a.asc", IMAGE)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(FormatError, match=message):
        read(path)


def test_random_damage_gives_data_or_a_clear_error(tmp_path):
    path = write_asc(tmp_path / "a.asc", CUBE)
    for damaged in bit_flips(path.read_bytes(), 100, np.random.default_rng(0)):
        check_damage(path, damaged, folder=tmp_path)
