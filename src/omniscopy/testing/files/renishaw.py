"""Write files of Renishaw WiRE byte by byte."""

import io
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["WdfArea", "WdfOrigin", "write_wdf"]

_EPOCH = 133_229_366_250_558_509


@dataclass(frozen=True)
class WdfOrigin:
    """One number for each spectrum: x 3, y 4, z 5, time 11, focus 14; unit 5 is µm."""

    kind: int
    values: Sequence[float]
    label: str = ""
    units: int = 5
    primary: bool = True


@dataclass(frozen=True)
class WdfArea:
    """The grid of a map, in µm; flags 128 make a line of it."""

    offset: tuple[float, float, float]
    step: tuple[float, float, float]
    size: tuple[int, int, int]
    flags: int = 0


def write_wdf(
    path: str | Path,
    spectra: np.ndarray,
    abscissa: Sequence[float],
    *,
    origins: Sequence[WdfOrigin] = (),
    area: WdfArea | None = None,
    picture: np.ndarray | None = None,
    maps: Mapping[str, np.ndarray] | None = None,
    header: Mapping[str, Any] | None = None,
) -> Path:
    """Write a file and return its path.

    Parameters
    ----------
    path : str or Path
        Where to write.
    spectra : ndarray, shape (spectra, points)
        In the order in which they were taken.
    abscissa : sequence of float
        Labels of the points.
    origins : sequence of WdfOrigin
        Where and when each spectrum was taken.
    area : WdfArea, optional
        The grid of a map.
    picture : ndarray of uint8, shape (rows, columns, 3), optional
        A white-light image of 100 by 50 µm at (-20, 30) µm.
    maps : mapping of str to ndarray, optional
        Maps that were calculated, a number for each spectrum.
    header : mapping, optional
        Values that replace the usual ones: `points`, `spectra`, `collected` (those taken before
        the measurement was aborted), `x_list`, `started`, `title`, `laser_wavenumber`, and
        `abscissa_units` (1 for 1/cm of Raman shift, 3 for nm, 0 unknown).
    """
    count, points = spectra.shape
    said: dict[str, Any] = {
        "points": points, "spectra": count, "collected": count, "abscissa_units": 1,
        "x_list": len(abscissa), "started": _EPOCH, "title": "Map 1", "laser_wavenumber": 18796.99,
    } | dict(header or {})  # fmt: skip
    blocks = [_block(b"DATA", spectra.astype("<f4").tobytes())]
    blocks += [_block(b"YLST", struct.pack("<IIf", 4, 16, 27.0))]
    labels = np.asarray(abscissa, "<f4").tobytes()
    blocks += [_block(b"XLST", struct.pack("<II", 1, said["abscissa_units"]) + labels)]
    lists = b"".join(_origin(each) for each in origins)
    blocks += [_block(b"ORGN", struct.pack("<I", len(origins)) + lists)] if origins else []
    blocks += [_block(b"TEXT", b"A measurement made for tests")]
    blocks += [_block(b"WXDM", _measurement()), _block(b"WXIS", _instrument())]
    blocks += [_block(b"WXCS", _calibration())]
    if area is not None:
        fields = (*area.offset, *area.step, *area.size)
        blocks.append(_block(b"WMAP", struct.pack("<II3f3f3II", area.flags, 0, *fields, 0)))
    for title, values in (maps or {}).items():
        content = _properties(_string(0x19B, title)) + struct.pack("<Q", len(values))
        blocks.append(_block(b"MAP ", content + values.astype("<f4").tobytes()))
    if picture is not None:
        blocks.append(_block(b"WHTL", _picture(picture)))
    path = Path(path)
    path.write_bytes(_header(said, len(origins)) + b"".join(blocks))
    return path


