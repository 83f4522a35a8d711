"""Write exports of HORIBA LabSpec (.xml) by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np

__all__ = ["LabSpecAxis", "write_labspec"]

_SETTINGS = {
    "Acq. time (s)": (3, None), "Accumulations": (2, None), "Instrument": ("LabRAM", 42),
    "Detector": ("Symphony", 7), "Detector temperature (°C)": (-129.5, None),
    "Objective": ("x50", 50), "Grating": ("600 gr/mm", 600), "Laser (nm)": ("633 ", 632.817),
    "Spectro (nm)": (746.5, 746.5), "X (µm)": (-1250.0, -1250.0), "Y (µm)": (2000, 2000),
}  # fmt: skip
_REMARKS = {"Sample": ("test", None), "Remark": ("PL", None), "Date": ("19.08.2022 09:20", None)}


@dataclass(frozen=True)
class LabSpecAxis:
    """Positions of spectra: the kind is X, Y, XA (of a turned map), Z or Time."""

    kind: str
    values: Sequence[float]
    units: str = "µm"


def write_labspec(
    path: str | Path,
    spectra: np.ndarray,
    labels: Sequence[float],
    *,
    axes: Sequence[LabSpecAxis] = (),
    units: tuple[str, str] = ("nm", "Cnt/sec"),
    rotation: float = 0.0,
    settings: Mapping[str, tuple[Any, Any]] | None = None,
    replaced: Mapping[str, str] | None = None,
) -> Path:
    """Write an export and return its path.

    Parameters
    ----------
    path : str or Path
        Where to write.
    spectra : ndarray, shape (rows, points)
        One row for each position, the first of `axes` the fastest.
    labels : sequence of float
        Of the points.
    axes : sequence of LabSpecAxis
        Positions, the fastest first.
    units : (str, str)
        Of the labels and of the intensities, as the program writes them.
    rotation : float, rad
        Of a map.
    settings : mapping of str to (shown, number), optional
        Settings beside or in place of the usual ones.
    replaced : mapping of str to str, optional
        Parts of the text, and what stands in their place.
    """
    parts = [_group("0x0", _text("0x6D707974", "Intens") + _text("0x7C696E75", units[1]))]
    parts.append(_axis("0x1", "Spectr", labels, units[0]))
    for number, axis in enumerate(axes, 2):
        parts.append(_axis(f"0x{number}", axis.kind, axis.values, axis.units))
    tree = _text("0x6D707974", "SpIm") + _text("0x6C7469D9", "map 1")
    tree += _group("0x7A74D9D6", _group("0x7B697861", "".join(parts)))
    tree += _group("0x6C676EC6", _text("0x0", rotation) + _text("0x1", 0))
    listed = [
        _SETTINGS | dict(settings or {}),
        _REMARKS,
        {"Acquired": ("19.08.2022 09:20:51", None)},
    ]
    tree += _group("0x6C62D4D9", "".join(_settings(str(n), each) for n, each in enumerate(listed)))
    rows = "".join(
        f'<LSX_Row Format="6" Index="{number}" Size="{len(row)}">{_words(row)}</LSX_Row>'
        for number, row in enumerate(spectra)
    )
    text = '<?xml version="1.0" encoding="UTF-8"?>\n<LSX_Data>\n'
    text += f'<LSX_Tree Format="9" ID="0x69746164">{tree}</LSX_Tree>\n'
    text += f'<LSX_Matrix Format="6" ID="0x7D6CD4DB" Size="{spectra.size}">{rows}</LSX_Matrix>\n'
    text += "</LSX_Data>\n"
    for old, new in (replaced or {}).items():
        text = text.replace(old, new)
    path = Path(path)
    path.write_text(text, "utf-8")
    return path


def _settings(identity: str, listed: Mapping[str, tuple[Any, Any]]) -> str:
    parts = []
    for number, (name, (shown, value)) in enumerate(listed.items()):
        entry = _text("0x6D6D616E", name) + _text("0x7D6C61DB", shown)
        entry += _text("0x8736F70", value) if value is not None else ""
        parts.append(_group(f"0x{number}", entry))
    return _group(f"0x{identity}", "".join(parts))


def _axis(identity: str, kind: str, values: Sequence[float], units: str) -> str:
    listed = f'<LSX Format="6" ID="0x7D6CD4DB" Size="{len(values)}">\n{_words(values)}\n</LSX>'
    return _group(identity, listed + _text("0x6D707974", kind) + _text("0x7C696E75", units))


def _group(identity: str, content: str) -> str:
    return f'<LSX Format="9" ID="{identity}">{content}</LSX>\n'


def _text(identity: str, value: Any) -> str:
    return f'<LSX Format="7" ID="{identity}">{escape(str(value))}</LSX>\n'


def _words(values: Any) -> str:
    return " ".join(f"{float(value):.17g}" for value in values)
