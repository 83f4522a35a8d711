"""Functions of whole arrays and of their blocks, now or when a lazy array is computed."""

from collections.abc import Callable, Sequence
from operator import getitem
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from omniscopy.compute import read_again

# NumPy or dask.
Array = Any
Form = tuple[tuple[int, ...], npt.DTypeLike]


def is_lazy(*arrays: Array) -> bool:
    """Return whether one of the arrays is not in memory."""
    return any(not isinstance(array, np.ndarray) for array in arrays)


def once(function: Callable[..., Any], *arrays: Array, forms: Sequence[Form]) -> tuple[Array, ...]:
    """Return the arrays, of these shapes and types, that `function` makes of whole arrays.

    Where one of those is lazy, it is one task that gathers them.
    """
    if not is_lazy(*arrays):
        return tuple(np.asarray(each) for each in function(*arrays))
    whole = [each.rechunk(-1) if is_lazy(each) else each for each in arrays]
    made = _name_of(function, *whole)
    task = (function, *(_only_key(each) for each in whole))
    found = []
    for number, form in enumerate(forms):
        name = f"{made}-{number}"
        graph = {made: task, (name, *(0,) * len(form[0])): (getitem, made, number)}
        found.append(_lazy_array(name, graph, whole, form))
    return tuple(found)


def sum_over_blocks(
    function: Callable[..., np.ndarray], array: Array, *small: Array, form: Form
) -> Array:
    """Return the sum of what `function` makes of every block of `array`, in one pass over it.

    Neighbours are added as soon as both are there, so that few of them are kept.
    """
    if not is_lazy(array, *small):
        return function(array, *small)
    from dask.core import flatten

    again = _read_after(array, *small)
    name, others = _name_of(function, again, *small), [_only_key(each) for each in small]
    keys = [*flatten(again.__dask_keys__())]  # type: ignore[no-untyped-call]
    graph: dict[Any, Any] = {(name, -1, n): (function, key, *others) for n, key in enumerate(keys)}
    level, count = 0, len(keys)
    while count > 1:
        for n in range(0, count, 2):
            pair = [(name, level - 1, each) for each in range(n, min(n + 2, count))]
            graph[name, level, n // 2] = (np.add, *pair) if len(pair) == 2 else pair[0]
        level, count = level + 1, (count + 1) // 2
    total = f"total-of-{name}"
    graph[total, *(0,) * len(form[0])] = (name, level - 1, 0)
    return _lazy_array(total, graph, [again, *small], form)


def map_blocks(
    function: Callable[..., tuple[np.ndarray, ...]],
    array: Array,
    *small: Array,
    channels: int,
    forms: Sequence[Form],
) -> tuple[Array, ...]:
    """Return the arrays that `function` makes of blocks of `array`, in one pass over it.

    Each has the leading axes of `array`, all but the last `channels`, and then axes of `forms`.
    """
    if not is_lazy(array, *small):
        return function(array, *small)
    import dask.array as da

    again = _read_after(array, *small)
    inner = [[f"c{n}" for n in range(channels)]]
    inner += [[f"s{number}{n}" for n in range(each.ndim)] for number, each in enumerate(small)]
    outer = [
        [f"r{number}{n}" for n in range(len(shape))] for number, (shape, _) in enumerate(forms)
    ]
    sizes = {
        name: size
        for names, (shape, _) in zip(outer, forms, strict=True)
        for name, size in zip(names, shape, strict=True)
    }
    signature = f"{_axes(inner)}->{_axes(outer)}"
    return da.apply_gufunc(  # type: ignore[no-untyped-call]
        function, signature, again, *small, output_sizes=sizes,
        meta=tuple(np.empty(0, dtype) for _, dtype in forms),
    )  # fmt: skip


def _axes(names: list[list[str]]) -> str:
    return ",".join(f"({','.join(each)})" for each in names)


def _read_after(array: Array, *small: Array) -> Array:
    """Return `array` to be read once more, when what the pass before makes is there."""
    return read_again(xr.DataArray(array), *(xr.DataArray(each) for each in small)).data


def _name_of(function: Callable[..., Any], *arrays: Array) -> str:
    """Return a name that is the same for the same function of the same arrays."""
    from dask.base import tokenize

    return f"made-{tokenize(function, *(each.name if is_lazy(each) else each for each in arrays))}"


def _only_key(array: Array) -> Any:
    """Return what stands for an array of one chunk in a graph."""
    return (array.name, *(0,) * array.ndim) if is_lazy(array) else array


def _lazy_array(name: str, graph: dict[Any, Any], needed: Sequence[Array], form: Form) -> Array:
    """Return the array of one chunk that a graph makes."""
    import dask.array as da
    from dask.highlevelgraph import HighLevelGraph

    lazy = [each for each in needed if is_lazy(each)]
    layers = HighLevelGraph.from_collections(name, graph, dependencies=lazy)
    chunks = [(size,) for size in form[0]]
    return da.Array(layers, name, chunks, dtype=form[1])  # type: ignore[no-untyped-call]
