"""A write is whole or not there, and raw data are never written to."""

import subprocess
import sys

import dask.array as da
import numpy as np
import pytest
import xarray as xr

import omniscopy as om
from omniscopy.io.atomic import atomic_target
from omniscopy.io.saving import as_tree, from_tree
from omniscopy.testing.files.mrc import write_mrc

SUFFIXES = [".zarr", ".hf5"]


@pytest.fixture
def image():
    return xr.DataArray(
        np.arange(12.0).reshape(3, 4),
        dims=("y", "x"),
        coords={
            "y": ("y", np.arange(3.0), {"units": "nm"}),
            "x": ("x", np.arange(4.0), {"units": "nm"}),
        },
        attrs={"units": "nA", "long_name": "Current map"},
        name="current",
    )


def leftovers(folder):
    return [entry.name for entry in folder.iterdir() if entry.name.startswith(".")]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_that_is_there_is_replaced_only_on_request(image, tmp_path, suffix):
    path = om.save(image, tmp_path / f"a{suffix}")
    with pytest.raises(FileExistsError, match="give `overwrite=True`"):
        om.save(image + 1, path)
    om.save(image + 1, path, overwrite=True)
    assert float(om.open_signal(path)[0, 0]) == 1.0
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_failure_leaves_the_old_file_and_nothing_else(image, tmp_path, suffix):
    path = om.save(image, tmp_path / f"a{suffix}")

    def fail(block):
        message = "no more data"
        raise RuntimeError(message)

    broken = image.copy(data=da.zeros((3, 4), chunks=2).map_blocks(fail, meta=np.empty((0, 0))))
    with pytest.raises(RuntimeError, match="no more data"):
        om.save(broken, path, overwrite=True)
    assert float(om.open_signal(path)[2, 3]) == 11.0
    with pytest.raises(RuntimeError):
        om.save(broken, tmp_path / f"new{suffix}")
    assert not (tmp_path / f"new{suffix}").exists()
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_killed_process_leaves_no_half_file(tmp_path, suffix):
    code = f"""
import os, numpy as np, xarray as xr, dask.array as da, omniscopy as om
def die(block, block_info=None):
    if block_info[0]["chunk-location"][0] == 3:
        os._exit(9)
    return block
data = da.zeros((8, 100), chunks=(1, 100)).map_blocks(die, meta=np.empty((0, 0)))
om.save(xr.DataArray(data, dims=("y", "x"), name="a"), {str(tmp_path / f"a{suffix}")!r})
"""
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == 9
    assert not (tmp_path / f"a{suffix}").exists()


def test_a_source_of_the_data_is_never_written_to(tmp_path):
    raw = tmp_path / "raw.mrc"
    write_mrc(raw, np.zeros((3, 4), np.int16))
    data = om.open_signal(raw)
    before = raw.read_bytes()
    with pytest.raises(om.DataError, match="is a source of this data"):
        om.save(data, raw, format="zarr", overwrite=True)
    assert raw.read_bytes() == before


def test_extensions_that_are_not_written_are_refused_with_those_that_are(image, tmp_path):
    with pytest.raises(
        om.FormatError, match=r"no format is written with the extension '\.xyz'.*\.zarr"
    ):
        om.save(image, tmp_path / "a.xyz")
    with pytest.raises(om.FormatError, match="can be read but not written"):
        om.save(image, tmp_path / "a.mib", format="merlin")
    with pytest.raises(om.DataError, match="expected a DataArray, Dataset or DataTree, got list"):
        om.save([1, 2], tmp_path / "a.zarr")


def test_arrays_sets_and_trees_come_back_as_such(image):
    result = xr.Dataset({"a": image, "b": image.mean("x")}, attrs={"modality": "STM"})
    xr.testing.assert_identical(from_tree(as_tree(image)), image)
    xr.testing.assert_identical(from_tree(as_tree(image.rename(None))), image.rename(None))
    xr.testing.assert_identical(from_tree(as_tree(result)), result)
    tree = xr.DataTree.from_dict({"/x": result, "/y/z": xr.Dataset({"signal": image})})
    assert set(as_tree(tree).children) == {"x", "y"}


def test_conversion_keeps_every_channel(tmp_path):
    raw = tmp_path / "raw.mrc"
    write_mrc(raw, np.arange(24, dtype=np.int16).reshape(2, 3, 4), cell=(4.0, 3.0, 2.0))
    target = om.convert(raw, tmp_path / "converted.zarr")
    one, two = om.open(raw), om.open(target)
    assert set(one.children) == set(two.children)
    xr.testing.assert_equal(one["raw"]["signal"].compute(), two["raw"]["signal"].compute())
    ids = [[step.id for step in om.history(tree["raw"]["signal"])] for tree in (one, two)]
    assert ids[0] == ids[1]


def test_the_temporary_place_keeps_the_suffix_and_is_beside_the_target(tmp_path):
    with atomic_target(tmp_path / "deep" / "a.hf5", overwrite=False) as place:
        assert place.parent == tmp_path / "deep"
        assert place.suffix == ".hf5"
        place.write_bytes(b"x")
    assert [entry.name for entry in (tmp_path / "deep").iterdir()] == ["a.hf5"]
