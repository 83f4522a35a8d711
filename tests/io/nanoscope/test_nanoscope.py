"""Nanoscope files made by the independent encoder: values, places, units, words."""

import json
import pickle
import re
import tomllib
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import omniscopy as om
from omniscopy.io.nanoscope.reader import read
from omniscopy.testing.files.nanoscope import NanoscopeForce, NanoscopeImage, write_nanoscope


def load(data):
    return data[(slice(None),) * len(data.shape)]


def random_counts(*shape, dtype="i2", seed=0):
    limits = np.iinfo(dtype)
    return np.random.default_rng(seed).integers(limits.min, limits.max, shape, dtype=dtype)


def only(path, **options):
    (channel,) = read(path, **options).channels
    return channel


@pytest.mark.parametrize(("dtype", "bits"), [("i2", 16), ("i4", 32)])
def test_counts_become_heights(tmp_path, dtype, bits):
    counts = random_counts(5, 7, dtype=dtype)
    channel = only(write_nanoscope(tmp_path / "a.spm", [NanoscopeImage(counts=counts)]))
    expected = counts * (24.576 / 2**bits) * 363.9249
    np.testing.assert_allclose(load(channel.data), expected, rtol=1e-12)
    assert channel.data.dtype == np.float64
    assert (channel.title, channel.quantity, channel.units) == ("Height Sensor", "height", "nm")
    assert (channel.modality, channel.source) == ("AFM", "Bruker Nanoscope")


def test_files_of_the_electrochemical_controller_are_read(tmp_path):
    counts = random_counts(5, 7)
    path = write_nanoscope(tmp_path / "a.003", [NanoscopeImage(counts=counts)])
    raw = path.read_bytes().replace(b"\\*File list\r\n", b"\\*EC File list\r\n", 1)
    path.write_bytes(raw[:8192].rstrip(b"\0").ljust(8192, b"\0") + raw[8195:])
    measurement = om.open(path)
    (data,) = om.signals(measurement).values()
    np.testing.assert_allclose(data, counts * (24.576 / 2**16) * 363.9249, rtol=1e-12)


@pytest.mark.parametrize(("first", "count"), [(0, 2), (3, 2), (1, 3)])
def test_lines_that_are_not_valid_are_nan(tmp_path, first, count):
    counts = random_counts(5, 7)
    section = {"Valid data start Y": first, "Valid data len Y": count}
    image = NanoscopeImage(counts=counts, section=section)
    channel = only(write_nanoscope(tmp_path / "a.spm", [image]))
    expected = counts[::-1] * (24.576 / 2**16) * 363.9249
    expected[:first] = expected[first + count :] = np.nan
    np.testing.assert_allclose(load(channel.data)[::-1], expected, rtol=1e-12)
    np.testing.assert_allclose(channel.data[2, 1:4], expected[2, 1:4], rtol=1e-12)
    assert channel.attrs["incomplete"]["reason"] == f"{count} of 5 lines are valid"


def test_the_stored_rows_run_upwards(tmp_path):
    counts = np.zeros((3, 2), "i2")
    counts[0, 1] = 5
    path = write_nanoscope(tmp_path / "a.spm", [NanoscopeImage(counts=counts)])
    stored = np.frombuffer(path.read_bytes()[8192:], "<i2").reshape(3, 2)
    assert stored[2, 1] == 5
    assert np.argmax(load(only(path).data)) == 1


