"""Long computations, chunk by chunk into a file."""

import re
import subprocess
import sys
import threading
import warnings
from collections import Counter
from pathlib import Path

import dask
import dask.array as da
import dask.local
import numpy as np
import pytest
import xarray as xr

import omniscopy as om
from omniscopy.compute import ChunkError, map_signal, run
from omniscopy.model import result

LOCK = threading.Lock()


class Detector:
    """An array on disk, of which it is counted how often each chunk is read."""

    dtype = np.dtype("float32")

    def __init__(self, shape):
        self.shape, self.ndim, self.reads = shape, len(shape), Counter()

    def __dask_tokenize__(self):
        return "detector", self.shape

    def __getitem__(self, key):
        with LOCK:
            self.reads[key[0].start, key[1].start] += 1
        places = np.meshgrid(
            *(range(*part.indices(n)) for part, n in zip(key, self.shape, strict=True)),
            indexing="ij",
        )
        return np.sin(places[0] + 0.1 * places[1] + 0.37 * places[2]).astype("float32")


def scanned(shape=(8, 12, 32), chunks=(4, 6, -1)):
    detector = Detector(shape)
    values = da.from_array(
        detector, chunks=chunks, inline_array=True, meta=np.empty((0, 0, 0), "f4")
    )
    coords = {
        "y": ("y", np.arange(shape[0]) * 0.5, {"units": "nm", "kind": "spatial"}),
        "x": ("x", np.arange(shape[1]) * 0.5, {"units": "nm", "kind": "spatial"}),
        "energy": ("energy", np.arange(shape[2]) * 2.0, {"units": "eV", "kind": "spectral"}),
    }
    attrs = {"units": "counts", "long_name": "Counts", "metadata": {"dwell": 0.1}}
    return detector, xr.DataArray(values, coords, ("y", "x", "energy"), name="counts", attrs=attrs)


def moments(block):
    return block.mean(-1, dtype=float), block.std(-1, dtype=float), np.argmax(block, -1)


def as_before(found):
    """Return what a run gives without the record that it was read from a file."""
    if isinstance(found, xr.Dataset):
        found = found.map(as_before, keep_attrs=True)
    found.attrs = {key: value for key, value in found.attrs.items() if key != "provenance"}
    return found.compute()


def measured(data, function=moments):
    """Return several variables that are made of each chunk in one go."""
    found = map_signal(
        function, data, dim="energy", output_dims=[{}, {}, {}], dtypes=[float, float, np.int64]
    )
    mean, std, largest = found
    return result(mean=(mean, "counts"), std=(std, "counts"), largest=(largest, "1"))


@pytest.mark.parametrize("extension", [".zarr", ".hf5", ".nc"])
def test_the_file_is_the_one_that_saving_would_have_written(tmp_path, extension):
    _, data = scanned()
    lazy = om.signal.fit_model(data, om.signal.Polynomial(1))
    om.save(lazy, tmp_path / f"saved{extension}")
    found = run(lazy, tmp_path / f"run{extension}")
    saved = om.open(tmp_path / f"saved{extension}")
    made = om.open(tmp_path / f"run{extension}")
    assert isinstance(found, xr.Dataset)
    assert all(each.chunks is not None for each in found.data_vars.values())
    xr.testing.assert_identical(found.compute(), lazy.compute())
    for tree in (saved, made):
        del tree.attrs["file"]
    xr.testing.assert_identical(made.load(), saved.load())
    assert om.history(found) == om.history(lazy)
    assert found["polynomial_c1"].attrs["units"] == lazy["polynomial_c1"].attrs["units"]
    assert [each.name for each in tmp_path.iterdir() if "partial" in each.name] == []


def test_a_chunk_is_read_once_for_all_that_is_made_of_it(tmp_path):
    detector, data = scanned()
    run(measured(data), tmp_path / "a.zarr")
    assert set(detector.reads.values()) == {1}
    assert len(detector.reads) == 4


