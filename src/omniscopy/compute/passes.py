"""Several passes over data that do not fit in memory."""

from typing import Any, TypeVar

import xarray as xr

Lazy = TypeVar("Lazy", xr.DataArray, xr.Dataset)


def read_again(data: Lazy, *after: xr.DataArray | xr.Variable) -> Lazy:
    """Return the same lazy data to be read once more, when `after` is there.

    Without it, every chunk that is needed now and again later stays in memory until then: all
    of them, where what comes later needs the result of a whole pass. Data in memory are
    returned as they are.

    Parameters
    ----------
    data : DataArray or Dataset
        What is read again, down to the file: the variables of a Dataset together, so that what
        they are made of in common is made once more, not for each of them.
    *after : DataArray or Variable
        What the first pass makes.

    Returns
    -------
    DataArray or Dataset
        The same values under other names of tasks, always the same ones.
    """
    earlier = [each.data for each in after if each.chunks is not None]
    if not earlier:
        return data
    if isinstance(data, xr.Dataset):
        lazy = {name: each for name, each in data.data_vars.items() if each.chunks is not None}
        again = _again([each.data for each in lazy.values()], earlier)
        return data.assign(
            {
                name: each.copy(data=values)
                for (name, each), values in zip(lazy.items(), again, strict=True)
            }
        )
    if data.chunks is None:
        return data
    return data.copy(data=_again([data.data], earlier)[0])


def _again(arrays: list[Any], earlier: list[Any]) -> list[Any]:
    """Return lazy arrays made once more, what they share with the same names of tasks."""
    from dask.base import tokenize
    from dask.graph_manipulation import bind

    seed = tokenize(*(each.name for each in (*arrays, *earlier)))
    return [_renamed(each, bind(each, earlier, seed=seed), seed) for each in arrays]


def _renamed(lazy: Any, again: Any, seed: str) -> Any:
    """Return what `bind` made of a lazy array with all of its tasks after those of its own.

    `bind` gives other names to tasks that are written out, as those of a selection are, but lets
    them still depend on the first ones, whose chunks all would stay in memory.
    """
    from dask.array import Array
    from dask.base import clone_key
    from dask.highlevelgraph import HighLevelGraph, MaterializedLayer

    graph, known = again.dask, lazy.dask.get_all_external_keys()
    layers = dict(graph.layers)
    for name, layer in lazy.dask.layers.items():
        if not isinstance(layers.get(clone_key(name, seed)), MaterializedLayer):
            continue
        made = dict(layers[clone_key(name, seed)])
        for key, task in layer.items():
            others = {each: clone_key(each, seed) for each in _dependencies(task) & known}
            if others:
                made[clone_key(key, seed)] = task.substitute(others, key=clone_key(key, seed))
        layers[clone_key(name, seed)] = MaterializedLayer(made)
    whole: Any = Array  # has no types
    return whole(
        HighLevelGraph(layers, graph.dependencies), again.name, again.chunks, meta=again._meta
    )


def _dependencies(task: Any) -> set[Any]:
    return set(task.dependencies) if hasattr(task, "substitute") else set()
