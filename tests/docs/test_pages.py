"""The pages written by hand: what they call exists, and the first of them runs as it stands."""

import ast
import inspect
import re
from pathlib import Path
from typing import Any

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


def run_in(folder: Path, page: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Run the code of a page, and return what it names."""
    mpl.use("Agg")
    monkeypatch.chdir(folder)
    code = "\n".join(BLOCK.findall((ROOT / "docs" / page).read_text(encoding="utf-8")))
    names: dict[str, Any] = {}
    try:
        exec(compile(code, page, "exec"), names)
    finally:
        plt.close("all")
    return names


def test_arrays_of_ones_own_keep_the_contract(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = run_in(tmp_path, "own-arrays.md", monkeypatch)
    for data in ("surface", "spectra", "block", "points", "image", "bright"):
        assert om.validate(names[data]) == [], data
    assert float(names["roughness"]["sq"]) == pytest.approx(0.3, rel=0.01)
    assert float(names["background"]["exponent"].mean()) == pytest.approx(2.5, abs=0.01)
    assert names["bright"].chunks is not None
    # Nine by nine pixels of the disc, in a detector of radius 8 pixels around them.
    inside = np.hypot(*np.mgrid[-32:32, -32:32]) <= 8
    assert float(names["bright"][3, 4]) == pytest.approx(100 * inside.sum() + 400 * 81, rel=0.02)
    assert float(names["image"].sel(y=50.0, x=90.0, method="nearest")) == pytest.approx(40.0, abs=2)


def test_what_the_first_page_says_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = run_in(tmp_path, "getting-started.md", monkeypatch)
    assert {"map.png", "titanium.png", "fit.zarr", "map.html"} <= {
        path.name for path in tmp_path.iterdir()
    }
    fit, same = names["fit"], names["same"]
    np.testing.assert_array_equal(same["exponent"], fit["exponent"])
    titanium = names["titanium"]
    # Titanium is where the oxide of titanium is: on one side of the map.
    left, right = titanium.isel(x=slice(0, 5)).mean(), titanium.isel(x=slice(15, 20)).mean()
    assert float(abs(left - right)) > 0.2 * float(titanium.std())


def test_the_modulus_of_simulated_curves_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = run_in(tmp_path, "force.md", monkeypatch)
    truth = names["force"].attrs["metadata"]["truth"]["modulus"]
    np.testing.assert_allclose(names["found"]["modulus"].mean("y"), truth, rtol=0.05)


def test_a_crystal_is_written_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = run_in(tmp_path, "crystals.md", monkeypatch)
    assert names["om"].crystal.symmetry(names["atoms"]).symbol == "Pm-3m"
    assert len(names["factors"]) == len(names["listed"].hkl)