def test_an_array_comes_back_as_an_array_with_its_name_and_a_tree_as_a_tree(tmp_path):
    _, data = scanned()
    twice = (data * 2).assign_attrs(units="counts")
    array = run(twice, tmp_path / "array.zarr")
    xr.testing.assert_identical(as_before(array), twice.compute())
    tree = xr.DataTree.from_dict({"/one": measured(data), "/two/deep": measured(data + 1)})
    again = run(tree, tmp_path / "tree.hf5")
    for path in ("one", "two/deep"):
        node = again[path].to_dataset()
        xr.testing.assert_identical(as_before(node), tree[path].to_dataset().compute())


def test_what_is_in_memory_is_written_without_chunks(tmp_path):
    _, data = scanned()
    found = run(data.compute(), tmp_path / "a.zarr")
    xr.testing.assert_identical(as_before(found), data.compute())


def test_blocks_that_are_cut_unevenly_are_written_too(tmp_path):
    _, data = scanned()
    uneven = measured(data.isel(y=slice(1, None), x=slice(2, 11)))
    assert uneven["mean"].chunks == ((3, 4), (4, 5))
    xr.testing.assert_identical(as_before(run(uneven, tmp_path / "a.zarr")), uneven.compute())


def test_several_passes_over_the_data_read_it_once_each(tmp_path):
    detector, data = scanned((8, 12, 16), (2, 12, -1))
    lazy = om.signal.decompose(data + 0, 2)
    expected = lazy.compute()
    detector.reads.clear()
    lazy.compute()
    passes = sum(detector.reads.values())
    detector.reads.clear()
    found = run(lazy, tmp_path / "a.zarr")
    assert sum(detector.reads.values()) <= passes
    xr.testing.assert_allclose(found.compute(), expected)


def test_neighbours_that_a_chunk_looks_at_are_read_once(tmp_path):
    detector, data = scanned((16, 12, 8), (4, 4, -1))
    lazy = data.copy(data=da.overlap.map_overlap(
        lambda block: block - block.mean(), data.data, depth=(1, 1, 0), boundary="reflect"
    ))  # fmt: skip
    xr.testing.assert_identical(as_before(run(lazy, tmp_path / "a.zarr")), lazy.compute())
    detector.reads.clear()
    run(lazy, tmp_path / "b.zarr")
    assert set(detector.reads.values()) == {1}


@pytest.mark.parametrize("scheduler", ["threads", "synchronous", "processes"])
def test_every_scheduler_gives_the_same_numbers(tmp_path, monkeypatch, scheduler):
    def refuse(*words, **options):
        pytest.fail("parts are ordered by dask, with memory by the square of their number")

    _, data = scanned()
    data = data.compute().chunk(y=4, x=6)
    lazy = xr.Dataset({"mean": data.mean("energy"), "less": data - data.mean(), "all": data.sum()})
    lazy["nothing"] = data * 0
    with monkeypatch.context() as patched:
        patched.setattr(dask.local, "order", refuse)
        found = run(lazy, tmp_path / "a.zarr", scheduler=scheduler, workers=2)
    xr.testing.assert_identical(as_before(found), lazy.compute())


def test_the_scheduler_of_the_configuration_is_taken(tmp_path):
    names = set()

    def named(block):
        names.add(threading.current_thread().name)
        return moments(block)

    _, data = scanned()
    with dask.config.set(scheduler="synchronous"):
        run(measured(data, named), tmp_path / "a.zarr")
    assert names == {threading.current_thread().name}
    names.clear()
    run(measured(data, named), tmp_path / "b.zarr", scheduler="threads")
    assert all(name.startswith("omniscopy-chunk") for name in names)


def test_chunks_are_done_in_the_order_in_which_they_lie_in_the_file(tmp_path):
    detector, data = scanned((12, 12, 4), (1, 6, -1))
    run(measured(data), tmp_path / "a.zarr", workers=1)
    assert list(detector.reads) == sorted(detector.reads)


