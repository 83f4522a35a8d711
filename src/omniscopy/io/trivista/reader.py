"""Read TriVista files: spectra, series, lines and maps, and the pieces of glued spectra."""

import datetime as dt
import math
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.quantities import finite_number, stated
from omniscopy.io.records import Axis, Channel, Measurement
from omniscopy.io.spectral_axes import spectral_axis
from omniscopy.io.temperatures import kelvins
from omniscopy.io.xml_trees import parse_xml, xml_tree

_UNITS = {
    "Nanometer": ("nm", None), "Wavenumber": ("1/cm", None), "ElectronVolt": ("eV", None),
    "RelativeWavenumber": ("1/cm", "Raman shift"), "AbsoluteWavenumber": ("1/cm", None),
}  # fmt: skip
_COUNTS = {"Counts": "counts"}
_TICKS = 1e7  # of .NET, in a second
_MOST_BYTES = 1 << 26
_DEEPEST = 8


def read(path: Path, *, partial: bool = False) -> Measurement:  # noqa: ARG001 - of all readers
    """Read a file of TriVista.

    Parameters
    ----------
    path : Path
        The file.
    partial : bool
        Of no effect: XML that is cut short cannot be read.

    Returns
    -------
    Measurement
        A channel for each document: spectra along the labels of the file, for each step of a
        line (`x` or `y`) or map (y, x) of the stage, in `time` after the first frame, or
        numbered (`frame`). The pieces that a spectrum was glued from are in the group
        ``pieces``. The file does not say the unit of steps of the stage.

    Raises
    ------
    FormatError
        The file is cut short or damaged, or its frames are not as its axes say.
    UnsupportedFormatError
        Its numbers are not written as text.
    """
    path = Path(path)
    if path.stat().st_size > _MOST_BYTES:
        message = f"a file of more than {_MOST_BYTES} bytes is not read"
        raise FormatError(message, path=path)
    root = parse_xml(path.read_text("utf-8-sig", "replace"))
    documents = None if root is None else root.find("Documents")
    if root is None or documents is None or not len(documents):
        message = "the XML is damaged or cut short, or holds no documents"
        raise FormatError(message, path=path)
    channels = []
    try:
        for number, document in enumerate(documents):
            title = path.stem if len(documents) == 1 else f"{path.stem} {number + 1}"
            channels.append(_channel(document, title, ""))
            for position, piece in enumerate(document.findall("Childs/Document"), 1):
                channels.append(_channel(piece, f"{title} piece {position}", "pieces"))
    except FormatError as error:
        raise error.in_file(path) from None
    hardware = root.find("Hardware")
    original = {} if hardware is None else {"Hardware": xml_tree(hardware)}
    return Measurement(channels=channels, original_metadata=original | {"XmlMain": root.attrib})


def _channel(document: ElementTree.Element, title: str, group: str) -> Channel:
    if document.get("Encoding", "Ascii") != "Ascii":
        message = f"numbers written as {document.get('Encoding')!r} are not read"
        raise UnsupportedFormatError(message, key=title)
    columns, rows = (_labels(document, name, title) for name in ("xDim", "yDim"))
    frames = document.findall("Data/Frame")
    values = _values(frames, len(rows), len(columns), title)
    info = _information(document)
    scan = _scan(frames, info)
    axes = [_row_axis(rows), _spectral(document, columns)][len(rows) == 1 :]
    return Channel(
        title=title,
        data=values.reshape([axis.size for axis in (*scan, *axes)]),
        axes=[*scan, *axes],
        quantity="intensity",
        units=_COUNTS.get(document.get("DataLabel", "")),
        source="TriVista",
        metadata=_metadata(document, info),
        original_metadata={
            **{key: value for key, value in document.attrib.items() if key != "InfoSerialized"},
            "Info": info,
        },
        group=group,
    )


