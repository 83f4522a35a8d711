"""Settings and fixtures shared by all tests."""

import gc
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

# How long examples take to draw is a matter of the machine.
hypothesis.settings.register_profile(
    "default",
    deadline=None,
    derandomize=True,
    max_examples=50,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
# `--hypothesis-profile=long`: other examples each time, and many.
hypothesis.settings.register_profile(
    "long", deadline=None, max_examples=3000, suppress_health_check=list(hypothesis.HealthCheck)
)
hypothesis.settings.load_profile("default")

CHROMIUM_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
    "--disable-background-timer-throttling", "--disable-renderer-backgrounding",
]  # fmt: skip
SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of real files beside the project, or skip where there is none."""
    if not (SHARED / "data").is_dir():
        pytest.skip("the real files of ../shared are not on this machine")
    return SHARED


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Return a headless Chromium that Playwright drives, or skip where there is none.

    One for a module: while it lives a loop runs in this thread, in which no other can be run.
    """
    chromium = os.environ.get("OMNISCOPY_CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no Chromium on this machine")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        yield found
        found.close()


def pytest_configure(config: pytest.Config) -> None:
    # Workers of pytest-xdist share the cores: threads of BLAS in each would wait for one another.
    if config.getoption("numprocesses", None):
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def pytest_collection_finish() -> None:
    # Thousands of collected tests live to the end: collections of garbage need not look at them.
    gc.freeze()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--keep-benchmarks", action="store_true", help="write docs/benchmarks.md at the end"
    )
