"""PicoView images made by the independent encoder."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.picoview.reader import read
from omniscopy.testing.files.surfaces import write_mi

rng = np.random.default_rng(1)
COUNTS = rng.integers(-30000, 30000, (3, 4))


def load(data):
    return np.asarray(data[(slice(None),) * len(data.shape)])


@given(st.sampled_from([("i2", 2**15), ("i4", 2**31)]))
def test_buffers_are_scaled_by_their_range_with_row_0_on_top(tmp_path_factory, kind):
    path = tmp_path_factory.mktemp("mi") / "a.mi"
    stored = COUNTS.astype(kind[0])
    buffers = [("Topography", stored, 2.9, "um"), ("Deflection", stored // 2, 10.0, "V")]
    topography, deflection = read(write_mi(path, buffers)).channels
    np.testing.assert_allclose(load(topography.data), COUNTS * 2.9 / kind[1], rtol=1e-15)
    np.testing.assert_allclose(load(deflection.data), (stored // 2) * 10.0 / kind[1], rtol=1e-15)
    assert (topography.quantity, topography.units) == ("height", "µm")
    assert (deflection.quantity, deflection.units) == ("deflection", "V")
    assert topography.title == "Topography Trace"
    assert topography.metadata == {"scan": {"direction": "trace"}}
    assert [axis.scale for axis in topography.axes] == pytest.approx([2e-8, 1e-8])
    assert {axis.units for axis in topography.axes} == {"m"}


def test_the_last_row_that_is_stored_is_the_top_one(tmp_path):
    path = write_mi(tmp_path / "a.mi", [("Topography", COUNTS.astype("i2"), 1.0, "um")])
    last = np.frombuffer(path.read_bytes()[-8:], "<i2")
    np.testing.assert_allclose(load(read(path).channels[0].data)[0], last / 2**15)


def test_a_scan_with_a_place_has_y_upwards(tmp_path):
    entries = {"xOffset": 1e-6, "yOffset": 2e-6, "comment": "hello"}
    path = write_mi(tmp_path / "a.mi", [("Friction", COUNTS.astype("i2"), 1, "V")], entries=entries)
    measurement = read(path)
    y, x = measurement.channels[0].axes
    assert (y.scale, y.offset) == pytest.approx((-2e-8, 2e-6 + 2 * 2e-8))
    assert x.offset == 1e-6
    assert measurement.metadata["comment"] == "hello"
    assert measurement.metadata["started"] == "2014-02-18T15:00:51"
    assert measurement.metadata["scan"]["line_rate"] == 2.0
    assert measurement.original_metadata["buffers"][0]["bufferLabel"] == "Friction"


def test_without_a_range_counts_stay_counts(tmp_path):
    path = write_mi(tmp_path / "a.mi", [("Aux", COUNTS.astype("i2"), float("nan"), "V")])
    (channel,) = read(path).channels
    np.testing.assert_array_equal(load(channel.data), COUNTS)
    assert channel.units is None


def test_a_file_that_is_cut_short_is_read_in_part(tmp_path):
    path = write_mi(tmp_path / "a.mi", [("Topography", COUNTS.astype("i2"), 1.0, "um")])
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(FormatError, match="needs 24 bytes"):
        read(path)
    (channel,) = read(path, partial=True).channels
    assert np.isnan(load(channel.data)).any(axis=1).tolist() == [True, True, False]
    assert "incomplete" in channel.attrs


@pytest.mark.parametrize(
    ("entries", "error", "message"),
    [
        ({"xPixels": "-4"}, FormatError, "a number of pixels was expected, '-4'"),
        ({"fileType": "Movie"}, UnsupportedFormatError, "type 'Movie'"),
    ],
)
def test_headers_of_other_things_are_refused(tmp_path, entries, error, message):
    path = write_mi(tmp_path / "a.mi", [("A", COUNTS.astype("i2"), 1.0, "V")], entries=entries)
    with pytest.raises(error, match=message):
        read(path)


@pytest.mark.parametrize("kind", ["ASCII", "ASCII_ABSOLUTE", "ASCII_MULTICOLUMN"])
def test_numbers_may_be_text(tmp_path, kind):
    stored = np.stack([COUNTS, COUNTS // 3])
    said = [("Height", 2.0, "um"), ("Friction", 5.0, "V")]
    buffers = [(name, counts.astype("i2"), extent, unit)
               for counts, (name, extent, unit) in zip(stored, said, strict=True)]  # fmt: skip
    path = write_mi(tmp_path / "a.mi", buffers)
    head = path.read_bytes().partition(b"data          BINARY\n")[0]
    upwards = stored[:, ::-1].reshape(2, -1)
    numbers = upwards.T if kind == "ASCII_MULTICOLUMN" else upwards.reshape(-1, 1)
    body = "\n".join(" ".join(map(str, row)) for row in numbers)
    path.write_bytes(head + f"data          {kind}\n{body}\n".encode())
    channels = read(path).channels
    scales = (2.0 / 2**15, 5.0 / 2**15) if kind == "ASCII" else (1.0, 1.0)
    for channel, counts, scale in zip(channels, stored, scales, strict=True):
        np.testing.assert_allclose(load(channel.data), counts * scale, rtol=1e-12)
    assert [channel.units for channel in channels] == ["µm", "V"]
    path.write_bytes(path.read_bytes().rpartition(b"\n")[0].rpartition(b"\n")[0])
    with pytest.raises(FormatError, match="have 24 numbers"):
        read(path)


def test_headers_without_an_end_or_with_numbers_of_another_kind_are_refused(tmp_path):
    path = write_mi(tmp_path / "a.mi", [("A", COUNTS.astype("i2"), 1.0, "V")])
    content = path.read_bytes()
    path.write_bytes(content.replace(b"data          BINARY", b"data          ASCII!"))
    with pytest.raises(UnsupportedFormatError, match="numbers stored as 'ASCII!'"):
        read(path)
    path.write_bytes(content[:200])
    with pytest.raises(FormatError, match="has a line 'data' after its header"):
        read(path)


@pytest.mark.parametrize("number", ["", "1"])
def test_the_frequency_of_a_drive_that_is_on_is_kept(tmp_path, number):
    entries = {f"acDrive{number}": 5.0, f"acFrequency{number}": 6.02e4}
    path = write_mi(tmp_path / "a.mi", [("A", COUNTS.astype("i2"), 1.0, "V")], entries=entries)
    assert read(path).metadata["probe"] == {"drive_frequency": 6.02e4}
    path = write_mi(tmp_path / "b.mi", [("A", COUNTS.astype("i2"), 1.0, "V")],
                    entries={**entries, f"acDrive{number}": 0.0})  # fmt: skip
    assert "probe" not in read(path).metadata
