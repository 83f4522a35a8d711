"""Recipes as TOML: read, checked in words that help, and written."""

import re
import tomllib
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from omniscopy.io.recipes.parts import RAW, Recipe, RecipeStep, named
from omniscopy.io.recipes.schemas import complaints
from omniscopy.io.recipes.toml import inline
from omniscopy.model.errors import DataError
from omniscopy.model.operations import Operation, all_operations, find_operation
from omniscopy.model.provenance import SELECT

_NAME = re.compile(r"[A-Za-z]\w*")
_SELECT_SCHEMA = {
    "properties": {"labels": {"type": "object"}, "dims": {"type": "array", "items": {}}},
    "required": ["labels", "dims"],
}


def parse_recipe(text: str, *, where: str = "the recipe") -> Recipe:
    """Return the recipe that a TOML text describes; raise `DataError` where it is not valid."""
    try:
        said = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = f"{where} is not TOML: {error}"
        raise DataError(message) from error
    unknown = sorted(set(said) - {"input", "step"})
    if unknown:
        message = f"{where} has an unknown part {unknown[0]!r}; a recipe has [input] and [[step]]"
        raise DataError(message)
    channels, options = _parse_input(said.get("input", {}), where)
    steps = said.get("step", [])
    if not isinstance(steps, list) or not steps:
        message = f'{where} has no steps; write each as [[step]] with operation = "..."'
        raise DataError(message)
    recipe = Recipe(
        tuple(_parse_step(step, number, where) for number, step in enumerate(steps, 1)),
        channels,
        options,
    )
    check_recipe(recipe, where=where)
    return named(recipe)


def format_recipe(recipe: Recipe) -> str:
    """Return a recipe as TOML."""
    lines = []
    if recipe.channels != {RAW: None} or recipe.options:
        lines.append("[input]")
        if set(recipe.channels) != {RAW}:
            lines.append(f"channels = {inline(dict(recipe.channels))}")
        elif recipe.channels[RAW] is not None:
            lines.append(f"channel = {inline(recipe.channels[RAW])}")
        if recipe.options:
            lines.append(f"options = {inline(recipe.options)}")
        lines.append("")
    for step in recipe.steps:
        lines += ["[[step]]", f"operation = {inline(step.operation)}"]
        if step.name:
            lines.append(f"name = {inline(step.name)}")
        if step.inputs:
            lines.append(f"inputs = {inline(step.inputs)}")
        if step.parameters:
            lines.append("[step.parameters]")
            lines += [f"{key} = {inline(value)}" for key, value in step.parameters.items()]
        lines.append("")
    return "\n".join(lines)


def check_recipe(recipe: Recipe, *, where: str = "the recipe") -> None:
    """Raise `DataError` unless every step can be called as the recipe says."""
    known = set(recipe.channels)
    for number, step in enumerate(named(recipe).steps, 1):
        place = f"step {number} of {where} ({step.operation})"
        schema, takes = _schema(step, place)
        found = complaints(dict(step.parameters), schema)
        if found:
            message = f"{place}: {found[0]}"
            raise DataError(message)
        for parameter, reference in step.inputs.items():
            _check_input(parameter, reference, takes, known, place)
        known.add(step.name)


def _parse_input(said: Any, where: str) -> tuple[dict[str, str | None], dict[str, Any]]:
    if not isinstance(said, dict):
        message = f"[input] of {where} must be a table"
        raise DataError(message)
    unknown = sorted(set(said) - {"channel", "channels", "options"})
    if unknown:
        message = (
            f"[input] of {where} has an unknown entry {unknown[0]!r}; it takes channel, "
            "channels and options"
        )
        raise DataError(message)
    channels = said.get("channels", {RAW: said.get("channel")})
    names = channels if isinstance(channels, dict) else {}
    if not names or not all(_NAME.fullmatch(name) for name in names):
        message = f'channels of {where} must be a table of names, such as {{ {RAW} = "Height" }}'
        raise DataError(message)
    for channel in names.values():
        if not isinstance(channel, str | None):
            message = f"a channel of {where} must be text, got {channel!r}"
            raise DataError(message)
    options = said.get("options", {})
    if not isinstance(options, dict):
        message = f"the reader's options in {where} must be a table, got {options!r}"
        raise DataError(message)
    return dict(names), options


def _parse_step(said: Any, number: int, where: str) -> RecipeStep:
    place = f"step {number} of {where}"
    keys = {"operation": str, "name": str, "parameters": dict, "inputs": dict}
    if not isinstance(said, dict) or not isinstance(said.get("operation"), str):
        message = f'{place} names no operation; write operation = "image.level" or another'
        raise DataError(message)
    for key, value in said.items():
        if key not in keys:
            message = f"{place} has an unknown entry {key!r}; it takes {', '.join(keys)}"
            raise DataError(message)
        if not isinstance(value, keys[key]):
            message = f"{key} of {place} must be a {keys[key].__name__}, got {value!r}"
            raise DataError(message)
    name = said.get("name", "")
    if name and not _NAME.fullmatch(name):
        message = f"the name of {place} must be letters, digits and underscores, got {name!r}"
        raise DataError(message)
    return RecipeStep(said["operation"], said.get("parameters", {}), said.get("inputs", {}), name)


def _schema(step: RecipeStep, place: str) -> tuple[dict[str, Any], list[str]]:
    if step.operation == SELECT:
        return _SELECT_SCHEMA, ["data"]
    operation = _operation(step.operation, place)
    if not operation.inputs:
        message = f"{place} takes no data, so it cannot be a step of a recipe"
        raise DataError(message)
    return operation.schema, operation.inputs


def _operation(name: str, place: str) -> Operation:
    try:
        return find_operation(name)
    except DataError as error:
        close = get_close_matches(name, [entry.name for entry in all_operations()], 1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        message = f"{place}: {error}{hint}"
        raise DataError(message) from error


def _check_input(
    parameter: str, reference: Any, takes: Sequence[str], known: set[str], place: str
) -> None:
    if parameter not in takes:
        message = f"{place}: {parameter!r} does not take data; {', '.join(takes)} do"
        raise DataError(message)
    for one in reference if isinstance(reference, list) else [reference]:
        name = one.partition(".")[0] if isinstance(one, str) else None
        if name not in known:
            message = (
                f"{place}: input {parameter!r} refers to {one!r}; before this step there are "
                f"{', '.join(sorted(known))}"
            )
            raise DataError(message)
