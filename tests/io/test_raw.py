"""Plain binary data are opened as the user describes them."""

import tracemalloc

import numpy as np
import pytest
import xarray as xr

import omniscopy as om
from omniscopy.io.errors import FormatError
from omniscopy.io.saving import from_tree
from omniscopy.model.errors import DataError


@pytest.fixture
def scan(tmp_path):
    values = np.arange(24, dtype=">u2").reshape(2, 3, 4)
    path = tmp_path / "my scan.raw"
    path.write_bytes(b"head" + values.tobytes() + b"tail")
    return path, values


def opened(path, **options):
    return om.io.open_raw(path, (2, 3, 4), "uint16", 4, ">", **options)


def test_values_axes_and_units_are_as_described(scan):
    path, values = scan
    coords = {"x": {"scale": 0.5, "offset": 1.0, "units": "nm"}, "frame": [3.0, 7.0]}
    data = opened(
        path, dims=("frame", "y", "x"), units="counts", quantity="intensity", coords=coords
    )
    assert data.name == "my_scan"
    assert data.dims == ("frame", "y", "x")
    assert data.dtype == np.uint16
    assert data.chunks is not None
    np.testing.assert_array_equal(data.values, values)
    assert data.x.values.tolist() == [1.0, 1.5, 2.0, 2.5]
    assert data.x.attrs["units"] == "nm"
    assert data.frame.values.tolist() == [3.0, 7.0]
    assert data.attrs["units"] == "counts"
    assert data.attrs["quantity"] == "intensity"
    assert data.attrs["signal_type"] == "image_stack"


def test_dimensions_without_names_are_numbered(scan):
    assert opened(scan[0]).dims == ("dim_0", "dim_1", "dim_2")


def test_the_byte_order_matters(scan):
    assert om.io.open_raw(scan[0], (24,), "uint16", 4).values[1] == 256


@pytest.mark.parametrize("byte_order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["u1", "i2", "u4", "f4", "f8", "c8", "?"])
def test_any_type_is_read_at_any_offset_in_both_byte_orders(tmp_path, dtype, byte_order):
    values = np.arange(24).reshape(4, 6).astype(dtype)
    path = tmp_path / "a.raw"
    stored = values.astype(values.dtype.newbyteorder(byte_order))
    path.write_bytes(b"x" * 7 + stored.tobytes())
    data = om.io.open_raw(path, (4, 6), dtype, 7, byte_order)
    assert data.dtype == values.dtype
    assert data.dtype.isnative
    np.testing.assert_array_equal(data, values)
    np.testing.assert_array_equal(data[1:3, ::2], values[1:3, ::2])


@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_a_file_larger_than_memory_is_mapped(tmp_path, byte_order):
    path = tmp_path / "large.raw"
    shape, offset = (1 << 10, 1 << 10, 1 << 8, 1 << 8), 5
    item = np.dtype("u2").newbyteorder(byte_order)
    with path.open("wb") as file:
        file.truncate(offset + 2 * np.prod(shape, dtype=np.int64))  # 128 GB of holes
        file.seek(offset + 2 * int(np.ravel_multi_index((7, 9, 11, 13), shape)))
        file.write(np.array(4711, item).tobytes())
    om.io.open_raw(path, (1,), "u1")  # what is imported counts for nothing
    tracemalloc.start()
    data = om.io.open_raw(path, shape, "u2", offset, byte_order)
    part = data[7, 9, 10:13].values
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert part[1, 13] == 4711
    assert part.sum() == 4711
    assert peak < 64 * 2**20


def test_the_file_is_never_written_to(scan):
    path, values = scan
    content = path.read_bytes()
    data = opened(path).load()
    data[:] = 0
    assert path.read_bytes() == content
    np.testing.assert_array_equal(opened(path), values)


def test_it_can_be_replayed(scan, tmp_path):
    data = opened(scan[0], dims=("frame", "y", "x"), coords={"y": np.array([1.0, 2.0, 4.0])})
    again = om.replay(data)
    xr.testing.assert_equal(again, data)
    path = om.save(data, tmp_path / "kept.zarr")
    xr.testing.assert_equal(om.replay(path), data)
    assert om.history(from_tree(om.open(path)))[-1].operation == "io.open_raw"
    assert "om.io.open_raw(" in om.script(data)


def test_a_file_that_is_too_short_is_refused(scan):
    with pytest.raises(FormatError, match="needs 100 bytes"):
        om.io.open_raw(scan[0], (50,), "uint16", 4)


def test_a_missing_or_empty_file_is_refused(tmp_path):
    with pytest.raises(FormatError, match="no such file"):
        om.io.open_raw(tmp_path / "none", (1,), "u1")
    (tmp_path / "empty").touch()
    with pytest.raises(FormatError, match="is empty"):
        om.io.open_raw(tmp_path / "empty", (1,), "u1")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dims": ("y", "x")}, "expected 3 different names"),
        ({"dims": ("y", "x", "x")}, "expected 3 different names"),
        ({"coords": {"z": [1]}}, "coordinates of .'z'. are given"),
        ({"coords": {"dim_0": [1]}}, "needs 2 values"),
        ({"coords": {"dim_0": {"step": 1}}}, "takes scale, offset and units"),
    ],
)
def test_a_wrong_description_is_refused(scan, options, message):
    with pytest.raises(DataError, match=message):
        opened(scan[0], **options)


@pytest.mark.parametrize(
    ("shape", "dtype", "order", "message"),
    [
        ((2,), "object", "<", "plain data hold numbers"),
        ((2,), "nonsense", "<", "is no type of numbers"),
        ((2,), "u2", "!", "byte_order must be"),
        ((-2,), "u2", "<", "must not be negative"),
    ],
)
def test_a_wrong_form_is_refused(scan, shape, dtype, order, message):
    with pytest.raises(DataError, match=message):
        om.io.open_raw(scan[0], shape, dtype, 0, order)
