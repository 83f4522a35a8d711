"""Read WiRE files: single spectra, series, lines, maps, and the image of the place."""

import datetime as dt
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Mapped, require_bytes
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.quantities import stated
from omniscopy.io.records import Axis, Channel, LazyArray, Measurement
from omniscopy.io.renishaw.blocks import Block, read_blocks, read_content, read_header
from omniscopy.io.renishaw.grids import Arranged, Layout, find_layout
from omniscopy.io.renishaw.origins import Origin, read_origins, unit_of, unix_seconds
from omniscopy.io.renishaw.pictures import picture_channel
from omniscopy.io.renishaw.properties import parse_properties
from omniscopy.io.spectral_axes import spectral_axis
from omniscopy.io.temperatures import kelvins
from omniscopy.io.xml_trees import look_up

_RAMAN_SHIFT = 1
# Of a file that is cut short, where the data do not bound their number.
_MOST_SPECTRA = 1 << 24
_PARTS = {
    "WXDA": "data set", "WXDM": "measurement", "WXCS": "calibration", "WXIS": "instrument",
    "ZLDC": "zero level",
}  # fmt: skip
_SCAN_TYPES = {
    1: "static", 2: "continuous", 3: "step and repeat", 4: "filter scan", 5: "filter image",
    6: "StreamLine", 7: "StreamLine HR", 8: "point detector",
}  # fmt: skip


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Read a file of Renishaw WiRE.

    Parameters
    ----------
    path : Path
        The file.
    partial : bool
        Read a file that is cut short; spectra that are missing are NaN.

    Returns
    -------
    Measurement
        The spectra, in the order and with the labels of the file: a map (y, x), a volume
        (z, y, x), a depth series (z), a series in `time` after the start, spectra at the
        places `x` and `y` of a line or of single points (point), or one spectrum; the times
        and further settings of each are coordinates. Then the maps that WiRE calculated, and
        the white-light image (y, x, channel). Spectra that an aborted measurement has not
        collected are NaN, and it is marked as incomplete.

    Raises
    ------
    FormatError
        The file is cut short or its header is damaged.
    UnsupportedFormatError
        Each spectrum has an abscissa of its own.
    """
    path = Path(path)
    header = read_header(path)
    blocks, cut = read_blocks(path, partial=partial)
    by_name = {block.name: block for block in reversed(blocks)}
    origins = _origins(path, by_name, header)
    spectra, missing = _spectra(path, by_name, header, cut)
    area = read_content(path, by_name["WMAP"]) if "WMAP" in by_name else None
    layout = find_layout(origins, area, header["spectra"], missing["missing_from"])
    original, settings = _settings(path, blocks, header)
    main = Channel(
        title=header["title"] or "Spectra",
        data=_placed(spectra, layout),
        axes=[*layout.axes, _abscissa(path, by_name, header)],
        quantity="intensity",
        units=unit_of(header["units"]) if header["units"] != _RAMAN_SHIFT else None,
        modality="Raman" if header["laser_wavenumber"] else None,
        source="Renishaw",
        coordinates=layout.coordinates,
        attrs={"incomplete": missing} if missing["missing_from"] < header["spectra"] else {},
    )
    channels = [main]
    for number, block in enumerate(each for each in blocks if each.name == "MAP"):
        channels += _calculated(path, block, layout, header, number)
    not_read = {"not_read": cut} if cut else {}
    if "WHTL" in by_name:
        picture = picture_channel(path, by_name["WHTL"])
        channels += [picture] if picture else []
        not_read = not_read if picture else {"not_read": "the white-light image"}
    return Measurement(
        channels=channels,
        metadata=_metadata(header, settings),
        original_metadata=original,
        attrs=not_read,
    )


def _origins(path: Path, blocks: dict[str, Block], header: dict[str, Any]) -> dict[str, Origin]:
    if "ORGN" not in blocks:
        return {}
    raw = read_content(path, blocks["ORGN"])
    return read_origins(raw, header["spectra"], header["started"])


def _spectra(
    path: Path, blocks: dict[str, Block], header: dict[str, Any], cut: str | None
) -> tuple[LazyArray, dict[str, Any]]:
    """Return the spectra that were collected, one a row, and from which on there are none."""
    count, points = header["spectra"], header["points"]
    block = blocks.get("DATA")
    if cut is not None and count > _MOST_SPECTRA:
        message = f"a file that is cut short cannot have {count} spectra; its header is damaged"
        raise FormatError(message, path=path, offset=64)
    if block is None or not count or not points:
        message = f"{count} spectra of {points} points were announced, but there are no data"
        raise FormatError(message, path=path, offset=0)
    there = block.size // (4 * points)
    collected = min(header["collected"], count)
    if there < count and cut is None:
        wanted = 4 * points * count
        message = f"{count} spectra of {points} points need {wanted} bytes, there are {block.size}"
        raise FormatError(message, path=path, offset=block.offset)
    reason = cut if there < collected else f"{collected} of {count} spectra were collected"
    found = min(there, collected)
    data = Mapped(str(path), block.offset, (found, points), np.dtype("<f4"))
    return data, {"missing_from": found, "reason": reason}


def _placed(spectra: LazyArray, layout: Layout) -> LazyArray:
    """Return spectra along the axes of their layout."""
    if layout.order is not None:
        return Arranged(spectra, layout.order)
    assert isinstance(spectra, Mapped)
    shape = (*layout.shape, spectra.shape[-1])
    return Mapped(spectra.path, spectra.offset, shape, spectra.file_dtype)


def _abscissa(path: Path, blocks: dict[str, Block], header: dict[str, Any]) -> Axis:
    """Return the axis of a spectrum with the labels of the file."""
    points = header["points"]
    block = blocks.get("XLST")
    if block is None or block.size < 8:
        return Axis(name="sample", size=points)
    if block.size // 4 - 2 != points and header["x_list"] != points:
        message = f"{header['x_list']} labels for spectra of {points} points are not read"
        raise UnsupportedFormatError(message, path=path, offset=block.offset)
    require_bytes(path, block.offset + 8, 4 * points, what="the labels of a spectrum")
    raw = read_content(path, block)
    _, units = struct.unpack_from("<II", raw)
    values = np.frombuffer(raw, "<f4", points, 8).astype(np.float32)
    quantity = "Raman shift" if units == _RAMAN_SHIFT else None
    return spectral_axis(values, unit_of(units), quantity=quantity)


def _calculated(
    path: Path, block: Block, layout: Layout, header: dict[str, Any], number: int
) -> list[Channel]:
    """Return a map that WiRE calculated from the spectra, none where it is of another size."""
    raw = read_content(path, block)
    properties, start = parse_properties(raw)
    count = header["spectra"]
    offset = block.offset + start + 8
    if not layout.axes or len(raw) < start + 8 + 4 * count:
        return []
    if struct.unpack_from("<Q", raw, start) != (count,):
        return []
    data: LazyArray = Mapped(str(path), offset, layout.shape, np.dtype("<f4"))
    if layout.order is not None:
        data = Arranged(Mapped(str(path), offset, (count,), np.dtype("<f4")), layout.order)
    title = str(properties.get("Label") or f"Map {number}")
    return [
        Channel(
            title=title,
            data=data,
            axes=layout.axes,
            source="Renishaw",
            coordinates=layout.coordinates,
            original_metadata=properties,
        )
    ]


def _settings(
    path: Path, blocks: list[Block], header: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the vendor's tree, and the settings in it."""
    fields = {
        key: value.hex() if isinstance(value, bytes) else value for key, value in header.items()
    }
    settings: dict[str, Any] = {}
    tree: dict[str, Any] = {"header": fields}
    for block in blocks:
        if block.name in _PARTS:
            settings[_PARTS[block.name]] = parse_properties(read_content(path, block))[0]
        elif block.name == "TEXT":
            tree["text"] = read_content(path, block).decode("utf-8", "replace").strip("\0")
    return tree | settings, settings


