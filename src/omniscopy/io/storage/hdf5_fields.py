"""Fields of compound datasets, each as an array of its own."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from omniscopy.io.records import Key, Variable
from omniscopy.io.storage.hdf5 import open_hdf5
from omniscopy.io.storage.hdf5_plain import spelled


def fields_of(dataset: Any) -> dict[str, "Hdf5Field"]:
    """Return the handle of every field of a compound dataset by the name of the field."""
    return {
        name: Hdf5Field(
            dataset.file.filename, dataset.name, name, dataset.shape,
            dataset.dtype[name].newbyteorder("="), dataset.chunks,
        )
        for name in dataset.dtype.names or ()
        if dataset.dtype[name].kind in "biufc"
    }  # fmt: skip


@dataclass(frozen=True)
class Hdf5Field:
    """One field of a compound dataset, opened for each read."""

    path: str
    key: str
    field: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunks: tuple[int, ...] | None = None

    def __getitem__(self, key: Key) -> np.ndarray:
        """Return the values asked for."""
        with open_hdf5(self.path, attributes=False) as file:
            return np.asarray(file[self.key].fields(self.field)[key], dtype=self.dtype)


def field_variable(field: str, dims: Sequence[str], data: Any) -> tuple[str, Variable]:
    """Return the name and the variable of a field called like `Phase [rad]`."""
    from omniscopy.io.names import slug

    match = re.fullmatch(r"(.*?)\s*\[(.*)\]\s*", field)
    title, unit = (match[1], match[2]) if match else (field, "")
    attrs = {"long_name": title, "quantity": title.lower(), "units": spelled(unit)}
    stated = {key: value for key, value in attrs.items() if value}
    return slug(title), Variable(dims=tuple(dims), data=data, attrs=stated)
