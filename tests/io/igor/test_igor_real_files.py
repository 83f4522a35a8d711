"""Real Igor binary waves against what an independent reader found in them."""

import hashlib

import numpy as np
import pytest

from omniscopy.io.igor.reader import read

pytestmark = pytest.mark.shared
GROUPS = ("asylum_ibw", "igor_generic", "igor_matrix_ibw")


def load(data):
    return np.asarray(data[(slice(None),) * len(data.shape)])


def digest(values):
    little = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
    return hashlib.sha256(little.tobytes()).hexdigest()[:32]


def as_wave(channels):
    """Undo the displayed order: fastest dimension first, y upwards, one layer a channel."""
    layers = []
    for channel in channels:
        values = load(channel.data)
        names = [axis.name for axis in channel.axes]
        if "y" in names:
            values = np.flip(values, names.index("y"))
        wanted = [name for name in ("x", "y", "bias", "time") if name in names]
        layers.append(values.transpose([names.index(name) for name in wanted]))
    return layers


def test_every_value_is_that_of_the_reference(real_files):
    found = real_files(*GROUPS)
    assert len(found) == 11
    for entry in found:
        channels = read(entry["path"]).channels
        (signal,) = entry["signals"]
        layers = as_wave(channels)
        labelled = len(signal["shape"]) == 1 + layers[0].ndim
        wave = np.stack(layers, axis=-1) if labelled else layers[0]
        assert list(wave.shape) == signal["shape"], entry["file"]
        if wave.dtype.kind == "U":
            assert wave.tolist() == ["Mary", "had", "a", "little", "lamb"]
            continue
        assert wave.dtype == np.dtype(signal["dtype"]).newbyteorder("=")
        # The reference gave big-endian files as they are.
        stored = wave.astype(np.dtype(signal["dtype"]))
        sums = {digest(stored), hashlib.sha256(stored.tobytes()).hexdigest()[:32]}
        assert signal["sha256"] in sums, entry["file"]


def test_every_axis_is_that_of_the_reference(real_files):
    for entry in real_files(*GROUPS):
        (channel, *_) = read(entry["path"]).channels
        by_name = {axis.name: axis for axis in channel.axes}
        names = [name for name in ("time", "x", "y", "bias") if name in by_name]
        for name, expected in zip(names, entry["signals"][0].get("axes", []), strict=False):
            axis = by_name[name]
            assert axis.size == expected["size"]
            assert (axis.units or "") == expected["units"]
            ascending = np.sort(axis.coordinate())
            wanted = expected["offset"] + expected["scale"] * np.arange(axis.size)
            np.testing.assert_allclose(ascending, wanted, rtol=1e-9, atol=1e-20)


def test_every_label_is_a_channel(real_files):
    for entry in real_files(*GROUPS):
        if entry["format"] != "asylum_ibw":
            continue
        labels = next(names for names in entry["signals"][0]["labels"] if names)
        titles = [channel.title for channel in read(entry["path"]).channels]
        # The reference runs the remains of a longer label into the shorter one.
        assert titles == [label.replace("Retracerace", "Retrace") for label in labels]


def test_the_matrix_volume_was_measured_from_the_top(shared):
    (path,) = (shared / "data/vendor/igor_matrix_ibw").iterdir()
    (channel,) = read(path).channels
    y, x, bias = channel.axes
    assert (y.name, x.name, bias.name) == ("y", "x", "bias")
    # 56 of 64 lines are missing from this scan downwards: what is there are the upper 8.
    np.testing.assert_allclose(y.coordinate()[0], -x.coordinate()[0], rtol=1e-9)
    assert y.coordinate()[-1] > 5e-9
    assert (channel.units, channel.modality) == ("V", "STM")


def test_the_metadata_of_an_asylum_image_is_found(shared):
    path = shared / "data/vendor/asylum_ibw/spot_1-1000nm.ibw"
    metadata = read(path).metadata
    assert metadata["started"] == "2019-10-24T12:14:13"
    assert metadata["probe"]["drive_frequency"] == 74243
    assert metadata["scan"] == {"line_rate": 1.0016, "rotation": 330, "frame_time": 511.18}


def test_a_real_file_cut_at_every_kilobyte_is_refused(shared, tmp_path):
    raw = (shared / "data/spm/fmt-igor-fd_SiN_FD_plot.ibw").read_bytes()
    path = tmp_path / "cut.ibw"
    end = 384 + 24192 + 16523 + 128
    for length in range(0, end, 1024):
        path.write_bytes(raw[:length])
        with pytest.raises(OSError, match=r"cut\.ibw"):
            read(path)