@pytest.mark.parametrize(
    ("z_scale", "factor", "units"),
    [
        # An image that the software levelled has a range of its own: it counts, not the step.
        ("V [Sens. ZsensSens] (0.0003750000 V/LSB) 1.500000 V", 1.5 * 363.9249, "nm"),
        ("V [Sens. Amplitude Error] (0.03051758 mV/LSB) 1999.969 mV", 1.999969 * 62, "nm"),
        ("V [Sens. Phase] (0.005493164 º/LSB) 359.9945 º", 359.9945, "deg"),
        ("V (0.0003051758 V/LSB) 20.00000 V", 20, "V"),
        ("V [Sens. ForceSens] (0.06250000 Arb/LSB) 256.0000 Arb", 256 * 0.006, "V"),
        ("V [Sens. LogSens] (0.0625 log(Arb)/LSB) 256.0000 log(Arb)", 256 * 2, None),
        ("V [Sens. Odd] (0.0625 V/LSB) 2.0 V", 2 * 3, None),
        ("C [2:Other] 1.0", 4 * 363.9249, "nm"),
    ],
)
def test_the_scale_is_that_of_the_header(tmp_path, z_scale, factor, units):
    counts = random_counts(4, 4)
    section = {"@2:Other": "V [Sens. ZsensSens] (0.1 V/LSB) 4.0 V"}
    path = write_nanoscope(
        tmp_path / "a.spm",
        [NanoscopeImage(counts=counts, z_scale=z_scale, section=section)],
        sections={
            "Ciao scan list": {
                "@Sens. ForceSens": "V 0.006000000 V/Arb",
                "@Sens. LogSens": "V 2.000000 log(Pa)/log(Arb)",
                "@Sens. Odd": "V 3.0 nN/A",
            }
        },
    )
    channel = only(path)
    np.testing.assert_allclose(load(channel.data), counts * (factor / 65536), rtol=1e-12)
    assert channel.units == units


def test_a_missing_sensitivity_leaves_volts_and_says_so(tmp_path):
    z_scale = "V [Sens. Nowhere] (0.000375 V/LSB) 24.576 V"
    counts = random_counts(3, 3)
    path = write_nanoscope(tmp_path / "a.spm", [NanoscopeImage(counts=counts, z_scale=z_scale)])
    channel = only(path)
    assert channel.units == "V"
    assert channel.attrs["missing_sensitivity"] == "Sens. Nowhere"
    np.testing.assert_allclose(load(channel.data), counts * 24.576 / 65536)


def test_without_a_scale_counts_stay_counts(tmp_path):
    image = NanoscopeImage(counts=random_counts(3, 3), section={"@2:Z scale": "nonsense"})
    channel = only(write_nanoscope(tmp_path / "a.spm", [image]))
    assert channel.units is None
    assert channel.data.dtype == np.int16
    np.testing.assert_array_equal(load(channel.data), image.counts)


def test_late_versions_have_four_bytes_whatever_they_say(tmp_path):
    image = NanoscopeImage(counts=random_counts(3, 4, dtype="i4"), section={"Bytes/pixel": 2})
    channel = only(write_nanoscope(tmp_path / "a.spm", [image], version="0x09400000"))
    expected = image.counts * (24.576 / 2**32) * 363.9249
    np.testing.assert_allclose(load(channel.data), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("scan_size", "aspect", "expected"),
    [
        ("10 10 ~m", "1:1", (10, 10, "µm")),
        ("10 5 ~m", "2:1", (5, 10, "µm")),
        ("10 10 ~m", "2:1", (5, 10, "µm")),
        ("500 nm", "1:1", (500, 500, "nm")),
        ("500 nm", "4:1", (125, 500, "nm")),
        ("", "2:1", (5000, 10000, "nm")),
    ],
)
def test_pixels_are_the_length_over_their_number(tmp_path, scan_size, aspect, expected):
    height, width, units = expected
    image = NanoscopeImage(counts=random_counts(5, 8), scan_size=scan_size, aspect=aspect)
    y, x = only(write_nanoscope(tmp_path / "a.spm", [image])).axes
    assert (y.name, x.name) == ("y", "x")
    np.testing.assert_allclose(y.coordinate(), height / 5 * np.arange(5))
    np.testing.assert_allclose(x.coordinate(), width / 8 * np.arange(8))
    assert y.units == x.units == units


def test_without_any_size_pixels_are_counted(tmp_path):
    image = NanoscopeImage(counts=random_counts(2, 3), scan_size="0 furlong")
    path = write_nanoscope(
        tmp_path / "a.spm", [image], sections={"Ciao scan list": {"Scan Size": None}}
    )
    y, x = only(path).axes
    assert y.units is x.units is None
    np.testing.assert_array_equal(x.coordinate(), [0, 1, 2])


