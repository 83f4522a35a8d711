"""How many bytes a task reads from files, without running it."""

import itertools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

# No graph has tasks in tasks deeper than this.
_DEPTH = 20


def bytes_read(task: Any, known: Mapping[Any, Any] | None = None, depth: int = 0) -> int:
    """Return the bytes of values that a task takes out of arrays that are not in memory.

    A task does so that is given an array and the part of it to take. Tasks that were merged
    into one are looked into: `known` are the values that the outer one hands on.
    """
    if depth > _DEPTH or not hasattr(task, "args"):
        return 0
    args = [_value(arg, known or {}) for arg in task.args]
    if len(args) > 2 and isinstance(args[0], dict):  # merged: tasks, the one wanted, their inputs
        names = args[2] if isinstance(args[2], tuple | list) else ()
        handed = dict(zip(names, args[3:], strict=False))
        return sum(bytes_read(each, handed, depth + 1) for each in args[0].values())
    for array, index in itertools.pairwise(args):
        if _is_on_disk(array) and isinstance(index, tuple) and len(index) == len(array.shape):
            return _taken(array, index)
    return sum(bytes_read(arg, known, depth + 1) for arg in args)


def _value(arg: Any, known: Mapping[Any, Any]) -> Any:
    """Return what an argument stands for: a reference, a wrapped value, or itself."""
    if hasattr(arg, "value") and not hasattr(arg, "shape"):
        return arg.value
    key = getattr(arg, "key", None)
    if key is not None and not hasattr(arg, "args"):
        return known.get(key, arg)
    return arg


def _is_on_disk(array: Any) -> bool:
    has_form = hasattr(array, "shape") and hasattr(array, "dtype") and len(array.shape) > 0
    return has_form and not isinstance(array, np.ndarray | np.generic)


def _taken(array: Any, index: tuple[Any, ...]) -> int:
    lengths = [
        len(range(*part.indices(size))) if isinstance(part, slice) else 1
        for part, size in zip(index, array.shape, strict=True)
    ]
    return math.prod(lengths) * np.dtype(array.dtype).itemsize
