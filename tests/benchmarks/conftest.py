"""Ratios measured in one run, kept in docs/benchmarks.md by `python3 dev.py bench`."""

import gc
import os
import platform
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path

import ase
import numpy as np
import pytest
from tests.benchmarks.peers.races import Outcome

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "docs" / "benchmarks.md"
# Of the environment that the readers and writers of files are in.
READERS = {
    "RosettaSciIO": "rosettasciio", "SciFiReaders": "scifireaders", "pyNSID": "pynsid",
    "pyUSID": "pyusid", "sidpy": "sidpy",
}  # fmt: skip
ROWS = pytest.StashKey[list[str]]()
RACES = pytest.StashKey[list[str]]()
VERSIONS = pytest.StashKey[dict[str, str]]()
PEERS = "## Against earlier packages"
VERSIONS_OF_PEERS = "### Their versions"
PEERS_HEAD = [
    PEERS,
    "",
    "Each does the same work on the same data in a process of its own, with two threads, after a",
    "first call that compiles and loads; the best of several calls counts, for one item of work.",
    "Errors are against the truth that the data were made from. Memory is what the first call adds",
    'to the process at its peak, for as many items as stand behind it. "CPU" counts the time of',
    "all threads, which other work on the machine lengthens less than the time that passes.",
    "",
    "| work | package | times faster | of CPU | asked | error here | error there | MB here (items) "
    "| MB there (items) |",
    "|---|---|---|---|---|---|---|---|---|",
]


def pytest_configure(config: pytest.Config) -> None:
    config.stash[ROWS] = []
    config.stash[RACES] = []
    config.stash[VERSIONS] = {}


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Callable[[str, float, str], None]:
    """Return a function that keeps `(what, value, asked)` as a row of the table."""

    def keep(what: str, value: float, asked: str) -> None:
        request.config.stash[ROWS].append(f"| {what} | {value:.3g} | {asked} |")

    return keep


@pytest.fixture
def compared(request: pytest.FixtureRequest) -> Callable[..., float]:
    """Return a function that keeps how two packages did the same work, and says how much faster."""

    def keep(  # noqa: PLR0917 - the columns of the table
        work: str, package: str, ours: Outcome, theirs: Outcome, asked: str = "",
        error: Callable[[dict], str] = lambda _: "",
    ) -> float:  # fmt: skip
        stash = request.config.stash
        start = f"| {work} | {package} |"
        if theirs.error:
            told = theirs.error.replace("|", "/")
            row = f"{start} | | {asked} | {error(ours.answer)} | {told} | | |"
            stash[RACES].append(row)
            pytest.skip(f"{package}: {theirs.error}")
        faster, cpu = theirs.seconds / ours.seconds, theirs.cpu / ours.cpu
        parts = [
            f"{faster:.3g}", f"{cpu:.3g}", asked, error(ours.answer), error(theirs.answer),
            *(f"{each.megabytes:.0f} ({each.count})" for each in (ours, theirs)),
        ]  # fmt: skip
        stash[RACES].append(f"{start} {' | '.join(parts)} |")
        told = ", ".join(f"{name} {number}" for name, number in (theirs.versions or {}).items())
        stash[VERSIONS][package] = f"| {package} | {told} |"
        return faster

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
    for row in [*config.stash.get(ROWS, []), *config.stash.get(RACES, [])]:
        terminalreporter.write_line(row)


def kept_rows(lines: list[str], new: list[str], columns: int) -> list[str]:
    """Return the rows of `lines` with those of `new` in place of what has the same first cells."""
    rows = [line for line in lines if line.startswith("| ")]
    keyed = {tuple(row.split(" | ")[:columns]): row for row in [*rows, *new]}
    return sorted(keyed.values())


def environments(root: Path) -> list[str]:
    """Return rows of what is not raced by name: readers of files, and what cannot be made."""
    places = [str(each) for each in root.glob(".venv-peers/[Ll]ib/**/site-packages")]
    there = {str(each.name).lower(): each.version for each in distributions(path=places)}
    rows = [
        f"| {name} | {name} {there[known]}, numpy {there.get('numpy')} |"
        for name, known in READERS.items()
        if known in there
    ]
    for said in sorted(root.glob(".venv-peer-*/error")):
        why = " ".join(said.read_text(encoding="utf-8").replace("|", "/").split())[-300:]
        if why:
            name = said.parent.name.removeprefix(".venv-peer-")
            rows.append(f"| {name} | cannot be made: {why} |")
    return rows


def pytest_sessionfinish(session: pytest.Session) -> None:
    rows, races = (session.config.stash.get(key, []) for key in (ROWS, RACES))
    if not (rows or races) or not session.config.getoption("--keep-benchmarks"):
        return
    text = TABLE.read_text(encoding="utf-8") if TABLE.exists() else ""
    own, _, peers = text.partition(PEERS)
    peers, _, versions = peers.partition(VERSIONS_OF_PEERS)
    now = datetime.now(UTC).date().isoformat()
    where = f"with Python {platform.python_version()} on {os.cpu_count()} cores"
    # Files of benchmarks can be run one by one: what was not run now stays.
    if rows:
        before = [line for line in own.splitlines() if not line.startswith("| what")]
        own = "\n".join(
            [
                "# Benchmarks",
                "",
                "Ratios, each measured in one run on one machine, by `python3 dev.py bench`; times",
                "below one mean faster than what is compared with. Nothing is asserted in seconds.",
                "",
                f"Last measured {now} {where}.",
                "",
                "| what | measured | asked |",
                "|---|---|---|",
                *kept_rows(before, rows, 1),
                "",
                "",
            ]
        )
    table = kept_rows([x for x in peers.splitlines() if not x.startswith("| work")], races, 2)
    listed = kept_rows(
        [x for x in versions.splitlines() if not x.startswith("| package")],
        [*session.config.stash[VERSIONS].values(), *environments(ROOT)],
        1,
    )
    busy = f" The load of the machine was {os.getloadavg()[0]:.1f}." if races else ""
    told = f"Last measured {now} {where}.{busy}" if races else _measured(versions)
    foot = ["", VERSIONS_OF_PEERS, "", told, "", "| package | versions |", "|---|---|", *listed]
    TABLE.write_text(own + "\n".join([*PEERS_HEAD, *table, *foot]) + "\n", encoding="utf-8")


def _measured(text: str) -> str:
    """Return the line of `text` that says when it was measured."""
    return next((line for line in text.splitlines() if line.startswith("Last measured")), "")


@pytest.fixture(scope="session")
def glass():
    """Return a cell of 100 atoms of three elements without symmetry."""
    rng = np.random.default_rng(4)
    grid = np.stack(np.meshgrid(*[np.arange(5.0)] * 3, indexing="ij"), -1).reshape(-1, 3)[:100]
    places = 2.6 * grid + rng.normal(0.0, 0.1, (100, 3))
    symbols = rng.choice(["Sr", "Ti", "O"], 100)
    return ase.Atoms(symbols.tolist(), positions=places, cell=[10.4, 13.0, 13.0], pbc=True)