@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 4), st.sampled_from(["i2", "i4"]))
def test_every_image_of_a_file_is_there(tmp_path_factory, rows, columns, number, dtype):
    images = [
        NanoscopeImage(counts=random_counts(rows, columns, dtype=dtype, seed=i), z_scale="none")
        for i in range(number)
    ]
    path = write_nanoscope(tmp_path_factory.mktemp("di") / "a.003", images)
    channels = read(path).channels
    assert len(channels) == number
    for channel, image in zip(channels, images, strict=True):
        np.testing.assert_array_equal(load(channel.data), image.counts)


def test_the_line_direction_is_kept_and_the_title_is_the_users(tmp_path):
    images = [
        NanoscopeImage(counts=random_counts(2, 2), direction=direction)
        for direction in ("Trace", "Retrace")
    ]
    first, second = read(write_nanoscope(tmp_path / "a.spm", images)).channels
    assert first.title == second.title == "Height Sensor"
    assert first.metadata["scan"]["direction"] == "trace"
    assert second.metadata["scan"]["direction"] == "retrace"


def test_a_channel_without_a_users_name_has_the_programs(tmp_path):
    image = NanoscopeImage(
        counts=random_counts(2, 2), section={"@2:Image Data": "S [AmplitudeError] "}
    )
    assert only(write_nanoscope(tmp_path / "a.spm", [image])).title == "AmplitudeError"


def test_the_header_fills_the_common_metadata(tmp_path):
    path = write_nanoscope(
        tmp_path / "a.spm",
        [NanoscopeImage(counts=random_counts(2, 2))],
        sections={"Ciao scan list": {"Rotate Ang.": 1.5708}},
    )
    metadata = read(path).metadata
    assert metadata == {
        "technique": "AFM",
        "started": "2017-08-03T15:52:08",
        "instrument": {
            "vendor": "Bruker",
            "model": "Dimension Icon",
            "software": "Nanoscope 0x05120000",
        },
        "scan": {"line_rate": 0.746607, "rotation": 90.0},
        "probe": {
            "sensitivity": pytest.approx(62e-9),
            "drive_amplitude": pytest.approx(1.309204),
            "drive_frequency": pytest.approx(157660),
            "bias": 1.5,
        },
        "feedback": {"mode": "Tapping", "setpoint": "246.8933 mV"},
    }


@pytest.mark.parametrize(
    ("date", "started"),
    [
        ("12:00:01 AM Mon Jan 01 2024", "2024-01-01T00:00:01"),
        ("12:30:00 PM Mon Jan 01 2024", "2024-01-01T12:30:00"),
        ("11:59:59 PM Mon Foo 01 2024", None),
        ("11:59:59 PM Mon Feb 31 2024", None),
        ("yesterday", None),
    ],
)
def test_dates_are_read_or_left_out(tmp_path, date, started):
    path = write_nanoscope(tmp_path / "a", [NanoscopeImage(counts=random_counts(2, 2))], date=date)
    assert read(path).metadata.get("started") == started


def test_odd_values_of_the_header_are_skipped(tmp_path):
    odd = {
        "Scan Rate": "fast",
        "Rotate Ang.": None,
        "@2:CantDrive": "V (x) y",
        "@2:CantFrequency": "V (0.1 V/LSB) 3.0 V",
        "@Sens. DeflSens": "V 1.000000",
        "@MicroscopeList": "S []",
    }
    path = write_nanoscope(
        tmp_path / "a",
        [NanoscopeImage(counts=random_counts(2, 2))],
        sections={"Ciao scan list": odd},
    )
    metadata = read(path).metadata
    assert "scan" not in metadata
    assert metadata["probe"] == {"bias": 1.5}
    assert "feedback" not in metadata