def test_no_more_chunks_than_workers_are_worked_on_at_a_time(tmp_path):
    inside, most = [0], [0]
    both = threading.Barrier(3, timeout=300)

    def waiting(block):
        with LOCK:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        if not both.broken:
            both.wait()
        with LOCK:
            inside[0] -= 1
        return moments(block)

    _, data = scanned((12, 6, 8), (2, 6, -1))
    run(measured(data, waiting), tmp_path / "a.zarr", workers=3)
    assert most[0] == 3


THREADS_OF_LIBRARIES = """
import sys
import numpy as np, sklearn.cluster, threadpoolctl, xarray as xr
from omniscopy.compute import map_signal, run
from omniscopy.model import result

def threads():
    return [each["num_threads"] for each in threadpoolctl.threadpool_info()]

def looking(block):
    seen.extend(threads())
    return block.mean(-1)

seen = []
values = np.ones((8, 12, 32))
coords = {name: (name, np.arange(size), {"units": "nm"}) for name, size in zip("yxz", values.shape)}
data = xr.DataArray(values, coords, name="counts", attrs={"units": "counts"})
(mean,) = map_signal(looking, data.chunk(y=4, x=6), dim="z", output_dims=[{}], dtypes=[float])
lazy = result(mean=(mean, "counts"))
with threadpoolctl.threadpool_limits(2):
    before = threads()
    run(lazy, sys.argv[1], workers=2)
    assert threads() == before, (threads(), before)
assert seen and set(seen) == {1}, seen
"""


def test_libraries_keep_to_one_thread_in_a_chunk_and_get_theirs_back(tmp_path):
    # A process of its own: here what another test has left to its threads may set the numbers.
    subprocess.run(
        [sys.executable, "-c", THREADS_OF_LIBRARIES, tmp_path / "a.zarr"], check=True, timeout=600
    )


def test_a_finished_result_is_found_and_not_computed_again(tmp_path):
    detector, data = scanned()
    lazy = om.signal.mean_over(data, "energy")
    run(lazy, tmp_path / "a.zarr")
    detector.reads.clear()
    found = run(lazy, tmp_path / "a.zarr")
    assert not detector.reads
    xr.testing.assert_identical(found.compute(), lazy.compute())


def test_another_file_is_not_replaced_unless_asked_for(tmp_path):
    _, data = scanned()
    path = tmp_path / "a.hf5"
    run(om.signal.mean_over(data, "energy"), path)
    other = om.signal.sum_over(data, "energy")
    with pytest.raises(FileExistsError, match="is not this result; give `overwrite=True`"):
        run(other, path)
    xr.testing.assert_identical(run(other, path, overwrite=True).compute(), other.compute())


def test_values_changed_after_an_operation_are_another_result(tmp_path):
    _, data = scanned()
    mean = om.signal.mean_over(data, "energy")
    run(mean, tmp_path / "a.zarr")
    with pytest.raises(FileExistsError, match="is not this result"):
        run(mean * 2, tmp_path / "a.zarr")


def test_a_file_that_the_data_come_from_is_not_written_to(tmp_path):
    _, data = scanned()
    path = om.save(data, tmp_path / "a.zarr")
    with pytest.raises(om.DataError, match="is a source of this data"):
        run(om.open_signal(path) * 2, path, overwrite=True)


def test_progress_tells_chunks_rate_and_time_left(tmp_path):
    told = []
    _, data = scanned()
    run(measured(data), tmp_path / "a.zarr", progress=told.append)
    assert [each.done for each in told] == [1, 2, 3, 4]
    assert [each.share for each in told] == pytest.approx([0.25, 0.5, 0.75, 1.0])
    assert all(each.rate > 0 for each in told)
    assert told[-1].seconds_left == 0
    assert told[1].seconds_left == pytest.approx(told[1].seconds)
    assert str(told[1]).startswith("2 of 4 chunks, ")
    assert str(told[1]).endswith(" left")


