"""Real NT-MDT files against what an independent parser found in them."""

import hashlib

import numpy as np
import pytest

from omniscopy.io.errors import FormatError
from omniscopy.io.nt_mdt.reader import read
from omniscopy.model.units import spell

pytestmark = pytest.mark.shared


def load(data):
    return np.asarray(data[(slice(None),) * len(data.shape)])


def test_every_image_is_that_of_the_reference(real_files):
    entries = real_files("ntmdt_mdt")
    assert len(entries) == 4
    for entry in entries:
        found = read(entry["path"]).channels
        channels = {channel.original_metadata["frame"]: channel for channel in found}
        signals = [signal for signal in entry["signals"] if "shape" in signal]
        for signal in signals:
            channel = channels[signal["frame"]]
            assert channel.title == signal["title"]
            assert (channel.units or "") == signal["units"]
            # The reference keeps the rows as they are stored, from the bottom up.
            values = np.ascontiguousarray(load(channel.data)[::-1])
            assert list(values.shape) == signal["shape"]
            if signal["frame_type"] == 0:
                digest = hashlib.sha256(values.tobytes()).hexdigest()[:32]
                exact = digest == signal["sha256"]
            else:
                exact = True
            for measure in ("min", "max", "mean", "std"):
                assert getattr(values, measure)() == pytest.approx(signal[measure], rel=1e-9)
            assert exact or np.allclose([values[0, 0], values[-1, -1]], signal["corners"])
            for axis, expected in zip(channel.axes, signal["axes"], strict=True):
                assert abs(axis.scale) == pytest.approx(expected["scale"])
                assert axis.units == spell(expected["units"])
                if "offset" in expected:
                    assert min(axis.coordinate()[[0, -1]]) == pytest.approx(expected["offset"])


def test_point_spectra_of_a_real_file_are_read(shared):
    measurement = read(shared / "data/vendor/ntmdt_mdt/test_mdt.mdt")
    image, forth, back = measurement.channels
    assert load(forth.data).shape == load(back.data).shape == (25, 3, 587)
    assert measurement.original_metadata["texts"][0]["text"] == "text text text "
    bias = forth.axes[2]
    assert (bias.name, bias.units) == ("bias", "V")
    assert bias.coordinate()[[0, -1]] == pytest.approx([2.99987324, -2.99985697])
    # The spectra lie in the image, and both directions saw the same sample.
    y, x = image.axes
    assert min(x.coordinate()) <= min(forth.coordinates["x"].data)
    assert max(y.coordinate()) >= max(forth.coordinates["y"].data)
    pair = np.corrcoef(load(forth.data).ravel(), load(back.data).ravel())
    mirrored = np.corrcoef(load(forth.data).ravel(), load(back.data)[..., ::-1].ravel())
    assert pair[0, 1] > mirrored[0, 1]


def test_a_real_file_cut_anywhere_is_refused(shared, tmp_path):
    raw = (shared / "data/vendor/ntmdt_mdt/test_structure.mdt").read_bytes()
    path = tmp_path / "cut.mdt"
    for length in range(0, len(raw), 1024):
        path.write_bytes(raw[:length])
        with pytest.raises(FormatError, match=r"cut\.mdt"):
            read(path)
