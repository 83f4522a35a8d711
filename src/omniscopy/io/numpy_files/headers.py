"""The header of an array of NumPy: its shape, order and type."""

from pathlib import Path
from tokenize import TokenError
from typing import BinaryIO, Literal

import numpy as np

from omniscopy.io.errors import FormatError, UnsupportedFormatError

LONGEST_HEADER = 10_000


def read_header(
    file: BinaryIO, path: Path
) -> tuple[tuple[int, ...], Literal["C", "F"], np.dtype, int]:
    """Return shape, order, type and length of the header that starts where `file` stands.

    Raises
    ------
    FormatError
        It is damaged or cut short.
    UnsupportedFormatError
        The array holds Python objects, which are never unpickled.
    """
    form, start = np.lib.format, file.tell()
    try:
        version = form.read_magic(file)
        first = version == (1, 0)
        length = int.from_bytes(file.read(2 if first else 4), "little")
        if length > LONGEST_HEADER:
            message = f"a header of {length} bytes is claimed"
            raise ValueError(message)
        file.seek(start + 8)
        read_form = form.read_array_header_1_0 if first else form.read_array_header_2_0
        shape, is_fortran, dtype = read_form(file, max_header_size=LONGEST_HEADER)
        offset = file.tell() - start
    except (ValueError, EOFError, TypeError, SyntaxError, TokenError) as error:
        message = f"the header of the array is damaged or cut short ({error})"
        raise FormatError(message, path=path, offset=start) from error
    if dtype.hasobject:
        message = (
            "the array holds Python objects, which could run any code when they are unpickled; "
            "save the numbers as an array of numbers"
        )
        raise UnsupportedFormatError(message, path=path)
    return tuple(int(size) for size in shape), "F" if is_fortran else "C", dtype, offset


def default_dims(count: int) -> list[str]:
    """Return names of dimensions that have none: two are taken for those of an image."""
    return ["y", "x"] if count == 2 else [f"dim_{number}" for number in range(count)]
