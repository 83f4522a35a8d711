"""netCDF files: ours read by others, those of others read by us, and damaged ones."""

import h5netcdf
import h5py
import numpy as np
import pytest
import xarray as xr
from scipy.io import netcdf_file
from tests.timing import require_quick

import omniscopy as om
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.model.errors import DataError


def a_result():
    taken = np.array(["2020-01-01", "2021-02-03T04:05:06.5", "NaT"], "M8[ns]")
    return xr.Dataset(
        {
            "signal": (
                ("y", "x"),
                np.arange(12.0).reshape(3, 4),
                {"units": "V"},
            ),
            "good": (("y", "x"), np.eye(3, 4, dtype=bool)),
            "field": ("x", np.array([1, 2j, 3, 4], "c16")),
        },
        coords={
            "y": ("y", np.arange(3) * 0.5, {"units": "nm"}),
            "taken": ("y", taken),
            "label": ("x", list("abcä")),
        },
    )


def saved(tmp_path, **options):
    tree = xr.DataTree.from_dict({"/Height": a_result()})
    return om.save(tree, tmp_path / "result.nc", **options)


def test_a_file_is_known_by_its_content(tmp_path):
    path = saved(tmp_path)
    assert om.io.identify(path.rename(tmp_path / "renamed.bin")) == "netcdf"


def test_plain_xarray_reads_what_we_write(tmp_path):
    source = a_result()
    with xr.open_dataset(saved(tmp_path), engine="h5netcdf", group="Height") as back:
        assert back.signal.dims == ("y", "x")
        assert back.signal.attrs["units"] == "V"
        assert back.y.attrs["units"] == "nm"
        np.testing.assert_array_equal(back.signal, source.signal)
        np.testing.assert_array_equal(back.good, source.good)
        assert back.good.dtype == bool
        np.testing.assert_array_equal(back.field, source.field)
        np.testing.assert_array_equal(back.taken, source.taken)
        assert set(back.coords) == {"y", "taken", "label"}
        assert back.label.values.tolist() == list("abcä")


def test_values_have_checksums(tmp_path):
    with h5py.File(saved(tmp_path)) as file:
        assert file["Height/signal"].fletcher32
        assert file.attrs["Conventions"] == "CF-1.11"


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_compression_keeps_the_values(tmp_path, compression):
    path = saved(tmp_path, compression=compression)
    with h5py.File(path) as file:
        assert file["Height/signal"].compression == compression
    np.testing.assert_array_equal(om.open(path)["Height/signal"].values, a_result().signal.values)


def test_an_unknown_compression_is_refused(tmp_path):
    with pytest.raises(DataError, match="compression must be 'gzip' or None"):
        saved(tmp_path, compression="zip")


def test_files_that_xarray_wrote_are_read(tmp_path):
    source = a_result().drop_vars(["signal", "good"])
    source["packed"] = ("y", np.array([1.5, np.nan, 2.5]), {"units": "m"})
    source.packed.encoding.update(dtype="i2", scale_factor=0.5, _FillValue=-7)
    source["image"] = (("y", "x"), np.ones((3, 4), "f4"), {"units": "um"})
    path = tmp_path / "xarray.nc"
    source.assign_attrs(title="by xarray").to_netcdf(path, engine="h5netcdf")
    found = om.signals(om.open(path))
    assert set(found) == {"packed", "image", "field"}
    np.testing.assert_array_equal(found["packed"].values, source.packed.values)
    assert found["packed"].attrs["units"] == "m"
    assert found["image"].attrs["units"] == "µm"
    assert found["image"].y.attrs["units"] == "nm"
    assert found["image"].dtype == np.float32
    np.testing.assert_array_equal(found["image"].taken.values, source.taken.values)
    np.testing.assert_array_equal(found["field"].values, source.field.values)


