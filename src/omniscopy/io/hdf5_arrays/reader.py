"""Read HDF5 files that follow no known convention: a channel for each array of numbers."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.names import slug
from omniscopy.io.numpy_files.headers import default_dims
from omniscopy.io.records import Axis, Channel, Measurement
from omniscopy.io.storage.hdf5 import open_hdf5, walk
from omniscopy.io.storage.hdf5_numbers import is_array, numbers_of, small_value
from omniscopy.io.storage.hdf5_plain import read_attributes
from omniscopy.model.units import is_unit, spell
from omniscopy.model.vocabulary import kind_of

_MOST_CHANNELS, _MOST_VALUES = 4096, 4096
_UNITS = ("units", "unit", "Units")


def read(path: Path, *, partial: bool = False, dims: Sequence[str] | None = None) -> Measurement:
    """Read the arrays of an HDF5 file that no other reader knows.

    Parameters
    ----------
    path : Path
        The file.
    partial : bool
        Leave out arrays that are damaged. Of a truncated HDF5 file nothing can be read.
    dims : sequence of str, optional
        Names of the dimensions of the arrays that have as many. The file has none: two are taken
        for the y and x of an image, others are `dim_0`, `dim_1`, ...

    Returns
    -------
    Measurement
        A channel for each dataset of numbers with dimensions, in groups called as those of the
        file. Units and places are not known, but where an attribute gives the units of values.
        Texts and single numbers are in `original_metadata`.

    Raises
    ------
    FormatError
        The file is damaged, or `dims` name a dimension twice; `UnsupportedFormatError` where
        there are no arrays of numbers.
    """
    if dims is not None and len(set(dims)) != len(dims):
        message = f"dims {list(dims)} name a dimension twice"
        raise FormatError(message, path=path)
    channels: list[Channel] = []
    left_out: list[str] = []
    described: dict[str, Any] = {}
    with open_hdf5(path) as file:
        for found in walk(file):
            if is_array(found) and len(channels) < _MOST_CHANNELS:
                try:
                    channels.append(_channel(found, dims))
                except FormatError:
                    if not partial:
                        raise
                    left_out.append(found.name)
            elif len(described) < _MOST_VALUES:
                _describe(found, described)
    if not channels:
        message = "the file holds no arrays of numbers"
        raise UnsupportedFormatError(message, path=path)
    attrs = {"not_read": left_out} if left_out else {}
    return Measurement(channels=channels, original_metadata=described, attrs=attrs)


def _channel(dataset: Any, dims: Sequence[str] | None) -> Channel:
    count = len(dataset.shape)
    names = list(dims) if dims is not None and len(dims) == count else default_dims(count)
    *groups, title = [part for part in dataset.name.split("/") if part]
    said = read_attributes(dataset)
    return Channel(
        title=title,
        data=numbers_of(dataset),
        axes=[
            Axis(name=name, size=size, kind=kind_of(name) or "parameter")
            for name, size in zip(names, dataset.shape, strict=True)
        ],
        units=_units(said),
        original_metadata=said,
        attrs={"path": dataset.name},
        group="/".join(map(slug, groups)),
    )


def _units(said: dict[str, Any]) -> str | None:
    stated = next((said[name] for name in _UNITS if isinstance(said.get(name), str)), "")
    units = spell(stated)
    return units if units and is_unit(units) else None


def _describe(found: Any, described: dict[str, Any]) -> None:
    """Add what an object says to a description by path."""
    path = found.name.strip("/")
    said = read_attributes(found)
    if said:
        described[f"{path}/attributes".strip("/")] = said
    value = small_value(found)
    if value is not None:
        described[path] = _parsed(value)


def _parsed(value: Any) -> Any:
    """Return a text that is JSON as what it says."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value
