"""Recipes: a chain of operations as a small TOML file, to be applied to many files.

A recipe names registered operations and plain parameters only; nothing in it is executed.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xarray as xr

from omniscopy.io.errors import FormatError
from omniscopy.io.opening import OPEN_SIGNAL, open, open_signal, signals
from omniscopy.io.recipes.histories import completed, recipe_of
from omniscopy.io.recipes.parts import RAW, Recipe, RecipeStep, named
from omniscopy.io.recipes.texts import check_recipe, format_recipe, parse_recipe
from omniscopy.io.recipes.toml import without_none
from omniscopy.io.saving import from_tree
from omniscopy.model.digests import digest_file
from omniscopy.model.errors import DataError
from omniscopy.model.operations import find_operation
from omniscopy.model.parameters import decode
from omniscopy.model.provenance import SELECT, environment, records
from omniscopy.model.selection import select

__all__ = [
    "RAW", "Recipe", "RecipeStep", "apply_recipe", "check_recipe", "format_recipe", "is_made",
    "load_recipe", "parse_recipe", "recipe_of",
]  # fmt: skip

Labelled = xr.DataArray | xr.Dataset


def load_recipe(path: str | Path) -> Recipe:
    """Return the recipe of a TOML file, or of the history of a saved result.

    Parameters
    ----------
    path : str or Path
        A file that ends in `.toml`, or one that `omniscopy.save` wrote.

    Returns
    -------
    Recipe
        Checked: every operation is known and takes the parameters that it is given.

    Raises
    ------
    DataError
        The recipe is not valid; the message says where and why.
    FormatError
        The file cannot be read.
    """
    path = Path(path)
    if path.suffix.lower() != ".toml":
        return recipe_of(from_tree(open(path)))
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = f"the recipe cannot be read: {getattr(error, 'strerror', None) or error}"
        raise FormatError(message, path=path) from error
    return parse_recipe(text, where=path.name)


def apply_recipe(recipe: Recipe, path: str | Path) -> Labelled:
    """Return the result of a recipe on the data of one file, lazy where its operations are.

    Parameters
    ----------
    recipe : Recipe
        From `load_recipe` or `recipe_of`.
    path : str or Path
        The file.

    Returns
    -------
    DataArray or Dataset
        What the last step returns, with the history of all steps.
    """
    recipe = named(recipe)
    values: dict[str, Any] = _open_channels(recipe, path)
    result: Any = next(iter(values.values()))
    for step in recipe.steps:
        parameters = decode(without_none(dict(step.parameters)))
        if step.operation == SELECT:
            result = select(_value(step.inputs.get("data"), values, result), parameters)
        else:
            operation = find_operation(step.operation)
            inputs = {key: _value(said, values, result) for key, said in step.inputs.items()}
            inputs.setdefault(operation.inputs[0], result)
            result = operation.function(**inputs, **parameters)
        values[step.name] = result
    return result


def is_made(recipe: Recipe, path: str | Path, saved: str | Path) -> bool:
    """Return whether the file `saved` holds the result of this recipe on the file `path`.

    It does where its history has the same steps, made by this version, and begins with a file
    of the same content.
    """
    try:
        result = from_tree(open(saved))
        made = completed(recipe_of(result))
    except (OSError, DataError):
        return False
    wanted = completed(named(recipe))
    digest, version = digest_file(Path(path))["digest"], environment().get("omniscopy")
    history = records(result)
    files = [step["inputs"]["path"] for step in history if step["operation"] == OPEN_SIGNAL]
    return (
        made.steps == wanted.steps
        and dict(made.channels) == _channel_names(recipe, path)
        and dict(made.options) == dict(wanted.options)
        and all(file["digest"] == digest for file in files)
        and all(step["version"] == version for step in history)
    )


def _open_channels(recipe: Recipe, path: str | Path) -> dict[str, xr.DataArray]:
    """Return the raw inputs; of a file with one channel it is that one, whatever its name."""
    options = decode(dict(recipe.options))
    found = signals(open(path, **options))
    if len(found) == 1 and len(recipe.channels) == 1:
        return dict(zip(recipe.channels, found.values(), strict=True))
    return {
        name: found[channel] if channel in found else open_signal(path, channel, **options)
        for name, channel in recipe.channels.items()
    }


def _channel_names(recipe: Recipe, path: str | Path) -> dict[str, str | None]:
    """Return the names that the raw inputs have in a file."""
    return {name: str(data.name) for name, data in _open_channels(recipe, path).items()}


def _value(reference: Any, values: Mapping[str, Any], before: Any) -> Any:
    """Return what a reference stands for; the step before where there is none."""
    if reference is None:
        return before
    if isinstance(reference, list):
        return [_value(one, values, before) for one in reference]
    name, _, variable = str(reference).partition(".")
    made = values[name]
    if not variable:
        return made
    if not isinstance(made, xr.Dataset) or variable not in made:
        has = ", ".join(map(str, made.data_vars)) if isinstance(made, xr.Dataset) else "one array"
        message = f"{name!r} has no variable {variable!r}; it has {has}"
        raise DataError(message)
    return made[variable]
