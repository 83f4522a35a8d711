"""Write series of TVIPS cameras byte by byte."""

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np


def write_tvips(
    path: str | Path,
    frames: np.ndarray,
    *,
    rotator: Sequence[int] = (),
    mode: int = 2,
    started: int = 740_399_696,
    interval_ms: int = 20,
    split: Sequence[int] = (),
    extra: int = 0,
) -> Path:
    """Write a series of frames.

    Parameters
    ----------
    path : path
        The first file; its name ends in `_000.tvips` where there are more.
    frames : ndarray of uint8, uint16 or uint32, shape (frames, rows, columns)
        In the order in which they were taken.
    rotator : sequence of int
        Rotator index of each frame; 0 where left out.
    mode : int
        1 in imaging, 2 in diffraction.
    started : int
        Seconds since 1970.
    interval_ms : int
        From one frame to the next.
    split : sequence of int
        Numbers of the frames with which a further file starts.
    extra : int
        Bytes by which the headers of frames are longer.

    Returns
    -------
    Path
        The first file.
    """
    path = Path(path)
    count, rows, columns = frames.shape
    bits = 8 * frames.dtype.itemsize
    content = struct.pack("<5I2i6I", 256, 2, columns, rows, bits, 0, 0, 1, 1, 15600, 200, 80, 0)
    content = content[:48] + struct.pack("<I", 60 + extra) + b"TVIPS " * 34
    name = path
    ends = [*split, count]
    for number, frame in enumerate(frames):
        if number in split:
            name.write_bytes(content)
            content = b""
            name = path.with_stem(f"{path.stem[:-3]}{ends.index(number) + 1:03}")
        late = number * interval_ms
        content += struct.pack("<4If2I", number, started + late // 1000, late % 1000, 0, 23.0, 0,
                               mode)  # fmt: skip
        index = rotator[number] if len(rotator) else 0
        content += struct.pack("<5fI2f", 1.0, 2.0, 3.0, 4.0, 5.0, index, 20.0, 0.0) + bytes(extra)
        content += frame.astype(frame.dtype.newbyteorder("<")).tobytes()
    name.write_bytes(content)
    return path
