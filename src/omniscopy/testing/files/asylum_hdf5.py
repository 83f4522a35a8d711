"""Asylum Research's HDF5 files, as its converter makes them, for tests and demonstrations."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["write_asylum_map"]

_SETTINGS = {
    "FastScanSize": 6e-6,
    "SlowScanSize": 2e-6,
    "ScanRate": 1.5,
    "SpringConstant": 2.5,
    "InvOLS": 1e-7,
    "ImagingMode": "Contact",
    "MicroscopeModel": "MFP3D",
    "Version": "16.10",
    "NumPtsPerSec": 1000,
    "Date": "2020-02-14",
    "Time": "1:41:25 PM",
}


def write_asylum_map(
    path: str | Path,
    curves: Sequence[Sequence[Mapping[str, np.ndarray]]],
    turns: np.ndarray,
    *,
    images: Mapping[str, np.ndarray] | None = None,
    settings: Mapping[str, Any] | None = None,
    text_as_bytes: bool = False,
    unused: int = 0,
) -> Path:
    """Write a force map and return its path.

    Parameters
    ----------
    path : str or Path
        Where to write.
    curves : nested sequences, [y][x] of channel to values
        Row 0 on top; all channels of a curve are as long.
    turns : array of int, shape (y, x)
        The last point of the way to the surface.
    images : mapping of name to array (y, x)
        Maps of single values.
    settings : mapping
        Lines of the note beside or instead of plausible ones; `None` takes one out.
    text_as_bytes : bool
        Keep text as older converters do.
    unused : int
        Segments without a name in the table, which the converter sets to 0.
    """
    import h5py

    rows, columns = len(curves), len(curves[0])
    channels = list(curves[0][0])
    segments = np.zeros((columns, rows, 2 + unused), np.int32)
    known = {**_SETTINGS, **(settings or {})}
    note = "".join(f"{key}: {value}\r" for key, value in known.items() if value is not None)
    path = Path(path)
    with h5py.File(path, "w") as file:
        file.attrs["Note"] = np.bytes_(note) if text_as_bytes else note
        group = file.create_group("ForceMap/0")
        for name, words in (("Channels", channels), ("Segments", ["Ext", "Ret"])):
            group.attrs[name] = (
                np.array([word.encode() for word in words]) if text_as_bytes else words
            )
        for row in range(rows):
            for column in range(columns):
                curve = np.stack([curves[row][column][name] for name in channels])
                # Rows are counted from the bottom.
                upward = rows - 1 - row
                segments[column, upward, :2] = turns[row, column], curve.shape[1] - 1
                group.create_dataset(f"{column}:{upward}", data=curve.astype(np.float32))
        group.create_dataset("Segments", data=segments)
        for name, values in (images or {}).items():
            file.create_dataset(f"Image/{name}", data=values[::-1].T.astype(np.float32))
    return path
