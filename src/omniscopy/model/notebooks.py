"""A history as a notebook: each step with its explanation, its Python, and its figure."""

from collections.abc import Iterator, Sequence
from typing import Any

from omniscopy.model.explanations import OPENED, explain
from omniscopy.model.provenance import CHANGE, DATA
from omniscopy.model.statements import Line, imports_of
from omniscopy.model.texts import readable

# A figure that cannot be drawn does not stop what comes after it.
_GOES_ON = ["raises-exception"]


def notebook_of(lines: Sequence[Line]) -> dict[str, Any]:
    """Return a notebook (nbformat 4.5) of the lines of a script; nothing is executed."""
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {
        "cells": [
            {**cell, "id": f"cell-{number}"} for number, cell in enumerate(_cells(lines), start=1)
        ],
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _cells(lines: Sequence[Line]) -> Iterator[dict[str, Any]]:
    last = [line for line in lines if line.last]
    made = ", ".join(f"`{line.name}`" for line in last)
    yield _words(f"# How {made} was made\n\n{_versions(lines)}")
    yield _code(imports_of(lines))
    for number, line in enumerate(lines, start=1):
        yield _words(f"## {number}. {_title(line)}\n\n{explain(line.step)}")
        yield _code(line.statement)
        yield _code(f"om.plot.signal({line.name})", tags=_GOES_ON)
    if all(line.step.operation not in (DATA, CHANGE) for line in lines):
        yield _words(
            "## Is it the same?\n\nA step is named by its operation, its parameters and the "
            "content of what it was made of: the names agree where all of these are as recorded."
        )
        for line in last:
            yield _code(f"om.history({line.name})[-1].id == {line.step.id!r}")


def _title(line: Line) -> str:
    if line.step.operation == OPENED:
        return "`open_signal`"
    operation = line.step.operation
    return {DATA: "An array", CHANGE: "A change", "select": "A part"}.get(
        operation, f"`{operation}`"
    )


def _versions(lines: Sequence[Line]) -> str:
    made = max(line.step.time for line in lines)[:10]
    found = lines[-1].step.environment
    names = ("omniscopy", "numpy", "scipy", "python")
    versions = ", ".join(f"{name} {found[name]}" for name in names if name in found)
    return f"Recorded on {made} with {versions}." if versions else f"Recorded on {made}."


def _words(text: str) -> dict[str, Any]:
    return {
        "cell_type": "markdown",
        "metadata": {},
        "source": readable(text).splitlines(keepends=True),
    }


def _code(source: str, *, tags: Sequence[str] = ()) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {"tags": list(tags)} if tags else {},
        "outputs": [],
        "source": source.rstrip("\n").splitlines(keepends=True),
    }
