"""Every open format gives back what was saved in it, whatever that was."""

import math
import subprocess
import sys
import threading

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import omniscopy as om
from omniscopy.io.saving import from_tree
from omniscopy.model.errors import DataError

EXTENSIONS = [".zarr", ".nc", ".nxs"]
every_format = pytest.mark.parametrize("extension", EXTENSIONS)


def same(one, other):
    """Return whether attributes are equal to any depth; tuples may be lists, NaN is itself."""
    if isinstance(one, dict):
        return (
            isinstance(other, dict)
            and one.keys() == other.keys()
            and all(same(value, other[key]) for key, value in one.items())
        )
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(
            one, other, equal_nan=one.dtype.kind in "fc"
        )
    if isinstance(one, complex):
        return same([one.real, one.imag], [other.real, other.imag])
    if isinstance(one, float) and math.isnan(one):
        return math.isnan(other)
    return type(one) is type(other) and one == other


def assert_same_variable(one, other, where):
    assert one.dims == other.dims, where
    assert one.shape == other.shape, where
    assert one.dtype.newbyteorder("=") == other.dtype, where
    np.testing.assert_array_equal(one.values, other.values, err_msg=where)
    recorded = {k: v for k, v in other.attrs.items() if k != "provenance" or k in one.attrs}
    assert same(dict(one.attrs), recorded), where


def assert_same_dataset(one, other, where=""):
    assert list(one.variables) == list(one.variables), where
    assert set(one.data_vars) == set(other.data_vars), where
    assert set(one.coords) == set(other.coords), where
    assert set(one.xindexes) == set(other.xindexes), where
    for name in one.variables:
        assert_same_variable(one.variables[name], other.variables[name], f"{where}/{name}")
    hidden = {"file", "saved_as"} - set(one.attrs)
    attrs = {key: value for key, value in other.attrs.items() if key not in hidden}
    assert same(dict(one.attrs), attrs), where


def assert_same_tree(one, other):
    nodes = {node.path: node.to_dataset(inherit=False) for node in one.subtree}
    others = {node.path: node.to_dataset(inherit=False) for node in other.subtree}
    assert nodes.keys() == others.keys()
    for path, dataset in nodes.items():
        assert_same_dataset(dataset, others[path], path)


def saved(obj, path, **options):
    return from_tree(om.open(om.save(obj, path, **options)))


NESTED = {
    "number": 1.5,
    "whole": 3,
    "flag": True,
    "nothing": None,
    "text": "µm Å 日本",
    "nan": math.nan,
    "infinite": -math.inf,
    "complex": 1 - 2j,
    "list": [1, "a", None, {"deep": [math.nan]}],
    "array": np.arange(6, dtype=np.int16).reshape(2, 3),
    "bytes": b"\x00\xff",
    "empty": {},
    "by number": {1: "one", (2, 3): "pair"},
    "$type": {"$type": "System.Double", "value": 1},
    "nul": "a\x00b",
    "surrogate": "\udc80",
}


def a_tree():
    y = xr.Variable("y", np.arange(4) * 0.25, {"units": "nm", "kind": "spatial"})
    x = xr.Variable("x", 7 - np.arange(6) * 0.5, {"units": "nm", "note": NESTED})
    image = xr.Dataset(
        {
            "signal": (("y", "x"), np.arange(24, dtype=">u2").reshape(4, 6), {"units": "counts"}),
            "mask": (("y", "x"), np.eye(4, 6, dtype=bool)),
            "variance": (("y", "x"), np.ones((4, 6), np.float16)),
        },
        coords={
            "y": y,
            "x": x,
            "height": (("y", "x"), np.arange(24.0).reshape(4, 6), {"units": "pm"}),
            "label": ("y", ["a", "", "ä", "long one"], {"why": "text"}),
            "voltage": ((), 200.0, {"units": "kV"}),
            "taken": (
                "y",
                np.array(["2020-01-01", "NaT", "1969-12-31T23:59:59.5", "2262"], "M8[ns]"),
            ),
        },
        attrs={"note": NESTED, "units": "not of a variable"},
    )
    result = xr.Dataset(
        {
            "amplitude": (("y",), np.array([1, np.nan, 3, 4j], np.complex64), {"units": "V"}),
            "amplitude_std": (("y",), np.array([0.1, np.nan, 0.3, 0.4])),
            "status": ("y", np.array([0, 1, 0, 255], np.uint8), {"flag_values": [0, 1]}),
            "spread": ((), np.float32(3.25)),
            "duration": ("y", np.array([1, 2, 3, 4], "m8[ms]"), {"units": "its own"}),
        },
        coords={"parameter": ("parameter", np.array(["f0", "Q"], object), {"kind": "parameter"})},
    )
    return xr.DataTree.from_dict(
        {
            "/": xr.Dataset(attrs={"metadata": NESTED, "coordinates": "a name that others act on"}),
            "/HAADF": image,
            "/Höhe 1": result,
            "/group/deep": xr.Dataset({"signal": ("n", np.arange(3))}),
            "/group": xr.Dataset(attrs={"only": "attributes"}),
        }
    )


