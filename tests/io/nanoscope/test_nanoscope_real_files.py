"""Real Nanoscope files against what an independent reader found in them."""

import numpy as np
import pytest

from omniscopy.io.errors import FormatError
from omniscopy.io.nanoscope.reader import read
from omniscopy.model.units import conversion_factor

pytestmark = pytest.mark.shared

# Where the reference is wrong, decided by the headers: it gives "V" to channels whose range is in
# degrees or millivolts, and takes millivolts for volts before a sensitivity in nm/V.
UNITS = {
    ("di-4.di", "Amplitude Error"): ("nm", 1e-3),
    ("di-4.di", "Phase"): ("deg", 1),
    ("di-6.di", "Phase"): ("deg", 1),
    ("di-6.di", "Amplitude Error"): ("mV", 1),
    ("di_corrupted.di", "Phase"): ("deg", 1),
    ("di_corrupted.di", "Amplitude Error"): ("mV", 1),
}


def load(data):
    return np.asarray(data[(slice(None),) * len(data.shape)])


def test_every_channel_has_the_values_of_the_reference(real_files):
    found = real_files("bruker_nanoscope")
    assert len(found) == 4
    for entry in found:
        name = entry["file"].rpartition("/")[2]
        damaged = "corrupted" in name
        channels = read(entry["path"], partial=damaged).channels
        assert len(channels) == len(entry["signals"])
        for i, (channel, signal) in enumerate(zip(channels, entry["signals"], strict=True)):
            assert channel.title == signal["title"]
            if "err" in signal or (name, i) == ("di-6.di", 1):
                continue  # the reference took the first Height for the second one too
            units, factor = UNITS.get((name, channel.title), (signal["units"], 1))
            values = load(channel.data)
            assert channel.units == units
            assert list(values.shape) == signal["shape"]
            assert values.dtype == signal["dtype"]
            for measure in ("min", "max", "mean", "std"):
                expected = signal[measure] * factor
                assert getattr(values, measure)() == pytest.approx(expected, rel=1e-9), measure
            # The reference gives first and last value of the file's order, which runs upwards.
            corners = [values[0, -1] / factor, values[-1, 0] / factor]
            either = sorted([*corners, values[0, 0] / factor, values[-1, -1] / factor])
            assert all(np.isclose(either, corner).any() for corner in signal["corners"])
            for axis, expected in zip(channel.axes, signal["axes"], strict=True):
                factor_of_length = conversion_factor(axis.units, "µm")
                assert axis.scale * factor_of_length == pytest.approx(expected["scale"])
                assert axis.offset == 0


def test_the_second_height_of_a_file_has_its_own_scale(shared):
    first, second, *_ = read(shared / "data/vendor/bruker_nanoscope/di-6.di").channels
    assert first.title == second.title == "Height"
    assert first.metadata["scan"]["direction"] == "trace"
    assert second.metadata["scan"]["direction"] == "retrace"
    path = shared / "data/vendor/bruker_nanoscope/di-6.di"
    raw = np.fromfile(path, "<i2", 512 * 512, offset=565248).reshape(512, 512)
    np.testing.assert_allclose(load(second.data), raw[::-1] * (6.123047 / 65536 * 22.02707))


def test_a_file_that_lost_lines_of_its_header_is_refused(shared):
    path = shared / "data/vendor/bruker_nanoscope/di_corrupted.di"
    with pytest.raises(FormatError, match="lines of the header are lost"):
        read(path)
    *_, height = read(path, partial=True).channels
    assert height.attrs["incomplete"]["missing_from"] == 107
    values = load(height.data)
    assert np.isnan(values[: 256 - 107]).all()
    assert np.isfinite(values[256 - 107 :]).all()


def test_an_old_image_is_read_with_its_metadata(shared):
    measurement = read(shared / "data/spm/old_bruker.002")
    (channel,) = measurement.channels
    assert (channel.title, channel.units) == ("Height", "nm")
    assert channel.axes[0].scale == pytest.approx(15 / 256)
    metadata = measurement.metadata
    assert metadata["instrument"]["model"] == "D3100 NS3a"
    assert metadata["started"] == "2019-07-30T12:34:38"
    assert metadata["probe"]["drive_frequency"] == pytest.approx(306956.5)
    raw = np.fromfile(shared / "data/spm/old_bruker.002", "<i2", 65536, offset=40960)
    expected = raw.reshape(256, 256)[::-1] * (439.9866 / 65536 * 15.068)
    np.testing.assert_allclose(load(channel.data), expected)


def test_a_real_file_cut_at_every_kilobyte_is_refused(shared, tmp_path):
    raw = (shared / "data/spm/old_bruker.002").read_bytes()
    path = tmp_path / "cut.002"
    for length in range(0, len(raw), 1024):
        path.write_bytes(raw[:length])
        with pytest.raises(FormatError, match=r"cut\.002"):
            read(path)
