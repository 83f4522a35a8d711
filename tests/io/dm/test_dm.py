"""Pixels of DigitalMicrograph files: every type, both byte orders, both versions."""

import pickle
import timeit
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from omniscopy.io.dm.reader import read
from omniscopy.io.records import Channel
from omniscopy.testing.files.dm import (
    COLOUR,
    HALF_TRANSFORM,
    HALF_TRANSFORM_DOUBLE,
    SQUARE_TRANSFORM,
    DmImage,
    gatan_tags,
    pack_colours,
    pack_half_transform,
    pack_square_transform,
    write_dm,
    write_dm3,
    write_dm4,
)

NUMBERS = ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8", "c8", "c16", "?"]
FORMS = [(3, True), (3, False), (4, True), (4, False)]


def values(channel: Channel) -> np.ndarray:
    return channel.data[(slice(None),) * len(channel.data.shape)]


def index_or_slice(size: int) -> st.SearchStrategy[int | slice]:
    bounds = st.tuples(st.integers(0, size), st.integers(0, size), st.integers(1, 3))
    return st.integers(0, size - 1) | bounds.map(lambda three: slice(*three))


def read_one(path: Path, **options) -> Channel:
    (channel,) = read(path, **options).channels
    return channel


@pytest.mark.parametrize(("version", "little_endian"), FORMS)
@pytest.mark.parametrize("dtype", NUMBERS)
def test_every_type_of_number_is_read_exactly(tmp_path, dtype, version, little_endian):
    numbers = np.random.default_rng(1).integers(0, 2, (3, 5)).astype(dtype)
    if dtype != "?":
        numbers = numbers * np.array(93, dtype) + np.arange(5).astype(dtype)
    if dtype.startswith("c"):
        numbers = numbers - 2j * numbers.T[:3, :1]
    numbers = numbers.astype(dtype)
    write_dm(
        tmp_path / "image", [DmImage(data=numbers)], version=version, little_endian=little_endian
    )
    channel = read_one(tmp_path / "image")
    assert channel.data.dtype == np.dtype(dtype)
    assert values(channel).dtype.isnative
    np.testing.assert_array_equal(values(channel), numbers)
    assert [axis.name for axis in channel.axes] == ["y", "x"]


@given(
    numbers=hnp.arrays(
        st.sampled_from(["i2", "u4", "f4", "c16"]), hnp.array_shapes(min_dims=1, max_dims=5)
    ),
    version=st.sampled_from([3, 4]),
    little_endian=st.booleans(),
    data=st.data(),
)
def test_any_shape_and_part_is_read_as_it_was_written(
    tmp_path_factory, numbers, version, little_endian, data
):
    path = tmp_path_factory.mktemp("dm") / "image"
    write_dm(path, [DmImage(data=numbers)], version=version, little_endian=little_endian)
    channel = read_one(path)
    assert channel.data.shape == tuple(axis.size for axis in channel.axes) == numbers.shape
    key = data.draw(st.tuples(*[index_or_slice(size) for size in numbers.shape]))
    np.testing.assert_array_equal(channel.data[key], numbers[key])


@pytest.mark.parametrize(("version", "little_endian"), FORMS)
def test_colours_come_in_the_order_red_green_blue(tmp_path, version, little_endian):
    colours = np.random.default_rng(2).integers(0, 256, (4, 3, 3), dtype=np.uint8)
    colours[0, 0] = 255, 128, 1
    image = DmImage(data=pack_colours(colours), data_type=COLOUR)
    write_dm(tmp_path / "rgb", [image], version=version, little_endian=little_endian)
    channel = read_one(tmp_path / "rgb")
    assert [axis.name for axis in channel.axes] == ["y", "x", "channel"]
    assert list(channel.axes[-1].coordinate()) == ["red", "green", "blue"]
    assert channel.data.dtype == np.uint8
    np.testing.assert_array_equal(values(channel), colours)
    np.testing.assert_array_equal(channel.data[0, slice(None), 2], colours[0, :, 2])
    assert channel.data[0, 0, 0] == 255