@every_format
def test_a_tree_comes_back_as_it_was(tmp_path, extension):
    tree = a_tree()
    back = om.open(om.save(tree, tmp_path / f"tree{extension}"))
    assert_same_tree(tree, back)


@every_format
def test_coordinates_of_a_parent_are_stored_once(tmp_path, extension):
    parent = xr.Dataset(coords={"x": ("x", [1.0, 2.0])})
    child = xr.Dataset({"signal": ("x", [5, 6])})
    tree = xr.DataTree.from_dict({"/": parent, "/a": child})
    back = om.open(om.save(tree, tmp_path / f"tree{extension}"))
    assert_same_tree(tree, back)
    assert back["a"].dataset["x"].values.tolist() == [1.0, 2.0]


@every_format
@pytest.mark.parametrize("name", ["field", "Höhe über x", None])
def test_an_array_comes_back_as_an_array_of_its_name(tmp_path, extension, name):
    array = xr.DataArray(
        np.ones((2, 3)), dims=("y", "x"), coords={"x": [1, 2, 3]}, attrs={"units": "m"}, name=name
    )
    back = saved(array, tmp_path / f"array{extension}")
    assert isinstance(back, xr.DataArray)
    assert back.name == name
    assert_same_variable(array.variable, back.variable, "array")


@every_format
def test_a_dataset_comes_back_as_a_dataset(tmp_path, extension):
    dataset = a_tree()["Höhe 1"].to_dataset()
    back = saved(dataset, tmp_path / f"dataset{extension}")
    assert_same_dataset(dataset, back)


TYPES = (  # noqa: SIM905 - read like a table
    "? i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8 c8 c16 >i2 >u4 >f4 >f8 >c8 U3 >U3 S4 "
    "M8[ns] M8[D] M8[Y] m8[s] >M8[us]"
).split()


@every_format
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("shape", [(), (3,), (2, 0), (0,), (1, 1), (2, 1, 3)])
def test_every_type_and_shape_comes_back(tmp_path, extension, dtype, shape):
    dtype = np.dtype(dtype)
    numbers = np.random.default_rng(1).integers(0, 100, shape)
    values = np.asarray(numbers).astype("U3" if dtype.kind in "US" else "i8").astype(dtype)
    dims = ("a", "b", "c")[: len(shape)]
    data = xr.Dataset({"signal": (dims, values), "other": (dims, values[...])})
    back = saved(data, tmp_path / f"types{extension}")
    assert_same_variable(
        xr.Variable(dims, values.astype(dtype.newbyteorder("="))), back["signal"].variable, "signal"
    )


@every_format
def test_values_at_the_ends_of_their_type_come_back(tmp_path, extension):
    ends = {
        "u8": np.array([0, 2**64 - 1], np.uint64),
        "i8": np.array([-(2**63), 2**63 - 1], np.int64),
        "f8": np.array([-0.0, 5e-324]),
        "special": np.array([np.nan, -np.inf], np.float32),
        "c": np.array([complex(np.nan, -0.0), complex(np.inf, 1)], np.complex128),
    }
    data = xr.Dataset({name: ("n", values) for name, values in ends.items()})
    back = saved(data, tmp_path / f"ends{extension}").compute()
    for name, values in ends.items():
        assert back[name].values.tobytes() == values.tobytes()


@every_format
def test_objects_come_back_if_they_can_be_written_as_text(tmp_path, extension):
    values = np.array([None, 1, "two", [3, 4], {"five": np.nan}], object)
    back = saved(xr.Dataset({"any": ("n", values)}), tmp_path / f"objects{extension}")
    assert back["any"].dtype == object
    assert same(list(values), list(back["any"].values))


