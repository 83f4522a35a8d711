"""What NeXus says of a group: its class, its signal, its axes."""

import itertools
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np

from omniscopy.io.storage.hdf5 import DAMAGE, linked
from omniscopy.io.storage.hdf5 import names_in as members_of
from omniscopy.io.storage.hdf5_plain import UNREADABLE, each_attribute, read_attribute, read_plain
from omniscopy.io.storage.hdf5_values import whole

NUMBERS = "biufc"


def class_of(thing: Any) -> str:
    """Return the class of a group or file, "" where it has none."""
    return str(attribute(thing, "NX_class") or "")


def attribute(thing: Any, name: str) -> Any:
    """Return an attribute as plain values, `None` where it is missing or damaged."""
    value = UNREADABLE if thing is None else read_attribute(thing, name)
    return None if value is UNREADABLE else value


def attributes_of(thing: Any) -> dict[str, Any]:
    """Return all attributes as plain values, `None` for those that are damaged."""
    values = each_attribute(thing)
    return {name: None if value is UNREADABLE else value for name, value in values}


def names_in(value: Any) -> list[str]:
    """Return the names that an attribute lists, as text with separators or as an array."""
    if isinstance(value, str):
        return [part.strip() for part in re.split(r"[,:;\s]+", value.strip("[] ")) if part.strip()]
    return [str(part) for part in value] if isinstance(value, list) else []


def dataset_in(group: Any, name: str) -> Any:
    """Return the dataset called `name`, also behind a link inside the same file."""
    import h5py

    with suppress(*DAMAGE):
        kind = group.id.links.get_info(name.encode()).type
        if kind in (h5py.h5l.TYPE_HARD, h5py.h5l.TYPE_SOFT):
            found = linked(group, name) if kind == h5py.h5l.TYPE_HARD else group.get(name)
            if isinstance(found, h5py.Dataset) and found.shape is not None:
                return found
    return None


def datasets_in(group: Any) -> Iterator[tuple[str, Any]]:
    """Yield the names and datasets in a group."""
    for name in members_of(group):
        found = dataset_in(group, name)
        if found is not None:
            yield name, found


def signals_of(group: Any) -> list[str]:
    """Return the names of the signals of a data group, the main one first.

    Newer files name them in the group, older ones mark the datasets; where nothing is said the
    only dataset of numbers, or the one called `data`, is meant.
    """
    said = [attribute(group, "signal"), *names_in(attribute(group, "auxiliary_signals"))]
    named = [name for name in said if isinstance(name, str) and dataset_in(group, name) is not None]
    if named:
        return list(dict.fromkeys(named))
    numbers = {name: each for name, each in datasets_in(group) if each.dtype.kind in NUMBERS}
    marks = {name: attribute(each, "signal") for name, each in numbers.items()}
    marked = [name for name, mark in marks.items() if str(mark).isdigit()]
    if marked:
        return sorted(marked, key=lambda name: int(marks[name]))
    if class_of(group) != "NXdata" and attribute(group, "axes") is None:
        return []
    wide = [name for name, each in numbers.items() if each.ndim > 1]
    return ["data"] if "data" in numbers else (wide if len(wide) == 1 else [])


def axes_of(group: Any, signal: str, dataset: Any) -> list[str | None]:
    """Return the name of the coordinate of each dimension, `None` where there is none."""
    found: list[str | None] = [None] * dataset.ndim
    listed = names_in(attribute(group, "axes")) or names_in(attribute(dataset, "axes"))
    for number, name in enumerate(listed):
        places = attribute(group, f"{name}_indices")
        place = places if isinstance(places, list) else [number if places is None else places]
        axis = dataset_in(group, name)
        if (
            axis is not None
            and len(place) == 1
            and axis.ndim <= 1
            and _fits(axis, dataset, place[0])
        ):
            found[place[0]] = name
    for name, axis in datasets_in(group):
        place = attribute(axis, "axis")
        if not listed and name != signal and str(place).isdigit():
            number = int(str(place)) - 1
            if _fits(axis, dataset, number) and found[number] is None:
                found[number] = name
    return found


def values_of(axis: Any, size: int) -> np.ndarray:
    """Return the coordinate of `size` points: of the edges of bins the lower ones."""
    values = np.asarray(whole(axis)).reshape(-1)
    return values[:size].astype(values.dtype.newbyteorder("="))


def describe(group: Any, *, most: int = 5000, longest: int = 1000) -> dict[str, Any]:
    """Return single values, short lists and attributes below a group as nested dictionaries."""
    left = itertools.count()
    return _describe(group, left, most, longest, depth=0)


def _describe(group: Any, left: Any, most: int, longest: int, *, depth: int) -> dict[str, Any]:
    import h5py

    content = attributes_of(group)
    for name in members_of(group):
        if next(left) > most or depth > 16:
            break
        with suppress(*DAMAGE):
            found = linked(group, name)
            if found is None:
                continue
            if isinstance(found, h5py.Group):
                content[name] = _describe(found, left, most, longest, depth=depth + 1)
            elif found.shape is not None and found.size <= longest:
                content[name] = _described_value(found)
    return content


def _described_value(dataset: Any) -> Any:
    value = read_plain(dataset)
    attrs = attributes_of(dataset)
    return {"value": value, **attrs} if attrs else value


def _fits(axis: Any, dataset: Any, place: Any) -> bool:
    if not isinstance(place, int) or not 0 <= place < dataset.ndim:
        return False
    return axis.size in (dataset.shape[place], dataset.shape[place] + 1) and axis.ndim <= 1
