"""Where EMD files of the different programs keep their arrays.

Versions 0.x (Berkeley, HyperSpy, Prismatic, early py4DSTEM) number the types of groups, and name
the axes dim1, dim2, …; versions 1.x (emdfile) call the types by words, and count from dim0.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from omniscopy.io.hspy.arrays import COMPONENTS
from omniscopy.io.storage.hdf5 import linked, walk
from omniscopy.io.storage.hdf5_access import members
from omniscopy.io.storage.hdf5_numbers import attribute, is_array

TYPE = "emd_group_type"
SIMULATION = "4DSTEM_simulation"
_NUMBERED = "1"
_ARRAYS, _TABLES = (_NUMBERED, "array"), ("pointlist",)
_LISTS, _CUSTOM = "pointlistarray", "custom"
_WORDS = {"file", "root", "array", "pointlist", "pointlistarray", "metadata", "metadatabundle",
          "custom", "node"}  # fmt: skip
_AXIS = re.compile(r"dim\d+")
_DEPTH = re.compile(r"(.+)_depth(\d+)")


@dataclass(frozen=True)
class Stored:
    """The groups of one array: several where Prismatic keeps a depth of the sample in each."""

    title: str
    groups: tuple[Any, ...]
    values: str

    @property
    def group(self) -> Any:
        """Return the first of the groups."""
        return self.groups[0]


def group_type(group: Any) -> str:
    """Return what an EMD group says that it is, "" for others."""
    if not hasattr(group, "keys") or TYPE not in group.attrs:
        return ""
    # What a class of a program keeps in a group of its own is of a type as elsewhere.
    word = str(attribute(group, TYPE)).removeprefix("custom_")
    return word if word in _WORDS or (word.isdigit() and len(word) < 3) else ""


def stored_arrays(file: Any) -> Iterator[Stored]:
    """Yield the arrays of a file, the depths of a simulation together."""
    depths: dict[tuple[str, str, tuple[int, ...]], list[tuple[int, Any]]] = {}
    order: list[Any] = []
    for group in _groups(file):
        if group_type(group) not in _ARRAYS:
            continue
        name = _values(group)
        if name is None:
            continue
        title = group.name.rpartition("/")[2]
        match = _DEPTH.fullmatch(title)
        key = (group.parent.name, match[1] if match else title, group[name].shape)
        if match is None:
            order.append(Stored(title, (group,), name))
            continue
        if key not in depths:
            order.append((key, name))
        depths.setdefault(key, []).append((int(match[2]), group))
    for each in order:
        if isinstance(each, Stored):
            yield each
        else:
            key, name = each
            found = sorted(depths[key], key=lambda pair: pair[0])
            yield Stored(key[1], tuple(group for _, group in found), name)


def _groups(file: Any) -> Iterator[Any]:
    """Yield all groups; HyperSpy calls a signal without a title `__unnamed__`."""
    for group in walk(file):
        yield group
        if hasattr(group, "keys"):
            for name, found in members(group):
                if name.startswith("_") and group_type(found) == _NUMBERED:
                    yield found


def stored_tables(file: Any) -> Iterator[Any]:
    """Yield the groups that hold a list of points, a dataset for each field."""
    for group in walk(file):
        if group_type(group) in _TABLES:
            yield group


def stored_lists(file: Any) -> Iterator[Any]:
    """Yield the groups that hold a list of points for every place of a scan."""
    for group in walk(file):
        if group_type(group) == _LISTS:
            yield group
        elif group_type(group) == _CUSTOM:
            # What py4DSTEM finds in patterns it keeps in a group whose name begins so.
            for name, found in members(group):
                if name.startswith("_") and group_type(found) == _LISTS:
                    yield found


def not_read(file: Any) -> list[str]:
    """Return the paths of arrays of which it is not known what their values are."""
    return [
        group.name
        for group in walk(file)
        if group_type(group) in _ARRAYS and _values(group) is None and _has_axes(group)
    ]


def _values(group: Any) -> str | None:
    """Return the name of the values in a group: `data`, or the one array that is no axis."""
    names = [name for name, found in members(group) if _is_values(name, found)]
    if "data" in names:
        return "data"
    return names[0] if len(names) == 1 else None


def _is_values(name: str, found: Any) -> bool:
    return not _AXIS.fullmatch(name) and (is_array(found) or is_colours(found))


def is_colours(found: Any) -> bool:
    """Return whether a dataset holds colours, as HyperSpy writes them: records of numbers."""
    dtype, shape = getattr(found, "dtype", None), getattr(found, "shape", None)
    names = getattr(dtype, "names", None)
    if dtype is None or not names or not shape or 0 in shape or not set(names) <= set(COMPONENTS):
        return False
    return {dtype[name] for name in names} in ({np.dtype("u1")}, {np.dtype("u2")})


def _has_axes(group: Any) -> bool:
    return any(_AXIS.fullmatch(name) and linked(group, name) is not None for name in group)