def _header(said: Mapping[str, Any], origins: int) -> bytes:
    head = struct.pack("<4sIQQ16sQIII", b"WDF1", 1, 512, 0, bytes(16), 0, 0, 0, 0)
    head += struct.pack("<IQQI", said["points"], said["spectra"], said["collected"], 3)
    head += struct.pack("<III24s", 1, said["x_list"], origins, b"WiRE")
    head += struct.pack("<4HII", 5, 5, 0, 25331, 1, 3)
    head += struct.pack("<QQIf", said["started"], said["started"], 6, said["laser_wavenumber"])
    head = head.ljust(208, b"\0") + b"optik".ljust(32, b"\0")
    return (head + said["title"].encode()).ljust(512, b"\0")


def _block(name: bytes, content: bytes) -> bytes:
    return struct.pack("<4sIQ", name, 0, 16 + len(content)) + content


def _origin(origin: WdfOrigin) -> bytes:
    kind = origin.kind | (0x80000000 if origin.primary else 0)
    if origin.kind == 11:
        ticks = [_EPOCH + round(seconds * 1e7) for seconds in origin.values]
        return struct.pack("<II16s", kind, 24, b"Time") + np.asarray(ticks, "<u8").tobytes()
    label = origin.label.encode()
    return (
        struct.pack("<II16s", kind, origin.units, label)
        + np.asarray(origin.values, "<f8").tobytes()
    )


def _properties(items: bytes) -> bytes:
    return b"PSET" + struct.pack("<I", len(items)) + items


def _sized(kind: bytes, key: int, content: bytes) -> bytes:
    return kind + struct.pack("<BHI", 0, key, len(content)) + content


def _string(key: int, text: str) -> bytes:
    return _sized(b"u", key, text.encode())


def _named(key: int, name: str, item: bytes) -> bytes:
    return item + _sized(b"k", key, name.encode())


def _integer(key: int, value: int) -> bytes:
    return b"i" + struct.pack("<BHi", 0, key, value)


def _measurement() -> bytes:
    scan = _named(0x8001, "Exposure Time", _integer(0x8001, 2000))
    scan += _named(0x8002, "Accumulations", _integer(0x8002, 5))
    items = _named(0x8003, "Scan", _sized(b"p", 0x8003, scan))
    return _properties(_string(0x3E9, "Map") + _sized(b"p", 0x3F3, items))


def _instrument() -> bytes:
    items = _named(0x8001, "Instrument type", _string(0x8001, "InVia"))
    ranges = b"r" + struct.pack("<BHI2f", 0x80, 0x8002, 2, 1.0, 2.0)
    places = zip((0x8004, 0x8005, 0x8006), "XYZ", (4960.25, -105961.5, 8.0), strict=True)
    stage = b"".join(
        _named(key, name, b"q" + struct.pack("<BHd", 0, key, value)) for key, name, value in places
    )
    items += _named(0x8002, "range", ranges)
    return _properties(items + _named(0x8003, "Stage", _sized(b"p", 0x8003, stage)))


def _calibration() -> bytes:
    """Return a set whose own keys have other names than the same keys outside."""
    camera = _named(0x8001, "CCD", _string(0x8001, "Centrus"))
    camera += _named(0x8002, "Temperature", _integer(0x8002, -58))
    # This one has its name outside.
    camera += _integer(0x8003, 7)
    items = _named(0x8001, "Lasers", _sized(b"p", 0x8001, b""))
    items += _named(0x8002, "CCD", _sized(b"p", 0x8002, camera))
    return _properties(items + _named(0x8003, "Revision", _integer(0x8003, 2)))


def _picture(pixels: np.ndarray) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=95)
    jpeg = stream.getvalue()
    exif = b"MM\0*" + struct.pack(">I", 8) + struct.pack(">H", 2)
    exif += struct.pack(">HHII", 0xFEA0, 11, 2, 38)
    exif += struct.pack(">HHII", 0x8769, 4, 1, 46) + struct.pack(">I", 0)
    exif += struct.pack(">2f", -20.0, 30.0)
    exif += struct.pack(">H", 2) + struct.pack(">HHIf", 0xA20E, 11, 1, 100.0)
    exif += struct.pack(">HHII", 0xA20F, 5, 1, 76) + struct.pack(">I", 0)
    exif += struct.pack(">II", 500, 10)
    content = b"Exif\0\0" + exif
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", 2 + len(content)) + content + jpeg[2:]
