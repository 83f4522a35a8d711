"""A tag of our own in TIFF files that we write, which brings back labels and history."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.array_notes import restore_array, split_shape_note
from omniscopy.io.arrays import Mapped, Transposed
from omniscopy.io.records import Axis, Channel, LazyArray, Measurement
from omniscopy.io.tiff.calibration import tag_value

# One of the numbers that anyone may use.
NOTE_TAG = 65123


def order_note(order: Sequence[int]) -> str:
    """Return the dimensions of the file in the order in which they are shown."""
    return f"{','.join(map(str, order))} "


def restored(path: Path, file: Any) -> Measurement | None:
    """Return the array that we saved, `None` where there is none or its note is damaged."""
    raw = tag_value(file.pages[0], NOTE_TAG)
    if not isinstance(raw, bytes) or len(file.series) != 1:
        return None
    series = file.series[0]
    if series.dataoffset is None or series.dtype is None:
        return None
    shape, rest = split_shape_note(raw.decode("utf-8", "replace"), size=int(series.size))
    said, _, note = rest.partition(" ")
    if shape is None or not re.fullmatch(r"\d+(,\d+)*", said):
        return None
    order = tuple(int(part) for part in said.split(","))
    if sorted(order) != list(range(len(shape))):
        return None
    dtype = np.dtype(series.dtype).newbyteorder(file.byteorder)
    data: LazyArray = Mapped(str(path), series.dataoffset, shape, dtype)
    if order != tuple(range(len(shape))):
        data = Transposed(data, order)
    axes = [Axis(name=f"dim_{number}", size=size) for number, size in enumerate(data.shape)]
    channel = Channel(title=path.stem, data=data, axes=axes)
    found, root = restore_array(channel, note)
    return None if found is channel else Measurement(channels=[found], attrs=root)
