"""Zarr stores: ours read by others, those of others read by us, and damaged ones."""

import json
import shutil

import dask.array as da
import numpy as np
import pytest
import xarray as xr
import zarr

import omniscopy as om
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.saving import from_tree
from omniscopy.io.zarr_store.arrays import ZarrArray
from omniscopy.model.errors import DataError


def an_image(shape=(6, 8), **attrs):
    dims = ("frame", "y", "x")[-len(shape) :]
    coords = {
        "frame": ("frame", np.arange(shape[0]) * 2.0, {"units": "s", "kind": "temporal"}),
        "y": ("y", 10 + np.arange(shape[-2]) * 0.5, {"units": "nm", "kind": "spatial"}),
        "x": ("x", np.arange(shape[-1]) * 0.25, {"units": "nm", "kind": "spatial"}),
    }
    values = np.arange(np.prod(shape), dtype="u2").reshape(shape)
    return xr.DataArray(
        values, dims=dims, coords={dim: coords[dim] for dim in dims}, name="HAADF", attrs=attrs
    )


def test_a_store_is_of_version_3_and_known_by_its_content(tmp_path):
    path = om.save(an_image(), tmp_path / "image.zarr")
    assert json.loads((path / "zarr.json").read_text())["zarr_format"] == 3
    path.rename(tmp_path / "renamed")
    assert om.io.identify(tmp_path / "renamed") == "zarr"


def test_plain_xarray_reads_what_we_write(tmp_path):
    image = an_image(units="counts", metadata={"beam": {"voltage": 2e5}})
    taken = np.array(["2020-01-01", "2021-02-03", "NaT"] * 2, "M8[ns]")
    image = image.assign_coords(taken=("y", taken), label=("x", list("abcdefgh")))
    path = om.save(
        xr.DataTree.from_dict({"/HAADF": image.to_dataset(name="signal")}), tmp_path / "i.zarr"
    )
    with xr.open_datatree(path, engine="zarr", consolidated=False) as tree:
        back = tree["HAADF/signal"]
        assert back.dims == ("y", "x")
        assert back.attrs["units"] == "counts"
        assert back.attrs["metadata"] == {"beam": {"voltage": 2e5}}
        np.testing.assert_array_equal(back.values, image.values)
        np.testing.assert_array_equal(back.x.values, image.x.values)
        np.testing.assert_array_equal(back.taken.values, taken)
        assert back.label.values.tolist() == list("abcdefgh")


def test_images_have_ome_metadata(tmp_path):
    path = om.save(an_image((3, 6, 8)), tmp_path / "image.zarr")
    image = zarr.open_group(path, mode="r")["HAADF"].attrs["ome"]
    assert image["version"] == "0.5"
    (scales,) = image["multiscales"]
    assert scales["axes"] == [
        {"name": "frame", "type": "time", "unit": "second"},
        {"name": "y", "type": "space", "unit": "nanometer"},
        {"name": "x", "type": "space", "unit": "nanometer"},
    ]
    assert scales["datasets"] == [
        {
            "path": "signal",
            "coordinateTransformations": [
                {"type": "scale", "scale": [2.0, 0.5, 0.25]},
                {"type": "translation", "translation": [0.0, 10.0, 0.0]},
            ],
        }
    ]


@pytest.mark.parametrize(
    "dims",
    [("y", "x", "energy_loss"), ("y",), ("x", "time", "y"), ("ky", "kx"), ("y", "x", "what")],
)
def test_what_is_no_image_has_no_ome_metadata(tmp_path, dims):
    path = om.save(
        xr.DataArray(np.ones((2,) * len(dims)), dims=dims, name="a"), tmp_path / "a.zarr"
    )
    assert "ome" not in zarr.open_group(path, mode="r")["a"].attrs


def test_uneven_axes_have_no_ome_metadata(tmp_path):
    image = an_image().assign_coords(x=[0, 1, 2, 4, 8, 16, 32, 64])
    path = om.save(image, tmp_path / "a.zarr")
    assert "ome" not in zarr.open_group(path, mode="r")["HAADF"].attrs


