"""Nanosurf files made by the independent encoder, and a real one."""

import hashlib
import json
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import omniscopy as om
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.nanosurf.reader import read
from omniscopy.testing.files.nanosurf import NidChannel, write_nid
from omniscopy.testing.formats import bit_flips, check_damage

rng = np.random.default_rng(2)
COUNTS = rng.integers(-(2**31), 2**31, (4, 6)).astype(np.int32)


def load(data):
    return np.asarray(data[(slice(None),) * len(data.shape)])


def only(path, **options):
    (channel,) = read(path, **options).channels
    return channel


def physical(counts, least=-5e-6, extent=1e-5):
    bits = 8 * counts.dtype.itemsize
    return (counts.astype(float) + 2.0 ** (bits - 1)) / 2.0**bits * extent + least


@given(
    st.sampled_from(["i1", "i2", "i4"]), st.sampled_from(["Intel", "Motorola"]),
    st.integers(2, 6), st.integers(1, 6),
)  # fmt: skip
def test_images_come_in_physical_units_from_the_top(tmp_path_factory, dtype, order, rows, columns):
    limits = np.iinfo(dtype)
    counts = rng.integers(limits.min, limits.max, (rows, columns)).astype(dtype)
    path = tmp_path_factory.mktemp("nid") / "a.nid"
    channel = only(write_nid(path, [NidChannel(counts, entries={"SaveOrder": order})]))
    np.testing.assert_allclose(load(channel.data), physical(counts), rtol=1e-9, atol=1e-18)
    assert (channel.quantity, channel.units) == ("height", "m")


def test_integers_without_a_sign_count_from_the_least_value(tmp_path):
    counts = rng.integers(0, 2**16, (4, 6)).astype(np.uint16)
    path = write_nid(tmp_path / "a.nid", [NidChannel(counts, entries={"SaveSign": "Unsigned"})])
    np.testing.assert_allclose(load(only(path).data), counts / 2**16 * 1e-5 - 5e-6, atol=1e-18)


def test_rows_are_stored_from_the_bottom(tmp_path):
    path = write_nid(tmp_path / "a.nid", [NidChannel(COUNTS)])
    raw = path.read_bytes()
    first = np.frombuffer(raw, "<i4", 6, raw.index(b"#!") + 2)
    np.testing.assert_allclose(load(only(path).data)[-1], physical(first))


