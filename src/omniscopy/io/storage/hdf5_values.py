"""Values of HDF5 datasets, read once it is known that they can be in their file."""

import math
import os
from typing import Any

import numpy as np

from omniscopy.io.errors import FormatError
from omniscopy.io.storage.hdf5 import file_of
from omniscopy.io.storage.hdf5_heaps import require_sound_values

LOADED_BYTES = 256 * 2**20
DEFLATE_RATIO = 1032  # no deflate stream holds more than this times its length


def require_values(dataset: Any) -> None:
    """Raise `FormatError` unless the values of a dataset can be in its file."""
    import h5py

    path, shape = file_of(dataset), dataset.shape
    offset = dataset.id.get_offset()
    if offset is not None and shape is not None:  # in a row, in this file
        _require_end(dataset, path, offset + math.prod(shape) * dataset.dtype.itemsize)
        return
    stored = dataset.id.get_create_plist()
    layout = stored.get_layout()
    if layout == h5py.h5d.VIRTUAL or stored.get_external_count():
        message = "the values are kept in other files, which are not followed"
        raise FormatError(message, path=path, key=dataset.name)
    if shape is None:
        message = "the dataset is empty (it has no shape)"
        raise FormatError(message, path=path, key=dataset.name)
    if layout == h5py.h5d.CHUNKED:  # to add them all up would take a time that grows with them
        end = math.prod(dataset.chunks) * dataset.dtype.itemsize // DEFLATE_RATIO
        _require_end(dataset, path, end)


def _require_end(dataset: Any, path: str, end: int) -> None:
    size = os.stat(path).st_size  # noqa: PTH116 - of hundreds
    if end > size:
        message = (
            f"the values ({dataset.shape} of {dataset.dtype}) need bytes up to {end}, but the "
            f"file has {size}; it is cut short or damaged"
        )
        raise FormatError(message, path=path, key=dataset.name)


def load(dataset: Any) -> np.ndarray:
    """Return the values of a small dataset; raise `FormatError` where it claims to be huge."""
    require_values(dataset)
    shape, dtype = dataset.shape, dataset.dtype
    wanted = math.prod(shape) * dtype.itemsize
    if wanted > 2**20:
        held = dataset.id.get_storage_size() * (DEFLATE_RATIO if dataset.chunks else 1)
        if wanted > min(held, LOADED_BYTES):
            message = f"a table of {shape} is claimed, more than its bytes can hold"
            raise FormatError(message, path=file_of(dataset), key=dataset.name)
    return np.asarray(whole(dataset), dtype=dtype.newbyteorder("="))


def whole(dataset: Any) -> Any:
    """Return all values of a dataset, as `dataset[()]` does with preparations for parts."""
    import h5py

    shape, dtype = dataset.shape, dataset.dtype
    if shape is None or 0 in shape or dtype.kind not in "iufcS":
        if dtype.hasobject:
            require_sound_values(dataset)
        return dataset[()]
    values = np.empty(shape, dtype)
    dataset.id.read(h5py.h5s.ALL, h5py.h5s.ALL, values)
    return values[()]
