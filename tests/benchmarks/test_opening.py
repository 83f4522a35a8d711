"""What it costs to look at a file."""

import subprocess
import sys

import numpy as np
import pytest

import omniscopy as om
from omniscopy.testing.files.mrc import write_mrc

pytestmark = pytest.mark.benchmark


def cpu_seconds(code: str) -> float:
    timed = f"import time; t = time.process_time(); {code}; print(time.process_time() - t)"
    runs = [
        subprocess.run([sys.executable, "-c", timed], capture_output=True, text=True, check=True)
        for _ in range(5)
    ]
    return min(float(run.stdout) for run in runs)


def test_importing_the_package_is_cheap(measured):
    seconds = cpu_seconds("import omniscopy")
    measured("`import omniscopy`, CPU seconds", seconds, "< 0.3")
    assert seconds < 0.1 * cpu_seconds("import xarray")


def test_opening_does_not_grow_with_the_file(measured, best_time, tmp_path):
    def sparse(frames):
        path = tmp_path / f"{frames}.mrc"
        write_mrc(path, np.zeros((1, 1024, 1024), np.int16))
        with path.open("r+b") as file:
            file.seek(8)
            file.write(frames.to_bytes(4, "little"))
            file.truncate(1024 + 2 * frames * 2**20)
        return path

    small, large = sparse(2), sparse(32768)
    om.open(small)
    large_time = best_time(lambda: om.open(large))
    measured("`om.open` of a 64 GiB MRC file, seconds beyond imports", large_time, "< 0.05")
    ratio = large_time / best_time(lambda: om.open(small))
    measured("`om.open`, 64 GiB against 4 MiB", ratio, "about 1 (independent of size)")
    assert ratio < 5
