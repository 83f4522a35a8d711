"""Networks in tests are small: threads would cost more than they save."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest


class Unlearned(pytest.Module):
    """A module of tests where what it imports is not installed."""

    def collect(self) -> list[pytest.Item]:
        pytest.skip("torch is not installed: the extra `learn`", allow_module_level=True)


def pytest_pycollect_makemodule(
    module_path: Path, parent: pytest.Collector
) -> pytest.Module | None:
    if importlib.util.find_spec("torch") is not None:
        return None
    return Unlearned.from_parent(parent, path=module_path)


@pytest.fixture(scope="package", autouse=True)
def one_thread() -> Iterator[None]:
    """Compute with one thread, and give the others back."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
