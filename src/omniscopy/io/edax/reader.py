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


def read(path: Path, *, partial: bool = False, rebin_energy: int = 1) -> Measurement:
    """Read a map (.spd) or a spectrum (.spc) of EDAX Genesis or TEAM.

    Parameters
    ----------
    path : Path
        The file. Energies of a map are in the .spc, its pixel size in the .ipr of the same name;
        where they are not beside it, the map has no scales.
    partial : bool
        Read a map that is cut short: spectra that are missing are 0.
    rebin_energy : int
        Channels of a map that are taken together.

    Returns
    -------
    Measurement
        A channel (y, x, energy), and the spectrum (energy,) that is beside a map or alone.
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
    scan, channels = (header["lines"], header["points"]), header["channels"]
    dtype = np.dtype(f"<u{header['count_bytes']}")
    stride, wanted = channels * dtype.itemsize, math.prod(scan)
    offset = header["data_offset"]
    there = min(max(path.stat().st_size - offset, 0) // stride, wanted)
    if min(scan) < 1 or (there < wanted and not (partial and there * 1000 > wanted)):
        message = (
            f"{scan[0]} x {scan[1]} spectra of {channels} channels need {wanted * stride} bytes, "
            f"{there * stride} are there; the file is cut short or its header is damaged"
        )
        raise FormatError(message, path=path, offset=offset)
    if channels < rebin:
        message = f"{channels} channels cannot be taken together by {rebin}"
        raise FormatError(message, path=path)
    data: LazyArray = FrameStream(str(path), offset, scan, (channels,), dtype, count=there)
    data = data if rebin == 1 else Rebinned(data, rebin)
    spectrum, fields = _beside_map(path)
    image_path = beside(path, _IMAGE_ENDINGS)
    image = {} if image_path is None else read_image_header(image_path)
    attrs = {}
    if there < wanted:
        reason = f"{wanted - there} of {wanted} spectra are missing at the end"
        attrs["incomplete"] = {"missing_from": there, "reason": reason}
    channel = Channel(
        title=path.stem,
        data=data,
        axes=[*_scan_axes(scan, image), energy_axis(channels, energies(fields), rebin)],
        quantity="intensity",
        units="counts",
        modality="EDS",
        source="EDAX",
        metadata=_metadata(fields, image),
        original_metadata=stated({"spd": header, "spc": fields, "ipr": image}),
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


def _scan_axes(scan: tuple[int, int], image: Mapping[str, Any]) -> list[Axis]:
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
    kilovolts, live = (_finite(fields.get(name)) for name in ("kilovolts", "live_time"))
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
