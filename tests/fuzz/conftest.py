"""How long damaged files are tried, and what is tried first."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--fuzz-seconds", type=float, default=0.4, help="for damaging each real file (0.4)"
    )
    parser.addoption("--fuzz-seed", type=int, default=0, help="for the damage that is done (0)")
