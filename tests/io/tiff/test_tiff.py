"""TIFF: pixels however they are stored, axes, colours, partial files and damage."""

import importlib.util
import pickle
import zlib

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from omniscopy.io.errors import FormatError, MissingDependencyError, UnsupportedFormatError
from omniscopy.io.identification import identify
from omniscopy.io.tiff import arrays
from omniscopy.io.tiff.arrays import Pages
from omniscopy.io.tiff.reader import read
from omniscopy.testing.files.tiff import write_tiff


def values_of(channel):
    return channel.data[tuple(slice(None) for _ in channel.data.shape)]


def sample(shape=(3, 20, 33), dtype="uint16"):
    return (np.arange(np.prod(shape)) * 7).reshape(shape).astype(dtype)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize(
    "dtype",
    ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "float16", "float32",
     "float64", "complex64"],
)  # fmt: skip
def test_every_kind_of_number_is_read_exactly(tmp_path, dtype, byteorder):
    data = sample(dtype=dtype)
    path = write_tiff(tmp_path / "a.tif", data, byteorder=byteorder, photometric="minisblack")
    (channel,) = read(path).channels
    values = values_of(channel)
    assert values.dtype == np.dtype(dtype)
    assert values.dtype.isnative
    np.testing.assert_array_equal(values, data)
    assert [(a.name, a.size, a.units) for a in channel.axes] == [
        ("frame", 3, None),
        ("y", 20, None),
        ("x", 33, None),
    ]
    assert (channel.title, channel.quantity) == ("a", "intensity")


STORED = {
    "in one piece": {},
    "in strips": {"rowsperstrip": 3},
    "deflated": {"compression": "zlib", "rowsperstrip": 7},
    "deflated with differences": {"compression": "zlib", "predictor": 2},
    "as lzma": {"compression": "lzma"},
    "in tiles": {"tile": (16, 16)},
    "in deflated tiles": {"tile": (16, 32), "compression": "zlib"},
    "as BigTIFF": {"bigtiff": True, "compression": "zlib"},
}


@pytest.mark.parametrize("how", STORED)
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_pixels_are_the_same_however_they_are_stored(tmp_path, how, byteorder):
    options = {"photometric": "minisblack", "byteorder": byteorder, **STORED[how]}
    (channel,) = read(write_tiff(tmp_path / "a.tif", sample(), **options)).channels
    np.testing.assert_array_equal(values_of(channel), sample())
    np.testing.assert_array_equal(channel.data[1:, 5:19:3, 17], sample()[1:, 5:19:3, 17])
    np.testing.assert_array_equal(channel.data[2, 19], sample()[2, 19])
    assert channel.data[1, 0, 32] == sample()[1, 0, 32]
    assert channel.data[0:0, 1:1].shape == (0, 0, 33)
    assert channel.data[1, 4:4].shape == (0, 33)


@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    rows=st.slices(40).filter(lambda s: (s.step or 1) > 0),
    columns=st.slices(40).filter(lambda s: (s.step or 1) > 0),
    stored=st.sampled_from([{"tile": (16, 16)}, {"rowsperstrip": 4}]),
)
def test_any_window_is_that_of_the_whole(tmp_path_factory, shape, rows, columns, stored):
    data = sample(shape)
    path = tmp_path_factory.mktemp("tiff") / "a.tif"
    write_tiff(path, data, photometric="minisblack", compression="zlib", **stored)
    (channel,) = read(path).channels
    np.testing.assert_array_equal(channel.data[rows, columns], data[rows, columns])


def test_pages_that_do_not_touch_are_decoded_one_by_one(tmp_path, monkeypatch):
    path = write_tiff(tmp_path / "a.tif", sample(), photometric="minisblack", compression="zlib")
    (channel,) = read(path).channels
    asked = []
    original = arrays.page_at
    monkeypatch.setattr(arrays, "page_at", lambda f, p: asked.append(p) or original(f, p))
    np.testing.assert_array_equal(channel.data[1], sample()[1])
    assert asked == [channel.data.places[1]]


def test_only_the_strips_that_are_asked_for_are_decoded(tmp_path, monkeypatch):
    path = write_tiff(
        tmp_path / "a.tif",
        sample((20, 33)),
        photometric="minisblack",
        compression="zlib",
        rowsperstrip=2,
    )
    (channel,) = read(path).channels
    asked = []
    original = Pages._decoded
    monkeypatch.setattr(
        Pages, "_decoded", lambda s, f, p, n: asked.append(n) or original(s, f, p, n)
    )
    np.testing.assert_array_equal(channel.data[5:9, 3], sample((20, 33))[5:9, 3])
    assert asked == [2, 3, 4]


