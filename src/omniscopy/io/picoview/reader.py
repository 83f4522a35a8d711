"""Read PicoView images: lines of a key of 14 characters and its value, then the buffers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from omniscopy.io.arrays import Flipped, Scaled
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.planes import plane_axis
from omniscopy.io.quantities import finite_number, known_units, quantity_of, stated
from omniscopy.io.records import Axis, Channel, Measurement
from omniscopy.io.surfaces import map_grid

_KEY, _MOST_HEADER = 14, 1 << 20
_KINDS = {"BINARY": ("<i2", 2.0**15), "": ("<i2", 2.0**15), "BINARY_32": ("<i4", 2.0**31)}
_END = re.compile(rb"^data {0,10}([^\r\n]*)\r?\n", re.MULTILINE)


@dataclass(frozen=True)
class _Header:
    path: Path
    entries: dict[str, str]
    buffers: list[dict[str, str]]
    kind: str
    data_offset: int
    shape: tuple[int, int] = field(init=False)

    def __post_init__(self) -> None:
        sizes = []
        for key in ("yPixels", "xPixels"):
            text = self.entries.get(key, "")
            if not re.fullmatch(r"[1-9]\d{0,5}", text):
                message = f"a number of pixels was expected, {text!r} was found"
                raise FormatError(message, path=self.path, key=key)
            sizes.append(int(text))
        object.__setattr__(self, "shape", tuple(sizes))

    def number(self, key: str) -> float | None:
        return finite_number(self.entries.get(key, ""))


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Return the images of the PicoView file at `path`.

    Parameters
    ----------
    path : Path
        A file of the kind .mi.
    partial : bool
        Read a file that is cut short as far as it goes.

    Returns
    -------
    Measurement
        A channel (y, x) for each buffer, in its unit, with row 0 on top.

    Raises
    ------
    FormatError
        The file is cut short, or its header is damaged.
    UnsupportedFormatError
        It holds spectroscopy, or numbers as text.
    """
    header = _read_header(Path(path))
    return Measurement(
        channels=[_image(header, number, partial=partial) for number in range(len(header.buffers))],
        metadata=_metadata(header),
        original_metadata={**header.entries, "buffers": header.buffers},
    )


def _read_header(path: Path) -> _Header:
    with path.open("rb") as file:
        start = file.read(_MOST_HEADER)
    end = _END.search(start)
    if not start.startswith(b"fileType") or end is None:
        message = "a PicoView file starts with 'fileType' and has a line 'data' after its header"
        raise FormatError(message, path=path, offset=0)
    entries: dict[str, str] = {}
    buffers: list[dict[str, str]] = []
    for line in start[: end.start()].decode("utf-8", "replace").splitlines():
        key, value = line[:_KEY].strip(), line[_KEY:].strip()
        if not key or line.startswith(" "):
            continue
        if key == "bufferLabel":
            buffers.append({})
        (buffers[-1] if buffers else entries)[key] = value
    if entries.get("fileType") != "Image" or not buffers:
        message = f"files of the type {entries.get('fileType')!r} are not read, only images"
        raise UnsupportedFormatError(message, path=path, key="fileType")
    kind = end[1].decode("latin-1").strip()
    if kind not in _KINDS:
        message = f"numbers stored as {kind!r} are not read, only BINARY and BINARY_32"
        raise UnsupportedFormatError(message, path=path, key="data")
    return _Header(path, entries, buffers, kind, end.end())


def _image(header: _Header, number: int, *, partial: bool) -> Channel:
    buffer = header.buffers[number]
    dtype, full = _KINDS[header.kind]
    rows, columns = header.shape
    offset = header.data_offset + number * rows * columns * int(dtype[-1])
    stored, gap = map_grid(header.path, offset, header.shape, dtype, partial=partial)
    extent = finite_number(buffer.get("bufferRange", ""))
    units = known_units(buffer.get("bufferUnit")) if extent is not None else None
    title = buffer["bufferLabel"] or f"Buffer {number}"
    direction = buffer.get("trace") or buffer.get("direction")
    return Channel(
        title=f"{title} {direction}" if direction else title,
        # The last row of a buffer is the top one, whichever way was scanned.
        data=Scaled(Flipped(stored, (0,)), (extent or full) / full),
        axes=_axes(header),
        quantity=quantity_of(title, units),
        units=units,
        modality="AFM" if "afm" in header.entries.get("mode", "").lower() else None,
        source="Agilent PicoView",
        metadata={"scan": {"direction": direction.lower()}} if direction else {},
        original_metadata=buffer,
        attrs={} if gap is None else {"incomplete": gap},
    )


def _axes(header: _Header) -> list[Axis]:
    offsets = [header.number(f"{letter}Offset") or 0.0 for letter in "yx"]
    return [
        plane_axis(
            name,
            size,
            offset,
            (header.number(f"{name}Length") or 0.0) / size,
            "m",
            placed=any(offsets),
        )
        for name, size, offset in zip("yx", header.shape, offsets, strict=True)
    ]


def _metadata(header: _Header) -> dict[str, Any]:
    said: Mapping[str, str] = header.entries
    return stated(
        {
            "started": _started(said.get("dateAcquired", "")),
            "comment": said.get("comment"),
            "instrument": {"vendor": "Agilent", "software": said.get("version")},
            "scan": {
                "line_rate": header.number("scanSpeed"),
                "rotation": header.number("scanAngle"),
            },
            "probe": {
                "bias": header.number("bias"),
                "spring_constant": header.number("forceConstant"),
                "sensitivity": header.number("deflectionSens"),
            },
            "feedback": {"mode": said.get("mode"), "setpoint": said.get("servoSetpoint")},
        }
    )


def _started(date: str) -> str | None:
    """Return a date such as `Tue Feb 18 15:00:51 2014` in the common form."""
    try:
        return datetime.strptime(" ".join(date.split()), "%a %b %d %H:%M:%S %Y").isoformat()
    except ValueError:
        return None
