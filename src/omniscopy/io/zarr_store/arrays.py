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
from omniscopy.io.storage.restored import chunks_touched

# No store is larger; a size in damaged metadata may be.
_MOST_BYTES = 2**46

# What the libraries below raise on damaged chunks.
_DAMAGE = (
    OSError, ValueError, KeyError, IndexError, TypeError, RuntimeError, MemoryError, OverflowError,
    EOFError, zlib.error,
)  # fmt: skip


@dataclass(frozen=True)
class ZarrArray:
    """An array of a Zarr store, opened for each read.

    Where `complete` is true every chunk was written, so that one that is not there is missing.
    `age` tells a store from another that was at the same place before.
    """

    path: str
    key: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunks: tuple[int, ...] | None
    complete: bool = False
    age: int = 0

    @classmethod
    def of(cls, array: Any, path: Path, *, complete: bool) -> "ZarrArray":
        """Return the handle of an open `zarr.Array`."""
        names = [path / array.path / name for name in ("zarr.json", ".zarray")]
        age = next((name.stat().st_mtime_ns for name in names if name.is_file()), 0)
        is_text = array.dtype.kind in "TUO"
        dtype = np.dtype(object) if is_text else array.dtype.newbyteorder("=")
        chunks = tuple(array.shards or array.chunks) if array.ndim else None
        shape = tuple(array.shape)
        handle = cls(str(path), array.path, shape, dtype, chunks, complete=complete, age=age)
        handle._require_extent(array)
        return handle

    def __getitem__(self, key: Key) -> np.ndarray:
        """Return the values asked for."""
        import zarr

        try:
            array = zarr.open_array(self.path, path=self.key, mode="r")
            if self.complete:
                self._require_chunks(array, full_key(key, self.shape))
            return np.asarray(array[key], dtype=self.dtype)
        except FormatError:
            raise
        except _DAMAGE as error:
            message = f"the array cannot be read, a chunk is damaged ({error})"
            raise FormatError(message, path=self.path, key=self.key) from error

    def _require_extent(self, array: Any) -> None:
        """Refuse a shape that is larger than the store, before anything is planned for it."""
        if self.complete and 0 not in self.shape:
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
