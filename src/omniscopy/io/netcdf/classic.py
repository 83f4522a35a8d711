"""netCDF files of the classic versions, which are no HDF5."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.records import Key
from omniscopy.io.storage.foreign import Group, GroupVariable


@dataclass(frozen=True)
class ClassicArray:
    """A variable of a classic netCDF file, which is mapped for each read."""

    path: str
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunks: tuple[int, ...] | None = None

    def __getitem__(self, key: Key) -> np.ndarray:
        """Return the values asked for."""
        file = _open(Path(self.path))
        try:
            return np.array(file.variables[self.name].data[key], dtype=self.dtype)
        finally:
            _close(file)


def read_classic(path: Path) -> Group:
    """Return the variables of a classic netCDF file."""
    file = _open(path)
    try:
        variables = {}
        for name, variable in file.variables.items():
            data = _array(path, name, variable)
            dims = variable.dimensions
            if data.dtype.kind == "S":  # letters along the last dimension
                continue
            variables[name] = GroupVariable(dims=dims, data=data, attrs=dict(variable._attributes))
        return Group(path="/", attrs=dict(file._attributes), variables=variables)
    finally:
        _close(file)


def _array(path: Path, name: str, variable: Any) -> ClassicArray:
    dtype = variable.data.dtype.newbyteorder("=")
    return ClassicArray(str(path), name, tuple(variable.data.shape), dtype)


def _open(path: Path) -> Any:
    from scipy.io import netcdf_file

    with path.open("rb") as file:
        version = file.read(4)[3]
    if version == 5:
        message = "netCDF of the CDF-5 kind is not supported; convert it with `nccopy -k nc4`"
        raise UnsupportedFormatError(message, path=path)
    try:
        return netcdf_file(path, "r", mmap=True)
    except (ValueError, TypeError, KeyError, IndexError, OverflowError, AssertionError) as error:
        message = f"the header of the netCDF file is damaged ({error})"
        raise FormatError(message, path=path) from error


def _close(file: Any) -> None:
    """Close without waiting for the arrays, which were copied."""
    file.variables = {}
    file._mm_buf = file._mm = None
    file.fp.close()
