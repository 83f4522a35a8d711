"""Writing NSID: every tree comes back as it was, and the original package accepts the file."""

import json
import subprocess
from pathlib import Path

import dask
import dask.array as da
import h5py
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import omniscopy as om
from omniscopy.io.nsid.writer import node_places
from omniscopy.model.errors import DataError

PEERS = Path(__file__).resolve().parents[3] / ".venv-peers" / "bin" / "python"
CHECK = """
import json, sys, h5py
from pyNSID.io.hdf_utils import check_if_main, get_all_main, read_h5py_dataset
with h5py.File(sys.argv[1], "r") as file:
    mains = get_all_main(file)
    said = {}
    for main in mains:
        assert check_if_main(main, verbose=True)
        if len(sys.argv) > 2:
            read = read_h5py_dataset(main)
            names = [read._axes[i].name for i in range(read.ndim)]
            said[main.name] = [list(read.shape), read.units, str(read.data_type), names, read.title]
        else:
            said[main.name] = None
print(json.dumps(said))
"""


def axis(dim, values, units, kind):
    return xr.Variable((dim,), values, {"units": units, "quantity": dim, "kind": kind})


def spectrum_image():
    values = np.random.default_rng(0).poisson(5, (3, 4, 6)).astype(np.uint16)
    coords = {
        "y": axis("y", 0.5 * np.arange(3), "nm", "spatial"),
        "x": axis("x", 0.5 * np.arange(4, dtype=np.float32), "nm", "spatial"),
        "energy_loss": axis("energy_loss", 100.0 + np.arange(6), "eV", "spectral"),
    }
    attrs = {
        "long_name": "EELS Ω", "quantity": "intensity", "units": "counts",
        "signal_type": "spectral_image", "metadata": {"beam": {"voltage": 2e5}},
    }  # fmt: skip
    return xr.DataArray(values, dims=("y", "x", "energy_loss"), coords=coords, attrs=attrs)


def fit_result():
    data = spectrum_image()
    shape = data.shape[:2]
    return xr.Dataset(
        {
            "amplitude": (("y", "x"), np.random.default_rng(1).normal(size=shape), {"units": "V"}),
            "amplitude_std": (("y", "x"), np.full(shape, np.nan, np.float32)),
            "status": (("y", "x"), np.ones(shape, np.int8), {"flag_values": [0, 1]}),
            "converged": (("y", "x"), np.ones(shape, bool)),
            "covariance": (("y", "x", "parameter", "parameter_2"), np.zeros((*shape, 2, 2))),
            "total": ((), 1.5, {"units": "1"}),
            "phase": (("y",), np.exp(1j * np.arange(3)).astype(np.complex64)),
            "label": (("y",), np.array(["a", "µ", ""])),
        },
        coords={
            "y": data["y"],
            "x": data["x"],
            "parameter": ("parameter", np.array(["amplitude", "width"])),
            "parameter_2": ("parameter_2", np.array(["amplitude", "width"], dtype=object)),
            "when": ("y", np.array(["2020-01-01", "2021-05-05", "NaT"], "M8[ns]")),
            "lag": ("x", np.arange(4).astype("m8[ms]")),
            "depth": (("y", "x"), np.arange(12.0).reshape(3, 4), {"units": "nm"}),
            "run": 7,
        },
        attrs={"long_name": "Fit", "nested": {"list": [1, {"two": None}]}, "array": np.eye(2)},
    )


def whole_tree():
    image = spectrum_image().sum("energy_loss").rename("signal")
    series = xr.Dataset({"signal": ("time", np.arange(3.0))}, {"time": ("time", np.arange(3) ** 2)})
    return xr.DataTree.from_dict(
        {
            "/": xr.Dataset(attrs={"metadata": {"operator": "Jané"}, "empty": {}}),
            "/EELS": spectrum_image().rename("signal").to_dataset(),
            "/HAADF": image.to_dataset().assign(variance=image * 2.0),
            "/series one": series,
            "/results": xr.Dataset(attrs={"note": "of results"}),
            "/results/fit_000/maps": fit_result(),
            "/results/fit_000/maps/deeper": xr.Dataset({"n": ("k", np.arange(2))}),
        }
    )


def check_round_trip(tree, path, **options):
    om.save(tree, path, **options)
    back = om.open(path)
    for node in tree.subtree:
        there, here = back[node.path].to_dataset(inherit=False), node.to_dataset(inherit=False)
        for values in there.data_vars.values():
            assert values.attrs.pop("provenance", None) is not None
        for values in here.data_vars.values():
            values.attrs.pop("provenance", None)
        for name, values in here.variables.items():
            assert there[name].dtype == values.dtype, name
            assert there[name].dims == values.dims, name
        if node.path == "/":
            there.attrs = {k: v for k, v in there.attrs.items() if k not in ("file", "saved_as")}
        xr.testing.assert_identical(there, here)
    return back


