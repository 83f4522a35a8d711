"""TIFF files that are written: what tifffile and ImageJ find in them, and what comes back."""

import re

import dask.array as da
import numpy as np
import pytest
import tifffile
import xarray as xr

import omniscopy as om
from omniscopy.io.errors import UnsupportedFormatError

rng = np.random.default_rng(0)


def stack(shape, dims, dtype="f4", **units):
    coords = {
        dim: (dim, 1.0 + 0.2 * np.arange(n), {"units": units.get(dim, "nm")})
        for dim, n in zip(dims, shape, strict=True)
    }
    values = (100 * rng.random(shape)).astype(dtype)
    return xr.DataArray(values, dims=dims, coords=coords, name="pixels")


DIMS = [
    ("y", "x"), ("frame", "y", "x"), ("z", "y", "x"), ("time", "z", "y", "x"),
    ("y", "x", "energy_loss"), ("y", "x", "ky", "kx"), ("time", "y", "x", "energy"),
    ("y", "x", "channel"), ("frame", "channel", "y", "x"), ("ky", "kx"), ("y", "energy"),
]  # fmt: skip


@pytest.mark.parametrize("dims", DIMS)
@pytest.mark.parametrize("dtype", ["u1", "u2", "f4", "f8", "i2", "i4", "u4", "i1", "c8"])
def test_what_is_saved_comes_back(tmp_path, dims, dtype):
    data = stack((2, 3, 4, 5)[-len(dims) :], dims, dtype).chunk(2)
    data.attrs["long_name"] = "Map µ"
    back = om.open_signal(om.save(data, tmp_path / "a.tif"))
    xr.testing.assert_equal(back, data)
    assert back.dtype == data.dtype
    assert isinstance(back.data, da.Array)
    assert back.attrs["long_name"] == "Map µ"
    assert all(back[dim].attrs["units"] == "nm" for dim in dims)
    assert om.history(back)
    np.testing.assert_array_equal(back[..., 1, ::2], data[..., 1, ::2])


def test_imagej_finds_dimensions_and_scales(tmp_path):
    data = stack((2, 3, 4, 5), ("time", "z", "y", "x"), "u2", time="ms", y="µm")
    data = data.assign_coords(z=("z", [0.0, 300, 600], {"units": "pm"}))
    path = om.save(data, tmp_path / "a.tif")
    with tifffile.TiffFile(path) as file:
        assert file.is_imagej
        assert file.series[0].axes == "TZYX"
        np.testing.assert_array_equal(file.asarray(), data)
        found = file.imagej_metadata
        assert (found["frames"], found["slices"]) == (2, 3)
        assert (found["unit"], found["yunit"]) == ("nm", r"\u00B5m")
        assert "zunit" not in found
        across, down = (tag_number(file, code) for code in (282, 283))
        assert np.isclose(1 / across, 0.2)
        assert np.isclose(1 / down, 0.2)
        assert np.isclose(found["spacing"], 0.3)
        assert np.isclose(found["finterval"], 0.2e-3)
        assert np.isclose(found["xorigin"], -5)


def tag_number(file, code):
    above, below = file.pages[0].tags[code].value
    return above / below


@pytest.mark.parametrize(
    ("step", "units"),
    [(1e-10, "m"), (0.25, "Å"), (3e7, "1/m"), (0.02, "1/Å"), (2.5, "mrad"), (1e-15, "m")],
)
def test_any_other_reader_finds_the_size_of_a_pixel(tmp_path, step, units):
    dims = ("ky", "kx") if "1/" in units or units == "mrad" else ("y", "x")
    coords = {dim: (dim, step * np.arange(4), {"units": units}) for dim in dims}
    data = xr.DataArray(np.zeros((4, 4), "f4"), dims=dims, coords=coords)
    path = om.save(data, tmp_path / "a.tif")
    without_note(path)
    back = om.open_signal(path)
    factor = om.model.units.conversion_factor(back["x"].attrs["units"], units)
    np.testing.assert_allclose(back["x"] * factor, data[dims[1]], rtol=1e-6, atol=step * 1e-6)


def without_note(path):
    """Damage the tag of our own."""
    content = path.read_bytes()
    at = content.index(b'"name"')
    path.write_bytes(content[:at] + b"?" * 6 + content[at + 6 :])


