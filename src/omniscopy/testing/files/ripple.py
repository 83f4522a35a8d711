"""Write Ripple files: a table of keys, and plain values."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

_TYPES = {"i": "signed", "u": "unsigned", "f": "float"}


def write_ripple(
    path: str | Path,
    values: np.ndarray,
    *,
    record_by: str = "vector",
    byte_order: str = "little-endian",
    offset: int = 0,
    further: Mapping[str, object] | None = None,
    comment: str = ";Written by a test",
) -> Path:
    """Write a Ripple table and its values.

    Parameters
    ----------
    path : path
        The table (.rpl); the values are written beside it (.raw).
    values : ndarray, shape (height, width, depth), or (depth, height, width) by image
        Integers or floating point.
    record_by : {"vector", "image"}
        How `values` lie.
    byte_order : {"little-endian", "big-endian"}
        Of the values.
    offset : int
        Bytes before the values.
    further : mapping
        Further keys, such as `depth-scale`.
    comment : str
        First line of the table, left out where empty.

    Returns
    -------
    Path
        The table.
    """
    path = Path(path)
    sizes = dict(zip(("height", "width", "depth"), values.shape, strict=True))
    if record_by == "image":
        sizes = dict(zip(("depth", "height", "width"), values.shape, strict=True))
    keys: dict[str, object] = {
        **sizes,
        "offset": offset,
        "data-length": values.dtype.itemsize,
        "data-type": _TYPES[values.dtype.kind],
        "byte-order": byte_order,
        "record-by": record_by,
        **(further or {}),
    }
    lines = ([comment] if comment else []) + ["key\tvalue"]
    lines += [f"{key}\t{value}" for key, value in keys.items()]
    path.write_bytes("\r\n".join(lines).encode("latin-1"))
    stored = values.astype(values.dtype.newbyteorder("<" if byte_order[0] == "l" else ">"))
    path.with_suffix(".raw").write_bytes(b"\xaa" * offset + stored.tobytes())
    return path
