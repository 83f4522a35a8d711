"""What is in a file, without reading data and without xarray."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omniscopy.io.names import channel_names
from omniscopy.io.reading import read_measurement
from omniscopy.io.records import Axis, Channel
from omniscopy.io.remote import Place, RemotePath, locate
from omniscopy.model.vocabulary import DIMENSIONS, kind_of, signal_type_of


def info(
    path: str | Path,
    *,
    reader: str | None = None,
    storage_options: Mapping[str, Any] | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Return what is in a file: its format and, for each channel, name, shape, units and axes.

    Parameters
    ----------
    path : str or Path
        Any file or folder that Omniscopy reads, or the URL of a Zarr store.
    reader : str, optional
        Name of the format to read it as, instead of what its content says.
    storage_options : mapping, optional
        As for `open`.
    **options
        Further options of that reader.

    Returns
    -------
    dict
        JSON-ready: `path`, `format`, `title`, `bytes`, `channels` (each with `name`, `title`,
        `shape`, `dtype`, `dims`, `quantity`, `units`, `signal_type`, `axes`) and `metadata`.

    Raises
    ------
    FormatError
        The file cannot be read; `UnsupportedFormatError` where no reader knows it.
    """
    place = locate(path, storage_options)
    form, measurement = read_measurement(place, reader=reader, **options)
    names = channel_names(measurement.channels)
    return {
        "path": str(place),
        "format": form.name,
        "title": form.title,
        "bytes": _size(place),
        "channels": [
            describe_channel(name, channel)
            for name, channel in zip(names, measurement.channels, strict=True)
        ],
        "metadata": dict(measurement.metadata),
    }


def describe_channel(name: str, channel: Channel) -> dict[str, Any]:
    """Return the form of one channel as plain values."""
    described = {
        "name": name,
        "title": channel.title,
        "shape": [axis.size for axis in channel.axes],
        "dtype": "" if channel.data is None else str(channel.data.dtype),
        "dims": [axis.name for axis in channel.axes],
        "quantity": channel.quantity,
        "units": channel.units,
        "signal_type": channel.signal_type
        or signal_type_of([axis.kind or kind_of(axis.name) for axis in channel.axes]),
        "modality": channel.modality,
        "axes": [_describe_axis(axis) for axis in channel.axes],
        "metadata": dict(channel.metadata),
    }
    if channel.variables:
        described["variables"] = sorted(channel.variables)
    if "incomplete" in channel.attrs:
        described["incomplete"] = channel.attrs["incomplete"]
    return described


def _describe_axis(axis: Axis) -> dict[str, Any]:
    known = DIMENSIONS.get(axis.name)
    described: dict[str, Any] = {
        "name": axis.name,
        "size": axis.size,
        "units": axis.units,
        "quantity": axis.quantity or (known.quantity if known else None),
    }
    if axis.values is None:
        return described | {"scale": axis.scale, "offset": axis.offset}
    ends = [axis.values[0], axis.values[-1]] if len(axis.values) else []
    plain = [end.item() if hasattr(end, "item") else end for end in ends]
    finite = [end for end in plain if not isinstance(end, float) or math.isfinite(end)]
    return described | {"ends": finite}


def _size(path: Place) -> int:
    if isinstance(path, RemotePath):
        return sum(path.listing().values())
    if path.is_dir():
        return sum(entry.stat().st_size for entry in path.rglob("*") if entry.is_file())
    return path.stat().st_size
