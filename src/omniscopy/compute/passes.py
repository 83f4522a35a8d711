"""Several passes over data that do not fit in memory."""

from typing import Any

import xarray as xr


def read_again(data: xr.DataArray, *after: xr.DataArray | xr.Variable) -> xr.DataArray:
    """Return the same lazy data to be read once more, when `after` is there.

    Without it, every chunk that is needed now and again later stays in memory until then: all
    of them, where what comes later needs the result of a whole pass. Data in memory are
    returned as they are.

    Parameters
    ----------
    data : DataArray
        What is read again, down to the file.
    *after : DataArray or Variable
        What the first pass makes.

    Returns
    -------
    DataArray
        The same values under other names of tasks, always the same ones.
    """
    if data.chunks is None:
        return data
    from dask.base import tokenize
    from dask.graph_manipulation import bind

    earlier = [each.data for each in after if each.chunks is not None]
    if not earlier:
        return data
    seed = tokenize(data.data.name, *(each.name for each in earlier))
    return data.copy(data=_renamed(data.data, bind(data.data, earlier, seed=seed), seed))


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
    return Array(
        HighLevelGraph(layers, graph.dependencies), again.name, again.chunks, meta=again._meta
    )


def _dependencies(task: Any) -> set[Any]:
    return set(task.dependencies) if hasattr(task, "substitute") else set()
