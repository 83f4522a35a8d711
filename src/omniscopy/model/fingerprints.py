"""What tells whether labelled values are still what they were, without computing any."""

from typing import Any

import numpy as np
import xarray as xr

from omniscopy.model.digests import digest_array

# How the names of arrays that are read from files begin.
FILE_ARRAY = "file-"


def fingerprint(data: xr.DataArray | xr.Variable) -> str | None:
    """Return what identifies the values without computing any.

    ``content:`` and their digest in memory, ``file:`` and a name where they are read straight
    from a file, ``graph:`` and the name of the calculation where they are lazy.
    """
    variable = data.variable if isinstance(data, xr.DataArray) else data
    values = variable._data  # `.data` would load the file
    if isinstance(values, np.ndarray):
        return f"content:{digest_array(values)}"
    # As xarray asks for chunks takes as long as all else.
    if getattr(values, "chunks", None) is not None:
        name = _origin(values)
        return f"{'file' if name.startswith(FILE_ARRAY) else 'graph'}:{name}"
    if not variable._in_memory:
        return None
    return f"content:{digest_array(np.asarray(variable.values))}"


def _origin(lazy: Any) -> str:
    """Return the name of a dask array, of what it was cut from where it was only cut anew."""
    name = lazy.name
    while name.startswith("rechunk"):
        before = lazy.dask.dependencies.get(name, ())
        if len(before) != 1:
            break
        (name,) = before
    return name