@pytest.mark.parametrize("shape", [(5, 5), (6, 6), (4, 7), (7, 4), (1, 3), (3, 1), (2, 2)])
@pytest.mark.parametrize(
    ("data_type", "dtype"),
    [(HALF_TRANSFORM, np.complex64), (HALF_TRANSFORM_DOUBLE, np.complex128)],
)
def test_half_a_transform_is_completed(tmp_path, shape, data_type, dtype):
    picture = np.random.default_rng(3).normal(size=shape)
    image = DmImage(
        data=pack_half_transform(picture, dtype),
        data_type=data_type,
        dimensions=shape[::-1],
        calibrations=[(size / 2, 0.25, "1/nm") for size in shape[::-1]],
    )
    write_dm4(tmp_path / "fft.dm4", image)
    channel = read_one(tmp_path / "fft.dm4")
    expected = np.fft.fftshift(np.fft.fft2(picture))
    assert channel.data.dtype == dtype
    np.testing.assert_allclose(values(channel), expected, atol=1e-5)
    np.testing.assert_array_equal(channel.data[-1, slice(0, 2)], values(channel)[-1, :2])
    assert [(axis.name, axis.units) for axis in channel.axes] == [("ky", "1/nm"), ("kx", "1/nm")]


def test_the_middle_of_a_transform_is_at_zero(tmp_path):
    # DigitalMicrograph 3.5 writes the origin 2.5 for 5 pixels and 3.5 for 6.
    for size in (5, 6):
        image = DmImage(
            data=pack_half_transform(np.ones((size, size))),
            data_type=HALF_TRANSFORM,
            dimensions=(size, size),
            calibrations=[(size // 2 + 0.5, 0.25, "1/nm")] * 2,
        )
        write_dm4(tmp_path / "fft.dm4", image)
        channel = read_one(tmp_path / "fft.dm4")
        brightest = np.unravel_index(np.argmax(abs(values(channel))), (size, size))
        for axis, index in zip(channel.axes, brightest, strict=True):
            assert axis.coordinate()[index] == 0


@pytest.mark.parametrize("size", [2, 4, 6, 16])
def test_a_packed_square_transform_is_completed(tmp_path, size):
    picture = np.random.default_rng(4).normal(size=(size, size))
    image = DmImage(data=pack_square_transform(picture), data_type=SQUARE_TRANSFORM)
    write_dm3(tmp_path / "fft.dm3", image)
    channel = read_one(tmp_path / "fft.dm3")
    assert channel.data.dtype == np.complex64
    np.testing.assert_allclose(
        values(channel), np.fft.fftshift(np.fft.fft2(picture)), rtol=1e-5, atol=1e-4
    )


def test_a_binary_pixel_other_than_one_is_true(tmp_path):
    image = DmImage(data=np.array([0, 1, 2, 255], np.uint8), data_type=14)
    write_dm4(tmp_path / "mask.dm4", image)
    np.testing.assert_array_equal(
        values(read_one(tmp_path / "mask.dm4")), [False, True, True, True]
    )


def test_several_images_are_several_channels_and_the_thumbnail_is_none(tmp_path):
    images = [DmImage(data=np.full((2, 3), n, np.float32), name=f"image {n}") for n in range(3)]
    for thumbnail in (True, False):
        write_dm4(tmp_path / "many.dm4", *images, thumbnail=thumbnail)
        channels = read(tmp_path / "many.dm4").channels
        assert [channel.title for channel in channels] == ["image 0", "image 1", "image 2"]
        assert [values(channel)[0, 0] for channel in channels] == [0, 1, 2]


def test_a_colour_image_alone_is_no_thumbnail(tmp_path):
    colours = pack_colours(np.zeros((2, 2, 3), np.uint8))
    write_dm4(tmp_path / "rgb.dm4", DmImage(data=colours, data_type=COLOUR), thumbnail=False)
    assert read_one(tmp_path / "rgb.dm4").data.shape == (2, 2, 3)


def test_an_image_without_a_name_is_called_after_its_file(tmp_path):
    write_dm4(tmp_path / "gold on carbon.dm4", DmImage(data=np.zeros((2, 2))))
    assert read_one(tmp_path / "gold on carbon.dm4").title == "gold on carbon"


def test_values_are_in_the_units_of_the_brightness(tmp_path):
    image = DmImage(data=np.zeros((2, 2)), brightness=(0, 1, "Counts"))
    write_dm4(tmp_path / "a.dm4", image)
    channel = read_one(tmp_path / "a.dm4")
    assert (channel.quantity, channel.units) == ("intensity", "counts")
    assert "intensity_calibration" not in channel.attrs


def test_a_calibration_of_the_values_is_told_and_not_applied(tmp_path):
    image = DmImage(data=np.array([[10, 20]], np.int16), brightness=(4, 0.5, "e-"))
    write_dm4(tmp_path / "a.dm4", image)
    channel = read_one(tmp_path / "a.dm4")
    np.testing.assert_array_equal(values(channel), [[10, 20]])
    assert channel.data.dtype == np.int16
    assert channel.units is None
    told = channel.attrs["intensity_calibration"]
    assert told == {"scale": 0.5, "offset": -2.0, "units": "electrons"}
    np.testing.assert_array_equal(told["offset"] + told["scale"] * values(channel), [[3, 8]])


def test_handles_can_be_pickled(tmp_path):
    picture = np.random.default_rng(5).normal(size=(4, 4))
    images = [
        DmImage(data=picture),
        DmImage(data=picture > 0),
        DmImage(data=pack_colours(np.zeros((4, 4, 3), np.uint8)), data_type=COLOUR),
        DmImage(data=pack_square_transform(picture), data_type=SQUARE_TRANSFORM),
        DmImage(data=pack_half_transform(picture), data_type=HALF_TRANSFORM, dimensions=(4, 4)),
        DmImage(data=np.zeros((3, 2, 4)), calibrations=[(0, 1, "nm"), (0, 1, "nm"), (0, 1, "eV")]),
    ]
    write_dm4(tmp_path / "all.dm4", *images)
    for channel in read(tmp_path / "all.dm4").channels:
        again = pickle.loads(pickle.dumps(channel.data))
        everything = (slice(None),) * len(again.shape)
        np.testing.assert_array_equal(again[everything], channel.data[everything])


def test_one_spectrum_of_a_large_map_is_read_without_the_rest(tmp_path, monkeypatch):
    shape = (64, 40, 30)
    data = np.arange(np.prod(shape), dtype=np.int32).reshape(shape)
    image = DmImage(
        data=data, calibrations=[(0, 1, "nm"), (0, 1, "nm"), (0, 1, "eV")], tags=gatan_tags()
    )
    write_dm4(tmp_path / "map.dm4", image)
    channel = read_one(tmp_path / "map.dm4")
    copied = []
    original = np.array

    def count(values, *args, **kwargs):
        copied.append(np.size(values))
        return original(values, *args, **kwargs)

    monkeypatch.setattr(np, "array", count)
    spectrum = channel.data[7, 11, slice(None)]
    np.testing.assert_array_equal(spectrum, data[:, 7, 11])
    assert max(copied) == 64


def test_opening_costs_the_same_for_a_large_file(tmp_path):
    for name, rows in (("small", 4), ("large", 4000)):
        image = DmImage(data=np.zeros((rows, 1000), np.float32), tags=gatan_tags())
        write_dm4(tmp_path / name, image)

    def fastest(name: str) -> float:
        return min(timeit.repeat(lambda: read(tmp_path / name), number=1, repeat=20))

    assert fastest("large") < 3 * fastest("small")


def test_the_file_is_not_changed(tmp_path):
    write_dm4(tmp_path / "a.dm4", DmImage(data=np.zeros((2, 2)), tags=gatan_tags()))
    before = (tmp_path / "a.dm4").read_bytes()
    (tmp_path / "a.dm4").chmod(0o444)
    values(read_one(tmp_path / "a.dm4"))
    assert (tmp_path / "a.dm4").read_bytes() == before