@pytest.mark.parametrize("planarconfig", ["contig", "separate"])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("samples", [3, 4])
def test_colours_are_the_last_dimension(tmp_path, planarconfig, compression, samples):
    data = sample((5, 7, samples), "uint8")
    stored = data if planarconfig == "contig" else np.moveaxis(data, -1, 0)
    path = write_tiff(
        tmp_path / "a.tif",
        stored,
        photometric="rgb",
        planarconfig=planarconfig,
        compression=compression,
        extrasamples=["unassalpha"] if samples == 4 else None,
    )
    (channel,) = read(path).channels
    np.testing.assert_array_equal(values_of(channel), data)
    assert [a.name for a in channel.axes] == ["y", "x", "channel"]
    colours = ["red", "green", "blue", "alpha"][:samples]
    assert channel.axes[2].coordinate().tolist() == colours
    assert channel.data[4, 6, 2] == data[4, 6, 2]


def test_samples_that_are_no_colours_are_channels(tmp_path):
    data = sample((2, 5, 7))
    path = write_tiff(tmp_path / "a.tif", data, photometric="minisblack", planarconfig="separate")
    channels = read(path).channels
    assert [c.title for c in channels] == ["channel 1", "channel 2"]
    np.testing.assert_array_equal(values_of(channels[1]), data[1])


def test_pages_of_other_shapes_are_other_channels(tmp_path):
    pages = [sample((5, 7)), sample((9, 4), "float32")]
    channels = read(write_tiff(tmp_path / "a.tif", pages, photometric="minisblack")).channels
    assert [c.title for c in channels] == ["a 1", "a 2"]
    for channel, page in zip(channels, pages, strict=True):
        np.testing.assert_array_equal(values_of(channel), page)


def test_reduced_copies_are_listed_and_not_read(tmp_path):
    pages = [sample((8, 8)), sample((4, 4))]
    path = write_tiff(tmp_path / "a.tif", pages, photometric="minisblack", subfiletype=[0, 1])
    measurement = read(path)
    assert [c.data.shape for c in measurement.channels] == [(8, 8)]
    assert measurement.attrs["not_read"] == ["page 1: (4, 4)"]


def test_a_reduced_image_alone_is_read(tmp_path):
    path = write_tiff(tmp_path / "a.tif", sample((4, 4)), photometric="minisblack", subfiletype=1)
    assert read(path).channels[0].data.shape == (4, 4)


@pytest.mark.parametrize(
    ("orientation", "turned"),
    [(1, np.s_[:, :]), (2, np.s_[:, ::-1]), (3, np.s_[::-1, ::-1]), (4, np.s_[::-1, :])],
)
def test_row_0_is_the_top_whatever_the_orientation(tmp_path, orientation, turned):
    tags = [(274, 3, 1, orientation, True)]
    path = write_tiff(tmp_path / "a.tif", sample((5, 7)), photometric="minisblack", extratags=tags)
    np.testing.assert_array_equal(values_of(read(path).channels[0]), sample((5, 7))[turned])


def test_bits_and_bools_are_read(tmp_path):
    data = np.random.default_rng(1).random((6, 11)) > 0.5
    path = write_tiff(tmp_path / "a.tif", data, photometric="minisblack", compression="zlib")
    np.testing.assert_array_equal(values_of(read(path).channels[0]), data)


def test_tiff_files_are_known_by_their_first_bytes(tmp_path):
    for number, options in enumerate([{}, {"byteorder": ">"}, {"bigtiff": True}]):
        path = write_tiff(tmp_path / f"{number}.bin", sample((4, 4)), **options)
        assert identify(path) == "tiff"


def test_handles_survive_pickling(tmp_path):
    for compression in (None, "zlib"):
        path = write_tiff(
            tmp_path / "a.tif", sample(), photometric="minisblack", compression=compression
        )
        again = pickle.loads(pickle.dumps(read(path).channels[0].data))
        np.testing.assert_array_equal(again[:, :, :], sample())


@pytest.mark.skipif(
    importlib.util.find_spec("imagecodecs") is not None, reason="imagecodecs is installed"
)
def test_what_needs_another_package_says_so_when_it_is_read(tmp_path):
    path = tmp_path / "a.tif"
    write_tiff(path, sample((6, 5)), photometric="minisblack", rowsperstrip=2)
    content = path.read_bytes()
    plain, lzw = (b"\x03\x01\x03\x00\x01\x00\x00\x00" + bytes([n]) for n in (1, 5))
    assert content.count(plain) == 1
    path.write_bytes(content.replace(plain, lzw))
    (channel,) = read(path).channels
    assert channel.data.shape == (6, 5)
    with pytest.raises(MissingDependencyError, match=r"omniscopy\[codecs\]"):
        values_of(channel)


