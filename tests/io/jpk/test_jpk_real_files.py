"""Real JPK files against what independent readers found in them."""

import numpy as np
import pytest
import tifffile

import omniscopy as om
from omniscopy.io.jpk.reader import read

pytestmark = pytest.mark.shared

# What the reference calls its columns, and which of our channels they are.
COLUMNS = {
    "force": ("vDeflection",),
    "height (piezo)": ("height", "head-height", "cellhesion-height"),
    "height (measured)": ("capacitiveSensorHeight", "strainGaugeHeight", "measuredHeight"),
}


def load(data):
    return np.asarray(data[(slice(None),) * len(data.shape)])


def curves_of(channels, name):
    """Return the segments of a channel one after the other, a row for each curve."""
    parts = [c for c in channels if c.title.split(" ")[0] == name]
    arrays = [load(part.data).reshape(-1, part.data.shape[-1]) for part in parts]
    joined = np.concatenate(arrays, axis=1)
    return joined[np.isfinite(joined).any(axis=1)]


def test_every_curve_is_that_of_the_reference(real_files):
    found = [entry for entry in real_files("jpk") if not entry["file"].endswith("image")]
    assert len(found) == 5
    for entry in found:
        path = entry["path"]
        assert om.io.identify(path) == "jpk"
        channels = read(path).channels
        for signal in entry["signals"]:
            curve, _, column = signal["title"].partition("/")
            if column not in COLUMNS:
                continue
            wanted = np.array([signal[key] for key in ("min", "max", "mean", "std")])
            assert any(
                _agrees(channels, name, curve, signal, wanted) for name in COLUMNS[column]
            ), (entry["file"], signal["title"])


def _agrees(channels, name, curve, signal, wanted):
    if not any(c.title.split(" ")[0] == name for c in channels):
        return False
    values = curves_of(channels, name)
    if [values.shape[1]] != signal["shape"]:
        return False
    for row in values:
        stats = np.array([row.min(), row.max(), row.mean(), row.std()])
        if np.allclose(stats, wanted, rtol=1e-6, atol=0):
            return np.allclose(row[[0, -1]], signal["corners"], rtol=1e-6)
        # The reference turns the sign of some forces, which the file does not ask for.
        turned = np.array([-row.max(), -row.min(), -row.mean(), row.std()])
        if np.allclose(turned, wanted, rtol=1e-6, atol=0):
            return np.allclose(-row[[0, -1]], signal["corners"], rtol=1e-6)
    return False


def test_times_are_those_of_the_reference(real_files):
    for entry in real_files("jpk"):
        times = [s for s in entry["signals"] if s["title"] == "curve0/time"]
        if not times:
            continue
        channels = read(entry["path"]).channels
        parts = [c for c in channels if c.title.startswith("vDeflection")]
        axis = np.concatenate([part.axes[-1].coordinate() for part in parts])
        assert [len(axis)] == times[0]["shape"]
        assert axis[[0, -1]] == pytest.approx(times[0]["corners"], rel=1e-9)


def test_curves_of_a_real_map_lie_where_they_were_taken(shared):
    path = shared / "data/vendor/jpk/fmt-jpk-fd_map-data-reference-points.jpk-force-map"
    channel = read(path).channels[0]
    there = np.argwhere(np.isfinite(load(channel.data)[..., 0]))
    y, x = (axis.coordinate() for axis in channel.axes[:2])
    found = sorted((x[column] * 1e6, y[row] * 1e6) for row, column in there)
    # As the three curves say themselves.
    said = [(-1219.765625, -1774.0625), (-1079.765625, -1534.0625), (-999.765625, -1754.0625)]
    np.testing.assert_allclose(found, said)
    assert channel.attrs["incomplete"]["missing_from"] == 3


def test_a_real_image_is_that_of_the_reference(real_files):
    (entry,) = [entry for entry in real_files("jpk") if entry["file"].endswith("image")]
    measurement = read(entry["path"])
    channels = [c for c in measurement.channels if c.title.startswith("Height")]
    assert len(measurement.channels) == 6
    assert len(channels) == entry["n_signals"]
    for channel, signal in zip(channels, entry["signals"], strict=True):
        # The reference has x first; its y runs downwards as ours does.
        values = load(channel.data).T
        assert list(values.shape) == signal["shape"]
        for measure in ("min", "max", "mean", "std"):
            assert getattr(values, measure)() == pytest.approx(signal[measure], rel=1e-9)
        assert [values[0, 0], values[-1, -1]] == pytest.approx(signal["corners"])
        for axis, expected in zip(channel.axes, signal["axes"], strict=True):
            assert (abs(axis.scale), axis.units) == (pytest.approx(expected["scale"]), "m")


def test_a_real_image_is_the_right_way_up(real_files):
    """The first page is the preview that the instrument's program shows, made of this channel."""
    (entry,) = [entry for entry in real_files("jpk") if entry["file"].endswith("image")]
    path = entry["path"]
    preview = tifffile.imread(path, key=0).astype(float)
    channel = next(c for c in read(path).channels if c.title.startswith("Height (measured)"))
    ways = {
        "as read": load(channel.data),
        "upside down": load(channel.data)[::-1],
        "mirrored": load(channel.data)[:, ::-1],
        "turned": load(channel.data)[::-1, ::-1],
    }
    alike = {way: np.corrcoef(coarse(preview), coarse(v))[0, 1] for way, v in ways.items()}
    assert alike["as read"] > 0.995
    assert max(alike, key=alike.get) == "as read"
    assert alike["upside down"] < 0


def coarse(image):
    """Return the means of 16 x 16 parts of an image, in a row."""
    parts = [np.array_split(band, 16, axis=1) for band in np.array_split(image, 16, axis=0)]
    return np.array([part.mean() for band in parts for part in band])


def test_an_older_curve_is_read(shared):
    measurement = read(shared / "data/spm/fmt-jpk-fd_spot3-0192.jpk-force")
    channel = next(c for c in measurement.channels if c.title.startswith("vDeflection"))
    assert channel.data.shape == (2000,)
    assert np.isfinite(load(channel.data)).all()
