"""What public functions say of themselves: what they take, what they give and refuse."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import omniscopy as om
from omniscopy.model import all_operations, find_operation

# Other tests register some of their own.
OPERATIONS = sorted(
    operation.name
    for operation in all_operations()
    if operation.function.__module__.startswith("omniscopy.")
)
ROOT = Path(om.__file__).parent


def public_names() -> Iterator[tuple[str, ast.FunctionDef | ast.ClassDef]]:
    """Yield what stubs list, as it is written: no optional package is imported."""
    for stub in sorted(ROOT.rglob("__init__.pyi")):
        for line in ast.parse(stub.read_text(encoding="utf-8")).body:
            if not isinstance(line, ast.ImportFrom) or not line.level:
                continue
            place = stub.parents[line.level - 1].joinpath(*(line.module or "").split("."))
            file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
            names = {alias.name for alias in line.names}
            for node in ast.parse(file.read_text(encoding="utf-8")).body:
                if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name not in names:
                    continue
                if isinstance(node, ast.ClassDef) or is_whole(node):
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


def fields(node: ast.ClassDef) -> Iterator[str]:
    """Yield the public fields of a class, and what it is made from, that are not said beside it."""
    for part, after in zip(node.body, [*node.body[1:], None], strict=True):
        if isinstance(part, ast.FunctionDef) and part.name == "__init__":
            yield from (arg.arg for arg in (*part.args.args[1:], *part.args.kwonlyargs))
        if not isinstance(part, ast.AnnAssign) or "ClassVar" in ast.unparse(part.annotation):
            continue
        said = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
        name = ast.unparse(part.target)
        if not said and not name.startswith("_"):
            yield name


NAMES = dict(public_names())
FUNCTIONS = {name: node for name, node in NAMES.items() if isinstance(node, ast.FunctionDef)}
CLASSES = {name: node for name, node in NAMES.items() if isinstance(node, ast.ClassDef)}
# What sample files are made by is in `omniscopy.testing.files`, beside the formats.
TOOLS = {
    f"{path.stem}/{node.name}": node
    for path in sorted((ROOT / "testing").glob("*.py"))
    for node in ast.parse(path.read_text(encoding="utf-8")).body
    if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
}

# Functions beside the operations that look up, read or refuse: no formula stands behind them.
LOOK_UP = frozenset({
    "omniscopy/crystal/read_structure", "omniscopy/crystal/require_apart",
    "omniscopy/crystal/structure", "omniscopy/crystal/structures",
    "omniscopy/physics/xray/find_family", "omniscopy/simulate/true_atoms",
})  # fmt: skip

# Operations that choose, move or list values as they are: no formula stands behind them.
CHOOSE = frozenset({
    "atoms.patches",
    "diffraction.fill_patterns", "diffraction.find_events", "diffraction.to_disc_list",
    "image.change_mask", "image.combine_masks", "image.select_grains", "image.sliding_windows",
    "signal.crop", "signal.fold", "signal.label_regions", "signal.unfold",
    "spm.lines_to_pixels", "spm.split_curve",
})  # fmt: skip
# Units that results are stated in, or words for results without any.
UNITS = re.compile(
    r"\bunits?\b|\b(deg|degrees|counts|electrons|k?eV|Hz|V|n?m|s|Pa|N|J|W|[np]A|nN|rad|mrad|radians)\b"
    r"|Å|cm²|/nm|pure numbers?|(?:, |^)1$|\b(bool|int|fractions?|part)\b",
    re.MULTILINE | re.IGNORECASE,
)


def said_of(name: str) -> str:
    """Return what an operation says of itself."""
    return inspect.getdoc(find_operation(name).function) or ""


def has_source(text: str) -> bool:
    """Return whether a formula is stated, or where it is from."""
    return ":math:" in text or ".. math::" in text or bool(section(text, "References"))


def other_operations(name: str) -> set[str]:
    """Return the operations that one names in what it returns and in its notes."""
    package, text = name.rpartition(".")[0], said_of(name)
    parts = text.partition("\n\n")[0] + section(text, "Returns") + section(text, "Notes")
    words = re.findall(r"(?<!`)`([\w.]+)`(?!`)", parts)
    return {*words, *(f"{package}.{word}" for word in words)} & {*OPERATIONS}


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
    assert len(CLASSES) > 80
    assert len(TOOLS) > 30
    assert {*FUNCTIONS} >= LOOK_UP
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


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_says_by_which_formula_or_whose_method(name: str) -> None:
    own = has_source(said_of(name))
    others = any(has_source(said_of(other)) for other in other_operations(name))
    assert own or others or name in CHOOSE


def test_what_only_chooses_values_is_no_longer_a_list_than_is_so() -> None:
    assert {*OPERATIONS} >= CHOOSE
    assert [name for name in CHOOSE if has_source(said_of(name))] == []


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_says_in_which_units_its_results_are(name: str) -> None:
    returned = section(said_of(name), "Returns")
    assert UNITS.search(returned) or other_operations(name)


@pytest.mark.parametrize(
    "name", [each for each in FUNCTIONS if re.search("/(crystal|physics|simulate)/", each)]
)
def test_a_function_of_crystals_and_physics_says_its_formula_and_units(name: str) -> None:
    said = ast.get_docstring(FUNCTIONS[name]) or ""
    operation = name.removeprefix("omniscopy/").replace("/", ".")
    if operation not in OPERATIONS and name not in LOOK_UP:
        assert has_source(said)
        assert UNITS.search(section(said, "Returns"))


@pytest.mark.parametrize("name", CLASSES)
def test_a_public_class_says_what_it_is_made_of(name: str) -> None:
    node = CLASSES[name]
    said = ast.get_docstring(node) or ""
    assert said
    methods = [each for each in node.body if isinstance(each, ast.FunctionDef)]
    said += "".join(ast.get_docstring(each) or "" for each in methods if each.name == "__init__")
    public = [each for each in methods if not each.name.startswith("_")]
    assert [each.name for each in public if not ast.get_docstring(each)] == []
    unsaid = [each for each in fields(node) if not re.search(rf"\b{each}\b", said)]
    # The parameters of a part of a model are those of its formula.
    is_part = any(ast.unparse(base) == "Component" for base in node.bases)
    assert unsaid == [] or (is_part and ":math:" in said)


@pytest.mark.parametrize("name", TOOLS)
def test_a_tool_for_tests_says_what_it_does(name: str) -> None:
    assert ast.get_docstring(TOOLS[name])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_is_cited_is_listed_with_its_year(name: str) -> None:
    said = ast.get_docstring(FUNCTIONS[name]) or ""
    listed = re.findall(r"^\.\. \[(\d+)\]", section(said, "References"), re.MULTILINE)
    cited = set(re.findall(r"\[(\d+)\]_", said))
    assert [int(each) for each in listed] == [*range(1, len(listed) + 1)]
    assert cited <= set(listed)
    # A source can be looked up: it says of which year it is.
    sources = re.split(r"^\.\. \[\d+\]", section(said, "References"), flags=re.MULTILINE)[1:]
    assert [each for each in sources if not re.search(r"\b(1[89]|20)\d\d\b", each)] == []
