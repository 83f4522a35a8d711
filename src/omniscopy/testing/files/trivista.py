"""Write TriVista files (.tvf) by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import numpy as np

__all__ = ["TriVistaDocument", "write_trivista"]

_GROUPS = {
    "Experiment": {"Mode:": "Point by Point"},
    "Detector": {
        "Name": "Camera1", "Detector_Temperature": "-100", "Exposure_Time_(ms)": "1000",
        "No_of_Accumulations": "2",
    },
    "Calibration": {"Center_Wavelength": "950.000"},
}  # fmt: skip


@dataclass(frozen=True)
class TriVistaDocument:
    """Frames (frames, rows, columns) along labels; times in s, 0 where there is none.

    `groups` are settings beside the usual ones (`X-Axis` with From, Step and Points makes a
    line), `attributes` replace those of the document.
    """

    frames: np.ndarray
    labels: Sequence[float]
    units: str = "Nanometer"
    times: Sequence[float] = ()
    groups: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)
    pieces: Sequence["TriVistaDocument"] = ()


def write_trivista(
    path: str | Path,
    documents: Sequence[TriVistaDocument],
    *,
    replaced: Mapping[str, str] | None = None,
) -> Path:
    """Write a file and return its path.

    Parameters
    ----------
    path : str or Path
        Where to write.
    documents : sequence of TriVistaDocument
        What was measured.
    replaced : mapping of str to str, optional
        Parts of the text, and what stands in their place.
    """
    text = "\ufeff<!--TriVista-File. (c) S&I GmbH, all rights reserved. -->\r\n"
    text += '<XmlMain Version="1.0.1" DateTime="06/27/2022 18:17:03">\r\n'
    text += '<Hardware Version="2"><Spectrometers Count="1"><Spectrometer Model="SP-2" />'
    text += f'</Spectrometers></Hardware><Documents Count="{len(documents)}">\r\n'
    text += "".join(_document(each) for each in documents) + "</Documents></XmlMain>\r\n"
    for old, new in (replaced or {}).items():
        text = text.replace(old, new)
    path = Path(path)
    path.write_bytes(text.encode())
    return path


def _document(document: TriVistaDocument) -> str:
    frames, rows, columns = document.frames.shape
    attributes: dict[str, Any] = {
        "DataLabel": "Counts", "RecordTime": "09/29/2016 12:51:30.867", "Encoding": "Ascii",
        "InfoSerialized": _information(document.groups), **document.attributes,
    }  # fmt: skip
    said = " ".join(f"{key}={quoteattr(value)}" for key, value in attributes.items())
    listed = "|".join(f"{value!r}" for value in map(float, document.labels))
    text = f"<Document {said}><Comments Count='0' />"
    text += f'<xDim Length="{columns}"><Calibration Unit="{document.units}" LaserWave="790.000" '
    text += f'ValueArray="{columns}|{listed}" /></xDim>\r\n'
    for name, length in (("yDim", rows), ("zDim", frames)):
        text += f'<{name} Length="{length}"><Calibration Unit="Nanometer" ValueArray="0" />'
        text += f"</{name}>\r\n"
    text += '<Data DataType="Double">\r\n'
    for number, frame in enumerate(document.frames):
        time = document.times[number] if document.times else 0
        stamp = 638019455989096241 + round(1e7 * time) if document.times else 0
        words = ";".join(f"{value:.17g}" for value in frame.ravel())
        text += f'<Frame xDim="{columns}" yDim="{rows}" TimeStamp="{stamp}">{words}</Frame>\r\n'
    pieces = "".join(_document(piece) for piece in document.pieces)
    return f'{text}</Data><Childs Count="{len(document.pieces)}">{pieces}</Childs></Document>\r\n'


def _information(further: Mapping[str, Mapping[str, str]]) -> str:
    inner = {"Model": "SP-2-750i", "Groove_Density": "750 g/mm"}
    text = '<?xml version="1.0" encoding="utf-16"?>\r\n<Info><Groups>'
    text += f"<Group><Name>Spectrometers</Name><Items /><Groups>{_group('Spectrometer', inner)}"
    text += "</Groups></Group>"
    for name, items in (*_GROUPS.items(), *further.items()):
        text += _group(name, items)
    return f"{text}</Groups></Info>"


def _group(name: str, items: Mapping[str, str]) -> str:
    listed = "".join(
        f"<Item><Name>{escape(key)}</Name><Value>{escape(value)}</Value></Item>\r\n"
        for key, value in items.items()
    )
    return f"<Group><Name>{name}</Name><Items>{listed}</Items><Groups /></Group>"
