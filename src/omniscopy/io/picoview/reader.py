"""Read PicoView images and curves: a header in lines, then the numbers of all buffers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omniscopy.io.picoview.curves import read_curves
from omniscopy.io.picoview.header import Header, read_header
from omniscopy.io.picoview.images import read_images
from omniscopy.io.quantities import finite_number, moment_of, stated
from omniscopy.io.records import Measurement


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Return the images or the curves of the PicoView file at `path`.

    Parameters
    ----------
    path : Path
        A file of the kind .mi.
    partial : bool
        Read a file that is cut short as far as it goes.

    Returns
    -------
    Measurement
        Of images a channel (y, x) for each buffer, in its unit, with row 0 on top. Of
        spectroscopy a channel for each signal and ramp, along what was swept: of one curve, of
        points (point, ...) or of a grid (y, x, ...); shorter curves end in NaN.

    Raises
    ------
    FormatError
        The file is cut short, or its header is damaged.
    UnsupportedFormatError
        Its numbers are stored in an unknown way, or its curves are on several grids.
    """
    header = read_header(Path(path))
    read_parts = read_curves if header.is_spectroscopy else read_images
    return Measurement(
        channels=read_parts(header, partial=partial),
        metadata=_metadata(header),
        original_metadata={
            **header.entries,
            "buffers": [{**buffer.entries, **buffer.listed} for buffer in header.buffers],
        },
    )


def _metadata(header: Header) -> dict[str, Any]:
    said: Mapping[str, str] = header.entries
    sensitivity = header.number("deflectionSens")
    # Newer programs number the lock-in amplifiers, older ones have one.
    driven = next((number for number in ("1", "") if header.number(f"acDrive{number}")), None)
    places = [header.number(f"stage{letter}Position") for letter in "XY"]
    grids = header.buffers[0].listed.get("grid", [])
    angle = finite_number(grids[0][6]) if grids and len(grids[0]) > 6 else None
    return stated(
        {
            "started": _started(said.get("dateAcquired", "")),
            "comment": said.get("comment"),
            "instrument": {"vendor": "Agilent", "software": said.get("version")},
            "scan": {
                "line_rate": header.number("scanSpeed"),
                "rotation": header.number("scanAngle") if angle is None else angle,
            },
            # Stages that are not there, or not known, stand at exactly zero.
            "stage": dict(zip("xy", places, strict=True)) if any(places) else {},
            "probe": {
                "bias": header.number("bias"),
                "spring_constant": header.number("forceConstant"),
                "sensitivity": sensitivity,
                "drive_frequency": None
                if driven is None
                else header.number(f"acFrequency{driven}"),
            },
            "feedback": {"mode": said.get("mode"), "setpoint": said.get("servoSetpoint")},
        }
    )


def _started(date: str) -> str | None:
    """Return a date such as `Tue Feb 18 15:00:51 2014` in the common form."""
    return moment_of(date, "%a %b %d %H:%M:%S %Y")
