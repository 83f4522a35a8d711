"""A block is worked through under a bound on memory, killed on the way, and gone on with.

`python3 dev.py soak` does it with 20 GB, `--soak-gigabytes` with another size, for which there
must be room one and a half times on the disk (`--soak-folder`).
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from tests.soak.steps import CHUNK, MOST, PIXELS, PLACES, STEPS, grid, opened, places, write_block

import omniscopy as om

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="processes are killed by a signal"),
    pytest.mark.xdist_group("soak"),
]
ROOT = Path(__file__).resolve().parents[2]
# Parts of all work at which a process is killed. The second of the three passes of a decomposition
# is under way at the first, the last one at the second; its chunks are written after all of them,
# so that all is done again.
KILLED = {"fit": (0.5,), "decompose": (0.5, 0.85), "reduce": (0.5,), "save": (0.5,)}


@pytest.fixture(scope="module")
def folder(pytestconfig, tmp_path_factory):
    named = pytestconfig.getoption("--soak-folder")
    place = Path(named) if named else tmp_path_factory.mktemp("soak")
    place.mkdir(parents=True, exist_ok=True)
    yield place
    for each in place.iterdir():
        if each.suffix in {".zarr", ".partial"}:
            shutil.rmtree(each)


@pytest.fixture(scope="module")
def gigabytes(pytestconfig):
    return pytestconfig.getoption("--soak-gigabytes")


@pytest.fixture(scope="module")
def block(folder, gigabytes):
    write_block(folder / "block.zarr", gigabytes)
    return folder / "block.zarr"


def work(step, source, target, *share):
    """Do a step in a process of its own; return how it ended and what it said."""
    command = [sys.executable, "-m", "tests.soak.steps", step, source, target, *share]
    done = subprocess.run(
        list(map(str, command)), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode, json.loads(done.stdout) if done.stdout else None


def written(target):
    """Return how many chunks a run that was killed leaves."""
    return (target.with_name(f"{target.name}.partial") / "journal").read_bytes().count(b"\n") - 1


def sample(data):
    """Return a few chunks of the scan: the first, the last, and some between."""
    down, across = data.sizes["y"] // CHUNK, data.sizes["x"] // CHUNK
    rng = np.random.default_rng(1)
    drawn = zip(rng.integers(down, size=4), rng.integers(across, size=4), strict=True)
    for row, column in [(0, 0), (down - 1, across - 1), *drawn]:
        yield {
            "y": slice(row * CHUNK, (row + 1) * CHUNK),
            "x": slice(column * CHUNK, (column + 1) * CHUNK),
        }


def true_centres(part, data):
    found = places(data.sizes["y"], data.sizes["x"])[part["y"], part["x"]]
    return (found - PLACES // 2) / 4


def check_fit(found, part, data):
    one = found.isel(part).compute()
    error = one["lorentzian_centre"] - true_centres(part, data)
    assert (one["status"] == 0).all()
    assert float(np.abs(error).max()) < 0.1
    assert float(error.std()) < 2 * float(one["lorentzian_centre_std"].mean())


def check_reduce(found, part, data):
    values, one = data.isel(part).values.astype(float), found.isel(part)
    total = values.sum((2, 3))
    across = (values.sum(2) * data["kx"].values).sum(2) / total
    down = (values.sum(3) * data["ky"].values).sum(2) / total
    np.testing.assert_allclose(one["com_x"], across, atol=1e-9)
    np.testing.assert_allclose(one["com_y"], down, atol=1e-9)
    k = np.arange(PIXELS) - PIXELS // 2
    inside = values[..., np.hypot(k[:, None], k) < 19].sum(-1)
    outside = values[..., np.hypot(k[:, None], k) > 21].sum(-1)
    assert (one["disc"] >= inside).all()
    assert (one["disc"] <= total - outside).all()


def check_save(found, part, data):
    np.testing.assert_array_equal(found.isel(part), 3 * data.isel(part).values)


def check_decompose(found, part, data):
    one = found.isel(part)
    values = data.isel(part).values
    left = values - xr.dot(one["loadings"], one["components"]).values
    assert np.sqrt(np.mean(left**2)) < 0.25 * values.std()


CHECKS = {
    "fit": check_fit, "decompose": check_decompose, "reduce": check_reduce, "save": check_save,
}  # fmt: skip


@pytest.mark.parametrize("step", STEPS)
def test_a_block_is_worked_through_however_often_it_is_killed(
    step, block, folder, gigabytes, soaked
):
    target, done = folder / f"{step}.zarr", []
    for share in KILLED[step]:
        ended, _ = work(step, block, target, share)
        assert ended == -signal.SIGKILL
        assert not target.exists()
        done.append(written(target))
    ended, said = work(step, block, target)
    assert ended == 0
    down, across = grid(gigabytes)
    chunks = down * across
    assert said["first"] in (done[-1], done[-1] + 1)  # 0 of a pass before the chunks are written
    assert done[-1] < chunks
    assert done[-1] > 0 or step == "decompose"
    assert said["peak"] < MOST

    data, found = opened(block), om.open_signal(target) if step == "save" else None
    if found is None:
        (node,) = om.open(target).children.values()
        found = node.to_dataset()
    assert [each.id for each in om.history(found)] == [
        each.id for each in om.history(STEPS[step](data))
    ]
    for part in sample(data):
        CHECKS[step](found, part, data)
    whole = compare(step, found, block, folder)
    soaked(step, data.nbytes, done, chunks, said, whole)
    for each in (target, folder / "undisturbed.zarr"):
        shutil.rmtree(each, ignore_errors=True)


def compare(step, found, block, folder):
    """Check that every digit is that of a run that nothing disturbed; return what that said.

    What each chunk gives depends on it alone, but in a decomposition: a few are compared.
    """
    if step == "decompose":
        ended, said = work(step, block, folder / "undisturbed.zarr")
        assert ended == 0
        assert said["peak"] < MOST
        (node,) = om.open(folder / "undisturbed.zarr").children.values()
        xr.testing.assert_equal(found.compute(), node.to_dataset().compute())
        return said
    data = opened(block)
    for part in sample(data):
        alone = STEPS[step](data.isel(part)).compute()
        names = [None] if step == "save" else list(alone.data_vars)
        for name in names:
            one, other = (each if name is None else each[name] for each in (found, alone))
            np.testing.assert_array_equal(one.isel(part), other, err_msg=str(name))
    return None
