"""Keyence laser microscope files."""

import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.reading import read_measurement
from omniscopy.testing.files.surfaces import write_vk4
from omniscopy.testing.formats import bit_flips, check_damage, check_reader, truncations

RNG = np.random.default_rng(6)
COUNTS = [RNG.integers(0, 1 << 31, (4, 6)).astype("<u4") for _ in range(2)]
LIGHT = RNG.integers(0, 1 << 14, (4, 6)).astype("<u2")
COLOURS = RNG.integers(0, 256, (4, 6, 3)).astype("u1")


@pytest.mark.parametrize("magic", [b"VK4_", b"VK3_"])
def test_heights_intensities_and_pictures(tmp_path, magic):
    path = write_vk4(tmp_path / "a.vk4", COUNTS, LIGHT, COLOURS, magic=magic)
    check_reader("keyence", path)
    tree = om.open(path)
    found = om.signals(tree)
    assert set(found) == {"Height", "Height_2", "Intensity", "Colour"}
    height = found["Height"]
    np.testing.assert_allclose(height, COUNTS[0] * 1e-4)
    np.testing.assert_allclose(found["Height_2"], COUNTS[1] * 1e-4)
    np.testing.assert_array_equal(found["Intensity"], LIGHT)
    np.testing.assert_array_equal(found["Colour"], COLOURS)
    assert (height.attrs["units"], height.attrs["quantity"]) == ("µm", "height")
    np.testing.assert_allclose(height["x"], 1.5 * np.arange(6))
    np.testing.assert_allclose(height["y"], 1.25 * np.arange(4))
    assert height["x"].attrs["units"] == "µm"
    said = tree.attrs["metadata"]
    assert (said["title"], said["started"]) == ("Step", "2019-08-07T16:05:04+02:00")
    assert said["optics"] == {
        "objective": "Standard lens", "magnification": 50.0, "numerical_aperture": 0.95,
    }  # fmt: skip


def test_it_agrees_with_surfacetopography(tmp_path):
    pytest.importorskip("SurfaceTopography")
    path = write_vk4(tmp_path / "a.vk4", COUNTS)
    theirs = read_measurement(path, reader="surfacetopography")[1].channels
    ours = read_measurement(path)[1].channels
    whole = (slice(None), slice(None))
    for channel, other in zip(ours, theirs, strict=True):
        # Theirs are in pm.
        np.testing.assert_allclose(channel.data[whole], other.data[whole] * 1e-6, rtol=1e-9)
        for axis, place in zip(channel.axes, other.axes, strict=True):
            np.testing.assert_allclose(axis.coordinate(), place.coordinate() * 1e-6)


def test_files_that_are_cut_short_are_refused_or_filled(tmp_path):
    path = write_vk4(tmp_path / "a.vk4", COUNTS[:1])
    content = path.read_bytes()
    path.write_bytes(content[: content.index(COUNTS[0].tobytes()) + 3 * 6 * 4 + 5])
    with pytest.raises(om.FormatError):
        om.open(path)
    height = om.open_signal(path, partial=True)
    np.testing.assert_allclose(height[:3], COUNTS[0][:3] * 1e-4)
    assert np.isnan(height[3]).all()
    assert height.attrs["incomplete"]["missing_from"] == 3


def test_damage_is_refused_or_harmless(tmp_path):
    path = write_vk4(tmp_path / "a.vk4", COUNTS[:1], LIGHT, COLOURS)
    content = path.read_bytes()
    for damaged in (*truncations(content, 60), *bit_flips(content, 100, np.random.default_rng(1))):
        check_damage(path, damaged, folder=tmp_path)
