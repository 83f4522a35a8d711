"""Several passes over data that do not fit in memory."""

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
    return data.copy(data=bind(data.data, earlier, seed=seed))