def test_every_channel_of_every_frame_is_read(tmp_path):
    channels = [
        NidChannel(COUNTS),
        NidChannel(COUNTS // 2, name="Deflection", z=(-1e-7, 2e-7, "N")),
        NidChannel(COUNTS // 3, frame="Scan backward"),
        NidChannel(COUNTS // 5, frame="2nd scan forward", name="Phase", z=(-180, 360, "°")),
    ]
    measurement = read(write_nid(tmp_path / "a.nid", channels))
    assert [(c.title, c.units) for c in measurement.channels] == [
        ("Z-Axis Scan forward", "m"),
        ("Deflection Scan forward", "N"),
        ("Z-Axis Scan backward", "m"),
        ("Phase 2nd scan forward", "deg"),
    ]
    for made, found in zip(channels, measurement.channels, strict=True):
        np.testing.assert_allclose(load(found.data), physical(made.counts, *made.z[:2]), atol=1e-15)
    assert measurement.channels[2].metadata == {"scan": {"direction": "backward"}}


def test_places_start_in_the_corner_or_are_those_of_the_scanner(tmp_path):
    y, x = only(write_nid(tmp_path / "a.nid", [NidChannel(COUNTS)])).axes
    assert (y.name, x.name, y.units, x.units) == ("y", "x", "m", "m")
    np.testing.assert_allclose(x.coordinate(), np.arange(6) * 2e-5 / 6)
    np.testing.assert_allclose(y.coordinate(), np.arange(4) * 1e-5 / 4)
    made = NidChannel(COUNTS, x=(3.0, 6.0, "µm"), y=(1.0, 8.0, "µm"))
    y, x = only(write_nid(tmp_path / "a.nid", [made], encoding="latin-1")).axes
    np.testing.assert_allclose(x.coordinate(), 3 + np.arange(6))
    np.testing.assert_allclose(y.coordinate(), [7, 5, 3, 1])
    assert x.units == "µm"


def test_curves_end_where_they_were_stopped(tmp_path):
    made = NidChannel(
        COUNTS, frame="Spec forward", name="Deflection", x=(-1e-6, 3e-6, "m"), points=(6, 3, 6, 0)
    )
    path = write_nid(tmp_path / "a.nid", [made])
    channel = only(path)
    expected = physical(COUNTS)
    expected[1, 3:] = expected[3] = np.nan
    np.testing.assert_allclose(load(channel.data), expected)
    assert [axis.name for axis in channel.axes] == ["point", "z"]
    np.testing.assert_allclose(channel.axes[1].coordinate(), -1e-6 + 0.5e-6 * np.arange(6))
    assert om.validate(om.open(path)) == []


def test_one_curve_has_no_other_dimension(tmp_path):
    made = NidChannel(COUNTS[:1], frame="Frequency sweep", x=(1e4, 6e4, "Hz"))
    channel = only(write_nid(tmp_path / "a.nid", [made]))
    assert [axis.name for axis in channel.axes] == ["frequency"]
    np.testing.assert_allclose(load(channel.data), physical(COUNTS[0]))


def test_the_header_fills_the_common_metadata(tmp_path):
    measurement = read(write_nid(tmp_path / "a.nid", [NidChannel(COUNTS)]))
    assert measurement.metadata == {
        "technique": "AFM",
        "started": "2022-11-03T11:46:25",
        "instrument": {"vendor": "Nanosurf", "model": "DriveAFM", "software": "3.10.2.19"},
        "scan": {"dwell_time": 0.002, "rotation": 30.0},
        "probe": {"spring_constant": 2.5, "bias": -1.5},
        "feedback": {"setpoint": "10nN", "mode": "Static Force"},
    }
    tree = measurement.original_metadata
    assert json.loads(json.dumps(tree)) == tree
    assert tree["DataSet"]["Calibration"]["Cantilever"]["Name"] == "Multi75Al-G"


def test_odd_entries_are_skipped(tmp_path):
    info = {"Time/Line": "soon", "Rotation": "5 N", "Date": "yesterday", "Op. mode": "STM"}
    metadata = read(write_nid(tmp_path / "a.nid", [NidChannel(COUNTS)], info=info)).metadata
    assert metadata["technique"] == "STM"
    assert "started" not in metadata
    assert "scan" not in metadata


def test_values_without_a_range_stay_counts(tmp_path):
    channel = only(write_nid(tmp_path / "a.nid", [NidChannel(COUNTS, z=(0, 0, "m"))]))
    np.testing.assert_array_equal(load(channel.data), COUNTS)
    assert channel.units is None


@pytest.mark.parametrize("frame", ["Scan forward", "Spec forward"])
def test_handles_read_parts_and_survive_pickling(tmp_path, frame):
    data = only(write_nid(tmp_path / "a.nid", [NidChannel(COUNTS, frame=frame)])).data
    whole = load(data)
    copy = pickle.loads(pickle.dumps(data))
    np.testing.assert_array_equal(copy[1:4:2, 2], whole[1:4:2, 2])
    assert copy[3, 5] == whole[3, 5]


@pytest.mark.parametrize("frame", ["Scan forward", "Spec forward"])
def test_a_cut_file_is_refused_and_read_as_far_as_it_goes(tmp_path, frame):
    made = [NidChannel(COUNTS, frame=frame), NidChannel(COUNTS, frame=frame)]
    path = write_nid(tmp_path / "a.nid", made)
    raw = path.read_bytes()
    start = raw.index(b"#!") + 2
    for length in range(start, len(raw), 5):
        path.write_bytes(raw[:length])
        with pytest.raises(FormatError, match=r"a\.nid.*2 channels need 192 bytes"):
            read(path)
        for i, channel in enumerate(read(path, partial=True).channels):
            rows = min(max((length - start - 96 * i) // 24, 0), 4)
            values, whole = load(channel.data), physical(COUNTS)
            turn = -1 if "Scan" in frame else 1
            np.testing.assert_allclose(values[::turn][:rows], whole[::turn][:rows])
            assert ("incomplete" in channel.attrs) == (rows < 4)
            assert np.isnan(values[::turn][rows:, -1]).all()


def test_an_empty_file_and_a_header_without_end_are_refused(tmp_path):
    path = write_nid(tmp_path / "a.nid", [NidChannel(COUNTS)])
    raw = path.read_bytes()
    for content, message in ((b"", "starts with"), (raw[:300], "does not end with '#!'")):
        path.write_bytes(content)
        with pytest.raises(FormatError, match=message):
            read(path, partial=True)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"Lines": "-3"}, "a number was expected, '-3'"),
        ({"Points": "999999999"}, "1 channels need"),
        ({"SaveBits": "24"}, "are not read"),
        ({"SaveSign": "Odd"}, "are not read"),
    ],
)
def test_headers_that_contradict_the_file_are_refused(tmp_path, entries, message):
    path = write_nid(tmp_path / "a.nid", [NidChannel(COUNTS, entries=entries)])
    with pytest.raises(FormatError, match=message) as caught:
        read(path)
    assert isinstance(caught.value, UnsupportedFormatError) == ("not read" in message)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"[DataSet-0:0]", b"[DataSet-9:9]", "has no section of this name"),
        (b"Gr0-Count=2", b"Gr0-Count=0", "lists no channel"),
    ],
)
def test_missing_sections_are_named(tmp_path, old, new, message):
    path = write_nid(tmp_path / "a.nid", [NidChannel(COUNTS)])
    path.write_bytes(path.read_bytes().replace(old, new))
    with pytest.raises(FormatError, match=message):
        read(path)


