"""Runs that are killed, interrupted, or find the disk full."""

import errno
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter

import numpy as np
import pytest
import xarray as xr

import omniscopy as om
from omniscopy.compute import StorageFullError, read_again, run

CHUNKS = 10
# Every read is noted in a file; from a row on, reads end only when the run is interrupted.
SCRIPT = textwrap.dedent("""
    import signal, sys, threading
    import omniscopy as om
    from omniscopy.io.zarr_store.arrays import ZarrArray

    source, target, reads, held = sys.argv[1:]
    interrupted = threading.Event()

    def interrupt(number, frame):
        interrupted.set()
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)
    read = ZarrArray.__getitem__

    def held_up(array, key):
        if array.key.endswith("signal"):
            with open(reads, "a") as file:
                print(key[0].start, file=file)
            if key[0].start >= int(held):
                interrupted.wait()
        return read(array, key)

    ZarrArray.__getitem__ = held_up
    data = om.open_signal(source, chunks={"y": 2})
    om.compute.run(om.diffraction.measure_com(data), target, workers=2)
""")


@pytest.fixture
def measurement(tmp_path):
    """Return the path of a saved measurement of ten chunks."""
    rng = np.random.default_rng(3)
    shape = {"y": 2 * CHUNKS, "x": 3, "ky": 8, "kx": 9}
    coords = {dim: np.arange(float(size)) for dim, size in shape.items()}
    data = xr.DataArray(rng.random(tuple(shape.values())), coords, tuple(shape), name="scan")
    return om.save(data, tmp_path / "source.zarr")


def centred(path):
    return om.diffraction.measure_com(om.open_signal(path, chunks={"y": 2}))


def started(measurement, target, held=2 * CHUNKS):
    """Begin a run in a process of its own, which is held up at a row."""
    reads = target.with_name("reads")
    words = map(str, (measurement, target, reads, held))
    command = [sys.executable, "-c", SCRIPT, *words]
    # A session of its own, so that a signal is for it alone.
    return subprocess.Popen(command, start_new_session=True, stderr=subprocess.PIPE), reads


def journal_of(target):
    path = target.with_name(f"{target.name}.partial") / "journal"
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def wait_for_chunks(process, target, count):
    while len(journal_of(target)) < 1 + count:
        assert process.poll() is None, process.stderr.read().decode()
        time.sleep(0.01)


def identical(found, expected):
    """Check that values are the same to the last bit, and made by the same calls."""
    xr.testing.assert_equal(found.compute(), expected.compute())
    assert [each.id for each in om.history(found)] == [each.id for each in om.history(expected)]


@pytest.mark.slow
@pytest.mark.parametrize("extension", [".zarr", ".hf5"])
def test_a_run_that_is_killed_goes_on_and_gives_the_same_numbers(tmp_path, measurement, extension):
    target = tmp_path / f"com{extension}"
    process, reads = started(measurement, target, held=12)
    with process:
        wait_for_chunks(process, target, 3)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    done = len(journal_of(target)) - 1
    assert 3 <= done <= 6
    assert not target.exists()
    process, _ = started(measurement, target)
    with process:
        words = process.communicate()[1].decode()
    assert process.returncode == 0, words
    identical(run(centred(measurement), target), centred(measurement))
    again = Counter(reads.read_text().split())
    assert len(again) == CHUNKS
    assert sum(again.values()) <= CHUNKS + 2  # those that were in flight
    assert sorted(path.name for path in tmp_path.iterdir()) == [target.name, "reads", "source.zarr"]


def test_a_run_that_is_interrupted_ends_soon_and_goes_on_later(tmp_path, measurement):
    target = tmp_path / "com.zarr"
    process, _ = started(measurement, target, held=12)
    with process:
        wait_for_chunks(process, target, 2)
        os.kill(process.pid, signal.SIGINT)
        words = process.communicate(timeout=600)[1].decode()
    assert words.strip().endswith("KeyboardInterrupt")
    done = len(journal_of(target)) - 1
    assert 2 <= done <= 6 + 2  # those that were in flight
    told = []
    identical(run(centred(measurement), target, progress=told.append), centred(measurement))
    assert [each.done for each in told] == list(range(done + 1, CHUNKS + 1))


def test_an_exception_in_the_progress_function_stops_a_run(tmp_path, measurement):
    def stop(now):
        if now.done == 4:
            raise KeyboardInterrupt

    target = tmp_path / "com.zarr"
    with pytest.raises(KeyboardInterrupt):
        run(centred(measurement), target, progress=stop)
    assert len(journal_of(target)) == 1 + 4
    identical(run(centred(measurement), target), centred(measurement))


