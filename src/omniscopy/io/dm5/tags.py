"""The tags of a DM5 file: groups and attributes of HDF5 as the tree that DM4 files have.

What DM4 counts ("0", "1") is named "[0]", "[1]" here, and comes in the order of the alphabet.
"""

import re
from typing import Any

import numpy as np

from omniscopy.io.dm.tags import StoredArray
from omniscopy.io.errors import FormatError
from omniscopy.io.storage.hdf5 import MAX_DEPTH, MAX_OBJECTS, address, linked, names_in
from omniscopy.io.storage.hdf5_plain import read_attributes

_NUMBER = re.compile(r"\[(\d{1,9})\]")

Group = dict[str, Any]


class TagTree:
    """The tags of an open file; `arrays` are the datasets of its images by their path."""

    def __init__(self, file: Any) -> None:
        self.arrays: dict[str, Any] = {}
        self._left = MAX_OBJECTS
        self.root = self._group(file, "", frozenset())

    def _group(self, group: Any, path: str, above: frozenset[int]) -> Group:
        place = address(group)
        if place in above or len(above) >= MAX_DEPTH:
            return {}
        tags: Group = dict(read_attributes(group))
        for name in names_in(group):
            self._left -= 1
            if self._left < 0:
                message = f"there are more than {MAX_OBJECTS} groups of tags; the file is damaged"
                raise FormatError(message, key=path or "/")
            found = linked(group, name)
            inner = f"{path}/{_counted(name)}" if path else _counted(name)
            if hasattr(found, "keys"):
                tags[name] = self._group(found, inner, above | {place})
            elif found is not None and found.shape is not None:
                self.arrays[inner] = found
                tags[name] = StoredArray(0, int(np.prod(found.shape, dtype=object)), found.dtype)
        numbered = sorted(tags, key=_rank)
        return {_counted(name): tags[name] for name in numbered}


def _counted(name: str) -> str:
    match = _NUMBER.fullmatch(name)
    return match[1] if match else name


def _rank(name: str) -> int:
    match = _NUMBER.fullmatch(name)
    return int(match[1]) if match else -1
