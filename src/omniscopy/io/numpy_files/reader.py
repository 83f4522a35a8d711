"""Read arrays of NumPy: a header that says type, order and shape, then the values."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from omniscopy.io.arrays import Mapped
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.numpy_files.headers import default_dims, read_header
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
        One channel, lazy.

    Raises
    ------
    FormatError
        The file is cut short or damaged, or `dims` are not of its shape.
    UnsupportedFormatError
        It holds Python objects, which are never unpickled, or records.
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
    channel = Channel(
        title=path.stem,
        data=Mapped(str(path), offset, shape, dtype, order),
        axes=[Axis(name=name, size=size) for name, size in zip(names, shape, strict=True)],
        attrs=attrs,
    )
    return Measurement(channels=[channel])


def _read_header(path: Path) -> tuple[tuple[int, ...], Literal["C", "F"], np.dtype, int]:
    with path.open("rb") as file:
        shape, order, dtype, offset = read_header(file, path)
    if dtype.kind not in "biufc":
        message = f"the array holds values of type {dtype}, not numbers"
        raise UnsupportedFormatError(message, path=path)
    return shape, order, dtype, offset
