"""Plain binary data, whose form the user knows."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from omniscopy.io.arrays import Mapped
from omniscopy.io.identification import read_head
from omniscopy.io.names import slug
from omniscopy.io.records import Axis, Channel
from omniscopy.io.remote import RemotePath, absent, locate
from omniscopy.io.tree import SIGNAL, to_dataset
from omniscopy.model.errors import DataError
from omniscopy.model.parameters import encode
from omniscopy.model.provenance import record, source_file

OPEN_RAW = "io.open_raw"


def open_raw(  # noqa: PLR0913 - what a header would say
    path: str | Path,
    shape: Sequence[int],
    dtype: npt.DTypeLike,
    offset: int = 0,
    byte_order: Literal["<", ">"] = "<",
    *,
    dims: Sequence[str] | None = None,
    units: str | None = None,
    quantity: str | None = None,
    coords: Mapping[str, Any] | None = None,
) -> xr.DataArray:
    """Open a block of plain binary data as a lazy labelled array.

    Parameters
    ----------
    path : str or Path
        The file. It is opened read-only.
    shape : sequence of int
        Pixels along each dimension, the last one the fastest in the file.
    dtype : type
        Type of a pixel, such as `"uint16"` or `"float32"`.
    offset : int
        Bytes before the first pixel.
    byte_order : {"<", ">"}
        Little-endian (nearly every file) or big-endian.
    dims : sequence of str, optional
        Names of the dimensions, such as `("y", "x", "energy_loss")`.
    units, quantity : str, optional
        Of the values.
    coords : mapping of dimension to array or mapping, optional
        The values of a coordinate, or a mapping with `scale`, `offset` and `units`, from which
        they follow.

    Returns
    -------
    DataArray
        Named after the file, of native byte order; its history can be replayed.

    Raises
    ------
    DataError
        The form is not one that plain data can have.
    FormatError
        The file is not there or too short for it.

    Examples
    --------
    >>> frames = open_raw(
    ...     "scan.raw", (256, 256, 128, 128), "uint16", dims=("y", "x", "ky", "kx"),
    ...     coords={"x": {"scale": 0.2, "units": "nm"}},
    ... )  # doctest: +SKIP
    """
    path = _local(path)
    form = _require_dtype(dtype, byte_order)
    names = _require_dims(shape, dims)
    coords = dict(coords or {})
    unknown = sorted(set(coords) - set(names))
    if unknown:
        message = f"coordinates of {unknown} are given, but the dimensions are {names}"
        raise DataError(message)
    read_head(path)
    channel = Channel(
        title=path.stem,
        data=Mapped(str(path), int(offset), tuple(int(n) for n in shape), form),
        axes=[
            _axis(name, int(size), coords.get(name))
            for name, size in zip(names, shape, strict=True)
        ],
        units=units,
        quantity=quantity,
    )
    data = to_dataset(channel)[SIGNAL].rename(slug(path.stem))
    said = {
        "shape": [int(n) for n in shape],
        "dtype": form.newbyteorder("=").name,
        "offset": int(offset),
        "byte_order": byte_order,
        "dims": None if dims is None else list(dims),
        "units": units,
        "quantity": quantity,
        "coords": coords or None,
    }
    return record(data, OPEN_RAW, parameters=encode(said), inputs={"path": source_file(path)})


def _local(path: str | Path) -> Path:
    place = locate(path)
    if isinstance(place, RemotePath):
        raise absent(place)
    return place.absolute()


def _require_dtype(dtype: npt.DTypeLike, byte_order: Literal["<", ">"]) -> np.dtype[Any]:
    try:
        form = np.dtype(dtype)
    except TypeError as error:
        message = f"dtype {dtype!r} is no type of numbers; use one such as 'uint16' or 'float32'"
        raise DataError(message) from error
    if form.kind not in "biufc":
        message = f"plain data hold numbers, not {form}; use a type such as 'uint16' or 'float32'"
        raise DataError(message)
    if byte_order not in ("<", ">"):
        message = f"byte_order must be '<' (little-endian) or '>' (big-endian), got {byte_order!r}"
        raise DataError(message)
    return form.newbyteorder(byte_order)


def _require_dims(shape: Sequence[int], dims: Sequence[str] | None) -> list[str]:
    names = [f"dim_{number}" for number in range(len(shape))] if dims is None else list(dims)
    if len(names) != len(shape) or len(set(names)) != len(names):
        message = f"expected {len(shape)} different names of dimensions, got {names}"
        raise DataError(message)
    if any(int(size) < 0 for size in shape):
        message = f"shape must not be negative, got {tuple(shape)}"
        raise DataError(message)
    return names


def _axis(name: str, size: int, said: Any) -> Axis:
    if said is None:
        return Axis(name=name, size=size)
    if isinstance(said, Mapping):
        further = sorted(set(said) - {"scale", "offset", "units"})
        if further:
            message = f"coordinate {name!r} takes scale, offset and units, not {further}"
            raise DataError(message)
        return Axis(name=name, size=size, **said)
    values = np.asarray(said)
    if values.shape != (size,):
        message = f"coordinate {name!r} needs {size} values, got shape {values.shape}"
        raise DataError(message)
    return Axis(name=name, size=size, values=values)
