"""Values from others, nested as deeply as they like."""

from collections.abc import Mapping
from typing import Any

DEEPEST = 24
"""Deeper than that no request and no message goes."""


def is_too_deep(value: Any) -> bool:
    """Return whether lists and dictionaries are nested more than `DEEPEST` deep."""
    level, depth = [value], 0
    while level and depth <= DEEPEST:
        depth += 1
        level = [part for each in level for part in parts_of(each)]
    return depth > DEEPEST


def parts_of(value: Any) -> list[Any]:
    """Return what is directly in a list or a dictionary, nothing of anything else."""
    if isinstance(value, Mapping):
        return list(value.values())
    return value if isinstance(value, list) else []
