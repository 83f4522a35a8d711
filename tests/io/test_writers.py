"""What every writer does with every type of values: it brings them back, or says what it holds."""

import numpy as np
import pytest
import xarray as xr

import omniscopy as om
from omniscopy.io.manifests import all_formats, find_format
from omniscopy.model.units import conversion_factor

rng = np.random.default_rng(0)
WRITERS = sorted(form.name for form in all_formats().values() if form.writes)
TYPES = ["bool", "u1", ">i2", "i8", "f2", ">f8", "c8", "U5"]
DIMS = [("energy",), ("y", "x"), ("y", "x", "ky", "kx")]
SIZES = {"energy": 7, "y": 3, "x": 4, "ky": 5, "kx": 5}
UNITS = {"energy": "keV", "y": "nm", "x": "nm", "ky": "1/nm", "kx": "1/nm"}


def made(dims, dtype):
    shape = tuple(SIZES[dim] for dim in dims)
    values = rng.integers(0, 2 if dtype == "bool" else 100, shape)
    if np.dtype(dtype).kind == "c":
        values = values + 1j * rng.integers(0, 50, shape)
    coords = {
        dim: xr.Variable((dim,), 2.0 + 0.5 * np.arange(SIZES[dim]), {"units": UNITS[dim]})
        for dim in dims
    }
    attrs = {"units": "V", "quantity": "voltage", "long_name": "Thing"}
    return xr.DataArray(values.astype(dtype), dims=dims, coords=coords, name="a", attrs=attrs)


@pytest.mark.parametrize("name", WRITERS)
def test_values_come_back_or_are_refused_in_words(name, tmp_path):
    form = find_format(name)
    written, refusals = 0, []
    for number, (dims, dtype) in enumerate((dims, dtype) for dims in DIMS for dtype in TYPES):
        data = made(dims, dtype)
        path = tmp_path / f"{number}{form.extensions[0]}"
        try:
            om.save(data, path, format=name)
        except (om.FormatError, om.DataError) as refusal:
            refusals.append(str(refusal))
            assert not path.exists()
            continue
        written += 1
        found = om.open_signal(path)
        assert (found.dims, found.shape) == (data.dims, data.shape)
        np.testing.assert_array_equal(np.asarray(found.values), data.values)
        # Whole numbers may become wider, or floating ones: some formats know no others.
        assert np.can_cast(data.dtype, found.dtype, "same_kind") or found.dtype.kind == "O"
        assert found.attrs["units"] == "V"
        for dim in dims:
            factor = conversion_factor(found[dim].attrs["units"], UNITS[dim])
            np.testing.assert_allclose(found[dim] * factor, data[dim], rtol=1e-12)
    assert written
    # Each refusal says what to do instead.
    assert all("save" in text or "convert" in text for text in refusals), refusals
