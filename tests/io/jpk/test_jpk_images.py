"""JPK images made by the independent encoder."""

import contextlib
import json

import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.errors import FormatError
from omniscopy.io.jpk.reader import read
from omniscopy.io.reading import read_measurement
from omniscopy.testing.files.jpk import JpkPage, write_jpk_image

rng = np.random.default_rng(12)
COUNTS = rng.integers(-(2**31), 2**31, (4, 6)).astype(np.int32)


def load(data):
    return np.asarray(data[(slice(None),) * len(data.shape)])


def test_every_page_is_a_channel_in_its_default_calibration(tmp_path):
    pages = [
        JpkPage(COUNTS),
        JpkPage(COUNTS // 2, "vDeflection", "Vertical Deflection", 1e-19, -1e-9, "N",
                retrace=True, slots=("raw", "volts", "force")),
    ]  # fmt: skip
    path = write_jpk_image(tmp_path / "a.jpk", pages)
    height, deflection = read(path).channels
    np.testing.assert_allclose(load(height.data), COUNTS * 1e-12 + 1e-6)
    np.testing.assert_allclose(load(deflection.data), COUNTS // 2 * 1e-19 - 1e-9)
    assert (height.title, height.quantity, height.units) == (
        "Height (measured) trace", "height", "m",
    )  # fmt: skip
    assert (deflection.title, deflection.quantity) == ("Vertical Deflection retrace", "force")
    assert om.io.identify(path) == "jpk"
    assert om.validate(om.open(path)) == []


def test_rows_are_stored_from_the_bottom(tmp_path):
    path = write_jpk_image(tmp_path / "a.jpk", [JpkPage(COUNTS)])
    last = np.frombuffer(path.read_bytes()[-24:], ">i4")
    np.testing.assert_allclose(load(read(path).channels[0].data)[0], last * 1e-12 + 1e-6)


def test_rows_of_a_reflected_grid_are_stored_from_the_top(tmp_path):
    path = write_jpk_image(tmp_path / "a.jpk", [JpkPage(COUNTS)], tags={0x8045: (8, 1)})
    last = np.frombuffer(path.read_bytes()[-24:], ">i4")
    (channel,) = read(path).channels
    np.testing.assert_allclose(load(channel.data), COUNTS * 1e-12 + 1e-6)
    np.testing.assert_allclose(load(channel.data)[-1], last * 1e-12 + 1e-6)
    np.testing.assert_allclose(channel.axes[0].coordinate(), 20e-6 + 1e-6 * (3.5 - np.arange(4)))


def test_labels_are_the_middles_of_pixels(tmp_path):
    y, x = read(write_jpk_image(tmp_path / "a.jpk", [JpkPage(COUNTS)])).channels[0].axes
    np.testing.assert_allclose(x.coordinate(), 10e-6 + 1e-6 * (np.arange(6) + 0.5))
    np.testing.assert_allclose(y.coordinate(), 20e-6 + 1e-6 * (3.5 - np.arange(4)))
    assert (y.name, x.name, x.units) == ("y", "x", "m")


def test_the_tags_fill_the_common_metadata(tmp_path):
    measurement = read(write_jpk_image(tmp_path / "a.jpk", [JpkPage(COUNTS)]))
    assert measurement.metadata == {
        "technique": "AFM",
        "started": "2025-05-20T17:48:42",
        "operator": "jpkuser",
        "instrument": {"vendor": "JPK", "software": "8.0.194"},
        "scan": {"rotation": pytest.approx(30)},
    }
    tree = measurement.original_metadata
    assert json.loads(json.dumps(tree)) == tree


def test_without_a_calibration_counts_stay_counts(tmp_path):
    page = JpkPage(COUNTS, factor=np.nan)
    (channel,) = read(write_jpk_image(tmp_path / "a.jpk", [page])).channels
    np.testing.assert_array_equal(load(channel.data), COUNTS)
    assert channel.units is None


def test_a_grid_of_other_size_says_nothing_of_places(tmp_path):
    path = write_jpk_image(tmp_path / "a.jpk", [JpkPage(COUNTS)], tags={0x8046: (9, 7)})
    assert read(path).channels[0].axes[1].units is None
    path = write_jpk_image(tmp_path / "a.jpk", [JpkPage(COUNTS)], tags={0x8046: (9, -7)})
    with pytest.raises(FormatError, match="a grid of -7 by 4"):
        read(path)


def test_a_cut_image_is_refused(tmp_path):
    path = write_jpk_image(tmp_path / "a.jpk", [JpkPage(COUNTS)])
    raw = path.read_bytes()
    for length in (*range(5, len(raw), 97), len(raw) - 1):
        path.write_bytes(raw[:length])
        with pytest.raises(FormatError, match=r"a\.jpk"):
            read(path)


@pytest.mark.parametrize("seed", range(100))
def test_random_damage_gives_data_or_a_clear_error(tmp_path, seed):
    path = write_jpk_image(tmp_path / "a.jpk", [JpkPage(COUNTS), JpkPage(COUNTS)])
    raw = bytearray(path.read_bytes())
    damage = np.random.default_rng(seed)
    for at in damage.integers(8, len(raw), 4):
        raw[at] ^= 1 << int(damage.integers(8))
    path.write_bytes(raw)
    with contextlib.suppress(FormatError):
        for channel in read_measurement(path, reader="jpk")[1].channels:
            load(channel.data)


def test_calibrations_of_a_deflection_give_sensitivity_and_stiffness(tmp_path):
    factors = {"volts": 2e-10, "distance": 2e-18}
    deflection = JpkPage(COUNTS, "vDeflection", "Vertical Deflection", 5e-19, 0.0, "N",
                         slots=("raw", "volts", "distance", "force"), factors=factors)  # fmt: skip
    tags = {0x8049: (12, 1.5), 0x8030: (2, "contact")}
    path = write_jpk_image(tmp_path / "a.jpk", [JpkPage(COUNTS), deflection], tags=tags)
    metadata = read(path).metadata
    assert metadata["probe"] == pytest.approx({"sensitivity": 1e-8, "spring_constant": 0.25})
    assert metadata["scan"]["line_rate"] == 1.5
    assert metadata["feedback"] == {"mode": "contact"}
