"""Extended headers of FEI / Thermo Fisher: one record of named fields for every section.

Layout: "MRC2014 specifications", Thermo Fisher Scientific, metadata versions 0 to 2. Four bit
masks say which of the fields after them are filled: the first bit for the first field.
"""

import datetime
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.mrc.arrays import RecordNumbers
from omniscopy.io.mrc.header import HEADER_BYTES, Header

_MASKED_FIELDS = (
    """Timestamp d|Microscope type 16s|D-Number 16s|Application 16s|Application version 16s
    |HT d|Dose d|Alpha tilt d|Beta tilt d|X-Stage d|Y-Stage d|Z-Stage d|Tilt axis angle d
    |Dual axis rotation d|Pixel size X d|Pixel size Y d|Unused 0 d|Unused 1 d|Unused 2 d
    |Unused 3 d|Unused 4 d|Unused 5 d|Defocus d|STEM Defocus d|Applied defocus d
    |Instrument mode i|Projection mode i|Objective lens mode 16s|High magnification mode 16s
    |Probe mode i|EFTEM On ?|Magnification d""",
    """Camera length d|Spot index i|Illuminated area d|Intensity d|Convergence angle d
    |Illumination mode 16s|Wide convergence angle range ?|Slit inserted ?|Slit width d
    |Acceleration voltage offset d|Drift tube voltage d|Energy shift d|Shift offset X d
    |Shift offset Y d|Shift X d|Shift Y d|Integration time d|Binning Width i|Binning Height i
    |Camera name 16s|Readout area left i|Readout area top i|Readout area right i
    |Readout area bottom i|Ceta noise reduction ?|Ceta frames summed i
    |Direct detector electron counting ?|Direct detector align frames ?|Camera reserved 0 i
    |Camera reserved 1 i|Camera reserved 2 i|Camera reserved 3 i""",
    """Camera reserved 4 i|Camera reserved 5 i|Camera reserved 6 i|Camera reserved 7 i
    |Camera reserved 8 i|Camera reserved 9 i|Phase Plate ?|STEM Detector name 16s|Gain d
    |Offset d|STEM reserved 0 i|STEM reserved 1 i|STEM reserved 2 i|STEM reserved 3 i
    |STEM reserved 4 i|Dwell time d|Frame time d|Scan size left i|Scan size top i
    |Scan size right i|Scan size bottom i|Full scan FOV X d|Full scan FOV Y d|Element 16s
    |Energy interval lower d|Energy interval higher d|Method i|Is dose fraction ?
    |Fraction number i|Start frame i|End frame i|Input stack filename 80s""",
    """Alpha tilt min d|Alpha tilt max d|Scan rotation d|Diffraction pattern rotation d
    |Image rotation d|Scan mode enumeration i|Acquisition time stamp q
    |Detector commercial name 16s|Start tilt angle d|End tilt angle d|Tilt per image d
    |Tilt speed d|Beam center X pixel i|Beam center Y pixel i|CFEG flash timestamp q
    |Phase plate position index i|Objective aperture name 16s""",
)
SMALLEST_RECORD = 768
LARGEST_RECORD = 1 << 16
_ANGLES = ("Alpha tilt", "Beta tilt")
# Days are counted from here, in the microscope's own clock.
_OLE_EPOCH = datetime.datetime(1899, 12, 30)


@dataclass(frozen=True)
class FeiRecords:
    """The fields of the first record, and where the records lie."""

    first: Mapping[str, Any]
    record_bytes: int
    byte_order: str

    def number(self, name: str) -> float | None:
        """Return a field as a finite number, `None` where it is not filled."""
        value = self.first.get(name)
        if isinstance(value, (int, float)) and math.isfinite(value):
            return float(value)
        return None

    def text(self, name: str) -> str | None:
        """Return a field as text, `None` where it is empty."""
        value = self.first.get(name)
        return value if isinstance(value, str) and value else None

    def pixel_size(self) -> tuple[float, float] | None:
        """Return the size of a pixel along y and x, in m or in 1/m."""
        y, x = (self.number(f"Pixel size {letter}") for letter in "YX")
        return (y, x) if y is not None and x is not None and min(y, x) > 0 else None

    @property
    def in_diffraction(self) -> bool:
        """Whether pixels are reciprocal: no image has pixels of metres, no pattern of less."""
        size = self.pixel_size()
        return size is not None and min(size) > 1

    def scan_shape(self) -> tuple[int, int] | None:
        """Return the rows and columns of the scan that the camera followed."""
        corners = [self.number(f"Scan size {side}") for side in ("top", "bottom", "left", "right")]
        if any(corner is None for corner in corners):
            return None
        top, bottom, left, right = (int(corner) for corner in corners if corner is not None)
        return (bottom - top, right - left) if bottom > top and right > left else None

    def scan_step(self) -> tuple[float, float] | None:
        """Return the step of a whole scan along y and x in m; unknown for a part of one."""
        shape = self.scan_shape()
        whole = self.number("Scan size left") == 0 and self.number("Scan size top") == 0
        y, x = (self.number(f"Full scan FOV {letter}") for letter in "YX")
        if shape is None or not whole or y is None or x is None or min(y, x) <= 0:
            return None
        return y / shape[0], x / shape[1]

    def tilts(self, path: Path, count: int) -> dict[str, RecordNumbers]:
        """Return the tilts of the stage for every section, where the file has them."""
        positions = _positions()
        return {
            name: RecordNumbers(
                str(path),
                HEADER_BYTES + positions[name],
                count,
                self.record_bytes,
                np.dtype(self.byte_order + "f8"),
            )
            for name in _ANGLES
            if self.number(name) is not None
        }