def test_ome_finds_dimensions_and_scales(tmp_path):
    data = stack((2, 3, 4, 5), ("time", "z", "y", "x"), "i4", time="s", z="µm")
    path = om.save(data, tmp_path / "a.tif")
    with tifffile.TiffFile(path) as file:
        assert file.is_ome
        assert file.series[0].axes == "TZYX"
        np.testing.assert_array_equal(file.asarray(), data)
        said = file.ome_metadata
    numbers = dict(re.findall(r'(\w+)="([^"]*)"', said))
    assert np.isclose(float(numbers["TimeIncrement"]), 0.2)
    assert np.isclose(float(numbers["PhysicalSizeY"]), 0.2)
    assert (numbers["PhysicalSizeYUnit"], numbers["PhysicalSizeZUnit"]) == ("nm", "µm")
    without_note(path)
    back = om.open_signal(path)
    assert back.dims == ("time", "z", "y", "x")
    factor = om.model.units.conversion_factor(back["z"].attrs["units"], "µm")
    np.testing.assert_allclose(back["z"] * factor, 0.2 * np.arange(3))


def test_names_on_ome_and_options_say_the_description(tmp_path):
    data = stack((3, 4), ("y", "x"), "u2")
    with tifffile.TiffFile(om.save(data, tmp_path / "a.ome.tif")) as file:
        assert file.is_ome
    with tifffile.TiffFile(om.save(data, tmp_path / "a.tif")) as file:
        assert file.is_imagej
    with tifffile.TiffFile(om.save(data, tmp_path / "b.tif", flavour="ome")) as file:
        assert file.is_ome
    with pytest.raises(om.DataError, match="flavour must be"):
        om.save(data, tmp_path / "c.tif", flavour="zeiss")
    with pytest.raises(om.DataError, match="uint8, uint16, float32 of up to 4 GB"):
        om.save(data.astype("f8"), tmp_path / "c.tif", flavour="imagej")


@pytest.mark.parametrize("channels", [3, 4])
def test_colours_are_colours(tmp_path, channels):
    data = stack((4, 5, channels), ("y", "x", "channel"), "u1")
    path = om.save(data, tmp_path / "a.tif")
    with tifffile.TiffFile(path) as file:
        assert file.series[0].axes == "YXS"
        np.testing.assert_array_equal(file.asarray(), data)


def test_pages_are_patterns_of_a_scan_or_maps_of_spectra(tmp_path):
    scan = stack((2, 3, 4, 5), ("y", "x", "ky", "kx"), "u2")
    np.testing.assert_array_equal(
        tifffile.imread(om.save(scan, tmp_path / "a.tif")), scan.values.reshape(6, 4, 5)
    )
    cube = stack((4, 5, 6), ("y", "x", "energy"))
    np.testing.assert_array_equal(
        tifffile.imread(om.save(cube, tmp_path / "b.tif")), cube.values.transpose(2, 0, 1)
    )


def test_what_fits_is_widened_and_what_does_not_is_refused(tmp_path):
    truth = xr.DataArray(rng.random((3, 4)) > 0.5, dims=("y", "x"))
    assert om.open_signal(om.save(truth, tmp_path / "a.tif")).dtype == np.uint8
    half = truth.astype("f2")
    assert om.open_signal(om.save(half, tmp_path / "b.tif")).dtype == np.float32
    with pytest.raises(om.DataError, match=r"not 96 bytes of int64; convert them with `\.astype`"):
        om.save(truth.astype("i8"), tmp_path / "c.tif")
    with pytest.raises(UnsupportedFormatError, match="at least one pixel"):
        om.save(truth[:0], tmp_path / "c.tif")
    with pytest.raises(UnsupportedFormatError, match="one array of 2 to 15 dimensions"):
        om.save(truth[0], tmp_path / "c.tif")
    with pytest.raises(FileExistsError, match="already"):
        om.save(truth, tmp_path / "a.tif")


def test_text_is_refused_in_words(tmp_path):
    data = xr.DataArray(np.full((2, 3), "word"), dims=("y", "x"))
    with pytest.raises(om.DataError, match=r"TIFF file holds int8.*, not 96 bytes of str"):
        om.save(data, tmp_path / "a.tif")
