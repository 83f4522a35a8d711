"""Real files, damaged: right numbers, or a refusal by name, in bounded time and memory.

`python3 dev.py fuzz` tries for longer than the tests do; `--fuzz-seed` makes other damage.
"""

import faulthandler
import json
import shutil
import signal
import time
import zlib
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import SHARED

from omniscopy.io.errors import FormatError
from omniscopy.io.reading import read_measurement
from omniscopy.io.storage import hdf5_tree  # noqa: F401 - a damaged file may be its first user
from omniscopy.testing.formats import check_damage, damages, read_all

pytestmark = pytest.mark.shared
VENDOR = SHARED / "data" / "vendor"
LARGEST, FEWEST = 1_000_000, 10
# Seconds of work, and of waiting on a machine that may have much else to do.
HANGS_AFTER, WAITS = 30, 900


def small_files() -> list[dict]:
    """Return the rows of the manifest of files that are small enough to be tried often."""
    if not (VENDOR / "MANIFEST.json").exists():
        return []
    rows = json.loads((VENDOR / "MANIFEST.json").read_text())["files"]
    return [row for row in rows if row["bytes"] <= LARGEST]


@contextmanager
def stopped_when_it_hangs():
    """Raise in what takes far too long, so that the file that caused it is named."""

    def stop(_signal, _frame):
        faulthandler.dump_traceback()
        message = f"still reading after {HANGS_AFTER} s of work or {WAITS} s"
        raise AssertionError(message)

    timers = {
        signal.SIGPROF: (signal.ITIMER_PROF, HANGS_AFTER),
        signal.SIGALRM: (signal.ITIMER_REAL, WAITS),
    }
    before = {number: signal.signal(number, stop) for number in timers}
    for timer, seconds in timers.values():
        signal.setitimer(timer, seconds)
    try:
        yield
    finally:
        for number, (timer, _) in timers.items():
            signal.setitimer(timer, 0)
            signal.signal(number, before[number])


def companions(row: dict) -> list[Path]:
    """Return the files that belong to one; they are damaged too."""
    others = [VENDOR / other["file"] for other in row.get("companions", [])]
    return [path for path in others if path.stat().st_size <= LARGEST]


def copy_of(row: dict, folder: Path) -> Path:
    """Copy a file with all that lies beside it for it, and return where it is then."""
    source = VENDOR / row["file"]
    if row.get("companions"):
        shutil.copytree(source.parent, folder, dirs_exist_ok=True)
    else:
        shutil.copy(source, folder)
    for each in folder.rglob("*"):
        each.chmod(0o755 if each.is_dir() else 0o644)
    return folder / source.name


@pytest.mark.parametrize("row", small_files(), ids=lambda row: row["file"])
def test_damaged_real_files_are_read_or_refused_by_name(row, tmp_path, pytestconfig):
    opened = copy_of(row, tmp_path)
    with suppress(FormatError):  # what is imported or compiled first is not the file's
        read_all(read_measurement(opened)[1], limit=2**28)
    source = VENDOR / row["file"]
    seed = pytestconfig.getoption("--fuzz-seed") + zlib.crc32(row["file"].encode())
    rng = np.random.default_rng(seed)
    until = time.monotonic() + pytestconfig.getoption("--fuzz-seconds")
    tried = [source, *companions(row)]
    kinds = [damages(path.read_bytes(), rng) for path in tried]
    count = 0
    while count < FEWEST or time.monotonic() < until:
        which = int(rng.integers(len(tried)))
        target = tmp_path / tried[which].relative_to(source.parent)
        content = target.read_bytes()
        with stopped_when_it_hangs():
            check_damage(opened, next(kinds[which]), folder=tmp_path, damaged_file=target)
        target.write_bytes(content)
        count += 1