def test_the_header_is_kept_whole(tmp_path):
    images = [NanoscopeImage(counts=random_counts(2, 2), title=title) for title in ("A", "B")]
    sections = {"Equipment list": {"Description": "µ-scope º"}}
    tree = read(write_nanoscope(tmp_path / "a", images, sections=sections)).original_metadata
    assert json.loads(json.dumps(tree)) == tree
    assert tree["Equipment list"]["Description"] == "µ-scope º"
    assert [part["@2:Image Data"] for part in tree["Ciao image list"]] == [
        'S [ZSensor] "A"',
        'S [ZSensor] "B"',
    ]


def test_both_halves_of_a_force_curve_run_from_the_turning_point(tmp_path):
    extend, retract = random_counts(6), random_counts(4, seed=1)
    path = write_nanoscope(tmp_path / "a.spm", [NanoscopeForce(extend=extend, retract=retract)])
    measurement = read(path)
    first, second = measurement.channels
    assert [first.title, second.title] == ["Deflection Error extend", "Deflection Error retract"]
    for channel, counts in ((first, extend), (second, retract)):
        np.testing.assert_allclose(load(channel.data), counts * 0.000375 * 62, rtol=1e-12)
        (axis,) = channel.axes
        length = 20 * 26.2456
        assert (axis.name, axis.units, axis.role) == ("z", "nm", "signal")
        np.testing.assert_allclose(axis.coordinate(), length / len(counts) * np.arange(len(counts)))
        assert (channel.quantity, channel.units) == ("deflection", "nm")
    assert first.metadata["scan"]["direction"] == "extend"
    assert second.metadata["scan"]["direction"] == "retract"
    assert measurement.metadata["probe"]["spring_constant"] == 0.35


@pytest.mark.parametrize(
    ("ramp", "length", "units"),
    [
        ({"Ramp Size": "2500 nm"}, 2500, "nm"),
        ({"@4:Ramp size": "V [Sens. Zsens] (0.0067 V/LSB) 10.00000 V"}, 262.456, "nm"),
        ({"@4:Ramp size": "V (0.0067 nm/LSB) 30.0 nm"}, 30, "nm"),
        ({"@4:Ramp size": "V [Sens. None] (0.0067 V/LSB) 10.00000 V"}, 524.912, "nm"),
    ],
)
def test_the_ramp_is_as_long_as_the_header_says(tmp_path, ramp, length, units):
    counts = random_counts(10)
    force = NanoscopeForce(extend=counts, retract=counts, section=ramp)
    (axis,) = read(write_nanoscope(tmp_path / "a.spm", [force])).channels[0].axes
    assert (axis.scale * 10, axis.units) == (pytest.approx(length), units)


@pytest.mark.parametrize(
    "sections",
    [
        {"Ciao force list": {"@4:Ramp size Zsweep": None}},
        {"Ciao scan list": {"PeakForce Capture": "Allow"}},
    ],
)
def test_without_a_straight_ramp_points_are_samples(tmp_path, sections):
    counts = random_counts(5)
    force = NanoscopeForce(extend=counts, retract=counts)
    (axis,) = read(write_nanoscope(tmp_path / "a", [force], sections=sections)).channels[1].axes
    assert (axis.name, axis.units) == ("sample", None)


@pytest.mark.parametrize(("samples", "halves"), [("8", 2), ("16", 1)])
def test_one_number_of_points_holds_for_both_halves_or_is_all(tmp_path, samples, halves):
    counts = random_counts(8)
    force = NanoscopeForce(extend=counts, retract=counts, section={"Samps/line": samples})
    assert len(read(write_nanoscope(tmp_path / "a", [force])).channels) == halves


HOLD = {"Ciao force list": {"Hold Samples": 4, "Hold Time": 2.0}}