def test_a_whole_tree_comes_back_identical(tmp_path):
    check_round_trip(whole_tree(), tmp_path / "tree.hf5")


@pytest.mark.parametrize("compression", ["gzip", "lzf"])
def test_compressed_values_come_back_identical(tmp_path, compression):
    path = tmp_path / "tree.hf5"
    check_round_trip(whole_tree(), path, compression=compression)
    with h5py.File(path) as file:
        main = file["Measurement_000/Channel_000/EELS/EELS"]
        assert main.compression == compression
        assert main.fletcher32


def test_an_unknown_compression_is_refused(tmp_path):
    with pytest.raises(DataError, match="compression must be 'gzip', 'lzf' or None, got 'zip'"):
        om.save(spectrum_image(), tmp_path / "a.hf5", compression="zip")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "dtype",
    ["i1", "u1", "i2", "u4", "i8", "u8", "f2", "f4", "f8", "c8", "c16", "?", "U3", "M8[us]"],
)
def test_values_of_every_type_come_back(tmp_path, dtype):
    values = np.arange(6).astype("i8" if dtype[0] == "M" else "u1").astype(dtype)
    data = xr.DataArray(values.reshape(2, 3), dims=("y", "x"), name="a")
    back = om.open(om.save(data, tmp_path / "a.hf5"))["a/signal"]
    assert back.dtype == data.dtype
    np.testing.assert_array_equal(back.values, data.values)


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (1, 1, 1)])
def test_odd_shapes_come_back(tmp_path, shape):
    data = xr.DataArray(np.zeros(shape, "f4"), dims=tuple("abc"[: len(shape)]), name="a")
    back = om.open(om.save(data, tmp_path / "a.hf5"))["a/signal"]
    assert (back.shape, back.dtype, back.dims) == (shape, np.float32, data.dims)


def test_a_history_is_kept_and_not_added_to(tmp_path):
    first = om.save(spectrum_image(), tmp_path / "one.hf5")
    opened = om.open_signal(first)
    second = om.open_signal(om.save(opened, tmp_path / "two.hf5"))
    assert second.attrs["provenance"] == opened.attrs["provenance"]
    assert len(om.history(second)) == 1
    assert om.open(tmp_path / "two.hf5").attrs["saved_as"] == "array"


