"""WSxM files made byte by byte, for tests and demonstrations."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

__all__ = [
    "write_wsxm_curves",
    "write_wsxm_image",
    "write_wsxm_movie",
    "write_wsxm_text",
    "write_wsxm_volume",
]

_TYPES = {"i2": "short", "u2": "unsignedshort", "i4": "integer-data", "f4": "float-data",
          "f8": "double"}  # fmt: skip
Entries = Mapping[str, Mapping[str, Any]]


def write_wsxm_image(
    path: str | Path,
    counts: np.ndarray,
    *,
    size: tuple[str, str] = ("500 nm", "250 nm"),
    height: str = "10 nm",
    channel: str = "Topography",
    entries: Entries | None = None,
) -> Path:
    """Write an image and return its path.

    Parameters
    ----------
    path : str or Path
        Where to write.
    counts : array, shape (y, x)
        Row 0 on top; of type int16, uint16, int32, float32 or float64.
    size : (x, y)
        Lengths of the image.
    height : str
        What the range of the counts stands for.
    channel : str
        What was measured.
    entries : mapping of section to mapping
        Entries of the header beside or instead of plausible ones; `None` takes one out.
    """
    path = Path(path)
    path.write_bytes(_image(counts, size, height, channel, entries))
    return path


def write_wsxm_movie(path: str | Path, counts: np.ndarray, *, height: str = "10 nm") -> Path:
    """Write a movie (frame, y, x) and return its path."""
    entries = {"General Info": {"Number of Frames": len(counts)}}
    header = _header(_known(counts[0], ("500 nm", "250 nm"), height, "Topography"), entries,
                     {"Miscellaneous": _range(counts)})  # fmt: skip
    path = Path(path)
    path.write_bytes(header + b"".join(_stored(frame) for frame in counts))
    return path


def write_wsxm_volume(
    path: str | Path,
    topography: np.ndarray,
    counts: np.ndarray,
    ramp: Sequence[str],
    *,
    entries: Entries | None = None,
) -> Path:
    """Write a volume (y, x, ramp) after its topography and return its path."""
    further: Entries = {
        "General Info": {
            "Number of points per ramp": len(ramp),
            "ADC to V conversion factor": "0.5 V",
            "Conversion factor 0 for input channel": "4 nN",
            "Conversion offset 0 for input channel": "1 nN",
            "Channel is inverted": "No",
        },
        "Spectroscopy images ramp value list": {
            f"Image {i:03d}": value for i, value in enumerate(ramp)
        },
    }
    known = _known(topography, ("500 nm", "250 nm"), "10 nm", "Normal force")
    images = [_stored(counts[..., i]) for i in range(len(ramp))]
    path = Path(path)
    path.write_bytes(_header(known, further, entries) + _stored(topography) + b"".join(images))
    return path


def write_wsxm_curves(
    path: str | Path,
    topography: np.ndarray,
    curves: Sequence[Sequence[np.ndarray]],
    *,
    entries: Entries | None = None,
) -> Path:
    """Write an image with curves and return its path.

    Each of `curves` is a list of lines, arrays (points, 2) of x and y in the type of the image.
    """
    raw = _image(topography, ("500 nm", "250 nm"), "10 nm", "Topography", None)
    for number, lines in enumerate(curves, start=1):
        points = len(lines[0])
        raw += _header(_curve(points, len(lines), str(number), len(curves)), entries)
        raw += b"".join(line.astype(topography.dtype).tobytes() for line in lines)
    path = Path(path)
    path.write_bytes(raw)
    return path


def write_wsxm_text(
    path: str | Path,
    lines: Sequence[np.ndarray],
    *,
    index: str | None = "1",
    entries: Entries | None = None,
) -> Path:
    """Write curves as text and return the path; `lines` are arrays (points, 2) of x and y.

    With `index` they are one of a series of force curves, without they are a tune or the like.
    """
    header = _header(_curve(len(lines[0]), len(lines), index, 1), entries)
    rows = np.concatenate(list(lines), axis=1)
    text = "".join(" ".join(f"{value:.9g}" for value in row) + " \r\n" for row in rows)
    path = Path(path)
    path.write_bytes(header + text.replace("nan", "1.#QNAN").encode())
    return path


def _image(
    counts: np.ndarray,
    size: tuple[str, str],
    height: str,
    channel: str,
    entries: Entries | None,
) -> bytes:  # fmt: skip
    return _header(_known(counts, size, height, channel), entries) + _stored(counts)


def _stored(counts: np.ndarray) -> bytes:
    """Return an image as it is kept: turned by half a turn."""
    return np.ascontiguousarray(counts[::-1, ::-1]).astype(counts.dtype.str[1:]).tobytes()


def _known(
    counts: np.ndarray, size: tuple[str, str], height: str, channel: str
) -> dict[str, dict[str, Any]]:
    rows, columns = counts.shape
    return {
        "Control": {
            "Angle": "30",
            "Set Point": "-2.44 V",
            "Topography Bias": "-500 mV",
            "X Amplitude": size[0],
            "X Offset": "-12 nm",
            "X-Frequency": "1.085 Hz",
            "Y Amplitude": size[1],
            "Y Offset": "9 nm",
        },
        "Dynamic settings": {"Amplitude": "0.8 V", "Resonance frequency": "291.799 KHz"},
        "Feedback settings": {"Input channel": "Amplitude"},
        "General Info": {
            "Acquisition channel": channel,
            "Acquisition time": "18/06/2021, 14:12:26.398",
            "Conversion Factor 00": "20 nm",
            "Conversion Offset 00": "0 nm",
            "Force constant": "21 N/m",
            "Head type": "AFM",
            "Image Data Type": _TYPES[counts.dtype.str[1:]],
            "Number of columns": columns,
            "Number of rows": rows,
            "X scanning direction": "Forward",
            "Y scanning direction": "Up",
            "Z Amplitude": height,
        },
        "Head Settings": {"Head Name": "S_69", "X Calibration": "290.4 Å/V"},
        "Miscellaneous": {
            "Acquired with version": "5.0 Develop 8.4",
            "Comments": "on mica",
            **_range(counts),
        },
    }


def _curve(points: int, lines: int, index: str | None, number: int) -> dict[str, dict[str, Any]]:
    series = {"Index of this Curve": index, "Number of Curves in this serie": number}
    return {
        "Control": series if index is not None else {},
        "General Info": {
            "Channel is inverted": "No",
            "Conversion Factor 00": "20 nN",
            "Conversion Offset 00": "3 nN",
            "Head type": "AFM",
            "Number of lines": lines,
            "Number of points": points,
            "X axis text": "Z[[nm]]",
            "X axis unit": "nm",
            "Y axis text": "Normal force[[V]]",
            "Y axis unit": "V",
        },
        "Miscellaneous": {"First Forward": "Yes"},
    }


def _range(counts: np.ndarray) -> dict[str, str]:
    return {"Maximum": f"{counts.max()!s}", "Minimum": f"{counts.min()!s}"}


def _header(known: Entries, *further: Entries | None) -> bytes:
    sections: dict[str, dict[str, Any]] = {name: dict(values) for name, values in known.items()}
    for entries in further:
        for name, values in (entries or {}).items():
            sections.setdefault(name, {}).update(values)
    text = ""
    for name, values in sections.items():
        lines = [f"    {key}: {value}\r\n" for key, value in values.items() if value is not None]
        text += f"[{name}]\r\n\r\n" + "".join(lines) + "\r\n"
    body = (text + "[Header end]\r\n").encode("latin-1")
    start = b"WSxM file copyright WSxM solutions\r\nSxM Image file\r\nImage header size: %d\r\n\r\n"
    size = len(body) + len(start % 10_000)
    head = start % size
    return head + b" " * (size - len(head) - len(body)) + body
