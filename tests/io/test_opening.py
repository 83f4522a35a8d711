"""Any file in, labelled and lazy."""

import math
import subprocess
import sys
import time

import numpy as np
import pytest
import xarray as xr

import omniscopy as om
from omniscopy.io.records import Axis, Channel, Measurement, Variable
from omniscopy.io.tree import to_tree
from omniscopy.testing.files.igor import write_asylum_image
from omniscopy.testing.files.mrc import write_mrc


@pytest.fixture
def stack(tmp_path):
    path = tmp_path / "stack.mrc"
    values = np.arange(4 * 6 * 5, dtype=np.int16).reshape(4, 6, 5)
    write_mrc(path, values, cell=(10.0, 12.0, 4.0))
    return path, values


@pytest.fixture
def topography(tmp_path):
    path = tmp_path / "topography.ibw"
    rng = np.random.default_rng(0)
    write_asylum_image(
        path,
        {"HeightTrace": rng.normal(size=(8, 8)), "PhaseTrace": rng.normal(size=(8, 8))},
        pixel_size=(1e-8, 1e-8),
    )
    return path


def test_a_file_becomes_a_tree_with_one_node_a_channel(topography):
    tree = om.open(topography)
    assert set(tree.children) == {"HeightTrace", "PhaseTrace"}
    assert tree["HeightTrace"]["signal"].dims == ("y", "x")
    assert om.validate(tree) == []


def test_a_signal_is_lazy_named_after_its_channel_and_labelled(stack):
    path, values = stack
    data = om.open_signal(path)
    assert data.name == "stack"
    assert data.chunks is not None
    assert data["x"].attrs["kind"] == "spatial"
    np.testing.assert_array_equal(data.values, values)


def test_several_channels_are_listed_when_none_is_named(topography):
    with pytest.raises(om.DataError, match=r"holds 2 channels; name one(?s:.*)HeightTrace: image"):
        om.open_signal(topography)
    with pytest.raises(om.DataError, match="there is no channel 'Current'"):
        om.open_signal(topography, "Current")
    assert om.open_signal(topography, "PhaseTrace").name == "PhaseTrace"


def test_the_way_a_file_is_opened_is_the_first_step_of_a_history(stack):
    path, _ = stack
    (step,) = om.history(om.open_signal(path))
    assert step.operation == "io.open_signal"
    assert step.parameters == {"channel": "stack"}
    assert step.inputs["path"]["size"] == path.stat().st_size


def test_chunks_are_as_asked_and_none_loads(stack):
    path, _ = stack
    assert om.open_signal(path, chunks={"frame": 1}).chunksizes["frame"] == (1, 1, 1, 1)
    assert om.open_signal(path, chunks=None).chunks is None


def test_unknown_reader_options_are_refused(stack):
    with pytest.raises(om.FormatError, match="does not take these options"):
        om.open(stack[0], colour="red")


def test_xarray_opens_files_through_the_engine(stack, topography):
    path, values = stack
    np.testing.assert_array_equal(xr.open_dataset(path, engine="omniscopy")["signal"], values)
    tree = xr.open_datatree(topography, engine="omniscopy")
    assert set(tree.children) == {"HeightTrace", "PhaseTrace"}
    with pytest.raises(om.DataError, match="name one with"):
        xr.open_dataset(topography, engine="omniscopy")


def test_the_file_on_disk_is_not_touched(stack):
    path, _ = stack
    before = path.read_bytes(), path.stat().st_mtime_ns
    om.open_signal(path).sum().compute()
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_a_rewritten_file_is_read_anew(tmp_path):
    path = tmp_path / "again.mrc"
    write_mrc(path, np.zeros((3, 3), np.int16))
    first = om.open_signal(path)
    assert int(first.sum()) == 0
    write_mrc(path, np.ones((3, 3), np.int16))
    assert int(om.open_signal(path).sum()) == 9
    assert om.open_signal(path).data.name != first.data.name


def test_opening_costs_the_same_on_a_file_of_gigabytes(tmp_path):
    def made(frames):
        path = tmp_path / f"{frames}.mrc"
        write_mrc(path, np.zeros((1, 1024, 1024), np.int16))
        with path.open("r+b") as file:
            file.seek(8)
            file.write(frames.to_bytes(4, "little"))
            file.truncate(1024 + 2 * frames * 2**20)  # sparse: costs no space
        return path

    def seconds(path):
        start = time.thread_time()
        om.open_signal(path)
        return time.thread_time() - start

    large, small = made(4096), made(8)
    assert om.open_signal(large).sizes["frame"] == 4096
    took = [(seconds(large), seconds(small)) for _ in range(7)]
    assert min(first for first, _ in took) < 5 * min(second for _, second in took)


def test_one_pixel_is_read_without_the_rest(tmp_path):
    path = tmp_path / "huge.mrc"
    write_mrc(path, np.zeros((1, 1024, 1024), np.int16))
    with path.open("r+b") as file:
        file.seek(8)
        file.write((65536).to_bytes(4, "little"))
        file.truncate(1024 + 65536 * 2**21)  # 128 GiB, more than there is memory
    assert int(om.open_signal(path)[40000, 7, 7]) == 0


