"""Writing one array as a Ripple table and the values beside it."""

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.io.errors import UnsupportedFormatError
from omniscopy.io.regular import require_even, require_real
from omniscopy.io.ripple.keys import NOTE, NUMBERS, SIGNALS
from omniscopy.io.single_arrays import describe_array, metadata_at, only_array
from omniscopy.io.storage.stored import ChunkedTarget, native_chunks, stream
from omniscopy.model.vocabulary import kind_of

_KINDS = {"i": "signed", "u": "unsigned", "f": "float"}


def write(tree: xr.DataTree, path: Path) -> None:
    """Write the one array of a tree as a Ripple table (.rpl) and values (.raw), streamed.

    Parameters
    ----------
    tree : DataTree
        Real numbers of up to three dimensions with even steps. They are recorded by vector where
        the last dimension is spectral, else by image. Attributes and history are kept under a
        key of our own.
    path : Path
        The table; the values are written beside it.

    Raises
    ------
    UnsupportedFormatError
        There is more than one variable, or it cannot be laid out like this.
    """
    what = "a Ripple file"
    data = only_array(tree, what=what, ndims=[1, 2, 3])
    require_real(data, what=what)
    if data.dtype.kind == "f" and data.dtype.itemsize > 8:
        message = f"{what} holds numbers of up to 8 bytes, not {data.dtype}; convert to float64"
        raise UnsupportedFormatError(message)
    dtype = np.dtype("u1") if data.dtype.kind == "b" else data.dtype.newbyteorder("<")
    by_vector = kind_of(str(data.dims[-1])) == "spectral" or data.ndim == 1
    extents = _extents(data.ndim, by_vector=by_vector)
    entries: dict[str, Any] = {
        "width": 1, "height": 1, "depth": 1, "offset": 0, "data-length": dtype.itemsize,
        "data-type": _KINDS[dtype.kind],
        "byte-order": "little-endian" if dtype.itemsize > 1 else "dont-care",
        "record-by": "vector" if by_vector else "image" if data.ndim == 3 else "dont-care",
    }  # fmt: skip
    for extent, dim in zip(extents, map(str, data.dims), strict=True):
        line = require_even(data, dim, what=what)
        step = line.length / max(line.size, 1)
        entries[extent] = line.size
        entries[f"{extent}-name"] = dim
        entries[f"{extent}-origin"] = repr(-line.offset if line.descends else line.offset)
        entries[f"{extent}-scale"] = repr(-step if line.descends else step)
        entries[f"{extent}-units"] = line.units
    entries |= _further(data)
    plain = {key: " ".join(str(text).split()) for key, text in entries.items() if text is not None}
    plain[NOTE] = describe_array(tree, data)
    lines = ["key\tvalue", *(f"{key}\t{text}" for key, text in plain.items() if text)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    raw = path.with_suffix(".raw")
    with raw.open("wb") as file:
        file.truncate(data.size * dtype.itemsize)
    if data.size:
        target = np.memmap(raw, dtype, "r+", shape=data.shape)
        values, chunks = native_chunks(data.data)
        stream([(values, ChunkedTarget(target, chunks))])
        target.flush()


def _extents(ndim: int, *, by_vector: bool) -> tuple[str, ...]:
    if by_vector:
        return ("height", "width", "depth") if ndim == 3 else ("width", "depth")[-ndim:]
    return ("depth", "height", "width")[-ndim:]


def _further(data: xr.DataArray) -> dict[str, Any]:
    """Return what other programs know of the measurement."""
    metadata = data.attrs.get("metadata", {})
    date, _, time = str(metadata.get("started") or "").partition("T")
    modality = data.attrs.get("modality")
    found = {
        "title": data.attrs.get("long_name") or data.name,
        "date": date,
        "time": time[:8],
        "signal": next((key for key, (_, name) in SIGNALS.items() if name == modality), None),
    }
    for key, (path, factor) in NUMBERS.items():
        value = metadata_at(metadata, path)
        found[key] = None if value is None else repr(float(value) / factor)
    return found