def _metadata(header: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    version = ".".join(str(header[part]) for part in ("major", "minor", "patch", "build"))
    instrument = _group(settings, "instrument")
    scan = _group(settings, "measurement", "Items", "Scan")
    exposure = scan.get("Exposure Time")
    camera = _group(settings, "calibration", "CCD")
    celsius = camera.get("Temperature")
    wavenumber = header["laser_wavenumber"]
    has_laser = math.isfinite(wavenumber) and wavenumber > 0
    return stated(
        {
            "title": header["title"],
            "started": _moment(header["started"]),
            "technique": "Raman spectroscopy" if has_laser else None,
            "operator": header["user"],
            "instrument": {
                "vendor": "Renishaw",
                "model": look_up(instrument, "Instrument type"),
                "software": f"{header['application']} {version}" if header["application"] else None,
            },
            "laser": {"wavelength": 1e7 / wavenumber if has_laser else None},
            "optics": {"objective": look_up(instrument, "Microscope", "Objective")},
            "spectrometer": {"grating": look_up(instrument, "System Configuration", "Grating")},
            "detector": {
                "accumulations": scan.get("Accumulations") or header["accumulations"] or None,
                "exposure_time": exposure / 1e3 if isinstance(exposure, int) else None,
                "name": look_up(camera, "CCD"),
                "temperature": kelvins(celsius) if isinstance(celsius, int | float) else None,
            },
            "scan": {"mode": _SCAN_TYPES.get(header["scan_type"] & 0xFF)},
            "stage": _stage(instrument),
        }
    )


def _stage(instrument: dict[str, Any]) -> dict[str, float]:
    """Return where the stage stood, which is kept in µm."""
    stage = _group(instrument, "Stage")
    places = {name: stage.get(name.upper()) for name in "xyz"}
    return {
        name: value * 1e-6
        for name, value in places.items()
        if isinstance(value, float) and math.isfinite(value)
    }


def _group(tree: Any, *path: str) -> dict[str, Any]:
    """Return a group of settings, empty where there is none."""
    for name in path:
        tree = tree.get(name) if isinstance(tree, dict) else None
    return tree if isinstance(tree, dict) else {}


def _moment(ticks: int) -> str | None:
    if not ticks:
        return None
    try:
        moment = dt.datetime.fromtimestamp(unix_seconds(ticks), dt.UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return moment.isoformat(timespec="seconds")
