"""MRC files that are written: what other programs find in them, and what comes back."""

import struct

import dask.array as da
import numpy as np
import pytest
import xarray as xr

import omniscopy as om
from omniscopy.io.errors import UnsupportedFormatError
from omniscopy.io.mrc.reader import read

rng = np.random.default_rng(0)


def image(shape, dims, dtype="f4", **units):
    values = (100 * rng.normal(size=shape)).astype(dtype)
    coords = {
        dim: (dim, 1.0 + 0.5 * np.arange(n), {"units": units.get(dim, "nm")})
        for dim, n in zip(dims, shape, strict=True)
    }
    return xr.DataArray(values, dims=dims, coords=coords, name="picture")


@pytest.mark.parametrize("dtype", ["i1", "i2", "u2", "f2", "f4", "c8"])
@pytest.mark.parametrize(
    "dims",
    [("y", "x"), ("frame", "y", "x"), ("z", "y", "x"), ("frame", "z", "y", "x"),
     ("y", "x", "ky", "kx")],
)  # fmt: skip
def test_what_is_saved_comes_back(tmp_path, dtype, dims):
    data = image((2, 3, 4, 5)[-len(dims) :], dims, dtype, ky="1/nm", kx="1/nm", frame="s")
    back = om.open_signal(om.save(data.chunk(2), tmp_path / "a.mrc"))
    xr.testing.assert_equal(back, data)
    assert all(back[dim].attrs["units"] == data[dim].attrs["units"] for dim in dims)
    assert back.dtype == data.dtype
    assert isinstance(back.data, da.Array)
    assert om.history(back)


def test_bytes_and_truth_values_are_widened(tmp_path):
    for dtype, wanted in (("u1", "u2"), ("?", "i1")):
        data = xr.DataArray(rng.integers(0, 2, (3, 4)).astype(dtype), dims=("y", "x"))
        back = om.open_signal(om.save(data, tmp_path / f"{wanted}.mrc"))
        assert back.dtype == wanted
        np.testing.assert_array_equal(back, data)


def test_the_header_has_cell_origin_and_statistics(tmp_path):
    data = image((2, 3, 4), ("z", "y", "x"))
    data.values[0, 0, 0] = np.nan
    content = om.save(data, tmp_path / "a.mrc").read_bytes()
    assert struct.unpack_from("<4i", content) == (4, 3, 2, 2)
    assert struct.unpack_from("<3i", content, 28) == (4, 3, 2)
    np.testing.assert_allclose(struct.unpack_from("<3f", content, 40), [20, 15, 10])
    assert struct.unpack_from("<3f", content, 52) == (90, 90, 90)
    assert struct.unpack_from("<3i", content, 64) == (1, 2, 3)
    expected = [float(f(data)) for f in (np.nanmin, np.nanmax, np.nanmean)]
    np.testing.assert_allclose(struct.unpack_from("<3f", content, 76), expected, rtol=1e-5)
    np.testing.assert_allclose(struct.unpack_from("<f", content, 216)[0], np.nanstd(data), 1e-4)
    assert struct.unpack_from("<i", content, 88) == (1,)
    assert struct.unpack_from("<3f", content, 196) == (10, 10, 10)
    assert content[208:216] == b"MAP \x44\x44\0\0"
    extended = struct.unpack_from("<i", content, 92)[0]
    np.testing.assert_array_equal(
        np.frombuffer(content, "<f4", offset=1024 + extended), data.values.ravel()
    )


@pytest.mark.parametrize(
    ("dims", "group", "depth"),
    [(("frame", "y", "x"), 0, 1), (("z", "y", "x"), 1, 3), (("frame", "z", "y", "x"), 401, 3)],
)
def test_stacks_and_volumes_are_told_apart(tmp_path, dims, group, depth):
    data = image((2, 3, 4, 5)[-len(dims) :], dims)
    content = om.save(data, tmp_path / "a.mrc").read_bytes()
    assert struct.unpack_from("<i", content, 88) == (group,)
    assert struct.unpack_from("<i", content, 36) == (depth,)


def test_without_our_note_the_file_is_read_as_any_other(tmp_path):
    data = image((3, 4, 5), ("z", "y", "x"))
    path = om.save(data, tmp_path / "a.mrc")
    content = bytearray(path.read_bytes())
    content[1024:1030] = b"\xff" * 6
    path.write_bytes(content)
    (channel,) = read(path).channels
    assert [axis.name for axis in channel.axes] == ["z", "y", "x"]
    np.testing.assert_allclose(channel.axes[2].coordinate(), 10 + 5 * np.arange(5))
    assert channel.axes[0].units == "Å"
    np.testing.assert_array_equal(channel.data[:, :, :], data)


def test_patterns_of_a_scan_are_no_lengths(tmp_path):
    data = image((2, 2, 4, 5), ("y", "x", "ky", "kx"), ky="1/nm", kx="mrad")
    content = om.save(data, tmp_path / "a.mrc").read_bytes()
    assert struct.unpack_from("<3i", content) == (5, 4, 4)
    assert struct.unpack_from("<3f", content, 40) == (0, 0, 0)


@pytest.mark.parametrize(
    ("dtype", "instead"), [("f8", "float32"), ("c16", "complex64"), ("i4", "float32")]
)
def test_types_that_would_lose_digits_are_refused(tmp_path, dtype, instead):
    data = image((3, 4), ("y", "x"), dtype)
    with pytest.raises(om.DataError, match=rf"convert them with `\.astype\('{instead}'\)`"):
        om.save(data, tmp_path / "a.mrc")
    assert not list(tmp_path.iterdir())


def test_uneven_lengths_and_lines_are_refused(tmp_path):
    data = image((3, 4), ("y", "x"))
    uneven = data.assign_coords(x=("x", [0.0, 1, 2, 9], {"units": "nm"}))
    with pytest.raises(UnsupportedFormatError, match="even grid"):
        om.save(uneven, tmp_path / "a.mrc")
    with pytest.raises(UnsupportedFormatError, match="2 or 3 or 4 dimensions"):
        om.save(data[0], tmp_path / "a.mrc")


def test_a_descending_row_comes_back_and_has_a_positive_cell(tmp_path):
    data = image((3, 4), ("y", "x"))
    turned = data.assign_coords(y=("y", [3.0, 2, 1], {"units": "Å"}))
    path = om.save(turned, tmp_path / "a.mrc")
    np.testing.assert_array_equal(om.open_signal(path)["y"], [3, 2, 1])
    content = path.read_bytes()
    assert struct.unpack_from("<f", content, 44) == (3,)
    assert struct.unpack_from("<f", content, 200) == (1,)
