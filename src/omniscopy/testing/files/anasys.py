"""Documents of Analysis Studio made for tests and demonstrations."""

import base64
import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import numpy as np

__all__ = ["AnasysMap", "AnasysSpectrum", "write_axz"]

_NAMESPACE = "www.anasysinstruments.com"


@dataclass(frozen=True)
class AnasysMap:
    """A map (y, x), row 0 on top, with its centre and size in µm."""

    values: np.ndarray
    label: str = "Height 1"
    units: tuple[str, str] = ("n", "m")
    centre: tuple[float, float] = (4.0, -2.0)
    size: tuple[float, float] = (6.0, 4.0)
    entries: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class AnasysSpectrum:
    """Quantities along a range of wavenumbers, at a place in µm."""

    values: Mapping[str, np.ndarray]
    label: str = "Spectrum 1"
    limits: tuple[float, float] = (1000.0, 1100.0)
    place: tuple[float, float] = (1.0, 2.0)
    attenuation: np.ndarray | None = None


def write_axz(
    path: str | Path,
    parts: Sequence[AnasysMap | AnasysSpectrum],
    *,
    packed: bool = True,
    prologue: str = "",
) -> Path:
    """Write a document and return its path.

    Parameters
    ----------
    path : str or Path
        Where to write.
    parts : sequence
        Maps and spectra.
    packed : bool
        With gzip and in UTF-16 (.axz), or plain in UTF-8 (.axd).
    prologue : str
        What stands before the root element.
    """
    maps = "".join(_map(part) for part in parts if isinstance(part, AnasysMap))
    spectra = "".join(_spectrum(part) for part in parts if isinstance(part, AnasysSpectrum))
    coding = "utf-16" if packed else "utf-8"
    text = f'<?xml version="1.0" encoding="{coding}"?>{prologue}\r\n'
    text += f'<Document Version="1.0" DocType="IR" xmlns="{_NAMESPACE}">\r\n'
    text += f"<HeightMaps>{maps}</HeightMaps><Spectra/>"
    text += f"<RenderedSpectra>{spectra}</RenderedSpectra></Document>\r\n"
    raw = text.encode(coding)
    path = Path(path)
    path.write_bytes(gzip.compress(raw, mtime=0) if packed else raw)
    return path


def _map(part: AnasysMap) -> str:
    rows, columns = part.values.shape
    entries = {
        "Position": _triple(*part.centre),
        "Rotation": "<Yaw>-90</Yaw><Pitch>0</Pitch><Roll>0</Roll>",
        "Size": _pair(*part.size),
        "Resolution": _pair(columns, rows),
        "Units": part.units[1],
        "UnitPrefix": part.units[0],
        "Tags": '<Tag Name="ScanRate" Value="0.5 Hz"/><Tag Name="Setpoint" Value="-0.5 V"/>'
        '<Tag Name="ScanMode" Value="CONTACT"/><Tag Name="System" Value="NANOIR2"/>'
        '<Tag Name="TraceRetrace" Value="PrimaryRetrace"/>',
        "TimeStamp": "2024-01-12T13:37:28.2283555-05:00",
        "SampleBase64": _base64(part.values),
        **part.entries,
    }
    inner = "".join(f"<{key}>{value}</{key}>\r\n" for key, value in entries.items())
    return f'<HeightMap DataChannel="height" Label={quoteattr(part.label)}>{inner}</HeightMap>'


def _spectrum(part: AnasysSpectrum) -> str:
    points = len(next(iter(part.values.values())))
    text = f"<Label>{escape(part.label)}</Label><DataPoints>{points}</DataPoints>"
    text += f"<StartWavenumber>{part.limits[0]}</StartWavenumber>"
    text += f"<EndWavenumber>{part.limits[1]}</EndWavenumber>"
    text += f"<Location>{_triple(*part.place)}</Location>"
    text += "<TimeStamp>2024-01-12T13:53:15.1117448-05:00</TimeStamp>"
    if part.attenuation is not None:
        text += f"<AttenuationBase64>{_base64(part.attenuation)}</AttenuationBase64>"
    for name, values in part.values.items():
        inner = f"<SampleBase64>{_base64(values)}</SampleBase64>"
        text += f"<DataChannels Name={quoteattr(name)}>{inner}</DataChannels>"
    return f"<IRRenderedSpectra>{text}</IRRenderedSpectra>"


def _pair(x: float, y: float) -> str:
    return f"<X>{x}</X><Y>{y}</Y>"


def _triple(x: float, y: float) -> str:
    return f"{_pair(x, y)}<Z>0</Z>"


def _base64(values: np.ndarray) -> str:
    return base64.b64encode(values.astype("<f4").tobytes()).decode()
