"""A history in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from omniscopy.model.explanations import OPENED, explain
from omniscopy.model.provenance import Step

_LONGEST = 60


@dataclass(frozen=True)
class Sentence:
    """One step: what was done, by which operation, with which parameters."""

    words: str
    operation: str
    parameters: tuple[tuple[str, str], ...]
    id: str


def describe_history(steps: list[Step]) -> list[Sentence]:
    """Return the steps of a history as sentences, the first one first."""
    return [_describe(step) for step in steps]


def _describe(step: Step) -> Sentence:
    parameters = tuple(
        (name, _brief(value)) for name, value in step.parameters.items() if value is not None
    )
    return Sentence(explain(step), _public(step.operation), parameters, step.id[:8])


def _public(operation: str) -> str:
    return "open_signal" if operation == OPENED else operation


def _brief(value: Any) -> str:
    """Return a recorded parameter in a few characters."""
    if isinstance(value, Mapping):
        kind = value.get("$type")
        if kind == "settings":
            fields = ", ".join(f"{key}={_brief(item)}" for key, item in value["fields"].items())
            text = f"{value['name']}({fields})"
        elif kind == "slice":
            text = " to ".join("…" if part is None else _brief(part) for part in value["parts"][:2])
        elif kind == "array":
            text = f"array {tuple(value['shape'])}"
        else:
            text = ", ".join(f"{key}: {_brief(item)}" for key, item in value.items())
    elif isinstance(value, list):
        text = f"({', '.join(_brief(item) for item in value)})"
    elif isinstance(value, float):
        text = f"{value:.6g}"
    else:
        text = str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
