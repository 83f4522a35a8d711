"""Park Systems: what was measured, not the picture of it."""

import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.reading import read_measurement
from omniscopy.testing.files.park import write_park_curves, write_park_image
from omniscopy.testing.formats import bit_flips, check_damage, check_reader, truncations

COUNTS = np.random.default_rng(3).integers(-3000, 3000, (6, 5))


@pytest.mark.parametrize("dtype", ["int16", "int32", "float32"])
def test_heights_are_gain_times_scaled_counts_with_the_bottom_row_first(tmp_path, dtype):
    counts = COUNTS.astype(dtype)
    path = write_park_image(
        tmp_path / "a.tiff", counts, gain=-2e-3, scale=2.0, zero=0.5, offset=(10.0, -20.0),
        rotation=30.0, forward=False,
    )  # fmt: skip
    check_reader("tiff", path)
    tree = om.open(path)
    (height,) = om.signals(tree).values()
    np.testing.assert_allclose(height, -2e-3 * (2.0 * counts[::-1] + 0.5), rtol=1e-6)
    assert (height.dims, height.attrs["units"], height.attrs["quantity"]) == (
        ("y", "x"), "µm", "height",
    )  # fmt: skip
    # 5 by 4 µm about the place (x -20, y 10): the lower left pixel is at its corner.
    np.testing.assert_allclose(height["x"], -22 + 4 / 5 * np.arange(5))
    np.testing.assert_allclose(height["y"], (7.5 + 5 / 6 * np.arange(6))[::-1])
    assert height["x"].attrs["units"] == "µm"
    said = tree.attrs["metadata"]
    assert said["instrument"] == {"vendor": "Park Systems", "software": "XEI"}
    assert said["scan"] == {"line_rate": 0.5, "rotation": 30.0}
    assert said["probe"] == {"bias": 0.25, "drive_frequency": 3.1e5}
    assert said["feedback"] == {"mode": "NC-AFM", "setpoint": "12.5 nm"}
    assert height.attrs["metadata"]["scan"]["direction"] == "backward"
    assert tree.attrs["original_metadata"]["cantilever"] == "NCHR"


def test_the_first_version_has_short_counts_and_units_of_their_own(tmp_path):
    counts = COUNTS.astype(np.int16)
    path = write_park_image(
        tmp_path / "a.tiff", counts, second=False, scale=0.0, gain=0.1, unit="deg", source="Phase"
    )
    phase = om.open_signal(path)
    np.testing.assert_allclose(phase, 0.1 * counts[::-1])
    assert (phase.name, phase.attrs["units"]) == ("Phase", "deg")


@pytest.mark.filterwarnings("ignore")
def test_it_agrees_with_surfacetopography(tmp_path):
    pytest.importorskip("SurfaceTopography")
    counts = np.random.default_rng(1).integers(-900, 900, (4, 6)).astype(np.int32)
    path = write_park_image(tmp_path / "a.tiff", counts, scale=2.0, zero=30.0)
    theirs = read_measurement(path, reader="surfacetopography", format="ps")[1].channels[0]
    ours = read_measurement(path)[1].channels[0]
    whole = (slice(None), slice(None))
    np.testing.assert_allclose(ours.data[whole], theirs.data[whole], rtol=1e-9)
    assert ours.units == theirs.units
    assert [abs(axis.scale) for axis in ours.axes] == pytest.approx(
        [axis.scale for axis in theirs.axes]
    )


def test_a_profile_stays_the_picture_it_is(tmp_path):
    path = write_park_image(tmp_path / "a.tiff", COUNTS.astype(np.int16), kind=1)
    assert om.open_signal(path).shape == (8, 8)


CURVES = np.random.default_rng(4).integers(-3000, 3000, (6, 3, 8)).astype(np.int16)
SOURCES = [("Z Scan", "um", 1e-4), ("Force", "nN", 0.01), ("Error", "V", 1e-3)]


def test_curves_at_points_have_their_places_and_both_directions(tmp_path):
    places = np.random.default_rng(5).normal(size=(6, 2)).astype(np.float32)
    path = write_park_curves(tmp_path / "a.tiff", CURVES, SOURCES, places)
    check_reader("tiff", path)
    tree = om.open(path)
    found = om.signals(tree)
    assert list(found) == ["Force_extend", "Error_extend", "Force_retract", "Error_retract"]
    force = found["Force_retract"]
    assert (force.dims, force.attrs["units"]) == (("point", "sample"), "nN")
    np.testing.assert_allclose(force, 0.01 * CURVES[:, 1, 4:])
    np.testing.assert_allclose(force["z"], 1e-4 * CURVES[:, 0, 4:])
    assert force["z"].attrs["units"] == "µm"
    np.testing.assert_allclose(force["y"], places[:, 1])
    probe = tree.attrs["metadata"]["probe"]
    assert probe["spring_constant"] == 2.5
    assert probe["sensitivity"] == pytest.approx(5e-8)  # 20 V/µm


def test_curves_on_a_grid_are_a_map_with_row_0_on_top(tmp_path):
    x, y = np.meshgrid([1.0, 1.5, 2.0], [4.0, 6.0])
    places = np.stack([x.ravel(), y.ravel()], axis=1)
    path = write_park_curves(tmp_path / "a.tiff", CURVES, SOURCES, places, columns=3)
    check_reader("tiff", path)
    force = om.signals(om.open(path))["Force_extend"]
    assert force.dims == ("y", "x", "sample")
    np.testing.assert_allclose(force["y"], [6.0, 4.0])
    np.testing.assert_allclose(force["x"], [1.0, 1.5, 2.0])
    np.testing.assert_allclose(force, 0.01 * CURVES.reshape(2, 3, 3, 8)[::-1, :, 1, :4])
    np.testing.assert_allclose(force["z"], 1e-4 * CURVES.reshape(2, 3, 3, 8)[::-1, :, 0, :4])


def test_curves_of_one_direction_stay_whole(tmp_path):
    path = write_park_curves(
        tmp_path / "a.tiff", CURVES, [("Bias", "V", 1.0), ("Current", "pA", 2.0), *SOURCES[:1]],
        np.zeros((6, 2)), backward_period=0.0,
    )  # fmt: skip
    found = om.signals(om.open(path))
    np.testing.assert_allclose(found["Current"], 2.0 * CURVES[:, 1])
    np.testing.assert_allclose(found["Current"]["bias"], CURVES[:, 0])


def test_damage_is_refused_or_marked(tmp_path):
    image = write_park_image(tmp_path / "a.tiff", COUNTS.astype(np.int16))
    curves = write_park_curves(tmp_path / "b.tiff", CURVES, SOURCES, np.zeros((6, 2)))
    rng = np.random.default_rng(6)
    for path in (image, curves):
        content = path.read_bytes()
        for damaged in (*truncations(content, 400), *bit_flips(content, 60, rng)):
            check_damage(path, damaged, folder=tmp_path)


def test_fewer_bytes_than_pixels_are_refused(tmp_path):
    path = write_park_image(tmp_path / "a.tiff", COUNTS.astype(np.int16))
    content = path.read_bytes()
    at = content.index((6).to_bytes(4, "little") + np.float64(0.0).tobytes())
    path.write_bytes(content[:at] + (7).to_bytes(4, "little") + content[at + 4 :])
    with pytest.raises(om.FormatError, match="are announced, the tag has 60"):
        om.open(path)