def test_an_ome_image_of_others_is_read_at_full_resolution(tmp_path):
    root = zarr.open_group(tmp_path / "other.zarr", mode="w", zarr_format=3)
    for level, size in enumerate((8, 4)):
        array = root.create_array(f"s{level}", shape=(2, size, size), dtype="u1", chunks=(1, 4, 4))
        array[...] = level + 1
    scale = [
        {"type": "scale", "scale": [1, 0.5, 0.5]},
        {"type": "translation", "translation": [0, 3, 0]},
    ]
    root.attrs["ome"] = {
        "version": "0.5",
        "multiscales": [
            {
                "name": "cells",
                "axes": [
                    {"name": "c", "type": "channel"},
                    {"name": "y", "type": "space", "unit": "micrometer"},
                    {"name": "x", "type": "space", "unit": "micrometer"},
                ],
                "datasets": [
                    {"path": "s0", "coordinateTransformations": scale},
                    {"path": "s1", "coordinateTransformations": scale},
                ],
            }
        ],
    }
    data = om.open_signal(tmp_path / "other.zarr")
    assert data.name == "cells"
    assert data.dims == ("channel", "y", "x")
    assert data.shape == (2, 8, 8)
    assert data.y.values.tolist() == [3 + 0.5 * n for n in range(8)]
    assert data.y.attrs["units"] == "µm"
    assert data.x.values[1] == 0.5


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("consolidated", [True, False])
@pytest.mark.filterwarnings("ignore::zarr.errors.ZarrUserWarning")
@pytest.mark.filterwarnings("ignore:.*(not part in|does not have a) .*specification")
def test_stores_that_xarray_wrote_are_read(tmp_path, version, consolidated):
    taken = np.array(["2020-01-01", "2020-01-02T12:00", "NaT"], "M8[ns]")
    source = xr.Dataset(
        {
            "intensity": (("time", "x"), np.arange(12.0).reshape(3, 4), {"units": "counts"}),
            "packed": ("x", np.array([1.5, np.nan, 2.5, 0.0])),
        },
        coords={
            "time": taken,
            "x": ("x", np.arange(4) * 0.5, {"units": "nm"}),
            "name": ("x", list("abcd")),
        },
        attrs={"title": "by xarray"},
    )
    source.packed.encoding.update(dtype="i2", scale_factor=0.5, add_offset=1.0, _FillValue=-7)
    path = tmp_path / "xarray.zarr"
    source.to_zarr(path, zarr_format=version, consolidated=consolidated)
    found = om.signals(om.open(path))
    assert set(found) == {"intensity", "packed"}
    intensity = found["intensity"]
    assert intensity.attrs["units"] == "counts"
    assert intensity.chunks is not None
    np.testing.assert_array_equal(intensity.values, source.intensity.values)
    np.testing.assert_array_equal(intensity.time.values, taken)
    assert intensity.x.attrs["units"] == "nm"
    assert intensity["name"].values.tolist() == list("abcd")
    np.testing.assert_array_equal(found["packed"].values, source.packed.values)
    assert om.open(path).attrs["original_metadata"] == {"title": "by xarray"}


def test_a_plain_array_is_read(tmp_path):
    array = zarr.open_array(
        tmp_path / "plain.zarr", mode="w", shape=(4, 5), chunks=(2, 5), dtype="f4"
    )
    array[...] = np.arange(20).reshape(4, 5)
    data = om.open_signal(tmp_path / "plain.zarr")
    assert data.name == "plain"
    assert data.dims == ("dim_0", "dim_1")
    assert data.values[3, 4] == 19


def test_results_of_others_stay_one_node(tmp_path):
    fit = xr.Dataset({"width": ("x", [1.0, 2.0]), "width_std": ("x", [0.1, 0.2])})
    fit.to_zarr(tmp_path / "fit.zarr", consolidated=False)
    assert set(om.open(tmp_path / "fit.zarr")["fit"].data_vars) == {"width", "width_std"}


def test_a_store_of_hyperspy_is_left_to_its_reader(tmp_path):
    zarr.open_group(
        tmp_path / "a.zspy", mode="w", attributes={"file_format": "ZSpy"}, zarr_format=2
    )
    assert om.io.identify(tmp_path / "a.zspy") == "zspy"


def test_a_folder_that_is_no_store_is_refused(tmp_path):
    with pytest.raises(UnsupportedFormatError, match=r"zarr\.json"):
        om.open(tmp_path)


def test_an_empty_store_is_refused(tmp_path):
    zarr.open_group(tmp_path / "empty.zarr", mode="w")
    with pytest.raises(FormatError, match="no arrays"):
        om.open(tmp_path / "empty.zarr")


def test_a_store_of_a_later_version_is_refused(tmp_path):
    path = om.save(an_image(), tmp_path / "later.zarr")
    zarr.open_group(path).attrs["omniscopy"] = {"encoding": "omniscopy-tree", "version": 99}
    with pytest.raises(UnsupportedFormatError, match="install a newer Omniscopy"):
        om.open(path)


def test_a_missing_chunk_is_not_read_as_zero(tmp_path):
    """Half of a folder copied is the usual damage; zeros would look like data."""
    path = om.save(an_image().chunk(y=2), tmp_path / "cut.zarr")
    (path / "HAADF" / "signal" / "c" / "1" / "0").unlink()
    data = om.open(path, chunks={"y": 2})["HAADF/signal"]
    assert data[:2].values.tolist() == an_image()[:2].values.tolist()
    with pytest.raises(FormatError, match="'c/1/0' is missing"):
        data.compute()
    partial = om.open(path, partial=True)["HAADF/signal"].values
    assert (partial[2:4] == 0).all()
    assert partial[4:].tolist() == an_image()[4:].values.tolist()


