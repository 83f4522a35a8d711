"""The steps of a history as statements of Python."""

import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omniscopy.model.errors import DataError
from omniscopy.model.operations import find_operation
from omniscopy.model.parameters import decode
from omniscopy.model.provenance import CHANGE, DATA, SELECT, Record, Step


@dataclass(frozen=True)
class Line:
    """One step as Python: the variable it makes, the statement, and whether nothing uses it."""

    step: Step
    name: str
    statement: str
    last: bool


def lines_of(steps: Sequence[Record]) -> list[Line]:
    """Return the steps of a history as Python, the first one first."""
    names: dict[str, str] = {}
    used = {reference for step in steps for reference in _ids(step["inputs"])}
    lines = []
    for step in steps:
        name = _variable_name(step, set(names.values()))
        statement = _statement(step, name, names)
        lines.append(Line(Step(**step), name, statement, step["id"] not in used))
        names[step["id"]] = name
    return lines


def imports_of(lines: Sequence[Line]) -> str:
    """Return the imports that lines need."""
    if any("np." in line.statement for line in lines):
        return "import numpy as np\n\nimport omniscopy as om\n"
    return "import omniscopy as om\n"


def _statement(step: Record, name: str, names: dict[str, str]) -> str:
    inputs = {key: _source(value, names) for key, value in step["inputs"].items()}
    if step["operation"] == DATA:
        return f"{name} = ...  # an array that was in memory: assign it here\n"
    if step["operation"] == CHANGE:
        (source,) = inputs.values()
        return f"{name} = {source}  # changed here by code that was not recorded\n"
    if step["operation"] == SELECT:
        (source,) = inputs.values()
        return f"{name} = om.select({source}, {_literal(step['parameters'])})\n"
    first = _first_parameter(step["operation"])
    words = [value if key == first else f"{key}={value}" for key, value in inputs.items()]
    words += [
        f"{key}={_literal(value)}" for key, value in step["parameters"].items() if value is not None
    ]
    return f"{name} = om.{_public(step['operation'])}({', '.join(words)})\n"


def _first_parameter(operation: str) -> str | None:
    """Return the parameter that is given by its place: the data, or the file."""
    if operation.startswith("io."):
        return "path"
    try:
        return next(iter(inspect.signature(find_operation(operation).function).parameters))
    except DataError:
        return None


def _public(operation: str) -> str:
    return "open_signal" if operation == "io.open_signal" else operation


def _variable_name(step: Record, taken: set[str]) -> str:
    stem = {DATA: "data", SELECT: "part", CHANGE: "changed", "io.open_signal": "raw"}.get(
        step["operation"], step["operation"].rpartition(".")[2]
    )
    channel = step["parameters"].get("channel")
    if stem == "raw" and channel:
        stem = re.sub(r"\W+", "_", str(channel)).strip("_").lower() or stem
        stem = stem if stem.isidentifier() else f"raw_{stem}"
    number, name = 2, stem
    while name in taken:
        name, number = f"{stem}_{number}", number + 1
    return name


def _source(reference: Any, names: dict[str, str]) -> str:
    if isinstance(reference, list):
        return f"[{', '.join(_source(item, names) for item in reference)}]"
    if "file" in reference:
        return repr(Path(reference["file"]).as_posix())
    if "id" not in reference:
        items = (f"{key!r}: {_source(item, names)}" for key, item in reference.items())
        return "{" + ", ".join(items) + "}"
    name = names.get(reference["id"], "...")
    return f"{name}[{reference['variable']!r}]" if "variable" in reference else name


def _ids(reference: Any) -> list[str]:
    if isinstance(reference, list):
        return [found for item in reference for found in _ids(item)]
    if isinstance(reference, dict):
        if isinstance(reference.get("id"), str):
            return [reference["id"]]
        return [found for item in reference.values() for found in _ids(item)]
    return []


def _literal(value: Any) -> str:
    """Return the Python that makes a recorded parameter."""
    if isinstance(value, list):
        return f"[{', '.join(_literal(item) for item in value)}]"
    if not isinstance(value, dict):
        return repr(value)
    kind = value.get("$type")
    if kind is None:
        items = (f"{key!r}: {_literal(item)}" for key, item in value.items())
        return "{" + ", ".join(items) + "}"
    if kind == "settings":
        fields = ", ".join(f"{key}={_literal(item)}" for key, item in value["fields"].items())
        return f"om.{value['name']}({fields})"
    if kind == "array":
        array = decode(value)
        return f"np.array({array.tolist()!r}, dtype={value['dtype']!r})"
    if kind == "slice":
        return f"slice({', '.join(_literal(part) for part in value['parts'])})"
    if kind == "float":
        return f"float({value['text']!r})"
    if kind == "generator":
        seed = decode(value["state"])
        return f"om.model.decode({{'$type': 'generator', 'state': {seed!r}}})"
    if kind == "unrecorded":
        return f"...  # was not recorded: {value['text']!r}"
    return repr(decode(value))
