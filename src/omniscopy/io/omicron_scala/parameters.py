"""The parameter file of a SCALA measurement: settings, and blocks of lines for each channel."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from omniscopy.io.arrays import read_start
from omniscopy.io.errors import FormatError
from omniscopy.io.quantities import finite_number

_START = re.compile(r"[;\s]+Omicron SPM Control")
_MOST_BYTES = 1 << 22
_FIELDS = {
    # what starts a block: what its lines are
    "Topographic Channel": (
        "channel", "direction", "raw from", "raw to", "from", "to", "resolution", "units", "file",
        "name",
    ),
    "Spectroscopy Channel": (
        "channel", "parameter", "direction", "raw from", "raw to", "from", "to", "resolution",
        "units", "points", "start", "end", "increment", "time", "delay", "feedback", "file",
        "name",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Parameters:
    """What a parameter file says: settings, and its channels of images and of spectra."""

    path: Path
    settings: dict[str, str]
    images: list[dict[str, str]]
    spectra: list[dict[str, str]]

    def size(self, key: str) -> int:
        """Return a number of pixels."""
        text = self.settings.get(key, "")
        if not re.fullmatch(r"[1-9]\d{0,5}", text):
            message = f"a number of pixels was expected, {text!r} was found"
            raise FormatError(message, path=self.path, key=key)
        return int(text)

    def number(self, key: str) -> float | None:
        """Return a setting as a number; of two, for either direction, the first."""
        return finite_number(self.settings.get(key, "").partition("\n")[0])

    def beside(self, name: str) -> Path | None:
        """Return the file of a name in the same folder, in whatever case, `None` without."""
        wanted = Path(name.replace("\\", "/")).name.lower()
        found = (each for each in self.path.parent.iterdir() if each.name.lower() == wanted)
        return next((each for each in sorted(found) if each.is_file()), None)


def linear(channel: Mapping[str, str]) -> tuple[float, float]:
    """Return what a count of a channel is worth, and the value of the count 0.

    Raises
    ------
    FormatError
        Its ranges are no numbers, or the range of counts is empty.
    """
    found = [finite_number(channel[key]) for key in ("raw from", "raw to", "from", "to")]
    low, high, first, last = (number if number is not None else 0.0 for number in found)
    if None in found or low == high:
        message = f"ranges of counts and values were expected, {channel} was found"
        raise FormatError(message, key=channel["file"])
    scale = (last - first) / (high - low)
    return scale, first - scale * low


def read_parameters(path: Path) -> Parameters:
    """Return what the parameter file at `path` says.

    Raises
    ------
    FormatError
        It is no such file, or ends within a channel.
    """
    text = read_start(path, _MOST_BYTES).decode("latin-1")
    if not _START.match(text):
        message = f"a parameter file names Omicron SPM Control, this starts with {text[:24]!r}"
        raise FormatError(message, path=path, offset=0)
    settings: dict[str, str] = {}
    blocks: dict[str, list[dict[str, str]]] = {key: [] for key in _FIELDS}
    key, fields, block = "", [], {}  # type: tuple[str, list[str], dict[str, str]]
    for line in text.splitlines():
        value = line.partition(";")[0]
        if not value.strip():
            continue
        if fields:
            block[fields.pop(0)] = value.strip()
        elif value[0].isspace():
            settings[key] = f"{settings.get(key, '')}\n{value.strip()}".strip()
        else:
            key, _, value = (part.strip() for part in value.partition(":"))
            if key in _FIELDS:
                fields, block = list(_FIELDS[key][1:]), {"channel": value}
                blocks[key].append(block)
            else:
                settings[key] = value
    if fields and fields != ["name"]:
        message = f"the file ends before the {fields[0]} of a channel"
        raise FormatError(message, path=path, offset=len(text))
    return Parameters(path, settings, *blocks.values())
