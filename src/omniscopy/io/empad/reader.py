"""Read EMPAD data: frames of 128 x 128 floating-point numbers, each with two rows of notes."""

import math
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from omniscopy.io.arrays import read_start
from omniscopy.io.errors import FormatError
from omniscopy.io.frames import FrameStream
from omniscopy.io.quantities import stated
from omniscopy.io.records import Axis, Channel, Measurement
from omniscopy.io.xml_trees import look_up, parse_xml, xml_tree

_SIZE = 128
_NOTES = 2 * _SIZE * 4
_FRAME_BYTES = _SIZE * _SIZE * 4 + _NOTES
_NAME = re.compile(r"scan_x(\d+)_y(\d+)\.raw", re.IGNORECASE)
_MOST_BYTES = 1 << 24
_CELSIUS = 273.15


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Read the data that an EMPAD description is of.

    Parameters
    ----------
    path : Path
        The description; the frames are the file that it names, beside it.
    partial : bool
        Read what is before a frame that is cut short.

    Returns
    -------
    Measurement
        One channel, (y, x, ky, kx) of a scan or (frame, ky, kx) of a series. The detector is in
        mrad from its middle, the scan in m, where the description has their calibration.

    Raises
    ------
    FormatError
        The description is damaged, or the frames are missing or too few.
    """
    path = Path(path)
    root = parse_xml(read_start(path, _MOST_BYTES).decode("utf-8", "replace"))
    tree = xml_tree(root) if root is not None else None
    if not isinstance(tree, dict) or not isinstance(tree.get("raw_file"), dict):
        message = "the description is damaged: no element 'raw_file' can be read from it"
        raise FormatError(message, path=path, key="raw_file")
    raw = _frames_beside(path, look_up(tree, "raw_file", "filename"))
    whole, rest = divmod(raw.stat().st_size, _FRAME_BYTES)
    scan = _scan(path, tree, raw.name, whole)
    count = min(whole, math.prod(scan))
    data = FrameStream(str(raw), 0, scan, (_SIZE, _SIZE), "<f4", count=count, after=_NOTES)
    if data.missing and not (count and (partial or not rest)):
        message = (
            f"{math.prod(scan)} frames are described, {count} are in {raw.name}, and {rest} bytes "
            "of the next; the file is cut short"
        )
        raise FormatError(message, path=raw, offset=raw.stat().st_size)
    reason = f"{data.missing} frames are missing at the end"
    channel = Channel(
        title=path.stem,
        data=data,
        axes=[*_scan_axes(tree, scan), _detector_axis(tree, "ky"), _detector_axis(tree, "kx")],
        quantity="intensity",
        modality="4D-STEM" if len(scan) == 2 else None,
        source="EMPAD",
        metadata=_metadata(tree),
        original_metadata=tree,
        attrs={"incomplete": {"missing_from": count, "reason": reason}} if data.missing else {},
    )
    return Measurement(channels=[channel])


def _frames_beside(path: Path, said: str) -> Path:
    """Return the file of frames; only its name counts, wherever it was when it was written."""
    name = PureWindowsPath(PurePosixPath(said).name).name
    raw = path.with_name(name) if name else path
    if not name or not raw.is_file():
        message = (
            f"the frames are in {name or 'a file without a name'!r}, which is not beside the "
            "description; keep both files together"
        )
        raise FormatError(message, path=path, key="raw_file")
    return raw


def _scan(path: Path, tree: dict[str, Any], raw: str, frames: int) -> tuple[int, ...]:
    """Return rows and columns of a scan, or the number of frames of a series.

    Later programs leave out what was recorded and describe the scan to search with and that to
    record, either of which may have been run: the name of the frames tells, or their number.
    """
    said = list(_shapes_said(tree, raw))
    sizes = [tuple(_number(text) for text in texts) for texts in said]
    shapes = [
        tuple(int(size) for size in each if size is not None)
        for each in sizes
        if all(size is not None and 1 <= size < 2**24 and size == int(size) for size in each)
    ]
    if not shapes or len(shapes[0]) != len(said[0]) or shapes[0] != sizes[0]:
        message = f"a number of frames was expected, {list(said[0])} was found"
        raise FormatError(message, path=path, key="pix_y" if len(said[0]) == 2 else "count")
    return next((shape for shape in shapes if math.prod(shape) == frames), shapes[0])


def _shapes_said(tree: dict[str, Any], raw: str) -> Iterator[tuple[str, ...]]:
    """Yield the shapes that a description names, the surest first."""
    settings = _settings(tree)
    if "pix_x" in tree:
        yield look_up(tree, "pix_y"), look_up(tree, "pix_x")
        return
    for said, key in ((tree, "count"), *((each, "series_count") for each in settings)):
        if key in said:
            yield (look_up(said, key),)
            return
    if named := _NAME.fullmatch(raw):
        yield named[2], named[1]
    scans = [each for each in settings if "scan_resolution_x" in each]
    for each in sorted(scans, key=lambda each: each.get("mode") != "acquire"):
        yield look_up(each, "scan_resolution_y"), look_up(each, "scan_resolution_x")
    yield ("",)


def _settings(tree: dict[str, Any]) -> list[dict[str, Any]]:
    listed = tree.get("scan_parameters", [])
    listed = listed if isinstance(listed, list) else [listed]
    return [each for each in listed if isinstance(each, dict)]


def _scan_axes(tree: dict[str, Any], scan: tuple[int, ...]) -> list[Axis]:
    if len(scan) == 1:
        return [Axis(name="frame", size=scan[0])]
    made = []
    for name, size, step in zip("yx", scan, _steps(tree, scan), strict=True):
        if step is None or not step > 0:
            made.append(Axis(name=name, size=size))
        else:
            made.append(Axis(name=name, size=size, scale=step, units="m"))
    return made


def _steps(tree: dict[str, Any], scan: tuple[int, ...]) -> list[float | None]:
    """Return the steps of the scan along y and x, in m."""
    field = tree.get("iom_measurements")
    field = field.get("full_scan_field_of_view") if isinstance(field, dict) else None
    if isinstance(field, dict):
        # Programs from 1.2 on give the width of the longer side, times a factor, for both.
        width, factor = _number(look_up(field, "x")), _number(look_up(field, "scale_factor"))
        return [width / factor / max(scan) if width and factor else None] * 2
    text = look_up(tree, "iom_measurements", "optics.get_full_scan_field_of_view")
    # Width before height.
    fields = [*[_number(part) for part in text.strip("[] ").split(",")][1::-1], None, None][:2]
    return [None if each is None else each / size for each, size in zip(fields, scan, strict=True)]


def _detector_axis(tree: dict[str, Any], name: str) -> Axis:
    angle = _number(look_up(tree, "iom_measurements", "calibrated_diffraction_angle"))
    if angle is None or angle <= 0:
        return Axis(name=name, size=_SIZE)
    scale = angle * 1e3
    return Axis(name=name, size=_SIZE, scale=scale, offset=-_SIZE // 2 * scale, units="mrad")


def _metadata(tree: dict[str, Any]) -> dict[str, Any]:
    exposure = _number(look_up(tree, "exposure_time"))
    celsius = _number(look_up(tree, "temperature_controller", "temperature_value"))
    length = _measured(tree, "optics.get_cameralength", "nominal_camera_length")
    return stated(
        {
            "started": look_up(tree, "timestamp", "isoformat"),
            "beam": {"voltage": _measured(tree, "source.get_voltage", "high_voltage")},
            "detector": {
                "name": "EMPAD",
                "camera_length": length,
                "exposure_time": None if exposure is None else exposure * 1e-3,
                "temperature": None if celsius is None else celsius + _CELSIUS,
            },
            "scan": {"rotation": _measured(tree, "column.get_scanrotation", "scan_rotation")},
            "instrument": {"software": look_up(tree, "software_version")},
        }
    )


def _measured(tree: dict[str, Any], *names: str) -> float | None:
    """Return what the microscope told, by the name that it has in earlier or later programs."""
    found = (_number(look_up(tree, "iom_measurements", name)) for name in names)
    return next((value for value in found if value is not None), None)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
