"""Read movies of JPK: each channel, trace and retrace, as frames along time."""

import datetime as dt
import math
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Flipped, Scaled
from omniscopy.io.errors import FormatError
from omniscopy.io.jpk.grids import Grid, find_grid, rotation
from omniscopy.io.jpk.metadata import quantity_of_channel
from omniscopy.io.jpk_hdf5.arrays import Frames
from omniscopy.io.jpk_hdf5.probe import NAME, children
from omniscopy.io.quantities import finite_number, known_units, stated
from omniscopy.io.records import Axis, Channel, LazyArray, Measurement
from omniscopy.io.storage.hdf5 import open_hdf5
from omniscopy.io.storage.hdf5_access import members
from omniscopy.io.storage.hdf5_numbers import is_array, member, numbers_of
from omniscopy.io.storage.hdf5_plain import read_attributes
from omniscopy.io.storage.hdf5_values import load

_SCALING = "net-encoder.scaling"
_THUMBNAIL, _STARTS = "thumbnail", "meta-data/start-times"
_MOST_FRAMES = 1 << 20


def read(path: Path, *, partial: bool = False) -> Measurement:  # noqa: ARG001 - HDF5 is whole or not
    """Return the channels of the movie at `path`.

    Parameters
    ----------
    path : Path
        A file of the kind .h5-jpk.
    partial : bool
        Has no effect: the HDF5 library does not open a file that is cut short.

    Returns
    -------
    Measurement
        A channel for each quantity and direction, (time, y, x), or (frame, y, x) where the file
        does not say when frames were started; in a group for each measurement where there are
        several. Row 0 is on top; `x` and `y` are in the frame of the scanner before the grid is
        turned by its angle, and `y` descends. Curves are listed under ``not_read``.

    Raises
    ------
    FormatError
        The file is damaged, contradicts itself or holds no channel.
    """
    path = Path(path)
    channels: list[Channel] = []
    skipped: list[str] = []
    first: dict[str, Any] = {}
    started: list[str] = []
    with open_hdf5(path) as file:
        measurements = list(children(file, "Measurement_"))
        for name, measurement in measurements:
            said = read_attributes(measurement)
            first = first or said
            times = _start_times(measurement)
            started += [_moment(times[0])] if len(times) else []
            place = name if len(measurements) > 1 else ""
            for _, group in children(measurement, "Channel_"):
                channels += _channels(path, said, group, times, place)
            skipped += [f"{name}/{key}" for key, _ in children(measurement, "Segment_")]
    if not channels:
        message = "the file holds no channel"
        raise FormatError(message, path=path)
    settings = _properties(first)
    return Measurement(
        channels=channels,
        metadata=stated(
            {
                "technique": "AFM",
                "started": started[0] if started else None,
                "instrument": {"vendor": "JPK"},
                "scan": {
                    "line_rate": finite_number(settings.get(".timing-settings.scanRate", "")),
                    "rotation": rotation(settings),
                    "mode": settings.get(".motion", ""),
                },
            }
        ),
        original_metadata=first,
        attrs={"not_read": ", ".join(skipped)} if skipped else {},
    )


def _channels(
    path: Path, said: dict[str, Any], group: Any, times: np.ndarray, place: str
) -> list[Channel]:
    """Return the images of a group: one, beside a small picture of it."""
    grid = find_grid(_properties(said))
    own = read_attributes(group)
    found = []
    for key, dataset in members(group):
        if key == _THUMBNAIL or not is_array(dataset, least=2) or dataset.ndim != 2:
            continue
        if grid is None or dataset.shape[0] != grid.rows * grid.columns:
            message = f"{dataset.shape[0]} pixels do not make the grid that the file states"
            raise FormatError(message, path=path, key=dataset.name)
        found.append(_channel(own, dataset, grid, times, place))
    return found


def _channel(
    own: dict[str, Any], dataset: Any, grid: Grid, times: np.ndarray, place: str
) -> Channel:
    name = str(own.get(NAME) or dataset.name.rpartition("/")[2])
    title = str(own.get("channel.fancy-name") or name)
    direction = "retrace" if str(own.get("retrace")).lower() in ("true", "1") else "trace"
    # Rows are stored from the bottom up, but not where the grid is reflected.
    data: LazyArray = Frames(numbers_of(dataset), grid.columns)
    data = data if grid.reflected else Flipped(data, (1,))
    scale, zero = (
        finite_number(str(own.get(f"{_SCALING}.{key}", ""))) for key in ("multiplier", "offset")
    )
    units = known_units(str(own.get(f"{_SCALING}.unit.unit") or ""))
    frames = dataset.shape[1]
    along = Axis(name="frame", size=frames)
    seconds = (times - times[0]) / 1000 if len(times) == frames else np.empty(0)
    if len(seconds) and (np.diff(seconds) > 0).all():
        along = Axis(name="time", size=frames, values=seconds, units="s")
    return Channel(
        title=f"{title} {direction}",
        data=Scaled(data, 1.0 if scale is None else scale, zero or 0.0),
        axes=[along, *grid.axes()],
        quantity=quantity_of_channel(name, units),
        units=units,
        modality="AFM",
        source="JPK",
        metadata={"scan": {"direction": direction}},
        original_metadata=own,
        group=place,
    )


def _start_times(measurement: Any) -> np.ndarray:
    """Return when frames were started, in milliseconds since 1970; none where it is not said."""
    dataset = member(measurement, _STARTS)
    if not is_array(dataset) or math.prod(dataset.shape) > _MOST_FRAMES:
        return np.empty(0)
    numbers_of(dataset)  # refuses what cannot be in the file
    times = np.asarray(load(dataset), np.float64).ravel()
    return times if np.isfinite(times).all() else np.empty(0)


def _moment(milliseconds: float) -> str:
    try:
        moment = dt.datetime.fromtimestamp(milliseconds / 1000, dt.UTC)
    except (ValueError, OverflowError, OSError):
        return ""
    return moment.isoformat(timespec="milliseconds")


def _properties(said: dict[str, Any]) -> dict[str, str]:
    """Return attributes as settings of the other files of JPK, whose keys have a name before."""
    return {f".{key}": _word(value) for key, value in said.items()}


def _word(value: Any) -> str:
    value = value[0] if isinstance(value, list) and len(value) == 1 else value
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return str(value)
