"""Writing USID: main datasets by the layout's own rules, and trees that come back as they were."""

import dask
import dask.array as da
import h5py
import numpy as np
import pytest
import xarray as xr

import omniscopy as om


def axis(dim, values, units, kind, **more):
    return xr.Variable((dim,), values, {"units": units, "quantity": dim, "kind": kind, **more})


def spectral_map():
    values = np.arange(3 * 4 * 6, dtype=np.float32).reshape(6, 3, 4)
    coords = {
        "frequency": axis("frequency", 16.7e6 + np.arange(6.0), "Hz", "spectral"),
        "y": axis("y", 0.5 * np.arange(3), "nm", "spatial"),
        "x": axis("x", 0.1 * np.arange(4), "nm", "spatial", long_name="X"),
        "temperature": (("y", "x"), np.full((3, 4), 300.0), {"units": "K"}),
    }
    attrs = {
        "long_name": "Résponse", "quantity": "amplitude", "units": "V",
        "metadata": {"probe": {"spring_constant": 2.0}}, "signal_type": "spectral_image",
    }  # fmt: skip
    return xr.DataArray(values, dims=("frequency", "y", "x"), coords=coords, attrs=attrs)


def fit_result():
    data = spectral_map()
    maps = np.random.default_rng(1).normal(size=(3, 4))
    return xr.Dataset(
        {
            "amplitude": (("y", "x"), maps, {"units": "V", "quantity": "amplitude"}),
            "status": (("y", "x"), np.zeros((3, 4), np.int8)),
            "completed_positions": (("y", "x"), np.arange(12).reshape(3, 4) < 5),
            "quality": ((), 0.5),
            "word": (("y",), np.array(["a", "b", "µ"])),
        },
        coords={"y": data["y"], "x": data["x"]},
        attrs={"process": {"parameters": {"order": 2, "window": {"low": 1.0}}}},
    )


def whole_tree():
    return xr.DataTree.from_dict(
        {
            "/": xr.Dataset(attrs={"metadata": {"operator": "Jané"}}),
            "/AFM": spectral_map().rename("signal").to_dataset(),
            "/other": xr.Dataset({"signal": ("time", np.arange(5, dtype=">i2"))}),
            "/results/fit_resonance_002/maps": fit_result(),
            "/results/fit_resonance_002/more": fit_result()[["amplitude"]],
        }
    )


def restored(path):
    """Return the tree of a file as if another program had written it."""
    with h5py.File(path, "r+") as file:
        del file.attrs["omniscopy_layout"]
        del file.attrs["omniscopy_layout_version"]
    return om.open(path)


def check_round_trip(tree, path, **options):
    back = om.open(om.save(tree, path, **options))
    for node in tree.subtree:
        there, here = back[node.path].to_dataset(inherit=False), node.to_dataset(inherit=False)
        for values in there.data_vars.values():
            values.attrs.pop("provenance", None)
        for name, values in here.variables.items():
            assert there[name].dtype == values.dtype.newbyteorder("="), name
            assert there[name].dims == values.dims, name
        if node.path == "/":
            there.attrs = {k: v for k, v in there.attrs.items() if k not in ("file", "saved_as")}
        xr.testing.assert_identical(there, here)


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_a_whole_tree_comes_back_identical(tmp_path, compression):
    check_round_trip(whole_tree(), tmp_path / "tree.h5", compression=compression)


def test_every_numeric_variable_is_a_main_dataset_by_the_rules(tmp_path, is_main):
    path = om.save(whole_tree(), tmp_path / "tree.h5")
    with h5py.File(path) as file:
        channel = file["Measurement_000/Channel_000"]
        assert is_main(channel["Raw_Data"])
        assert channel["Raw_Data"].shape == (12, 6)
        assert channel["Raw_Data"].attrs["quantity"] == "amplitude"
        assert is_main(file["Measurement_000/Channel_001/Raw_Data"])
        results = channel["Raw_Data-fit_resonance_002"]
        for name in ("amplitude", "status", "quality", "amplitude_1"):
            assert is_main(results[name]), name
        assert results["quality"].shape == (1, 1)


