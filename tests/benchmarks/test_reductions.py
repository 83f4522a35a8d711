"""What a read of patterns costs, against the bandwidth of memory and plain loops of NumPy.

LiberTEM and py4DSTEM are compared with where they can be imported in `.venv-peers`; what they do
is written here as plainly as they do it otherwise.
"""

import itertools
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr
from numba import njit
from tests.benchmarks.measurements import labelled

from omniscopy.compute.threads import available_cores
from omniscopy.diffraction import CentreOfMass, Disk, reduce
from omniscopy.io import open_raw, open_signal, save

pytestmark = pytest.mark.benchmark
RADIUS = 30.0


def block(scan=(64, 64), pixels=128):
    values = np.random.default_rng(0).poisson(2, (*scan, pixels, pixels)).astype(np.uint16)
    return labelled(values)


ASKED = {"disc": Disk(RADIUS, centre=(0.0, 0.0)), "com": CentreOfMass(), "mean": "mean"}


@njit(nogil=True, error_model="numpy", fastmath=True)
def _read(words, total):
    """Add all words: nothing can read faster."""
    found = np.uint64(0)
    for n in range(words.size):
        found += words[n]
    total[0] = found


def read_all(values):
    words = values.reshape(-1).view(np.uint64)
    cores = available_cores()
    parts = np.array_split(words, 4 * cores)
    with ThreadPoolExecutor(cores) as pool:
        list(pool.map(lambda part: _read(part, np.zeros(1, np.uint64)), parts))


def as_libertem(data):
    """Multiply tiles of frames with masks in single precision, as its masks and CoM do."""
    frames = data.values.reshape(-1, data.sizes["ky"] * data.sizes["kx"])
    ky, kx = (each.ravel() for each in np.meshgrid(data["ky"], data["kx"], indexing="ij"))
    masks = np.stack([np.hypot(ky, kx) < RADIUS, ky * 0 + 1, ky, kx], axis=1).astype(np.float32)
    mean, found = np.zeros(frames.shape[1], np.float32), []
    for begin in range(0, len(frames), 16):
        tile = frames[begin : begin + 16].astype(np.float32)
        found.append(tile @ masks)
        mean += tile.sum(axis=0)
    sums = np.concatenate(found)
    return sums[:, 0], sums[:, 2] / sums[:, 1], sums[:, 3] / sums[:, 1], mean / len(frames)


def as_py4dstem(data):
    """Loop over positions, with masks and coordinates in double precision, as it does."""
    values = data.values
    ky, kx = np.meshgrid(data["ky"], data["kx"], indexing="ij")
    mask = np.hypot(ky, kx) < RADIUS
    image, com = np.zeros(values.shape[:2]), np.zeros((2, *values.shape[:2]))
    for y, x in np.ndindex(*values.shape[:2]):
        image[y, x] = np.sum(values[y, x] * mask)
        pattern = values[y, x].astype(np.float64)
        total = np.sum(pattern)
        com[:, y, x] = np.sum(pattern * ky) / total, np.sum(pattern * kx) / total
    return image, *com, np.mean(values, axis=(0, 1))


def test_one_read_against_the_bandwidth_and_plain_loops(measured, best_time):
    data = block()
    found = reduce(data, ASKED)
    for plain in (as_libertem, as_py4dstem):
        image, com_y, com_x, mean = plain(data)
        np.testing.assert_allclose(found["disc"], image.reshape(64, 64), rtol=1e-5)
        np.testing.assert_allclose(found["com_y"], com_y.reshape(64, 64), atol=1e-3)
        np.testing.assert_allclose(found["com_x"], com_x.reshape(64, 64), atol=1e-3)
        np.testing.assert_allclose(found["mean"].values.ravel(), mean.ravel(), rtol=1e-4)
    read_all(data.values)
    # Each in turn, so that all have the same of a machine that others use too.
    ours, floor = np.inf, np.inf
    for _ in range(8):
        floor = min(floor, best_time(lambda: read_all(data.values), 3))
        ours = min(ours, best_time(lambda: reduce(data, ASKED), 3))
    theirs = best_time(lambda: as_libertem(data), 2)
    loop = best_time(lambda: as_py4dstem(data), 1)
    what = "Disc, centre of mass and mean of 134 MB of uint16"
    measured(f"{what}: part of the bandwidth of memory", floor / ours, "> 0.7")
    measured(f"{what}: products of tiles for one", theirs / ours, "> 8")
    measured(f"{what}: loops over positions for one", loop / ours, "> 50")
    # No read can be faster than that of the bandwidth.
    for name, time in (("products of tiles", theirs), ("loops over positions", loop)):
        measured(f"{what}: {name} for one, at the bandwidth of memory", time / floor, "")
    assert floor / ours > 0.05
    assert theirs / ours > 1
    assert loop / ours > 4


