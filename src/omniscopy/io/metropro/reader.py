"""Read Zygo MetroPro maps: a header of big-endian fields, camera frames, phases."""

import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.quantities import stated
from omniscopy.io.records import Axis, Channel, Measurement
from omniscopy.io.surfaces import Heights, map_axes, map_grid

# Where the fields are, and how they are stored.
_FIELDS: dict[str, tuple[int, str]] = {
    "header_format": (4, ">H"),
    "header_size": (6, ">I"),
    "software_date": (12, "30s"),
    "intensity_width": (52, ">H"),
    "intensity_height": (54, ">H"),
    "intensity_frames": (56, ">H"),
    "intensity_bytes": (60, ">I"),
    "phase_width": (68, ">H"),
    "phase_height": (70, ">H"),
    "phase_bytes": (72, ">I"),
    "time": (76, ">i"),
    "comment": (80, "82s"),
    "scale_factor": (164, ">f"),
    "wavelength": (168, ">f"),
    "numeric_aperture": (172, ">f"),
    "obliquity": (176, ">f"),
    "magnification": (180, ">f"),
    "pixel_size": (184, ">f"),
    "phase_resolution": (218, ">h"),
    "sign": (232, ">h"),
    "serial": (242, ">H"),
    "objective": (246, "12s"),
    "part_name": (258, "40s"),
    "part_serial": (316, "40s"),
}
_LENGTH = 834
_RESOLUTIONS = {0: 4096, 1: 32768, 2: 131072}
# Phases and intensities from here on stand for no value.
_NO_PHASE, _NO_INTENSITY = 2147483640, 65535


@dataclass(frozen=True)
class _Header:
    path: Path
    fields: dict[str, Any]

    def __getitem__(self, key: str) -> Any:
        return self.fields[key]

    @property
    def phases_at(self) -> int:
        return int(self["header_size"] + self["intensity_bytes"])


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Return the map of heights and the camera frames of the file at `path`.

    Parameters
    ----------
    path : Path
        A binary file of the kind .dat.
    partial : bool
        Read a file that is cut short as far as it goes.

    Returns
    -------
    Measurement
        `Height` (y, x) in metres, NaN where nothing was measured, and `Intensity`, (y, x) or
        (frame, y, x) in counts, where the file has it. Row 0 is on top.

    Raises
    ------
    FormatError
        The file is cut short, or its header contradicts itself.
    UnsupportedFormatError
        The header has a size or a resolution of the phase that is not known.
    """
    header = _read_header(Path(path))
    channels = [
        *([_heights(header, partial=partial)] if header["phase_bytes"] else []),
        *([_intensity(header, partial=partial)] if header["intensity_bytes"] else []),
    ]
    return Measurement(
        channels=channels,
        metadata=_metadata(header),
        original_metadata=header.fields,
    )


def _read_header(path: Path) -> _Header:
    with path.open("rb") as file:
        start = file.read(_LENGTH)
    if len(start) < _LENGTH or start[:3] != b"\x88\x1b\x03":
        message = f"a MetroPro file starts with 88 1b 03 and a header of {_LENGTH} bytes"
        raise FormatError(message, path=path, offset=0)
    fields: dict[str, Any] = {}
    for name, (place, form) in _FIELDS.items():
        (value,) = struct.unpack_from(form, start, place)
        is_text = isinstance(value, bytes)
        fields[name] = value.split(b"\0")[0].decode("latin-1").strip() if is_text else value
    if fields["header_size"] not in (834, 4096):
        message = f"a header of {fields['header_size']} bytes is not known, only of 834 and 4096"
        raise UnsupportedFormatError(message, path=path, offset=6)
    for name, pixel in (("intensity", 2 * fields["intensity_frames"]), ("phase", 4)):
        wanted = fields[f"{name}_width"] * fields[f"{name}_height"] * pixel
        if fields[f"{name}_bytes"] not in (wanted, 0):
            message = f"the {name} needs {wanted} bytes, the header says {fields[f'{name}_bytes']}"
            raise FormatError(message, path=path, offset=_FIELDS[f"{name}_bytes"][0])
    return _Header(path, fields)


def _heights(header: _Header, *, partial: bool) -> Channel:
    steps = _RESOLUTIONS.get(header["phase_resolution"])
    if steps is None:
        message = f"a resolution of the phase of {header['phase_resolution']} is not known"
        raise UnsupportedFormatError(message, path=header.path, offset=218)
    shape = (header["phase_height"], header["phase_width"])
    phases, gap = map_grid(header.path, header.phases_at, shape, ">i4", partial=partial)
    scale = header["scale_factor"] * header["wavelength"] * header["obliquity"] / steps
    scale = -scale if header["sign"] else scale
    return Channel(
        title="Height",
        data=Heights(phases, scale, beyond=_NO_PHASE),
        axes=map_axes(shape, [header["pixel_size"]] * 2, "m"),
        quantity="height",
        units="m",
        source="Zygo MetroPro",
        attrs={} if gap is None else {"incomplete": gap},
    )


def _intensity(header: _Header, *, partial: bool) -> Channel:
    plane = (header["intensity_height"], header["intensity_width"])
    frames = header["intensity_frames"]
    shape = plane if frames == 1 else (frames, *plane)
    counts, gap = map_grid(header.path, header["header_size"], shape, ">u2", partial=partial)
    axes = map_axes(plane, [header["pixel_size"]] * 2, "m")
    return Channel(
        title="Intensity",
        data=Heights(counts, beyond=_NO_INTENSITY),
        axes=axes if frames == 1 else [Axis(name="frame", size=frames), *axes],
        quantity="intensity",
        units="counts",
        source="Zygo MetroPro",
        attrs={} if gap is None else {"incomplete": gap},
    )


def _metadata(header: _Header) -> dict[str, Any]:
    seconds = header["time"]
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    magnification = header["magnification"]
    return stated(
        {
            "started": (epoch + timedelta(seconds=seconds)).isoformat() if seconds else None,
            "comment": header["comment"],
            "sample": {"name": header["part_name"]},
            "instrument": {"vendor": "Zygo", "software": "MetroPro"},
            "beam": {
                "magnification": magnification
                if np.isfinite(magnification) and magnification > 0
                else None
            },
        }
    )
