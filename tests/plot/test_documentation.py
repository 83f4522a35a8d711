"""The examples of the page on figures run as they are written."""

import re
from pathlib import Path

import pytest

_PAGE = Path(__file__).parents[2] / "docs" / "figures.md"


def _examples():
    return re.findall(r"```python\n(.*?)```", _PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("example", _examples())
def test_an_example_of_the_page_runs(example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(f"import omniscopy as om\n{example}", str(_PAGE), "exec"), {})
