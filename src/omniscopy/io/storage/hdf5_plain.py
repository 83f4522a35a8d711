"""Attributes and small datasets of HDF5 as plain values: text, numbers, lists, dictionaries."""

import itertools
import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.storage.hdf5 import DAMAGE, file_of
from omniscopy.io.storage.hdf5_attributes import (
    ABSENT,
    ELSEWHERE,
    all_in_header,
    read_from_header,
    small_values,
    value_in,
)
from omniscopy.io.storage.hdf5_heaps import STRING, require_sound_attribute
from omniscopy.io.storage.hdf5_values import whole
from omniscopy.model.units import spell

UNREADABLE = object()  # what no attribute is
MAX_ENTRIES = 20_000
ATTRIBUTE_BYTES = 60_000  # older HDF5 refuses attributes of 64 kB and more

# Classes of types that need no more than to be read: integers, floats and texts.
_NUMBERS = frozenset({0, 1})
_SIMPLE = _NUMBERS | {STRING}


def read_plain(dataset: Any) -> Any:
    """Return all of a small dataset as plain values, without the library where that can be."""
    with suppress(*DAMAGE):
        value = small_values(dataset)
        if value is not ELSEWHERE:
            return plain(value, dataset)
    return plain(whole(dataset), dataset)


def read_attributes(found: Any, *, without: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Return the attributes of a group or dataset as plain values; unreadable ones are left out."""
    values = each_attribute(found, without=without)
    return {name: value for name, value in values if value is not UNREADABLE}


def each_attribute(
    found: Any, *, without: frozenset[str] = frozenset()
) -> Iterator[tuple[str, Any]]:
    """Yield the names of attributes and their plain values, or `UNREADABLE`."""
    kept = None
    with suppress(*DAMAGE):
        kept = all_in_header(found)
    if kept is None:
        for name in list(found.attrs)[:MAX_ENTRIES]:
            if name not in without:
                yield name, read_attribute(found, name)
        return
    # The header is looked up but once for all of them.
    heaps, attributes = kept
    for word, attribute in itertools.islice(attributes.items(), MAX_ENTRIES):
        name = word.decode("utf-8", "surrogateescape")
        if name in without:
            continue
        value = UNREADABLE
        with suppress(*DAMAGE):
            value = value_in(heaps, attribute)
            value = read_attribute(found, name) if value is ELSEWHERE else plain(value, found)
        yield name, value


def has_attribute(found: Any, name: str) -> bool:
    """Return whether there is an attribute of a name, asked of the library itself."""
    import h5py

    return bool(h5py.h5a.exists(found.id, name.encode()))


def read_attribute(found: Any, name: str) -> Any:
    """Return one attribute as plain values, `UNREADABLE` where it is missing or damaged."""
    import h5py

    with suppress(*DAMAGE):
        word = name.encode()
        value = read_from_header(found, word)
        if value is not ELSEWHERE:
            return UNREADABLE if value is ABSENT else plain(value, found)
        if not h5py.h5a.exists(found.id, word):
            return UNREADABLE
        stored = h5py.h5a.open(found.id, word)
        kind = stored.get_type()
        if isinstance(kind, h5py.h5t.TypeVlenID):
            return UNREADABLE  # text whose type is damaged looks like this, and crashes the library
        # An empty one has no shape, and the library no size for it.
        shape = stored.shape
        claimed = 0 if shape is None else math.prod(shape) * kind.get_size()
        if claimed > ATTRIBUTE_BYTES and claimed > Path(file_of(found)).stat().st_size:
            return UNREADABLE
        if shape is None:
            return plain(found.attrs[name], found)
        if kind.get_class() not in _NUMBERS:
            text = require_sound_attribute(found, stored, kind)
            if text is not None:
                return text.decode("utf-8", "replace")
        if kind.get_class() not in _SIMPLE:
            return plain(found.attrs[name], found)
        # As h5py does it, but without opening the attribute anew.
        values = np.zeros(shape, kind.dtype)
        stored.read(values)
        return plain(values[()], found)
    return UNREADABLE


def checked_attribute(found: Any, name: str) -> Any:
    """Return one attribute as h5py gives it, after a look at how long its texts and lists are."""
    import h5py

    stored = h5py.h5a.open(found.id, name.encode())
    require_sound_attribute(found, stored, stored.get_type())
    return found.attrs[name]


def plain(value: Any, found: Any) -> Any:
    """Return an attribute as text, numbers, lists and dictionaries."""
    # What most are, before the library's own kinds are asked for.
    if isinstance(value, str):
        return value
    if isinstance(value, np.number | np.bool_):
        return value.item()
    import h5py

    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, h5py.RegionReference):
        return _describe_region(value, found)
    if isinstance(value, h5py.Reference):
        return found.file[value].name if value else None
    if isinstance(value, h5py.Empty):
        return None
    if isinstance(value, np.void) and value.dtype.names:
        return {name: plain(value[name], found) for name in value.dtype.names}
    if isinstance(value, np.ndarray) and value.ndim:
        if value.size > MAX_ENTRIES:
            return f"array of shape {value.shape} left out"
        if value.dtype.kind in "biufcU":
            return value.tolist()
        return [plain(item, found) for item in value]
    if isinstance(value, np.generic | np.ndarray):
        return plain(value.item(), found) if value.dtype.kind != "V" else value.tobytes().hex()
    return value


def _describe_region(reference: Any, found: Any) -> dict[str, Any] | None:
    """Return what a region reference selects: blocks as [start, stop) corners, or points."""
    import h5py

    if not reference:
        return None
    dataset = found.file[reference]
    region = h5py.h5r.get_region(reference, dataset.id)
    described: dict[str, Any] = {"dataset": dataset.name}
    kind = region.get_select_type()
    if kind == h5py.h5s.SEL_POINTS:
        described["points"] = region.get_select_elem_pointlist()[:MAX_ENTRIES].tolist()
    elif kind == h5py.h5s.SEL_HYPERSLABS:
        corners = region.get_select_hyper_blocklist()[:MAX_ENTRIES]
        described["blocks"] = [[first.tolist(), (last + 1).tolist()] for first, last in corners]
    else:
        described["selection"] = "all" if kind == h5py.h5s.SEL_ALL else "none"
    return described


def text_of(attributes: Mapping[str, Any], *names: str) -> str | None:
    """Return the first of some attributes that is text and says something."""
    for name in names:
        value = attributes.get(name)
        if isinstance(value, str) and value.strip() and value.strip().lower() != "generic":
            return value.strip()
    return None


def spelled(text: str | None) -> str | None:
    """Return the usual spelling of a unit, `None` where the file says that it is unknown."""
    return spell(text) if text else None
