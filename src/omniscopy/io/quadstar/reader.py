"""Read Quadstar files: mass spectra, cycle after cycle."""

import datetime as dt
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Derived
from omniscopy.io.errors import FormatError
from omniscopy.io.frames import FrameStream
from omniscopy.io.pieces import Column
from omniscopy.io.quadstar.header import BARS, Layout, Trace, read_layout, read_times
from omniscopy.io.quantities import known_units, stated
from omniscopy.io.records import Axis, Channel, Key, Measurement

_UNITS = {"cps": "counts/s"}
_OVERFLOW = 3e38


@dataclass(frozen=True)
class InRange(Derived):
    """`inner`, NaN where a value left the range of the detector."""

    def __getitem__(self, key: Key) -> np.ndarray:
        values = self.inner[key]
        return np.where(values >= _OVERFLOW, self.dtype.type(np.nan), values)


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Read mass spectra of Quadstar.

    Parameters
    ----------
    path : Path
        Analog scans (.sac) or bar graphs (.sbc).
    partial : bool
        Read a file that is cut short: cycles that are missing are NaN.

    Returns
    -------
    Measurement
        A channel for each scan of a cycle, along `time` in s after the start where there are
        several cycles, and along `mass_to_charge`, a pure number (of atomic mass units and
        charges). Values beyond the range of the detector are NaN.

    Raises
    ------
    FormatError
        The file is cut short or its header is damaged.
    UnsupportedFormatError
        It is of another kind of measurement.
    """
    path = Path(path)
    layout = read_layout(path)
    there = max(path.stat().st_size - layout.offset, 0)
    found = min(there // layout.stride, layout.cycles)
    if found < layout.cycles and not (partial and found and layout.cycles < 1 << 24):
        message = (
            f"{layout.cycles} cycles of {layout.stride} bytes were announced, the file has "
            f"{there}; it is cut short or its header is damaged; partial=True reads what there is"
        )
        raise FormatError(message, path=path, offset=layout.offset)
    reason = f"{layout.cycles - found} of {layout.cycles} cycles are missing at the end"
    missing = {"missing_from": found, "reason": reason}
    attrs = {"incomplete": missing} if found < layout.cycles else {}
    return Measurement(
        channels=[_channel(path, layout, trace, found, attrs) for trace in layout.traces],
        metadata=_metadata(layout),
        original_metadata=layout.fields,
    )


def _channel(
    path: Path, layout: Layout, trace: Trace, found: int, attrs: dict[str, Any]
) -> Channel:
    times = [_time_axis(path, layout, found)] if layout.cycles > 1 else []
    frame = (trace.points, 2) if layout.kind == BARS else (trace.points,)
    stream = FrameStream(
        str(path), layout.offset, tuple(axis.size for axis in times), frame, "<f4", count=found,
        before=trace.offset, after=layout.stride - trace.offset - 4 * math.prod(frame),
    )  # fmt: skip
    pairs = layout.kind == BARS
    masses = None
    if pairs:
        first = stream[(*(0 for _ in times), slice(None), 0)]
        with np.errstate(invalid="ignore"):  # numbers of a damaged file
            masses = first.astype(np.float64)
    units = _UNITS.get(trace.units) or known_units(trace.units)
    return Channel(
        title=trace.title or "Intensity",
        data=InRange(Column(stream, 1) if pairs else stream),
        axes=[*times, _mass_axis(trace, masses)],
        quantity="intensity",
        units=units,
        modality="mass spectrometry",
        source="Quadstar",
        original_metadata={"comment": trace.comment, "units": trace.units},
        attrs=attrs,
    )


def _time_axis(path: Path, layout: Layout, found: int) -> Axis:
    times = read_times(path, layout, found)
    if found < layout.cycles or not (np.diff(times) > 0).all():
        return Axis(name="frame", size=layout.cycles)
    return Axis(name="time", size=layout.cycles, values=times, units="s")


def _mass_axis(trace: Trace, masses: np.ndarray | None) -> Axis:
    return Axis(
        name="mass_to_charge",
        size=trace.points,
        scale=trace.masses_per_point,
        offset=trace.first_mass,
        units="1",
        quantity="mass-to-charge ratio",
        kind="spectral",
        values=masses,
    )


def _metadata(layout: Layout) -> dict[str, Any]:
    try:
        moment = dt.datetime.fromtimestamp(layout.started, dt.UTC)
        started = moment.isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError):
        started = None
    return stated(
        {
            "started": started if layout.started else None,
            "technique": "mass spectrometry",
            "operator": layout.author,
            "instrument": {"vendor": "Pfeiffer", "software": "Quadstar"},
        }
    )
