"""Ratios measured in one run, kept in docs/benchmarks.md by `python3 dev.py bench`."""

import gc
import os
import platform
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

TABLE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"
ROWS = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[ROWS] = []


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Callable[[str, float, str], None]:
    """Return a function that keeps `(what, value, asked)` as a row of the table."""

    def keep(what: str, value: float, asked: str) -> None:
        request.config.stash[ROWS].append(f"| {what} | {value:.3g} | {asked} |")

    return keep


@pytest.fixture
def best_time() -> Callable[..., float]:
    """Return a function that gives the shortest of several times of a call, in seconds."""

    def best(function: Callable[[], object], repeats: int = 5) -> float:
        took = []
        for _ in range(repeats):
            gc.collect()
            start = time.perf_counter()
            function()
            took.append(time.perf_counter() - start)
        return min(took)

    return best


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for row in config.stash.get(ROWS, []):
        terminalreporter.write_line(row)


def pytest_sessionfinish(session: pytest.Session) -> None:
    rows = session.config.stash.get(ROWS, [])
    if not rows or not session.config.getoption("--keep-benchmarks"):
        return
    now = datetime.now(UTC).date().isoformat()
    head = [
        "# Benchmarks",
        "",
        "Ratios measured in one run on one machine, by `python3 dev.py bench`; times below one",
        "mean faster than what is compared with. Nothing here is asserted in seconds.",
        "",
        f"Measured {now} with Python {platform.python_version()} on {os.cpu_count()} cores.",
        "",
        "| what | measured | asked |",
        "|---|---|---|",
    ]
    TABLE.write_text("\n".join([*head, *sorted(rows)]) + "\n", encoding="utf-8")
