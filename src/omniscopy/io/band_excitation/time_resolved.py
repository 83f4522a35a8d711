"""Time-resolved Kelvin probe force microscopy: harmonics along time, after each step of bias."""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.errors import FormatError
from omniscopy.io.frames import FrameStream
from omniscopy.io.matlab import read_variables
from omniscopy.io.pieces import ComplexParts
from omniscopy.io.quantities import number_in, stated
from omniscopy.io.records import Axis, Channel, Measurement

_WAVE = re.compile(r".*_ch(\d+)\.dat", re.IGNORECASE)
_PARAMETERS = re.compile(r".*parm\.mat", re.IGNORECASE)
_WANTED = ("IO_rate", "IO_time", "dc_amp_vec", "num_rows", "num_cols")
# Numbers before the values of a record: its length, two of no known meaning, and its sizes.
_HEAD = 5
_FIELDS = np.array(["out-of-field", "in-field"])


def find_time_resolved(files: Sequence[Path]) -> Path | None:
    """Return the parameters among the files of a folder with such records, `None` without."""
    found = next((each for each in files if _PARAMETERS.fullmatch(each.name)), None)
    return found if any(_WAVE.fullmatch(each.name) for each in files) else None


def read_time_resolved(path: Path, files: Sequence[Path], *, partial: bool) -> Measurement:
    """Return a channel for each harmonic: two files each, of real and of imaginary parts."""
    said = read_variables(path, _WANTED)
    scan = _count(path, said, "num_rows"), _count(path, said, "num_cols")
    waves = sorted((int(match[1]), each) for each in files if (match := _WAVE.fullmatch(each.name)))
    if len(waves) % 2:
        message = f"{len(waves)} files `*_chNN.dat` are no pairs of real and imaginary parts"
        raise FormatError(message, path=path)
    bias, fields = _biases(path, said)
    channels = []
    for number in range(0, len(waves), 2):
        pair = [each for _, each in waves[number : number + 2]]
        title = f"Harmonic {number // 2 + 1}"
        channels.append(_channel(pair, title, scan, (bias, fields, said), partial=partial))
    metadata = stated(
        {
            "title": path.name[: -len("parm.mat")].rstrip("_") or path.parent.name,
            "technique": "Time-resolved Kelvin probe force microscopy",
            "instrument": {"vendor": "Oak Ridge National Laboratory"},
        }
    )
    original = {name: np.ravel(value).tolist() for name, value in said.items()
                if isinstance(value, np.ndarray) and value.size <= 4096}  # fmt: skip
    return Measurement(channels=channels, metadata=metadata, original_metadata=original)


def _channel(
    pair: Sequence[Path], title: str, scan: tuple[int, int],
    steps: tuple[np.ndarray, np.ndarray, dict[str, Any]], *, partial: bool,
) -> Channel:  # fmt: skip
    bias, fields, said = steps
    lengths = [_length(each) for each in pair]
    values, per_step = lengths[0] - _HEAD, 2 * len(bias)
    if lengths[0] != lengths[1] or values % per_step:
        message = (
            f"records of {lengths[0] - _HEAD} and {lengths[1] - _HEAD} values are not those of "
            f"{len(bias)} biases in both fields"
        )
        raise FormatError(message, path=pair[0], offset=0)
    frame = (len(bias), 2, values // per_step)
    counts = [_records(each, lengths[0], partial=partial) for each in pair]
    there, points = min(*counts, math.prod(scan)), math.prod(scan)
    parts = [
        FrameStream(str(each), 0, scan, frame, "<f4", there, before=4 * _HEAD) for each in pair
    ]
    duration = number_in(said.get("IO_time"))
    known = {"scale": duration / frame[2], "units": "s"} if duration else {}
    reason = f"{points - there} of {points} points are missing at the end"
    return Channel(
        title=title,
        data=ComplexParts(*parts),
        axes=[
            Axis(name="y", size=scan[0]),
            Axis(name="x", size=scan[1]),
            Axis(name="bias", size=len(bias), values=bias, units="V"),
            Axis(name="field", size=2, values=fields, units="1"),
            Axis(name="time", size=frame[2], role="signal", **known),  # type: ignore[arg-type]
        ],
        quantity="deflection",
        units="V",
        modality="AFM",
        source="tr-KPFM",
        attrs={"incomplete": {"missing_from": there, "reason": reason}} if there < points else {},
    )


def _biases(path: Path, said: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return the bias of each step, and which of its two parts is within the field.

    Every other number is the bias; where those between are all the same, the field is off then.
    """
    vector = said.get("dc_amp_vec")
    if not isinstance(vector, np.ndarray) or vector.dtype.kind not in "iuf" or vector.size < 2:
        message = "the biases (`dc_amp_vec`) are missing, or are no numbers"
        raise FormatError(message, path=path, key="dc_amp_vec")
    numbers = vector.ravel().astype(np.float64)
    bias, between = numbers[1::2], numbers[: 2 * (numbers.size // 2) : 2]
    known = np.all(between == between[0]) and np.any(bias != between[0])
    return bias, _FIELDS if known else np.array([0, 1])


def _length(path: Path) -> int:
    """Return the numbers of a record, as the first one says."""
    total = path.stat().st_size // 4
    start = np.fromfile(path, "<f4", min(total, _HEAD))
    if len(start) < _HEAD or not np.isfinite(start).all():
        message = "the file does not start with a record"
        raise FormatError(message, path=path, offset=0)
    if not _HEAD < start[0] <= total or start[3] * start[4] != start[0] - _HEAD:
        message = (
            f"a record of {start[0]:.0f} numbers, {start[3]:.0f} x {start[4]:.0f} of them "
            f"values, is described; {total} numbers are there"
        )
        raise FormatError(message, path=path, offset=0)
    return int(start[0])


def _records(path: Path, length: int, *, partial: bool) -> int:
    """Return how many records of one length a file has."""
    count, rest = divmod(path.stat().st_size, 4 * length)
    if rest and not partial:
        message = "the last record is cut short; partial=True reads those before it"
        raise FormatError(message, path=path, offset=4 * length * count)
    heads = np.memmap(path, "<f4", "r", 0, (count, length))[:, 0]
    wrong = np.flatnonzero(heads != length)
    if len(wrong):
        message = f"record {wrong[0]} has {heads[wrong[0]]:.0f} numbers, the first one {length}"
        raise FormatError(message, path=path, offset=4 * length * int(wrong[0]))
    return count


def _count(path: Path, said: dict[str, Any], name: str) -> int:
    value = number_in(said.get(name))
    if value is None or not 1 <= value < 2**24 or value != int(value):
        message = f"a number was expected for {name!r}, got {said.get(name, 'nothing')!r}"
        raise FormatError(message, path=path, key=name)
    return int(value)