def test_progress_goes_to_the_log_where_there_is_no_terminal(tmp_path, caplog, capsys):
    _, data = scanned()
    with caplog.at_level("INFO", "omniscopy"):
        run(measured(data), tmp_path / "a.zarr")
    assert "a.zarr: 4 of 4 chunks" in caplog.text
    caplog.clear()
    with caplog.at_level("INFO", "omniscopy"):
        run(measured(data), tmp_path / "b.zarr", progress=False)
    assert caplog.text == ""
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


class Stumbling:
    """Fails on some chunks as long as it is told to."""

    def __init__(self):
        self.fails, self.calls = True, 0

    def __dask_tokenize__(self):
        return "stumbling"

    def __call__(self, block):
        with LOCK:
            self.calls += 1
        if self.fails and np.isclose(block[0, 0, 0], np.sin(4 + 0.6), atol=1e-6):
            message = "no peak"
            raise ZeroDivisionError(message)
        return moments(block)


def test_a_chunk_that_fails_is_named_and_the_others_are_kept(tmp_path):
    _, data = scanned()
    function = Stumbling()
    lazy = measured(data, function)
    words = r"y 4:8, x 6:12: ZeroDivisionError: no peak; 3 of 4 chunks are written and kept"
    with pytest.raises(ChunkError, match=words) as failed:
        run(lazy, tmp_path / "a.zarr", workers=1)
    assert isinstance(failed.value.__cause__, ZeroDivisionError)
    assert not (tmp_path / "a.zarr").exists()
    function.fails = False
    calls = function.calls
    found = run(lazy, tmp_path / "a.zarr")
    assert function.calls == calls + 1
    xr.testing.assert_identical(as_before(found), lazy.compute())


def test_a_task_that_many_chunks_need_is_named_when_it_fails(tmp_path):
    def failing(block):
        message = "a wall"
        raise ArithmeticError(message)

    _, data = scanned()
    reference = data.copy(data=data.data.map_blocks(failing, dtype="f4"))
    with pytest.raises(ChunkError, match=r"^in 'mean_chunk', which several chunks need: Arith"):
        run(data - reference.mean(), tmp_path / "a.zarr")


def test_a_run_of_something_else_is_refused_in_words_or_thrown_away(tmp_path):
    _, data = scanned()
    path = tmp_path / "a.zarr"
    function = Stumbling()
    with pytest.raises(ChunkError):
        run(measured(data, function), path, workers=1)
    with pytest.raises(
        om.DataError, match=r"begun with other data, operations or parameters \(3 chunks are done\)"
    ):
        run(measured(data + 1, function), path)
    function.fails = False
    rechunked = measured(data.chunk(x=12), function)
    with pytest.raises(om.DataError, match="other shapes or chunks"):
        run(rechunked, path)
    calls = function.calls
    run(measured(data, function), path, resume=False)
    assert function.calls == calls + 4


def test_a_run_of_other_versions_is_not_gone_on_with(tmp_path, monkeypatch):
    _, data = scanned()
    function = Stumbling()
    with pytest.raises(ChunkError):
        run(measured(data, function), tmp_path / "a.zarr")
    monkeypatch.setattr("omniscopy.io.runs._versions", lambda: {"numpy": "99"})
    with pytest.raises(om.DataError, match="begun with other versions of packages"):
        run(measured(data, function), tmp_path / "a.zarr")


