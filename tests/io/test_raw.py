"""Plain binary data are opened as the user describes them."""

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
