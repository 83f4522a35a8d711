"""Settings and fixtures shared by all tests."""

from pathlib import Path

import hypothesis
import pytest

hypothesis.settings.register_profile("default", deadline=None, derandomize=True, max_examples=50)
hypothesis.settings.load_profile("default")

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of real files beside the project, or skip where there is none."""
    if not (SHARED / "data").is_dir():
        pytest.skip("the real files of ../shared are not on this machine")
    return SHARED


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--keep-benchmarks", action="store_true", help="write docs/benchmarks.md at the end"
    )
