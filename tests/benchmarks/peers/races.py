"""The same work by this package and by an earlier one, each in a process of its own."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
THREADS = "2"
TOGETHER = {"sidpy", "rosettasciio", "scifireaders"}  # in the environment of the tests


@dataclass(frozen=True)
class Outcome:
    """What one package took for an item of work, and its answer; or why it gave none."""

    answer: dict[str, np.ndarray]
    seconds: float = float("nan")
    cpu: float = float("nan")
    megabytes: float = float("nan")
    count: int = 0
    versions: dict[str, str] | None = None
    error: str = ""


def python_of(peer: str) -> Path:
    """Return the interpreter of the environment that holds `peer`."""
    folder = ".venv-peers" if peer in TOGETHER else f".venv-peer-{peer}"
    return ROOT / folder / ("Scripts" if os.name == "nt" else "bin") / "python"


def last_line(text: str) -> str:
    """Return the last line that says something, without the bars of progress."""
    lines = [line.strip() for line in text.replace("\r", "\n").splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""


def run(
    python: Path, module: str, job: str, folder: Path, *, seconds: float, limit: float
) -> Outcome:
    """Do one job in a process of its own, with the same number of threads for everyone."""
    names = ("OMP", "MKL", "OPENBLAS", "NUMBA", "NUMEXPR")
    threads = {f"{name}_NUM_THREADS": THREADS for name in names}
    home = folder / "home"
    home.mkdir(exist_ok=True)
    quiet = {"MPLBACKEND": "Agg", "PYTHONWARNINGS": "ignore", "PEER_SECONDS": str(seconds)}
    theirs = {} if module == "omniscopy" else {"HOME": str(home)}
    target = folder / f"{module}.npz"
    try:
        done = subprocess.run(
            [python, HERE / f"{module}_jobs.py", job, folder / "data.npz", target],
            capture_output=True, text=True, check=False, timeout=limit, cwd=folder,
            env=os.environ | threads | quiet | theirs,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Outcome({}, error=f"not done in {limit:g} s")
    if done.returncode:
        return Outcome({}, error=last_line(done.stderr))
    with np.load(target) as file:
        answer = dict(file)
    return Outcome(answer, **json.loads(done.stdout.splitlines()[-1]))


def race(
    peer: str, job: str, data: dict[str, object], folder: Path,
    *, seconds: float = 1.5, limit: float = 240.0, peer_limit: float = 240.0,
) -> tuple[Outcome, Outcome]:  # fmt: skip
    """Return what this package and `peer` took for `job` on the same data.

    The test is skipped where the environment was not asked for; that it could not be made, or that
    the job fails in it, is an outcome.
    """
    python = python_of(peer)
    made = python.parents[1] / "made-from"
    if not made.exists():
        pytest.skip(f"there is no {python.parents[1].name}; `python3 dev.py peers` makes it")
    np.savez(folder / "data.npz", **data)
    ours = run(Path(sys.executable), "omniscopy", job, folder, seconds=seconds, limit=limit)
    assert not ours.error, ours.error
    error = python.parents[1] / "error"
    if error.exists() and error.read_text():
        return ours, Outcome({}, error=f"cannot be installed: {last_line(error.read_text())}")
    theirs = run(python, peer, job, folder, seconds=seconds, limit=peer_limit)
    return ours, theirs
