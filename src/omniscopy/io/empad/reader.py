"""Read EMPAD data: frames of 128 x 128 floating-point numbers, each with two rows of notes."""

import math
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
_MOST_BYTES = 1 << 24


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
    scan = _scan(path, tree)
    whole, rest = divmod(raw.stat().st_size, _SIZE * _SIZE * 4 + _NOTES)
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


def _scan(path: Path, tree: dict[str, Any]) -> tuple[int, ...]:
    """Return rows and columns of a scan, or the number of frames of a series."""
    said = tree
    keys: tuple[str, ...] = ("count",)
    if "pix_x" in tree:
        keys = ("pix_y", "pix_x")
    elif "count" not in tree and (acquired := _acquired(tree)):
        # As the first programs of the camera wrote it.
        said, keys = acquired, ("scan_resolution_y", "scan_resolution_x")
    sizes = tuple(_number(look_up(said, key)) for key in keys)
    if any(size is None or not 1 <= size < 2**24 or size != int(size) for size in sizes):
        found = [look_up(said, key) for key in keys]
        message = f"a number of frames was expected, {found} was found"
        raise FormatError(message, path=path, key=keys[0])
    return tuple(int(size) for size in sizes if size is not None)


def _acquired(tree: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of the scan that was recorded, not of the one to search with."""
    listed = tree.get("scan_parameters", [])
    listed = listed if isinstance(listed, list) else [listed]
    settings = [each for each in listed if isinstance(each, dict) and "scan_resolution_x" in each]
    recorded = [each for each in settings if each.get("mode") == "acquire"]
    return (recorded or settings or [{}])[0]


def _scan_axes(tree: dict[str, Any], scan: tuple[int, ...]) -> list[Axis]:
    if len(scan) == 1:
        return [Axis(name="frame", size=scan[0])]
    text = look_up(tree, "iom_measurements", "optics.get_full_scan_field_of_view")
    fields = [_number(part) for part in text.strip("[] ").split(",")]
    # Width before height.
    made = []
    for name, size, field in zip("yx", scan, [*fields[::-1], None, None][:2], strict=True):
        if field is None or field <= 0:
            made.append(Axis(name=name, size=size))
        else:
            made.append(Axis(name=name, size=size, scale=field / size, units="m"))
    return made


def _detector_axis(tree: dict[str, Any], name: str) -> Axis:
    angle = _number(look_up(tree, "iom_measurements", "calibrated_diffraction_angle"))
    if angle is None or angle <= 0:
        return Axis(name=name, size=_SIZE)
    scale = angle * 1e3
    return Axis(name=name, size=_SIZE, scale=scale, offset=-_SIZE // 2 * scale, units="mrad")


def _metadata(tree: dict[str, Any]) -> dict[str, Any]:
    exposure = _number(look_up(tree, "exposure_time"))
    return stated(
        {
            "started": look_up(tree, "timestamp", "isoformat"),
            "beam": {"voltage": _number(look_up(tree, "iom_measurements", "source.get_voltage"))},
            "detector": {
                "name": "EMPAD",
                "camera_length": _number(
                    look_up(tree, "iom_measurements", "optics.get_cameralength")
                ),
                "exposure_time": None if exposure is None else exposure * 1e-3,
            },
            "scan": {
                "rotation": _number(look_up(tree, "iom_measurements", "column.get_scanrotation"))
            },
            "instrument": {"software": look_up(tree, "software_version")},
        }
    )


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