def _labels(document: ElementTree.Element, name: str, title: str) -> np.ndarray:
    """Return the labels of a dimension; where none are listed they are numbers from 0."""
    dimension = document.find(name)
    length = "" if dimension is None else dimension.get("Length", "")
    calibration = None if dimension is None else dimension.find("Calibration")
    listed = "" if calibration is None else calibration.get("ValueArray", "")
    count, _, text = listed.partition("|")
    if count not in {"", "0"}:
        values = _numbers(text, "|", f"{title}/{name}")
        if str(len(values)) != length:
            message = f"{length} labels were expected, {len(values)} were found"
            raise FormatError(message, key=f"{title}/{name}")
        return values
    if not (length.isdigit() and 0 < int(length) <= _MOST_BYTES // 2):
        message = f"a number of points was expected, {length[:20]!r} was found"
        raise FormatError(message, key=f"{title}/{name}")
    frames = document.findall("Data/Frame")
    longest = max((len(frame.text or "") for frame in frames), default=0)
    if int(length) > longest + 1:
        message = f"{length} points cannot be in frames of {longest} characters"
        raise FormatError(message, key=f"{title}/{name}")
    return np.arange(float(length))


def _values(frames: list[ElementTree.Element], rows: int, columns: int, title: str) -> np.ndarray:
    """Return the numbers of all frames, one frame a row."""
    if not frames:
        message = "there are no frames"
        raise FormatError(message, key=title)
    found = []
    for number, frame in enumerate(frames):
        values = _numbers(frame.text or "", ";", f"{title}/Frame {number}")
        if len(values) != rows * columns:
            message = f"{rows} x {columns} numbers were expected, {len(values)} were found"
            raise FormatError(message, key=f"{title}/Frame {number}")
        found.append(values)
    return np.stack(found)


def _numbers(text: str, separator: str, key: str) -> np.ndarray:
    try:
        return np.array(text.split(separator), np.float64)
    except ValueError:
        message = "what should be numbers are none; the file is damaged"
        raise FormatError(message, key=key) from None


def _row_axis(rows: np.ndarray) -> Axis:
    return Axis(name="y", size=len(rows), scale=1.0, units="px")


def _spectral(document: ElementTree.Element, labels: np.ndarray) -> Axis:
    calibration = document.find("xDim/Calibration")
    word = "" if calibration is None else calibration.get("Unit", "")
    units, quantity = _UNITS.get(word, (None, None))
    return spectral_axis(labels, units, quantity=quantity)


def _scan(frames: list[ElementTree.Element], info: dict[str, Any]) -> list[Axis]:
    """Return the axes that frames are along: steps of the stage, times, or numbers."""
    count = len(frames)
    steps = [axis for name in "yx" if (axis := _stage_axis(info, name)) is not None]
    if steps and math.prod(axis.size for axis in steps) == count:
        return [axis for axis in steps if axis.size > 1]
    if count == 1:
        return []
    # Differences of whole ticks, which numbers with a decimal point are too coarse for.
    stamps = [frame.get("TimeStamp", "") for frame in frames]
    whole = [int(stamp) if stamp.isdigit() and len(stamp) < 20 else 0 for stamp in stamps]
    seconds = np.array([(tick - whole[0]) / _TICKS for tick in whole])
    if all(whole) and (np.diff(seconds) > 0).all():
        return [Axis(name="time", size=count, values=seconds, units="s")]
    return [Axis(name="frame", size=count)]


def _stage_axis(info: dict[str, Any], name: str) -> Axis | None:
    said = info.get(f"{name.upper()}-Axis")
    said = said if isinstance(said, dict) else {}
    first, step, points = (finite_number(said.get(key) or "") for key in ("From", "Step", "Points"))
    if first is None or step is None or points is None or not 1 <= points <= _MOST_BYTES:
        return None
    return Axis(name=name, size=int(points), scale=step, offset=first)


def _information(document: ElementTree.Element) -> dict[str, Any]:
    """Return the groups of settings that a document keeps as XML in an attribute."""
    root = parse_xml(document.get("InfoSerialized", ""))
    return _groups(root, 0) if root is not None else {}


def _groups(element: ElementTree.Element, depth: int) -> dict[str, Any]:
    """Return items and groups of a group; groups of one name are joined."""
    found: dict[str, Any] = {}
    for item in element.findall("Items/Item"):
        name = (item.findtext("Name") or "").rstrip(":")
        found[name] = item.findtext("Value") or ""
    for group in element.findall("Groups/Group") if depth < _DEEPEST else ():
        name, below = group.findtext("Name") or "", _groups(group, depth + 1)
        earlier = found.get(name)
        found[name] = {**earlier, **below} if isinstance(earlier, dict) else below
    return found


def _metadata(document: ElementTree.Element, info: dict[str, Any]) -> dict[str, Any]:
    def said(*path: str) -> str:
        tree: Any = info
        for name in path:
            tree = tree.get(name) if isinstance(tree, dict) else None
        return tree if isinstance(tree, str) else ""

    exposure = finite_number(said("Detector", "Exposure_Time_(ms)"))
    calibration = document.find("xDim/Calibration")
    laser = None if calibration is None else finite_number(calibration.get("LaserWave", ""))
    return stated(
        {
            "started": _moment(document.get("RecordTime", "")),
            "instrument": {"vendor": "S&I", "model": "TriVista"},
            "laser": {"wavelength": laser or None},
            "spectrometer": {
                "model": said("Spectrometers", "Spectrometer", "Model"),
                "grating": said("Spectrometers", "Spectrometer", "Groove_Density"),
                "centre_wavelength": finite_number(said("Calibration", "Center_Wavelength")),
            },
            "detector": {
                "name": said("Detector", "Name"),
                "exposure_time": None if exposure is None else exposure / 1e3,
                "accumulations": finite_number(said("Detector", "No_of_Accumulations")),
                "temperature": kelvins(finite_number(said("Detector", "Detector_Temperature"))),
            },
            "scan": {"mode": said("Experiment", "Mode")},
        }
    )


def _moment(text: str) -> str | None:
    """Return a time that the program writes with the month first, whatever the country."""
    for form in ("%m/%d/%Y %H:%M:%S.%f", "%m/%d/%Y %H:%M:%S"):
        try:
            return dt.datetime.strptime(text, form).isoformat(timespec="milliseconds")
        except ValueError:
            continue
    return None
