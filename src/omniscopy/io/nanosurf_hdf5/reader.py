"""Read Nanosurf Studio files: the channels of every segment of every measurement."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Flipped, Hdf5Array
from omniscopy.io.nanosurf_hdf5.arrays import Lines
from omniscopy.io.planes import plane_axis
from omniscopy.io.quantities import known_units, quantity_of, stated
from omniscopy.io.records import Axis, Channel, LazyArray, Measurement
from omniscopy.io.storage.hdf5 import linked, open_hdf5
from omniscopy.io.storage.hdf5_plain import read_attributes
from omniscopy.io.storage.hdf5_values import require_values
from omniscopy.io.surfaces import Heights

_MOST_CHILDREN = 10_000
# In version 1 and later: name and calibration of a channel, and what it is called elsewhere.
_NAMES = ("signal_name", "name")
_CALIBRATIONS = ("signal_calibration", "base_calibration")
_DIRECTIONS = ("forward", "backward")


@dataclass(frozen=True)
class _Segment:
    """A group with channels; what it does not say itself, its measurement says."""

    group: Any
    name: str
    said: Mapping[str, Any]

    def numbers(self, *keys: str) -> tuple[float, float] | None:
        """Return two numbers (lines, points): of one attribute, or of one for each."""
        values = [self.said.get(key) for key in keys]
        if len(values) == 1:
            values = list(values[0]) if isinstance(values[0], list | tuple) else []
        try:
            first, second = (float(value) for value in values if value is not None)
        except (TypeError, ValueError):
            return None
        return first, second


def read(path: Path, *, partial: bool = False) -> Measurement:  # noqa: ARG001 - HDF5 is whole or not
    """Return the channels of the Nanosurf Studio file at `path`.

    Parameters
    ----------
    path : Path
        A file of the kind .nhf, version 1 or 2.
    partial : bool
        Has no effect: the HDF5 library does not open a file that is cut short.

    Returns
    -------
    Measurement
        A channel for each quantity of each segment (forward, backward), in a group for each
        measurement where there are several: images (y, x) with row 0 on top; everything else
        along `sample`, one curve after the other.

    Raises
    ------
    FormatError
        The file is damaged, or holds no channel.
    """
    channels: list[Channel] = []
    path = Path(path)
    with open_hdf5(path) as file:
        said = read_attributes(file)
        measurements = _groups(file)
        for name, group in measurements:
            own = read_attributes(group)
            place = str(own.get("name") or name) if len(measurements) > 1 else ""
            segments = [_Segment(group, "", own)]
            for key, inner in _groups(group):
                attrs = read_attributes(inner)
                title = str(attrs.get("segment_name") or attrs.get("name") or key)
                segments.append(_Segment(inner, title, {**own, **attrs}))
            for segment in segments:
                channels += _channels(segment, place)
    return Measurement(
        channels=channels,
        metadata=stated({"technique": "AFM", "instrument": {"vendor": "Nanosurf"}}),
        original_metadata=said,
    )


def _groups(group: Any) -> list[tuple[str, Any]]:
    import h5py

    children = [(name, linked(group, name)) for name in list(group)[:_MOST_CHILDREN]]
    return [(name, child) for name, child in children if isinstance(child, h5py.Group)]


def _channels(segment: _Segment, place: str) -> list[Channel]:
    import h5py

    found = []
    for key in list(segment.group)[:_MOST_CHILDREN]:
        dataset = linked(segment.group, key)
        if not isinstance(dataset, h5py.Dataset) or dataset.dtype.kind not in "iuf":
            continue
        attrs = read_attributes(dataset)
        name = next((str(attrs[word]) for word in _NAMES if word in attrs), None)
        if name is None or not dataset.shape or dataset.ndim > 2 or 0 in dataset.shape:
            continue
        require_values(dataset)
        found.append(_channel(segment, dataset, attrs, name, place))
    return found


def _channel(
    segment: _Segment, dataset: Any, attrs: Mapping[str, Any], name: str, place: str
) -> Channel:
    values: LazyArray = _calibrated(dataset, attrs)
    size = segment.numbers("rect_axis_size") or segment.numbers(
        "image_number_of_lines", "image_points_per_line"
    )
    shape = (0, 0) if size is None else (int(size[0]), int(size[1]))
    axes = [Axis(name="sample", size=values.shape[0])]
    if min(shape) > 0 and shape[0] * shape[1] == np.prod(dataset.shape):
        image = values if len(values.shape) == 2 else Lines(values, shape[1])
        values, axes = Flipped(image, (0,)), _plane(segment, image.shape)
    elif len(values.shape) == 2:
        axes = [Axis(name="point", size=values.shape[0]), Axis(name="sample", size=values.shape[1])]
    units = known_units(_text(attrs, "signal_calibration_unit", "signal_unit", "base_unit"))
    direction = next((word for word in _DIRECTIONS if word in segment.name.lower()), None)
    return Channel(
        title=f"{name} {segment.name}".strip(),
        data=values,
        axes=axes,
        quantity=quantity_of(name, units),
        units=units,
        modality="AFM",
        source="Nanosurf",
        metadata={"scan": {"direction": direction}} if direction else {},
        original_metadata={"channel": dict(attrs), "segment": dict(segment.said)},
        group=place,
    )


def _calibrated(dataset: Any, attrs: Mapping[str, Any]) -> LazyArray:
    """Return values that span the range of their calibration, as integers span that of theirs."""
    handle = Hdf5Array.of(dataset)
    missing = float(dataset.fillvalue) if dataset.fillvalue else None
    for start in _CALIBRATIONS:
        low, high = attrs.get(f"{start}_min"), attrs.get(f"{start}_max")
        if isinstance(low, int | float) and isinstance(high, int | float):
            if handle.dtype.kind == "f":
                return Heights(handle, missing=missing)
            bits = 8 * handle.dtype.itemsize
            least = 0.0 if handle.dtype.kind == "u" else -(2.0 ** (bits - 1))
            scale = (high - low) / 2.0**bits
            return Heights(handle, scale, low - least * scale, missing=missing)
    return handle


def _plane(segment: _Segment, shape: tuple[int, ...]) -> list[Axis]:
    """Return the axes of an image around its place in the frame of the scanner, in metres."""
    lengths = segment.numbers("rect_axis_range") or segment.numbers("image_size_y", "image_size_x")
    centre = segment.numbers("scanner_offset_y", "scanner_offset_x") or (0.0, 0.0)
    lengths = lengths or (0.0, 0.0)
    return [
        plane_axis(
            name,
            size,
            middle - length / 2 if any(centre) else 0.0,
            length / size,
            "m",
            placed=any(centre),
        )
        for name, size, middle, length in zip("yx", shape, centre, lengths, strict=True)
    ]


def _text(attrs: Mapping[str, Any], *keys: str) -> str | None:
    return next((str(attrs[key]) for key in keys if attrs.get(key)), None)
