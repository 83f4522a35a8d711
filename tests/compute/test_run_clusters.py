"""Runs whose chunks are done by the processes of a cluster."""

import os
import signal
import threading
import time

import dask.array as da
import dask.order
import numpy as np
import pytest
import xarray as xr

import omniscopy as om
from omniscopy.compute import ChunkError, connect, run

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="processes are stopped by signals"),
    pytest.mark.xdist_group("clusters"),
]

CHUNKS = 8


@pytest.fixture(scope="module")
def cluster():
    pytest.importorskip("distributed")
    with connect(workers=2) as client:
        yield client


@pytest.fixture
def client(cluster):
    cluster.wait_for_workers(2, timeout=300)  # a test before may have killed one
    return cluster


@pytest.fixture
def centres(tmp_path):
    rng = np.random.default_rng(3)
    shape = {"y": 2 * CHUNKS, "x": 3, "ky": 8, "kx": 9}
    coords = {dim: np.arange(float(size)) for dim, size in shape.items()}
    data = xr.DataArray(rng.random(tuple(shape.values())), coords, tuple(shape), name="scan")
    path = om.save(data, tmp_path / "source.zarr")
    return om.diffraction.measure_com(om.open_signal(path, chunks={"y": 2}))


def same(found, expected):
    """Check values but for the last bit: arrays that travelled lie otherwise in memory."""
    expected = expected.compute(scheduler="synchronous")
    xr.testing.assert_allclose(found.compute(scheduler="synchronous"), expected, rtol=1e-13)


@pytest.mark.parametrize("extension", [".zarr", ".hf5"])
def test_a_cluster_gives_the_same_numbers(tmp_path, client, centres, extension):
    told = []
    found = run(centres, tmp_path / f"a{extension}", scheduler=client, progress=told.append)
    same(found, centres)
    assert [each.done for each in told if each.share == 1.0] == [CHUNKS]
    assert not list(tmp_path.glob("*.partial"))


def test_a_connected_cluster_is_taken_without_being_named(tmp_path, client, centres):
    with client.as_current():
        run(centres, tmp_path / "a.zarr")
    done = client.run(lambda dask_worker: len(dask_worker.state.tasks))
    assert len(done) == 2


def test_what_is_zero_everywhere_is_written_by_every_worker(tmp_path, client, centres):
    nothing = centres * 0
    found = run(nothing, tmp_path / "a.zarr", scheduler=client)
    same(found, nothing)


def test_values_that_all_chunks_need_are_computed_once_for_all_workers(tmp_path, client, centres):
    less = centres - centres.mean()
    found = run(less, tmp_path / "a.zarr", scheduler=client)
    same(found, less)


def test_a_worker_that_is_killed_costs_the_chunks_it_was_at(tmp_path, client, centres):
    workers = list(client.run(os.getpid).values())

    def kill(now):
        if now.done == 2:
            os.kill(workers[0], signal.SIGKILL)

    found = run(centres, tmp_path / "a.zarr", scheduler=client, progress=kill)
    same(found, centres)


def test_a_run_that_was_stopped_behind_its_last_chunk_is_ended(tmp_path, client, centres):
    def stop(now):
        if now.done == CHUNKS:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(centres, tmp_path / "a.zarr", scheduler=client, progress=stop)
    same(run(centres, tmp_path / "a.zarr", scheduler=client), centres)


def test_a_run_on_a_cluster_goes_on_with_threads(tmp_path, client, centres):
    def stop(now):
        if now.done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(centres, tmp_path / "a.zarr", scheduler=client, progress=stop)
    told = []
    found = run(centres, tmp_path / "a.zarr", scheduler="threads", progress=told.append)
    assert told[0].done == 4
    same(found, centres)


def test_a_chunk_that_fails_on_a_worker_is_named(tmp_path, client):
    def failing(block, block_info=None):
        if block_info[0]["chunk-location"] == (1, 0):
            message = "no peak"
            raise ZeroDivisionError(message)
        return block

    data = xr.DataArray(np.ones((4, 4)), dims=("y", "x")).chunk(y=2)
    lazy = data.copy(data=data.data.map_blocks(failing, dtype=float))
    with pytest.raises(ChunkError, match=r"y 2:4: ZeroDivisionError: no peak; \d of 2 chunks"):
        run(lazy, tmp_path / "a.zarr", scheduler=client)


def test_the_memory_and_the_workers_of_a_cluster_are_its_own(tmp_path, client, centres):
    with pytest.raises(om.DataError, match="the workers of a cluster have a bound of their own"):
        run(centres, tmp_path / "a.zarr", scheduler=client, memory=10**9)
    with pytest.raises(om.DataError, match="workers= is for this machine"):
        run(centres, tmp_path / "a.zarr", scheduler=client, workers=2)


def test_threads_are_not_left_behind(tmp_path, centres):
    before = set(threading.enumerate())
    run(centres, tmp_path / "a.zarr", scheduler="threads")
    left = set(threading.enumerate()) - before
    assert not [each for each in left if each.name.startswith("omniscopy")]


def test_chunks_are_done_in_their_order_on_a_cluster_too(tmp_path, client, monkeypatch):
    count, told, all_there = 24, tmp_path / "order", tmp_path / "all"
    told.mkdir()

    def slow(block, block_info=None):
        until = time.monotonic() + 300
        while not all_there.exists() and time.monotonic() < until:
            time.sleep(0.01)
        (place,) = block_info[0]["chunk-location"]
        (told / f"{time.monotonic_ns():020d}-{place}").touch()
        return block + 1.0

    submit, handed = client.submit, []

    def counted(*words, **options):
        future = submit(*words, **options)
        handed.append(future.key)
        if len(handed) == count:
            all_there.touch()
        return future

    def refuse(*words, **options):
        pytest.fail("the scheduler orders the graph, with memory by the square of its size")

    data = xr.DataArray(da.zeros(count, chunks=1), dims="y")
    lazy = data.copy(data=data.data.map_blocks(slow, meta=np.empty(0)))
    with monkeypatch.context() as patched:
        patched.setattr(client, "submit", counted)
        patched.setattr(dask.order, "order", refuse)
        found = run(lazy, tmp_path / "a.zarr", scheduler=client)
    np.testing.assert_array_equal(found.compute(scheduler="synchronous"), 1.0)
    places = [int(each.name.split("-")[1]) for each in sorted(told.iterdir())]
    assert sorted(places) == list(range(count))
    assert sum(places[: count // 2]) < sum(places[count // 2 :]) - count**2 // 8
