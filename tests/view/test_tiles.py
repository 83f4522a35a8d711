"""Images that have more pixels than are sent at once: thinned as a whole, exact where looked at."""

import numpy as np
import pytest
import xarray as xr

import omniscopy as om
from omniscopy.model.errors import DataError
from omniscopy.view import tiles

SHAPE, STEPS = (3200, 1700), (3, 2)


def large_image():
    rng = np.random.default_rng(0)
    values = rng.normal(5, 1, SHAPE).astype(np.float32)
    values[7:31, 3:9] = np.nan
    coords = {
        name: om.model.coordinate(name, np.arange(float(n)) * 0.5 + 3, units="nm")
        for name, n in zip("yx", SHAPE, strict=True)
    }
    return xr.DataArray(values, coords, ("y", "x"), attrs={"units": "V"})


def block_means(values):
    """Return means of blocks, the last of which are smaller: as simply as can be."""
    rows, columns = (range(0, n, step) for n, step in zip(SHAPE, STEPS, strict=True))
    with np.errstate(all="ignore"):
        return np.array(
            [[np.nanmean(values[y : y + STEPS[0], x : x + STEPS[1]]) if
              np.isfinite(values[y : y + STEPS[0], x : x + STEPS[1]]).any() else np.nan
              for x in columns] for y in rows]
        )  # fmt: skip


@pytest.fixture(scope="module")
def image():
    data = large_image()
    return data, block_means(data.values)


@pytest.mark.parametrize("how", ["in memory", "in chunks", "in a file", "by blocks"])
def test_a_large_image_is_sent_as_means_of_its_pixels(image, asking, how, tmp_path, monkeypatch):
    data, expected = image
    if how != "in memory":
        monkeypatch.setattr(tiles, "LARGE", 2**20)
    if how == "in chunks":
        data = data.chunk(y=301, x=512)
    if how == "in a file":
        np.save(tmp_path / "image.npy", data.values)
        data = om.open_signal(tmp_path / "image.npy")
    replies = asking(data).replies("reduce", data="d1", target="navigation")
    header, (values,) = replies[-1]
    assert header["exact"]
    assert header["step"] == list(STEPS)
    assert header["part"] == [[0, 3200], [0, 1700]]
    found = np.frombuffer(values, "<f4").reshape(header["shape"])
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("part", [[[900, 1400], [0, 311]], [[0, 3200], [3, 5]]])
def test_a_part_is_as_fine_as_it_can_be(image, asking, part):
    data, _ = image
    header, (values,) = asking(data).replies("reduce", data="d1", target="navigation", part=part)[
        -1
    ]
    rows, columns = (slice(*ends) for ends in part)
    expected = data.values[rows, columns]
    if header["step"][0] == 1:
        found = np.frombuffer(values, "<f4").reshape(expected.shape)
        np.testing.assert_array_equal(found, expected)
    else:
        assert header["shape"] == [-(-3200 // 3), 2]


def test_a_part_of_a_map_is_that_of_the_whole(asking):
    data = om.samples.spectrum_image()
    ask = asking(data)
    window = {"kind": "interval", "from": [455.0], "to": [470.0]}
    said = {"data": "d1", "target": "navigation", "region": window}
    part = ask.values("reduce", part=[[2, 7], [5, 20]], **said)
    np.testing.assert_array_equal(part, ask.values("reduce", **said)[2:7, 5:20])


def test_a_part_of_centres_of_mass_is_as_fine_as_it_can_be(asking, monkeypatch):
    data = om.samples.diffraction_4d()
    ask = asking(data.chunk(y=4, x=3))
    said = {"kind": "centre", "data": "d1", "region": None}
    whole = ask.values(**said)
    monkeypatch.setattr(tiles, "MOST_SIDE", 3)
    header, _ = ask.replies(**said)[-1]
    assert header["step"] == [2, 3]
    header, _ = ask.replies(**said, part=[[3, 6], [2, 5]])[-1]
    assert header["step"] == [1, 1]
    part = ask.values(**said, part=[[3, 6], [2, 5]])
    np.testing.assert_allclose(part, whole[3:6, 2:5], rtol=1e-6)


def test_a_part_of_a_map_above_a_background_is_that_of_the_whole(asking):
    ask = asking(om.samples.spectrum_image())
    background = {"window": [425.0, 448.0], "model": "power_law"}
    said = {"kind": "window_map", "data": "d1", "window": [455.0, 470.0], "background": background}
    part = ask.values(**said, part=[[2, 7], [5, 20]])
    np.testing.assert_allclose(part, ask.values(**said)[2:7, 5:20], rtol=1e-5)


@pytest.mark.parametrize(
    "part", [5, [], [[0, 4]], [[0, 4], [0, 900]], [[3, 3], [0, 4]], [[0, 1.5], [0, 2]], [[0, 4], 7]]
)
def test_parts_that_are_none_are_refused(asking, part):
    with pytest.raises(DataError, match="a part of an image is"):
        asking(om.samples.surface()).values("reduce", data="d1", target="navigation", part=part)
