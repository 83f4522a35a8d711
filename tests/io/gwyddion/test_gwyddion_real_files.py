"""Real Gwyddion files against what independent readers found in them."""

import hashlib

import numpy as np
import pytest

from omniscopy.io.errors import FormatError
from omniscopy.io.gwyddion.reader import read

pytestmark = pytest.mark.shared


def load(data):
    return np.asarray(data[(slice(None),) * len(data.shape)])


def test_every_image_is_that_of_the_reference(real_files):
    entries = real_files("gwyddion_gwy")
    assert len(entries) == 2
    for entry in entries:
        channels = read(entry["path"]).channels
        assert len(channels) == entry["n_signals"]
        for channel, signal in zip(channels, entry["signals"], strict=True):
            values = load(channel.data)
            assert list(values.shape) == signal["shape"]
            assert values.dtype == signal["dtype"]
            assert hashlib.sha256(values.tobytes()).hexdigest()[:32] == signal["sha256"]
            # The old file says nm and µm, but its numbers are metres.
            assert channel.units == {"nm": "m"}.get(signal["units"], signal["units"])
            assert channel.title == signal["title"].replace("/0/data", "Image")
            for axis, expected in zip(channel.axes, signal["axes"], strict=True):
                assert axis.scale == pytest.approx(expected["scale"], rel=1e-12)
                assert (axis.offset, axis.units) == (expected.get("offset", 0.0), "m")


def test_settings_of_the_microscope_are_found(shared):
    channel = read(shared / "data/vendor/gwyddion_gwy/PTO_110_Virgin0001.gwy").channels[0]
    assert channel.metadata["instrument"]["model"] == "Cypher"
    assert channel.metadata["started"] == "2023-12-20T11:44:03"
    assert channel.metadata["probe"]["drive_frequency"] == pytest.approx(434321.975)


def test_real_files_cut_at_any_place_are_refused(shared, tmp_path):
    raw = (shared / "data/vendor/gwyddion_gwy/GwiddionReader_chip.gwy").read_bytes()
    path = tmp_path / "cut.gwy"
    for length in range(0, len(raw), 8192):
        path.write_bytes(raw[:length])
        with pytest.raises(FormatError, match=r"cut\.gwy"):
            read(path)