@pytest.mark.parametrize(
    "code",
    [
        "import omniscopy",
        "import omniscopy as om; om.io.info({path!r})",
        "import omniscopy as om; om.io.formats()",
    ],
)
def test_looking_at_a_file_loads_no_heavy_library(stack, code):
    check = (
        (
            f"import sys; {code.format(path=str(stack[0]))}; heavy = {{'xarray', 'dask', 'pandas', "
            "'matplotlib', 'sklearn', 'torch', 'scipy', 'zarr'} & set(sys.modules); "
            "sys.exit(str(heavy) if heavy else 0)"
        )
        .replace("{{", "{")
        .replace("}}", "}")
    )
    done = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_importing_the_package_takes_less_than_a_third_of_a_second():
    code = "import time; t = time.process_time(); import omniscopy; print(time.process_time() - t)"
    took = [
        float(
            subprocess.run(
                [sys.executable, "-c", code], capture_output=True, text=True, check=True
            ).stdout
        )
        for _ in range(3)
    ]
    assert min(took) < 0.3


def measurement():
    axes = (Axis(name="y", size=2, scale=0.5, offset=1.0, units="nm"), Axis(name="x", size=3))
    bias = Variable(dims=("y", "x"), data=np.ones((2, 3)), attrs={"units": "V"})
    mask = Variable(dims=("x",), data=np.array([True, False, True]))
    first = Channel(
        title="Height",
        data=np.zeros((2, 3)),
        axes=axes,
        units="nm",
        quantity="height",
        coordinates={"bias": bias},
        variables={"mask": mask},
        metadata={"a": 1},
    )
    second = Channel(title="Height", data=np.ones((2, 3)), axes=axes)
    other = Channel(
        title="Height", data=np.ones(5), axes=[Axis(name="x", size=5)], group="results/Fit_000"
    )
    return Measurement(
        channels=[first, second, other], metadata={"b": 2}, original_metadata={"c": {"d": 3}}
    )


def test_records_become_nodes_with_unique_names():
    tree = to_tree(measurement())
    paths = sorted(node.path for node in tree.subtree if node.data_vars)
    assert paths == ["/Height", "/Height_1", "/results/Fit_000/Height"]
    node = tree["Height"]
    assert set(node.data_vars) == {"signal", "mask"}
    assert node["bias"].dims == ("y", "x")
    np.testing.assert_array_equal(node["y"], [1.0, 1.5])
    assert node["y"].attrs == {"units": "nm", "quantity": "length", "kind": "spatial"}
    assert "units" not in node["x"].attrs


def test_channels_of_the_same_places_have_coordinates_of_their_own():
    axes = [Axis(name="y", size=3, units="nm"), Axis(name="x", size=4, units="nm")]
    groups = {"a": "", "b": "", "c": "deep/er"}
    channels = [
        Channel(title=title, data=np.ones((3, 4)), axes=axes, group=group)
        for title, group in groups.items()
    ]
    tree = to_tree(Measurement(channels=channels))
    assert [node.path for node in tree.subtree if node.data_vars] == ["/a", "/b", "/deep/er/c"]
    tree["a"].coords["x"].attrs["units"] = "µm"
    assert [tree[path]["x"].attrs["units"] for path in ("b", "deep/er/c")] == ["nm", "nm"]


def test_signals_carry_the_metadata_of_the_file_and_their_own():
    found = om.signals(to_tree(measurement()))
    assert list(found) == ["Height", "Height_1", "results/Fit_000/Height"]
    assert found["Height"].attrs["metadata"] == {"a": 1, "b": 2}
    assert found["Height_1"].attrs["original_metadata"] == {"c": {"d": 3}}


def test_a_group_of_a_channel_does_not_hide_that_of_the_file():
    channel = Channel(
        title="Height",
        data=np.zeros(3),
        axes=[Axis(name="x", size=3)],
        metadata={"scan": {"direction": "trace", "rotation": 5.0}},
        original_metadata={"Scan": {"a": 1}},
    )
    of_file = {"scan": {"line_rate": 2.0, "rotation": 0.0}, "started": "2020-01-01"}
    tree = to_tree(
        Measurement(channels=[channel], metadata=of_file, original_metadata={"Scan": {"b": 2}})
    )
    attrs = om.signals(tree)["Height"].attrs
    scan = {"direction": "trace", "rotation": 5.0, "line_rate": 2.0}
    assert attrs["metadata"] == {"scan": scan, "started": "2020-01-01"}
    assert attrs["original_metadata"] == {"Scan": {"a": 1}}
    assert tree.attrs["metadata"] == of_file


def test_values_and_axes_that_disagree_are_refused():
    wrong = Channel(title="Wrong", data=np.zeros((2, 3)), axes=[Axis(name="x", size=6)])
    with pytest.raises(om.FormatError, match=r"'Wrong' has values of shape \(2, 3\)"):
        to_tree(Measurement(channels=[wrong]))


@pytest.mark.parametrize(
    ("shape", "whole", "native", "expected"),
    [
        ((100, 100, 1024), (2,), None, (81, 100, 1024)),
        ((256, 256, 256, 256), (2, 3), None, (1, 128, 256, 256)),
        ((10_000, 10_000), (), None, (838, 10_000)),
        ((64, 64, 4096), (2,), (1, 1, 1000), (32, 64, 4096)),
        ((6, 7), (), (1, 7), (6, 7)),
        ((0, 5), (), None, (1, 5)),
        ((), (), None, ()),
    ],
)
def test_chunks_keep_what_operations_work_on_whole(shape, whole, native, expected):
    chunk = om.compute.plan_chunks(shape, 8, whole=whole, native=native)
    assert chunk == expected
    assert math.prod(chunk) * 8 <= 64 * 2**20
