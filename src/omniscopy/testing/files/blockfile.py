"""Write NanoMEGAS block files byte by byte."""

import struct
from pathlib import Path

import numpy as np


def write_blockfile(  # noqa: PLR0913 - the fields of the layout
    path: str | Path,
    patterns: np.ndarray,
    *,
    steps: tuple[float, float] = (12.8, 12.8),
    pixels_per_metre: int = 6226,
    beam_energy: int = 200_000,
    camera_length: int = 2000,
    scan_rotation: float = 25.0,
    acquired: float = 42373.65,
    text: str = "Precession angle : 0.9",
    version: int = 0x0102,
) -> Path:
    """Write a block file.

    Parameters
    ----------
    path : path
        Where to write; replaced if it exists.
    patterns : ndarray of uint8 or uint16, shape (rows, columns, n, n)
        A pattern for every pixel of the scan; 16 bits belong to version 1.3.
    steps : (y, x), nm
        Steps of the scan.
    pixels_per_metre : int
        Pixels of the detector in a metre; 0 leaves the scale out.
    beam_energy : int, eV
        Of the electrons.
    camera_length : int, 0.1 mm
        Of the projection onto the screen.
    scan_rotation : float, deg
        Of the scan.
    acquired : float
        Days since 1899-12-30.
    text : str
        Remarks; the depth of the patterns is added in version 1.3.
    version : int
        Of the layout.

    Returns
    -------
    Path
        The file.
    """
    rows, columns, size, _ = patterns.shape
    image = patterns.sum(axis=(2, 3)).astype(np.float64)
    image = (image / max(image.max(), 1.0) * 255).astype(np.uint8)
    first, second = 0x1000, 0x1000 + rows * columns
    head = b"IMGBLO" + struct.pack("<H", version)
    head += struct.pack("<III", first, second, 0)
    head += struct.pack("<HHHHH", size, 0, columns, rows, round(scan_rotation * 100))
    head += struct.pack("<dd", steps[1], steps[0])
    head += struct.pack("<IHId", beam_energy, pixels_per_metre, camera_length, acquired)
    if version > 0x0102:
        text += f"\r\nBlo Bit Depth: {8 * patterns.dtype.itemsize} bits\r\n"
    head = head.ljust(240, b"\0") + text.encode("latin-1")
    body = b"".join(
        struct.pack("<HI", 0x55AA, number) + pattern.tobytes()
        for number, pattern in enumerate(patterns.reshape(-1, size, size))
    )
    path = Path(path)
    path.write_bytes(head.ljust(first, b"\0") + image.tobytes() + body)
    return path
