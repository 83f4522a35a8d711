"""How much is worked through, and where it lies meanwhile."""

from collections.abc import Callable

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--soak-gigabytes",
        type=float,
        default=0.15,
        help="of the block worked through (0.15)",
    )
    parser.addoption("--soak-folder", help="an empty folder for it; one of pytest otherwise")


ROWS = pytest.StashKey[list[str]]()
HEAD = [
    "| step | GB | chunks kept when killed | CPU s to the end | of one undisturbed | peak GB |",
    "|---|---|---|---|---|---|",
]


def pytest_configure(config: pytest.Config) -> None:
    config.stash[ROWS] = []


@pytest.fixture
def soaked(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Return a function that keeps what is told at the end of a step that was killed."""

    def keep(  # noqa: PLR0917 - the columns of the table
        step: str, size: int, done: list[int], chunks: int, said: dict, whole: dict | None
    ) -> None:
        kept = ", ".join(f"{each} of {chunks}" for each in done)
        undisturbed = f"{whole['cpu']:.0f}" if whole else ""
        row = f"| {step} | {size / 1e9:.3g} | {kept} | {said['cpu']:.0f} | {undisturbed} "
        request.config.stash[ROWS].append(f"{row}| {said['peak'] / 1e9:.2f} |")

    return keep


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    rows = config.stash.get(ROWS, [])
    for row in [*HEAD, *rows] if rows else []:
        terminalreporter.write_line(row)
