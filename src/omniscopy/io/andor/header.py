"""The text before the numbers of an Andor file, which holds bytes of any value among its words."""

import re
from dataclasses import dataclass, replace
from typing import Any

from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.quantities import finite_number

FIRST_LINE = b"Andor Technology Multi-Channel File"
# Words of the line of settings in their order; those with a star are a byte of any value.
_SETTINGS = (
    "version", "type", "active", "structure_version", "time", "temperature", "*head",
    "*store_type", "*data_type", "*mode", "*trigger_source", "trigger_level", "exposure_time",
    "delay", "integration_cycle_time", "integrations", "*sync", "kinetic_cycle_time",
    "pixel_readout_time", "points", "fast_track_height", "gain", "gate_delay", "gate_width",
    "gate_step", "track_height", "series_length", "*read_pattern", "*shutter_delay", "centre_row",
    "track_offset", "operation_mode", "flip_x", "flip_y", "clock", "a_clock", "mcp", "prop",
    "ioc", "frequency", "vertical_clock_amplitude", "shift_speed", "output_amplifier",
    "preamplifier_gain", "serial",
)  # fmt: skip
_GRATING = re.compile(rb"\n655\d\d (\S+) (\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\n")
_CALIBRATION = re.compile(
    rb"(?P<version>655\d\d) (.) (.) (.) (.) (.) (.) ?\n((?:(?:[-+\w.]+ ){3}[-+\w.]+ ?\n){3})"
    rb"([-+\w.]+)\s*\n([-+\w.]+)\s*\n([-+\w.]+)\s*\n",
    re.DOTALL,
)
# What step-and-scan series write into the text of users, for each frame.
_OF_FRAME = re.compile(rb"Calibration data for frame (\d+):([-+\d.eE, \t]+)")
_REACH = 1 << 16
_ONE_LINE_MORE = 65540
_MOST_TEXT = 4096
_MOST_TERMS = 8
_MOST_IMAGES = 1 << 24


@dataclass(frozen=True)
class Area:
    """A part of the sensor, in pixels from 1, the lowest row first, and its place in a frame."""

    left: int
    top: int
    right: int
    bottom: int
    vertical_bin: int
    horizontal_bin: int
    offset: int

    @property
    def shape(self) -> tuple[int, int]:
        """Return rows and columns."""
        return (
            (abs(self.top - self.bottom) + 1) // self.vertical_bin,
            (abs(self.right - self.left) + 1) // self.horizontal_bin,
        )


@dataclass(frozen=True)
class Section:
    """A measurement, a reference or a background: its settings, and where its numbers lie."""

    settings: dict[str, Any]
    calibration: dict[str, Any]
    areas: list[Area]
    frames: int
    frame_length: int
    times: list[int]
    offset: int
    frame_polynomials: tuple[tuple[float, ...], ...] = ()

    @property
    def size(self) -> int:
        """Return the bytes that the numbers take."""
        return 4 * self.frames * self.frame_length


class Text:
    """A place in the bytes of a file that moves on as words are taken."""

    def __init__(self, raw: bytes, at: int) -> None:
        self.raw = raw
        self.at = at

    def line(self) -> bytes:
        """Return the rest of the line."""
        end = self.raw.find(b"\n", self.at, self.at + _REACH)
        if end < 0:
            message = "a line of the header has no end; the file is cut short or damaged"
            raise FormatError(message, offset=self.at)
        found, self.at = self.raw[self.at : end], end + 1
        return found

    def take(self, size: int) -> bytes:
        """Return the next bytes."""
        if not 0 <= size <= len(self.raw) - self.at:
            message = f"a text of {size} bytes cannot be in a file of {len(self.raw)} bytes"
            raise FormatError(message, offset=self.at)
        found, self.at = self.raw[self.at : self.at + size], self.at + size
        return found

    def whole(self) -> int:
        """Return a line that is one number."""
        start = self.at
        words = self.line().split()
        return _whole(words[-1] if words else b"", start)

    def word(self) -> bytes:
        """Return the next word of a line, and step over the blank after it."""
        end = self.at
        while self.raw[end : end + 1] not in (b" ", b"\n", b""):
            end += 1
        found = self.raw[self.at : end]
        self.at = end + (self.raw[end : end + 1] == b" ")
        return found


def read_section(raw: bytes, at: int) -> Section:
    """Return the section whose settings start at a byte.

    Raises
    ------
    FormatError
        The text is not as it should be, or announces more than there can be.
    """
    text = Text(raw, at)
    settings = _settings(text)
    polynomials = _frame_polynomials(text.take(_user_text(text)))
    start = text.at
    found = _CALIBRATION.search(raw, start, start + _REACH)
    if found is None:
        message = "the calibration of the axes was not found; this version of the file is not read"
        raise UnsupportedFormatError(message, offset=start)
    grating = _GRATING.search(raw, start, found.start())
    if grating is not None:
        numbers = [finite_number(word.decode("latin-1")) for word in grating.groups()[:6]]
        settings |= {"grating_active": numbers[0], "centre": numbers[2], "lines": numbers[5]}
        settings["blaze"] = grating[7].decode("latin-1")
    calibration = _calibration(found)
    text.at = found.end()
    if int(found["version"]) >= _ONE_LINE_MORE:
        text.line()
    calibration["names"] = [_counted(text) for _ in range(3)]
    section = _image(text, settings, calibration)
    return replace(section, frame_polynomials=polynomials)


