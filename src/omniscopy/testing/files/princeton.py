"""Write SPE files of Princeton Instruments byte by byte, of versions 2 and 3."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["SpeRegion", "write_spe", "write_spe3"]

_CODES = {"float32": 0, "int32": 1, "int16": 2, "uint16": 3, "float64": 5, "uint8": 6, "uint32": 8}
_FORMATS = {"uint16": "Unsigned16", "uint32": "Unsigned32", "float32": "Floating32"}
_OFFSETS = {
    "exposure": (10, "f"), "date": (20, "10s"), "temperature": (36, "f"), "columns": (42, "H"),
    "type": (108, "h"), "time": (172, "7s"), "gain": (198, "H"), "comment": (200, "80s"),
    "grooves": (650, "f"), "rows": (656, "H"), "accumulations": (668, "i"), "footer": (678, "Q"),
    "software": (688, "16s"), "frames": (1446, "i"), "regions": (1510, "h"),
    "version": (1992, "f"), "mark": (2996, "I"), "current_unit": (3016, "B"),
    "calibrated": (3098, "B"), "polynomial_unit": (3100, "B"), "order": (3101, "B"),
    "polynomial": (3263, "6d"), "laser": (3311, "d"), "last": (4098, "H"),
}  # fmt: skip


@dataclass(frozen=True)
class SpeRegion:
    """Frames (frames, rows, columns) of a part of the sensor: first pixels and binning, x first."""

    values: np.ndarray
    first: tuple[int, int] = (1, 1)
    binning: tuple[int, int] = (1, 1)


def write_spe(
    path: str | Path, regions: Sequence[SpeRegion], *, header: Mapping[str, Any] | None = None
) -> Path:
    """Write a file of version 2 and return its path.

    Parameters
    ----------
    path : str or Path
        Where to write.
    regions : sequence of SpeRegion
        All of one type and number of frames; pixels count from 1.
    header : mapping, optional
        Fields that replace the usual ones: `exposure`, `date`, `time`, `frames`, `polynomial`,
        `polynomial_unit` (3 for nm, 4 for 1/cm, 5 for Raman shift), `calibrated`, `laser`, …
    """
    path = Path(path)
    path.write_bytes(_header(regions, {"version": 2.5} | dict(header or {})) + _pixels(regions))
    return path


def write_spe3(
    path: str | Path,
    regions: Sequence[SpeRegion],
    *,
    wavelengths: Sequence[float] = (),
    errors: bool = False,
    times: Sequence[float] = (),
    sensor: int = 0,
    replaced: Mapping[str, str] | None = None,
) -> Path:
    """Write a file of version 3 and return its path.

    Parameters
    ----------
    path : str or Path
        Where to write.
    regions : sequence of SpeRegion
        All of one type and number of frames; pixels count from 0.
    wavelengths : sequence of float, nm
        Of the columns of the sensor.
    errors : bool
        List each wavelength with its error.
    times : sequence of float, s
        At which each frame began.
    sensor : int
        Columns of the sensor; those of the first region if it is 0.
    replaced : mapping of str to str, optional
        Parts of the description, and what stands in their place.
    """
    extra = b"".join(struct.pack("<qq", round(1e6 * t), 1) for t in times)
    pixels = _pixels(regions)
    size, count = len(pixels) // len(regions[0].values), len(regions[0].values)
    step = len(extra) // count
    frames = b"".join(
        pixels[size * n : size * (n + 1)] + extra[step * n : step * (n + 1)] for n in range(count)
    )
    text = _description(regions, size, size + step, sensor or regions[0].values.shape[2])
    text = text.replace("WAVELENGTHS", _mapping(wavelengths, errors=errors))
    text = text.replace("META", _META if times else "")
    for old, new in (replaced or {}).items():
        text = text.replace(old, new)
    header = _header(regions, {"version": 3.0, "footer": 4100 + len(frames)})
    path = Path(path)
    path.write_bytes(header + frames + text.encode())
    return path


def _header(regions: Sequence[SpeRegion], said: Mapping[str, Any]) -> bytes:
    frames, rows, columns = regions[0].values.shape
    fields: dict[str, Any] = {
        "exposure": 0.5, "date": b"05Oct2006", "time": b"142503", "temperature": -70.0,
        "columns": columns, "rows": rows, "frames": frames, "gain": 2, "comment": b"a crystal",
        "type": _CODES[regions[0].values.dtype.name], "grooves": 600.0, "accumulations": 4,
        "software": b"2.5.15.0", "regions": len(regions), "mark": 0x01234567, "last": 0x5555,
    } | dict(said)  # fmt: skip
    head = bytearray(4100)
    for name, value in fields.items():
        at, kind = _OFFSETS[name]
        values = value if isinstance(value, tuple) else (value,)
        struct.pack_into(f"<{kind}", head, at, *values)
    for number, region in enumerate(regions[:10]):
        _, rows, columns = region.values.shape
        x, y = region.first
        right, bottom = x + columns * region.binning[0] - 1, y + rows * region.binning[1] - 1
        words = (x, right, region.binning[0], y, bottom, region.binning[1])
        struct.pack_into("<6H", head, 1512 + 12 * number, *words)
    return bytes(head)


def _pixels(regions: Sequence[SpeRegion]) -> bytes:
    rows = [region.values.reshape(len(region.values), -1) for region in regions]
    pixels = np.concatenate(rows, axis=1)
    return pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()


_META = (
    '<MetaFormat><MetaBlock><TimeStamp event="ExposureStarted" type="Int64" bitDepth="64" '
    'resolution="1000000" absoluteTime="2022-04-13T15:30:00+02:00" />'
    '<FrameTrackingNumber type="Int64" bitDepth="64" /></MetaBlock></MetaFormat>'
)


def _mapping(wavelengths: Sequence[float], *, errors: bool) -> str:
    if not len(wavelengths):
        return ""
    name = "WavelengthError" if errors else "Wavelength"
    words = [f"{value!r}" for value in map(float, wavelengths)]
    listed = " ".join(f"{word},0.01" for word in words) if errors else ",".join(words)
    return (
        '<WavelengthMapping id="1" orientation="Normal" laserLine="532">'
        f'<{name} xml:space="preserve">{listed}</{name}></WavelengthMapping>'
    )


def _description(regions: Sequence[SpeRegion], size: int, stride: int, sensor: int) -> str:
    dtype = regions[0].values.dtype
    blocks, mappings = "", ""
    for number, region in enumerate(regions, 3):
        _, rows, columns = region.values.shape
        part = rows * columns * dtype.itemsize
        blocks += f'<DataBlock type="Region" calibrations="2,{number}" count="1" '
        blocks += f'width="{columns}" height="{rows}" size="{part}" stride="{part}" />'
        mappings += f'<SensorMapping id="{number}" x="{region.first[0]}" y="{region.first[1]}" '
        mappings += f'xBinning="{region.binning[0]}" yBinning="{region.binning[1]}" />'
    return (
        '<SpeFormat version="3.0" xmlns="http://www.princetoninstruments.com/spe/2009">'
        f'<DataFormat><DataBlock type="Frame" count="{len(regions[0].values)}" '
        f'pixelFormat="Monochrome{_FORMATS[dtype.name]}" size="{size}" stride="{stride}">'
        f"{blocks}</DataBlock></DataFormat>META<Calibrations>WAVELENGTHS"
        f'<SensorInformation id="2" width="{sensor}" height="512" />{mappings}</Calibrations>'
        '<DataHistories><DataHistory id="1"><Origin creator="Ada" software="LightField" '
        'created="2022-04-13T15:30:48.4579139+02:00" softwareVersion="5.3">'
        '<Experiment xmlns="http://www.princetoninstruments.com/experiment/2009"><System>'
        '<Spectrometers><Spectrometer model="SP-2-500i" /></Spectrometers>'
        '<Cameras><Camera model="ProEM+" /></Cameras></System><Devices><Cameras><Camera>'
        '<ShutterTiming><ExposureTime type="Double">100</ExposureTime></ShutterTiming>'
        "<Sensor><Temperature><Reading>-43</Reading></Temperature></Sensor>"
        "</Camera></Cameras><Spectrometers><Spectrometer><Grating>"
        '<Selected type="String">[500nm,600]</Selected><CenterWavelength>587.5'
        "</CenterWavelength></Grating></Spectrometer></Spectrometers></Devices>"
        "</Experiment></Origin></DataHistory></DataHistories></SpeFormat>"
    )