def test_a_missing_last_chunk_is_found_on_opening(tmp_path):
    path = om.save(an_image().chunk(y=3), tmp_path / "cut.zarr")
    (path / "HAADF" / "signal" / "c" / "1" / "0").unlink()
    with pytest.raises(FormatError, match="'c/1/0' is missing"):
        om.open(path)


def chunk_files(path):
    return sorted(file for file in path.rglob("*") if file.is_file() and file.name != "zarr.json")


@pytest.mark.parametrize("compression", ["zstd", "blosc", "gzip", None])
def test_a_changed_bit_in_a_chunk_is_found(tmp_path, compression):
    path = om.save(an_image((40, 50)), tmp_path / "whole.zarr", compression=compression)
    rng = np.random.default_rng(5)
    expected = om.open(path)["HAADF/signal"].values
    for number in range(60):
        damaged = tmp_path / "damaged.zarr"
        shutil.rmtree(damaged, ignore_errors=True)
        shutil.copytree(path, damaged)
        file = damaged / "HAADF" / "signal" / "c" / "0" / "0"
        content = bytearray(file.read_bytes())
        content[rng.integers(len(content))] ^= 1 << rng.integers(8)
        file.write_bytes(content if number % 3 else content[: rng.integers(len(content))])
        try:
            values = om.open(damaged)["HAADF/signal"].values
        except FormatError as error:
            assert "damaged" in str(error)  # noqa: PT017 - either this or the right values
        else:
            np.testing.assert_array_equal(values, expected)


def test_damaged_metadata_give_an_error_or_the_right_shape(tmp_path):
    path = om.save(an_image((40, 50)), tmp_path / "whole.zarr")
    rng = np.random.default_rng(6)
    for _ in range(150):
        damaged = tmp_path / "damaged.zarr"
        shutil.rmtree(damaged, ignore_errors=True)
        shutil.copytree(path, damaged)
        files = sorted(damaged.rglob("zarr.json"))
        file = files[rng.integers(len(files))]
        content = bytearray(file.read_bytes())
        content[rng.integers(len(content))] ^= 1 << rng.integers(8)
        file.write_bytes(content)
        try:
            for data in om.signals(om.open(damaged)).values():
                data.values.sum()
        except (FormatError, DataError):
            continue


@pytest.mark.parametrize("size", [2**62, 10**15])
def test_an_absurd_size_is_refused_without_memory(tmp_path, size):
    path = om.save(an_image((40, 50)), tmp_path / "big.zarr")
    file = path / "HAADF" / "signal" / "zarr.json"
    said = json.loads(file.read_text())
    said["shape"] = [size, 50]
    file.write_text(json.dumps(said))
    with pytest.raises(FormatError, match="chunk"):
        om.open(path)


@pytest.mark.parametrize(
    "options", [{}, {"compression": None}, {"compression": "blosc", "level": 3}]
)
@pytest.mark.parametrize("shards", [False, True])
def test_options_of_compression_and_shards_keep_the_values(tmp_path, options, shards, monkeypatch):
    monkeypatch.setattr("omniscopy.io.storage.stored.DISK_CHUNK_BYTES", 4000)
    values = np.random.default_rng(0).random((90, 30, 20))
    data = xr.DataArray(da.from_array(values, chunks=(40, 30, 20)), dims=("a", "y", "x"), name="d")
    path = om.save(data, tmp_path / "d.zarr", shards=shards, **options)
    array = zarr.open_group(path, mode="r")["d/signal"]
    assert (array.shards == (40, 30, 20)) if shards else (array.shards is None)
    assert array.chunks == (1 if array.chunks[0] == 1 else array.chunks[0], *array.chunks[1:])
    np.testing.assert_array_equal(from_tree(om.open(path)).values, values)
    assert len(chunk_files(path / "d" / "signal")) == (3 if shards else np.prod(array.cdata_shape))


def test_an_unknown_compression_is_refused(tmp_path):
    with pytest.raises(DataError, match="compression must be"):
        om.save(an_image(), tmp_path / "a.zarr", compression="rar")


def test_one_pixel_reads_one_chunk(tmp_path, monkeypatch):
    monkeypatch.setattr("omniscopy.io.storage.stored.DISK_CHUNK_BYTES", 1000)
    path = om.save(an_image((100, 100)), tmp_path / "image.zarr")
    array = zarr.open_group(path, mode="r")["HAADF/signal"]
    handle = ZarrArray.of(array, path, complete=True)
    for file in chunk_files(path / "HAADF" / "signal")[1:]:
        file.unlink()
    assert handle[0, 3] == 3
    assert handle[0:2, 1:4:2].tolist() == [[1, 3], [101, 103]]
    with pytest.raises(FormatError, match="missing"):
        handle[99, 99]