def test_what_a_crash_leaves_of_a_line_of_the_journal_is_dropped(tmp_path, measurement):
    def stop(now):
        if now.done == 4:
            raise KeyboardInterrupt

    target = tmp_path / "com.zarr"
    with pytest.raises(KeyboardInterrupt):
        run(centred(measurement), target, progress=stop)
    with (tmp_path / "com.zarr.partial" / "journal").open("a") as file:
        file.write('"y 8')
    told = []
    identical(run(centred(measurement), target, progress=told.append), centred(measurement))
    assert told[0].done == 5


@pytest.mark.parametrize("damage", ["", '{"another": "file"}\n"y 0:2"\n', "\0\0\0\n"])
def test_a_journal_that_cannot_be_read_begins_anew(tmp_path, measurement, damage):
    target = tmp_path / "com.zarr"
    folder = tmp_path / "com.zarr.partial"
    folder.mkdir()
    (folder / "journal").write_text(damage)
    told = []
    identical(run(centred(measurement), target, progress=told.append), centred(measurement))
    assert told[0].done == 1


@pytest.fixture
def small_disk(monkeypatch):
    """Return a list whose number is how many files can still be written."""
    from zarr.storage import LocalStore

    left = [10**6]
    put = LocalStore.set

    async def limited(store, key, value):
        if left[0] <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), key)
        left[0] -= 1
        await put(store, key, value)

    monkeypatch.setattr(LocalStore, "set", limited)
    return left


def test_a_full_disk_is_named_and_the_run_goes_on_when_there_is_room(
    tmp_path, measurement, small_disk
):
    target = tmp_path / "com.zarr"
    made = len(centred(measurement).data_vars)
    lazy = centred(measurement)
    told = []

    def limit(now):
        told.append(now)
        small_disk[0] = 3 * made

    with pytest.raises(
        StorageFullError, match=r"no room left for com\.zarr; 4 chunks are written"
    ) as full:
        run(lazy, target, workers=1, progress=lambda now: limit(now) if now.done == 1 else None)
    assert full.value.errno == errno.ENOSPC
    assert not target.exists()
    small_disk[0] = 10**6
    told.clear()
    identical(run(lazy, target, progress=told.append), lazy)
    assert told[0].done == 5


def test_a_disk_that_is_full_at_the_very_end_costs_no_chunk(tmp_path, measurement, monkeypatch):
    import h5py

    def failing(*_, **__):
        message = "Can't write data (errno = 28, error message = 'No space left on device')"
        raise OSError(message)

    target = tmp_path / "com.hf5"
    with monkeypatch.context() as patched:
        patched.setattr(h5py.Dataset, "__setitem__", failing)
        with pytest.raises(StorageFullError, match="10 chunks are written and kept"):
            run(centred(measurement), target)
    assert not target.exists()
    told = []
    identical(run(centred(measurement), target, progress=told.append), centred(measurement))
    assert told == []


@pytest.mark.parametrize("summed", [False, True])
def test_the_first_pass_is_not_repeated_for_an_interrupt_in_the_second(
    tmp_path, measurement, monkeypatch, summed
):
    from omniscopy.io.zarr_store.arrays import ZarrArray

    reads = Counter()
    read = ZarrArray.__getitem__

    def counted(array, key):
        if array.path == str(measurement) and array.key.endswith("signal"):
            reads[key[0].start] += 1
        return read(array, key)

    monkeypatch.setattr(ZarrArray, "__getitem__", counted)

    def two_passes():
        data = om.open_signal(measurement, chunks={"y": 2})
        mean, largest = data.mean(("y", "x")), data.max()
        less = read_again(data, mean, largest) - mean
        if summed:  # the second pass makes nothing that is written, but goes on into one result
            return xr.Dataset({"square": (less**2 / largest).sum(("y", "x"))})
        return xr.Dataset({"less": less / largest, "mean": mean})

    def stop(now):
        if now.done == 4 if not summed else sum(reads.values()) >= CHUNKS + 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(two_passes(), tmp_path / "less.zarr", progress=stop, workers=1)
    assert set(reads.values()) == {1, 2}
    assert sum(reads.values()) >= CHUNKS + 3
    before = sum(reads.values())
    found = run(two_passes(), tmp_path / "less.zarr", workers=1)
    assert sum(reads.values()) <= (before + CHUNKS if summed else 2 * CHUNKS) + 1
    expected = two_passes().compute()
    xr.testing.assert_equal(found.compute(), expected)
