"""NT-MDT files made byte by byte, for tests and demonstrations."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

__all__ = [
    "MdtArray",
    "MdtAxis",
    "MdtCurves",
    "MdtScan",
    "MdtSpectra",
    "MdtText",
    "write_mdt",
]

_UNIT_CODES = {"1/cm": -10, "µm": -2, "nm": -1, "Å": 0, "nA": 1, "V": 2, "": 3, "kHz": 4, "deg": 5}
_MDA_TYPES = {
    "|i1": -1, "|u1": 1, "<i2": -2, "<u2": 2, "<i4": -4, "<u4": 4, "<i8": -8, "<u8": 8,
    "<f4": -5892, "<f8": -13320,
}  # fmt: skip
_SETTINGS = (
    '<?xml version="1.0" encoding="UTF-16"?>\r\n<FrameComment><TextComment>on mica</TextComment>'
    "<Parameters><Nova><Application>1.0.26</Application><ScanningTime>000:21:51</ScanningTime>"
    "<Technique>1</Technique><ScanDirection>Forward</ScanDirection></Nova>"
    "<Common><Probe><Stiffness>2,5</Stiffness></Probe></Common></Parameters></FrameComment>"
)


@dataclass(frozen=True)
class MdtAxis:
    """A scale: values are ``offset + step * number``, in `units`."""

    offset: float = 0.0
    step: float = 1.0
    units: str = "nm"
    name: str = ""
    comment: str = ""


@dataclass(frozen=True)
class MdtScan:
    """An image of two-byte counts, row 0 on top."""

    counts: np.ndarray
    x: MdtAxis = field(default_factory=MdtAxis)
    y: MdtAxis = field(default_factory=MdtAxis)
    z: MdtAxis = field(default_factory=lambda: MdtAxis(0.0, 0.5, "nm"))
    title: str = "Height"
    settings: str = _SETTINGS
    device: int = 1
    velocity: float = 1.0


@dataclass(frozen=True)
class MdtCurves:
    """Curves of two-byte counts, forth and back at each of some points."""

    forward: Sequence[np.ndarray]
    backward: Sequence[np.ndarray]
    places: np.ndarray
    x: MdtAxis = field(default_factory=lambda: MdtAxis(-1.0, 0.1, "V"))
    z: MdtAxis = field(default_factory=lambda: MdtAxis(0.0, 0.5, "nA"))
    title: str = "I(V)"
    settings: str = _SETTINGS


@dataclass(frozen=True)
class MdtArray:
    """Quantities on a grid, as a newer measurement keeps them; `axes` are fastest first."""

    quantities: Sequence[tuple[MdtAxis, np.ndarray]]
    axes: Sequence[MdtAxis]
    title: str = "1F:Height"
    settings: str = _SETTINGS


@dataclass(frozen=True)
class MdtSpectra:
    """Point spectra (point, pass, value) forth and back, in blocks with an index."""

    forward: np.ndarray
    backward: np.ndarray
    places: np.ndarray
    start: float = 1.0
    stop: float = -1.0
    scale: float | None = None  # of counts; None writes final numbers


@dataclass(frozen=True)
class MdtText:
    """A text with its title."""

    text: str
    title: str = "Text"


MdtFrame = MdtScan | MdtCurves | MdtArray | MdtSpectra | MdtText


def write_mdt(path: str | Path, frames: Sequence[MdtFrame], *, curve_type: int = 201) -> Path:
    """Write an NT-MDT file and return its path.

    Parameters
    ----------
    path : str or Path
        Where to write.
    frames : sequence
        What it holds.
    curve_type : int
        The type of the frames of `MdtCurves`: 201, or 1 in older files.
    """
    writers: dict[type, Any] = {
        MdtScan: lambda frame: _frame(0, *_scan(frame)),
        MdtCurves: lambda frame: _frame(curve_type, *_curves(frame)),
        MdtArray: lambda frame: _frame(106, b"", _array(frame)),
        MdtSpectra: lambda frame: _frame(190, b"", _spectra(frame)),
        MdtText: lambda frame: _frame(3, *_text(frame)),
    }
    body = b"".join(writers[type(frame)](frame) for frame in frames)
    head = b"\x01\xb0\x93\xff" + struct.pack("<I4xH19x", len(body), len(frames) - 1)
    path = Path(path)
    path.write_bytes(head + body)
    return path


def _frame(kind: int, variables: bytes, content: bytes) -> bytes:
    size = 22 + len(variables) + len(content)
    head = struct.pack("<IHBB6HH", size, kind, 7, 3, 2015, 3, 10, 15, 11, 9, len(variables))
    return head + variables + content


def _scan(scan: MdtScan) -> tuple[bytes, bytes]:
    rows, columns = scan.counts.shape
    variables = _variables(
        (scan.x, scan.y, scan.z), (columns, rows), device=scan.device, velocity=scan.velocity
    )
    content = struct.pack("<4H", 0, columns, rows, 0) + scan.counts[::-1].astype("<i2").tobytes()
    return variables, content + _words(scan.title, scan.settings)


def _curves(curves: MdtCurves) -> tuple[bytes, bytes]:
    longest = max(map(len, curves.forward))
    count = len(curves.forward)
    variables = _variables((curves.x, MdtAxis(), curves.z), (longest, 1), device=1, velocity=1.0)
    content = struct.pack("<4H", 0, longest, 1, count) + struct.pack("<iiih", 14, 16, 1, -2)
    for (x, y), forward, back in zip(curves.places, curves.forward, curves.backward, strict=True):
        content += struct.pack("<ffii", x, y, len(forward), len(back))
    for forward, back in zip(curves.forward, curves.backward, strict=True):
        content += np.concatenate([forward, back]).astype("<i2").tobytes()
    return variables, content + _words(curves.title, curves.settings)


def _variables(
    scales: Sequence[MdtAxis], size: tuple[int, int], *, device: int, velocity: float
) -> bytes:
    raw = b"".join(
        struct.pack("<ffh", axis.offset, axis.step, _UNIT_CODES[axis.units]) for axis in scales
    )
    known = struct.pack("<BBHHHfH", 0, device, *size, 0, 1.0, 6)
    known += bytes(6) + struct.pack("<fff", velocity, 0.5, -0.25)
    return raw + known + bytes(442 - len(raw) - len(known))


def _words(title: str, settings: str) -> bytes:
    raw, xml = title.encode("cp1251"), settings.encode("utf-16-le")
    return struct.pack("<I", len(raw)) + raw + struct.pack("<I", len(xml)) + xml + bytes(4)


def _text(text: MdtText) -> tuple[bytes, bytes]:
    raw = text.text.encode("cp1251")
    return struct.pack("<I6x", len(raw)), bytes(8) + raw + _words(text.title, _SETTINGS)


def _array(array: MdtArray) -> bytes:
    names = [f"f{i}" for i in range(len(array.quantities))]
    values = [each[1] for each in array.quantities]
    cells = np.empty(values[0].shape, list(zip(names, [v.dtype for v in values], strict=True)))
    for name, each in zip(names, values, strict=True):
        cells[name] = each
    title, xml = array.title.encode(), array.settings.encode("utf-16-le")
    view, spec, source, further = bytes(7), bytes(5), bytes(3), b"variables"
    form = struct.pack(
        "<QIII", cells.size, cells.dtype.itemsize, len(array.axes), len(array.quantities)
    )
    form = struct.pack("<II", 8 + len(form), len(form)) + form
    shape = values[0].shape[::-1]
    lines = [
        _calibration(axis, size - 1, -8) for axis, size in zip(array.axes, shape, strict=False)
    ]
    lines += [_calibration(axis, 0, _MDA_TYPES[each.dtype.str]) for axis, each in array.quantities]
    sizes = [len(part) for part in (title, xml, view, spec, source, further)]
    head = struct.pack("<II", 76, 0) + bytes(36) + struct.pack("<8I", *sizes, 0, cells.nbytes)
    parts = [head, title, xml, view, spec, source, form, *lines, cells.tobytes()]
    return b"".join(parts)


def _calibration(axis: MdtAxis, last: int, type_code: int) -> bytes:
    words = [text.encode() for text in (axis.name, axis.comment, axis.units.replace("µ", "u"))]
    body = struct.pack("<3I", *map(len, words))
    body += struct.pack("<Qd8xddQQiI", 0, 0.0, axis.offset, axis.step, 0, last, type_code, 0)
    return (
        struct.pack("<II", 8 + len(body) + sum(map(len, words)), len(body)) + body + b"".join(words)
    )


def _spectra(spectra: MdtSpectra) -> bytes:
    points, passes, count = spectra.forward.shape
    dtype, kind = ("<f8", "float64") if spectra.scale is None else ("<i4", "int32")
    blocks: dict[str, bytes] = {"__GUID__": bytes(16)}
    xml = '<Name name="Bias" unit="V" bias="-10" scale="0.1" index="0"/>'
    xml += f'<Name name="Iprobe" unit="nA" bias="0.5" scale="{spectra.scale or 1}" index="1"/>'
    xml += f'<Axis name="0" count="{count}" value="0" start="{spectra.start}" '
    xml += f'stop="{spectra.stop}" data="-1" index="0"/>'
    number = 0
    for point in range(points):
        numbers: tuple[list[int], list[int]] = ([], [])
        for turn in range(passes):
            for back, values in enumerate((spectra.forward, spectra.backward)):
                line = values[point, turn]
                blocks[f"data{number}.dat"] = line[:: -1 if back else 1].astype(dtype).tobytes()
                xml += f'<Data name="data{number}.dat" offset="0" count="{count}" type="{kind}" '
                xml += f'index="{number}"/><Meas name="1" data="{number}" pass="{turn}" axis0="0" '
                xml += f'inverse0="{back}" axis1="-1" index="{number}"/>'
                numbers[back].append(number)
                number += 1
        blocks[f"point{point}.dat"] = np.array(numbers, "<i4").tobytes()
        x, y = spectra.places[point]
        xml += f'<Point name="point{point}.dat" offset="0" meas="1" exec="{passes}" '
        xml += f'x="{x}" y="{y}" z="-1" unit="um" index="{point}"/>'
    blocks["index.xml"] = f'<?xml version="1.0"?><Comment><Info>{xml}</Info></Comment>'.encode()
    blocks["__xmlparams.xml"] = ("\ufeff" + _SETTINGS).encode("utf-16-le")
    sizes = [struct.pack("<II", len(name), len(raw)) for name, raw in blocks.items()]
    names = "".join(blocks).encode()
    return struct.pack("<I", len(blocks)) + b"".join(sizes) + names + b"".join(blocks.values())
