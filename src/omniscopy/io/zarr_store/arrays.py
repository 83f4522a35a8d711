"""Arrays of a Zarr store as handles."""

import math
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import full_key
from omniscopy.io.errors import FormatError
from omniscopy.io.records import Key
from omniscopy.io.remote import Place, RemotePath, in_words
from omniscopy.io.storage.restored import chunks_touched

# No store is larger; a size in damaged metadata may be.
_MOST_BYTES = 2**46
# Of an array, in versions 3 and 2 of Zarr.
_DESCRIPTIONS = ("zarr.json", ".zarray")

# What the libraries below raise on damaged chunks.
_DAMAGE = (
    OSError, ValueError, KeyError, IndexError, TypeError, RuntimeError, MemoryError, OverflowError,
    EOFError, zlib.error,
)  # fmt: skip


@dataclass(frozen=True)
class ZarrArray:
    """An array of a Zarr store, opened for each read.

    Where `complete` is true every chunk was written, so that one that is not there is missing.
    `age` tells a store from another that was at the same place before. `remote` is where it lies
    if that is no folder.
    """

    path: str
    key: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunks: tuple[int, ...] | None
    complete: bool = False
    age: int = 0
    remote: RemotePath | None = None

    @classmethod
    def of(cls, array: Any, path: Place, *, complete: bool) -> "ZarrArray":
        """Return the handle of an open `zarr.Array`."""
        remote = path if isinstance(path, RemotePath) else None
        age = _age(path, array.path)
        is_text = array.dtype.kind in "TUO"
        dtype = np.dtype(object) if is_text else array.dtype.newbyteorder("=")
        chunks = tuple(array.shards or array.chunks) if array.ndim else None
        shape = tuple(array.shape)
        handle = cls(str(path), array.path, shape, dtype, chunks, complete, age, remote)
        handle._require_extent(array)
        return handle

    @property
    def described_by(self) -> tuple[str, ...]:
        """The files, if they are there, that are written anew with the array."""
        if self.remote is not None:
            return ()
        return tuple(str(Path(self.path, self.key, name)) for name in _DESCRIPTIONS)

    def __getitem__(self, key: Key) -> np.ndarray:
        """Return the values asked for."""
        if self.remote is not None:
            return self._read_remote(key, self.remote)
        import zarr

        try:
            array = zarr.open_array(self.path, path=self.key, mode="r")
            if self.complete:
                self._require_chunks(array, full_key(key, self.shape))
            return np.asarray(array[key], dtype=self.dtype)
        except FormatError:
            raise
        except _DAMAGE as error:
            raise self._damaged(error) from error

    def _read_remote(self, key: Key, place: RemotePath) -> np.ndarray:
        from omniscopy.io.zarr_store.stores import open_remote_array

        try:
            with in_words(place):
                array = open_remote_array(place, self.key, self.age, complete=self.complete)
                return np.asarray(array[key], dtype=self.dtype)
        except FormatError as error:
            raise error.in_file(self.path) from error.__cause__
        except _DAMAGE as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> FormatError:
        message = f"the array cannot be read, a chunk is damaged ({error})"
        return FormatError(message, path=self.path, key=self.key)

    def _require_extent(self, array: Any) -> None:
        """Refuse a shape that is larger than the store, before anything is planned for it."""
        if self.complete and 0 not in self.shape and self.remote is None:
            last = tuple(slice(n - 1, n, 1) for n in self.shape)
            self._require_chunks(array, last)
        elif math.prod(self.shape) * self.dtype.itemsize > _MOST_BYTES:
            message = f"an array of shape {self.shape} cannot be; its metadata are damaged"
            raise FormatError(message, path=self.path, key=self.key)

    def _require_chunks(self, array: Any, key: Key) -> None:
        lengths = tuple(array.shards or array.chunks)
        for place in chunks_touched(key, lengths):
            name = array.metadata.encode_chunk_key(place)
            if not (Path(self.path) / self.key / name).is_file():
                message = f"chunk {name!r} is missing; the store was not copied whole"
                raise FormatError(message, path=self.path, key=self.key)


def _age(place: Place, key: str) -> int:
    if isinstance(place, RemotePath):
        return place.age  # asking for each array would take a while
    names = [place / key / name for name in _DESCRIPTIONS]
    return next((name.stat().st_mtime_ns for name in names if name.is_file()), 0)
