"""Read EDS maps and spectra of EDAX Genesis and TEAM."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Mapped
from omniscopy.io.edax.headers import (
    MAP_MARK,
    beside,
    collected,
    energies,
    read_image_header,
    read_line_table,
    read_map_header,
    read_spectrum_header,
)
from omniscopy.io.errors import FormatError
from omniscopy.io.frames import FrameStream
from omniscopy.io.quantities import stated
from omniscopy.io.records import Axis, Channel, LazyArray, Measurement
from omniscopy.io.spectrum_images import Rebinned, energy_axis, require_rebin

_SPECTRUM_ENDINGS = (".spc",)
_IMAGE_ENDINGS = ("_Img.ipr", ".ipr")
_TABLE_ENDINGS = (".csv",)
_LINE_ENDING = ".lsd"


def read(path: Path, *, partial: bool = False, rebin_energy: int = 1) -> Measurement:
    """Read a map (.spd), a line (.lsd) or a spectrum (.spc) of EDAX Genesis or TEAM.

    Parameters
    ----------
    path : Path
        The file. Energies of a map or line are in the .spc, the pixel size of a map in the .ipr,
        the places of a line in the .csv of the same name; what is not beside it is not known.
    partial : bool
        Read a map that is cut short: spectra that are missing are 0.
    rebin_energy : int
        Channels of a map that are taken together.

    Returns
    -------
    Measurement
        A channel (y, x, energy) of a map or (x, energy) of a line, and the spectrum (energy,)
        that is beside it or alone.
        Energies are in keV, lengths in µm.

    Raises
    ------
    FormatError
        The file is cut short or damaged.
    """
    path = Path(path).absolute()
    require_rebin(path, rebin_energy)
    with path.open("rb") as file:
        is_map = file.read(len(MAP_MARK)) == MAP_MARK
    if not is_map:
        return Measurement(channels=[_spectrum(path)])
    return Measurement(channels=_map(path, rebin_energy, partial=partial))


def _map(path: Path, rebin: int, *, partial: bool) -> list[Channel]:
    header = read_map_header(path)
    scan: tuple[int, ...] = (header["lines"], header["points"])
    is_line = path.suffix.lower() == _LINE_ENDING
    if is_line and min(scan) > 0:
        # What was planned may be more than the spectra that were taken.
        scan = (min(math.prod(scan), header["spectra"]) or math.prod(scan),)
    channels = header["channels"]
    dtype = np.dtype(f"<u{header['count_bytes']}")
    stride, wanted = channels * dtype.itemsize, math.prod(scan)
    offset = header["data_offset"]
    there = min(max(path.stat().st_size - offset, 0) // stride, wanted)
    if min(scan) < 1 or (there < wanted and not (partial and there * 1000 > wanted)):
        message = (
            f"{' x '.join(map(str, scan))} spectra of {channels} channels need "
            f"{wanted * stride} bytes, {there * stride} are there; the file is cut short or its "
            "header is damaged"
        )
        raise FormatError(message, path=path, offset=offset)
    if channels < rebin:
        message = f"{channels} channels cannot be taken together by {rebin}"
        raise FormatError(message, path=path)
    data: LazyArray = FrameStream(str(path), offset, scan, (channels,), dtype, count=there)
    data = data if rebin == 1 else Rebinned(data, rebin)
    spectrum, fields = _beside_map(path)
    image_path = None if is_line else beside(path, _IMAGE_ENDINGS, header["file_name"])
    image = {} if image_path is None else read_image_header(image_path)
    table_path = beside(path, _TABLE_ENDINGS) if is_line else None
    table, places = ({}, None) if table_path is None else read_line_table(table_path)
    axes = [_line_axis(scan[0], places)] if is_line else _scan_axes(scan, image)
    attrs = {}
    if there < wanted:
        reason = f"{wanted - there} of {wanted} spectra are missing at the end"
        attrs["incomplete"] = {"missing_from": there, "reason": reason}
    channel = Channel(
        title=path.stem,
        data=data,
        axes=[*axes, energy_axis(channels, energies(fields), rebin)],
        quantity="intensity",
        units="counts",
        modality="EDS",
        source="EDAX",
        metadata=_metadata(fields, image),
        original_metadata=stated({"spd": header, "spc": fields, "ipr": image, "csv": table}),
        attrs=attrs,
    )
    return [channel, *spectrum]


def _beside_map(path: Path) -> tuple[list[Channel], dict[str, Any]]:
    """Return the spectrum that is beside a map, and its header, if it can be read."""
    found = beside(path, _SPECTRUM_ENDINGS)
    if found is None:
        return [], {}
    try:
        return [_spectrum(found)], read_spectrum_header(found)
    except FormatError:
        return [], {}


def _spectrum(path: Path) -> Channel:
    fields = read_spectrum_header(path)
    points, start = fields["points"], fields["data_start"]
    if points < 1 or start < 1:
        message = f"a spectrum of {points} points at byte {start} makes no sense"
        raise FormatError(message, path=path, key="points")
    return Channel(
        title=f"{path.stem} spectrum",
        data=Mapped(str(path), start, (points,), np.dtype("<i4")),
        axes=[energy_axis(points, energies(fields))],
        quantity="intensity",
        units="counts",
        modality="EDS",
        source="EDAX",
        metadata=_metadata(fields, {}),
        original_metadata=stated({"spc": fields}),
    )


def _line_axis(size: int, places: np.ndarray | None) -> Axis:
    """Return the distances along a line, where there is one for each spectrum."""
    if places is None or len(places) != size:
        return Axis(name="x", size=size)
    return Axis(name="x", size=size, units="nm", values=places)


def _scan_axes(scan: tuple[int, ...], image: Mapping[str, Any]) -> list[Axis]:
    axes = []
    for name, size in zip("yx", scan, strict=True):
        step = image.get(f"microns_{name}", 0.0)
        known = math.isfinite(step) and step > 0
        axes.append(
            Axis(name=name, size=size, scale=step, units="µm")
            if known
            else Axis(name=name, size=size)
        )
    return axes


def _metadata(fields: Mapping[str, Any], image: Mapping[str, Any]) -> dict[str, Any]:
    line, tilt = energies(fields), _finite(fields.get("tilt"))
    kilovolts, live, width = (
        _finite(fields.get(name)) for name in ("kilovolts", "live_time", "resolution")
    )
    return stated(
        {
            "technique": "EDS",
            "started": collected(fields),
            "comment": fields.get("label"),
            "instrument": {"vendor": "EDAX"},
            "beam": {
                "voltage": kilovolts * 1e3 if kilovolts and kilovolts > 0 else None,
                "magnification": float(image["magnification"])
                if image.get("magnification")
                else None,
            },
            "detector": {
                "live_time": live if live and live > 0 else None,
                "dispersion": line[0] * 1e3 if line else None,
                "energy_resolution": width if width and width > 0 else None,
                **_geometry(fields),
            },
            "stage": {"alpha": tilt},
        }
    )


def _geometry(fields: Mapping[str, Any]) -> dict[str, float | None]:
    """Return where the detector stands; what was never set is all zero."""
    elevation, azimuth = (_finite(fields.get(name)) for name in ("elevation", "azimuth"))
    if not elevation:
        return {}
    return {"elevation_angle": elevation, "azimuth_angle": azimuth}


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