def test_results_refer_to_their_source_and_it_to_them(tmp_path):
    path = om.save(whole_tree(), tmp_path / "tree.h5")
    with h5py.File(path) as file:
        raw = file["Measurement_000/Channel_000/Raw_Data"]
        results = file["Measurement_000/Channel_000/Raw_Data-fit_resonance_002"]
        assert results.attrs["tool"] == "fit_resonance"
        assert results.attrs["num_source_dsets"] == 1
        assert file[results.attrs["source_000"]] == raw
        assert file[raw.attrs["results_000"]] == results
        assert results.attrs["order"] == 2
        assert results.attrs["window-low"] == 1.0
        assert results["completed_positions"][()].tolist() == [1] * 5 + [0] * 7
        assert file["Measurement_000"].attrs["operator"] == "Jané"
        assert file["Measurement_000/Channel_000"].attrs["probe-spring_constant"] == 2.0


def test_equal_tables_are_written_once(tmp_path):
    path = om.save(whole_tree(), tmp_path / "tree.h5")
    with h5py.File(path) as file:
        raw = file["Measurement_000/Channel_000/Raw_Data"]
        result = file["Measurement_000/Channel_000/Raw_Data-fit_resonance_002/amplitude"]
        for what in ("Indices", "Values"):
            assert file[raw.attrs[f"Position_{what}"]] == file[result.attrs[f"Position_{what}"]]


def test_other_programs_find_the_same_grid(tmp_path):
    source = spectral_map().drop_vars("temperature")
    data = restored(om.save(source, tmp_path / "a.h5"))["Raw_Data/signal"]
    assert data.dims == ("y", "x", "frequency")
    np.testing.assert_array_equal(data, source.transpose("y", "x", "frequency"))
    np.testing.assert_array_equal(data["y"], source["y"])
    assert data["frequency"].attrs["units"] == "Hz"
    assert (data.dtype, data.attrs["units"]) == (np.float32, "V")


def points():
    coords = {
        "point": axis("point", np.arange(5.0), "1", "point"),
        "x": ("point", np.array([0, 1, 5, 2, 2.5]), {"units": "nm", "kind": "spatial"}),
        "y": ("point", np.arange(5.0), {"units": "nm", "kind": "spatial"}),
        "bias": axis("bias", np.array([0.0, 1, 0]), "V", "spectral"),
    }
    return xr.DataArray(np.arange(15.0).reshape(5, 3), dims=("point", "bias"), coords=coords)


def aborted():
    return points().assign_coords(
        x_index=("point", np.array([0, 1, 2, 0, 1])), y_index=("point", np.array([0, 0, 0, 1, 1]))
    )


def ragged():
    coords = {
        "y": axis("y", np.arange(2.0), "nm", "spatial"),
        "x": axis("x", np.arange(3.0), "nm", "spatial"),
        "forc": ("sample", np.array([0.0, 0, 1, 1, 1]), {"units": "1"}),
        "bias": ("sample", np.array([0, 0.5, 0, 0.25, 0.5]), {"units": "V"}),
        "forc_index": ("sample", np.array([0, 0, 1, 1, 1])),
        "bias_index": ("sample", np.array([0, 1, 0, 1, 2])),
    }
    values = np.arange(30.0).reshape(2, 3, 5)
    return xr.DataArray(values, dims=("y", "x", "sample"), coords=coords)


def dependent():
    coords = {
        "x": axis("x", np.arange(3.0), "nm", "spatial"),
        "forc": axis("forc", np.arange(2.0), "1", "parameter"),
        "bias": (("forc", "bias_step"), np.array([[0.0, 1], [0, 2]]), {"units": "V"}),
    }
    values = np.arange(12.0).reshape(3, 2, 2)
    return xr.DataArray(values, dims=("x", "forc", "bias_step"), coords=coords)


@pytest.mark.parametrize("make", [points, aborted, ragged, dependent])
def test_data_without_a_grid_go_into_tables_and_come_back(tmp_path, make, is_main):
    source = make().rename("a")
    path = om.save(source, tmp_path / "a.h5")
    back = om.open_signal(path)
    del back.attrs["provenance"]
    xr.testing.assert_identical(back.drop_attrs(deep=False), source.drop_attrs(deep=False))
    with h5py.File(path) as file:
        assert is_main(file["Measurement_000/Channel_000/Raw_Data"])
    data = restored(path)["Raw_Data/signal"]
    assert data.dims == source.dims
    np.testing.assert_array_equal(data, source)
    for name in set(source.coords) - {"point", "sample"}:
        np.testing.assert_array_equal(data[name], source[name], err_msg=name)


