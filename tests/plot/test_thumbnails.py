"""Small pictures of anything."""

import io

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from PIL import Image

import omniscopy as om


def picture(data, **options):
    return np.asarray(Image.open(io.BytesIO(om.plot.thumbnail(data, **options))).convert("RGB"))


def test_an_image_keeps_its_sides_and_its_first_row_is_on_top():
    values = np.zeros((20, 40))
    values[:5] = 1.0
    image = xr.DataArray(values, dims=("y", "x"), name="intensity")
    pixels = picture(image, size=80)
    assert pixels.shape == (40, 80, 3)
    assert pixels[:10].min() == 255
    assert pixels[10:].max() == 0


def test_a_curve_rises_from_the_lower_left_to_the_upper_right():
    curve = xr.DataArray(np.arange(50.0), dims="energy_loss")
    pixels = picture(curve, size=96)
    rows, columns = np.nonzero(pixels[4:-4, 4:-4, 0] < 128)
    assert np.corrcoef(rows, columns)[0, 1] < -0.99


def test_points_lie_where_their_coordinates_are():
    points = om.samples.point_cloud()
    pixels = picture(points)
    assert pixels.shape == (96, 96, 3)
    assert (pixels < 250).any()


def test_of_large_data_only_a_part_is_read():
    read = []

    def block(block_info=None):
        read.append(block_info[None]["chunk-location"])
        return np.ones((1, 512, 512), np.float32)

    lazy = da.map_blocks(block, chunks=((1,) * 400, (512,), (512,)), dtype=np.float32)
    pixels = picture(xr.DataArray(lazy, dims=("frame", "y", "x")))
    assert pixels.shape == (96, 96, 3)
    assert len(read) == 4


def test_missing_values_are_coloured_and_the_rest_is_not():
    image = xr.DataArray(np.linspace(0, 1, 64).reshape(8, 8), dims=("y", "x"), name="intensity")
    image[2, 3] = np.nan
    pixels = picture(image, size=64)
    coloured = np.ptp(pixels.astype(int), axis=2) > 20
    assert coloured[16:24, 24:32].all()
    assert coloured.sum() == 64


@pytest.mark.parametrize("name", ["spectrum_image", "diffraction_4d", "atom_positions", "folded"])
def test_samples_of_every_kind_have_a_small_picture(name):
    pixels = picture(getattr(om.samples, name)())
    assert max(pixels.shape[:2]) == 96
    assert pixels.std() > 0


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(om.DataError, match="there is nothing to draw"):
        om.plot.thumbnail(xr.DataArray(["a"], dims="x"))
    with pytest.raises(om.DataError, match="there is nothing to draw"):
        om.plot.thumbnail(xr.DataArray(np.zeros((0, 3)), dims=("y", "x")))
    with pytest.raises(om.DataError, match="size must be from 16 to 1024 pixels, got 5000"):
        om.plot.thumbnail(xr.DataArray(np.zeros((3, 3)), dims=("y", "x")), size=5000)


def test_nothing_but_missing_values_has_a_picture_too():
    assert picture(xr.DataArray(np.full((4, 4), np.nan), dims=("y", "x"))).shape == (96, 96, 3)
    assert picture(xr.DataArray(np.full(9, np.nan), dims="time")).shape[1] == 96


@pytest.mark.parametrize("shape", [(192, 256), (256, 192), (300, 300), (192, 256, 3)])
def test_sides_keep_their_ratio_however_they_are_thinned(shape):
    values = np.arange(np.prod(shape)).reshape(shape) % 251
    dims = ("y", "x", "channel")[: len(shape)]
    picture = Image.open(
        io.BytesIO(om.plot.thumbnail(xr.DataArray(values.astype("u1"), dims=dims), size=112))
    )
    assert picture.size == (round(112 * shape[1] / max(shape)), round(112 * shape[0] / max(shape)))
