"""Handles of what APEX keeps in types that are arrays themselves, and in rows without end."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from omniscopy.io.arrays import full_key
from omniscopy.io.errors import FormatError
from omniscopy.io.records import Key
from omniscopy.io.storage.hdf5 import open_hdf5
from omniscopy.io.storage.hdf5_numbers import numbers_of
from omniscopy.io.storage.hdf5_values import require_values


@dataclass(frozen=True)
class NestedArray:
    """A dataset whose values are arrays, after its first dimensions of one value were left out.

    `field` is that of the records, where it holds records.
    """

    path: str
    key: str
    stored: tuple[int, ...]
    inner: tuple[int, ...]
    dtype: np.dtype[Any]
    leading: int
    block: tuple[int, ...] | None
    field: str | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape with the dimensions of the values last."""
        return (self.stored + self.inner)[self.leading :]

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """Return the chunks of the dataset, with whole values."""
        return None if self.block is None else (self.block + self.inner)[self.leading :]

    def __getitem__(self, key: Key) -> np.ndarray:
        """Return the values asked for."""
        parts = (0,) * self.leading + full_key(key, self.shape)
        outer, within = parts[: len(self.stored)], parts[len(self.stored) :]
        with open_hdf5(self.path, attributes=False) as file:
            dataset = file[self.key]
            source = dataset if self.field is None else dataset.fields(self.field)
            values = np.asarray(source[outer])
        expected = [len(range(*p.indices(n))) for p, n in zip(outer, self.stored, strict=True)
                    if isinstance(p, slice)]  # fmt: skip
        if list(values.shape) != [*expected, *self.inner]:
            message = f"values of shape {self.inner} were expected, not {values.shape}"
            raise FormatError(message, path=self.path, key=self.key)
        kept = (slice(None),) * len(expected)
        return np.asarray(values[kept + within], dtype=self.dtype)


def values_of(dataset: Any) -> NestedArray:
    """Return the handle of a dataset of numbers, or of arrays of numbers."""
    inner = dataset.dtype.subdtype
    if inner is None:
        plain = numbers_of(dataset)
        shape, dtype, block = (), plain.dtype, plain.chunks
    else:
        _require_plain(dataset, inner[0])
        require_values(dataset)
        shape, dtype, block = inner[1], inner[0].newbyteorder("="), dataset.chunks
    whole = dataset.shape + shape
    leading = next((n for n, size in enumerate(whole) if size != 1), 0)
    return NestedArray(
        dataset.file.filename, dataset.name, dataset.shape, shape, dtype,
        min(leading, len(dataset.shape)), block,
    )  # fmt: skip


def field_of(dataset: Any, name: str) -> NestedArray | None:
    """Return the handle of an array that is a field of the first record, `None` for others."""
    field = dataset.dtype[name]
    if field.subdtype is None or dataset.shape != (1,):
        return None
    _require_plain(dataset, field.subdtype[0])
    require_values(dataset)
    return NestedArray(
        dataset.file.filename, dataset.name, (1,), field.subdtype[1],
        field.subdtype[0].newbyteorder("="), 1, None, name,
    )  # fmt: skip


def _require_plain(dataset: Any, dtype: np.dtype[Any]) -> None:
    import h5py

    plain = dtype.kind in "iuf" and dataset.id.get_type().equal(h5py.h5t.py_create(dataset.dtype))
    if not plain:
        message = f"the numbers are not plain {dataset.dtype}; the header is damaged"
        raise FormatError(message, path=dataset.file.filename, key=dataset.name)
