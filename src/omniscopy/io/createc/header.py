"""The settings before the numbers: lines of `key=value`, keys with a second name after a slash."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omniscopy.io.errors import FormatError
from omniscopy.io.quantities import finite_number, stated

HEADER_BYTES = 16384
_VOLTS = 20.0  # converters span -10 V to 10 V
_ANGSTROM = 1e-10


@dataclass(frozen=True)
class Header:
    """The entries, by each of their names in lower case, and the kind of file."""

    path: Path
    kind: str
    entries: dict[str, str]

    def text(self, *keys: str) -> str:
        """Return the first entry that is there, empty where none is."""
        return next((self.entries[key] for key in keys if self.entries.get(key)), "")

    def number(self, *keys: str) -> float | None:
        """Return the first entry that is there as a finite number."""
        return finite_number(self.text(*keys).replace(",", "."))

    def count(self, *keys: str) -> int:
        """Return a number of things, or raise where it is none."""
        value = self.number(*keys)
        if value is None or value != int(value) or not 0 < value < 1 << 20:
            message = f"a number was expected, {self.text(*keys)!r} was found"
            raise FormatError(message, path=self.path, key=keys[0])
        return int(value)

    @property
    def bits(self) -> int:
        """Return the bits of the converters: 16 in old files, else what is said, mostly 20."""
        digits = "".join(filter(str.isdigit, self.text("dac-type")))[:2]
        known = 16 if self.kind == "Parameter" else 20
        return int(digits) if digits and 8 <= int(digits) <= 32 else known

    @property
    def metres_per_count(self) -> float | None:
        """Return what a count of the height is worth: volts of the converter, amplified."""
        gain = self.number("gainz")
        per_count = self.number("dacto[a]z")
        if not per_count:
            constant = self.number("zpiezoconst")
            per_count = None if constant is None else constant * _VOLTS / 2**self.bits
        if not per_count or not gain:
            return None
        return per_count * gain * _ANGSTROM

    @property
    def amperes_per_count(self) -> float | None:
        """Return what a count of the current is worth, by the amplification in V/A."""
        exponent = self.number("gainpreamp", "gainpre 10^")
        if exponent is None or not 0 < exponent < 20:
            return None
        return _VOLTS / 2**self.bits / 10**exponent

    def metadata(self) -> dict[str, Any]:
        """Return the settings that the common schema knows."""
        bias = self.number("biasvolt[mv]", "biasvolt.[mv]", "biasvoltage")
        current = self.number("current[a]")
        memo = [self.text(f"memo:{i}") for i in range(3)]
        return stated(
            {
                "technique": "STM",
                "comment": " ".join(filter(None, [*memo, self.text("memo")])),
                "title": self.text("titel"),
                "instrument": {"vendor": "Createc"},
                "scan": {
                    "rotation": self.number("rotation"),
                    "frame_time": self.number("sec/image:") or None,
                },
                "probe": {"bias": None if bias is None else bias / 1000},
                "feedback": {"setpoint": None if not current else f"{current:g} A"},
            }
        )


def parse_header(path: Path, raw: bytes) -> Header:
    """Return the settings in a text whose first line is the kind of the file in brackets."""
    lines = raw.decode("cp1252", "replace").splitlines()
    kind = lines[0].strip("[] \r") if lines else ""
    entries: dict[str, str] = {}
    for line in lines[1:]:
        keys, equals, value = line.partition("=")
        if not equals:
            continue
        for key in keys.split(" / "):
            if key.strip():
                entries.setdefault(key.strip().lower(), value.strip("\0 \t"))
    return Header(path, kind, entries)
