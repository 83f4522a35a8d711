"""What starting costs."""

import json
import subprocess
import sys

import numpy as np
import pytest

from omniscopy.testing.files.mrc import write_mrc

HEAVY = ("xarray", "dask", "matplotlib", "pandas", "sklearn", "torch", "scipy", "zarr")


def run_python(code, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout


@pytest.fixture
def image(tmp_path):
    return write_mrc(tmp_path / "image.mrc", np.zeros((4, 5), np.int16))


def test_importing_the_package_takes_less_than_three_tenths_of_a_second():
    code = "import time; t = time.process_time(); import {}; print(time.process_time() - t)"

    def seconds(name):
        return min(float(run_python(code.format(name))) for _ in range(3))

    # Or, where the machine is slow, so many times what it takes for another package.
    took = seconds("omniscopy")
    assert took < 0.3 or took < 3 * seconds("numpy")


@pytest.mark.parametrize("command", ["info", "formats", "--version"])
def test_saying_what_is_in_a_file_loads_nothing_heavy(image, command):
    code = (
        "import sys; from omniscopy.cli.application import run; code = run(sys.argv[1:]); "
        f"print(code, [name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    arguments = [command, image] if command == "info" else [command]
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == "0 []\n"


def test_the_package_runs_as_a_module(image):
    done = subprocess.run(
        [sys.executable, "-m", "omniscopy", "info", str(image), "--json"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout)["format"] == "mrc"
