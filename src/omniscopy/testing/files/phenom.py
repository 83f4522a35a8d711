"""Write projects of Phenom microscopes: records one after another, packed with bzip2."""

import bz2
import io
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

KINDS = {"MSA": 1, "Spot": 2, "Line": 3, "Map": 4, "Difference": 5, "Region": 6}
# version: bytes after settings and after elements
LAYOUTS = {1: (16, 0), 2: (16, 1), 4: (26, 5)}


def encode_image_text(*, pixel: float = 500.0, voltage: float = -15.0, further: str = "") -> str:
    """Return the XML text of an image.

    Parameters
    ----------
    pixel : float, nm
        Size of a pixel.
    voltage : float, kV
        Of the beam.
    further : str
        Elements of the scan.
    """
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<FeiImage>'
        f'<pixelWidth unit="nm">{pixel}</pixelWidth><pixelHeight unit="nm">{pixel}</pixelHeight>'
        "<time>2019-08-07T09:37:31</time><samplePosition><x>-0.0025</x><y>0.001</y>"
        '</samplePosition><acquisition><scan><dwellTime unit="ns">200</dwellTime>'
        f'<rotation>0</rotation><highVoltage unit="kV">{voltage}</highVoltage>{further}'
        "</scan></acquisition><instrument><type>PhenomXL</type>"
        "<softwareVersion>5.4.5</softwareVersion></instrument></FeiImage>"
    )


def encode_tiff(pixels: np.ndarray, text: str = "") -> bytes:
    """Return an image as a TIFF file.

    Parameters
    ----------
    pixels : ndarray
        Of the image.
    text : str
        How it was taken.
    """
    import tifffile

    file = io.BytesIO()
    tags = [(34683, 2, 0, text, True)] if text else []
    tifffile.imwrite(file, pixels, extratags=tags, metadata=None, byteorder="<")
    return file.getvalue()


def encode_dataset(
    kind: str,
    number: int,
    counts: np.ndarray,
    *,
    place: Sequence[float] = (),
    version: int = 4,
    energies: tuple[float, float] = (-36.0, 10.0),
) -> bytes:
    """Return a spectrum, or a line or map with its sum.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    number : int
        That it is called by.
    counts : ndarray, shape (..., channels)
        What was counted.
    place : sequence of float
        Of the spectrum; of a difference, the numbers of two others.
    version : int
        Of the format.
    energies : (start, width), eV
        Of the channels.
    """
    after_settings, after_elements = LAYOUTS[version]
    settings = struct.pack("<8d", 15e3, 0.5, 0.0, 5.5, 10.5, 1.12e-5, 1e-7, 126.0)
    settings += _text("MVE027" if version == 4 else "") + struct.pack("<3d", 0.0, 0.008, 2.5e-5)
    settings += bytes(after_settings)
    spectrum = counts.reshape(-1, counts.shape[-1]).sum(axis=0)
    raw = struct.pack("<B", KINDS[kind]) + _block(encode_tiff(np.zeros((1, 1), np.uint8)))
    raw += struct.pack("<2dI", *energies, len(spectrum)) + _varints(spectrum) + settings
    raw += struct.pack("<I2B", 2, 13, 29) + struct.pack("<IB", 1, 5) + struct.pack("<I", 0)
    raw += struct.pack("<I6B", 2, 13, 2, 3, 29, 1, 1)
    raw += struct.pack("<BI", 1, number) + struct.pack("<I2B", 1, 13, 1) + bytes(after_elements)
    raw += struct.pack(f"<{len(place)}{'I' if kind == 'Difference' else 'd'}", *place)
    if kind == "Map":
        rows, columns, channels = counts.shape
        raw += struct.pack("<I2I", 0, columns, rows)
    elif kind == "Line":
        rows, channels = counts.shape
        columns = 1
        raw += struct.pack("<I", rows)
    else:
        return raw
    raw += struct.pack("<I2d", channels, *energies) + settings + b"\x01\x01"
    raw += _varints(counts.ravel()) + bytes(16 * rows * columns)
    return raw + (b"\x01" if kind == "Line" else b"")


def encode_project(
    images: Sequence[tuple[str, bytes, Sequence[bytes]]], *, version: int = 4
) -> bytes:
    """Return a project before it is packed.

    Parameters
    ----------
    images : sequence of (name, TIFF, data)
        From `encode_tiff` and `encode_dataset`.
    version : int
        Of the format.
    """
    raw = b"EID2" + struct.pack("<2I", version, len(images))
    for name, tiff, datasets in images:
        raw += _block(tiff) + _text(name) + struct.pack("<I", len(datasets)) + b"".join(datasets)
    return raw + bytes(8)


def write_elid(path: str | Path, content: bytes) -> Path:
    """Write a project.

    Parameters
    ----------
    path : path
        Where to write; replaced if it exists.
    content : bytes
        From `encode_project`.
    """
    path = Path(path)
    path.write_bytes(bz2.compress(content))
    return path


def _block(content: bytes) -> bytes:
    return struct.pack("<I", len(content)) + content


def _text(text: str) -> bytes:
    return _block(text.encode())


def _varints(counts: np.ndarray) -> bytes:
    raw = bytearray()
    for count in counts.tolist():
        left: Any = int(count)
        while left > 127:
            raw.append(left & 127 | 128)
            left >>= 7
        raw.append(left)
    return bytes(raw)
