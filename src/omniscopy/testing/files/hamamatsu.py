"""Write streak images of Hamamatsu byte by byte."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

__all__ = ["StreakImage", "write_img"]

_TYPES = {"uint8": 0, "uint16": 2, "uint32": 3}
_SETTINGS = {
    "Application": {
        "Date": '"28/07/2024"', "Time": '"11:50:25.535"', "Software": '"HPD-TA"',
        "SoftwareVersion": '"9.5"',
    },
    "Camera": {"CameraName": '"C13440-20C"', "SerialNumber": '"S/N: 1,2 [a]"'},
    "Acquisition": {"NrExposure": "3", "ExposureTime": "100 ms", "ZAxisUnit": "Count"},
    "Streak camera": {
        "DeviceName": '"C16910"', "Time Range": '"5 ns"', "Mode": '"Operate"', "MCP Gain": '"8"',
    },
    "Spectrograph": {"DeviceName": '"Andor"', "Wavelength": '"500"', "Ruling": '"40"'},
    "Comment": {"UserComment": '"a dye"'},
}  # fmt: skip


@dataclass(frozen=True)
class StreakImage:
    """Pixels of uint8, uint16 or uint32, row 0 on top, and how their places are labelled.

    `x` and `y` are labels that are listed, a step, or `None`; `units` those of x and y.
    """

    values: np.ndarray
    x: Sequence[float] | float | None = None
    y: Sequence[float] | float | None = None
    units: tuple[str, str] = ("nm", "ns")
    settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def write_img(path: str | Path, images: Sequence[StreakImage]) -> Path:
    """Write a file of one image or several, and return its path; labels stand at its end."""
    lengths = [len(_comment(image, 0)) for image in images]
    places = [
        64 + length + image.values.nbytes for length, image in zip(lengths, images, strict=True)
    ]
    table, content, labels = sum(places), b"", b""
    for image in images:
        comment = _comment(image, table + len(labels))
        labels += _labels(image.x) + _labels(image.y)
        rows, columns = image.values.shape
        head = (b"IM", len(comment), columns, rows, 0, 0, _TYPES[image.values.dtype.name])
        content += struct.pack("<2s6H", *head).ljust(64, b"\0") + comment
        content += image.values.astype(image.values.dtype.newbyteorder("<")).tobytes()
    path = Path(path)
    path.write_bytes(content + labels)
    return path


def _comment(image: StreakImage, table: int) -> bytes:
    x, y = _labels(image.x), _labels(image.y)
    scaling = _scaling("X", image.x, image.units[0], table, x)
    scaling |= _scaling("Y", image.y, image.units[1], table + len(x), y)
    sections = {**_SETTINGS, "Scaling": scaling}
    for name, entries in image.settings.items():
        sections[name] = {**sections.get(name, {}), **entries}
    text = "\r\n".join(
        f"[{name}]," + ",".join(f"{key}={value}" for key, value in entries.items())
        for name, entries in sections.items()
    )
    return text.encode()


def _scaling(
    letter: str, labels: Sequence[float] | float | None, units: str, table: int, raw: bytes
) -> dict[str, str]:
    kind, scale, file = "1", "2", '"Other"'
    if isinstance(labels, int | float):
        scale = repr(labels)
    elif labels is not None:
        kind, file = "2", f'"#{table:07},{len(raw) // 4:04}"'
    return {
        f"Scaling{letter}Type": kind,
        f"Scaling{letter}Scale": scale,
        f"Scaling{letter}Unit": f'"{units if labels is not None else ""}"',
        f"Scaling{letter}ScalingFile": file,
    }


def _labels(labels: Sequence[float] | float | None) -> bytes:
    if labels is None or isinstance(labels, int | float):
        return b""
    return np.asarray(labels, "<f4").tobytes()
