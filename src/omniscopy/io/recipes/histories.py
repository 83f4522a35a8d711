"""The recipe that a history is."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import xarray as xr

from omniscopy.io.opening import OPEN_SIGNAL
from omniscopy.io.recipes.parts import RAW, Recipe, RecipeStep, free_name
from omniscopy.io.recipes.toml import without_none
from omniscopy.model.errors import DataError
from omniscopy.model.operations import find_operation
from omniscopy.model.parameters import decode, encode
from omniscopy.model.provenance import CHANGE, DATA, SELECT, Record, records


def recipe_of(obj: xr.DataArray | xr.Dataset | xr.DataTree) -> Recipe:
    """Return the recipe that made a result, from its history.

    Parameters
    ----------
    obj : DataArray or Dataset
        A result that was made of one file by operations only.

    Returns
    -------
    Recipe
        The steps with the parameters that differ from their defaults.

    Raises
    ------
    DataError
        Something in the history cannot be repeated on another file.
    """
    if isinstance(obj, xr.DataTree):
        message = "a recipe is made of one result; pick it from the tree with `omniscopy.signals`"
        raise DataError(message)
    history = records(obj)
    raws = [step for step in history if step["operation"] == OPEN_SIGNAL]
    made = [step for step in history if step["operation"] != OPEN_SIGNAL]
    _require_repeatable(history, raws, made)
    names = _raw_names(raws)
    channels = {names[step["id"]]: step["parameters"].get("channel") for step in raws}
    options = {k: v for k, v in raws[0]["parameters"].items() if k != "channel" and v is not None}
    steps: list[RecipeStep] = []
    before = names[raws[0]["id"]]
    for record in made:
        step = _step_of(record, names, before, set(names.values()))
        names[record["id"]] = before = step.name
        steps.append(step)
    return Recipe(tuple(steps), channels, options)


def completed(recipe: Recipe) -> Recipe:
    """Return a recipe in the one form in which two are compared."""
    steps, before = [], next(iter(recipe.channels))
    for step in recipe.steps:
        parameters = encode(decode(without_none(dict(step.parameters))))
        inputs = dict(step.inputs)
        if step.operation == SELECT:
            first = "data"
        else:
            parameters = _without_defaults(step.operation, parameters)
            first = find_operation(step.operation).inputs[0]
        if inputs.get(first) == before:
            del inputs[first]
        steps.append(replace(step, parameters=parameters, inputs=inputs))
        before = step.name
    return replace(recipe, steps=tuple(steps))


def _require_repeatable(
    history: Sequence[Record], raws: Sequence[Record], made: Sequence[Record]
) -> None:
    problem = None
    if not history:
        problem = "it has no history"
    elif any(step["operation"] == DATA for step in history):
        problem = "it begins with an array in memory that came from no file"
    elif any(step["operation"] == CHANGE for step in history):
        problem = "its values were changed by code that is no operation"
    elif len({step["inputs"]["path"]["digest"] for step in raws}) > 1:
        problem = "it was made of several files"
    elif not raws:
        problem = "it was not made of a file that `omniscopy.open` read"
    elif not made:
        problem = "nothing was done to the raw data"
    if problem is not None:
        message = f"this cannot be made a recipe: {problem}"
        raise DataError(message)


def _raw_names(raws: Sequence[Record]) -> dict[str, str]:
    if len(raws) == 1:
        return {raws[0]["id"]: RAW}
    return {step["id"]: f"{RAW}_{number}" for number, step in enumerate(raws, 1)}


def _step_of(record: Record, names: Mapping[str, str], before: str, taken: set[str]) -> RecipeStep:
    inputs = {key: _named_reference(said, names) for key, said in record["inputs"].items()}
    first = next(iter(inputs), None)
    if first is not None and inputs[first] == before:
        del inputs[first]
    parameters = dict(record["parameters"])
    name = free_name(record["operation"], taken | set(names.values()))
    if record["operation"] != SELECT:
        parameters = _without_defaults(record["operation"], parameters)
    return RecipeStep(record["operation"], parameters, inputs, name)


def _named_reference(reference: Any, names: Mapping[str, str]) -> Any:
    if isinstance(reference, list):
        return [_named_reference(one, names) for one in reference]
    if "id" not in reference:
        message = "this cannot be made a recipe: a step takes several inputs by name"
        raise DataError(message)
    name = names[reference["id"]]
    variable = reference.get("variable")
    return f"{name}.{variable}" if variable else name


def _defaults(operation: str) -> dict[str, Any]:
    """Return the parameters of an operation that have a default value, as they are recorded."""
    signature = inspect.signature(find_operation(operation).function)
    return {
        name: encode(parameter.default)
        for name, parameter in signature.parameters.items()
        if parameter.default is not parameter.empty
    }


def _without_defaults(operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    defaults = _defaults(operation)
    return {
        key: value
        for key, value in parameters.items()
        if key not in defaults or defaults[key] != value
    }