def test_a_lazy_file_against_memory(measured, best_time, tmp_path):
    data = block()
    path = tmp_path / "scan.raw"
    times = 8
    with path.open("wb") as file:
        for _ in range(times):
            file.write(data.values.tobytes())
    lazy = labelled_lazily(path, (64 * times, 64, 128, 128))

    def ours():
        return reduce(lazy, ASKED).compute(scheduler="threads")

    def read_file():
        """Map and add up each part of the file, as it has to be for the first time."""
        size = 2**26
        with ThreadPoolExecutor(available_cores()) as pool:
            list(pool.map(read_part, range(0, path.stat().st_size, size), itertools.repeat(size)))

    def read_part(begin, size):
        words = np.memmap(path, np.uint64, "r", offset=begin, shape=(size // 8,))
        _read(words, np.zeros(1, np.uint64))

    ours()
    anew, floor, eager, through = np.inf, np.inf, np.inf, np.inf
    for _ in range(8):
        anew = min(anew, best_time(read_file, 1))
        floor = min(floor, best_time(lambda: read_all(data.values), 3))
        eager = min(eager, best_time(lambda: reduce(data, ASKED), 3))
        through = min(through, best_time(ours, 1))
    ratio = times * eager / through
    measured("The same of a file of 1 GB: throughput over that in memory", ratio, "> 0.7")
    what = "The same of a file of 1 GB: part of the bandwidth"
    measured(f"{what} of its pages, mapped anew", anew / through, "")
    measured(f"{what} of memory", times * floor / through, "")
    assert ratio > 0.1


@pytest.mark.parametrize("compression", [None, "zstd"])
def test_a_zarr_store_against_reading_it(compression, measured, best_time, tmp_path):
    data, path = block((128, 64)).rename("scan"), tmp_path / "scan.zarr"
    save(data.chunk({"y": 4}), path, compression=compression)
    lazy = open_signal(path)
    chunks = zarr.open_array(path / "scan" / "signal", mode="r")
    assert chunks.chunks == (4, 64, 128, 128)

    def read_chunks():
        with ThreadPoolExecutor(available_cores()) as pool:
            list(pool.map(lambda y: chunks[y : y + 4].shape, range(0, 128, 4)))

    def ours():
        return reduce(lazy, ASKED).compute(scheduler="threads")

    xr.testing.assert_identical(ours().drop_attrs(), reduce(data, ASKED).drop_attrs())
    read_chunks()
    floor, through = np.inf, np.inf
    for _ in range(8):
        floor, through = min(floor, best_time(read_chunks, 1)), min(through, best_time(ours, 1))
    what = f"The same of 268 MB in a Zarr store ({compression or 'not compressed'})"
    measured(f"{what}: part of the speed of reading its chunks", floor / through, "")
    assert floor / through > 0.1


def labelled_lazily(path, shape):
    raw = open_raw(path, shape, "uint16", dims=("y", "x", "ky", "kx"))
    return labelled(np.broadcast_to(np.uint16(0), shape)).copy(data=raw.data)


def test_a_lazy_file_needs_little_memory(measured, tmp_path):
    path = tmp_path / "scan.raw"
    size, values = 16 * 2**20, np.random.default_rng(0).poisson(2, 2**23).astype(np.uint16)
    with path.open("wb") as file:
        for _ in range(256):
            file.write(values.tobytes())
    assert path.stat().st_size == 256 * size
    code = f"""
        from tests.benchmarks.measurements import own_peak
        from tests.benchmarks.test_reductions import ASKED, labelled_lazily, reduce
        lazy = labelled_lazily({str(path)!r}, (512, 256, 128, 128))
        found = reduce(lazy, ASKED).compute(scheduler="threads")
        print(own_peak())
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=Path(__file__).parents[2],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    peak = int(done.stdout) / 2**30
    measured("A file of 4 GB, read lazily: GB of memory", peak, "< 1")
    assert peak < 2.0
