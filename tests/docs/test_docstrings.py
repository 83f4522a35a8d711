"""What public functions say of themselves: what they take, what they give and refuse."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import omniscopy as om
from omniscopy.model import all_operations, find_operation

OPERATIONS = sorted(operation.name for operation in all_operations())
ROOT = Path(om.__file__).parent


def public_functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    """Yield the functions that stubs list, as they are written: no optional package is imported."""
    for stub in sorted(ROOT.rglob("__init__.pyi")):
        for line in ast.parse(stub.read_text(encoding="utf-8")).body:
            if not isinstance(line, ast.ImportFrom) or not line.level:
                continue
            place = stub.parents[line.level - 1].joinpath(*(line.module or "").split("."))
            file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
            names = {alias.name for alias in line.names}
            for node in ast.parse(file.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.FunctionDef) and node.name in names and is_whole(node):
                    yield f"{stub.parent.relative_to(ROOT.parent)}/{node.name}", node


def is_whole(node: ast.FunctionDef) -> bool:
    """Return whether this is no overload and no stage of a deprecation."""
    return not any(ast.unparse(each).endswith("overload") for each in node.decorator_list)


def refuses(node: ast.FunctionDef) -> bool:
    """Return whether a function raises, or asks a check that does."""
    return any(
        isinstance(part, ast.Raise)
        or (isinstance(part, ast.Call) and ast.unparse(part.func).startswith("require_"))
        for part in ast.walk(node)
    )


def section(text: str, title: str) -> str:
    """Return what is under a title of numpydoc."""
    found = re.search(rf"(?:^|\n){title}\n-+\n(.*?)(?=\n\S[^\n]*\n--|\Z)", text, re.DOTALL)
    return found[1].rstrip() if found else ""


FUNCTIONS = dict(public_functions())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_public_function_says_what_it_takes_gives_and_refuses(name: str) -> None:
    node = FUNCTIONS[name]
    said = ast.get_docstring(node) or ""
    taken = [arg.arg for arg in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    slots = re.findall(
        r"^\*{0,2}(\w[\w, *.]*?)(?: :.*)?$", section(said, "Parameters"), re.MULTILINE
    )
    listed = {word for slot in slots for word in re.findall(r"\w+|\.\.\.", slot)}
    if "..." not in listed:
        assert [word for word in taken if word not in listed] == []
    assert "]_" not in said.partition("\n")[0]  # lists of functions have the first line alone
    gives = ast.unparse(node.returns) if node.returns else "None"
    if gives not in {"None", "Never", "NoReturn"}:
        assert section(said, "Returns") or section(said, "Yields")
    if refuses(node):
        assert section(said, "Raises")


def test_the_functions_of_all_packages_are_looked_at() -> None:
    assert len(FUNCTIONS) > 400
    assert {"omniscopy/physics/xray/efficiency", "omniscopy/eels/quantify"} <= {*FUNCTIONS}


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_says_what_it_takes_and_what_it_gives(name: str) -> None:
    function = find_operation(name).function
    # It is shown as it stands: in forms, tables and by the command line.
    assert not re.search(r":\w+:`|\\", find_operation(name).summary)
    said = inspect.getdoc(function) or ""
    taken = inspect.signature(function).parameters
    assert section(said, "Returns")
    assert [word for word in taken if not re.search(rf"\b{word}\b", said)] == []