def _settings(text: Text) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in _SETTINGS:
        if name.startswith("*"):
            found[name[1:]] = text.take(2)[0]
        else:
            word = text.word().decode("latin-1")
            found[name] = finite_number(word)
    found["further"] = text.line().decode("latin-1").strip()
    found["head_model"] = text.line().decode("latin-1").strip()
    start = text.at
    words = text.line().split()
    if len(words) != 3:
        message = f"the size of the sensor was expected, {b' '.join(words)[:40]!r} was found"
        raise FormatError(message, offset=start)
    found["sensor"] = [_whole(word, start) for word in words[:2]]
    found["file"] = text.take(_whole(words[2], start)).decode("latin-1").strip()
    text.line()
    return found


def _user_text(text: Text) -> int:
    """Return the length of the text that users write."""
    start = text.at
    words = text.line().split()
    return _whole(words[-1] if words else b"", start)


def _frame_polynomials(text: bytes) -> tuple[tuple[float, ...], ...]:
    """Return the wavelengths of each frame as polynomials of the pixel, where they are said."""
    found = {}
    for number, words in _OF_FRAME.findall(text):
        values = [finite_number(word.decode("latin-1")) for word in words.split(b",")]
        if None in values or not 1 < len(values) <= _MOST_TERMS:
            return ()
        found[int(number)] = tuple(value for value in values if value is not None)
    ordered = [found[number] for number in sorted(found)]
    same = len({len(polynomial) for polynomial in ordered}) == 1
    return tuple(ordered) if same and sorted(found) == list(range(1, len(found) + 1)) else ()


def _calibration(found: re.Match[bytes]) -> dict[str, Any]:
    lines = [line.split() for line in found[8].decode("latin-1").strip().split("\n")]
    polynomials = [[finite_number(word) or 0.0 for word in line] for line in lines]
    names = ("x_type", "x_unit", "y_type", "y_unit", "z_type", "z_unit")
    kinds = {name: found[place][0] for place, name in enumerate(names, 2)}
    return kinds | {
        "x": polynomials[0],
        "y": polynomials[1],
        "z": polynomials[2],
        "rayleigh_wavelength": finite_number(found[9].decode("latin-1")),
        "pixel_size": [finite_number(found[place].decode("latin-1")) for place in (10, 11)],
    }


def _counted(text: Text) -> str:
    start = text.at
    size = text.whole()
    if not 0 <= size <= _MOST_TEXT:
        message = f"the name of an axis of {size} bytes is absurd"
        raise FormatError(message, offset=start)
    return text.take(size).decode("latin-1").strip()


def _image(text: Text, settings: dict[str, Any], calibration: dict[str, Any]) -> Section:
    """Return a section with the areas of its frames and the place of its numbers."""
    start = text.at
    words = [_whole(word, start) for word in text.line().split()]
    if len(words) != 9:
        message = f"nine numbers of the frames were expected, {len(words)} were found"
        raise FormatError(message, offset=start)
    frames, parts, total, length = words[5:]
    if not (0 < frames <= _MOST_IMAGES and 0 < parts <= _MOST_IMAGES and length > 0):
        message = f"{frames} frames of {parts} areas and {length} values are absurd"
        raise FormatError(message, offset=start)
    if total != frames * length or 4 * total > len(text.raw) - text.at:
        message = (
            f"{frames} frames of {length} values need {4 * frames * length} bytes, the file has "
            f"{len(text.raw) - text.at}; it is cut short or its header is damaged"
        )
        raise FormatError(message, offset=start)
    areas = [_area(text) for _ in range(parts)]
    times = [text.whole() for _ in range(frames)]
    offset = _first_number(text, frames, 4 * total)
    return Section(settings, calibration, areas, frames, length, times, offset)


def _area(text: Text) -> Area:
    start = text.at
    words = [_whole(word, start) for word in text.line().split()]
    if len(words) != 8 or words[5] < 1 or words[6] < 1:
        message = f"an area of the sensor was expected, {words} was found"
        raise FormatError(message, offset=start)
    return Area(*words[1:])


def _first_number(text: Text, frames: int, size: int) -> int:
    """Return where the numbers start: newer versions have a flag, and lines of times, before."""
    raw, at = text.raw, text.at
    places = [at]
    if raw[at : at + 2] == b"0\n":
        places.insert(0, at + 2)
    elif raw[at : at + 2] == b"1\n":
        text.at += 2
        for _ in range(frames + 1):
            places.insert(0, text.at)
            end = raw.find(b"\n", text.at, text.at + _MOST_TEXT)
            if end < 0:
                break
            text.at = end + 1
        places.insert(0, text.at)
    for place in places:
        if raw[place + size : place + size + 2] in (b"0\n", b"1\n"):
            return place
    message = "nothing that should follow the numbers was found; the file is cut short or damaged"
    raise FormatError(message, offset=at + size)


def _whole(word: bytes, at: int) -> int:
    if not re.fullmatch(rb"-?\d{1,10}", word):
        message = f"a whole number was expected, {word[:20]!r} was found"
        raise FormatError(message, offset=at)
    return int(word)