def test_the_tables_say_which_kind_of_dimension_theirs_is(tmp_path):
    for make, side, types in (
        (points, "Position", [1, 1]),
        (aborted, "Position", [0, 0]),
        (dependent, "Spectroscopic", [0, 2]),
    ):
        path = om.save(make(), tmp_path / "a.h5", overwrite=True)
        with h5py.File(path) as file:
            table = file[f"Measurement_000/Channel_000/{side}_Indices"]
            assert table.attrs["type"].tolist() == types


@pytest.mark.parametrize("chunks", [(6, 1, 4), (2, 3, 4), (1, 2, 3), (4, 3, 1)])
@pytest.mark.parametrize("compression", [None, "lzf"])
def test_lazy_values_are_streamed_whatever_their_blocks(tmp_path, chunks, compression):
    source = spectral_map()
    lazy = source.chunk(dict(zip(source.dims, chunks, strict=True)))
    path = om.save(lazy, tmp_path / "a.h5", compression=compression)
    np.testing.assert_array_equal(om.open_signal(path), source)


def test_a_computation_is_shared_by_all_variables(tmp_path):
    calls = []

    def block(block_info=None):
        calls.append(block_info[None]["chunk-location"])
        return np.zeros((2, 4))

    shared = da.map_blocks(block, chunks=((2, 2), (4,)), dtype=float, meta=np.empty((0, 0)))
    data = xr.Dataset({"a": (("y", "x"), shared), "b": (("y", "x"), shared + 1)})
    with dask.config.set(scheduler="synchronous"):
        om.save(data, tmp_path / "lazy.h5")
    assert sorted(calls) == [(0, 0), (1, 0)]


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (1, 1)])
def test_odd_shapes_come_back(tmp_path, shape):
    data = xr.DataArray(np.zeros(shape, "f4"), dims=tuple("yx"[: len(shape)]), name="a")
    back = om.open(om.save(data, tmp_path / "a.h5"))["a/signal"]
    assert (back.shape, back.dtype, back.dims) == (shape, np.float32, data.dims)


def test_large_attributes_and_the_history_come_back(tmp_path):
    data = spectral_map()
    data.attrs["metadata"] = {"long": "µ" * 100_000, "list": [{"a": None}, {"a": True}]}
    first = om.open_signal(om.save(data, tmp_path / "one.h5"))
    assert first.attrs["metadata"] == data.attrs["metadata"]
    second = om.open_signal(om.save(first, tmp_path / "two.h5"))
    assert second.attrs["provenance"] == first.attrs["provenance"]


def test_results_are_put_beside_what_their_history_says(tmp_path):
    tree = om.open(om.save(whole_tree(), tmp_path / "raw.h5"))
    other = tree["other/signal"]
    made = xr.DataArray(np.zeros(3), dims="x", attrs={"provenance": other.attrs["provenance"]})
    nodes = {f"/{name}": node.to_dataset() for name, node in tree.children.items()
             if name != "results"}  # fmt: skip
    nodes["/results/sum_000/out"] = made.rename("signal").to_dataset()
    om.save(xr.DataTree.from_dict(nodes), tmp_path / "all.h5")
    with h5py.File(tmp_path / "all.h5") as file:
        group = file["Measurement_000/Channel_001/Raw_Data-sum_000"]
        source = file[group.attrs["source_000"]]
        assert source.name == "/Measurement_000/Channel_001/Raw_Data"


def test_what_another_program_adds_is_read_too(tmp_path, add, yx, frequency):
    path = om.save(whole_tree(), tmp_path / "a.h5")
    with h5py.File(path, "r+") as file:
        group = file["Measurement_000/Channel_000"].create_group("Raw_Data-Added_000")
        group.attrs["tool"] = "Added"
        add(group, np.ones((12, 6)), yx, frequency, name="Out")
    tree = om.open(path)
    assert tree["AFM/signal"].attrs["long_name"] == "Résponse"
    assert tree["results/Raw_Data-Added_000/Out/signal"].dims == ("y", "x", "frequency")
