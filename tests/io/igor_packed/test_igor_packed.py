"""Packed experiments put together from waves of the independent encoder."""

import struct

import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.errors import FormatError
from omniscopy.io.igor_packed.reader import read
from omniscopy.testing.files.igor_packed import write_pxp

VALUES = np.arange(12.0).reshape(4, 3)
WAVE = {"name": "height", "scales": (1e-9, 2e-9), "dim_units": ("m", "m"), "data_units": "m"}


def load(data):
    return np.asarray(data[(slice(None),) * len(data.shape)])


@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_waves_are_read_in_their_data_folders(tmp_path, byte_order):
    waves = [(VALUES, WAVE), (VALUES[:, 0], {"name": "old", "version": 2})]
    folders = {"My data": [(VALUES * 2, WAVE)]}
    path = write_pxp(tmp_path / "a.pxp", waves, folders, byte_order=byte_order)
    assert om.io.identify(path) == "igor_packed"
    image, old, inner = read(path).channels
    np.testing.assert_array_equal(load(image.data), VALUES.T[::-1])
    assert [(axis.name, axis.scale, axis.units) for axis in image.axes] == [
        ("y", 2e-9, "m"), ("x", 1e-9, "m"),
    ]  # fmt: skip
    np.testing.assert_array_equal(load(old.data), VALUES[:, 0])
    np.testing.assert_array_equal(load(inner.data), 2 * VALUES.T[::-1])
    assert (image.group, inner.group) == ("", "My_data")
    tree = om.open(path)
    assert set(om.signals(tree)) == {"height", "old", "My_data/height"}
    assert om.validate(tree) == []


def test_labelled_waves_have_a_group_of_their_own(tmp_path):
    wave = {"name": "both", "labels": {1: ["a", "b", "c"]}}
    channels = read(write_pxp(tmp_path / "a.pxp", [(VALUES, wave)])).channels
    assert [(channel.group, channel.title) for channel in channels] == [
        ("both", "a"), ("both", "b"), ("both", "c"),
    ]  # fmt: skip


def test_texts_are_kept_and_references_are_named(tmp_path):
    path = write_pxp(tmp_path / "a.pxp", [(VALUES, WAVE)], further=[(5, b"Function f()")])
    measurement = read(path)
    assert measurement.original_metadata == {
        "history": "made for a test",
        "procedure": "Function f()",
    }
    content = bytearray(path.read_bytes())
    at = content.index(b"height") - 12  # the type of the numbers, 12 bytes before the name
    struct.pack_into("<h", content, at, 0x4000)
    # The checksum of the headers is to hold all the same.
    start = content.index(struct.pack("<h", 5), 60)
    struct.pack_into("<h", content, start + 2, 0)
    words = np.frombuffer(bytes(content[start : start + 384]), "<i2")
    struct.pack_into("<H", content, start + 2, -int(words.sum(dtype=np.int64)) & 0xFFFF)
    path.write_bytes(content)
    measurement = read(path)
    assert measurement.channels == []
    assert "a wave in root: the wave is of type 0x4000" in measurement.attrs["not_read"]


def test_superseded_records_are_left_out(tmp_path):
    path = write_pxp(tmp_path / "a.pxp", [], further=[(0x8003, bytes(10))])
    assert read(path).channels == []


def test_an_experiment_that_is_cut_short_is_read_in_part(tmp_path):
    path = write_pxp(tmp_path / "a.pxp", [(VALUES, WAVE), (VALUES, WAVE)])
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(FormatError, match="a record of 480 bytes does not end within the file"):
        read(path)
    assert len(read(path, partial=True).channels) == 1


def test_what_is_no_experiment_is_refused(tmp_path):
    path = tmp_path / "a.pxp"
    path.write_bytes(b"\x01\x00\x00\x00\xff\xff\xff\x00" + bytes(9))
    with pytest.raises(FormatError, match="the first record does not end within the file"):
        read(path)