@every_format
def test_objects_that_cannot_be_written_are_refused_by_name(tmp_path, extension):
    values = np.array([print], object)
    with pytest.raises(DataError, match=r"'any'.*builtin_function_or_method"):
        om.save(xr.Dataset({"any": ("n", values)}), tmp_path / f"objects{extension}")
    assert not list(tmp_path.iterdir())


@every_format
def test_extended_precision_is_refused_by_name(tmp_path, extension):
    with pytest.raises(DataError, match=r"'signal'.*convert"):
        om.save(xr.DataArray(np.ones(2, np.longdouble)), tmp_path / f"long{extension}")


@every_format
def test_names_that_are_no_text_are_refused(tmp_path, extension):
    with pytest.raises(DataError, match=r"names .* must be text"):
        om.save(xr.Dataset({0: ("n", [1])}), tmp_path / f"names{extension}")


@every_format
def test_a_multi_index_is_refused_with_advice(tmp_path, extension):
    stacked = xr.DataArray(np.ones((2, 2)), dims=("y", "x"), name="a").stack(point=("y", "x"))
    with pytest.raises(DataError, match="reset_index"):
        om.save(stacked, tmp_path / f"multi{extension}")


@every_format
def test_fields_of_compound_values_become_variables(tmp_path, extension):
    values = np.zeros((2, 3), [("x", "f4"), ("count", ">i2")])
    values["x"], values["count"] = np.arange(6).reshape(2, 3), 7
    array = xr.DataArray(values, dims=("y", "n"), attrs={"units": "1"})
    back = saved(array, tmp_path / f"compound{extension}")
    assert set(back.data_vars) == {"x", "count"}
    assert back["x"].dtype == np.float32
    assert back["x"].values.tolist() == values["x"].tolist()
    assert back["count"].dtype == np.int16


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.complex_numbers()
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@every_format
@given(value=JSON)
def test_any_attribute_comes_back(tmp_path_factory, extension, value):
    path = tmp_path_factory.mktemp("any") / f"attrs{extension}"
    array = xr.DataArray([1.0], dims="x", attrs={"value": value}, name="a")
    assert same(value, saved(array, path).attrs["value"])


@every_format
def test_an_attribute_of_megabytes_comes_back(tmp_path, extension):
    attrs = {"original_metadata": {"xml": "é" * 3_000_000, "table": np.arange(100_000.0)}}
    array = xr.DataArray([1.0], dims="x", attrs=attrs, name="a")
    assert same(attrs, {k: saved(array, tmp_path / f"big{extension}").attrs[k] for k in attrs})


@every_format
def test_a_history_is_stored_and_not_added_to(tmp_path, extension):
    steps = [{"id": "1", "operation": "x", "parameters": {"a": {"$type": "slice"}}, "inputs": {}}]
    array = xr.DataArray([1.0], dims="x", attrs={"provenance": steps}, name="a")
    back = saved(array, tmp_path / f"history{extension}")
    assert back.attrs["provenance"] == steps


def lazy(shape=(40, 30, 20), chunks=(16, 30, 20), dtype="f4"):
    values = np.random.default_rng(0).random(shape).astype(dtype)
    return values, da.from_array(values, chunks=chunks)


@every_format
@pytest.mark.parametrize("chunks", [(16, 30, 20), (7, 11, 13), (40, 1, 20), ((1, 9, 30), 30, 20)])
def test_lazy_values_come_back_lazy(tmp_path, extension, chunks):
    values, blocks = lazy(chunks=chunks)
    array = xr.DataArray(blocks, dims=("frame", "y", "x"), name="movie")
    back = saved(array, tmp_path / f"lazy{extension}")
    assert back.chunks is not None
    np.testing.assert_array_equal(back.values, values)


@every_format
def test_no_block_is_computed_twice(tmp_path, extension):
    """Two variables of one computation, as the parameters of a fit, are stored in one go."""
    counted = []

    def count(block):
        counted.append(threading.get_ident())
        return block + 1

    base = da.ones((40, 10), chunks=(10, 10)).map_blocks(count, meta=np.empty((0, 0)))
    data = xr.Dataset({"a": (("n", "m"), base), "b": (("n", "m"), base * 2)})
    om.save(data, tmp_path / f"shared{extension}")
    assert len(counted) == 4