def write_with_the_directory_first(path, data, cut):
    """Write strips after the directory, as cameras do, and cut some of the last."""
    write_tiff(path, data, photometric="minisblack", rowsperstrip=4, compression="zlib")
    path.write_bytes(path.read_bytes()[:-cut])
    return path


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_a_file_cut_short_is_refused_or_read_when_asked(tmp_path, dtype):
    data = sample((12, 9), dtype)
    path = write_with_the_directory_first(tmp_path / "cut.tif", data, 3)
    with pytest.raises(FormatError, match=r"cut\.tif .*1 of 3 strips or tiles are not in the file"):
        read(path)
    (channel,) = read(path, partial=True).channels
    values = values_of(channel)
    assert values.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(values[:8], data[:8])
    np.testing.assert_array_equal(values[8:], np.nan if dtype == "float32" else 0)
    assert channel.attrs["incomplete"]["missing_from"] == {"page": 0}


def test_a_file_that_is_cut_after_it_was_opened_is_an_error(tmp_path):
    path = write_with_the_directory_first(tmp_path / "a.tif", sample((12, 9)), 1)
    (channel,) = read(path, partial=True).channels
    whole = Pages(**{**channel.data.__dict__, "fill": None})
    with pytest.raises(FormatError, match="are not in the file"):
        whole[0, 0]


def test_a_size_that_the_bytes_cannot_hold_is_refused(tmp_path):
    path = tmp_path / "big.tif"
    for compression in (None, "zlib"):
        write_tiff(path, sample((16, 16)), photometric="minisblack", compression=compression)
        with tifffile.TiffFile(path, mode="r+") as file:
            tags = file.pages[0].tags
            for name in ("ImageLength", "RowsPerStrip", "ImageWidth"):
                tags[name].overwrite(60000)
        for partial in (False, True):
            with pytest.raises(FormatError, match=r"big\.tif at byte .*cannot hold them"):
                read(path, partial=partial)


def test_a_segment_that_inflates_without_end_is_refused(tmp_path):
    path = tmp_path / "bomb.tif"
    noise = np.random.default_rng(1).integers(0, 255, (400, 400), dtype=np.uint8)
    write_tiff(path, noise, photometric="minisblack", compression="zlib")
    content = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        at, count = file.pages[0].dataoffsets[0], file.pages[0].databytecounts[0]
    bomb = zlib.compress(bytes(count * 1000), 9)
    assert len(bomb) <= count
    content[at : at + len(bomb)] = bomb
    path.write_bytes(content)
    (channel,) = read(path).channels
    with pytest.raises(FormatError, match="larger than the 160000 bytes it stands for"):
        values_of(channel)


def test_numbers_of_a_kind_not_known_are_refused(tmp_path):
    path = write_tiff(tmp_path / "odd.tif", sample((4, 4)), photometric="minisblack")
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages[0].tags["BitsPerSample"].overwrite(129)
    with pytest.raises(UnsupportedFormatError, match=r"odd\.tif .*129 bits"):
        read(path)


@pytest.mark.parametrize(
    "content", [b"", b"II*\0", b"II*\0" + bytes(100), b"II*\0\xff\xff\xff\xff", b"x" * 3000]
)
def test_empty_and_foreign_files_are_refused(tmp_path, content):
    path = tmp_path / "foreign.tif"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=r"foreign\.tif"):
        read(path)


@pytest.mark.parametrize(
    "options",
    [{"compression": "zlib", "rowsperstrip": 5}, {"tile": (16, 16)}, {"imagej": True}],
    ids=["strips", "tiles", "imagej"],
)
def test_damage_gives_an_error_of_ours_or_data_of_the_size_of_the_file(tmp_path, options):
    path = tmp_path / "a.tif"
    write_tiff(path, sample(), photometric="minisblack", **options)
    whole = path.read_bytes()
    rng = np.random.default_rng(5)
    copies = [whole[:length] for length in range(0, len(whole), 512)]
    for _ in range(150):
        copy = bytearray(whole)
        for at in np.append(rng.integers(0, 400, 2), rng.integers(0, len(whole), 2)):
            copy[at] ^= 1 << int(rng.integers(8))
        copies.append(bytes(copy))
    for content in copies:
        path.write_bytes(content)
        for partial in (False, True):
            try:
                channels = read(path, partial=partial).channels
                loaded = [values_of(channel) for channel in channels]
            except (FormatError, MissingDependencyError):
                continue
            assert sum(one.nbytes for one in loaded) <= 2000 * len(whole)
