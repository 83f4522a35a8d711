"""Read SPIP text exports: lines of settings, then an image or a spectrum at every pixel."""

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.errors import FormatError
from omniscopy.io.quantities import dimension_of, finite_number, known_units, quantity_of, stated
from omniscopy.io.records import Axis, Channel, Measurement

_START = re.compile(rb"# File Format = ASCII\s")
_DATA = re.compile(rb"^# Start of Data:[^\n]*\n", re.MULTILINE)
_SECTION = re.compile(r"\.  ([^.].*?):\s*")
_ENTRY = re.compile(r"\.  \.  (.+?) = (.*)")
_MOST_BYTES = 1 << 30
_LONGEST_NUMBER = 40
_UNITS = {"Volt": "V", "Ampere": "A", "Second": "s", "Meter": "m", "Degree": "deg", "Hertz": "Hz"}

Sections = dict[str, dict[str, str]]


@dataclass(frozen=True)
class _Header:
    path: Path
    main: dict[str, str]
    sections: Sections
    data_offset: int

    def count(self, key: str, default: int | None = None) -> int:
        """Return a number of pixels or points."""
        text = self.main.get(key, "" if default is None else str(default))
        if not re.fullmatch(r"[1-9]\d{0,6}", text):
            message = f"a number was expected, {text!r} was found"
            raise FormatError(message, path=self.path, key=key)
        return int(text)

    def quantity(self, section: str, key: str) -> tuple[float | None, str | None]:
        """Return an entry such as `0.1 Second` as number and units."""
        number, _, units = self.sections.get(section, {}).get(key, "").partition(" ")
        return finite_number(number), known_units(_UNITS.get(units, units))


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Return the channel of the SPIP text export at `path`.

    Parameters
    ----------
    path : Path
        A file of the kind .asc.
    partial : bool
        Read a file that is cut short as far as it goes.

    Returns
    -------
    Measurement
        One channel: an image (y, x) with row 0 on top, or a spectrum at every pixel, (y, x,
        bias) or along `z`, whose first and last value are those of the ramp.

    Raises
    ------
    FormatError
        The file is cut short, or holds other things than numbers.
    """
    path = Path(path)
    header, raw = _read_header(path)
    rows, columns = header.count("y_pixels"), header.count("x_pixels")
    points = header.count("z_points", 1)
    shape = (rows, columns, points) if points > 1 else (rows, columns)
    values, missing = _values(header, raw, shape, partial=partial)
    axes = [_plane_axis(header, name, size) for name, size in (("y", rows), ("x", columns))]
    if points > 1:
        axes.append(_ramp_axis(header, points))
    named = header.main.get("value_unit") or header.main.get("z_unit") or ""
    units = known_units(_UNITS.get(named, named))
    title = "Spectroscopy" if points > 1 else "Image"
    channel = Channel(
        title=title,
        data=values,
        axes=axes,
        quantity=quantity_of("" if points > 1 else "height", units),
        units=units,
        modality="STM",
        source="SPIP",
        attrs={} if missing is None else {"incomplete": missing},
    )
    return Measurement(
        channels=[channel],
        metadata=_common_metadata(header),
        original_metadata={**header.main, **header.sections},
    )


def _read_header(path: Path) -> tuple[_Header, bytes]:
    if path.stat().st_size > _MOST_BYTES:
        message = "the text is longer than 1 GB"
        raise FormatError(message, path=path)
    raw = path.read_bytes()
    if not _START.match(raw):
        message = f"a SPIP export starts with '# File Format = ASCII', this with {raw[:24]!r}"
        raise FormatError(message, path=path, offset=0)
    start = _DATA.search(raw)
    if start is None:
        message = "there is no '# Start of Data:'; the file is cut short"
        raise FormatError(message, path=path, offset=len(raw))
    main: dict[str, str] = {}
    sections: Sections = {}
    section: dict[str, str] = {}
    for line in raw[: start.start()].decode("latin-1").splitlines():
        named, entry = _SECTION.fullmatch(line), _ENTRY.fullmatch(line.rstrip())
        if named is not None:
            section = sections.setdefault(named[1], {})
        elif entry is not None:
            section[entry[1].strip()] = entry[2].replace("--", "").strip()
        elif line.startswith("# ") and "=" in line:
            key, _, value = line[2:].partition("=")
            main[key.strip().replace("-", "_")] = value.strip()
        elif line.startswith("# "):
            main.setdefault("remarks", "")
            main["remarks"] = f"{main['remarks']}\n{line[2:]}".strip()
    return _Header(path, main, sections, start.end()), raw[start.end() :]


def _values(
    header: _Header, raw: bytes, shape: tuple[int, ...], *, partial: bool
) -> tuple[np.ndarray, dict[str, Any] | None]:
    """Return the numbers of the text, those that are missing as NaN."""
    wanted = math.prod(shape)
    words = raw.split()
    # Lines end with a tab or a break: without, the last number may have lost digits.
    is_cut = len(words) < wanted or not raw[-1:].isspace()
    if len(words) > wanted or (is_cut and not partial):
        message = f"{shape} need {wanted} whole numbers, the text has {len(words)}"
        raise FormatError(message, path=header.path, offset=header.data_offset)
    whole = words[:-1] if is_cut and not raw[-1:].isspace() else words
    try:
        if max(map(len, whole), default=0) > _LONGEST_NUMBER:
            raise ValueError
        found = np.array(whole, dtype="S").astype(np.float64)
    except ValueError:
        message = "the data hold other things than numbers"
        raise FormatError(message, path=header.path, offset=header.data_offset) from None
    if not is_cut:
        return found.reshape(shape), None
    values = np.full(wanted, np.nan)
    values[: len(found)] = found
    rows = len(found) // (wanted // shape[0])
    reason = f"the text has {len(found)} of {wanted} numbers"
    return values.reshape(shape), {"missing_from": rows, "reason": reason}


def _plane_axis(header: _Header, name: str, size: int) -> Axis:
    length = finite_number(header.main.get(f"{name}_length", ""))
    if not length or length < 0:
        return Axis(name=name, size=size)
    return Axis(name=name, size=size, scale=length / size, units="nm")


def _ramp_axis(header: _Header, size: int) -> Axis:
    """Return the values of the first device that was ramped."""
    for device in ("Device_1", "Device_2"):
        start, units = header.quantity("Spectroscopy", f"{device}_Start")
        end, _ = header.quantity("Spectroscopy", f"{device}_End")
        if start is not None and end is not None and start != end:
            name, scale = dimension_of(units, "z"), (end - start) / (size - 1)
            return Axis(
                name=name, size=size, scale=scale, offset=start, units=units, role="signal"
            )  # fmt: skip
    return Axis(name="sample", size=size)


def _common_metadata(header: _Header) -> dict[str, Any]:
    bias, _ = header.quantity("GapVoltageControl", "Voltage")
    rotation, _ = header.quantity("XYScanner", "Angle")
    return stated(
        {
            "technique": "STM",
            "comment": header.main.get("description"),
            "probe": {"bias": bias},
            "scan": {"rotation": rotation},
            "feedback": {"setpoint": header.sections.get("Regulator", {}).get("Setpoint_1")},
        }
    )
