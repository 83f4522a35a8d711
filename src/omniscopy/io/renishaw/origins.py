"""Where and when each spectrum of a WiRE file was taken."""

import struct
from dataclasses import dataclass

import numpy as np

from omniscopy.io.records import Variable
from omniscopy.io.temperatures import ZERO_CELSIUS

_UNITS = {
    1: "1/cm", 2: "1/cm", 3: "nm", 4: "eV", 5: "µm", 6: "counts", 7: "electrons", 8: "mm", 9: "m",
    10: "K", 11: "Pa", 12: "s", 13: "ms", 14: "h", 16: "px", 19: "deg", 20: "rad",
    23: "K/min", 25: "µs",
}  # fmt: skip
_NAMES = {
    3: "x", 4: "y", 5: "z", 6: "radius", 7: "azimuth", 8: "polar_angle", 9: "temperature",
    10: "pressure", 11: "time", 13: "polarization", 14: "focus", 15: "ramp_rate",
    18: "elapsed_time", 25: "power", 27: "exposure_time",
}  # fmt: skip
_TIME = 11
_FILETIME, _CELSIUS = 24, 21
_PRIMARY = 0x80000000
_LABEL = struct.Struct("<II16s")
# 100 ns since 1601 until 1970-01-01.
_UNIX = 116_444_736_000_000_000


@dataclass(frozen=True)
class Origin:
    """One number for each spectrum; those that were varied on purpose are `primary`."""

    name: str
    label: str
    units: str | None
    values: np.ndarray
    primary: bool

    def variable(self, dims: tuple[str, ...], shape: tuple[int, ...]) -> Variable:
        """Return the numbers as a coordinate."""
        attrs = {"long_name": self.label, "units": self.units}
        attrs = {key: value for key, value in attrs.items() if value}
        return Variable(dims=dims, data=self.values.reshape(shape), attrs=attrs)


def read_origins(raw: bytes, spectra: int, started: int) -> dict[str, Origin]:
    """Return the lists of a block by their names; a list cut short ends them.

    Times are in seconds after `started`, or after the first of them where that is 0.
    """
    found: dict[str, Origin] = {}
    if len(raw) < 4:
        return found
    (count,) = struct.unpack_from("<I", raw)
    at = 4
    for _ in range(count):
        end = at + _LABEL.size + 8 * spectra
        if end > len(raw):
            break
        kind, units, label = _LABEL.unpack_from(raw, at)
        content = raw[at + _LABEL.size : end]
        at = end
        name = _NAMES.get(kind & 0xFFFF)
        if name is None or name in found:
            continue
        text = label.partition(b"\0")[0].decode("utf-8", "replace")
        unit = _UNITS.get(units)
        if units == _FILETIME:
            ticks = np.frombuffer(content, "<u8")
            first = started or (int(ticks[0]) if len(ticks) else 0)
            values, unit = (ticks.astype(np.int64) - first) / 1e7, "s"
        else:
            values = np.frombuffer(content, "<f8").astype(np.float64)
            if units == _CELSIUS:
                values, unit = values + ZERO_CELSIUS, "K"
        found[name] = Origin(name, text, unit, values, bool(kind & _PRIMARY))
    return found


def unix_seconds(ticks: int) -> float:
    """Return a count of 100 ns since 1601 as seconds since 1970."""
    return (ticks - _UNIX) / 1e7


def unit_of(code: int) -> str | None:
    """Return the unit that WiRE has a number for, `None` where it is none of the field."""
    return _UNITS.get(code)