@every_format
def test_blocks_are_written_whole(tmp_path, extension):
    """No chunk on disk belongs to two blocks, so threads never write to the same one."""
    from omniscopy.io.storage.stored import native_chunks

    for blocks in [(100, 4096), (64, 100), (7, 999), (4096, 1), (13, 5000)]:
        array = da.zeros((9000, 10000), chunks=blocks, dtype="f4")
        values, chunks = native_chunks(array)
        for lengths, chunk, whole in zip(values.chunks, chunks, values.shape, strict=True):
            edges = np.cumsum(lengths)[:-1]
            assert not np.any(edges % chunk), (blocks, chunks)
            assert chunk <= whole


@every_format
def test_a_failing_task_leaves_no_file(tmp_path, extension):
    def fail(block):
        message = "a bad pixel"
        raise ZeroDivisionError(message)

    array = da.ones((4, 4), chunks=2).map_blocks(fail, meta=np.empty((0, 0)))
    with pytest.raises(ZeroDivisionError):
        om.save(xr.DataArray(array, name="a"), tmp_path / f"failing{extension}")
    assert not list(tmp_path.iterdir())


@every_format
def test_a_process_that_dies_leaves_no_file_of_the_name(tmp_path, extension):
    path = tmp_path / f"dying{extension}"
    code = f"""
import os, dask.array as da, numpy as np, xarray as xr, omniscopy as om
def die(block, block_info=None):
    if block_info and block_info[0]["chunk-location"] == (3, 0):
        os._exit(7)
    return block
array = da.ones((64, 64), chunks=(16, 64)).map_blocks(die, meta=np.empty((0, 0)))
om.save(xr.DataArray(array, name="a"), {str(path)!r})
"""
    ended = subprocess.run([sys.executable, "-c", code], check=False)
    assert ended.returncode == 7
    assert not path.exists()


@every_format
def test_a_file_is_replaced_only_when_the_new_one_is_whole(tmp_path, extension):
    path = tmp_path / f"kept{extension}"
    first = xr.DataArray([1.0, 2.0], dims="x", name="a")
    om.save(first, path)
    broken = da.ones(4, chunks=2).map_blocks(lambda block: 1 / 0, meta=np.empty(0))
    with pytest.raises(ZeroDivisionError):
        om.save(xr.DataArray(broken, dims="x", name="a"), path, overwrite=True)
    assert from_tree(om.open(path)).values.tolist() == [1.0, 2.0]
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@every_format
def test_info_describes_what_was_saved(tmp_path, extension):
    om.save(a_tree(), tmp_path / f"tree{extension}")
    described = {
        each["name"]: each for each in om.io.info(tmp_path / f"tree{extension}")["channels"]
    }
    image = described["HAADF"]
    assert image["shape"] == [4, 6]
    assert image["dims"] == ["y", "x"]
    assert image["dtype"] == "uint16"
    assert image["units"] == "counts"
    assert image["variables"] == ["mask", "variance"]
    assert image["axes"][1]["units"] == "nm"
    assert image["axes"][1]["ends"] == [7.0, 4.5]


@every_format
def test_handles_can_be_sent_to_another_process(tmp_path, extension):
    import pickle

    from omniscopy.io.reading import read_measurement

    om.save(a_tree(), tmp_path / f"tree{extension}")
    _, measurement = read_measurement(tmp_path / f"tree{extension}")
    handle = measurement.nodes["/HAADF"].variables["signal"].data
    copy = pickle.loads(pickle.dumps(handle))
    assert copy[1, 2:6:2].tolist() == [8, 10]
    assert copy[(slice(0, 0), slice(None))].shape == (0, 6)


@every_format
def test_saving_is_the_same_from_a_file_that_xarray_opened_lazily(tmp_path, extension):
    """Values that xarray has not read yet are streamed, not gathered."""
    source = tmp_path / "source.h5nc"
    values = np.arange(12.0).reshape(3, 4)
    xr.Dataset({"a": (("y", "x"), values)}).to_netcdf(source, engine="h5netcdf")
    with xr.open_dataset(source, engine="h5netcdf") as data:
        back = saved(data, tmp_path / f"copy{extension}")
    np.testing.assert_array_equal(back["a"].values, values)


def test_every_format_here_is_written():
    written = {each for row in om.io.formats() if row["writes"] for each in row["extensions"]}
    assert written >= set(EXTENSIONS)
