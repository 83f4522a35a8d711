"""Read arrays of NumPy: a header that says type, order and shape, then the values."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from omniscopy.io.arrays import Mapped
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.hspy.arrays import COMPONENTS, Colours
from omniscopy.io.numpy_files.headers import default_dims, read_header
from omniscopy.io.pieces import Field
from omniscopy.io.records import Axis, Channel, Measurement


def read(path: Path, *, partial: bool = False, dims: Sequence[str] | None = None) -> Measurement:
    """Read an array of NumPy.

    Parameters
    ----------
    path : Path
        The file.
    partial : bool
        Read a file that is cut short, as far as its first dimension is complete.
    dims : sequence of str, optional
        Names of the dimensions. The file has none: two are taken for the y and x of an image,
        others are `dim_0`, `dim_1`, ...

    Returns
    -------
    Measurement
        One channel, lazy; of records one for each field, or one with the colours last.

    Raises
    ------
    FormatError
        The file is cut short or damaged, or `dims` are not of its shape.
    UnsupportedFormatError
        It holds Python objects, which are never unpickled, or text.
    """
    path = Path(path)
    shape, order, dtype, offset = _read_header(path)
    attrs = {}
    if partial and shape and order == "C":
        row = math.prod(shape[1:]) * dtype.itemsize
        there = min(max(path.stat().st_size - offset, 0) // max(row, 1), shape[0])
        if there < shape[0]:
            reason = f"{there} of {shape[0]} along the first dimension are there"
            attrs = {"incomplete": {"missing_from": there, "reason": reason}}
            shape = (there, *shape[1:])
    names = list(dims) if dims is not None else default_dims(len(shape))
    if len(names) != len(shape) or len(set(names)) != len(names):
        message = f"dims {names} do not name the {len(shape)} dimensions of {shape}"
        raise FormatError(message, path=path)
    axes = [Axis(name=name, size=size) for name, size in zip(names, shape, strict=True)]
    data = Mapped(str(path), offset, shape, dtype, order)
    if dtype.names and set(dtype.names) <= set(COMPONENTS):
        words = np.array([COMPONENTS[name] for name in dtype.names])
        colours = [*axes, Axis(name="channel", size=len(words), values=words)]
        channels = [Channel(title=path.stem, data=Colours(data), axes=colours, attrs=attrs)]
    elif dtype.names:
        channels = [
            Channel(title=name, data=Field(data, name), axes=axes, attrs=attrs)
            for name in dtype.names
        ]
    else:
        channels = [Channel(title=path.stem, data=data, axes=axes, attrs=attrs)]
    return Measurement(channels=channels)


def _read_header(path: Path) -> tuple[tuple[int, ...], Literal["C", "F"], np.dtype, int]:
    with path.open("rb") as file:
        shape, order, dtype, offset = read_header(file, path)
    parts = [dtype[name] for name in dtype.names] if dtype.names else [dtype]
    if any(part.kind not in "biufc" or part.shape for part in parts):
        message = f"the array holds values of type {dtype}, not numbers"
        raise UnsupportedFormatError(message, path=path)
    return shape, order, dtype, offset
