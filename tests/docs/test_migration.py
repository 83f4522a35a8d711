"""The pages for those who come from other packages: their jobs run, and their tables are true."""

import ast
import importlib
import importlib.util
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

import omniscopy as om

PAGES = sorted((Path(__file__).resolve().parents[2] / "docs" / "migration").glob("*.md"))
PACKAGES = {
    "atomai", "bglib", "ffta", "gwyddion", "hyperspy", "py4dstem", "pycroscopy", "pytemlib",
    "sidpy", "stemtool",
}  # fmt: skip
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"`([^`]+)`")
NAME = re.compile(r"(?<![\w.\"/])om((?:\.\w+)+)")
Names = dict[str, Any]

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


def close(value: Any, truth: Any, **tolerance: float) -> None:
    np.testing.assert_allclose(np.asarray(value), truth, **tolerance)


def current_is_fitted(names: Names) -> None:
    pulls = (names["fit"]["line_g"] - names["truth"]) / names["fit"]["line_g_std"]
    assert float(abs(pulls).max()) < 5.0


def drift_and_lattice_are_found(names: Names) -> None:
    close(names["found"]["shift_y"].diff("frame").mean(), 0.31, atol=0.1)
    close(names["lattice"]["length_a"], 0.39, atol=0.002)


def film_is_measured(names: Names) -> None:
    close(names["thickness"]["t_over_lambda"], 0.5, atol=0.02)
    density = names["found"]["areal_density"].mean(("y", "x"))
    close(density.sel(element=["Ti", "O"]), [800.0, 1600.0], rtol=0.05)


def strain_is_found(names: Names) -> None:
    right = names["strain"].sel(x=slice(8.0, None))
    close(right["strain_xx"].mean(), 0.02, atol=0.003)
    close(right["strain_yy"].mean(), -0.01, atol=0.003)


def atoms_are_found(names: Names) -> None:
    assert float(names["score"]["recall"]) > 0.9


def loops_are_fitted(names: Names) -> None:
    assert bool((names["which"]["is_loop"] == 1).all())
    assert bool((names["switching"]["switchable_polarization"] > 0).all())


def times_are_found(names: Names) -> None:
    close(1e6 * names["tau"].mean("y"), [10.0, 25.0, 40.0], rtol=0.25)


def layers_are_told_apart(names: Names) -> None:
    assert names["rank"] == 2
    assert set(names["found"]["element"].values) == {"Ti", "O"}
    close(names["found"]["areal_density"].sel(element="Ti").mean("y"), names["truth"], rtol=0.1)


def particles_are_counted(names: Names) -> None:
    assert names["table"].sizes["grain"] == 9
    close(names["rough"]["sq"], 0.05, atol=0.02)


CHECKS: dict[str, Callable[[Names], None]] = {
    "atomai": atoms_are_found,
    "bglib": loops_are_fitted,
    "ffta": times_are_found,
    "gwyddion": particles_are_counted,
    "hyperspy": layers_are_told_apart,
    "py4dstem": strain_is_found,
    "pycroscopy": drift_and_lattice_are_found,
    "pytemlib": film_is_measured,
    "sidpy": current_is_fitted,
    "stemtool": strain_is_found,
}


def rows(page: Path) -> list[tuple[str, str]]:
    """Return what was written and what is written now, row by row."""
    lines = page.read_text(encoding="utf-8").splitlines()
    cells = [line[2:-2].split(" | ") for line in lines if line.startswith("| ")]
    return [(old, now) for old, now in cells[1:]]


def found_at(path: str) -> Any:
    """Return what a dotted name below the package stands for, or fail."""
    found: Any = om
    for name in path.strip(".").split("."):
        if inspect.ismodule(found) and name not in dir(found):
            found = importlib.import_module(f"{found.__name__}.{name}")
        else:
            found = getattr(found, name)
    return found


def calls(code: str) -> Iterator[tuple[str, ast.Call]]:
    """Yield the calls of functions of this package in a piece of code, with their names."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("om."):
            name = ast.unparse(node.func)
            if NAME.fullmatch(name):
                yield name.removeprefix("om."), node


@each_page
def test_a_whole_job_runs_and_finds_the_truth(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = BLOCK.findall(page.read_text(encoding="utf-8"))[-1]
    if "om.learn" in code and importlib.util.find_spec("torch") is None:
        pytest.skip("torch is not installed: the extra `learn`")
    mpl.use("Agg")
    monkeypatch.chdir(tmp_path)
    names: Names = {}
    try:
        exec(compile(code, str(page), "exec"), names)
        names["figure"].canvas.draw()
        CHECKS[page.stem](names)
    finally:
        plt.close("all")


@each_page
def test_what_is_written_now_exists_and_takes_these_arguments(page: Path) -> None:
    for _, now in rows(page):
        for code in (code for code in CODE.findall(now) if "om." in code):
            for path in NAME.findall(code):
                if path.startswith(".learn."):
                    assert path.split(".")[2] in om.learn.__all__, path
                else:
                    found_at(path)
            for path, call in calls(code):
                if not path.startswith("learn."):
                    arguments = {word.arg: None for word in call.keywords if word.arg}
                    inspect.signature(found_at(path)).bind(*call.args, **arguments)


@each_page
def test_a_table_has_the_calls_that_matter(page: Path) -> None:
    table = rows(page)
    assert len(table) >= 15
    assert all(CODE.search(now) or "no counterpart" in now for _, now in table)


def test_there_is_a_page_for_every_package() -> None:
    assert {page.stem for page in PAGES} == PACKAGES == {*CHECKS}
