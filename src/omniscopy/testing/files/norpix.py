"""Write Norpix sequences byte by byte."""

import struct
from pathlib import Path

import numpy as np


def write_seq(  # noqa: PLR0913 - the fields of the layout
    path: str | Path,
    frames: np.ndarray,
    *,
    version: int = 5,
    allocated: int | None = None,
    description: str = "",
    started: float = 1_600_000_000.25,
    interval_us: int = 1500,
    image_format: int = 100,
    compression: int = 0,
) -> Path:
    """Write a sequence.

    Parameters
    ----------
    path : path
        Of the file.
    frames : ndarray of uint8 or uint16, shape (frames, rows, columns)
        In the order in which they were taken.
    version : int
        Of the format; microseconds are there since 5.
    allocated : int, optional
        The number of frames that the header states.
    description : str
        Written by the user.
    started : float
        Seconds since 1970 at the first frame.
    interval_us : int
        From one frame to the next.
    image_format, compression : int
        Of the header.

    Returns
    -------
    Path
        The file.
    """
    path = Path(path)
    count, rows, columns = frames.shape
    size, bits = frames[0].nbytes, 8 * frames.dtype.itemsize
    first = 8192 if version >= 5 else 1024
    stride = -(-(size + 8) // 512) * 512
    text = description.encode("utf-16-le").ljust(512, b"\0")
    content = struct.pack("<I24sii", 0xFEED, "Norpix seq".encode("utf-16-le"), version, 1024)
    content += text + struct.pack(
        "<9Id", columns, rows, bits, bits, size, image_format,
        count if allocated is None else allocated, 0, stride, 1e6 / interval_us,
    )  # fmt: skip
    content += struct.pack("<i3I3iIiHH", 0, 0, 0, 0, 0, 0, 0, compression, 0, 0, 0)
    content = content.ljust(first, b"\0")
    for number, frame in enumerate(frames):
        stamp = round(started * 1e6) + number * interval_us
        seconds, rest = divmod(stamp, 1_000_000)
        raw = frame.astype(frame.dtype.newbyteorder("<")).tobytes()
        raw += struct.pack("<IH", seconds, rest // 1000)
        raw += struct.pack("<H", rest % 1000) if first == 8192 else b""
        content += raw.ljust(stride, b"\0")
    path.write_bytes(content)
    return path