def test_random_damage_gives_data_or_a_clear_error(tmp_path):
    path = write_nid(tmp_path / "a.nid", [NidChannel(COUNTS), NidChannel(COUNTS, frame="Spec")])
    for damaged in bit_flips(path.read_bytes(), 100, np.random.default_rng(0)):
        check_damage(path, damaged, folder=tmp_path)


@pytest.mark.shared
def test_a_real_file_has_the_channels_of_the_reference(real_files):
    (entry,) = real_files("nanosurf_nid")
    channels = read(entry["path"]).channels
    assert len(channels) == entry["n_signals"] == 8
    for channel, signal in zip(channels, entry["signals"], strict=True):
        assert signal["title"].split("'")[5] in channel.title
        assert signal["title"].split("'")[3].lower() in channel.title
        # The reference keeps the rows as they are stored, from the bottom up.
        values = load(channel.data)[::-1]
        assert list(values.shape) == signal["shape"]
        assert values.dtype == signal["dtype"]
        for measure in ("min", "max", "mean", "std"):
            assert getattr(values, measure)() == pytest.approx(signal[measure], rel=1e-9)
        assert [values[0, 0], values[-1, -1]] == pytest.approx(signal["corners"], rel=1e-9)
        assert [axis.scale for axis in channel.axes] == pytest.approx([2e-5 / 256] * 2)
        assert {axis.units for axis in channel.axes} == {"m"}
    assert hashlib.sha256((entry["path"]).read_bytes()).hexdigest() == (entry["sha256"])


@pytest.mark.shared
def test_forward_and_backward_of_a_real_file_show_the_same_place(shared):
    found = read(shared / "data/vendor/nanosurf_nid/nid-1.nid").channels
    forward, backward = (load(c.data) for c in found if c.title.startswith("Z-Axis S"))
    assert np.corrcoef(forward.ravel(), backward.ravel())[0, 1] > 0.99
