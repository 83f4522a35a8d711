"""What a long computation will take."""

import threading
import types

import dask.array as da
import numpy as np
import pytest
import xarray as xr

import omniscopy as om
from omniscopy.compute import ChunkError, map_signal, plan, read_again
from omniscopy.model import result

SHAPE, CHUNKS = (8, 12, 32), (4, 6, -1)
BYTES = 8 * 12 * 32 * 4


class Detector:
    """An array on disk that counts how often it is read."""

    dtype = np.dtype("float32")

    def __init__(self):
        self.shape, self.ndim, self.reads = SHAPE, 3, 0

    def __getitem__(self, key):
        self.reads += 1
        return np.ones(
            [len(range(*part.indices(n))) for part, n in zip(key, SHAPE, strict=True)], "f4"
        )


@pytest.fixture
def detector():
    return Detector()


@pytest.fixture
def data(detector):
    values = da.from_array(
        detector, chunks=CHUNKS, inline_array=True, meta=np.empty((0, 0, 0), "f4")
    )
    return xr.DataArray(values, dims=("y", "x", "energy"), name="counts")


def each(function, data):
    mean, std = map_signal(function, data, dim="energy", output_dims=[{}, {}])
    return result(mean=(mean, "1"), std=(std, "1"))


def quick(block):
    return block.mean(-1, dtype=float), block.std(-1, dtype=float)


def test_bytes_and_chunks_are_known_without_reading(detector, data):
    found = plan(each(quick, data), limit=0)
    assert detector.reads == 0
    assert (found.bytes_read, found.bytes_written) == (BYTES, 2 * 8 * 12 * 8)
    assert (found.chunks, found.chunk_read, found.chunk_written) == (4, BYTES // 4, 2 * 24 * 8)
    assert found.seconds is None
    assert "read     12.00 kiB" in repr(found)
    assert "chunks   4, the largest reads 3.00 kiB and writes 384 B" in repr(found)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda data: data * 2 + 1, BYTES),
        (lambda data: (data - data.mean("energy")).sum(), BYTES),
        (lambda data: data.isel(y=slice(0, 4)), BYTES // 2),
        (lambda data: data.isel(energy=slice(0, 8)) * 2, BYTES // 4),
        (lambda data: data.chunk(y=2, x=4), BYTES),
        (lambda data: data.compute().chunk(y=2) * 2, 0),
        (lambda data: data.transpose("energy", "x", "y").mean("x"), BYTES),
    ],
    ids=["arithmetic", "reduction", "part", "window", "rechunked", "memory", "turned"],
)
def test_only_what_is_taken_out_of_files_counts_as_read(data, change, expected):
    assert plan(change(data), limit=0).bytes_read == expected


@pytest.mark.parametrize("extension", [".zarr", ".hf5"])
def test_what_is_read_of_saved_files_is_known(tmp_path, data, extension):
    path = om.save(data, tmp_path / f"a{extension}")
    lazy = om.open_signal(path, chunks={"y": 4})
    assert plan(lazy * 2, limit=0).bytes_read == BYTES
    twice = lazy / xr.DataArray(da.from_array(Detector(), chunks=(4, -1, -1)), dims=lazy.dims)
    assert plan(twice, limit=0).bytes_read == 2 * BYTES


def test_two_passes_read_everything_twice(tmp_path, data):
    path = om.save(data + xr.DataArray(np.arange(12.0), dims="x"), tmp_path / "a.zarr")
    lazy = om.open_signal(path, chunks={"y": 1, "x": 1})
    mean = lazy.mean(("y", "x"))
    found = plan(read_again(lazy, mean) - mean)
    assert found.bytes_read == 2 * 8 * 12 * 32 * 8
    assert found.seconds > 0
    assert not found.complete
    assert "at least" in repr(found)


@pytest.fixture
def pass_time(monkeypatch):
    """Return a function in place of `time.sleep`: each thread has a clock that it alone moves."""
    clock = threading.local()

    def now():
        return getattr(clock, "now", 0.0)

    def pass_(seconds):
        clock.now = now() + seconds

    monkeypatch.setattr("omniscopy.compute.plans.time", types.SimpleNamespace(monotonic=now))
    return pass_


def test_the_time_is_that_of_the_chunks_shared_out_among_threads(data, pass_time):
    def slow(block):
        pass_time(0.05)
        return quick(block)

    one = plan(each(slow, data), workers=1, limit=300)
    two = plan(each(slow, data), workers=2, limit=300)
    assert one.complete
    assert one.seconds == pytest.approx(4 * 0.05)
    assert two.seconds == pytest.approx(2 * 0.05)
    assert "by 2 threads" in repr(two)


def test_the_first_chunk_is_not_what_the_time_is_taken_from(data, pass_time):
    calls = []

    def compiled(block):
        calls.append(threading.current_thread())
        pass_time(0.3 if len(calls) == 1 else 0.01)
        return quick(block)

    found = plan(each(compiled, data), workers=1, limit=300)
    assert found.seconds == pytest.approx(4 * 0.01)


def test_trying_ends_when_the_time_for_it_is_over(data):
    release, ended = threading.Event(), []

    def endless(block):
        release.wait(300)
        ended.append(1)
        return quick(block)

    found = plan(each(endless, data), limit=0.2)
    assert not ended
    release.set()
    assert found.seconds is None
    assert not found.complete
    assert "the first chunk was not ready in time" in repr(found)


def test_a_later_chunk_that_is_not_ready_counts_with_what_it_took_until_then(data):
    release = threading.Event()

    def tried(limit):
        calls = []

        def endless(block):
            calls.append(1)
            release.wait(300 if len(calls) > 1 else 0)
            return quick(block)

        return plan(each(endless, data), limit=limit, workers=1)

    # On a slow machine the first chunk is not ready in the shorter of them.
    found = next(found for found in map(tried, (0.5, 5.0, 50.0)) if found.seconds is not None)
    release.set()
    assert found.seconds > 0
    assert not found.complete
    assert "at least" in repr(found)


def test_the_memory_is_that_of_all_chunks_that_are_worked_on(data):
    def hungry(block):
        held = np.ones(2**25)  # 256 MB
        return block.mean(-1) + held[0], block.std(-1)

    estimate = plan(each(quick, data), limit=0, workers=2)
    assert estimate.memory == 2 * (2 * BYTES // 4 + 384)
    taken = plan(each(hungry, data), workers=1).memory
    assert 200e6 < taken < 400e6


def test_a_chunk_that_cannot_be_computed_is_found_out(data):
    def failing(block):
        message = "a wall"
        raise ArithmeticError(message)

    with pytest.raises(ChunkError, match=r"y 0:4, x 0:6: ArithmeticError: a wall"):
        plan(each(failing, data))


def test_what_is_in_memory_takes_nothing(data):
    found = plan(data.compute())
    assert (found.bytes_read, found.chunks, found.seconds) == (0, 0, None)


def test_what_is_no_labelled_data_is_refused():
    with pytest.raises(
        om.DataError, match="expected a DataArray, Dataset or DataTree, got ndarray"
    ):
        plan(np.ones(3))
    with pytest.raises(om.DataError, match="workers must be 1 or more, got -1"):
        plan(xr.DataArray(np.ones(3)), workers=-1)
