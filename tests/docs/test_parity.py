"""What the tables of earlier packages name exists, and the page is made of them."""

import ast
import importlib
import inspect
import runpy
import typing
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import omniscopy as om

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = runpy.run_path(str(DOCS / "pages" / "parity.py"))
SYSTEMS: dict[str, dict[str, Any]] = PAGES["systems"](DOCS)
FORMATS = {row["name"] for row in om.io.formats()}
KEYS = {"feature", "was", "function", "format", "left_out", "test", "see"}

each_system = pytest.mark.parametrize("name", SYSTEMS)


def entries(name: str) -> list[dict[str, Any]]:
    return PAGES["features"](SYSTEMS[name])


def named(name: str) -> list[str]:
    """Return every function that the table of a package names, once."""
    return sorted({call for entry in entries(name) for call in PAGES["listed"](entry, "function")})


def split_call(call: str) -> tuple[str, dict[str, Any]]:
    """Return the dotted name of a call and its arguments."""
    node = ast.parse(call, mode="eval").body
    if not isinstance(node, ast.Call):
        return call, {}
    keywords = {word.arg: ast.literal_eval(word.value) for word in node.keywords if word.arg}
    return ast.unparse(node.func), keywords


def is_of_networks(call: str) -> bool:
    return call.startswith("learn.")


def resolve(dotted: str) -> Any:
    """Return what a dotted name means: of this package, or of xarray."""
    found: Any = om
    words = dotted.split(".")
    if words[0] == "xarray":
        found = importlib.import_module(words.pop(0))
    for word in words:
        if inspect.ismodule(found) and not hasattr(found, word):
            importlib.import_module(f"{found.__name__}.{word}")
        found = getattr(found, word)
    return found


def problems(call: str) -> list[str]:
    """Return what is wrong with a function, its parameters, and their words."""
    dotted, keywords = split_call(call)
    try:
        found = resolve(dotted)
    except (AttributeError, ModuleNotFoundError) as error:
        return [str(error)]
    if not keywords:
        return []
    parameters = inspect.signature(found).parameters
    if any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
        return []
    wrong = [f"{call} has no parameter {word}" for word in keywords if word not in parameters]
    chosen = {word: value for word, value in keywords.items() if isinstance(value, str)}
    if not chosen:
        return wrong
    hints = typing.get_type_hints(found.__init__ if inspect.isclass(found) else found)
    for word, value in chosen.items():
        choices = words_of(hints.get(word))
        if choices and value not in choices:
            wrong.append(f"{call}: {word} is one of {sorted(choices)}")
    return wrong


def words_of(hint: Any) -> set[str]:
    """Return the words that a parameter may be, where its type lists them."""
    if typing.get_origin(hint) is typing.Literal:
        return {word for word in typing.get_args(hint) if isinstance(word, str)}
    parts = [words_of(part) for part in typing.get_args(hint)]
    return set().union(*parts)


@each_system
def test_every_function_exists_with_its_parameters(name):
    calls = [call for call in named(name) if not is_of_networks(call)]
    assert [text for call in calls for text in problems(call)] == []


@each_system
def test_every_network_is_public(name):
    words = {split_call(call)[0].split(".")[1] for call in named(name) if is_of_networks(call)}
    modules = {path.stem for path in Path(om.learn.__path__[0]).glob("[a-z]*.py")}
    assert words <= set(om.learn.__all__) | modules


def test_every_network_exists_with_its_parameters():
    pytest.importorskip("torch")
    calls = {call for name in SYSTEMS for call in named(name) if is_of_networks(call)}
    assert [text for call in sorted(calls) for text in problems(call)] == []


@each_system
def test_every_entry_is_here_or_left_out_for_a_reason(name):
    for entry in entries(name):
        assert set(entry) <= KEYS, entry
        assert ("function" in entry) != ("left_out" in entry), entry
        if "left_out" in entry:
            word, _, text = entry["left_out"].partition(":")
            assert word in PAGES["REASONS"], entry
            assert text.strip(), entry
        else:
            assert entry["function"], entry
            own = any(not call.startswith("xarray.") for call in PAGES["listed"](entry, "function"))
            assert "test" in entry or not own, entry


@each_system
def test_every_file_that_is_named_exists(name):
    guides = [DOCS / "migration" / f"{guide}.md" for guide in SYSTEMS[name].get("migration", [])]
    missing = [str(path) for path in guides if not path.is_file()]
    for entry in entries(name):
        see = PAGES["listed"](entry, "see")
        paths = [ROOT / "tests" / f"{test}.py" for test in PAGES["listed"](entry, "test")]
        paths += [DOCS / page for page in see if page.endswith(".md")]
        paths += [DOCS / "gallery" / f"{page}.py" for page in see if not page.endswith(".md")]
        missing += [str(path) for path in paths if not path.is_file()]
    assert missing == []


@each_system
def test_every_format_exists(name):
    known = {form for entry in entries(name) for form in PAGES["listed"](entry, "format")}
    assert known <= FORMATS


@each_system
def test_no_feature_is_named_twice(name):
    for key in ("feature", "was"):
        counts = Counter(entry[key] for entry in entries(name) if key in entry)
        assert [text for text, count in counts.items() if count > 1] == []


def test_the_page_is_made_of_the_tables():
    assert (DOCS / "parity.md").read_text(encoding="utf-8") == PAGES["page"](DOCS)


def test_all_systems_are_there():
    assert set(PAGES["ORDER"]) == set(SYSTEMS)
