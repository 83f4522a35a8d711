"""The pages written by hand: what they call exists, and the first of them runs as it stands."""

import ast
import inspect
import re
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from tests.docs.test_migration import calls, found_at

import omniscopy as om

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
LINK = re.compile(r"\]\(([\w./-]+?\.(?:md|py))(?:#[\w-]+)?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_what_a_page_calls_exists_and_takes_these_arguments(page: Path) -> None:
    for code in BLOCK.findall(page.read_text(encoding="utf-8")):
        for path, call in calls(code):
            if any(isinstance(each, ast.Starred) for each in call.args):
                continue
            if path.startswith("learn."):
                assert path.split(".")[1] in om.learn.__all__, path
                continue
            arguments = {word.arg: None for word in call.keywords if word.arg}
            bind = inspect.signature(found_at(path)).bind_partial
            bind(*call.args, **arguments)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_the_files_that_a_page_links_to_exist(page: Path) -> None:
    made = {"formats.md", "glossary.md", "howto.md", "index.md", "release-notes.md"}
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        target = page.parent / link
        assert target.is_file() or target.name in made, link


def test_what_the_first_page_says_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mpl.use("Agg")
    monkeypatch.chdir(tmp_path)
    code = "\n".join(BLOCK.findall((ROOT / "docs/getting-started.md").read_text(encoding="utf-8")))
    names: dict[str, object] = {}
    try:
        exec(compile(code, "getting-started.md", "exec"), names)
    finally:
        plt.close("all")
    assert {"map.png", "titanium.png", "fit.zarr", "map.html"} <= {
        path.name for path in tmp_path.iterdir()
    }
    fit, same = names["fit"], names["same"]
    np.testing.assert_array_equal(same["exponent"], fit["exponent"])
    titanium = names["titanium"]
    # Titanium is where the oxide of titanium is: on one side of the map.
    left, right = titanium.isel(x=slice(0, 5)).mean(), titanium.isel(x=slice(15, 20)).mean()
    assert float(abs(left - right)) > 0.2 * float(titanium.std())