@pytest.mark.parametrize("shape", [(), (2, 3)])
def test_what_was_held_at_the_turning_point_is_along_time(tmp_path, shape):
    counts = np.arange(np.prod(shape, dtype=int) * 16, dtype="i2").reshape(*shape, 16)
    parts = {"extend": counts[..., :6], "retract": counts[..., 6:12], "pause": counts[..., 12:]}
    image = NanoscopeImage(counts=np.zeros((2, 3), "i2"))
    made = [image, NanoscopeForce(**parts)] if shape else [NanoscopeForce(**parts)]
    channels = read(write_nanoscope(tmp_path / "a.spm", made, sections=HOLD)).channels[-3:]
    assert [each.metadata["scan"]["direction"] for each in channels] == list(parts)
    for channel, stored in zip(channels, parts.values(), strict=True):
        np.testing.assert_allclose(load(channel.data), stored * 0.000375 * 62, rtol=1e-6)
    assert [each.axes[-1].name for each in channels] == ["z", "z", "time"]
    np.testing.assert_allclose(channels[-1].axes[-1].coordinate(), [0, 0.5, 1, 1.5])


@pytest.mark.parametrize("pause", [None, np.arange(4, dtype="i2")])
def test_an_extending_half_that_stopped_early_has_the_steps_of_the_other(tmp_path, pause):
    extend, retract = np.arange(5, dtype="i2"), np.arange(100, 108, dtype="i2")
    force = NanoscopeForce(extend=extend, retract=retract, pause=pause, gap=-32768)
    path = write_nanoscope(tmp_path / "a.spm", [force], sections=None if pause is None else HOLD)
    first, second, *held = read(path).channels
    np.testing.assert_allclose(load(first.data), extend * 0.000375 * 62, rtol=1e-6)
    np.testing.assert_allclose(load(second.data), retract * 0.000375 * 62, rtol=1e-6)
    assert first.axes[-1].scale == pytest.approx(second.axes[-1].scale)
    assert second.axes[-1].scale * 8 == pytest.approx(20 * 26.2456)
    assert len(held) == (pause is not None)


def test_a_wrong_number_of_points_of_a_sinusoidal_ramp_is_no_matter(tmp_path):
    counts = np.arange(8, dtype="i2")
    force = NanoscopeForce(extend=counts, retract=counts + 50, section={"Samps/line": "8 3"})
    sections = {"Ciao scan list": {"PeakForce Capture": "Allow"}}
    first, second = read(write_nanoscope(tmp_path / "a", [force], sections=sections)).channels
    np.testing.assert_allclose(load(first.data), counts * 0.000375 * 62, rtol=1e-6)
    np.testing.assert_allclose(load(second.data), (counts + 50) * 0.000375 * 62, rtol=1e-6)


def test_a_force_volume_is_a_map_of_curves(tmp_path):
    extend, retract = random_counts(3, 4, 5), random_counts(3, 4, 6, seed=1)
    image = NanoscopeImage(counts=random_counts(3, 4))
    force = NanoscopeForce(extend=extend, retract=retract)
    height, first, second = read(write_nanoscope(tmp_path / "a.spm", [image, force])).channels
    assert height.data.shape == (3, 4)
    for channel, counts in ((first, extend), (second, retract)):
        assert [axis.name for axis in channel.axes] == ["y", "x", "z"]
        assert channel.signal_type == "spectral_image"
        np.testing.assert_allclose(load(channel.data), counts * 0.000375 * 62, rtol=1e-12)
        np.testing.assert_allclose(channel.axes[0].coordinate(), 10 / 3 * np.arange(3))
        assert channel.axes[1].units == "µm"
    np.testing.assert_allclose(second.data[1, 2, 1:6:2], retract[1, 2, 1:6:2] * 0.000375 * 62)
    np.testing.assert_allclose(second.data[1, 2, -1], retract[1, 2, -1] * 0.000375 * 62)


def test_curves_that_fill_no_grid_are_points(tmp_path):
    extend = random_counts(1, 7, 5)
    force = NanoscopeForce(extend=extend, retract=extend)
    channel = read(write_nanoscope(tmp_path / "a.spm", [force])).channels[0]
    assert [axis.name for axis in channel.axes] == ["point", "z"]
    np.testing.assert_allclose(load(channel.data), extend[0] * 0.000375 * 62)


