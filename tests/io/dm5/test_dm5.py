"""DM5: the images and tags of DigitalMicrograph in HDF5. No real file of it is at hand."""

import h5py
import numpy as np
import pytest

import omniscopy as om
from omniscopy import io
from omniscopy.io.dm5.reader import read
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.testing.files.dm import (
    COLOUR,
    DmImage,
    gatan_tags,
    pack_colours,
    write_dm4,
    write_dm5,
)

NUMBERS = np.random.default_rng(5).integers(0, 100, (8, 3, 4)).astype(np.float32)
LOSSES = DmImage(
    data=NUMBERS,
    name="EELS map",
    calibrations=[(10.0, 0.5, "nm"), (-3.0, 0.25, "nm"), (-200.0, 0.25, "eV")],
    brightness=(0.0, 1.0, "counts"),
    tags=gatan_tags(),
)


def only(path):
    (channel,) = read(path).channels
    return channel


def values(channel):
    return channel.data[(slice(None),) * len(channel.data.shape)]


@pytest.mark.parametrize("name", ["a.dm5", "renamed.h5", "none"])
def test_a_file_is_known_by_what_is_in_it(tmp_path, name):
    assert io.identify(write_dm5(tmp_path / name, LOSSES)) == "dm5"


def test_an_image_is_what_it_is_in_a_file_of_version_4(tmp_path):
    write_dm4(tmp_path / "a.dm4", LOSSES)
    four, five = om.open(tmp_path / "a.dm4"), om.open(write_dm5(tmp_path / "a.dm5", LOSSES))
    assert list(five.children) == ["EELS_map"]
    expected, found = (tree["EELS_map/signal"] for tree in (four, five))
    assert found.dims == ("y", "x", "energy_loss")
    np.testing.assert_array_equal(found, np.moveaxis(NUMBERS, 0, -1))
    for dim in found.dims:
        np.testing.assert_array_equal(found[dim], expected[dim])
        assert found[dim].attrs == expected[dim].attrs
    for name in ("units", "modality", "metadata", "quantity"):
        assert found.attrs[name] == expected.attrs[name]
    original = found.attrs["original_metadata"]
    assert original["ImageTags"]["Microscope Info"]["Voltage"] == 200e3
    assert original["ImageData"]["Dimensions"] == {"0": 4, "1": 3, "2": 8}
    np.testing.assert_array_equal(found[1, ::2, 2:5], expected[1, ::2, 2:5])


@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2", "i4", "u4", "f4", "f8", "c8", "c16"])
@pytest.mark.parametrize("shape", [(7,), (3, 4), (2, 3, 4), (2, 3, 4, 5)])
def test_numbers_of_every_type_and_shape_are_read(tmp_path, dtype, shape):
    numbers = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    channel = only(write_dm5(tmp_path / "a.dm5", DmImage(data=numbers)))
    assert channel.data.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(values(channel), numbers)


def test_truth_values_are_read(tmp_path):
    bits = np.array([[True, False, True], [False, True, True]])
    image = DmImage(data=bits.astype("u1"), data_type=14)
    channel = only(write_dm5(tmp_path / "a.dm5", image))
    assert channel.data.dtype == np.dtype(bool)
    np.testing.assert_array_equal(values(channel), bits)


def test_colours_come_in_the_order_red_green_blue(tmp_path):
    colours = np.random.default_rng(2).integers(0, 256, (4, 3, 3), dtype=np.uint8)
    image = DmImage(data=pack_colours(colours), data_type=COLOUR)
    channel = only(write_dm5(tmp_path / "a.dm5", image))
    assert [axis.name for axis in channel.axes] == ["y", "x", "channel"]
    np.testing.assert_array_equal(values(channel), colours)
    np.testing.assert_array_equal(channel.data[0, slice(None), 2], colours[0, :, 2])
    assert channel.data[1, 2, 0] == colours[1, 2, 0]


def test_images_are_in_the_order_of_their_numbers_without_the_thumbnail(tmp_path):
    images = [DmImage(data=np.full((2, 2), n, "i2"), name=f"image {n}") for n in range(12)]
    channels = read(write_dm5(tmp_path / "a.dm5", *images)).channels
    assert [channel.title for channel in channels] == [f"image {n}" for n in range(12)]
    assert [int(values(channel)[0, 0]) for channel in channels] == list(range(12))


def test_dimensions_are_in_the_order_of_their_numbers(tmp_path):
    path = write_dm5(tmp_path / "a.dm5", LOSSES)
    with h5py.File(path, "r") as file:
        assert list(file["ImageList/[1]/ImageData/Dimensions"].attrs) == ["[0]", "[1]", "[2]"]
    assert [axis.size for axis in only(path).axes] == [3, 4, 8]


def test_a_file_of_few_tags_is_read(tmp_path):
    # As other programs write them.
    with h5py.File(tmp_path / "a.dm5", "w") as file:
        group = file.create_group("ImageList/[0]/ImageData")
        group["Data"] = NUMBERS
        group.attrs["DataType"] = 2
        group.create_group("Dimensions").attrs.update({"[0]": 4, "[1]": 3, "[2]": 8})
    channel = only(tmp_path / "a.dm5")
    assert (channel.title, channel.data.shape) == ("a", (8, 3, 4))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"DataType": 27}, UnsupportedFormatError, "DataType 27"),
        ({"DataType": 1}, FormatError, "stored as"),
        ({"[0]": 5}, FormatError, r"\[8, 3, 5\], but the pixels are \[8, 3, 4\]"),
        ({"[0]": -5}, FormatError, "the dimensions of the image are"),
    ],
)
def test_contradictions_are_named(tmp_path, change, error, message):
    path = write_dm5(tmp_path / "a.dm5", LOSSES)
    with h5py.File(path, "r+") as file:
        data = file["ImageList/[1]/ImageData"]
        ((name, value),) = change.items()
        (data if name == "DataType" else data["Dimensions"]).attrs[name] = value
    with pytest.raises(error, match=message):
        read(path)


def test_groups_that_hold_themselves_do_not_stop_the_image(tmp_path):
    path = write_dm5(tmp_path / "a.dm5", LOSSES)
    with h5py.File(path, "r+") as file:
        file["ImageList/[1]/ImageTags/again"] = file["ImageList"]
    np.testing.assert_array_equal(values(only(path)), np.moveaxis(NUMBERS, 0, -1))
