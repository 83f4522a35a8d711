"""Series of frames as the programs of pnCCD cameras write them, for tests and demonstrations."""

import struct
from pathlib import Path

import numpy as np

__all__ = ["write_frms6", "write_frms6_text"]


def write_frms6(path: str | Path, frames: np.ndarray, *, count: int | None = None) -> Path:
    """Write frames (frame, y, x), of an even number of rows, and return the path.

    Parameters
    ----------
    path : str or Path
        Where to write.
    frames : array, shape (frame, y, x)
        As they are seen.
    count : int, optional
        The number of frames that the header states, which older programs leave at 0.
    """
    rows, columns = frames.shape[1:]
    head = struct.pack("<HH3xB80xHH928xI", 1024, 64, 6, 2 * columns, rows // 2,
                       len(frames) if count is None else count)  # fmt: skip
    parts = [head]
    for number, frame in enumerate(frames):
        parts.append(struct.pack("<4xIII48x", 1_600_000_000, 1000 * number, number))
        for row in range(rows // 2):
            parts += [frame[row].astype("<u2").tobytes()]
            parts += [frame[rows - 1 - row][::-1].astype("<u2").tobytes()]
    Path(path).write_bytes(b"".join(parts))
    return Path(path)


def write_frms6_text(path: str | Path, scan: tuple[int, int]) -> Path:
    """Write the text beside a series."""
    text = (
        "[measurementInfo]\ndarkframes=2\ndwelltimemicroseconds=1000\ngain=1\n"
        f"signalframes={scan[0] * scan[1]}\nstemimagesize={scan[0]}x{scan[1]}\n"
        'readoutmode="bin: 1, windowing: 132 x 264"\n'
    )
    Path(path).write_text(text, "utf-8")
    return Path(path)