def test_the_form_of_a_volume_may_come_from_the_force_list(tmp_path):
    extend = random_counts(2, 3, 5)
    force = NanoscopeForce(extend=extend, retract=extend)
    sections = {"Ciao force list": {"force/line": 3, "Number of lines": 2}}
    channel = read(write_nanoscope(tmp_path / "a", [force], sections=sections)).channels[0]
    assert channel.data.shape == (2, 3, 5)
    np.testing.assert_allclose(load(channel.data), extend * 0.000375 * 62)


def test_handles_read_parts_and_survive_pickling(tmp_path):
    counts = random_counts(6, 8)
    image = NanoscopeImage(counts=counts, z_scale="none")
    force = NanoscopeForce(extend=counts, retract=counts, z_scale="none")
    path = write_nanoscope(tmp_path / "a.spm", [image])
    handle = pickle.loads(pickle.dumps(only(path).data))
    np.testing.assert_array_equal(handle[1:5:2, 3], counts[1:5:2, 3])
    force = NanoscopeForce(extend=counts[0], retract=counts[1], z_scale="none")
    second = read(write_nanoscope(tmp_path / "b.spm", [force])).channels[1].data
    handle = pickle.loads(pickle.dumps(second))
    np.testing.assert_array_equal(handle[2:7:3], counts[1, 2:7:3])
    assert handle[3] == counts[1, 3]


def test_one_pixel_costs_one_pixel(tmp_path, monkeypatch):
    path = write_nanoscope(tmp_path / "a.spm", [NanoscopeImage(counts=random_counts(64, 64))])
    made = []
    original = np.array

    def counting(*args, **options):
        result = original(*args, **options)
        made.append(result.nbytes)
        return result

    data = only(path).data
    monkeypatch.setattr("omniscopy.io.arrays.np.array", counting)
    data[3, 4]
    assert max(made) <= 8


def test_the_manifest_recognises_images_and_force_curves(tmp_path):
    text = files("omniscopy.io.nanoscope").joinpath("format.toml").read_text("utf-8")
    patterns = [re.compile(magic["text"]) for magic in tomllib.loads(text)["magic"]]
    counts = random_counts(4, 4)
    for channel in (
        NanoscopeImage(counts=counts),
        NanoscopeForce(extend=counts[0], retract=counts[0]),
    ):
        start = Path(write_nanoscope(tmp_path / "a", [channel])).read_bytes()[:4096]
        assert any(pattern.search(start.decode("latin-1")) for pattern in patterns)


@pytest.mark.parametrize(
    ("scale", "units", "factor"), [("438.65 nm", "nm", 438.65 / 2**16), ("438.65", None, 1.0)]
)
def test_images_of_before_4_3_have_a_plain_range(tmp_path, scale, units, factor):
    counts = np.arange(-10, 10, dtype=np.int16).reshape(4, 5) * 1000
    image = NanoscopeImage(counts=counts)
    path = write_nanoscope(tmp_path / "a.001", [image], version="0x03130000")
    plain = (
        ("*Ciao image list", "*AFM image list"),
        ("*Ciao scan list", "*AFM list"),
        ('@2:Image Data: S [ZSensor] "Height Sensor"', "Image data: Height"),
        (f"@2:Z scale: {image.z_scale}", f"Z scale: {scale}"),
        ("\\Bytes/pixel: 2\r\n", ""),
    )
    content = path.read_bytes()
    head, rest = content[:8192].decode("latin-1"), content[8192:]
    for old, new in plain:
        assert old in head
        head = head.replace(old, new)
    path.write_bytes(head.encode("latin-1").ljust(8192, b"\0")[:8192] + rest)
    (channel,) = read(path).channels
    assert (channel.title, channel.units) == ("Height", units)
    np.testing.assert_allclose(channel.data[:, :], counts * factor)
    assert [(axis.name, axis.units) for axis in channel.axes] == [("y", "µm"), ("x", "µm")]
