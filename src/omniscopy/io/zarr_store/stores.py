"""Stores of the Zarr library: folders, and what lies behind URLs."""

import functools
import warnings
from collections.abc import AsyncIterator, Iterable
from typing import Any

import zarr
from zarr.core.buffer import Buffer
from zarr.errors import ZarrUserWarning
from zarr.storage import FsspecStore, WrapperStore

from omniscopy.io.errors import FormatError
from omniscopy.io.remote import UNFINISHED, Place, RemotePath, in_words

ROOT = "zarr.json"
# Documents that describe; everything else in a store is a chunk.
_DOCUMENTS = ("zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata")


def store_at(place: Place, *, read_only: bool = True) -> Any:
    """Return the store of a place, as the functions of the library take it."""
    if not isinstance(place, RemotePath):
        return str(place)
    place.file_system()  # says in words what is missing
    return FsspecStore.from_url(place.url, storage_options=place.settings, read_only=read_only)


def version_at(place: Place) -> Any:
    """Return the version of a store behind a URL, `None` where it is found out as well."""
    known = isinstance(place, RemotePath) and (place / ROOT).is_file()
    return 3 if known else None


class WholeStore(WrapperStore[Any]):
    """A store in which every chunk was written, so that one that is not there is missing."""

    async def get(self, key: str, prototype: Any, byte_range: Any = None) -> Any:
        """Return what is kept under a key; raise for a chunk that is not there."""
        value = await self._store.get(key, prototype, byte_range)
        if value is None and not key.endswith(_DOCUMENTS):
            message = "a chunk is missing; the store was not copied whole"
            raise FormatError(message, key=key)
        return value


class UnfinishedStore(WrapperStore[Any]):
    """A store whose root is kept back until everything else is written.

    Objects cannot be put in place all at once by a new name, as folders can: without a root
    nobody takes what is there for a store.
    """

    root: Any = None

    def __init__(self, store: Any, place: RemotePath) -> None:
        super().__init__(store)
        self.place = place

    async def get(self, key: str, prototype: Any, byte_range: Any = None) -> Any:
        """Return what is kept under a key."""
        return self.root if key == ROOT else await self._store.get(key, prototype, byte_range)

    async def set(self, key: str, value: Buffer) -> None:
        """Keep a value under a key, that of the root for the end."""
        if key == ROOT:
            self.root = value
            return
        with in_words(self.place):
            await self._store.set(key, value)

    async def _set_many(self, values: Iterable[tuple[str, Buffer]]) -> None:
        for key, value in values:
            await self.set(key, value)

    async def set_if_not_exists(self, key: str, value: Buffer) -> None:
        """Keep a value under a key that has none."""
        if not await self.exists(key):
            await self.set(key, value)

    async def delete_dir(self, prefix: str) -> None:
        """Delete what is below; room for the whole was made before."""
        if prefix:
            await self._store.delete_dir(prefix)

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Yield what is directly below; the sign of what is unfinished is no part of it."""
        async for key in self._store.list_dir(prefix):
            if key != UNFINISHED:
                yield key

    async def exists(self, key: str) -> bool:
        """Return whether something is kept under a key."""
        return self.root is not None if key == ROOT else await self._store.exists(key)

    def finish(self) -> None:
        """Write the root, with the descriptions of all groups and arrays in it."""
        with warnings.catch_warnings():
            # Of version 3, which knows them from its next revision on; every reader can do without.
            warnings.filterwarnings("ignore", "Consolidated metadata", ZarrUserWarning)
            zarr.consolidate_metadata(self, zarr_format=3)
        (self.place / ROOT).write_bytes(self.root.to_bytes())


# Behind a URL the description of an array takes as long to fetch as a chunk of it.
@functools.lru_cache(maxsize=64)
def open_remote_array(place: RemotePath, key: str, age: int, *, complete: bool) -> Any:  # noqa: ARG001
    """Return an open array; another `age` opens it anew."""
    store = store_at(place)
    if complete:
        return zarr.open_array(WholeStore(store), path=key, mode="r", zarr_format=3)
    return zarr.open_array(store, path=key, mode="r")
