"""Anfatec scans made byte by byte, for tests and demonstrations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["AnfatecImage", "AnfatecSpectrum", "AnfatecVolume", "write_anfatec"]


@dataclass(frozen=True)
class AnfatecImage:
    """An image of 4-byte counts (y, x); values are ``counts * scale + offset``."""

    counts: np.ndarray
    caption: str = "TopographyFwd"
    scale: float = 2e-6
    units: str = "nm"
    offset: float = 0.0


@dataclass(frozen=True)
class AnfatecVolume:
    """Counts (y, x, wavelength); a second column of the wavelengths holds attenuations."""

    counts: np.ndarray
    wavelengths: np.ndarray
    caption: str = "hyPIR"
    scale: float = 1e-6
    units: str = "V"
    wavelength_units: str = "cm-1"


@dataclass(frozen=True)
class AnfatecSpectrum:
    """A spectrum at a point: columns of a text, the first is the abscissa."""

    table: np.ndarray
    headings: Sequence[str] = ("Wavenumber cm-1", "PiFM V")
    position: tuple[float, float] = (1.0, 2.0)
    name: str = "spectrum0000"


def write_anfatec(
    path: str | Path,
    parts: Sequence[AnfatecImage | AnfatecVolume | AnfatecSpectrum],
    *,
    shape: tuple[int, int] | None = None,
    entries: Mapping[str, Any] | None = None,
) -> Path:
    """Write a parameter file with the files of values beside it, and return its path.

    Parameters
    ----------
    path : str or Path
        Of the parameter file.
    parts : sequence
        What it describes.
    shape : (rows, columns)
        Of the scan; that of the first part where it is left out.
    entries : mapping
        Entries beside or instead of plausible ones; `None` takes one out.
    """
    path = Path(path)
    first = parts[0]
    if shape is None:
        shape = (1, 1) if isinstance(first, AnfatecSpectrum) else first.counts.shape[:2]
    known = {
        "Version": "1.12",
        "VistaScanVersion": "1.6.1",
        "Date": "05/24/2017",
        "Time": "05:35:45 PM",
        "UTCDateTime": "2017/05/25 00:35:45",
        "UserName": "Jessica",
        "SampleName": "MAPI on glass",
        "StartDate": "05/24/2017",
        "StartTime": "05:29:51 PM",
        "FeedbackMode": "opticalforce",
        "SetPoint": "90",
        "SetPointPhysUnit": "V",
        "Bias": "-500",
        "BiasPhysUnit": "mV",
        "XStage": "943.188 ; µm",
        "XScanRange": "6",
        "YScanRange": "4",
        "XPhysUnit": "µm",
        "YPhysUnit": "µm",
        "Speed": "0.65 ; lines/sec",
        "Angle": "90 ; degrees",
        "xPixel": shape[1],
        "yPixel": shape[0],
        "xCenter": "1",
        "yCenter": "-2",
        "LockInFreq": "1811345.625",
        "LockInFreqPhysUnit": "Hz",
        "UserNotes": "same as 10 ; looks the same",
        **(entries or {}),
    }
    text = "\r\n;ANFATEC Parameterfile\r\n\r\n"
    text += "".join(f"{key} : {value}\r\n" for key, value in known.items() if value is not None)
    for part in parts:
        text += _write_part(path, part)
    path.write_bytes(text.encode("latin-1"))
    return path


def _write_part(path: Path, part: AnfatecImage | AnfatecVolume | AnfatecSpectrum) -> str:
    """Write the values of a part, and return its block."""
    if isinstance(part, AnfatecSpectrum):
        name = f"{path.stem}{part.name}.txt"
        rows = ["\t".join(part.headings)]
        rows += ["\t".join(f"{value:.9g}" for value in row) for row in part.table]
        path.with_name(name).write_text("\n".join(rows) + "\n", "latin-1")
        x, y = part.position
        return _block("AFMSpectrumDesc", {"FileName": name, "posX": x, "posY": y, "Laser": "IR"})
    name = f"{path.stem}{part.caption}.int"
    path.with_name(name).write_bytes(part.counts.astype("<i4").tobytes())
    common = {"FileName": name, "Caption": part.caption}
    if isinstance(part, AnfatecImage):
        values = {"Scale": part.scale, "PhysUnit": part.units, "Offset": part.offset}
        return _block("FileDesc", {**common, **values})
    text = f"{path.stem}{part.caption}Wavelengths.txt"
    np.savetxt(path.with_name(text), part.wavelengths, fmt="%.9g")
    count = part.counts.shape[2]
    further = {
        "BytesPerPixel": 4 * count,
        "Scale": part.scale,
        "PhysUnit": part.units,
        "Offset": 0,
        "Datatype": "longint",
        "BytesPerReading": 4,
        "FileNameWavelengths": text,
        "PhysUnitWavelengths": part.wavelength_units,
    }
    return _block("FileDesc2", {**common, **further})


def _block(kind: str, entries: Mapping[str, Any]) -> str:
    lines = "".join(f"{key:<9}: {value}\r\n" for key, value in entries.items())
    return f"\r\n{kind}Begin\r\n{lines}{kind}End\r\n"
