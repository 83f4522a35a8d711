"""What runs in the process of one package: one piece of work, timed, its answer kept.

`python FILE JOB IN.npz OUT.npz`, where FILE is one of the modules beside this one. A job is a
function of the arrays of IN; it prepares everything and returns what is timed, how many items that
works on, and a function that makes arrays of the result. The best of several warm calls counts.
"""

import contextlib
import gc
import importlib.metadata
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]
Job = Callable[[Arrays], tuple[Callable[[], Any], int, Callable[[Any], Mapping[str, Any]]]]
SECONDS = float(os.environ.get("PEER_SECONDS", "4"))  # for repeats after the first, warming call
SLOW = 20.0  # seconds of the processor for a first call that is not repeated to warm


def memory(name: str) -> float:
    """Return a number of the memory of this process from Linux, in MB; NaN elsewhere."""
    try:
        with Path("/proc/self/status").open(encoding="ascii") as file:
            found = dict(line.split(":", 1) for line in file)
    except OSError:
        return float("nan")
    return float(found[name].split()[0]) / 1024


def forget_peak() -> None:
    """Let the peak of memory count from now on, where that is possible."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def processor() -> float:
    """Return the seconds that all threads took, and all processes that were started and ended."""
    others = os.times()
    return time.process_time() + others.children_user + others.children_system


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """Return the result of one call, its seconds, and those of all its threads together."""
    gc.collect()
    cpu, wall = processor(), time.perf_counter()
    made = work()
    return made, time.perf_counter() - wall, processor() - cpu


def main(jobs: Mapping[str, Job], packages: tuple[str, ...]) -> None:
    """Do the job that the command line names."""
    name, source, target = sys.argv[1:4]
    with np.load(source) as file:
        arrays = dict(file)
    work, count, answer = jobs[name](arrays)
    gc.collect()
    forget_peak()
    before = memory("VmRSS")
    made, *first = timed(work)
    grown = memory("VmHWM") - before
    times = [first] if first[1] > SLOW else []
    begun = time.perf_counter()
    # What the first call compiled says nothing of how long the next one takes.
    while not times or (len(times) < 60 and time.perf_counter() - begun + times[-1][0] < SECONDS):
        times.append(timed(work)[1:])
    wall, cpu = np.min(times, axis=0) / count
    np.savez(target, **answer(made))
    versions = {each: importlib.metadata.version(each) for each in (*packages, "numpy")}
    versions["Python"] = platform.python_version()
    facts = {"seconds": wall, "cpu": cpu, "megabytes": grown, "count": count}
    sys.stdout.write("\n" + json.dumps({**facts, "versions": versions}) + "\n")
