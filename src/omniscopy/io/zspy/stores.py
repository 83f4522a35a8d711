"""What a Zarr store of version 2 keeps under its names: in a folder, or packed in one file."""

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omniscopy.io.errors import FormatError
from omniscopy.io.jpk.archive import Member, list_members

LONGEST_DOCUMENT = 2**24
_MOST_NAMES = 1_000_000


@dataclass(frozen=True)
class Store:
    """A store at a path, which is opened for each read."""

    path: str

    @property
    def packed(self) -> bool:
        """Return whether the store is one file."""
        return not Path(self.path).is_dir()

    def size(self, name: str) -> int | None:
        """Return the bytes under a name, `None` where there is nothing."""
        if self.packed:
            member = self._members().get(name)
            return None if member is None else member.size
        place = Path(self.path) / name
        return place.stat().st_size if place.is_file() else None

    def read(self, name: str, *, most: int) -> bytes | None:
        """Return what is under a name, `None` where there is nothing; refuse more than `most`."""
        try:
            if self.packed:
                member = self._members().get(name)
                return None if member is None else member.read(self.path, most=most)
            place = Path(self.path) / name
            return place.read_bytes() if place.is_file() else None
        except (OSError, ValueError) as error:
            if isinstance(error, FormatError):
                raise
            message = f"it cannot be read ({error})"
            raise FormatError(message, path=self.path, key=name) from error

    def document(self, name: str) -> dict[str, Any]:
        """Return a JSON document, {} where there is none or it is damaged."""
        size = self.size(name)
        if size is None or size > LONGEST_DOCUMENT:
            return {}
        try:
            found = json.loads(self.read(name, most=LONGEST_DOCUMENT) or b"{}")
        except (ValueError, RecursionError, FormatError):
            return {}
        return found if isinstance(found, dict) else {}

    def children(self, group: str) -> list[str]:
        """Return the names of the groups and arrays in a group."""
        if self.packed:
            return list(_children(self.path, *self._age()).get(group, ()))
        place = Path(self.path) / group
        if not place.is_dir():
            return []
        return sorted(each.name for each in place.iterdir() if each.is_dir())

    def _members(self) -> dict[str, Member]:
        return _members(self.path, *self._age())

    def _age(self) -> tuple[int, int]:
        status = Path(self.path).stat()
        return status.st_mtime_ns, status.st_size


# The directory of a file is read once, and again where the file is another.
@functools.lru_cache(maxsize=8)
def _members(path: str, modified: int, size: int) -> dict[str, Member]:  # noqa: ARG001
    members = list_members(Path(path))
    if len(members) > _MOST_NAMES:
        message = f"the store has {len(members)} members"
        raise FormatError(message, path=path)
    return members


@functools.lru_cache(maxsize=8)
def _children(path: str, modified: int, size: int) -> dict[str, dict[str, None]]:
    """Return the names in every group, in the order of the file."""
    found: dict[str, dict[str, None]] = {}
    for name in _members(path, modified, size):
        group, _, document = name.rpartition("/")
        if document in (".zgroup", ".zarray", ".zattrs") and group:
            parent, _, own = group.rpartition("/")
            found.setdefault(parent, {})[own] = None
    return found
