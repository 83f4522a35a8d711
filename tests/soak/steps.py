"""A step of a soak in a process of its own: `python -m tests.soak.steps STEP SOURCE TARGET`.

With a share of the work as a further word the process kills itself there, by SIGKILL.
"""

import json
import math
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import omniscopy as om

# A chunk is 16 x 16 patterns of 96 x 96 pixels: 4.5 MiB.
CHUNK, PIXELS, ACROSS = 16, 96, 64
BYTES = 2 * CHUNK**2 * PIXELS**2
# Bytes that a step may hold by its own word, and may be found to have held. The heap may not
# grow beyond the third.
MEMORY, MOST, WALL = 1_500 * 10**6, 2_000 * 10**6, 3_000 * 10**6
PLACES, FALL = 64, 6.0
MODEL = om.signal.Lorentzian() + om.signal.Offset()


def grid(gigabytes: float) -> tuple[int, int]:
    """Return how many chunks along y and x hold so much."""
    count = max(4, round(gigabytes * 1e9 / BYTES))
    across = min(ACROSS, math.isqrt(count))
    return -(-count // across), across


def places(rows: int, columns: int) -> np.ndarray:
    """Return where along kx the line of each pattern is, in steps of 1/4 pixel from the middle."""
    y, x = np.mgrid[:rows, :columns]
    return (7 * y + 3 * x + (y * x) // 5) % PLACES


def write_block(path: Path, gigabytes: float) -> None:
    """Write a scan of lines on a noise of few counts, chunk by chunk."""
    import zarr

    down, across = grid(gigabytes)
    rows, columns = down * CHUNK, across * CHUNK
    root = zarr.open_group(path, mode="w")
    array = root.create_array(
        "signal", shape=(rows, columns, PIXELS, PIXELS), dtype="u2",
        chunks=(CHUNK, CHUNK, PIXELS, PIXELS), compressors=None,
        dimension_names=("y", "x", "ky", "kx"), attributes={"units": "counts"},
    )  # fmt: skip
    sizes = {"y": rows, "x": columns, "ky": PIXELS, "kx": PIXELS}
    for name, size in sizes.items():
        values = np.arange(float(size)) - (PIXELS // 2 if name[0] == "k" else 0)
        units = "1/nm" if name[0] == "k" else "nm"
        root.create_array(name, data=values, dimension_names=(name,), attributes={"units": units})
    line, rng = lines(), np.random.default_rng(0)
    noise = rng.poisson(2.0, 2**22 + CHUNK**2 * PIXELS**2).astype(np.uint16)
    at = places(rows, columns)
    for row in range(0, rows, CHUNK):
        for column in range(0, columns, CHUNK):
            part = slice(row, row + CHUNK), slice(column, column + CHUNK)
            start = rng.integers(2**22)
            block = noise[start : start + CHUNK**2 * PIXELS**2].reshape(
                CHUNK, CHUNK, PIXELS, PIXELS
            )
            array[part] = block + line[at[part]]


def lines() -> np.ndarray:
    """Return patterns with a line along ky at each of the places."""
    k = np.arange(PIXELS) - PIXELS // 2
    centre = (np.arange(PLACES)[:, None] - PLACES // 2) / 4
    profile = 100.0 / (1.0 + ((k - centre) / FALL) ** 2)
    along = np.exp(-((k / 30.0) ** 2))
    return np.rint(profile[:, None, :] * along[:, None]).astype(np.uint16)


def fitted(data: xr.DataArray) -> xr.Dataset:
    """Return the line of the profile of each pattern."""
    return om.signal.fit_model(om.signal.sum_over(data, "ky"), MODEL, dim="kx")


def decomposed(data: xr.DataArray) -> xr.Dataset:
    """Return four components, in three passes over the data."""
    return om.signal.decompose(data, 4, dim=("ky", "kx"), precision="single")


def reduced(data: xr.DataArray) -> xr.Dataset:
    """Return virtual images and centres of mass."""
    disc = om.diffraction.Disk(20.0, centre=(0.0, 0.0))
    return om.diffraction.reduce(data, {"disc": disc, "com": "com"})


def copied(data: xr.DataArray) -> xr.DataArray:
    """Return as much as there was, other than it was."""
    return (data * np.uint16(3)).assign_attrs(units="counts").rename("threefold")


STEPS: dict[str, Callable[[xr.DataArray], Any]] = {
    "fit": fitted, "decompose": decomposed, "reduce": reduced, "save": copied,
}  # fmt: skip


def opened(path: Path) -> xr.DataArray:
    """Return the block, in the chunks in which it lies."""
    data = om.open_signal(path, chunks={"y": CHUNK, "x": CHUNK})
    assert data.data.chunksize == (CHUNK, CHUNK, PIXELS, PIXELS)
    return data


def peak_bytes() -> int:
    """Return the most that this process held; 0 where the system does not say."""
    status = Path("/proc/self/status")
    lines_ = status.read_text("ascii").splitlines() if status.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines_ if line.startswith("VmHWM")), 0)


def main(step: str, source: str, target: str, share: float = 2.0) -> None:
    """Do a step; print how many chunks were done, how long it took and what was held."""
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_DATA, (WALL, WALL))
    told: list[int] = []

    def tell(now: om.compute.Progress) -> None:
        told.append(now.done)
        if now.share >= share:
            os.kill(os.getpid(), signal.SIGKILL)

    start, worked = time.monotonic(), time.process_time()
    result = STEPS[step](opened(Path(source)))
    om.compute.run(result, target, memory=MEMORY, progress=tell)
    said = {
        "parts": len(told),
        "first": told[0] if told else 0,
        "seconds": time.monotonic() - start,
        "cpu": time.process_time() - worked,
        "peak": peak_bytes(),
    }
    sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:4], *map(float, sys.argv[4:]))
