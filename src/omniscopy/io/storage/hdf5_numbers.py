"""Numbers and texts of instruments' HDF5 files, asked for only where the library survives it."""

import math
from contextlib import suppress
from typing import Any

import numpy as np

from omniscopy.io.arrays import Hdf5Array
from omniscopy.io.errors import FormatError
from omniscopy.io.storage.hdf5 import DAMAGE, linked
from omniscopy.io.storage.hdf5_access import handle_of
from omniscopy.io.storage.hdf5_attributes import ELSEWHERE, small_values
from omniscopy.io.storage.hdf5_plain import UNREADABLE, plain, read_attribute
from omniscopy.io.storage.hdf5_values import load, whole

LONGEST_TEXT = 2**24
_LONGEST_LIST = 4096


def is_array(found: Any, *, least: int = 1) -> bool:
    """Return whether an object is an array of numbers with `least` dimensions or more."""
    shape = getattr(found, "shape", None)
    if shape is None or len(shape) < least or 0 in shape:
        return False
    return bool(found.dtype.kind in "biufc")


def numbers_of(dataset: Any) -> Hdf5Array:
    """Return the handle of numbers, after their type and size were looked at.

    Raises
    ------
    FormatError
        They are no plain numbers (the library converts any layout of bits that a damaged header
        states, and can crash at it), lie in another file, or cannot be in this one.
    """
    import h5py

    path, key = dataset.file.filename, dataset.name
    if not is_array(dataset, least=0):
        message = f"numbers were expected, not {dataset.shape} of {dataset.dtype}"
        raise FormatError(message, path=path, key=key)
    stored = dataset.id.get_type()
    if dataset.dtype.kind != "b" and not stored.equal(h5py.h5t.py_create(dataset.dtype)):
        message = f"the numbers are not plain {dataset.dtype}; the header is damaged"
        raise FormatError(message, path=path, key=key)
    return handle_of(dataset)


def member(group: Any, path: str) -> Any:
    """Return what is linked into a group under a path, `None` where there is nothing."""
    found = group
    for name in path.split("/"):
        if not hasattr(found, "keys"):
            return None
        with suppress(*DAMAGE):
            found = linked(found, name)
            continue
        return None
    return found


def attribute(found: Any, name: str) -> Any:
    """Return one attribute as plain values, `None` where it is missing or damaged."""
    value = read_attribute(found, name)
    return None if value is UNREADABLE else value


def small_value(dataset: Any) -> Any:
    """Return a text, a number or a short list of either as plain values, `None` for all else."""
    with suppress(*DAMAGE):
        # Asked first: shape and type of a data set take longer than all of a small one.
        value = small_values(dataset) if hasattr(type(dataset), "dtype") else None
        if value is ELSEWHERE:
            value = _small_by_library(dataset)
        if value is not None and np.size(value) <= _LONGEST_LIST:
            return _plain_texts(plain(value, dataset))
    return None


def _small_by_library(dataset: Any) -> Any:
    shape, dtype = dataset.shape, dataset.dtype
    if shape is None or math.prod(shape) > _LONGEST_LIST or dtype.kind not in "biufcOSU":
        return None
    if dtype.kind == "O":
        return whole(dataset) if _is_text(dataset) else None
    return load(dataset)


def text_at(group: Any, path: str) -> str | None:
    """Return the text of a dataset, `None` where there is none."""
    value = small_value(member(group, path))
    value = value[0] if isinstance(value, list) and len(value) == 1 else value
    return value.strip("\0 ") if isinstance(value, str) else None


def number_at(group: Any, path: str) -> float | None:
    """Return the finite number of a dataset, `None` where there is none."""
    value = small_value(member(group, path))
    value = value[0] if isinstance(value, list) and len(value) == 1 else value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def _is_text(dataset: Any) -> bool:
    import h5py

    return h5py.check_string_dtype(dataset.dtype) is not None


def _plain_texts(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, list):
        return [_plain_texts(item) for item in value]
    return value