def read_records(path: Path, header: Header) -> FeiRecords | None:
    """Return the FEI records of a file, `None` where it has none that make sense."""
    if not header.extended_type.startswith("FEI") or header.extended_bytes < SMALLEST_RECORD:
        return None
    with path.open("rb") as file:
        file.seek(HEADER_BYTES)
        raw = file.read(min(header.extended_bytes, 1024))
    # The records are little-endian on the microscope, whatever the pixels are.
    for byte_order in "<>":
        (size,) = struct.unpack_from(byte_order + "i", raw)
        if SMALLEST_RECORD <= size <= min(header.extended_bytes, LARGEST_RECORD):
            return FeiRecords(_parsed(raw[:size], byte_order), size, byte_order)
    return None


def _parsed(raw: bytes, byte_order: str) -> dict[str, Any]:
    """Return the fields whose bit is set."""
    fields: dict[str, Any] = {
        "Metadata version": struct.unpack_from(byte_order + "i", raw, 4)[0],
    }
    at = 8
    for block in _MASKED_FIELDS:
        if at + 4 > len(raw):
            break
        (mask,) = struct.unpack_from(byte_order + "I", raw, at)
        at += 4
        for bit, (name, code) in enumerate(_split(block)):
            size = struct.calcsize(byte_order + code)
            if at + size > len(raw):
                return fields
            if mask >> bit & 1:
                (value,) = struct.unpack_from(byte_order + code, raw, at)
                text = isinstance(value, bytes)
                fields[name] = value.split(b"\0")[0].decode("latin-1") if text else value
            at += size
    return fields


def _split(block: str) -> list[tuple[str, str]]:
    entries = [entry.strip().rsplit(" ", 1) for entry in block.split("|")]
    return [(name, code) for name, code in entries]


def _positions() -> dict[str, int]:
    """Return the byte of every field within a record."""
    found, at = {}, 8
    for block in _MASKED_FIELDS:
        at += 4
        for name, code in _split(block):
            found[name] = at
            at += struct.calcsize("<" + code)
    return found


def common_metadata(records: FeiRecords) -> dict[str, Any]:
    """Return the metadata of the common schema that the first record has."""
    stem = modality(records) == "STEM"
    convergence = records.number("Convergence angle")
    illumination = records.text("Illumination mode")
    tree: dict[str, dict[str, Any]] = {
        "instrument": {
            "vendor": "Thermo Fisher Scientific",
            "model": records.text("Microscope type"),
            "software": _joined(records.text("Application"), records.text("Application version")),
        },
        "beam": {
            "voltage": records.number("HT"),
            "convergence_angle": None if convergence is None else convergence * 1e3,
            "magnification": records.number("Magnification"),
            "mode": illumination,
        },
        "detector": {
            "name": detector_name(records),
            "camera_length": records.number("Camera length"),
            "exposure_time": records.number("Integration time") or None,
        },
        "scan": {
            "dwell_time": records.number("Dwell time") if stem else None,
            "frame_time": records.number("Frame time") if stem else None,
        },
        "stage": {
            "x": records.number("X-Stage"),
            "y": records.number("Y-Stage"),
            "z": records.number("Z-Stage"),
            "alpha": records.number("Alpha tilt"),
            "beta": records.number("Beta tilt"),
        },
    }
    metadata: dict[str, Any] = {}
    for group, values in tree.items():
        known = {name: value for name, value in values.items() if value is not None}
        if known:
            metadata[group] = known
    started = _started(records.number("Timestamp"))
    return metadata if started is None else {"started": started, **metadata}


def detector_name(records: FeiRecords) -> str | None:
    """Return the detector of the pixels: a camera where it wrote patterns or TEM images."""
    names = [records.text("STEM Detector name"), records.text("Camera name")]
    if records.in_diffraction or records.number("Instrument mode") == 1:
        names.reverse()
    return next((name for name in names if name), None)


def modality(records: FeiRecords) -> str | None:
    """Return "TEM" or "STEM"."""
    mode = records.number("Instrument mode")
    return {1.0: "TEM", 2.0: "STEM"}.get(mode) if mode is not None else None


def _started(days: float | None) -> str | None:
    if days is None or not 0 < days < 100_000:
        return None
    moment = _OLE_EPOCH + datetime.timedelta(days=days)
    return (moment + datetime.timedelta(microseconds=500_000)).replace(microsecond=0).isoformat()


def _joined(*words: str | None) -> str | None:
    return " ".join(word for word in words if word) or None