def test_two_runs_into_one_file_at_the_same_time_are_refused(tmp_path):
    _, data = scanned()
    refused = []

    def again(block):
        with LOCK:
            if not refused:
                try:
                    run(lazy, tmp_path / "a.zarr")
                except RuntimeError as error:
                    refused.append(str(error))
        return moments(block)

    lazy = measured(data, again)
    run(lazy, tmp_path / "a.zarr", workers=1)
    assert "another process is at work in" in refused[0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"scheduler": "cluster"}, "scheduler must be 'threads', 'processes', 'synchronous'"),
        ({"workers": 0}, "workers must be 1 or more, got 0"),
        ({"memory": 1000}, r"one chunk \(y 0:4, x 0:6\) takes about 0 MB beside the"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_computed(tmp_path, options, words):
    detector, data = scanned()
    with pytest.raises(om.DataError, match=words):
        run(measured(data), tmp_path / "a.zarr", **options)
    assert not detector.reads
    assert not (tmp_path / "a.zarr").exists()


def test_a_cluster_that_is_not_there_is_missed_in_words(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(om.DataError, match="there is no cluster: connect to one"):
        run(scanned()[1], tmp_path / "a.zarr", scheduler="distributed")


def test_what_is_no_labelled_data_is_refused(tmp_path):
    with pytest.raises(om.DataError, match="got Array; label it with"):
        run(da.ones(3), tmp_path / "a.zarr")


def test_a_place_that_no_run_can_write_to_is_refused(tmp_path):
    _, data = scanned()
    with pytest.raises(om.FormatError, match="no format is written with the extension"):
        run(data, tmp_path / "a.xyz")
    with pytest.raises(om.DataError, match="needs a folder of this machine or network"):
        run(data, "s3://bucket/a.zarr")


def test_a_bound_on_memory_keeps_chunks_waiting(tmp_path, monkeypatch):
    inside, most, calls = [0], [0], [0]
    changed = threading.Condition()

    def counted(block):
        with changed:
            calls[0] += 1
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            changed.notify_all()
            if calls[0] > 2:  # two are measured, each alone
                changed.wait_for(lambda: most[0] >= expected, timeout=300)
        threading.Event().wait(0.05)  # another one would come in meanwhile
        with changed:
            inside[0] -= 1
        return moments(block)

    monkeypatch.setattr("omniscopy.compute.memory.held_bytes", lambda: 10**9)
    monkeypatch.setattr("omniscopy.compute.memory.peak_bytes", lambda: 10**9 + 10**6)
    monkeypatch.setattr("omniscopy.compute.memory.reset_peak", lambda: True)
    monkeypatch.setattr("omniscopy.compute.runs.held_bytes", lambda: 10**9)
    _, data = scanned((24, 6, 8), (2, 6, -1))
    for allowed, expected in ((1.5, 1), (2.5, 2), (99.0, 4)):
        most[0] = calls[0] = 0
        lazy = measured(data, counted)
        memory = 10**9 + int(allowed * 10**6)
        run(lazy, tmp_path / f"{expected}.zarr", memory=memory, workers=4)
        assert most[0] == expected


def test_a_chunk_that_takes_more_than_is_allowed_warns(tmp_path, monkeypatch):
    monkeypatch.setattr("omniscopy.compute.memory.peak_bytes", lambda: 10**12)
    _, data = scanned()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run(measured(data), tmp_path / "a.zarr", memory=10**11)
    assert any("a chunk takes about" in str(each.message) for each in caught)


def test_options_of_the_writer_are_handed_on(tmp_path):
    zarr = pytest.importorskip("zarr")
    _, data = scanned()
    run(measured(data), tmp_path / "a.zarr", compression="gzip", shards=True)
    array = next(zarr.open_group(tmp_path / "a.zarr", mode="r").groups())[1]["mean"]
    assert "Gzip" in str(array.compressors)
    assert array.shards == (4, 6)
    with pytest.raises(TypeError, match="colour"):
        run(measured(data), tmp_path / "b.zarr", colour="red")


def test_the_page_on_long_computations_says_what_happens(tmp_path):
    page = (Path(__file__).resolve().parents[2] / "docs" / "runs.md").read_text("utf-8")
    code = "".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL))
    code += "assert type(fit).__name__ == 'Dataset'\n"
    # A process of its own: this one may hold more by now than the page allows.
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, text=True, check=True,
        timeout=600,
    )  # fmt: skip
    assert (tmp_path / "fit.zarr").is_dir()
    example = re.findall(r"```text\n(.*?)```", page, re.DOTALL)[0]
    first = [[line.split()[0] for line in text.splitlines()] for text in (done.stdout, example)]
    assert first[0] == first[1]