def test_groups_of_others_are_read(tmp_path):
    with h5netcdf.File(tmp_path / "groups.nc", "w") as file:
        group = file.create_group("a/b")
        group.dimensions["t"] = 3
        group.create_variable("t", ("t",), data=np.array([0, 6, 12]))
        group["t"].attrs["units"] = "hours since 2000-01-01"
        group.create_variable("speed", ("t",), data=np.array([1.0, 2.0, 3.0]))
    data = om.open_signal(tmp_path / "groups.nc")
    assert data.name == "a/b/speed"
    assert data.t.values[1] == np.datetime64("2000-01-01T06:00")


def classic(tmp_path):
    path = tmp_path / "classic.nc"
    with netcdf_file(path, "w") as file:
        file.title = "old"
        file.createDimension("t", None)
        file.createDimension("x", 4)
        x = file.createVariable("x", "f8", ("x",))
        x[:] = np.arange(4) * 0.25
        x.units = "nm"
        counts = file.createVariable("counts", "i2", ("t", "x"))
        counts[:3] = np.arange(12).reshape(3, 4)
        other = file.createVariable("other", "f4", ("t",))
        other[:3] = [1.5, 2.5, 3.5]
        counts.units = "counts"
    return path


def test_classic_files_are_read(tmp_path):
    found = om.signals(om.open(classic(tmp_path)))
    assert found["counts"].values.tolist() == np.arange(12).reshape(3, 4).tolist()
    assert found["counts"].dtype == np.int16
    assert found["counts"].attrs["units"] == "counts"
    assert found["counts"].x.values.tolist() == [0, 0.25, 0.5, 0.75]
    assert found["other"].values.tolist() == [1.5, 2.5, 3.5]


def test_the_latest_classic_kind_is_refused_with_advice(tmp_path):
    path = tmp_path / "five.nc"
    path.write_bytes(b"CDF\x05" + bytes(100))
    with pytest.raises(UnsupportedFormatError, match="nccopy"):
        om.open(path)


def test_hdf5_without_netcdf_is_no_netcdf(tmp_path):
    with h5py.File(tmp_path / "plain.h5", "w") as file:
        file["a"] = np.ones(3)
    assert om.io.identify(tmp_path / "plain.h5") == "hdf5_arrays"


def test_a_file_of_a_later_version_is_refused(tmp_path):
    path = saved(tmp_path)
    with h5py.File(path, "r+") as file:
        file.attrs["omniscopy"] = '{"encoding": "omniscopy-tree", "version": 99}'
    with pytest.raises(UnsupportedFormatError, match="install a newer Omniscopy"):
        om.open(path)


def loaded(path):
    return {name: data.values for name, data in om.signals(om.open(path, reader="netcdf")).items()}


def loaded_or_refused(path):
    try:
        return loaded(path)
    except FormatError:
        return {}


@pytest.mark.parametrize("kind", ["ours", "classic"])
def test_damaged_bytes_give_an_error_or_the_right_values(tmp_path, kind):
    path = saved(tmp_path) if kind == "ours" else classic(tmp_path)
    content, expected = path.read_bytes(), loaded(path)
    rng = np.random.default_rng(3)
    damaged = tmp_path / "damaged.nc"
    for number in range(300):
        changed = bytearray(content)
        if number < 40:
            changed = changed[: len(content) * number // 40]
        else:
            changed[rng.integers(len(changed))] ^= 1 << rng.integers(8)
        damaged.write_bytes(changed)
        found = require_quick(lambda: loaded_or_refused(damaged))
        if kind == "ours" and found.keys() == expected.keys():
            np.testing.assert_array_equal(found["Height"], expected["Height"])


@pytest.mark.parametrize("chunks", [(1, 1024), None])
def test_an_absurd_size_is_refused_without_memory(tmp_path, chunks):
    with h5netcdf.File(tmp_path / "huge.nc", "w") as file:
        file.dimensions["y"] = 2**40
        file.dimensions["x"] = 2**10
        file.create_variable("a", ("y", "x"), "f8", chunks=chunks or (2**10, 2**10))
    with pytest.raises(FormatError, match=r"its header is damaged|cut short or damaged"):
        om.open(tmp_path / "huge.nc")
