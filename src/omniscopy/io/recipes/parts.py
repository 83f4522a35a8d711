"""What a recipe is."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

# The name of the data of the file, where it is only one channel.
RAW = "raw"


@dataclass(frozen=True)
class RecipeStep:
    """One operation of a recipe.

    `inputs` says which earlier steps go into which parameters: `"step"`, `"step.variable"`, or
    a list of these; the first parameter that takes data gets the step before if left out.
    """

    operation: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""


@dataclass(frozen=True)
class Recipe:
    """A chain of operations on the channels of one file.

    `channels` gives the channel of each raw input by the name it has in the steps; `None` is
    the only channel of the file. `options` are those of the reader.
    """

    steps: tuple[RecipeStep, ...]
    channels: Mapping[str, str | None] = field(default_factory=lambda: {RAW: None})
    options: Mapping[str, Any] = field(default_factory=dict)


def named(recipe: Recipe) -> Recipe:
    """Return a recipe in which every step has a name of its own."""
    taken = set(recipe.channels)
    steps = []
    for step in recipe.steps:
        name = step.name or free_name(step.operation, taken)
        taken.add(name)
        steps.append(replace(step, name=name))
    return replace(recipe, steps=tuple(steps))


def free_name(operation: str, taken: set[str]) -> str:
    """Return a name for a step that is not taken: the last word of its operation."""
    stem = name = operation.rpartition(".")[2]
    number = 2
    while name in taken:
        name, number = f"{stem}_{number}", number + 1
    return name
