"""Scans of patterns larger than memory: what a calculation keeps of them, by threads or processes.

The store of 20 GB is one of a few parts of a scan, each of them linked many times. The strain of
all of it takes an hour: a twentieth is done unless `OMNISCOPY_STRAIN=1024x640` says more.
"""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import dask.array
import numpy as np
import pytest
import xarray as xr
import zarr
from tests.benchmarks.measurements import labelled, own_peak

from omniscopy.compute import connect
from omniscopy.diffraction import (
    CentreOfMass,
    Disk,
    find_discs,
    fit_lattice,
    make_template,
    measure_strain,
    reduce,
)
from omniscopy.io import open_raw

pytestmark = [pytest.mark.benchmark, pytest.mark.slow]
SCAN, PIXELS, PART, DIFFERENT = (1024, 640), 128, 16, 8
ASKED = {"disc": Disk(30.0, centre=(0.0, 0.0)), "com": CentreOfMass(), "mean": "mean"}
# How many positions along y and x strain is measured at.
PARTLY = tuple(int(n) for n in os.environ.get("OMNISCOPY_STRAIN", "256x128").split("x"))
STRAINS = ["strain_xx", "strain_yy", "strain_xy", "rotation"]


def parts():
    """Return parts of a scan, shape (parts, 16, 16, 128, 128), each with a strain of its own."""
    rng = np.random.default_rng(0)
    # Pixels see the mean of a disc over them; its value in their middles would move it by 0.01.
    over = 8
    middle = (np.arange(PIXELS * over) + 0.5) / over - 0.5 - PIXELS // 2
    made = []
    for n in range(DIFFERENT):
        mean = np.full((PIXELS, PIXELS), 1e-3)
        for h in range(-2, 3):
            for k in range(-2, 3):
                if h * h + k * k <= 5:
                    away = np.hypot(middle[:, None] - 22.0 * h, middle - 22.0 * k / (1 + 0.002 * n))
                    disc = (away < 5.0).reshape(PIXELS, over, PIXELS, over).mean((1, 3))
                    mean += np.exp(-(h * h + k * k) / 3) * disc
        made.append(rng.poisson(mean * 3e4 / mean.sum(), (PART, PART, PIXELS, PIXELS)))
    return np.array(made, np.uint16)


