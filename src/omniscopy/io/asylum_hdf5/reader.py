"""Read Asylum Research's HDF5: force maps aligned where the ramp turns, and their images."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Flipped, Hdf5Array, Transposed
from omniscopy.io.asylum_hdf5.arrays import CurveMap
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.igor import asylum
from omniscopy.io.igor.note import number, parse_note
from omniscopy.io.quantities import known_units
from omniscopy.io.records import Axis, Channel, LazyArray, Measurement, Variable
from omniscopy.io.storage.hdf5 import linked, open_hdf5
from omniscopy.io.storage.hdf5_plain import read_attributes
from omniscopy.io.storage.hdf5_values import DEFLATE_RATIO, load, require_values

_MAP = "ForceMap/0"
_MOST_CHANNELS = 256


@dataclass(frozen=True)
class _Map:
    """The force map: its channels, and where each curve starts and ends."""

    path: Path
    channels: list[str]
    segments: list[str]
    ends: np.ndarray
    turn: int
    dtype: np.dtype[Any]
    settings: dict[str, Any]

    @property
    def starts(self) -> np.ndarray:
        """Return the sample at which each curve (column, row) starts, all turning at one."""
        return self.turn - self.ends[..., self.turning]

    @property
    def lengths(self) -> np.ndarray:
        """Return the points of each curve."""
        return self.ends[..., -1] + 1

    @property
    def turning(self) -> int:
        """Return the number of the segment at whose end the ramp turns."""
        return self.segments.index("Ext") if "Ext" in self.segments else 0


def read(path: Path, *, partial: bool = False) -> Measurement:  # noqa: ARG001 - HDF5 is whole or not
    """Return the channels of the Asylum Research HDF5 file at `path`.

    Parameters
    ----------
    path : Path
        A file that the converter of Asylum Research made of an .ARDF file.
    partial : bool
        Makes no difference: of a truncated HDF5 file nothing can be read.

    Returns
    -------
    Measurement
        A channel for each quantity of the force map, (y, x, time): time is 0 where the ramp
        turns, and curves that are shorter than others are NaN there. The height of the probe
        is the coordinate `z`. Images are (y, x); row 0 is on top.

    Raises
    ------
    FormatError
        The file is damaged, or its curves are not as its segments say.
    """
    path = Path(path)
    with open_hdf5(path) as file:
        attributes = read_attributes(file)
        settings, remarks = parse_note(str(attributes.get("Note", "")))
        force_map = _read_map(path, file, settings)
        channels = _map_channels(force_map)
        images = linked(file, "Image")
        names = [] if images is None else list(images)[:_MOST_CHANNELS]
        for name in names:
            dataset = linked(images, name)
            if dataset is not None and getattr(dataset, "ndim", 0) == 2:
                channels.append(_image_channel(force_map, name, dataset))
    original = {"note": settings} | ({"remarks": remarks} if remarks else {})
    return Measurement(
        channels=channels,
        metadata=asylum.common_metadata(settings),
        original_metadata=original | {"segments": force_map.segments},
    )


def _read_map(path: Path, file: Any, settings: dict[str, Any]) -> _Map:
    group = file.get(_MAP)
    dataset = None if group is None else linked(group, "Segments")
    if dataset is None or getattr(dataset, "ndim", 0) != 3 or dataset.dtype.kind not in "iuf":
        message = "there is no force map with a table of segments"
        raise UnsupportedFormatError(message, path=path, key=f"{_MAP}/Segments")
    attributes = read_attributes(group)
    channels = [str(name) for name in attributes.get("Channels") or []]
    segments = [str(name) for name in attributes.get("Segments") or []]
    ends = load(dataset)
    if not channels or not 0 < len(segments) <= ends.shape[2] or 0 in ends.shape:
        message = f"{len(segments)} segments are named, the table has the shape {ends.shape}"
        raise FormatError(message, path=path, key=f"{_MAP}/Segments")
    if ends.dtype.kind == "f" and not np.isfinite(ends).all():
        message = "the table of segments holds other things than numbers of points"
        raise FormatError(message, path=path, key=f"{_MAP}/Segments")
    # The converter has room for four segments, and 0 for those that a ramp has not.
    ends = ends[..., : len(segments)].astype(np.int64)
    dtype = _check_curves(path, group, ends, len(channels))
    turning = segments.index("Ext") if "Ext" in segments else 0
    turn = int(ends[..., turning].max())
    return _Map(path, channels, segments, ends, turn, dtype, settings)


def _check_curves(path: Path, group: Any, ends: np.ndarray, channels: int) -> np.dtype[Any]:
    """Raise unless the segments can be those of the curves in the file; return their type."""
    first = linked(group, "0:0")
    if first is None or getattr(first, "ndim", 0) != 2 or first.dtype.kind not in "iuf":
        message = "there is no curve of this name"
        raise FormatError(message, path=path, key=f"{_MAP}/0:0")
    require_values(first)
    room = path.stat().st_size * (DEFLATE_RATIO if first.chunks else 1)
    wanted = int(np.clip(ends[..., -1] + 1, 0, 2**40).sum()) * channels * first.dtype.itemsize
    ascends = (np.diff(ends, axis=2) >= 0).all() and (ends >= 0).all()
    if not ascends or wanted > room:
        message = f"the segments say that the curves have {wanted} bytes; the table is damaged"
        raise FormatError(message, path=path, key=f"{_MAP}/Segments")
    if first.shape[0] < channels or first.shape[1] != ends[0, 0, -1] + 1:
        message = (
            f"the first curve has the shape {first.shape}, its segments say "
            f"{(channels, int(ends[0, 0, -1]) + 1)}"
        )
        raise FormatError(message, path=path, key=f"{_MAP}/0:0")
    return first.dtype


def _map_channels(force_map: _Map) -> list[Channel]:
    starts, lengths = force_map.starts, force_map.lengths
    samples = int((starts + lengths).max())
    handles = [
        CurveMap(
            path=str(force_map.path),
            group=_MAP,
            channel=i,
            starts=tuple(map(tuple, starts.tolist())),
            lengths=tuple(map(tuple, lengths.tolist())),
            samples=samples,
            file_dtype=force_map.dtype,
        )
        for i in range(len(force_map.channels))
    ]
    time = _time_axis(force_map, samples)
    axes = [*_plane_axes(force_map, lengths.shape[1], lengths.shape[0]), time]
    dims = ("y", "x", time.name)
    coordinates = {}
    height = asylum.height_label(force_map.channels)
    if height is not None:
        quantity, units = asylum.describe_label(height, force_map.settings)
        attrs = {"long_name": height, "quantity": quantity, "units": units}
        data = handles[force_map.channels.index(height)]
        coordinates["z"] = Variable(dims=dims, data=data, attrs=attrs)
    points = Variable(dims=("y", "x"), data=lengths.T[::-1].copy(), attrs={"units": "1"})
    segments = {
        f"end_of_{name.lower()}": Variable(
            dims=("y", "x"),
            data=(starts + force_map.ends[..., i]).T[::-1].copy(),
            attrs={"units": "1", "long_name": f"last sample of {name}"},
        )
        for i, name in enumerate(force_map.segments)
    }
    return [
        _channel(
            force_map,
            label,
            data,
            axes=axes,
            coordinates=coordinates,
            variables={"points": points, **segments},
        )
        for label, data in zip(force_map.channels, handles, strict=True)
    ]


def _image_channel(force_map: _Map, name: str, dataset: Any) -> Channel:
    require_values(dataset)
    data = Flipped(Transposed(Hdf5Array.of(dataset), (1, 0)), (0,))
    return _channel(force_map, name, data, axes=_plane_axes(force_map, *data.shape))


def _channel(
    force_map: _Map,
    label: str,
    data: LazyArray,
    *,
    axes: list[Axis],
    coordinates: dict[str, Variable] | None = None,
    variables: dict[str, Variable] | None = None,
) -> Channel:
    quantity, units = asylum.describe_label(label.removeprefix("Map"), force_map.settings)
    direction = asylum.scan_direction(label)
    return Channel(
        title=label,
        data=data,
        axes=axes,
        coordinates=coordinates or {},
        variables=variables or {},
        quantity=quantity,
        units=known_units(units),
        modality="AFM",
        source="Asylum Research",
        metadata={"scan": {"direction": direction}} if direction else {},
    )


def _plane_axes(force_map: _Map, rows: int, columns: int) -> list[Axis]:
    """Return the axes y and x, from the top-left corner: the two scan sizes may differ."""
    sizes = [number(force_map.settings, key) for key in ("SlowScanSize", "FastScanSize")]
    axes = []
    for name, size, length in zip("yx", (rows, columns), sizes, strict=True):
        if length is None or not length > 0 or not math.isfinite(length):
            axes.append(Axis(name=name, size=size))
        else:
            axes.append(Axis(name=name, size=size, scale=length / size, units="m"))
    return axes


def _time_axis(force_map: _Map, samples: int) -> Axis:
    for key in ("ARDoIVPointsPerSec", "NumPtsPerSec"):
        rate = number(force_map.settings, key)
        if rate and rate > 0:
            offset = -force_map.turn / rate
            return Axis(
                name="time", size=samples, scale=1 / rate, offset=offset, units="s", role="signal"
            )  # fmt: skip
    return Axis(name="sample", size=samples, offset=-force_map.turn)
