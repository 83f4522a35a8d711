r"""Write Nanoscope files byte by byte: text header, then one block of counts for each channel.

Written from the layout that such files show, independently of the reader.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

_EQUIPMENT = {"Description": "Dimension Icon"}
_SCANNER = {"Scanner type": "Dim 4000", "@Sens. Zsens": "V 26.24560 nm/V"}
_SCAN: dict[str, Any] = {
    "Operating mode": "Image",
    "Scan Size": "10000 nm",
    "Rotate Ang.": 0,
    "Scan Rate": 0.746607,
    "@MicroscopeList": 'S [TMMode] "Tapping"',
    "@Sens. DeflSens": "V 62.00000 nm/V",
    "@Sens. ZsensSens": "V 363.9249 nm/V",
    "@Sens. Amplitude Error": "V 62.00000 nm/V",
    "@Sens. Phase": "V 1.000000 ",
    "@2:TMSetAmplitude": "V [Sens. AmplSens] (0.03051758 mV/LSB) 246.8933 mV",
    "@2:CantDrive": "V (0.3051758 mV/LSB) 1309.204 mV",
    "@2:CantFrequency": "V (0.0000116415 kHz/LSB) 157.6600 kHz",
    "@2:Tip Bias": "V (0.0003662109 V/LSB) 1.500000 V",
}
_FORCE: dict[str, Any] = {
    "Scan rate": 0.5,
    "@4:Ramp size Zsweep": "V [Sens. Zsens] (0.006713867 V/LSB) 20.00000 V",
}


@dataclass(frozen=True, kw_only=True)
class NanoscopeImage:
    """One image: counts in displayed order and what they are worth.

    Parameters
    ----------
    counts : ndarray of int16 or int32, shape (y, x)
    title : str
        The user's name of the channel.
    z_scale : str
        The line `Z scale` of the header.
    section : mapping
        Further or other lines of the channel's section.
    """

    counts: np.ndarray
    title: str = "Height Sensor"
    internal: str = "ZSensor"
    z_scale: str = "V [Sens. ZsensSens] (0.0003750000 V/LSB) 24.57600 V"
    scan_size: str = "10 10 ~m"
    aspect: str = "1:1"
    direction: str = "Retrace"
    section: Mapping[str, Any] = field(default_factory=dict)

    def lines(self) -> dict[str, Any]:
        """Return the lines that describe the image, its place in the file left out."""
        rows, columns = self.counts.shape
        return {
            "Bytes/pixel": self.counts.dtype.itemsize,
            "Data type": "AFM",
            "Frame direction": "Up",
            "Samps/line": columns,
            "Number of lines": rows,
            "Aspect Ratio": self.aspect,
            "Scan Size": self.scan_size,
            "Line Direction": self.direction,
            "@2:Image Data": f'S [{self.internal}] "{self.title}"',
            "@Z magnify": "C [2:Z scale] 0.3480572 ",
            "@2:Z scale": self.z_scale,
            **self.section,
        }

    def stored(self) -> bytes:
        """Return the counts as the file has them: from the lowest row up."""
        return self.counts[::-1].astype(self.counts.dtype.newbyteorder("<")).tobytes()


@dataclass(frozen=True, kw_only=True)
class NanoscopeForce:
    """Force curves: counts from the turning point outwards, extending half first.

    Parameters
    ----------
    extend, retract : ndarray of int16 or int32, shape (points) or (y, x, points)
        In displayed order. An extending half that is shorter takes as many places as the other,
        with `gap` in those that are left.
    pause : ndarray, the same shape but for its points, optional
        What was recorded while the tip was held.
    """

    extend: np.ndarray
    retract: np.ndarray
    pause: np.ndarray | None = None
    gap: int | None = None
    title: str = "Deflection Error"
    internal: str = "DeflectionError"
    z_scale: str = "V [Sens. DeflSens] (0.0003750000 V/LSB) 24.57600 V"
    section: Mapping[str, Any] = field(default_factory=dict)

    def lines(self) -> dict[str, Any]:
        """Return the lines that describe the curves, their place in the file left out."""
        points = [self.extend.shape[-1], self.retract.shape[-1]]
        points = points if self.gap is None else points[::-1]
        return {
            "Bytes/pixel": self.extend.dtype.itemsize,
            "Data type": "FORCE",
            "Samps/line": f"{points[0]} {points[1]}",
            "Number of lines": 1,
            "Spring Constant": 0.35,
            "@4:Image Data": f'S [{self.internal}] "{self.title}"',
            "@4:Z scale": self.z_scale,
            **self.section,
        }

    def stored(self) -> bytes:
        """Return the counts as the file has them: curve after curve, from the lowest row up."""
        parts = [self.extend, self.retract]
        if self.gap is not None:
            left = self.retract.shape[-1] - self.extend.shape[-1]
            parts.insert(1, np.full((*self.extend.shape[:-1], left), self.gap, self.extend.dtype))
        both = np.concatenate([*parts, *([] if self.pause is None else [self.pause])], axis=-1)
        both = both[::-1] if both.ndim == 3 else both
        return both.astype(both.dtype.newbyteorder("<")).tobytes()


def write_nanoscope(
    path: str | Path,
    channels: Sequence[NanoscopeImage | NanoscopeForce],
    *,
    version: str = "0x05120000",
    date: str = "03:52:08 PM Thu Aug 03 2017",
    sections: Mapping[str, Mapping[str, Any]] | None = None,
    header_bytes: int = 8192,
) -> Path:
    """Write a Nanoscope file and return its path.

    Parameters
    ----------
    path : str or Path
        Where to write.
    channels : sequence of NanoscopeImage and NanoscopeForce
        Both kinds together make a force volume.
    version, date : str
        As the first section has them.
    sections : mapping of section to its lines
        Lines beside or instead of plausible ones; a value of `None` takes a line out.
    header_bytes : int
        Where the data start.
    """
    forces = any(isinstance(channel, NanoscopeForce) for channel in channels)
    only_forces = all(isinstance(channel, NanoscopeForce) for channel in channels)
    start = "Force file list" if only_forces else "File list"
    known: dict[str, Mapping[str, Any]] = {
        start: {"Version": version, "Date": date, "Data length": header_bytes},
        "Equipment list": _EQUIPMENT,
        "Scanner list": _SCANNER,
        "Ciao scan list": _SCAN,
    }
    if forces:
        known["Ciao force list"] = _FORCE
    parts = [(name, {**lines, **(sections or {}).get(name, {})}) for name, lines in known.items()]
    place = header_bytes
    for channel in channels:
        name = "Ciao force image list" if isinstance(channel, NanoscopeForce) else "Ciao image list"
        stored = len(channel.stored())
        lines = {"Data offset": place, "Data length": stored, **channel.lines()}
        parts.append((name, lines))
        place += stored
    text = "".join(_section_text(name, lines) for name, lines in parts) + f"\\*{start} end\r\n\x1a"
    header = text.encode("latin-1").ljust(header_bytes, b"\0")
    path = Path(path)
    path.write_bytes(header + b"".join(channel.stored() for channel in channels))
    return path


def _section_text(name: str, lines: Mapping[str, Any]) -> str:
    kept = [f"\\{key}: {value}\r\n" for key, value in lines.items() if value is not None]
    return "".join([f"\\*{name}\r\n", *kept])
