"""General mode: the record of each line of a scan, all that the digitiser took."""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.band_excitation.parameters import Parameters, number_of, size_of, text_of
from omniscopy.io.errors import FormatError
from omniscopy.io.frames import FrameStream
from omniscopy.io.matlab import read_variables
from omniscopy.io.quantities import number_in, stated
from omniscopy.io.records import Axis, Channel, Measurement, Variable

_WANTED = ("BE_wave", "FFT_BE_wave", "total_cols", "total_rows", "BE_wave_train", "AO_rate")


def read_lines(
    path: Path, groups: Parameters, files: Sequence[Path], *, partial: bool
) -> Measurement:
    """Return a channel for each digitised input of a general-mode scan or tune."""
    further: dict[str, Any] = {}
    for each in files:
        if each.suffix.lower() == ".mat":
            further |= read_variables(each, _WANTED)
    rows, columns = _sizes(path, groups, further)
    wave = further.get("BE_wave_train", further.get("BE_wave"))
    rate = number_of(groups, "IO", "rate_[Hz]") or number_in(further.get("AO_rate"))
    channels = []
    for each in files:
        number = re.fullmatch(r"bigtime_?(\d+)\.dat", each.name, re.IGNORECASE)
        if number:
            channels.append(
                _channel(each, int(number[1]), (rows, columns), wave, rate, partial=partial)
            )
    if not channels:
        message = "there are parameters, but no records (`bigtime_0N.dat`) beside them"
        raise FormatError(message, path=path)
    name = text_of(groups, "File", "file_name") or path.parent.name
    metadata = stated(
        {
            "title": name,
            "technique": "General mode",
            "probe": {
                "drive_amplitude": number_of(groups, "BE", "amplitude_[V]"),
                "drive_frequency": number_of(groups, "BE", "center_frequency_[Hz]"),
            },
        }
    )
    original = {key or "file": values for key, values in groups.items()}
    return Measurement(channels=channels, metadata=metadata, original_metadata=original)


def _sizes(path: Path, groups: Parameters, further: dict[str, Any]) -> tuple[int, int]:
    """Return rows and columns: as the second file of parameters says, else the first."""
    found = [number_in(further.get(f"total_{name}")) for name in ("rows", "cols")]
    said = [number_of(groups, "grid", f"num_{name}") for name in ("rows", "cols")]
    sizes = []
    for name, one, other in zip(("rows", "cols"), found, said, strict=True):
        value = one if one is not None else other
        if value is None or not 1 <= value < 2**24 or value != int(value):
            size_of(groups, path, "grid", f"num_{name}")
            message = f"a number of {name} was expected, got {value!r}"
            raise FormatError(message, path=path, key=f"grid/num_{name}")
        sizes.append(int(value))
    return sizes[0], sizes[1]


def _channel(
    path: Path, number: int, scan: tuple[int, int], wave: Any, rate: float | None, *, partial: bool
) -> Channel:
    """Return the records of one input, one for each point of the scan."""
    total = path.stat().st_size // 4
    driven = wave.ravel() if isinstance(wave, np.ndarray) and wave.dtype.kind in "iuf" else None
    points = total // math.prod(scan)
    if driven is not None and driven.size and total % math.prod(scan):
        points = len(driven)
    if not points or total < points:
        message = f"{path.name} has {total} samples, too few for {scan[0]} x {scan[1]} points"
        raise FormatError(message, path=path)
    count = min(total // points, math.prod(scan))
    if total % points and not (partial and count):
        message = (
            f"{path.name} has {total} samples, which are no whole number of records of {points}; "
            "it is cut short. partial=True reads what is before"
        )
        raise FormatError(message, path=path)
    missing = math.prod(scan) - count
    reason = f"{missing} records are missing at the end"
    step = {"scale": 1.0 / rate, "units": "s"} if rate else {}
    further = {}
    if driven is not None and len(driven) == points:
        attrs = {"long_name": "Excitation", "units": "V", "quantity": "excitation"}
        further["excitation"] = Variable(dims=("time",), data=driven.astype(float), attrs=attrs)
    time = Axis(name="time", size=points, role="signal", **step)  # type: ignore[arg-type]
    return Channel(
        title=f"Input {number}",
        data=FrameStream(str(path), 0, scan, (points,), "<f4", count),
        axes=[Axis(name="y", size=scan[0]), Axis(name="x", size=scan[1]), time],
        quantity="voltage",
        units="V",
        modality="AFM",
        source="General mode",
        coordinates=further,
        attrs={"incomplete": {"missing_from": count, "reason": reason}} if missing else {},
    )
