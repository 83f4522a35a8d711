"""Modules import each other in one direction: what is imported where it is used counts too."""

import re
import tomllib
from pathlib import Path

import grimp
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

import omniscopy

PACKAGE = Path(omniscopy.__file__).parent
ROOT = Path(__file__).parents[2]
TECHNIQUES = ["diffraction", "eds", "eels", "spm"]


def test_no_modules_import_each_other_in_a_circle():
    graph = grimp.build_graph("omniscopy", cache_dir=None, exclude_type_checking_imports=True)
    modules = sorted(graph.modules)
    number = {name: n for n, name in enumerate(modules)}
    pairs = [
        (number[name], number[other])
        for name in modules
        for other in graph.find_modules_directly_imported_by(name)
    ]
    assert len(pairs) > len(modules)
    rows, columns = np.transpose(pairs)
    links = coo_array((np.ones(len(pairs)), (rows, columns)), shape=(len(modules), len(modules)))
    _, found = connected_components(links, connection="strong")
    shared = [n for n, size in enumerate(np.bincount(found)) if size > 1]
    assert [[modules[n] for n in np.flatnonzero(found == each)] for each in shared] == []


def test_the_page_of_the_architecture_names_the_layers_and_every_folder():
    page = (ROOT / "docs" / "ARCHITECTURE.md").read_text("utf-8")
    (said,) = re.findall(r"^`(cli → .*)`$", page, re.MULTILINE)
    said = said.replace("techniques", " | ".join(TECHNIQUES))
    drawn = [{*level.split(" | ")} for level in said.split(" → ")]
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    (held,) = [c for c in settings["tool"]["importlinter"]["contracts"] if c["type"] == "layers"]
    assert drawn == [
        {name.removeprefix("omniscopy.") for name in level.split(" | ")} for level in held["layers"]
    ]
    table = page.partition("| package | holds |")[2].partition("\n\n")[0]
    named = {
        name for row in table.splitlines()[1:] for name in re.findall(r"`(\w+)`", row.split("|")[1])
    }
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert folders <= named
    assert {path.name for path in (ROOT / "tests").iterdir() if path.is_dir()} - folders <= {
        *re.findall(r"`(\w+)`", page.partition("## Beside the package")[2]), "__pycache__",
    }  # fmt: skip