def test_attributes_of_any_size_come_back(tmp_path):
    data = spectrum_image()
    data.attrs["metadata"] = {
        "long": "µ" * 100_000,
        "array": np.arange(50_000.0),
        "many": {f"key {number}": [number, None, {"x": True}] for number in range(3000)},
        "odd/key": {"": 1, ".": {"..": 2}, "nul\0": "a\0b"},
    }
    back = om.open_signal(om.save(data, tmp_path / "big.hf5"))
    np.testing.assert_array_equal(
        back.attrs["metadata"].pop("array"), data.attrs["metadata"].pop("array")
    )
    assert back.attrs["metadata"] == data.attrs["metadata"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(attrs=st.dictionaries(st.text(min_size=1), json_values, max_size=4))
def test_any_nested_metadata_comes_back(tmp_path_factory, attrs):
    data = xr.DataArray(np.zeros(2), dims="x", name="a", attrs={"metadata": attrs})
    path = tmp_path_factory.mktemp("attrs") / "a.hf5"
    back = om.open_signal(om.save(data, path)).attrs["metadata"]
    assert repr(back) == repr(attrs)


def test_metadata_can_be_read_by_other_programs(tmp_path):
    tree = whole_tree()
    om.save(tree, tmp_path / "a.hf5")
    with h5py.File(tmp_path / "a.hf5") as file:
        group = file["Measurement_000/Channel_000/EELS"]
        assert group["metadata"].attrs["operator"] == "Jané"
        assert group["metadata/beam"].attrs["voltage"] == 2e5
        scale = group["x"]
        assert (scale.dtype, scale.attrs["units"]) == (np.float32, "nm")
        assert scale.attrs["dimension_type"] == "SPATIAL"
        assert group["EELS"].dims[2].label == "energy_loss"
        assert group["EELS"].attrs["title"] == "EELS Ω"


def test_results_are_written_as_results_groups():
    places = node_places(["/A", "/B", "/results", "/results/fit", "/results/fit/maps", "/B/C"])
    channel = "/Measurement_000/Channel_000"
    assert places["/A"] == f"{channel}/A"
    assert places["/B"] == "/Measurement_000/Channel_001/B"
    assert places["/B/C"] == "/Measurement_000/Channel_001/B/C"
    assert places["/results/fit/maps"] == f"{channel}/Log_fit/maps"
    assert len(set(places.values())) == len(places)


def test_lazy_values_are_computed_once_and_block_by_block(tmp_path):
    calls = []

    def block(block_info=None):
        calls.append(block_info[None]["chunk-location"])
        return np.full((2, 4), float(calls[-1][0]))

    shared = da.map_blocks(block, chunks=((2, 2, 2), (4,)), dtype=float, meta=np.empty((0, 0)))
    data = xr.Dataset({"a": (("y", "x"), shared), "b": (("y", "x"), shared * 2)})
    with dask.config.set(scheduler="synchronous"):
        om.save(data, tmp_path / "lazy.hf5")
    assert sorted(calls) == [(0, 0), (1, 0), (2, 0)]
    back = next(iter(om.open(tmp_path / "lazy.hf5").children.values()))
    np.testing.assert_array_equal(back["b"][:, 0], [0, 0, 2, 2, 4, 4])


def test_scattered_blocks_are_chunks_on_disk_and_others_contiguous(tmp_path):
    rows = da.zeros((64, 512), chunks=(16, 512))
    columns = da.zeros((64, 512), chunks=(64, 128))
    om.save(
        xr.Dataset({"rows": (("y", "x"), rows), "columns": (("y", "x"), columns)}),
        tmp_path / "a.hf5",
    )
    with h5py.File(tmp_path / "a.hf5") as file:
        group = next(iter(file["Measurement_000/Channel_000"].values()))
        assert group["rows"].chunks is None
        assert group["columns"].chunks == (64, 128)


def test_what_another_program_adds_is_read_too(tmp_path, add, yx):
    path = om.save(whole_tree(), tmp_path / "a.hf5")
    with h5py.File(path, "r+") as file:
        log = file["Measurement_000/Channel_000"].create_group("Log_Added_000")
        add(log, "added", np.ones((4, 5)), yx, units="nm")
    tree = om.open(path)
    assert tree["EELS/signal"].attrs["long_name"] == "EELS Ω"
    added = tree["results/Log_Added_000/added/signal"]
    assert (added.attrs["units"], added["x"].attrs["units"]) == ("nm", "µm")
    np.testing.assert_array_equal(added, 1)


def test_a_file_of_a_later_version_is_refused_with_a_hint(tmp_path):
    path = om.save(spectrum_image(), tmp_path / "a.hf5")
    with h5py.File(path, "r+") as file:
        file.attrs["omniscopy_layout_version"] = 99
    with pytest.raises(om.FormatError, match=r"version 99 of the layout.*update omniscopy"):
        om.open(path)


def test_a_description_that_contradicts_the_data_is_damage(tmp_path):
    path = om.save(spectrum_image(), tmp_path / "a.hf5")
    with h5py.File(path, "r+") as file:
        group = file["Measurement_000/Channel_000"]
        group = next(iter(group.values()))
        del group["y"]
        group["y"] = np.arange(9.0)
    with pytest.raises(om.FormatError, match="points along 'y'"):
        om.open(path)


def test_objects_are_refused_by_name(tmp_path):
    values = np.array([object(), 1], dtype=object)
    with pytest.raises(DataError, match="odd"):
        om.save(xr.Dataset({"odd": ("x", values)}), tmp_path / "a.hf5")


def test_a_thumbnail_is_where_other_programs_look_for_it(tmp_path):
    picture = np.zeros((2, 3, 4), np.uint8)
    tree = xr.DataTree.from_dict(
        {"/": xr.Dataset(attrs={"thumbnail": picture}), "/a": xr.Dataset({"signal": ("x", [1.0])})}
    )
    path = om.save(tree, tmp_path / "a.hf5")
    with h5py.File(path) as file:
        assert file["Thumbnail/Thumbnail"].shape == (2, 3, 4)
    np.testing.assert_array_equal(om.open(path).attrs["thumbnail"], picture)


def run_peer(path, *more):
    if not PEERS.exists():
        pytest.skip("the environment .venv-peers with pyNSID is not there")
    run = subprocess.run(
        [PEERS, "-W", "ignore", "-c", CHECK, str(path), *more],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    return json.loads(run.stdout.splitlines()[-1])


@pytest.mark.peer
def test_the_original_package_finds_every_numeric_variable(tmp_path):
    tree = whole_tree()
    found = run_peer(om.save(tree, tmp_path / "tree.hf5"))
    numeric = [
        (node.path, name)
        for node in tree.subtree
        for name, values in node.data_vars.items()
        if values.dtype.kind != "U"
    ]
    assert len(found) == len(numeric)
    assert "/Measurement_000/Channel_000/Log_fit_000/maps/amplitude" in found


@pytest.mark.peer
def test_the_original_package_reads_a_measurement(tmp_path):
    found = run_peer(om.save(spectrum_image(), tmp_path / "a.hf5"), "read")
    ((shape, units, kind, names, title),) = found.values()
    assert shape == [3, 4, 6]
    assert units == "counts"
    assert "SPECTRAL_IMAGE" in kind
    assert names == ["y", "x", "energy_loss"]
    assert title == "EELS Ω"
