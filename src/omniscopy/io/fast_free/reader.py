"""Read the lines of an image of fast free transients: one wave each, and one file of settings."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Derived, Padded, full_key
from omniscopy.io.errors import FormatError
from omniscopy.io.fast_free.probe import find_lines, find_settings
from omniscopy.io.fast_free.settings import Settings, count_in, number_in, read_settings
from omniscopy.io.igor.reader import read_wave
from omniscopy.io.pieces import Stacked
from omniscopy.io.quantities import stated
from omniscopy.io.records import Axis, Channel, Key, LazyArray, Measurement
from omniscopy.model.units import is_unit


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Read a folder of transients, named by itself or by its settings.

    Parameters
    ----------
    path : Path
        The folder, or the file of settings (.cfg) in it; the waves (.ibw) are beside it, one
        for each line, in the order of their numbers.
    partial : bool
        Read waves that are cut short as far as they go.

    Returns
    -------
    Measurement
        One channel, the transients of each pixel: (y, x, time), or (y, x, frame, time) where
        several were taken at each. Lines that were not taken are NaN, and marked. The trigger is
        in the metadata, `stimulus.trigger`.

    Raises
    ------
    FormatError
        Settings or waves are missing, or contradict each other.
    """
    path = Path(path)
    folder = path if path.is_dir() else path.parent
    found = find_settings(folder) if path.is_dir() else path
    if found is None:
        message = "no settings of transients (a file .cfg with a trigger) are in the folder"
        raise FormatError(message, path=path)
    settings = read_settings(found)
    lines = [_line(each, partial=partial) for each in find_lines(folder)]
    if not lines:
        message = "there are settings, but no wave (.ibw) of a line beside them"
        raise FormatError(message, path=path)
    stack, missing = _stacked(found, settings, lines)
    columns = stack.shape[1]
    pixels = count_in(settings, found, "n_pixels") or columns
    each, rest = divmod(columns, pixels)
    if rest or not each:
        message = f"{columns} transients in a line are not those of {pixels} pixels"
        raise FormatError(message, path=found, key="n_pixels")
    data: LazyArray = stack if each == 1 else Folded(stack, each)
    axes = [
        _place_axis(settings, "SlowScanSize", "y", stack.shape[0]),
        _place_axis(settings, "FastScanSize", "x", pixels),
        *([] if each == 1 else [Axis(name="frame", size=each)]),
        _time_axis(settings, found, stack.shape[-1]),
    ]
    units = lines[0].units
    channel = Channel(
        title="Transients",
        data=data,
        axes=axes,
        quantity="deflection",
        units=units if units and is_unit(units) else "V",
        modality="AFM",
        source="FF-trEFM",
        metadata=_metadata(settings, folder),
        original_metadata=dict(settings),
        attrs={} if missing is None else {"incomplete": missing},
    )
    return Measurement(channels=[channel])


def _line(path: Path, *, partial: bool) -> Channel:
    channels = read_wave(path, partial=partial).channels
    if len(channels) != 1 or channels[0].data is None or len(channels[0].data.shape) != 2:
        message = "a line is a wave of two dimensions, samples and transients, without labels"
        raise FormatError(message, path=path)
    return channels[0]


def _stacked(
    path: Path, settings: Settings, lines: list[Channel]
) -> tuple[LazyArray, dict[str, Any] | None]:
    """Return all lines as one array (y, transient, time), and what is missing."""
    parts: tuple[Any, ...] = tuple(line.data for line in lines)
    shapes = sorted({part.shape for part in parts})
    if len(shapes) > 1:
        message = f"lines have different shapes, {shapes[0]} and {shapes[1]} among them"
        raise FormatError(message, path=path)
    stack = Stacked(parts)
    wanted = count_in(settings, path, "lines_per_image") or len(parts)
    cut = next((line.attrs["incomplete"] for line in lines if "incomplete" in line.attrs), None)
    if wanted <= len(parts) or wanted > 64 * len(parts) + 4096:
        return stack, cut
    reason = f"{len(parts)} of {wanted} lines were taken"
    return Padded(stack, wanted, np.float32(np.nan)), {
        "missing_from": len(parts), "reason": reason,
    }  # fmt: skip


def _place_axis(settings: Settings, name: str, dim: str, size: int) -> Axis:
    length = number_in(settings, name)
    if length is None or length <= 0:
        return Axis(name=dim, size=size)
    return Axis(name=dim, size=size, scale=length / size, units="m")


def _time_axis(settings: Settings, path: Path, size: int) -> Axis:
    rate, total = number_in(settings, "sampling_rate"), number_in(settings, "total_time")
    if rate is None and total is not None and total > 0:
        rate = size / total
    if rate is None or rate <= 0:
        message = "neither sampling_rate nor total_time is a positive number"
        raise FormatError(message, path=path, key="sampling_rate")
    return Axis(name="time", size=size, scale=1.0 / rate, units="s", role="signal")


def _metadata(settings: Settings, folder: Path) -> dict[str, Any]:
    return stated(
        {
            "title": folder.name,
            "technique": "Fast free time-resolved EFM",
            "probe": {"drive_frequency": number_in(settings, "drive_freq")},
            "stimulus": {"trigger": number_in(settings, "trigger")},
        }
    )


@dataclass(frozen=True)
class Folded(Derived):
    """`inner` (y, transient, time), of whose transients `each` that follow are of one pixel."""

    each: int

    @property
    def shape(self) -> tuple[int, ...]:  # noqa: D102
        rows, columns, samples = self.inner.shape
        return (rows, columns // self.each, self.each, samples)

    @property
    def chunks(self) -> tuple[int, ...] | None:  # noqa: D102
        return (1, *self.shape[1:])

    def __getitem__(self, key: Key) -> np.ndarray:
        y, x, frame, time = full_key(key, self.shape)
        wanted = range(self.shape[1])[x] if isinstance(x, slice) else range(x, x + 1)
        rows = y if isinstance(y, slice) else slice(y, y + 1)
        first, stop = (min(wanted), max(wanted) + 1) if wanted else (0, 0)
        taken = self.inner[(rows, slice(first * self.each, stop * self.each), time)]
        values = taken.reshape(len(taken), stop - first, self.each, *taken.shape[2:])
        values = values[:, [number - first for number in wanted]]
        kept = tuple(part if part is frame else (slice(None) if isinstance(part, slice) else 0)
                     for part in (y, x, frame))  # fmt: skip
        return np.asarray(values[kept], order="C")