def write_zarr(path):
    """Write a scan whose columns of chunks are the parts in turn."""
    chunks = (PART, PART, PIXELS, PIXELS)
    array = zarr.create_array(
        path, shape=(*SCAN, PIXELS, PIXELS), chunks=chunks, dtype="uint16", compressors=None
    )
    for n, part in enumerate(parts()):
        array[:PART, n * PART : (n + 1) * PART] = part
    for row in range(SCAN[0] // PART):
        for column in range(SCAN[1] // PART):
            file = path / "c" / f"{row}" / f"{column}" / "0" / "0"
            if not file.exists():
                file.parent.mkdir(parents=True, exist_ok=True)
                os.link(path / "c" / "0" / f"{column % DIFFERENT}" / "0" / "0", file)


def raw_block(path):
    """Return a file of pixels alone, lazily."""
    raw = open_raw(path, (*SCAN, PIXELS, PIXELS), "uint16", dims=("y", "x", "ky", "kx"))
    return labelled(np.broadcast_to(np.uint16(0), raw.shape)).copy(data=raw.data)


def strain_of(data):
    """Return the strain, with that of the first part for a reference."""
    template = make_template(labelled(parts()[0]), radius=5.0)
    lattice = fit_lattice(find_discs(data, template, search="lattice", max_discs=32))
    reference = {"y": slice(0, PART - 1), "x": slice(0, PART - 1)}
    return measure_strain(lattice, reference)[STRAINS]


def alone(code, *words):
    """Return what code prints as JSON, in a process of its own, and its peak of memory."""
    start = "import json, sys; from tests.benchmarks.test_large_patterns import *\n"
    end = "\nprint(json.dumps([found, own_peak()]))"
    done = subprocess.run(
        [sys.executable, "-c", start + textwrap.dedent(code) + end, *map(str, words)],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


def test_20_gb_of_a_zarr_store_need_2_gb(measured, tmp_path):
    write_zarr(tmp_path / "scan.zarr")
    size = 2 * np.prod(SCAN) * PIXELS**2
    assert size > 20e9
    sums = """
        data = labelled(dask.array.from_zarr(sys.argv[1]))
        made = reduce(data, ASKED).compute(scheduler="threads")
        found = [float(made["disc"].mean()), float(made["com_x"].std()), int(made["status"].max())]
    """
    found, peak = alone(sums, tmp_path / "scan.zarr")
    measured("Images and CoM of a store of 20 GB: GB of memory", peak / 2**30, "< 2")
    first = reduce(labelled(np.concatenate(list(parts()), axis=1)), ASKED)
    assert found == pytest.approx([float(first["disc"].mean()), float(first["com_x"].std()), 0])
    assert peak < 2 * 2**30
    strains = """
        data = labelled(dask.array.from_zarr(sys.argv[1])[: PARTLY[0], : PARTLY[1]])
        made = strain_of(data).compute(scheduler="threads")
        made.drop_attrs().to_netcdf(sys.argv[2])
        found = int(made["strain_xx"].isnull().sum())
    """
    missing, peak = alone(strains, tmp_path / "scan.zarr", tmp_path / "threads.nc")
    part = 2 * np.prod(PARTLY) * PIXELS**2 / 1e9
    what = f"Discs, lattice and strain of {part:.2g} GB of that store: GB of memory"
    measured(what, peak / 2**30, "< 2")
    assert missing == 0
    assert peak < 2 * 2**30
    one = xr.load_dataset(tmp_path / "threads.nc")
    for n in range(1, DIFFERENT):
        mine = one["strain_xx"][:, n * PART : (n + 1) * PART]
        # All discs of a part lie on pixels alike: what each errs by does not average out.
        assert float(mine.mean()) == pytest.approx(0.002 * n, abs=2.5e-4)
    with connect(workers=2) as client:
        data = labelled(dask.array.from_zarr(tmp_path / "scan.zarr"))
        sums = reduce(data, ASKED).compute()
        after_sums = client.run(own_peak)
        two = strain_of(data[: PARTLY[0], : PARTLY[1]]).compute()
        peaks = client.run(own_peak)
    of_two = [float(sums["disc"].mean()), float(sums["com_x"].std()), int(sums["status"].max())]
    assert of_two == pytest.approx(found)
    for name in STRAINS:
        np.testing.assert_array_equal(one[name], two[name])
    what = "by two worker processes: GB of memory of one"
    measured(f"Images and CoM of a store of 20 GB {what}", max(after_sums.values()) / 2**30, "< 2")
    most = max(peaks.values()) / 2**30
    measured(f"Discs, lattice and strain of {part:.2g} GB of it {what}", most, "< 2")
    assert most < 2


def test_20_gb_of_a_raw_file_need_1_gb(measured, tmp_path):
    path, shape = tmp_path / "scan.raw", (*SCAN, PIXELS, PIXELS)
    first = parts()[0].reshape(-1, PIXELS, PIXELS)
    with path.open("wb") as file:
        file.truncate(2 * int(np.prod(shape)))
        for row in (0, 512, 1023):
            file.seek(2 * row * SCAN[1] * PIXELS**2)
            file.write(first.tobytes())
    code = """
        data = raw_block(sys.argv[1])
        made = reduce(data, ASKED).compute(scheduler="threads")
        found = [float(made["disc"].sum()), int((made["status"] == 0).sum())]
    """
    (total, there), peak = alone(code, path)
    measured("Images and CoM of a raw file of 20 GB: GB of memory", peak / 2**30, "< 1")
    alike = reduce(labelled(first[None]), ASKED)["disc"]
    assert total == pytest.approx(3 * float(alike.sum()))
    assert there == 3 * len(first)
    assert peak < 2 * 2**30
    strains = """
        made = strain_of(raw_block(sys.argv[1])[:8, :256]).compute(scheduler="threads")
        found = int(made["strain_xx"].notnull().sum())
    """
    there, peak = alone(strains, path)
    measured("Discs, lattice and strain of a raw file: GB of memory", peak / 2**30, "< 2")
    assert there == len(first)
    assert peak < 2 * 2**30
    with connect(workers=2) as client:
        two = reduce(raw_block(path), ASKED).compute()
        most = max(client.run(own_peak).values()) / 2**30
    assert float(two["disc"].sum()) == pytest.approx(total)
    measured("Images and CoM of a raw file of 20 GB, two processes: GB of one", most, "< 2")
    assert most < 2
